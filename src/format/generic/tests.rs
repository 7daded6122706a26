use super::*;
use crate::format::testing::{decode, fold, problems, totals};

#[test]
fn a_log_with_times_and_names_opens() {
    let log = concat!(
        r#"{"time":"2026-02-04T17:00:00Z","level":"info","msg":"starting","requestId":"r1"}"#,
        "\n",
        r#"{"time":"2026-02-04T17:00:02Z","level":"info","msg":"answer","requestId":"r1","durationMs":1500,"model":"gpt-4o","usage":{"prompt_tokens":10,"completion_tokens":5}}"#,
        "\n",
        r#"{"time":1770224403000,"level":50,"msg":"lost","durationMs":10}"#,
        "\n",
    );
    let (score, why) = sniff(&LineSample::new(log.as_bytes()));
    assert_eq!(score, 35, "{why}");
    let batch = decode(&LINES, log.as_bytes());
    let totals = totals(&batch);
    assert_eq!((totals.traces, totals.spans, totals.events, totals.errors), (2, 2, 1, 1));
    assert_eq!((totals.tokens.input, totals.tokens.output, totals.llm_calls), (10, 5, 1));
    let spans = fold(&batch);
    let call = &spans[1];
    let (start, end) = (call.start.unwrap(), call.end.unwrap());
    assert_eq!(end.at.since(start.at), 1_500_000_000);
    assert!(start.inferred && !end.inferred);
    assert_eq!(problems(&batch), "");
}

#[test]
fn what_has_no_time_or_no_name_is_none() {
    for text in ["{\"a\":1,\"b\":2}", "{\"time\":\"2026-02-04T17:00:00Z\"}", "{\"msg\":\"x\"}", "plain", ""] {
        assert_eq!(sniff(&LineSample::new(text.as_bytes())).0, 0, "{text}");
    }
}

#[test]
fn a_mapping_reads_a_private_format() {
    let pairs = [
        "trace=ctx.id",
        "span = ctx.span",
        "name=event",
        "start=ts",
        "duration_ms=took",
        "model=llm.model",
        "in=llm.tokens.in",
        "out=llm.tokens.out",
        "cost=llm.usd",
        "input=$.llm.prompt",
    ];
    let mapping = Arc::new(Mapping::parse(pairs).unwrap());
    let line = br#"{"event":"draft","ts":1770224403000,"took":250,"ctx":{"id":"t1","span":7},"name":"not this","llm":{"model":"gpt-4o","tokens":{"in":12,"out":3},"usd":0.5,"prompt":"Hi"}}"#;
    let mut decoder = decoder(Arc::clone(&mapping), &Stream::default());
    let mut batch = Batch::default();
    let at = crate::model::PayloadRef { len: line.len() as u32, ..Default::default() };
    let line_of = Line { bytes: line, at, stamp: crate::model::Stamp(0), arrived: UnixNanos(0) };
    decoder.decode(&line_of, &mut batch);
    let [span] = &batch.updates[..] else { panic!("{batch:?}") };
    let text = |symbol| batch.strings.get(symbol);
    assert_eq!((text(span.name), text(span.model)), ("draft", "gpt-4o"));
    let usage = span.usage.unwrap();
    assert_eq!((usage.input, usage.output), (Some(12), Some(3)));
    assert_eq!(span.cost, NanoUsd::from_usd(0.5));
    assert_eq!(span.end.unwrap().at.since(span.start.unwrap().at), 250_000_000);
    assert_eq!(span.trace.display(&batch.strings).to_string(), "t1");
    let detail = detail_of(&mapping, line);
    assert_eq!(detail.input.as_deref(), Some("Hi"));
    assert_eq!(detail.attributes.len(), 6);
}

#[test]
fn a_status_may_be_a_flag() {
    let mapping = Arc::new(Mapping::parse(["status=ok"]).unwrap());
    let status = |ok: &str, more: &str| {
        let line = format!(r#"{{"event":"a","start":1770224403000,"ok":{ok}{more}}}"#);
        let mut decoder = decoder(Arc::clone(&mapping), &Stream::default());
        let mut batch = Batch::default();
        let at = crate::model::PayloadRef::default();
        let line = Line { bytes: line.as_bytes(), at, stamp: crate::model::Stamp(0), arrived: UnixNanos(0) };
        decoder.decode(&line, &mut batch);
        batch.updates[0].status
    };
    assert_eq!(status("true", ""), Some(Status::Ok));
    assert_eq!(status("false", ""), Some(Status::Error));
    assert_eq!(status("true", r#","error":"lost""#), Some(Status::Error));
    assert_eq!(status("null", ""), Some(Status::Running));
}

#[test]
fn a_dotted_name_and_an_object_are_the_same_path() {
    let mapping = Mapping::parse(["in=llm.in"]).unwrap();
    for text in [r#"{"llm.in":3}"#, r#"{"llm":{"in":3}}"#] {
        let values = mapping.read(&mut Reader::new(text)).unwrap();
        assert_eq!(*get(&values, Field::In), Value::Unsigned(3), "{text}");
    }
}

#[test]
fn a_wrong_mapping_is_told_with_the_nearest_field() {
    let error = |pair: &str| Mapping::parse([pair]).unwrap_err();
    assert!(error("modle=x").contains("modle is no field, the nearest is model"), "{}", error("modle=x"));
    assert!(error("trace").contains("field=path"));
    assert!(error("trace=").contains("needs a path"));
    assert!(error("trace=a..b").contains("needs a path"));
    assert!(error(&format!("trace={}", "a.".repeat(20) + "b")).contains("too long"));
    assert!(map_fields().count() > 20 && map_fields().all(|(_, about)| !about.is_empty()));
}

proptest::proptest! {
    #[test]
    fn no_line_upsets_it(text in "[\\[\\]{}\",:a-z0-9\n ]{0,200}") {
        let _ = sniff(&LineSample::new(text.as_bytes()));
        decode(&LINES, text.as_bytes());
        detail_of(&USUAL, text.as_bytes());
    }
}
