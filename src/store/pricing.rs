//! The price list as the store asks it.

use super::CostSource;
use crate::model::{NanoUsd, UnixNanos, Usage};
use crate::price::{PriceQuery, PriceTable, Priced};

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
            Priced::Known { cost, .. } => Some((cost, CostSource::Computed)),
            Priced::Free => Some((NanoUsd::ZERO, CostSource::Free)),
            Priced::Unknown(_) => None,
        }
    }
}
