//! The critical path: the chain of spans that decided how long a run took.
//!
//! Walks back from the end of the root through the child that finished last, the way Jaeger's interface does; gaps
//! belong to the parent. One difference: a child that ends exactly where the next one starts is on the path (Jaeger
//! skips steps that follow each other within the same millisecond).

use super::tree::{NodeIx, TraceTree};

/// A part of the critical path: the span that held the run up from one time to another, nanoseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Which span.
    pub node: NodeIx,
    /// From.
    pub from: i64,
    /// To.
    pub to: i64,
}

/// The critical path of the subtree under `root`, earliest section first. The sections tile the root's duration.
pub fn critical_path(tree: &TraceTree, root: NodeIx) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut by_end: Vec<NodeIx> = Vec::new();
    // Each frame: a span, the time down to which its path is known, and its children that may still be on it.
    let mut stack: Vec<(NodeIx, i64, i64, Vec<NodeIx>)> = Vec::new();
    let mut enter = |node: NodeIx, floor: i64, cut: i64, stack: &mut Vec<(NodeIx, i64, i64, Vec<NodeIx>)>| {
        by_end.clear();
        by_end.extend(tree.children(node));
        by_end.sort_by_key(|&child| {
            let child_node = tree.node(child);
            (child_node.end, std::cmp::Reverse(child_node.start), std::cmp::Reverse(child))
        });
        stack.push((node, floor, cut, by_end.clone()));
    };
    let top = tree.node(root);
    enter(root, top.start, top.end, &mut stack);
    while let Some((node, floor, cut, candidates)) = stack.last_mut() {
        let (node, floor) = (*node, *floor);
        // The last-finishing child that lies before the cut; one that outlives the parent is clipped to it.
        let end_of_span = tree.node(node).end;
        let next = loop {
            let Some(child) = candidates.pop() else { break None };
            let span = tree.node(child);
            let end = span.end.min(end_of_span);
            if end <= *cut && span.start.max(floor) < end {
                break Some((child, span.start.max(floor), end));
            }
        };
        if let Some((child, child_start, child_end)) = next {
            if child_end < *cut {
                sections.push(Section { node, from: child_end, to: *cut });
            }
            *cut = child_start;
            enter(child, child_start, child_end, &mut stack);
        } else {
            if *cut > floor {
                sections.push(Section { node, from: floor, to: *cut });
            }
            stack.pop();
        }
    }
    sections.reverse();
    sections
}
