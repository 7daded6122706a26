use super::{LINES, detail};
use crate::format::testing::{decode, fold, problems, totals};
use crate::format::{Wish, detect_stream};
use crate::model::{SpanKind, Status, UnixNanos};

const SESSION: &str = r#"{"timestamp":"2026-04-02T10:00:00.123456","provider":"anthropic","model":"claude-sonnet-4-5","tta_agent":"coder","user":"u","action_type":"session_start","action_data":{}}
{"timestamp":"2026-04-02T10:00:04.000000","provider":"anthropic","model":"claude-sonnet-4-5","tta_agent":"coder","user":"u","action_type":"llm_call","action_data":{"prompt_tokens":100,"completion_tokens":20,"duration_ms":1500}}
{"timestamp":"2026-04-02T10:00:05.000000","provider":"anthropic","model":"claude-sonnet-4-5","tta_agent":"coder","user":"u","action_type":"test_run","action_data":{"status":"failed","error":"2 failed"}}
"#;
const ZEROS: &str = r#"{"timestamp":"2026-04-02T10:00:01+00:00","agent_name":"coder","action":"edit_file","context":{"file":"a.py"},"trace_id":"00000000000000000000000000000000","span_id":"0000000000000000"}
{"timestamp":"2026-04-02T10:00:02+00:00","agent_name":"coder","action":"run_tests","context":{},"trace_id":"00000000000000000000000000000000","span_id":"0000000000000000"}
"#;
const FILE: &str = r#"{
  "trace_id": "0b9c7c52-6c3f-4f0e-9d0e-1c2b3a4d5e6f",
  "timestamp": "2026-04-02T10:00:00.123456",
  "activity_type": "file_edit",
  "provider": "anthropic",
  "model": "claude-sonnet-4-5",
  "agent": "coder",
  "user": "u",
  "details": {"file": "a.py"}
}
"#;

#[test]
fn a_session_is_an_agent_with_activities() {
    let batch = decode(&LINES, SESSION.as_bytes());
    let totals = totals(&batch);
    assert_eq!(problems(&batch), "");
    assert_eq!((totals.traces, totals.spans, totals.events, totals.errors), (1, 2, 1 + 1, 0));
    assert_eq!((totals.llm_calls, totals.tokens.input, totals.tokens.output), (1, 100, 20));
    let spans = fold(&batch);
    let agent = spans.iter().find(|span| span.kind == Some(SpanKind::Agent)).unwrap();
    assert_eq!(batch.strings.get(agent.name), "coder");
    let at = |text: &str| UnixNanos::parse(text);
    assert_eq!(agent.start.map(|start| start.at), at("2026-04-02T10:00:00.123456Z"));
    assert_eq!(agent.end.map(|end| end.at), at("2026-04-02T10:00:05Z"));
    let failed = spans.iter().find(|span| span.status == Some(Status::Error)).unwrap();
    assert_eq!(batch.strings.get(failed.error), "2 failed");
    assert_eq!(detail(SESSION.lines().last().unwrap().as_bytes()).error.as_deref(), Some("2 failed"));
}

#[test]
fn ids_of_zeros_are_no_trace() {
    let batch = decode(&LINES, ZEROS.as_bytes());
    let totals = totals(&batch);
    assert_eq!((totals.traces, totals.spans, totals.events), (1, 1, 2));
}

#[test]
fn each_kind_of_file_is_known() {
    for text in [SESSION, ZEROS, FILE] {
        let found = detect_stream(text.as_bytes(), &Wish::default()).unwrap().unwrap();
        assert_eq!(found.dialect.format.name, "agent-activity");
        assert!(found.score >= 80);
    }
    let session = r#"{"id":"s1","started_at":"2026-04-02T10:00:00+00:00","agent_tool":"claude-code","project_path":"/p"}"#;
    let error = detect_stream(session.as_bytes(), &Wish::default()).err().unwrap();
    assert!(error.contains("spans.jsonl"), "{error}");
}
