//! What the store knows about each source: problems, times, lag.

use std::collections::VecDeque;

use crate::model::{Problems, SegmentId, SourceId, UnixNanos};

/// Delays kept for the median.
const LAGS: usize = 64;

/// One source as the store sees it.
#[derive(Debug, Default)]
pub struct SourceFacts {
    /// Its name as the user gave it; untrusted text.
    pub name: String,
    /// What could not be taken as it is.
    pub problems: Problems,
    /// The latest time that any of its records names.
    pub newest: Option<UnixNanos>,
    /// When its file or database was last written before it was opened.
    pub modified: Option<UnixNanos>,
    /// When its last record arrived live.
    pub seen: Option<UnixNanos>,
    lags: VecDeque<i64>,
}

impl SourceFacts {
    /// How long after a span began or ended its record became visible: the median of the last records that say so,
    /// nanoseconds.
    pub fn lag(&self) -> Option<i64> {
        let mut lags: Vec<i64> = self.lags.iter().copied().collect();
        lags.sort_unstable();
        lags.get(lags.len() / 2).copied()
    }
}

#[derive(Debug, Default)]
pub(super) struct Sources {
    facts: Vec<SourceFacts>,
    segments: Vec<(SegmentId, SourceId)>,
}

impl Sources {
    pub(super) fn get(&self, source: SourceId) -> Option<&SourceFacts> {
        self.facts.get(source.0 as usize)
    }

    pub(super) fn of_segment(&self, segment: SegmentId) -> Option<SourceId> {
        let at = self.segments.binary_search_by_key(&segment, |(known, _)| *known).ok()?;
        Some(self.segments[at].1)
    }

    pub(super) fn add_segment(&mut self, segment: SegmentId, source: SourceId) {
        if let Err(at) = self.segments.binary_search_by_key(&segment, |(known, _)| *known) {
            self.segments.insert(at, (segment, source));
        }
    }

    pub(super) fn set_name(&mut self, source: SourceId, name: &str) {
        name.clone_into(&mut self.slot(source).name);
    }

    pub(super) fn set_modified(&mut self, source: SourceId, at: UnixNanos) {
        let facts = self.slot(source);
        facts.modified = facts.modified.max(Some(at));
    }

    pub(super) fn merge_problems(&mut self, source: SourceId, problems: &Problems) {
        self.slot(source).problems.merge(problems.clone());
    }

    pub(super) fn note_times(
        &mut self,
        source: SourceId,
        newest: Option<UnixNanos>,
        lag: Option<i64>,
        seen: Option<UnixNanos>,
    ) {
        let facts = self.slot(source);
        facts.seen = facts.seen.max(seen);
        facts.newest = facts.newest.max(newest);
        if let Some(lag) = lag.filter(|lag| *lag >= 0) {
            if facts.lags.len() == LAGS {
                facts.lags.pop_front();
            }
            facts.lags.push_back(lag);
        }
    }

    fn slot(&mut self, source: SourceId) -> &mut SourceFacts {
        let at = source.0 as usize;
        if self.facts.len() <= at {
            self.facts.resize_with(at + 1, SourceFacts::default);
        }
        &mut self.facts[at]
    }
}
