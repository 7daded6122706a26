//! Where spans are written to: one file per sink.

mod encode;
mod ndjson;
mod sqlite;

use std::path::{Path, PathBuf};

use super::SpanRow;

pub(in crate::record) use encode::{Record, push_text, push_time};
pub use ndjson::NdjsonSink;
pub use sqlite::SqliteSink;

/// Takes spans and keeps them.
///
/// A span may be written any number of times: the last row wins, but a row without an end never reopens a span that
/// has one. Parent, name, type and start are those of the first row.
pub trait Sink: Send {
    /// Writes rows in their order. When this returns, other processes can read them.
    fn write(&mut self, spans: &[SpanRow]) -> Result<(), SinkError>;

    /// Makes everything written so far survive a power failure.
    fn flush(&mut self) -> Result<(), SinkError>;
}

/// Why a sink could not be opened or written to.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The file belongs to another program, or holds something else.
    #[error("{path} is not a tracetui store ({why}); it was left as it is")]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What is in it instead.
        why: &'static str,
    },
    /// The store was made by a newer tracetui.
    #[error("{path} has store version {version}, this tracetui writes version {ours}; it was left as it is")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
        /// The version this program writes.
        ours: i64,
    },
    /// The file is there already and must not be.
    #[error("{path} exists already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Readers kept the database from syncing; everything is written, but not yet safe from a power failure.
    #[error("a reader kept the store from being synced")]
    NotSynced,
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// `SQLite` refused.
    #[error("{path}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// `SQLite`'s error.
        source: rusqlite::Error,
    },
    /// A value that JSON cannot hold.
    #[error("a span could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Opens the sink that a file's name asks for, making the file when it is not there: NDJSON for `.ndjson`, `.jsonl` and
/// `.log`, else `SQLite`.
pub fn open_sink(path: &Path) -> Result<Box<dyn Sink>, SinkError> {
    if is_ndjson(path) {
        Ok(Box::new(NdjsonSink::open(path)?))
    } else {
        Ok(Box::new(SqliteSink::open(path)?))
    }
}

/// Whether a file's name asks for NDJSON.
pub(super) fn is_ndjson(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| ["ndjson", "jsonl", "log"].iter().any(|e| e.eq_ignore_ascii_case(extension)))
}

/// Makes a file that only its owner can read, if it is not there. `Ok(true)`: it was made.
fn create_private(path: &Path) -> Result<bool, SinkError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(SinkError::Io { path: path.to_owned(), source }),
    }
}

/// The length of a file that is there; refuses what is no plain file.
fn plain_file_len(path: &Path) -> Result<u64, SinkError> {
    let meta = std::fs::metadata(path).map_err(|source| SinkError::Io { path: path.to_owned(), source })?;
    if meta.is_file() {
        Ok(meta.len())
    } else {
        Err(SinkError::NotOurs { path: path.to_owned(), why: "not a plain file" })
    }
}
