use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde_json::Value;

/// Keeps every row that was written.
#[derive(Default)]
struct Memory {
    rows: Vec<SpanRow>,
    flushed: bool,
}

impl Sink for Memory {
    fn write(&mut self, spans: &[SpanRow]) -> Result<(), SinkError> {
        self.rows.extend_from_slice(spans);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.flushed = true;
        Ok(())
    }
}

impl Memory {
    /// The last state of every span.
    fn spans(&self) -> BTreeMap<&str, &SpanRow> {
        self.rows.iter().map(|row| (row.span_id.as_str(), row)).collect()
    }
}

const START: UnixNanos = UnixNanos(1_770_224_400 * NANOS_PER_SEC);

fn play(demo: Demo, minutes: i64) -> Memory {
    let mut sink = Memory::default();
    let mut clock = VirtualClock::new(START, START.plus(minutes * 60 * NANOS_PER_SEC));
    demo.play(&mut sink, &mut clock, &AtomicBool::new(false)).expect("plays");
    sink
}

fn once() -> Demo {
    Demo { once: true, past_runs: 0, ..Demo::default() }
}

fn count(row: &SpanRow, key: &str) -> i64 {
    row.attributes.get(key).and_then(Value::as_i64).unwrap_or(0)
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let (a, b) = (play(Demo::default(), 3), play(Demo::default(), 3));
    assert!(a.rows.len() > 1_000);
    assert_eq!(a.rows, b.rows);
    let other = play(Demo { seed: 43, ..Demo::default() }, 3);
    assert_ne!(a.rows, other.rows);
}

#[test]
fn one_run_shows_all_thirteen_steps_a_retry_and_a_person() {
    for seed in 0..20 {
        let memory = play(Demo { seed, ..once() }, 60);
        assert!(memory.flushed);
        let spans = memory.spans();
        let traces: BTreeSet<_> = spans.values().map(|row| row.trace_id.as_str()).collect();
        assert_eq!(traces.len(), 1, "one run");
        let steps: BTreeSet<_> = spans
            .values()
            .filter(|row| row.span_type == "node_execution")
            .map(|row| row.name.as_str())
            .collect();
        assert_eq!(steps, ticket::STEPS.iter().copied().collect());
        assert!(spans.values().all(|row| row.ended_at.is_some()), "everything has ended");

        let retry =
            spans.values().find(|row| row.attributes.contains_key("retryOf")).expect("something is retried");
        let failed = spans[retry.attributes["retryOf"].as_str().expect("text")];
        assert_eq!((failed.name.as_str(), failed.status), (retry.name.as_str(), Status::Error));
        let waited = retry.started_at.since(failed.ended_at.expect("ended"));
        assert!(waited >= count(retry, "backoffMs") * NANOS_PER_MS, "with backoff");

        let suspended: BTreeSet<_> =
            memory.rows.iter().filter(|row| row.status == Status::Suspended).map(|row| &row.name).collect();
        assert!(suspended.iter().any(|name| *name == "Review Findings"), "{suspended:?}");
        assert!(suspended.iter().any(|name| *name == "ticket-generation"), "the run waits as well");
    }
}

#[test]
fn branches_run_side_by_side() {
    let memory = play(once(), 60);
    let spans = memory.spans();
    let named = |name: &str| *spans.values().find(|row| row.name == name).expect("is there");
    let (code, api) = (named("Gather Repository Context"), named("Gather API Context"));
    assert!(code.started_at < api.ended_at.expect("ended") && api.started_at < code.ended_at.expect("ended"));
    let draft = named("Generate Draft Content");
    assert!(draft.started_at >= code.ended_at.max(api.ended_at).expect("ended"), "the draft waits for both");
}

#[test]
fn trees_are_connected_and_children_lie_within_their_parents() {
    let memory = play(Demo::default(), 5);
    let spans = memory.spans();
    let mut roots: BTreeMap<&str, u32> = BTreeMap::new();
    for row in spans.values() {
        let Some(parent) = &row.parent_span_id else {
            *roots.entry(&row.trace_id).or_default() += 1;
            continue;
        };
        let parent = spans.get(parent.as_str()).expect("the parent was written");
        assert_eq!(parent.trace_id, row.trace_id);
        assert!(parent.started_at <= row.started_at, "{} in {}", row.name, parent.name);
        assert!(parent.ended_at >= row.ended_at, "{} in {}", row.name, parent.name);
        assert_eq!(parent.attributes["userId"], row.attributes["userId"]);
    }
    assert!(roots.values().all(|&n| n == 1), "one root in each trace");
    let all: BTreeSet<_> = spans.values().map(|row| row.trace_id.as_str()).collect();
    assert_eq!(roots.len(), all.len());
}

#[test]
fn parents_are_written_before_their_children_when_live() {
    let memory = play(once(), 60);
    let mut seen = BTreeSet::new();
    for row in &memory.rows {
        if let Some(parent) = &row.parent_span_id {
            assert!(seen.contains(parent), "{}", row.name);
        }
        seen.insert(row.span_id.clone());
    }
}

#[test]
fn tokens_add_up_and_grow() {
    let memory = play(Demo::default(), 5);
    let mut grown: BTreeMap<&str, i64> = BTreeMap::new();
    let mut partial = 0;
    for row in memory.rows.iter().filter(|row| row.span_type == "model_generation") {
        let output = count(row, "completionTokens");
        let before = grown.insert(&row.span_id, output).unwrap_or(0);
        if row.status != Status::Cancelled {
            assert!(output >= before, "tokens never shrink");
        }
        partial += i64::from(row.ended_at.is_none() && output > 0);
        assert_eq!(
            count(row, "totalTokens"),
            if output == 0 { 0 } else { count(row, "promptTokens") + output }
        );
        let cached = count(row, "cacheReadTokens") + count(row, "cacheWriteTokens");
        assert!(cached <= count(row, "promptTokens"));
        assert!(count(row, "reasoningTokens") <= output);
        if row.status == Status::Ok {
            let first =
                row.attributes["completionStartTime"].as_str().and_then(UnixNanos::parse).expect("time");
            assert!(row.started_at <= first && Some(first) <= row.ended_at);
            let reported = row.attributes.contains_key("totalCost");
            assert_eq!(reported, row.attributes["provider"] == "anthropic");
        }
    }
    assert!(partial > 100, "answers grow while they are written");
    let models: BTreeSet<_> =
        memory.rows.iter().filter_map(|row| row.attributes.get("model")?.as_str()).collect();
    assert_eq!(models.len(), 7, "{models:?}");
    let sum = |key| memory.spans().values().map(|row| count(row, key)).sum::<i64>();
    assert!(sum("cacheReadTokens") > 10_000 && sum("reasoningTokens") > 500);
}

#[test]
fn the_past_looks_like_a_morning() {
    let memory = play(Demo { once: true, ..Demo::default() }, 0);
    let past: Vec<_> = memory.rows.iter().filter(|row| row.started_at < START).collect();
    let ids: BTreeSet<_> = past.iter().map(|row| &row.span_id).collect();
    assert_eq!(ids.len(), past.len(), "each span once");
    assert!(past.iter().all(|row| row.ended_at.is_some_and(|end| end < START)), "all over");
    assert!(past.iter().all(|row| START.since(row.started_at) < PAST + 600 * NANOS_PER_SEC));
    assert!(past.is_sorted_by_key(|row| row.recorded_at), "in the order of ends");
    let roots: Vec<_> = past.iter().filter(|row| row.parent_span_id.is_none()).collect();
    assert_eq!(roots.len(), 40);
    let with = |status| roots.iter().filter(|row| row.status == status).count();
    assert!(with(Status::Error) >= 3 && with(Status::Cancelled) >= 1 && with(Status::Ok) >= 25);
    let names: BTreeSet<_> = roots.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["customer-support", "nightly-digest", "ticket-generation"]));
    let errors: String = past.iter().filter_map(|row| row.error.as_ref()).map(Value::to_string).collect();
    assert!(errors.contains("429") && errors.contains("TimeoutError"));
}

#[test]
fn one_to_three_runs_at_once() {
    let memory = play(Demo { past_runs: 0, ..Demo::default() }, 10);
    let mut open: BTreeSet<&str> = BTreeSet::new();
    let mut most = 0;
    for row in memory.rows.iter().filter(|row| row.parent_span_id.is_none()) {
        if row.ended_at.is_some() {
            open.remove(row.trace_id.as_str())
        } else {
            open.insert(&row.trace_id)
        };
        most = most.max(open.len());
    }
    assert!((2..=3).contains(&most), "{most}");
    assert!(open.is_empty(), "being stopped ends what was open");
    assert!(memory.spans().values().any(|row| row.status == Status::Cancelled));
    assert!(memory.spans().values().filter(|row| row.parent_span_id.is_none()).count() >= 8);
}

#[test]
fn speed_scales_time() {
    let length = |speed| {
        let memory = play(Demo { speed, ..once() }, 60);
        let root = memory.spans().into_values().find(|row| row.parent_span_id.is_none()).cloned();
        let root = root.expect("a root");
        root.ended_at.expect("ended").since(root.started_at)
    };
    let (life, fast) = (length(1.0), length(4.0));
    assert!((20..120).contains(&(life / NANOS_PER_SEC)), "{life}");
    assert!((life / 4 - fast).abs() <= 1_000, "{life} {fast}");
    assert_eq!(length(f64::NAN), life, "nonsense is life's pace");
}

#[test]
fn a_stop_from_outside_ends_the_play() {
    /// Stops the demo from a writer's point of view: after some writes.
    struct Stopper<'a>(Mutex<u32>, &'a AtomicBool);
    impl Sink for Stopper<'_> {
        fn write(&mut self, _spans: &[SpanRow]) -> Result<(), SinkError> {
            let mut writes = self.0.lock().expect("not poisoned");
            *writes += 1;
            self.1.store(*writes > 20, Ordering::Relaxed);
            Ok(())
        }
        fn flush(&mut self) -> Result<(), SinkError> {
            Ok(())
        }
    }
    let stop = AtomicBool::new(false);
    let mut clock = VirtualClock::new(START, UnixNanos(i64::MAX));
    Demo::default().play(&mut Stopper(Mutex::new(0), &stop), &mut clock, &stop).expect("ends");
}
