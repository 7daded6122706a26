//! The list of runs: one row per run, newest first, selection by id.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::bits::Bits;
use super::rows::Matches;
use crate::model::UnixNanos;
use crate::store::{Store, TraceIx};

/// Above this many traces the list is put in order at most a few times a second.
const MANY: usize = 20_000;
/// How often then.
const PAUSE: Duration = Duration::from_millis(250);

/// A run in its place.
#[derive(Clone, Copy, Debug)]
struct Listed {
    start: Option<UnixNanos>,
    /// Its first trace.
    trace: TraceIx,
    /// Whether it may have further ones.
    named: bool,
}

impl Listed {
    /// Newest first.
    fn key(&self) -> (Reverse<Option<UnixNanos>>, Reverse<TraceIx>) {
        (Reverse(self.start), Reverse(self.trace))
    }
}

/// The runs in the order they are shown.
#[derive(Debug, Default)]
pub struct RunList {
    /// Every run, in order.
    all: Vec<Listed>,
    /// What `all` is merged into.
    spare: Vec<Listed>,
    /// Traces that changed since `all` was put in order, each once.
    changed: Vec<TraceIx>,
    is_changed: Bits,
    /// The first trace of each run that passes the filter.
    rows: Vec<TraceIx>,
    selected: Option<TraceIx>,
    /// Where it stands, as far as is known.
    at: usize,
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
        if self.rows.get(self.at) == Some(&selected) {
            return Some(self.at);
        }
        self.rows.iter().position(|row| *row == selected)
    }

    /// Notes traces that changed.
    pub fn note(&mut self, traces: &[TraceIx]) {
        for &trace in traces {
            self.note_one(trace);
        }
    }

    fn note_one(&mut self, trace: TraceIx) {
        if self.is_changed.insert(trace.index()) {
            self.changed.push(trace);
        }
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
        let refiltered = self.built_from.is_none_or(|(.., filter)| filter != matches.generation());
        (self.built_from, self.built_at) = (Some(state), Some(now));
        if self.changed.is_empty() && !refiltered {
            return false;
        }
        self.sort(store);
        self.rows.clear();
        if matches.is_off() {
            self.rows.extend(self.all.iter().map(|run| run.trace));
        } else {
            let shown = |run: &&Listed| {
                matches.has_trace(run.trace)
                    || run.named
                        && store.trace(run.trace).run_traces().iter().any(|trace| matches.has_trace(*trace))
            };
            self.rows.extend(self.all.iter().filter(shown).map(|run| run.trace));
        }
        if self.follow {
            self.new_from = store.trace_count();
        }
        let unseen = |row: &&TraceIx| row.index() >= self.new_from;
        self.unseen = if self.follow { 0 } else { self.rows.iter().filter(unseen).count() };
        let old = self.selected;
        if self.follow {
            self.selected = self.rows.first().copied();
        } else if old != self.chosen || self.position().is_none() {
            // A run whose beginning came later is listed by another trace now.
            let run = |trace: TraceIx| store.trace(trace).run_traces().first().copied().unwrap_or(trace);
            let wanted = [self.chosen.map(run), old.map(run), self.rows.first().copied()];
            self.selected = wanted.into_iter().flatten().find(|run| self.rows.contains(run));
        }
        self.at = self.position().unwrap_or(0);
        old != self.selected
    }

    /// Takes the runs that changed out of their places and puts them where they belong now.
    fn sort(&mut self, store: &Store) {
        if self.changed.is_empty() {
            return;
        }
        // What one trace of a run says may move the run to another of its traces.
        let mut runs: FxHashSet<u128> = FxHashSet::default();
        for at in 0..self.changed.len() {
            let trace = store.trace(self.changed[at]);
            if trace.run().is_some_and(|run| runs.insert(run.bits())) {
                trace.run_traces().into_iter().for_each(|trace| self.note_one(trace));
            }
        }
        let mut fresh: Vec<Listed> = Vec::with_capacity(self.changed.len());
        for trace in self.changed.drain(..) {
            let view = store.trace(trace);
            let named = view.run().is_some();
            let stands_for_run = !named || view.run_traces().first() == Some(&trace);
            if stands_for_run && view.totals().spans + view.totals().events > 0 {
                fresh.push(Listed { start: view.start(), trace, named });
            }
        }
        fresh.sort_unstable_by_key(Listed::key);
        self.spare.clear();
        let mut fresh = fresh.into_iter().peekable();
        for run in self.all.iter().filter(|run| !self.is_changed.has(run.trace.index())) {
            while let Some(new) = fresh.next_if(|new| new.key() < run.key()) {
                self.spare.push(new);
            }
            self.spare.push(*run);
        }
        self.spare.extend(fresh);
        std::mem::swap(&mut self.all, &mut self.spare);
        self.is_changed.clear();
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
        self.at = at;
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
