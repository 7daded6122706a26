//! Sessions that were gone on with in another file, which begins with a copy of the first; and the files of subagents.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use tracetui::store::Store;

use super::live::Live;
use super::program::{fixture, tracetui};

/// Fixture, files, and of all of them together: calls, tools, errors, uncached input, cache writes, cache reads, output;
/// and how many calls are copies.
///
/// 2.1.330 forked, then continued: its own `cost-state` at the end. 2.0.30 forked: with the calls it makes to warm up.
/// 1.0.60 resumed twice: each time a new file with a copy that has neither request ids nor the old times. The output of
/// the older two is what they logged, which is too low.
const CASES: [(&str, [u64; 7], u64); 3] = [
    ("forked-2.1.330", [10, 6, 1, 149, 12_400, 46_300, 999], 6),
    ("forked-2.0.30", [18, 6, 1, 245, 52_400, 46_300, 1_094], 7),
    ("resumed-1.0.60", [8, 5, 1, 113, 11_800, 33_300, 213], 6),
];

fn sums(report: &Value) -> [u64; 7] {
    let totals = &report["totals"];
    let count = |name: &str| totals[name].as_u64().expect("a count");
    let tokens = |name: &str| totals["tokens"][name].as_u64().expect("a count");
    let (written, read) = (tokens("cache_write"), tokens("cache_read"));
    let uncached = tokens("input") - written - read;
    let (calls, tools, errors) = (count("llm_calls"), count("tool_calls"), count("errors"));
    [calls, tools, errors, uncached, written, read, tokens("output")]
}

/// The files of a case, sessions first.
fn files(case: &str) -> Vec<PathBuf> {
    let folder = fixture(&format!("claude-code/{case}"));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("lists").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files
}

#[test]
fn a_copied_call_counts_once_whichever_file_comes_first() {
    for (case, want, copies) in CASES {
        let folder = fixture(&format!("claude-code/{case}")).to_string_lossy().into_owned();
        let report = tracetui(&["report", "--json", &folder]).json();
        assert_eq!(sums(&report), want, "{case}");
        assert_eq!(report["totals"]["cost_source"]["duplicates"], copies, "{case}");
        let mut names: Vec<String> =
            files(case).iter().map(|path| path.to_string_lossy().into_owned()).collect();
        for _ in 0..2 {
            let mut args = vec!["report", "--json"];
            args.extend(names.iter().map(String::as_str));
            assert_eq!(sums(&tracetui(&args).json()), want, "{case}");
            names.reverse();
        }
    }
    let folder = fixture("claude-code/forked-2.1.330").to_string_lossy().into_owned();
    let cost = tracetui(&["report", "--json", &folder]).json()["totals"]["cost_usd"].as_f64();
    assert!(cost.is_some_and(|cost| (cost - 0.075_822).abs() < 1e-9), "{cost:?}");
}

/// The original counts, not the copy: the bill of the first session is what it was before.
#[test]
fn the_first_session_keeps_its_bill() {
    let first = "11111111-2222-4333-8444-555555559845";
    let folder = fixture("claude-code/forked-2.1.330").to_string_lossy().into_owned();
    let report = tracetui(&["report", "--json", &folder, "--by", "session"]).json();
    let groups = report["groups"].as_array().expect("groups");
    let of = |id: &str| groups.iter().find(|group| group["key"] == id).expect("the session");
    assert_eq!(of(first)["tokens"]["output"], 795);
    assert_eq!(of("47406463-7050-4a00-983f-82431da62f30")["tokens"]["output"], 204);
}

#[test]
fn what_was_exported_has_the_same_sums() {
    for (case, want, _) in CASES {
        let folder = fixture(&format!("claude-code/{case}")).to_string_lossy().into_owned();
        let out = tempfile::tempdir().expect("folder");
        let export = out.path().join("export.ndjson").to_string_lossy().into_owned();
        tracetui(&["export", &folder, "--to", "ndjson", "--output", &export]).fine();
        assert_eq!(sums(&tracetui(&["report", "--json", &export]).json()), want, "{case}");
    }
}

#[test]
fn a_session_alone_has_its_subagents() {
    // What it cost by its own account, one subagent's output aside, which it logs too low.
    for (path, calls, output) in [
        ("forked-2.1.330/11111111-2222-4333-8444-555555559845.jsonl", 8, 795),
        ("forked-2.0.30/a39b3cfb-f070-471d-ab5a-1baf446958f7.jsonl", 9, 215),
    ] {
        let path = fixture(&format!("claude-code/{path}")).to_string_lossy().into_owned();
        let report = tracetui(&["report", "--json", &path]).json();
        let totals = &report["totals"];
        assert_eq!((&totals["llm_calls"], &totals["tokens"]["output"]), (&calls.into(), &output.into()));
        assert_eq!(report["totals"]["traces"], 1);
        assert!(report["sources"].as_array().is_some_and(|sources| sources.len() > 1));
        let generic = tracetui(&["report", "--json", "--format", "generic", &path]).json();
        assert_eq!(generic["sources"].as_array().map(Vec::len), Some(1));
    }
}

fn output(store: &Store) -> u64 {
    store.totals().tokens.output
}

#[test]
fn a_subagent_and_a_copy_that_come_while_watching() {
    let from = fixture("claude-code/forked-2.1.330");
    let folder = tempfile::tempdir().expect("folder");
    let id = "11111111-2222-4333-8444-555555559845";
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    let read = |name: &str| std::fs::read_to_string(from.join(name)).expect("reads");
    let main = format!("{id}.jsonl");
    put(&main, &read(&main));
    let mut live = Live::new();
    live.follow_all(&folder.path().join(&main));
    live.until("the session", |store| output(store) == 600);
    let agent = format!("{id}/subagents/agent-aba0755cff4f2e118");
    put(&format!("{agent}.meta.json"), &read(&format!("{agent}.meta.json")));
    put(&format!("{agent}.jsonl"), &read(&format!("{agent}.jsonl")));
    live.until("its subagent", |store| output(store) == 795);

    // Another session copies it: first the copy, then what it adds.
    let fork = read("47406463-7050-4a00-983f-82431da62f30.jsonl");
    let copied = fork
        .find(r#""role":"user","content":"And now forked.""#)
        .and_then(|at| fork[..at].rfind('\n'))
        .expect("its own turn");
    let path = folder.path().join("47406463-7050-4a00-983f-82431da62f30.jsonl");
    std::fs::write(&path, &fork[..=copied]).expect("written");
    live.follow_more(&path);
    live.until("the copy", |store| {
        store.spans().filter(tracetui::store::SpanView::is_duplicate).count() >= 11
    });
    assert_eq!(output(&live.store), 795);
    append(&path, &fork[copied + 1..]);
    live.until("what it adds", |store| output(store) == 999);
    assert_eq!(live.store.totals().llm_calls, 10);
}

fn append(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut file = std::fs::File::options().append(true).open(path).expect("opens");
    file.write_all(text.as_bytes()).expect("written");
}
