//! Runs that leave memory come back from every kind of source as they were.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::sync::Arc;

use tracetui::price::{CostMode, PriceTable};
use tracetui::source::{Catalog, Follow, SourceEvent, SourceId, SourceSpec, StopFlag, spawn};
use tracetui::store::{Arrival, Clock, Store, TraceIx};

use super::live::Live;
use super::program::{fixture, source};

fn load(path: &str, catalog: &Arc<Catalog>) -> Store {
    let (tx, mut rx) = tokio::sync::mpsc::channel(16);
    let spec = SourceSpec::parse(path).expect("a source");
    let id = SourceId(0);
    let thread = spawn(spec, id, Arc::clone(catalog), Follow::Once, None, tx, StopFlag::default());
    let mut store = Store::new();
    store.set_pricing(Box::new(PriceTable::builtin()), CostMode::Auto);
    while let Some(message) = rx.blocking_recv() {
        match message.event {
            SourceEvent::Segment { id, .. } => store.add_segment(id, message.source),
            SourceEvent::Batch(batch) => {
                store.apply(
                    message.source,
                    &batch,
                    Arrival { at: tracetui::model::UnixNanos(0), live: false },
                );
            }
            _ => {}
        }
    }
    thread.join().expect("a reader");
    store
}

/// All that is shown of a store, spans in an order of their own.
fn shown(store: &Store) -> Vec<String> {
    let clock = Clock::at(tracetui::model::UnixNanos(i64::MAX / 2));
    let mut lines: Vec<String> = store
        .spans()
        .map(|span| {
            let parent = span.parent().map(|parent| parent.id_text());
            let labels = ["step", "agent", "tool", "model", "provider"].map(|name| {
                let field = tracetui::model::Field::from_name(name).expect("a field");
                span.facets().get(field).map_or("", |symbol| span.text(symbol))
            });
            let times = (span.start(), span.end(), span.first_token());
            let money = (span.usage(), span.cost(), span.share());
            let rest = (span.status(&clock), span.kind(), span.error(), span.payloads(), span.marks());
            format!("{} {parent:?} {} {labels:?} {times:?} {money:?} {rest:?}", span.id_text(), span.name())
        })
        .collect();
    lines.sort();
    for trace in store.traces() {
        let times = (trace.start(), trace.last(), trace.status(&clock));
        // A run whose root was never written has the name of any of its spans.
        let name = trace.root().map_or("", |_| trace.name());
        lines.push(format!("{} {name} {times:?} {:?}", trace.id_text(), trace.totals()));
    }
    lines.push(format!("{:?}", store.totals()));
    lines
}

#[test]
fn runs_that_left_memory_come_back_as_they_were() {
    let text = std::fs::read_to_string(fixture("expected.json")).expect("reads");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let folder = tempfile::tempdir().expect("folder");
    let mut left = 0;
    for name in expected.as_object().expect("an object").keys() {
        let catalog = Arc::new(Catalog::default());
        let path = source(name, folder.path());
        let mut store = load(&path, &catalog);
        let (before, totals) = (shown(&store), *store.totals());
        left += store.evict(0, |_| false);
        assert_eq!(*store.totals(), totals, "{name}");
        for trace in (0..store.trace_count()).map(TraceIx::from_index) {
            let view = store.trace(trace);
            let ranges = store.record_ranges(trace);
            let batch =
                catalog.read_trace(view.id(), &ranges, view.last_activity()).expect("reads once more");
            assert!(store.restore(trace, &batch), "{name}: sums differ");
        }
        assert_eq!(store.evicted_count(), 0, "{name}");
        pretty_assertions::assert_eq!(shown(&store), before, "{name}");
    }
    assert!(left > 20, "only {left} runs left");
}

/// A session that left memory and came back is charged for what it was charged for before: that its beginning is a copy
/// shows only from lines before its first span.
#[test]
fn a_fork_that_left_memory_is_still_a_copy() {
    use tracetui::price::{CostMode, PriceTable};
    use tracetui::source::{Catalog, Follow, SourceEvent, SourceId, SourceSpec, StopFlag, spawn};
    use tracetui::store::{Arrival, Store, TraceIx};
    let from = fixture("claude-code/forked-2.0.30");
    let folder = tempfile::tempdir().expect("folder");
    let (old, new) = ("11111111-2222-4333-8444-555555550551", "f1111111-2222-4333-8444-555555550551");
    let mut files = Vec::new();
    for name in [old, "a39b3cfb-f070-471d-ab5a-1baf446958f7"] {
        let text = std::fs::read_to_string(from.join(format!("{name}.jsonl"))).expect("reads");
        let path = folder.path().join(format!("{}.jsonl", name.replace(old, new)));
        std::fs::write(&path, text.replace(old, new)).expect("written");
        files.push(path);
    }
    let catalog = std::sync::Arc::new(Catalog::default());
    let mut store = Store::new();
    store.set_pricing(Box::new(PriceTable::builtin()), CostMode::Auto);
    let arrival = Arrival { at: tracetui::model::UnixNanos(0), live: false };
    for (at, path) in files.into_iter().enumerate() {
        let (tx, mut rx) = tokio::sync::mpsc::channel(16);
        let (source, catalog) = (SourceId(at as u16), catalog.clone());
        let thread =
            spawn(SourceSpec::Path(path), source, catalog, Follow::Once, None, tx, StopFlag::default());
        while let Some(message) = rx.blocking_recv() {
            match message.event {
                SourceEvent::Segment { id, .. } => store.add_segment(id, message.source),
                SourceEvent::Batch(batch) => store.apply(message.source, &batch, arrival),
                _ => {}
            }
        }
        thread.join().expect("a reader");
    }
    let bills = |store: &Store| -> Vec<(String, u64)> {
        store.traces().map(|trace| (trace.id_text(), trace.totals().tokens.output)).collect()
    };
    let before = bills(&store);
    store.evict(0, |_| false);
    for trace in (0..store.trace_count()).map(TraceIx::from_index) {
        let view = store.trace(trace);
        let ranges = store.record_ranges(trace);
        let batch = catalog.read_trace(view.id(), &ranges, view.last_activity()).expect("reads once more");
        store.restore(trace, &batch);
    }
    assert_eq!(bills(&store), before);
}

/// A file that its writer writes anew as a whole holds all of its runs still: one that left memory comes back.
#[test]
fn runs_of_a_file_that_is_written_as_a_whole_come_back() {
    use tracetui::price::{CostMode, PriceTable};
    use tracetui::store::TraceIx;
    let text = std::fs::read_to_string(fixture("ai-devtools/v7.json")).expect("reads");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("generations.json");
    std::fs::write(&path, &text).expect("written");
    let mut live = Live::new();
    live.store.set_pricing(Box::new(PriceTable::builtin()), CostMode::Auto);
    live.follow(&path);
    let payloads =
        |store: &tracetui::store::Store| store.spans().map(|span| span.payloads().len()).sum::<usize>();
    live.until("all of it", |store| store.totals().tokens.input == 10_151 && store.totals().spans == 23);
    let first = payloads(&live.store);
    std::fs::write(&path, text.replacen('{', "{ ", 1)).expect("written");
    live.until("it was read again", |store| payloads(store) == 2 * first);
    assert!(live.store.evict(0, |_| false) > 0);
    for trace in (0..live.store.trace_count()).map(TraceIx::from_index) {
        let view = live.store.trace(trace);
        let ranges = live.store.record_ranges(trace);
        let read = live.catalog.read_trace(view.id(), &ranges, view.last_activity());
        assert!(read.is_ok(), "trace {}: {:?}", view.id_text(), read.err());
    }
}
