//! Sums that are kept up to date while spans arrive.

use crate::model::{NanoUsd, TokenSum, Usage};

/// What spans add up to. Each model call counts once (see `counting`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Spans, point events excluded.
    pub spans: u64,
    /// Point events.
    pub events: u64,
    /// Spans with status error.
    pub errors: u64,
    /// Model calls.
    pub llm_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Tokens of the calls that count.
    pub tokens: TokenSum,
    /// Cost of the calls that have one.
    pub cost: NanoUsd,
    /// Calls with tokens but without a price.
    pub unpriced_calls: u64,
    /// Tokens of these.
    pub unpriced_tokens: u64,
    /// Model calls that ended well and say nothing of their tokens or their cost.
    pub silent_calls: u64,
}

/// What one span adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one count of the totals, none excludes another")]
pub(super) struct Share {
    pub span: bool,
    pub event: bool,
    pub error: bool,
    pub llm_call: bool,
    pub tool_call: bool,
    pub usage: Option<Usage>,
    pub cost: Option<NanoUsd>,
    pub unpriced: bool,
    pub silent: bool,
}

impl Totals {
    pub(super) fn add(&mut self, share: &Share) {
        self.counts(share, u64::saturating_add);
        if let Some(usage) = &share.usage {
            self.tokens.add_usage(usage);
        }
        if let Some(cost) = share.cost {
            self.cost += cost;
        }
    }

    pub(super) fn sub(&mut self, share: &Share) {
        self.counts(share, u64::saturating_sub);
        if let Some(usage) = &share.usage {
            self.tokens.sub_usage(usage);
        }
        if let Some(cost) = share.cost {
            self.cost -= cost;
        }
    }

    /// Adds other totals.
    pub fn merge(&mut self, other: &Self) {
        self.spans += other.spans;
        self.events += other.events;
        self.errors += other.errors;
        self.llm_calls += other.llm_calls;
        self.tool_calls += other.tool_calls;
        self.tokens.add(&other.tokens);
        self.cost += other.cost;
        self.unpriced_calls += other.unpriced_calls;
        self.silent_calls += other.silent_calls;
        self.unpriced_tokens = self.unpriced_tokens.saturating_add(other.unpriced_tokens);
    }

    /// Takes other totals out again.
    pub(super) fn remove(&mut self, other: &Self) {
        self.spans -= other.spans;
        self.events -= other.events;
        self.errors -= other.errors;
        self.llm_calls -= other.llm_calls;
        self.tool_calls -= other.tool_calls;
        self.tokens.sub(&other.tokens);
        self.cost -= other.cost;
        self.unpriced_calls -= other.unpriced_calls;
        self.silent_calls -= other.silent_calls;
        self.unpriced_tokens = self.unpriced_tokens.saturating_sub(other.unpriced_tokens);
    }

    fn counts(&mut self, share: &Share, op: fn(u64, u64) -> u64) {
        let apply = |sum: &mut u64, on: bool| *sum = op(*sum, u64::from(on));
        apply(&mut self.spans, share.span);
        apply(&mut self.events, share.event);
        apply(&mut self.errors, share.error);
        apply(&mut self.llm_calls, share.llm_call);
        apply(&mut self.tool_calls, share.tool_call);
        apply(&mut self.unpriced_calls, share.unpriced);
        apply(&mut self.silent_calls, share.silent);
        if share.unpriced {
            let tokens = share.usage.map_or(0, |usage| usage.total());
            self.unpriced_tokens = op(self.unpriced_tokens, tokens);
        }
    }
}
