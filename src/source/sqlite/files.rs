//! What lies on disk: the database file, its companions, and one handle per file that is never closed too early.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::header::{HEADER_BYTES, Header};

/// What tells one file, and one state of it, from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStat {
    /// Device and inode; zeros where the system has none.
    pub(super) id: (u64, u64),
    /// Bytes.
    pub(super) len: u64,
    /// Time of the last write, in nanoseconds since 1970.
    pub(super) modified: u128,
    /// Whether it is a regular file.
    pub(super) regular: bool,
    /// Owner; 0 where the system has none.
    pub(super) owner: u32,
}

impl FileStat {
    fn of(meta: &Metadata) -> Self {
        #[cfg(unix)]
        let (id, owner) = {
            use std::os::unix::fs::MetadataExt as _;
            ((meta.dev(), meta.ino()), meta.uid())
        };
        #[cfg(not(unix))]
        let (id, owner) = ((0, 0), 0);
        let modified = meta
            .modified()
            .ok()
            .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_nanos());
        Self { id, len: meta.len(), modified, regular: meta.is_file(), owner }
    }

    fn read(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(meta) => Ok(Some(Self::of(&meta))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// A database file and its companions at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    /// The database with symbolic links resolved: SQLite puts the companions beside that.
    pub(super) path: PathBuf,
    /// The database.
    pub(super) db: Option<FileStat>,
    /// The write-ahead log.
    pub(super) wal: Option<FileStat>,
    /// The index of the write-ahead log.
    pub(super) shm: Option<FileStat>,
    /// The rollback journal.
    pub(super) journal: Option<FileStat>,
}

impl Files {
    /// Looks at the files. `Err` when the database cannot be looked at, as opposed to not being there.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let db = FileStat::read(&path)?;
        let beside = |suffix| FileStat::read(&companion(&path, suffix)).ok().flatten();
        let (wal, shm, journal) = if db.is_some() {
            (beside("-wal"), beside("-shm"), beside("-journal"))
        } else {
            (None, None, None)
        };
        Ok(Self { path, db, wal, shm, journal })
    }

    /// Whether what a reader would see may differ. The index of the log changes with every reader and doesn't count.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        self.path == other.path
            && self.db == other.db
            && self.wal == other.wal
            && self.journal == other.journal
            && self.shm.is_some() == other.shm.is_some()
    }

    /// Whether a rollback journal with content is there: a writer is at work, or died at it.
    pub(super) fn has_journal(&self) -> bool {
        self.journal.is_some_and(|journal| journal.len > 0) && {
            // A journal that was zeroed when it was over (`journal_mode=persist`) means nothing. Journals carry no
            // locks: opening and closing one is harmless.
            let mut first = [0u8; 1];
            File::open(companion(&self.path, "-journal"))
                .and_then(|mut journal| journal.read_exact(&mut first))
                .map_or(true, |()| first[0] != 0)
        }
    }
}

/// The path of a companion of a database.
pub(super) fn companion(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A handle to a database file.
///
/// Closing any handle of a file drops all POSIX locks that this process has on it, those of SQLite connections
/// included. So a file is opened once, read through this handle, and closed only when it is gone from its folder.
/// Meanwhile its inode number cannot be given to another file either.
#[derive(Debug)]
pub(super) struct Held {
    file: Mutex<File>,
    /// Device and inode.
    pub(super) id: (u64, u64),
}

/// Files held by this process. Few: one for each database that is or was followed.
static HELD: Mutex<Vec<Arc<Held>>> = Mutex::new(Vec::new());

/// Handles kept for files that nobody follows any more but that are still there.
const IDLE_HANDLES: usize = 64;

impl Held {
    /// The handle of the file at `path`, opened when this process has none of it yet.
    pub(super) fn open(path: &Path) -> io::Result<Arc<Self>> {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let mut idle = 0;
        held.retain(|one| {
            let in_use = Arc::strong_count(one) > 1;
            idle += usize::from(!in_use);
            in_use || (idle <= IDLE_HANDLES && !one.is_unlinked())
        });
        let id = FileStat::of(&std::fs::metadata(path)?).id;
        if let Some(known) = held.iter().find(|one| one.id == id && id != (0, 0)) {
            return Ok(Arc::clone(known));
        }
        let mut options = File::options();
        options.read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            // A pipe that took the file's place meanwhile must not block us.
            options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        }
        let file = options.open(path)?;
        let stat = FileStat::of(&file.metadata()?);
        if let Some(known) = held.iter().find(|one| one.id == stat.id && id != (0, 0)) {
            let known = Arc::clone(known);
            // Replaced between the two looks by a file that is held already: this second handle must stay open too.
            held.push(Arc::new(Self { file: Mutex::new(file), id: stat.id }));
            return Ok(known);
        }
        let one = Arc::new(Self { file: Mutex::new(file), id: stat.id });
        held.push(Arc::clone(&one));
        Ok(one)
    }

    /// What the header says now.
    pub(super) fn header(&self) -> io::Result<Header> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(0))?;
        (&mut *file).take(HEADER_BYTES as u64).read_to_end(&mut bytes)?;
        Ok(Header::parse(&bytes))
    }

    /// Copies the content into `target`.
    pub(super) fn copy_to(&self, target: &mut File) -> io::Result<u64> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(0))?;
        io::copy(&mut *file, target)
    }

    fn is_unlinked(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.metadata().is_ok_and(|meta| meta.nlink() == 0)
        }
        #[cfg(not(unix))]
        true
    }
}
