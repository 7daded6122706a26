//! The first two lines: sources and totals, filter and warnings.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::source::SourceState;
use crate::text::{Short, short};

use super::super::model::{Model, Source};
use super::super::widget::Line;
use super::money;

/// Formats that the second line names.
const MAX_NAMED: usize = 8;

/// Draws the first line: what is watched, and what it adds up to.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model) {
    let theme = &model.theme;
    let mut line = Line::new(buffer, area);
    let totals = model.store.totals();
    let crowded = area.width < 170 && model.budgets.is_set();
    // The right side first: money is what must never be crowded out.
    line.right(" ", theme.text);
    money::draw(&mut line, area.width, model);
    if area.width >= if model.budgets.is_set() { 110 } else { 60 } {
        line.right("   ", theme.text);
        line.right(&short::tokens(totals.tokens.output), theme.text).right("out ", theme.dim);
        line.right("  ", theme.text);
        if area.width >= 110 && !crowded && totals.tokens.cache_read > 0 {
            let share = totals.tokens.cache_read as f64 / totals.tokens.input.max(1) as f64;
            line.right(&Short::of(" (").and(&short::percent(share)).and(" cached)"), theme.dim);
        }
        line.right(&short::tokens(totals.tokens.input), theme.text).right("in ", theme.dim);
        line.right("   ", theme.text);
    } else {
        line.right(" ", theme.text);
    }
    line.left(" tracetui ", theme.accent);
    match model.sources.as_slice() {
        [source] => one_source(&mut line, model, source),
        [folder, source] if folder.is_folder && !source.is_folder => one_source(&mut line, model, source),
        sources => many_sources(&mut line, model, sources),
    }
    let (running, suspended) = model.running;
    if running > 0 {
        line.left_whole(
            &Short::of("● ").and_number(running as u64).and(" running"),
            theme.status(crate::model::Status::Running),
        );
    }
    if suspended > 0 {
        line.left_whole(
            &Short::of("◌ ").and_number(suspended as u64).and(" waiting"),
            theme.status(crate::model::Status::Suspended),
        );
    }
    line.left_whole(&short::counted(model.store.run_count(), "run", "runs"), theme.dim);
    if totals.errors > 0 {
        let errors = short::counted(totals.errors, "error", "errors");
        line.left_whole(&Short::of("✗ ").and(&errors), theme.bad);
    }
}

fn one_source(line: &mut Line<'_>, model: &Model, source: &Source) {
    let theme = &model.theme;
    let name = source.name.rsplit('/').next().unwrap_or(&source.name);
    let name = if source.name == "-" { "standard input" } else { name };
    line.text_within(name, 28, theme.strong);
    let (mark, style) = standing(model, source);
    line.left("  ", theme.text).left(&mark, style);
}

fn many_sources(line: &mut Line<'_>, model: &Model, sources: &[Source]) {
    let theme = &model.theme;
    line.left(&Short::EMPTY.and_number(model.readable_sources as u64).and(" sources"), theme.strong);
    let worst = sources.iter().find(|source| {
        matches!(source.state, SourceState::Failed(_) | SourceState::Blocked(_)) || source.progress.is_some()
    });
    let (mark, style) =
        worst.or(sources.first()).map_or((Short::EMPTY, theme.dim), |source| standing(model, source));
    line.left("  ", theme.text).left(&mark, style);
}

/// How a source stands, in a word or two.
fn standing(model: &Model, source: &Source) -> (Short, Style) {
    let theme = &model.theme;
    if let Some((done, total)) = source.progress {
        let percent = (done.saturating_mul(100) / total.max(1)).min(99);
        return (Short::of("◔ indexing ").and_number(percent).and("%"), theme.accent);
    }
    let (mark, style) = match &source.state {
        SourceState::Live | SourceState::Replaced(_) => ("● live", theme.good),
        SourceState::Waiting(_) => ("◌ waiting", theme.warn),
        SourceState::Snapshot(_) | SourceState::Damaged(_) => ("□ snapshot", theme.dim),
        SourceState::Blocked(_) => ("! blocked", theme.warn),
        SourceState::Failed(_) => ("✗ failed", theme.bad),
    };
    (Short::of(mark), style)
}

/// Draws the second line: the filter, and on the right what one should know about the data.
pub(super) fn draw_bar(buffer: &mut Buffer, area: Rect, model: &Model) {
    let theme = &model.theme;
    let mut line = Line::new(buffer, area);
    line.right(" ", theme.text);
    if !model.redact {
        line.right("secrets shown", theme.warn).right("  ", theme.text);
    }
    let skipped = model.prepared.skipped;
    if skipped > 0 {
        line.right(&Short::of("⚠ ").and(&short::count(skipped)).and(" skipped P"), theme.warn)
            .right("  ", theme.text);
    }
    let away = model.store.evicted_count();
    if away > 0 {
        line.right(&short::count(away as u64).and(" runs not in memory"), theme.dim).right("  ", theme.text);
    }
    if let Some(lag) = model.prepared.lag.filter(|lag| *lag > crate::model::NANOS_PER_SEC / 4) {
        line.right(&Short::of("source lag ").and(&short::duration_short(lag)), theme.dim)
            .right("  ", theme.text);
    }
    money::draw_unpriced(&mut line, area.width, model);
    line.left(" ", theme.text);
    if model.filter_text.is_empty() {
        let mut named = [""; MAX_NAMED];
        for format in model.sources.iter().filter_map(|source| source.format) {
            let place = named.iter().position(|known| known.is_empty() || *known == format);
            let Some(at) = place.filter(|at| named[*at].is_empty()) else { continue };
            named[at] = format;
            line.left(if at > 0 { ", " } else { "" }, theme.dim).left(format, theme.dim);
        }
        let totals = model.store.totals();
        if totals.spans > 0 {
            for (count, one, several) in [
                (totals.spans, "span", "spans"),
                (totals.llm_calls, "model call", "model calls"),
                (totals.tool_calls, "tool call", "tool calls"),
            ] {
                line.left(&Short::of(" · ").and(&short::counted(count, one, several)), theme.dim);
            }
        }
        if let Some(why) = trouble(model) {
            let style = if is_snapshot(model) { theme.dim } else { theme.warn };
            line.left("  ", theme.text).text(why, style);
        }
        return;
    }
    line.left("filter ", theme.dim).text(&model.filter_text, theme.accent);
    if let Some((done, total)) = model.matches.progress(&model.store) {
        let percent = done * 100 / total.max(1);
        line.left(&Short::of("  ").and_number(percent as u64).and("%"), theme.dim);
    } else {
        let open = if model.matches.is_waiting() { "+" } else { "" };
        let all = model.store.totals().spans + model.store.totals().events;
        line.left(&Short::of("  ").and(&short::count(model.matches.count())).and(open), theme.dim);
        line.left(&Short::of(" of ").and(&short::count(all)).and(" spans"), theme.dim);
        line.left("  ctrl-x removes it", theme.faint);
    }
}

/// Whether nothing worse than a store without a writer keeps the sources from being live.
fn is_snapshot(model: &Model) -> bool {
    !model.sources.iter().any(|source| {
        matches!(source.state, SourceState::Waiting(_) | SourceState::Blocked(_) | SourceState::Failed(_))
    })
}

/// What keeps a source from being live. Among sources that are followed, one that is not is as it should be.
fn trouble(model: &Model) -> Option<&str> {
    let sources = || model.sources.iter().filter(|source| source.progress.is_none());
    let is_live =
        sources().any(|source| matches!(source.state, SourceState::Live | SourceState::Replaced(_)));
    sources().find_map(|source| match &source.state {
        SourceState::Waiting(why) | SourceState::Blocked(why) | SourceState::Failed(why) => {
            (!why.is_empty()).then_some(why.as_str())
        }
        SourceState::Snapshot(why) | SourceState::Damaged(why) => {
            (!is_live && !why.is_empty()).then_some(why.as_str())
        }
        _ => None,
    })
}
