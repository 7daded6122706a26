use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Marks, NANOS_PER_MS, NANOS_PER_SEC, Parent, PayloadRef, SegmentId, SpanKind, SpanUpdate, Stamp, Symbol,
    TokenSum,
};

/// Spans as the store would hold them: later records win, written times win.
struct Spans {
    all: BTreeMap<(Id, Id), SpanUpdate>,
    order: Vec<(Id, Id)>,
    batch: Batch,
}

impl Spans {
    fn fold(batch: Batch) -> Self {
        let mut spans = Self { all: BTreeMap::new(), order: Vec::new(), batch: Batch::default() };
        for update in &batch.updates {
            let key = (update.trace, update.span);
            let Some(known) = spans.all.get_mut(&key) else {
                spans.order.push(key);
                spans.all.insert(key, *update);
                continue;
            };
            let newer = |old: &mut Symbol, new: Symbol| {
                if new.is_some() {
                    *old = new;
                }
            };
            for (old, new) in [
                (&mut known.name, update.name),
                (&mut known.step, update.step),
                (&mut known.agent, update.agent),
                (&mut known.error, update.error),
                (&mut known.workflow, update.workflow),
            ] {
                newer(old, new);
            }
            known.status = update.status.or(known.status);
            known.usage = update.usage.or(known.usage);
            known.run = update.run.or(known.run);
            known.marks = known.marks.with(update.marks);
            for (old, new) in [(&mut known.start, update.start), (&mut known.end, update.end)] {
                if let Some(new) = new
                    && (!new.inferred || old.is_none_or(|old| old.inferred))
                {
                    *old = Some(new);
                }
            }
        }
        spans.batch = batch;
        spans
    }

    fn of(&self, kind: SpanKind) -> Vec<&SpanUpdate> {
        self.order.iter().map(|key| &self.all[key]).filter(|span| span.kind == Some(kind)).collect()
    }

    fn text(&self, symbol: Symbol) -> &str {
        self.batch.strings.get(symbol)
    }

    fn count(&self, kind: SpanKind, status: Status) -> usize {
        self.of(kind).iter().filter(|span| span.status == Some(status)).count()
    }

    fn errors(&self) -> usize {
        self.all.values().filter(|span| span.status == Some(Status::Error)).count()
    }

    fn tokens(&self) -> TokenSum {
        let mut sum = TokenSum::default();
        for span in self.of(SpanKind::Llm) {
            sum.add_usage(&span.usage.unwrap_or_default());
        }
        sum
    }

    fn traces(&self) -> usize {
        let mut traces: Vec<_> = self.all.keys().map(|key| key.0).collect();
        traces.dedup();
        traces.len()
    }

    fn ms(span: &SpanUpdate) -> Option<i64> {
        Some(span.end?.at.since(span.start?.at) / NANOS_PER_MS)
    }

    fn children(&self, parent: &SpanUpdate) -> Vec<&SpanUpdate> {
        let of = |span: &&SpanUpdate| span.trace == parent.trace && span.parent == Parent::Span(parent.span);
        self.order.iter().map(|key| &self.all[key]).filter(of).collect()
    }
}

const ARRIVED: UnixNanos = UnixNanos(1_780_000_000 * NANOS_PER_SEC);

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/step-telemetry/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn decoder() -> Box<dyn LineDecoder> {
    (LINES.decoder)(&Stream { name: "backend.log".to_owned(), salt: b"salt".to_vec(), notes: String::new() })
}

/// Reads lines with the times at which they arrive.
fn read_at<'l>(lines: impl Iterator<Item = (&'l [u8], UnixNanos)>) -> Spans {
    let mut decoder = decoder();
    let mut batch = Batch::default();
    let mut pos = 0;
    for (bytes, arrived) in lines {
        let at = PayloadRef { segment: SegmentId(0), pos, len: bytes.len() as u32 };
        decoder.decode(&Line { bytes, at, stamp: Stamp::new(SegmentId(0), pos), arrived }, &mut batch);
        pos += bytes.len() as u64 + 1;
    }
    decoder.finish(&mut batch);
    Spans::fold(batch)
}

fn read(text: &str) -> Spans {
    read_at(text.lines().map(|line| (line.as_bytes(), ARRIVED)))
}

fn tokens(input: u64, output: u64) -> TokenSum {
    TokenSum { input, output, ..TokenSum::default() }
}

#[test]
fn the_line_dialect_is_counted() {
    let spans = read(&fixture("console.log"));
    assert_eq!(spans.traces(), 10);
    let workflows = |status| spans.count(SpanKind::Workflow, status);
    let ends = [Status::Ok, Status::Error, Status::Suspended, Status::Running].map(workflows);
    assert_eq!(ends, [6, 2, 1, 1]);
    // 86 that began, and the one that waits for a person and logs only its progress.
    assert_eq!(spans.of(SpanKind::Step).len(), 87);
    assert_eq!(spans.count(SpanKind::Step, Status::Error), 2);
    assert_eq!(spans.count(SpanKind::Step, Status::Suspended), 1);
    assert_eq!(spans.count(SpanKind::Step, Status::Running), 1);
    assert_eq!((spans.count(SpanKind::Llm, Status::Ok), spans.count(SpanKind::Llm, Status::Error)), (47, 1));
    assert_eq!(spans.tokens(), tokens(30_619, 11_800));
    assert!(
        spans.of(SpanKind::Llm).iter().all(|call| call.usage.is_none() || call.marks.has(Marks::ESTIMATED))
    );
    // 107 lines; a call's first line and its last are one call.
    let tools = spans.of(SpanKind::Tool).len();
    assert!((75..107).contains(&tools), "{tools}");
    assert_eq!(spans.count(SpanKind::Tool, Status::Error), 1);
    assert!((4..=8).contains(&spans.errors()), "{}", spans.errors());
    assert_eq!(spans.batch.problems.count(Reason::InvalidJson), 1);
    assert!(spans.batch.problems.count(Reason::OtherLine) > 0);
}

#[test]
fn garbled_marks_change_nothing() {
    let spans = read(&fixture("mojibake.log"));
    assert_eq!((spans.traces(), spans.errors(), spans.tokens()), (1, 0, tokens(405, 41)));
    assert_eq!((spans.of(SpanKind::Step).len(), spans.of(SpanKind::Llm).len()), (3, 1));
    assert_eq!(spans.batch.problems.count(Reason::OtherLine), 2);
}

#[test]
fn the_block_dialect_is_counted() {
    let spans = read(&fixture("printed.log"));
    assert_eq!((spans.traces(), spans.of(SpanKind::Workflow).len()), (4, 4));
    assert_eq!((spans.of(SpanKind::Step).len(), spans.of(SpanKind::Llm).len()), (37, 12));
    let calls: i64 = spans.of(SpanKind::Llm).iter().filter_map(|call| Spans::ms(call)).sum();
    assert_eq!(calls, 100_823);
    assert_eq!(
        (spans.count(SpanKind::Workflow, Status::Ok), spans.count(SpanKind::Workflow, Status::Error)),
        (2, 1)
    );
    assert_eq!(spans.count(SpanKind::Workflow, Status::Running), 1);
    assert_eq!(
        (spans.count(SpanKind::Step, Status::Error), spans.count(SpanKind::Llm, Status::Error)),
        (1, 1)
    );
    assert_eq!(spans.tokens(), TokenSum::default());
    let step = spans.of(SpanKind::Step)[1];
    assert_eq!((spans.text(step.name), Spans::ms(step)), ("Extract Intent", Some(2_071)));
    assert_eq!(step.start.unwrap().at.to_rfc3339(), "2026-02-04T06:40:00.027Z");
    let failed =
        spans.of(SpanKind::Step).into_iter().find(|step| step.status == Some(Status::Error)).unwrap();
    assert_eq!(spans.text(failed.error), "Ollama timeout after 60s - is Ollama running?");
}

#[test]
fn a_crash_is_the_errors_of_its_step() {
    let spans = read(&fixture("crash.log"));
    assert_eq!((spans.traces(), spans.of(SpanKind::Step).len()), (1, 2));
    let step = spans.of(SpanKind::Step)[1];
    assert_eq!(step.status, Some(Status::Error));
    assert_eq!(spans.text(step.error), "TypeError: this.telemetry.info is not a function");
    assert_eq!(spans.text(spans.of(SpanKind::Workflow)[0].workflow), "ticket-generation");
}

#[test]
fn the_records_are_counted() {
    let spans = read(&fixture("records.ndjson"));
    assert!(spans.all.len() >= 118);
    let calls = spans.of(SpanKind::Llm).len();
    assert!((42..=43).contains(&calls), "{calls}");
    let tools = spans.of(SpanKind::Tool).len();
    assert!((66..=69).contains(&tools), "{tools}");
    assert_eq!(spans.tokens(), tokens(26_831, 10_127));
    assert!((2..=5).contains(&spans.errors()), "{}", spans.errors());
    assert!(spans.batch.problems.is_empty(), "{:?}", spans.batch.problems);
    let first = spans.of(SpanKind::Step)[0];
    assert_eq!((spans.text(first.name), Spans::ms(first)), ("Extract Intent", Some(3_448)));
    assert_eq!(first.start.unwrap().at.to_rfc3339(), "2026-02-04T17:00:00.000Z");
    let call = spans.children(first)[0];
    assert_eq!((call.start.unwrap().at, Spans::ms(call)), (first.start.unwrap().at, Some(3_376)));
    let draft =
        spans.of(SpanKind::Tool).into_iter().find(|tool| spans.text(tool.name) == "generateDraft").unwrap();
    assert_eq!(draft.start.unwrap().at.to_rfc3339(), "2026-02-04T17:00:09.000Z");
}

#[test]
fn the_plain_line_and_its_json_are_one_call_with_the_exact_time() {
    let spans = read(&fixture("console.log"));
    let call = spans.of(SpanKind::Llm)[0];
    assert_eq!((spans.text(call.name), Spans::ms(call)), ("mastra-default-llm", Some(3_376)));
    assert_eq!((spans.text(call.agent), spans.text(call.step)), ("MastraContentGenerator", "Extract Intent"));
    let step = spans.of(SpanKind::Step)[1];
    assert_eq!(call.parent, Parent::Span(step.span));
    assert_eq!((spans.text(step.name), Spans::ms(step)), ("Extract Intent", Some(3_448)));
}

#[test]
fn a_file_read_at_once_is_laid_out_in_order() {
    let spans = read(&fixture("console.log"));
    for root in spans.of(SpanKind::Workflow) {
        let steps = spans.children(root).into_iter().filter(|span| span.kind == Some(SpanKind::Step));
        let mut last = root.start.unwrap().at;
        for step in steps {
            assert!(step.start.unwrap().inferred);
            assert!(step.start.unwrap().at >= last, "{}", spans.text(step.name));
            last = step.end.map_or(last, |end| end.at);
            let mut inner = step.start.unwrap().at;
            for call in spans.children(step).iter().filter(|span| span.kind == Some(SpanKind::Llm)) {
                assert!(call.start.unwrap().at >= inner);
                inner = call.end.unwrap().at;
            }
            let slack = last.plus(NANOS_PER_SEC / 10);
            assert!(step.end.is_none() || inner <= slack, "{} {inner:?} {last:?}", spans.text(step.name));
        }
        if let Some(end) = root.end {
            assert!(end.at >= last);
        }
    }
    // The second workflow's id says when it was made.
    let second = spans.of(SpanKind::Workflow)[1];
    assert_eq!(second.start.unwrap().at, UnixNanos::from_ms(1_770_224_434_189));
    assert_eq!(spans.text(second.name), "workflow-1770224434189-6d8946e");
    assert!(second.run.is_some());
    // A draft that contains both of its calls.
    let draft =
        spans.of(SpanKind::Tool).into_iter().find(|tool| spans.text(tool.name) == "generateDraft").unwrap();
    assert_eq!(Spans::ms(draft), Some(4_875));
}

#[test]
fn a_followed_log_keeps_the_times_of_arrival() {
    let lines = [
        (0, "🚀 [WorkflowTelemetry:start] Workflow started"),
        (0, "📍 [extractIntent] Starting step"),
        (4_000, "🤖 [a] Prompt: 10 tokens | Completion: 1 tokens | Duration: 3.9s"),
        // At the same time as the first.
        (4_010, "🤖 [b] Prompt: 20 tokens | Completion: 2 tokens | Duration: 4.0s"),
        (10_000, "✅ [1] Completed in 9990ms"),
        (20_000, "✅ [WorkflowTelemetry:complete] Workflow completed with status: success"),
    ];
    let at = |ms: i64| ARRIVED.plus(ms * NANOS_PER_MS);
    let spans = read_at(lines.iter().map(|(ms, line)| (line.as_bytes(), at(*ms))));
    let calls = spans.of(SpanKind::Llm);
    assert_eq!((calls[0].end.unwrap().at, Spans::ms(calls[0])), (at(4_000), Some(3_900)));
    assert_eq!((calls[1].end.unwrap().at, Spans::ms(calls[1])), (at(4_010), Some(4_000)));
    let step = spans.of(SpanKind::Step)[0];
    assert_eq!((step.start.unwrap().at, step.end.unwrap().at), (at(0), at(9_990)));
    assert_eq!(spans.of(SpanKind::Workflow)[0].end.unwrap().at, at(20_000));
}

#[test]
fn lines_that_carry_times_are_placed_by_them() {
    let spans = read(
        "2026-03-01T10:00:00Z 🚀 [WorkflowTelemetry:start] Workflow started\n\
         2026-03-01T10:00:01Z 📍 [a] Starting step\n\
         2026-03-01T10:00:03Z 🤖 [m] Prompt: 10 tokens | Completion: 1 tokens | Duration: 2.0s\n",
    );
    let call = spans.of(SpanKind::Llm)[0];
    assert_eq!(call.end.unwrap().at.to_rfc3339(), "2026-03-01T10:00:03.000Z");
    assert_eq!(spans.of(SpanKind::Step)[0].start.unwrap().at.to_rfc3339(), "2026-03-01T10:00:01.000Z");
}

#[test]
fn workflows_at_the_same_time_stay_apart_where_lines_say_whose_they_are() {
    let spans = read(
        "[WorkflowTelemetry:start] Workflow started\n\
         [one] Starting step\n\
         Step 1 [One] started | {\"step\":\"1\",\"workflowRunId\":\"run-a\"}\n\
         [WorkflowTelemetry:start] Workflow started\n\
         [two] Starting step\n\
         Step 2 [Two] started | {\"step\":\"2\",\"workflowRunId\":\"run-b\"}\n\
         Step 1: Agent tool call | {\"step\":\"1\",\"agent\":\"A\",\"tool\":\"t\",\"result\":\"success\",\"duration\":5}\n\
         [1] Completed in 10ms\n\
         [2] Completed in 20ms\n",
    );
    assert_eq!(spans.traces(), 2);
    let names: Vec<_> = spans.of(SpanKind::Workflow).iter().map(|root| spans.text(root.name)).collect();
    assert_eq!(names, ["run-a", "run-b"]);
    let steps = spans.of(SpanKind::Step);
    assert_eq!((steps.len(), Spans::ms(steps[0]), Spans::ms(steps[1])), (2, Some(10), Some(20)));
    assert_ne!(steps[0].trace, steps[1].trace);
    assert_eq!(spans.of(SpanKind::Tool)[0].parent, Parent::Span(steps[0].span));
}

#[test]
fn attempts_skips_and_colours() {
    let spans = read(
        "\u{1b}[32m🚀 [WorkflowTelemetry:start] Workflow started\u{1b}[39m\n\
         📍 [6] Gather\n\
         ⚠️ [6] Attempt 1/3 failed: Ollama timeout?. Retrying in 1000ms...\n\
         🤖 [m] Prompt: 1 tokens | Completion: 2 tokens | Duration: 1.0s\n\
         ✅ [6] Recovered after 2 attempts\n\
         ✅ [6] Completed in 2000ms\n\
         ℹ️ Step 6 [Gather] completed | {\"step\":\"6\",\"status\":\"skipped\",\"reason\":\"not now\"}\n\
         ℹ️ Step 7: LLM call completed | {\"model\":\"q\",\"tokens\":77,\"duration\":5}\n",
    );
    assert_eq!(spans.of(SpanKind::Step)[0].status, Some(Status::Skipped));
    let calls = spans.of(SpanKind::Llm);
    assert!(calls[0].marks.has(Marks::RETRY));
    // A total says nothing about its parts.
    assert_eq!((calls.len(), calls[1].usage), (2, None));
    let events: Vec<_> = spans.of(SpanKind::Event).iter().map(|event| spans.text(event.name)).collect();
    assert_eq!(events, ["Attempt 1/3", "Recovered after 2 attempts"]);
    assert_eq!(spans.text(spans.of(SpanKind::Event)[0].error), "Ollama timeout?.");
    assert!(spans.batch.problems.is_empty());
}

#[test]
fn a_log_may_begin_anywhere() {
    let spans =
        read("🤖 [m] Prompt: 1 tokens | Completion: 2 tokens | Duration: 1.0s\n✅ [3] Completed in 10ms\n");
    assert_eq!((spans.traces(), spans.tokens()), (1, tokens(1, 2)));
    assert_eq!(Spans::ms(spans.of(SpanKind::Step)[0]), Some(10));
}

#[test]
fn reading_again_gives_the_same_ids() {
    let text = fixture("console.log");
    let ids = |spans: &Spans| spans.order.clone();
    assert_eq!(ids(&read(&text)), ids(&read(&text)));
}

#[test]
fn lines_are_recognised() {
    let sure = |text: &str| sniff(&LineSample::new(text.as_bytes())).0;
    for name in ["console.log", "printed.log", "crash.log", "mojibake.log"] {
        assert!(sure(&fixture(name)) >= 80, "{name}");
    }
    assert!((60..90).contains(&sure(&fixture("records.ndjson"))));
    assert_eq!(sure("{\"type\":\"LLM_CALL_STARTED\",\"ts\":\"x\"}\n{\"a\":1}\n"), 0);
    assert_eq!(sure("[INFO] Starting server\n[error] Error: no\n"), 0);
}

#[test]
fn a_line_is_read_with_its_fields() {
    let line = "ℹ️ Step 1: LLM call completed | {\"step\":\"1\",\"model\":\"m\",\"promptTokens\":405}";
    let read = detail(line.as_bytes());
    assert_eq!(read.raw, line);
    let names: Vec<_> = read.attributes.iter().map(|(name, json)| format!("{name}={json}")).collect();
    assert_eq!(names, ["step=\"1\"", "model=\"m\"", "promptTokens=405"]);
    assert_eq!(detail(b"   Input: \"x\"").input.as_deref(), Some("\"x\""));
    assert_eq!(detail("❌ [7] Error: boom".as_bytes()).error.as_deref(), Some("boom"));
    let record = detail(br#"{"stepId":"a","input":{"t":1},"output":{"k":[1]},"status":"completed"}"#);
    assert_eq!((record.input.as_deref(), record.output.as_deref()), (Some("{\"t\":1}"), Some("{\"k\":[1]}")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_lines_are_survived(lines in prop::collection::vec(any_line(), 0..40)) {
        let spans = read_at(lines.iter().map(|(bytes, ms)| (&bytes[..], ARRIVED.plus(*ms))));
        for span in spans.all.values() {
            let ordered = span.end.is_none() || span.end.map(|end| end.at) >= span.start.map(|start| start.at);
            let text: Vec<_> = lines.iter().map(|(bytes, ms)| (String::from_utf8_lossy(bytes), ms)).collect();
            prop_assert!(ordered, "{span:?} {text:#?}");
        }
        for (bytes, _) in &lines {
            detail(bytes);
        }
    }
}

/// Lines of the fixtures, cut and damaged, and garbage.
fn any_line() -> impl Strategy<Value = (Vec<u8>, i64)> {
    let known: Vec<Vec<u8>> = ["console.log", "printed.log", "records.ndjson"]
        .iter()
        .flat_map(|name| fixture(name).lines().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>())
        .collect();
    let line = (prop::sample::select(known), any::<prop::sample::Index>(), any::<u8>(), 0u8..4).prop_map(
        |(mut line, at, byte, how)| {
            if !line.is_empty() {
                let at = at.index(line.len());
                match how {
                    0 => line.truncate(at),
                    1 => line[at] = byte,
                    _ => {}
                }
            }
            line
        },
    );
    prop_oneof![9 => line, 1 => prop::collection::vec(any::<u8>(), 0..80)]
        .prop_flat_map(|line| (Just(line), any::<i32>().prop_map(i64::from)))
}
