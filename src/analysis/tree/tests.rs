use super::*;
use crate::analysis::critical_path;
use crate::model::{Batch, Parent, SourceId, SpanUpdate, Stamp, Timed, UnixNanos};
use crate::store::Arrival;

fn store_of(spans: &[(String, Option<String>, i64, i64)]) -> Store {
    let mut batch = Batch::default();
    let trace = batch.id("trace").expect("an id");
    for (at, (id, parent, start, end)) in spans.iter().enumerate() {
        let span = batch.id(id).expect("an id");
        let mut update = SpanUpdate::new(trace, span, Stamp(at as u64));
        update.name = batch.intern(id);
        update.parent = match parent {
            Some(parent) => Parent::Span(batch.id(parent).expect("an id")),
            None => Parent::Root,
        };
        update.start = Some(Timed::written(UnixNanos(*start)));
        update.end = Some(Timed::written(UnixNanos(*end)));
        batch.push(update);
    }
    let mut store = Store::new();
    store.apply(SourceId(0), &batch, Arrival { at: UnixNanos(0), live: false });
    store
}

fn tree_of(store: &Store) -> TraceTree {
    let clock = Clock::at(UnixNanos(1_000));
    TraceTree::build(store, &[TraceIx::from_index(0)], &clock)
}

#[test]
fn critical_paths_and_self_times_of_the_reference_vectors() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/analytics/vectors.json")).expect("JSON");
    let cases = vectors["critical_path_and_self_time"].as_object().expect("cases");
    assert!(cases.len() >= 8);
    for (name, case) in cases {
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let spans: Vec<_> = case["spans"]
            .as_array()
            .expect("spans")
            .iter()
            .map(|span| {
                let number = |key: &str| span[key].as_i64().expect("a number");
                (text(&span["id"]).expect("an id"), text(&span["p"]), number("s"), number("e"))
            })
            .collect();
        let store = store_of(&spans);
        let tree = tree_of(&store);
        let name_of = |node: NodeIx| store.span(tree.node(node).span).name();
        if let Some(selves) = case["self_time"].as_object() {
            for node in tree.nodes() {
                let span = store.span(node.span).name();
                assert_eq!(Some(node.self_nanos), selves[span].as_i64(), "{name}: self time of {span}");
            }
        }
        // The one vector that needs OpenTelemetry's PRODUCER and CONSUMER, which the index does not keep.
        if name == "producer_consumer" {
            continue;
        }
        let Some(expected) = case["critical_path"].as_array() else { continue };
        let root = tree.roots().next().expect("a root");
        let found: Vec<_> = critical_path(&tree, root)
            .iter()
            .map(|section| (name_of(section.node).to_owned(), section.from, section.to))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|section| {
                let number = |key: &str| section[key].as_i64().expect("a number");
                (text(&section["span"]).expect("a span"), number("start"), number("end"))
            })
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn siblings_come_by_start_and_parents_before_children() {
    let span =
        |id: &str, parent: Option<&str>, start, end| (id.to_owned(), parent.map(str::to_owned), start, end);
    let store = store_of(&[
        span("d", Some("b"), 20, 30),
        span("c", Some("a"), 15, 20),
        span("b", Some("a"), 10, 40),
        span("a", None, 0, 50),
        span("lost", Some("gone"), 5, 6),
    ]);
    let tree = tree_of(&store);
    let names: Vec<_> = tree.nodes().iter().map(|node| (store.span(node.span).name(), node.depth)).collect();
    assert_eq!(names, [("a", 0), ("b", 1), ("d", 2), ("c", 1), ("", 0), ("lost", 1)]);
    assert!(tree.nodes()[4].missing);
    assert_eq!((tree.nodes()[4].start, tree.nodes()[4].end), (5, 6));
}

#[test]
fn a_span_with_a_wrong_clock_does_not_stretch_the_run() {
    let day = 86_400 * crate::model::NANOS_PER_SEC;
    let span = |id: &str, start, end| (id.to_owned(), (id != "a").then(|| "a".to_owned()), start, end);
    let store = store_of(&[span("a", 0, 1000), span("b", 10, 20), span("c", 400 * day, 400 * day + 5)]);
    let tree = tree_of(&store);
    assert_eq!((tree.start, tree.end), (0, 1000));
    assert_eq!(tree.outliers, 1);
}

#[test]
fn depth_and_fan_out_do_not_overflow() {
    let chain: Vec<_> = (0..50_000)
        .map(|n| (format!("s{n}"), (n > 0).then(|| format!("s{}", n - 1)), i64::from(n), 100_000))
        .collect();
    assert_eq!(tree_of(&store_of(&chain)).nodes().last().map(|node| node.depth), Some(49_999));
    let fan: Vec<_> = (0..50_000)
        .map(|n| (format!("s{n}"), (n > 0).then(|| "s0".to_owned()), i64::from(n), 100_000))
        .collect();
    assert_eq!(tree_of(&store_of(&fan)).nodes()[0].children, 49_999);
}
