//! What a filter costs over a million spans, beside a bare walk over the same rows.
//!
//! `cargo bench --bench filter`

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]

mod ratio;
mod spans;

use tracetui::filter::{Filter, Verdict};
use tracetui::model::{SourceId, SpanKind, UnixNanos};
use tracetui::store::{Arrival, Clock, FilterRow, Store};

const SPANS: usize = 1_000_000;
const FILTERS: [&str; 6] =
    ["model:gpt-4o", "kind:tool status:error", "dur>500ms", "cost>0.01", "step:Preflight*", "question"];

fn passing(store: &Store, clock: &Clock, filter: &Filter) -> usize {
    let rows = store.spans().map(|span| FilterRow { span, clock, payload: None });
    rows.filter(|row| filter.matches(row) == Verdict::Yes).count()
}

fn main() {
    let mut store = Store::new();
    for batch in spans::batches(SPANS) {
        store.apply(SourceId(0), &batch, Arrival { at: UnixNanos(0), live: false });
        store.take_changes();
    }
    let clock = Clock::at(spans::START);
    for text in FILTERS {
        let filter = Filter::parse(text).filter;
        let passed = passing(&store, &clock, &filter);
        let floor = || store.spans().filter(|span| span.kind() == SpanKind::Llm).count();
        let times = ratio::in_turn(5, || passing(&store, &clock, &filter), floor);
        ratio::print(&format!("{text} ({passed} of {SPANS})"), times);
    }
}
