use super::*;
use serde_json::Value;
use std::collections::BTreeMap;

fn lines(spans: u64, seed: u64) -> String {
    let mut generator = Generator::new(spans, seed);
    let mut out = String::new();
    while let Some(record) = generator.next() {
        record.push_line(&mut out);
    }
    out
}

#[test]
fn a_seed_always_makes_the_same_bytes() {
    assert_eq!(lines(2_000, 42), lines(2_000, 42));
    assert_ne!(lines(2_000, 42), lines(2_000, 43));
}

#[test]
fn the_shape_is_that_of_real_data() {
    let text = lines(30_000, 42);
    let mut traces: BTreeMap<String, u64> = BTreeMap::new();
    let (mut llm, mut huge, mut last) = (0u64, 0u64, String::new());
    for line in text.lines() {
        let span: Value = serde_json::from_str(line).expect("valid JSON");
        *traces.entry(span["trace_id"].as_str().expect("text").to_owned()).or_default() += 1;
        if span["span_type"] == "model_generation" {
            llm += 1;
            huge += u64::from(line.len() > 9_000);
        }
        let end = span["ended_at"].as_str().expect("every span has ended").to_owned();
        assert!(end >= last, "in the order of ends");
        last = end;
    }
    let count = text.lines().count() as u64;
    assert_eq!(count, 30_000);
    let mean = text.len() as u64 / count;
    assert!((640..=760).contains(&mean), "mean line {mean}");
    assert!((25..=29).contains(&(llm * 100 / count)), "model calls {llm}");
    assert!((6..=20).contains(&(huge * 1_000 / llm)), "long prompts {huge} of {llm}");
    let mean = count / traces.len() as u64;
    assert!((80..=120).contains(&mean), "spans in a trace {mean}");
    assert!(traces.values().all(|&spans| spans <= 500));
}

#[test]
fn trees_are_whole_and_children_within_their_parents() {
    let text = lines(5_000, 7);
    let spans: BTreeMap<String, Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("valid JSON"))
        .map(|span| (span["span_id"].as_str().expect("text").to_owned(), span))
        .collect();
    assert_eq!(spans.len(), 5_000);
    for span in spans.values() {
        let Some(parent) = span["parent_span_id"].as_str() else { continue };
        let parent = &spans[parent];
        assert_eq!(parent["trace_id"], span["trace_id"]);
        assert!(parent["started_at"].as_str() <= span["started_at"].as_str());
        assert!(parent["ended_at"].as_str() >= span["ended_at"].as_str());
    }
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("a.ndjson");
    generate(10, 1, &path).expect("makes");
    assert!(matches!(generate(10, 1, &path), Err(SinkError::Exists { .. })));
}
