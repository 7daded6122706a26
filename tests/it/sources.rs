//! What `report --json` says about every fixture, against figures that come from the systems that wrote them.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use serde_json::Value;

use super::program::{fixture, source, tracetui};

/// Where an answer is not the expected one: a number means exactly that, `min` and `max` a range, `one_of` any of them.
fn differences(expected: &Value, actual: &Value, path: &str, wrong: &mut Vec<String>) {
    let Some(number) = actual.as_f64() else {
        for (key, expected) in expected.as_object().expect("figures") {
            differences(expected, &actual[key], &format!("{path}.{key}"), wrong);
        }
        return;
    };
    let near = |wanted: f64| (number - wanted).abs() <= 1e-9;
    let bound = |key: &str| expected.get(key).and_then(Value::as_f64);
    let fine = match (expected.as_f64(), expected.get("one_of").and_then(Value::as_array)) {
        (Some(wanted), _) => near(wanted),
        (None, Some(any)) => any.iter().filter_map(Value::as_f64).any(near),
        (None, None) => {
            bound("min").is_none_or(|min| number >= min) && bound("max").is_none_or(|max| number <= max)
        }
    };
    if !fine {
        wrong.push(format!("{path} is {number}, not {expected}"));
    }
}

#[test]
fn totals_are_those_of_the_writers() {
    let text = std::fs::read_to_string(fixture("expected.json")).expect("reads");
    let expected: Value = serde_json::from_str(&text).expect("JSON");
    let folder = tempfile::tempdir().expect("folder");
    let mut wrong = Vec::new();
    for (name, expected) in expected.as_object().expect("an object") {
        let report = tracetui(&["report", "--json", &source(name, folder.path())]).json();
        differences(&expected["totals"], &report["totals"], name, &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn log_lines_join_the_spans_that_they_name() {
    let folder = tempfile::tempdir().expect("folder");
    let store = source("native/flowmaestro.sql", folder.path());
    let logs = source("native/flowmaestro-pino.ndjson", folder.path());
    let alone = &tracetui(&["report", "--json", &store]).json()["totals"];
    let both = &tracetui(&["report", "--json", &store, &logs]).json()["totals"];
    assert_eq!(both["events"], 38);
    for figure in ["traces", "spans", "errors", "llm_calls", "tokens", "cost_usd"] {
        assert_eq!(alone[figure], both[figure], "{figure}");
    }
}

#[test]
fn formats_are_found_by_content() {
    let folder = tempfile::tempdir().expect("folder");
    for (name, format) in [
        ("mastra/core-1.71.sql", "mastra"),
        ("native/flowmaestro.sql", "native"),
        ("native/tta-traces.jsonl", "native"),
        ("llm-events/events.ndjson", "llm-events"),
        ("step-telemetry/printed.log", "step-telemetry"),
        ("step-telemetry/records.ndjson", "step-telemetry"),
        ("otlp/python-sdk/batch.jsonl", "otlp-json"),
        ("otlp/python-sdk/snake.jsonl", "otlp-json"),
        ("otlp/openai-v2/latest-logs.jsonl", "otlp-json"),
        ("otlp/tta/tta-otel.ndjson", "otlp-json"),
        ("native/flowmaestro-pino.ndjson", "json-logs"),
        ("phoenix/20.26.sql", "phoenix"),
        ("mlflow/3.17.sql", "mlflow"),
        ("mlflow/2.22.sql", "mlflow"),
        ("mlflow/2.22.traces.json", "mlflow"),
        ("llm/0.27.sql", "llm"),
        ("llm/0.36.sql", "llm"),
        ("telemetry-api/service.sql", "telemetry-api"),
        ("telemetry-api/outbox.jsonl", "telemetry-api"),
        ("jaeger/openinference.json", "jaeger"),
        ("zipkin/openinference.json", "zipkin"),
        ("openai-agents/ticket.ndjson", "openai-agents"),
        ("langsmith/agent.ndjson", "langsmith"),
    ] {
        let source = source(name, folder.path());
        let report = tracetui(&["report", "--json", &source]).json();
        assert_eq!(report["sources"][0]["format"], format, "{name}");
        let forced = tracetui(&["report", "--json", "--format", format, &source]).json();
        assert_eq!(forced["sources"][0]["spans"], report["sources"][0]["spans"], "{name}");
    }
}

#[test]
fn a_store_of_mlflow_without_spans_has_its_traces() {
    let folder = tempfile::tempdir().expect("folder");
    let store = source("mlflow/2.22.sql", folder.path());
    let totals = &tracetui(&["report", "--json", &store]).json()["totals"];
    assert_eq!((&totals["traces"], &totals["spans"], &totals["errors"]), (&4.into(), &4.into(), &1.into()));
    let trace = tracetui(&["show", "--json", &store, "6a668037ba3343dfae5c0a06b61373a6"]).json();
    assert_eq!((&trace["name"], &trace["status"]), (&"weather_agent".into(), &"ok".into()));
    let span = &trace["spans"][0];
    assert_eq!((&span["kind"], &span["duration_ms"]), (&"workflow".into(), &71.0.into()));
    assert_eq!(span["input"]["q"], "Weather in Paris?");
    assert_eq!(span["output"], "It is 14 C and raining in Paris. ");
}

#[test]
fn what_is_exported_reads_back_the_same() {
    let folder = tempfile::tempdir().expect("folder");
    for name in [
        "mastra/core-1.71.sql",
        "native/flowmaestro.sql",
        "native/tta-traces.jsonl",
        "llm-events/events.ndjson",
        "otlp/ai-sdk/v6.ndjson",
        "otlp/openinference/trace.jsonl",
        "otlp/logfire/pending.jsonl",
    ] {
        let source = source(name, folder.path());
        let file = folder.path().join(format!("{}.ndjson", name.replace('/', "-")));
        let file = file.to_string_lossy();
        tracetui(&["export", &source, "--to", "ndjson", "--output", &file]).fine();
        let before = &tracetui(&["report", "--json", &source]).json()["totals"];
        let after = &tracetui(&["report", "--json", &file]).json()["totals"];
        for figure in ["traces", "spans", "events", "errors", "llm_calls", "tool_calls", "tokens", "cost_usd"]
        {
            assert_eq!(before[figure], after[figure], "{figure} of {name}");
        }
    }
}
