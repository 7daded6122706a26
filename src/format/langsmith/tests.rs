use super::{LINES, detail};
use crate::format::testing::{decode, fixture, fold, problems, totals};
use crate::model::{Parent, Role, SpanKind};

#[test]
fn posts_and_patches_are_runs() {
    let batch = decode(&LINES, &fixture("langsmith/agent.ndjson"));
    let totals = totals(&batch);
    assert_eq!(problems(&batch), "");
    assert_eq!((totals.traces, totals.spans, totals.open), (1, 4, 0));
    assert_eq!((totals.llm_calls, totals.tool_calls, totals.errors), (1, 1, 1));
    let tokens = totals.tokens;
    assert_eq!((tokens.input, tokens.cache_read, tokens.cache_write), (1500, 1000, 200));
    assert_eq!((tokens.output, tokens.reasoning), (40, 8));
    let spans = fold(&batch);
    let call = spans.iter().find(|span| span.kind == Some(SpanKind::Llm)).unwrap();
    assert_eq!(batch.strings.get(call.model), "claude-sonnet-4-5");
    assert_eq!(call.parent, Parent::Span(spans[1].span));
    let tool = spans.iter().find(|span| span.kind == Some(SpanKind::Tool)).unwrap();
    assert!(batch.strings.get(tool.error).starts_with("TimeoutError('no answer')"));
}

#[test]
fn each_run_of_a_batch_has_a_place_of_its_own() {
    let text = fixture("langsmith/agent.ndjson");
    let batch = decode(&LINES, &text);
    let call = batch.updates.iter().find(|update| update.kind == Some(SpanKind::Llm)).unwrap();
    let at = call.payload.unwrap();
    let own = &text[at.pos as usize..][..at.len as usize];
    assert_eq!(detail(own).messages.len(), 2);
    let stamps: Vec<_> = batch.updates.iter().map(|update| update.stamp).collect();
    assert!(stamps.is_sorted_by(|one, other| one < other), "{stamps:?}");
}

#[test]
fn serialized_messages_are_messages() {
    let text = String::from_utf8(fixture("langsmith/agent.ndjson")).unwrap();
    let said = detail(text.lines().nth(1).unwrap().as_bytes()).messages;
    let words: Vec<_> = said.iter().map(|said| (said.role, said.text.as_str(), said.output)).collect();
    assert_eq!(words, [(Role::User, "Weather?", false), (Role::Assistant, "Mild.", true)]);
}

/// The same requests as other servers keep them, by what is made of a body.
fn kept(body: impl Fn(&str) -> serde_json::Value) -> Vec<u8> {
    let text = String::from_utf8(fixture("langsmith/0.15-requests.jsonl")).unwrap();
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let request: serde_json::Value = serde_json::from_str(line).unwrap();
            body(request["body"].as_str().unwrap()).to_string()
        })
        .collect();
    lines.join("\n").into_bytes()
}

/// The parts of a body: names and contents.
fn parts(body: &str) -> Vec<(String, String)> {
    let (boundary, _) = body.split_once("\r\n").unwrap();
    let parts = body.split(boundary).filter(|part| part.contains("name="));
    let part = |part: &str| {
        let (head, content) = part.split_once("\r\n\r\n").unwrap();
        let name = head.split("name=\"").nth(1).unwrap().split('"').next().unwrap();
        (name.to_owned(), content.trim_end().to_owned())
    };
    parts.map(part).collect()
}

#[test]
fn requests_are_read_however_they_were_kept() {
    use serde_json::{Value as Json, json};
    let as_json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    let shapes = [
        fixture("langsmith/0.15-requests.jsonl"),
        kept(|body| json!({"path": "/runs/multipart", "raw": body})),
        kept(|body| {
            let part =
                |(name, content): (String, String)| json!({"name": name, "type": "json", "body": content});
            json!({"parts": parts(body).into_iter().map(part).collect::<Vec<_>>()})
        }),
        kept(|body| {
            let part = |(name, content): (String, String)| json!({"name": name, "data": as_json(&content)});
            json!({"request": {"parts": parts(body).into_iter().map(part).collect::<Vec<_>>()}})
        }),
        kept(|body| {
            let part = |(name, content): (String, String)| json!([name, as_json(&content)]);
            json!({"parts": parts(body).into_iter().map(part).collect::<Vec<_>>()})
        }),
        kept(|body| parts(body).into_iter().map(|(name, content)| (name, as_json(&content))).collect()),
    ];
    for (at, text) in shapes.iter().enumerate() {
        let batch = decode(&LINES, text);
        let totals = totals(&batch);
        assert_eq!(problems(&batch), "", "{at}");
        assert_eq!((totals.traces, totals.spans, totals.open), (7, 15, 0), "{at}");
        // What the model answered: chats of 1200, one of 1300, a response of 9000; two failed.
        assert_eq!((totals.llm_calls, totals.tool_calls, totals.errors), (8, 1, 2), "{at}");
        assert_eq!((totals.tokens.input, totals.tokens.output), (15_100, 550), "{at}");
        // Each run is found again where it was said to be.
        let calls: Vec<_> =
            batch.updates.iter().filter(|update| batch.strings.get(update.name) == "get_weather").collect();
        assert_eq!(calls.len(), 1, "{at}");
        let place = calls[0].payload.unwrap();
        let detail = detail(&text[place.pos as usize..][..place.len as usize]);
        assert!(detail.input.is_some_and(|input| input.contains("Paris")), "{at}");
        assert!(detail.output.is_some_and(|output| output.contains("raining")), "{at}");
        let sample = String::from_utf8_lossy(text);
        assert!((LINES.sniff)(&crate::format::LineSample::new(sample.as_bytes())).0 > 90, "{at}");
    }
}

#[test]
fn a_request_that_is_cut_is_known_and_hurts_nobody() {
    let text = fixture("langsmith/0.15-requests.jsonl");
    assert!((LINES.sniff)(&crate::format::LineSample::new(&text[..5000])).0 > 90);
    for end in (0..text.len().min(12_000)).step_by(97) {
        decode(&LINES, &text[..end]);
        detail(&text[text.len() - end..]);
        detail(&text[..end]);
    }
}
