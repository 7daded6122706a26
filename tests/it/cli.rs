//! The command line: its contract for scripts, its errors, its help.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use pretty_assertions::assert_eq;
use serde_json::Value;

use super::program::{fixture, source, tracetui};

fn traces() -> String {
    fixture("native/tta-traces.jsonl").to_string_lossy().into_owned()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

const FIGURES: [&str; 12] = [
    "cost_usd",
    "duration_ms",
    "errors",
    "events",
    "llm_calls",
    "running",
    "runs",
    "spans",
    "tokens",
    "tool_calls",
    "traces",
    "unfinished",
];

fn has_all(value: &Value, names: &[&str]) {
    for name in names {
        assert!(value.get(name).is_some(), "{name} is missing in {:?}", keys(value));
    }
}

#[test]
fn report_json_keeps_its_contract() {
    let report = tracetui(&["report", "--json", "--by", "model", &traces()]).json();
    assert_eq!(report["schema"], "tracetui.report/1");
    assert_eq!(report["filter"], Value::Null);
    has_all(&report["sources"][0], &["source", "format", "spans", "skipped"]);
    assert_eq!(report["sources"][0]["skipped"]["total"], 0);
    has_all(&report["totals"], &FIGURES);
    has_all(
        &report["totals"]["tokens"],
        &["input", "cache_read", "cache_write", "output", "reasoning", "total"],
    );
    has_all(&report["totals"]["duration_ms"], &["sum", "p50", "p90", "p95", "p99", "max"]);
    let groups = report["groups"].as_array().expect("groups");
    assert!(!groups.is_empty());
    for group in groups {
        has_all(group, &FIGURES);
        has_all(group, &["key", "unpriced_calls"]);
    }
    let costs: Vec<f64> = groups.iter().filter_map(|group| group["cost_usd"].as_f64()).collect();
    assert!(costs.is_sorted_by(|a, b| a >= b), "{costs:?}");
    let tokens = |value: &Value| value["tokens"]["total"].as_u64().unwrap_or_default();
    assert_eq!(groups.iter().map(tokens).sum::<u64>(), tokens(&report["totals"]));
}

#[test]
fn every_grouping_works() {
    let by = [
        "workflow", "step", "agent", "tool", "model", "provider", "user", "session", "status", "trace", "day",
    ];
    for by in by {
        let report = tracetui(&["report", "--json", "--by", by, &traces()]).json();
        assert!(report["groups"].is_array(), "{by}");
    }
    let report = tracetui(&["report", "--json", "--by", "trace", &traces()]).json();
    assert_eq!(report["groups"].as_array().map(Vec::len), Some(4));
    has_all(&report["groups"][0], &["key", "name"]);
}

#[test]
fn groups_add_up() {
    let folder = tempfile::tempdir().expect("folder");
    let source = source("mastra/core-1.71.sql", folder.path());
    for by in ["workflow", "step", "agent", "tool", "model", "provider", "user", "session", "status"] {
        let report = tracetui(&["report", "--json", "--by", by, &source]).json();
        let groups = report["groups"].as_array().expect("groups");
        if groups.is_empty() {
            continue;
        }
        for figure in ["spans", "errors", "llm_calls", "tool_calls"] {
            let sum: u64 = groups.iter().filter_map(|group| group[figure].as_u64()).sum();
            assert_eq!(report["totals"][figure], sum, "{figure} by {by}");
        }
    }
    let by_tool = tracetui(&["report", "--json", "--by", "tool", &source]).json();
    let groups = by_tool["groups"].as_array().expect("groups");
    let unnamed: Vec<usize> = (0..groups.len()).filter(|at| groups[*at]["key"] == "").collect();
    assert_eq!(unnamed, [groups.len() - 1]);
    let table = tracetui(&["report", "--csv", "--by", "tool", &source]).fine();
    assert!(table.lines().last().is_some_and(|line| line.starts_with("(none),")), "{table}");
    let by_trace = tracetui(&["report", "--csv", "--by", "trace", &source]).fine();
    assert!(!by_trace.contains("(none)"), "{by_trace}");
}

#[test]
fn calls_without_a_price_point_to_the_reasons() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.ndjson");
    let line = r#"{"trace_id":"0af7","span_id":"b7ad","name":"a","span_type":"llm","started_at":"2026-02-04T17:00:00Z","duration_ms":5,"model":"nobody-knows-me","input_tokens":12,"output_tokens":3}"#;
    std::fs::write(&path, format!("{line}\n")).expect("writes");
    let text = tracetui(&["report", &path.to_string_lossy()]).fine();
    assert!(text.contains("1 without a price (calls); tracetui prices --check SOURCE says why"), "{text}");
}

#[test]
fn a_filter_narrows_every_figure() {
    let all = tracetui(&["report", "--json", &traces()]).json();
    let errors = tracetui(&["report", "--json", "--filter", "status:error", &traces()]).json();
    assert_eq!(errors["filter"], "status:error");
    assert_eq!(errors["totals"]["spans"], all["totals"]["errors"]);
    assert_eq!(errors["totals"]["errors"], all["totals"]["errors"]);
}

#[test]
fn tables_carry_no_escape_codes() {
    let traces = traces();
    for form in [&[][..], &["--csv"], &["--markdown"], &["--by", "model"]] {
        let arguments = [&["report"], form, &[traces.as_str()]].concat();
        let text = tracetui(&arguments).fine();
        assert!(text.lines().count() > 1 && !text.contains('\x1b'), "{text}");
    }
    let shown = tracetui(&["show", &traces, "last"]).fine();
    assert!(shown.lines().count() > 3 && !shown.contains('\x1b'), "{shown}");
    let coloured = tracetui(&["show", &traces, "last", "--color", "always"]).fine();
    assert!(coloured.contains("\x1b["));
}

#[test]
fn show_json_keeps_its_contract() {
    let folder = tempfile::tempdir().expect("folder");
    let source = source("mastra/core-1.71.sql", folder.path());
    let trace = tracetui(&["show", "--json", &source, "last"]).json();
    assert_eq!(trace["schema"], "tracetui.trace/1");
    has_all(
        &trace,
        &[
            "trace_id",
            "name",
            "status",
            "start",
            "end",
            "duration_ms",
            "tokens",
            "cost_usd",
            "unpriced_calls",
        ],
    );
    let spans = trace["spans"].as_array().expect("spans");
    assert!(!spans.is_empty());
    let mut seen = Vec::new();
    for span in spans {
        has_all(
            span,
            &[
                "span_id",
                "parent_span_id",
                "name",
                "kind",
                "type",
                "status",
                "start",
                "end",
                "duration_ms",
                "self_ms",
                "critical",
                "step",
                "agent",
                "tool",
                "model",
                "provider",
                "tokens",
                "cost_usd",
                "cost_source",
                "ttft_ms",
                "error",
                "input",
                "output",
                "attributes",
                "events",
            ],
        );
        let parent = span["parent_span_id"].as_str();
        assert!(parent.is_none_or(|id| seen.contains(&id)), "a parent stands before its children");
        seen.extend(span["span_id"].as_str());
    }
    let prefix = &trace["trace_id"].as_str().expect("an id")[..12];
    assert_eq!(tracetui(&["show", "--json", &source, prefix]).json()["trace_id"], trace["trace_id"]);
}

#[test]
fn what_is_wrong_is_said_in_a_line() {
    let missing = std::env::temp_dir().join("tracetui-no-such-file.db").to_string_lossy().into_owned();
    let traces = traces();
    let folder = tempfile::tempdir().expect("folder");
    let stranger = folder.path().join("notes.txt");
    std::fs::write(&stranger, "milk\nbread\n").expect("writes");
    let stranger = stranger.to_string_lossy();
    let cases: [(&[&str], &str); 9] = [
        (&["report", &missing], "no such file"),
        (&["report", &stranger], "notes.txt"),
        (&["report", "--format", "nonsense", &traces], "no format is called nonsense"),
        (&["report", "--filter", "(", &traces], "--filter"),
        (&["report", "--since", "yesterday", &traces], "--since"),
        (&["report", "--by", "colour", &traces], "workflow"),
        (&["show", &traces, "0000nothing"], "0000nothing"),
        (&["export", &traces, "--to", "paper"], "paper"),
        (&["watch", &traces], "no terminal"),
    ];
    for (arguments, says) in cases {
        let run = tracetui(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
}

#[test]
fn damage_is_counted_and_never_ends_a_command() {
    let source = fixture("step-telemetry/console.log").to_string_lossy().into_owned();
    let run = tracetui(&["report", "--json", &source]);
    assert!(run.stderr.contains("1 invalid_json"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1);
    assert_eq!(run.json()["sources"][0]["skipped"]["reasons"]["invalid_json"], 1);
}

#[test]
fn standard_input_is_a_source() {
    use std::process::{Command, Stdio};
    let file = std::fs::File::open(traces()).expect("opens");
    let output = Command::new(super::program::PROGRAM)
        .args(["report", "--json", "-"])
        .stdin(Stdio::from(file))
        .output()
        .expect("runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["totals"]["spans"], 60);
}

#[test]
fn an_export_never_overwrites() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("mine.ndjson");
    std::fs::write(&path, "mine").expect("writes");
    let run = tracetui(&["export", &traces(), "--to", "ndjson", "-o", &path.to_string_lossy()]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("mine.ndjson exists: export doesn't overwrite"), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(&path).expect("reads"), "mine");
    let empty = folder.path().join("empty.ndjson");
    std::fs::write(&empty, "").expect("writes");
    let run = tracetui(&["show", &empty.to_string_lossy(), "last"]);
    assert_eq!((run.code, run.stderr.trim()), (2, "tracetui: the source has no traces"));
}

#[test]
fn an_export_of_pretty_payloads_reads_back_whole() {
    let folder = tempfile::tempdir().expect("folder");
    let pretty = folder.path().join("pretty.ndjson");
    let line = r#"{"trace_id":"0af7","span_id":"b7ad","name":"a","output":"{\n  \"answer\": 42\r\n}"}"#;
    std::fs::write(&pretty, format!("{line}\n")).expect("writes");
    for source in [pretty.to_string_lossy().into_owned(), source("llm/0.36.sql", folder.path())] {
        let before = tracetui(&["report", "--json", &source]).json();
        let text = tracetui(&["export", &source, "--to", "ndjson"]).fine();
        assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
        let copy = folder.path().join("copy.ndjson");
        std::fs::write(&copy, text).expect("writes");
        let after = tracetui(&["report", "--json", &copy.to_string_lossy()]).json();
        assert_eq!(after["sources"][0]["skipped"]["total"], 0);
        assert_eq!(after["totals"]["spans"], before["totals"]["spans"]);
        assert_eq!(after["totals"]["tokens"], before["totals"]["tokens"]);
    }
    let shown = tracetui(&["show", "--json", &pretty.to_string_lossy(), "last"]).json();
    assert_eq!(shown["spans"][0]["output"]["answer"], 42);
}

#[test]
fn formats_are_listed() {
    let list = tracetui(&["report", "--format", "help"]).fine();
    for (name, about) in tracetui::format::format_names() {
        assert!(list.lines().any(|line| line.contains(name) && line.contains(about)), "{list}");
    }
}

#[test]
fn help_names_every_command() {
    let help = tracetui(&["--help"]).fine();
    for command in ["watch", "report", "check", "show", "export", "prices", "demo", "completions", "man"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command} in {help}");
        let own = tracetui(&[command, "--help"]).fine();
        assert!(own.contains("Usage: tracetui"), "{own}");
    }
    assert!(
        help.contains("Exit codes: 0 fine, 1 check or prices --check found something, 2 bad usage"),
        "{help}"
    );
    assert_eq!(tracetui(&[]).code, 2);
    assert_eq!(tracetui(&["--version"]).fine(), format!("tracetui {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_and_manual_are_whole() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = tracetui(&["completions", shell]).fine();
        assert!(script.len() > 1000 && script.contains("filter"), "{shell}");
    }
    let manual = tracetui(&["man"]).fine();
    assert!(manual.starts_with(".ie") && manual.contains(".TH tracetui 1"), "{manual}");
    assert!(manual.contains("Exit codes"), "{manual}");
}

#[test]
fn a_folder_may_hold_databases_of_other_kinds() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::copy(fixture("openai-agents/ticket.ndjson"), folder.path().join("run.ndjson")).expect("copied");
    let session = folder.path().join("session.db");
    rusqlite::Connection::open(&session)
        .expect("opens")
        .execute_batch("CREATE TABLE agent_messages (id INTEGER PRIMARY KEY, session_id, message_data)")
        .expect("made");
    let run = tracetui(&["report", "--json", &folder.path().to_string_lossy()]);
    assert!(run.stderr.contains("OpenAI Agents SDK"), "{}", run.stderr);
    assert_eq!(run.json()["totals"]["spans"], 7);
    let alone = tracetui(&["report", &session.to_string_lossy()]);
    assert_eq!(alone.code, 2);
}
