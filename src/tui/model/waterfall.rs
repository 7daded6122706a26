//! The open run: its tree, what of it is unfolded, what is selected, which stretch of time is shown.

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::rows::Matches;
use crate::analysis::{Node, NodeIx, TraceTree};
use crate::model::{SpanKind, Status};
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

/// See the module.
#[derive(Debug, Default)]
pub struct Waterfall {
    /// The run's first trace.
    pub run: Option<TraceIx>,
    /// Its spans.
    pub tree: TraceTree,
    rows: Vec<Row>,
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
    /// What bars show.
    pub size: BarSize,
    /// Whether the critical path is marked.
    pub critical: bool,
    built_from: Option<(u64, u64)>,
    built_at: Option<Instant>,
    cost_to_build: Duration,
}

/// Gaps shorter than this, or than this share of the run, are not worth folding.
const MIN_GAP: i64 = 2 * crate::model::NANOS_PER_SEC;
const MIN_GAP_SHARE: f64 = 0.15;

impl Waterfall {
    /// Shows another run.
    pub fn open(&mut self, run: Option<TraceIx>) {
        if self.run == run {
            return;
        }
        *self = Self { run, compact: true, size: self.size, critical: self.critical, ..Self::default() };
    }

    /// Builds the tree again if the run or the filter changed; a tree that takes long to build is built less often.
    pub fn refresh(&mut self, store: &Store, clock: &Clock, matches: &Matches, now: Instant) -> bool {
        let Some(run) = self.run else { return false };
        let traces = store.trace(run).run_traces();
        let generation = traces.iter().map(|trace| store.trace(*trace).generation()).max().unwrap_or(0);
        let state = (generation, matches.generation());
        if self.built_from == Some(state) {
            return false;
        }
        if self.built_at.is_some_and(|built| now.duration_since(built) < self.cost_to_build * 8) {
            return false;
        }
        let started = Instant::now();
        self.tree = TraceTree::build(store, &traces, clock);
        self.find_gaps();
        self.flatten(store, matches);
        (self.built_from, self.built_at, self.cost_to_build) = (Some(state), Some(now), started.elapsed());
        self.select_shown();
        true
    }

    /// Brings the ends of running spans to now, without building the tree again.
    pub fn advance(&mut self, store: &Store, clock: &Clock) {
        if self.is_running()
            && let Some(run) = self.run
        {
            let now =
                store.trace(run).run_traces().iter().map(|trace| store.trace(*trace).now(clock).0).max();
            if let Some(now) = now {
                self.tree.advance(now);
            }
        }
    }

    /// Whether a span of the run is under way, so that bars grow.
    pub fn is_running(&self) -> bool {
        self.tree.nodes().iter().any(|node| matches!(node.status, Status::Running | Status::Suspended))
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
        let node = self.tree.find(self.selected?)?;
        self.rows.iter().position(|row| row.node == node)
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
    pub fn select(&mut self, store: &Store, matches: &Matches, span: SpanIx) {
        let Some(mut node) = self.tree.find(span) else { return };
        self.selected = Some(span);
        let mut changed = false;
        while let Some(parent) = self.tree.node(node).parent {
            changed |= self.is_folded(parent);
            self.set_folded(parent, false);
            node = parent;
        }
        if changed || self.position().is_none() {
            self.flatten(store, matches);
        }
        if self.compact && self.position().is_none() {
            self.compact = false;
            self.flatten(store, matches);
        }
        self.select_shown();
    }

    /// Folds or unfolds the selected span; `None` toggles. On a leaf, or a span that is folded already, folding moves
    /// to the parent.
    pub fn fold(&mut self, store: &Store, matches: &Matches, fold: Option<bool>) {
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
        self.flatten(store, matches);
    }

    /// Folds everything from a depth on, or nothing.
    pub fn fold_to(&mut self, store: &Store, matches: &Matches, depth: Option<u32>) {
        (self.fold_depth, self.folded, self.unfolded) = (depth, FxHashSet::default(), FxHashSet::default());
        self.flatten(store, matches);
        self.select_shown();
    }

    /// Leaves wrappers out, or shows them.
    pub fn toggle_compact(&mut self, store: &Store, matches: &Matches) {
        self.compact = !self.compact;
        self.flatten(store, matches);
        self.select_shown();
    }

    /// The spans that `wanted` says, in tree order, and the place of the selection among them. For jumping.
    pub fn find_all(&self, wanted: impl Fn(&Node) -> bool) -> Vec<SpanIx> {
        self.tree.nodes().iter().filter(|node| wanted(node)).map(|node| node.span).collect()
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
        let width = (node.duration() as f64 / whole).max(1e-7);
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
            if self.rows.iter().any(|row| row.node == parent) {
                return Some(parent);
            }
            above = self.tree.node(parent).parent;
        }
        None
    }

    /// Lists the rows: no descendants of folded spans, no wrappers, and under a filter only what passes with its
    /// ancestors.
    fn flatten(&mut self, store: &Store, matches: &Matches) {
        let nodes = self.tree.nodes();
        let keep = kept(nodes, matches);
        let mut rows: Vec<Row> = Vec::with_capacity(self.rows.len());
        // Depths of the kept ancestors by real depth: a left-out wrapper lends its own depth to its child.
        let mut depths: Vec<u32> = Vec::new();
        let mut at = 0;
        while let Some(node) = nodes.get(at) {
            let here = NodeIx(at as u32);
            let depth = match node.parent {
                Some(parent) => depths.get(nodes[parent.0 as usize].depth as usize).copied().unwrap_or(0),
                None => 0,
            };
            if !keep.as_ref().is_none_or(|keep| keep[at]) {
                at = node.subtree_end.0 as usize;
                continue;
            }
            let wrapper = self.compact && is_wrapper(store, nodes, node);
            depths.truncate(node.depth as usize);
            depths.push(if wrapper { depth } else { depth + 1 });
            let folded = node.children > 0 && self.is_folded(here);
            if !wrapper {
                rows.push(Row {
                    node: here,
                    depth,
                    dimmed: keep.is_some() && !matches.has(node.span),
                    folded: if folded { node.subtree_end.0 - here.0 - 1 } else { 0 },
                });
            }
            at = if folded && !wrapper { node.subtree_end.0 as usize } else { at + 1 };
        }
        self.rows = rows;
    }

    /// Finds the stretches in which no leaf works: a person answering, a queue.
    fn find_gaps(&mut self) {
        self.gaps.clear();
        let mut busy: Vec<(i64, i64)> = self
            .tree
            .nodes()
            .iter()
            .filter(|node| node.children == 0 && node.status != Status::Suspended)
            .map(|node| (node.start, node.end))
            .collect();
        busy.sort_unstable();
        let whole = self.whole();
        let worth = MIN_GAP.max((whole as f64 * MIN_GAP_SHARE) as i64);
        let mut reached = self.tree.start;
        for (from, to) in busy.into_iter().chain([(self.tree.end, self.tree.end)]) {
            if from.saturating_sub(reached) >= worth {
                self.gaps.push(Gap { from: reached, to: from });
            }
            reached = reached.max(to);
        }
    }
}

/// Which nodes a filter leaves: what passes, and its ancestors. `None` without a filter.
fn kept(nodes: &[Node], matches: &Matches) -> Option<Vec<bool>> {
    if matches.is_off() {
        return None;
    }
    let mut keep: Vec<bool> = nodes.iter().map(|node| matches.has(node.span)).collect();
    for at in (0..nodes.len()).rev() {
        if keep[at]
            && let Some(parent) = nodes[at].parent
        {
            keep[parent.0 as usize] = true;
        }
    }
    Some(keep)
}

/// A model call that is the only child of a model call says nothing new: frameworks write two or three levels of it.
fn is_wrapper(store: &Store, nodes: &[Node], node: &Node) -> bool {
    let Some(parent) = node.parent.map(|parent| &nodes[parent.0 as usize]) else { return false };
    let is_llm = |node: &Node| store.span(node.span).kind() == SpanKind::Llm;
    parent.children == 1 && node.status != Status::Error && is_llm(node) && is_llm(parent)
}
