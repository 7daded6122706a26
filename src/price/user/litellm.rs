//! `LiteLLM`'s map of models to prices per token.

use serde_json::value::RawValue;

use super::super::card::{Bucket, Given};
use super::super::names;
use super::json::{self, Member};
use super::rule::{Cards, Draft, Rule, RulePrice};
use super::{Fault, Lines};
use crate::model::ServiceTier;

/// From US dollars to femto-dollars.
const FEMTO: i32 = 15;

/// The rows of the map.
pub(super) fn rules(text: &str, models: &[Member<'_>]) -> Result<Vec<Rule>, Fault> {
    let (mut rules, lines) = (Vec::new(), Lines::of(text));
    for (name, value) in models {
        if name != "sample_spec"
            && let Some(rule) = rule(text, name, &json::object(text, value))?
        {
            rules.push(Rule { line: lines.at(json::place(text, value.get())), ..rule });
        }
    }
    Ok(rules)
}

fn rule(text: &str, name: &str, members: &[Member<'_>]) -> Result<Option<Rule>, Fault> {
    let said = json::member(members, "litellm_provider").and_then(json::string);
    let prefix = name.split_once('/').map(|(prefix, _)| prefix);
    let provider = said.as_deref().or(prefix).map(names::key);
    // Elsewhere than in this map the provider isn't a part of the name.
    let model = match name.split_once('/') {
        Some((prefix, rest)) if provider.as_deref() == Some(names::key(prefix).as_str()) => rest,
        _ => name,
    };
    // xAI's long prompts begin at the number, everybody else's after it.
    let first_above = u64::from(provider.as_deref() != Some("x-ai"));
    let mut drafts: [Draft; 4] = Default::default();
    for (key, value) in members {
        if let Some((bucket, above, mode)) = Key::of(key).map(|key| (key.bucket, key.above, key.mode)) {
            let Some(femto) = json::amount(text, key, value, FEMTO)? else { continue };
            let draft = &mut drafts[mode];
            let tier = above.map_or(0, |above| above + first_above);
            let given = if tier == 0 { &mut draft.base } else { draft.tier(tier) };
            given.set(bucket, femto);
        }
    }
    if let Some(query) = json::member(members, "search_context_cost_per_query") {
        let sizes = json::object(text, query);
        let medium = json::member(&sizes, "search_context_size_medium").or(sizes.first().map(|size| size.1));
        if let Some(value) = medium
            && let Some(femto) = json::amount(text, "search_context_cost_per_query", value, FEMTO)?
        {
            drafts[0].base.set(Bucket::Search, femto);
        }
    }
    if let Some(tiers) = json::member(members, "tiered_pricing") {
        tiered(text, tiers, &mut drafts[0])?;
    }
    let [standard, modes @ ..] = drafts;
    let priced = |given: &Given| given.get(Bucket::Input).is_some() || given.get(Bucket::Request).is_some();
    if !priced(&standard.base) {
        // Images, seconds and pages are not tokens.
        return Ok(None);
    }
    let others = [ServiceTier::Batch, ServiceTier::Flex, ServiceTier::Priority].into_iter().zip(modes);
    let others = others
        .filter(|(_, draft)| !draft.base.is_empty() || !draft.above.is_empty())
        .map(|(mode, draft)| (mode, draft.over(&standard).card().into()))
        .collect();
    let cards = Cards { others, standard: standard.card().into(), flat: false };
    Ok(Some(Rule {
        line: 0,
        provider: provider.map(Into::into),
        pattern: model.to_lowercase().into(),
        from: None,
        until: None,
        price: RulePrice::Cards(cards),
    }))
}

/// Tiers as a list of ranges; a range begins after its first number.
fn tiered(text: &str, tiers: &RawValue, draft: &mut Draft) -> Result<(), Fault> {
    for tier in json::array(tiers) {
        let members = json::object(text, tier);
        let range = json::member(&members, "range").map(json::array).unwrap_or_default();
        let Some(start) = range.first() else { continue };
        let start = json::amount(text, "range", start, 0)?.unwrap_or(0);
        for (key, value) in &members {
            let Some(key @ Key { above: None, mode: 0, .. }) = Key::of(key) else { continue };
            if let Some(femto) = json::amount(text, "tiered_pricing", value, FEMTO)? {
                let given = if start == 0 { &mut draft.base } else { draft.tier(start.saturating_add(1)) };
                given.set(key.bucket, femto);
            }
        }
    }
    Ok(())
}

/// What a key is the price of.
#[derive(Clone, Copy)]
struct Key {
    bucket: Bucket,
    /// For prompts of more tokens than this.
    above: Option<u64>,
    /// 0 for the standard price, then batch, flex, priority.
    mode: usize,
}

impl Key {
    fn of(key: &str) -> Option<Self> {
        let modes = ["_batches", "_flex", "_priority"];
        let found = modes.iter().enumerate().find_map(|(at, end)| Some((at + 1, key.strip_suffix(end)?)));
        let (mode, key) = found.unwrap_or((0, key));
        let (key, above) = match key.strip_suffix("k_tokens").and_then(|key| key.rsplit_once("_above_")) {
            Some((key, thousands)) => (key, Some(thousands.parse::<u32>().ok()?)),
            None => (key, None),
        };
        let bucket = match key {
            "input_cost_per_token" => Bucket::Input,
            "output_cost_per_token" => Bucket::Output,
            "cache_read_input_token_cost" => Bucket::CacheRead,
            "cache_creation_input_token_cost" => Bucket::CacheWrite5m,
            "cache_creation_input_token_cost_above_1hr" => Bucket::CacheWrite1h,
            "output_cost_per_reasoning_token" => Bucket::Reasoning,
            "input_cost_per_audio_token" => Bucket::InputAudio,
            "cache_read_input_audio_token_cost" | "cache_read_input_token_cost_per_audio_token" => {
                Bucket::CacheReadAudio
            }
            "output_cost_per_audio_token" => Bucket::OutputAudio,
            "input_cost_per_request" | "input_cost_per_query" => Bucket::Request,
            _ => return None,
        };
        Some(Self { bucket, above: above.map(|thousands| u64::from(thousands) * 1000), mode })
    }
}
