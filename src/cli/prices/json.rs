//! The JSON contract `tracetui.prices/1`. Amounts are exact decimals in US dollars.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Answer, decimal};
use crate::model::UnixNanos;
use crate::price::{Explanation, InForce, Priced, RateCard, RulesInForce, Standing, UserRule};

const SCHEMA: &str = "tracetui.prices/1";

/// `prices MODEL --json`.
#[derive(Debug, Serialize)]
pub(super) struct AnswerJson {
    schema: &'static str,
    asked: String,
    provider: Option<String>,
    model: String,
    at: String,
    status: &'static str,
    reason: Option<String>,
    names: Vec<StepJson>,
    source: Option<SourceJson>,
    since: Option<String>,
    until: Option<String>,
    tiers: Vec<TierJson>,
    served: BTreeMap<&'static str, Vec<TierJson>>,
    overrides: Option<OverridesJson>,
    estimates: Vec<String>,
    stale_days: Option<i64>,
    similar: Vec<String>,
}

/// A change of a name.
#[derive(Debug, Serialize)]
struct StepJson {
    change: &'static str,
    from: String,
    to: String,
}

/// Where rates come from.
#[derive(Debug, Serialize)]
struct SourceJson {
    name: String,
    version: Option<&'static str>,
    line: Option<u32>,
    published: Option<String>,
}

/// The rates of one tier: per million tokens, requests and searches by the piece.
#[derive(Debug, Serialize)]
struct TierJson {
    from_tokens: u64,
    usd: BTreeMap<&'static str, Option<Box<RawValue>>>,
}

/// What would hold otherwise.
#[derive(Debug, Serialize)]
struct OverridesJson {
    source: SourceJson,
    tiers: Vec<TierJson>,
}

/// `prices --json`.
#[derive(Debug, Serialize)]
pub(super) struct RulesJson {
    schema: &'static str,
    catalogue: SourceJson,
    models: usize,
    stale_days: Option<i64>,
    files: Vec<FileJson>,
    user: Vec<RuleJson>,
    corrections: Vec<RuleJson>,
}

/// A price file.
#[derive(Debug, Serialize)]
struct FileJson {
    path: String,
    shape: &'static str,
    rows: usize,
}

/// A row that comes before the catalogue.
#[derive(Debug, Serialize)]
struct RuleJson {
    provider: Option<String>,
    models: String,
    since: Option<String>,
    until: Option<String>,
    free: bool,
    tiers: Vec<TierJson>,
    source: SourceJson,
    #[serde(skip_serializing_if = "str::is_empty")]
    why: &'static str,
}

pub(super) fn answer(answer: &Answer) -> AnswerJson {
    let found = &answer.usual;
    let in_force = found.in_force.as_ref();
    let (status, reason) = match (in_force, found.priced) {
        (Some(_), _) => ("priced", None),
        (None, Priced::Free) => ("free", None),
        (None, _) => ("unknown", Some(found.why_unknown())),
    };
    let served = |found: &Explanation| Some((found.tier.as_str(), tiers(&found.in_force.as_ref()?.card)));
    AnswerJson {
        schema: SCHEMA,
        asked: answer.asked.clone(),
        provider: Some(found.provider.clone()).filter(|provider| !provider.is_empty()),
        model: found.model.clone(),
        at: found.at.to_rfc3339(),
        status,
        reason,
        names: found
            .steps
            .iter()
            .map(|step| StepJson {
                change: step.change.as_str(),
                from: step.from.clone(),
                to: step.to.clone(),
            })
            .collect(),
        source: in_force.map(|in_force| source(&in_force.standing)),
        since: in_force.and_then(|in_force| in_force.since).map(UnixNanos::to_rfc3339),
        until: in_force.and_then(|in_force| in_force.until).map(UnixNanos::to_rfc3339),
        tiers: in_force.map(|InForce { card, .. }| tiers(card)).unwrap_or_default(),
        served: answer.tiers.iter().filter_map(served).collect(),
        overrides: found.overrides.as_ref().map(|other| OverridesJson {
            source: source(&other.standing),
            tiers: other.card.as_deref().map(tiers).unwrap_or_default(),
        }),
        estimates: found.estimates.iter().map(ToString::to_string).collect(),
        stale_days: found.stale_days,
        similar: found.nearest.clone(),
    }
}

pub(super) fn rules(rules: &RulesInForce) -> RulesJson {
    let files = rules.files.iter().map(|(path, shape, rows)| FileJson {
        path: path.display().to_string(),
        shape,
        rows: *rows,
    });
    RulesJson {
        schema: SCHEMA,
        catalogue: source(&rules.catalogue),
        models: rules.catalogue_models,
        stale_days: rules.stale_days,
        files: files.collect(),
        user: rules.user.iter().map(rule).collect(),
        corrections: rules.corrections.iter().map(rule).collect(),
    }
}

fn rule(row: &UserRule) -> RuleJson {
    RuleJson {
        provider: Some(row.provider.clone()).filter(|provider| !provider.is_empty()),
        models: row.models.clone(),
        since: row.since.map(UnixNanos::to_rfc3339),
        until: row.until.map(UnixNanos::to_rfc3339),
        free: row.card.is_none(),
        tiers: row.card.as_deref().map(tiers).unwrap_or_default(),
        source: source(&row.standing),
        why: row.why,
    }
}

fn source(standing: &Standing) -> SourceJson {
    SourceJson {
        name: standing.name.clone(),
        version: Some(standing.version).filter(|version| !version.is_empty()),
        line: Some(standing.line).filter(|line| *line > 0),
        published: standing.published.map(UnixNanos::to_rfc3339),
    }
}

fn tiers(card: &RateCard) -> Vec<TierJson> {
    let tier = |(from, rates): &(u64, crate::price::Rates)| TierJson {
        from_tokens: *from,
        usd: rates
            .telling()
            .map(|(bucket, femto)| {
                let digits = if bucket.is_tokens() { 9 } else { 15 };
                (bucket.as_str(), RawValue::from_string(decimal(femto, digits)).ok())
            })
            .collect(),
    };
    card.tiers().iter().map(tier).collect()
}
