//! The spans of a run as a tree, laid out for drawing.
//!
//! Built when a trace is opened and again when it changed: linear in its spans but for sorting siblings, without
//! recursion, so that depth and fan-out don't matter.

use super::critical_path::critical_path;
use super::places::Places;
use crate::model::{SpanKind, Status, UnixNanos};
use crate::store::{Clock, SpanIx, Store, Totals, TraceIx};

/// A position in a [`TraceTree`]: nodes are in tree order, parents before children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeIx(pub u32);

/// One span in its tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// The span; a placeholder when only its children were seen.
    pub span: SpanIx,
    /// Its parent.
    pub parent: Option<NodeIx>,
    /// Distance from the top.
    pub depth: u32,
    /// Where its subtree ends: the position after its last descendant.
    pub subtree_end: NodeIx,
    /// Number of children.
    pub children: u32,
    /// Start, nanoseconds since the epoch: as written, else worked out from children and parent.
    pub start: i64,
    /// End, likewise; now for a running span.
    pub end: i64,
    /// Whether the end was worked out: the span is running, unfinished or has no times.
    pub end_is_open: bool,
    /// Status at the clock the tree was built with.
    pub status: Status,
    /// Time not covered by its children, nanoseconds.
    pub self_nanos: i64,
    /// Whether it is on the critical path.
    pub critical: bool,
    /// Sums over it and all below it.
    pub totals: Totals,
    /// Errors below it, itself not counted.
    pub errors_below: u64,
    /// Whether the span was never seen itself.
    pub missing: bool,
    /// Its kind.
    pub kind: SpanKind,
}

impl Node {
    /// Duration, nanoseconds, never negative.
    pub fn duration(&self) -> i64 {
        self.end.saturating_sub(self.start).max(0)
    }

    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.status, Status::Running | Status::Suspended)
    }

    fn is_growing(&self) -> bool {
        self.end_is_open && self.is_under_way()
    }
}

/// A run's spans in tree order, with what can be said about them only together.
#[derive(Clone, Debug, Default)]
pub struct TraceTree {
    nodes: Vec<Node>,
    /// Where each span is, by its row.
    by_span: Places,
    /// First instant shown, nanoseconds since the epoch.
    pub start: i64,
    /// Last instant shown.
    pub end: i64,
    /// Point events by the span they belong to, in order of time.
    pub events: Vec<(Option<NodeIx>, SpanIx)>,
    /// Spans whose times lie so far outside the run that they were left out of its window.
    pub outliers: u32,
    /// Sums over all of it.
    pub totals: Totals,
    /// Failed spans below which none failed, in tree order.
    pub errors: Vec<NodeIx>,
    /// Spans under way or waiting.
    under_way: u32,
    /// Those of them that reach to `now`.
    growing: u32,
    now: i64,
}

const NO_PARENT: u32 = u32::MAX;

/// A row on its way into the tree.
#[derive(Debug)]
struct Raw {
    span: SpanIx,
    /// The span it hangs on, once all rows are there its row.
    above: Option<SpanIx>,
    parent: u32,
    id: u128,
    start: Option<i64>,
    end: Option<i64>,
    status: Status,
    missing: bool,
    kind: SpanKind,
    share: Totals,
}

/// What a tree is built from, copied out of the store: the tree of a long run is built elsewhere while the store goes on.
#[derive(Debug)]
pub struct TreeRows {
    traces: Vec<TraceIx>,
    /// The trace that is being copied, and the row in it that is next.
    at: usize,
    next: Option<SpanIx>,
    rows: Vec<Raw>,
    /// Point events: when, which, below what.
    events: Vec<(Option<UnixNanos>, u128, Option<SpanIx>, SpanIx)>,
    now: i64,
}

impl TreeRows {
    /// Of one trace, or of all traces of one run; nothing is copied yet.
    pub fn of(traces: Vec<TraceIx>) -> Self {
        Self { traces, at: 0, next: None, rows: Vec::new(), events: Vec::new(), now: i64::MIN }
    }

    /// Copies so many further rows. Returns whether there are more.
    pub fn copy(&mut self, store: &Store, clock: &Clock, rows: usize) -> bool {
        for _ in 0..rows {
            let span = if let Some(span) = self.next {
                store.span(span)
            } else {
                let Some(&trace) = self.traces.get(self.at) else { return false };
                let view = store.trace(trace);
                self.now = self.now.max(view.now(clock).0);
                if self.rows.capacity() == 0 {
                    self.rows.reserve_exact(view.row_count());
                }
                let Some(newest) = view.spans().next() else {
                    self.at += 1;
                    continue;
                };
                newest
            };
            let above = span.parent().map(|parent| parent.ix());
            if span.is_event() {
                self.events.push((span.start(), span.id().bits(), above, span.ix()));
            } else {
                self.rows.push(Raw {
                    span: span.ix(),
                    above,
                    parent: NO_PARENT,
                    id: span.id().bits(),
                    start: span.start().map(|time| time.0),
                    end: span.end().map(|time| time.0),
                    status: span.status(clock),
                    missing: !span.is_known(),
                    kind: span.kind(),
                    share: span.share(),
                });
            }
            self.next = span.previous().map(|previous| previous.ix());
            self.at += usize::from(self.next.is_none());
        }
        self.at < self.traces.len()
    }

    /// Builds the tree of what was copied.
    pub fn build(mut self) -> TraceTree {
        let rows = &mut self.rows;
        // The chain of a trace begins with its newest row; siblings mostly come in order of their start.
        rows.reverse();
        let local = Places::of(rows.iter().map(|row| row.span.index() as u32));
        for row in rows.iter_mut() {
            row.parent = row.above.and_then(|above| local.get(above.index() as u32)).unwrap_or(NO_PARENT);
        }
        drop(local);
        let order = Order::new(rows);
        let (mut tree, places) = TraceTree::lay_out(rows, &order);
        tree.resolve_times(rows, &places, self.now);
        tree.sum();
        tree.measure_self_time();
        tree.find_window(self.now);
        tree.mark_critical();
        tree.find_notable(self.now);
        self.events.sort_by_key(|(start, id, ..)| (*start, *id));
        let owner = |above: Option<SpanIx>| above.and_then(|above| tree.find(above));
        tree.events = self.events.iter().map(|(_, _, above, event)| (owner(*above), *event)).collect();
        tree
    }
}

impl TraceTree {
    /// Builds the tree of one trace, or of all traces of one run.
    pub fn build(store: &Store, traces: &[TraceIx], clock: &Clock) -> Self {
        let mut rows = TreeRows::of(traces.to_vec());
        while rows.copy(store, clock, usize::MAX) {}
        rows.build()
    }

    /// Every node, in tree order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A node.
    pub fn node(&self, at: NodeIx) -> &Node {
        &self.nodes[at.0 as usize]
    }

    /// Where a span is.
    pub fn find(&self, span: SpanIx) -> Option<NodeIx> {
        self.by_span.get(span.index() as u32).map(NodeIx)
    }

    /// The tops of the tree.
    pub fn roots(&self) -> impl Iterator<Item = NodeIx> + '_ {
        self.siblings(0, self.nodes.len() as u32)
    }

    /// The children of a node, in order.
    pub fn children(&self, at: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        self.siblings(at.0 + 1, self.node(at).subtree_end.0)
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Lets running spans, and the window, reach to `now` without building the tree again.
    pub fn advance(&mut self, now: i64) {
        if self.growing > 0 && now > self.now {
            self.now = now;
            self.end = self.end.max(now);
        }
    }

    /// Whether a span is under way or waits.
    pub fn is_under_way(&self) -> bool {
        self.under_way > 0
    }

    /// Where a node ends by now, nanoseconds since the epoch.
    pub fn end_of(&self, node: &Node) -> i64 {
        if node.is_growing() { node.end.max(self.now) } else { node.end }
    }

    /// How long a node lasts by now, nanoseconds, never negative.
    pub fn duration_of(&self, node: &Node) -> i64 {
        self.end_of(node).saturating_sub(node.start).max(0)
    }

    fn siblings(&self, from: u32, to: u32) -> impl Iterator<Item = NodeIx> + '_ {
        let mut next = from;
        std::iter::from_fn(move || {
            let at = next;
            (at < to).then(|| {
                next = self.nodes[at as usize].subtree_end.0;
                NodeIx(at)
            })
        })
    }

    /// Puts the rows into tree order. Returns the row of each node too.
    fn lay_out(raw: &[Raw], order: &Order) -> (Self, Vec<u32>) {
        let mut tree = Self { nodes: Vec::with_capacity(raw.len()), ..Self::default() };
        let mut stack: Vec<(u32, Option<NodeIx>, u32)> =
            order.roots().iter().rev().map(|&row| (row, None, 0)).collect();
        let mut rows = Vec::with_capacity(raw.len());
        while let Some((row, parent, depth)) = stack.pop() {
            let at = NodeIx(tree.nodes.len() as u32);
            let children = order.children(row);
            let from = &raw[row as usize];
            rows.push(row);
            tree.nodes.push(Node {
                span: from.span,
                parent,
                depth,
                subtree_end: NodeIx(at.0 + 1),
                children: children.len() as u32,
                start: 0,
                end: 0,
                end_is_open: false,
                status: from.status,
                self_nanos: 0,
                critical: false,
                totals: from.share,
                errors_below: 0,
                missing: from.missing,
                kind: from.kind,
            });
            stack.extend(children.iter().rev().map(|&child| (child, Some(at), depth + 1)));
        }
        for at in (0..tree.nodes.len()).rev() {
            let end = tree.nodes[at].subtree_end;
            if let Some(parent) = tree.nodes[at].parent {
                let parent = &mut tree.nodes[parent.0 as usize];
                parent.subtree_end = parent.subtree_end.max(end);
            }
        }
        tree.by_span = Places::of(tree.nodes.iter().map(|node| node.span.index() as u32));
        (tree, rows)
    }

    /// Gives every node a start and an end, working out what the source didn't write.
    fn resolve_times(&mut self, raw: &[Raw], rows: &[u32], now: i64) {
        // Upwards: what children say about a parent without times.
        let mut hull: Vec<(Option<i64>, Option<i64>)> = vec![(None, None); self.nodes.len()];
        for at in (0..self.nodes.len()).rev() {
            let row = &raw[rows[at] as usize];
            let start = row.start.or(row.end).or(hull[at].0);
            let latest = [row.start, row.end, hull[at].1].into_iter().flatten().max();
            if let Some(parent) = self.nodes[at].parent {
                let (first, last) = &mut hull[parent.0 as usize];
                *first = [*first, start].into_iter().flatten().min();
                *last = (*last).max(latest);
            }
        }
        // Downwards: what parents say about children without times.
        let fallback = hull.iter().filter_map(|(first, _)| *first).min().unwrap_or(now.max(0));
        for at in 0..self.nodes.len() {
            let row = &raw[rows[at] as usize];
            let above = self.nodes[at].parent.map(|parent| self.nodes[parent.0 as usize].start);
            let start = row.start.or(row.end).or(hull[at].0).or(above).unwrap_or(fallback);
            let open = matches!(row.status, Status::Running | Status::Suspended) && row.end.is_none();
            let end = match row.end {
                Some(end) => end,
                None if open => now,
                None => hull[at].1.unwrap_or(start),
            };
            let node = &mut self.nodes[at];
            (node.start, node.end, node.end_is_open) = (start, end.max(start), row.end.is_none());
        }
    }

    /// Adds up from below; until now each node has what it adds itself.
    fn sum(&mut self) {
        for at in (0..self.nodes.len()).rev() {
            let node = &self.nodes[at];
            // All below it have been added to it by now; what it adds itself is one error at most.
            let (totals, below) = (node.totals, node.errors_below);
            let own = totals.errors.saturating_sub(below);
            debug_assert!(own <= 1);
            if let Some(parent) = node.parent {
                let parent = &mut self.nodes[parent.0 as usize];
                parent.totals.merge(&totals);
                parent.errors_below += totals.errors;
            }
        }
    }

    /// Duration minus the union of the children, clipped to the span.
    fn measure_self_time(&mut self) {
        for at in 0..self.nodes.len() {
            let (start, end) = (self.nodes[at].start, self.nodes[at].end);
            let (mut covered, mut reached) = (0i64, start);
            // Children come in order of their start, so one pass builds the union.
            for child in self.siblings(at as u32 + 1, self.nodes[at].subtree_end.0) {
                let child = &self.nodes[child.0 as usize];
                let (from, to) = (child.start.max(reached), child.end.min(end));
                if to > from {
                    covered = covered.saturating_add(to.saturating_sub(from));
                    reached = to;
                }
            }
            self.nodes[at].self_nanos = end.saturating_sub(start).saturating_sub(covered).max(0);
        }
    }

    /// The window to draw: all spans, except a few that lie absurdly far from the rest (a clock that was off by days).
    fn find_window(&mut self, now: i64) {
        if self.nodes.is_empty() {
            (self.start, self.end) = (now, now);
            return;
        }
        let mut starts: Vec<i64> = self.nodes.iter().map(|node| node.start).collect();
        let middle = starts.len() / 2;
        let (_, &mut median, _) = starts.select_nth_unstable(middle);
        let typical = self.nodes[self.roots().next().map_or(0, |root| root.0 as usize)].duration();
        let reach = typical.saturating_mul(20).max(OUTLIER);
        let near = |time: &i64| time.saturating_sub(median).saturating_abs() <= reach;
        let starts = || self.nodes.iter().map(|node| node.start);
        let ends = || self.nodes.iter().map(|node| node.end);
        let start = starts().filter(near).min().or(starts().min()).unwrap_or(now);
        let end = ends().filter(near).max().or(ends().max()).unwrap_or(now);
        (self.start, self.end) = (start, end.max(start));
        let outside = |node: &&Node| node.start > self.end || node.end < self.start;
        self.outliers = self.nodes.iter().filter(outside).count() as u32;
    }

    /// What would take a look at every node later.
    fn find_notable(&mut self, now: i64) {
        self.now = now;
        let mut totals = Totals::default();
        for root in self.roots() {
            totals.merge(&self.node(root).totals);
        }
        self.totals = totals;
        let failed = |node: &Node| matches!(node.status, Status::Error | Status::Timeout);
        let nodes = || (0..).map(NodeIx).zip(&self.nodes);
        self.errors =
            nodes().filter(|(_, node)| failed(node) && node.errors_below == 0).map(|(at, _)| at).collect();
        let (under_way, growing) = nodes().fold((0, 0), |(under_way, growing), (_, node)| {
            (under_way + u32::from(node.is_under_way()), growing + u32::from(node.is_growing()))
        });
        (self.under_way, self.growing) = (under_way, growing);
    }

    fn mark_critical(&mut self) {
        let roots: Vec<NodeIx> = self.roots().filter(|root| !self.node(*root).missing).collect();
        for root in roots {
            for section in critical_path(self, root) {
                self.nodes[section.node.0 as usize].critical = true;
            }
        }
    }
}

/// Spans further than this from the middle of a run, and further than 20 times its length, do not stretch its window.
const OUTLIER: i64 = 36 * 3_600 * crate::model::NANOS_PER_SEC;

/// Children by parent, siblings by start, then id.
struct Order {
    /// All rows, grouped by parent.
    rows: Vec<u32>,
    /// Where each parent's children begin in `rows`; the last group is the roots.
    from: Vec<u32>,
}

impl Order {
    fn new(raw: &[Raw]) -> Self {
        let group = |row: &Raw| if row.parent == NO_PARENT { raw.len() } else { row.parent as usize };
        // One more than there are groups: where the last one ends.
        let mut from = vec![0u32; raw.len() + 2];
        for row in raw {
            from[group(row) + 1] += 1;
        }
        // A placeholder that nothing hangs on any more is no span of the trace.
        let stays = |at: usize, named: &[u32]| !raw[at].missing || named[at + 1] > 0;
        let dropped: Vec<usize> = (0..raw.len()).filter(|&at| !stays(at, &from)).collect();
        for &at in &dropped {
            from[group(&raw[at]) + 1] -= 1;
        }
        for group in 1..from.len() {
            from[group] += from[group - 1];
        }
        let mut rows = vec![0u32; from[raw.len() + 1] as usize];
        let mut next = from.clone();
        let mut dropped = dropped.into_iter().peekable();
        for (at, row) in raw.iter().enumerate() {
            if dropped.next_if_eq(&at).is_some() {
                continue;
            }
            let slot = &mut next[group(row)];
            rows[*slot as usize] = at as u32;
            *slot += 1;
        }
        let start = |row: u32| raw[row as usize].start.or(raw[row as usize].end).unwrap_or(i64::MAX);
        let before = |&one: &u32, &other: &u32| {
            let id = |row: u32| raw[row as usize].id;
            start(one).cmp(&start(other)).then_with(|| id(one).cmp(&id(other))).then(one.cmp(&other))
        };
        for ends in from.windows(2) {
            let siblings = &mut rows[ends[0] as usize..ends[1] as usize];
            if siblings.len() > 1 {
                siblings.sort_unstable_by(before);
            }
        }
        Self { rows, from }
    }

    fn children(&self, row: u32) -> &[u32] {
        &self.rows[self.from[row as usize] as usize..self.from[row as usize + 1] as usize]
    }

    fn roots(&self) -> &[u32] {
        let last = self.from.len() - 2;
        &self.rows[self.from[last] as usize..self.from[last + 1] as usize]
    }
}

#[cfg(test)]
mod tests;
