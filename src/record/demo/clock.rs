//! What time it is: the wall clock for people, a virtual one for tests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::model::UnixNanos;

/// Tells the time and waits.
pub trait Clock {
    /// Now.
    fn now(&self) -> UnixNanos;

    /// Waits until an instant, or until `stop` is set, whichever comes first.
    fn wait_until(&mut self, at: UnixNanos, stop: &AtomicBool);
}

/// Wall-clock time that never runs backwards.
#[derive(Clone, Copy, Debug)]
pub struct RealClock {
    base: UnixNanos,
    since: Instant,
}

impl RealClock {
    /// A clock set by the system's.
    pub fn new() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { base: UnixNanos(i64::try_from(unix.as_nanos()).unwrap_or(i64::MAX)), since: Instant::now() }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> UnixNanos {
        self.base.plus(i64::try_from(self.since.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }

    fn wait_until(&mut self, at: UnixNanos, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let left = u64::try_from(at.since(self.now())).unwrap_or(0);
            if left == 0 {
                break;
            }
            // Short naps, so that a stop is noticed soon.
            std::thread::sleep(Duration::from_nanos(left).min(Duration::from_millis(40)));
        }
    }
}

/// Time that passes only by being waited for. At its end it sets `stop`.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock {
    now: UnixNanos,
    end: UnixNanos,
}

impl VirtualClock {
    /// A clock that runs from `start` to `end`.
    pub fn new(start: UnixNanos, end: UnixNanos) -> Self {
        Self { now: start, end }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> UnixNanos {
        self.now
    }

    fn wait_until(&mut self, at: UnixNanos, stop: &AtomicBool) {
        self.now = self.now.max(at.min(self.end));
        if at >= self.end {
            stop.store(true, Ordering::Relaxed);
        }
    }
}
