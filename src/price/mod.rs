//! What a model call costs: usage, model, provider and instant in, money with its provenance out.
//! May import `model` and `text`.

mod card;
mod catalogue;
mod corrections;
mod decimal;
mod explain;
mod mode;
mod name_step;
mod names;
mod resolve;
mod table;
mod user;

use std::fmt;

pub use card::{Bucket, RateCard, Rates, Share};
pub use explain::{Explanation, InForce, Overridden, RulesInForce, Standing, UserRule};
pub use mode::CostMode;
pub use name_step::{NameChange, NameStep};
pub use table::PriceTable;
pub use user::{PriceFileError, UserPrices};

use crate::model::{NanoUsd, UnixNanos, Usage};

/// One model call to be priced.
#[derive(Clone, Copy, Debug)]
pub struct PriceQuery<'a> {
    /// The model as the source spells it; the one of the response where both are known.
    pub model: &'a str,
    /// The provider as the source spells it; empty when unknown.
    pub provider: &'a str,
    /// When the call ended: prices change by date, some by the hour.
    pub at: UnixNanos,
    /// The tokens, in this crate's convention.
    pub usage: &'a Usage,
}

/// What a call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priced {
    /// The rates are known.
    Known {
        /// The cost, rounded half to even once per call.
        cost: NanoUsd,
        /// Where the rates come from.
        source: PriceSource,
        /// Why this is an estimate, if it is one.
        estimate: Option<Estimate>,
    },
    /// A model on the user's own machine: an explicit zero.
    Free,
    /// No price. Never to be shown as zero.
    Unknown(Unpriced),
}

impl Priced {
    /// The amount to add to a total; `None` when unknown.
    pub fn cost(self) -> Option<NanoUsd> {
        match self {
            Self::Known { cost, .. } => Some(cost),
            Self::Free => Some(NanoUsd::ZERO),
            Self::Unknown(_) => None,
        }
    }
}

/// Where rates come from. [`PriceTable::standing`] tells its name, version and date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriceSource {
    /// The bundled price catalogue.
    Catalogue,
    /// What this program knows better than the catalogue.
    Corrections,
    /// A price file of the user.
    User {
        /// Which one, in the order in which they were given.
        file: u16,
        /// The line in it; 0 where that isn't known.
        line: u32,
    },
}

/// Why a computed cost is not certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimate {
    /// The source doesn't know how the provider served the call.
    UnknownTier,
    /// The rates are the standard ones: there are none for how the provider served the call.
    NoTierRates,
    /// The provider's searches have no price.
    SearchesUnpriced,
    /// A flat price for all tokens, which is an estimate by itself.
    FlatRate,
    /// Price lists disagree about this name.
    Disputed,
    /// The provider was guessed from the model's name.
    GuessedProvider,
    /// The output tokens are not known (yet): this is the input's share.
    OutputUnknown,
    /// The provider's list price has variants which the usage does not tell apart.
    ListPrice,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownTier => "service tier not known: standard price",
            Self::NoTierRates => "no price for this service tier: standard price",
            Self::SearchesUnpriced => "web searches without a price left out",
            Self::FlatRate => "flat price for all tokens",
            Self::Disputed => "price lists disagree about this name",
            Self::GuessedProvider => "provider guessed from the model name",
            Self::OutputUnknown => "output tokens not known",
            Self::ListPrice => "list price; variants not told apart",
        })
    }
}

/// Why a call has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpriced {
    /// No token counts at all.
    NoUsage,
    /// The input tokens are not known.
    NoInput,
    /// The span names no model.
    NoModel,
    /// No rates for this provider.
    UnknownProvider,
    /// No rates for this model.
    UnknownModel,
    /// Looks like a local model, but nothing says where it ran.
    PerhapsLocal,
    /// The model is priced by something else than tokens.
    NotByTokens,
    /// The counters contradict each other.
    Inconsistent,
}

impl fmt::Display for Unpriced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUsage => "no token counts",
            Self::NoInput => "input tokens not known",
            Self::NoModel => "no model name",
            Self::UnknownProvider => "no prices for this provider",
            Self::UnknownModel => "no price for this model",
            Self::PerhapsLocal => "looks like a local model, but the provider is not known",
            Self::NotByTokens => "not priced by tokens",
            Self::Inconsistent => "token counts contradict each other",
        })
    }
}
