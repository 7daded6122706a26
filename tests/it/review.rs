//! Defects that a review found: each test says what should be so.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::io::Write as _;
use std::path::Path;

use super::live::Live;
use super::program::{fixture, tracetui};

fn chat(span: u8, response: &str, start: u64, input: u64) -> String {
    let from = 1_762_869_600 + start;
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"scope":{{"name":"x"}},"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00000000000000{span:02x}","name":"chat llama3.1","startTimeUnixNano":"{from}000000000","endTimeUnixNano":"{}000000000","attributes":[{{"key":"gen_ai.operation.name","value":{{"stringValue":"chat"}}}},{{"key":"gen_ai.request.model","value":{{"stringValue":"llama3.1:8b"}}}},{{"key":"gen_ai.response.id","value":{{"stringValue":"{response}"}}}},{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"{input}"}}}},{{"key":"gen_ai.usage.output_tokens","value":{{"intValue":"10"}}}}]}}]}}]}}]}}"#,
        from + 1
    ) + "\n"
}

/// Ollama's OpenAI endpoint picks one of 999 ids: two calls a minute apart that drew the same number are two calls.
#[test]
fn ids_that_servers_draw_from_a_few_do_not_hide_calls() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("calls.jsonl");
    std::fs::write(&path, chat(1, "chatcmpl-417", 0, 1000) + &chat(2, "chatcmpl-417", 60, 2000))
        .expect("written");
    let report = tracetui(&["report", "--json", &path.to_string_lossy()]).json();
    assert_eq!(report["totals"]["tokens"]["input"], 3000, "{}", report["totals"]);
}

/// A folder is what can be read in it: a database or a compressed log of something else is left out.
#[test]
fn a_folder_with_other_peoples_files_is_read() {
    let put = |folder: &Path| {
        std::fs::copy(fixture("codex/old.jsonl"), folder.join("rollout.jsonl")).expect("copied");
    };
    let with_database = tempfile::tempdir().expect("folder");
    put(with_database.path());
    let other = rusqlite::Connection::open(with_database.path().join("state_5.sqlite")).expect("opens");
    other.execute_batch("CREATE TABLE threads(id, title); INSERT INTO threads VALUES(1, 'x')").expect("made");
    drop(other);
    let with_empty = tempfile::tempdir().expect("folder");
    put(with_empty.path());
    std::fs::write(with_empty.path().join("later.db"), "").expect("written");
    let with_packed = tempfile::tempdir().expect("folder");
    put(with_packed.path());
    let file = std::fs::File::create(with_packed.path().join("access.log.gz")).expect("made");
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(b"GET / 200\nGET /x 404\n").expect("written");
    packed.finish().expect("written");
    let mut failed = Vec::new();
    for (what, folder) in [("database", &with_database), ("empty", &with_empty), ("packed", &with_packed)] {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_tracetui"))
            .args(["report", "--json"])
            .arg(folder.path())
            .output()
            .expect("runs");
        if !ran.status.success() {
            failed.push(format!("{what}: {}", String::from_utf8_lossy(&ran.stderr)));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

const SESSION: &str = "11111111-2222-4333-8444-555555555555";

fn answer(uuid: &str, output: u64, stop: &str) -> String {
    format!(
        r#""type":"assistant","uuid":"{uuid}","timestamp":"2026-11-21T10:00:04.500Z","requestId":"req_2","message":{{"id":"msg_01CCCCCCCCCCCCCCCCCCCCCC","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[{{"type":"text","text":"x"}}],"stop_reason":{stop},"usage":{{"input_tokens":10,"output_tokens":{output}}}}}"#
    )
}

/// The session's own file repeats, as progress, what a subagent was answered when the answer began; the subagent's file
/// has the whole answer. Which file is opened first must not matter.
#[test]
fn progress_and_a_subagents_file_give_the_same_sums_in_any_order() {
    let line = |rest: &str| format!(r#"{{"sessionId":"{SESSION}","cwd":"/x",{rest}}}"#) + "\n";
    let main = line(
        r#""type":"user","uuid":"u1","parentUuid":null,"timestamp":"2026-11-21T10:00:00.000Z","isSidechain":false,"message":{"role":"user","content":"go"}"#,
    ) + &line(&format!(
        r#""type":"progress","uuid":"p1","parentUuid":"u1","timestamp":"2026-11-21T10:00:05.000Z","isSidechain":false,"parentToolUseID":"toolu_1","data":{{"type":"agent_progress","agentId":"abc","message":{{{}}}}}"#,
        answer("s2", 2, "null")
    ));
    let sub = line(
        r#""type":"user","uuid":"s1","parentUuid":null,"timestamp":"2026-11-21T10:00:03.000Z","isSidechain":true,"agentId":"abc","message":{"role":"user","content":"do"}"#,
    ) + &line(&format!(
        r#""parentUuid":"s1","isSidechain":true,"agentId":"abc",{}"#,
        answer("s2", 500, "\"end_turn\"")
    ));
    let folder = tempfile::tempdir().expect("folder");
    let (main_path, sub_path) = (folder.path().join("main.jsonl"), folder.path().join("sub.jsonl"));
    std::fs::write(&main_path, main).expect("written");
    std::fs::write(&sub_path, sub).expect("written");
    let mut outputs = Vec::new();
    for order in [[&main_path, &sub_path], [&sub_path, &main_path]] {
        let mut live = Live::new();
        let mut spans = 0;
        for path in order {
            live.follow(path);
            live.until("spans", |store| {
                store.spans().filter(|span| span.usage().is_some()).count() == 1
                    && store.spans().map(|span| span.payloads().len()).sum::<usize>() > spans
            });
            std::thread::sleep(std::time::Duration::from_millis(200));
            live.until("rest", |_| true);
            spans = live.store.spans().map(|span| span.payloads().len()).sum::<usize>();
        }
        outputs.push(live.store.totals().tokens.output);
    }
    assert_eq!(outputs, [500, 500]);
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

/// A session that has just begun stands for the subagents it will have.
#[test]
fn a_session_is_known_by_its_first_lines() {
    let from = fixture("claude-code/forked-2.1.330/47406463-7050-4a00-983f-82431da62f30.jsonl");
    let text = std::fs::read_to_string(from).expect("reads");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("47406463-7050-4a00-983f-82431da62f30.jsonl");
    for lines in 1..5 {
        let first: String = text.split_inclusive('\n').take(lines).collect();
        std::fs::write(&path, &first).expect("written");
        let is_session =
            tracetui::source::is_folder(&path.to_string_lossy(), &tracetui::format::Wish::default());
        assert!(is_session, "after {lines} lines: {first:.200}");
    }
}

/// A session that left memory and came back is charged for what it was charged for before: that its beginning is a copy
/// shows only from lines before its first span.
#[test]
fn a_fork_that_left_memory_is_still_a_copy() {
    use tracetui::price::{CostMode, PriceTable};
    use tracetui::source::{Catalog, Follow, SourceEvent, SourceId, SourceSpec, StopFlag, spawn};
    use tracetui::store::{Arrival, Store, TraceIx};
    let from = fixture("claude-code/forked-2.0.30");
    let folder = tempfile::tempdir().expect("folder");
    let (old, new) = ("11111111-2222-4333-8444-555555550551", "f1111111-2222-4333-8444-555555550551");
    let mut files = Vec::new();
    for name in [old, "a39b3cfb-f070-471d-ab5a-1baf446958f7"] {
        let text = std::fs::read_to_string(from.join(format!("{name}.jsonl"))).expect("reads");
        let path = folder.path().join(format!("{}.jsonl", name.replace(old, new)));
        std::fs::write(&path, text.replace(old, new)).expect("written");
        files.push(path);
    }
    let catalog = std::sync::Arc::new(Catalog::default());
    let mut store = Store::new();
    store.set_pricing(Box::new(PriceTable::builtin()), CostMode::Auto);
    let arrival = Arrival { at: tracetui::model::UnixNanos(0), live: false };
    for (at, path) in files.into_iter().enumerate() {
        let (tx, mut rx) = tokio::sync::mpsc::channel(16);
        let (source, catalog) = (SourceId(at as u16), catalog.clone());
        let thread =
            spawn(SourceSpec::Path(path), source, catalog, Follow::Once, None, tx, StopFlag::default());
        while let Some(message) = rx.blocking_recv() {
            match message.event {
                SourceEvent::Segment { id, .. } => store.add_segment(id, message.source),
                SourceEvent::Batch(batch) => store.apply(message.source, &batch, arrival),
                _ => {}
            }
        }
        thread.join().expect("a reader");
    }
    let bills = |store: &Store| -> Vec<(String, u64)> {
        store.traces().map(|trace| (trace.id_text(), trace.totals().tokens.output)).collect()
    };
    let before = bills(&store);
    store.evict(0, |_| false);
    for trace in (0..store.trace_count()).map(TraceIx::from_index) {
        let view = store.trace(trace);
        let ranges = store.record_ranges(trace);
        let batch = catalog.read_trace(view.id(), &ranges, view.last_activity()).expect("reads once more");
        store.restore(trace, &batch);
    }
    assert_eq!(bills(&store), before);
}

/// A file that its writer writes anew as a whole holds all of its runs still: one that left memory comes back.
#[test]
fn runs_of_a_file_that_is_written_as_a_whole_come_back() {
    use tracetui::price::{CostMode, PriceTable};
    use tracetui::store::TraceIx;
    let text = std::fs::read_to_string(fixture("ai-devtools/v7.json")).expect("reads");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("generations.json");
    std::fs::write(&path, &text).expect("written");
    let mut live = Live::new();
    live.store.set_pricing(Box::new(PriceTable::builtin()), CostMode::Auto);
    live.follow(&path);
    let payloads =
        |store: &tracetui::store::Store| store.spans().map(|span| span.payloads().len()).sum::<usize>();
    live.until("all of it", |store| store.totals().tokens.input == 10_151 && store.totals().spans == 23);
    let first = payloads(&live.store);
    std::fs::write(&path, text.replacen('{', "{ ", 1)).expect("written");
    live.until("it was read again", |store| payloads(store) == 2 * first);
    assert!(live.store.evict(0, |_| false) > 0);
    for trace in (0..live.store.trace_count()).map(TraceIx::from_index) {
        let view = live.store.trace(trace);
        let ranges = live.store.record_ranges(trace);
        let read = live.catalog.read_trace(view.id(), &ranges, view.last_activity());
        assert!(read.is_ok(), "trace {}: {:?}", view.id_text(), read.err());
    }
}
