//! A row of a price file: which calls it is about, and what they cost.

use std::sync::Arc;

use super::super::card::{Bucket, Given, RateCard};
use crate::model::{NANOS_PER_SEC, ServiceTier, UnixNanos};

const DAY: i64 = 86_400 * NANOS_PER_SEC;

/// A row of a price file.
#[derive(Clone, Debug)]
pub(in crate::price) struct Rule {
    /// Its line in the file; 0 where that isn't known.
    pub(in crate::price) line: u32,
    /// The provider, in the spelling that names are compared in; `None` is any.
    pub(in crate::price) provider: Option<Box<str>>,
    /// Lower-case model name in which `*` stands for any text.
    pub(in crate::price) pattern: Box<str>,
    /// First day, in days since 1970.
    pub(in crate::price) from: Option<i64>,
    /// The day after the last one.
    pub(in crate::price) until: Option<i64>,
    pub(in crate::price) price: RulePrice,
}

/// What the calls of a row cost.
#[derive(Clone, Debug)]
pub(in crate::price) enum RulePrice {
    Free,
    Cards(Cards),
}

/// The rates of a row by how the provider serves a call.
#[derive(Clone, Debug)]
pub(in crate::price) struct Cards {
    pub(in crate::price) standard: Arc<RateCard>,
    pub(in crate::price) others: Vec<(ServiceTier, Arc<RateCard>)>,
    /// One price for every token: an estimate by itself.
    pub(in crate::price) flat: bool,
}

impl Rule {
    /// Whether the row holds at an instant.
    pub(in crate::price) fn holds(&self, at: UnixNanos) -> bool {
        let day = at.0.div_euclid(DAY);
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }

    /// The beginning of its first day.
    pub(in crate::price) fn since(&self) -> Option<UnixNanos> {
        self.from.map(start_of)
    }

    /// The end of its last day.
    pub(in crate::price) fn until(&self) -> Option<UnixNanos> {
        self.until.map(start_of)
    }
}

fn start_of(day: i64) -> UnixNanos {
    UnixNanos(day.saturating_mul(DAY))
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub(in crate::price) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or_default();
    let mut rest = rest;
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The tiers of a file's row: the base, and what changes from a smallest prompt on.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) base: Given,
    pub(super) above: Vec<(u64, Given)>,
}

impl Draft {
    /// What is given for the prompts from `from` on.
    pub(super) fn tier(&mut self, from: u64) -> &mut Given {
        let known = self.above.iter().position(|(other, _)| *other == from);
        let at = known.unwrap_or_else(|| {
            self.above.push((from, Given::default()));
            self.above.len() - 1
        });
        &mut self.above[at].1
    }

    /// The same with every rate changed.
    pub(super) fn map(&self, change: impl Fn(Bucket, u64) -> u64) -> Self {
        let above = self.above.iter().map(|(from, given)| (*from, given.map(&change))).collect();
        Self { base: self.base.map(&change), above }
    }

    /// This, and what `base` says where this says nothing.
    pub(super) fn over(&self, base: &Self) -> Self {
        let mut both = Self { base: self.base.over(&base.base), above: self.above.clone() };
        for (from, given) in &base.above {
            let tier = both.tier(*from);
            // What is said for all prompts here comes before what is said for long ones there.
            *tier = tier.over(&self.base).over(given);
        }
        both
    }

    /// The rates; each tier has what the one below it has unless it says something else.
    pub(super) fn card(mut self) -> RateCard {
        self.above.sort_by_key(|(from, _)| *from);
        let mut below = self.base;
        let tiers: Vec<_> = self
            .above
            .into_iter()
            .map(|(from, given)| {
                below = given.over(&below);
                (from, below.rates())
            })
            .collect();
        RateCard::tiered(self.base.rates(), tiers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, expected) in [
            ("claude-haiku-4-5", "claude-haiku-4-5", true),
            ("claude-haiku-4-5", "claude-haiku-4-5-20251001", false),
            ("claude-haiku-4-5*", "claude-haiku-4-5-20251001", true),
            ("*haiku*", "us.claude-haiku-4-5", true),
            ("*", "", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "ac", false),
            ("ab*ba", "aba", false),
            ("*é", "né", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_row_holds_from_its_first_day_to_the_day_before_its_until() {
        let price = RulePrice::Free;
        let (provider, pattern) = (None, "*".into());
        let rule = Rule { line: 1, provider, pattern, from: Some(20_454), until: Some(20_455), price };
        let holds = |at: &str| rule.holds(UnixNanos::parse(at).expect("a time"));
        assert!(!holds("2025-12-31T23:59:59.999999999Z"));
        assert!(holds("2026-01-01T00:00:00Z") && holds("2026-01-01T23:59:59.999999999Z"));
        assert!(!holds("2026-01-02T00:00:00Z"));
    }
}
