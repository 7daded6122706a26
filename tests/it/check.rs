//! `tracetui check`: limits as an exit code.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::program::{PROGRAM, tracetui};

/// Runs of a call each: their name, seconds, cost in dollars if it is known, and whether they failed.
const RUNS: [(&str, u32, Option<f64>, bool); 3] =
    [("draft", 10, Some(0.25), false), ("draft", 30, Some(0.5), true), ("audit", 20, None, false)];

fn log(folder: &Path, runs: &[(&str, u32, Option<f64>, bool)]) -> String {
    let mut log = String::new();
    for (at, (name, seconds, cost, failed)) in runs.iter().enumerate() {
        let mut attributes = json!({"model": "house-model", "provider": "house", "promptTokens": 900, "completionTokens": 100});
        if let Some(cost) = cost {
            attributes["costUsd"] = json!(cost);
        }
        let end = format!("2026-02-04T17:00:{seconds}.000Z");
        let status = if *failed { "failed" } else { "completed" };
        for span in [
            json!({"trace_id": format!("t{at}"), "span_id": "root", "name": name, "span_type": "workflow_run",
                "started_at": "2026-02-04T17:00:00.000Z", "ended_at": end, "status": "completed"}),
            json!({"trace_id": format!("t{at}"), "span_id": "call", "parent_span_id": "root", "name": "call",
                "span_type": "model_generation", "started_at": "2026-02-04T17:00:00.000Z", "ended_at": end,
                "status": status, "attributes": attributes}),
        ] {
            writeln!(log, "{span}").expect("a string");
        }
    }
    let path = folder.join("run.ndjson");
    fs::write(&path, log).expect("written");
    path.to_string_lossy().into_owned()
}

#[test]
fn exit_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = log(folder.path(), &RUNS);
    let priced = ["--filter", "workflow:draft"];
    for (arguments, code) in [
        // Two runs with prices: $0.75, 2,000 tokens, 30 s, one error.
        ([&priced[..], &["--max-cost", "0.75"]].concat(), 0),
        ([&priced[..], &["--max-cost", "0.7499"]].concat(), 1),
        ([&priced[..], &["--max-cost", "0.5", "--per-run"]].concat(), 0),
        ([&priced[..], &["--max-cost", "$0.4", "--per-run"]].concat(), 1),
        ([&priced[..], &["--budget", "0.6", "--per-run"]].concat(), 1),
        ([&priced[..], &["--max-tokens", "2k", "--max-errors", "1", "--max-duration", "30s"]].concat(), 0),
        ([&priced[..], &["--max-tokens", "2k", "--max-errors", "1", "--max-duration", "29s"]].concat(), 1),
        ([&priced[..], &["--max-errors", "0"]].concat(), 1),
        ([&priced[..], &["--budget-tokens", "1999"]].concat(), 1),
        // With the third run a call has no price.
        (vec!["--budget", "10"], 3),
        (vec!["--budget", "10", "--allow-unpriced"], 0),
        (vec!["--budget", "0.5"], 1),
        (vec!["--max-cost", "1", "--per-run"], 3),
        (vec!["--max-cost", "1", "--max-errors", "0"], 1),
        (vec!["--max-tokens", "3000", "--max-duration", "1m"], 0),
        (vec!["--max-errors", "0", "--since", "1h"], 0),
        (vec!["--max-errors", "0", "--since", "5200w"], 1),
        // Bad usage.
        (vec![], 2),
        (vec!["--per-run"], 2),
        (vec!["--max-cost", "-1"], 2),
        (vec!["--max-duration", "30"], 2),
        (vec!["--max-tokens", "1", "--filter", "cost>>"], 2),
    ] {
        let run = tracetui(&[&["check", path.as_str()], &arguments[..]].concat());
        assert_eq!(run.code, code, "{arguments:?}\n{}{}", run.stdout, run.stderr);
        assert_eq!(run.stderr.is_empty(), code != 2, "{arguments:?}: {}", run.stderr);
    }
    assert_eq!(tracetui(&["check", "/nowhere/run.db", "--max-cost", "1"]).code, 2);
}

#[test]
fn lines_for_people() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = log(folder.path(), &RUNS);
    let run = tracetui(&["check", &path, "--max-cost", "0.3", "--per-run", "--budget-tokens", "5k"]);
    assert_eq!(
        run.stdout,
        "broken   --max-cost       $0.5000 of at most $0.3000, worst of 3 runs\n         \
         draft  t1  $0.5000\n         audit  t2  1 unpriced (1.00k tok)\n\
         kept     --budget-tokens  3,000 of at most 5,000 tokens, all 3 runs\n"
    );
    let run = tracetui(&["check", &path, "--budget", "2"]);
    assert!(
        run.stdout
            .starts_with("unknown  --budget         $0.7500 + 1 unpriced (1.00k tok) of at most $2.0000")
    );
    assert!(run.stdout.contains("--allow-unpriced"), "{}", run.stdout);
}

#[test]
fn json_keeps_its_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = log(folder.path(), &RUNS);
    let run =
        tracetui(&["check", "--json", &path, "--max-cost", "0.3", "--per-run", "--max-duration", "30s"]);
    assert_eq!(run.code, 1);
    let check: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let broken = json!({"trace_id": "t1", "name": "draft", "value": 0.5, "unpriced_calls": 0, "unpriced_tokens": 0,
        "verdict": "broken"});
    let unknown = json!({"trace_id": "t2", "name": "audit", "value": 0.0, "unpriced_calls": 1,
        "unpriced_tokens": 1000, "verdict": "unknown"});
    let longest = json!({"trace_id": "t1", "name": "draft", "value": 30_000.0, "verdict": "kept"});
    assert_eq!(
        check,
        json!({"schema": "tracetui.check/1", "filter": null, "verdict": "broken", "runs": 3, "limits": [
            {"limit": "max-cost", "unit": "usd", "per_run": true, "most": 0.3, "verdict": "broken",
             "found": broken, "against": [broken, unknown]},
            {"limit": "max-duration", "unit": "ms", "per_run": true, "most": 30_000.0, "verdict": "kept",
             "found": longest, "against": []}]})
    );
}

#[test]
fn the_answer_outlives_a_reader_who_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs: Vec<_> = (0..4_000).map(|_| ("draft", 10, Some(1.0), false)).collect();
    let path = log(folder.path(), &runs);
    let mut child = Command::new(PROGRAM)
        .args(["check", "--json", &path, "--max-cost", "0.5", "--per-run"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ends").code(), Some(1));
}
