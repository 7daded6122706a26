//! Rates that the bundled catalogue lacks or has wrong, each with the reason.

use super::card::{RateCard, Rates};
use super::{Estimate, UnixNanos};
use crate::model::NANOS_PER_SEC;

/// Name of this table as the source of a cost.
pub(super) const NAME: &str = "tracetui corrections";
/// Its version.
pub(super) const VERSION: &str = "2026-11";
/// When its rows were last compared with other price lists: 2026-11-01T00:00:00Z.
pub(super) const CHECKED: UnixNanos = UnixNanos(20_758 * DAY);

const DAY: i64 = 86_400 * NANOS_PER_SEC;
/// 2025-12-08T00:00:00Z
const MISTRAL_LARGE_3: i64 = 20_430 * DAY;
/// 2026-08-17T00:00:00Z
const DEEPSEEK_PEAK_PRICING: i64 = 20_682 * DAY;

/// Rates of one model that are known better.
#[derive(Clone, Copy, Debug)]
pub(super) struct Correction {
    pub(super) provider: &'static str,
    pub(super) model: &'static str,
    /// From when on.
    pub(super) from: Option<UnixNanos>,
    /// Smallest prompt of each tier with US dollars per million tokens of input and output.
    tiers: &'static [(u64, f64, f64)],
    pub(super) estimate: Option<Estimate>,
    /// Why the row is here.
    pub(super) why: &'static str,
}

/// All rows.
pub(super) const ROWS: [Correction; 3] = [
    Correction {
        provider: "alibaba",
        model: "qwen-plus",
        from: None,
        tiers: &[(0, 0.4, 1.2)],
        estimate: Some(Estimate::ListPrice),
        why: "Alibaba's own API is not in the catalogue; rates without thinking",
    },
    Correction {
        provider: "alibaba",
        model: "qwen3-max",
        from: None,
        tiers: &[(0, 1.2, 6.0), (32_001, 2.4, 12.0), (128_001, 3.0, 15.0)],
        estimate: Some(Estimate::ListPrice),
        why: "Alibaba's own API is not in the catalogue; rates without thinking",
    },
    Correction {
        provider: "mistral",
        model: "mistral-large-latest",
        from: Some(UnixNanos(MISTRAL_LARGE_3)),
        tiers: &[(0, 0.5, 1.5)],
        estimate: None,
        why: "the name moved to Large 3; the catalogue still has Large 2",
    },
];

impl Correction {
    pub(super) fn card(&self) -> RateCard {
        let rates = |(from, input, output): (u64, f64, f64)| (from, Rates::per_million(input, output));
        let mut tiers = self.tiers.iter().copied().map(rates);
        let (_, base) = tiers.next().unwrap_or_default();
        RateCard::tiered(base, tiers)
    }
}

/// The row for a model at an instant.
pub(super) fn find(provider: &str, model: &str, at: UnixNanos) -> Option<&'static Correction> {
    ROWS.iter().find(|row| {
        row.provider == provider && row.model == model && row.from.is_none_or(|from| from.0 <= at.0)
    })
}

/// Why the catalogue's rates for a name are less certain than others.
pub(super) fn doubt(provider: &str, model: &str) -> Option<Estimate> {
    // The model behind these names changed several times, and three catalogues have three prices.
    let moving = provider == "deepseek" && matches!(model, "deepseek-chat" | "deepseek-reasoner");
    moving.then_some(Estimate::Disputed)
}

/// The instant to ask the catalogue for. It applies `DeepSeek`'s peak hours to every date, but they began on 2026-08-17
/// and leave weekends out: those calls are priced as of noon, which is off-peak.
pub(super) fn instant(provider: &str, model: &str, at: UnixNanos) -> UnixNanos {
    if provider != "deepseek" || !model.starts_with("deepseek-v4") {
        return at;
    }
    let day = at.0.div_euclid(DAY);
    // 1970-01-01 was a Thursday.
    let weekend = matches!((day + 3).rem_euclid(7), 5 | 6);
    if weekend || at.0 < DEEPSEEK_PEAK_PRICING { UnixNanos(day * DAY + DAY / 2) } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_what_they_say() {
        assert_eq!(UnixNanos(MISTRAL_LARGE_3).to_rfc3339(), "2025-12-08T00:00:00.000Z");
        assert_eq!(UnixNanos(DEEPSEEK_PEAK_PRICING).to_rfc3339(), "2026-08-17T00:00:00.000Z");
        assert_eq!(CHECKED.to_rfc3339(), "2026-11-01T00:00:00.000Z");
        assert_eq!(super::super::catalogue::PUBLISHED.to_rfc3339(), "2026-10-30T00:00:00.000Z");
    }
}
