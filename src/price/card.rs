//! Rates as integers and the arithmetic over them.

use super::Unpriced;
use crate::model::{NanoUsd, Usage};

/// Femto-dollars per nano-dollar.
const FEMTO_PER_NANO: u128 = 1_000_000;

/// Femto-dollars (1e-15 USD) for one token of each sort; nine decimals of a price per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Prompt tokens that are in no cache.
    pub input: u64,
    /// Prompt tokens read from the cache.
    pub cache_read: u64,
    /// Prompt tokens written to the cache (shortest lifetime).
    pub cache_write: u64,
    /// Generated tokens.
    pub output: u64,
    /// Generated tokens spent on reasoning.
    pub reasoning: u64,
    /// Femto-dollars for the call itself.
    pub request: u64,
}

impl Rates {
    /// Rates from US dollars per million tokens, without special rates for cache or reasoning.
    pub(super) fn per_million(input: f64, output: f64) -> Self {
        let (input, output) = (femto(input), femto(output));
        Self { input, cache_read: input, cache_write: input, output, reasoning: output, request: 0 }
    }

    /// Whether nothing costs anything.
    pub fn are_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// US dollars per million tokens as femto-dollars per token.
pub(super) fn femto(usd_per_million: f64) -> u64 {
    (usd_per_million * 1e9).round_ties_even() as u64
}

/// The rates in force at one time: the whole request is billed by the tier that its prompt falls in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateCard {
    /// Smallest prompt, in tokens, of each tier; ascending, the first is 0.
    tiers: Vec<(u64, Rates)>,
}

impl RateCard {
    /// A card without tiers.
    pub(super) fn flat(rates: Rates) -> Self {
        Self { tiers: vec![(0, rates)] }
    }

    /// A card with more tiers, each with its smallest prompt, in ascending order.
    pub(super) fn tiered(base: Rates, more: impl IntoIterator<Item = (u64, Rates)>) -> Self {
        let mut card = Self::flat(base);
        card.tiers.extend(more);
        card
    }

    /// The tiers: smallest prompt in tokens, and the rates from there on.
    pub fn tiers(&self) -> &[(u64, Rates)] {
        &self.tiers
    }

    /// The rates for a prompt of so many tokens.
    pub fn rates(&self, input: u64) -> Rates {
        let tier = self.tiers.iter().rev().find(|(from, _)| *from <= input);
        tier.or(self.tiers.first()).map(|(_, rates)| *rates).unwrap_or_default()
    }

    /// The cost of a call. Output that is not known adds nothing.
    pub(super) fn cost(&self, usage: &Usage) -> Result<NanoUsd, Unpriced> {
        let input = usage.input.ok_or(Unpriced::NoInput)?;
        let (read, write) = (usage.cache_read.unwrap_or(0), usage.cache_write.unwrap_or(0));
        let cached = read.checked_add(write).ok_or(Unpriced::Inconsistent)?;
        let fresh = input.checked_sub(cached).ok_or(Unpriced::Inconsistent)?;
        let output = usage.output.unwrap_or(0);
        let reasoning = usage.reasoning.unwrap_or(0).min(output);
        let rates = self.rates(input);
        let femto = [
            (fresh, rates.input),
            (read, rates.cache_read),
            (write, rates.cache_write),
            (output - reasoning, rates.output),
            (reasoning, rates.reasoning),
            (1, rates.request),
        ]
        .iter()
        .map(|&(tokens, rate)| u128::from(tokens).saturating_mul(u128::from(rate)))
        .fold(0, u128::saturating_add);
        i64::try_from(half_even(femto)).map(NanoUsd).map_err(|_| Unpriced::Inconsistent)
    }
}

fn half_even(femto: u128) -> u128 {
    let (nano, rest) = (femto / FEMTO_PER_NANO, femto % FEMTO_PER_NANO);
    let up = rest > FEMTO_PER_NANO / 2 || (rest == FEMTO_PER_NANO / 2 && nano % 2 == 1);
    nano + u128::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input: u64, output: u64) -> Usage {
        Usage { input: Some(input), output: Some(output), ..Usage::default() }
    }

    #[test]
    fn halves_go_to_even() {
        assert_eq!(half_even(500_000), 0);
        assert_eq!(half_even(1_500_000), 2);
        assert_eq!(half_even(2_500_000), 2);
        assert_eq!(half_even(2_500_001), 3);
    }

    #[test]
    fn a_request_is_billed_by_the_tier_of_its_whole_prompt() {
        let card = RateCard::tiered(Rates::per_million(1.0, 2.0), [(101, Rates::per_million(10.0, 20.0))]);
        assert_eq!(card.cost(&usage(100, 1)), Ok(NanoUsd(102_000)));
        assert_eq!(card.cost(&usage(101, 1)), Ok(NanoUsd(1_030_000)));
    }

    #[test]
    fn contradictions_and_absurd_amounts_have_no_price() {
        let card = RateCard::flat(Rates::per_million(3.0, 15.0));
        let too_much_cache = Usage { cache_read: Some(2), ..usage(1, 1) };
        assert_eq!(card.cost(&too_much_cache), Err(Unpriced::Inconsistent));
        assert_eq!(card.cost(&usage(u64::MAX, u64::MAX)), Err(Unpriced::Inconsistent));
        let endless = Usage { cache_read: Some(u64::MAX), cache_write: Some(u64::MAX), ..usage(1, 1) };
        assert_eq!(card.cost(&endless), Err(Unpriced::Inconsistent));
    }

    #[test]
    fn reasoning_beyond_the_output_costs_no_more_than_the_output() {
        let card = RateCard::flat(Rates::per_million(1.0, 2.0));
        let odd = Usage { reasoning: Some(50), ..usage(0, 10) };
        assert_eq!(card.cost(&odd), Ok(NanoUsd(20_000)));
    }
}
