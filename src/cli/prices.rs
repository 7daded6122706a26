//! `tracetui prices`: what a model costs and who says so; which models have no price.

mod check;
mod json;
mod text;

use super::args::PricesArgs;
use super::load::{now, user_prices};
use super::{Failure, Output};
use crate::model::{ServiceTier, UnixNanos, Usage, UsageParts};
use crate::price::{Estimate, Explanation, PriceQuery, PriceTable};

/// How a provider may serve a call, besides the usual way.
const TIERS: [ServiceTier; 3] = [ServiceTier::Batch, ServiceTier::Flex, ServiceTier::Priority];

/// Runs the command.
pub(super) fn run(args: &PricesArgs, out: &mut Output) -> Result<(), Failure> {
    if !args.check.is_empty() {
        return check::run(args, out);
    }
    let at = args.at.as_deref().map_or_else(|| Ok(now()), parse_day)?;
    let table = PriceTable::with_user(user_prices(&args.input.prices)?);
    let out = out.stdout();
    match &args.model {
        None if args.json => super::write_json(&json::rules(&table.in_force_at(at)), out),
        None => Ok(text::rules(&table.in_force_at(at), at, out)?),
        Some(model) => {
            let answer = Answer::of(&table, model, args.provider.as_deref().unwrap_or_default(), at);
            if args.json {
                super::write_json(&json::answer(&answer), out)
            } else {
                Ok(text::answer(&answer, out)?)
            }
        }
    }
}

/// What is known of a model's price.
struct Answer {
    asked: String,
    usual: Explanation,
    /// The same for the ways of serving a call that have rates of their own.
    tiers: Vec<Explanation>,
}

impl Answer {
    fn of(table: &PriceTable, model: &str, provider: &str, at: UnixNanos) -> Self {
        let explain = |tier| {
            let parts = UsageParts { tier, ..UsageParts::default() };
            let usage = Usage { parts, ..Usage::default() };
            table.explain(PriceQuery { model, provider, at, usage: &usage })
        };
        let usual = explain(ServiceTier::Unsaid);
        let source = usual.in_force.as_ref().map(|in_force| in_force.standing.source);
        let own = |found: &Explanation| {
            let same = found.in_force.as_ref().map(|in_force| in_force.standing.source) == source;
            source.is_some() && same && !found.estimates.contains(&Estimate::NoTierRates)
        };
        let tiers = TIERS.into_iter().map(explain).filter(own).collect();
        Self { asked: model.to_owned(), usual, tiers }
    }
}

/// The beginning of a day, or an instant.
fn parse_day(text: &str) -> Result<UnixNanos, Failure> {
    let text = text.trim();
    let at = UnixNanos::parse(&format!("{text}T00:00:00Z")).or_else(|| UnixNanos::parse(text));
    at.ok_or_else(|| Failure::Usage(format!("--at: {text} is no day; try 2026-01-31")))
}

/// The day of an instant.
fn day(at: UnixNanos) -> String {
    at.to_rfc3339().chars().take(10).collect()
}

/// An amount of femto-dollars in units of 10^`digits` of them, without trailing zeros.
fn decimal(femto: u64, digits: u32) -> String {
    let unit = 10_u64.pow(digits);
    let text = format!("{}.{:0width$}", femto / unit, femto % unit, width = digits as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_exactly() {
        assert_eq!(decimal(37_500_000, 9), "0.0375");
        assert_eq!(decimal(3_000_000_000, 9), "3");
        assert_eq!(decimal(10_000_000_000_000, 15), "0.01");
        assert_eq!(decimal(0, 9), "0");
        assert_eq!(decimal(1, 15), "0.000000000000001");
    }
}
