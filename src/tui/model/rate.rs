//! What is spent per minute right now.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::analysis::{Burn, FIVE_MINUTES, MINUTE, Seconds, Spend};
use crate::model::{NANOS_PER_SEC, SourceId, UnixNanos};
use crate::store::{Clock, SourceFacts, SpanIx, SpanView, Store, TraceIx};

/// Ends that lie further ahead than this are no ends of calls that were just made, nanoseconds.
const AHEAD: i64 = 2 * MINUTE;
/// How long a call is remembered, so that a record that corrects it replaces what it added, nanoseconds.
const REMEMBERED: i64 = FIVE_MINUTES + AHEAD;
/// Calls that are remembered at most.
const MAX_CALLS: usize = 65_536;

/// What the calls cost that ended in the last minutes, on the clock of their source, where it is being written.
///
/// Fed with the spans that changed. What each of them adds is remembered: a record that comes twice, late or corrected
/// changes the sums by what it changes and no more.
#[derive(Debug, Default)]
pub(super) struct Spending {
    sources: Vec<Flow>,
    calls: FxHashMap<Call, Added>,
    /// The same calls with the time at which they came, in that order.
    order: VecDeque<(UnixNanos, Call)>,
}

/// A call: a span's handle may become that of another.
type Call = (TraceIx, u128);

/// What a call added, and where.
#[derive(Clone, Copy, Debug)]
struct Added {
    source: SourceId,
    end: UnixNanos,
    spend: Spend,
}

#[derive(Debug, Default)]
struct Flow {
    seconds: Seconds,
    /// The trace that the last call was of: it knows the time of the source.
    trace: Option<TraceIx>,
}

/// What is being spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// In the last minute.
    pub minute: Burn,
    /// In the last five minutes.
    pub five: Burn,
}

impl Spending {
    /// Takes in spans that changed.
    pub(super) fn note(&mut self, store: &Store, clock: &Clock, changes: &[SpanIx]) {
        for span in changes {
            self.note_one(&store.span(*span), clock);
        }
        let old = clock.now.plus(-REMEMBERED);
        while let Some((came, call)) = self.order.front()
            && (*came < old || self.order.len() > MAX_CALLS)
        {
            self.calls.remove(call);
            self.order.pop_front();
        }
    }

    fn note_one(&mut self, span: &SpanView<'_>, clock: &Clock) {
        // A row whose trace has left memory says nothing about what it was.
        let Some(end) = span.end().filter(|_| span.is_known()) else { return };
        let trace = span.trace();
        let now = trace.now(clock);
        let recent = end.0 > now.0.saturating_sub(FIVE_MINUTES) && end.0 <= now.0.saturating_add(AHEAD);
        if !recent && self.calls.is_empty() {
            return;
        }
        let call = (trace.ix(), span.id().bits());
        let share = span.share();
        let spend = Spend { cost: share.cost, tokens: share.tokens.total() };
        let source = trace.source();
        let added = (recent && !spend.is_zero()).then_some(Added { source, end, spend });
        let before = match added {
            Some(added) => self.calls.insert(call, added),
            // Its place in the order stays until its time has come.
            None => self.calls.remove(&call),
        };
        if let Some(before) = before
            && let Some(flow) = self.sources.get_mut(usize::from(before.source.0))
        {
            flow.seconds.remove(before.end, before.spend);
        } else if added.is_some() {
            self.order.push_back((clock.now, call));
        }
        if let Some(added) = added {
            let at = usize::from(source.0);
            if self.sources.len() <= at {
                self.sources.resize_with(at + 1, Flow::default);
            }
            let flow = &mut self.sources[at];
            flow.seconds.add(added.end, added.spend, trace.start().unwrap_or(added.end));
            flow.trace = Some(trace.ix());
        }
    }

    /// What is being spent now.
    pub(super) fn rates(&mut self, store: &Store, clock: &Clock) -> Rates {
        let mut rates = Rates::default();
        for (at, flow) in self.sources.iter_mut().enumerate() {
            let Some(trace) = flow.trace else { continue };
            let now = store.trace(trace).now(clock);
            flow.seconds.forget_before(now.plus(-FIVE_MINUTES));
            let Some(source) = store.source(SourceId(at as u16)) else { continue };
            for (burn, window) in [(&mut rates.minute, MINUTE), (&mut rates.five, FIVE_MINUTES)] {
                if is_written(source, clock, window) {
                    *burn = burn.with(flow.seconds.burn(now, window));
                }
            }
        }
        rates
    }
}

fn is_written(source: &SourceFacts, clock: &Clock, window: i64) -> bool {
    source.seen.is_some_and(|seen| clock.now.since(seen) < window.max(NANOS_PER_SEC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Batch, NanoUsd, SpanKind, SpanUpdate, Stamp, Timed};
    use crate::store::Arrival;

    const NOW: UnixNanos = UnixNanos(1_800_000_000 * NANOS_PER_SEC);

    fn later(seconds: i64) -> Clock {
        Clock::at(NOW.plus(seconds * NANOS_PER_SEC))
    }

    /// A store and what follows it.
    #[derive(Default)]
    struct Watched {
        store: Store,
        spending: Spending,
        stamp: u64,
    }

    impl Watched {
        /// A record: a call of a trace that ended so many seconds before [`NOW`] and cost so many nano-dollars.
        fn record(&mut self, trace: &str, seconds_ago: i64, cost: i64) -> &mut Self {
            let mut batch = Batch::default();
            let id = batch.id(trace).expect("an id");
            self.stamp += 1;
            let mut update = SpanUpdate::new(id, id, Stamp(self.stamp));
            let end = NOW.plus(-seconds_ago * NANOS_PER_SEC);
            (update.start, update.end) = (Some(Timed::written(NOW.plus(-7200 * NANOS_PER_SEC))), None);
            update.end = Some(Timed::written(end));
            (update.kind, update.cost) = (Some(SpanKind::Llm), Some(NanoUsd(cost)));
            batch.push(update);
            self.store.apply(SourceId(0), &batch, Arrival { at: NOW, live: true });
            let changes = self.store.take_changes();
            self.spending.note(&self.store, &Clock::at(NOW), &changes);
            self
        }

        fn minute(&mut self, clock: &Clock) -> i64 {
            self.spending.rates(&self.store, clock).minute.cost_in(MINUTE).0
        }
    }

    #[test]
    fn only_calls_of_the_last_minute_count() {
        let mut watched = Watched::default();
        for (at, seconds_ago) in [0, 59, 61, 4_000].into_iter().enumerate() {
            watched.record(&format!("trace-{at}"), seconds_ago, 10);
        }
        assert_eq!(watched.minute(&later(0)), 20);
        assert_eq!(watched.spending.rates(&watched.store, &later(0)).five.spend.cost, NanoUsd(30));
        assert_eq!(watched.minute(&later(30)), 10);
        assert_eq!(watched.minute(&later(61)), 0);
    }

    #[test]
    fn repeated_and_corrected_records_count_once() {
        let mut watched = Watched::default();
        watched.record("a", 5, 10).record("a", 5, 10).record("b", 7, 100);
        assert_eq!(watched.minute(&later(0)), 110);
        // It cost more, then less, and ended earlier than was thought.
        assert_eq!(watched.record("a", 5, 30).minute(&later(0)), 130);
        assert_eq!(watched.record("a", 50, 20).minute(&later(0)), 120);
        assert_eq!(watched.minute(&later(15)), 100);
        assert_eq!(watched.record("b", 7, 0).minute(&later(15)), 0);
    }

    #[test]
    fn the_sums_are_those_of_the_store() {
        let mut watched = Watched::default();
        for at in 0..200 {
            watched.record(&format!("t{}", at % 23), at % 50, (at * 37) % 11);
        }
        assert_eq!(watched.minute(&later(0)), watched.store.totals().cost.0);
    }

    #[test]
    fn late_records_and_those_from_the_future() {
        let mut watched = Watched::default();
        watched.record("late", 40, 10).record("soon", -30, 100).record("never", -1_000_000, 1_000);
        assert_eq!(watched.minute(&later(0)), 10);
        assert_eq!(watched.minute(&later(30)), 100);
        assert!(watched.spending.calls.len() == 2);
    }

    #[test]
    fn calls_are_forgotten() {
        let mut watched = Watched::default();
        for at in 0..10 {
            watched.record(&format!("t{at}"), 0, 1);
        }
        watched.spending.note(&watched.store, &later(REMEMBERED / NANOS_PER_SEC + 1), &[]);
        assert!(watched.spending.calls.is_empty() && watched.spending.order.is_empty());
    }
}
