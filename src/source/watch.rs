//! Waiting until something may have happened to a file.

use std::path::Path;
use std::time::Duration;

/// Distance of looks when nothing is announced but the system would announce it.
const SAFETY: Duration = Duration::from_millis(250);
/// Distance of looks on systems that announce nothing.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const POLL: Duration = Duration::from_millis(25);

/// Announces changes of one file and of its folder.
pub(super) struct Watch {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    queue: Option<rustix::fd::OwnedFd>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Watch {
    /// Starts watching a path, whether something is there or not.
    pub(super) fn new(path: &Path) -> Self {
        use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
        let queue = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok();
        if let Some(queue) = &queue {
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let changes = WatchFlags::MODIFY
                | WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::ATTRIB;
            // Where the folder can't be watched the safety looks find every change.
            add_watch(queue, folder, changes).ok();
        }
        let watch = Self { queue };
        watch.add_file(path);
        watch
    }

    /// Watches the file that is at a path now: a link may point out of the folder.
    pub(super) fn add_file(&self, path: &Path) {
        use rustix::fs::inotify::{WatchFlags, add_watch};
        if let Some(queue) = &self.queue {
            add_watch(queue, path, WatchFlags::MODIFY).ok();
        }
    }

    /// Waits for a change, a safety look, or at most `limit`.
    pub(super) fn wait(&self, limit: Duration) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let limit = limit.min(SAFETY);
        let Some(queue) = &self.queue else {
            std::thread::sleep(limit.min(Duration::from_millis(25)));
            return;
        };
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(limit.subsec_nanos()) };
        let ready = poll(&mut [PollFd::new(queue, PollFlags::IN)], Some(&timeout));
        if ready.is_ok_and(|count| count > 0) {
            let mut buffer = [0u8; 4096];
            while rustix::io::read(queue, &mut buffer).is_ok_and(|read| read > 0) {}
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Watch {
    /// Starts watching a path, whether something is there or not.
    pub(super) fn new(_path: &Path) -> Self {
        Self {}
    }

    /// Watches the file that is at a path now.
    pub(super) fn add_file(&self, _path: &Path) {}

    /// Waits for the next look, at most `limit`.
    pub(super) fn wait(&self, limit: Duration) {
        std::thread::sleep(limit.min(POLL));
    }
}
