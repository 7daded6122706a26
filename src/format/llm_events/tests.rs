use super::*;
use crate::format::testing::*;

fn event(kind: &str, second: u32, span: &str, payload: &str) -> String {
    format!(
        r#"{{"event_id":"e-{kind}-{second}","run_id":"run-001","ts":"2026-01-01T00:00:{second:02}.000Z","type":"{kind}","payload":{{{payload}}},"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"{span}","parent_span_id":null}}"#
    )
}

fn started(second: u32, span: &str, call: &str) -> String {
    event("LLM_CALL_STARTED", second, span, &format!(r#""call_id":"{call}","model":"claude-sonnet-4-5""#))
}

fn finished(second: u32, span: &str, call: &str) -> String {
    let payload = format!(
        r#""call_id":"{call}","latency_ms":1200,"token_usage":{{"input_tokens":1500,"output_tokens":3000,"prompt_tokens":1500,"completion_tokens":3000,"total_tokens":0}},"finish_reason":"stop","api_cost_usd":0.0495"#
    );
    event("LLM_CALL_FINISHED", second, span, &payload)
}

fn failed(second: u32, span: &str, call: &str) -> String {
    let payload = format!(
        r#""call_id":"{call}","latency_ms":30,"error_class":"Timeout","error_message":"upstream timed out""#
    );
    event("LLM_CALL_FAILED", second, span, &payload)
}

fn read(lines: &[String]) -> Batch {
    decode(&LINES, lines.join("\n").as_bytes())
}

fn names(batch: &Batch, kind: SpanKind) -> Vec<String> {
    let spans = fold(batch);
    spans
        .iter()
        .filter(|span| span.kind == Some(kind))
        .map(|span| batch.strings.get(span.name).to_owned())
        .collect()
}

/// The names from a span up to the root.
fn path(batch: &Batch, name: &str) -> String {
    let spans = fold(batch);
    let text = |span: &SpanUpdate| batch.strings.get(span.name).to_owned();
    let mut span = spans.iter().find(|span| text(span) == name).expect(name);
    let mut path = vec![text(span)];
    while let Parent::Span(parent) = span.parent {
        span = spans.iter().find(|span| span.span == parent).expect("a parent that was written");
        path.push(text(span));
    }
    assert_eq!(span.parent, Parent::Root);
    path.join(" < ")
}

#[test]
fn a_real_run_gives_its_totals() {
    let batch = decode(&LINES, &fixture("llm-events/events.ndjson"));
    assert_eq!(problems(&batch), "");
    let totals = totals(&batch);
    assert_eq!((totals.traces, totals.llm_calls, totals.tool_calls), (1, 21, 0));
    assert_eq!((totals.tokens.input, totals.tokens.output), (41_929, 32_038));
    assert_eq!(totals.cost, NanoUsd(455_126_000));
    assert_eq!(totals.open, 0);
    assert_eq!(totals.errors, 3, "two calls and the validator");
    assert!(totals.spans >= 30 && totals.events > 30, "{totals:?}");
    assert_eq!(names(&batch, SpanKind::Workflow).len(), 1);
    let spans = fold(&batch);
    assert!(
        spans
            .iter()
            .all(|span| matches!(span.parent, Parent::Span(_)) || span.kind == Some(SpanKind::Workflow))
    );
    assert!(spans.iter().all(|span| span.start.is_some() && span.end.is_some()));
    let unpriced = spans.iter().filter(|span| span.usage.is_some() && span.cost.is_none()).count();
    assert_eq!(unpriced, 1, "the dated model that its writer had no price for");
    assert_eq!(spans.iter().filter(|span| span.marks.has(Marks::RETRY)).count(), 1);
}

#[test]
fn the_tree_is_made_from_what_joins() {
    let batch = decode(&LINES, &fixture("llm-events/events.ndjson"));
    let root = names(&batch, SpanKind::Workflow).remove(0);
    for (name, want) in [
        ("section_writer_faq", "section_writer_faq < W5.SectionWriter"),
        ("w5_section_writer", "w5_section_writer < W5.SectionWriter"),
        ("w6_linker_and_patcher", "w6_linker_and_patcher < W6.LinkerAndPatcher"),
        ("W1_RepoScout", "W1_RepoScout < W1.RepoScout"),
        ("FIXER", "FIXER < W8.Fixer"),
        ("VALIDATOR", "VALIDATOR < W7.Validator"),
        ("TC-421", "TC-421 < W3.SnippetCurator"),
        (
            "TC-401 Clone inputs and resolve SHAs",
            "TC-401 Clone inputs and resolve SHAs < W1_RepoScout < W1.RepoScout",
        ),
        ("PLAN_READY", "PLAN_READY"),
    ] {
        assert_eq!(path(&batch, name), format!("{want} < {root}"));
    }
}

#[test]
fn a_run_as_specified() {
    let batch = decode(&LINES, &fixture("llm-events/events-strict.ndjson"));
    assert_eq!(problems(&batch), "");
    let totals = totals(&batch);
    assert_eq!((totals.llm_calls, totals.errors, totals.open), (4, 2, 0));
    assert_eq!((totals.tokens.input, totals.tokens.output), (4_530, 9_015));
    assert_eq!(totals.cost, NanoUsd(148_815_000));
    let root = names(&batch, SpanKind::Workflow).remove(0);
    assert_eq!(
        path(&batch, "section_writer_faq"),
        format!("section_writer_faq < W5.SectionWriter docs < {root}")
    );
    assert_eq!(path(&batch, "hugo_build"), format!("hugo_build < {root}"));
}

#[test]
fn a_run_that_failed_at_once() {
    let batch = decode(&LINES, &fixture("llm-events/events-strict-failed.ndjson"));
    let spans = fold(&batch);
    assert_eq!((spans.len(), spans[0].status), (1, Some(Status::Error)));
    assert_eq!(batch.strings.get(spans[0].error), "CloneError: REPO_SCOUT_CLONE_FAILED");
}

#[test]
fn a_run_under_way_with_a_torn_last_line() {
    let batch = decode(&LINES, &fixture("llm-events/events-live.ndjson"));
    assert_eq!(problems(&batch), "invalid_json=1");
    let totals = totals(&batch);
    assert_eq!((totals.llm_calls, totals.errors), (16, 1));
    assert_eq!((totals.tokens.input, totals.tokens.output), (14_066, 5_322));
    assert_eq!(totals.cost, NanoUsd(32_540_000));
    assert_eq!(totals.open, 10, "seven calls, their item and worker, and the run");
}

#[test]
fn calls_alone_are_their_own_roots() {
    let batch = read(&[started(1, "b7ad6b7169200001", "c1"), finished(2, "b7ad6b7169200001", "c1")]);
    let spans = fold(&batch);
    assert_eq!((spans.len(), spans[0].parent, spans[0].status), (1, Parent::Root, Some(Status::Ok)));
    assert_eq!(spans[0].usage.map(|usage| usage.total()), Some(4500), "a total of 0 is recomputed");
}

#[test]
fn any_order_and_repetition_is_one_call() {
    let span = "b7ad6b7169200001";
    let twice = read(&[
        started(1, span, "c"),
        finished(2, span, "c"),
        finished(3, span, "c"),
        finished(3, span, "c"),
    ]);
    let totals_twice = totals(&twice);
    assert_eq!((totals_twice.spans, totals_twice.cost), (1, NanoUsd(49_500_000)));
    assert_eq!(problems(&twice), "");

    let backwards = fold(&read(&[finished(5, span, "c"), started(6, span, "c")]));
    assert_eq!((backwards.len(), backwards[0].status), (1, Some(Status::Ok)));
    let lasted = backwards[0].end.unwrap().at.since(backwards[0].start.unwrap().at);
    assert_eq!(lasted, 1200 * NANOS_PER_MS, "the start is worked out from the latency");

    let alone = fold(&read(&[finished(2, span, "c1"), finished(4, "b7ad6b7169200009", "c9")]));
    assert_eq!(alone.len(), 2);
    assert!(alone.iter().all(|span| span.start.is_some_and(|start| start.inferred)));

    let contradiction =
        read(&[started(1, span, "c"), finished(2, span, "c"), failed(3, span, "c"), started(4, span, "c")]);
    assert_eq!(problems(&contradiction), "conflict=1");
    let spans = fold(&contradiction);
    assert_eq!((spans.len(), spans[0].status), (1, Some(Status::Error)));
    assert!(spans[0].marks.has(Marks::ODD));
}

#[test]
fn a_retry_repeats_the_call_id_under_a_new_span() {
    let (a, b) = ("b7ad6b7169200001", "b7ad6b7169200002");
    let batch =
        read(&[started(1, a, "same"), failed(2, a, "same"), started(3, b, "same"), finished(4, b, "same")]);
    let spans = fold(&batch);
    let seen: Vec<_> = spans.iter().map(|span| (span.status, span.marks.has(Marks::RETRY))).collect();
    assert_eq!(seen, [(Some(Status::Error), false), (Some(Status::Ok), true)]);
    assert_eq!(batch.strings.get(spans[0].error), "Timeout: upstream timed out");
}

#[test]
fn what_is_no_event_is_counted() {
    let batch = read(&[
        r#"{"trace_id":"t","span_id":"s","name":"n"}"#.to_owned(),
        r#"{"type":"LLM_CALL_STARTED","ts":"never","payload":{}}"#.to_owned(),
        "oops".to_owned(),
        event("LLM_CALL_FINISHED", 1, "s", r#""call_id":"c","api_cost_usd":-1"#),
    ]);
    assert_eq!(problems(&batch), "invalid_json=1 not_a_span=1 missing_id=1 bad_time=1 bad_number=1");
    assert_eq!(fold(&batch).len(), 1);
}

#[test]
fn providers_are_named_by_their_hosts_alone() {
    assert_eq!(provider("https://api.openai.com/v1"), "openai");
    assert_eq!(provider("https://llm.example.com/openai.com"), "");
    assert_eq!(provider("https://notopenai.com/v1"), "");
    assert_eq!(provider(""), "");
}

#[test]
fn an_event_for_reading() {
    let detail = (LINES.detail)(failed(2, "s", "c").as_bytes());
    assert_eq!(detail.error.as_deref(), Some("upstream timed out"));
    assert_eq!(detail.events[0].name, "LLM_CALL_FAILED");
    assert!(detail.attributes.iter().any(|(name, value)| name == "latency_ms" && value == "30"));
}

proptest::proptest! {
    #[test]
    fn no_lines_upset_it(cut in 0usize..3000, bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40), order in proptest::collection::vec(0usize..31, 0..40)) {
        let file = fixture("llm-events/events-strict.ndjson");
        let lines: Vec<&[u8]> = file.split(|&byte| byte == b'\n').collect();
        let mut mixed = Vec::new();
        for at in order {
            mixed.extend_from_slice(lines[at]);
            mixed.push(b'\n');
        }
        let at = cut.min(mixed.len());
        mixed.splice(at..at, bytes);
        let batch = decode(&LINES, &mixed);
        let traces: std::collections::BTreeSet<_> = batch.updates.iter().map(|update| update.trace).collect();
        proptest::prop_assert!(traces.len() <= 1);
        let _ = (LINES.detail)(&mixed);
    }
}
