//! What taking lines in costs: from bytes to a store with all its totals, beside what `serde_json` takes to make
//! values of the same lines; and what decoding alone costs, beside looking for the line ends and beside `serde_json`
//! reading the few fields of a span into a type made for them.
//!
//! `cargo bench --bench ingest`

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]

mod ratio;

use std::borrow::Cow;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use memchr::memchr_iter;
use tracetui::format::{LINE_FORMATS, Line, Stream};
use tracetui::model::{Batch, PayloadRef, SegmentId, SourceId, Stamp, UnixNanos};
use tracetui::record::demo;
use tracetui::store::{Arrival, Store};

const SPANS: u64 = 20_000;

/// Decodes all lines and gives them on in batches.
fn decode(lines: &[u8], mut each: impl FnMut(&Batch)) {
    let format = LINE_FORMATS.iter().find(|format| format.name == "native").expect("the native format");
    let stream = Stream { name: "run.ndjson".to_owned(), salt: Vec::new(), notes: String::new() };
    let mut decoder = (format.decoder)(&stream);
    let mut batch = Batch::default();
    let mut from = 0;
    for end in memchr_iter(b'\n', lines) {
        let (bytes, pos) = (&lines[from..end], from as u64);
        let at = PayloadRef { segment: SegmentId(0), pos, len: bytes.len() as u32 };
        decoder.decode(
            &Line { bytes, at, stamp: Stamp::new(SegmentId(0), pos), arrived: UnixNanos(0) },
            &mut batch,
        );
        from = end + 1;
        if batch.updates.len() == 2_048 {
            each(&std::mem::take(&mut batch));
        }
    }
    each(&batch);
}

fn decoded(lines: &[u8]) -> usize {
    let mut spans = 0;
    decode(lines, |batch| spans += batch.updates.len());
    spans
}

fn ingest(lines: &[u8]) -> Store {
    let mut store = Store::new();
    decode(lines, |batch| apply(&mut store, batch));
    store
}

/// The fields of a span that its index needs, payloads passed over.
#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "read, not used")]
struct Record<'a> {
    #[serde(borrow)]
    trace_id: Cow<'a, str>,
    #[serde(borrow)]
    span_id: Cow<'a, str>,
    #[serde(borrow)]
    parent_span_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    span_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    started_at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ended_at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    duration_ms: Option<f64>,
}

fn typed(lines: &[u8]) -> usize {
    let lines = std::str::from_utf8(lines).expect("text").lines();
    lines.filter(|line| serde_json::from_str::<Record<'_>>(line).is_ok()).count()
}

fn apply(store: &mut Store, batch: &Batch) {
    store.apply(SourceId(0), batch, Arrival { at: UnixNanos(0), live: false });
    store.take_changes();
}

fn values(lines: &[u8]) -> usize {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok()).count()
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.ndjson");
    demo::generate(SPANS, 7, &path).expect("generates");
    let lines = std::fs::read(&path).expect("reads");
    assert_eq!((values(&lines) as u64, decoded(&lines) as u64, typed(&lines) as u64), (SPANS, SPANS, SPANS));
    let store = ingest(&lines);
    println!(
        "{SPANS} spans, {} MB, {} B of index a span",
        lines.len() >> 20,
        store.used_memory() / store.rows()
    );
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .without_plots();
    let mut group = criterion.benchmark_group("ingest");
    group.throughput(Throughput::Bytes(lines.len() as u64));
    group.bench_function("decode and apply", |bencher| bencher.iter(|| ingest(&lines)));
    group.bench_function("serde_json values", |bencher| bencher.iter(|| values(&lines)));
    group.finish();
    let ends = || memchr_iter(b'\n', &lines).count();
    ratio::print("decode beside finding line ends", ratio::in_turn(11, || decoded(&lines), ends));
    ratio::print(
        "decode beside serde_json into a type",
        ratio::in_turn(11, || decoded(&lines), || typed(&lines)),
    );
    ratio::print("ingest beside serde_json values", ratio::in_turn(11, || ingest(&lines), || values(&lines)));
}
