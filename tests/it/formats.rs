//! `tracetui formats`, `--map` and files that need unwrapping, on the command line.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::fs;
use std::path::Path;

use pretty_assertions::assert_eq;
use serde_json::Value;

use super::program::{fixture, source, tracetui};

const SPAN: &str = r#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"00f067aa0ba902b7","name":"draft","started_at":"2026-02-04T17:00:00Z","duration_ms":5,"model":"gpt-4o","input_tokens":12,"output_tokens":3}"#;
const PRIVATE: &str = r#"{"ctx":{"id":"t1"},"event":"draft","ts":1770224403000,"took":250,"llm":{"model":"gpt-4o","tokens":{"in":12,"out":3}}}"#;

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("written");
    path.to_string_lossy().into_owned()
}

#[test]
fn every_format_is_listed_with_what_writes_it() {
    let text = tracetui(&["formats"]).fine();
    let json = tracetui(&["formats", "--json"]).json();
    assert_eq!(json["schema"], "tracetui.formats/1");
    let listed = json["formats"].as_array().expect("a list");
    assert_eq!(listed.len(), tracetui::format::format_names().len());
    for format in listed {
        let name = format["name"].as_str().expect("a name");
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}");
        assert!(!format["written_by"].as_str().expect("a text").is_empty(), "{name}: say what writes it");
        assert!(!format["in"].as_array().expect("a list").is_empty(), "{name}");
    }
}

/// What is said, with the folder left out.
fn said(folder: &Path, run: &str) -> String {
    run.replace(&format!("{}/", folder.to_string_lossy()), "")
}

#[test]
fn a_file_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let good = [
        write(at, "a.json", &format!("[\n{SPAN},\n{SPAN}\n]\n")),
        write(at, "b.log", &format!("2026-02-04 INFO up\n2026-02-04 INFO {SPAN}\n")),
        write(at, "c.log", "{\"time\":1770224403000,\"level\":30,\"msg\":\"up\"}\n"),
    ];
    let mut arguments = vec!["formats"];
    arguments.extend(good.iter().map(String::as_str));
    insta::assert_snapshot!("formats_good", said(at, &tracetui(&arguments).fine()));
    let bad = [
        write(at, "d.ndjson", "{\"a\":1,\"b\":2}\n"),
        write(at, "e.ndjson", ""),
        write(at, "f.txt", "milk\nbread\n"),
    ];
    let mut arguments = vec!["formats"];
    arguments.extend(bad.iter().map(String::as_str));
    let run = tracetui(&arguments);
    assert_eq!((run.code, run.stderr.trim()), (2, ""));
    insta::assert_snapshot!("formats_bad", said(at, &run.stdout));
    let json = tracetui(&["formats", "--json", &good[0]]).json();
    let file = &json["files"][0];
    assert_eq!((&file["format"], &file["confidence"]), (&Value::from("native"), &Value::from(90)));
    assert!(file["framing"].as_str().expect("a text").contains("array"));
}

#[test]
fn databases_and_compressed_files_are_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = source("mastra/core-1.71.sql", folder.path());
    let json = tracetui(&["formats", "--json", &store]).json();
    assert_eq!(json["files"][0]["format"], "mastra");
    assert!(json["files"][0]["why"].as_str().expect("a text").contains("mastra_ai_spans"), "{json}");
    let codex = folder.path().join("state_5.sqlite");
    rusqlite::Connection::open(&codex)
        .expect("opens")
        .execute_batch("CREATE TABLE threads (id TEXT PRIMARY KEY, rollout_path, title, tokens_used)")
        .expect("made");
    let said = tracetui(&["formats", &codex.to_string_lossy()]).stdout;
    assert!(said.contains("~/.codex/sessions") && !said.contains("nearest"), "{said}");
    let packed = folder.path().join("a.ndjson.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(fs::File::create(&packed).expect("made"), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, format!("{SPAN}\n").as_bytes()).expect("written");
    encoder.finish().expect("written");
    let packed = packed.to_string_lossy().into_owned();
    let json = tracetui(&["formats", "--json", &packed]).json();
    assert_eq!(json["files"][0]["framing"], "gzip: one record per line");
    let report = tracetui(&["report", "--json", &packed]).json();
    assert_eq!(report["totals"]["tokens"]["total"], 15);
}

#[test]
fn a_private_format_is_read_by_a_map() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = write(folder.path(), "own.ndjson", &format!("{PRIVATE}\n"));
    let maps = [
        "trace=ctx.id",
        "start=ts",
        "duration_ms=took",
        "model=llm.model",
        "in=llm.tokens.in",
        "out=llm.tokens.out",
    ];
    let mut arguments = vec!["report", "--json", &log];
    for pair in &maps {
        arguments.extend(["--map", pair]);
    }
    let report = tracetui(&arguments).json();
    assert_eq!(report["totals"]["tokens"]["total"], 15);
    assert_eq!(report["totals"]["llm_calls"], 1);
    assert_eq!(report["totals"]["duration_ms"]["max"].as_f64(), Some(250.0));
    // The same from the configuration, under a name.
    let lines: Vec<String> = maps
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(field, path)| format!("{field} = \"{path}\""))
        .collect();
    let config = write(folder.path(), "config.toml", &format!("[map.own]\n{}\n", lines.join("\n")));
    let named = tracetui(&["report", "--json", "--config", &config, "--format", "own", &log]).json();
    assert_eq!(named["totals"], report["totals"]);
    // As an array, too.
    let array = write(folder.path(), "own.json", &format!("[{PRIVATE},{PRIVATE}]"));
    let named = tracetui(&["report", "--json", "--config", &config, "--format", "own", &array]).json();
    assert_eq!(named["totals"]["llm_calls"], 2);
    for (arguments, says) in [
        (["--map", "modle=x"], "the nearest is model"),
        (["--map", "trace"], "field=path"),
        (["--format", "own"], "no format is called own"),
    ] {
        let run = tracetui(&[&["report", &log], &arguments[..]].concat());
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains(says), "{}", run.stderr);
    }
    assert!(tracetui(&["report", "--map", "help"]).fine().contains("cache_read"));
    let both = tracetui(&["report", &log, "--map", "trace=a", "--format", "native"]);
    assert_eq!(both.code, 2);
}

#[test]
fn an_unknown_log_with_times_and_names_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = r#"{"timestamp":"2026-02-04T17:00:00Z","level":"error","message":"m0","latency_ms":10}"#;
    let lines: String = ["0", "1", "2"].map(|n| line.replace("m0", &format!("m{n}")) + "\n").concat();
    let log = write(folder.path(), "app.log", &lines);
    let report = tracetui(&["report", "--json", &log]).json();
    assert_eq!(report["sources"][0]["format"], "generic");
    assert_eq!((&report["totals"]["spans"], &report["totals"]["errors"]), (&Value::from(3), &Value::from(3)));
    let shown = tracetui(&["show", &log]).fine();
    assert!(shown.contains("m2"), "{shown}");
}

#[test]
fn a_path_of_a_map_that_fits_nothing_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = write(folder.path(), "own.ndjson", &format!("{PRIVATE}\n{PRIVATE}\n"));
    let map = ["--map", "trace=ctx.id", "--map", "model=llm.modle"];
    let run = tracetui(&[&["report", &log], &map[..]].concat());
    assert!(run.stderr.contains("none of the 2 records") && run.stderr.contains(": model=llm.modle"));
    assert_eq!((run.code, run.stderr.lines().count()), (0, 1), "{}", run.stderr);
    assert_eq!(tracetui(&["report", &log, "--map", "trace=ctx.id"]).stderr, "");
    let said = tracetui(&[&["formats", &log], &map[..]].concat()).fine();
    assert!(said.contains("trace=ctx.id  in 2 of 2 records"), "{said}");
    assert!(said.contains("model=llm.modle  in 0 of 2 records"), "{said}");
}

#[test]
fn what_is_left_out_or_damaged_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "a.ndjson", &format!("{SPAN}\n"));
    let stranger = write(at, "b.ndjson", "{\"a\":1}\n");
    let name = at.to_string_lossy().into_owned();
    for argument in [format!("{name}/**/*.ndjson"), name.clone()] {
        let run = tracetui(&["report", "--json", &argument]);
        assert_eq!(run.stderr, format!("tracetui: left out, of no known format: {stranger}\n"));
        assert_eq!(run.json()["totals"]["spans"], 1);
    }
    for argument in [&stranger, &format!("{name}/b*")] {
        let run = tracetui(&["report", argument]);
        assert!(run.code == 2 && run.stderr.contains("found: a"), "{}", run.stderr);
    }
    // Data that don't shrink much, so that what is cut is long.
    let lines: String = (0..4_000u64)
        .map(|n| {
            let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            SPAN.replace("00f067aa0ba902b7", &format!("{noise:016x}")) + "\n"
        })
        .collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, lines.as_bytes()).expect("written");
    let packed = encoder.finish().expect("written");
    let cut = at.join("cut.gz");
    fs::write(&cut, &packed[..packed.len() / 2]).expect("written");
    let run = tracetui(&["report", "--json", &cut.to_string_lossy()]);
    assert!(run.stderr.contains("cut.gz: its gzip data is damaged"), "{}", run.stderr);
    assert!(run.json()["totals"]["spans"].as_u64().is_some_and(|spans| spans > 100));
}

#[test]
fn folders_are_read_through() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("x/y")).expect("made");
    write(folder.path(), "x/y/a.json", &format!("[{SPAN}]"));
    write(folder.path(), "b.ndjson", &SPAN.replace("0af7", "1af7"));
    let name = folder.path().to_string_lossy().into_owned();
    let report = tracetui(&["report", "--json", &name]).json();
    assert_eq!(report["sources"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["totals"]["traces"], 2);
    let pattern = format!("{name}/**/*.json");
    let report = tracetui(&["report", "--json", &pattern]).json();
    assert_eq!(report["totals"]["traces"], 1);
    let console = fixture("otlp/python-sdk/console.json").to_string_lossy().into_owned();
    assert_eq!(tracetui(&["report", "--json", &console]).json()["sources"][0]["format"], "otlp-json");
}
