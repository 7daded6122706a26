use super::{LINES, detail};
use crate::format::testing::{decode, fixture, fold, problems, totals};
use crate::model::{SpanKind, TokenSum};

const FIXTURES: [&str; 2] = ["zipkin/openinference.json", "zipkin/openinference.jsonl"];

#[test]
fn the_same_spans_as_in_open_telemetry_say_the_same() {
    for name in FIXTURES {
        let batch = decode(&LINES, &fixture(name));
        let totals = totals(&batch);
        assert_eq!(problems(&batch), "", "{name}");
        assert_eq!((totals.traces, totals.spans, totals.open, totals.errors), (2, 15, 0, 2), "{name}");
        // Six calls of language models and one of an embedding model.
        assert_eq!((totals.llm_calls, totals.tool_calls), (7, 2), "{name}");
        let tokens: TokenSum = totals.tokens;
        assert_eq!((tokens.input, tokens.cache_read, tokens.cache_write), (18_008, 11_168, 1_000), "{name}");
        assert_eq!((tokens.output, tokens.reasoning), (800, 192), "{name}");
    }
}

#[test]
fn each_span_has_a_place_of_its_own() {
    let text = fixture(FIXTURES[0]);
    let batch = decode(&LINES, &text);
    for span in fold(&batch).iter().filter(|span| span.kind == Some(SpanKind::Tool)) {
        let at = span.payload.unwrap();
        let own = &text[at.pos as usize..][..at.len as usize];
        let read = detail(own);
        assert!(read.input.is_some() || read.raw.contains("execute_tool"), "{}", read.raw);
        assert!(read.raw.starts_with('{') && read.raw.ends_with('}'));
    }
}
