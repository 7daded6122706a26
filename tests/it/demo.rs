//! What `tracetui demo` writes: a store that other programs can read, the same for the same seed.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use tracetui::model::UnixNanos;
use tracetui::record::demo::{Demo, VirtualClock, generate};
use tracetui::record::open_sink;

const START: UnixNanos = UnixNanos(1_770_224_400_000_000_000);

fn play(path: &Path, demo: Demo, seconds: i64) {
    let mut sink = open_sink(path).expect("opens");
    let mut clock = VirtualClock::new(START, START.plus(seconds * 1_000_000_000));
    demo.play(&mut *sink, &mut clock, &AtomicBool::new(false)).expect("plays");
}

fn one(path: &Path, sql: &str) -> i64 {
    let db = rusqlite::Connection::open(path).expect("opens");
    db.query_row(sql, [], |row| row.get(0)).expect(sql)
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let dir = tempfile::tempdir().expect("dir");
    let paths = ["a.ndjson", "b.ndjson"].map(|name| dir.path().join(name));
    for path in &paths {
        play(path, Demo { past_runs: 5, ..Demo::default() }, 60);
    }
    let [a, b] = paths.map(|path| std::fs::read(path).expect("reads"));
    assert!(a.len() > 100_000 && a == b);
}

#[test]
fn the_store_holds_whole_trees() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("run.db");
    play(&path, Demo { past_runs: 8, ..Demo::default() }, 90);
    let count =
        |condition: &str| one(&path, &format!("SELECT count(*) FROM execution_spans s WHERE {condition}"));
    assert!(count("1") > 200);
    let orphans = "parent_span_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM execution_spans p \
                   WHERE p.trace_id = s.trace_id AND p.span_id = s.parent_span_id)";
    assert_eq!(count(orphans), 0);
    assert_eq!(count("ended_at < started_at OR duration_ms < 0 OR updated_at < created_at"), 0);
    assert_eq!(count("NOT json_valid(attributes) OR NOT json_valid(coalesce(input, '{}'))"), 0);
    assert!(count("status = 'failed'") > 0 && count("status = 'cancelled'") > 0);
}

#[test]
fn both_kinds_of_big_file_hold_the_same_spans() {
    let dir = tempfile::tempdir().expect("dir");
    let (log, store) = (dir.path().join("a.ndjson"), dir.path().join("a.db"));
    generate(3_000, 42, &log).expect("makes");
    generate(3_000, 42, &store).expect("makes");
    let mut tokens = 0;
    let text = std::fs::read_to_string(&log).expect("reads");
    for line in text.lines() {
        let span: serde_json::Value = serde_json::from_str(line).expect("valid JSON");
        tokens += span["attributes"]["totalTokens"].as_i64().unwrap_or(0);
    }
    assert_eq!(text.lines().count(), 3_000);
    assert_eq!(one(&store, "SELECT count(*) FROM execution_spans"), 3_000);
    let sum = "SELECT sum(json_extract(attributes, '$.totalTokens')) FROM execution_spans";
    assert_eq!(one(&store, sum), tokens);
}
