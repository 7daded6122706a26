//! Sources that grow while they are watched.

use super::spans;
use crate::terminal::{Terminal, USUAL};

#[test]
fn a_log_that_grows_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = spans::file(folder.path(), "run.ndjson", &spans::run("t0", "first-flow"));
    let mut terminal = Terminal::start(&["watch", &path.to_string_lossy()], USUAL);
    terminal.wait_for("1 run ");
    for n in 1..=20 {
        let text = spans::run(&format!("t{n}"), &format!("flow-number-{n}"));
        // A write may end in the middle of a record.
        let (start, end) = text.split_at(text.len() / 3);
        spans::append(&path, start);
        spans::append(&path, end);
    }
    terminal.wait_for("21 runs");
    // Not a line is wrong, lost or counted twice: 21 failed tools.
    terminal.wait_for("21 errors");
    terminal.send("q");
    terminal.expect_exit(0);
}

#[test]
fn a_database_that_grows_is_followed_without_being_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.db");
    let mut db = rusqlite::Connection::open(&path).expect("opens");
    db.pragma_update(None, "journal_mode", "wal").expect("WAL");
    db.execute_batch(
        "CREATE TABLE execution_spans(trace_id TEXT, span_id TEXT PRIMARY KEY, parent_span_id TEXT, name TEXT,
           span_type TEXT, started_at TEXT, ended_at TEXT, status TEXT, attributes TEXT);",
    )
    .expect("a table");
    let mut insert = |trace: usize| {
        let write = db.transaction().expect("a transaction");
        write
            .execute(
                "INSERT INTO execution_spans VALUES (?1, ?1 || '-root', NULL, 'flow-' || ?1, 'workflow_run',
                   '2026-01-05T12:00:00.000Z', '2026-01-05T12:00:09.000Z', 'completed', '{}')",
                [trace.to_string()],
            )
            .expect("inserts");
        write.commit().expect("commits");
    };
    insert(1);
    let mut terminal = Terminal::start(&["watch", &path.to_string_lossy()], USUAL);
    terminal.wait_for("1 run ");
    (2..=30).for_each(&mut insert);
    terminal.wait_for("30 runs");
    terminal.send("q");
    terminal.expect_exit(0);
    db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
        .map(|result| assert_eq!(result, "ok"))
        .expect("checks");
}

#[test]
fn standard_input_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = spans::file(folder.path(), "run.ndjson", &spans::run("t1", "piped-flow"));
    let program = crate::terminal::program();
    let line = format!("cat '{}' | '{}' watch -; echo LEFT WITH $?", path.display(), program.display());
    let mut terminal = Terminal::start_in_shell(&line, USUAL);
    terminal.wait_for("piped-flow");
    terminal.send("q");
    terminal.wait_for("LEFT WITH 0");
    terminal.wait_until_restored();
}

#[test]
fn the_bell_rings_once_when_a_budget_is_crossed() {
    let call = |n: usize, cost: &str| {
        let attributes =
            format!(r#"{{"model":"house","promptTokens":90,"completionTokens":10,"costUsd":{cost}}}"#);
        let (trace, kind) = (format!("t{n}"), "model_generation");
        let (start, end, status) = (0, Some(2), "completed");
        spans::Span {
            trace: &trace,
            id: "call",
            parent: None,
            name: "call",
            kind,
            start,
            end,
            status,
            attributes: &attributes,
        }
        .line()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = spans::file(folder.path(), "run.ndjson", &call(0, "0.40"));
    let mut terminal = Terminal::start(&["watch", &path.to_string_lossy(), "--budget", "0.50"], USUAL);
    terminal.wait_for("80%");
    spans::append(&path, &call(1, "0.10"));
    terminal.wait_for("100%");
    spans::append(&path, &call(2, "0.12"));
    terminal.wait_for("over budget by $0.1200");
    // What comes after that, and a correction that comes twice, ring no more.
    spans::append(&path, &call(2, "0.00"));
    terminal.wait_for("100%");
    spans::append(&path, &(call(3, "0.20") + &call(3, "0.20")));
    terminal.wait_for("over budget by $0.2000");
    terminal.send("q");
    terminal.expect_exit(0);
    let raw = terminal.raw();
    let (mut bells, mut title) = (0, false);
    for (at, byte) in raw.iter().enumerate() {
        title |= raw[at..].starts_with(b"\x1b]");
        // The end of a window title is the same byte.
        if *byte == 0x07 && !std::mem::take(&mut title) {
            bells += 1;
        }
    }
    assert_eq!(bells, 1);
}

#[test]
fn a_folder_is_followed_into_one_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::start(&["watch", &folder.path().to_string_lossy()], USUAL);
    terminal.wait_for("waiting");
    spans::file(folder.path(), "one.ndjson", &spans::run("t1", "first-flow"));
    terminal.wait_for("first-flow");
    // One file needs no column that says which.
    std::fs::create_dir(folder.path().join("sub")).expect("made");
    let two = spans::file(&folder.path().join("sub"), "two.ndjson", &spans::run("t2", "second-flow"));
    terminal.wait_for("2 sources");
    terminal.wait_for("2 runs");
    spans::append(&two, &spans::run("t3", "third-flow"));
    terminal.wait_for("3 runs");
    terminal.wait_for("two  ");
    terminal.send("q");
    terminal.expect_exit(0);
}
