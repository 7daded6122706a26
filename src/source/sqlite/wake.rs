//! Waiting until something may have happened to a database.
//!
//! On Linux the kernel tells. It tells when the log was written, which is before the commit can be seen, so a wake-up is
//! followed by looks at growing distances: see [`Wake::wait`].

use std::time::Duration;

use super::files::Files;

/// First look after a wake-up; each further one comes after twice the time.
const FIRST_LOOK: Duration = Duration::from_micros(50);
/// Looks at growing distances: the last but one after 205 ms.
const LOOKS: u32 = 13;
/// Distance of looks when nothing is announced but the system would announce it.
const SAFETY: Duration = Duration::from_millis(250);
/// Distance of looks on systems that announce nothing.
const POLL: Duration = Duration::from_millis(25);

/// See the module.
pub(super) struct Wake {
    announcer: Option<announce::Announcer>,
    looks: u32,
}

impl Wake {
    /// Starts waiting for changes of whatever [`Wake::watch`] says.
    pub(super) fn new() -> Self {
        Self { announcer: announce::Announcer::new(), looks: LOOKS }
    }

    /// Watches these files from now on.
    pub(super) fn watch(&mut self, files: &Files) {
        if let Some(announcer) = &mut self.announcer {
            announcer.watch(files);
        }
    }

    /// Whether changes are announced. Elsewhere they are found by looking often.
    pub(super) fn is_announced(&self) -> bool {
        self.announcer.as_ref().is_some_and(announce::Announcer::works)
    }

    /// Waits for an announcement or the next look, at most `limit`. Says whether something was announced.
    pub(super) fn wait(&mut self, limit: Duration) -> bool {
        let look = match self.looks {
            LOOKS.. if self.is_announced() => SAFETY,
            LOOKS.. => POLL,
            looks => FIRST_LOOK * (1 << looks),
        };
        let announced = if let Some(announcer) = &mut self.announcer {
            announcer.wait(look.min(limit))
        } else {
            std::thread::sleep(look.min(limit));
            false
        };
        self.looks = if announced { 0 } else { (self.looks + 1).min(LOOKS) };
        announced
    }

    /// Looks again soon, as after an announcement.
    pub(super) fn look_soon(&mut self) {
        self.looks = 0;
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod announce {
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fd::OwnedFd;
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

    use super::super::files::{FileStat, Files, companion};

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
            self.id = self.watch.and(id);
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

        pub(super) fn watch(&mut self, files: &Files) {
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
                    | WatchFlags::ONLYDIR;
                let watch = inotify::add_watch(&self.queue, folder, flags);
                self.folder = watch.ok().map(|watch| (folder.to_owned(), watch));
            }
            let name = files.path.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
            if self.name != name {
                self.name = name.to_vec();
            }
            self.db.set(&self.queue, &files.path, files.db);
            self.wal.set(&self.queue, &companion(&files.path, "-wal"), files.wal);
        }

        pub(super) fn works(&self) -> bool {
            self.folder.is_some() && (self.db.watch.is_some() || self.db.id.is_none())
        }

        /// Waits; says whether something was announced.
        pub(super) fn wait(&mut self, limit: Duration) -> bool {
            let limit = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
            let mut queue = [PollFd::new(&self.queue, PollFlags::IN)];
            if !matches!(poll(&mut queue, Some(&limit)), Ok(1..)) {
                return false;
            }
            self.drain()
        }

        /// Takes all events; says whether one of them is about the database.
        fn drain(&mut self) -> bool {
            let mut relevant = false;
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(&self.queue, &mut buffer);
            while let Ok(event) = reader.next() {
                // Of the folder only what begins like the database: itself and its companions.
                relevant |= event.file_name().is_none_or(|name| name.to_bytes().starts_with(&self.name));
                if event.events().contains(ReadFlags::IGNORED) {
                    let gone = Some(event.wd());
                    for watched in [&mut self.db, &mut self.wal] {
                        if watched.watch == gone {
                            *watched = Watched::default();
                        }
                    }
                    if self.folder.as_ref().map(|(_, watch)| *watch) == gone {
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

    /// Nothing is announced.
    pub(super) struct Announcer;

    impl Announcer {
        pub(super) fn new() -> Option<Self> {
            None
        }

        pub(super) fn watch(&mut self, _: &Files) {}

        pub(super) fn works(&self) -> bool {
            false
        }

        pub(super) fn wait(&mut self, limit: Duration) -> bool {
            std::thread::sleep(limit);
            false
        }
    }
}
