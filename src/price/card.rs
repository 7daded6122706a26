//! Rates as integers and the arithmetic over them.

use super::Unpriced;
use crate::model::{NanoUsd, Usage};

/// Femto-dollars per nano-dollar.
const FEMTO_PER_NANO: u128 = 1_000_000;

/// What is billed at a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bucket {
    /// Prompt tokens that are in no cache.
    Input,
    /// Audio prompt tokens that are in no cache.
    InputAudio,
    /// Prompt tokens read from the cache.
    CacheRead,
    /// Audio tokens read from the cache.
    CacheReadAudio,
    /// Tokens written to the cache for five minutes.
    CacheWrite5m,
    /// Tokens written to the cache for an hour.
    CacheWrite1h,
    /// Generated tokens.
    Output,
    /// Generated tokens spent on reasoning.
    Reasoning,
    /// Generated audio tokens.
    OutputAudio,
    /// The call itself.
    Request,
    /// Web searches of the provider.
    Search,
}

impl Bucket {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Input,
        Self::InputAudio,
        Self::CacheRead,
        Self::CacheReadAudio,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::Output,
        Self::Reasoning,
        Self::OutputAudio,
        Self::Request,
        Self::Search,
    ];

    /// Its key in price files and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::InputAudio => "input_audio",
            Self::CacheRead => "cache_read",
            Self::CacheReadAudio => "cache_read_audio",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::OutputAudio => "output_audio",
            Self::Request => "request",
            Self::Search => "search",
        }
    }

    /// Whether it is billed by the token; the others by the piece.
    pub fn is_tokens(self) -> bool {
        !matches!(self, Self::Request | Self::Search)
    }

    /// The bucket whose rate holds for this one where it has none of its own.
    pub fn falls_back_to(self) -> Option<Self> {
        match self {
            Self::InputAudio | Self::CacheRead | Self::CacheWrite5m => Some(Self::Input),
            Self::CacheReadAudio => Some(Self::CacheRead),
            Self::CacheWrite1h => Some(Self::CacheWrite5m),
            Self::Reasoning | Self::OutputAudio => Some(Self::Output),
            Self::Input | Self::Output | Self::Request | Self::Search => None,
        }
    }
}

/// Rates: femto-dollars (1e-15 USD) for one token or piece of each bucket; nine decimals of a price per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates([u64; Bucket::ALL.len()]);

impl Rates {
    /// Femto-dollars for one of them.
    pub fn get(&self, bucket: Bucket) -> u64 {
        self.0[bucket as usize]
    }

    /// Sets a rate, in femto-dollars.
    pub(super) fn set(&mut self, bucket: Bucket, femto: u64) {
        self.0[bucket as usize] = femto;
    }

    /// Rates from US dollars per million tokens, without special rates for cache or reasoning.
    pub(super) fn per_million(input: f64, output: f64) -> Self {
        let mut given = Given::default();
        given.set(Bucket::Input, femto(input));
        given.set(Bucket::Output, femto(output));
        given.rates()
    }

    /// Whether nothing costs anything.
    pub fn are_zero(&self) -> bool {
        *self == Self::default()
    }

    /// The buckets whose rate says something: those that differ from what they would be without a rate of their own.
    pub fn telling(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        Bucket::ALL.into_iter().filter_map(|bucket| {
            let rate = self.get(bucket);
            let implied = bucket.falls_back_to().map_or(0, |other| self.get(other));
            let always = matches!(bucket, Bucket::Input | Bucket::Output);
            (always || rate != implied).then_some((bucket, rate))
        })
    }
}

/// Rates as far as they were given; the others follow from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Given([Option<u64>; Bucket::ALL.len()]);

impl Given {
    pub(super) fn get(&self, bucket: Bucket) -> Option<u64> {
        self.0[bucket as usize]
    }

    pub(super) fn set(&mut self, bucket: Bucket, femto: u64) {
        self.0[bucket as usize] = Some(femto);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// These, and those of `base` where nothing is given.
    pub(super) fn over(&self, base: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].or(base.0[at])))
    }

    /// These with every rate changed.
    pub(super) fn map(&self, change: impl Fn(Bucket, u64) -> u64) -> Self {
        let mut changed = *self;
        for bucket in Bucket::ALL {
            changed.0[bucket as usize] = self.get(bucket).map(|rate| change(bucket, rate));
        }
        changed
    }

    /// All rates. What has no rate of its own is billed like the tokens that it is a part of.
    pub(super) fn rates(&self) -> Rates {
        let mut rates = Rates::default();
        // Each bucket comes after the one that it falls back to.
        for bucket in [
            Bucket::Input,
            Bucket::Output,
            Bucket::InputAudio,
            Bucket::CacheRead,
            Bucket::CacheReadAudio,
            Bucket::CacheWrite5m,
            Bucket::CacheWrite1h,
            Bucket::Reasoning,
            Bucket::OutputAudio,
            Bucket::Request,
            Bucket::Search,
        ] {
            let implied = bucket.falls_back_to().map_or(0, |other| rates.get(other));
            rates.set(bucket, self.get(bucket).unwrap_or(implied));
        }
        rates
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

/// A part of what a call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// What is billed.
    pub bucket: Bucket,
    /// How many tokens or pieces.
    pub count: u64,
    /// Femto-dollars for one.
    pub rate: u64,
    /// Femto-dollars for all of them.
    pub amount: u128,
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

    /// The tier for a prompt of so many tokens: where it begins, and its rates.
    pub fn tier(&self, input: u64) -> (u64, Rates) {
        let tier = self.tiers.iter().rev().find(|(from, _)| *from <= input);
        tier.or(self.tiers.first()).copied().unwrap_or_default()
    }

    /// What a call is made of, the parts that it has none of included. Output that is not known adds nothing.
    pub(super) fn shares(&self, usage: &Usage) -> Result<[Share; Bucket::ALL.len()], Unpriced> {
        let input = usage.input.ok_or(Unpriced::NoInput)?;
        let cached = usage.cache_read.unwrap_or(0).checked_add(usage.cache_write.unwrap_or(0));
        if cached.is_none_or(|cached| cached > input) {
            return Err(Unpriced::Inconsistent);
        }
        let (_, rates) = self.tier(input);
        let tokens = usage.buckets();
        let count = |bucket| match bucket {
            Bucket::Input => tokens.input,
            Bucket::InputAudio => tokens.input_audio,
            Bucket::CacheRead => tokens.cache_read,
            Bucket::CacheReadAudio => tokens.cache_read_audio,
            Bucket::CacheWrite5m => tokens.cache_write_5m,
            Bucket::CacheWrite1h => tokens.cache_write_1h,
            Bucket::Output => tokens.output,
            Bucket::Reasoning => tokens.reasoning,
            Bucket::OutputAudio => tokens.output_audio,
            Bucket::Request => 1,
            Bucket::Search => u64::from(usage.parts.searches),
        };
        Ok(Bucket::ALL.map(|bucket| {
            let (count, rate) = (count(bucket), rates.get(bucket));
            Share { bucket, count, rate, amount: u128::from(count) * u128::from(rate) }
        }))
    }

    /// What the cache saved on a call: what its cached tokens would have cost as plain input, less what they did cost.
    /// Negative when writing cost more than reading brought.
    pub(super) fn cache_saving(&self, usage: &Usage) -> Result<NanoUsd, Unpriced> {
        let (_, rates) = self.tier(usage.input.ok_or(Unpriced::NoInput)?);
        let mut femto = 0i128;
        for share in self.shares(usage)? {
            let plain = match share.bucket {
                Bucket::CacheRead | Bucket::CacheWrite5m | Bucket::CacheWrite1h => Bucket::Input,
                Bucket::CacheReadAudio => Bucket::InputAudio,
                _ => continue,
            };
            let saved = i128::from(rates.get(plain)) - i128::from(share.rate);
            femto = femto.saturating_add(i128::from(share.count).saturating_mul(saved));
        }
        let nano = i64::try_from(half_even(femto.unsigned_abs())).map_err(|_| Unpriced::Inconsistent)?;
        Ok(NanoUsd(if femto < 0 { -nano } else { nano }))
    }

    /// The cost of a call, rounded once.
    pub(super) fn cost(&self, usage: &Usage) -> Result<NanoUsd, Unpriced> {
        total(&self.shares(usage)?)
    }
}

/// The sum of a call's shares, rounded half to even.
pub(super) fn total(shares: &[Share]) -> Result<NanoUsd, Unpriced> {
    let femto = shares.iter().map(|share| share.amount).fold(0, u128::saturating_add);
    i64::try_from(half_even(femto)).map(NanoUsd).map_err(|_| Unpriced::Inconsistent)
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

    #[test]
    fn what_has_no_rate_of_its_own_takes_that_of_its_whole() {
        let mut given = Given::default();
        given.set(Bucket::Input, 4);
        given.set(Bucket::Output, 9);
        given.set(Bucket::CacheWrite5m, 5);
        let rates = given.rates();
        assert_eq!(Bucket::ALL.map(|bucket| rates.get(bucket)), [4, 4, 4, 4, 5, 5, 9, 9, 9, 0, 0]);
        let telling: Vec<&str> = rates.telling().map(|(bucket, _)| bucket.as_str()).collect();
        assert_eq!(telling, ["input", "cache_write_5m", "output"]);
    }
}
