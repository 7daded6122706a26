//! Jumping: search hits, errors, the slowest and the costliest spans.

use crate::store::SpanIx;

use super::super::model::{Focus, Found, InFields, Model};
use super::super::msg::Effect;

/// What spans are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// Own time, longest first.
    Slowest,
    /// Cost of the span's own call, highest first.
    Costliest,
}

/// Starts a search in the open run.
pub(super) fn start_search(model: &mut Model, needle: &str) {
    let mut fields = InFields::new(needle);
    let store = &model.store;
    let matches = &model.matches;
    let nodes = model.waterfall.tree.nodes().iter();
    let nodes = nodes.filter(|node| !node.missing && matches.has(node.span)).map(|node| node.span);
    model.search.start(needle, nodes, |span| fields.has(&store.span(span)));
    if model.search.is_on() && !model.search.hits.is_empty() {
        jump_to_hit(model, true, true);
    }
}

/// Asks for further payloads to be searched.
pub(super) fn continue_search(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.search.is_on() {
        effects.extend(model.search.take_wanted(&model.store).map(Effect::SearchForSearch));
    }
}

/// Takes in what a search found in payloads.
pub(super) fn search_answered(model: &mut Model, number: u64, found: &Found) {
    if model.search.number != number {
        return;
    }
    let first = model.search.hits.is_empty();
    let tree = &model.waterfall.tree;
    model.search.answer(found, |span| tree.find(span).map_or(usize::MAX, |node| node.0 as usize));
    if first && !model.search.hits.is_empty() {
        jump_to_hit(model, true, true);
    } else if model.search.hits.is_empty() && model.search.is_over() {
        let text = format!("{} is nowhere in this run", model.search.needle);
        model.complain(text);
    }
}

/// Moves to the next or previous hit.
pub(super) fn next_hit(model: &mut Model, forward: bool) {
    if model.search.is_on() {
        jump_to_hit(model, forward, false);
    } else {
        model.say("no search yet; / starts one");
    }
}

fn jump_to_hit(model: &mut Model, forward: bool, from_here: bool) {
    let tree = &model.waterfall.tree;
    let order = |span: SpanIx| tree.find(span).map_or(usize::MAX, |node| node.0 as usize);
    let selected = model.waterfall.selected();
    if from_here && selected.is_some_and(|span| model.search.hits.contains(&span)) {
        return;
    }
    if let Some((span, number)) = model.search.step(selected, forward, order) {
        let text = format!("hit {number}/{}", model.search.hits.len());
        go_to(model, span, text);
    }
}

/// Moves to the next or previous span with an error of its own: the deepest of each failing branch.
pub(super) fn next_error(model: &mut Model, forward: bool) {
    if model.focus == Focus::Runs {
        next_failed_run(model, forward);
        return;
    }
    let tree = &model.waterfall.tree;
    let errors = tree.errors.iter().map(|at| tree.node(*at).span);
    let errors: Vec<_> = errors.filter(|span| model.matches.has(*span)).collect();
    step_through(model, &errors, forward, "error");
}

fn next_failed_run(model: &mut Model, forward: bool) {
    let failed: Vec<usize> = model
        .runs
        .rows()
        .iter()
        .enumerate()
        .filter(|(_, run)| model.store.trace(**run).totals().errors > 0)
        .map(|(at, _)| at)
        .collect();
    let here = model.runs.position().unwrap_or(0);
    let next = if forward {
        failed.iter().position(|at| *at > here).or((!failed.is_empty()).then_some(0))
    } else {
        failed.iter().rposition(|at| *at < here).or(failed.len().checked_sub(1))
    };
    match next {
        Some(at) => {
            model.runs.move_to(failed[at]);
            model.say(format!("run with errors {}/{}", at + 1, failed.len()));
        }
        None => model.say("no run with errors"),
    }
}

/// Moves through the spans by rank: the first time to the highest.
pub(super) fn next_ranked(model: &mut Model, rank: Rank, forward: bool) {
    let store = &model.store;
    let mut ranked: Vec<(i64, SpanIx)> = model
        .waterfall
        .tree
        .nodes()
        .iter()
        .filter(|node| !node.missing && model.matches.has(node.span))
        .map(|node| {
            let value = match rank {
                Rank::Slowest => node.self_nanos,
                Rank::Costliest => store.span(node.span).share().cost.0,
            };
            (value, node.span)
        })
        .filter(|(value, _)| *value > 0)
        .collect();
    ranked.sort_by_key(|(value, span)| (std::cmp::Reverse(*value), *span));
    let spans: Vec<SpanIx> = ranked.into_iter().map(|(_, span)| span).collect();
    let (what, none) = match rank {
        Rank::Slowest => ("slowest by own time", "no span has a duration"),
        Rank::Costliest => ("costliest", "no span has a cost"),
    };
    if spans.is_empty() {
        model.say(none);
        return;
    }
    let at = model.waterfall.selected().and_then(|span| spans.iter().position(|known| *known == span));
    let next = match (at, forward) {
        (None, _) => 0,
        (Some(at), true) => (at + 1) % spans.len(),
        (Some(at), false) => (at + spans.len() - 1) % spans.len(),
    };
    let text = format!("{what} {}/{}", next + 1, spans.len());
    go_to(model, spans[next], text);
}

/// Moves to the next of some spans in tree order, going round at the ends.
fn step_through(model: &mut Model, spans: &[SpanIx], forward: bool, what: &str) {
    if spans.is_empty() {
        model.say(format!("no {what} in this run"));
        return;
    }
    let tree = &model.waterfall.tree;
    let order = |span: SpanIx| tree.find(span);
    let here = model.waterfall.selected().and_then(order);
    let at = if forward {
        spans.iter().position(|span| order(*span) > here).unwrap_or(0)
    } else {
        spans.iter().rposition(|span| order(*span) < here).unwrap_or(spans.len() - 1)
    };
    let text = format!("{what} {}/{}", at + 1, spans.len());
    go_to(model, spans[at], text);
}

fn go_to(model: &mut Model, span: SpanIx, text: String) {
    model.waterfall.select(&model.matches, span);
    model.focus = Focus::Waterfall;
    model.runs.hold();
    model.say(text);
}
