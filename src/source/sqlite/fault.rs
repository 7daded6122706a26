//! Why a database could not be read, in the terms in which we act on it.

use rusqlite::ErrorCode;
use rusqlite::ffi;

/// Why a database or a row of it could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The writer keeps others out; try again.
    #[error("locked by its writer")]
    Locked,
    /// The writer died in a transaction. Only a program that may write can undo that.
    #[error(
        "its writer died in a transaction: needs recovery by its writer (open it once with the program that writes it)"
    )]
    NeedsRecovery,
    /// The files say that it cannot be opened without risk; says why. Try again when they change.
    #[error("{0}")]
    Refused(String),
    /// The content is damaged; SQLite's words.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A cell is longer than the limit.
    #[error("a value above the limit of 64 MiB")]
    TooBig,
    /// A table or column is not there (any more); SQLite's words.
    #[error("{0}")]
    Schema(String),
    /// Stopped by us: the deadline passed or the program is about to end.
    #[error("took too long and was stopped")]
    Interrupted,
    /// No such row.
    #[error("the row is gone")]
    NoRow,
    /// The file could not be read, or anything else; the system's words.
    #[error("{0}")]
    Other(String),
}

impl Fault {
    /// Whether the same read may work a moment later without any file having changed.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Locked | Self::Interrupted | Self::Other(_))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, message) = error else {
            return match error {
                rusqlite::Error::QueryReturnedNoRows => Self::NoRow,
                rusqlite::Error::SqlInputError { msg, .. } => Self::Schema(msg),
                other => Self::Other(other.to_string()),
            };
        };
        let text = message.unwrap_or_else(|| failure.to_string());
        match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                Self::Locked
            }
            ErrorCode::ReadOnly if failure.extended_code == ffi::SQLITE_READONLY_ROLLBACK => {
                Self::NeedsRecovery
            }
            // The index of the log is being rebuilt by somebody else.
            ErrorCode::ReadOnly => Self::Locked,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged(text),
            ErrorCode::TooBig | ErrorCode::OutOfMemory => Self::TooBig,
            ErrorCode::OperationInterrupted => Self::Interrupted,
            ErrorCode::SchemaChanged | ErrorCode::Unknown => Self::Schema(text),
            _ => Self::Other(text),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.to_string())
    }
}
