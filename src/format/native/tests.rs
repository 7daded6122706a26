use super::*;
use crate::format::testing::*;
use crate::model::*;

const HEAD: &str =
    r#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169200001","name":"n""#;
const START: &str = r#""started_at":"2026-01-01T00:00:00.000Z""#;
const NEW_YEAR: UnixNanos = UnixNanos(1_767_225_600 * NANOS_PER_SEC);

fn lines(text: &str) -> Batch {
    decode(&LINES, text.as_bytes())
}

fn one(text: &str) -> (SpanUpdate, Batch) {
    let batch = lines(text);
    assert_eq!(batch.updates.len(), 1, "{text}: {}", problems(&batch));
    (batch.updates[0], batch)
}

/// A record with more fields behind the ids and the name.
fn with(fields: &str) -> (SpanUpdate, Batch) {
    one(&format!("{HEAD},{fields}}}"))
}

/// Problems of lines between two good ones, which must always come through.
fn damage(bytes: &[u8]) -> (usize, String) {
    let mut file = format!("{HEAD}}}\n").into_bytes();
    file.extend_from_slice(bytes);
    file.extend_from_slice(format!("\n{HEAD}}}\n").as_bytes());
    let batch = decode(&LINES, &file);
    (batch.updates.len() - 2, problems(&batch))
}

#[test]
fn a_finished_call_says_everything_it_has() {
    let (span, batch) = one(
        r#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b71692dbba1","parent_span_id":null,
        "name":"openai:gpt-4o","span_type":"MODEL_GENERATION","started_at":"2026-01-01T00:00:00.000Z",
        "ended_at":"2026-01-01T00:00:00.100Z","duration_ms":100,"status":"completed","input":{"a":"}"},"error":null,
        "attributes":{"userId":"u1","promptTokens":"812","completionTokens":240,"totalTokens":1052,"totalCost":0.00443,
        "nodeName":"Draft"}}"#
            .replace('\n', "")
            .as_str(),
    );
    assert_eq!(problems(&batch), "");
    let text = |symbol| batch.strings.get(symbol);
    assert_eq!((span.parent, span.kind, span.status), (Parent::Root, Some(SpanKind::Llm), Some(Status::Ok)));
    assert_eq!(span.start, Some(Timed::written(NEW_YEAR)));
    assert_eq!(span.end, Some(Timed::written(NEW_YEAR.plus(100 * NANOS_PER_MS))));
    assert_eq!((text(span.provider), text(span.model)), ("openai", "gpt-4o"));
    assert_eq!((text(span.user), text(span.step), text(span.span_type)), ("u1", "Draft", "MODEL_GENERATION"));
    let usage = span.usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.cache_read), (Some(812), Some(240), None));
    assert_eq!(span.cost, Some(NanoUsd(4_430_000)));
}

#[test]
fn the_smallest_record_of_a_finished_span() {
    let (span, batch) = with(&format!(r#"{START},"duration_ms":5,"pad":"xxxx""#));
    assert_eq!((span.status, span.parent), (Some(Status::Ok), Parent::Unsaid));
    assert_eq!(span.end, Some(Timed::written(NEW_YEAR.plus(5 * NANOS_PER_MS))));
    assert!(batch.problems.is_empty());
}

#[test]
fn open_spans_stay_open() {
    for fields in [
        r#""status":"running","duration_ms":null"#,
        r#""status":"running","duration_ms":5"#,
        r#""status":"""#,
    ] {
        let (span, _) = with(&format!("{START},{fields}"));
        assert_eq!((span.status, span.end), (Some(Status::Running), None), "{fields}");
        assert!(!span.marks.has(Marks::INSERT_ONLY));
    }
    let (span, _) = with(&format!(r#"{START},"status":"started","ended_at":null"#));
    assert!(span.marks.has(Marks::INSERT_ONLY), "FlowMaestro never writes the end");
}

#[test]
fn damaged_lines_cost_themselves_only() {
    let nested = |n| format!(r#"{HEAD},"attributes":{}{}}}"#, "[".repeat(n), "]".repeat(n));
    for (line, records, said) in [
        (&b""[..], 0, ""),
        (b" \r", 0, ""),
        (b"2026-01-01T00:00:00Z INFO starting", 0, "invalid_json=1"),
        (b"  File \"x.py\", line 1", 0, "invalid_json=1"),
        (b"null", 0, "not_a_span=1"),
        (b"42", 0, "not_a_span=1"),
        (b"\"str\"", 0, "not_a_span=1"),
        (b"[]", 0, "not_a_span=1"),
        (b"{}", 0, "not_a_span=1"),
        (b"true", 0, "not_a_span=1"),
        (b"\xc3{\"trace_id\":\"x\"}\xa9", 0, "invalid_json=1"),
        (&[0; 4096], 0, "nul_bytes=1"),
        (b"{\"trace_id\":\"0a\",\"span_id\":\"b7\0\0\0", 0, "invalid_json=1"),
        (b"\"par{\"trace_id\":\"0af7\",\"span_id\":\"b7ad\"}", 0, "invalid_json=1"),
        (&[0xa5; 4000], 0, "invalid_json=1"),
        (nested(300_000).as_bytes(), 0, "too_deep=1"),
        (nested(100).as_bytes(), 1, "bad_type=1"),
        (format!("{HEAD}}} xyz").as_bytes(), 1, "invalid_json=1"),
        (format!("{HEAD}}}{HEAD}}}").as_bytes(), 2, ""),
        (format!("\u{feff}\u{1e}{HEAD}}}\r").as_bytes(), 1, ""),
        (format!("\0\0\0{HEAD}}}").as_bytes(), 1, "nul_bytes=1"),
        (format!("{HEAD},\"attributes\":{{\"t\":01}}}}").as_bytes(), 0, "invalid_json=1"),
        (format!("{HEAD},\"attributes\":{{\"costUsd\":-Infinity}}}}").as_bytes(), 1, "bad_number=1"),
        (br#"{"span_id":"00000000000000a1","name":"no-trace"}"#, 0, "missing_id=1"),
        (br#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","name":"no-span"}"#, 0, "missing_id=1"),
        (
            br#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"00000000000000a3"}"#,
            0,
            "missing_fields=1",
        ),
        (br#"{"trace_id":"","span_id":"","name":"x"}"#, 0, "missing_id=1"),
        (b"{\"trace_id\":\"t\",\"span_id\":\"s\",\"name\":\"a\xff\xfeb\"}", 1, "invalid_utf8=1"),
    ] {
        let shown = String::from_utf8_lossy(&line[..line.len().min(90)]).into_owned();
        assert_eq!(damage(line), (records, said.to_owned()), "{shown}");
    }
}

#[test]
fn two_records_on_one_line_have_places_of_their_own() {
    let second = format!("{},{START}}}", HEAD.replace("0001", "0002"));
    let line = format!("  {HEAD}}}  {second}");
    let batch = lines(&line);
    let at = batch.updates[1].payload.unwrap();
    let bytes = &line.as_bytes()[at.pos as usize..(at.pos + u64::from(at.len)) as usize];
    assert_eq!(std::str::from_utf8(bytes).unwrap(), second);
    assert!(batch.updates[0].stamp < batch.updates[1].stamp);
}

#[test]
fn records_without_a_trace_share_the_one_of_their_file() {
    let text =
        format!("{{\"span_id\":\"a\",\"name\":\"x\",{START}}}\n{{\"span_id\":\"b\",\"name\":\"y\",{START}}}");
    let batch = lines(&text);
    assert_eq!(batch.updates.len(), 2);
    assert_eq!(batch.updates[0].trace, batch.updates[1].trace);
}

#[test]
fn ids_take_any_form() {
    let ids = |trace: &str, span: &str, parent: &str| {
        one(&format!(r#"{{"trace_id":{trace},"span_id":{span},"parent_span_id":{parent},"name":"x"}}"#)).0
    };
    let a = ids("\"0AF7651916CD43DD8448EB211C80319C\"", "\"1\"", "null");
    let b = ids("\" 0af76519-16cd-43dd-8448-eb211c80319c \"", "7", "3");
    assert_eq!(a.trace, b.trace);
    assert!(matches!(b.parent, Parent::Span(_)), "numbers name each other");
    for parent in ["\"\"", "\"0000000000000000\"", "\"null\"", "null"] {
        assert_eq!(ids("\"t\"", "\"s\"", parent).parent, Parent::Root, "{parent}");
    }
    for parent in ["7", "true", "{\"x\":1}"] {
        let (span, batch) =
            one(&format!(r#"{{"trace_id":"t","span_id":"s","parent_span_id":{parent},"name":"x"}}"#));
        assert_eq!((span.parent, problems(&batch).as_str()), (Parent::Root, "bad_type=1"), "{parent}");
        assert!(span.marks.has(Marks::ODD));
    }
    assert_eq!(one(r#"{"trace_id":"日本🦀","span_id":"é","name":"x"}"#).0.parent, Parent::Unsaid);
}

#[test]
fn counts_and_costs_are_taken_leniently_and_never_wrong() {
    let call =
        |attributes: &str| with(&format!(r#""span_type":"llm","attributes":{{"model":"m",{attributes}}}"#));
    let (span, batch) = call(
        r#""promptTokens":1.5e3,"completionTokens":-0.0,"totalTokens":"150","cachedTokens":true,"reasoningTokens":-5"#,
    );
    let usage = span.usage.unwrap();
    assert_eq!(
        (usage.input, usage.output, usage.cache_read, usage.reasoning),
        (Some(1500), Some(0), None, None)
    );
    assert_eq!(problems(&batch), "bad_number=1 bad_type=1");
    for (attributes, said) in [
        (r#""promptTokens":18446744073709551616"#, "bad_number=1"),
        (r#""promptTokens":1e999,"costUsd":1e400"#, "bad_number=2"),
        (r#""costUsd":-5"#, "bad_number=1"),
        (r#""costUsd":1e308"#, "bad_number=1"),
        (r#""costUsd":"$0.01""#, "bad_number=1"),
        (r#""costUsd":NaN"#, "bad_number=1"),
    ] {
        let (span, batch) = call(attributes);
        assert_eq!((span.usage, span.cost, problems(&batch).as_str()), (None, None, said), "{attributes}");
    }
    assert_eq!(call(r#""costUsd":1e-320"#).0.cost, Some(NanoUsd(0)));
    assert_eq!(call(r#""inputCost":0.25,"outputCost":"0.5""#).0.cost, Some(NanoUsd(750_000_000)));
    let (span, batch) = call(r#""promptTokens":1,"promptTokens":999"#);
    assert_eq!(span.usage.unwrap().input, Some(999));
    assert_eq!(problems(&batch), "duplicate_key=1");
}

#[test]
fn usage_is_brought_into_one_convention() {
    let usage = |fields: &str| with(&format!(r#""span_type":"llm",{fields}"#)).0.usage.unwrap();
    for (fields, input, read, output, reasoning) in [
        (r#""usage":{"input_tokens":10,"output_tokens":5}"#, 10, None, 5, None),
        (
            r#""attributes":{"usage":{"inputTokens":100,"outputTokens":50,"inputDetails":{"text":60,"cacheRead":40},"outputDetails":{"reasoning":20}}}"#,
            100,
            Some(40),
            50,
            Some(20),
        ),
        (
            r#""usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":8}}"#,
            100,
            Some(64),
            50,
            Some(8),
        ),
        // Anthropic's own: cached tokens stand beside the input.
        (
            r#""usage":{"input_tokens":50,"output_tokens":20,"cache_read_input_tokens":30}"#,
            80,
            Some(30),
            20,
            None,
        ),
        (
            r#""attributes":{"promptTokens":10,"completionTokens":1,"cachedTokens":5000}"#,
            5010,
            Some(5000),
            1,
            None,
        ),
        // Gemini's thoughts stand beside the output.
        (
            r#""usage":{"promptTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":7,"totalTokenCount":22}"#,
            10,
            None,
            12,
            Some(7),
        ),
        (r#""usage":{"input":3,"output":4,"total":7}"#, 3, None, 4, None),
        (r#""usage":{"output_tokens":4,"total_tokens":7}"#, 3, None, 4, None),
        (r#""attributes":{"gen_ai.usage.input_tokens":9,"gen_ai.usage.output_tokens":1}"#, 9, None, 1, None),
    ] {
        let got = usage(fields);
        assert_eq!(
            (got.input, got.cache_read, got.output, got.reasoning),
            (Some(input), read, Some(output), reasoning),
            "{fields}"
        );
    }
    let (span, _) = with(r#""span_type":"embedding","attributes":{"totalTokens":12}"#);
    assert_eq!(span.usage.unwrap().input, Some(12));
    assert_eq!(with(r#""span_type":"llm","attributes":{"totalTokens":12}"#).0.usage, None);
}

#[test]
fn times_in_every_unit_are_one_instant() {
    for start in [
        "1767225600",
        "1767225600000",
        "1767225600000000",
        "1767225600000000000",
        "\"1767225600000000000\"",
        "1767225600.0",
    ] {
        let (span, _) = with(&format!(r#""started_at":{start}"#));
        assert_eq!(span.start, Some(Timed::written(NEW_YEAR)), "{start}");
    }
    for start in ["\"never\"", "\"2026-02-30T00:00:00Z\"", "-1", "0", "18446744073709551615", "1e300", "\"\""]
    {
        let (span, batch) = with(&format!(r#""started_at":{start},"duration_ms":100,"status":"completed""#));
        assert_eq!((span.start, span.end, span.status), (None, None, Some(Status::Ok)), "{start}");
        assert_eq!(problems(&batch), "bad_time=1", "{start}");
    }
    let (span, batch) = with(r#""started_at":true"#);
    assert_eq!((span.start, problems(&batch).as_str()), (None, "bad_type=1"));
}

#[test]
fn durations_never_run_backwards() {
    let (span, batch) = with(&format!(r#"{START},"ended_at":null,"duration_ms":-1,"status":"completed""#));
    assert_eq!((span.end, problems(&batch).as_str()), (span.start, "negative_duration=1"));
    let (span, batch) = with(&format!(r#"{START},"ended_at":"2025-12-31T23:59:50Z""#));
    assert_eq!(problems(&batch), "negative_duration=1");
    assert!(span.marks.has(Marks::ODD));
    let (span, batch) =
        with(&format!(r#"{START},"ended_at":"2026-01-01T00:00:00.1Z","duration_ms":86400000"#));
    assert_eq!((span.end, problems(&batch).as_str()), (Some(Timed::written(NEW_YEAR.plus(100_000_000))), ""));
    assert!(span.marks.has(Marks::ODD));
}

#[test]
fn only_known_words_mean_success() {
    let status =
        |word: &str| with(&format!(r#"{START},"ended_at":"2026-01-01T00:00:01Z","status":{word}"#)).0.status;
    for (word, want) in [
        ("\"SUCCESS\"", Status::Ok),
        ("\"STATUS_CODE_ERROR\"", Status::Error),
        ("\"cancelled\"", Status::Cancelled),
        ("\"timeout\"", Status::Timeout),
        ("\"\"", Status::Ok),
        ("null", Status::Ok),
        ("\"✅\"", Status::Unknown),
        ("\"unknown-x\"", Status::Unknown),
        ("200", Status::Unknown),
        ("false", Status::Unknown),
        ("[\"ok\"]", Status::Unknown),
        (r#"{"status_code":"ERROR","description":"x"}"#, Status::Error),
        (r#"{"status_code":"UNSET"}"#, Status::Ok),
    ] {
        assert_eq!(status(word), Some(want), "{word}");
    }
}

#[test]
fn errors_come_in_many_forms() {
    let error = |fields: &str| {
        let (span, batch) = with(&format!(r#"{START},"ended_at":"2026-01-01T00:00:01Z",{fields}"#));
        (span.status, batch.strings.get(span.error).to_owned())
    };
    for none in [
        "null",
        "false",
        "\"\"",
        "{}",
        "[]",
        "{\"message\":null}".replace("{\"message\":null}", "{ }").as_str(),
    ] {
        assert_eq!(error(&format!(r#""error":{none}"#)), (Some(Status::Ok), String::new()), "{none}");
    }
    for (form, want) in [
        ("\"plain\"", "plain"),
        (r#"{"type":"ToolError","message":"boom\nat x"}"#, "boom"),
        (r#"{"type":"Error"}"#, "Error"),
        (r#"["a",{"b":1}]"#, r#"["a",{"b":1}]"#),
        (r#"{"message":{"nested":true}}"#, r#"{"nested":true}"#),
    ] {
        assert_eq!(error(&format!(r#""error":{form}"#)), (Some(Status::Error), want.to_owned()), "{form}");
    }
    let failed = error(r#""status":"failed","error":null,"attributes":{"failureReason":"llm_call_failed"}"#);
    assert_eq!(failed, (Some(Status::Error), "llm_call_failed".to_owned()));
}

#[test]
fn facets_come_from_attributes_or_the_name() {
    let facets = |json: &str| {
        let (span, batch) = one(&format!(r#"{{"trace_id":"t","span_id":"s",{json}}}"#));
        let text = |symbol| batch.strings.get(symbol).to_owned();
        (span.kind, [span.workflow, span.step, span.agent, span.tool].map(text).join("|"))
    };
    for (json, kind, want) in [
        (r#""name":"Workflow: Sync","span_type":"workflow_run""#, SpanKind::Workflow, "Sync|||"),
        (r#""name":"Node: Fetch","span_type":"node_execution""#, SpanKind::Step, "|Fetch||"),
        (
            r#""name":"x","span_type":"Node-Execution","attributes":{"nodeName":"OCR"}"#,
            SpanKind::Step,
            "|OCR||",
        ),
        (r#""name":"Agent: Writer","type":"agent""#, SpanKind::Agent, "||Writer|"),
        (r#""name":"Tool: grep""#, SpanKind::Tool, "|||grep"),
        (
            r#""name":"Validate tool: x","span_type":"tool_validation","attributes":{"toolName":"x"}"#,
            SpanKind::Validation,
            "|||x",
        ),
        (r#""name":"q","span_type":"odd_thing""#, SpanKind::Other, "|||"),
    ] {
        assert_eq!(facets(json), (Some(kind), want.to_owned()), "{json}");
    }
    for word in [
        "memory_operation",
        "vector_search",
        "embedding_generation",
        "database_query",
        "http_request",
        "external_api",
        "processor_run",
        "validation",
        "agent_iteration",
        "tool_execution",
    ] {
        assert_ne!(keys::kind(word), None, "{word}");
    }
}

#[test]
fn a_line_for_reading_keeps_everything() {
    let detail = (LINES.detail)(
        br#"{"trace_id":"t","span_id":"s","name":"n","span_type":"llm","input":{"messages":[{"role":"user","content":"Hi"}]},"output":"Hello","error":false,"attributes":{"model":"m","n":[1]},"events":[{"name":"e","time":1767225600,"attributes":{"k":1}}],"pad":"x"}"#,
    );
    assert_eq!(detail.input.as_deref(), Some(r#"{"messages":[{"role":"user","content":"Hi"}]}"#));
    assert_eq!((detail.output.as_deref(), detail.error), (Some("Hello"), None));
    let pairs: Vec<_> = detail.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(pairs, ["model=\"m\"", "n=[1]", "pad=\"x\""]);
    assert_eq!((detail.events[0].name.as_str(), detail.events[0].at), ("e", Some(NEW_YEAR)));
    assert_eq!(detail.messages.len(), 2);
    assert!(detail.messages[1].output && detail.messages[1].text == "Hello");
    let torn = (LINES.detail)(br#"{"input":"a","output":"b"#);
    assert_eq!((torn.input.as_deref(), torn.raw.as_str()), (Some("a"), r#"{"input":"a","output":"b"#));
}

mod agree;
mod table;

proptest::proptest! {
    #[test]
    fn no_line_upsets_it(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        at in 0usize..400,
        insert in proptest::bool::ANY,
    ) {
        let record = format!(r#"{HEAD},{START},"attributes":{{"usage":{{"input_tokens":5}},"model":"m"}},"error":{{"message":"é"}}}}"#);
        let mut line = record.into_bytes();
        let at = at.min(line.len());
        if insert {
            line.splice(at..at, bytes);
        } else {
            line.truncate(at);
        }
        let _ = decode(&LINES, &line);
        let _ = (LINES.detail)(&line);
    }
}
