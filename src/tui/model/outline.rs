//! What of a tree decides which rows there are, close together in memory: a run may have a million spans, and a key that
//! folds one must not wait for all of them to come from afar.

use rustc_hash::FxHashSet;

use super::rows::Matches;
use super::waterfall::Row;
use crate::analysis::{Node, NodeIx, TraceTree};
use crate::model::{SpanKind, Status};
use crate::store::SpanIx;

const NO_PARENT: u32 = u32::MAX;

/// A node of the tree, as far as it matters here.
#[derive(Clone, Copy, Debug)]
struct Entry {
    span: SpanIx,
    parent: u32,
    depth: u32,
    end: u32,
    has_children: bool,
    /// A model call that is the only child of a model call says nothing new: frameworks write two or three levels of it.
    wrapper: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outline(Vec<Entry>);

/// What is folded.
pub(super) struct Folds<'a> {
    /// By hand.
    pub folded: &'a FxHashSet<SpanIx>,
    /// Unfolded by hand.
    pub unfolded: &'a FxHashSet<SpanIx>,
    /// Depth from which everything else is folded.
    pub depth: Option<u32>,
}

impl Folds<'_> {
    fn has(&self, entry: &Entry) -> bool {
        (!self.folded.is_empty() && self.folded.contains(&entry.span))
            || (self.depth.is_some_and(|depth| entry.depth + 1 >= depth.max(1))
                && (self.unfolded.is_empty() || !self.unfolded.contains(&entry.span)))
    }
}

impl Outline {
    /// The outline of a tree.
    pub(super) fn of(tree: &TraceTree) -> Self {
        let nodes = tree.nodes();
        let entry = |node: &Node| Entry {
            span: node.span,
            parent: node.parent.map_or(NO_PARENT, |parent| parent.0),
            depth: node.depth,
            end: node.subtree_end.0,
            has_children: node.children > 0,
            wrapper: is_wrapper(nodes, node),
        };
        Self(nodes.iter().map(entry).collect())
    }

    /// Lists the rows: no descendants of folded spans, no wrappers, and under a filter only what passes with its
    /// ancestors.
    pub(super) fn list(&self, rows: &mut Vec<Row>, folds: &Folds<'_>, compact: bool, matches: &Matches) {
        let entries = &self.0;
        let keep = self.kept(matches);
        rows.clear();
        // Depths of the kept ancestors by real depth: a left-out wrapper lends its own depth to its child.
        let mut depths: Vec<u32> = Vec::new();
        let mut at = 0;
        while let Some(entry) = entries.get(at) {
            if !keep.as_ref().is_none_or(|keep| keep[at]) {
                at = entry.end as usize;
                continue;
            }
            let depth = (entry.depth as usize).checked_sub(1).and_then(|above| depths.get(above)).copied();
            let depth = depth.unwrap_or(0);
            let wrapper = compact && entry.wrapper;
            depths.truncate(entry.depth as usize);
            depths.push(if wrapper { depth } else { depth + 1 });
            let folded = entry.has_children && folds.has(entry);
            if !wrapper {
                rows.push(Row {
                    node: NodeIx(at as u32),
                    depth,
                    dimmed: keep.is_some() && !matches.has(entry.span),
                    folded: if folded { entry.end - at as u32 - 1 } else { 0 },
                });
            }
            at = if folded && !wrapper { entry.end as usize } else { at + 1 };
        }
    }

    /// Which nodes a filter leaves: what passes, and its ancestors. `None` without a filter.
    fn kept(&self, matches: &Matches) -> Option<Vec<bool>> {
        if matches.is_off() {
            return None;
        }
        let mut keep: Vec<bool> = self.0.iter().map(|entry| matches.has(entry.span)).collect();
        for (at, entry) in self.0.iter().enumerate().rev() {
            if keep[at] && entry.parent != NO_PARENT {
                keep[entry.parent as usize] = true;
            }
        }
        Some(keep)
    }
}

fn is_wrapper(nodes: &[Node], node: &Node) -> bool {
    let Some(parent) = node.parent.map(|parent| &nodes[parent.0 as usize]) else { return false };
    let is_llm = |node: &Node| node.kind == SpanKind::Llm;
    parent.children == 1 && node.status != Status::Error && is_llm(node) && is_llm(parent)
}

/// Rows after the last visible one that are looked at to see whether a line goes on; exact in all but absurdly long runs
/// of siblings.
const AHEAD: usize = 4_096;
/// Levels above a row's own whose lines are drawn.
const LEVELS: u32 = 31;

/// For each visible row, which of the tree's lines end at it.
#[derive(Debug, Default)]
pub(super) struct Guides {
    of: Option<(u64, usize, usize)>,
    /// A bit for each level, counted from the row's own upwards.
    ends: Vec<u32>,
    /// Levels at which a line goes on, while rows are looked at from below.
    open: Vec<u32>,
}

impl Guides {
    /// Looks at the rows from `offset` on, unless they are the same as last time.
    pub(super) fn prepare(&mut self, rows: &[Row], version: u64, offset: usize, height: usize) {
        if self.of == Some((version, offset, height)) {
            return;
        }
        self.of = Some((version, offset, height));
        let to = (offset + height).min(rows.len());
        self.ends.clear();
        self.ends.resize(to.saturating_sub(offset), u32::MAX);
        self.open.clear();
        // A line goes on at a depth while a later row has that depth before one that is shallower.
        let ahead = rows.get(offset..(to + AHEAD).min(rows.len())).unwrap_or_default();
        for (line, row) in ahead.iter().enumerate().rev() {
            while self.open.last().is_some_and(|open| *open > row.depth) {
                self.open.pop();
            }
            if let Some(ends) = self.ends.get_mut(line) {
                for open in self.open.iter().rev().take_while(|open| row.depth - **open <= LEVELS) {
                    *ends &= !(1 << (row.depth - open));
                }
            }
            if self.open.last() != Some(&row.depth) {
                self.open.push(row.depth);
            }
        }
    }

    /// Whether the line so many levels above a row's own ends at the row.
    pub(super) fn ends(&self, row: usize, above: u32) -> bool {
        let Some((_, offset, _)) = self.of else { return true };
        let line = row.checked_sub(offset).and_then(|line| self.ends.get(line));
        line.is_none_or(|ends| ends >> above.min(LEVELS) & 1 == 1)
    }
}
