//! What a decoder learns from the lines before must not change what it reads: the same lines, read by one decoder and
//! by a fresh one each, beside what `serde_json` finds in them.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::format::json::is_complete_json;

/// A decoder for all lines, or one for each.
fn read(lines: &[String], fresh: bool) -> Batch {
    let stream = Stream { name: String::new(), salt: Vec::new(), notes: String::new() };
    let mut decoder = (LINES.decoder)(&stream);
    let (mut batch, mut pos) = (Batch::default(), 0);
    for line in lines {
        if fresh {
            decoder = (LINES.decoder)(&stream);
        }
        let at = PayloadRef { segment: SegmentId(0), pos, len: line.len() as u32 };
        let stamp = Stamp::new(SegmentId(0), pos);
        decoder.decode(&Line { bytes: line.as_bytes(), at, stamp, arrived: UnixNanos(0) }, &mut batch);
        pos += line.len() as u64 + 1;
    }
    batch
}

/// Everything that a batch says, whatever the numbers of its strings.
fn said(batch: &Batch) -> (Vec<String>, String) {
    let shared = RefCell::new(Strings::default());
    // Numbers by the alphabet, so that they do not depend on the order of interning.
    let mut texts: Vec<&str> = batch.strings.iter().map(|(_, text)| text).collect();
    texts.sort_unstable();
    for text in texts {
        shared.borrow_mut().intern(text);
    }
    let map = |symbol| shared.borrow_mut().intern(batch.strings.get(symbol));
    (batch.updates.iter().map(|update| format!("{:?}", update.remap(map))).collect(), problems(batch))
}

/// Members of records: usual ones, spellings of others, decoys, odd ones.
fn member() -> impl Strategy<Value = String> {
    let usual = select(vec![
        r#""parent_span_id":null"#,
        r#""parent_span_id":"b7ad6b7169200002""#,
        r#""span_type":"MODEL_GENERATION""#,
        r#""span_type":"tool\u005fexecution""#,
        r#""started_at":"2026-01-01T00:00:00.000Z""#,
        r#""ended_at":"2026-01-01 00:00:01.5+00:00""#,
        r#""end_time":1767225601"#,
        r#""duration_ms":12.25"#,
        r#""duration_ms":-1e3"#,
        r#""status":"completed""#,
        r#""status":{"code":2,"message":"x"}"#,
        r#""error":null"#,
        r#""error":{"message":"a \"b\" {c"}"#,
        r#""input":{"trace_id":"decoy","attributes":{"model":"decoy"},"a":["}","\"","\\"]}"#,
        r#""input":"[{\"span_id\":\"decoy\"},\"a very long text with many escapes \\ \n that goes on and on and on\"]""#,
        r#""output":[[[{"name":"decoy"}]],"text that is longer than a block of sixty-four bytes, so that blocks meet"]"#,
        r#""output":"é日本\"""#,
        r#""attributes":{}"#,
        r#""attributes":{"model":"m","promptTokens":5,"completionTokens":"7","totalCost":0.001}"#,
        r#""attributes":{"promptTokens":5,"model":"m","usage":{"input":3,"outputTokens":4,"inputDetails":{"cached":1,"x":2}},"userId":7}"#,
        r#""attributes":"{\"model\":\"in\\ttext\",\"agentName\":\"a\"}""#,
        r#""metadata":[1,2]"#,
        r#""events":[{"name":"decoy","at":1}]"#,
        r#""usage":{"prompt_tokens":11,"completion_tokens":2}"#,
        r#""usage":5"#,
        r#""unknown":{"deep":[[[{"a":{"b":[1,2,{"c":"}]"}]}}]]]}"#,
        r#""a key that is much longer than any that is worth remembering for the next line":1"#,
        r#""n\u0061me":"escaped""#,
        r#""tool":"t\u0000""#,
        r#""iteration":3"#,
        r#""x":NaN"#,
        r#""":-0.0"#,
        "\"raw\":\"tab\there\"",
        r#""cut":{"a":[1}"#,
    ])
    .prop_map(str::to_owned);
    prop_oneof![12 => usual, 1 => "\"[a-d]\":(1|\"x\"|\\[\\])"]
}

/// Lines of a writer that likes one order and style, with some that are shuffled or torn.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let record = (prop::collection::vec(member(), 0..12), 0u8..10, 0u8..4, any::<prop::sample::Index>());
    (prop::collection::vec(record, 1..8), any::<prop::sample::Index>()).prop_map(|(records, often)| {
        let mut lines = Vec::new();
        for n in 0..records.len() * 3 {
            // One of them comes again and again between the others.
            let (members, torn, style, cut) = if n % 3 == 0 { &records[n / 3] } else { often.get(&records) };
            let mut all = vec![
                r#""trace_id":"0af7651916cd43dd8448eb211c80319c""#.to_owned(),
                format!(r#""span_id":"b7ad6b71692{:05x}""#, n + 1),
                r#""name":"openai:gpt-4o""#.to_owned(),
            ];
            all.extend(members.iter().cloned());
            if *style == 3 {
                all.rotate_left(2);
            }
            let mut line = match style {
                1 => format!("{{ {} }}", all.join(" , ").replace("\":", "\" : ")),
                2 => format!("{{{}}}", all.join(", ")),
                _ => format!("{{{}}}", all.join(",")),
            };
            if n % 3 == 0 && *torn == 0 {
                let mut end = cut.index(line.len());
                while !line.is_char_boundary(end) {
                    end -= 1;
                }
                line.truncate(end);
            }
            lines.push(line);
        }
        lines
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_was_learnt_changes_nothing(lines in lines()) {
        let (learnt, fresh) = (read(&lines, false), read(&lines, true));
        prop_assert_eq!(said(&learnt), said(&fresh));
        for line in &lines {
            let batch = read(std::slice::from_ref(line), true);
            // Strict readers refuse more: numbers that JSON lacks, and oddities inside payloads.
            if is_complete_json(line.as_bytes()) {
                prop_assert_eq!(batch.updates.len(), usize::from(line.len() > 2), "{}", line);
            } else {
                prop_assert!(batch.updates.is_empty() || line.contains("\"cut\""), "{}", line);
            }
            let Ok(value) = serde_json::from_str::<serde_json::Map<_, _>>(line) else { continue };
            let (update, text) = (batch.updates[0], |symbol| batch.strings.get(symbol));
            // Of two equal keys the last one counts, but null is no value: there `serde_json` differs.
            if batch.problems.count(Reason::DuplicateKey) > 0 {
                continue;
            }
            prop_assert_eq!(text(update.name), value["name"].as_str().unwrap());
            if let Some(word) = value.get("span_type") {
                prop_assert_eq!(text(update.span_type), word.as_str().unwrap());
            }
            let parent = value.get("parent_span_id").and_then(serde_json::Value::as_str);
            prop_assert_eq!(matches!(update.parent, Parent::Span(_)), parent.is_some());
            for decoy in ["decoy", "deep"] {
                prop_assert!(batch.strings.find(decoy).is_none(), "{}", line);
            }
        }
    }
}

#[test]
fn no_beginning_of_a_record_is_a_record() {
    let line = format!(
        r#"{HEAD},{START},"input":{{"a":["{}",{{"b":"\\\""}}]}},"attributes":{{"model":"m"}},"output":"{}"}}"#,
        "long ".repeat(30),
        "text \\\" ".repeat(20),
    );
    let mut lines = vec![line.clone(); 3];
    for end in 1..line.len() {
        lines.push(line[..end].to_owned());
    }
    let batch = read(&lines, false);
    assert_eq!((batch.updates.len(), problems(&batch)), (3, format!("invalid_json={}", line.len() - 1)));
}

#[test]
fn a_stream_of_ever_new_keys_is_read_like_any_other() {
    let line = |n: usize| format!(r#"{HEAD},"k{n}":{n},"l{}":{{}},{START},"model":"m{}"}}"#, n * 7, n % 5);
    let lines: Vec<_> = (0..3000).map(line).collect();
    let (learnt, fresh) = (read(&lines, false), read(&lines, true));
    assert_eq!(learnt.updates.len(), 3000);
    assert_eq!(said(&learnt), said(&fresh));
}
