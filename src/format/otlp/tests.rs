use serde_json::Value as Json;

use super::*;
use crate::format::testing::{fixture, fold, problems, totals};
use crate::model::{
    Id, Marks, Parent, Role, SegmentId, SpanDetail, SpanKind, SpanUpdate, Stamp, Status, TokenSum, UnixNanos,
};

fn read(bytes: &[u8]) -> Batch {
    let mut decoder = decoder(&Stream { name: "a.jsonl".to_owned(), ..Stream::default() });
    let mut out = Batch::default();
    let mut pos = 0;
    for bytes in bytes.split(|byte| *byte == b'\n') {
        let at = PayloadRef { segment: SegmentId(0), pos, len: bytes.len() as u32 };
        let line = Line { bytes, at, stamp: Stamp::new(SegmentId(0), pos), arrived: UnixNanos(0) };
        if !bytes.is_empty() {
            decoder.decode(&line, &mut out);
        }
        pos += bytes.len() as u64 + 1;
    }
    decoder.finish(&mut out);
    out
}

/// A request with these spans, each as JSON without its braces.
fn request(spans: &[&str]) -> String {
    let ids = r#""traceId":"0af7651916cd43dd8448eb211c80319c","name":"n","startTimeUnixNano":"1790000000000000000","endTimeUnixNano":"1790000001000000000""#;
    let spans: Vec<_> = spans.iter().map(|span| format!("{{{ids},{span}}}")).collect();
    let spans = spans.join(",");
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"svc"}}}}]}},"scopeSpans":[{{"scope":{{"name":"s"}},"spans":[{spans}]}}]}}]}}"#
    )
}

fn attributes(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        pairs.iter().map(|(key, value)| format!(r#"{{"key":"{key}","value":{value}}}"#)).collect();
    format!(r#""attributes":[{}]"#, pairs.join(","))
}

fn one(span: &str) -> (Batch, SpanUpdate) {
    let batch = read(request(&[span]).as_bytes());
    assert_eq!(batch.updates.len(), 1, "{}", problems(&batch));
    let update = batch.updates[0];
    (batch, update)
}

/// Everything an update says, in words.
fn said(batch: &Batch) -> Vec<String> {
    let strings = &batch.strings;
    let line = |update: &SpanUpdate| {
        let words = [
            update.name,
            update.span_type,
            update.workflow,
            update.step,
            update.agent,
            update.tool,
            update.model,
            update.provider,
            update.user,
            update.session,
            update.service,
            update.error,
        ];
        let parent = match update.parent {
            Parent::Span(id) => id.display(strings).to_string(),
            other => format!("{other:?}"),
        };
        format!(
            "{} {} {parent} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {}",
            update.trace.display(strings),
            update.span.display(strings),
            update.start,
            update.end,
            update.first_token,
            update.status,
            update.kind,
            update.usage,
            (update.cost, update.response),
            words.map(|word| strings.get(word)).join("|")
        )
    };
    batch.updates.iter().map(line).collect()
}

#[test]
fn every_spelling_of_a_run_is_the_same_run() {
    let plain = read(&fixture("otlp/python-sdk/batch.jsonl"));
    assert_eq!(plain.updates.len(), 14);
    for name in ["simple.jsonl", "base64.jsonl", "snake.jsonl", "http-body.json"] {
        let other = read(&fixture(&format!("otlp/python-sdk/{name}")));
        assert_eq!(said(&other), said(&plain), "{name}");
        assert!(other.problems.is_empty(), "{name}: {}", problems(&other));
    }
}

#[test]
fn a_console_prints_the_same_spans() {
    // Its objects stand back to back over many lines; on one line each they are what is read here.
    let text = String::from_utf8(fixture("otlp/python-sdk/console.json")).unwrap();
    let objects = serde_json::Deserializer::from_str(&text).into_iter::<Json>();
    let lines: Vec<_> = objects.map(|object| object.unwrap().to_string()).collect();
    let console = read(lines.join("\n").as_bytes());
    let plain = read(&fixture("otlp/python-sdk/batch.jsonl"));
    assert_eq!(totals(&console), totals(&plain));
    assert!(console.problems.is_empty(), "{}", problems(&console));
    let mine: Vec<Id> = console.updates.iter().map(|update| update.span).collect();
    let theirs: Vec<Id> = plain.updates.iter().map(|update| update.span).collect();
    assert_eq!(mine, theirs);
    assert!(matches!(sniff(&LineSample::new(lines.join("\n").as_bytes())).0, 80..));
}

#[test]
fn totals_are_those_of_the_writers() {
    // Sums over all holders: the store leaves out the wrappers, and its totals are compared in tests/it/sources.rs.
    for (name, spans, errors, tools) in [
        ("python-sdk/batch.jsonl", 14, 2, 4),
        ("openinference/trace.jsonl", 15, 2, 2),
        ("openai-v2/latest-traces.jsonl", 5, 1, 0),
        ("synthetic/otlp.jsonl", 18, 4, 8),
        ("synthetic/pending.jsonl", 18, 3, 8),
        ("ai-sdk/v6.ndjson", 110, 16, 12),
        ("tta/tta-otel.ndjson", 223, 14, 0),
        ("langgraph-js/langgraph-openinference.ndjson", 32, 5, 4),
        ("logfire/pending.jsonl", 6, 1, 1),
    ] {
        let batch = read(&fixture(&format!("otlp/{name}")));
        let totals = totals(&batch);
        assert_eq!(
            (totals.spans, totals.errors, totals.tool_calls, totals.open),
            (spans, errors, tools, 0),
            "{name}"
        );
        assert!(batch.problems.is_empty(), "{name}: {}", problems(&batch));
    }
}

#[test]
fn calls_have_their_model_usage_and_cost() {
    let batch = read(&fixture("otlp/logfire/pending.jsonl"));
    let totals = totals(&batch);
    // The agent's own counters are sums, by their name: they are nobody's usage.
    let want = TokenSum { input: 2400, cache_read: 2048, output: 160, ..TokenSum::default() };
    assert_eq!((totals.tokens, totals.cost.0, totals.events), (want, 3_008_000, 2));
    let batch = read(&fixture("otlp/openinference/trace.jsonl"));
    assert_eq!(totals_of_calls(&batch), (18_008, 11_168, 1000, 800, 192));
}

fn totals_of_calls(batch: &Batch) -> (u64, u64, u64, u64, u64) {
    let sum = totals(batch).tokens;
    (sum.input, sum.cache_read, sum.cache_write, sum.output, sum.reasoning)
}

/// Roots, and spans that go on with what was suspended, by how they stand.
fn standings(batch: &Batch) -> Vec<String> {
    let shown = |span: &SpanUpdate| {
        let resumed = span.marks.has(Marks::RESUMED);
        let text = format!("{} {:?}", batch.strings.get(span.name), span.status.unwrap());
        (resumed || span.parent == Parent::Root)
            .then(|| if resumed { format!("{text}, goes on") } else { text })
    };
    let mut all: Vec<_> = fold(batch).iter().filter_map(shown).collect();
    all.sort();
    all
}

#[test]
fn a_writer_that_calls_everything_well_says_elsewhere_how_it_stands() {
    let batch = read(&fixture("otlp/mastra/exporter-1.4.ndjson"));
    assert_eq!(problems(&batch), "");
    assert_eq!(
        standings(&batch),
        [
            "invoke_agent BrokenAgent Error",
            // A tool was let through: the agent went on below the run that had waited.
            "invoke_agent Supervisor Cancelled",
            "invoke_agent Supervisor Ok, goes on",
            "invoke_agent Supervisor Suspended",
            "invoke_workflow ticket-generation Error, goes on",
            "invoke_workflow ticket-generation Suspended",
            "invoke_workflow ticket-generation Suspended, goes on",
        ]
    );
    let failed =
        fold(&batch).into_iter().filter(|span| batch.strings.get(span.error) == "finish reason: error");
    assert_eq!(failed.count(), 2, "calls of models, by their last word only");
    let runs = fold(&batch).into_iter().filter(|span| span.run.is_some());
    assert_eq!(runs.count(), 4, "one of each trace");
}

#[test]
fn observations_of_langfuse_are_calls_with_buckets() {
    let bytes = fixture("otlp/langfuse/sdk-5.ndjson");
    let batch = read(&bytes);
    assert_eq!(problems(&batch), "");
    let spans = fold(&batch);
    let named = |name: &str| spans.iter().find(|span| batch.strings.get(span.name) == name).unwrap();
    let text = |symbol| batch.strings.get(symbol).to_owned();
    let answer = named("answer");
    assert_eq!((answer.kind, text(answer.model)), (Some(SpanKind::Llm), "gpt-4o-mini".to_owned()));
    assert_eq!(answer.cost.map(crate::model::NanoUsd::usd), Some(0.03));
    assert!(answer.first_token.is_some());
    let broken = named("broken");
    assert_eq!((broken.status, text(broken.error)), (Some(Status::Error), "quota exhausted".to_owned()));
    let root = named("support-run");
    assert_eq!((root.kind, text(root.workflow)), (Some(SpanKind::Workflow), "support".to_owned()));
    assert_eq!((text(root.session), text(root.user)), ("sess-1".to_owned(), "user-7".to_owned()));
    assert_eq!(named("search").kind, Some(SpanKind::Retrieval));
    assert_eq!(talk(&detail_of(&bytes, answer)), ["User: where?", "Assistant!: on its way"]);
}

#[test]
fn a_pending_record_is_its_span_under_way() {
    let text = fixture("otlp/logfire/pending.jsonl");
    let first = text.split(|byte| *byte == b'\n').next().unwrap();
    let batch = read(first);
    let root = &batch.updates[0];
    assert_eq!(root.span.display(&batch.strings).to_string(), "2f623e37301d0c47");
    assert_eq!((root.parent, root.status, root.end), (Parent::Root, Some(Status::Running), None));
    assert_eq!(batch.strings.get(root.name), "workflow weather");
    let all = fold(&read(&text));
    let spans: Vec<_> = all.iter().filter(|span| span.kind != Some(SpanKind::Event)).collect();
    assert_eq!(spans.len(), 6);
    assert!(spans.iter().all(|span| span.end.is_some() && span.status.is_some_and(Status::is_terminal)));
}

#[test]
fn values_are_read_in_every_spelling() {
    for (value, want) in [
        (r#"{"intValue":"1200"}"#, Some(1200)),
        (r#"{"intValue":1200}"#, Some(1200)),
        (r#"{"int_value":"1200"}"#, Some(1200)),
        (r#"{"doubleValue":1200}"#, Some(1200)),
        (r#"{"doubleValue":"1200"}"#, Some(1200)),
        (r#"{"stringValue":"1200"}"#, Some(1200)),
        (r#"{"intValue":"9007199254740993"}"#, Some(9_007_199_254_740_993)),
        (r#"{"intValue":"-3"}"#, None),
        (r#"{"boolValue":true}"#, None),
        (r#"{"doubleValue":"NaN"}"#, None),
        ("{}", None),
        ("null", None),
        ("1200", Some(1200)),
    ] {
        let span =
            format!(r#""spanId":"b7ad6b7169203331",{}"#, attributes(&[("gen_ai.usage.input_tokens", value)]));
        let (_, update) = one(&span);
        assert_eq!(update.usage.and_then(|usage| usage.input), want, "{value}");
    }
    // The value may come before its key.
    let (_, update) = one(
        r#""spanId":"b7ad6b7169203331","attributes":[{"value":{"intValue":7},"key":"gen_ai.usage.input_tokens"}]"#,
    );
    assert_eq!(update.usage.and_then(|usage| usage.input), Some(7));
}

#[test]
fn enums_are_numbers_or_names() {
    for (status, want) in [
        ("{}", Status::Ok),
        (r#"{"code":0}"#, Status::Ok),
        (r#"{"code":1}"#, Status::Ok),
        (r#"{"code":2}"#, Status::Error),
        (r#"{"code":"2"}"#, Status::Error),
        (r#"{"code":"STATUS_CODE_ERROR"}"#, Status::Error),
        (r#"{"status_code":"ERROR"}"#, Status::Error),
        (r#"{"code":"StatusCode.OK"}"#, Status::Ok),
        (r#"{"code":"STATUS_CODE_UNSET"}"#, Status::Ok),
    ] {
        let (batch, update) =
            one(&format!(r#""spanId":"b7ad6b7169203331","kind":"SPAN_KIND_CLIENT","status":{status}"#));
        assert_eq!(update.status, Some(want), "{status}");
        assert!(batch.problems.is_empty(), "{status}");
    }
    let (batch, update) = one(r#""spanId":"b7ad6b7169203331","kind":9,"status":{"code":7}"#);
    assert_eq!(update.status, Some(Status::Unknown));
    assert_eq!(problems(&batch), "bad_type=2");
}

#[test]
fn what_is_said_first_or_last_does_not_matter() {
    let span = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n"}"#;
    let scope = r#""scope":{"name":"s"}"#;
    let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}}]}"#;
    let one = format!(r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{{scope},"spans":[{span}]}}]}}]}}"#);
    let other =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}],{scope}}}],{resource}}}]}}"#);
    assert_eq!(said(&read(one.as_bytes())), said(&read(other.as_bytes())));
    assert!(said(&read(one.as_bytes()))[0].contains("svc"));
}

#[test]
fn damage_is_counted_and_the_rest_is_read() {
    let good = r#""spanId":"b7ad6b7169203331""#;
    for (spans, count, want) in [
        (vec![good, r#""spanId":"""#], 1, "missing_id=1"),
        (vec![r#""spanId":"span 7""#, good], 2, "bad_type=1"),
        (vec![r#""spanId":"b7ad6b7169203332","startTimeUnixNano":"soon""#, good], 2, "bad_time=1"),
        (
            vec![r#""spanId":"b7ad6b7169203332","endTimeUnixNano":"1690000000000000000""#],
            1,
            "negative_duration=1",
        ),
        (vec![r#""spanId":"b7ad6b7169203332","attributes":"none","events":7,"status":[]"#], 1, "bad_type=1"),
    ] {
        let batch = read(request(&spans).as_bytes());
        assert_eq!((batch.updates.len(), &*problems(&batch)), (count, want), "{spans:?}");
    }
    for (line, want) in [
        (r#"{"resourceSpans":null}"#, ""),
        (r#"{"resourceSpans":[]}"#, ""),
        (r#"{"resourceSpans":7}"#, "bad_type=1"),
        (r#"{"resourceSpans":[7,{"scopeSpans":[{"spans":[null]}]}]}"#, "bad_type=2"),
        (r#"{"resourceMetrics":[{"scopeMetrics":[]}]}"#, "other_signal=1"),
        (r#"{"a":1}"#, "not_a_span=1"),
        ("[]", "not_a_span=1"),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hi"}}]}]}]}"#,
            "other_signal=1",
        ),
    ] {
        assert_eq!(problems(&read(line.as_bytes())), want, "{line}");
    }
    // A line that is cut keeps what came before the cut.
    let whole = request(&[good, r#""spanId":"b7ad6b7169203332""#]);
    let cut = read(&whole.as_bytes()[..whole.len() - 20]);
    assert_eq!((cut.updates.len(), &*problems(&cut)), (1, "invalid_json=1"));
}

#[test]
fn hostile_records_are_bounded() {
    let deep = format!(r#"{{"resourceSpans":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(problems(&read(deep.as_bytes())), "too_deep=1 bad_type=1");
    // One value that is nested too deep spoils nothing else.
    let nested = format!("{}1{}", r#"{"arrayValue":{"values":["#.repeat(500), "]}}".repeat(500));
    let spans = ["1", "2", "3"].map(|id| format!(r#""spanId":"b7ad6b716920333{id}""#));
    let deep =
        format!("{},{}", spans[1], attributes(&[("model", &nested), ("gen_ai.usage.input_tokens", "7")]));
    let batch = read(request(&[&spans[0], &deep, &spans[2]]).as_bytes());
    assert_eq!((batch.updates.len(), &*problems(&batch)), (3, "too_many=1"));
    assert_eq!(batch.updates[1].usage.and_then(|usage| usage.input), Some(7));
    let many: Vec<_> = (0..5000).map(|at| (format!("k{at}"), "{}".to_owned())).collect();
    let many: Vec<_> = many.iter().map(|(key, value)| (&**key, &**value)).collect();
    let (batch, update) = one(&format!(r#""spanId":"b7ad6b7169203331",{}"#, attributes(&many)));
    assert_eq!(problems(&batch), "too_many=1");
    assert!(update.marks.has(crate::model::Marks::TRUNCATED));
}

/// The detail of an update, read from where its record lies.
fn detail_of(bytes: &[u8], update: &SpanUpdate) -> SpanDetail {
    let at = update.payload.unwrap();
    (LINES.detail)(&bytes[at.pos as usize..][..at.len as usize])
}

fn talk(detail: &SpanDetail) -> Vec<String> {
    let line = |message: &crate::model::Message| {
        let tool = message.tool.as_deref().unwrap_or_default();
        format!("{:?}{}{tool}: {}", message.role, if message.output { "!" } else { "" }, message.text)
    };
    detail.messages.iter().map(line).collect()
}

#[test]
fn each_span_of_a_line_is_read_by_itself() {
    for name in ["python-sdk/batch.jsonl", "ai-sdk/v6.ndjson", "tta/tta-otel.ndjson"] {
        let bytes = fixture(&format!("otlp/{name}"));
        let batch = read(&bytes);
        for update in &batch.updates {
            let detail = detail_of(&bytes, update);
            let own = update.span.display(&batch.strings).to_string();
            assert!(detail.raw.contains(&format!("\"spanId\":\"{own}\"")), "{name} {own}");
            assert_eq!(detail.raw.matches("\"startTimeUnixNano\":").count(), 1, "{name} {own}");
        }
    }
    // Also where bytes had to be replaced before it.
    let mut bytes =
        request(&[r#""spanId":"b7ad6b7169203331","x":"?""#, r#""spanId":"b7ad6b7169203332""#]).into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'?').unwrap();
    bytes[at] = 0xff;
    let batch = read(&bytes);
    let detail = detail_of(&bytes, &batch.updates[1]);
    assert!(
        detail.raw.starts_with('{') && detail.raw.ends_with('}') && detail.raw.contains("b7ad6b7169203332")
    );
    // A record that has a line for itself is that line, with its resource.
    let bytes = fixture("otlp/python-sdk/simple.jsonl");
    let batch = read(&bytes);
    let detail = detail_of(&bytes, &batch.updates[0]);
    assert!(detail.attributes.contains(&("resource.service.name".to_owned(), "\"demo-agent\"".to_owned())));
    assert!(
        detail.attributes.contains(&("otel.scope.name".to_owned(), "\"demo.instrumentation\"".to_owned()))
    );
}

#[test]
fn conversations_are_read_in_every_convention() {
    let bytes = fixture("otlp/python-sdk/batch.jsonl");
    let batch = read(&bytes);
    let detail = detail_of(&bytes, &batch.updates[0]);
    assert_eq!(talk(&detail), ["User: Weather in Paris?", "Assistant!get_weather: {\"location\":\"Paris\"}"]);
    let tool = detail_of(&bytes, &batch.updates[1]);
    assert_eq!(
        talk(&tool),
        ["Assistantget_weather: {\"location\":\"Paris\"}", "Tool!get_weather: {\"temp_c\":14}"]
    );
    let failed = detail_of(&bytes, &batch.updates[2]);
    assert!(failed.error.unwrap().contains("upstream search timed out"));
    assert_eq!(failed.events.len(), 1);
    let legacy = detail_of(&bytes, &batch.updates[7]);
    assert_eq!(talk(&legacy), ["User: Weather in Paris?", "Assistant!: calling tool"]);

    let bytes = fixture("otlp/openinference/trace.jsonl");
    let batch = read(&bytes);
    let calls: Vec<_> = batch.updates.iter().filter(|update| update.kind == Some(SpanKind::Llm)).collect();
    let first = talk(&detail_of(&bytes, calls[0]));
    assert!(first[0].starts_with("System: ") && first[1].starts_with("User: "), "{first:?}");
    assert_eq!(first.last().unwrap().split(':').next(), Some("Assistant!get_weather"), "{first:?}");
    let second = talk(&detail_of(&bytes, calls[1]));
    assert!(second.iter().any(|line| line.starts_with("Toolget_weather: ")), "{second:?}");

    let bytes = fixture("otlp/ai-sdk/v6.ndjson");
    let batch = read(&bytes);
    let find =
        |name: &str| batch.updates.iter().find(|update| batch.strings.get(update.name) == name).unwrap();
    let answer = r#"Assistant!: {"type":"FEATURE","confidence":0.93}"#;
    for name in ["ai.generateText.doGenerate", "ai.generateText"] {
        assert_eq!(talk(&detail_of(&bytes, find(name))), ["User: Classify: add auth", answer], "{name}");
    }
    let tool = talk(&detail_of(&bytes, find("ai.toolCall")));
    assert_eq!(tool[0], "AssistantgetOrCreateWorkspace: {\"repo\":\"acme/web\"}");

    let bytes = fixture("otlp/logfire/pending.jsonl");
    let batch = read(&bytes);
    let mut agents = batch.updates.iter().filter(|update| update.kind == Some(SpanKind::Agent));
    let agent = talk(&detail_of(&bytes, agents.next_back().unwrap()));
    assert_eq!(agent.first().map(String::as_str), Some("User: Weather in Paris?"));
    assert_eq!(agent.last().map(String::as_str), Some("Assistant!: 14 C"));
}

#[test]
fn log_events_are_their_spans_messages() {
    let spans = fixture("otlp/openai-v2/default_content-traces.jsonl");
    let logs = fixture("otlp/openai-v2/default_content-logs.jsonl");
    let call = read(&spans).updates[0];
    let told = read(&logs);
    assert!(told.problems.is_empty());
    let mut detail = detail_of(&spans, &call);
    for record in told.updates.iter().filter(|update| update.span == call.span) {
        assert_eq!((record.trace, record.status, record.name.is_some()), (call.trace, None, false));
        detail.merge(detail_of(&logs, record));
    }
    assert_eq!(
        talk(&detail),
        ["System: be brief", "User: Weather in Paris?", "Assistant!get_weather: {\"location\": \"Paris\"}"]
    );
    assert_eq!(detail.messages[0].role, Role::System);
    assert_eq!(detail.events.len(), 3);
    // Of two that have the whole conversation the later one counts.
    let logs = fixture("otlp/openai-v2/latest-logs.jsonl");
    let told = read(&logs);
    let without_blanks = |detail: &SpanDetail| talk(detail).concat().replace(' ', "");
    assert_eq!(without_blanks(&detail_of(&logs, &told.updates[0])), without_blanks(&detail));
}

#[test]
fn an_interrupt_waits_and_an_exception_is_an_error() {
    let batch = read(&fixture("otlp/langgraph-js/langgraph-openinference.ndjson"));
    let suspended = fold(&batch).iter().filter(|span| span.status == Some(Status::Suspended)).count();
    assert_eq!(suspended, 2);
    let event = r#""events":[{"name":"exception","attributes":[{"key":"exception.type","value":{"stringValue":"ValueError"}},{"key":"exception.message","value":{"stringValue":"bad"}}]}]"#;
    let (batch, update) = one(&format!(r#""spanId":"b7ad6b7169203331","status":{{"code":2}},{event}"#));
    assert_eq!((update.status, batch.strings.get(update.error)), (Some(Status::Error), "ValueError: bad"));
    // One that was got over is no failure.
    let (_, update) = one(&format!(r#""spanId":"b7ad6b7169203331",{event}"#));
    assert_eq!((update.status, update.error.is_some()), (Some(Status::Ok), false));
}

proptest::proptest! {
    #[test]
    fn no_bytes_upset_it(at in 0usize..12_000, byte in proptest::num::u8::ANY, len in 0usize..12_414) {
        let mut bytes = fixture("otlp/python-sdk/batch.jsonl");
        if let Some(slot) = bytes.get_mut(at) {
            *slot = byte;
        }
        bytes.truncate(len.max(1));
        let batch = read(&bytes);
        for update in &batch.updates {
            let _ = detail_of(&bytes, update);
        }
        let _ = sniff(&LineSample::new(&bytes));
    }
}
