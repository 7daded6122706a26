//! Real threads of two versions (with a mock of the model), and made ones with known sums.

use super::LINES;
use super::output::Outcome;
use crate::format::json::Value;
use crate::format::testing::{NotedFile, decode_files, fixture, fold, problems, totals};
use crate::format::{LineSample, detect_lines};
use crate::model::{Batch, Parent, SpanKind, SpanUpdate, Status, TokenSum};

fn file(name: &str) -> NotedFile {
    (String::new(), fixture(&format!("codex/{name}.jsonl")))
}

fn sums(input: u64, cache_read: u64, output: u64, reasoning: u64) -> TokenSum {
    TokenSum { input, cache_read, cache_write: 0, output, reasoning }
}

/// The tree, one line for each span: indentation, name, status.
fn tree(batch: &Batch) -> Vec<String> {
    let spans = fold(batch);
    let mut lines = Vec::new();
    let mut below: Vec<(usize, &SpanUpdate)> =
        spans.iter().filter(|span| span.parent == Parent::Root).map(|span| (0, span)).collect();
    while let Some((depth, span)) = below.pop() {
        let status = span.status.map_or("?", Status::as_str);
        lines.push(format!("{}{} {status}", "  ".repeat(depth), batch.strings.get(span.name)));
        let mut children: Vec<_> =
            spans.iter().filter(|child| child.parent == Parent::Span(span.span)).collect();
        children.sort_by_key(|child| std::cmp::Reverse((child.start.map(|time| time.at), child.span)));
        below.extend(children.into_iter().map(|child| (depth + 1, child)));
    }
    assert_eq!(lines.len(), spans.len(), "every span is in the tree");
    lines
}

#[test]
fn it_is_found() {
    for name in ["main", "subagent", "old", "made"] {
        let found = detect_lines(&LineSample::new(&file(name).1), None).expect("known").expect("decided");
        assert_eq!(found.format.name, "codex", "{name}: {}", found.why);
    }
}

#[test]
fn what_was_used_counts_once() {
    let batch = decode_files(&LINES, &[file("main"), file("subagent")]);
    assert_eq!(problems(&batch), "");
    assert_eq!(totals(&batch).tokens, sums(61_000 + 18_500, 31_744 + 8_704, 900 + 300, 384 + 128));
    assert_eq!((totals(&batch).traces, totals(&batch).llm_calls), (1, 8));
    // This version wrote every total twice; the sum of its last usages would be 68,550.
    let old = totals(&decode_files(&LINES, &[file("old")]));
    assert_eq!(old.tokens, sums(39_000, 19_456, 600, 256));
    assert_eq!((old.llm_calls, old.tool_calls), (4, 3));
    // A context that overflows writes its size as a total.
    let failed = totals(&decode_files(&LINES, &[file("failed")]));
    assert_eq!((failed.tokens, failed.errors), (TokenSum::default(), 2));
}

#[test]
fn made_threads_have_their_known_sums() {
    for (name, tokens, errors) in
        [("made", sums(132_861, 106_286, 5_299, 164), 3), ("made-old", sums(134_077, 107_259, 4_535, 158), 5)]
    {
        let batch = decode_files(&LINES, &[file(name)]);
        let found = totals(&batch);
        assert_eq!(found.tokens, tokens, "{name}");
        assert_eq!((found.llm_calls, found.tool_calls, found.errors), (9, 8, errors), "{name}");
        assert_eq!(found.open, 0, "{name}");
        // The same file in the archive.
        let twice = decode_files(&LINES, &[file(name), file(name)]);
        assert_eq!(totals(&twice), found, "{name}");
    }
}

#[test]
fn a_thread_is_a_tree_of_turns() {
    let want = [
        "List the directory, read missing.txt and delegate a count. ok",
        "  List the directory, read missing.txt and delegate a count. ok",
        "    gpt-5.2-codex ok",
        "    exec_command: ls -la && sleep 1 ok",
        "    gpt-5.2-codex ok",
        "    exec_command: cat missing.txt error",
        "    gpt-5.2-codex ok",
        "    spawn_agent: SUBTASK count the lines of hello.txt ok",
        "      Hooke: SUBTASK count the lines of hello.txt ok",
        "        SUBTASK count the lines of hello.txt ok",
        "          gpt-5.2-codex ok",
        "          exec_command: wc -l hello.txt ok",
        "          gpt-5.2-codex ok",
        "    gpt-5.2-codex ok",
        "    exec_command: sleep 2; echo waited ok",
        "    gpt-5.2-codex ok",
        "  And summarise again. ok",
        "    gpt-5.2-codex ok",
    ];
    assert_eq!(tree(&decode_files(&LINES, &[file("main"), file("subagent")])), want);
    assert_eq!(tree(&decode_files(&LINES, &[file("subagent"), file("main")])), want);
}

#[test]
fn interruptions_failures_and_old_versions() {
    assert_eq!(
        tree(&decode_files(&LINES, &[file("interrupted")])),
        [
            "this gets interrupted cancelled",
            "  this gets interrupted cancelled",
            "    gpt-5.2-codex ok",
            "    exec_command: sleep 30 cancelled",
        ]
    );
    let failed = decode_files(&LINES, &[file("failed")]);
    assert_eq!(tree(&failed), ["this fails error", "  this fails error"]);
    let turn = fold(&failed).into_iter().find(|span| span.kind == Some(SpanKind::Iteration)).expect("a turn");
    assert!(failed.strings.get(turn.error).starts_with("Codex ran out of room"));
    let old = decode_files(&LINES, &[file("old")]);
    assert_eq!(
        tree(&old),
        [
            "List the directory and read missing.txt. ok",
            "  List the directory and read missing.txt. ok",
            "    gpt-5.2-codex ok",
            "    shell: ls -la && sleep 1 ok",
            "    gpt-5.2-codex ok",
            "    shell: cat missing.txt error",
            "    gpt-5.2-codex ok",
            "    update_plan ok",
            "    gpt-5.2-codex ok",
        ]
    );
}

#[test]
fn a_tool_without_result_runs() {
    let (_, bytes) = file("main");
    let begun: Vec<u8> = bytes.split_inclusive(|&byte| byte == b'\n').take(12).flatten().copied().collect();
    let lines = tree(&decode_files(&LINES, &[(String::new(), begun)]));
    assert_eq!(lines.last().map(String::as_str), Some("    exec_command: ls -la && sleep 1 running"));
    assert!(lines.iter().take(2).all(|line| line.ends_with("running")), "{lines:?}");
}

/// A subagent's file may begin with what its caller did and used.
#[test]
fn copies_of_another_thread_do_not_count() {
    let (_, caller) = file("main");
    let (_, child) = file("subagent");
    let mut lines = child.split_inclusive(|&byte| byte == b'\n');
    let mut copied = lines.next().expect("the first line").to_vec();
    copied.extend(caller.split_inclusive(|&byte| byte == b'\n').take(30).flatten());
    for line in lines {
        copied.extend_from_slice(line);
    }
    let batch = decode_files(&LINES, &[(String::new(), copied)]);
    assert_eq!(totals(&batch).tokens, sums(18_500, 8_704, 300, 128));
    assert_eq!(totals(&batch).tool_calls, 1);
}

#[test]
fn a_total_that_becomes_smaller_begins_anew() {
    let count = |total: u64, last: u64| {
        format!(
            "{{\"timestamp\":\"2026-01-01T00:00:00Z\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\
             \"info\":{{\"total_token_usage\":{{\"input_tokens\":{total}}},\"last_token_usage\":{{\"input_tokens\":{last}}}}}}}}}\n"
        )
    };
    let text: String =
        [count(100, 100), count(100, 100), count(300, 200), count(50, 50), count(80, 30)].concat();
    let batch = decode_files(&LINES, &[(String::new(), text.into_bytes())]);
    assert_eq!(totals(&batch).tokens.input, 380);
}

#[test]
fn results_tell_how_they_ended() {
    let read = |text: &str| Outcome::read(&Value::Text(text.into()));
    let new = read(
        "Chunk ID: 1\nWall time: 0.5 seconds\nProcess exited with code 2\nOutput:\nProcess exited with code 9",
    );
    assert_eq!((new.error.as_deref(), new.took), (Some("exit code 2"), Some(500_000_000)));
    let old = read(r#"{"output":"x","metadata":{"exit_code":0,"duration_seconds":1.5}}"#);
    assert_eq!((old.error, old.took), (None, Some(1_500_000_000)));
    assert!(read("Wall time: 3.6 seconds\naborted by user").stopped);
    assert_eq!(read("Plan updated"), Outcome::default());
    assert_eq!(read("{\"agent_id\":\"t\"}").agent.as_deref(), Some("t"));
}

#[test]
fn records_are_read_back() {
    let (_, bytes) = file("main");
    let batch = decode_files(&LINES, &[(String::new(), bytes.clone())]);
    let tool = fold(&batch).into_iter().find(|span| span.kind == Some(SpanKind::Tool)).expect("a tool");
    let mut detail = crate::model::SpanDetail::default();
    for payload in batch.updates.iter().filter(|update| update.span == tool.span).filter_map(|u| u.payload) {
        let from = payload.pos as usize;
        detail.merge((LINES.detail)(&bytes[from..from + payload.len as usize]));
    }
    assert_eq!(detail.input.as_deref(), Some("{\"cmd\": \"ls -la && sleep 1\"}"));
    assert!(detail.output.is_some_and(|output| output.starts_with("Chunk ID")));
    assert_eq!(detail.messages.len(), 2);
}

#[test]
fn hostile_lines_upset_nothing() {
    let payloads = [
        "{}",
        "[]",
        "{\"type\":\"token_count\",\"info\":{\"total_token_usage\":{\"input_tokens\":-1,\"output_tokens\":1e99}}}",
        "{\"type\":\"function_call\"}",
        "{\"type\":\"function_call_output\",\"output\":[[1],{\"text\":\"x\"}]}",
        "{\"type\":\"item_completed\",\"item\":{\"type\":\"CommandExecution\",\"exit_code\":\"x\"}}",
        "{\"type\":\"task_started\",\"turn_id\":\"\\u0000\"}",
        "{\"type\":\"message\",\"role\":\"assistant\",\"content\":7}",
        "{\"id\":\"x\",\"source\":{\"subagent\":{\"thread_spawn\":{\"parent_thread_id\":\"x\"}}}}",
    ];
    let mut text = Vec::new();
    for kind in
        ["event_msg", "response_item", "session_meta", "turn_context", "token_usage_record", "compacted"]
    {
        for payload in payloads {
            text.extend(format!("{{\"timestamp\":7,\"type\":\"{kind}\",\"payload\":{payload}}}\n").bytes());
        }
    }
    let batch = decode_files(&LINES, &[(String::new(), text.clone())]);
    assert!(batch.updates.len() < 200);
    for line in text.split(|&byte| byte == b'\n') {
        let _ = (LINES.detail)(line);
    }
}
