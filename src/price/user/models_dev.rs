//! models.dev's `api.json`: providers with their models and prices per million tokens.

use super::super::card::{Bucket, Given};
use super::super::names;
use super::json::{self, Member};
use super::rule::{Cards, Draft, Rule, RulePrice};
use super::{Fault, Lines};

/// From US dollars per million to femto-dollars.
const PER_MILLION: i32 = 9;
/// Where the prompts of `context_over_200k` begin.
const LONG_CONTEXT: u64 = 200_001;

const KEYS: [(&str, Bucket); 7] = [
    ("input", Bucket::Input),
    ("output", Bucket::Output),
    ("cache_read", Bucket::CacheRead),
    ("cache_write", Bucket::CacheWrite5m),
    ("reasoning", Bucket::Reasoning),
    ("input_audio", Bucket::InputAudio),
    ("output_audio", Bucket::OutputAudio),
];

/// Whether the members of a file are providers with models.
pub(super) fn is_it(text: &str, providers: &[Member<'_>]) -> bool {
    providers.iter().take(20).any(|(_, value)| {
        let members = json::object(text, value);
        json::member(&members, "models").is_some_and(|models| models.get().starts_with('{'))
    })
}

/// The rows of the file.
pub(super) fn rules(text: &str, providers: &[Member<'_>]) -> Result<Vec<Rule>, Fault> {
    let (mut rules, lines) = (Vec::new(), Lines::of(text));
    for (id, value) in providers {
        let members = json::object(text, value);
        let Some(models) = json::member(&members, "models") else { continue };
        for (name, model) in json::object(text, models) {
            let model = json::object(text, model);
            let Some(cost) = json::member(&model, "cost") else { continue };
            let members = json::object(text, cost);
            let mut draft = Draft { base: rates(text, &members)?, above: Vec::new() };
            let both = [Bucket::Input, Bucket::Output].map(|bucket| draft.base.get(bucket));
            if both.contains(&None) {
                continue;
            }
            let tiers = json::member(&members, "tiers").map(json::array).unwrap_or_default();
            for tier in &tiers {
                let members = json::object(text, tier);
                let limit =
                    json::member(&members, "tier").map(|tier| json::object(text, tier)).unwrap_or_default();
                let Some(size) = json::member(&limit, "size") else { continue };
                let size = json::amount(text, "tier.size", size, 0)?.unwrap_or(0);
                *draft.tier(size.saturating_add(1)) = rates(text, &members)?;
            }
            if tiers.is_empty()
                && let Some(long) = json::member(&members, "context_over_200k")
            {
                *draft.tier(LONG_CONTEXT) = rates(text, &json::object(text, long))?;
            }
            let standard = draft.card().into();
            rules.push(Rule {
                line: lines.at(json::place(text, cost.get())),
                provider: Some(names::key(id).into()),
                pattern: name.to_lowercase().into(),
                from: None,
                until: None,
                price: RulePrice::Cards(Cards { standard, others: Vec::new(), flat: false }),
            });
        }
    }
    Ok(rules)
}

fn rates(text: &str, members: &[Member<'_>]) -> Result<Given, Fault> {
    let mut given = Given::default();
    for (key, bucket) in KEYS {
        if let Some(value) = json::member(members, key)
            && let Some(femto) = json::amount(text, key, value, PER_MILLION)?
        {
            given.set(bucket, femto);
        }
    }
    Ok(given)
}
