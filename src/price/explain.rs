//! Why a call costs what it costs, as data: names, source, date, tier, each share, and what was overridden.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use super::card::{RateCard, Rates, Share};
use super::catalogue::{self, Entry, Moment};
use super::name_step::NameStep;
use super::resolve::{Place, Resolved, Target, resolve};
use super::table::{Found, PriceTable, Quote, doubts, look_up, price, varies};
use super::user::{Rule, RulePrice};
use super::{Estimate, PriceQuery, PriceSource, Priced, Unpriced, corrections, names};
use crate::model::{NANOS_PER_SEC, NanoUsd, ServiceTier, UnixNanos};
use crate::text::distance;

/// Days by which the newest price may be older than a call before that is worth a warning.
const STALE_DAYS: i64 = 90;
/// Days on which rates are known to have begun that are remembered.
const MAX_SINCE: usize = 256;
/// Names that are offered for one that is not known.
const OFFERED: usize = 5;

/// A source of rates: its name and how old it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which one.
    pub source: PriceSource,
    /// The catalogue's name, or the file's path.
    pub name: String,
    /// Its version; empty for files.
    pub version: &'static str,
    /// The line in the file; 0 where that isn't known.
    pub line: u32,
    /// When it was published, where that is known.
    pub published: Option<UnixNanos>,
}

/// The rates that hold.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Where they come from.
    pub standing: Standing,
    /// Since when, where that is known.
    pub since: Option<UnixNanos>,
    /// Until when, where that is known.
    pub until: Option<UnixNanos>,
    /// All tiers.
    pub card: Arc<RateCard>,
    /// The smallest prompt of the tier that the call is in.
    pub tier_from: u64,
    /// The rates of that tier.
    pub rates: Rates,
}

/// The rates that would hold without those that do.
#[derive(Clone, Debug)]
pub struct Overridden {
    /// Where they come from.
    pub standing: Standing,
    /// All tiers; `None` when it would be free.
    pub card: Option<Arc<RateCard>>,
    /// What the call would cost.
    pub cost: Option<NanoUsd>,
}

/// Why a call costs what it costs.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What was done to the names.
    pub steps: Vec<NameStep>,
    /// The provider that was looked up; empty when it isn't known.
    pub provider: String,
    /// The model that was looked up.
    pub model: String,
    /// When the call was made.
    pub at: UnixNanos,
    /// How the provider served it.
    pub tier: ServiceTier,
    /// The answer.
    pub priced: Priced,
    /// Why the names have no rates, whatever the usage; `None` when they have.
    pub without: Option<Unpriced>,
    /// The rates; `None` when there are none, or the model runs locally.
    pub in_force: Option<InForce>,
    /// What the call is made of, without what it has none of.
    pub shares: Vec<Share>,
    /// Why the price is an estimate.
    pub estimates: Vec<Estimate>,
    /// What the source overrides.
    pub overrides: Option<Overridden>,
    /// Days that the call is later than the newest data of the source, when they are too many.
    pub stale_days: Option<i64>,
    /// For a name without a price: those that are like it, as provider/model.
    pub nearest: Vec<String>,
}

/// A row of the user's files or of the corrections.
#[derive(Clone, Debug)]
pub struct UserRule {
    /// Where it stands.
    pub standing: Standing,
    /// The provider that it is for; empty for any.
    pub provider: String,
    /// The models that it is for; `*` stands for any text.
    pub models: String,
    /// First instant.
    pub since: Option<UnixNanos>,
    /// The instant after the last one.
    pub until: Option<UnixNanos>,
    /// The rates; `None` for free.
    pub card: Option<Arc<RateCard>>,
    /// Why it is there.
    pub why: &'static str,
}

/// All rows that come before the catalogue.
#[derive(Clone, Debug)]
pub struct RulesInForce {
    /// The bundled catalogue.
    pub catalogue: Standing,
    /// How many models the catalogue has.
    pub catalogue_models: usize,
    /// The user's files in their order, with their shape and how many rows or models they have.
    pub files: Vec<(PathBuf, &'static str, usize)>,
    /// The rows of the user's files that hold, in the order of the files.
    pub user: Vec<UserRule>,
    /// The corrections that hold.
    pub corrections: Vec<UserRule>,
    /// Days since the catalogue was published, when they are too many.
    pub stale_days: Option<i64>,
}

impl Explanation {
    /// Why there is no price. A question without a usage is about the names only.
    pub fn why_unknown(&self) -> String {
        match self.priced {
            Priced::Unknown(Unpriced::NoUsage) => self.without.unwrap_or(Unpriced::NoUsage).to_string(),
            Priced::Unknown(reason) => reason.to_string(),
            // A cost that isn't taken because it isn't reported.
            Priced::Known { .. } | Priced::Free => "not reported by the source".to_owned(),
        }
    }
}

impl PriceTable {
    /// Why a call costs what it costs. Looks everything up again: for one call, not for all.
    pub fn explain(&self, query: PriceQuery<'_>) -> Explanation {
        let moment = Moment { at: query.at, tier: query.usage.parts.tier };
        let mut explanation = Explanation {
            steps: Vec::new(),
            provider: query.provider.to_owned(),
            model: query.model.to_owned(),
            at: query.at,
            tier: moment.tier,
            priced: Unpriced::UnknownModel.into(),
            without: Some(Unpriced::UnknownModel),
            in_force: None,
            shares: Vec::new(),
            estimates: Vec::new(),
            overrides: None,
            stale_days: None,
            nearest: Vec::new(),
        };
        if query.model.len() > names::MAX_NAME || query.provider.len() > names::MAX_NAME {
            return explanation;
        }
        let resolved = resolve(&self.books, query.model, query.provider);
        let mut quotes = resolved
            .targets
            .iter()
            .filter_map(|target| look_up(&self.books, target, moment, None).map(|quote| (target, quote)));
        let first = quotes.next();
        let second = quotes.next();
        drop(quotes);
        explanation.without = match &first {
            None => Some(resolved.otherwise),
            Some((_, Quote::Unknown(reason))) => Some(*reason),
            Some(_) => None,
        };
        explanation.priced = match &first {
            Some((_, Quote::Free)) => Priced::Free,
            _ if !query.usage.is_known() => Unpriced::NoUsage.into(),
            None => resolved.otherwise.into(),
            Some((_, Quote::Unknown(reason))) => (*reason).into(),
            Some((_, Quote::Card(found))) => price(found, query.usage),
        };
        match &first {
            Some((target, Quote::Card(found))) => {
                explanation.estimates = doubts(found, query.usage)
                    .filter(|why| query.usage.is_known() || *why != Estimate::OutputUnknown)
                    .collect();
                let shares = found.card.shares(query.usage).map(Vec::from).unwrap_or_default();
                explanation.shares =
                    shares.into_iter().filter(|share| share.count > 0 && share.amount > 0).collect();
                let in_force = self.in_force(target, found, query, moment);
                let published = in_force.standing.published;
                explanation.stale_days = published.and_then(|published| stale_days(published, query.at));
                explanation.in_force = Some(in_force);
            }
            // Without a price but with a reason that the name isn't at fault for, no other name helps.
            Some((_, Quote::Free)) => {}
            Some((_, Quote::Unknown(_))) | None => {
                explanation.nearest = self.nearest_names(&resolved);
            }
        }
        if first.is_some() && !matches!(first, Some((_, Quote::Unknown(_)))) {
            explanation.overrides = second.and_then(|(_, quote)| self.overridden(&quote, query));
        }
        Resolved { steps: explanation.steps, provider: explanation.provider, model: explanation.model, .. } =
            resolved;
        explanation
    }

    fn in_force(&self, target: &Target, found: &Found, query: PriceQuery<'_>, moment: Moment) -> InForce {
        let (tier_from, rates) = found.card.tier(query.usage.input.unwrap_or(0));
        let (since, until) = match &target.place {
            Place::Rule { file, rule } => {
                let file = self.books.user.files.get(usize::from(*file));
                let rule = file.and_then(|file| file.rules.get(*rule as usize));
                (rule.and_then(Rule::since), rule.and_then(Rule::until))
            }
            Place::Corrections { entry, provider } => {
                (corrections::find(provider, &entry.model, query.at).and_then(|row| row.from), None)
            }
            Place::Catalogue { entry, .. } if !varies(&self.books, target, query.at) => {
                (self.since(entry, moment), None)
            }
            Place::Catalogue { .. } | Place::File { .. } | Place::Local => (None, None),
        };
        let standing = self.standing(found.source);
        InForce { standing, since, until, card: Arc::clone(&found.card), tier_from, rates }
    }

    /// Since when the catalogue's rates hold; a screen asks again and again.
    fn since(&self, entry: &Entry, moment: Moment) -> Option<UnixNanos> {
        let day = moment.at.0.div_euclid(86_400 * NANOS_PER_SEC);
        let key = (entry.clone(), day, moment.tier);
        let mut known = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_SINCE {
            known.clear();
        }
        *known.entry(key).or_insert_with(|| self.books.catalogue.in_force_since(entry, moment))
    }

    fn overridden(&self, quote: &Quote, query: PriceQuery<'_>) -> Option<Overridden> {
        match quote {
            Quote::Unknown(_) => None,
            Quote::Free => Some(Overridden {
                standing: Standing {
                    name: "local models".to_owned(),
                    ..self.standing(PriceSource::Corrections)
                },
                card: None,
                cost: query.usage.is_known().then_some(NanoUsd::ZERO),
            }),
            Quote::Card(found) => Some(Overridden {
                standing: self.standing(found.source),
                card: Some(Arc::clone(&found.card)),
                cost: price(found, query.usage).cost().filter(|_| query.usage.is_known()),
            }),
        }
    }

    /// A source's name, version and date.
    pub fn standing(&self, source: PriceSource) -> Standing {
        let (name, version, line, published) = match source {
            PriceSource::Catalogue => {
                (catalogue::NAME.to_owned(), catalogue::VERSION, 0, Some(catalogue::PUBLISHED))
            }
            PriceSource::Corrections => {
                (corrections::NAME.to_owned(), corrections::VERSION, 0, Some(corrections::CHECKED))
            }
            PriceSource::User { file, line } => {
                let path = self.books.user.files.get(usize::from(file)).map(|file| &file.path);
                (path.map(|path| path.display().to_string()).unwrap_or_default(), "", line, None)
            }
        };
        Standing { source, name, version, line, published }
    }

    /// Every row that comes before the catalogue and holds at an instant.
    pub fn in_force_at(&self, at: UnixNanos) -> RulesInForce {
        let files = &self.books.user.files;
        let user = files.iter().enumerate().flat_map(|(file, prices)| {
            prices.rules.iter().filter(|rule| rule.holds(at)).map(move |rule| UserRule {
                standing: self.standing(PriceSource::User { file: file as u16, line: rule.line }),
                provider: rule.provider.as_deref().unwrap_or_default().to_owned(),
                models: rule.pattern.to_string(),
                since: rule.since(),
                until: rule.until(),
                card: match &rule.price {
                    RulePrice::Free => None,
                    RulePrice::Cards(cards) => Some(Arc::clone(&cards.standard)),
                },
                why: "",
            })
        });
        let held = corrections::ROWS.iter().filter(|row| row.from.is_none_or(|from| from.0 <= at.0));
        let corrected = held.map(|row| UserRule {
            standing: self.standing(PriceSource::Corrections),
            provider: row.provider.to_owned(),
            models: row.model.to_owned(),
            since: row.from,
            until: None,
            card: Some(Arc::new(row.card())),
            why: row.why,
        });
        RulesInForce {
            catalogue: self.standing(PriceSource::Catalogue),
            catalogue_models: self.books.catalogue.models().count(),
            files: files
                .iter()
                .map(|file| {
                    let models = file.catalogue.as_ref().map_or(0, |catalogue| catalogue.models().count());
                    (file.path.clone(), file.shape.as_str(), file.rules.len() + models)
                })
                .collect(),
            user: user.collect(),
            corrections: corrected.collect(),
            stale_days: stale_days(catalogue::PUBLISHED, at),
        }
    }

    /// Names with a price that are like one without; those of the same provider first.
    fn nearest_names(&self, resolved: &Resolved) -> Vec<String> {
        let model = resolved.model.to_lowercase();
        let rules = self.books.user.files.iter().flat_map(|file| &file.rules);
        let own = rules
            .into_iter()
            .filter(|rule| !rule.pattern.contains('*'))
            .map(|rule| (rule.provider.as_deref().unwrap_or_default(), &*rule.pattern));
        let limit = (model.chars().count() / 3).max(2);
        let mut found: Vec<(bool, usize, String)> = own
            .chain(self.books.catalogue.models())
            .filter_map(|(provider, name)| {
                let away = distance(name, &model);
                let full = if provider.is_empty() { name.to_owned() } else { format!("{provider}/{name}") };
                (away <= limit).then(|| (provider != resolved.provider, away, full))
            })
            .collect();
        found.sort();
        found.dedup();
        found.into_iter().take(OFFERED).map(|(_, _, name)| name).collect()
    }
}

/// Days from `published` to `at`, when they are too many.
fn stale_days(published: UnixNanos, at: UnixNanos) -> Option<i64> {
    let days = at.0.saturating_sub(published.0).div_euclid(86_400 * NANOS_PER_SEC);
    (days > STALE_DAYS).then_some(days)
}
