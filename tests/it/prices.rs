//! Prices on the command line: whose they are, how they are overridden, and which models have none.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::fs;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::program::{fixture, tracetui};

fn file(name: &str) -> String {
    fixture(&format!("prices/{name}")).to_string_lossy().into_owned()
}

/// A log with one call, whose reported cost is in dollars.
fn one_call(folder: &std::path::Path, model: &str, provider: &str, reported: Option<f64>) -> String {
    let mut attributes =
        json!({ "model": model, "provider": provider, "promptTokens": 1500, "completionTokens": 3000 });
    if let Some(cost) = reported {
        attributes["costUsd"] = json!(cost);
    }
    let span = json!({
        "trace_id": "t1", "span_id": "a", "name": "call", "span_type": "model_generation", "status": "completed",
        "started_at": "2026-02-04T17:00:00.000Z", "ended_at": "2026-02-04T17:00:01.000Z", "attributes": attributes,
    });
    let path = folder.join("call.ndjson");
    fs::write(&path, format!("{span}\n")).expect("written");
    path.to_string_lossy().into_owned()
}

fn cost(arguments: &[&str]) -> Value {
    let report = tracetui(&[&["report", "--json"], arguments].concat()).json();
    json!([report["totals"]["cost_usd"], report["totals"]["unpriced_calls"]])
}

#[test]
fn a_model_and_its_rates() {
    let shown =
        tracetui(&["prices", "claude-sonnet-4-5", "--provider", "anthropic", "--at", "2026-02-01"]).fine();
    for part in [
        "source     genai-prices 0.2.1",
        "to 200,000   from 200,001",
        "  cache_write_1h",
        "USD per search: 0.01",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    let json =
        tracetui(&["prices", "gpt-5.4", "--provider", "openai.chat", "--json", "--at", "2026-11-01"]).json();
    assert_eq!(json["schema"], "tracetui.prices/1");
    assert_eq!(json["status"], "priced");
    assert_eq!(json["names"][0], json!({ "change": "provider", "from": "openai.chat", "to": "openai" }));
    assert_eq!(json["tiers"][0]["usd"]["input"], 2.5);
    assert_eq!(json["tiers"][1]["from_tokens"], 272_001);
    assert_eq!(json["stale_days"], Value::Null);
}

#[test]
fn a_row_of_ones_own_overrides_the_list() {
    let shown =
        tracetui(&["prices", "claude-haiku-4-5", "--provider", "anthropic", "--prices", &file("haiku.toml")])
            .fine();
    assert!(shown.contains("haiku.toml:2"), "{shown}");
    assert!(shown.contains("overrides  input 1, output 5 by genai-prices"), "{shown}");
    let folder = tempfile::tempdir().expect("a folder");
    let log = one_call(folder.path(), "claude-haiku-4-5", "anthropic", None);
    assert_eq!(cost(&[&log]), json!([0.0165, 0]));
    assert_eq!(cost(&[&log, "--prices", &file("haiku.toml")]), json!([0.0132, 0]));
    assert_eq!(
        cost(&[&log, "--prices", &file("haiku.toml"), "--prices", &file("litellm.json")]),
        json!([0.01665, 0])
    );
    let trace = tracetui(&["show", &log, "--json", "--prices", &file("haiku.toml")]).json();
    assert_eq!(trace["cost_usd"], 0.0132);
}

#[test]
fn prices_in_the_configuration_directory_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = one_call(folder.path(), "claude-haiku-4-5", "anthropic", None);
    fs::create_dir(folder.path().join("tracetui")).expect("a folder");
    fs::copy(file("haiku.toml"), folder.path().join("tracetui/prices.toml")).expect("copied");
    let output = std::process::Command::new(super::program::PROGRAM)
        .args(["report", "--json", &log])
        .env("XDG_CONFIG_HOME", folder.path())
        .output()
        .expect("the program starts");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["totals"]["cost_usd"], 0.0132);
}

#[test]
fn which_costs_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = one_call(folder.path(), "claude-haiku-4-5", "anthropic", Some(0.5));
    assert_eq!(cost(&[&log]), json!([0.5, 0]));
    assert_eq!(cost(&[&log, "--cost", "reported"]), json!([0.5, 0]));
    assert_eq!(cost(&[&log, "--cost", "calculated"]), json!([0.0165, 0]));
    let silent = one_call(folder.path(), "claude-haiku-4-5", "anthropic", None);
    assert_eq!(cost(&[&silent, "--cost", "reported"]), json!([0.0, 1]));
    let wrong = tracetui(&["report", &log, "--cost", "mine"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("one of auto, reported, calculated"), "{}", wrong.stderr);
}

#[test]
fn models_without_a_price_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = one_call(folder.path(), "claude-opus-9", "anthropic", None);
    let run = tracetui(&["prices", "--check", &log]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stdout.contains("claude-opus-9") && run.stdout.contains("4,500"), "{}", run.stdout);
    assert!(run.stdout.contains("similar: anthropic/claude-opus-"), "{}", run.stdout);
    let run = tracetui(&["prices", "--check", &log, "--json"]);
    let json: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let row = &json["unpriced"][0];
    assert_eq!((run.code, &row["calls"], &row["tokens"]), (1, &json!(1), &json!(4500)));
    assert_eq!(row["reason"], "no price for this model");
    let log = one_call(folder.path(), "claude-haiku-4-5", "anthropic", None);
    assert_eq!(tracetui(&["prices", "--check", &log]).fine(), "Every model call with tokens has a price.\n");
    let local = one_call(folder.path(), "deepseek-r1:14b", "", None);
    let run = tracetui(&["prices", "--check", &local]);
    assert!(run.code == 1 && run.stdout.contains("looks like a local model"), "{}", run.stdout);
}

#[test]
fn unknown_models_have_neighbours_and_local_ones_are_free() {
    let shown = tracetui(&["prices", "claude-sonet-4-5", "--provider", "anthropic"]).fine();
    assert!(
        shown.contains("unknown    no price for this model\nsimilar    anthropic/claude-sonnet-4-5\n"),
        "{shown}"
    );
    let json = tracetui(&["prices", "llama3", "--provider", "ollama", "--json"]).json();
    assert_eq!((&json["status"], &json["reason"]), (&json!("free"), &Value::Null));
    let json = tracetui(&["prices", "deepseek-r1:14b", "--json"]).json();
    assert_eq!(json["status"], "unknown");
}

#[test]
fn all_sources_are_listed() {
    let shown = tracetui(&["prices", "--prices", &file("own.toml"), "--at", "2026-06-15"]).fine();
    for part in
        ["own.toml  (tracetui, 7 rows)", "genai-prices 0.2.1", "acme-*", "alibaba/qwen-plus", "prices.toml"]
    {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let json =
        tracetui(&["prices", "--json", "--prices", &file("litellm.json"), "--at", "2027-06-01"]).json();
    assert_eq!(json["files"][0]["shape"], "litellm");
    assert_eq!(json["user"][0]["tiers"][0]["usd"]["input"], 1.1);
    assert_eq!(json["user"][0]["source"]["line"], 6);
    assert_eq!(json["stale_days"], 214);
    let old = tracetui(&["prices", "gpt-5", "--at", "2027-06-01"]).fine();
    assert!(old.contains("published 214 days before"), "{old}");
}

#[test]
fn a_bad_price_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    fs::write(&path, "# mine\n[[price]]\nmatch = \"a\"\noutputs = 1\n").expect("written");
    let path = path.to_string_lossy().into_owned();
    let log = one_call(folder.path(), "claude-haiku-4-5", "anthropic", None);
    for arguments in [vec!["report", &log, "--prices", &path], vec!["prices", "--prices", &path]] {
        let run = tracetui(&arguments);
        assert_eq!(run.code, 2);
        let expected =
            format!("tracetui: {path}:4: outputs is no key of [[price]] here; the nearest is output\n");
        assert_eq!(run.stderr, expected);
    }
    assert_eq!(tracetui(&["prices", "gpt-5", "--at", "soon"]).code, 2);
}
