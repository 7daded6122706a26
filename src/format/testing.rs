//! What the tests of decoders share: feeding a file, and the smallest fold of updates into spans.

use std::collections::BTreeMap;

use super::{Line, LineFormat, Stream};
use crate::model::{
    Batch, NanoUsd, PayloadRef, Reason, SegmentId, SpanKind, SpanUpdate, Stamp, Status, TokenSum, UnixNanos,
};

/// Decodes a whole file.
pub(super) fn decode(format: &LineFormat, bytes: &[u8]) -> Batch {
    let stream = Stream { name: "test.ndjson".to_owned(), salt: b"test".to_vec(), notes: String::new() };
    let mut decoder = (format.decoder)(&stream);
    let mut batch = Batch::default();
    let mut pos = 0;
    for bytes in bytes.split(|&byte| byte == b'\n') {
        let at = PayloadRef { segment: SegmentId(0), pos, len: bytes.len() as u32 };
        let stamp = Stamp::new(SegmentId(0), pos);
        decoder.decode(&Line { bytes, at, stamp, arrived: UnixNanos(0) }, &mut batch);
        pos += bytes.len() as u64 + 1;
    }
    decoder.finish(&mut batch);
    batch
}

/// A file for [`decode_files`]: its notes and its bytes.
pub(super) type NotedFile = (String, Vec<u8>);

/// Decodes several files as sources of one run do, each a segment of its own.
pub(super) fn decode_files(format: &LineFormat, files: &[NotedFile]) -> Batch {
    let mut batch = Batch::default();
    for (segment, (notes, bytes)) in files.iter().enumerate() {
        let stream = Stream { name: "a.jsonl".to_owned(), salt: vec![segment as u8], notes: notes.clone() };
        let mut decoder = (format.decoder)(&stream);
        let segment = SegmentId(segment as u32);
        let mut pos = 0;
        for bytes in bytes.split_inclusive(|&byte| byte == b'\n') {
            let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            let at = PayloadRef { segment, pos, len: line.len() as u32 };
            let stamp = Stamp::new(segment, pos);
            decoder.decode(&Line { bytes: line, at, stamp, arrived: UnixNanos(0) }, &mut batch);
            pos += bytes.len() as u64;
        }
        decoder.finish(&mut batch);
    }
    // As the store merges: what is weaker counts as if it had come before.
    batch.updates.sort_by_key(|update| update.stamp);
    batch
}

/// Spans as a store would hold them, in order of their first record.
pub(super) fn fold(batch: &Batch) -> Vec<SpanUpdate> {
    let mut spans: Vec<SpanUpdate> = Vec::new();
    let mut index = BTreeMap::new();
    for update in &batch.updates {
        let at = *index.entry((update.trace, update.span)).or_insert_with(|| {
            spans.push(*update);
            spans.len() - 1
        });
        merge(&mut spans[at], update);
    }
    spans
}

fn merge(span: &mut SpanUpdate, later: &SpanUpdate) {
    let time = |old: Option<crate::model::Timed>, new: Option<crate::model::Timed>| match (old, new) {
        (Some(old), Some(new)) if new.inferred && !old.inferred => Some(old),
        (old, new) => new.or(old),
    };
    span.start = time(span.start, later.start);
    span.end = time(span.end, later.end);
    if !(span.status.is_some_and(Status::is_terminal) && later.status == Some(Status::Running)) {
        span.status = later.status.or(span.status);
    }
    if later.parent != crate::model::Parent::Unsaid {
        span.parent = later.parent;
    }
    span.kind = later.kind.or(span.kind);
    span.marks = span.marks.with(later.marks);
    span.usage = later.usage.or(span.usage);
    span.cost = later.cost.or(span.cost);
    span.run = later.run.or(span.run);
    for (symbol, new) in [
        (&mut span.name, later.name),
        (&mut span.model, later.model),
        (&mut span.step, later.step),
        (&mut span.agent, later.agent),
        (&mut span.error, later.error),
    ] {
        if new.is_some() {
            *symbol = new;
        }
    }
}

/// What a report would say.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) traces: usize,
    pub(super) spans: usize,
    pub(super) events: usize,
    pub(super) open: usize,
    pub(super) errors: usize,
    pub(super) llm_calls: usize,
    pub(super) tool_calls: usize,
    pub(super) tokens: TokenSum,
    pub(super) cost: NanoUsd,
}

/// Sums over the spans of a batch. Every span that has usage counts: the fixtures hold no roll-ups.
pub(super) fn totals(batch: &Batch) -> Totals {
    let mut totals = Totals::default();
    let spans = fold(batch);
    let mut traces: Vec<_> = spans.iter().map(|span| span.trace).collect();
    traces.sort();
    traces.dedup();
    totals.traces = traces.len();
    for span in &spans {
        if span.kind == Some(SpanKind::Event) {
            totals.events += 1;
            continue;
        }
        totals.spans += 1;
        totals.open += usize::from(span.status == Some(Status::Running));
        totals.errors += usize::from(span.status == Some(Status::Error));
        totals.llm_calls += usize::from(span.kind.is_some_and(SpanKind::is_model_call));
        totals.tool_calls += usize::from(span.kind == Some(SpanKind::Tool));
        totals.tokens.add_usage(&span.usage.unwrap_or_default());
        totals.cost += span.cost.unwrap_or_default();
    }
    totals
}

/// The problems as `reason=count`, in the order of the reasons.
pub(super) fn problems(batch: &Batch) -> String {
    let counts: Vec<_> =
        batch.problems.counts().map(|(reason, n)| format!("{}={n}", Reason::as_str(reason))).collect();
    counts.join(" ")
}

/// A fixture of the repository.
pub(super) fn fixture(path: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The run of `openinference` among the fixtures says the same in every format that carries its attributes, and each span's
/// record stands at a place of its own.
pub(super) fn is_the_openinference_run(format: &LineFormat, name: &str) {
    let text = fixture(name);
    let batch = decode(format, &text);
    let totals = totals(&batch);
    assert_eq!(problems(&batch), "", "{name}");
    assert_eq!((totals.traces, totals.spans, totals.open, totals.errors), (2, 15, 0, 2), "{name}");
    // Six calls of language models and one of an embedding model.
    assert_eq!((totals.llm_calls, totals.tool_calls), (7, 2), "{name}");
    let tokens = totals.tokens;
    assert_eq!((tokens.input, tokens.cache_read, tokens.cache_write), (18_008, 11_168, 1_000), "{name}");
    assert_eq!((tokens.output, tokens.reasoning), (800, 192), "{name}");
    for span in fold(&batch).iter().filter(|span| span.kind == Some(SpanKind::Tool)) {
        let at = span.payload.expect("a place");
        let read = (format.detail)(&text[at.pos as usize..][..at.len as usize]);
        assert!(read.input.is_some() || read.raw.contains("execute_tool"), "{}", read.raw);
        assert!(read.raw.starts_with('{') && read.raw.ends_with('}'));
    }
}
