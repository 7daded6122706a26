//! No line and no row upsets a decoder, whichever it is handed to.

use super::testing::{decode, fixture};
use super::{
    Cell, LINE_FORMATS, Line, LineSample, RowPlace, Stream, TABLE_FORMATS, TableSchema, detect_lines,
};
use crate::model::{Batch, PayloadRef, SegmentId, Stamp, UnixNanos};

const FIXTURES: [&str; 10] = [
    "mlflow/2.22.traces.json",
    "mlflow/3.17.traces.json",
    "jaeger/openinference.json",
    "zipkin/openinference.json",
    "zipkin/openinference.jsonl",
    "openai-agents/ticket.ndjson",
    "langsmith/agent.ndjson",
    "telemetry-api/outbox.jsonl",
    "telemetry-api/raw.ndjson",
    "native/flowmaestro-pino.ndjson",
];

/// Values that stand where others are expected.
const ODD: [&str; 12] = [
    "null",
    "-1",
    "1e400",
    "99999999999999999999",
    "\"\\u0000\\ud800\"",
    "[]",
    "{}",
    "[[[[]]]]",
    "true",
    "\"\"",
    "{\"id\":{\"id\":[1]}}",
    "\"日本🦀\"",
];

#[test]
fn damaged_lines_are_only_counted() {
    for name in FIXTURES {
        let text = fixture(name);
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(4) {
            let mut variants: Vec<Vec<u8>> = Vec::new();
            let step = (line.len() / 12).max(1);
            for at in (0..line.len()).step_by(step) {
                variants.push(line[..at].to_vec());
                variants.push([&line[..at], b"\xff\xfe", &line[at..]].concat());
            }
            // Each value behind a colon in turn gives way to another one.
            let colons: Vec<usize> =
                line.windows(2).enumerate().filter(|(_, two)| two == b"\":").map(|(at, _)| at + 2).collect();
            for (nth, &at) in colons.iter().take(60).enumerate() {
                let odd = ODD[nth % ODD.len()];
                let rest = line[at..].iter().position(|byte| matches!(byte, b',' | b'}')).unwrap_or(0);
                variants.push([&line[..at], odd.as_bytes(), &line[at + rest..]].concat());
            }
            for variant in &variants {
                let _ = detect_lines(&LineSample::new(variant), None);
                for format in LINE_FORMATS {
                    let batch = decode(format, variant);
                    assert!(batch.updates.len() <= 1000);
                    let _ = (format.detail)(variant);
                }
            }
        }
    }
}

#[test]
fn deep_and_long_lines_are_taken_or_left() {
    let deep = format!("{{\"data\":{}", "[{\"spans\":".repeat(20_000));
    let nested = format!(
        "{{\"id\":\"a\",\"trace_id\":\"b\",\"run_type\":\"llm\",\"extra\":{}1{}}}",
        "{\"a\":".repeat(100),
        "}".repeat(100)
    );
    let stream = Stream { name: "x".to_owned(), ..Stream::default() };
    for format in LINE_FORMATS {
        for text in [&deep, &nested] {
            let mut out = Batch::default();
            let at = PayloadRef { segment: SegmentId(0), pos: u64::MAX, len: u32::MAX };
            let line =
                Line { bytes: text.as_bytes(), at, stamp: Stamp(u64::MAX), arrived: UnixNanos(i64::MAX) };
            (format.decoder)(&stream).decode(&line, &mut out);
            let _ = (format.detail)(text.as_bytes());
        }
    }
}

#[test]
fn rows_of_anything_are_only_counted() {
    let tables: [(&str, &[&str]); 9] = [
        ("spans", &["trace_rowid", "span_id", "span_kind", "start_time", "attributes"]),
        ("spans", &["trace_id", "span_id", "start_time_unix_nano", "content"]),
        ("mastra_traces", &["id", "name", "traceId", "startTime", "endTime"]),
        ("turns", &["id", "thread_id", "model", "datetime_utc", "tip_message_hash"]),
        ("parts", &["id", "message_hash", "type", "tool_name", "payload"]),
        ("responses", &["id", "model", "prompt", "response", "conversation_id", "datetime_utc"]),
        ("tool_calls", &["id", "response_id", "name", "arguments", "tool_call_id"]),
        ("agent_runs", &["event_id", "run_id", "agent_name", "job_type", "start_time", "status"]),
        ("runs", &["event_id", "run_id", "agent_name", "job_type", "start_time", "status"]),
    ];
    let cells = [
        Cell::Null,
        Cell::Integer(i64::MIN),
        Cell::Integer(i64::MAX),
        Cell::Real(f64::NAN),
        Cell::Real(f64::INFINITY),
        Cell::Text(b""),
        Cell::Text(b"\xff\xfe"),
        Cell::Text(b"{"),
        Cell::Text(br#"{"a":{"b":[1,{"c":null}]},"id":"x","attributes":{"k":"\"v"}}"#),
        Cell::Text(b"tool_call"),
        Cell::Text(b"9999-12-31T23:59:59Z"),
        Cell::Text(b"[[[["),
        Cell::Blob(b"\0\x01\x02"),
    ];
    for (name, columns) in tables {
        let schema = TableSchema {
            name: name.to_owned(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        };
        let (format, plan) = TABLE_FORMATS
            .iter()
            .find_map(|format| Some((*format, (format.plan)(&schema)?.ok()?)))
            .unwrap_or_else(|| panic!("{name} is nobody's"));
        let at = PayloadRef { segment: SegmentId(0), pos: u64::MAX, len: 0 };
        let place = RowPlace { at, stamp: Stamp(u64::MAX) };
        for seed in 0..400usize {
            let pick = |at: usize| cells[(seed * 7 + at * (seed / 13 + 1)) % cells.len()];
            let row: Vec<_> = (0..plan.width()).map(pick).collect();
            (format.decode)(&place, &row, &mut Batch::default());
            (format.decode)(&place, &row[..seed % (row.len() + 1)], &mut Batch::default());
            let lookups =
                plan.lookups.iter().chain(&plan.detail_lookups).map(|lookup| lookup.name.to_owned());
            let names = plan.detail.iter().cloned().chain(lookups);
            let row: Vec<_> = names.enumerate().map(|(at, name)| (name, pick(at))).collect();
            let _ = (format.detail)(&row);
        }
    }
}
