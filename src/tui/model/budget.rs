//! Budgets: how much of them is used, when they will be used up, and whether somebody was told.

use super::rate::Rates;
use crate::analysis::BudgetLevel;
use crate::model::NanoUsd;
use crate::store::Totals;
use crate::text::{Short, short};

/// What may be spent, over everything that is watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budgets {
    /// Money.
    pub cost: Option<NanoUsd>,
    /// Tokens in and out.
    pub tokens: Option<u64>,
    /// Which of the two were told to be crossed.
    told: (bool, bool),
}

/// A budget as it stands.
#[derive(Clone, Copy, Debug)]
pub struct BudgetState {
    /// What it is called.
    pub label: &'static str,
    /// How far it is used.
    pub level: BudgetLevel,
    /// Which part of it is used, 1 for all.
    pub share: f64,
    /// Whether more may be used than is known: calls have no price.
    pub at_least: bool,
    /// By how much it is crossed.
    pub over: Option<Short>,
    /// Nanoseconds until it is used up at the rate of the last minutes.
    pub left: Option<i64>,
}

impl Budgets {
    /// Whether there is any.
    pub fn is_set(&self) -> bool {
        self.cost.is_some() || self.tokens.is_some()
    }

    /// How the budgets stand, the one that is used furthest first.
    pub fn states(&self, totals: &Totals, rates: &Rates) -> [Option<BudgetState>; 2] {
        let (cost, tokens) = (self.of_cost(totals, rates), self.of_tokens(totals, rates));
        let share = |state: &Option<BudgetState>| state.map_or(-1.0, |state| state.share);
        if share(&tokens) > share(&cost) { [tokens, cost] } else { [cost, tokens] }
    }

    fn of_cost(&self, totals: &Totals, rates: &Rates) -> Option<BudgetState> {
        let limit = self.cost?;
        let spent = totals.cost;
        let level = BudgetLevel::of(spent.0.max(0) as u64, limit.0.max(0) as u64);
        Some(BudgetState {
            label: "budget",
            level,
            share: share(spent.usd(), limit.usd()),
            at_least: totals.unpriced_calls > 0,
            over: (level == BudgetLevel::Over).then(|| short::usd(spent - limit)),
            left: rates.five.until_cost(limit - spent).filter(|_| level < BudgetLevel::Spent),
        })
    }

    fn of_tokens(&self, totals: &Totals, rates: &Rates) -> Option<BudgetState> {
        let limit = self.tokens?;
        let spent = totals.tokens.total();
        let level = BudgetLevel::of(spent, limit);
        let left = limit.saturating_sub(spent);
        Some(BudgetState {
            label: "token budget",
            level,
            share: share(spent as f64, limit as f64),
            at_least: false,
            over: (level == BudgetLevel::Over)
                .then(|| short::tokens(spent.saturating_sub(limit)).and(" tokens")),
            left: rates.five.until_tokens(left).filter(|_| level < BudgetLevel::Spent),
        })
    }

    /// What to say when a budget was crossed that was not said before: once for each, whatever is corrected later.
    pub fn take_crossed(&mut self, totals: &Totals) -> Option<String> {
        let mut said = None;
        let states = [self.of_cost(totals, &Rates::default()), self.of_tokens(totals, &Rates::default())];
        let limits = [self.cost.map(short::usd), self.tokens.map(short::tokens)];
        for ((state, limit), told) in states.into_iter().zip(limits).zip([&mut self.told.0, &mut self.told.1])
        {
            // How far beyond it is grows on and stands in the header.
            if let (Some(BudgetState { label, over: Some(_), .. }), Some(limit)) = (state, limit)
                && !std::mem::replace(told, true)
            {
                said = Some(format!("the {label} of {limit} is used up"));
            }
        }
        said
    }
}

fn share(spent: f64, limit: f64) -> f64 {
    match limit {
        _ if limit > 0.0 => spent / limit,
        _ if spent > 0.0 => f64::INFINITY,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Burn, MINUTE, Spend};

    fn spent(cents: i64, tokens: u64, unpriced_calls: u64) -> Totals {
        let mut totals = Totals { cost: NanoUsd(cents * 10_000_000), unpriced_calls, ..Totals::default() };
        totals.tokens.input = tokens;
        totals
    }

    fn budgets(cents: i64, tokens: u64) -> Budgets {
        Budgets { cost: Some(NanoUsd(cents * 10_000_000)), tokens: Some(tokens), ..Budgets::default() }
    }

    #[test]
    fn each_budget_is_told_once() {
        let mut budgets = budgets(100, 1000);
        assert_eq!(budgets.take_crossed(&spent(100, 10, 0)), None, "all of it is not more than all of it");
        assert_eq!(
            budgets.take_crossed(&spent(112, 10, 0)).as_deref(),
            Some("the budget of $1.0000 is used up")
        );
        assert_eq!(budgets.take_crossed(&spent(120, 10, 0)), None);
        // A correction, and over again.
        assert_eq!(budgets.take_crossed(&spent(90, 10, 0)), None);
        assert_eq!(budgets.take_crossed(&spent(130, 10, 0)), None);
        let said = budgets.take_crossed(&spent(130, 3_500, 0));
        assert_eq!(said.as_deref(), Some("the token budget of 1.00k is used up"));
    }

    #[test]
    fn the_one_that_is_used_furthest_is_first() {
        let labels = |totals: &Totals| {
            budgets(100, 1000).states(totals, &Rates::default()).map(|state| state.expect("a state").label)
        };
        assert_eq!(labels(&spent(50, 499, 0)), ["budget", "token budget"]);
        assert_eq!(labels(&spent(50, 501, 0)), ["token budget", "budget"]);
        assert!(Budgets::default().states(&spent(1, 1, 1), &Rates::default()).iter().all(Option::is_none));
    }

    #[test]
    fn what_is_left_and_what_is_not_known() {
        let rates = Rates {
            five: Burn { spend: Spend { cost: NanoUsd(30_000_000), tokens: 100 }, nanos: MINUTE },
            ..Rates::default()
        };
        let [cost, tokens] = budgets(100, 1000).states(&spent(85, 300, 2), &rates);
        let (cost, tokens) = (cost.expect("a budget"), tokens.expect("a budget"));
        assert_eq!((cost.level, cost.at_least, cost.left), (BudgetLevel::Warn, true, Some(5 * MINUTE)));
        assert_eq!(
            (tokens.level, tokens.at_least, tokens.left),
            (BudgetLevel::Good, false, Some(7 * MINUTE))
        );
        let [cost, _] = budgets(100, 1000).states(&spent(101, 0, 0), &rates);
        assert_eq!(cost.and_then(|cost| cost.left), None);
        let nothing = Budgets { cost: Some(NanoUsd::ZERO), ..Budgets::default() };
        assert_eq!(nothing.states(&spent(0, 0, 0), &rates)[0].map(|state| state.share), Some(1.0));
        assert_eq!(
            nothing.states(&spent(1, 0, 0), &rates)[0].map(|state| state.level),
            Some(BudgetLevel::Over)
        );
    }
}
