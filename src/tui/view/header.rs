//! The first two lines: sources and totals, filter and warnings.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::source::SourceState;
use crate::text;

use super::super::model::{Model, Source};
use super::super::widget::Line;

/// Draws the first line: what is watched, and what it adds up to.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model) {
    let theme = &model.theme;
    let mut line = Line::new(buffer, area);
    let totals = model.store.totals();
    // The right side first: money is what must never be crowded out.
    line.right(" ", theme.text);
    if model.last_minute.0 > 0 && area.width >= 90 {
        line.right(&format!("+{}/min", text::usd(model.last_minute)), theme.warn);
        line.right("  ", theme.text);
    }
    let covered = if totals.unpriced_calls > 0 { "≥ " } else { "" };
    line.right(&format!("{covered}{}", text::usd(totals.cost)), theme.strong);
    if area.width >= 60 {
        line.right("   ", theme.text);
        line.right(&text::tokens(totals.tokens.output), theme.text).right("out ", theme.dim);
        line.right("  ", theme.text);
        if area.width >= 110 && totals.tokens.cache_read > 0 {
            let share = totals.tokens.cache_read as f64 / totals.tokens.input.max(1) as f64;
            line.right(&format!(" ({} cached)", text::percent(share)), theme.dim);
        }
        line.right(&text::tokens(totals.tokens.input), theme.text).right("in ", theme.dim);
        line.right("   ", theme.text);
    }
    line.left(" tracetui ", theme.accent);
    match model.sources.as_slice() {
        [source] => one_source(&mut line, model, source),
        sources => many_sources(&mut line, model, sources),
    }
    let (running, suspended) = model.running;
    if running > 0 {
        line.left_whole(&format!("● {running} running"), theme.status(crate::model::Status::Running));
    }
    if suspended > 0 {
        line.left_whole(&format!("◌ {suspended} waiting"), theme.status(crate::model::Status::Suspended));
    }
    line.left_whole(&format!("{} runs", text::count(model.store.run_count())), theme.dim);
    if totals.errors > 0 {
        line.left_whole(&format!("✗ {} errors", text::count(totals.errors)), theme.bad);
    }
}

fn one_source(line: &mut Line<'_>, model: &Model, source: &Source) {
    let theme = &model.theme;
    let name = source.name.rsplit('/').next().unwrap_or(&source.name);
    let name = if source.name == "-" { "standard input" } else { name };
    let name = text::SafeText::new(name);
    line.left(name.truncate_middle(28).as_str(), theme.strong);
    let (mark, style) = standing(model, source);
    line.left("  ", theme.text).left(&mark, style);
}

fn many_sources(line: &mut Line<'_>, model: &Model, sources: &[Source]) {
    let theme = &model.theme;
    line.left(&format!("{} sources", sources.len()), theme.strong);
    let worst = sources.iter().find(|source| {
        matches!(source.state, SourceState::Failed(_) | SourceState::Blocked(_)) || source.progress.is_some()
    });
    let (mark, style) =
        worst.or(sources.first()).map_or((String::new(), theme.dim), |source| standing(model, source));
    line.left("  ", theme.text).left(&mark, style);
}

/// How a source stands, in a word or two.
fn standing(model: &Model, source: &Source) -> (String, Style) {
    let theme = &model.theme;
    if let Some((done, total)) = source.progress {
        let percent = (done.saturating_mul(100) / total.max(1)).min(99);
        return (format!("◔ indexing {percent}%"), theme.accent);
    }
    match &source.state {
        SourceState::Live | SourceState::Replaced(_) => ("● live".to_owned(), theme.good),
        SourceState::Waiting(_) => ("◌ waiting".to_owned(), theme.warn),
        SourceState::Snapshot(_) => ("□ snapshot".to_owned(), theme.dim),
        SourceState::Blocked(_) => ("! blocked".to_owned(), theme.warn),
        SourceState::Failed(_) => ("✗ failed".to_owned(), theme.bad),
    }
}

/// Draws the second line: the filter, and on the right what one should know about the data.
pub(super) fn draw_bar(buffer: &mut Buffer, area: Rect, model: &Model) {
    let theme = &model.theme;
    let mut line = Line::new(buffer, area);
    line.right(" ", theme.text);
    if !model.redact {
        line.right("secrets shown", theme.warn).right("  ", theme.text);
    }
    let skipped: u64 = model
        .sources
        .iter()
        .filter_map(|source| model.store.problems(source.id))
        .map(crate::model::Problems::skipped)
        .sum();
    if skipped > 0 {
        line.right(&format!("⚠ {} skipped P", text::count(skipped)), theme.warn).right("  ", theme.text);
    }
    let away = model.store.evicted_count();
    if away > 0 {
        line.right(&format!("{} runs not in memory", text::count(away as u64)), theme.dim)
            .right("  ", theme.text);
    }
    let lag = model.sources.iter().filter_map(|source| model.store.source(source.id)?.lag()).max();
    if let Some(lag) = lag.filter(|lag| *lag > crate::model::NANOS_PER_SEC / 4) {
        line.right(&format!("source lag {}", text::duration_short(lag)), theme.dim).right("  ", theme.text);
    }
    let unpriced = model.store.totals().unpriced_calls;
    if unpriced > 0 && area.width >= 90 {
        line.right(&format!("{} calls unpriced", text::count(unpriced)), theme.dim).right("  ", theme.text);
    }
    line.left(" ", theme.text);
    if model.filter_text.is_empty() {
        let formats: Vec<&str> = model.sources.iter().filter_map(|source| source.format).collect();
        let mut formats = formats;
        formats.dedup();
        line.left(&formats.join(", "), theme.dim);
        let totals = model.store.totals();
        if totals.spans > 0 {
            line.left(&format!(" · {} spans", text::count(totals.spans)), theme.dim);
            line.left(&format!(" · {} model calls", text::count(totals.llm_calls)), theme.dim);
            line.left(&format!(" · {} tool calls", text::count(totals.tool_calls)), theme.dim);
        }
        if let Some(why) = trouble(model) {
            let style = if is_snapshot(model) { theme.dim } else { theme.warn };
            line.left("  ", theme.text).left(&why, style);
        }
        return;
    }
    line.left("filter ", theme.dim).left(&model.filter_text, theme.accent);
    if let Some((done, total)) = model.matches.progress(&model.store) {
        let percent = done * 100 / total.max(1);
        line.left(&format!("  {percent}%"), theme.dim);
    } else {
        let open = if model.matches.is_waiting() { "+" } else { "" };
        let all = model.store.totals().spans + model.store.totals().events;
        line.left(
            &format!("  {}{open} of {} spans", text::count(model.matches.count()), text::count(all)),
            theme.dim,
        );
        line.left("  ctrl-x removes it", theme.faint);
    }
}

/// Whether nothing worse than a store without a writer keeps the sources from being live.
fn is_snapshot(model: &Model) -> bool {
    !model.sources.iter().any(|source| {
        matches!(source.state, SourceState::Waiting(_) | SourceState::Blocked(_) | SourceState::Failed(_))
    })
}

/// What keeps a source from being live.
fn trouble(model: &Model) -> Option<String> {
    model.sources.iter().find_map(|source| match &source.state {
        SourceState::Waiting(why)
        | SourceState::Blocked(why)
        | SourceState::Failed(why)
        | SourceState::Snapshot(why) => (source.progress.is_none() && !why.is_empty()).then(|| why.clone()),
        _ => None,
    })
}
