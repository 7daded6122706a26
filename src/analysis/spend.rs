//! What is being spent: sums by second, the rate they make, when a budget will be used up, and what a run will cost.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};

use super::percentile::nearest_rank;
use crate::model::{Field, NANOS_PER_SEC, NanoUsd, Status, Symbol, UnixNanos};
use crate::store::{Clock, Store, TraceIx, TraceView};

/// A minute, nanoseconds: the stretch that the current rate is taken over.
pub const MINUTE: i64 = 60 * NANOS_PER_SEC;
/// The stretch that forecasts are made from, nanoseconds.
pub const FIVE_MINUTES: i64 = 5 * MINUTE;

/// Money and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// Known cost.
    pub cost: NanoUsd,
    /// Tokens in and out.
    pub tokens: u64,
}

impl Spend {
    /// Whether there is none.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, other: Self) {
        self.cost += other.cost;
        self.tokens = self.tokens.saturating_add(other.tokens);
    }

    fn sub(&mut self, other: Self) {
        self.cost -= other.cost;
        self.tokens = self.tokens.saturating_sub(other.tokens);
    }
}

/// What calls cost by the second in which they ended; a call costs when it ends.
#[derive(Clone, Debug, Default)]
pub struct Seconds(BTreeMap<i64, Second>);

#[derive(Clone, Copy, Debug)]
struct Second {
    calls: u64,
    spend: Spend,
    /// When the earliest run began that these calls belong to.
    since: UnixNanos,
}

impl Seconds {
    /// Adds a call of a run that began at `since`.
    pub fn add(&mut self, end: UnixNanos, spend: Spend, since: UnixNanos) {
        let empty = Second { calls: 0, spend: Spend::default(), since };
        let second = self.0.entry(second_of(end)).or_insert(empty);
        second.calls += 1;
        second.spend.add(spend);
        second.since = second.since.min(since);
    }

    /// Takes a call out again that was added with exactly these figures.
    pub fn remove(&mut self, end: UnixNanos, spend: Spend) {
        let key = second_of(end);
        let Some(second) = self.0.get_mut(&key) else { return };
        second.calls = second.calls.saturating_sub(1);
        second.spend.sub(spend);
        if second.calls == 0 {
            self.0.remove(&key);
        }
    }

    /// Forgets the seconds before a time.
    pub fn forget_before(&mut self, time: UnixNanos) {
        let first = second_of(time);
        while let Some(entry) = self.0.first_entry().filter(|entry| *entry.key() < first) {
            entry.remove();
        }
    }

    /// What was spent in the `window` nanoseconds up to `now`, in whole seconds. Runs that are younger than the window
    /// make it as short as they are old, but not shorter than a second.
    pub fn burn(&self, now: UnixNanos, window: i64) -> Burn {
        let to = second_of(now);
        let from = to.saturating_sub(window / NANOS_PER_SEC);
        let mut burn = Burn::default();
        let mut since = now;
        for (_, second) in self.0.range(from.saturating_add(1)..=to.max(from.saturating_add(1))) {
            burn.spend.add(second.spend);
            since = since.min(second.since);
        }
        burn.nanos = now.since(since).clamp(NANOS_PER_SEC, window.max(NANOS_PER_SEC));
        burn
    }
}

fn second_of(time: UnixNanos) -> i64 {
    time.0.div_euclid(NANOS_PER_SEC)
}

/// What was spent in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burn {
    /// What was spent.
    pub spend: Spend,
    /// In how many nanoseconds.
    pub nanos: i64,
}

impl Burn {
    /// Both together: they went on side by side.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.spend.add(other.spend);
        self.nanos = self.nanos.max(other.nanos);
        self
    }

    /// What a stretch of so many nanoseconds costs at this rate.
    pub fn cost_in(&self, nanos: i64) -> NanoUsd {
        NanoUsd(scale(self.spend.cost.0, nanos, self.nanos))
    }

    /// Nanoseconds until `left` is spent at this rate; `None` when nothing is being spent.
    pub fn until_cost(&self, left: NanoUsd) -> Option<i64> {
        (self.spend.cost.0 > 0).then(|| scale(self.nanos, left.0.max(0), self.spend.cost.0))
    }

    /// Nanoseconds until `left` tokens are used at this rate; `None` when none are being used.
    pub fn until_tokens(&self, left: u64) -> Option<i64> {
        let tokens = i64::try_from(self.spend.tokens).unwrap_or(i64::MAX);
        (tokens > 0).then(|| scale(self.nanos, i64::try_from(left).unwrap_or(i64::MAX), tokens))
    }
}

/// `value * times / per`, rounded to nearest, saturating; 0 for nothing per nothing.
fn scale(value: i64, times: i64, per: i64) -> i64 {
    if per <= 0 {
        return 0;
    }
    let product = i128::from(value) * i128::from(times) + i128::from(per) / 2;
    (product / i128::from(per)).clamp(0, i128::from(i64::MAX)) as i64
}

/// How a budget stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BudgetLevel {
    /// Less than 80 % are used.
    Good,
    /// 80 % are used.
    Warn,
    /// All of it is used.
    Spent,
    /// More than all of it is used.
    Over,
}

impl BudgetLevel {
    /// Where `spent` of `limit` stands.
    pub fn of(spent: u64, limit: u64) -> Self {
        let (spent, limit) = (u128::from(spent), u128::from(limit));
        match () {
            () if spent > limit => Self::Over,
            () if spent == limit => Self::Spent,
            () if spent * 10 >= limit * 8 => Self::Warn,
            () => Self::Good,
        }
    }
}

/// Runs of a workflow that are remembered.
const REMEMBERED: usize = 101;
/// Workflows that are remembered.
const MAX_WORKFLOWS: usize = 4_096;

/// What finished runs cost, by workflow.
#[derive(Debug, Default)]
pub struct PastRuns(FxHashMap<Symbol, Past>);

#[derive(Debug, Default)]
struct Past {
    /// First trace and cost of the last runs.
    runs: VecDeque<(TraceIx, NanoUsd)>,
    median: Option<NanoUsd>,
}

/// What a run of a workflow usually costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsualCost {
    /// Median over the finished runs.
    pub median: NanoUsd,
    /// How many there are.
    pub runs: usize,
}

impl PastRuns {
    /// Notes that something about these traces changed. Only finished runs whose every call has a price are remembered.
    pub fn note(&mut self, store: &Store, clock: &Clock, traces: &[TraceIx]) {
        let mut runs: FxHashSet<u128> = FxHashSet::default();
        for &trace in traces {
            match store.trace(trace).run() {
                Some(run) if !runs.insert(run.bits()) => {}
                Some(_) => self.note_run(store, clock, &store.trace(trace).run_traces()),
                None => self.note_run(store, clock, &[trace]),
            }
        }
    }

    fn note_run(&mut self, store: &Store, clock: &Clock, traces: &[TraceIx]) {
        let Some((&first, &last)) = traces.first().zip(traces.last()) else { return };
        let Some(workflow) = workflow_of(&store.trace(first)) else { return };
        let views = || traces.iter().map(|trace| store.trace(*trace));
        let finished = !views().any(|trace| trace.may_be_active())
            && matches!(
                store.trace(last).status(clock),
                Status::Ok | Status::Error | Status::Timeout | Status::Partial
            );
        let priced = views().all(|trace| trace.totals().unpriced_calls == 0);
        let cost = (finished && priced).then(|| views().map(|trace| trace.totals().cost).sum());
        self.set(workflow, first, cost);
    }

    fn set(&mut self, workflow: Symbol, run: TraceIx, cost: Option<NanoUsd>) {
        let adds = cost.is_some() && self.0.len() < MAX_WORKFLOWS;
        if !adds && !self.0.contains_key(&workflow) {
            return;
        }
        let past = self.0.entry(workflow).or_default();
        past.median = None;
        let known = past.runs.iter().rposition(|(known, _)| *known == run);
        match (known, cost) {
            (Some(at), Some(cost)) => past.runs[at].1 = cost,
            (Some(at), None) => drop(past.runs.remove(at)),
            (None, Some(cost)) => {
                if past.runs.len() == REMEMBERED {
                    past.runs.pop_front();
                }
                past.runs.push_back((run, cost));
            }
            (None, None) => {}
        }
    }

    /// What runs of a trace's workflow cost; `None` when none has finished, or they cost nothing.
    pub fn usual(&mut self, trace: &TraceView<'_>) -> Option<UsualCost> {
        let past = self.0.get_mut(&workflow_of(trace)?)?;
        let median = if let Some(median) = past.median {
            median
        } else {
            let mut costs: Vec<NanoUsd> = past.runs.iter().map(|(_, cost)| *cost).collect();
            costs.sort_unstable();
            *past.median.insert(nearest_rank(&costs, 500)?)
        };
        (median.0 > 0).then_some(UsualCost { median, runs: past.runs.len() })
    }
}

/// What a run of a workflow is a run of: the workflow its root names, or the root's name.
fn workflow_of(trace: &TraceView<'_>) -> Option<Symbol> {
    let root = trace.root()?;
    let workflow = root.inherited(Field::Workflow);
    let symbol = if workflow.is_some() { workflow } else { root.name_symbol() };
    symbol.is_some().then_some(symbol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Batch, SourceId, SpanKind, SpanUpdate, Stamp, Timed};
    use crate::store::Arrival;

    const NOW: UnixNanos = UnixNanos(1_800_000_000 * NANOS_PER_SEC);

    fn dollars(usd: f64) -> Spend {
        Spend { cost: NanoUsd::from_usd(usd).expect("an amount"), tokens: 0 }
    }

    fn cents(cost: i64) -> NanoUsd {
        NanoUsd(cost * 10_000_000)
    }

    #[test]
    fn reference_vectors() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/analytics/vectors.json")).expect("JSON");
        let burn = &vectors["burn"];
        let mut seconds = Seconds::default();
        for event in burn["events"].as_array().expect("events") {
            let end = NOW.plus(event["t"].as_i64().expect("a time") * NANOS_PER_SEC);
            seconds.add(
                end,
                dollars(event["usd"].as_f64().expect("an amount")),
                NOW.plus(-3600 * NANOS_PER_SEC),
            );
        }
        let usd = |name: &str| dollars(burn[name].as_f64().expect("an amount")).cost;
        let (one, five) = (seconds.burn(NOW, MINUTE), seconds.burn(NOW, FIVE_MINUTES));
        assert_eq!(one.spend.cost, usd("window_60s_usd"));
        assert_eq!(five.spend.cost, usd("window_300s_usd"));
        assert_eq!(one.cost_in(MINUTE), usd("burn_usd_per_min_60s"));
        assert_eq!(five.cost_in(MINUTE), usd("burn_usd_per_min_300s"));
        assert_eq!(five.cost_in(60 * MINUTE), usd("projected_per_hour_300s"));
        let budget = |name: &str| dollars(burn["budget"][name].as_f64().expect("an amount")).cost;
        let left = five.until_cost(budget("limit") - budget("spent")).expect("an end");
        let minutes = burn["budget"]["eta_minutes"].as_f64().expect("minutes");
        assert!((left as f64 / MINUTE as f64 - minutes).abs() < 1e-5, "{left}");
    }

    #[test]
    fn the_window_excludes_its_beginning_and_the_future() {
        let mut seconds = Seconds::default();
        let since = NOW.plus(-MINUTE * 10);
        for at in [-60, -59, 0, 1] {
            seconds.add(NOW.plus(at * NANOS_PER_SEC), Spend { cost: cents(1), tokens: 10 }, since);
        }
        assert_eq!(seconds.burn(NOW, MINUTE).spend, Spend { cost: cents(2), tokens: 20 });
        assert_eq!(seconds.burn(NOW.plus(NANOS_PER_SEC), MINUTE).spend.cost, cents(2));
        seconds.forget_before(NOW);
        assert_eq!(seconds.burn(NOW, MINUTE).spend.cost, cents(1));
    }

    #[test]
    fn a_young_run_is_divided_by_its_age() {
        let mut seconds = Seconds::default();
        seconds.add(NOW, dollars(0.10), NOW.plus(-20 * NANOS_PER_SEC));
        assert_eq!(seconds.burn(NOW, MINUTE).cost_in(MINUTE), cents(30));
        let mut seconds = Seconds::default();
        seconds.add(NOW, dollars(0.01), NOW);
        assert_eq!(seconds.burn(NOW, MINUTE).cost_in(MINUTE), cents(60), "a second at least");
    }

    #[test]
    fn what_is_taken_out_leaves_nothing() {
        let mut seconds = Seconds::default();
        let spend = Spend { cost: cents(3), tokens: 7 };
        seconds.add(NOW, spend, NOW.plus(-MINUTE));
        seconds.add(NOW, spend, NOW.plus(-9 * MINUTE));
        seconds.remove(NOW, spend);
        assert_eq!(seconds.burn(NOW, FIVE_MINUTES).spend, spend);
        seconds.remove(NOW, spend);
        seconds.remove(NOW, spend);
        assert!(seconds.0.is_empty());
    }

    #[test]
    fn nothing_spent_never_uses_a_budget_up() {
        let burn = Burn::default();
        assert_eq!(burn.until_cost(cents(1)), None);
        assert_eq!(burn.until_tokens(1), None);
        assert_eq!(burn.cost_in(MINUTE), NanoUsd::ZERO);
        let burn = Burn { spend: Spend { cost: NanoUsd(1), tokens: u64::MAX }, nanos: i64::MAX };
        assert_eq!(burn.until_cost(NanoUsd(i64::MAX)), Some(i64::MAX));
        assert_eq!(burn.until_tokens(u64::MAX), Some(i64::MAX));
        assert_eq!(burn.until_cost(cents(-5)), Some(0), "it is used up already");
    }

    #[test]
    fn levels_of_a_budget() {
        use BudgetLevel::{Good, Over, Spent, Warn};
        for (spent, level) in [(0, Good), (799, Good), (800, Warn), (999, Warn), (1000, Spent), (1001, Over)]
        {
            assert_eq!(BudgetLevel::of(spent, 1000), level, "{spent}");
        }
        assert_eq!(BudgetLevel::of(0, 0), Spent);
        assert_eq!(BudgetLevel::of(u64::MAX, u64::MAX - 1), Over);
    }

    /// Runs of a workflow that cost so many cents each; `None` is one whose price is unknown, -1 one that goes on.
    fn runs(costs: &[Option<i64>]) -> Store {
        let mut batch = Batch::default();
        let name = batch.intern("w");
        for (at, cost) in costs.iter().enumerate() {
            let trace = batch.id(&format!("trace-{at}")).expect("an id");
            let mut update = SpanUpdate::new(trace, trace, Stamp(at as u64));
            update.name = name;
            update.kind = Some(SpanKind::Llm);
            update.start = Some(Timed::written(NOW));
            if *cost != Some(-1) {
                (update.end, update.status) = (Some(Timed::written(NOW)), Some(Status::Ok));
            }
            match cost {
                Some(cost) => update.cost = Some(cents(cost.max(&0).to_owned())),
                None => update.usage = Some(crate::model::Usage { input: Some(5), ..Default::default() }),
            }
            batch.push(update);
        }
        let mut store = Store::new();
        store.apply(SourceId(0), &batch, Arrival { at: NOW, live: true });
        store
    }

    fn all(store: &Store) -> Vec<TraceIx> {
        store.traces().map(|trace| trace.ix()).collect()
    }

    #[test]
    fn a_run_usually_costs_the_median_of_the_finished_ones() {
        let store = runs(&[Some(4), Some(1), None, Some(2), Some(-1)]);
        let mut past = PastRuns::default();
        for _ in 0..2 {
            past.note(&store, &Clock::at(NOW), &all(&store));
        }
        let running = store.traces().last().expect("a trace");
        assert_eq!(past.usual(&running), Some(UsualCost { median: cents(2), runs: 3 }));
    }

    #[test]
    fn no_finished_run_is_no_projection() {
        let store = runs(&[None, Some(-1)]);
        let mut past = PastRuns::default();
        past.note(&store, &Clock::at(NOW), &all(&store));
        assert_eq!(past.usual(&store.traces().last().expect("a trace")), None);
    }

    #[test]
    fn only_so_many_runs_are_remembered() {
        let costs: Vec<Option<i64>> = (1..=150).map(Some).collect();
        let store = runs(&costs);
        let mut past = PastRuns::default();
        past.note(&store, &Clock::at(NOW), &all(&store));
        let usual = past.usual(&store.traces().next().expect("a trace"));
        assert_eq!(usual, Some(UsualCost { median: cents(100), runs: REMEMBERED }));
    }
}
