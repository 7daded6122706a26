//! What a call costs: reported by its source, or worked out from the price list, as the user wants it.

use super::Store;
use super::calls::{Call, CostSource};
use super::columns::RowBits;
use super::handle::SpanIx;
use crate::model::{NANOS_PER_SEC, NanoUsd, UnixNanos, Usage};
use crate::price::{CostMode, Explanation, PriceQuery, PriceTable, Priced};

/// A reported cost that is further from the computed one than this part of it, and than [`MIN_GAP`], is worth a warning.
const GAP_PERCENT: i64 = 2;
/// Nano-dollars.
const MIN_GAP: i64 = NANOS_PER_SEC / 10_000;

/// No single call costs more: the counters are damaged, and would spoil every sum. Nano-dollars.
const MAX_COMPUTED: i64 = 100_000 * NANOS_PER_SEC;

/// Prices a call; `None` when it has no known price.
pub trait Pricing: Send {
    /// Cost of `usage` on a model at a time.
    fn price(
        &mut self,
        model: &str,
        provider: &str,
        at: UnixNanos,
        usage: &Usage,
    ) -> Option<(NanoUsd, CostSource)>;

    /// What the provider's cache saved on a call; negative when writing to it cost more than reading from it brought.
    /// `None` when no rates are known.
    fn cache_saving(&self, _query: PriceQuery<'_>) -> Option<NanoUsd> {
        None
    }

    /// Why a call costs what it costs.
    fn explain(&self, _query: PriceQuery<'_>) -> Option<Explanation> {
        None
    }
}

impl Pricing for PriceTable {
    fn price(
        &mut self,
        model: &str,
        provider: &str,
        at: UnixNanos,
        usage: &Usage,
    ) -> Option<(NanoUsd, CostSource)> {
        match self.cost(PriceQuery { model, provider, at, usage }) {
            Priced::Known { cost, estimate: None, .. } => Some((cost, CostSource::Computed)),
            Priced::Known { cost, estimate: Some(_), .. } => Some((cost, CostSource::Estimated)),
            Priced::Free => Some((NanoUsd::ZERO, CostSource::Free)),
            Priced::Unknown(_) => None,
        }
    }

    fn cache_saving(&self, query: PriceQuery<'_>) -> Option<NanoUsd> {
        PriceTable::cache_saving(self, query)
    }

    fn explain(&self, query: PriceQuery<'_>) -> Option<Explanation> {
        Some(PriceTable::explain(self, query))
    }
}

impl Store {
    /// Prices everything again, after the price list changed.
    pub fn set_pricing(&mut self, pricing: Box<dyn Pricing>, mode: CostMode) {
        self.pricing = Some(pricing);
        self.cost_mode = mode;
        self.generation += 1;
        for row in 0..self.columns.len() as u32 {
            if self.columns.call(row).is_some() {
                self.untally(row);
                self.price(row);
                self.tally(row);
                self.changes.push(SpanIx(row));
            }
        }
    }

    /// Prices a row's call.
    pub(super) fn price(&mut self, row: u32) {
        let Some(call) = self.columns.call(row) else { return };
        let reported = call.reported.filter(|_| self.cost_mode != CostMode::Calculated);
        let computed = match self.cost_mode {
            CostMode::Reported => None,
            CostMode::Auto | CostMode::Calculated => self.computed(row, &call.usage),
        };
        let (cost, source) = match reported {
            Some(cost) => (cost, CostSource::Reported),
            None => computed.unwrap_or_default(),
        };
        let differs =
            reported.zip(computed).is_some_and(|(reported, (computed, _))| differ(reported, computed));
        self.columns.state[row as usize].bits.set(RowBits::COST_DIFFERS, differs);
        if (cost, source) != (call.cost, call.source) {
            self.columns.set_call(row, &Call { cost, source, ..call });
        }
    }

    /// Why a span's own call costs what it costs; `None` without usage or without a price list.
    pub fn explain(&self, span: SpanIx) -> Option<Explanation> {
        self.ask(span, |pricing, query| pricing.explain(query))
    }

    /// What the provider's cache saved on a span's own call. See [`Pricing::cache_saving`].
    pub fn cache_saving(&self, span: SpanIx) -> Option<NanoUsd> {
        let usage = self.span(span).usage()?;
        if usage.cache_read.unwrap_or(0) == 0 && usage.cache_write.unwrap_or(0) == 0 {
            return None;
        }
        self.ask(span, |pricing, query| pricing.cache_saving(query))
    }

    fn ask<T>(&self, span: SpanIx, ask: impl FnOnce(&dyn Pricing, PriceQuery<'_>) -> Option<T>) -> Option<T> {
        let call = self.columns.call(span.0).filter(|call| call.usage.is_known())?;
        let labels = self.facets.get(self.columns.words[span.index()].facets);
        let at = self.columns.end(span.0).or(self.columns.start(span.0)).unwrap_or(UnixNanos(0));
        let (model, provider) = (self.strings.get(labels.model), self.strings.get(labels.provider));
        ask(self.pricing.as_deref()?, PriceQuery { model, provider, at, usage: &call.usage })
    }

    /// What the price list says.
    fn computed(&mut self, row: u32, usage: &Usage) -> Option<(NanoUsd, CostSource)> {
        let labels = self.facets.get(self.columns.words[row as usize].facets);
        let pricing = self.pricing.as_mut()?;
        if labels.model.is_none() || !usage.is_known() {
            return None;
        }
        let when = self.columns.end(row).or(self.columns.start(row)).unwrap_or(UnixNanos(0));
        let (model, provider) = (self.strings.get(labels.model), self.strings.get(labels.provider));
        pricing.price(model, provider, when, usage).filter(|(cost, _)| cost.0 <= MAX_COMPUTED)
    }
}

/// Whether a reported cost is so far from the computed one that somebody should know.
pub(super) fn differ(reported: NanoUsd, computed: NanoUsd) -> bool {
    let gap = reported.0.saturating_sub(computed.0).saturating_abs();
    gap > MIN_GAP && gap.saturating_mul(100) > reported.0.saturating_abs().saturating_mul(GAP_PERCENT)
}
