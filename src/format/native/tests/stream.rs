//! What one line says must not depend on the lines before it, whatever was learnt from them.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

/// Fields in the ways they are written; records are made of some of them, in any order.
const FIELDS: &[&str] = &[
    r#""trace_id":"0af7651916cd43dd8448eb211c80319c""#,
    r#""traceId": "0af7651916cd43dd8448eb211c803191""#,
    r#""span_id":"b7ad6b7169200001""#,
    r#""span_id":"029e2081-aac8-48cd-a2bd-55dabab8c6e6""#,
    r#""span_id" : "b7ad6b7169200002""#,
    r#""parent_span_id":null"#,
    r#""parent_span_id":"b7ad6b7169200009""#,
    r#""name":"a step""#,
    r#""name":"another \u0041 \"step\" \\""#,
    r#""na\u006de":"escaped key""#,
    r#""span_type":"model_generation""#,
    r#""started_at":"2026-01-01T00:00:00.000Z""#,
    r#""started_at":1767225600000"#,
    r#""ended_at":"2026-01-01T00:00:01.5+02:00""#,
    r#""duration_ms":12.5"#,
    r#""duration_ms":-0"#,
    r#""status":"completed""#,
    r#""status":{"code":2}"#,
    r#""attributes":{}"#,
    r#""attributes":{ }"#,
    r#""attributes":null"#,
    r#""attributes":{"validationType":"x"}"#,
    r#""attributes":{"model":"m","usage":{"input_tokens":5,"outputDetails":{"reasoning":1}},"cost":0.01}"#,
    r#""attributes":{"usage":{},"model":"gpt-4o"}"#,
    r#""attributes":"{\"model\":\"m\",\"inputTokens\":7}""#,
    r#""attributes":"{}""#,
    r#""usage":{"input":3,"output":4,"total":7}"#,
    r#""input":{"span_id":"decoy","name":["]}",{"attributes":{"model":"decoy"}}]}"#,
    r#""input":"plain \" text }""#,
    r#""output":null"#,
    r#""error":null"#,
    r#""error":{"message":"boom"}"#,
    r#""zz":[1,{"name":"decoy"},"\\"]"#,
    r#""created_at":"2026-01-01 00:00:02""#,
];

fn line() -> impl Strategy<Value = String> {
    let fields = subsequence(FIELDS, 0..=FIELDS.len()).prop_shuffle();
    let some = (fields, 0..=14usize).prop_map(|(mut fields, most)| {
        fields.truncate(most.max(3));
        fields
    });
    let shape = select(vec![("{", ",", "}"), ("{ ", ", ", " }"), ("{", ",\t", "}"), ("  {", " ,", "}  ")]);
    let whole = (some, shape).prop_map(|(fields, (open, comma, close))| {
        let all = [HEAD.trim_start_matches('{')].into_iter().chain(fields).collect::<Vec<_>>();
        format!("{open}{}{close}", all.join(comma))
    });
    (whole, proptest::option::weighted(0.1, 0usize..400)).prop_map(|(line, cut)| {
        let end = cut.map_or(line.len(), |cut| cut.min(line.len()));
        line.chars().take(end).collect()
    })
}

/// Everything that was decoded, as text in which no table of strings matters.
fn said(batch: &Batch) -> Vec<String> {
    let common = RefCell::new(Strings::default());
    // The same numbers for the same texts, whatever else was read.
    for field in FIELDS {
        for part in field.split('"') {
            common.borrow_mut().intern(part);
        }
    }
    let words = |symbol: Symbol| common.borrow_mut().intern(batch.strings.get(symbol));
    let mut said: Vec<String> =
        batch.updates.iter().map(|update| format!("{:?}", update.remap(words))).collect();
    said.push(problems(batch));
    said.push(common.borrow().iter().map(|(_, text)| format!("{text}\n")).collect());
    said
}

fn read(decoder: &mut dyn crate::format::LineDecoder, line: &str) -> Vec<String> {
    let mut batch = Batch::default();
    let at = PayloadRef { segment: SegmentId(0), pos: 7, len: line.len() as u32 };
    let line = Line { bytes: line.as_bytes(), at, stamp: Stamp(7), arrived: UnixNanos(0) };
    decoder.decode(&line, &mut batch);
    said(&batch)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_line_says_the_same_after_any_others(lines in proptest::collection::vec(line(), 1..24)) {
        let stream = Stream { name: "test.ndjson".to_owned(), salt: b"test".to_vec() };
        let mut long = (LINES.decoder)(&stream);
        for line in &lines {
            let alone = read((LINES.decoder)(&stream).as_mut(), line);
            prop_assert_eq!(read(long.as_mut(), line), alone, "{}", line);
            // The second time all of it is known.
            prop_assert_eq!(read(long.as_mut(), line), read((LINES.decoder)(&stream).as_mut(), line), "{}", line);
        }
    }

    #[test]
    fn whole_lines_are_what_a_full_reader_takes(line in line()) {
        let mut batch = Batch::default();
        let stream = Stream { name: "test.ndjson".to_owned(), salt: b"test".to_vec() };
        let mut decoder = (LINES.decoder)(&stream);
        let at = PayloadRef { segment: SegmentId(0), pos: 0, len: line.len() as u32 };
        decoder.decode(
            &Line { bytes: line.as_bytes(), at, stamp: Stamp(0), arrived: UnixNanos(0) },
            &mut batch,
        );
        let valid = serde_json::from_str::<serde_json::Value>(&line).is_ok();
        prop_assert!(!valid || batch.updates.len() == 1, "{}: {}", line, problems(&batch));
        prop_assert!(valid || batch.updates.is_empty() || line.trim().is_empty(), "{}", line);
    }
}
