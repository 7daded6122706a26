//! Files of lines: read to their end, or followed through appending, rotation, truncation and replacement.

mod backfill;
mod checksum;
mod content;
mod fingerprint;
mod follow;
mod frame;
mod framer;
mod zeros;

use std::path::Path;

use super::open::Reader;

pub(in crate::source) use frame::MAX_LINE;
pub(super) use framer::Framer;

/// Reads a file until it is over.
pub(super) fn run(reader: &Reader, path: &Path) {
    // The only error is that nobody listens any more.
    follow::Follower::new(reader, path).run().ok();
}
