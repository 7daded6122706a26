//! What is spent per minute right now.

use crate::model::{NANOS_PER_SEC, NanoUsd};
use crate::store::{Clock, SourceFacts, Store, TraceView};

/// The stretch the rate is taken over, nanoseconds.
const WINDOW: i64 = 60 * NANOS_PER_SEC;
/// Newest spans of a run that are looked at.
const NEWEST: usize = 4_096;

/// What calls cost that ended within the last minute, on the clock of their run, in sources that are being written. A
/// call counts when it ends.
pub(super) fn spent_last_minute(store: &Store, clock: &Clock) -> NanoUsd {
    store
        .traces()
        .filter(|trace| clock.now.since(trace.last_activity()) < WINDOW)
        .filter(|trace| store.source(trace.source()).is_some_and(|source| is_written(source, clock)))
        .map(|trace| spent_in(&trace, clock))
        .sum()
}

fn is_written(source: &SourceFacts, clock: &Clock) -> bool {
    source.seen.is_some_and(|seen| clock.now.since(seen) < WINDOW)
}

fn spent_in(trace: &TraceView<'_>, clock: &Clock) -> NanoUsd {
    let now = trace.now(clock);
    trace
        .spans()
        .take(NEWEST)
        .filter(|span| span.end().is_some_and(|end| (0..WINDOW).contains(&now.since(end))))
        .map(|span| span.share().cost)
        .sum()
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
        assert_eq!(spent_last_minute(&store, &Clock::at(now)), NanoUsd(20));
    }
}
