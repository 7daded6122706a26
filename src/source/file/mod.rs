//! Files of lines: read to their end, or followed through appending, rotation, truncation and replacement.

mod backfill;
mod content;
mod follow;
mod frame;

use std::path::{Path, PathBuf};

use super::open::Reader;

pub(super) use frame::Frame;

/// A file to read.
pub(super) struct FileSpec {
    path: PathBuf,
}

impl FileSpec {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

/// Reads a file until it is over.
pub(super) fn run(reader: &Reader, spec: &FileSpec) {
    // The only error is that nobody listens any more.
    follow::Follower::new(reader, &spec.path).run().ok();
}
