//! Traces that left memory and come back with less, or not at all.

use super::*;

/// What becomes known of a trace that can't be read again is counted beside what it had.
#[test]
fn a_trace_that_is_lost_goes_on_with_its_sums() {
    let call = |span: u8| {
        let mut call = Said::new(span, SpanKind::Llm).tokens(100, 10).at(i64::from(span), Some(50));
        call.parent = (span > 1).then_some(1);
        call.stamp = u64::from(span);
        call
    };
    let old: Vec<Said> = (1..=4).map(call).collect();
    let trace = TraceIx::from_index(0);
    let lost = |brings: fn(&mut Store, TraceIx, &Batch)| {
        let mut store = store(&old);
        store.set_pricing(Box::new(Priceless), crate::price::CostMode::Auto);
        let before = store.totals().spans;
        assert_eq!(store.evict(0, |_| false), 1);
        store.not_restored(trace);
        let known = store.record_ranges(trace);
        store.apply(SourceId(0), &batch(&[call(9)]), NOW);
        assert_eq!(store.take_wanted(), [trace], "there is something new");
        store.not_restored(trace);
        assert_eq!(store.take_wanted(), [trace], "it may be readable where the news are");
        assert!(store.record_ranges(trace).len() > known.len());
        brings(&mut store, trace, &batch(&[call(9)]));
        assert!(!store.is_evicted(trace));
        assert_eq!(store.totals().spans, before + 1);
        store.apply(SourceId(0), &batch(&[call(10)]), NOW);
        assert_eq!((store.totals().spans, store.take_wanted()), (before + 2, Vec::new()));
    };
    lost(|store, trace, _| store.not_restored(trace));
    lost(|store, trace, news| assert!(!store.restore(trace, news)));
}

/// A trace whose source changed while it was away comes back with other sums: those per combination of labels, too.
#[test]
fn sums_of_labels_follow_a_trace_that_came_back_changed() {
    let mut said: Vec<Said> = (1..=4)
        .map(|span| {
            let mut call = Said::new(span, SpanKind::Llm).tokens(100, 10).at(i64::from(span), Some(50));
            (call.parent, call.model) = ((span > 1).then_some(1), Some("gpt-4o"));
            call
        })
        .collect();
    for (stamp, said) in said.iter_mut().enumerate() {
        said.stamp = stamp as u64 + 1;
    }
    let mut store = store(&said);
    store.set_pricing(Box::new(Priceless), crate::price::CostMode::Auto);
    assert_eq!(store.evict(0, |_| false), 1);
    said.truncate(3);
    assert!(!store.restore(TraceIx::from_index(0), &batch(&said)), "a call is gone");
    let mut by_labels = Totals::default();
    for (id, _) in store.facets().iter() {
        by_labels.merge(&store.facet_totals(id));
    }
    assert_eq!(by_labels.tokens, store.totals().tokens);
}
