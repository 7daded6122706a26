//! A real chat, with a mock of the model.

use super::LINES;
use crate::format::testing::{decode_files, fixture, fold, problems, totals};
use crate::format::{LineSample, detect_lines};
use crate::model::{SpanKind, Status, TokenSum};

/// Version 0.10 writes the whole chat anew; it keeps one of two answers that called a tool.
#[test]
fn a_chat_that_is_one_object_is_read() {
    let text = String::from_utf8(fixture("gemini/whole.json")).expect("text");
    let whole: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let batch = decode_files(&LINES, &[(String::new(), (whole.to_string() + "\n").into_bytes())]);
    assert_eq!(problems(&batch), "");
    let found = totals(&batch);
    let tokens = TokenSum { input: 14_200, cache_read: 4_096, cache_write: 0, output: 200, reasoning: 80 };
    assert_eq!(found.tokens, tokens);
    assert_eq!((found.llm_calls, found.tool_calls, found.errors, found.open), (2, 2, 1, 0));
}

#[test]
fn a_chat_is_read() {
    let bytes = fixture("gemini/session.jsonl");
    let found = detect_lines(&LineSample::new(&bytes), None).expect("known").expect("decided");
    assert_eq!(found.format.name, "gemini-cli", "{}", found.why);
    let batch = decode_files(&LINES, &[(String::new(), bytes.clone())]);
    assert_eq!(problems(&batch), "");
    let found = totals(&batch);
    // Each answer once, though it is written twice; thoughts are beside the output.
    let tokens = TokenSum { input: 21_300, cache_read: 6_144, cache_write: 0, output: 300, reasoning: 120 };
    assert_eq!(found.tokens, tokens);
    assert_eq!((found.llm_calls, found.tool_calls, found.errors, found.open), (3, 2, 1, 0));
    let spans = fold(&batch);
    let names: Vec<_> = spans.iter().map(|span| batch.strings.get(span.name)).collect();
    assert_eq!(names[0], "List the directory and read missing.txt.");
    assert!(names.contains(&"run_shell_command: ls -la && sleep 1"), "{names:?}");
    let failed = spans.iter().find(|span| span.status == Some(Status::Error)).expect("a failed tool");
    assert_eq!(batch.strings.get(failed.error), "File not found: /srv/agent/cli/gmwork/missing.txt");
    let twice = decode_files(&LINES, &[(String::new(), [&bytes[..], &bytes[..]].concat())]);
    assert_eq!(totals(&twice).tokens, tokens);
}

#[test]
fn records_are_read_back() {
    let bytes = fixture("gemini/session.jsonl");
    let batch = decode_files(&LINES, &[(String::new(), bytes.clone())]);
    let tool = fold(&batch).into_iter().find(|span| span.kind == Some(SpanKind::Tool)).expect("a tool");
    let payload = tool.payload.expect("a place");
    let detail = (LINES.detail)(&bytes[payload.pos as usize..][..payload.len as usize]);
    assert_eq!(
        detail.input.as_deref(),
        Some("{\"command\":\"ls -la && sleep 1\",\"description\":\"List files\"}")
    );
    assert_eq!(detail.messages.len(), 2);
    for line in [
        "{\"id\":7}",
        "{\"$set\":1}",
        "{\"id\":\"a\",\"type\":\"gemini\",\"toolCalls\":[[],{}],\"tokens\":[]}",
        "x",
    ] {
        decode_files(&LINES, &[(String::new(), line.as_bytes().to_vec())]);
        let _ = (LINES.detail)(line.as_bytes());
    }
}
