use super::super::{Bucket, Estimate, PriceQuery, PriceSource, PriceTable, Priced, Unpriced};
use super::*;
use crate::model::{NanoUsd, ServiceTier, UnixNanos, Usage, UsageParts};

const DAY: &str = "2026-11-01T12:00:00Z";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/prices").join(name)
}

fn table(names: &[&str]) -> PriceTable {
    let paths: Vec<PathBuf> = names.iter().map(|name| fixture(name)).collect();
    PriceTable::with_user(UserPrices::read(&paths).expect("valid files"))
}

fn usage(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

fn cost(table: &PriceTable, model: &str, provider: &str, usage: &Usage) -> Priced {
    at(table, model, provider, DAY, usage)
}

fn at(table: &PriceTable, model: &str, provider: &str, day: &str, usage: &Usage) -> Priced {
    let at = UnixNanos::parse(day).expect("a time");
    table.cost(PriceQuery { model, provider, at, usage })
}

fn nanos(priced: Priced) -> i64 {
    match priced {
        Priced::Known { cost, .. } => cost.0,
        other => panic!("{other:?}"),
    }
}

fn estimate(priced: Priced) -> Option<Estimate> {
    match priced {
        Priced::Known { estimate, .. } => estimate,
        other => panic!("{other:?}"),
    }
}

fn refused(text: &str) -> String {
    let fault = parse(Path::new("prices.toml"), text).expect_err("not valid");
    format!("{}: {}", fault.line, fault.message)
}

#[test]
fn a_price_of_ones_own_comes_before_the_list() {
    let (table, tokens) = (table(&["haiku.toml"]), usage(1500, 3000));
    let query = PriceQuery {
        model: "claude-haiku-4-5-20251001",
        provider: "anthropic.messages",
        at: UnixNanos::parse(DAY).expect("a time"),
        usage: &tokens,
    };
    let source = PriceSource::User { file: 0, line: 2 };
    let priced = Priced::Known { cost: NanoUsd(13_200_000), source, estimate: None };
    assert_eq!(table.cost(query), priced);
    let explained = table.explain(query);
    assert_eq!(explained.priced, priced);
    let in_force = explained.in_force.expect("a price");
    assert!(in_force.standing.name.ends_with("haiku.toml") && in_force.standing.line == 2);
    let overridden = explained.overrides.expect("the list price");
    assert_eq!(
        (overridden.cost, overridden.standing.source),
        (Some(NanoUsd(16_500_000)), PriceSource::Catalogue)
    );
    let shares: Vec<_> =
        explained.shares.iter().map(|share| (share.bucket, share.count, share.rate)).collect();
    assert_eq!(shares, [(Bucket::Input, 1500, 800_000_000), (Bucket::Output, 3000, 4_000_000_000)]);
    assert_eq!(nanos(cost(&table, "claude-sonnet-4-5", "anthropic", &tokens)), 49_500_000);
    assert_eq!(
        nanos(cost(
            &table,
            "global.anthropic.claude-haiku-4-5-20251001-v1:0",
            "bedrock",
            &usage(1_000_000, 0)
        )),
        1_000_000_000
    );
    // The provider is guessed from the name, and the row is the guessed provider's.
    assert_eq!(estimate(cost(&table, "claude-haiku-4-5", "", &tokens)), Some(Estimate::GuessedProvider));
    assert_eq!(nanos(cost(&table, "claude-haiku-4-5", "", &tokens)), 13_200_000);
}

#[test]
fn rows_have_tiers_dates_modes_fees_and_currencies() {
    let table = table(&["own.toml"]);
    let price = |input, output| nanos(cost(&table, "acme-1", "acme", &usage(input, output)));
    assert_eq!(price(1000, 1000), 50_000 + 500_000);
    assert_eq!(price(1001, 1000), 100_100 + 500_000);
    assert_eq!(price(2001, 1000), 200_100 + 1_000_000);
    let mode = |tier| Usage { parts: UsageParts { tier, ..UsageParts::default() }, ..usage(1000, 1000) };
    assert_eq!(nanos(cost(&table, "acme-1", "", &mode(ServiceTier::Batch))), 275_000);
    let flex = cost(&table, "acme-1", "", &mode(ServiceTier::Flex));
    assert_eq!((nanos(flex), estimate(flex)), (550_000, Some(Estimate::NoTierRates)));

    let in_june = |usage: &Usage| nanos(at(&table, "acme-1", "", "2026-06-30T23:59:59Z", usage));
    let million = usage(1_000_000, 1_000_000);
    assert_eq!(in_june(&million), 37_500_000 + 3_625_000 + 5_000_000);
    assert_eq!(in_june(&mode(ServiceTier::Flex)), 37_500 + 500_000 + 5_000_000);
    let parts = UsageParts { searches: 3, ..UsageParts::default() };
    assert_eq!(in_june(&Usage { parts, ..million }), 46_125_000 + 30_000_000);
    for day in ["2026-05-31T23:59:59Z", "2026-07-01T00:00:00Z"] {
        assert_eq!(nanos(at(&table, "acme-1", "", day, &usage(1000, 0))), 50_000, "{day}");
    }
}

#[test]
fn flat_prices_aliases_and_free_names() {
    let table = table(&["own.toml"]);
    let flat = cost(&table, "guess", "", &usage(100, 50));
    assert_eq!((nanos(flat), estimate(flat)), (4_500_000, Some(Estimate::FlatRate)));
    let tokens = usage(1_000_000, 0);
    assert_eq!(nanos(cost(&table, "prod-chat", "azure.ai.openai", &tokens)), 2_500_000_000);
    assert_eq!(cost(&table, "prod-chat", "openai", &tokens), Unpriced::UnknownModel.into());
    assert_eq!(nanos(cost(&table, "Our-Model", "whoever", &usage(1000, 0))), 50_000);
    assert_eq!(cost(&table, "gpt-4o", "my-cluster", &tokens), Priced::Free);
    assert_eq!(cost(&table, "in-house-7", "", &tokens), Priced::Free);
    // A row of one's own has the last word about a machine that is otherwise free.
    assert_eq!(nanos(cost(&table, "rented-gpu", "ollama", &tokens)), 1_250_000_000);
    assert_eq!(cost(&table, "other", "ollama", &tokens), Priced::Free);
    let steps = table.explain(PriceQuery {
        model: "prod-chat",
        provider: "azure.ai.openai",
        at: UnixNanos(0),
        usage: &tokens,
    });
    assert_eq!(
        (&*steps.steps[0].from, &*steps.steps[0].to),
        ("azure.ai.openai/prod-chat", "openai/gpt-4o-2024-08-06")
    );
}

#[test]
fn litellms_map_is_read() {
    let table = table(&["litellm.json"]);
    let anthropic = |usage: &Usage| nanos(cost(&table, "claude-haiku-4-5", "anthropic", usage));
    assert_eq!(anthropic(&usage(1_000_000, 1_000_000)), 6_100_000_000);
    let parts = UsageParts { cache_write_1h: 400_000, searches: 1, ..UsageParts::default() };
    let cached =
        Usage { cache_read: Some(500_000), cache_write: Some(500_000), parts, ..usage(1_000_000, 0) };
    assert_eq!(anthropic(&cached), 50_000_000 + 125_000_000 + 800_000_000 + 10_000_000);
    let parts = UsageParts { tier: ServiceTier::Batch, ..UsageParts::default() };
    assert_eq!(anthropic(&Usage { parts, ..usage(1_000_000, 0) }), 550_000_000);
    let xai = |input| nanos(cost(&table, "grok-long", "x_ai", &usage(input, 0)));
    assert_eq!((xai(127_999), xai(128_000)), (383_997_000, 768_000_000));
    let google = |usage: &Usage| nanos(cost(&table, "long", "google", usage));
    assert_eq!(google(&usage(200_000, 0)), 250_000_000);
    assert_eq!(google(&usage(200_001, 0)), 500_002_500);
    let parts = UsageParts { input_audio: 1000, ..UsageParts::default() };
    assert_eq!(google(&Usage { parts, reasoning: Some(500), ..usage(1000, 1000) }), 7_000_000 + 15_000_000);
    let qwen = |input| nanos(cost(&table, "tiers", "dashscope", &usage(input, 0)));
    assert_eq!((qwen(256_000), qwen(256_001)), (12_800_000, 64_000_250));
    let priced = cost(&table, "claude-haiku-4-5", "anthropic", &usage(1, 1));
    assert!(
        matches!(priced, Priced::Known { source: PriceSource::User { file: 0, line: 6 }, .. }),
        "{priced:?}"
    );
    // An Ollama tag without a provider is never charged by a paid API's row.
    assert_eq!(cost(&table, "llama3:8b", "", &usage(1, 1)), Unpriced::PerhapsLocal.into());
}

#[test]
fn models_dev_is_read() {
    let table = table(&["models-dev.json"]);
    let long = |input| nanos(cost(&table, "acme/long-1", "acme", &usage(input, 0)));
    assert_eq!((long(272_000), long(272_001)), (1_360_000_000, 2_720_010_000));
    let old = |input| nanos(cost(&table, "old", "acme", &usage(input, 1_000_000)));
    assert_eq!((old(200_000), old(200_001)), (157_500_000, 165_000_075));
    assert_eq!(cost(&table, "unpriced", "acme", &usage(1, 1)), Unpriced::UnknownProvider.into());
}

#[test]
fn genai_prices_own_shape_is_read() {
    let table = table(&["genai.json"]);
    let priced = cost(&table, "acme-7", "acme", &usage(1_000_000, 0));
    let source = PriceSource::User { file: 0, line: 0 };
    assert_eq!(priced, Priced::Known { cost: NanoUsd(1_000_000_000), source, estimate: None });
    assert_eq!(
        nanos(at(&table, "acme-7", "acme", "2026-05-31T12:00:00Z", &usage(1_000_000, 0))),
        2_000_000_000
    );
    assert_eq!(nanos(cost(&table, "llama3", "ollama", &usage(1, 1))), 0);
    assert_eq!(nanos(cost(&table, "gpt-4o", "openai", &usage(1_000_000, 0))), 2_500_000_000);
}

#[test]
fn later_files_come_before_earlier_ones() {
    let price =
        |names: &[&str]| nanos(cost(&table(names), "claude-haiku-4-5", "anthropic", &usage(1_000_000, 0)));
    assert_eq!(price(&["haiku.toml", "litellm.json"]), 1_100_000_000);
    assert_eq!(price(&["litellm.json", "haiku.toml"]), 800_000_000);
}

#[test]
fn faults_name_the_line_and_what_was_expected() {
    let row = "[[price]]\nmatch = \"a\"\ninput = 1\noutput = 2\n";
    for (text, expected) in [
        ("[[price]]\nmatch = \"a\"\nimput = 1", "3: imput is no key of [[price]] here; the nearest is input"),
        ("[[prices]]\nmatch = \"a\"", "1: prices is no key here; the nearest is price"),
        ("\n[[price]]\ninput = 1", "2: a price needs match"),
        ("[[price]]\nmatch = \"a\"\ninput = 1", "1: this price has no output; write output = 0"),
        ("[[price]]\nmatch = \"a\"\ninput = \"1\"", "3: input: expected an amount for a million tokens"),
        ("[[price]]\nmatch = \"a\"\ninput = -1", "3: input: -1 is below zero"),
        ("[[price]]\nmatch = \"a\"\ninput = inf", "3: input: inf is no number"),
        ("[[price]]\nmatch = \"a\"\ninput = 1e30", "3: input: 1e30 is too large"),
        ("[[price]]\nmatch = 1", "2: match: expected a text in quotes"),
        ("[price]\nmatch = \"a\"", "1: write [[price]] with two brackets"),
        ("[[price]]\nmatch = ", "2: invalid TOML"),
        ("[alias]\na = 1", "2: an alias: expected a text"),
        ("[free]\nprovider = []", "2: provider is no key of [free] here; the nearest is providers"),
        ("currency = \"EUR\"", "1: currency EUR needs fx"),
        ("{\"a\": {\n\"input_cost_per_token\": \"x\"}}", "2: input_cost_per_token: x is no number"),
        ("{\"a\": {\n}", "2: invalid JSON"),
        ("{\"a\": 1}", "1: no prices found"),
        ("[{\"id\": \n1]", "2: invalid JSON"),
        ("[{\"id\": 1}]", "1: "),
    ] {
        let message = refused(text);
        assert!(message.starts_with(expected), "{text}\n{message}\n{expected}");
    }
    for (line, expected) in [
        ("from = \"yesterday\"", "5: from: expected a day such as"),
        ("from = 2026-01-01T00:00:00Z", "5: from: expected a day such as"),
        ("from = 2026-01-02\nuntil = 2026-01-02", "6: until is not after from"),
        ("above = { input = 2 }", "5: above needs tokens"),
        ("above = { tokens = 1, inptu = 2 }", "5: inptu is no key of above here; the nearest is input"),
        ("batch = \"half\"", "5: batch: expected a factor such as 0.5"),
        ("flat_per_1k_total = 1", "5: flat_per_1k_total and input exclude each other"),
        ("cache_write = 1\ncache_write_5m = 2", "5: cache_write and cache_write_5m are the same"),
    ] {
        let message = refused(&format!("{row}{line}"));
        assert!(message.starts_with(expected), "{line}\n{message}\n{expected}");
    }
    let missing = UserPrices::read(&[fixture("nobody.toml")]).expect_err("no such file").to_string();
    assert!(missing.contains("nobody.toml"), "{missing}");
    let error = PriceFileError::Invalid("a/b.toml".into(), Fault { line: 7, message: "x".into() });
    assert_eq!(error.to_string(), "a/b.toml:7: x");
}

#[test]
fn any_text_is_read_or_refused() {
    let deep = "[".repeat(100_000);
    let nested = "{\"a\":".repeat(100_000);
    for text in
        ["", "\u{feff}", " ", "[", "{", "{}", "[]", "[[", "\0", "{\"a\":{\"models\":[]}}", &deep, &nested]
    {
        parse(Path::new("x"), text).ok();
    }
}

#[test]
fn a_range_that_begins_at_the_largest_number_is_read() {
    let map = r#"{"m": {"litellm_provider": "dashscope", "tiered_pricing": [
        {"range": [0, 1000], "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
        {"range": [18446744073709551615, 1e9], "input_cost_per_token": 5e-6, "output_cost_per_token": 6e-6}]}}"#;
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("map.json");
    std::fs::write(&path, map).expect("writes");
    let table = PriceTable::with_user(UserPrices::read(&[path]).expect("valid"));
    assert_eq!(nanos(cost(&table, "m", "dashscope", &usage(5_000, 1_000))), 7_000_000);
}
