//! The list of runs: one row per run, newest first, selection by id.

use std::time::{Duration, Instant};

use super::rows::Matches;
use crate::store::{Store, TraceIx};

/// Above this many traces the list is put in order at most a few times a second.
const MANY: usize = 20_000;
/// How often then.
const PAUSE: Duration = Duration::from_millis(250);

/// The runs in the order they are shown.
#[derive(Debug, Default)]
pub struct RunList {
    /// The first trace of each run.
    rows: Vec<TraceIx>,
    selected: Option<TraceIx>,
    /// The run that was selected by hand: it is selected again when a filter lets it pass again.
    chosen: Option<TraceIx>,
    /// First row on the screen.
    pub offset: usize,
    /// Whether the selection stays on the newest run.
    pub follow: bool,
    /// Runs that came while the selection stood elsewhere.
    pub unseen: usize,
    /// Traces from this one on came while the selection stood elsewhere.
    new_from: usize,
    built_from: Option<(usize, u64, u64)>,
    built_at: Option<Instant>,
}

impl RunList {
    /// An empty list that follows the newest run.
    pub fn new() -> Self {
        Self { follow: true, ..Self::default() }
    }

    /// The first traces of the runs, in order.
    pub fn rows(&self) -> &[TraceIx] {
        &self.rows
    }

    /// The selected run.
    pub fn selected(&self) -> Option<TraceIx> {
        self.selected
    }

    /// Where the selection stands.
    pub fn position(&self) -> Option<usize> {
        let selected = self.selected?;
        self.rows.iter().position(|row| *row == selected)
    }

    /// Puts the list in order again if anything changed. Returns whether the selection is another one now.
    pub fn refresh(&mut self, store: &Store, matches: &Matches, now: Instant) -> bool {
        let state = (store.trace_count(), store.generation(), matches.generation());
        if self.built_from == Some(state) {
            return false;
        }
        let crowded = store.trace_count() > MANY;
        if crowded && self.built_at.is_some_and(|built| now.duration_since(built) < PAUSE) {
            return false;
        }
        (self.built_from, self.built_at) = (Some(state), Some(now));
        self.rows.clear();
        for trace in store.traces() {
            let stands_for_run = trace.run().is_none() || trace.run_traces().first() == Some(&trace.ix());
            let shown =
                || matches.is_off() || trace.run_traces().iter().any(|trace| matches.has_trace(*trace));
            if stands_for_run && trace.totals().spans + trace.totals().events > 0 && shown() {
                self.rows.push(trace.ix());
            }
        }
        self.rows.sort_by_key(|trace| {
            let view = store.trace(*trace);
            (std::cmp::Reverse(view.start()), std::cmp::Reverse(view.ix()))
        });
        if self.follow {
            self.new_from = store.trace_count();
        }
        self.unseen = self.rows.iter().filter(|row| row.index() >= self.new_from).count();
        let old = self.selected;
        if self.follow {
            self.selected = self.rows.first().copied();
        } else if old != self.chosen || self.position().is_none() {
            // A run whose beginning came later is listed by another trace now.
            let run = |trace: TraceIx| store.trace(trace).run_traces().first().copied().unwrap_or(trace);
            let wanted = [self.chosen.map(run), old.map(run), self.rows.first().copied()];
            self.selected = wanted.into_iter().flatten().find(|run| self.rows.contains(run));
        }
        old != self.selected
    }

    /// Whether the list should be put in order again soon although nothing new comes.
    pub fn is_behind(&self, store: &Store, matches: &Matches) -> bool {
        self.built_from != Some((store.trace_count(), store.generation(), matches.generation()))
    }

    /// Moves the selection. Moving off the newest run stops following.
    pub fn move_by(&mut self, by: isize) -> bool {
        let from = self.position().unwrap_or(0);
        self.move_to(from.saturating_add_signed(by))
    }

    /// Selects the run at a position, or the last one.
    pub fn move_to(&mut self, at: usize) -> bool {
        let old = self.selected;
        let at = at.min(self.rows.len().saturating_sub(1));
        self.selected = self.rows.get(at).copied();
        self.set_follow(at == 0 && self.follow);
        old != self.selected
    }

    /// Stays on the selected run.
    pub fn hold(&mut self) {
        if self.follow {
            self.set_follow(false);
        }
    }

    /// Follows the newest run, or stops doing so.
    pub fn set_follow(&mut self, follow: bool) {
        self.follow = follow;
        if follow {
            (self.unseen, self.new_from) = (0, self.built_from.map_or(0, |(traces, ..)| traces));
            self.selected = self.rows.first().copied();
        }
        self.chosen = self.selected;
    }
}
