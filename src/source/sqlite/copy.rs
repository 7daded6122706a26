//! A private copy of a database and its log, for a log that nobody has open.
//!
//! SQLite reads a log through an index file beside it and would have to create that. So both are copied where a file
//! more disturbs nobody.

use std::fs::{DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::fault::Fault;
use super::files::{Files, Held, companion};

/// Largest database and log that are copied, together.
const MAX_COPY: u64 = 1 << 30;

/// A copy; its folder is removed when the last holder lets go.
#[derive(Debug)]
pub(super) struct PrivateCopy {
    folder: PathBuf,
    of: Files,
}

/// Copies in use: a reader of one row shares the one that the rows were found in.
static COPIES: Mutex<Vec<Weak<PrivateCopy>>> = Mutex::new(Vec::new());

impl PrivateCopy {
    /// A copy of the database as `files` describes it; [`Fault::Locked`] when it changes meanwhile.
    pub(super) fn of(files: &Files, held: &Held) -> Result<Arc<Self>, Fault> {
        let mut copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        copies.retain(|copy| copy.strong_count() > 0);
        if let Some(known) = copies.iter().filter_map(Weak::upgrade).find(|copy| copy.of.same_content(files))
        {
            return Ok(known);
        }
        let size = [files.db, files.wal].iter().flatten().map(|stat| stat.len).sum::<u64>();
        if size > MAX_COPY {
            return Err(Fault::Refused(format!(
                "part of it is in a log that no program has open, and {} MiB are too much to copy: \
                 open it once with the program that writes it",
                size >> 20
            )));
        }
        let copy = Arc::new(Self { folder: private_folder()?, of: files.clone() });
        held.copy_to(&mut File::create_new(copy.path())?)?;
        io::copy(
            &mut File::open(companion(&files.path, "-wal"))?,
            &mut File::create_new(companion(&copy.path(), "-wal"))?,
        )?;
        if !Files::read(&files.path)?.same_content(files) {
            return Err(Fault::Locked);
        }
        copies.push(Arc::downgrade(&copy));
        Ok(copy)
    }

    /// The database of the copy.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("copy.db")
    }
}

impl Drop for PrivateCopy {
    fn drop(&mut self) {
        // What cannot be removed is in the system's folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A new folder that only this user may enter.
fn private_folder() -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = std::env::temp_dir();
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..100 {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = base.join(format!("tracetui-{}-{n}", std::process::id()));
        match create_private(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}
