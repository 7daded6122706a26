//! What is spent per minute right now.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::model::{NANOS_PER_SEC, NanoUsd};
use crate::store::{Clock, SourceFacts, Store, TraceIx, TraceView};

/// The stretch the rate is taken over, nanoseconds.
const WINDOW: i64 = 60 * NANOS_PER_SEC;
/// Newest spans of a run that are looked at.
const NEWEST: usize = 4_096;

/// What calls cost that ended within the last minute, on the clock of their run, in sources that are being written. A
/// call counts when it ends.
///
/// Kept per run, so that only runs that changed are looked at again.
#[derive(Debug, Default)]
pub(super) struct Spending {
    runs: FxHashMap<TraceIx, Spent>,
    /// The same runs in the order in which they came.
    order: VecDeque<TraceIx>,
}

#[derive(Debug, Default)]
struct Spent {
    /// The state of the run that was looked at.
    generation: u64,
    /// The seconds in which calls ended, in order, and what they cost.
    calls: VecDeque<(i64, NanoUsd)>,
}

impl Spending {
    /// Notes runs that changed.
    pub(super) fn note(&mut self, store: &Store, clock: &Clock, traces: &[TraceIx]) {
        for &trace in traces {
            if is_recent(&store.trace(trace), clock) && !self.runs.contains_key(&trace) {
                self.runs.insert(trace, Spent::default());
                self.order.push_back(trace);
            }
        }
    }

    /// What the last minute cost.
    pub(super) fn sum(&mut self, store: &Store, clock: &Clock) -> NanoUsd {
        let Self { runs, order } = self;
        let mut sum = NanoUsd::ZERO;
        order.retain(|trace| {
            let view = store.trace(*trace);
            if !is_recent(&view, clock) {
                runs.remove(trace);
                return false;
            }
            if store.source(view.source()).is_some_and(|source| is_written(source, clock))
                && let Some(spent) = runs.get_mut(trace)
            {
                sum += spent.sum(&view, clock);
            }
            true
        });
        sum
    }
}

impl Spent {
    fn sum(&mut self, trace: &TraceView<'_>, clock: &Clock) -> NanoUsd {
        let now = trace.now(clock);
        if self.generation != trace.generation() {
            self.generation = trace.generation();
            let recent = trace.spans().take(NEWEST).filter_map(|span| {
                let end = span.end().filter(|end| now.since(*end) < WINDOW)?;
                let cost = span.share().cost;
                (cost != NanoUsd::ZERO)
                    .then_some((end.0.div_euclid(NANOS_PER_SEC).saturating_mul(NANOS_PER_SEC), cost))
            });
            let mut recent: Vec<(i64, NanoUsd)> = recent.collect();
            recent.sort_unstable_by_key(|(second, _)| *second);
            recent.dedup_by(|call, before| {
                let same = call.0 == before.0;
                before.1 += if same { call.1 } else { NanoUsd::ZERO };
                same
            });
            self.calls = recent.into();
        }
        while self.calls.front().is_some_and(|(end, _)| now.0.saturating_sub(*end) >= WINDOW) {
            self.calls.pop_front();
        }
        self.calls.iter().take_while(|(end, _)| *end <= now.0).map(|(_, cost)| *cost).sum()
    }
}

fn is_recent(trace: &TraceView<'_>, clock: &Clock) -> bool {
    clock.now.since(trace.last_activity()) < WINDOW
}

fn is_written(source: &SourceFacts, clock: &Clock) -> bool {
    source.seen.is_some_and(|seen| clock.now.since(seen) < WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Batch, SourceId, SpanKind, SpanUpdate, Stamp, Timed, UnixNanos};
    use crate::store::Arrival;

    #[test]
    fn only_calls_of_the_last_minute_count() {
        let now = UnixNanos(1_800_000_000 * NANOS_PER_SEC);
        let mut batch = Batch::default();
        for (at, seconds_ago) in [0, 59, 61, 4_000].into_iter().enumerate() {
            let trace = batch.id(&format!("trace-{at}")).expect("an id");
            let mut update = SpanUpdate::new(trace, trace, Stamp(at as u64));
            let end = now.plus(-seconds_ago * NANOS_PER_SEC);
            (update.start, update.end) = (Some(Timed::written(end)), Some(Timed::written(end)));
            (update.kind, update.cost) = (Some(SpanKind::Llm), Some(NanoUsd(10)));
            batch.push(update);
        }
        let mut store = Store::new();
        store.apply(SourceId(0), &batch, Arrival { at: now, live: true });
        let traces: Vec<TraceIx> = store.traces().map(|trace| trace.ix()).collect();
        let mut spending = Spending::default();
        spending.note(&store, &Clock::at(now), &traces);
        spending.note(&store, &Clock::at(now), &traces);
        assert_eq!(spending.sum(&store, &Clock::at(now)), NanoUsd(20));
        let later = |seconds: i64| Clock::at(now.plus(seconds * NANOS_PER_SEC));
        assert_eq!(spending.sum(&store, &later(30)), NanoUsd(10));
        assert_eq!(spending.sum(&store, &later(61)), NanoUsd::ZERO);
    }
}
