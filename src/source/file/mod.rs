//! Files of lines: read to their end, or followed through appending, rotation, truncation and replacement.

mod backfill;
mod checksum;
mod content;
mod fingerprint;
mod follow;
mod frame;
mod framer;
mod zeros;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::SourceState;
use super::open::{Over, Reader};

pub(in crate::source) use frame::MAX_LINE;
pub(super) use framer::Framer;

/// Reads a file until it is over.
pub(super) fn run(reader: &Reader, path: &Path) {
    // The only error is that nobody listens any more.
    follow::Follower::new(reader, path).run().ok();
}

/// Reads a file without a name that holds what is to be shown of a path; `state` is told at its end.
pub(super) fn run_spooled(
    reader: &Reader,
    path: &Path,
    spool: Arc<File>,
    state: SourceState,
) -> Result<(), Over> {
    follow::Follower::new(reader, path).read_spool(spool, state)
}
