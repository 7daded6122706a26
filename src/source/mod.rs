//! Where bytes come from: files, databases, standard input. Each source runs on a thread of its own, decodes with a
//! [`format`](crate::format) and sends [`SourceMessage`]s through a bounded channel; it never touches the store.
//! May import `format`, `model` and `text`.

mod again;
mod batches;
mod catalog;
mod compressed;
pub mod discover;
mod examine;
mod file;
mod folder;
mod open;
mod place;
mod search;
mod session;
pub mod sqlite;
mod stop;
mod stream;
mod tree;
mod watch;

use crate::model::{Batch, SegmentId, UnixNanos};

pub use catalog::Catalog;
pub use examine::{Examined, examine};
pub use folder::{Expanded, expand};
pub use open::{Follow, SourceError, SourceSpec, spawn};
pub use search::Wanted;
pub use stop::StopFlag;
pub use tree::{FolderSpec, is_folder, spawn_folders};

pub use crate::model::SourceId;

/// What a source tells the store and the screen.
#[derive(Debug)]
pub struct SourceMessage {
    /// Who speaks.
    pub source: SourceId,
    /// What.
    pub event: SourceEvent,
}

/// See [`SourceMessage`].
#[derive(Debug)]
pub enum SourceEvent {
    /// A file came up in a folder that is followed: from now on it is a source with this number.
    Found {
        /// Its path.
        name: String,
    },
    /// A file or database was opened (again): its records carry this segment.
    Segment {
        /// The segment.
        id: SegmentId,
        /// Name of the format that was found.
        format: &'static str,
        /// Why it is that format.
        why: String,
        /// When its file was last written before it was opened, where that is known.
        modified: Option<UnixNanos>,
    },
    /// Records.
    Batch(Batch),
    /// Something to know about the source changed.
    State(SourceState),
    /// Reading what was there at the start: bytes or rows done, of how many.
    Progress {
        /// Done.
        done: u64,
        /// In all; grows when the source does.
        total: u64,
    },
    /// All that was there at the start has been delivered; what follows is live.
    CaughtUp,
    /// A source that is read once is over.
    Ended,
}

/// How a source stands, for the header and for `report`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// Nothing to read yet; says what is missing: the file, its tables, its first record.
    Waiting(String),
    /// Followed.
    Live,
    /// Shown as it was at one moment, because it cannot be followed; says why.
    Snapshot(String),
    /// Shown as far as it goes, because the rest is damaged; says how.
    Damaged(String),
    /// Cannot be read now, is tried again; says why.
    Blocked(String),
    /// The content was replaced, cut or rotated; says which. Followed on.
    Replaced(String),
    /// Given up; says why and what to try.
    Failed(String),
}
