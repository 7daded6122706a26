//! Sessions of coding agents that are read while they are written.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tracetui::model::{Marks, TokenSum};
use tracetui::store::Store;

use super::live::{Live, words};
use super::program::fixture;

fn has(store: &Store, word: &str) -> bool {
    words(store).iter().any(|known| known == word)
}

/// Whole lines, several in one write, as the agents write them.
struct Log {
    file: std::fs::File,
    lines: Vec<String>,
    at: usize,
}

impl Log {
    fn new(path: &Path, from: &Path) -> Self {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let text = std::fs::read_to_string(from).expect("reads");
        let file = std::fs::File::create(path).expect("made");
        Self { file, lines: text.split_inclusive('\n').map(str::to_owned).collect(), at: 0 }
    }

    /// Writes on until a line holds `word`, that line included.
    fn until(&mut self, word: &str) {
        let more = self.lines[self.at..].iter().position(|line| line.contains(word)).expect("such a line");
        let end = self.at + more + 1;
        self.file.write_all(self.lines[self.at..end].concat().as_bytes()).expect("written");
        self.at = end;
    }

    fn rest(&mut self) {
        self.file.write_all(self.lines[self.at..].concat().as_bytes()).expect("written");
        self.at = self.lines.len();
    }
}

#[test]
fn the_developer_tools_of_the_ai_sdk_write_their_file_anew() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("generations.json");
    let text = std::fs::read_to_string(fixture("ai-devtools/v7.json")).expect("reads");
    let whole: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    // As they write it: in one go over what was there before.
    let write = |file: &serde_json::Value| {
        std::fs::write(&path, serde_json::to_string_pretty(file).expect("JSON")).expect("written");
    };
    let planner =
        whole["runs"].as_array().expect("runs").iter().position(|run| run["function_id"] == "planner");
    let run = whole["runs"][planner.expect("such a run")].clone();
    let mut steps: Vec<_> = whole["steps"].as_array().expect("steps").clone();
    steps.retain(|step| step["run_id"] == run["id"]);
    let mut open = steps[0].clone();
    for name in ["duration_ms", "output", "usage"] {
        open[name] = serde_json::Value::Null;
    }
    write(&serde_json::json!({ "runs": [run], "steps": [open] }));
    let mut live = Live::of(&path);
    live.until("a running call", |store| has(store, "gpt-4o running") && has(store, "planner running"));

    write(&serde_json::json!({ "runs": [run], "steps": steps }));
    live.until("its end", |store| has(store, "planner ok") && store.totals().tokens.input == 500);
    // Whole, and shorter again: the tools can be told to forget.
    write(&whole);
    live.until("all of it", |store| store.totals().tokens.input == 10_151);
    let totals = live.store.totals();
    assert_eq!((totals.spans, totals.tool_calls, totals.tokens.output), (23, 4, 1_425));
    let said = live.detail("validate");
    assert!(said.messages.iter().any(|message| message.text.contains("findingsCount")));
}

#[test]
fn a_claude_code_session_with_a_subagent_as_it_happens() {
    let from = fixture("claude-code/2.1.197");
    let (session, agent) = ("11111111-2222-4333-8444-555555555555", "subagents/agent-ab0abf6564ec8f5ae");
    let folder = tempfile::tempdir().expect("folder");
    let main: PathBuf = folder.path().join(format!("{session}.jsonl"));
    let side = folder.path().join(session).join(format!("{agent}.jsonl"));
    let mut log = Log::new(&main, &from.join(format!("{session}.jsonl")));
    let mut live = Live::new();
    live.follow(&main);

    log.until("ls -la");
    live.until("a running tool", |store| has(store, "Bash: ls -la && sleep 1 running"));
    let prompt = "List the directory, read the files and delegate a count.";
    assert!(has(&live.store, &format!("{prompt} running")));
    log.until("\"tool_use_id\":\"toolu_mock2310330003\"");
    live.until("its result", |store| has(store, "Bash: ls -la && sleep 1 ok"));

    log.until("SUBTASK count");
    live.until("a delegated task", |store| has(store, "Agent: Count lines running"));
    // The subagent's notes are there before its first line.
    std::fs::create_dir_all(side.parent().expect("a folder")).expect("made");
    let notes = std::fs::read(from.join(session).join(format!("{agent}.meta.json"))).expect("reads");
    std::fs::write(side.with_extension("meta.json"), notes).expect("written");
    let mut sublog = Log::new(&side, &from.join(session).join(format!("{agent}.jsonl")));
    live.follow(&side);
    sublog.until("wc -l");
    live.until("the subagent's tool", |store| {
        words(store).iter().any(|word| word.starts_with("Bash: wc -l") && word.ends_with("running"))
    });
    // It stands below the call, long before that has a result.
    let subagent = live.store.spans().find(|span| span.name() == "general-purpose: Count lines");
    let above = subagent.and_then(|span| span.parent()).expect("a parent");
    assert_eq!(above.name(), "Agent: Count lines");

    sublog.rest();
    log.rest();
    live.until("the end", |store| store.totals().tokens.output == 795);
    let said = words(&live.store);
    assert!(said.iter().all(|word| word.ends_with(" ok") || word == "Read: missing.txt error"), "{said:?}");
    let totals = live.store.totals();
    let tokens =
        TokenSum { input: 45_815, cache_read: 33_900, cache_write: 11_800, output: 795, reasoning: 0 };
    assert_eq!((totals.tokens, totals.llm_calls, totals.tool_calls), (tokens, 8, 6));
    let tool = live.store.spans().find(|span| span.name() == "Bash: ls -la && sleep 1").expect("the tool");
    let detail = live.catalog.read_detail(&tool.payloads()).expect("its records");
    assert!(detail.output.is_some_and(|output| output.starts_with("total 12")));
    assert_eq!(detail.messages.len(), 2);
}

#[test]
fn a_codex_thread_as_it_happens() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("rollout.jsonl");
    let mut log = Log::new(&path, &fixture("codex/main.jsonl"));
    let mut live = Live::new();
    live.follow(&path);
    log.until("\"function_call\"");
    live.until("a running tool", |store| has(store, "exec_command: ls -la && sleep 1 running"));
    log.until("\"function_call_output\"");
    live.until("its result", |store| has(store, "exec_command: ls -la && sleep 1 ok"));
    assert_eq!(live.store.totals().tokens.total(), 9_150);
    // The call that starts a subagent is over at once.
    log.until("nickname\\\":");
    let side = folder.path().join("rollout-2.jsonl");
    let mut sublog = Log::new(&side, &fixture("codex/subagent.jsonl"));
    live.follow(&side);
    sublog.until("\"function_call\"");
    live.until("the subagent's tool", |store| has(store, "exec_command: wc -l hello.txt running"));
    assert!(has(&live.store, "spawn_agent: SUBTASK count the lines of hello.txt ok"));
    sublog.rest();
    log.rest();
    live.until("the end", |store| store.totals().tokens.total() == 61_900 + 18_800);
    let tool = |store: &Store| has(store, "exec_command: cat missing.txt error");
    live.until("all tools", tool);
    assert!(!words(&live.store).iter().any(|word| word.ends_with("running")), "{:?}", words(&live.store));
}

#[test]
fn an_opencode_store_as_it_happens() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("opencode.db");
    let db = rusqlite::Connection::open(&path).expect("opens");
    let sql = "PRAGMA journal_mode=WAL;
        CREATE TABLE session(id text primary key, parent_id text, title text, directory text, agent text,
            time_created integer, time_updated integer);
        CREATE TABLE message(id text primary key, session_id text, time_created integer, time_updated integer, data text);
        CREATE TABLE part(id text primary key, message_id text, session_id text, time_created integer,
            time_updated integer, data text);
        INSERT INTO session VALUES('ses_1', NULL, 'A test', '/home/me/project', 'build', 1790000000000, 1790000000000);
        INSERT INTO message VALUES('msg_1', 'ses_1', 1790000000000, 1790000000000, '{\"role\":\"user\",\"time\":{\"created\":1790000000000}}');
        INSERT INTO part VALUES('prt_1', 'msg_1', 'ses_1', 1790000000000, 1790000000000, '{\"type\":\"text\",\"text\":\"Add a flag\"}');
        INSERT INTO message VALUES('msg_2', 'ses_1', 1790000001000, 1790000001000, '{\"role\":\"assistant\",\"parentID\":\"msg_1\",
            \"modelID\":\"gpt-4.1\",\"providerID\":\"openai\",\"cost\":0,\"tokens\":{\"input\":0,\"output\":0,\"reasoning\":0,
            \"cache\":{\"read\":0,\"write\":0}},\"time\":{\"created\":1790000001000}}');
        INSERT INTO part VALUES('prt_2', 'msg_2', 'ses_1', 1790000002000, 1790000002000, '{\"type\":\"tool\",\"tool\":\"bash\",
            \"state\":{\"status\":\"running\",\"input\":{\"command\":\"cargo test\"},\"time\":{\"start\":1790000002000}}}');";
    db.execute_batch(sql).expect("written");
    let mut live = Live::new();
    live.follow(&path);
    live.until("a running call and tool", |store| {
        has(store, "gpt-4.1 running")
            && has(store, "bash: cargo test running")
            && has(store, "Add a flag running")
    });
    // A subagent in the order in which its rows come: the tool first, which then says which session it started.
    let task = "INSERT INTO part VALUES('prt_3', 'msg_2', 'ses_1', 1790000002100, 1790000002100, '{\"type\":\"tool\",\"tool\":\"task\",
            \"state\":{\"status\":\"pending\",\"input\":{}}}');
        INSERT INTO session VALUES('ses_2', 'ses_1', 'Count lines', '/home/me/project', 'general', 1790000002200, 1790000002200);
        INSERT INTO message VALUES('msg_3', 'ses_2', 1790000002200, 1790000002200, '{\"role\":\"assistant\",
            \"modelID\":\"gpt-4.1-mini\",\"providerID\":\"openai\",\"time\":{\"created\":1790000002200}}');";
    db.execute_batch(task).expect("written");
    live.until("the subagent's call", |store| has(store, "gpt-4.1-mini running"));
    assert_eq!(live.store.traces().count(), 1);
    let start = "UPDATE part SET data = json_set(data, '$.state.status', 'running', '$.state.input', json('{\"description\":\"Count\"}'),
            '$.state.metadata', json('{\"sessionId\":\"ses_2\"}'), '$.state.time.start', 1790000002100) WHERE id = 'prt_3';";
    db.execute_batch(start).expect("written");
    live.until("the subagent below its tool", |store| {
        let child = store.spans().find(|span| span.name() == "Count lines");
        child.and_then(|child| child.parent()).is_some_and(|parent| parent.name() == "task: Count")
    });
    let over = "UPDATE message SET data = json_set(data, '$.time.completed', 1790000002900, '$.finish', 'stop', '$.cost', 0.25,
            '$.tokens', json('{\"input\":10,\"output\":2,\"reasoning\":0,\"cache\":{\"read\":0,\"write\":0}}'))
            WHERE id = 'msg_3';
        UPDATE part SET data = json_set(data, '$.state.status', 'completed', '$.state.time.end', 1790000002950) WHERE id = 'prt_3';";
    db.execute_batch(over).expect("written");
    live.until("its end", |store| has(store, "task: Count ok") && has(store, "Count lines ok"));
    let update = "UPDATE part SET data = json_set(data, '$.state.status', 'completed', '$.state.time.end', 1790000003000)
            WHERE id = 'prt_2';
        UPDATE message SET data = json_set(data, '$.time.completed', 1790000004000, '$.finish', 'stop', '$.cost', 0.25,
            '$.tokens', json('{\"input\":100,\"output\":20,\"reasoning\":5,\"cache\":{\"read\":1000,\"write\":0}}'))
            WHERE id = 'msg_2';";
    db.execute_batch(update).expect("written");
    live.until("their ends", |store| {
        has(store, "gpt-4.1 ok") && has(store, "bash: cargo test ok") && has(store, "Add a flag ok")
    });
    let totals = live.store.totals();
    assert_eq!((totals.tokens.input, totals.tokens.output, totals.cost.0), (1_110, 27, 500_000_000));
    let turn = live.store.spans().find(|span| span.name() == "Add a flag").expect("the turn");
    assert!(!turn.marks().has(Marks::ODD));
    let detail = live.catalog.read_detail(&turn.payloads()).expect("its rows");
    assert!(detail.messages.iter().any(|message| message.text == "Add a flag"));
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
