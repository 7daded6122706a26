use super::*;
use crate::format::testing::fixture;

fn found(bytes: &[u8]) -> String {
    match detect_lines(&LineSample::new(bytes), None) {
        Ok(Some(detection)) => detection.format.name.to_owned(),
        Ok(None) => "nothing yet".to_owned(),
        Err(error) => {
            assert!(!error.contains('\n') && error.len() < 300, "one line: {error}");
            error
        }
    }
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn known_formats_are_found() {
    for name in ["events.ndjson", "events-strict.ndjson", "events-strict-failed.ndjson", "events-live.ndjson"]
    {
        assert_eq!(found(&fixture(&format!("llm-events/{name}"))), "llm-events", "{name}");
    }
    assert_eq!(found(&fixture("native/tta-traces.jsonl")), "native");
    let span =
        r#"{"trace_id":"t","span_id":"s","name":"n","started_at":"2026-01-01T00:00:00Z","duration_ms":1}"#;
    let damaged = format!("2026-01-01 INFO starting\n\u{feff}{span}\nTraceback\n");
    assert_eq!(found(damaged.as_bytes()), "native");
    let mut bytes = span.as_bytes().to_vec();
    bytes.push(b'\n');
    bytes.extend_from_slice(&[7; 4000]);
    assert_eq!(found(&bytes), "native", "one binary line is damage");
    let zeros = [&[0; 4096][..], span.as_bytes()].concat();
    assert_eq!(found(&zeros), "native", "what a copy-and-truncate leaves");
}

#[test]
fn nothing_is_not_an_error() {
    for bytes in [&b""[..], b"\n \n\r\n", b"\0\0\0\0"] {
        assert_eq!(found(bytes), "nothing yet");
    }
}

#[test]
fn strangers_are_named() {
    let span = r#"{"trace_id":"t","span_id":"s","name":"n"}"#;
    for (bytes, want) in [
        (utf16(&span.repeat(3), false), "UTF-16LE"),
        (utf16(&span.repeat(3), true), "UTF-16BE"),
        ([vec![0xff, 0xfe], utf16(span, false)].concat(), "UTF-16 text"),
        (b"\x1f\x8b\x08\0rest".to_vec(), "gzip"),
        (b"\x28\xb5\x2f\xfdrest".to_vec(), "zstd"),
        (b"SQLite format 3\0rest".to_vec(), "SQLite database"),
        ((0..=255).collect::<Vec<u8>>().repeat(4), "export it as JSON"),
        (
            b"\x0a\xa1\x02\x0a\x1c\x0a\x1a\x0a\x0cservice.name\x12\x0a\x0a\x08checkout and then a long text"
                .to_vec(),
            "OTLP as protobuf",
        ),
        (b"{\n  \"trace_id\": \"t\",\n  \"span_id\": \"s\"\n}\n".to_vec(), "found: trace_id, span_id"),
        (format!("[{span},\n{span}]").into_bytes(), "native"),
        (format!("[\n  {span}\n]").into_bytes(), "native"),
        (br#"{"resourceSpans":[{"scopeSpans":[]}]}"#.to_vec(), "otlp-json"),
        (br#"{"resource_spans":[{"scope_spans":[{"spans":[{"na"#.to_vec(), "otlp-json"),
        (br#"{"resourceMetrics":[]}"#.to_vec(), "OTLP metrics"),
        (
            br#"{"parentUuid":null,"sessionId":"x","uuid":"y","type":"user","message":{}}"#.to_vec(),
            "claude-code",
        ),
        (br#"{"timestamp":"x","type":"session_meta","payload":{"id":"z"}}"#.to_vec(), "codex"),
        (br#"{"level":30,"time":1767225600000,"pid":1,"hostname":"h","msg":"hi"}"#.to_vec(), "generic"),
        (br#"{"a":1,"b":2}"#.to_vec(), "found: a, b"),
        (b"trace_id,span_id,name\nt,s,n\nt,s,n\n".to_vec(), "CSV"),
        (b"# HELP x y\n# TYPE x counter\nx 1\n".to_vec(), "Prometheus"),
        (b"up{job=\"a\",instance=\"b,c\"} 1.0\nup{job=\"d\",instance=\"e,f\"} 0\n".to_vec(), "Prometheus"),
        (b"hello\nworld\n".to_vec(), "plain text"),
    ] {
        let said = found(&bytes);
        assert!(said.contains(want), "{want}: {said}");
    }
}

#[test]
fn a_forced_format_is_taken_at_its_word() {
    let sample = LineSample::new(b"hello");
    let detection = detect_lines(&sample, Some("Native")).unwrap().unwrap();
    assert_eq!((detection.format.name, detection.score), ("native", 100));
    let error = detect_lines(&sample, Some("nope")).err().unwrap();
    assert!(error.contains("nope") && error.contains("native") && error.contains("llm-events"));
    assert!(format_names().iter().filter(|(name, _)| *name == "native").count() == 1);
}

fn table(name: &str, columns: &[&str]) -> TableSchema {
    TableSchema { name: name.to_owned(), columns: columns.iter().map(|&column| column.to_owned()).collect() }
}

#[test]
fn tables_are_found_or_what_is_there_is_named() {
    let spans = table("execution_spans", &["started_at", "name", "span_id", "trace_id"]);
    let users = table("users", &["id", "name"]);
    let found = detect_tables(&[users.clone(), spans.clone()], None).unwrap_or_default();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].plan.table.as_str(), found[0].detection.format.name), ("execution_spans", "native"));
    let error = |tables: &[TableSchema], forced| detect_tables(tables, forced).err().unwrap();
    assert_eq!(error(&[users], None), "no span table found; tables: users");
    assert_eq!(
        error(&[table("execution_spans", &["trace_id", "span_id", "name"])], None),
        "table execution_spans: missing columns: started_at; found: trace_id, span_id, name"
    );
    assert!(error(&[], None).contains("no tables yet"));
    assert!(error(&[spans], Some("nope")).contains("nope"));
    let many: Vec<_> = (0..300).map(|i| table(&format!("t{i}"), &["x"])).collect();
    assert!(error(&many, None).ends_with("and 288 more"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_upset_it(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), text in "[\\[\\]{}\",:a-z0-9\n ]{0,200}") {
        let _ = detect_lines(&LineSample::new(&bytes), None);
        let _ = detect_lines(&LineSample::new(text.as_bytes()), None);
    }
}

#[test]
fn databases_of_other_kinds_are_named_with_advice() {
    let error = |tables: &[TableSchema]| detect_tables(tables, None).err().unwrap();
    let sessions = [
        table("agent_sessions", &["session_id", "created_at", "updated_at"]),
        table("agent_messages", &["id", "session_id", "message_data", "created_at"]),
    ];
    assert!(error(&sessions).contains("OpenAI Agents SDK"), "{}", error(&sessions));
    assert!(error(&sessions).contains("add_trace_processor"));
    let states = [table("checkpoints", &["thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint"])];
    assert!(error(&states).contains("LangGraph"));
    for codex in [
        table("threads", &["id", "rollout_path", "created_at", "title", "model", "tokens_used", "cwd"]),
        table("thread_turns", &["thread_id", "turn_id", "status", "duration_ms", "rollout_byte_offset"]),
    ] {
        let said = error(&[codex]);
        assert!(said.contains("Codex") && said.contains("~/.codex/sessions"), "{said}");
    }
}
