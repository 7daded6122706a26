//! The spans of a run as a tree, laid out for drawing.
//!
//! Built when a trace is opened and again when it changed: linear in its spans but for sorting siblings, without
//! recursion, so that depth and fan-out don't matter.

use rustc_hash::FxHashMap;

use super::critical_path::critical_path;
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
    by_span: FxHashMap<SpanIx, NodeIx>,
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
        let local: FxHashMap<SpanIx, u32> =
            spans.iter().enumerate().map(|(at, span)| (span.ix(), at as u32)).collect();
        let mut named = vec![false; spans.len()];
        for span in &spans {
            if let Some(&parent) = span.parent().and_then(|parent| local.get(&parent.ix())) {
                named[parent as usize] = true;
            }
        }
        let raw: Vec<Raw> = spans
            .iter()
            .map(|span| Raw {
                span: span.ix(),
                parent: span
                    .parent()
                    .and_then(|parent| local.get(&parent.ix()).copied())
                    .unwrap_or(NO_PARENT),
                start: span.start().map(|time| time.0),
                end: span.end().map(|time| time.0),
                status: span.status(clock),
                missing: !span.is_known(),
            })
            .collect();
        let order = Order::new(&spans, &raw, &named);
        let mut tree = Self::lay_out(&raw, &order);
        tree.resolve_times(&raw, &order, now);
        tree.sum(store);
        tree.measure_self_time();
        tree.find_window(now);
        tree.mark_critical();
        events.sort_by_key(|event| (event.start(), event.id()));
        tree.events = events
            .iter()
            .map(|event| {
                let owner = event.parent().and_then(|parent| tree.by_span.get(&parent.ix()).copied());
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
        self.by_span.get(&span).copied()
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

    /// Puts the rows into tree order.
    fn lay_out(raw: &[Raw], order: &Order) -> Self {
        let mut tree = Self { nodes: Vec::with_capacity(raw.len()), ..Self::default() };
        let mut stack: Vec<(u32, Option<NodeIx>, u32)> =
            order.roots().iter().rev().map(|&row| (row, None, 0)).collect();
        while let Some((row, parent, depth)) = stack.pop() {
            let at = NodeIx(tree.nodes.len() as u32);
            let children = order.children(row);
            let from = &raw[row as usize];
            tree.by_span.insert(from.span, at);
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
        tree
    }

    /// Gives every node a start and an end, working out what the source didn't write.
    fn resolve_times(&mut self, raw: &[Raw], order: &Order, now: i64) {
        let rows: FxHashMap<SpanIx, u32> =
            raw.iter().enumerate().map(|(at, row)| (row.span, at as u32)).collect();
        debug_assert_eq!(self.nodes.len(), order.len());
        // Upwards: what children say about a parent without times.
        let mut hull: Vec<(Option<i64>, Option<i64>)> = vec![(None, None); self.nodes.len()];
        for at in (0..self.nodes.len()).rev() {
            let row = &raw[rows[&self.nodes[at].span] as usize];
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
            let row = &raw[rows[&self.nodes[at].span] as usize];
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
        }
        for at in (0..self.nodes.len()).rev() {
            let (totals, parent) = (self.nodes[at].totals, self.nodes[at].parent);
            if let Some(parent) = parent {
                self.nodes[parent.0 as usize].totals.merge(&totals);
            }
        }
        for node in &mut self.nodes {
            let own = u64::from(store.span(node.span).share().errors > 0);
            node.errors_below = node.totals.errors - own;
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
        let mut ends: Vec<i64> = self.nodes.iter().map(|node| node.end).collect();
        starts.sort_unstable();
        ends.sort_unstable();
        let median = starts[starts.len() / 2];
        let typical = self.nodes[self.roots().next().map_or(0, |root| root.0 as usize)].duration();
        let reach = typical.saturating_mul(20).max(OUTLIER);
        let near = |time: i64| time.saturating_sub(median).saturating_abs() <= reach;
        self.start = starts.iter().copied().find(|start| near(*start)).unwrap_or(starts[0]);
        self.end =
            ends.iter().rev().copied().find(|end| near(*end)).unwrap_or(ends[ends.len() - 1]).max(self.start);
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
    fn new(spans: &[SpanView<'_>], raw: &[Raw], named: &[bool]) -> Self {
        // A placeholder that nothing hangs on any more is no span of the trace.
        let mut keyed: Vec<(u32, i64, u128, u32)> = raw
            .iter()
            .enumerate()
            .filter(|(at, row)| !row.missing || named[*at])
            .map(|(at, row)| {
                let start = row.start.or(row.end).unwrap_or(i64::MAX);
                (row.parent, start, spans[at].id().bits(), at as u32)
            })
            .collect();
        keyed.sort_unstable();
        let mut from = vec![0u32; raw.len() + 2];
        for &(parent, ..) in &keyed {
            let group = if parent == NO_PARENT { raw.len() } else { parent as usize };
            from[group + 1] += 1;
        }
        for group in 1..from.len() {
            from[group] += from[group - 1];
        }
        Self { rows: keyed.into_iter().map(|(.., row)| row).collect(), from }
    }

    fn children(&self, row: u32) -> &[u32] {
        &self.rows[self.from[row as usize] as usize..self.from[row as usize + 1] as usize]
    }

    fn roots(&self) -> &[u32] {
        let last = self.from.len() - 2;
        &self.rows[self.from[last] as usize..self.from[last + 1] as usize]
    }

    fn len(&self) -> usize {
        self.rows.len()
    }
}

#[cfg(test)]
mod tests;
