//! What a frame costs: the whole screen over 100,000 spans, beside an empty frame of the same size, which is what
//! ratatui itself takes.
//!
//! `cargo bench --bench frame`

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]

mod ratio;
mod spans;

use std::time::{Duration, Instant};

use criterion::Criterion;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tracetui::config::{Config, Key};
use tracetui::model::{NANOS_PER_SEC, SourceId};
use tracetui::source::{SourceEvent, SourceMessage};
use tracetui::tui::{Depth, Model};

const SIZE: (u16, u16) = (200, 60);
const SPANS: usize = 100_000;

fn loaded() -> Model {
    let config = Config::parse("").expect("an empty configuration");
    let mut model = Model::new(&config, "dark", Depth::True, &["run.ndjson".to_owned()], true);
    for batch in spans::batches(SPANS) {
        model.receive(SourceMessage { source: SourceId(0), event: SourceEvent::Batch(batch) });
    }
    model.receive(SourceMessage { source: SourceId(0), event: SourceEvent::CaughtUp });
    rest(&mut model);
    model
}

/// Lets the model finish what it has to do.
fn rest(model: &mut Model) {
    let wall = spans::START.plus(7_200 * NANOS_PER_SEC);
    let mut now = Instant::now();
    loop {
        model.place(SIZE, wall, now);
        if !model.refresh() {
            break;
        }
        now += Duration::from_millis(250);
    }
}

fn press(model: &mut Model, keys: &str) {
    for key in keys.split_whitespace().filter_map(Key::parse) {
        model.press(key);
        rest(model);
    }
}

fn main() {
    let mut model = loaded();
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots();
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("a terminal");
    let mut empty = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("a terminal");
    for (what, keys) in
        [("runs and waterfall", ""), ("deep in the run", "enter 5 0 j"), ("detail", "enter"), ("help", "?")]
    {
        press(&mut model, keys);
        let mut draw = || terminal.draw(|frame| model.draw(frame)).map(|_| ()).expect("draws");
        let floor = || empty.draw(|_| {}).map(|_| ()).expect("draws");
        criterion.bench_function(&format!("frame/{what}"), |bencher| bencher.iter(&mut draw));
        ratio::print(&format!("frame, {what}"), ratio::in_turn(301, draw, floor));
    }
    press(&mut model, "esc");
    criterion.bench_function("refresh/nothing new", |bencher| bencher.iter(|| model.refresh()));
    let down = Key::parse("j").expect("a key");
    let up = Key::parse("k").expect("a key");
    criterion.bench_function("refresh/keys", |bencher| {
        bencher.iter(|| {
            for key in [down, up] {
                model.press(key);
                model.refresh();
            }
        });
    });
}
