//! Waiting until something may have happened to a database.
//!
//! On Linux the kernel tells. It tells when the log was written, which is before the commit can be seen, so a wake-up is
//! followed by looks at growing distances: see [`Wake::wait`].

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::files::Files;
use crate::source::StopFlag;
use crate::source::watch::{LIVELY, REST, tells_all};

/// First look after a wake-up; each further one comes after twice the time.
const FIRST_LOOK: Duration = Duration::from_micros(50);
/// Looks at growing distances: the last but one after 205 ms.
const LOOKS: u32 = 13;
/// The look to go on with when a commit has been read, 13 ms later: another one may have been announced before it.
const LOOKS_AFTER: u32 = 8;
/// Distance of looks while a change is not long ago, and later where not every change is announced.
const SAFETY: Duration = Duration::from_millis(250);
/// Distance of looks on systems that announce nothing, while a change is not long ago.
const POLL: Duration = Duration::from_millis(25);
/// A writer whose commits come faster than this is busy.
const BUSY: Duration = Duration::from_millis(15);
/// How long a busy writer is left alone. Waking somebody up with each commit would cost it more than the commit.
const WINDOW: Duration = Duration::from_millis(10);

/// See the module.
pub(super) struct Wake {
    announcer: Option<announce::Announcer>,
    stop: StopFlag,
    path: PathBuf,
    looks: u32,
    /// When something was announced or found last.
    changed: Instant,
    /// When something was found last.
    found: Option<Instant>,
    /// Whether nothing happens that is not announced.
    tells_all: bool,
    /// The files are not watched for now: each write of a busy writer would be told, at its cost.
    deaf: bool,
}

impl Wake {
    /// Starts waiting for changes of whatever [`Wake::watch`] says; `path` is where the user says it is.
    pub(super) fn new(path: &Path, stop: &StopFlag) -> Self {
        Self {
            announcer: announce::Announcer::new(),
            stop: stop.clone(),
            path: path.to_owned(),
            looks: LOOKS,
            changed: Instant::now(),
            found: None,
            tells_all: false,
            deaf: false,
        }
    }

    /// Watches these files from now on.
    pub(super) fn watch(&mut self, files: &Files) {
        if !self.deaf
            && let Some(announcer) = &mut self.announcer
            && announcer.watch(files)
        {
            self.tells_all = tells_all(&self.path);
        }
    }

    /// Whether changes are announced. Elsewhere they are found by looking often.
    pub(super) fn is_announced(&self) -> bool {
        self.announcer.as_ref().is_some_and(announce::Announcer::works)
    }

    /// Waits for an announcement or the next look, at most `limit`. Says whether something was announced.
    pub(super) fn wait(&mut self, limit: Duration) -> bool {
        if std::mem::take(&mut self.deaf) {
            // The writer has paused. What it does until it is watched again shows in one more look.
            return true;
        }
        let lively = self.changed.elapsed() < LIVELY;
        let look = match (self.looks, self.is_announced()) {
            (LOOKS.., true) if self.tells_all && !lively => REST,
            (LOOKS.., false) if lively => POLL,
            (LOOKS.., _) => SAFETY,
            (looks, _) => FIRST_LOOK * (1 << looks),
        };
        let announced = if let Some(announcer) = &mut self.announcer {
            announcer.wait(&self.stop, look.min(limit))
        } else {
            self.stop.sleep(look.min(limit));
            false
        };
        if announced {
            self.looks = 0;
            self.changed = Instant::now();
        } else {
            self.looks = (self.looks + 1).min(LOOKS);
        }
        announced
    }

    /// Rows were found. Leaves a busy writer alone for a moment, whatever is announced meanwhile.
    pub(super) fn found(&mut self) {
        let now = Instant::now();
        // Deaf: the look after the last moment found this.
        let busy = self.deaf | self.found.replace(now).is_some_and(|before| now - before < BUSY);
        self.changed = now;
        if busy {
            if let Some(announcer) = &mut self.announcer {
                announcer.forget();
            }
            self.deaf = true;
            std::thread::sleep(WINDOW);
        }
        self.looks = LOOKS_AFTER;
    }

    /// Looks again soon, as after an announcement.
    pub(super) fn look_soon(&mut self) {
        self.looks = 0;
        self.changed = Instant::now();
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod announce {
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use rustix::fd::{AsFd as _, OwnedFd};
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

    use super::super::files::{FileStat, Files, companion};
    use crate::source::StopFlag;

    /// inotify on the database, its log and their folder.
    pub(super) struct Announcer {
        queue: OwnedFd,
        folder: Option<(PathBuf, i32)>,
        /// The database's name in it.
        name: Vec<u8>,
        db: Watched,
        wal: Watched,
    }

    /// A file that is watched, by identity: a watch stays with a file that was moved away.
    #[derive(Default)]
    struct Watched {
        id: Option<(u64, u64)>,
        watch: Option<i32>,
        /// It is there and cannot be watched.
        failed: bool,
    }

    impl Watched {
        fn set(&mut self, queue: &OwnedFd, path: &Path, stat: Option<FileStat>) {
            let id = stat.map(|stat| stat.id);
            if self.id == id {
                return;
            }
            if let Some(watch) = self.watch.take() {
                // Gone by itself when its file is gone.
                let _ = inotify::remove_watch(queue, watch);
            }
            self.watch = id.and_then(|_| inotify::add_watch(queue, path, WatchFlags::MODIFY).ok());
            self.failed = id.is_some() && self.watch.is_none();
            self.id = self.watch.and(id);
        }

        fn forget(&mut self, queue: &OwnedFd) {
            if let Some(watch) = self.watch.take() {
                let _ = inotify::remove_watch(queue, watch);
            }
            self.id = None;
        }
    }

    impl Announcer {
        pub(super) fn new() -> Option<Self> {
            let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
            Some(Self {
                queue,
                folder: None,
                name: Vec::new(),
                db: Watched::default(),
                wal: Watched::default(),
            })
        }

        /// Watches these files; says whether another folder than before.
        pub(super) fn watch(&mut self, files: &Files) -> bool {
            let mut moved = false;
            let folder = files.path.parent().unwrap_or(Path::new("."));
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            if self.folder.as_ref().is_none_or(|(known, _)| known != folder) {
                if let Some((_, watch)) = self.folder.take() {
                    let _ = inotify::remove_watch(&self.queue, watch);
                }
                let flags = WatchFlags::CREATE
                    | WatchFlags::DELETE
                    | WatchFlags::MOVED_TO
                    | WatchFlags::MOVED_FROM
                    | WatchFlags::MOVE_SELF
                    | WatchFlags::ONLYDIR;
                let watch = inotify::add_watch(&self.queue, folder, flags);
                self.folder = watch.ok().map(|watch| (folder.to_owned(), watch));
                moved = true;
            }
            let name = files.path.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
            if self.name != name {
                self.name = name.to_vec();
            }
            self.db.set(&self.queue, &files.path, files.db);
            self.wal.set(&self.queue, &companion(&files.path, "-wal"), files.wal);
            moved
        }

        /// Watches the folder only.
        pub(super) fn forget(&mut self) {
            self.db.forget(&self.queue);
            self.wal.forget(&self.queue);
            self.drain();
        }

        pub(super) fn works(&self) -> bool {
            self.folder.is_some() && !self.db.failed && !self.wal.failed
        }

        /// Waits; says whether something was announced.
        pub(super) fn wait(&mut self, stop: &StopFlag, limit: Duration) -> bool {
            stop.wait_for(Some(self.queue.as_fd()), limit).unwrap_or(false) && self.drain()
        }

        /// Takes all events; says whether one of them is about the database.
        fn drain(&mut self) -> bool {
            let mut relevant = false;
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(&self.queue, &mut buffer);
            while let Ok(event) = reader.next() {
                // Of the folder only what begins like the database: itself and its companions.
                relevant |= event.file_name().is_none_or(|name| name.to_bytes().starts_with(&self.name));
                let gone = Some(event.wd());
                let folder = self.folder.as_ref().map(|(_, watch)| *watch);
                // Watched under another name from now on; the path is somewhere else.
                if event.events().contains(ReadFlags::MOVE_SELF) && folder == gone {
                    self.folder = None;
                }
                if event.events().contains(ReadFlags::IGNORED) {
                    for watched in [&mut self.db, &mut self.wal] {
                        if watched.watch == gone {
                            *watched = Watched::default();
                        }
                    }
                    if folder == gone {
                        self.folder = None;
                    }
                }
            }
            relevant
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod announce {
    use std::time::Duration;

    use super::super::files::Files;
    use crate::source::StopFlag;

    /// Nothing is announced.
    pub(super) struct Announcer;

    impl Announcer {
        pub(super) fn new() -> Option<Self> {
            None
        }

        pub(super) fn watch(&mut self, _: &Files) -> bool {
            false
        }

        pub(super) fn forget(&mut self) {}

        pub(super) fn works(&self) -> bool {
            false
        }

        pub(super) fn wait(&mut self, stop: &StopFlag, limit: Duration) -> bool {
            stop.sleep(limit);
            false
        }
    }
}
