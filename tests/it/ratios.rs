//! Growth and cost as ratios within one process: what holds on any machine, however busy. Counts where there are
//! counts, else the least of several rounds of processor time, with room to spare. The benches say how fast it is;
//! these only say that nothing got worse by an order.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

#[path = "../bench/cpu.rs"]
mod cpu;
#[allow(dead_code, missing_docs, unreachable_pub, reason = "shared with the benches, which use all of it")]
#[path = "../bench/shape.rs"]
mod shape;

use std::time::{Duration, Instant};

use allocation_counter::measure;
use cpu::timed;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde::Deserialize;
use shape::{Shape, records, row};
use tracetui::config::{Config, Key};
use tracetui::format::{LINE_FORMATS, Line, Stream};
use tracetui::model::{Batch, PayloadRef, SegmentId, SourceId, Stamp, UnixNanos};
use tracetui::source::{SourceEvent, SourceMessage};
use tracetui::store::{Arrival, Store};
use tracetui::tui::{Depth, Model};

const ROUNDS: usize = 3;
const LINES: usize = 2_048;

fn lines(shape: Shape, spans: usize) -> Vec<String> {
    let places: Vec<usize> = (0..records(shape, spans)).collect();
    let chunk = |places: &[usize]| {
        let mut text = String::new();
        for &at in places {
            row(shape, spans, at).push_line(&mut text);
        }
        text
    };
    places.chunks(LINES).map(chunk).collect()
}

/// Batches as a file would give them.
fn decode(chunks: &[String], mut take: impl FnMut(Batch)) {
    let format = LINE_FORMATS.iter().find(|format| format.name == "native").expect("the native format");
    let mut decoder =
        (format.decoder)(&Stream { name: "run.ndjson".to_owned(), salt: Vec::new(), notes: String::new() });
    let mut pos = 0;
    for chunk in chunks {
        let mut batch = Batch::default();
        for line in chunk.lines() {
            let at = PayloadRef { segment: SegmentId(0), pos, len: line.len() as u32 };
            let stamp = Stamp::new(SegmentId(0), pos);
            decoder.decode(&Line { bytes: line.as_bytes(), at, stamp, arrived: UnixNanos(0) }, &mut batch);
            pos += line.len() as u64 + 1;
        }
        take(batch);
    }
}

fn index(chunks: &[String]) -> Store {
    let mut store = Store::new();
    decode(chunks, |batch| {
        store.apply(SourceId(0), &batch, Arrival { at: UnixNanos(0), live: false });
        store.take_changes();
    });
    store
}

/// The least processor time of a few rounds.
fn least<T>(mut work: impl FnMut() -> T) -> Duration {
    (0..ROUNDS).map(|_| timed(&mut work).0).min().expect("a round")
}

fn each(time: Duration, spans: usize) -> f64 {
    time.as_secs_f64() / spans as f64
}

#[test]
fn what_a_span_costs_does_not_grow_with_their_number() {
    let (few, many) = (1_000, 8_000);
    for (name, shape) in Shape::ALL {
        let (small, big) = (lines(shape, few), lines(shape, many));
        let growth = each(least(|| index(&big)), many) / each(least(|| index(&small)), few);
        // Eight times as many: quadratic would be 8.
        assert!(growth < 2.5, "{name}: a span costs {growth:.2} times as much among {many} as among {few}");
    }
}

#[test]
fn a_span_keeps_little_memory_and_its_payload_none() {
    let spans = 10_000;
    let chunks = lines(Shape::Ordinary, spans);
    let bytes: usize = chunks.iter().map(String::len).sum();
    let mut store = Store::new();
    let mut held = 0;
    decode(&chunks, |batch| {
        held += measure(|| {
            store.apply(SourceId(0), &batch, Arrival { at: UnixNanos(0), live: false });
            store.take_changes();
        })
        .bytes_current;
    });
    let each = held as f64 / spans as f64;
    assert!(each < 220.0, "{each:.0} bytes a span");
    assert!(held as usize * 3 < bytes, "{held} bytes for a log of {bytes}");
    assert!(
        store.used_memory() as f64 > held as f64 * 0.5,
        "the store says {} of {held}",
        store.used_memory()
    );
}

#[test]
fn taking_in_allocates_by_the_batch_not_by_the_span() {
    let spans = 10_000;
    let chunks = lines(Shape::Ordinary, spans);
    let counted = measure(|| drop(index(&chunks)));
    let each = counted.count_total as f64 / spans as f64;
    assert!(each < 0.5, "{each:.2} allocations a span");
}

/// The same fields as a program would ask serde for.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    trace_id: &'a str,
    #[serde(borrow)]
    span_id: &'a str,
    parent_span_id: Option<&'a str>,
    #[serde(borrow)]
    name: &'a str,
    #[serde(borrow)]
    span_type: &'a str,
    started_at: &'a str,
    ended_at: Option<&'a str>,
    #[serde(borrow)]
    status: &'a str,
    attributes: Attributes<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes<'a> {
    model: Option<&'a str>,
    provider: Option<&'a str>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

fn typed(chunks: &[String]) -> u64 {
    let mut sum = 0;
    for line in chunks.iter().flat_map(|chunk| chunk.lines()) {
        let span: Typed<'_> = serde_json::from_str(line).expect("a span");
        let texts = [span.trace_id, span.span_id, span.name, span.span_type, span.started_at, span.status];
        let maybe = [span.parent_span_id, span.ended_at, span.attributes.model, span.attributes.provider];
        let known = maybe.into_iter().flatten();
        sum += texts.into_iter().chain(known).map(|text| text.len() as u64).sum::<u64>();
        sum += span.attributes.prompt_tokens.unwrap_or(0) + span.attributes.completion_tokens.unwrap_or(0);
    }
    sum
}

#[test]
fn an_index_of_a_log_costs_little_more_than_reading_its_fields() {
    let spans = 4_000;
    let chunks = lines(Shape::Ordinary, spans);
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        ours = ours.min(timed(|| index(&chunks)).0);
        theirs = theirs.min(timed(|| typed(&chunks)).0);
    }
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    // Unoptimised code says little, but it says something.
    let limit = if cfg!(debug_assertions) { 12.0 } else { 3.0 };
    assert!(ratio < limit, "{ratio:.2} times serde_json's typed reading");
}

fn model(spans: usize) -> Model {
    let config = Config::parse("").expect("an empty configuration");
    let mut model = Model::new(&config, "dark", Depth::True, &["run.ndjson".to_owned()], true);
    decode(&lines(Shape::Ordinary, spans), |batch| {
        model.receive(SourceMessage { source: SourceId(0), event: SourceEvent::Batch(batch) });
    });
    model.receive(SourceMessage { source: SourceId(0), event: SourceEvent::CaughtUp });
    rest(&mut model);
    model
}

fn rest(model: &mut Model) {
    let mut now = Instant::now();
    for _ in 0..1_000 {
        model.place((200, 60), UnixNanos(1_770_228_000_000_000_000), now);
        if !model.refresh() {
            break;
        }
        now += Duration::from_millis(250);
    }
}

#[test]
fn a_frame_does_not_depend_on_the_number_of_spans() {
    let (mut small, mut big) = (model(1_000), model(10_000));
    let mut terminal = Terminal::new(TestBackend::new(200, 60)).expect("a terminal");
    for key in ["j", "enter", "j", "G", "home"] {
        let mut after = |model: &mut Model| {
            model.press(Key::parse(key).expect("a key"));
            rest(model);
            let mut draw = || terminal.draw(|frame| model.draw(frame)).map(|_| ()).expect("draws");
            // Some buffers of the first frame stay; the second is what all later ones are like.
            draw();
            measure(draw).count_total
        };
        let (few, many) = (after(&mut small), after(&mut big));
        assert!(few <= 100 && many <= 100, "{key}: {few} allocations with few spans, {many} with many");
    }
}
