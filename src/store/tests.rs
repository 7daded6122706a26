mod lost;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Batch, Id, Marks, NanoUsd, Parent, PayloadRef, SpanKind, SpanUpdate, Stamp, Status, Timed, Usage,
};

const NOW: Arrival = Arrival { at: UnixNanos(1_000_000_000_000), live: true };
const CLOCK: Clock = Clock { now: UnixNanos(1_000_000_000_000), stale: Clock::STALE };

/// One record in test shorthand.
#[derive(Clone, Debug)]
struct Said {
    trace: u8,
    span: u8,
    parent: Option<u8>,
    stamp: u64,
    start: Option<(i64, bool)>,
    end: Option<(i64, bool)>,
    status: Option<Status>,
    kind: Option<SpanKind>,
    name: Option<&'static str>,
    model: Option<&'static str>,
    usage: Option<(u64, u64)>,
    cost: Option<i64>,
    response: Option<u64>,
    rollup: bool,
    /// The response is unique beyond its trace; the record looks like a copy.
    unique: Option<bool>,
}

impl Said {
    fn new(span: u8, kind: SpanKind) -> Self {
        Self {
            trace: 1,
            span,
            parent: None,
            stamp: 0,
            start: None,
            end: None,
            status: None,
            kind: Some(kind),
            name: None,
            model: None,
            usage: None,
            cost: None,
            response: None,
            rollup: false,
            unique: None,
        }
    }

    fn under(mut self, parent: u8) -> Self {
        self.parent = Some(parent);
        self
    }

    fn tokens(mut self, input: u64, output: u64) -> Self {
        self.usage = Some((input, output));
        self
    }

    fn at(mut self, start: i64, end: Option<i64>) -> Self {
        (self.start, self.end) = (Some((start, false)), end.map(|end| (end, false)));
        self
    }
}

fn id(kind: &str, n: u8, batch: &mut Batch) -> Id {
    batch.id(&format!("{kind}-{n}")).expect("an id")
}

fn batch(said: &[Said]) -> Batch {
    let mut batch = Batch::default();
    for said in said {
        let timed = |(at, inferred)| Timed { at: UnixNanos(at), inferred };
        let mut update = SpanUpdate::new(
            id("t", said.trace, &mut batch),
            id("s", said.span, &mut batch),
            Stamp(said.stamp),
        );
        update.parent =
            said.parent.map_or(Parent::Unsaid, |parent| Parent::Span(id("s", parent, &mut batch)));
        update.payload = Some(PayloadRef { segment: SegmentId(0), pos: said.stamp, len: 1 });
        update.start = said.start.map(timed);
        update.end = said.end.map(timed);
        update.status = said.status;
        update.kind = said.kind;
        update.name = batch.intern(said.name.unwrap_or_default());
        update.model = batch.intern(said.model.unwrap_or_default());
        update.usage = said.usage.map(|(input, output)| Usage {
            input: Some(input),
            output: Some(output),
            ..Usage::default()
        });
        update.cost = said.cost.map(NanoUsd);
        update.response = said.response;
        if said.rollup {
            update.marks = Marks::ROLLUP;
        }
        if let Some(copy) = said.unique {
            update.marks = update.marks.with(Marks::UNIQUE_RESPONSE);
            update.marks = update.marks.with(if copy { Marks::COPY } else { Marks::default() });
        }
        batch.push(update);
    }
    batch
}

fn store(said: &[Said]) -> Store {
    let mut store = Store::new();
    store.add_segment(SegmentId(0), SourceId(0));
    for said in said {
        store.apply(SourceId(0), &batch(std::slice::from_ref(said)), NOW);
    }
    store
}

/// Everything a reader can see, in an order that doesn't depend on arrival.
fn seen(store: &Store) -> Vec<String> {
    let mut lines: Vec<String> = store
        .spans()
        .map(|span| {
            format!(
                "{} {} parent={:?} {}..{} {} {} name={} model={} usage={:?} cost={:?} share={:?} payloads={:?}",
                span.trace().id_text(),
                span.id_text(),
                span.parent().map(|parent| parent.id_text()),
                span.start().map_or(-1, |time| time.0),
                span.end().map_or(-1, |time| time.0),
                span.status(&CLOCK),
                span.kind(),
                span.name(),
                span.text(span.facets().model),
                span.usage(),
                span.cost(),
                span.share(),
                span.payloads(),
            )
        })
        .collect();
    for trace in store.traces() {
        lines.push(format!(
            "{} {:?}..{:?} root={:?} {:?} {:?}",
            trace.id_text(),
            trace.start(),
            trace.last(),
            trace.root().map(|root| root.id_text()),
            trace.status(&CLOCK),
            trace.totals()
        ));
    }
    lines.sort();
    lines.push(format!("{:?} runs={}", store.totals(), store.run_count()));
    lines
}

/// The totals by looking at every span, without the sums.
fn counted_again(store: &Store) -> Totals {
    let mut totals = Totals::default();
    for span in store.spans() {
        totals.merge(&span.share());
    }
    totals
}

#[test]
fn nested_usage_counts_at_the_innermost_level() {
    let said = [
        Said::new(1, SpanKind::Agent),
        Said::new(2, SpanKind::Llm).under(1).tokens(300, 30),
        Said::new(3, SpanKind::Llm).under(2).tokens(100, 10),
        Said::new(4, SpanKind::Llm).under(2).tokens(200, 20),
        Said::new(5, SpanKind::Llm).under(3).tokens(100, 10),
    ];
    let store = store(&said);
    assert_eq!(store.totals().tokens.input, 300);
    assert_eq!(store.totals().tokens.output, 30);
    assert_eq!(store.totals().llm_calls, 2);
}

#[test]
fn a_sub_agent_inside_a_tool_counts_beside_its_caller() {
    let said = [
        Said::new(1, SpanKind::Llm).tokens(100, 10),
        Said::new(2, SpanKind::Tool).under(1),
        Said::new(3, SpanKind::Llm).under(2).tokens(50, 5),
    ];
    let store = store(&said);
    assert_eq!(store.totals().tokens.input, 150);
    assert_eq!(store.totals().llm_calls, 2);
    assert_eq!(store.totals().tool_calls, 1);
}

#[test]
fn a_tool_that_is_known_as_one_late_still_divides() {
    let mut early = Said::new(2, SpanKind::Other).under(1);
    early.stamp = 1;
    let mut late = Said::new(2, SpanKind::Tool);
    late.stamp = 2;
    let said = [
        Said::new(1, SpanKind::Llm).tokens(100, 10),
        early,
        Said::new(3, SpanKind::Llm).under(2).tokens(50, 5),
        late,
    ];
    assert_eq!(store(&said).totals().tokens.input, 150);
}

#[test]
fn calls_without_usage_count_once_and_roll_ups_never() {
    let said = [Said::new(1, SpanKind::Llm), Said::new(2, SpanKind::Llm).under(1)];
    assert_eq!(store(&said).totals().llm_calls, 1);

    let mut sum = batch(&[Said::new(1, SpanKind::Agent).tokens(70, 7)]);
    sum.updates[0].marks = Marks::ROLLUP;
    let mut store = Store::new();
    store.apply(SourceId(0), &sum, NOW);
    assert_eq!(store.totals().tokens.total(), 0);
}

#[test]
fn a_cycle_is_cut_and_every_member_stays() {
    let said = [
        Said::new(1, SpanKind::Llm).under(2).tokens(1, 0),
        Said::new(2, SpanKind::Llm).under(3).tokens(2, 0),
        Said::new(3, SpanKind::Llm).under(1).tokens(4, 0),
        Said::new(4, SpanKind::Step).under(4),
    ];
    let store = store(&said);
    assert_eq!(store.totals().spans, 4);
    assert_eq!(store.spans().filter(|span| span.parent().is_none()).count(), 2);
    assert!(store.spans().all(|span| span.marks().has(Marks::ODD)));
}

#[test]
fn an_end_is_never_reopened() {
    let mut end = Said::new(1, SpanKind::Llm).at(10, Some(50));
    (end.status, end.stamp) = (Some(Status::Error), 1);
    let mut late_start = Said::new(1, SpanKind::Llm).at(10, None);
    (late_start.status, late_start.stamp) = (Some(Status::Running), 2);
    let store = store(&[end, late_start]);
    let span = store.spans().next().expect("a span");
    assert_eq!(span.status(&CLOCK), Status::Error);
    assert_eq!(span.duration(), Some(40));
}

#[test]
fn open_spans_of_an_ended_run_are_unfinished() {
    let said = [
        Said::new(1, SpanKind::Workflow).at(0, Some(100)),
        Said::new(2, SpanKind::Step).under(1).at(10, None),
        Said::new(3, SpanKind::Workflow).at(200, None),
    ];
    let store = store(&said);
    let status =
        |name: &str| store.spans().find(|span| span.id_text() == name).expect("a span").status(&CLOCK);
    assert_eq!(status("s-2"), Status::Unfinished);
    assert_eq!(status("s-3"), Status::Running);
    let later = Clock { now: UnixNanos(CLOCK.now.0 + 2 * Clock::STALE), stale: Clock::STALE };
    assert!(store.spans().all(|span| span.status(&later) != Status::Running));
}

#[test]
fn a_parent_that_is_only_named_is_running_while_its_trace_grows() {
    let child = [Said::new(2, SpanKind::Step).under(1).at(CLOCK.now.0 - 100, Some(CLOCK.now.0 - 50))];
    let told = |live: bool| {
        let mut store = Store::new();
        store.add_segment(SegmentId(0), SourceId(0));
        store.apply(SourceId(0), &batch(&child), Arrival { at: CLOCK.now, live });
        store
    };
    let statuses = |store: &Store, clock: &Clock| {
        let trace = store.traces().next().expect("a trace");
        let parent = trace.spans().find(|span| !span.is_known()).expect("the parent");
        (parent.status(clock), trace.status(clock), trace.may_be_active(), trace.running_spans(clock))
    };
    let (at_rest, watched) = (told(false), told(true));
    assert_eq!(statuses(&at_rest, &CLOCK), (Status::Unfinished, Status::Unfinished, false, 0));
    assert_eq!(statuses(&watched, &CLOCK), (Status::Running, Status::Running, true, 1));
    let later = Clock { now: UnixNanos(CLOCK.now.0 + 2 * Clock::STALE), stale: Clock::STALE };
    assert_eq!(statuses(&watched, &later), (Status::Unfinished, Status::Unfinished, true, 0));
}

#[test]
fn steps_inherit_the_model_of_their_generation() {
    struct Flat;
    impl Pricing for Flat {
        fn price(
            &mut self,
            model: &str,
            _: &str,
            _: UnixNanos,
            usage: &Usage,
        ) -> Option<(NanoUsd, CostSource)> {
            (model == "gpt-4o").then_some((NanoUsd(usage.total() as i64), CostSource::Computed))
        }
    }
    let mut generation = Said::new(1, SpanKind::Llm);
    generation.model = Some("gpt-4o");
    let said = [Said::new(2, SpanKind::Llm).under(1).tokens(5, 5), generation];
    for order in [[0, 1], [1, 0]] {
        let mut store = Store::new();
        store.set_pricing(Box::new(Flat), crate::price::CostMode::Auto);
        for at in order {
            store.apply(SourceId(0), &batch(std::slice::from_ref(&said[at])), NOW);
        }
        assert_eq!(store.totals().cost, NanoUsd(10), "{order:?}");
        assert_eq!(store.totals().unpriced_calls, 0);
    }
    let mut late = store(&said);
    assert_eq!(late.totals().unpriced_calls, 1);
    late.set_pricing(Box::new(Flat), crate::price::CostMode::Auto);
    assert_eq!((late.totals().cost, late.totals().unpriced_calls), (NanoUsd(10), 0));
}

fn said() -> impl Strategy<Value = Said> {
    let time = || proptest::option::of((0..1000i64, any::<bool>()));
    let status = proptest::option::of(proptest::sample::select(vec![
        Status::Ok,
        Status::Error,
        Status::Running,
        Status::Suspended,
        Status::Cancelled,
    ]));
    // A span's parent does not change between its records: the sources never contradict themselves there.
    (
        (1..3u8, 1..9u8),
        (time(), time()),
        status,
        proptest::option::of(proptest::sample::select(vec!["a", "b", "c"])),
        proptest::option::of(proptest::sample::select(vec!["gpt-4o", "claude"])),
        proptest::option::of((0..100u64, 0..100u64)),
        proptest::option::of(0..1000i64),
        (proptest::option::of(0..6usize), any::<bool>(), proptest::option::of(1..4u64), any::<u8>()),
    )
        .prop_map(
            |(
                (trace, span),
                (start, end),
                status,
                name,
                model,
                usage,
                cost,
                (kind, says_parent, response, mark),
            )| {
                let kinds = [
                    SpanKind::Llm,
                    SpanKind::Step,
                    SpanKind::Tool,
                    SpanKind::Llm,
                    SpanKind::Agent,
                    SpanKind::Event,
                ];
                let parent = span / 2;
                Said {
                    trace,
                    span,
                    parent: (says_parent && parent > 0).then_some(parent),
                    stamp: 0,
                    start,
                    end,
                    status,
                    kind: kind.map(|kind| kinds[kind]),
                    rollup: mark < 20,
                    unique: (mark >= 128).then_some(mark >= 192),
                    name,
                    model,
                    usage,
                    cost,
                    response,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any order and any repetition of the same records gives the same store.
    #[test]
    fn order_and_repetition_do_not_matter(
        said in proptest::collection::vec(said(), 1..24),
        order in proptest::collection::vec(any::<u32>(), 48),
    ) {
        let mut said = said;
        for (stamp, said) in said.iter_mut().enumerate() {
            said.stamp = stamp as u64 + 1;
        }
        let in_order = seen(&store(&said));
        let mut shuffled: Vec<(u32, Said)> = order.iter().copied().zip(said.iter().cycle().cloned()).collect();
        for (key, said) in order.iter().rev().zip(&said) {
            shuffled.push((*key, said.clone()));
        }
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled: Vec<Said> = shuffled.into_iter().map(|(_, said)| said).collect();
        let out_of_order = store(&shuffled);
        for (ordered, other) in in_order.iter().zip(&seen(&out_of_order)) {
            prop_assert_eq!(ordered, other);
        }
        let mut full = counted_again(&out_of_order);
        full.unpriced_tokens = out_of_order.totals().unpriced_tokens;
        prop_assert_eq!(&full, out_of_order.totals());
    }

    /// Traces that leave and come back, at any moment and any number of times, are what they would be had they stayed.
    #[test]
    fn leaving_and_coming_back_changes_nothing(
        said in proptest::collection::vec(said(), 1..24),
        evictions in proptest::collection::vec(any::<bool>(), 24),
        answers in proptest::collection::vec(any::<bool>(), 24),
    ) {
        let mut said = said;
        for (stamp, said) in said.iter_mut().enumerate() {
            said.stamp = stamp as u64 + 1;
        }
        let mut stayed = store(&[]);
        let mut moved = store(&[]);
        let mut asked = Vec::new();
        for store in [&mut stayed, &mut moved] {
            store.set_pricing(Box::new(Priceless), crate::price::CostMode::Auto);
        }
        for (at, record) in said.iter().enumerate() {
            let one = batch(std::slice::from_ref(record));
            stayed.apply(SourceId(0), &one, NOW);
            moved.apply(SourceId(0), &one, NOW);
            if evictions[at] {
                moved.evict(0, |_| false);
            }
            asked.extend(moved.take_wanted());
            if answers[at] {
                for trace in std::mem::take(&mut asked) {
                    bring_back(&mut moved, trace, &said[..=at]);
                }
            }
            let open = moved.evicted_count() > 0;
            prop_assert!(open || moved.totals() == stayed.totals());
        }
        for trace in 0..moved.trace_count() {
            bring_back(&mut moved, TraceIx::from_index(trace), &said);
        }
        prop_assert_eq!(seen(&moved), seen(&stayed));
        prop_assert_eq!(moved.evicted_count(), 0);
    }
}

struct Priceless;

impl Pricing for Priceless {
    fn price(&mut self, _: &str, _: &str, _: UnixNanos, _: &Usage) -> Option<(NanoUsd, CostSource)> {
        None
    }
}

impl std::fmt::Debug for Priceless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Priceless")
    }
}

/// Reads again what lies where the store says that the trace's records are.
fn bring_back(store: &mut Store, trace: TraceIx, said: &[Said]) {
    let ranges = store.record_ranges(trace);
    let within = |said: &&Said| ranges.iter().any(|range| (range.from..range.to).contains(&said.stamp));
    let again: Vec<Said> = said.iter().filter(within).cloned().collect();
    store.restore(trace, &batch(&again));
}

#[test]
fn a_trace_that_left_keeps_its_line_and_frees_its_rows() {
    let mut said = Vec::new();
    for trace in 1..=3 {
        for span in 1..=20 {
            let from = i64::from(trace) * 1_000 + i64::from(span);
            let mut call = Said::new(span, SpanKind::Llm).tokens(100, 10).at(from, Some(from + 5));
            call.trace = trace;
            call.parent = (span > 1).then_some(1);
            call.stamp = said.len() as u64 + 1;
            said.push(call);
        }
    }
    let mut store = store(&said);
    store.set_pricing(Box::new(Priceless), crate::price::CostMode::Auto);
    let before = (*store.totals(), store.used_memory());
    let name =
        |store: &Store| store.traces().map(|trace| (trace.id_text(), *trace.totals())).collect::<Vec<_>>();
    let lines = name(&store);
    let newest = TraceIx::from_index(2);
    assert_eq!(store.evict(before.1 - 1, |_| false), 1, "one is enough");
    assert!(store.is_evicted(TraceIx::from_index(0)), "the oldest leaves first");
    assert_eq!(store.evict(0, |trace| trace == newest), 1, "what is kept stays");
    assert_eq!((*store.totals(), name(&store)), (before.0, lines));
    assert_eq!(store.trace(TraceIx::from_index(0)).spans().count(), 1);
    assert_eq!(store.spans().count(), 22);
    // A repeated record is not counted twice, and asks for its trace.
    store.apply(SourceId(0), &batch(&said[..1]), NOW);
    assert_eq!(*store.totals(), before.0);
    assert_eq!(store.take_wanted(), [TraceIx::from_index(0)]);
    let rows = store.rows();
    bring_back(&mut store, TraceIx::from_index(0), &said);
    assert_eq!(store.rows(), rows, "freed rows are used again");
    assert_eq!(*store.totals(), before.0);
    assert_eq!(store.trace(TraceIx::from_index(0)).spans().count(), 20);
}
