//! How somebody else's database may be opened.
//!
//! | header | files | opened |
//! |---|---|---|
//! | rollback | | read-only, with SQLite's own locks |
//! | WAL | log and index there | read-only, live |
//! | WAL | no log, or an empty one without index | `immutable`: a plain read-only open would create both |
//! | WAL | log with content, no index | a private copy, for the same reason; `immutable` would not see the log |
//! | WAL | no index, but a rollback journal | refused: only the writer can tell what holds |
//!
//! What is opened as immutable or as a copy is a snapshot: right as long as the files do not change.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::copy::PrivateCopy;
use super::fault::Fault;
use super::files::{Files, Held};
use super::header::Header;
use crate::source::StopFlag;

/// Longest cell, bytes.
const MAX_CELL: i32 = 64 << 20;
/// Longest time for any one statement.
const DEADLINE: Duration = Duration::from_secs(1);
/// Longest wait for a lock.
const BUSY_TIMEOUT: Duration = Duration::from_millis(50);
/// Virtual machine steps between two looks at the clock.
const PROGRESS_OPS: i32 = 1000;

/// How to open a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// With locks, beside its writer.
    Live {
        /// In WAL mode readers and writers do not wait for each other.
        wal: bool,
    },
    /// As it lies there, without locks.
    Immutable,
    /// A copy of it and its log.
    Copy,
}

impl Mode {
    /// What is read is right only while the files stay the same.
    pub(super) fn is_snapshot(self) -> bool {
        !matches!(self, Self::Live { .. })
    }
}

/// Decides how to open a database, from its header and what lies beside it.
pub(super) fn decide(header: &Header, files: &Files) -> Result<Mode, Fault> {
    match header {
        Header::Empty => Err(Fault::Refused("an empty file".to_owned())),
        Header::Foreign(why) => Err(Fault::Damaged(why.clone())),
        Header::Rollback => Ok(Mode::Live { wal: false }),
        Header::Wal => match (files.wal, files.shm) {
            (Some(_), Some(_)) => Ok(Mode::Live { wal: true }),
            _ if files.has_journal() => Err(Fault::NeedsRecovery),
            (Some(wal), None) if wal.len > 0 => Ok(Mode::Copy),
            _ => Ok(Mode::Immutable),
        },
    }
}

/// An open database.
pub(super) struct Open {
    /// The connection. Declared first: it is closed before what it stands on is let go.
    pub(super) conn: Connection,
    /// How it was opened.
    pub(super) mode: Mode,
    /// The files as they were before.
    pub(super) files: Files,
    clock: Arc<Clock>,
    _copy: Option<Arc<PrivateCopy>>,
    _held: Arc<Held>,
}

/// When the running statement must be over.
struct Clock {
    zero: Instant,
    until: AtomicU64,
}

impl Clock {
    fn now(&self) -> u64 {
        self.zero.elapsed().as_millis() as u64
    }
}

impl Open {
    /// Opens a database in the way that [`decide`] found for these files.
    pub(super) fn new(files: &Files, mode: Mode, held: Arc<Held>, stop: &StopFlag) -> Result<Self, Fault> {
        let copy = match mode {
            Mode::Copy => Some(PrivateCopy::of(files, &held)?),
            _ => None,
        };
        let uri = match (&copy, mode) {
            (Some(copy), _) => file_uri(&copy.path(), ""),
            (None, Mode::Immutable) => file_uri(&files.path, "?immutable=1"),
            (None, _) if is_ours(files) => file_uri(&files.path, ""),
            // Not even the index of the log, which readers may write, is touched in another user's store. (In our own
            // it has to stay writable: this process may also be the one that records into it.)
            (None, _) => file_uri(&files.path, "?readonly_shm=1"),
        };
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(uri, flags)?;
        let clock = Arc::new(Clock { zero: Instant::now(), until: AtomicU64::new(u64::MAX) });
        let (handler_clock, handler_stop) = (Arc::clone(&clock), stop.clone());
        conn.progress_handler(
            PROGRESS_OPS,
            Some(move || {
                handler_stop.is_stopped() || handler_clock.now() > handler_clock.until.load(Ordering::Relaxed)
            }),
        )?;
        harden(&conn)?;
        let open = Self { conn, mode, files: files.clone(), clock, _copy: copy, _held: held };
        if mode == (Mode::Live { wal: true }) {
            open.join_writer()?;
        }
        open.conn.busy_timeout(BUSY_TIMEOUT)?;
        Ok(open)
    }

    /// Takes the lock that keeps a writer from removing its log when it ends.
    ///
    /// A connection that gets it after the log was removed creates another. So this is the first time the file is
    /// touched, right after a last look, and without waiting: a writer that is about to end holds the lock meanwhile.
    fn join_writer(&self) -> Result<(), Fault> {
        self.start_clock();
        let mut first = self.conn.prepare("PRAGMA main.data_version")?;
        let now = Files::read(&self.files.path)?;
        if now.wal.is_none() || now.shm.is_none() || now.db.map(|db| db.id) != self.files.db.map(|db| db.id) {
            return Err(Fault::Locked);
        }
        Ok(first.query_row([], |_| Ok(()))?)
    }

    /// Gives the next statement its time.
    pub(super) fn start_clock(&self) {
        let until = self.clock.now().saturating_add(DEADLINE.as_millis() as u64);
        self.clock.until.store(until, Ordering::Relaxed);
    }

    /// A number that changes when somebody else commits. Comparable within this connection only.
    pub(super) fn data_version(&self) -> Result<i64, Fault> {
        self.pragma("PRAGMA data_version")
    }

    /// A number that changes with every change to the tables' shape, and with VACUUM.
    pub(super) fn schema_version(&self) -> Result<i64, Fault> {
        self.pragma("PRAGMA schema_version")
    }

    fn pragma(&self, sql: &str) -> Result<i64, Fault> {
        self.start_clock();
        Ok(self.conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }
}

/// Takes from a connection what a hostile file could use.
fn harden(conn: &Connection) -> Result<(), Fault> {
    for (config, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
    ] {
        conn.set_db_config(config, on)?;
    }
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_CELL)?;
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    conn.busy_timeout(Duration::ZERO)?;
    // None of these reads the file.
    for pragma in ["query_only=ON", "cell_size_check=ON", "mmap_size=0", "temp_store=MEMORY"] {
        let mut statement = conn.prepare(&format!("PRAGMA {pragma}"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(())
}

/// Whether the database belongs to the user who runs this program.
fn is_ours(files: &Files) -> bool {
    #[cfg(unix)]
    {
        files.db.is_some_and(|db| db.owner == rustix::process::geteuid().as_raw())
    }
    #[cfg(not(unix))]
    {
        let _ = files;
        true
    }
}

/// A `file:` URI of a path, with every byte escaped that could mean something else.
fn file_uri(path: &Path, query: &str) -> String {
    let mut uri = String::from("file:");
    #[cfg(not(unix))]
    {
        uri.push_str("///");
    }
    for &byte in path_bytes(path).as_ref() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(byte as char);
            }
            _ => uri.extend(['%', hex(byte >> 4), hex(byte & 15)]),
        }
    }
    uri + query
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(unix)]
fn path_bytes(path: &Path) -> std::borrow::Cow<'_, [u8]> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().into()
}

#[cfg(not(unix))]
fn path_bytes(path: &Path) -> std::borrow::Cow<'_, [u8]> {
    path.to_string_lossy().replace('\\', "/").into_bytes().into()
}
