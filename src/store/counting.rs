//! Counting each model call once.
//!
//! Sources repeat usage on several levels: a generation holds the sum of its steps, a step the same as its inference,
//! an agent the sum of its calls. The rule: going up from a span with usage, every span until the next tool call is
//! covered by it, and the usage of a covered span counts nothing. So the innermost holder counts, a sub-agent that runs
//! inside a tool counts beside its caller, and the totals of a run under way already are what they will be.
//!
//! Coverage only ever grows while spans are added, so each span is visited once per kind of coverage; the rare record
//! that turns a span into a tool later has its trace counted again from scratch.

use super::calls::CostSource;
use super::columns::{Columns, RowBits};
use super::handle::NONE;
use super::totals::Share;
use crate::model::{Marks, SpanKind, Status};

/// What a row adds to the totals as it stands.
pub(super) fn share(columns: &Columns, row: u32) -> Share {
    let at = row as usize;
    let bits = columns.state[at].bits;
    if !bits.has(RowBits::KNOWN) {
        return Share::default();
    }
    let kind = columns.kind(row);
    if kind == Some(SpanKind::Event) {
        return Share { event: true, ..Share::default() };
    }
    let mut share = Share {
        span: true,
        error: columns.status(row) == Some(Status::Error),
        tool_call: kind == Some(SpanKind::Tool),
        ..Share::default()
    };
    let counts_usage = has_usage(columns, row) && !bits.has(RowBits::USAGE_BELOW);
    if kind == Some(SpanKind::Llm) {
        share.llm_call = counts_usage || !(bits.has(RowBits::CALL_BELOW) || bits.has(RowBits::USAGE_BELOW));
    }
    if counts_usage && let Some(call) = columns.call(row) {
        share.usage = Some(call.usage);
        match call.source {
            CostSource::Unknown => share.unpriced = call.usage.total() > 0,
            CostSource::Reported | CostSource::Computed | CostSource::Free => share.cost = Some(call.cost),
        }
    }
    share
}

/// Whether the row's own usage says anything.
pub(super) fn has_usage(columns: &Columns, row: u32) -> bool {
    let at = row as usize;
    columns.state[at].bits.has(RowBits::KNOWN)
        && !columns.state[at].marks.has(Marks::ROLLUP)
        && columns.call(row).is_some_and(|call| call.usage.is_known() || call.reported.is_some())
}

/// What the row makes its parent covered by: its own usage or call, and whatever covers itself. A tool call, and a span
/// that nothing is known of yet, pass nothing on.
pub(super) fn passes_on(columns: &Columns, row: u32) -> (bool, bool) {
    let at = row as usize;
    let bits = columns.state[at].bits;
    if !bits.has(RowBits::KNOWN) || columns.kind(row) == Some(SpanKind::Tool) {
        return (false, false);
    }
    let usage = bits.has(RowBits::USAGE_BELOW) || has_usage(columns, row);
    let call = bits.has(RowBits::CALL_BELOW) || columns.kind(row) == Some(SpanKind::Llm);
    (usage, call)
}

/// The parent of a row with the coverage that the row gives it, if that is news to the parent.
pub(super) fn cover(columns: &Columns, row: u32) -> Option<(u32, RowBits)> {
    let (usage, call) = passes_on(columns, row);
    let parent = columns.links[row as usize].parent;
    if parent == NONE {
        return None;
    }
    let old = columns.state[parent as usize].bits;
    let mut new = old;
    new.set(RowBits::USAGE_BELOW, usage || old.has(RowBits::USAGE_BELOW));
    new.set(RowBits::CALL_BELOW, call || old.has(RowBits::CALL_BELOW));
    (new != old).then_some((parent, new))
}
