use std::sync::LazyLock;

use serde_json::Value;

use super::*;
use crate::model::{NanoUsd, UsageParts};

static TABLE: LazyLock<PriceTable> = LazyLock::new(PriceTable::builtin);

fn cost(model: &str, provider: &str, at: &str, usage: &Usage) -> Priced {
    let at = UnixNanos::parse(at).expect("a time");
    TABLE.cost(PriceQuery { model, provider, at, usage })
}

fn now(model: &str, provider: &str, usage: &Usage) -> Priced {
    cost(model, provider, "2026-11-01T12:00:00Z", usage)
}

fn usage(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

fn exact(nanos: i64) -> Priced {
    Priced::Known { cost: NanoUsd(nanos), source: PriceSource::Catalogue, estimate: None }
}

fn guessed(nanos: i64) -> Priced {
    let estimate = Some(Estimate::GuessedProvider);
    Priced::Known { cost: NanoUsd(nanos), source: PriceSource::Catalogue, estimate }
}

#[test]
fn the_worked_example_is_exact() {
    let priced = cost("claude-sonnet-4-5", "anthropic", "2026-02-07T12:00:00Z", &usage(1500, 3000));
    assert_eq!(priced, exact(49_500_000));
    assert_eq!(priced.cost().map(|cost| cost.to_string()).as_deref(), Some("0.0495"));
}

#[test]
fn what_is_not_known_is_not_zero() {
    let unknown = |reason| Priced::Unknown(reason);
    assert_eq!(now("gpt-4o", "openai", &Usage::default()), unknown(Unpriced::NoUsage));
    let only_output = Usage { output: Some(5), ..Usage::default() };
    assert_eq!(now("gpt-4o", "openai", &only_output), unknown(Unpriced::NoInput));
    assert_eq!(now("", "openai", &usage(1, 1)), unknown(Unpriced::NoModel));
    assert_eq!(now("gpt-4o", "no-such-provider", &usage(1, 1)), unknown(Unpriced::UnknownProvider));
    assert_eq!(now("claude-opus-9", "anthropic", &usage(1, 1)), unknown(Unpriced::UnknownModel));
    assert_eq!(now(&"x".repeat(100_000), "openai", &usage(1, 1)), unknown(Unpriced::UnknownModel));
    assert_eq!(now("whisper-1", "openai", &usage(10, 10)), unknown(Unpriced::NotByTokens));
    let exclusive = Usage { cache_read: Some(9), ..usage(1, 1) };
    assert_eq!(now("gpt-4o", "openai", &exclusive), unknown(Unpriced::Inconsistent));
}

#[test]
fn input_without_output_is_the_share_of_the_input() {
    let input = Usage { input: Some(1_000_000), ..Usage::default() };
    let estimate = Some(Estimate::OutputUnknown);
    assert_eq!(
        now("gpt-4o-mini", "openai", &input),
        Priced::Known { cost: NanoUsd(150_000_000), source: PriceSource::Catalogue, estimate }
    );
    assert_eq!(now("text-embedding-3-small", "openai", &input), exact(20_000_000));
}

#[test]
fn local_models_are_never_charged_as_the_paid_ones() {
    let tokens = usage(1000, 1000);
    for provider in ["ollama", "lmstudio", "vllm", "llamacpp", "ollama.chat"] {
        assert_eq!(now("deepseek-r1:14b", provider, &tokens), Priced::Free, "{provider}");
    }
    assert_eq!(now("ollama/llama3.1", "", &tokens), Priced::Free);
    for model in ["deepseek-r1:14b", "deepseek-r1", "qwen2.5-coder:latest", "deepseek/deepseek-r1:14b"] {
        let priced = now(model, "", &tokens);
        let charged = matches!(priced, Priced::Known { estimate: None, .. });
        assert!(!charged, "{model}: {priced:?}");
    }
    assert_eq!(now("deepseek-r1:14b", "", &tokens), Priced::Unknown(Unpriced::PerhapsLocal));
}

#[test]
fn spellings_reach_the_same_price() {
    let tokens = usage(1000, 1000);
    for (model, provider) in [
        ("claude-sonnet-4.5", "anthropic.messages"),
        ("anthropic/claude-sonnet-4-5", ""),
        ("anthropic/claude-sonnet-4-5", "anthropic"),
        ("Claude Sonnet 4.5", "Anthropic"),
        ("claude-sonnet-4.5", "openrouter"),
        ("anthropic/claude-sonnet-4-5", "litellm"),
    ] {
        assert_eq!(now(model, provider, &tokens), exact(18_000_000), "{provider} {model}");
    }
    for (model, provider) in [
        ("models/gemini-2.5-pro", "google.generative-ai"),
        ("gemini-2.5-pro", "gcp.gen_ai"),
        ("google/gemini-2.5-pro", ""),
    ] {
        assert_eq!(now(model, provider, &tokens), exact(11_250_000), "{provider} {model}");
    }
    assert_eq!(now("gpt-4o-mini", "", &tokens), guessed(750_000));
    assert_eq!(now("openai/gpt-4o-mini", "", &tokens), exact(750_000));
    assert_eq!(now("openai/gpt-4o-mini", "openai.chat", &tokens), exact(750_000));
}

#[test]
fn disputed_rows_with_a_verdict() {
    let million = usage(1_000_000, 1_000_000);
    for (model, provider, at, tokens, nanos) in [
        ("deepseek-v4-pro", "deepseek", "2026-10-17T02:00:00Z", &million, 2_640_000_000),
        ("deepseek-v4-pro", "deepseek", "2026-07-01T02:00:00Z", &million, 1_305_000_000),
        ("claude-haiku-4-5", "anthropic", "2026-02-08T12:00:00Z", &usage(1500, 3000), 16_500_000),
        ("mistral-large-latest", "mistral_ai", "2026-11-01T12:00:00Z", &million, 2_000_000_000),
    ] {
        assert_eq!(cost(model, provider, at, tokens).cost(), Some(NanoUsd(nanos)), "{model} {at}");
    }
}

/// The usage of a row, whose counters are taken apart.
fn usage_of(row: &Value) -> Usage {
    let count = |name: &str| row["usage"].get(name).and_then(Value::as_u64);
    let sum = |names: &[&str]| names.iter().filter_map(|name| count(name)).reduce(|sum, part| sum + part);
    let small = |name: &str| count(name).unwrap_or(0) as u32;
    let searches = row["fees"].as_array().into_iter().flatten().filter(|fee| fee["kind"] == "web_search");
    let mode = row["context"].as_object().and_then(|context| context.values().next()).and_then(Value::as_str);
    Usage {
        input: sum(&["input_uncached", "input_audio", "cache_read", "cache_write_5m", "cache_write_1h"]),
        cache_read: count("cache_read"),
        cache_write: sum(&["cache_write_5m", "cache_write_1h"]),
        output: sum(&["output_text", "reasoning", "output_audio"]),
        reasoning: count("reasoning"),
        parts: UsageParts {
            cache_write_1h: small("cache_write_1h"),
            input_audio: small("input_audio"),
            output_audio: small("output_audio"),
            searches: searches.filter_map(|fee| fee["count"].as_u64()).sum::<u64>() as u32,
            tier: ServiceTier::from_word(mode.unwrap_or_default()),
            ..UsageParts::default()
        },
    }
}

#[test]
fn every_vector_holds() {
    let text = include_str!("../../tests/fixtures/prices/vectors.json");
    let file: Value = serde_json::from_str(text).expect("valid JSON");
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for row in file["vectors"].as_array().expect("rows") {
        let usage = usage_of(row);
        checked += 1;
        let word = |name: &str| row[name].as_str().unwrap_or_default();
        let priced = cost(word("model"), word("provider"), word("at"), &usage);
        let right = match (word("status"), priced) {
            ("priced", Priced::Known { cost, .. }) => Some(cost.0) == row["cost_nanousd"].as_i64(),
            ("free_local", Priced::Free) | ("unknown" | "unknown_or_override", Priced::Unknown(_)) => true,
            _ => false,
        };
        if !right {
            wrong.push(format!("{}: {priced:?}, expected {}", word("id"), row["cost_nanousd"]));
        }
        let at = UnixNanos::parse(word("at")).expect("a time");
        let query = PriceQuery { model: word("model"), provider: word("provider"), at, usage: &usage };
        let explained = TABLE.explain(query);
        assert_eq!(explained.priced, priced, "{}", word("id"));
        if let Some(cost) = priced.cost().filter(|_| explained.in_force.is_some()) {
            let sum: u128 = explained.shares.iter().map(|share| share.amount).sum();
            assert!(sum.abs_diff(cost.0 as u128 * 1_000_000) <= 500_000, "{}: {sum}", word("id"));
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(checked, 94);
}

#[test]
fn tiers_without_a_price_are_estimates() {
    let served = |tier| Usage { parts: UsageParts { tier, ..UsageParts::default() }, ..usage(1000, 1000) };
    let estimate = |model, provider, at, tier| match cost(model, provider, at, &served(tier)) {
        Priced::Known { cost, estimate, .. } => (cost.0, estimate),
        other => panic!("{other:?}"),
    };
    let day = "2026-11-01T12:00:00Z";
    assert_eq!(estimate("gpt-5", "openai", day, ServiceTier::Flex), (5_625_000, None));
    assert_eq!(estimate("gpt-5", "openai", day, ServiceTier::Standard), (11_250_000, None));
    let none = Some(Estimate::NoTierRates);
    assert_eq!(estimate("gpt-5", "openai", "2026-10-01T12:00:00Z", ServiceTier::Flex), (11_250_000, none));
    assert_eq!(estimate("claude-sonnet-4-5", "anthropic", day, ServiceTier::Priority), (18_000_000, none));
    let unknown = Some(Estimate::UnknownTier);
    assert_eq!(estimate("gpt-5", "openai", day, ServiceTier::Other), (11_250_000, unknown));
}

#[test]
fn searches_without_a_price_are_estimates() {
    let parts = UsageParts { searches: 2, ..UsageParts::default() };
    let searched = Usage { parts, ..usage(1000, 1000) };
    let estimate = Some(Estimate::SearchesUnpriced);
    assert_eq!(
        now("gpt-4.1-nano", "openai", &searched),
        Priced::Known { cost: NanoUsd(500_000), source: PriceSource::Catalogue, estimate }
    );
}

#[test]
fn the_source_names_the_version_that_is_built_in() {
    let locked = include_str!("../../Cargo.lock");
    let version = super::super::catalogue::VERSION;
    assert!(locked.contains(&format!("name = \"genai-prices\"\nversion = \"{version}\"")));
}

#[test]
fn rates_are_shown_as_the_catalogues_have_them() {
    let at = UnixNanos::parse("2026-11-01T12:00:00Z").expect("a time");
    let card = TABLE.rates("gpt-5.4", "openai", at).expect("a known model");
    let input_rates: Vec<_> =
        card.tiers().iter().map(|(from, rates)| (*from, rates.get(Bucket::Input))).collect();
    assert_eq!(input_rates, [(0, 2_500_000_000), (272_001, 5_000_000_000)]);
    let again = TABLE.rates("gpt-5.4", "openai", at.plus(-86_400_000_000_000)).expect("a known model");
    assert_eq!(card, again);
}

#[test]
fn names_without_end_are_forgotten_again() {
    let table = PriceTable::builtin();
    let tokens = usage(1, 1);
    for number in 0..MAX_REMEMBERED + 10 {
        let model = format!("nobody-{number}");
        let query = PriceQuery { model: &model, provider: "openai", at: UnixNanos(0), usage: &tokens };
        assert_eq!(table.cost(query), Priced::Unknown(Unpriced::UnknownModel));
    }
    let memo = table.memo.lock().expect("not poisoned");
    assert!(memo.resolved.len() <= MAX_REMEMBERED && memo.ids.len() <= MAX_REMEMBERED);
}
