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
