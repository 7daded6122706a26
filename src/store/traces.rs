//! One row per trace: what the trace list shows, kept up to date.

use rustc_hash::FxHashMap;

use super::handle::NONE;
use super::ids::SpanIds;
use super::totals::Totals;
use crate::model::{Id, SourceId, UnixNanos};

/// A trace as the store keeps it.
#[derive(Clone, Debug)]
pub(super) struct TraceRow {
    pub id: Id,
    /// The row that was added last; rows are chained by [`Columns::previous`](super::columns::Columns).
    pub last_row: u32,
    /// Rows of the trace, placeholders included.
    pub rows: u32,
    /// Known spans without an end that are not suspended.
    pub open: u32,
    /// Suspended spans.
    pub suspended: u32,
    /// The span that stands for the trace.
    pub root: u32,
    /// The newest span that goes on with a suspended run.
    pub resumed: u32,
    /// Its spans.
    pub ids: SpanIds,
    pub totals: Totals,
    /// Earliest start.
    pub first: Option<UnixNanos>,
    /// Latest time that any of its records names.
    pub last: Option<UnixNanos>,
    /// Wall-clock time of the last record that arrived live.
    pub seen: Option<UnixNanos>,
    pub run: Option<Id>,
    pub source: SourceId,
    /// Grows with each change.
    pub generation: u64,
}

#[derive(Debug, Default)]
pub(super) struct TraceTable {
    pub rows: Vec<TraceRow>,
    ids: FxHashMap<u128, u32>,
    /// The traces of each run that a source names.
    runs: FxHashMap<u128, Vec<u32>>,
    /// Traces that belong to no named run.
    alone: u64,
    /// The trace that was asked for last: neighbours often share it.
    recent: Option<(u128, u32)>,
}

impl TraceTable {
    pub(super) fn find(&self, id: Id) -> Option<u32> {
        self.ids.get(&id.bits()).copied()
    }

    pub(super) fn find_or_add(&mut self, id: Id, source: SourceId) -> u32 {
        if let Some((bits, row)) = self.recent
            && bits == id.bits()
        {
            return row;
        }
        let next = self.rows.len() as u32;
        let row = *self.ids.entry(id.bits()).or_insert(next);
        if row == next {
            self.alone += 1;
            self.rows.push(TraceRow {
                id,
                last_row: NONE,
                rows: 0,
                open: 0,
                suspended: 0,
                root: NONE,
                resumed: NONE,
                ids: SpanIds::default(),
                totals: Totals::default(),
                first: None,
                last: None,
                seen: None,
                run: None,
                source,
                generation: 0,
            });
        }
        self.recent = Some((id.bits(), row));
        row
    }

    /// Puts a trace into a run; the smallest run id stays when sources disagree, so that order doesn't matter.
    pub(super) fn set_run(&mut self, row: u32, run: Id) {
        let slot = &mut self.rows[row as usize].run;
        match *slot {
            Some(known) if known <= run => return,
            Some(known) => {
                if let Some(traces) = self.runs.get_mut(&known.bits()) {
                    traces.retain(|trace| *trace != row);
                    if traces.is_empty() {
                        self.runs.remove(&known.bits());
                    }
                }
            }
            None => self.alone -= 1,
        }
        *slot = Some(run);
        self.runs.entry(run.bits()).or_default().push(row);
    }

    /// The traces of a trace's run, in order of arrival; the trace alone when its source names no run.
    pub(super) fn of_run(&self, row: u32) -> Vec<u32> {
        let run = self.rows[row as usize].run;
        let mut traces = run.and_then(|run| self.runs.get(&run.bits())).cloned().unwrap_or_else(|| vec![row]);
        traces.sort_unstable();
        traces
    }

    /// Number of runs: traces of one run count once.
    pub(super) fn run_count(&self) -> u64 {
        self.alone + self.runs.len() as u64
    }
}
