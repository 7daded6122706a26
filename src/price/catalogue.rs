//! The bundled price catalogue: genai-prices, which is asked by probing because it has no way to read rates.

use std::time::{Duration, UNIX_EPOCH};

use genai_prices::{Calculator, ErrorKind, PriceCalculation, PriceRequest, Usage, UsageKey};

use super::card::{Bucket, RateCard, Rates};
use super::{Priced, Unpriced};
use crate::model::{NANOS_PER_SEC, ServiceTier, UnixNanos};

/// The bundled catalogue's name.
pub(super) const NAME: &str = "genai-prices";
/// Its version.
pub(super) const VERSION: &str = "0.2.1";
/// When that version was published, 2026-10-30T00:00:00Z: the data itself does not say how old it is.
pub(super) const PUBLISHED: UnixNanos = UnixNanos(20_756 * DAY_SECONDS * NANOS_PER_SEC);

/// When a call was made and how it was served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: UnixNanos,
    pub(super) tier: ServiceTier,
}

/// Seconds for which the catalogue's prices stand still: its daily windows begin and end at half hours.
pub(super) const SLOT_SECONDS: i64 = 1_800;
const HOUR_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// Prompts above this are in the last tier.
const LARGEST_PROMPT: u64 = 1 << 24;
const OUTPUT_PROBE: u32 = 1_000_000;

/// A model in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    /// Provider to ask with; empty lets the catalogue guess.
    pub(super) provider: String,
    /// Model to ask with.
    pub(super) model: String,
}

/// A catalogue of genai-prices: the bundled one, or a file of the same shape.
pub(super) struct Catalogue {
    calculator: Calculating,
    /// Whether a zero is a price: the bundled one also has zeros where something else than tokens is billed.
    zero_is_a_price: bool,
}

enum Calculating {
    Bundled(&'static Calculator),
    Own(Box<Calculator>),
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Catalogue").field(self.calculator()).finish()
    }
}

impl Catalogue {
    /// The bundled catalogue; the first access decodes it, which takes tens of milliseconds.
    pub(super) fn bundled() -> Self {
        Self { calculator: Calculating::Bundled(Calculator::bundled()), zero_is_a_price: false }
    }

    /// A catalogue from a file in the library's own shape.
    pub(super) fn from_json(text: &str) -> Result<Self, String> {
        let own = Calculator::from_json(text).map_err(|error| error.to_string())?;
        Ok(Self { calculator: Calculating::Own(Box::new(own)), zero_is_a_price: true })
    }

    fn calculator(&self) -> &Calculator {
        match &self.calculator {
            Calculating::Bundled(calculator) => calculator,
            Calculating::Own(calculator) => calculator,
        }
    }

    /// Every model, as (provider, model).
    pub(super) fn models(&self) -> impl Iterator<Item = (&str, &str)> {
        let providers = self.calculator().providers();
        providers.flat_map(|provider| provider.models().map(move |model| (provider.id(), model.id())))
    }

    /// Whether a provider goes by this name.
    pub(super) fn has_provider(&self, name: &str) -> bool {
        matches!(self.calculator().find_provider(Some(name), None), Ok(Some(_)))
    }

    /// Looks a model up and returns the provider and the name that it is filed under.
    pub(super) fn find(&self, entry: &Entry) -> Result<(String, String), Unpriced> {
        let usage = Usage::from([(UsageKey::INPUT_TOKENS, 1.0)]);
        match self.calculate(entry, &usage, Moment { at: UnixNanos(0), tier: ServiceTier::Unsaid }) {
            Ok(found) => Ok((found.provider_id, found.model_id)),
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

    /// The first instant of the time for which the rates are what they are at `at`, if there were others before it and
    /// not too long ago.
    pub(super) fn in_force_since(&self, entry: &Entry, moment: Moment) -> Option<UnixNanos> {
        const DAY: i64 = DAY_SECONDS * NANOS_PER_SEC;
        const MAX_DAYS: i64 = 1_500;
        let midnight = moment.at.0.div_euclid(DAY);
        // One question with some of everything: the answer is another one when any rate is.
        let usage = Usage::from([
            (UsageKey::INPUT_TOKENS, 1_000.0),
            (UsageKey::CACHE_READ_TOKENS, 300.0),
            (UsageKey::CACHE_WRITE_TOKENS, 200.0),
            (UsageKey::CACHE_WRITE_1H_TOKENS, 70.0),
            (UsageKey::OUTPUT_TOKENS, 1_000.0),
            (UsageKey::OUTPUT_REASONING_TOKENS, 110.0),
            (UsageKey::WEB_SEARCHES, 1.0),
        ]);
        let ask =
            |moment| self.calculate(entry, &usage, moment).ok().map(|price| price.total_price.to_bits());
        let rates = ask(moment)?;
        // The last instant of a day: some prices begin at an hour.
        let end = |day: i64| Moment { at: UnixNanos((day + 1) * DAY - 1), ..moment };
        let same = |day: i64| ask(end(day)) == Some(rates);
        let days = (1..MAX_DAYS.min(midnight)).map(|ago| midnight - ago);
        let before = days.into_iter().find(|day| !same(*day))?;
        Some(UnixNanos((before + 1) * DAY))
    }

    /// The rates in force at a moment. `hint` is the same model's card of another day: tiers rarely move.
    pub(super) fn card(
        &self,
        entry: &Entry,
        moment: Moment,
        hint: Option<&RateCard>,
    ) -> Result<RateCard, Unpriced> {
        let base = self.probe(entry, moment, 1)?;
        let last = self.probe(entry, moment, LARGEST_PROMPT)?;
        let free = self.zero_is_a_price || is_really_free(&entry.model);
        if base.are_zero() && last.are_zero() && !free {
            return Err(Unpriced::NotByTokens);
        }
        let (mut tiers, mut low, mut rates) = (Vec::new(), 1, base);
        while rates != last {
            let from = self.next_tier(entry, moment, low, rates, hint)?;
            rates = self.probe(entry, moment, from)?;
            tiers.push((from, rates));
            low = from;
        }
        Ok(RateCard::tiered(base, tiers))
    }

    /// The smallest prompt above `low` that isn't billed by `rates`, found by halving; the caller knows there is one.
    fn next_tier(
        &self,
        entry: &Entry,
        moment: Moment,
        low: u64,
        rates: Rates,
        hint: Option<&RateCard>,
    ) -> Result<u64, Unpriced> {
        let tiers = hint.map(RateCard::tiers).unwrap_or_default();
        if let Some(&(from, _)) = tiers.iter().find(|(from, _)| *from > low)
            && self.probe(entry, moment, from - 1)? == rates
            && self.probe(entry, moment, from)? != rates
        {
            return Ok(from);
        }
        let (mut same, mut other) = (low, LARGEST_PROMPT);
        while other - same > 1 {
            let middle = same.midpoint(other);
            if self.probe(entry, moment, middle)? == rates {
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
        let price = self.calculate(entry, &usage, Moment { at, tier: ServiceTier::Unsaid }).ok()?;
        Some((per_token(price.input_price, 1.0), per_token(price.output_price, f64::from(OUTPUT_PROBE))))
    }

    /// Every rate for a prompt of so many tokens: usages whose prompt is all of one sort tell them one by one.
    fn probe(&self, entry: &Entry, moment: Moment, prompt: u64) -> Result<Rates, Unpriced> {
        const PROBES: [(Bucket, &[UsageKey], Bucket, &[UsageKey]); 6] = [
            (Bucket::Input, &[], Bucket::Output, &[]),
            (
                Bucket::CacheRead,
                &[UsageKey::CACHE_READ_TOKENS],
                Bucket::Reasoning,
                &[UsageKey::OUTPUT_REASONING_TOKENS],
            ),
            (
                Bucket::InputAudio,
                &[UsageKey::INPUT_AUDIO_TOKENS],
                Bucket::OutputAudio,
                &[UsageKey::OUTPUT_AUDIO_TOKENS],
            ),
            (
                Bucket::CacheReadAudio,
                &[
                    UsageKey::CACHE_READ_TOKENS,
                    UsageKey::INPUT_AUDIO_TOKENS,
                    UsageKey::CACHE_AUDIO_READ_TOKENS,
                ],
                Bucket::Output,
                &[],
            ),
            (
                Bucket::CacheWrite5m,
                &[UsageKey::CACHE_WRITE_TOKENS, UsageKey::CACHE_WRITE_5M_TOKENS],
                Bucket::Output,
                &[],
            ),
            (
                Bucket::CacheWrite1h,
                &[UsageKey::CACHE_WRITE_TOKENS, UsageKey::CACHE_WRITE_1H_TOKENS],
                Bucket::Output,
                &[],
            ),
        ];
        let (input, output) = (prompt as f64, f64::from(OUTPUT_PROBE));
        let mut rates = Rates::default();
        for (of_input, input_keys, of_output, output_keys) in PROBES {
            let mut usage = Usage::from([(UsageKey::INPUT_TOKENS, input), (UsageKey::OUTPUT_TOKENS, output)]);
            for key in input_keys {
                usage.insert(key.clone(), input);
            }
            for key in output_keys {
                usage.insert(key.clone(), output);
            }
            let price = self.calculate(entry, &usage, moment).map_err(|_| Unpriced::UnknownModel)?;
            rates.set(of_input, per_token(price.input_price, input));
            rates.set(of_output, per_token(price.output_price, output));
        }
        let pieces = |key: UsageKey| {
            let usage = Usage::from([(key, 1.0)]);
            let price = self.calculate(entry, &usage, moment).map_err(|_| Unpriced::UnknownModel)?;
            Ok::<u64, Unpriced>(per_token(price.total_price, 1.0))
        };
        // The fee of the call is in every answer.
        let request = pieces(UsageKey::REQUESTS)?;
        rates.set(Bucket::Request, request);
        rates.set(Bucket::Search, pieces(UsageKey::WEB_SEARCHES)?.saturating_sub(request));
        Ok(rates)
    }

    fn calculate(&self, entry: &Entry, usage: &Usage, moment: Moment) -> Result<PriceCalculation, ErrorKind> {
        let mut request = PriceRequest::new(&entry.model, usage).with_timestamp(instant(moment.at));
        if !entry.provider.is_empty() {
            request = request.with_provider_id(&entry.provider);
        }
        match moment.tier {
            ServiceTier::Batch => request = request.with_price_context("processing", "batch"),
            ServiceTier::Flex => request = request.with_price_context("service_tier", "flex"),
            ServiceTier::Priority => request = request.with_price_context("service_tier", "priority"),
            ServiceTier::Unsaid | ServiceTier::Standard | ServiceTier::Other => {}
        }
        self.calculator().calculate(&request).map_err(|error| error.kind())
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
