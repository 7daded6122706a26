//! Logs and stores of tracing products that are read while they are written, as their writers are known to write.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracetui::store::Store;

use super::live::{Live, words};
use super::live_stores::{tokens, writer};
use super::program::fixture;

fn read(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).expect("reads")
}

/// A log that grows by lines, each in two pieces.
struct Log {
    file: std::fs::File,
    path: PathBuf,
}

impl Log {
    fn new(folder: &Path, name: &str) -> Self {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        Self { file: std::fs::File::create(&path).expect("made"), path }
    }

    fn line(&mut self, line: &str) {
        let mut cut = line.len() / 2;
        while !line.is_char_boundary(cut) {
            cut += 1;
        }
        let (head, tail) = line.split_at(cut);
        for piece in [head, tail, "\n"] {
            self.file.write_all(piece.as_bytes()).expect("written");
            self.file.flush().expect("written");
        }
    }
}

fn has(store: &Store, word: &str) -> bool {
    words(store).iter().any(|known| known == word)
}

fn named(store: &Store) -> usize {
    store.spans().filter(|span| !span.name().is_empty()).count()
}

/// What is written over a file in place, as by somebody who saves the same search again.
fn rewrite(path: &Path, value: &Value) {
    let whole = path.with_extension("new");
    std::fs::write(&whole, value.to_string()).expect("written");
    std::fs::rename(&whole, path).expect("renamed");
}

#[test]
fn a_jaeger_file_that_is_saved_again_counts_once() {
    let whole: Value = serde_json::from_str(&read("jaeger/openinference.json")).expect("JSON");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("traces.json");
    let mut first = whole.clone();
    first["data"].as_array_mut().expect("traces").truncate(1);
    first["data"][0]["spans"].as_array_mut().expect("spans").truncate(4);
    std::fs::write(&path, first.to_string()).expect("written");
    let mut live = Live::of(&path);
    live.until("four spans", |store| named(store) == 4);
    assert_eq!(live.store.totals().tool_calls, 1);
    rewrite(&path, &whole);
    live.until("all spans", |store| named(store) == 15);
    assert_eq!((tokens(&live.store), live.store.totals().errors), ((18_008, 800), 2));
    assert_eq!(live.store.traces().count(), 2);
    rewrite(&path, &whole);
    std::thread::sleep(std::time::Duration::from_millis(300));
    live.until("the same once more", |store| named(store) == 15);
    assert_eq!(tokens(&live.store), (18_008, 800), "counted once");
    assert_eq!(live.detail("get_weather").output.as_deref(), Some(r#"{"temp_c":14}"#));
}

#[test]
fn zipkin_spans_come_one_a_line() {
    let folder = tempfile::tempdir().expect("folder");
    let mut log = Log::new(folder.path(), "spans.jsonl");
    let mut live = Live::of(&log.path);
    for (at, line) in read("zipkin/openinference.jsonl").lines().enumerate() {
        log.line(line);
        live.until("a span", |store| named(store) == at + 1);
    }
    assert_eq!((tokens(&live.store), live.store.totals().errors), ((18_008, 800), 2));
    // Children come first; in the end each is below its parent.
    assert_eq!(live.store.spans().filter(|span| span.parent().is_none()).count(), 2);
}

#[test]
fn pino_lines_come_beside_the_spans_that_they_name() {
    let folder = tempfile::tempdir().expect("folder");
    let mut log = Log::new(folder.path(), "api.log");
    let mut live = Live::of(&log.path);
    let text = read("native/flowmaestro-pino.ndjson");
    let mut failed = Value::Null;
    for (at, line) in text.lines().enumerate() {
        log.line(line);
        live.until("a line", |store| store.totals().events == at as u64 + 1);
        let record: Value = serde_json::from_str(line).expect("JSON");
        if record["level"] == 50 {
            failed = record;
        }
    }
    assert_eq!((live.store.totals().spans, tokens(&live.store)), (0, (0, 0)));
    // The span of the line that tells of a failure, from the store that keeps spans.
    let mut spans = Log::new(folder.path(), "spans.ndjson");
    live.follow(&spans.path.clone());
    let span = json!({"traceId": failed["traceId"], "spanId": failed["spanId"], "name": "tesseract",
        "spanType": "tool_execution", "status": "failed",
        "startedAt": "2026-01-12T10:00:00.000Z", "endedAt": "2026-01-12T10:00:01.000Z"});
    spans.line(&span.to_string());
    live.until("the span", |store| store.totals().spans == 1);
    let tool = live.store.spans().find(|span| span.name() == "tesseract").expect("the span");
    let below =
        live.store.spans().filter(|span| span.parent().is_some_and(|above| above.ix() == tool.ix())).count();
    assert_eq!((below, live.store.traces().count()), (1, 2), "the line stands below its span");
}

#[test]
fn mastra_telemetry_comes_when_spans_end() {
    let folder = tempfile::tempdir().expect("folder");
    let (db, path) = writer("mastra/telemetry-0.24.sql", folder.path(), true);
    let mut live = Live::of(&path);
    // Children are over before their parents are.
    for (at, tokens_in) in [120, 120, 120, 120].into_iter().enumerate() {
        let row = at + 1;
        db.execute_batch(&format!(
            "INSERT INTO main.mastra_traces SELECT * FROM whole.mastra_traces WHERE rowid = {row}"
        ))
        .expect("written");
        live.until("a span", |store| named(store) == row);
        assert_eq!(tokens(&live.store).0, tokens_in);
    }
    assert!(has(&live.store, "workflow.ticket.execute ok"), "{:?}", words(&live.store));
    assert_eq!(live.store.traces().count(), 1);
    let tool = live.store.spans().find(|span| span.name() == "mastra.stream.toolCall").expect("the tool");
    assert!(tool.parent().is_some());
    db.execute_batch("INSERT INTO main.mastra_traces SELECT * FROM whole.mastra_traces WHERE rowid = 5")
        .expect("written");
    live.until("another trace", |store| tokens(store) == (620, 80));
}

#[test]
fn requests_of_langsmith_come_as_they_are_flushed() {
    let folder = tempfile::tempdir().expect("folder");
    let mut log = Log::new(folder.path(), "run.requests.jsonl");
    let mut live = Live::of(&log.path);
    let open = |store: &Store| store.spans().filter(|span| span.end().is_none()).count();
    // Runs at the end of each flush: of the first, the chain that waits; of the second, a call; and so on.
    let runs = [(9, 1), (11, 1), (12, 0), (13, 0), (14, 1), (15, 0)];
    for (line, (count, running)) in read("langsmith/0.15-requests.jsonl").lines().zip(runs) {
        log.line(line);
        live.until("a flush", |store| store.spans().count() == count && open(store) == running);
    }
    assert_eq!((tokens(&live.store), live.store.totals().llm_calls), ((15_100, 550), 8));
    assert!(has(&live.store, "pipeline ok"), "{:?}", words(&live.store));
    let said = live.detail("find").output.expect("documents");
    assert!(said.contains("page_content"), "{said}");
}

#[test]
fn callbacks_of_the_agents_sdk_open_and_close_spans() {
    let folder = tempfile::tempdir().expect("folder");
    let mut log = Log::new(folder.path(), "run.events.jsonl");
    let mut live = Live::of(&log.path);
    let mut open = 0i64;
    for line in read("openai-agents/0.24-callbacks.jsonl").lines() {
        log.line(line);
        let event = line.split('"').nth(3).unwrap_or_default();
        open += match event {
            "on_trace_start" | "on_span_start" => 1,
            "on_trace_end" | "on_span_end" => -1,
            _ => 0,
        };
        live.until(event, |store| store.spans().filter(|span| span.end().is_none()).count() as i64 == open);
    }
    let totals = live.store.totals();
    assert_eq!((totals.spans, totals.llm_calls, totals.tool_calls, totals.errors), (64, 15, 5, 4));
    assert_eq!(tokens(&live.store), (104_500, 1810));
}

#[test]
fn a_launcher_writes_runs_and_their_events() {
    let folder = tempfile::tempdir().expect("folder");
    let (db, path) = writer("telemetry-api/launcher.sql", folder.path(), false);
    let mut live = Live::of(&path);
    let write = |sql: &str| db.execute_batch(sql).expect("written");
    let events = |from: u32, to: u32| {
        write(&format!(
            "INSERT INTO main.events SELECT * FROM whole.events WHERE id BETWEEN {from} AND {to}"
        ));
    };
    write(
        "BEGIN; INSERT INTO main.runs SELECT * FROM whole.runs WHERE job_type = 'launch';
         UPDATE main.runs SET status = 'running', end_time = NULL, duration_ms = NULL; COMMIT",
    );
    live.until("the launch", |store| has(store, "launch.orchestrator running"));
    events(1, 6);
    live.until("a step of a worker of an item", |store| {
        has(store, "W1.RepoScout running") && has(store, "TC-401 Clone inputs and resolve SHAs running")
    });
    events(7, 17);
    live.until("its end", |store| has(store, "W1.RepoScout ok") && has(store, "W1_RepoScout ok"));
    events(18, 26);
    live.until("a call", |store| has(store, "enrich_claims_batch_b54cf802 running"));
    // The same call as a run: posted, and patched when it is over.
    let call = "run_id LIKE '%-llm-enrich_claims_batch_b54cf802'";
    write(&format!(
        "BEGIN; INSERT INTO main.runs SELECT * FROM whole.runs WHERE {call};
         UPDATE main.runs SET status = 'running', end_time = NULL, duration_ms = NULL, metrics_json = NULL
           WHERE {call}; COMMIT"
    ));
    events(27, 27);
    live.until("its end", |store| has(store, "enrich_claims_batch_b54cf802 ok"));
    assert_eq!((tokens(&live.store), live.store.totals().llm_calls), ((1185, 584), 1));
    write(&format!("DELETE FROM main.runs WHERE {call}"));
    write("INSERT INTO main.runs SELECT * FROM whole.runs WHERE job_type <> 'launch'");
    events(28, 120);
    live.until("all of it", |store| store.totals().events == 32);
    write(
        "UPDATE main.runs SET status = 'success', end_time = '2026-02-08T09:08:00.412337+00:00' WHERE job_type = 'launch'",
    );
    live.until("the launch's end", |store| has(store, "launch.orchestrator ok"));
    live.until("all calls", |store| store.totals().llm_calls == 21);
    assert_eq!((tokens(&live.store), live.store.totals().spans), ((41_929, 32_038), 60));
    assert_eq!(live.store.traces().count(), 1, "whatever ids workers give themselves");
    let call = live.store.spans().find(|span| span.name() == "enrich_claims_batch_c41cba81").expect("a call");
    let above = call.parent().expect("its item");
    assert_eq!(above.name(), "W2.FactsBuilder");
}

#[test]
fn files_of_tta_dev_grow_in_a_folder() {
    let folder = tempfile::tempdir().expect("folder");
    let spans = read("native/tta-traces.jsonl");
    let mut traces = Log::new(folder.path(), ".observability/traces.jsonl");
    let mut live = Live::new();
    live.follow_all(folder.path());
    for line in spans.lines().take(20) {
        traces.line(line);
    }
    live.until("spans", |store| named(store) == 20);
    let mut session = Log::new(folder.path(), ".observability/agents/current_session.jsonl");
    for (at, action) in ["session_start", "read_file", "edit_file"].into_iter().enumerate() {
        session.line(
            &json!({"timestamp": format!("2026-04-02T10:00:0{at}.123456"), "provider": "anthropic",
                "model": "claude-sonnet-4-5", "tta_agent": "coder", "user": "u", "action_type": action,
                "action_data": {}})
            .to_string(),
        );
    }
    live.until("what an agent does", |store| store.totals().events == 3 && has(store, "coder ok"));
    let activity = json!({"trace_id": "0b9c7c52-6c3f-4f0e-9d0e-1c2b3a4d5e6f",
        "timestamp": "2026-04-02T10:00:00.123456", "activity_type": "test_run", "provider": "anthropic",
        "model": "claude-sonnet-4-5", "agent": "tester", "user": "u", "details": {"passed": 3}});
    let path = folder.path().join(".tta/traces/0b9c7c52-6c3f-4f0e-9d0e-1c2b3a4d5e6f.json");
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(&path, serde_json::to_string_pretty(&activity).expect("JSON")).expect("written");
    live.until("a file of one", |store| has(store, "tester ok"));
    for line in spans.lines().skip(20) {
        traces.line(line);
    }
    live.until("all spans", |store| tokens(store) == (3689, 1431));
}

/// After a rotation the new file's first record stands where the old one's did; both count.
#[test]
fn activities_of_a_rotated_file_are_all_there() {
    let record = |n: u64| {
        format!(
            r#"{{"timestamp":"2026-11-21T10:00:0{n}Z","activity_type":"call{n}","agent":"a","details":{{"usage":{{"input_tokens":100,"output_tokens":1}}}}}}"#
        ) + "\n"
    };
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("activity.jsonl");
    std::fs::write(&path, record(1)).expect("written");
    let mut live = Live::of(&path);
    live.until("the first", |store| store.totals().tokens.input == 100);
    std::fs::rename(&path, folder.path().join("activity.jsonl.1")).expect("renamed");
    std::fs::write(&path, record(2)).expect("written");
    live.until("the second", |store| store.spans().any(|span| span.name() == "call2"));
    assert_eq!(live.store.totals().tokens.input, 200);
}
