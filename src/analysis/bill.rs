//! What a bill can't be trusted in: sums that don't agree with what they are sums of, calls that don't say what they
//! used, costs that two sources put differently.

use super::tree::{NodeIx, TraceTree};
use crate::model::{SpanKind, TokenSum, Usage};
use crate::store::{SpanIx, SpanView, Store};

/// Most doubts that are listed of one run.
const MAX_DOUBTS: usize = 1_000;

/// Something about a span's tokens or cost that a reader should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The span.
    pub span: SpanIx,
    /// What it is.
    pub what: DoubtKind,
}

/// What a [`Doubt`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtKind {
    /// The span claims this many tokens more than the calls below it; they are not added.
    Unitemised(u64),
    /// The calls below the span used this many tokens more than it claims (retries, say); the calls count.
    ChildrenExceed(u64),
    /// Another span records the same call; this one does not count.
    Duplicate,
    /// A model call that is over and says nothing of its tokens.
    NoUsage,
    /// The reported cost is far from what the price list says.
    CostDiffers,
    /// The span reports a cost, but the calls below it, which count, have no price.
    UnpricedBelow,
}

impl DoubtKind {
    /// Its word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unitemised(_) => "unitemised",
            Self::ChildrenExceed(_) => "children_exceed",
            Self::Duplicate => "duplicate",
            Self::NoUsage => "no_usage",
            Self::CostDiffers => "cost_differs",
            Self::UnpricedBelow => "unpriced_below",
        }
    }
}

impl TraceTree {
    /// What is doubtful about the tokens and costs of the run, in tree order.
    pub fn doubts(&self, store: &Store) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let within = self.outside_tools(store);
        for (at, node) in self.nodes().iter().enumerate() {
            if node.missing || doubts.len() >= MAX_DOUBTS {
                continue;
            }
            let span = store.span(node.span);
            let mut add = |what| doubts.push(Doubt { span: node.span, what });
            if span.is_duplicate() && span.kind().is_model_call() {
                add(DoubtKind::Duplicate);
            } else if let Some(what) = self.claim(NodeIx(at as u32), &span, &within) {
                add(what);
            }
            let is_over = node.status.is_terminal() && !node.end_is_open;
            if is_over && span.kind() == SpanKind::Llm && span.is_counted_call() && span.usage().is_none() {
                add(DoubtKind::NoUsage);
            }
            if span.usage_counts() && span.cost_differs() {
                add(DoubtKind::CostDiffers);
            }
            let priced = node.totals.cost.0 > 0;
            if span.reported_cost().is_some_and(|cost| cost.0 > 0)
                && !span.usage_counts()
                && !span.is_duplicate()
                && !priced
                && node.totals.unpriced_calls > 0
            {
                add(DoubtKind::UnpricedBelow);
            }
        }
        doubts
    }

    /// Whether the sum that a span claims agrees with what counts below it.
    fn claim(&self, at: NodeIx, span: &SpanView<'_>, within: &[TokenSum]) -> Option<DoubtKind> {
        let node = self.node(at);
        let claimed = span.usage().filter(|_| !span.usage_counts() && !node.is_under_way())?;
        let all = node.totals.tokens;
        if agrees(&claimed, &all) {
            return None;
        }
        // A sub-agent that runs inside a tool may be part of the sum or not.
        let within = within.get(at.0 as usize).copied().unwrap_or_default();
        if agrees(&claimed, &within) {
            return None;
        }
        let claims = |sum: &TokenSum| {
            let over = |claimed: Option<u64>, sum: u64| claimed.unwrap_or(sum).saturating_sub(sum);
            over(claimed.input, sum.input).saturating_add(over(claimed.output, sum.output))
        };
        let exceeds = |sum: &TokenSum| {
            let under = |claimed: Option<u64>, sum: u64| sum.saturating_sub(claimed.unwrap_or(sum));
            under(claimed.input, sum.input).saturating_add(under(claimed.output, sum.output))
        };
        match (claims(&all), exceeds(&within)) {
            (0, 0) => None,
            (0, more) => Some(DoubtKind::ChildrenExceed(more)),
            (more, _) => Some(DoubtKind::Unitemised(more)),
        }
    }

    /// Tokens of what counts below each node and is not inside a tool call.
    fn outside_tools(&self, store: &Store) -> Vec<TokenSum> {
        let mut below = vec![TokenSum::default(); self.nodes().len()];
        // Children come after their parents.
        for (at, node) in self.nodes().iter().enumerate().rev() {
            let Some(parent) = node.parent.filter(|_| node.kind != SpanKind::Tool) else { continue };
            let mut sum = below[at];
            sum.add(&store.span(node.span).share().tokens);
            below[parent.0 as usize].add(&sum);
        }
        below
    }
}

/// Whether a sum says the same, as far as it says anything.
fn agrees(claimed: &Usage, sum: &TokenSum) -> bool {
    claimed.input.is_none_or(|input| input == sum.input)
        && claimed.output.is_none_or(|output| output == sum.output)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::model::{
        Batch, Parent, SourceId, SpanUpdate, Stamp, Status, Timed, UnixNanos, Usage, response_key,
    };
    use crate::store::{Arrival, Clock};

    fn usage(value: &Value) -> Option<Usage> {
        let count = |at: usize| value.get(at).and_then(Value::as_u64);
        value.is_array().then(|| Usage { input: count(0), output: count(1), ..Usage::default() })
    }

    /// The records of a case. Usage of hidden calls becomes a span of its own, as the decoders make one.
    fn records(case: &Value) -> Batch {
        let mut batch = Batch::default();
        let trace = batch.id("case").expect("an id");
        for (at, row) in case["spans"].as_array().expect("spans").iter().enumerate() {
            let word = |name: &str| row[name].as_str();
            let id = word("id").expect("an id");
            let stamp = Stamp(at as u64 + 1);
            let span = batch.id(id).expect("an id");
            let mut update = SpanUpdate::new(trace, span, stamp);
            update.parent = match word("parent") {
                Some(parent) => Parent::Span(batch.id(parent).expect("an id")),
                None => Parent::Root,
            };
            update.kind = Some(match word("role") {
                Some("CALL") => SpanKind::Llm,
                Some("TOOL") => SpanKind::Tool,
                _ => SpanKind::Agent,
            });
            update.status = Some(word("status").map_or(Status::Ok, Status::from_source_word));
            update.start = Some(Timed::written(UnixNanos(at as i64 * 1_000)));
            update.end = Some(Timed::written(UnixNanos(at as i64 * 1_000 + 500)));
            update.usage = usage(&row["usage"]);
            update.response = word("response_id").and_then(|id| response_key(id, update.usage.as_ref()));
            update.name = batch.intern(word("name").expect("a name"));
            batch.push(update);
            if let Some(internal) = usage(&row["internal"]) {
                let mut hidden =
                    SpanUpdate::new(trace, batch.id(&format!("{id}#internal")).expect("an id"), stamp);
                hidden.parent = Parent::Span(span);
                (hidden.kind, hidden.status) = (Some(SpanKind::Llm), Some(Status::Ok));
                (hidden.start, hidden.end) = (update.start, update.end);
                hidden.usage = Some(internal);
                batch.push(hidden);
            }
        }
        batch
    }

    fn take(batch: &Batch, order: &[usize]) -> Store {
        let mut store = Store::new();
        // Each record arrives by itself.
        for &at in order {
            let one = Batch { updates: vec![batch.updates[at]], ..batch.clone() };
            store.apply(SourceId(0), &one, Arrival { at: UnixNanos(0), live: true });
        }
        store
    }

    #[test]
    fn every_tree_is_counted_once_in_any_order() {
        let text = include_str!("../../tests/fixtures/prices/double_counting.json");
        let file: Value = serde_json::from_str(text).expect("JSON");
        let cases = file["cases"].as_array().expect("cases");
        for case in cases {
            let name = case["id"].as_str().expect("an id");
            let batch = records(case);
            let all: Vec<usize> = (0..batch.updates.len()).collect();
            for round in 0..all.len() * 2 {
                let mut order: Vec<usize> = all.iter().map(|at| (at * 7 + round) % all.len()).collect();
                if all.len().is_multiple_of(7) {
                    order = all.iter().map(|at| (at + round) % all.len()).collect();
                }
                if round % 2 == 1 {
                    order.reverse();
                    // Some say it twice.
                    order.extend(all.iter().skip(round / 2));
                }
                check(name, &case["expect"], &take(&batch, &order));
            }
        }
        assert_eq!(cases.len(), 20);
    }

    fn check(name: &str, expect: &Value, store: &Store) {
        let words = |list: &Value| -> BTreeSet<String> {
            let words = list.as_array().expect("a list").iter();
            words.map(|word| word.as_str().expect("a word").to_owned()).collect()
        };
        let counted: BTreeSet<String> =
            store.spans().filter(SpanView::usage_counts).map(|span| span.id_text()).collect();
        assert_eq!(counted, words(&expect["counted"]), "{name}");
        let tokens = store.totals().tokens;
        let wanted = usage(&expect["total"]).expect("a sum");
        assert_eq!((Some(tokens.input), Some(tokens.output)), (wanted.input, wanted.output), "{name}");
        let clock = Clock { now: UnixNanos(1_000_000), stale: 1_000_000_000 };
        let traces: Vec<_> = store.traces().map(|trace| trace.ix()).collect();
        let tree = TraceTree::build(store, &traces, &clock);
        let doubts: BTreeSet<String> = tree
            .doubts(store)
            .iter()
            .map(|doubt| format!("{}:{}", doubt.what.as_str(), store.span(doubt.span).id_text()))
            .collect();
        assert_eq!(doubts, words(&expect["warnings"]), "{name}");
    }
}
