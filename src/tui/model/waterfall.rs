//! The open run: its tree, what of it is unfolded, what is selected, which stretch of time is shown.

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::builder::{Builder, Laid};
use super::outline::{Folds, Guides, Outline};
use super::rows::Matches;
use crate::analysis::{NodeIx, TraceTree};
use crate::store::{Clock, SpanIx, Store, TraceIx};

/// What the length of a bar stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BarSize {
    /// When and how long.
    #[default]
    Time,
    /// Tokens of the span and all below it.
    Tokens,
    /// Cost likewise.
    Cost,
}

/// A stretch of the run in which nothing worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From, nanoseconds since the epoch.
    pub from: i64,
    /// To.
    pub to: i64,
}

impl Gap {
    /// Its length, nanoseconds.
    pub fn nanos(&self) -> i64 {
        self.to.saturating_sub(self.from)
    }
}

/// A row of the waterfall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The span.
    pub node: NodeIx,
    /// Indentation: its depth without the wrappers that are left out.
    pub depth: u32,
    /// Whether it is shown only for what lies below it: it doesn't pass the filter itself.
    pub dimmed: bool,
    /// How many spans are left out below it because it is folded.
    pub folded: u32,
}

/// Most spans of a run whose doubts are counted without being asked for.
const MAX_DOUBTED: usize = 20_000;

/// Trees above this are given back to the system by a thread.
const LARGE: usize = 50_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Waterfall {
    /// The run's first trace.
    pub run: Option<TraceIx>,
    /// Its spans.
    pub tree: TraceTree,
    /// What of the tree decides which rows there are.
    outline: Outline,
    rows: Vec<Row>,
    /// Grows whenever there are other rows.
    version: u64,
    guides: Guides,
    /// Spans the user folded.
    folded: FxHashSet<SpanIx>,
    /// Spans the user unfolded although the general depth would fold them.
    unfolded: FxHashSet<SpanIx>,
    /// Depth from which everything is folded.
    fold_depth: Option<u32>,
    /// Whether wrappers that only repeat their one child are left out.
    pub compact: bool,
    selected: Option<SpanIx>,
    /// First row on the screen.
    pub offset: usize,
    /// The shown stretch of time as shares of the whole, 0 to 1.
    zoom: Option<(f64, f64)>,
    /// Whether idle stretches are folded.
    pub fold_gaps: bool,
    gaps: Vec<Gap>,
    /// How often a tree was laid out: what is worked out from it is good until the next one.
    pub laid: u64,
    /// How much about the run's tokens and costs is doubtful; of a long run the bill tells when it is asked for.
    pub doubts: usize,
    /// What bars show.
    pub size: BarSize,
    /// Whether the critical path is marked.
    pub critical: bool,
    builder: Builder,
    /// The state of the filter that the rows are of, when they were listed and what that cost.
    listed: Option<(u64, Instant, Duration)>,
}

impl Waterfall {
    /// Shows another run.
    pub fn open(&mut self, run: Option<TraceIx>) {
        if self.run == run {
            return;
        }
        let new = Self { run, compact: true, size: self.size, critical: self.critical, ..Self::default() };
        let old = std::mem::replace(self, new);
        if old.tree.nodes().len() > LARGE {
            dispose(old);
        }
    }

    /// Goes on with what there is to do when the run or the filter changed, for a few milliseconds at most. A tree, or a
    /// list of rows, that takes long to make is made less often.
    pub fn refresh(&mut self, store: &Store, clock: &Clock, matches: &Matches, now: Instant) {
        let Some(run) = self.run else { return };
        if let Some(Laid { tree, outline, gaps }) = self.builder.work(store, clock, run, now) {
            let old =
                (std::mem::replace(&mut self.tree, tree), std::mem::replace(&mut self.outline, outline));
            self.gaps = gaps;
            self.laid += 1;
            self.doubts =
                if self.tree.nodes().len() <= MAX_DOUBTED { self.tree.doubts(store).len() } else { 0 };
            if old.0.nodes().len() > LARGE {
                dispose(old);
            }
            self.list(matches, now);
            self.select_shown();
        } else if self.list_is_due(matches, now) {
            self.list(matches, now);
            self.select_shown();
        }
    }

    /// Whether what is shown is older than what there is to show.
    pub fn is_behind(&self, matches: &Matches) -> bool {
        self.run.is_some() && (self.builder.is_behind() || self.list_is_old(matches))
    }

    /// When to go on, if there is something to do; nothing is missed by waiting until then.
    pub fn due(&self, matches: &Matches, now: Instant) -> Option<Duration> {
        let list = self.listed.filter(|_| self.list_is_old(matches));
        let list = list.map(|(_, at, cost)| (cost * 4).saturating_sub(now.duration_since(at)));
        [self.builder.due(now), list].into_iter().flatten().min()
    }

    /// Whether nothing can be shown yet because the run is long.
    pub fn is_opening(&self) -> bool {
        self.run.is_some() && self.tree.is_empty() && self.builder.is_behind()
    }

    fn list_is_old(&self, matches: &Matches) -> bool {
        self.listed.is_some_and(|(known, ..)| known != matches.generation())
    }

    fn list_is_due(&self, matches: &Matches, now: Instant) -> bool {
        let rested = |(_, at, cost): (u64, Instant, Duration)| now.duration_since(at) >= cost * 4;
        self.list_is_old(matches) && self.listed.is_some_and(rested)
    }

    fn list(&mut self, matches: &Matches, now: Instant) {
        let began = Instant::now();
        self.flatten(matches);
        self.listed = Some((matches.generation(), now, began.elapsed()));
    }

    /// Brings the ends of running spans to now, without building the tree again.
    pub fn advance(&mut self, store: &Store, clock: &Clock) {
        if self.is_running() {
            let now = self.builder.traces().iter().map(|trace| store.trace(*trace).now(clock).0).max();
            if let Some(now) = now {
                self.tree.advance(now);
            }
        }
    }

    /// Whether a span of the run is under way, so that bars grow.
    pub fn is_running(&self) -> bool {
        self.tree.is_under_way()
    }

    /// The traces of the run, as far as they are known, earliest first.
    pub fn traces(&self) -> &[TraceIx] {
        self.builder.traces()
    }

    /// Finds out which of the tree's lines go on below the rows that are on the screen.
    pub fn prepare_guides(&mut self, height: usize) {
        self.guides.prepare(&self.rows, self.version, self.offset, height);
    }

    /// Whether the tree's line at a level (`depth` is the row's own) ends at a row.
    pub fn ends(&self, row: usize, above: u32) -> bool {
        self.guides.ends(row, above)
    }

    /// Rows in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The selected span.
    pub fn selected(&self) -> Option<SpanIx> {
        self.selected
    }

    /// Where the selection stands.
    pub fn position(&self) -> Option<usize> {
        self.row_of(self.tree.find(self.selected?)?)
    }

    /// Moves the selection by rows.
    pub fn move_by(&mut self, by: isize) {
        self.move_to(self.position().unwrap_or(0).saturating_add_signed(by));
    }

    /// Selects the row at a position, or the last one.
    pub fn move_to(&mut self, at: usize) {
        let at = at.min(self.rows.len().saturating_sub(1));
        self.selected = self.rows.get(at).map(|row| self.tree.node(row.node).span);
    }

    /// Selects a span and unfolds what hides it.
    pub fn select(&mut self, matches: &Matches, span: SpanIx) {
        let Some(mut node) = self.tree.find(span) else { return };
        self.selected = Some(span);
        let mut changed = false;
        while let Some(parent) = self.tree.node(node).parent {
            if self.is_folded(parent) {
                self.set_folded(parent, false);
                changed = true;
            }
            node = parent;
        }
        if changed || self.position().is_none() {
            self.flatten(matches);
        }
        if self.compact && self.position().is_none() {
            self.compact = false;
            self.flatten(matches);
        }
        self.select_shown();
    }

    /// Folds or unfolds the selected span; `None` toggles. On a leaf, or a span that is folded already, folding moves
    /// to the parent.
    pub fn fold(&mut self, matches: &Matches, fold: Option<bool>) {
        let Some(node) = self.selected.and_then(|span| self.tree.find(span)) else { return };
        let folded = self.is_folded(node);
        let leaf = self.tree.node(node).children == 0;
        match fold {
            Some(true) if leaf || folded => {
                if let Some(parent) = self.shown_parent(node) {
                    self.selected = Some(self.tree.node(parent).span);
                }
            }
            Some(false) if !leaf && !folded => self.move_by(1),
            Some(fold) => self.set_folded(node, fold),
            None if !leaf => self.set_folded(node, !folded),
            None => {}
        }
        self.flatten(matches);
    }

    /// Folds everything from a depth on, or nothing.
    pub fn fold_to(&mut self, matches: &Matches, depth: Option<u32>) {
        (self.fold_depth, self.folded, self.unfolded) = (depth, FxHashSet::default(), FxHashSet::default());
        self.flatten(matches);
        self.select_shown();
    }

    /// Leaves wrappers out, or shows them.
    pub fn toggle_compact(&mut self, matches: &Matches) {
        self.compact = !self.compact;
        self.flatten(matches);
        self.select_shown();
    }

    /// The first and last instant shown, nanoseconds since the epoch.
    pub fn window(&self) -> (i64, i64) {
        let (from, to) = self.zoom.unwrap_or((0.0, 1.0));
        let whole = self.whole() as f64;
        let at = |share: f64| self.tree.start.saturating_add((whole * share) as i64);
        (at(from), at(to).max(at(from).saturating_add(1)))
    }

    /// Length of the run, nanoseconds, never 0.
    pub fn whole(&self) -> i64 {
        self.tree.end.saturating_sub(self.tree.start).max(1)
    }

    /// The shown stretch as shares of the whole, when it isn't the whole.
    pub fn zoom_range(&self) -> Option<(f64, f64)> {
        self.zoom
    }

    /// Zooms by a factor (above 1 shows less) around a share of the shown stretch.
    pub fn zoom_by(&mut self, factor: f64, around: f64) {
        let (from, to) = self.zoom.unwrap_or((0.0, 1.0));
        let width = ((to - from) / factor).clamp(1e-7, 1.0);
        let center = from + (to - from) * around;
        self.set_zoom(center - width * around, width);
    }

    /// Moves the shown stretch by a share of its width.
    pub fn pan(&mut self, by: f64) {
        if let Some((from, to)) = self.zoom {
            self.set_zoom(from + (to - from) * by, to - from);
        }
    }

    /// Shows the whole run.
    pub fn zoom_out(&mut self) {
        self.zoom = None;
    }

    /// Shows the selected span over the whole width.
    pub fn zoom_to_selected(&mut self) {
        let Some(node) = self.selected.and_then(|span| self.tree.find(span)) else { return };
        let node = self.tree.node(node);
        let whole = self.whole() as f64;
        let from = node.start.saturating_sub(self.tree.start) as f64 / whole;
        let width = (self.tree.duration_of(node) as f64 / whole).max(1e-7);
        self.set_zoom(from - width * 0.05, width * 1.1);
    }

    /// Stretches in which nothing worked, long enough to fold.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    fn set_zoom(&mut self, from: f64, width: f64) {
        let width = width.clamp(1e-7, 1.0);
        let from = from.clamp(0.0, 1.0 - width);
        self.zoom = (width < 0.999).then_some((from, from + width));
    }

    /// The row of a node; rows are in tree order.
    fn row_of(&self, node: NodeIx) -> Option<usize> {
        self.rows.binary_search_by_key(&node, |row| row.node).ok()
    }

    fn is_folded(&self, node: NodeIx) -> bool {
        let at = self.tree.node(node);
        self.folded.contains(&at.span)
            || (self.fold_depth.is_some_and(|depth| at.depth + 1 >= depth.max(1))
                && !self.unfolded.contains(&at.span))
    }

    fn set_folded(&mut self, node: NodeIx, fold: bool) {
        let span = self.tree.node(node).span;
        if fold {
            self.unfolded.remove(&span);
            self.folded.insert(span);
        } else {
            self.folded.remove(&span);
            self.unfolded.insert(span);
        }
    }

    /// Selects the nearest ancestor that has a row where the selected span has none, or the first row.
    fn select_shown(&mut self) {
        if self.position().is_some() {
            return;
        }
        let node = self.selected.and_then(|span| self.tree.find(span));
        let row = node.and_then(|node| self.shown_parent(node)).or(self.rows.first().map(|row| row.node));
        self.selected = row.map(|node| self.tree.node(node).span);
    }

    fn shown_parent(&self, node: NodeIx) -> Option<NodeIx> {
        let mut above = self.tree.node(node).parent;
        while let Some(parent) = above {
            if self.row_of(parent).is_some() {
                return Some(parent);
            }
            above = self.tree.node(parent).parent;
        }
        None
    }

    /// Lists the rows: no descendants of folded spans, no wrappers, and under a filter only what passes with its
    /// ancestors.
    fn flatten(&mut self, matches: &Matches) {
        let Self { outline, rows, folded, unfolded, fold_depth, compact, .. } = self;
        let folds = Folds { folded, unfolded, depth: *fold_depth };
        outline.list(rows, &folds, *compact, matches);
        self.version += 1;
    }
}

/// Lets something large go where nobody waits for it.
fn dispose<T: Send + 'static>(old: T) {
    // Where there is no thread to be had it goes here.
    std::thread::Builder::new().name("dispose".to_owned()).spawn(move || drop(old)).ok();
}
