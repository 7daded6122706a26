//! Spans in the native `SQLite` store.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::encode::{Record, Scratch, push_time, status_word};
use super::{Sink, SinkError, create_private, plain_file_len};
use crate::record::SpanRow;

const SCHEMA: &str = include_str!("../../../assets/schema/sqlite.sql");
/// `TTUI`; the same number stands in the schema.
const APPLICATION_ID: i64 = 0x5454_5549;
const VERSION: i64 = 1;
const BUSY: Duration = Duration::from_secs(5);

/// Only what changes during a span's life is set again: the columns most indexes are over stay untouched.
const UPSERT: &str = "INSERT INTO execution_spans (trace_id, span_id, parent_span_id, name, span_type, entity_id, \
     started_at, ended_at, duration_ms, status, attributes, input, output, error, created_at, updated_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15) \
     ON CONFLICT (trace_id, span_id) DO UPDATE SET ended_at = excluded.ended_at, duration_ms = excluded.duration_ms, \
     status = excluded.status, attributes = excluded.attributes, input = coalesce(excluded.input, input), \
     output = coalesce(excluded.output, output), error = coalesce(excluded.error, error), \
     updated_at = excluded.updated_at \
     WHERE excluded.ended_at IS NOT NULL OR execution_spans.ended_at IS NULL";

/// Writes spans into a native store. Several writers and any number of readers may share it.
#[derive(Debug)]
pub struct SqliteSink {
    path: PathBuf,
    db: Connection,
    scratch: Scratch,
}

impl SqliteSink {
    /// Opens a store, making it (readable by its owner only) if it is not there. A database that is not ours, or is of
    /// a newer version, is refused before anything is written to or beside it.
    pub fn open(path: &Path) -> Result<Self, SinkError> {
        create_private(path)?;
        if plain_file_len(path)? > 0 {
            refuse_others(path)?;
        }
        let sqlite = |source| SinkError::Sqlite { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        db.busy_timeout(BUSY).map_err(sqlite)?;
        db.set_prepared_statement_cache_capacity(8);
        prepare(&mut db).map_err(sqlite)?;
        Ok(Self { path: path.to_owned(), db, scratch: Scratch::default() })
    }

    /// Runs `body` in one transaction: all that it puts is written, or nothing.
    pub(in crate::record) fn bulk(
        &mut self,
        body: impl FnOnce(&Bulk<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), SinkError> {
        let result = (|| {
            let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            body(&Bulk(&transaction))?;
            transaction.commit()
        })();
        result.map_err(|source| SinkError::Sqlite { path: self.path.clone(), source })
    }
}

/// An open transaction of a [`SqliteSink`].
pub(in crate::record) struct Bulk<'a>(&'a Connection);

impl Bulk<'_> {
    /// Writes one record.
    pub(in crate::record) fn put(&self, record: &Record<'_>) -> rusqlite::Result<()> {
        insert(self.0, record)
    }
}

impl Sink for SqliteSink {
    fn write(&mut self, spans: &[SpanRow]) -> Result<(), SinkError> {
        let Self { path, db, scratch } = self;
        let sqlite = |source| SinkError::Sqlite { path: path.clone(), source };
        // Not deferred: a transaction that reads before it writes fails at once when another writer was faster.
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        for row in spans {
            insert(&transaction, &scratch.encode(row)?).map_err(sqlite)?;
        }
        transaction.commit().map_err(sqlite)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let busy: i64 = self
            .db
            .query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get(0))
            .map_err(|source| SinkError::Sqlite { path: self.path.clone(), source })?;
        if busy == 0 { Ok(()) } else { Err(SinkError::NotSynced) }
    }
}

fn insert(db: &Connection, record: &Record<'_>) -> rusqlite::Result<()> {
    let mut times = String::with_capacity(96);
    let mut mark = [0; 3];
    for (at, end) in
        [Some(record.started_at), record.ended_at, Some(record.recorded_at)].into_iter().zip(&mut mark)
    {
        if let Some(at) = at {
            push_time(&mut times, at);
        }
        *end = times.len();
    }
    let duration = record.duration().map(|nanos| nanos as f64 / 1e6);
    db.prepare_cached(UPSERT)?.execute(params![
        record.trace_id,
        record.span_id,
        record.parent_span_id,
        record.name,
        record.span_type,
        record.entity_id,
        times.get(..mark[0]),
        times.get(mark[0]..mark[1]).filter(|text| !text.is_empty()),
        duration,
        status_word(record.status),
        record.attributes,
        record.input,
        record.output,
        record.error,
        times.get(mark[1]..mark[2]),
    ])?;
    Ok(())
}

/// Looks at the file's header and nothing else. Read as immutable so that neither locks are taken nor a `-shm` file
/// appears beside somebody else's database; the header's marks are settled before a store of ours is switched to WAL.
/// `SQLite` opens it, not we: closing a descriptor of our own would drop the locks of other connections in this process.
fn refuse_others(path: &Path) -> Result<(), SinkError> {
    let not_ours = |why| SinkError::NotOurs { path: path.to_owned(), why };
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let marks = || -> rusqlite::Result<(i64, i64)> {
        let db = Connection::open_with_flags(immutable_uri(path), flags)?;
        let id: i64 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok((id, version))
    };
    match marks() {
        Ok((APPLICATION_ID, version)) if version > VERSION => {
            Err(SinkError::Newer { path: path.to_owned(), version, ours: VERSION })
        }
        Ok((APPLICATION_ID, _)) => Ok(()),
        Ok(_) => Err(not_ours("a database of another program")),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(not_ours("not a SQLite database"))
        }
        Err(source) => Err(SinkError::Sqlite { path: path.to_owned(), source }),
    }
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~:".contains(&byte) {
            uri.push(char::from(byte));
        } else if byte == b'\\' && cfg!(windows) {
            uri.push('/');
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?immutable=1");
    uri
}

fn prepare(db: &mut Connection) -> rusqlite::Result<()> {
    let application_id =
        |db: &Connection| db.query_row("PRAGMA application_id", [], |row| row.get::<_, i64>(0));
    if application_id(db)? != APPLICATION_ID {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another writer may have made the schema while we waited for the lock.
        if application_id(&transaction)? != APPLICATION_ID {
            transaction.execute_batch(SCHEMA)?;
        }
        transaction.commit()?;
    }
    // Two writers that switch at once make each other busy without the timeout being tried.
    let mut attempt = 0;
    while let Err(error) = db.pragma_update(None, "journal_mode", "wal") {
        attempt += 1;
        if attempt > 50 || error.sqlite_error_code() != Some(rusqlite::ErrorCode::DatabaseBusy) {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    db.pragma_update(None, "synchronous", "normal")
}

#[cfg(test)]
mod tests;
