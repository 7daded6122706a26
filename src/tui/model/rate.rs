//! What is spent per minute right now.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::NanoUsd;

/// The stretch the rate is taken over.
const WINDOW: Duration = Duration::from_secs(60);
/// Distance between samples.
const STEP: Duration = Duration::from_secs(1);

/// Cost over the last minute of watching.
#[derive(Debug, Default)]
pub struct SpendRate {
    samples: VecDeque<(Instant, NanoUsd)>,
}

impl SpendRate {
    /// Notes the total at a moment. What was spent before watching began is not part of any rate, so this is first
    /// called when the sources have caught up.
    pub fn note(&mut self, now: Instant, total: NanoUsd) {
        if self.samples.back().is_some_and(|(last, _)| now.duration_since(*last) < STEP) {
            return;
        }
        while self.samples.len() > 1
            && self.samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.samples.pop_front();
        }
        self.samples.push_back((now, total));
    }

    /// Forgets everything: the prices changed, so totals before and after don't compare.
    pub fn reset(&mut self) {
        self.samples.clear();
    }

    /// Dollars per minute; `None` before two seconds were seen, or when nothing was spent.
    pub fn per_minute(&self, now: Instant, total: NanoUsd) -> Option<NanoUsd> {
        let (from, base) = self.samples.front()?;
        let seconds = now.duration_since(*from).as_secs_f64();
        let spent = total - *base;
        if seconds < 2.0 || spent.0 <= 0 {
            return None;
        }
        Some(NanoUsd((spent.0 as f64 * 60.0 / seconds.min(WINDOW.as_secs_f64())) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_over_the_last_minute() {
        let start = Instant::now();
        let mut rate = SpendRate::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(rate.per_minute(at(0), NanoUsd(5)), None);
        for second in 0..=30 {
            rate.note(at(second), NanoUsd(1_000 * second as i64));
        }
        assert_eq!(rate.per_minute(at(30), NanoUsd(30_000)), Some(NanoUsd(60_000)));
        for second in 31..200 {
            rate.note(at(second), NanoUsd(30_000));
        }
        assert_eq!(rate.per_minute(at(200), NanoUsd(30_000)), None);
    }
}
