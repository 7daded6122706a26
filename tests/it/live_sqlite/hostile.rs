//! Broken and hostile databases: each costs at most itself.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::Connection;
use tracetui::model::Reason;
use tracetui::source::SourceState;

use super::scenarios::{DDL, db, put};
use super::support::{Told, Watch};

struct Case {
    dir: tempfile::TempDir,
    path: PathBuf,
}

impl Case {
    /// A database in rollback mode, made by `sql`.
    fn of(sql: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("case.db");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        Self { dir, path }
    }

    /// A file of these bytes.
    fn bytes(bytes: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("case.db");
        std::fs::write(&path, bytes).unwrap();
        Self { dir, path }
    }

    /// A good database of `rows` rows, in bytes.
    fn good(rows: usize) -> Vec<u8> {
        let case = Self::of("");
        put(&db(&case.path, "delete"), 0..rows);
        std::fs::read(&case.path).unwrap()
    }

    /// Reads once; nothing beside the database may be new, nor the database changed.
    fn told(&self) -> Told {
        let look = || {
            let mut files: Vec<_> = std::fs::read_dir(self.dir.path())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| (path.clone(), std::fs::read(path).unwrap()))
                .collect();
            files.sort();
            files
        };
        let before = look();
        let began = Instant::now();
        let told = Watch::once(&self.path);
        assert!(began.elapsed().as_secs() < 8, "answers in time");
        assert!(before == look(), "left as it was");
        told
    }
}

#[track_caller]
fn assert_failed(told: &Told, why: &str) {
    let Some(SourceState::Failed(said)) = told.states.last() else { panic!("{:?}", told.states) };
    assert!(said.contains(why), "{said:?} should say {why:?}");
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

#[test]
fn what_is_no_database_is_called_that() {
    assert_failed(&Case::bytes(b"{\"span\":1}\n".repeat(20).as_slice()).told(), "not a SQLite database");
    assert_failed(&Case::bytes(b"SQLite format 3\0\x10\0\x02\x02\0\x40  ").told(), "ends after 24 bytes");
    assert_failed(&Case::bytes(b"").told(), "empty");
    let mut newer = Case::good(3);
    (newer[18], newer[19]) = (9, 9);
    assert_failed(&Case::bytes(&newer).told(), "newer SQLite");
    let dir = tempfile::tempdir().unwrap();
    assert_failed(&Watch::once(dir.path()), "not a regular file");
    assert_failed(&Watch::once(&dir.path().join("none.db")), "no such file");
}

#[test]
fn a_truncated_file_shows_what_is_left() {
    let good = Case::good(2000);
    let told = Case::bytes(&good[..good.len() / 2]).told();
    assert_failed(&told, "malformed");
    assert!(told.ended);
}

#[test]
fn damaged_pages_cost_their_rows() {
    let mut bytes = Case::good(2000);
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let at = bytes.len() / page / 2 * page;
    // The next page of rows: with a table's leaf type, not an index's.
    let at = (at..bytes.len()).step_by(page).find(|&at| bytes[at] == 13).unwrap();
    let cells = usize::from(u16::from_be_bytes([bytes[at + 3], bytes[at + 4]]));
    let good = bytes.clone();
    bytes[at..at + page].fill(0xA5);
    let told = Case::bytes(&bytes).told();
    assert_eq!(told.problems.count(Reason::DamagedRow), 1);
    assert_eq!(2000 - told.spans.len(), cells);
    assert!(told.has(0) && told.has(1999));

    // The page is sound but for its rowids: a row in the middle has one that is behind all others.
    let mut bytes = good;
    let cell = |n: usize| usize::from(u16::from_be_bytes([bytes[at + 8 + 2 * n], bytes[at + 9 + 2 * n]]));
    let length = |at: usize| bytes[at..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let rowid = at + cell(0) + length(at + cell(0));
    assert_eq!(length(rowid), 2);
    bytes[rowid..rowid + 2].copy_from_slice(&[0xFF, 0x7F]);
    let told = Case::bytes(&bytes).told();
    assert!(told.problems.count(Reason::DamagedRow) > 0);
    let lost = 2000 - told.spans.len();
    assert!(lost <= cells, "{lost} lost of a page of {cells}");
    assert!(told.has(0) && told.has(1999));
}

#[test]
fn a_damaged_schema_is_an_error() {
    let mut bytes = Case::good(3);
    bytes[100..108].fill(0xFF);
    assert_failed(&Case::bytes(&bytes).told(), "damaged");
}

#[test]
fn a_log_that_nobody_has_open_is_read_from_a_copy() {
    let source = Case::of("");
    let c = db(&source.path, "wal");
    put(&c, 0..6);
    c.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    put(&c, 6..12);
    let case = Case::bytes(&std::fs::read(&source.path).unwrap());
    let log = std::fs::read(beside(&source.path, "-wal")).unwrap();
    std::fs::write(beside(&case.path, "-wal"), &log).unwrap();
    assert_eq!(case.told().spans.len(), 12);
    // Torn in the middle of the last commit.
    std::fs::write(beside(&case.path, "-wal"), &log[..log.len() - 2000]).unwrap();
    assert_eq!(case.told().spans.len(), 11);
    // Of another database.
    let mut foreign = log.clone();
    foreign[16..24].fill(0);
    std::fs::write(beside(&case.path, "-wal"), &foreign).unwrap();
    assert_eq!(case.told().spans.len(), 6);
    // Without its database.
    std::fs::remove_file(&case.path).unwrap();
    assert_failed(&case.told(), "no such file");
}

#[test]
fn a_hot_journal_is_left_to_its_writer() {
    let source = Case::of("pragma cache_size=1");
    let c = db(&source.path, "delete");
    put(&c, 0..6);
    // Spilled to the file, never committed.
    c.execute_batch("pragma cache_size=2; pragma cache_spill=1; begin").unwrap();
    put(&c, 90_000..90_400);
    let journal = std::fs::read(beside(&source.path, "-journal")).unwrap();
    assert!(journal.len() > 512 && journal[0] != 0);
    let case = Case::bytes(&std::fs::read(&source.path).unwrap());
    std::fs::write(beside(&case.path, "-journal"), &journal).unwrap();
    let told = case.told();
    assert_failed(&told, "needs recovery by its writer");
    assert!(told.spans.is_empty(), "never what was not committed");
}

#[test]
fn views_are_refused() {
    let endless = "create view execution_spans as with recursive r(n) as (select 1 union all select n + 1 from r) \
                   select n as trace_id, n as span_id, 'x' as name from r";
    assert_failed(&Case::of(endless).told(), "execution_spans (not a table)");
}

#[test]
fn other_databases_are_named_by_what_they_hold() {
    assert_failed(&Case::of("create table users(a)").told(), "no span table found; tables: users");
    let lacks = "create table execution_spans(trace_id, span_id)";
    assert_failed(&Case::of(lacks).told(), "execution_spans: lacks name");
}

#[test]
fn names_are_quoted_and_columns_chosen_by_name() {
    let told = Case::of(
        "create table execution_spans(\"a\"\"b\" , name, \"x); drop table t; --\", span_id, trace_id, rowid); \
         insert into execution_spans values(1, 'one', 2, 's1', 't1', 'shadow')",
    )
    .told();
    assert_eq!(told.spans.keys().collect::<Vec<_>>(), ["one"]);
}

#[test]
fn rowids_at_both_ends_are_read() {
    let case = Case::of(DDL);
    let insert = "insert into execution_spans(rowid, trace_id, span_id, name) values";
    let c = Connection::open(&case.path).unwrap();
    c.execute_batch(&format!(
        "{insert}(-5, 't1', 's1', 'a'); {insert}(9223372036854775807, 't1', 's2', 'b'); \
         insert into execution_spans(trace_id, span_id, name) values('t1', 's3', 'c')"
    ))
    .unwrap();
    assert_eq!(case.told().spans.len(), 3);
    let mut watch = Watch::start(&case.path, tracetui::source::sqlite::Follow::Live);
    let limit = std::time::Duration::from_secs(5);
    watch.until("three", limit, |told| told.spans.len() == 3);
    c.execute_batch("insert into execution_spans(trace_id, span_id, name) values('t1', 's4', 'd')").unwrap();
    watch.until("the row at a random place", limit, |told| told.spans.len() == 4);
    assert!(watch.told.spans.values().all(|seen| seen.times == 1));
}

#[test]
fn any_cell_may_be_of_any_type() {
    let told = Case::of(&format!(
        "{DDL}; insert into execution_spans(trace_id, span_id, name, ended_at, duration_ms, status) values \
         ('t1', 's1', x'00ff', 7, 'x', 1.5), (1, 2, 3, x'', null, null), ('t1', cast(x'ff41' as text), 'n', 0, 0, 0), \
         (null, null, null, null, null, null)"
    ))
    .told();
    assert_eq!(told.spans.len(), 3);
    assert_eq!(told.problems.count(Reason::MissingId), 1, "counted once");
}

#[test]
fn utf16_is_text() {
    let told = Case::of(&format!(
        "pragma encoding='UTF-16be'; {DDL}; insert into execution_spans(trace_id, span_id, name) values('t1','s1','日本🦀')"
    ))
    .told();
    assert_eq!(told.spans.keys().collect::<Vec<_>>(), ["日本🦀"]);
}

#[test]
fn columns_that_are_not_asked_for_cost_nothing() {
    let told = Case::of(
        "create table execution_spans(trace_id, span_id, name, bomb as (hex(zeroblob(50000000)))); \
         insert into execution_spans values('t1', 's1', 'a'), ('t1', 's2', 'b')",
    )
    .told();
    assert_eq!(told.spans.len(), 2);
    assert_eq!(told.problems.count(Reason::DamagedRow), 0);
}

#[test]
fn a_row_above_the_limit_costs_one_row() {
    let told = Case::of(
        "create table execution_spans(trace_id, span_id, name, attributes as (hex(zeroblob(n))), n); \
         insert into execution_spans values('t1', 's1', 'a', 1), ('t1', 's2', 'b', 50000000), ('t1', 's3', 'c', 1)",
    )
    .told();
    assert_eq!(told.spans.keys().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(told.problems.count(Reason::DamagedRow), 1);
}

#[test]
fn unknown_modules_and_collations_do_not_matter() {
    let case = Case::of(&format!(
        "{DDL}; insert into execution_spans(trace_id, span_id, name) values('t1', 's1', 'a'); pragma writable_schema=on; \
         insert into sqlite_schema values('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING nothere(a)'); \
         update sqlite_schema set sql = replace(sql, 'name TEXT', 'name TEXT COLLATE nothere') \
         where name = 'execution_spans'"
    ));
    assert_eq!(case.told().spans.len(), 1);
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn another_users_database_is_left_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(setpriv) = std::process::Command::new("setpriv").arg("--version").output() else {
        eprintln!("SKIPPED: no setpriv here");
        return;
    };
    if !setpriv.status.success() || !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become another user");
        return;
    }
    let open = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    for keep in [false, true] {
        let case = Case::of("");
        open(case.dir.path());
        let c = db(&case.path, "wal");
        put(&c, 0..5);
        let c = keep.then_some(c);
        let before = names(case.dir.path());
        // The binary may lie where nobody else may go.
        let exe = case.dir.path().parent().unwrap().join(format!("tracetui-it-{}", std::process::id()));
        std::fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
        open(&exe);
        let status = std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&exe)
            .args(["--exact", "live_sqlite::hostile::another_user_process", "--quiet"])
            .env("TRACETUI_TEST_OTHER", &case.path)
            .status()
            .unwrap();
        std::fs::remove_file(&exe).unwrap();
        assert!(status.success(), "with the writer there: {keep}");
        assert_eq!(names(case.dir.path()), before);
        // The application goes on.
        let c = c.unwrap_or_else(|| db(&case.path, "wal"));
        put(&c, 5..6);
    }
}

fn names(dir: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// The other user's side; does nothing in an ordinary run.
#[test]
fn another_user_process() {
    let Some(path) = std::env::var_os("TRACETUI_TEST_OTHER") else { return };
    let mut watch = Watch::start(Path::new(&path), tracetui::source::sqlite::Follow::Live);
    watch.until("all", std::time::Duration::from_secs(5), |told| told.spans.len() == 5);
    watch.take_for(std::time::Duration::from_millis(700));
}
