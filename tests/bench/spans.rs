//! Made-up spans as a source would deliver them, without a source.

use tracetui::model::{
    Batch, NANOS_PER_MS, NanoUsd, Parent, SpanKind, SpanUpdate, Stamp, Status, Timed, UnixNanos, Usage,
};

/// Spans of a run.
pub const RUN: usize = 100;
/// The beginning of the first run, `2026-02-04T17:00:00Z`.
pub const START: UnixNanos = UnixNanos(1_770_224_400_000_000_000);

/// Batches with this many spans in all: steps, agents, calls and tools in runs of [`RUN`].
pub fn batches(spans: usize) -> impl Iterator<Item = Batch> {
    (0..spans.div_ceil(2_000)).map(move |at| batch(at * 2_000..((at + 1) * 2_000).min(spans)))
}

fn batch(range: std::ops::Range<usize>) -> Batch {
    let mut batch = Batch::default();
    for at in range {
        let (run, place) = (at / RUN, at % RUN);
        let id = |batch: &mut Batch, at: usize| batch.id(&format!("{at:016x}")).expect("an id");
        let trace = batch.id(&format!("{:032x}", run + 1)).expect("an id");
        let span = id(&mut batch, at + 1);
        let mut update = SpanUpdate::new(trace, span, Stamp(at as u64));
        // A step, below it an agent, below that calls and tools in turn.
        let (kind, name, parent) = match place {
            0 => (SpanKind::Workflow, "ticket-generation", None),
            _ if place % 10 == 1 => (SpanKind::Step, "Preflight Validation", Some(at - place + 1)),
            _ if place % 10 == 2 => (SpanKind::Agent, "FindingsToQuestions", Some(at)),
            _ if place % 2 == 0 => (SpanKind::Llm, "gpt-4o", Some(at - place + place / 10 * 10 + 3)),
            _ => (SpanKind::Tool, "execute_command", Some(at - place + place / 10 * 10 + 3)),
        };
        let parent = parent.filter(|parent| (at - place + 1..=at).contains(parent));
        update.parent = match parent {
            Some(parent) => Parent::Span(id(&mut batch, parent)),
            None if place == 0 => Parent::Root,
            None => Parent::Span(id(&mut batch, at - place + 1)),
        };
        let from = START.plus((run * 5_000 + place * 40) as i64 * NANOS_PER_MS);
        let nanos = if place == 0 { 4_500 } else { 40 + (at % 17) as i64 * 30 } * NANOS_PER_MS;
        (update.start, update.end) = (Some(Timed::written(from)), Some(Timed::written(from.plus(nanos))));
        (update.kind, update.name) = (Some(kind), batch.intern(name));
        let failed = kind == SpanKind::Tool && at % 23 == 0;
        update.status = Some(if failed { Status::Error } else { Status::Ok });
        match kind {
            SpanKind::Step => update.step = batch.intern(name),
            SpanKind::Agent => update.agent = batch.intern(name),
            SpanKind::Tool => update.tool = batch.intern(name),
            SpanKind::Llm => {
                update.model = batch.intern(if at % 3 == 0 { "gpt-4o" } else { "claude-sonnet-4-5" });
                update.first_token = Some(from.plus(20 * NANOS_PER_MS));
                let (input, output) = (100 + at as u64 % 4_000, 20 + at as u64 % 700);
                update.usage = Some(Usage { input: Some(input), output: Some(output), ..Usage::default() });
                update.cost = Some(NanoUsd((input * 2_500 + output * 10_000) as i64));
            }
            _ => {}
        }
        batch.push(update);
    }
    batch
}
