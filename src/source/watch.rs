//! Waiting until something may have happened to a file.

use std::path::Path;
use std::time::{Duration, Instant};

use announce::Announcer;

/// Distance of looks when nothing is announced but the system would announce it, or when nothing happened for long.
const SAFETY: Duration = Duration::from_millis(250);
/// Distance of looks where nothing is announced.
const POLL: Duration = Duration::from_millis(25);
/// How long after the last change looks are frequent where nothing is announced.
const LIVELY: Duration = Duration::from_secs(10);
/// Changes that come closer than this are taken together.
const TOGETHER: Duration = Duration::from_millis(1);

/// Announces changes of the file at one path, of files that had the path, and of the path itself.
pub(super) struct Watch {
    announcer: Announcer,
    changed: Instant,
    hurried: bool,
}

impl Watch {
    /// Starts watching a path, whether something is there or not.
    pub(super) fn new(path: &Path) -> Self {
        Self { announcer: Announcer::new(path), changed: Instant::now(), hurried: false }
    }

    /// Watches the file that is at the path now; what was there before is watched on.
    pub(super) fn add_file(&mut self) {
        self.announcer.add_file();
    }

    /// Says that a look found something new.
    pub(super) fn found(&mut self) {
        self.hurried = self.changed.elapsed() < TOGETHER * 2;
        self.changed = Instant::now();
    }

    /// Waits for a change or the next look.
    pub(super) fn wait(&mut self) {
        if self.hurried {
            // A busy writer: one message for what comes in a moment, not one for each line.
            std::thread::sleep(TOGETHER);
            self.hurried = false;
        }
        if self.announcer.works() {
            self.announcer.wait(SAFETY);
        } else {
            std::thread::sleep(if self.changed.elapsed() < LIVELY { POLL } else { SAFETY });
            self.announcer.retry();
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod announce {
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fd::OwnedFd;
    use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};

    use super::super::place::folder_of;

    pub(super) struct Announcer {
        queue: Option<OwnedFd>,
        path: PathBuf,
        /// The folder is watched: its file's coming and going is announced.
        folder: Option<i32>,
        /// A file is watched.
        file: Option<i32>,
    }

    impl Announcer {
        pub(super) fn new(path: &Path) -> Self {
            let queue = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok();
            let mut announcer = Self { queue, path: path.to_owned(), folder: None, file: None };
            announcer.add_folder();
            announcer.add_file();
            announcer
        }

        fn add_folder(&mut self) {
            let changes = WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::ONLYDIR;
            if let Some(queue) = &self.queue {
                self.folder = add_watch(queue, folder_of(&self.path), changes).ok();
            }
        }

        pub(super) fn add_file(&mut self) {
            if let Some(queue) = &self.queue {
                self.file = add_watch(queue, &self.path, WatchFlags::MODIFY | WatchFlags::ATTRIB).ok();
            }
        }

        /// Whether a change would be announced. What isn't there yet is announced by its folder.
        pub(super) fn works(&self) -> bool {
            self.folder.is_some() && (self.file.is_some() || self.path.symlink_metadata().is_err())
        }

        /// Tries again what didn't work.
        pub(super) fn retry(&mut self) {
            if self.folder.is_none() {
                self.add_folder();
            }
            if self.file.is_none() {
                self.add_file();
            }
        }

        pub(super) fn wait(&mut self, limit: Duration) {
            let end = Instant::now() + limit;
            loop {
                let left = end.saturating_duration_since(Instant::now());
                let Some(queue) = &self.queue else { return };
                let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
                let ready = poll(&mut [PollFd::new(queue, PollFlags::IN)], Some(&timeout));
                if !matches!(ready, Ok(1..)) || self.drain() {
                    return;
                }
            }
        }

        /// Takes all events; says whether one of them is about the path.
        fn drain(&mut self) -> bool {
            let Some(queue) = &self.queue else { return false };
            let name = self.path.file_name().map_or(&b""[..], |name| name.as_bytes());
            let mut relevant = false;
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(queue, &mut buffer);
            while let Ok(event) = reader.next() {
                // A file speaks without a name, and so does a queue that overflowed.
                relevant |= event.file_name().is_none_or(|changed| changed.to_bytes() == name);
                if event.events().contains(ReadFlags::IGNORED) {
                    for watch in [&mut self.folder, &mut self.file] {
                        if *watch == Some(event.wd()) {
                            *watch = None;
                        }
                    }
                }
            }
            relevant
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod announce {
    use std::path::Path;
    use std::time::Duration;

    /// Nothing is announced.
    pub(super) struct Announcer;

    impl Announcer {
        pub(super) fn new(_: &Path) -> Self {
            Self
        }

        pub(super) fn add_file(&mut self) {}

        pub(super) fn works(&self) -> bool {
            false
        }

        pub(super) fn retry(&mut self) {}

        pub(super) fn wait(&mut self, limit: Duration) {
            std::thread::sleep(limit);
        }
    }
}
