//! What taking rows in costs: from a SQLite store to all its totals, beside what SQLite itself takes to add tokens up
//! by model, and to step through the light columns.
//!
//! `cargo bench --bench rows`

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::mpsc::channel;
use tracetui::model::{SourceId, UnixNanos};
use tracetui::record::demo;
use tracetui::source::{Catalog, Follow, SourceEvent, SourceSpec, StopFlag, spawn};
use tracetui::store::{Arrival, Store};

const SPANS: u64 = 50_000;
const ROUNDS: usize = 11;

fn index(path: &Path) -> Store {
    let (tx, mut rx) = channel(64);
    let spec = SourceSpec::Path(path.to_owned());
    let catalog = Arc::new(Catalog::default());
    let thread = spawn(spec, SourceId(0), catalog, Follow::Once, None, tx, StopFlag::default());
    let mut store = Store::new();
    store.add_source(SourceId(0), "bench");
    while let Some(message) = rx.blocking_recv() {
        match message.event {
            SourceEvent::Segment { id, .. } => store.add_segment(id, message.source),
            SourceEvent::Batch(batch) => {
                store.apply(message.source, &batch, Arrival { at: UnixNanos(0), live: false });
                store.take_changes();
            }
            _ => {}
        }
    }
    thread.join().expect("reads");
    store
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opens")
}

fn totals_by_model(path: &Path) -> i64 {
    let sql = "SELECT json_extract(attributes, '$.model'), count(*), \
               sum(json_extract(attributes, '$.promptTokens')), \
               sum(json_extract(attributes, '$.completionTokens')) FROM execution_spans GROUP BY 1";
    let connection = open(path);
    let mut statement = connection.prepare(sql).expect("prepares");
    let mut rows = statement.query([]).expect("runs");
    let mut all = 0;
    while let Some(row) = rows.next().expect("steps") {
        all += row.get::<_, i64>(1).expect("counts");
    }
    all
}

fn step(path: &Path) -> usize {
    let sql = "SELECT trace_id, span_id, parent_span_id, name, span_type, started_at, ended_at, duration_ms, \
               status, rowid FROM execution_spans";
    let connection = open(path);
    let mut statement = connection.prepare(sql).expect("prepares");
    let mut rows = statement.query([]).expect("runs");
    let mut bytes = 0;
    while let Some(row) = rows.next().expect("steps") {
        for at in 0..9 {
            bytes += row
                .get_ref(at)
                .expect("a cell")
                .as_bytes_or_null()
                .map_or(8, |cell| cell.map_or(0, <[u8]>::len));
        }
    }
    bytes
}

/// Processor time of all threads so far.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.try_into().expect("a time since the start")
}

/// Medians of the processor time that two things take, done in turn.
fn in_turn<A, B>(ours: impl Fn() -> A, floor: impl Fn() -> B) -> (Duration, Duration) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let began = cpu();
        black_box(ours());
        let between = cpu();
        black_box(floor());
        times[0].push(between.saturating_sub(began));
        times[1].push(cpu().saturating_sub(between));
    }
    let [ours, floor] = times.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2]
    });
    (ours, floor)
}

fn print(what: &str, (ours, floor): (Duration, Duration)) {
    let us = |time: Duration| time.as_secs_f64() * 1e6 / SPANS as f64;
    let ratio = ours.as_secs_f64() / floor.as_secs_f64();
    println!("{what:<44} {:>8.3} us a row  floor {:>8.3}  ratio {ratio:>5.2}", us(ours), us(floor));
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.db");
    demo::generate(SPANS, 7, &path).expect("generates");
    println!("{SPANS} spans, {} MB", std::fs::metadata(&path).expect("a file").len() >> 20);
    assert_eq!(index(&path).rows() as u64, SPANS);
    assert_eq!(totals_by_model(&path) as u64, SPANS);
    print("index beside totals by model in SQL", in_turn(|| index(&path), || totals_by_model(&path)));
    print("index beside a step over light columns", in_turn(|| index(&path), || step(&path)));
}
