//! Waiting until something may have happened to a file.

use std::path::Path;
use std::time::{Duration, Instant};

use super::StopFlag;
use announce::Announcer;
pub(super) use announce::{FolderWatch, tells_all};

/// Distance of looks while a change is not long ago, and later where not every change is announced.
const SAFETY: Duration = Duration::from_millis(250);
/// Distance of looks when nothing happened for long and all changes are announced.
pub(super) const REST: Duration = Duration::from_secs(30);
/// Distance of looks where nothing is announced, while a change is not long ago.
const POLL: Duration = Duration::from_millis(25);
/// How long after the last change looks are frequent: what has just been written may be rotated or completed.
pub(super) const LIVELY: Duration = Duration::from_secs(10);
/// Changes that come closer than this are taken together.
const TOGETHER: Duration = Duration::from_millis(1);

/// Announces changes of the file at one path, of files that had the path, and of the path itself.
pub(super) struct Watch {
    announcer: Announcer,
    stop: StopFlag,
    changed: Instant,
    hurried: bool,
}

impl Watch {
    /// Starts watching a path, whether something is there or not.
    pub(super) fn new(path: &Path, stop: &StopFlag) -> Self {
        Self { announcer: Announcer::new(path), stop: stop.clone(), changed: Instant::now(), hurried: false }
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
        let lively = self.changed.elapsed() < LIVELY;
        if self.announcer.works() {
            let limit = if lively || !self.announcer.tells_all() { SAFETY } else { REST };
            if self.announcer.wait(&self.stop, limit) && !lively {
                self.changed = Instant::now();
            }
        } else {
            self.stop.sleep(if lively { POLL } else { SAFETY });
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

    use rustix::fd::{AsFd as _, OwnedFd};
    use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
    use rustix::fs::statfs;

    use super::super::StopFlag;
    use super::super::place::folder_of;
    use super::TOGETHER;

    /// Filesystems of which this kernel sees every change, by their magic numbers: bcachefs, btrfs, ext, F2FS, overlay,
    /// ramfs, tmpfs, XFS and ZFS. What network mounts, FUSE and shared folders of virtual machines hold may be changed
    /// by somebody else.
    const LOCAL: [u32; 9] = [
        0xCA45_1A4E,
        0x9123_683E,
        0xEF53,
        0xF2F5_2010,
        0x794C_7630,
        0x8584_58F6,
        0x0102_1994,
        0x5846_5342,
        0x2FC1_2FC1,
    ];

    /// Whether every change of what is at a path would be announced to who watches the file and its folder: the
    /// filesystem is local, and there is no other way to the file, by a symbolic link.
    pub(in crate::source) fn tells_all(path: &Path) -> bool {
        let Ok(folder) = std::path::absolute(folder_of(path)) else { return false };
        let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
        !is_link
            && folder.canonicalize().is_ok_and(|real| real == folder)
            && statfs(&folder).is_ok_and(|stat| LOCAL.contains(&(stat.f_type as u32)))
    }

    pub(super) struct Announcer {
        queue: Option<OwnedFd>,
        path: PathBuf,
        /// The folder is watched: its file's coming and going is announced.
        folder: Option<i32>,
        /// A file is watched.
        file: Option<i32>,
        tells_all: bool,
    }

    impl Announcer {
        pub(super) fn new(path: &Path) -> Self {
            let queue = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok();
            let mut announcer =
                Self { queue, path: path.to_owned(), folder: None, file: None, tells_all: false };
            announcer.add_folder();
            announcer.add_file();
            announcer
        }

        fn add_folder(&mut self) {
            let changes = WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::MOVE_SELF
                | WatchFlags::ONLYDIR;
            if let Some(queue) = &self.queue {
                self.folder = add_watch(queue, folder_of(&self.path), changes).ok();
            }
            self.tells_all = tells_all(&self.path);
        }

        pub(super) fn add_file(&mut self) {
            if let Some(queue) = &self.queue {
                let changes = WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::MOVE_SELF;
                self.file = add_watch(queue, &self.path, changes).ok();
            }
            self.tells_all = tells_all(&self.path);
        }

        /// Whether nothing can happen that is not announced.
        pub(super) fn tells_all(&self) -> bool {
            self.tells_all
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

        /// Waits; says whether something was announced.
        pub(super) fn wait(&mut self, stop: &StopFlag, limit: Duration) -> bool {
            let end = Instant::now() + limit;
            loop {
                let left = end.saturating_duration_since(Instant::now());
                let Some(queue) = &self.queue else { return false };
                if !stop.wait_for(Some(queue.as_fd()), left).unwrap_or(false) {
                    return false;
                }
                if self.drain() {
                    return true;
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
                let gone = Some(event.wd());
                if event.events().contains(ReadFlags::IGNORED) {
                    for watch in [&mut self.folder, &mut self.file] {
                        if *watch == gone {
                            *watch = None;
                        }
                    }
                }
                // Watched under another name from now on; the path is somewhere else.
                if event.events().contains(ReadFlags::MOVE_SELF) && self.folder == gone {
                    self.folder = None;
                }
            }
            relevant
        }
    }

    /// Announces files that come to folders and files there that were written and closed.
    pub(in crate::source) struct FolderWatch {
        queue: Option<OwnedFd>,
        tells_all: bool,
    }

    impl FolderWatch {
        pub(in crate::source) fn new(folders: &[PathBuf]) -> Self {
            let queue = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok();
            let changes = WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::CLOSE_WRITE
                | WatchFlags::ONLYDIR;
            let watched = queue.as_ref().map_or(0, |queue| {
                folders.iter().filter(|folder| add_watch(queue, folder.as_path(), changes).is_ok()).count()
            });
            let tells_all = !folders.is_empty()
                && watched == folders.len()
                && folders.iter().all(|folder| tells_all(&folder.join("file")));
            Self { queue, tells_all }
        }

        /// Whether nothing can happen that is not announced.
        pub(in crate::source) fn tells_all(&self) -> bool {
            self.tells_all
        }

        /// Waits for a change, and a little longer for what comes with it. Says whether there was one.
        pub(in crate::source) fn wait(&mut self, stop: &StopFlag, limit: Duration) -> bool {
            let Some(queue) = &self.queue else {
                stop.sleep(limit);
                return false;
            };
            let is_told = stop.wait_for(Some(queue.as_fd()), limit).unwrap_or(false);
            if is_told {
                stop.sleep(TOGETHER * 10);
                let mut buffer = [MaybeUninit::uninit(); 4096];
                let mut reader = Reader::new(queue, &mut buffer);
                while reader.next().is_ok() {}
            }
            is_told
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod announce {
    use std::path::Path;
    use std::time::Duration;

    use super::super::StopFlag;

    /// Nothing is.
    pub(in crate::source) fn tells_all(_: &Path) -> bool {
        false
    }

    /// Nothing is announced.
    pub(in crate::source) struct FolderWatch;

    impl FolderWatch {
        pub(in crate::source) fn new(_: &[std::path::PathBuf]) -> Self {
            Self
        }

        pub(in crate::source) fn tells_all(&self) -> bool {
            false
        }

        pub(in crate::source) fn wait(&mut self, stop: &StopFlag, limit: Duration) -> bool {
            stop.sleep(limit);
            false
        }
    }

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

        pub(super) fn tells_all(&self) -> bool {
            false
        }

        pub(super) fn retry(&mut self) {}

        pub(super) fn wait(&mut self, stop: &StopFlag, limit: Duration) -> bool {
            stop.sleep(limit);
            false
        }
    }
}
