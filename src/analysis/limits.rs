//! Limits that runs are held to, alone or all together.

use rustc_hash::FxHashMap;

use crate::model::{Status, UnixNanos};
use crate::store::{Clock, SpanView, Store, Totals, TraceIx, TraceView};

/// What a run adds up to, over all its traces.
#[derive(Clone, Copy, Debug)]
pub struct RunSum {
    /// Its first trace.
    pub trace: TraceIx,
    /// Sums over the spans that were meant.
    pub totals: Totals,
    /// From its start to its end or, while it runs or waits, to now; nanoseconds.
    pub nanos: Option<i64>,
}

/// The runs with spans that `matches`, earliest first.
pub fn run_sums(store: &Store, clock: &Clock, matches: &dyn Fn(&SpanView<'_>) -> bool) -> Vec<RunSum> {
    let mut places: FxHashMap<u128, usize> = FxHashMap::default();
    let mut place_of_trace: Vec<Option<usize>> = vec![None; store.trace_count()];
    let mut sums: Vec<RunSum> = Vec::new();
    for span in store.spans().filter(|span| matches(span)) {
        let trace = span.trace();
        let place = &mut place_of_trace[trace.ix().index()];
        let at = *place.get_or_insert_with(|| {
            *places.entry(trace.run().unwrap_or(trace.id()).bits()).or_insert_with(|| {
                sums.push(RunSum { trace: trace.ix(), totals: Totals::default(), nanos: None });
                sums.len() - 1
            })
        });
        sums[at].totals.merge(&span.share());
    }
    for sum in &mut sums {
        let traces = store.trace(sum.trace).run_traces();
        sum.trace = traces.first().copied().unwrap_or(sum.trace);
        sum.nanos = extent(traces.iter().map(|trace| store.trace(*trace)), clock);
    }
    sums.sort_by_key(|sum| (store.trace(sum.trace).start(), sum.trace));
    sums
}

/// From the earliest start to the latest end, nanoseconds.
fn extent<'a>(traces: impl Iterator<Item = TraceView<'a>>, clock: &Clock) -> Option<i64> {
    let mut extent: Option<(UnixNanos, UnixNanos)> = None;
    for trace in traces {
        let (Some(start), Some(nanos)) = (trace.start(), trace.duration(clock)) else { continue };
        // A run that goes on in another trace was suspended in this one and does not wait for it any more.
        let waits = trace.status(clock) == Status::Suspended;
        let end = if waits { trace.last().unwrap_or(start) } else { start.plus(nanos) };
        let (from, to) = extent.unwrap_or((start, end));
        extent = Some((from.min(start), to.max(end)));
    }
    extent.map(|(from, to)| to.since(from).max(0))
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Nano-dollars.
    Cost,
    /// Tokens in and out.
    Tokens,
    /// Nanoseconds; always of one run.
    Duration,
    /// Spans with status error.
    Errors,
}

/// The most that is still fine.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Its name.
    pub name: &'static str,
    /// Of what.
    pub measure: Measure,
    /// How much, in the unit of the measure.
    pub most: u64,
    /// Whether each run is held to it rather than all of them together.
    pub per_run: bool,
}

/// How a limit fared; what is worse is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is kept.
    Kept,
    /// What is known keeps it, but calls have no price.
    Unknown,
    /// It is broken.
    Broken,
}

impl Verdict {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Unknown => "unknown",
            Self::Broken => "broken",
        }
    }
}

/// How one run, or all together, fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The run's first trace; `None` for all together.
    pub run: Option<TraceIx>,
    /// What it came to, in the unit of the measure.
    pub value: u64,
    /// Calls without a price, where the cost is limited.
    pub unpriced_calls: u64,
    /// Tokens of these.
    pub unpriced_tokens: u64,
    /// Whether that is fine.
    pub verdict: Verdict,
}

/// How a limit fared.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The limit.
    pub limit: Limit,
    /// The worst that was found.
    pub verdict: Verdict,
    /// Where it came nearest to the limit, or went furthest beyond; `None` when there is no run.
    pub most: Option<Finding>,
    /// Runs that do not keep it, or all together, in order.
    pub against: Vec<Finding>,
}

/// Holds runs to a limit. `allow_unpriced`: a call without a price costs nothing.
pub fn judge(limit: Limit, runs: &[RunSum], allow_unpriced: bool) -> Judged {
    let finding = |run: Option<TraceIx>, totals: &Totals, nanos: Option<i64>| {
        let (mut unpriced_calls, mut unpriced_tokens) = (0, 0);
        let value = match limit.measure {
            Measure::Cost => {
                (unpriced_calls, unpriced_tokens) = (totals.unpriced_calls, totals.unpriced_tokens);
                totals.cost.0.max(0) as u64
            }
            Measure::Tokens => totals.tokens.total(),
            Measure::Duration => nanos?.max(0) as u64,
            Measure::Errors => totals.errors,
        };
        let verdict = match () {
            () if value > limit.most => Verdict::Broken,
            () if unpriced_calls > 0 && !allow_unpriced => Verdict::Unknown,
            () => Verdict::Kept,
        };
        Some(Finding { run, value, unpriced_calls, unpriced_tokens, verdict })
    };
    let findings: Vec<Finding> = if limit.per_run || limit.measure == Measure::Duration {
        runs.iter().filter_map(|sum| finding(Some(sum.trace), &sum.totals, sum.nanos)).collect()
    } else {
        let mut all = Totals::default();
        for sum in runs {
            all.merge(&sum.totals);
        }
        finding(None, &all, None).into_iter().collect()
    };
    let most = findings.iter().copied().max_by_key(|finding| (finding.verdict, finding.value));
    Judged {
        limit,
        verdict: most.map_or(Verdict::Kept, |most| most.verdict),
        most,
        against: findings.into_iter().filter(|finding| finding.verdict != Verdict::Kept).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::Measure::{Cost, Duration, Errors, Tokens};
    use super::*;
    use crate::model::{Batch, NANOS_PER_SEC, NanoUsd, SourceId, SpanKind, SpanUpdate, Stamp, Timed, Usage};
    use crate::store::Arrival;

    const T0: UnixNanos = UnixNanos(1_800_000_000 * NANOS_PER_SEC);

    /// Runs of one call each: the trace, its run, when it began and ended in seconds, its cost if known.
    fn store(calls: &[(&str, &str, i64, i64, Option<i64>)]) -> Store {
        let mut batch = Batch::default();
        for (at, (trace, run, from, to, cost)) in calls.iter().enumerate() {
            let id = batch.id(trace).expect("an id");
            let mut update = SpanUpdate::new(id, id, Stamp(at as u64));
            update.run = batch.id(run);
            update.start = Some(Timed::written(T0.plus(from * NANOS_PER_SEC)));
            update.end = Some(Timed::written(T0.plus(to * NANOS_PER_SEC)));
            (update.kind, update.status) = (Some(SpanKind::Llm), Some(Status::Ok));
            update.usage = Some(Usage { input: Some(100), ..Usage::default() });
            update.cost = cost.map(NanoUsd);
            batch.push(update);
        }
        let mut store = Store::new();
        store.apply(SourceId(0), &batch, Arrival { at: T0, live: false });
        store
    }

    fn limit(measure: Measure, most: u64, per_run: bool) -> Limit {
        Limit { name: "limit", measure, most, per_run }
    }

    #[test]
    fn the_traces_of_a_resumed_run_are_one_run() {
        let store = store(&[
            ("later", "run", 100, 110, Some(2)),
            ("first", "run", 0, 5, Some(1)),
            ("other", "", 50, 57, Some(4)),
        ]);
        let runs = run_sums(&store, &Clock::at(T0), &|_| true);
        let sums: Vec<_> = runs.iter().map(|run| (run.totals.cost.0, run.nanos)).collect();
        assert_eq!(sums, [(3, Some(110 * NANOS_PER_SEC)), (4, Some(7 * NANOS_PER_SEC))]);
        assert_eq!(store.trace(runs[0].trace).id_text(), "first");
        let only = |span: &SpanView<'_>| span.trace().id_text() == "other";
        assert_eq!(run_sums(&store, &Clock::at(T0), &only).len(), 1);
    }

    #[test]
    fn a_limit_is_the_most_that_is_fine() {
        let store = store(&[("a", "", 0, 5, Some(30)), ("b", "", 0, 9, Some(70))]);
        let runs = run_sums(&store, &Clock::at(T0), &|_| true);
        let verdict = |limit| judge(limit, &runs, false).verdict;
        let second = NANOS_PER_SEC as u64;
        for (measure, per_run, most) in [
            (Cost, false, 100),
            (Cost, true, 70),
            (Tokens, false, 200),
            (Tokens, true, 100),
            (Duration, false, 9 * second),
            (Duration, true, 9 * second),
        ] {
            assert_eq!(verdict(limit(measure, most, per_run)), Verdict::Kept, "{measure:?} {per_run}");
            assert_eq!(verdict(limit(measure, most - 1, per_run)), Verdict::Broken, "{measure:?} {per_run}");
        }
        assert_eq!(verdict(limit(Errors, 0, false)), Verdict::Kept);
        let judged = judge(limit(Cost, 50, true), &runs, false);
        assert_eq!(judged.against.len(), 1);
        assert_eq!(judged.most, Some(judged.against[0]));
    }

    #[test]
    fn what_has_no_price_can_not_be_judged_unless_it_is_broken_anyway() {
        let store = store(&[("a", "", 0, 5, Some(30)), ("b", "", 0, 9, None)]);
        let runs = run_sums(&store, &Clock::at(T0), &|_| true);
        let verdict = |most, allow| judge(limit(Measure::Cost, most, false), &runs, allow).verdict;
        assert_eq!(verdict(30, false), Verdict::Unknown);
        assert_eq!(verdict(30, true), Verdict::Kept);
        assert_eq!(verdict(29, false), Verdict::Broken);
        assert_eq!(judge(limit(Measure::Tokens, 200, false), &runs, false).verdict, Verdict::Kept);
        let judged = judge(limit(Measure::Cost, 30, true), &runs, false);
        assert_eq!((judged.verdict, judged.against.len()), (Verdict::Unknown, 1));
        assert_eq!(judged.against[0].unpriced_tokens, 100);
    }

    #[test]
    fn nothing_breaks_no_limit() {
        let runs = run_sums(&Store::new(), &Clock::at(T0), &|_| true);
        assert_eq!(judge(limit(Measure::Cost, 0, false), &runs, false).verdict, Verdict::Kept);
        assert_eq!(judge(limit(Measure::Duration, 0, true), &runs, false).most, None);
    }
}
