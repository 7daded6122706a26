//! What spans cost in any number and any shape: to take in, to hold, to open, to draw, to move through, to filter.
//!
//! `cargo bench --bench shapes`, a few minutes up to a million spans; `-- --quick` up to 100,000; `-- deep siblings` only
//! some shapes. Processor time of one thread. Growth is what a span costs beside what it costs at a tenth of the number;
//! above 1.15 it is marked.

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]

mod cpu;
mod shape;

use std::time::{Duration, Instant};

use cpu::timed;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use shape::{Shape, records, row};
use tracetui::config::{Config, Key};
use tracetui::format::{LINE_FORMATS, Line, LineDecoder, Stream};
use tracetui::model::{Batch, PayloadRef, SegmentId, SourceId, Stamp, UnixNanos};
use tracetui::source::{SourceEvent, SourceMessage};
use tracetui::tui::{Depth, Model};

const SIZE: (u16, u16) = (200, 60);
const LINES: usize = 2_048;
/// 2026-02-04T18:00:00Z.
const NOW: UnixNanos = UnixNanos(1_770_228_000_000_000_000);
/// A span may cost so much more in ten times as many.
const GROWTH: f64 = 1.15;
/// Nothing that a key does may take longer than this.
const SLOW: Duration = Duration::from_millis(100);

/// What a number of spans of a shape cost.
struct Costs {
    spans: usize,
    /// Decoding and merging, all spans.
    index: Duration,
    /// Bytes that stay.
    memory: i64,
    /// From the spans to what the first frame needs, the tree of the newest run among it.
    open: Duration,
    frame: Duration,
    /// Longest single step that a key took, by key.
    keys: Vec<(&'static str, Duration)>,
}

fn decoder() -> Box<dyn LineDecoder> {
    let format = LINE_FORMATS.iter().find(|format| format.name == "native").expect("the native format");
    (format.decoder)(&Stream { name: "run.ndjson".to_owned(), salt: Vec::new(), notes: String::new() })
}

fn model() -> Model {
    let config = Config::parse("").expect("an empty configuration");
    let mut model = Model::new(&config, "dark", Depth::True, &["run.ndjson".to_owned()], true);
    model.place(SIZE, NOW, Instant::now());
    model
}

/// Takes lines in; `pos` is where they begin in their file.
fn take_in(model: &mut Model, decoder: &mut dyn LineDecoder, lines: &str, pos: &mut u64) {
    let mut batch = Batch::default();
    for line in lines.lines() {
        let at = PayloadRef { segment: SegmentId(0), pos: *pos, len: line.len() as u32 };
        let stamp = Stamp::new(SegmentId(0), *pos);
        decoder.decode(&Line { bytes: line.as_bytes(), at, stamp, arrived: UnixNanos(0) }, &mut batch);
        *pos += line.len() as u64 + 1;
    }
    model.receive(SourceMessage { source: SourceId(0), event: SourceEvent::Batch(batch) });
}

/// Takes in the lines that `next` writes until it writes none. Processor time and bytes that stay.
fn index(model: &mut Model, mut next: impl FnMut(&mut String)) -> (Duration, i64) {
    let mut decoder = decoder();
    let (mut lines, mut pos) = (String::new(), 0);
    let (mut time, mut memory) = (Duration::ZERO, 0);
    loop {
        lines.clear();
        next(&mut lines);
        if lines.is_empty() {
            break;
        }
        let held = allocation_counter::measure(|| {
            time += timed(|| take_in(model, &mut *decoder, &lines, &mut pos)).0;
        });
        memory += held.bytes_current;
    }
    let end = SourceMessage { source: SourceId(0), event: SourceEvent::CaughtUp };
    time += timed(|| model.receive(end)).0;
    (time, memory)
}

/// Lets the model finish what it has to do. The longest step and all of them together.
fn rest(model: &mut Model) -> (Duration, Duration) {
    let (mut longest, mut all) = (Duration::ZERO, Duration::ZERO);
    let mut now = Instant::now();
    for _ in 0..10_000 {
        model.place(SIZE, NOW, now);
        let (time, more) = timed(|| model.refresh());
        (longest, all) = (longest.max(time), all + time);
        if !more {
            break;
        }
        now += Duration::from_millis(250);
    }
    (longest, all)
}

fn press(model: &mut Model, keys: &str) -> Duration {
    let mut longest = Duration::ZERO;
    for key in keys.split_whitespace().filter_map(Key::parse) {
        let (time, ()) = timed(|| model.press(key));
        model.place(SIZE, NOW, Instant::now());
        let (first, _) = timed(|| model.refresh());
        longest = longest.max(time + first).max(rest(model).0);
    }
    longest
}

/// What is pressed, one after the other, and what it is called.
const KEYS: [(&str, &str); 10] = [
    ("G", "G"),
    ("gg", "g g"),
    ("enter", "enter"),
    ("j", "j j j"),
    ("end", "end"),
    ("fold all", "z M"),
    ("unfold all", "z R"),
    ("end again", "G"),
    ("home", "home"),
    ("filter", "f k i n d : t o o l enter"),
];

fn costs(spans: usize, mut next: impl FnMut(&mut String)) -> Costs {
    let mut model = model();
    let (index, memory) = index(&mut model, &mut next);
    let (_, open) = rest(&mut model);
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("a terminal");
    let mut draw = || timed(|| terminal.draw(|frame| model.draw(frame)).map(|_| ()).expect("draws")).0;
    let frame = (0..15).map(|_| draw()).min().unwrap_or_default();
    let keys = KEYS.iter().map(|(name, keys)| (*name, press(&mut model, keys))).collect();
    Costs { spans, index, memory, open, frame, keys }
}

fn of_shape(shape: Shape, spans: usize) -> Costs {
    let (mut at, end) = (0, records(shape, spans));
    costs(spans, |lines| {
        for _ in 0..LINES.min(end - at) {
            row(shape, spans, at).push_line(lines);
            at += 1;
        }
    })
}

fn of_line(line: &str) -> Costs {
    let mut line = Some(line);
    costs(1, |lines| lines.push_str(line.take().unwrap_or("")))
}

fn print(name: &str, costs: &Costs, smaller: Option<&Costs>) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let each = |costs: &Costs| costs.index.as_secs_f64() * 1e9 / costs.spans as f64;
    let growth = smaller.map_or_else(String::new, |smaller| {
        let growth = each(costs) / each(smaller);
        format!("{growth:.2}{}", if growth > GROWTH { " !" } else { "" })
    });
    print!(
        "| {name} | {} | {:.0} | {growth} | {} | {:.2} | {:.3} |",
        costs.spans,
        each(costs),
        costs.memory / costs.spans as i64,
        ms(costs.open),
        ms(costs.frame),
    );
    for (_, time) in &costs.keys {
        print!(" {:.2}{} |", ms(*time), if *time > SLOW { " !" } else { "" });
    }
    println!();
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let named: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|named| *named == name);
    let sizes: &[usize] = if quick { &[10_000, 100_000] } else { &[10_000, 100_000, 1_000_000] };
    println!("CPU of one thread; keys: the longest step from the key to what its frame needs, ms\n");
    let keys: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
    println!(
        "| shape | spans | index ns/span | growth | B/span | open ms | frame ms | {} |",
        keys.join(" | ")
    );
    println!("|---|{}", "---:|".repeat(6 + KEYS.len()));
    for (name, shape) in Shape::ALL {
        if !wanted(name) {
            continue;
        }
        let mut smaller: Option<Costs> = None;
        for &spans in sizes {
            let costs = of_shape(shape, spans);
            print(name, &costs, smaller.as_ref());
            smaller = Some(costs);
        }
    }
    if wanted("huge") {
        let bytes = if quick { 4 << 20 } else { 64 << 20 };
        print(&format!("a span of {} MiB", bytes >> 20), &of_line(&shape::huge(bytes)), None);
    }
    if wanted("wide") {
        print("a span with 20,000 attributes", &of_line(&shape::wide(20_000)), None);
    }
}
