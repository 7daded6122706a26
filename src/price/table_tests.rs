use std::sync::LazyLock;

use serde_json::Value;

use super::*;
use crate::model::NanoUsd;

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
    Priced::Known { cost: NanoUsd(nanos), source: catalogue::SOURCE, estimate: None }
}

fn guessed(nanos: i64) -> Priced {
    let estimate = Some(Estimate::GuessedProvider);
    Priced::Known { cost: NanoUsd(nanos), source: catalogue::SOURCE, estimate }
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
        Priced::Known { cost: NanoUsd(150_000_000), source: catalogue::SOURCE, estimate }
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

/// Rows that need what [`Usage`] or [`PriceQuery`] cannot say: one-hour cache writes, audio, fees, billing modes.
const NOT_EXPRESSIBLE: &[&str] = &["cache_write_1h", "input_audio", "output_audio"];

fn expressible(row: &Value) -> Option<Usage> {
    let buckets = row["usage"].as_object()?;
    let no_fees = row["fees"].as_array().is_none_or(Vec::is_empty);
    let mode = row["context"].as_object()?;
    let standard = mode.is_empty() || mode.get("service_tier").is_some_and(|tier| tier == "default");
    if !no_fees || !standard || NOT_EXPRESSIBLE.iter().any(|bucket| buckets.contains_key(*bucket)) {
        return None;
    }
    let count = |name: &str| buckets.get(name).and_then(Value::as_u64);
    let sum = |names: &[&str]| {
        names
            .iter()
            .filter_map(|name| count(name))
            .fold(None, |sum: Option<u64>, part| Some(sum.unwrap_or(0) + part))
    };
    Some(Usage {
        input: sum(&["input_uncached", "cache_read", "cache_write_5m"]),
        cache_read: count("cache_read"),
        cache_write: count("cache_write_5m"),
        output: sum(&["output_text", "reasoning"]),
        reasoning: count("reasoning"),
        ..Usage::default()
    })
}

#[test]
fn every_expressible_vector_holds() {
    let text = include_str!("../../tests/fixtures/prices/vectors.json");
    let file: Value = serde_json::from_str(text).expect("valid JSON");
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for row in file["vectors"].as_array().expect("rows") {
        let Some(usage) = expressible(row) else { continue };
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
    }
    assert!(wrong.is_empty(), "{} of {checked} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked >= 80, "only {checked} rows checked");
}

#[test]
fn the_source_names_the_version_that_is_built_in() {
    let locked = include_str!("../../Cargo.lock");
    let version = catalogue::SOURCE.rsplit(' ').next().unwrap_or_default();
    assert!(locked.contains(&format!("name = \"genai-prices\"\nversion = \"{version}\"")));
}

#[test]
fn rates_are_shown_as_the_catalogues_have_them() {
    let at = UnixNanos::parse("2026-11-01T12:00:00Z").expect("a time");
    let card = TABLE.rates("gpt-5.4", "openai", at).expect("a known model");
    let input_rates: Vec<_> = card.tiers().iter().map(|(from, rates)| (*from, rates.input)).collect();
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
