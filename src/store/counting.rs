//! Counting each model call once.
//!
//! Sources repeat usage on several levels: a generation holds the sum of its steps, a step the same as its inference,
//! an agent the sum of its calls. Two rules:
//!
//! - a model call counts unless a span with usage lies below it that can be reached without crossing a tool call: the
//!   innermost holder counts, and a sub-agent that runs inside a tool counts beside its caller;
//! - anything else that holds usage (agents, workflows, chains) holds a sum, which counts only when no span below it has
//!   usage of its own.
//!
//! A cost without tokens below a call is the cost of that call, whose tokens count then without a price of their own.
//!
//! So the totals of a run under way already are what they will be. What lies below only ever grows while spans are
//! added, so each span is visited once per kind of it; the rare record that takes something back (a call that turns out
//! to be a tool or a sum) has its trace counted again from scratch. Calls that were recorded
//! twice, side by side or in a copy, are in `responses`.

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
        error: columns.status(row) == Some(Status::Error) && !bits.has(RowBits::DUPLICATE),
        tool_call: kind == Some(SpanKind::Tool) && !bits.has(RowBits::DUPLICATE),
        ..Share::default()
    };
    let counts_usage = counts(columns, row);
    if kind == Some(SpanKind::Llm) && !bits.has(RowBits::DUPLICATE) {
        share.llm_call = counts_usage || !(bits.has(RowBits::CALL_BELOW) || bits.has(RowBits::USAGE_BELOW));
    }
    if counts_usage && let Some(call) = columns.call(row) {
        let tokens = call.usage.is_known();
        share.usage = tokens.then_some(call.usage);
        match call.source {
            // Below it stands what this call cost.
            _ if tokens && bits.has(RowBits::COST_BELOW) => {}
            CostSource::Unknown => share.unpriced = call.usage.total() > 0 || call.reported.is_some(),
            _ => share.cost = Some(call.cost),
        }
    }
    let over = columns.status(row).map_or(columns.end(row).is_some(), |status| status == Status::Ok);
    let says = |call: super::calls::Call| call.usage.is_known() || call.reported.is_some();
    share.silent = share.llm_call && over && !columns.call(row).is_some_and(says);
    share
}

/// Whether the row's own usage is part of the totals.
pub(super) fn counts(columns: &Columns, row: u32) -> bool {
    is_uncovered(columns, row) && !columns.state[row as usize].bits.has(RowBits::DUPLICATE)
}

/// Whether the row has usage or a cost that nothing below it repeats.
pub(super) fn is_uncovered(columns: &Columns, row: u32) -> bool {
    let own = Own::of(columns, row);
    let bits = columns.state[row as usize].bits;
    let is_call = columns.kind(row).is_some_and(SpanKind::is_model_call);
    let below = bits.has(if is_call { RowBits::USAGE_BELOW } else { RowBits::ANY_USAGE_BELOW });
    !below && (own.tokens || own.cost && !bits.has(RowBits::COST_BELOW))
}

/// What a row itself says of a bill.
#[derive(Clone, Copy)]
struct Own {
    /// It has token counters.
    tokens: bool,
    /// It reports a cost.
    cost: bool,
}

impl Own {
    fn of(columns: &Columns, row: u32) -> Self {
        let state = &columns.state[row as usize];
        let may = state.bits.has(RowBits::KNOWN)
            && !state.marks.has(Marks::ROLLUP)
            && columns.kind(row) != Some(SpanKind::Event);
        let call = columns.call(row).filter(|_| may);
        Self {
            tokens: call.is_some_and(|call| call.usage.is_known()),
            cost: call.is_some_and(|call| call.reported.is_some()),
        }
    }
}

/// What a row has to say to its parent about what lies below, as bits of the parent: its own usage, cost or call and what
/// lies below it. A tool call keeps what is below it to itself, but for the fact that there is some; a span that nothing
/// is known of yet says nothing.
pub(super) fn passes_on(columns: &Columns, row: u32) -> RowBits {
    let bits = columns.state[row as usize].bits;
    let mut below = RowBits::default();
    if !bits.has(RowBits::KNOWN) {
        return below;
    }
    let own = Own::of(columns, row);
    let kind = columns.kind(row);
    below.set(RowBits::ANY_USAGE_BELOW, own.tokens || bits.has(RowBits::ANY_USAGE_BELOW));
    if kind != Some(SpanKind::Tool) {
        below.set(RowBits::USAGE_BELOW, own.tokens || bits.has(RowBits::USAGE_BELOW));
        below.set(RowBits::COST_BELOW, own.cost || bits.has(RowBits::COST_BELOW));
        below.set(RowBits::CALL_BELOW, kind == Some(SpanKind::Llm) || bits.has(RowBits::CALL_BELOW));
    }
    below
}

/// The parent of a row with what the row tells it, if that is news to the parent.
pub(super) fn cover(columns: &Columns, row: u32) -> Option<(u32, RowBits)> {
    let below = passes_on(columns, row);
    let parent = columns.links[row as usize].parent;
    if parent == NONE {
        return None;
    }
    let old = columns.state[parent as usize].bits;
    let mut new = old;
    new.set(below, true);
    (new != old).then_some((parent, new))
}
