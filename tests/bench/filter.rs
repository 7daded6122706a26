//! What a filter costs over a million spans, beside a bare walk over one or more columns of the same rows.
//!
//! `cargo bench --bench filter`

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]

mod ratio;
mod spans;

use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tracetui::config::{Config, Key, KeyName};
use tracetui::filter::{Filter, Verdict};
use tracetui::model::{SourceId, UnixNanos};
use tracetui::source::{SourceEvent, SourceMessage};
use tracetui::store::{Arrival, BLOCK, Clock, FilterRow, Sieve, Store};
use tracetui::tui::{Depth, Model};

const SPANS: usize = 1_000_000;
/// Filters, and the columns that a bare loop would have to look at.
const FILTERS: [(&str, usize); 16] = [
    ("model:gpt-4o", 1),
    ("name:exec*", 1),
    ("kind:tool", 1),
    ("status:error", 1),
    ("tool:execute_command", 1),
    ("dur>500ms", 1),
    ("cost>0.01", 1),
    ("tokens>2k", 1),
    ("ttft>10ms", 1),
    ("error~time", 1),
    ("step:Preflight*", 1),
    ("workflow:ticket*", 1),
    ("trace:00000*", 1),
    ("question", 1),
    ("model:gpt-4o kind:llm status:ok dur>100ms", 4),
    ("-status:ok or cost>0.04 or step:Preflight* kind:llm", 4),
];

fn in_blocks(store: &Store, clock: &Clock, sieve: &mut Sieve) -> u32 {
    let blocks = 0..store.rows().div_ceil(BLOCK);
    blocks.map(|block| sieve.ask(store, clock, block, u64::MAX).yes.count_ones()).sum()
}

fn one_by_one(store: &Store, clock: &Clock, filter: &Filter) -> u32 {
    let rows = store.spans().map(|span| FilterRow { span, clock, payload: None });
    rows.filter(|row| filter.matches(row) == Verdict::Yes).count() as u32
}

/// A column of numbers as a bare loop reads it, giving a bit for each.
fn scan(column: &[u32], bits: &mut [u64]) {
    for (word, rows) in bits.iter_mut().zip(column.chunks(64)) {
        let mut found = 0;
        for (at, row) in rows.iter().enumerate() {
            found |= u64::from(*row > 5) << at;
        }
        *word &= found;
    }
}

fn main() {
    let mut store = Store::new();
    for batch in spans::batches(SPANS) {
        store.apply(SourceId(0), &batch, Arrival { at: UnixNanos(0), live: false });
        store.take_changes();
    }
    let clock = Clock::at(spans::START);
    let column: Vec<u32> = (0..SPANS as u32).map(|row| row.wrapping_mul(2_654_435_761) >> 28).collect();
    let mut bits = vec![u64::MAX; SPANS.div_ceil(64)];
    println!("over {SPANS} spans, beside a loop over as many bare columns as the filter has parts:");
    for (text, columns) in FILTERS {
        let filter = Filter::parse(text).filter;
        let mut first = Sieve::new(&filter);
        let began = Instant::now();
        let passed = in_blocks(&store, &clock, &mut first);
        let fresh = began.elapsed();
        assert_eq!(passed, one_by_one(&store, &clock, &filter), "{text}");
        let again = || {
            first.set_filter(&filter);
            in_blocks(&store, &clock, &mut first)
        };
        let floor = || (0..columns).for_each(|_| scan(&column, &mut bits));
        let times = ratio::in_turn(5, again, floor);
        ratio::print(&format!("{text} ({passed})"), times);
        if fresh > times.0 * 2 {
            println!("{:<44} {:>10.4} ms", "  for the first time", fresh.as_secs_f64() * 1e3);
        }
    }
    drop(store);
    typing();
}

/// From a key of a filter to the first frame that shows it, and to the frame with which it is done.
fn typing() {
    let config = Config::parse("").expect("an empty configuration");
    let mut model = Model::new(&config, "dark", Depth::True, &["bench.ndjson".to_owned()], true);
    for batch in spans::batches(SPANS) {
        model.receive(SourceMessage { source: SourceId(0), event: SourceEvent::Batch(batch) });
    }
    let mut terminal = Terminal::new(TestBackend::new(200, 60)).expect("a terminal");
    let began = Instant::now();
    model.place((200, 60), spans::START.plus(10_000_000_000_000), began);
    while model.refresh() {}
    terminal.draw(|frame| model.draw(frame)).expect("a frame");
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    for text in ["model:gpt-4o", "step:Pre*", "question", "dur>500ms kind:tool"] {
        for letter in std::iter::once('f').chain(text.chars()) {
            let began = Instant::now();
            model.place((200, 60), spans::START.plus(10_000_000_000_000), began);
            model.press(Key::plain(KeyName::Char(letter)));
            let mut more = model.refresh();
            terminal.draw(|frame| model.draw(frame)).expect("a frame");
            first.push(began.elapsed());
            while more {
                model.place((200, 60), spans::START.plus(10_000_000_000_000), Instant::now());
                more = model.refresh();
            }
            terminal.draw(|frame| model.draw(frame)).expect("a frame");
            whole.push(began.elapsed());
        }
        model.press(Key::plain(KeyName::Enter));
        model.press(Key { ctrl: true, ..Key::plain(KeyName::Char('x')) });
    }
    let at = |times: &mut Vec<Duration>, part: f64| {
        times.sort_unstable();
        times[(times.len() as f64 * part) as usize].as_secs_f64() * 1e3
    };
    for (what, times) in [("key to a filtered frame", &mut first), ("key to the last frame", &mut whole)] {
        println!("{what:<44} p50 {:>7.2} ms, p99 {:>7.2} ms", at(times, 0.5), at(times, 0.99));
    }
}
