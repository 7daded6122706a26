//! What a frame costs: the whole screen over 100,000 and a million spans, beside an empty frame of the same size, which
//! is what ratatui itself takes; allocations, and bytes for the terminal.
//!
//! `cargo bench --bench frame`; with `TRACETUI_BENCH_SPANS=10000000` over that many spans.

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]

mod cpu;
mod spans;

use std::time::{Duration, Instant};

use allocation_counter::measure;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use tracetui::config::{Config, Key};
use tracetui::model::{Batch, NANOS_PER_MS, NANOS_PER_SEC, Parent, SpanKind, SpanUpdate, Stamp, Timed};
use tracetui::model::{SourceId, UnixNanos};
use tracetui::source::{SourceEvent, SourceMessage};
use tracetui::tui::{Depth, Model, Painter};

const SIZE: (u16, u16) = (200, 60);
const TIMES: usize = 301;

/// A model that has taken everything in, and the moment it is.
fn loaded(spans: usize) -> (Model, UnixNanos) {
    let config = Config::parse("").expect("an empty configuration");
    let mut model = Model::new(&config, "dark", Depth::True, &["run.ndjson".to_owned()], true);
    for batch in spans::batches(spans) {
        model.receive(SourceMessage { source: SourceId(0), event: SourceEvent::Batch(batch) });
    }
    model.receive(SourceMessage { source: SourceId(0), event: SourceEvent::CaughtUp });
    let wall = spans::START.plus((spans / spans::RUN) as i64 * 5 * NANOS_PER_SEC + 60 * NANOS_PER_SEC);
    rest(&mut model, wall);
    (model, wall)
}

/// Lets the model finish what it has to do.
fn rest(model: &mut Model, wall: UnixNanos) {
    let mut now = Instant::now();
    loop {
        model.place(SIZE, wall, now);
        if !model.refresh() {
            break;
        }
        now += Duration::from_millis(250);
    }
}

fn press(model: &mut Model, wall: UnixNanos, keys: &str) {
    for key in keys.split_whitespace().filter_map(Key::parse) {
        model.press(key);
        rest(model, wall);
    }
}

/// Medians of the processor time of two things, in turn.
fn in_turn(mut ours: impl FnMut(), mut floor: impl FnMut()) -> (f64, f64) {
    let mut all: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..TIMES {
        all[0].push(cpu::timed(&mut ours).0);
        all[1].push(cpu::timed(&mut floor).0);
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[TIMES / 2].as_secs_f64() * 1e3
    };
    let [ours, floor] = &mut all;
    (median(ours), median(floor))
}

/// A terminal that keeps the bytes it is sent.
fn screen() -> Terminal<Painter<Vec<u8>>> {
    let area = Rect::new(0, 0, SIZE.0, SIZE.1);
    Terminal::with_options(Painter::new(Vec::new()), TerminalOptions { viewport: Viewport::Fixed(area) })
        .expect("a terminal")
}

/// Draws a frame. Returns the bytes it took.
fn send(terminal: &mut Terminal<Painter<Vec<u8>>>, model: &Model) -> usize {
    terminal.backend_mut().out().clear();
    terminal.draw(|frame| model.draw(frame)).expect("draws");
    terminal.backend_mut().out().len()
}

/// A run in which a step and five calls are under way.
fn running(wall: UnixNanos) -> Batch {
    let mut batch = Batch::default();
    let trace = batch.id("under-way").expect("an id");
    let root = batch.id("under-way-0").expect("an id");
    for at in 0..6 {
        let span = batch.id(&format!("under-way-{at}")).expect("an id");
        let mut update = SpanUpdate::new(trace, span, Stamp(u64::MAX / 2 + at));
        update.parent = if at == 0 { Parent::Root } else { Parent::Span(root) };
        update.start = Some(Timed::written(wall.plus((at as i64 - 60) * 250 * NANOS_PER_MS)));
        let (kind, name) =
            if at == 0 { (SpanKind::Workflow, "ticket-generation") } else { (SpanKind::Llm, "gpt-4o") };
        (update.kind, update.name) = (Some(kind), batch.intern(name));
        batch.push(update);
    }
    batch
}

fn main() {
    let asked = std::env::var("TRACETUI_BENCH_SPANS").ok().and_then(|spans| spans.parse().ok());
    let sizes = asked.map_or_else(|| vec![100_000, 1_000_000], |spans| vec![spans]);
    println!("median of {TIMES}, processor time of one thread, {} x {} cells\n", SIZE.0, SIZE.1);
    println!("| spans | frame | ms | floor ms | ratio | allocations | bytes |");
    println!("|---:|---|---:|---:|---:|---:|---:|");
    for spans in sizes {
        let (mut model, wall) = loaded(spans);
        let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("a terminal");
        let mut empty = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("a terminal");
        let mut screen = screen();
        let row = |what: &str, (ours, floor): (f64, f64), allocations: u64, bytes: usize| {
            let ratio = ours / floor;
            println!("| {spans} | {what} | {ours:.4} | {floor:.4} | {ratio:.2} | {allocations} | {bytes} |");
        };
        for (what, keys) in [
            ("runs and waterfall", ""),
            ("deep in the run", "enter 5 0 j"),
            ("detail", "enter"),
            ("help", "?"),
            ("picker", "esc esc m"),
        ] {
            press(&mut model, wall, keys);
            let allocations = measure(|| {
                model.refresh();
                terminal.draw(|frame| model.draw(frame)).map(|_| ()).expect("draws");
            });
            let times = in_turn(
                || terminal.draw(|frame| model.draw(frame)).map(|_| ()).expect("draws"),
                || empty.draw(|_| {}).map(|_| ()).expect("draws"),
            );
            row(what, times, allocations.count_total, send(&mut screen, &model));
            assert_eq!(send(&mut screen, &model), 0, "an unchanged frame writes nothing");
        }
        press(&mut model, wall, "esc esc");
        model.receive(SourceMessage { source: SourceId(0), event: SourceEvent::Batch(running(wall)) });
        rest(&mut model, wall);
        send(&mut screen, &model);
        // A tick of bars that grow: ten a second.
        let (mut at, mut now, mut bytes, mut allocations) = (wall, Instant::now(), Vec::new(), 0);
        for _ in 0..TIMES {
            at = at.plus(100 * NANOS_PER_MS);
            now += Duration::from_millis(100);
            let counted = measure(|| {
                model.place(SIZE, at, now);
                model.refresh();
                bytes.push(send(&mut screen, &model));
            });
            allocations = allocations.max(counted.count_total);
        }
        bytes.sort_unstable();
        let times = in_turn(
            || {
                at = at.plus(100 * NANOS_PER_MS);
                now += Duration::from_millis(100);
                model.place(SIZE, at, now);
                model.refresh();
                send(&mut screen, &model);
            },
            || empty.draw(|_| {}).map(|_| ()).expect("draws"),
        );
        row("live tick, all of it", times, allocations, bytes[TIMES / 2]);
        let times = in_turn(
            || {
                model.refresh();
            },
            || empty.draw(|_| {}).map(|_| ()).expect("draws"),
        );
        row("refresh, nothing new", times, measure(|| _ = model.refresh()).count_total, 0);
        let keys = [Key::parse("j").expect("a key"), Key::parse("k").expect("a key")];
        let mut turn = 0;
        let times = in_turn(
            || {
                turn += 1;
                model.press(keys[turn % 2]);
                model.refresh();
                send(&mut screen, &model);
            },
            || empty.draw(|_| {}).map(|_| ()).expect("draws"),
        );
        row("a key and its frame", times, 0, 0);
    }
}
