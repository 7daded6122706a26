//! The price table: resolves names once, keeps rate cards, answers in integers.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{Equivalent, HashMap};
use rustc_hash::FxBuildHasher;

use super::card::RateCard;
use super::catalogue::{self, Catalogue, Entry, SLOT_SECONDS};
use super::names::{self, Provider};
use super::{Estimate, PriceQuery, Priced, Unpriced, corrections};
use crate::model::{NANOS_PER_SEC, UnixNanos, Usage};

/// Most names and most cards remembered; names come from traces and may be endless.
const MAX_REMEMBERED: usize = 16_384;
const SLOTS_PER_DAY: i64 = 86_400 / SLOT_SECONDS;

/// Prices of model calls. Cheap to ask from any thread; every answer is remembered.
pub struct PriceTable {
    catalogue: Catalogue,
    memo: Mutex<Memo>,
}

impl std::fmt::Debug for PriceTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PriceTable").field("source", &catalogue::SOURCE).finish_non_exhaustive()
    }
}

impl PriceTable {
    /// The bundled prices. The first call decodes them, which takes tens of milliseconds: not for the UI thread.
    pub fn builtin() -> Self {
        Self { catalogue: Catalogue::bundled(), memo: Mutex::default() }
    }

    /// What a call costs.
    pub fn cost(&self, query: PriceQuery<'_>) -> Priced {
        if !query.usage.is_known() {
            return Unpriced::NoUsage.into();
        }
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        let quote = match memo.quote(&self.catalogue, query.model, query.provider, query.at) {
            Quote::Free => return Priced::Free,
            Quote::Unknown(reason) => return reason.into(),
            Quote::Card(quote) => quote,
        };
        price(&quote, query.usage)
    }

    /// The rates in force for a model at an instant.
    pub fn rates(&self, model: &str, provider: &str, at: UnixNanos) -> Result<Arc<RateCard>, Unpriced> {
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        match memo.quote(&self.catalogue, model, provider, at) {
            Quote::Free => Ok(Arc::new(RateCard::flat(super::Rates::default()))),
            Quote::Unknown(reason) => Err(reason),
            Quote::Card(quote) => Ok(quote.card),
        }
    }
}

fn price(quote: &Found, usage: &Usage) -> Priced {
    let cost = match quote.card.cost(usage) {
        Ok(cost) => cost,
        Err(reason) => return reason.into(),
    };
    let output_missing = usage.output.is_none() && quote.card.rates(usage.input.unwrap_or(0)).output > 0;
    let estimate = if output_missing { Some(Estimate::OutputUnknown) } else { quote.estimate };
    Priced::Known { cost, source: quote.source, estimate }
}

/// A model's rates at a time.
#[derive(Clone)]
struct Found {
    card: Arc<RateCard>,
    source: &'static str,
    estimate: Option<Estimate>,
}

#[derive(Clone)]
enum Quote {
    Free,
    Unknown(Unpriced),
    Card(Found),
}

/// What a pair of names stands for, whatever the date.
#[derive(Clone)]
enum Resolved {
    Free,
    Unknown(Unpriced),
    Entry { entry: Entry, provider: String, estimate: Option<Estimate> },
}

#[derive(Default)]
struct Memo {
    ids: HashMap<Names, u32, FxBuildHasher>,
    resolved: Vec<Resolved>,
    /// The card found last for each of `resolved`.
    latest: Vec<Option<Arc<RateCard>>>,
    /// By name and day; `None` where the rates change within the day and `slots` has them.
    days: HashMap<(u32, i64), Option<Quote>, FxBuildHasher>,
    slots: HashMap<(u32, i64), Quote, FxBuildHasher>,
}

impl Memo {
    fn quote(&mut self, catalogue: &Catalogue, model: &str, provider: &str, at: UnixNanos) -> Quote {
        if model.len() > names::MAX_NAME || provider.len() > names::MAX_NAME {
            return Quote::Unknown(Unpriced::UnknownModel);
        }
        let id = self.id(catalogue, model, provider);
        let (entry, provider, estimate) = match self.resolved.get(id as usize) {
            Some(Resolved::Free) => return Quote::Free,
            Some(Resolved::Unknown(reason)) => return Quote::Unknown(*reason),
            Some(Resolved::Entry { entry, provider, estimate }) => (entry, provider, *estimate),
            None => return Quote::Unknown(Unpriced::UnknownModel),
        };
        let slot = at.0.div_euclid(NANOS_PER_SEC * SLOT_SECONDS);
        let day = slot.div_euclid(SLOTS_PER_DAY);
        match self.days.get(&(id, day)) {
            Some(Some(quote)) => return quote.clone(),
            Some(None) => {
                if let Some(quote) = self.slots.get(&(id, slot)) {
                    return quote.clone();
                }
            }
            None => {}
        }
        let hint = self.latest.get(id as usize).and_then(Option::as_deref);
        let quote = look_up(catalogue, entry, provider, estimate, at, hint);
        let varies = catalogue.varies_within_day(entry, at);
        if self.days.len() + self.slots.len() >= MAX_REMEMBERED {
            self.days.clear();
            self.slots.clear();
        }
        if let (Quote::Card(found), Some(latest)) = (&quote, self.latest.get_mut(id as usize)) {
            *latest = Some(Arc::clone(&found.card));
        }
        if varies {
            self.days.insert((id, day), None);
            self.slots.insert((id, slot), quote.clone());
        } else {
            self.days.insert((id, day), Some(quote.clone()));
        }
        quote
    }

    fn id(&mut self, catalogue: &Catalogue, model: &str, provider: &str) -> u32 {
        if let Some(id) = self.ids.get(&NamesRef { model, provider }) {
            return *id;
        }
        if self.resolved.len() >= MAX_REMEMBERED {
            *self = Self::default();
        }
        let id = self.resolved.len() as u32;
        self.resolved.push(resolve(catalogue, model, provider));
        self.latest.push(None);
        self.ids.insert(Names { model: model.into(), provider: provider.into() }, id);
        id
    }
}

fn look_up(
    catalogue: &Catalogue,
    entry: &Entry,
    provider: &str,
    estimate: Option<Estimate>,
    at: UnixNanos,
    hint: Option<&RateCard>,
) -> Quote {
    if let Some((card, uncertain)) = corrections::card(provider, &entry.model, at) {
        let estimate = estimate.or(uncertain.then_some(Estimate::ListPrice));
        return Quote::Card(Found { card: Arc::new(card), source: corrections::SOURCE, estimate });
    }
    match catalogue.card(entry, corrections::instant(provider, &entry.model, at), hint) {
        Ok(card) => Quote::Card(Found { card: Arc::new(card), source: catalogue::SOURCE, estimate }),
        Err(reason) => Quote::Unknown(reason),
    }
}

/// Finds what the names stand for.
fn resolve(catalogue: &Catalogue, model: &str, provider: &str) -> Resolved {
    let model = names::bare_model(model);
    if model.is_empty() {
        return Resolved::Unknown(Unpriced::NoModel);
    }
    match names::provider(provider) {
        // Ollama also fronts models in its own cloud, which are not free.
        Provider::Local if model.ends_with("-cloud") => Resolved::Unknown(Unpriced::UnknownModel),
        Provider::Local => Resolved::Free,
        Provider::Named(provider) => with_provider(catalogue, model, &provider),
        Provider::Unknown => without_provider(catalogue, model),
    }
}

fn with_provider(catalogue: &Catalogue, model: &str, provider: &str) -> Resolved {
    let mut tries = vec![model.to_owned()];
    if let Some((prefix, rest)) = model.split_once('/') {
        if names::provider(prefix) == Provider::Named(provider.to_owned()) {
            tries.push(rest.to_owned());
        }
    } else if provider == "openrouter" {
        let guess = catalogue.find(&Entry { provider: String::new(), model: model.to_owned() });
        tries.extend(guess.ok().map(|owner| format!("{owner}/{model}")));
    }
    tries.extend(names::from_display_name(model));
    let mut reason = Unpriced::UnknownModel;
    for model in tries {
        let entry = Entry { provider: provider.to_owned(), model: model.to_lowercase() };
        let corrected = corrections::card(provider, &entry.model, UnixNanos(i64::MAX)).is_some();
        match catalogue.find(&entry) {
            Err(why) if !corrected => reason = why,
            _ => return Resolved::Entry { entry, provider: provider.to_owned(), estimate: None },
        }
    }
    Resolved::Unknown(reason)
}

fn without_provider(catalogue: &Catalogue, model: &str) -> Resolved {
    if let Some((prefix, rest)) = model.split_once('/') {
        match names::provider(prefix) {
            Provider::Local => return resolve(catalogue, rest, prefix),
            Provider::Named(provider) if !names::looks_local(rest) && catalogue.has_provider(&provider) => {
                return with_provider(catalogue, rest, &provider);
            }
            _ => {}
        }
    }
    if names::looks_local(model) {
        return Resolved::Unknown(Unpriced::PerhapsLocal);
    }
    let mut tries = vec![(String::new(), model.to_owned())];
    if model.starts_with("text-embedding-") || model.starts_with("chatgpt-") {
        tries.push(("openai".to_owned(), model.to_owned()));
    }
    tries.extend(names::from_display_name(model).map(|id| (String::new(), id)));
    for (provider, model) in tries {
        let entry = Entry { provider, model: model.to_lowercase() };
        if let Ok(provider) = catalogue.find(&entry) {
            return Resolved::Entry { entry, provider, estimate: Some(Estimate::GuessedProvider) };
        }
    }
    Resolved::Unknown(Unpriced::UnknownModel)
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
