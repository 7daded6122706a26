//! What taking lines in costs: from bytes to a store with all its totals, beside what `serde_json` takes to make
//! values of the same lines.
//!
//! `cargo bench --bench ingest`

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]

mod ratio;

use std::time::Duration;

use criterion::{Criterion, Throughput};
use tracetui::format::{LINE_FORMATS, Line, Stream};
use tracetui::model::{Batch, PayloadRef, SegmentId, SourceId, Stamp, UnixNanos};
use tracetui::record::demo;
use tracetui::store::{Arrival, Store};

const SPANS: u64 = 20_000;

fn ingest(lines: &[u8]) -> Store {
    let format = LINE_FORMATS.iter().find(|format| format.name == "native").expect("the native format");
    let stream = Stream { name: "run.ndjson".to_owned(), salt: Vec::new() };
    let mut decoder = (format.decoder)(&stream);
    let mut store = Store::new();
    let mut batch = Batch::default();
    let mut pos = 0;
    for bytes in lines.split(|byte| *byte == b'\n') {
        let at = PayloadRef { segment: SegmentId(0), pos, len: bytes.len() as u32 };
        decoder.decode(
            &Line { bytes, at, stamp: Stamp::new(SegmentId(0), pos), arrived: UnixNanos(0) },
            &mut batch,
        );
        pos += bytes.len() as u64 + 1;
        if batch.updates.len() == 2_048 {
            apply(&mut store, &std::mem::take(&mut batch));
        }
    }
    apply(&mut store, &batch);
    store
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
    assert_eq!(values(&lines) as u64, SPANS);
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
    ratio::print("ingest beside serde_json values", ratio::in_turn(11, || ingest(&lines), || values(&lines)));
}
