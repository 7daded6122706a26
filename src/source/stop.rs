//! Asking a source to stop, and waiting for something to read without missing that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Shared between a source's thread and whoever wants it to stop.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<Stop>);

#[derive(Debug, Default)]
struct Stop {
    asked: AtomicBool,
    #[cfg(unix)]
    bell: std::sync::OnceLock<Option<bell::Bell>>,
}

impl StopFlag {
    /// Asks the source to stop soon.
    pub fn stop(&self) {
        self.0.asked.store(true, Ordering::SeqCst);
        #[cfg(unix)]
        if let Some(Some(bell)) = self.0.bell.get() {
            bell.ring();
        }
    }

    /// Whether it was asked.
    pub fn is_stopped(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Sleeps, but not on after it was asked.
    pub(super) fn sleep(&self, limit: Duration) {
        #[cfg(unix)]
        {
            // Nothing is waited for but the bell.
            let _ = self.wait_for(None, limit);
        }
        #[cfg(not(unix))]
        std::thread::sleep(limit);
    }

    /// Waits until this can be read, the limit is over, or it was asked to stop. Says whether it can be read; an error
    /// says that it cannot be waited for.
    #[cfg(unix)]
    pub(super) fn wait_for(
        &self,
        readable: Option<std::os::fd::BorrowedFd<'_>>,
        limit: Duration,
    ) -> rustix::io::Result<bool> {
        let bell = self.0.bell.get_or_init(|| bell::Bell::new().ok()).as_ref();
        // After the bell was hung up: who asks from now on rings it.
        if self.is_stopped() { Ok(false) } else { bell::wait(readable, bell, limit) }
    }
}

#[cfg(unix)]
mod bell {
    use std::net::Shutdown;
    use std::os::fd::{AsFd as _, BorrowedFd};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    /// How long to wait at most where there is no bell.
    const DEAF: Duration = Duration::from_millis(250);

    /// Two ends: when one is shut, everybody who waits for the other wakes up.
    #[derive(Debug)]
    pub(super) struct Bell {
        rope: UnixStream,
        heard: UnixStream,
    }

    impl Bell {
        pub(super) fn new() -> std::io::Result<Self> {
            let (rope, heard) = UnixStream::pair()?;
            Ok(Self { rope, heard })
        }

        pub(super) fn ring(&self) {
            // It is shut already when this fails.
            let _ = self.rope.shutdown(Shutdown::Both);
        }
    }

    pub(super) fn wait(
        readable: Option<BorrowedFd<'_>>,
        bell: Option<&Bell>,
        limit: Duration,
    ) -> rustix::io::Result<bool> {
        let limit = if bell.is_some() { limit } else { limit.min(DEAF) };
        let limit = Timespec::try_from(limit).ok();
        let ours = bell.map(|bell| bell.heard.as_fd());
        match (readable, ours) {
            (Some(readable), Some(ours)) => {
                let mut fds = [
                    PollFd::from_borrowed_fd(readable, PollFlags::IN),
                    PollFd::from_borrowed_fd(ours, PollFlags::IN),
                ];
                poll(&mut fds, limit.as_ref())?;
                Ok(!fds[0].revents().is_empty())
            }
            (Some(readable), None) => {
                let mut fds = [PollFd::from_borrowed_fd(readable, PollFlags::IN)];
                Ok(poll(&mut fds, limit.as_ref())? > 0)
            }
            (None, Some(ours)) => {
                poll(&mut [PollFd::from_borrowed_fd(ours, PollFlags::IN)], limit.as_ref())?;
                Ok(false)
            }
            (None, None) => {
                poll(&mut [], limit.as_ref())?;
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn whoever_sleeps_wakes_when_it_is_stopped() {
        let flag = StopFlag::default();
        let sleepers: Vec<_> = (0..3)
            .map(|_| {
                let flag = flag.clone();
                std::thread::spawn(move || {
                    let began = Instant::now();
                    flag.sleep(Duration::from_secs(60));
                    began.elapsed()
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20));
        flag.stop();
        for sleeper in sleepers {
            assert!(sleeper.join().unwrap() < Duration::from_secs(30));
        }
        let began = Instant::now();
        flag.sleep(Duration::from_secs(60));
        assert!(flag.is_stopped() && began.elapsed() < Duration::from_secs(30));
    }
}
