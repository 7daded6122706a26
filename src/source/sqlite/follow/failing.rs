//! What becomes of a look that failed.

use std::time::{Duration, Instant};

use super::super::fault::Fault;
use super::super::files::Files;
use super::{Follower, JOURNAL_GRACE, Over, Polled};
use crate::source::SourceState;

/// Pause before what is locked is tried again; grows up to [`MAX_RETRY`].
const RETRY: Duration = Duration::from_millis(5);
/// See [`RETRY`].
const MAX_RETRY: Duration = Duration::from_millis(250);
/// Failures in a row after which a table that cannot be queried is given up until its file changes.
const MAX_FAILURES: u32 = 8;

impl Follower<'_> {
    /// Says why nothing could be read and when to try again.
    pub(super) fn fail(&mut self, fault: Fault, files: &Files) -> Result<Polled, Over> {
        if self.stop.is_stopped() {
            return Err(Over);
        }
        self.read = None;
        self.failures = self.failures.saturating_add(1);
        let pause = (RETRY * (1 << self.failures.min(6))).min(MAX_RETRY);
        match fault {
            Fault::Schema(_) if self.failures < MAX_FAILURES => {
                // Prepared for tables as they were. Look at them again, but not for ever at full speed.
                self.schema = None;
                self.version = None;
                Ok(Polled::Later(pause))
            }
            fault if fault.is_passing() => {
                self.open = None;
                // A snapshot that moved on under our hands is no reason for a word.
                if !matches!(fault, Fault::Locked) || self.is_blocked_for_long() {
                    self.say(SourceState::Blocked(fault.to_string()))?;
                }
                Ok(Polled::Later(pause))
            }
            fault => {
                self.open = None;
                self.broken = Some(files.clone());
                self.tables.restart();
                let text = fault.to_string();
                let blocked = matches!(fault, Fault::NeedsRecovery | Fault::Refused(_));
                self.say(if blocked { SourceState::Blocked(text) } else { SourceState::Failed(text) })?;
                Ok(Polled::Quiet)
            }
        }
    }

    fn is_blocked_for_long(&mut self) -> bool {
        self.locked_since.get_or_insert_with(Instant::now).elapsed() > JOURNAL_GRACE
    }
}
