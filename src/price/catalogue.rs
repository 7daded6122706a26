//! The bundled price catalogue: genai-prices, which is asked by probing because it has no way to read rates.

use std::time::{Duration, UNIX_EPOCH};

use genai_prices::{Calculator, ErrorKind, PriceCalculation, PriceRequest, Usage, UsageKey};

use super::card::{RateCard, Rates};
use super::{Priced, Unpriced};
use crate::model::{NANOS_PER_SEC, UnixNanos};

/// The catalogue and its version, as shown beside a cost.
pub(super) const SOURCE: &str = "genai-prices 0.2.1";

/// Seconds for which the catalogue's prices stand still: its daily windows begin and end at half hours.
pub(super) const SLOT_SECONDS: i64 = 1_800;
const HOUR_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// Prompts above this are in the last tier.
const LARGEST_PROMPT: u64 = 1 << 24;
const OUTPUT_PROBE: u32 = 1_000_000;

/// A model in the catalogue.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Provider to ask with; empty lets the catalogue guess.
    pub(super) provider: String,
    /// Model to ask with.
    pub(super) model: String,
}

/// The bundled catalogue; the first access decodes it, which takes tens of milliseconds.
pub(super) struct Catalogue(&'static Calculator);

impl Catalogue {
    pub(super) fn bundled() -> Self {
        Self(Calculator::bundled())
    }

    /// Whether a provider goes by this name.
    pub(super) fn has_provider(&self, name: &str) -> bool {
        matches!(self.0.find_provider(Some(name), None), Ok(Some(_)))
    }

    /// Looks a model up and returns the provider it is filed under.
    pub(super) fn find(&self, entry: &Entry) -> Result<String, Unpriced> {
        let usage = Usage::from([(UsageKey::INPUT_TOKENS, 1.0)]);
        match self.calculate(entry, &usage, UNIX_EPOCH) {
            Ok(found) => Ok(found.provider_id),
            Err(ErrorKind::ProviderNotFound) => Err(Unpriced::UnknownProvider),
            Err(_) => Err(Unpriced::UnknownModel),
        }
    }

    /// Whether the rates change during the UTC day that holds `at`; windows are an hour long at least.
    pub(super) fn varies_within_day(&self, entry: &Entry, at: UnixNanos) -> bool {
        let midnight = at.0.div_euclid(NANOS_PER_SEC).div_euclid(DAY_SECONDS) * DAY_SECONDS;
        let at_hour = |hour: i64| UnixNanos((midnight + hour * HOUR_SECONDS).saturating_mul(NANOS_PER_SEC));
        let first = self.input_and_output(entry, at_hour(0));
        (1..24).any(|hour| self.input_and_output(entry, at_hour(hour)) != first)
    }

    /// The rates in force at an instant. `hint` is the same model's card of another day: tiers rarely move.
    pub(super) fn card(
        &self,
        entry: &Entry,
        at: UnixNanos,
        hint: Option<&RateCard>,
    ) -> Result<RateCard, Unpriced> {
        let base = self.probe(entry, at, 1)?;
        let last = self.probe(entry, at, LARGEST_PROMPT)?;
        if base.are_zero() && last.are_zero() && !is_really_free(&entry.model) {
            return Err(Unpriced::NotByTokens);
        }
        let (mut tiers, mut low, mut rates) = (Vec::new(), 1, base);
        while rates != last {
            let from = self.next_tier(entry, at, low, rates, hint)?;
            rates = self.probe(entry, at, from)?;
            tiers.push((from, rates));
            low = from;
        }
        Ok(RateCard::tiered(base, tiers))
    }

    /// The smallest prompt above `low` that isn't billed by `rates`, found by halving; the caller knows there is one.
    fn next_tier(
        &self,
        entry: &Entry,
        at: UnixNanos,
        low: u64,
        rates: Rates,
        hint: Option<&RateCard>,
    ) -> Result<u64, Unpriced> {
        let tiers = hint.map(RateCard::tiers).unwrap_or_default();
        if let Some(&(from, _)) = tiers.iter().find(|(from, _)| *from > low)
            && self.probe(entry, at, from - 1)? == rates
            && self.probe(entry, at, from)? != rates
        {
            return Ok(from);
        }
        let (mut same, mut other) = (low, LARGEST_PROMPT);
        while other - same > 1 {
            let middle = same.midpoint(other);
            if self.probe(entry, at, middle)? == rates {
                same = middle;
            } else {
                other = middle;
            }
        }
        Ok(other)
    }

    fn input_and_output(&self, entry: &Entry, at: UnixNanos) -> Option<(u64, u64)> {
        let usage =
            Usage::from([(UsageKey::INPUT_TOKENS, 1.0), (UsageKey::OUTPUT_TOKENS, f64::from(OUTPUT_PROBE))]);
        let price = self.calculate(entry, &usage, instant(at)).ok()?;
        Some((per_token(price.input_price, 1.0), per_token(price.output_price, f64::from(OUTPUT_PROBE))))
    }

    fn probe(&self, entry: &Entry, at: UnixNanos, prompt: u64) -> Result<Rates, Unpriced> {
        let (input, output) = (prompt as f64, f64::from(OUTPUT_PROBE));
        let ask =
            |usage: Usage| self.calculate(entry, &usage, instant(at)).map_err(|_| Unpriced::UnknownModel);
        let plain = ask(Usage::from([(UsageKey::INPUT_TOKENS, input), (UsageKey::OUTPUT_TOKENS, output)]))?;
        let special = ask(Usage::from([
            (UsageKey::INPUT_TOKENS, input),
            (UsageKey::CACHE_READ_TOKENS, input),
            (UsageKey::OUTPUT_TOKENS, output),
            (UsageKey::OUTPUT_REASONING_TOKENS, output),
        ]))?;
        let write =
            ask(Usage::from([(UsageKey::INPUT_TOKENS, input), (UsageKey::CACHE_WRITE_TOKENS, input)]))?;
        let request = ask(Usage::from([(UsageKey::REQUESTS, 1.0)]))?;
        Ok(Rates {
            input: per_token(plain.input_price, input),
            cache_read: per_token(special.input_price, input),
            cache_write: per_token(write.input_price, input),
            output: per_token(plain.output_price, output),
            reasoning: per_token(special.output_price, output),
            request: per_token(request.total_price, 1.0),
        })
    }

    fn calculate(
        &self,
        entry: &Entry,
        usage: &Usage,
        at: std::time::SystemTime,
    ) -> Result<PriceCalculation, ErrorKind> {
        let mut request = PriceRequest::new(&entry.model, usage).with_timestamp(at);
        if !entry.provider.is_empty() {
            request = request.with_provider_id(&entry.provider);
        }
        self.0.calculate(&request).map_err(|error| error.kind())
    }
}

/// Zero is a price for these; for others it means that something else than tokens is billed.
fn is_really_free(model: &str) -> bool {
    model.ends_with(":free") || model.contains("moderation")
}

/// Dollars for `tokens` as femto-dollars for one.
fn per_token(usd: f64, tokens: f64) -> u64 {
    (usd / tokens * 1e15).round_ties_even() as u64
}

fn instant(at: UnixNanos) -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(at.0).unwrap_or(0))
}

impl From<Unpriced> for Priced {
    fn from(reason: Unpriced) -> Self {
        Self::Unknown(reason)
    }
}
