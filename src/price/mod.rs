//! What a model call costs: usage, model, provider and instant in, money with its provenance out.
//! May import `model` and `text`.

mod card;
mod catalogue;
mod corrections;
mod names;
mod table;

use std::fmt;

pub use card::{RateCard, Rates};
pub use table::PriceTable;

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
        source: &'static str,
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

/// Which costs to show where a source reports some of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CostMode {
    /// The reported one, else the computed one.
    #[default]
    Auto,
    /// Only what was reported.
    Reported,
    /// Only what the price list says.
    Calculated,
}

/// Why a computed cost is not certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimate {
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
