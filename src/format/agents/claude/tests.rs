//! Real sessions of three versions (with a mock of the model), and a made one with known sums.

use super::LINES;
use crate::format::testing::{NotedFile, decode_files, fixture, fold, problems, totals};
use crate::format::{LineSample, detect_lines};
use crate::model::{Batch, Parent, Role, SpanKind, SpanUpdate, Status, TokenSum, UsageNotes};

const MAIN: &str = "claude-code/2.1.197/11111111-2222-4333-8444-555555555555";

fn plain(path: &str) -> NotedFile {
    (String::new(), fixture(path))
}

fn noted(path: &str) -> NotedFile {
    let notes = String::from_utf8(fixture(&format!("{path}.meta.json"))).expect("text");
    (notes, fixture(&format!("{path}.jsonl")))
}

fn session() -> Vec<NotedFile> {
    let agent = format!("{MAIN}/subagents/agent-ab0abf6564ec8f5ae");
    vec![plain(&format!("{MAIN}.jsonl")), noted(&agent)]
}

fn made() -> Vec<NotedFile> {
    let base = "claude-code/synthetic/21636369-8b52-4b4a-97b7-50923ceb3ffd";
    let agents = ["a9e3b164d44c24f", "ade26c45bfad943", "ae656abc1096942"];
    let agents = agents.map(|agent| noted(&format!("{base}/subagents/agent-{agent}")));
    [vec![plain(&format!("{base}.jsonl"))], agents.into()].concat()
}

fn name<'a>(batch: &'a Batch, span: &SpanUpdate) -> &'a str {
    batch.strings.get(span.name)
}

/// The tree, one line for each span: indentation, kind, name, status.
fn tree(batch: &Batch) -> Vec<String> {
    let spans = fold(batch);
    let mut lines = Vec::new();
    let mut below: Vec<(usize, &SpanUpdate)> =
        spans.iter().filter(|span| span.parent == Parent::Root).map(|span| (0, span)).collect();
    while let Some((depth, span)) = below.pop() {
        let status = span.status.map_or("?", Status::as_str);
        lines.push(format!("{}{} {status}", "  ".repeat(depth), name(batch, span)));
        let mut children: Vec<_> =
            spans.iter().filter(|child| child.parent == Parent::Span(span.span)).collect();
        children.sort_by_key(|child| std::cmp::Reverse((child.start.map(|time| time.at), child.span)));
        below.extend(children.into_iter().map(|child| (depth + 1, child)));
    }
    assert_eq!(lines.len(), spans.len(), "every span is in the tree");
    lines
}

fn sums(input: u64, write: u64, read: u64, output: u64) -> TokenSum {
    TokenSum { input: input + write + read, cache_read: read, cache_write: write, output, reasoning: 0 }
}

#[test]
fn it_is_found() {
    let files = [
        format!("{MAIN}.jsonl"),
        format!("{MAIN}/subagents/agent-ab0abf6564ec8f5ae.jsonl"),
        "claude-code/1.0.60/8ab0f0a6-ec9b-42de-a950-7008329de395.jsonl".to_owned(),
        "claude-code/synthetic/21636369-8b52-4b4a-97b7-50923ceb3ffd.jsonl".to_owned(),
    ];
    for path in files {
        let found = detect_lines(&LineSample::new(&fixture(&path)), None).expect("known").expect("decided");
        assert_eq!(found.format.name, "claude-code", "{path}: {}", found.why);
        assert!(found.score >= 90, "{path}: {}", found.score);
    }
}

/// The sums of each message once, its largest usage: what the program itself counted, where it wrote final numbers.
#[test]
fn each_answer_counts_once() {
    let batch = decode_files(&LINES, &session());
    assert_eq!(totals(&batch).tokens, sums(115, 11_800, 33_900, 795));
    assert_eq!(problems(&batch), "");
    let agent = "claude-code/2.1.197_slow/22222223-2222-4333-8444-555555555555";
    let slow =
        [plain(&format!("{agent}.jsonl")), noted(&format!("{agent}/subagents/agent-af84b85adcf6897d0"))];
    let batch = decode_files(&LINES, &slow);
    assert_eq!(totals(&batch).tokens, sums(98, 11_500, 27_700, 504));
    let old = [plain("claude-code/1.0.60/8ab0f0a6-ec9b-42de-a950-7008329de395.jsonl")];
    assert_eq!(totals(&decode_files(&LINES, &old)).tokens, sums(82, 11_200, 21_800, 207));
}

#[test]
fn a_made_session_has_its_known_sums() {
    let batch = decode_files(&LINES, &made());
    let found = totals(&batch);
    assert_eq!(found.tokens, sums(182, 17_008 + 8_270, 469_134, 13_911));
    // Eighteen answers and a request that failed.
    assert_eq!((found.llm_calls, found.tool_calls, found.traces), (19, 20, 1));
    let spans = fold(&batch);
    let long: u64 =
        spans.iter().filter_map(|span| span.usage).map(|u| u64::from(u.parts.cache_write_1h)).sum();
    assert_eq!(long, 8_270);
    let of = |kind| spans.iter().filter(move |span| span.kind == Some(kind));
    assert_eq!(of(SpanKind::Tool).filter(|span| span.status == Some(Status::Error)).count(), 3);
    assert_eq!(of(SpanKind::Agent).count(), 4, "the session and three subagents");
    let bound =
        |span: &&SpanUpdate| span.usage.is_some_and(|u| u.parts.notes.has(UsageNotes::OUTPUT_AT_LEAST));
    assert_eq!(of(SpanKind::Llm).filter(bound).count(), 3);
    tree(&batch);
}

#[test]
fn order_of_files_and_repeated_lines_change_nothing() {
    let mut files = made();
    let want = totals(&decode_files(&LINES, &files));
    files.reverse();
    assert_eq!(totals(&decode_files(&LINES, &files)), want);
    let twice: Vec<NotedFile> =
        files.iter().map(|(notes, bytes)| (notes.clone(), [&bytes[..], &bytes[..]].concat())).collect();
    let again = totals(&decode_files(&LINES, &twice));
    assert_eq!(
        (again.tokens, again.llm_calls, again.tool_calls),
        (want.tokens, want.llm_calls, want.tool_calls)
    );
    // A file that is there under two names.
    let both = [files.clone(), files].concat();
    assert_eq!(totals(&decode_files(&LINES, &both)).tokens, want.tokens);
}

#[test]
fn a_session_is_a_tree_of_turns() {
    let batch = decode_files(&LINES, &session());
    let want = [
        "List the directory, read the files and delegate a count. ok",
        "  List the directory, read the files and delegate a count. ok",
        "    claude-sonnet-4-5 ok",
        "    Bash: ls -la && sleep 1 ok",
        "    claude-sonnet-4-5 ok",
        "    Read: hello.txt ok",
        "    Read: missing.txt error",
        "    claude-sonnet-4-5 ok",
        "    Agent: Count lines ok",
        "      general-purpose: Count lines ok",
        "        claude-sonnet-4-5 ok",
        "        Bash: wc -l /srv/agent/cli/ccwork/hello.txt ok",
        "        claude-sonnet-4-5 ok",
        "    claude-sonnet-4-5 ok",
        "    Bash: sleep 2; echo waited ok",
        "    claude-sonnet-4-5 ok",
        "  And summarise again. ok",
        "    claude-sonnet-4-5 ok",
    ];
    assert_eq!(tree(&batch), want);
    let mut files = session();
    files.reverse();
    assert_eq!(tree(&decode_files(&LINES, &files)), want);
    // Without its notes the subagent is linked by the result of the call.
    for (notes, _) in &mut files {
        notes.clear();
    }
    assert_eq!(tree(&decode_files(&LINES, &files))[8], want[8]);
    // The first call of the model began when the user had asked.
    let spans = fold(&batch);
    let call = spans.iter().find(|span| span.kind == Some(SpanKind::Llm)).expect("a call");
    assert_eq!(call.start.map(|time| time.at.to_rfc3339()).as_deref(), Some("2026-11-21T03:17:15.401Z"));
    assert_eq!(call.end.map(|time| time.at.to_rfc3339()).as_deref(), Some("2026-11-21T03:17:16.097Z"));
}

#[test]
fn old_versions_keep_subagents_in_the_same_file() {
    let old = [plain("claude-code/1.0.60/8ab0f0a6-ec9b-42de-a950-7008329de395.jsonl")];
    assert_eq!(
        tree(&decode_files(&LINES, &old)),
        [
            "List the directory and delegate a count. ok",
            "  List the directory and delegate a count. ok",
            "    claude-sonnet-4-20250514 ok",
            "    Bash: ls -la && sleep 1 ok",
            "    claude-sonnet-4-20250514 ok",
            "    Task: Count lines ok",
            "      general-purpose: Count lines ok",
            "        claude-sonnet-4-20250514 ok",
            "        Bash: wc -l /srv/agent/cli/ccwork/hello.txt ok",
            "        claude-sonnet-4-20250514 ok",
            "    claude-sonnet-4-20250514 ok",
            "    Bash: sleep 2; echo waited ok",
            "    claude-sonnet-4-20250514 ok",
        ]
    );
}

#[test]
fn failures_and_interruptions_are_told() {
    let failed =
        decode_files(&LINES, &[plain("claude-code/2.1.197/85b86d2d-43c1-4b69-b0c1-dc279c5a58f3.jsonl")]);
    assert_eq!(tree(&failed), ["this fails error", "  this fails error", "    API error error"]);
    let spans = fold(&failed);
    let call = spans.iter().find(|span| span.kind == Some(SpanKind::Llm)).expect("a call");
    assert_eq!(failed.strings.get(call.error), "API Error: 400 mock bad request");
    assert_eq!(call.usage, None, "what was not billed is no usage");
    let stopped =
        decode_files(&LINES, &[plain("claude-code/2.1.197/b0429b6d-cb0b-4b0a-88ab-c393d9076b16.jsonl")]);
    assert_eq!(
        tree(&stopped),
        [
            "gets interrupted cancelled",
            "  gets interrupted cancelled",
            "    claude-sonnet-4-5 ok",
            "    Bash: sleep 30 cancelled",
        ]
    );
}

/// What stands in the file while a tool runs.
#[test]
fn a_tool_without_result_runs() {
    let (_, bytes) = plain(&format!("{MAIN}.jsonl"));
    let begun: Vec<u8> = bytes.split_inclusive(|&byte| byte == b'\n').take(8).flatten().copied().collect();
    let batch = decode_files(&LINES, &[(String::new(), begun)]);
    let lines = tree(&batch);
    assert_eq!(lines.last().map(String::as_str), Some("    Bash: ls -la && sleep 1 running"));
    assert!(lines.iter().take(2).all(|line| line.ends_with("running")), "{lines:?}");
}

#[test]
fn replayed_answers_of_a_subagent_are_dropped() {
    let line = |side: bool, request: &str, output: u32| {
        format!(
            "{{\"type\":\"assistant\",\"uuid\":\"u{request}\",\"parentUuid\":null,\"sessionId\":\"s\",\"agentId\":{},\
             \"isSidechain\":{side},\"requestId\":\"{request}\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"message\":\
             {{\"id\":\"msg_1\",\"model\":\"claude-sonnet-4-5\",\"stop_reason\":\"end_turn\",\"content\":[],\
             \"usage\":{{\"input_tokens\":10,\"output_tokens\":{output}}}}}}}\n",
            if side { "\"a1\"" } else { "null" }
        )
    };
    let text = line(false, "r1", 7) + &line(true, "r2", 7) + &line(false, "r1", 5) + &line(false, "r1", 9);
    let batch = decode_files(&LINES, &[(String::new(), text.into_bytes())]);
    assert_eq!(totals(&batch).tokens, TokenSum { input: 10, output: 9, ..TokenSum::default() });
    assert_eq!(totals(&batch).llm_calls, 1);
}

#[test]
fn records_are_read_back() {
    let (_, bytes) = plain(&format!("{MAIN}.jsonl"));
    let batch = decode_files(&LINES, &[(String::new(), bytes.clone())]);
    let read = |wanted: &str| {
        let id = fold(&batch).iter().find(|span| name(&batch, span) == wanted).expect("the span").span;
        let mut detail = crate::model::SpanDetail::default();
        let mut seen = Vec::new();
        for payload in
            batch.updates.iter().filter(|update| update.span == id).filter_map(|update| update.payload)
        {
            if !seen.contains(&payload) {
                let from = payload.pos as usize;
                detail.merge((LINES.detail)(&bytes[from..from + payload.len as usize]));
                seen.push(payload);
            }
        }
        detail
    };
    let tool = read("Bash: ls -la && sleep 1");
    assert_eq!(tool.input.as_deref(), Some(r#"{"command":"ls -la && sleep 1","description":"List files"}"#));
    assert!(tool.output.is_some_and(|output| output.starts_with("total 12")));
    assert_eq!(tool.messages.len(), 2);
    let call = read("claude-sonnet-4-5");
    let said: Vec<_> = call.messages.iter().map(|m| (m.role, m.tool.as_deref(), m.output)).collect();
    assert_eq!(
        said,
        [
            (Role::User, None, false),
            (Role::Assistant, Some("thinking"), true),
            (Role::Assistant, None, true),
            (Role::Assistant, Some("Bash"), true),
        ]
    );
    assert!(call.attributes.iter().any(|(name, value)| name == "gitBranch" && value == "\"HEAD\""));
}

#[test]
fn hostile_lines_upset_nothing() {
    let lines = [
        "{}",
        "null",
        "{\"type\":\"assistant\"}",
        "{\"type\":\"assistant\",\"sessionId\":\"s\",\"message\":7}",
        "{\"type\":\"assistant\",\"sessionId\":\"s\",\"isSidechain\":true,\"message\":{\"content\":[[[]],7,{\"type\":\"tool_use\"}]}}",
        "{\"type\":\"user\",\"sessionId\":\"s\",\"timestamp\":\"never\",\"message\":{\"content\":{\"a\":1}}}",
        "{\"type\":\"user\",\"sessionId\":\"s\",\"toolUseResult\":[1],\"message\":{\"content\":[{\"type\":\"tool_result\"},{\"type\":\"tool_result\"}]}}",
        "{\"type\":\"progress\",\"sessionId\":\"s\",\"data\":{\"agentId\":\"a\",\"message\":{\"type\":\"user\",\"message\":{}}}}",
        "{\"type\":\"assistant\",\"sessionId\":\"s\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":-5,\"output_tokens\":1e300,\"cache_creation\":{\"ephemeral_1h_input_tokens\":99999999999999999999}}}}",
        "{\"type\":\"summary\",\"summary\":\"\\u001b[31m\\n\"}",
    ];
    let mut text = lines.join("\n").into_bytes();
    text.extend_from_slice(
        b"\n\xff\xfe{\"type\":\"user\",\"sessionId\":\"\xff\",\"message\":{\"content\":\"hi\"}}\n",
    );
    text.extend(
        format!(
            "{{\"type\":\"user\",\"sessionId\":\"s\",\"message\":{}1{}}}\n",
            "[".repeat(500),
            "]".repeat(500)
        )
        .bytes(),
    );
    let batch = decode_files(&LINES, &[("{\"toolUseId\":[1]".to_owned(), text.clone())]);
    assert!(batch.updates.len() < 60);
    for line in text.split(|&byte| byte == b'\n') {
        let _ = (LINES.detail)(line);
    }
}

#[test]
fn logs_with_sessions_and_times_of_their_own_are_no_session() {
    let line = r#"{"type":"click","name":"ok","sessionId":"11111111-2222-4333-8444-555555555555","timestamp":"2026-11-21T10:00:00Z"}"#;
    let found = crate::format::detect_stream(line.as_bytes(), &crate::format::Wish::default());
    assert_eq!(found.unwrap().unwrap().dialect.format.name, "generic");
}
