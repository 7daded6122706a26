//! A real session, with a mock of the model, that was gone on with.

use super::LINES;
use crate::format::testing::{decode_files, fixture, fold, problems, totals};
use crate::format::{LineSample, detect_lines};
use crate::model::{SpanKind, Status, TokenSum};

#[test]
fn a_session_is_read() {
    let bytes = fixture("qwen/session.jsonl");
    let found = detect_lines(&LineSample::new(&bytes), None).expect("known").expect("decided");
    assert_eq!(found.format.name, "qwen-code", "{}", found.why);
    let batch = decode_files(&LINES, &[(String::new(), bytes.clone())]);
    assert_eq!(problems(&batch), "");
    let found = totals(&batch);
    // Five requests by its own account, of which one is shown to nobody.
    let tokens = TokenSum { input: 6_700, cache_read: 5_120, cache_write: 0, output: 400, reasoning: 160 };
    assert_eq!(found.tokens, tokens);
    assert_eq!((found.llm_calls, found.tool_calls, found.errors, found.open), (5, 2, 1, 0));
    let spans = fold(&batch);
    let names: Vec<_> = spans.iter().map(|span| batch.strings.get(span.name)).collect();
    assert!(names.contains(&"run_shell_command: ls -la && sleep 1"), "{names:?}");
    assert_eq!(spans.iter().filter(|span| span.kind == Some(SpanKind::Iteration)).count(), 2);
    let failed = spans.iter().find(|span| span.status == Some(Status::Error)).expect("a failed tool");
    assert_eq!(batch.strings.get(failed.error), "File not found: /home/me/project/missing.txt");
    let twice = decode_files(&LINES, &[(String::new(), [&bytes[..], &bytes[..]].concat())]);
    assert_eq!(totals(&twice).tokens, tokens);
}

#[test]
fn without_telemetry_the_answers_count() {
    let text = String::from_utf8(fixture("qwen/session.jsonl")).expect("text");
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("ui_telemetry")).collect();
    let batch = decode_files(&LINES, &[(String::new(), (lines.join("\n") + "\n").into_bytes())]);
    let found = totals(&batch);
    assert_eq!((found.llm_calls, found.tokens.input, found.tokens.output), (4, 5_300, 320));
}
