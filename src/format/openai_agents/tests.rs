use super::{LINES, detail};
use crate::format::testing::{decode, fixture, fold, problems, totals};
use crate::model::{Role, SpanKind, Status, UnixNanos};

#[test]
fn only_generations_and_responses_are_calls() {
    let batch = decode(&LINES, &fixture("openai-agents/ticket.ndjson"));
    let totals = totals(&batch);
    assert_eq!(problems(&batch), "");
    assert_eq!((totals.traces, totals.spans, totals.open), (1, 7, 0));
    assert_eq!((totals.llm_calls, totals.tool_calls, totals.errors), (2, 1, 1));
    let tokens = totals.tokens;
    assert_eq!((tokens.input, tokens.cache_read, tokens.output, tokens.reasoning), (1056, 100, 244, 10));
}

#[test]
fn a_trace_takes_its_times_from_its_outermost_spans() {
    let text = fixture("openai-agents/ticket.ndjson");
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let root = |lines: &[&[u8]]| {
        let batch = decode(&LINES, &lines.join(&b'\n'));
        let root = fold(&batch).into_iter().find(|span| span.kind == Some(SpanKind::Workflow)).unwrap();
        let name = batch.strings.get(root.name).to_owned();
        (name, root.status, root.start.map(|at| at.at), root.end.map(|at| at.at))
    };
    let at = |text: &str| UnixNanos::parse(text);
    let (name, status, start, end) = root(&lines[..2]);
    assert_eq!((name.as_str(), status, end), ("ticket-generation", Some(Status::Running), None));
    assert_eq!(start, at("2026-11-21T03:10:00Z"));
    let (_, status, _, end) = root(&lines);
    assert_eq!((status, end), (Some(Status::Ok), at("2026-11-21T03:10:02Z")));
}

#[test]
fn bodies_of_exports_and_callbacks_hold_the_same_items() {
    let text = String::from_utf8(fixture("openai-agents/ticket.ndjson")).unwrap();
    let body = format!("{{\"data\":[{}]}}", text.lines().collect::<Vec<_>>().join(","));
    let calls: Vec<_> =
        text.lines().map(|line| format!("{{\"event\":\"on_span_end\",\"span\":{line}}}")).collect();
    let want = totals(&decode(&LINES, text.as_bytes()));
    assert_eq!(totals(&decode(&LINES, body.as_bytes())), want);
    assert_eq!(totals(&decode(&LINES, calls.join("\n").as_bytes())), want);
}

#[test]
fn a_generation_is_read_with_its_messages() {
    let text = String::from_utf8(fixture("openai-agents/ticket.ndjson")).unwrap();
    let detail = detail(text.lines().nth(3).unwrap().as_bytes());
    assert_eq!(
        (detail.messages[0].role, detail.messages[0].text.as_str()),
        (Role::User, "Validate acme/web")
    );
    assert_eq!(detail.messages.last().unwrap().tool.as_deref(), Some("validate"));
}

#[test]
fn callbacks_and_what_is_sent_say_the_same() {
    let logged = decode(&LINES, &fixture("openai-agents/0.24-callbacks.jsonl"));
    let sent = decode(&LINES, &fixture("openai-agents/0.24-batch.json"));
    // Eleven responses, two generations and two that failed; two of the lines say that the processor is shut down.
    for (batch, reasoning) in [(&logged, 768), (&sent, 0)] {
        let totals = totals(batch);
        assert_eq!(problems(batch), "");
        assert_eq!((totals.traces, totals.llm_calls, totals.tool_calls, totals.errors), (7, 15, 5, 4));
        let tokens = totals.tokens;
        // What is sent has the usage of a response, and the details of a generation, only in its turn.
        assert_eq!((tokens.input, tokens.cache_read, tokens.output), (104_500, 50_176, 1_810));
        assert_eq!((tokens.reasoning, totals.open), (reasoning, 0));
    }
}

#[test]
fn a_trace_of_callbacks_goes_on_until_it_is_over() {
    let text = String::from_utf8(fixture("openai-agents/0.24-callbacks.jsonl")).unwrap();
    let first = text.lines().next().unwrap();
    let id = serde_json::from_str::<serde_json::Value>(first).unwrap()["data"]["id"].to_string();
    let own: Vec<&str> = text.lines().filter(|line| line.contains(&id)).collect();
    // Two runs of agents and a span of the user's, one after the other.
    let mut standing = Vec::new();
    for end in 1..=own.len() {
        let batch = decode(&LINES, own[..end].join("\n").as_bytes());
        let root = fold(&batch).into_iter().find(|span| span.kind == Some(SpanKind::Workflow)).unwrap();
        standing.push(root.status);
    }
    assert_eq!(standing.pop(), Some(Some(Status::Ok)));
    assert!(standing.iter().all(|status| *status == Some(Status::Running)), "{standing:?}");
}

#[test]
fn an_error_is_told_with_its_cause() {
    let text = String::from_utf8(fixture("openai-agents/0.24-callbacks.jsonl")).unwrap();
    let failed = text.lines().find(|line| line.contains("mock overloaded")).unwrap();
    let error = detail(failed.as_bytes()).error.unwrap();
    assert_eq!(error, "Error getting response: Error code: 500 - mock overloaded");
}
