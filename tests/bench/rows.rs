//! What taking rows in costs: from a SQLite store to all its totals, beside what SQLite itself takes to add tokens up
//! by model, and to step through the light columns.
//!
//! `cargo bench --bench rows`

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]

mod ratio;

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::mpsc::channel;
use tracetui::model::{SourceId, UnixNanos};
use tracetui::record::demo;
use tracetui::source::{Catalog, Follow, SourceEvent, SourceSpec, StopFlag, spawn};
use tracetui::store::{Arrival, Store};

const SPANS: u64 = 50_000;
const ROUNDS: usize = 11;

/// Reads first and applies then, so that the time is that of one thread.
fn index(path: &Path) -> Store {
    let (tx, mut rx) = channel(1 << 16);
    let spec = SourceSpec::Path(path.to_owned());
    let catalog = Arc::new(Catalog::default());
    let thread = spawn(spec, SourceId(0), catalog, Follow::Once, None, tx, StopFlag::default());
    thread.join().expect("reads");
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

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.db");
    demo::generate(SPANS, 7, &path).expect("generates");
    println!("{SPANS} spans, {} MB", std::fs::metadata(&path).expect("a file").len() >> 20);
    assert_eq!(index(&path).rows() as u64, SPANS);
    assert_eq!(totals_by_model(&path) as u64, SPANS);
    ratio::print(
        "index beside totals by model in SQL",
        ratio::in_turn(ROUNDS, || index(&path), || totals_by_model(&path)),
    );
    ratio::print(
        "index beside a step over light columns",
        ratio::in_turn(ROUNDS, || index(&path), || step(&path)),
    );
}
