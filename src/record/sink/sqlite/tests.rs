use super::*;
use crate::model::{Status, UnixNanos};

fn row(span: &str, ms: i64) -> SpanRow {
    SpanRow::started("t1", span, "n", "tool_execution", UnixNanos::from_ms(ms))
}

fn read(path: &Path, sql: &str) -> Vec<String> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opens");
    let mut statement = db.prepare(sql).expect("prepares");
    let columns = statement.column_count();
    let rows = statement
        .query_map([], |row| {
            (0..columns)
                .map(|n| {
                    Ok(match row.get_ref(n)? {
                        rusqlite::types::ValueRef::Null => "null".to_owned(),
                        rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                        rusqlite::types::ValueRef::Real(n) => n.to_string(),
                        rusqlite::types::ValueRef::Text(text) | rusqlite::types::ValueRef::Blob(text) => {
                            String::from_utf8_lossy(text).into_owned()
                        }
                    })
                })
                .collect::<rusqlite::Result<Vec<_>>>()
        })
        .expect("queries");
    rows.map(|row| row.expect("reads").join("|")).collect()
}

#[test]
fn the_schema_loads_and_marks_the_store() {
    let db = Connection::open_in_memory().expect("opens");
    db.execute_batch(SCHEMA).expect("loads");
    let pragma = |name: &str| -> i64 {
        db.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).expect("answers")
    };
    assert_eq!(pragma("application_id"), APPLICATION_ID);
    assert_eq!(&APPLICATION_ID.to_be_bytes()[4..], b"TTUI");
    assert_eq!(pragma("user_version"), VERSION);
}

#[test]
fn indexes_serve_the_questions_they_are_for() {
    let db = Connection::open_in_memory().expect("opens");
    db.execute_batch(SCHEMA).expect("loads");
    for (question, index) in [
        ("parent_span_id IS NULL ORDER BY started_at DESC LIMIT 50", "execution_spans_roots"),
        ("ended_at IS NULL ORDER BY started_at DESC", "execution_spans_open"),
        ("trace_id = 't' ORDER BY started_at", "execution_spans_trace"),
        ("span_type = 'model_generation' ORDER BY started_at DESC LIMIT 50", "execution_spans_type"),
        ("entity_id = 'x' AND span_type = 'agent_run' ORDER BY started_at DESC", "execution_spans_entity"),
        (
            "parent_span_id IS NULL AND json_extract(attributes, '$.userId') = 'u' ORDER BY started_at DESC",
            "execution_spans_user",
        ),
    ] {
        let sql = format!("EXPLAIN QUERY PLAN SELECT span_id FROM execution_spans WHERE {question}");
        let plan: String = db.query_row(&sql, [], |row| row.get(3)).expect("explains");
        assert!(plan.contains(&format!("{index} ")) || plan.ends_with(index), "{question}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{question}: {plan}");
    }
}

#[test]
fn a_span_is_inserted_at_start_and_updated_at_end() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("run.db");
    let mut sink = SqliteSink::open(&path).expect("opens");
    let mut span = row("s1", 1_000);
    span.input = Some(serde_json::json!({"q": 1}));
    sink.write(std::slice::from_ref(&span)).expect("writes");
    let all = "SELECT rowid, status, ended_at, duration_ms, input, output, created_at, updated_at FROM execution_spans";
    assert_eq!(
        read(&path, all),
        ["1|started|null|null|{\"q\":1}|null|1970-01-01T00:00:01.000000Z|1970-01-01T00:00:01.000000Z"]
    );
    span.output = Some(serde_json::json!("done"));
    span.end(UnixNanos::from_ms(1_250), Status::Ok);
    sink.write(std::slice::from_ref(&span)).expect("writes");
    let ended = "1|completed|1970-01-01T00:00:01.250000Z|250|{\"q\":1}|\"done\"|1970-01-01T00:00:01.000000Z|\
                 1970-01-01T00:00:01.250000Z";
    assert_eq!(read(&path, all), [ended]);
    sink.write(&[row("s1", 1_000)]).expect("a late start is no error");
    assert_eq!(read(&path, all), [ended], "and does not reopen the span");
    sink.flush().expect("syncs");
}

#[test]
fn a_killed_writer_leaves_open_spans() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("run.db");
    let mut sink = SqliteSink::open(&path).expect("opens");
    sink.write(&[row("s1", 1_000), row("s2", 1_001)]).expect("writes");
    // A kill runs no destructors: nothing is closed, checkpointed or flushed.
    std::mem::forget(sink);
    assert_eq!(
        read(&path, "SELECT span_id, status, ended_at FROM execution_spans ORDER BY rowid"),
        ["s1|started|null", "s2|started|null"]
    );
    SqliteSink::open(&path).expect("the next writer opens it").write(&[row("s3", 2_000)]).expect("writes");
}

#[test]
fn the_store_is_private_and_in_wal_mode() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("a b?#%25.db");
    let mut sink = SqliteSink::open(&path).expect("opens");
    sink.write(&[row("s1", 1)]).expect("writes");
    SqliteSink::open(&path).expect("opens twice");
    assert_eq!(read(&path, "PRAGMA journal_mode"), ["wal"]);
    #[cfg(unix)]
    for entry in std::fs::read_dir(dir.path()).expect("lists") {
        use std::os::unix::fs::PermissionsExt;
        let entry = entry.expect("entry");
        let mode = entry.metadata().expect("meta").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn other_databases_are_left_alone() {
    let dir = tempfile::tempdir().expect("dir");
    for (name, sql) in [
        ("other.db", "PRAGMA journal_mode = wal; CREATE TABLE mastra_ai_spans (x)"),
        ("marked.db", "PRAGMA application_id = 7; CREATE TABLE execution_spans (x)"),
        ("newer.db", "PRAGMA application_id = 1414813001; PRAGMA user_version = 2; CREATE TABLE y (x)"),
    ] {
        let path = dir.path().join(name);
        Connection::open(&path).expect("opens").execute_batch(sql).expect("makes");
        let before = std::fs::read(&path).expect("reads");
        let error = SqliteSink::open(&path).expect_err("refuses");
        match name {
            "newer.db" => assert!(matches!(error, SinkError::Newer { version: 2, .. }), "{error}"),
            _ => assert!(matches!(error, SinkError::NotOurs { .. }), "{error}"),
        }
        assert_eq!(std::fs::read(&path).expect("reads"), before);
    }
    let path = dir.path().join("letter.db");
    std::fs::write(&path, "dear diary, ".repeat(50)).expect("writes");
    assert!(matches!(SqliteSink::open(&path), Err(SinkError::NotOurs { .. })));
    assert_eq!(std::fs::read_dir(dir.path()).expect("lists").count(), 4, "nothing was created beside them");
}

#[test]
fn two_writers_lose_nothing() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("run.db");
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let path = &path;
            scope.spawn(move || {
                let mut sink = SqliteSink::open(path).expect("opens");
                for n in 0..100 {
                    sink.write(&[row(&format!("{writer}-{n}"), n)]).expect("writes");
                }
            });
        }
    });
    assert_eq!(read(&path, "SELECT count(*) FROM execution_spans"), ["200"]);
}
