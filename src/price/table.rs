//! The price table: resolves names once, keeps rate cards, answers in integers.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{Equivalent, HashMap};
use rustc_hash::FxBuildHasher;

use super::card::{Bucket, RateCard};
use super::catalogue::{Catalogue, Entry, Moment, SLOT_SECONDS};
use super::resolve::{Books, Place, Resolved, Target, resolve};
use super::user::{RulePrice, UserPrices};
use super::{Estimate, PriceQuery, PriceSource, Priced, Unpriced, corrections, names};
use crate::model::{NANOS_PER_SEC, NanoUsd, ServiceTier, UnixNanos, Usage};

/// Most names and most cards remembered; names come from traces and may be endless.
const MAX_REMEMBERED: usize = 16_384;
const SLOTS_PER_DAY: i64 = 86_400 / SLOT_SECONDS;

/// The beginnings of rates, by model, day and how the provider serves.
pub(super) type Since = HashMap<(Entry, i64, ServiceTier), Option<UnixNanos>, FxBuildHasher>;

/// Prices of model calls. Cheap to ask from any thread; every answer is remembered.
pub struct PriceTable {
    pub(super) books: Books,
    memo: Mutex<Memo>,
    /// Since when the catalogue's rates of a model on a day, served in some way, hold.
    pub(super) since: Mutex<Since>,
}

impl std::fmt::Debug for PriceTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PriceTable").field("user", &self.books.user.files.len()).finish_non_exhaustive()
    }
}

impl PriceTable {
    /// The bundled prices. The first call decodes them, which takes tens of milliseconds: not for the UI thread.
    pub fn builtin() -> Self {
        Self::with_user(UserPrices::default())
    }

    /// The user's prices, and the bundled ones where these have none. Takes as long as [`PriceTable::builtin`].
    pub fn with_user(user: UserPrices) -> Self {
        Self {
            books: Books { catalogue: Catalogue::bundled(), user },
            memo: Mutex::default(),
            since: Mutex::default(),
        }
    }

    /// What a call costs.
    pub fn cost(&self, query: PriceQuery<'_>) -> Priced {
        if !query.usage.is_known() {
            return Unpriced::NoUsage.into();
        }
        let moment = Moment { at: query.at, tier: query.usage.parts.tier };
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        match memo.quote(&self.books, query.model, query.provider, moment) {
            Quote::Free => Priced::Free,
            Quote::Unknown(reason) => reason.into(),
            Quote::Card(found) => price(&found, query.usage),
        }
    }

    /// What the provider's cache saved on a call; negative when writing to it cost more than reading from it brought.
    /// `None` without rates.
    pub fn cache_saving(&self, query: PriceQuery<'_>) -> Option<NanoUsd> {
        let moment = Moment { at: query.at, tier: query.usage.parts.tier };
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        match memo.quote(&self.books, query.model, query.provider, moment) {
            Quote::Card(found) => found.card.cache_saving(query.usage).ok(),
            Quote::Free | Quote::Unknown(_) => None,
        }
    }

    /// The rates in force for a model at an instant, as it is usually served.
    pub fn rates(&self, model: &str, provider: &str, at: UnixNanos) -> Result<Arc<RateCard>, Unpriced> {
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        match memo.quote(&self.books, model, provider, Moment { at, tier: ServiceTier::Unsaid }) {
            Quote::Free => Ok(Arc::new(RateCard::flat(super::Rates::default()))),
            Quote::Unknown(reason) => Err(reason),
            Quote::Card(found) => Ok(Arc::clone(&found.card)),
        }
    }
}

/// The price of a usage.
pub(super) fn price(found: &Found, usage: &Usage) -> Priced {
    match found.card.cost(usage) {
        Ok(cost) => {
            let estimate = doubts(found, usage).next();
            Priced::Known { cost, source: found.source, estimate }
        }
        Err(reason) => reason.into(),
    }
}

/// Why the price of a usage is an estimate.
pub(super) fn doubts(found: &Found, usage: &Usage) -> impl Iterator<Item = Estimate> {
    let (_, rates) = found.card.tier(usage.input.unwrap_or(0));
    let output_missing = usage.output.is_none() && rates.get(Bucket::Output) > 0;
    let searches_missing = usage.parts.searches > 0 && rates.get(Bucket::Search) == 0;
    let of_usage = [
        output_missing.then_some(Estimate::OutputUnknown),
        searches_missing.then_some(Estimate::SearchesUnpriced),
    ];
    of_usage.into_iter().chain(found.estimates).flatten()
}

/// A model's rates at a time.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) card: Arc<RateCard>,
    pub(super) source: PriceSource,
    /// What is not certain about them.
    pub(super) estimates: [Option<Estimate>; 3],
}

#[derive(Clone, Debug)]
pub(super) enum Quote {
    Free,
    Unknown(Unpriced),
    Card(Arc<Found>),
}

#[derive(Default)]
struct Memo {
    ids: HashMap<Names, u32, FxBuildHasher>,
    resolved: Vec<Resolved>,
    /// The card found last for each of `resolved`.
    latest: Vec<Option<Arc<Found>>>,
    /// By name, day and tier; `None` where the rates change within the day and `slots` has them.
    days: HashMap<(u32, i64, ServiceTier), Option<Quote>, FxBuildHasher>,
    slots: HashMap<(u32, i64, ServiceTier), Quote, FxBuildHasher>,
}

impl Memo {
    fn quote(&mut self, books: &Books, model: &str, provider: &str, moment: Moment) -> Quote {
        if model.len() > names::MAX_NAME || provider.len() > names::MAX_NAME {
            return Quote::Unknown(Unpriced::UnknownModel);
        }
        let id = self.id(books, model, provider);
        let Some(resolved) = self.resolved.get(id as usize) else {
            return Quote::Unknown(Unpriced::UnknownModel);
        };
        // What is not said is the standard.
        let tier = if moment.tier == ServiceTier::Standard { ServiceTier::Unsaid } else { moment.tier };
        let moment = Moment { tier, ..moment };
        let slot = moment.at.0.div_euclid(NANOS_PER_SEC * SLOT_SECONDS);
        let day = slot.div_euclid(SLOTS_PER_DAY);
        match self.days.get(&(id, day, tier)) {
            Some(Some(quote)) => return quote.clone(),
            Some(None) => {
                if let Some(quote) = self.slots.get(&(id, slot, tier)) {
                    return quote.clone();
                }
            }
            None => {}
        }
        let hint = self.latest.get(id as usize).and_then(Option::as_deref).map(|found| &*found.card);
        let found = resolved.targets.iter().find_map(|target| {
            look_up(books, target, moment, hint).map(|quote| (quote, varies(books, target, moment.at)))
        });
        let (quote, varies) = found.unwrap_or((Quote::Unknown(resolved.otherwise), false));
        if self.days.len() + self.slots.len() >= MAX_REMEMBERED {
            self.days.clear();
            self.slots.clear();
        }
        if let (Quote::Card(found), Some(latest)) = (&quote, self.latest.get_mut(id as usize)) {
            *latest = Some(Arc::clone(found));
        }
        if varies {
            self.days.insert((id, day, tier), None);
            self.slots.insert((id, slot, tier), quote.clone());
        } else {
            self.days.insert((id, day, tier), Some(quote.clone()));
        }
        quote
    }

    fn id(&mut self, books: &Books, model: &str, provider: &str) -> u32 {
        if let Some(id) = self.ids.get(&NamesRef { model, provider }) {
            return *id;
        }
        if self.resolved.len() >= MAX_REMEMBERED {
            *self = Self::default();
        }
        let id = self.resolved.len() as u32;
        self.resolved.push(Resolved { steps: Vec::new(), ..resolve(books, model, provider) });
        self.latest.push(None);
        self.ids.insert(Names { model: model.into(), provider: provider.into() }, id);
        id
    }
}

/// Whether a place's rates change within the day.
pub(super) fn varies(books: &Books, target: &Target, at: UnixNanos) -> bool {
    match &target.place {
        Place::Catalogue { entry, .. } => books.catalogue.varies_within_day(entry, at),
        Place::File { file, entry } => {
            let catalogue = books.user.files.get(usize::from(*file)).and_then(|file| file.catalogue.as_ref());
            catalogue.is_some_and(|catalogue| catalogue.varies_within_day(entry, at))
        }
        Place::Rule { .. } | Place::Corrections { .. } | Place::Local => false,
    }
}

/// What a place says about a moment; `None` when it says nothing.
pub(super) fn look_up(
    books: &Books,
    target: &Target,
    moment: Moment,
    hint: Option<&RateCard>,
) -> Option<Quote> {
    let guessed = target.guessed.then_some(Estimate::GuessedProvider);
    let own_tier = matches!(moment.tier, ServiceTier::Batch | ServiceTier::Flex | ServiceTier::Priority);
    let unknown_tier = (moment.tier == ServiceTier::Other).then_some(Estimate::UnknownTier);
    let no_tier_rates = own_tier.then_some(Estimate::NoTierRates);
    let quote = |card: Arc<RateCard>, source, estimates| {
        Some(Quote::Card(Arc::new(Found { card, source, estimates })))
    };
    // A provider that has a price for a tier has another one than the standard.
    let probed = |catalogue: &Catalogue, entry, moment: Moment| {
        let card = catalogue.card(entry, moment, hint)?;
        let standard = Moment { tier: ServiceTier::Unsaid, ..moment };
        let same = own_tier && catalogue.card(entry, standard, Some(&card))? == card;
        Ok::<_, Unpriced>((Arc::new(card), if same { no_tier_rates } else { unknown_tier }))
    };
    match &target.place {
        Place::Local => Some(Quote::Free),
        Place::Rule { file, rule } => {
            let rule = books.user.files.get(usize::from(*file))?.rules.get(*rule as usize)?;
            let RulePrice::Cards(cards) = &rule.price else {
                return rule.holds(moment.at).then_some(Quote::Free);
            };
            if !rule.holds(moment.at) {
                return None;
            }
            let of_tier = cards.others.iter().find(|(tier, _)| *tier == moment.tier);
            let (card, tier) = match of_tier {
                Some((_, card)) => (card, None),
                None => (&cards.standard, unknown_tier.or(no_tier_rates)),
            };
            let flat = cards.flat.then_some(Estimate::FlatRate);
            let source = PriceSource::User { file: *file, line: rule.line };
            quote(Arc::clone(card), source, [guessed, tier, flat])
        }
        Place::File { file, entry } => {
            let catalogue = books.user.files.get(usize::from(*file))?.catalogue.as_ref()?;
            let (card, tier) = probed(catalogue, entry, moment).ok()?;
            quote(card, PriceSource::User { file: *file, line: 0 }, [guessed, tier, None])
        }
        Place::Corrections { entry, provider } => {
            let row = corrections::find(provider, &entry.model, moment.at)?;
            let tier = unknown_tier.or(no_tier_rates);
            quote(Arc::new(row.card()), PriceSource::Corrections, [guessed, row.estimate, tier])
        }
        Place::Catalogue { entry, provider } => {
            let at = corrections::instant(provider, &entry.model, moment.at);
            match probed(&books.catalogue, entry, Moment { at, ..moment }) {
                Ok((card, tier)) => {
                    let doubt = corrections::doubt(provider, &entry.model);
                    quote(card, PriceSource::Catalogue, [guessed, tier, doubt])
                }
                Err(reason) => Some(Quote::Unknown(reason)),
            }
        }
    }
}

#[derive(PartialEq, Eq)]
struct Names {
    model: Box<str>,
    provider: Box<str>,
}

impl Hash for Names {
    fn hash<H: Hasher>(&self, state: &mut H) {
        NamesRef { model: &self.model, provider: &self.provider }.hash(state);
    }
}

#[derive(Hash)]
struct NamesRef<'a> {
    model: &'a str,
    provider: &'a str,
}

impl Equivalent<Names> for NamesRef<'_> {
    fn equivalent(&self, names: &Names) -> bool {
        *self.model == *names.model && *self.provider == *names.provider
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
