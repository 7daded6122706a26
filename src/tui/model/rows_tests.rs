use proptest::prelude::*;

use super::*;
use crate::filter::Verdict;
use crate::model::{
    Batch, NANOS_PER_SEC, NanoUsd, Parent, SourceId, SpanKind, SpanUpdate, Stamp, Status, Timed,
};
use crate::model::{UnixNanos, Usage};
use crate::store::{Arrival, FilterRow};

/// What one record says; numbers choose among a few values so that they meet.
type Record = (u8, u8, u8, Option<u8>, [u8; 6], (u8, u8));

fn record() -> impl Strategy<Value = Record> {
    let parent = prop_oneof![2 => (0..12_u8).prop_map(Some), 1 => Just(None)];
    (0..3_u8, 0..12_u8, any::<u8>(), parent, prop::array::uniform6(0..4_u8), (0..4_u8, 0..6_u8))
}

fn batch(records: &[Record], from: u64) -> Batch {
    let mut batch = Batch::default();
    for (at, (trace, span, bits, parent, labels, (kind, status))) in records.iter().enumerate() {
        let id = |batch: &mut Batch, trace: u8, span: u8| {
            batch.id(&format!("{:016x}", u32::from(trace) * 100 + u32::from(span) + 1))
        };
        let trace_id = batch.id(&format!("{:032x}", u32::from(*trace) + 1)).unwrap();
        let span_id = id(&mut batch, *trace, *span).unwrap();
        let mut update = SpanUpdate::new(trace_id, span_id, Stamp(from + at as u64));
        update.parent = match parent {
            Some(parent) if bits % 2 == 0 => Parent::Span(id(&mut batch, *trace, *parent).unwrap()),
            None if bits % 4 == 0 => Parent::Root,
            _ => Parent::Unsaid,
        };
        let label = |batch: &mut Batch, field: &str, value: u8| {
            if value == 0 { crate::model::Symbol::NONE } else { batch.intern(&format!("{field}-{value}")) }
        };
        update.name = label(&mut batch, "name", labels[0]);
        update.step = label(&mut batch, "step", labels[1]);
        update.agent = label(&mut batch, "agent", labels[2].saturating_sub(1));
        update.workflow = label(&mut batch, "flow", labels[3].saturating_sub(2));
        update.model = label(&mut batch, "model", labels[4].saturating_sub(1));
        update.session = label(&mut batch, "session", labels[5]);
        update.error = label(&mut batch, "error", labels[5].saturating_sub(2));
        update.kind =
            [None, Some(SpanKind::Llm), Some(SpanKind::Step), Some(SpanKind::Tool)][usize::from(*kind)];
        update.status = [None, Some(Status::Ok), Some(Status::Error), Some(Status::Suspended), None, None]
            [usize::from(*status)];
        let from = UnixNanos(i64::from(*bits) * NANOS_PER_SEC);
        update.start = (bits % 3 > 0).then(|| Timed::written(from));
        update.end = (bits % 5 > 2).then(|| Timed::written(from.plus(i64::from(*span) * NANOS_PER_SEC)));
        if bits % 7 == 0 {
            update.usage = Some(Usage { input: Some(u64::from(*bits)), ..Usage::default() });
            update.cost = (bits % 2 == 0).then_some(NanoUsd(i64::from(*bits) * 1_000));
        }
        batch.push(update);
    }
    batch
}

const TERMS: &[&str] = &[
    "name:name-1",
    "name-2",
    "\"ep-3\"",
    "step:step-1",
    "step:\"\"",
    "agent:agent*",
    "workflow:flow-1",
    "workflow:name*",
    "workflow:*",
    "model:model-1",
    "model:*",
    "session:session-2,session-3",
    "error:*",
    "error~1",
    "status:error",
    "status:running",
    "status:unfinished",
    "kind:tool",
    "kind:llm,step",
    "tokens>100",
    "tokens:*",
    "in<=49",
    "cost>0.0001",
    "cost:0.00007",
    "dur>3s",
    "dur:0",
    "dur<=5",
    "ttft>0",
    "trace:*1",
    "trace:*",
    "id:*5",
    "user:*",
    "source:*file",
    "service:\"\"",
];

fn filters() -> impl Strategy<Value = String> {
    let term = (prop::sample::select(TERMS), any::<bool>())
        .prop_map(|(term, not)| format!("{}{term}", if not { "-" } else { "" }));
    let part = prop::collection::vec(term, 1..4).prop_map(|terms| format!("({})", terms.join(" or ")));
    prop::collection::vec(part, 1..3).prop_map(|parts| parts.join(" "))
}

/// Lets the filter come to its end and compares it with asking every span.
fn settle(matches: &mut Matches, store: &mut Store, clock: &Clock) -> Result<(), TestCaseError> {
    let changes = store.take_changes();
    matches.refresh(store, clock, &changes);
    while matches.work(store, clock, Duration::from_millis(50)) {}
    let filter = matches.filter();
    let mut per_trace = vec![0; store.trace_count()];
    for span in (0..store.rows()).map(|row| store.span(SpanIx::from_index(row))) {
        let row = FilterRow { span, clock, payload: None };
        let expected = span.is_known() && filter.matches(&row) == Verdict::Yes;
        prop_assert_eq!(matches.has(span.ix()), expected, "{} of {}", span.id_text(), span.trace().id_text());
        per_trace[span.trace().ix().index()] += u32::from(expected);
    }
    for (trace, hits) in per_trace.iter().enumerate() {
        prop_assert_eq!(matches.has_trace(TraceIx::from_index(trace)), *hits > 0);
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_arrives_the_filter_is_what_asking_every_span_says(
        batches in prop::collection::vec(prop::collection::vec(record(), 1..30), 1..6),
        filters in prop::collection::vec(filters(), 1..4),
        backwards in any::<bool>(),
        seconds in 0..10_000_i64,
    ) {
        let mut store = Store::new();
        store.add_source(SourceId(0), "a file");
        let clock = Clock::at(UnixNanos(seconds * NANOS_PER_SEC));
        let mut matches = Matches::default();
        let mut filters = filters.iter().cycle();
        for (at, records) in batches.iter().enumerate() {
            if at % 2 == 0 {
                let text = filters.next().unwrap();
                let parsed = Filter::parse(text);
                prop_assert_eq!(&parsed.errors, &[], "{}", text);
                matches.set_filter(parsed.filter);
            }
            let order = if backwards { batches.len() - at } else { at } as u64;
            store.apply(SourceId(0), &batch(records, order * 100), Arrival { at: clock.now, live: true });
            settle(&mut matches, &mut store, &clock)?;
        }
    }
}

fn one(step: &str, span: u8, parent: Option<u8>) -> Batch {
    let mut batch = Batch::default();
    let trace = batch.id("000000000000000000000000000000aa").unwrap();
    let id = batch.id(&format!("{span:016x}")).unwrap();
    let mut update = SpanUpdate::new(trace, id, Stamp(u64::from(span)));
    update.parent = match parent {
        Some(parent) => Parent::Span(batch.id(&format!("{parent:016x}")).unwrap()),
        None => Parent::Root,
    };
    (update.name, update.step) = (batch.intern("a span"), batch.intern(step));
    batch.push(update);
    batch
}

#[test]
fn a_label_that_an_ancestor_brings_later_counts_for_what_is_below() {
    let mut store = Store::new();
    let clock = Clock::at(UnixNanos(0));
    let mut matches = Matches::default();
    matches.set_filter(Filter::parse("step:Preflight*").filter);
    let mut shown = |batch: Batch| {
        store.apply(SourceId(0), &batch, Arrival { at: UnixNanos(0), live: true });
        let changes = store.take_changes();
        matches.refresh(&store, &clock, &changes);
        while matches.work(&store, &clock, Duration::from_millis(50)) {}
        assert!(matches.progress(&store).is_none());
        matches.count()
    };
    assert_eq!(shown(one("", 9, Some(8))), 0);
    assert_eq!(shown(one("", 8, Some(7))), 0);
    assert_eq!(shown(one("Preflight Validation", 7, None)), 3);
    assert_eq!(shown(one("", 6, Some(8))), 4);
}

#[test]
fn a_cycle_that_is_cut_takes_labels_away() {
    let mut store = Store::new();
    let clock = Clock::at(UnixNanos(0));
    let mut matches = Matches::default();
    matches.set_filter(Filter::parse("step:above").filter);
    // 3 names the step and is the parent of 2, that of 1; then 3 says that it is below 1, and the cut is above 1.
    for batch in [one("above", 3, None), one("", 2, Some(3)), one("", 1, Some(2)), one("above", 3, Some(1))] {
        store.apply(SourceId(0), &batch, Arrival { at: UnixNanos(0), live: true });
        settle(&mut matches, &mut store, &clock).unwrap();
    }
}

#[test]
fn what_only_time_changes_is_asked_again() {
    let mut store = Store::new();
    let mut batch = one("", 1, None);
    batch.updates[0].start = Some(Timed::written(UnixNanos(0)));
    store.apply(SourceId(0), &batch, Arrival { at: UnixNanos(0), live: true });
    let mut matches = Matches::default();
    matches.set_filter(Filter::parse("dur>5s").filter);
    let mut after = |seconds: i64| {
        let clock = Clock::at(UnixNanos(seconds * NANOS_PER_SEC));
        matches.refresh(&store, &clock, &[]);
        matches.work(&store, &clock, Duration::from_millis(50));
        matches.count()
    };
    assert_eq!((after(1), after(4), after(6)), (0, 0, 1));
}
