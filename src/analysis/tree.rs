//! The spans of a run as a tree, laid out for drawing.
//!
//! Built when a trace is opened and again when it changed: linear in its spans but for sorting siblings, without
//! recursion, so that depth and fan-out don't matter.

use super::critical_path::critical_path;
use super::places::Places;
use crate::model::Status;
use crate::store::{Clock, SpanIx, SpanView, Store, Totals, TraceIx};

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
}

impl Node {
    /// Duration, nanoseconds, never negative.
    pub fn duration(&self) -> i64 {
        self.end.saturating_sub(self.start).max(0)
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
}

const NO_PARENT: u32 = u32::MAX;

/// A row on its way into the tree.
struct Raw {
    span: SpanIx,
    parent: u32,
    start: Option<i64>,
    end: Option<i64>,
    status: Status,
    missing: bool,
}

impl TraceTree {
    /// Builds the tree of one trace, or of all traces of one run.
    pub fn build(store: &Store, traces: &[TraceIx], clock: &Clock) -> Self {
        let mut spans: Vec<SpanView<'_>> = Vec::new();
        let mut events: Vec<SpanView<'_>> = Vec::new();
        let mut now = i64::MIN;
        for &trace in traces {
            let view = store.trace(trace);
            now = now.max(view.now(clock).0);
            for span in view.spans() {
                if span.is_event() { events.push(span) } else { spans.push(span) }
            }
        }
        // The chain of a trace begins with its newest row; siblings mostly come in order of their start.
        spans.reverse();
        let local = Places::of(spans.iter().map(|span| span.ix().index() as u32));
        let raw: Vec<Raw> = spans
            .iter()
            .map(|span| Raw {
                span: span.ix(),
                parent: span
                    .parent()
                    .and_then(|parent| local.get(parent.ix().index() as u32))
                    .unwrap_or(NO_PARENT),
                start: span.start().map(|time| time.0),
                end: span.end().map(|time| time.0),
                status: span.status(clock),
                missing: !span.is_known(),
            })
            .collect();
        let order = Order::new(&spans, &raw);
        let (mut tree, rows) = Self::lay_out(&raw, &order);
        tree.resolve_times(&raw, &rows, now);
        tree.sum(store);
        tree.measure_self_time();
        tree.find_window(now);
        tree.mark_critical();
        events.sort_by_key(|event| (event.start(), event.id()));
        tree.events = events
            .iter()
            .map(|event| {
                let owner = event.parent().and_then(|parent| tree.find(parent.ix()));
                (owner, event.ix())
            })
            .collect();
        tree
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
        let mut grew = false;
        for node in &mut self.nodes {
            if node.end_is_open
                && matches!(node.status, Status::Running | Status::Suspended)
                && node.end < now
            {
                node.end = now;
                grew = true;
            }
        }
        if grew {
            self.end = self.end.max(now);
        }
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
                totals: Totals::default(),
                errors_below: 0,
                missing: from.missing,
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

    fn sum(&mut self, store: &Store) {
        for node in &mut self.nodes {
            node.totals = store.span(node.span).share();
            node.errors_below = 0;
        }
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
    fn new(spans: &[SpanView<'_>], raw: &[Raw]) -> Self {
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
            let id = |row: u32| spans[row as usize].id().bits();
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
