//! What writers do to a database while it is watched: nothing may be lost, repeated or shown too early.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, params};
use tracetui::model::Status;
use tracetui::source::SourceState;
use tracetui::source::sqlite::{Follow, RowDetail};

use super::support::{Watch, Writer};

const N: usize = 50;
pub(super) const DDL: &str = "CREATE TABLE IF NOT EXISTS execution_spans(trace_id TEXT, span_id TEXT PRIMARY KEY, \
    parent_span_id TEXT, name TEXT, span_type TEXT, started_at TEXT, ended_at TEXT, duration_ms INTEGER, \
    status TEXT, attributes TEXT)";

/// The writer's side; does nothing in an ordinary run.
#[test]
fn writer_process() {
    let (Ok(scenario), Some(path)) =
        (std::env::var("TRACETUI_TEST_SCENARIO"), std::env::var_os("TRACETUI_TEST_PATH"))
    else {
        return;
    };
    act(&scenario, &PathBuf::from(path));
}

pub(super) fn db(path: &Path, mode: &str) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.busy_timeout(Duration::from_secs(5)).unwrap();
    conn.pragma_update(None, "journal_mode", mode).unwrap();
    conn.execute(DDL, []).unwrap();
    conn
}

pub(super) fn put(conn: &Connection, ids: impl IntoIterator<Item = usize>) {
    let sql = "insert or replace into execution_spans values(?,?,null,?,'t',?,null,?,'running','{}')";
    let mut insert = conn.prepare_cached(sql).unwrap();
    for id in ids {
        let span = format!("{:016x}", 0xc0de_0000_0000_0000_u64 + id as u64);
        let trace = "0af7651916cd43dd8448eb211c80319c";
        insert
            .execute(params![trace, span, format!("live-{id}"), "2026-01-01T00:00:00Z", id as i64])
            .unwrap();
    }
}

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

fn run(conn: &Connection, sql: &str) {
    conn.execute_batch(sql).unwrap();
}

fn act(scenario: &str, path: &Path) {
    let n = N;
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    match scenario {
        "insert" => {
            let c = db(path, "wal");
            for i in 0..n {
                put(&c, [i]);
                pause(5);
            }
        }
        "update_end" => {
            let c = db(path, "wal");
            put(&c, 0..n);
            pause(500);
            run(&c, "update execution_spans set status='completed', ended_at='2026-01-01T00:00:09Z'");
        }
        "delete_mode" => {
            let c = db(path, "delete");
            for i in 0..n {
                put(&c, [i]);
                pause(10);
            }
        }
        "exclusive_2s" => {
            let c = db(path, "delete");
            put(&c, 0..n);
            run(&c, "begin exclusive");
            put(&c, n..2 * n);
            pause(2000);
            run(&c, "commit");
        }
        "rollback" => {
            let c = db(path, "wal");
            put(&c, 0..n);
            run(&c, "begin");
            put(&c, 90_000..90_000 + n);
            pause(700);
            run(&c, "rollback");
        }
        "retention" => {
            let c = db(path, "wal");
            put(&c, 0..n);
            pause(700);
            c.execute("delete from execution_spans where duration_ms < ?", [n as i64 / 2]).unwrap();
            pause(300);
        }
        "vacuum" => {
            let c = db(path, "wal");
            put(&c, 0..n);
            pause(500);
            run(&c, "delete from execution_spans where duration_ms % 2 = 0; vacuum");
            put(&c, n..2 * n);
        }
        "truncate_ckpt" => {
            let c = db(path, "wal");
            for i in 0..n {
                put(&c, [i]);
                // Busy while a reader reads: then the log is merged the next time.
                c.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
            }
        }
        "mode_switch" => {
            let c = db(path, "wal");
            put(&c, 0..n);
            pause(500);
            // Refused while another connection is open, as with any reader; the application goes on.
            let _ = c.query_row("pragma journal_mode=delete", [], |_| Ok(()));
            put(&c, n..2 * n);
        }
        "replace_rename" => {
            let c = db(path, "wal");
            put(&c, 0..n);
            pause(1000);
            drop(c);
            let d = db(&beside(".new"), "wal");
            put(&d, n..2 * n);
            drop(d);
            std::fs::rename(beside(".new"), path).unwrap();
        }
        "rm_recreate" => {
            let c = db(path, "wal");
            put(&c, 0..n);
            pause(1000);
            drop(c);
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(beside(suffix));
            }
            let c = db(path, "wal");
            put(&c, n..2 * n);
        }
        "add_column" => {
            let c = db(path, "wal");
            put(&c, 0..n);
            pause(700);
            run(
                &c,
                "alter table execution_spans add column extra text; update execution_spans set extra='x'",
            );
        }
        "rename_back" => {
            let c = db(path, "wal");
            put(&c, 0..n);
            pause(700);
            run(&c, "alter table execution_spans rename to tmp1");
            pause(700);
            run(&c, "alter table tmp1 rename to execution_spans");
            put(&c, n..2 * n);
        }
        "big_txn" => {
            let c = db(path, "wal");
            run(&c, "begin");
            put(&c, 0..20_000);
            pause(300);
            run(&c, "commit");
        }
        "kill9_txn" => {
            let c = db(path, "wal");
            put(&c, 0..2 * n);
            run(&c, "begin");
            put(&c, 90_000..90_000 + n);
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
        "table_later" => {
            let c = Connection::open(path).unwrap();
            run(&c, "pragma journal_mode=wal; create table other(a)");
            pause(700);
            run(&c, DDL);
            put(&c, 0..n);
        }
        "reused_rowids" => {
            let c = db(path, "wal");
            put(&c, 0..n);
            pause(500);
            run(&c, "delete from execution_spans where duration_ms >= 30");
            put(&c, n..2 * n);
            pause(300);
            run(&c, "begin; delete from execution_spans");
            put(&c, 2 * n..3 * n);
            run(&c, "commit");
        }
        "two_tables" => {
            let c = db(path, "wal");
            run(&c, &DDL.replace("execution_spans", "more_spans"));
            put(&c, 0..n);
            run(&c, "insert into more_spans select * from execution_spans where 0");
            let more = "insert into more_spans select trace_id, 'abc' || span_id, null, \
                        'live-' || (duration_ms + 50), 't', started_at, null, 0, 'running', '{}' \
                        from execution_spans";
            run(&c, more);
        }
        "without_rowid" => {
            let c = Connection::open(path).unwrap();
            run(&c, "pragma journal_mode=wal");
            run(&c, &format!("{DDL} WITHOUT ROWID"));
            for i in (0..n).rev() {
                put(&c, [i]);
                pause(5);
            }
            run(&c, "update execution_spans set status='completed', ended_at='2026-01-01T00:00:09Z'");
        }
        "open_close" => {
            for i in 0..n {
                put(&db(path, "wal"), [i]);
                pause(5);
            }
        }
        "commits" => super::harm::commits(path),
        other => panic!("no scenario {other}"),
    }
}

/// What a watcher must have been told in the end.
struct Outcome {
    expected: Vec<usize>,
    never: Range<usize>,
    /// Renumbered or replaced rows are told again, under their new place.
    may_repeat: bool,
}

fn outcome(expected: impl IntoIterator<Item = usize>) -> Outcome {
    Outcome { expected: expected.into_iter().collect(), never: 90_000..90_000 + N, may_repeat: false }
}

fn watch(scenario: &str, outcome: &Outcome) -> Watch {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.db");
    let mut watch = Watch::start(&path, Follow::Live);
    let writer = Writer::start(scenario, &path);
    watch.until(scenario, Duration::from_secs(30), |told| outcome.expected.iter().all(|&id| told.has(id)));
    if scenario != "kill9_txn" {
        writer.finish();
    }
    watch.take_for(Duration::from_millis(400));
    for id in outcome.never.clone() {
        assert!(!watch.told.has(id), "{scenario}: {id} was never committed");
    }
    let repeated: u32 = watch.told.spans.values().map(|seen| seen.repeated).sum();
    assert!(outcome.may_repeat || repeated == 0, "{scenario}: {repeated} repeated");
    watch
}

macro_rules! scenarios {
    ($($name:ident => $outcome:expr;)*) => {$(
        #[test]
        fn $name() {
            watch(stringify!($name), &$outcome);
        }
    )*};
}

scenarios! {
    insert => outcome(0..N);
    delete_mode => outcome(0..N);
    rollback => outcome(0..N);
    retention => outcome(N / 2..N);
    truncate_ckpt => outcome(0..N);
    mode_switch => outcome(0..2 * N);
    add_column => outcome(0..N);
    rename_back => outcome(0..2 * N);
    big_txn => outcome(0..20_000);
    kill9_txn => outcome(0..2 * N);
    table_later => outcome(0..N);
    two_tables => outcome(0..2 * N);
    open_close => outcome(0..N);
    vacuum => Outcome { may_repeat: true, ..outcome((0..N).filter(|i| i % 2 == 1).chain(N..2 * N)) };
    reused_rowids => outcome((0..30).chain(2 * N..3 * N));
}

#[test]
fn update_end() {
    let mut watch = watch("update_end", &outcome(0..N));
    let ended = |told: &super::support::Told| told.spans.values().all(|seen| seen.status == Status::Ok);
    watch.until("the end of every span", Duration::from_secs(5), ended);
}

#[test]
fn without_rowid() {
    let mut watch = watch("without_rowid", &outcome(0..N));
    let ended = |told: &super::support::Told| told.spans.values().all(|seen| seen.status == Status::Ok);
    watch.until("the end of every span", Duration::from_secs(5), ended);
}

#[test]
fn exclusive_2s() {
    let watch = watch("exclusive_2s", &outcome(0..2 * N));
    let states = &watch.told.states;
    assert!(states.iter().any(|state| matches!(state, SourceState::Blocked(_))), "{states:?}");
    assert_eq!(states.last(), Some(&SourceState::Live));
}

#[test]
fn replace_rename() {
    let watch = watch("replace_rename", &outcome(N..2 * N));
    assert!(watch.told.states.iter().any(|state| matches!(state, SourceState::Replaced(_))));
}

#[test]
fn rm_recreate() {
    let watch = watch("rm_recreate", &outcome(N..2 * N));
    assert!(watch.told.segments >= 2, "another file is another segment");
}

#[test]
fn newest_rows_come_first_and_all_of_them_come() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.db");
    let c = db(&path, "wal");
    run(&c, "begin");
    put(&c, 0..30_000);
    run(&c, "commit");
    let mut watch = Watch::start(&path, Follow::Live);
    watch.until("all", Duration::from_secs(20), |told| told.caught_up);
    let order = &watch.told.order;
    assert_eq!(order.len(), 30_000);
    assert_eq!(
        (order[0].as_str(), order[499].as_str(), order[500].as_str()),
        ("live-29500", "live-29999", "live-0")
    );
    assert_eq!(watch.told.progress, Some((30_000, 30_000)));
    put(&c, [30_000]);
    watch.until("the next row", Duration::from_secs(5), |told| told.has(30_000));
}

#[test]
fn one_row_is_read_for_reading() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("odd ?#%41 name.db");
    let c = db(&path, "wal");
    put(&c, 0..3);
    c.execute("update execution_spans set attributes = ?1 where duration_ms = 1", ["x".repeat(9 << 20)])
        .unwrap();
    c.execute("update execution_spans set attributes = cast(x'61ff00' as text) where duration_ms = 2", [])
        .unwrap();
    let mut watch = Watch::start(&path, Follow::Live);
    watch.until("all", Duration::from_secs(5), |told| told.spans.len() == 3);
    let read = |watch: &mut Watch, name: &str| {
        let payload = watch.told.spans[name].payload;
        let place = watch.place(payload.segment);
        let detail = RowDetail::read(&place.path, &place.plan, place.format, payload.pos).unwrap();
        assert_eq!(detail.attributes[3], ("name".to_owned(), name.to_owned()));
        detail.attributes[9].1.clone()
    };
    assert_eq!(read(&mut watch, "live-0"), "{}");
    assert_eq!(read(&mut watch, "live-1").len(), 8 << 20, "cut");
    assert_eq!(read(&mut watch, "live-2"), "a\u{fffd}\0");
}
