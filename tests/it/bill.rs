//! The bill, from a log to every place that shows it: figures that come from the price vectors.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::fmt::Write as _;
use std::time::Instant;

use serde_json::{Value, json};
use tracetui::config::Config;
use tracetui::format::{LINE_FORMATS, Line, Stream};
use tracetui::model::{Batch, PayloadRef, SegmentId, SourceId, Stamp, UnixNanos};
use tracetui::price::{CostMode, PriceTable};
use tracetui::source::{SourceEvent, SourceMessage};
use tracetui::tui::{Depth, Model};

use super::program::{fixture, tracetui};

/// A log with a call per price vector, below a step and a workflow that claim sums, one call recorded twice and one
/// whose model nobody knows; with what it must cost in nano-dollars, its input and output, and its calls by price.
struct Log {
    text: String,
    nanos: i64,
    tokens: (u64, u64),
    priced: u64,
    free: u64,
    unpriced: u64,
}

fn log() -> Log {
    let text = std::fs::read_to_string(fixture("prices/vectors.json")).expect("reads");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let mut log = Log { text: String::new(), nanos: 0, tokens: (0, 0), priced: 0, free: 0, unpriced: 0 };
    for (at, vector) in file["vectors"].as_array().expect("vectors").iter().enumerate() {
        let buckets = &vector["usage"];
        let count = |name: &str| buckets[name].as_u64().unwrap_or(0);
        let fees = vector["fees"].as_array().expect("fees");
        let input = count("input_uncached")
            + count("cache_read")
            + count("cache_write_5m")
            + count("cache_write_1h")
            + count("input_audio");
        let output = count("output_text") + count("reasoning") + count("output_audio");
        let tier = vector["context"]["service_tier"].as_str().or(vector["context"]["processing"].as_str());
        let mut attributes = json!({
            "model": vector["model"],
            "provider": vector["provider"],
            "noCacheTokens": count("input_uncached"),
            "inputTokens": input,
            "cacheReadTokens": count("cache_read"),
            "cacheWriteTokens": count("cache_write_5m") + count("cache_write_1h"),
            "cacheWrite1hTokens": count("cache_write_1h"),
            "inputAudioTokens": count("input_audio"),
            "outputTokens": output,
            "reasoningTokens": count("reasoning"),
            "outputAudioTokens": count("output_audio"),
            "webSearchRequests": fees.iter().filter_map(|fee| fee["count"].as_u64()).sum::<u64>(),
        });
        if let Some(tier) = tier {
            attributes["serviceTier"] = tier.into();
        }
        log.tokens.0 += input;
        log.tokens.1 += output;
        match vector["status"].as_str() {
            Some("priced") => {
                log.priced += 1;
                log.nanos += vector["cost_nanousd"].as_i64().expect("a cost");
            }
            Some("free_local") => log.free += 1,
            _ => log.unpriced += 1,
        }
        span(&mut log.text, &format!("call-{at}"), Some("step"), "model_generation", vector, &attributes);
        if at == 0 {
            // The gateway's record of the same call.
            attributes["responseId"] = "resp-1".into();
            span(&mut log.text, "call-0", Some("step"), "model_generation", vector, &attributes);
            span(&mut log.text, "gateway", Some("step"), "model_generation", vector, &attributes);
        }
    }
    let (input, output) = log.tokens;
    let sums = json!({"inputTokens": input, "outputTokens": output});
    let at = json!({"at": "2026-11-01T12:00:00Z"});
    span(&mut log.text, "step", Some("workflow"), "step", &at, &sums);
    span(&mut log.text, "workflow", None, "workflow_run", &at, &sums);
    log
}

fn span(log: &mut String, id: &str, parent: Option<&str>, kind: &str, of: &Value, attributes: &Value) {
    let record = json!({
        "trace_id": "bill", "span_id": id, "parent_span_id": parent, "name": id, "span_type": kind,
        "started_at": of["at"], "ended_at": of["at"], "status": "completed", "attributes": attributes,
    });
    writeln!(log, "{record}").expect("a string takes it");
}

#[test]
fn every_place_shows_the_same_bill() {
    let log = log();
    assert!(log.priced >= 80 && log.free >= 1 && log.unpriced >= 5);
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("bill.ndjson");
    std::fs::write(&path, &log.text).expect("writes");
    let path = path.to_string_lossy().into_owned();
    let usd = log.nanos as f64 / 1e9;

    let check = |totals: &Value, what: &str| {
        assert_eq!(totals["cost_usd"].as_f64(), Some(usd), "{what}");
        assert_eq!(totals["unpriced_calls"], log.unpriced, "{what}");
        assert_eq!(totals["tokens"]["input"], log.tokens.0, "{what}");
        assert_eq!(totals["tokens"]["output"], log.tokens.1, "{what}");
        assert_eq!(totals["llm_calls"], log.priced + log.free + log.unpriced, "{what}");
        let costs = &totals["cost_source"];
        let of = |name: &str| costs[name].as_u64().expect("a count");
        assert_eq!(of("computed") + of("estimated"), log.priced, "{what}: {costs}");
        assert_eq!(of("free"), log.free, "{what}: {costs}");
        assert_eq!(of("unknown"), log.unpriced, "{what}: {costs}");
        assert_eq!(of("duplicates"), 1, "{what}: {costs}");
    };
    let report = tracetui(&["report", "--json", &path]).json();
    check(&report["totals"], "report");
    for by in ["model", "provider", "step", "workflow", "trace", "day", "status"] {
        let report = tracetui(&["report", "--json", "--by", by, &path]).json();
        let groups = report["groups"].as_array().expect("groups");
        let sum: f64 = groups.iter().filter_map(|group| group["cost_usd"].as_f64()).sum();
        // Some calls name no provider, and those outside a step have none.
        let all = matches!(by, "model" | "workflow" | "trace" | "status");
        assert!((sum - usd).abs() < 1e-9 || !all, "by {by}: {sum}, not {usd}");
    }
    let export = folder.path().join("export.ndjson").to_string_lossy().into_owned();
    tracetui(&["export", &path, "--to", "ndjson", "--output", &export]).fine();
    check(&tracetui(&["report", "--json", &export]).json()["totals"], "export");
    let shown = tracetui(&["show", "--json", &path, "bill"]).json();
    assert_eq!(shown["cost_usd"].as_f64(), Some(usd), "show");
    assert_eq!(shown["unpriced_calls"], log.unpriced, "show");

    // The screen's totals are those of its store, whatever the order in which it learns of spans and prices.
    for backwards in [false, true] {
        let model = screen(&log.text, backwards);
        let totals = model.totals();
        assert_eq!((totals.cost.0, totals.unpriced_calls), (log.nanos, log.unpriced));
        assert_eq!((totals.tokens.input, totals.tokens.output), log.tokens);
    }
}

#[test]
fn what_was_exported_costs_the_same() {
    let folder = tempfile::tempdir().expect("folder");
    let export = folder.path().join("export.ndjson").to_string_lossy().into_owned();
    for name in [
        "codex/main.jsonl",
        "codex/made.jsonl",
        "codex/old.jsonl",
        "claude-code/2.1.197/11111111-2222-4333-8444-555555555555.jsonl",
    ] {
        let path = fixture(name).to_string_lossy().into_owned();
        let before = tracetui(&["report", "--json", &path]).json();
        tracetui(&["export", &path, "--to", "ndjson", "--output", &export]).fine();
        let after = tracetui(&["report", "--json", &export]).json();
        let sums = |report: &Value| {
            let totals = &report["totals"];
            (totals["tokens"].clone(), totals["llm_calls"].clone(), totals["cost_usd"].clone())
        };
        assert_eq!(sums(&after), sums(&before), "{name}");
        if name == "codex/main.jsonl" {
            let tokens = &after["totals"]["tokens"];
            let all = tokens["input"].as_u64().zip(tokens["output"].as_u64()).map(|(read, said)| read + said);
            assert_eq!((all, after["totals"]["llm_calls"].as_u64()), (Some(61_900), Some(6)));
        }
        std::fs::remove_file(&export).expect("it was written");
    }
}

/// The screen's model after it read a log, line by line.
fn screen(text: &str, backwards: bool) -> Model {
    let config = Config::parse("").expect("an empty configuration");
    let mut model = Model::new(&config, "dark", Depth::True, &["bill.ndjson".to_owned()], true);
    let format = LINE_FORMATS.iter().find(|format| format.name == "native").expect("the native format");
    let mut decoder = (format.decoder)(&Stream { name: "bill.ndjson".to_owned(), ..Stream::default() });
    let mut lines: Vec<(usize, &str)> = text.lines().enumerate().collect();
    if backwards {
        lines.reverse();
    } else {
        model.set_prices(Box::new(PriceTable::builtin()), CostMode::Auto);
    }
    for (at, line) in lines {
        let mut batch = Batch::default();
        let place = PayloadRef { segment: SegmentId(0), pos: at as u64, len: line.len() as u32 };
        let stamp = Stamp::new(SegmentId(0), at as u64);
        decoder.decode(&Line { bytes: line.as_bytes(), at: place, stamp, arrived: UnixNanos(0) }, &mut batch);
        model.receive(SourceMessage { source: SourceId(0), event: SourceEvent::Batch(batch) });
    }
    if backwards {
        model.set_prices(Box::new(PriceTable::builtin()), CostMode::Auto);
    }
    model.place((150, 44), UnixNanos(0), Instant::now());
    model
}

/// A report over spans that are written as (id, parent, type, attributes).
fn report_of(spans: &[(&str, Option<&str>, &str, Value)]) -> (tempfile::TempDir, String, Value) {
    let mut log = String::new();
    let at = json!({"at": "2026-11-01T12:00:00Z"});
    for (id, parent, kind, attributes) in spans {
        span(&mut log, id, *parent, kind, &at, attributes);
    }
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log.ndjson");
    std::fs::write(&path, log).expect("writes");
    let path = path.to_string_lossy().into_owned();
    let totals = tracetui(&["report", "--json", &path]).json()["totals"].take();
    (folder, path, totals)
}

#[test]
fn what_lies_below_a_call_takes_nothing_from_it() {
    let call = json!({"model": "gpt-4o", "provider": "openai", "inputTokens": 1000, "outputTokens": 500});
    let event = ("e", Some("c"), "event", json!({"outputTokens": 3}));
    let (.., totals) = report_of(&[("c", None, "model_generation", call.clone()), event]);
    assert_eq!((&totals["tokens"]["total"], &totals["cost_usd"]), (&json!(1500), &json!(0.0075)));
    // A gateway below it knows only what it cost.
    let gateway = ("g", Some("c"), "model_generation", json!({"costUsd": 0.01}));
    let (.., totals) = report_of(&[("c", None, "model_generation", call), gateway]);
    assert_eq!((&totals["tokens"]["total"], &totals["cost_usd"]), (&json!(1500), &json!(0.01)));
}

#[test]
fn what_says_nothing_is_not_within_any_limit() {
    let silent = json!({"model": "gpt-4o", "provider": "openai"});
    let (_folder, path, totals) = report_of(&[("c", None, "model_generation", silent)]);
    assert_eq!(totals["cost_source"]["no_usage"], 1);
    for limit in [["--max-cost", "1"], ["--max-tokens", "1000"]] {
        assert_eq!(tracetui(&["check", limit[0], limit[1], &path]).code, 3, "{limit:?}");
        assert_eq!(tracetui(&["check", limit[0], limit[1], "--allow-unpriced", &path]).code, 0, "{limit:?}");
    }
    let (_folder, path, _) = report_of(&[("c", None, "model_generation", json!({"costUsd": 5.0}))]);
    assert_eq!(tracetui(&["check", "--max-cost", "1", &path]).code, 1);
    assert_eq!(tracetui(&["check", "--max-cost", "1", "--cost", "calculated", &path]).code, 3);
}
