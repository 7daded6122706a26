//! Processor time of the thread, which other programs on the machine disturb less than the clock on the wall.

use std::time::Duration;
#[cfg(not(unix))]
use std::time::Instant;

/// Processor time that something took, and what it returned.
#[cfg(unix)]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
    };
    let began = now();
    let value = work();
    (now().saturating_sub(began), value)
}

/// Time that something took, and what it returned.
#[cfg(not(unix))]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let value = work();
    (began.elapsed(), value)
}
