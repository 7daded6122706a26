//! A SQLite span store, read while its application writes it.
//!
//! The store belongs to somebody else. Nothing here writes to it, creates a file beside it, or keeps its writer waiting:
//! `files` looks at what lies on disk, `open` decides how it may be opened, `scan` runs statements that are over after
//! a few milliseconds, `tail` knows which rows are still to be read, `follow` ties them to the clock and to `wake`.

mod again;
mod copy;
mod detail;
mod examine;
mod fault;
mod files;
mod follow;
mod header;
mod open;
mod scan;
mod schema;
mod search;
mod sweep;
mod tables;
mod tail;
mod wake;

use std::path::PathBuf;

use tokio::sync::mpsc::Sender;

use super::{SourceId, SourceMessage, StopFlag};
use crate::format::{TableFormat, TablePlan};
use crate::model::SegmentId;

pub(super) use again::read_range;
pub use detail::RowDetail;
pub(super) use examine::tables_of;
pub use fault::Fault;
pub use search::RowSearch;

/// How long a database is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Until the stop flag is set or the receiver is gone.
    Live,
    /// What is there now; then [`SourceEvent::Ended`](super::SourceEvent::Ended).
    Once,
}

/// What to read.
#[derive(Clone)]
pub struct SqliteSpec {
    /// The database file; need not exist yet when it is followed.
    pub path: PathBuf,
    /// Who speaks in the messages.
    pub source: SourceId,
    /// The dialects to look for, in the order in which ties are decided; a forced format is a list of one.
    pub formats: Vec<&'static TableFormat>,
    /// How long.
    pub follow: Follow,
}

/// What a segment of a database is: the rows of one table. What [`RowDetail::read`] needs to find a row again.
#[derive(Clone)]
pub struct TablePlace {
    /// The database file.
    pub path: PathBuf,
    /// The table's dialect.
    pub format: &'static TableFormat,
    /// The table and its columns.
    pub plan: TablePlan,
}

/// Reads a database on the calling thread until it is over. `next_segment` names each table that is found, and again
/// when its file was replaced or its columns changed.
///
/// Blocks in [`Sender::blocking_send`] while the receiver is behind: call it on a thread of its own, not on a runtime.
pub fn run(
    spec: &SqliteSpec,
    next_segment: &mut dyn FnMut(&TablePlace) -> SegmentId,
    tx: &Sender<SourceMessage>,
    stop: &StopFlag,
) {
    follow::Follower::new(spec, next_segment, tx, stop).run();
}
