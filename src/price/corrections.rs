//! Rates that the bundled catalogue lacks or has wrong, each with the reason.

use super::card::{RateCard, Rates};
use crate::model::{NANOS_PER_SEC, UnixNanos};

/// Name of this table as the source of a cost.
pub(super) const SOURCE: &str = "tracetui corrections 2026-11";

const DAY: i64 = 86_400 * NANOS_PER_SEC;
/// 2025-12-08T00:00:00Z
const MISTRAL_LARGE_3: i64 = 20_430 * DAY;
/// 2026-08-17T00:00:00Z
const DEEPSEEK_PEAK_PRICING: i64 = 20_682 * DAY;

/// A corrected card, with whether it is only an estimate.
pub(super) fn card(provider: &str, model: &str, at: UnixNanos) -> Option<(RateCard, bool)> {
    match (provider, model) {
        // Alibaba's own API is not in the catalogue; LiteLLM and models.dev agree on these. The rates are those
        // without thinking, and the usage does not tell which mode ran.
        ("alibaba", "qwen-plus") => Some((RateCard::flat(Rates::per_million(0.4, 1.2)), true)),
        ("alibaba", "qwen3-max") => {
            let more = [(32_001, Rates::per_million(2.4, 12.0)), (128_001, Rates::per_million(3.0, 15.0))];
            Some((RateCard::tiered(Rates::per_million(1.2, 6.0), more), true))
        }
        // The alias moved to Large 3; the catalogue still binds it to Large 2. Three others agree.
        ("mistral", "mistral-large-latest") if at.0 >= MISTRAL_LARGE_3 => {
            Some((RateCard::flat(Rates::per_million(0.5, 1.5)), false))
        }
        _ => None,
    }
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
    }
}
