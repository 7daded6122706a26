//! The list of runs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::{NanoUsd, Status};
use crate::source::SourceState;
use crate::store::{TraceIx, TraceView};
use crate::text::{self, SafeText};

use super::super::Zone;
use super::super::glyph;
use super::super::model::{Focus, Model};
use super::super::widget::{panel, put, put_right};
use super::Layout;

/// Draws the list.
pub(super) fn draw(buffer: &mut Buffer, layout: &Layout, model: &Model) {
    if layout.runs_panel.is_empty() {
        return;
    }
    let theme = &model.theme;
    let focused = model.focus == Focus::Runs;
    let border = if focused { theme.focus } else { theme.border };
    let title = if focused { theme.accent } else { theme.dim };
    let count = text::count(model.runs.rows().len() as u64);
    let filtered = if model.matches.is_off() { "" } else { " matching" };
    let mut parts = vec![(" Runs ".to_owned(), title), (format!("{count}{filtered} "), theme.faint)];
    if model.runs.follow {
        parts.push(("· newest first, following ".to_owned(), theme.faint));
    } else if model.runs.unseen > 0 {
        parts.push((format!("· {} new F ", model.runs.unseen), theme.accent));
    }
    let parts: Vec<(&str, Style)> = parts.iter().map(|(text, style)| (text.as_str(), *style)).collect();
    let inner = panel(buffer, layout.runs_panel, &parts, border);
    if model.runs.rows().is_empty() {
        draw_empty(buffer, inner, model);
        return;
    }
    for (line, run) in
        model.runs.rows().iter().skip(model.runs.offset).take(inner.height as usize).enumerate()
    {
        let row = Rect { y: inner.y + line as u16, height: 1, ..inner };
        draw_run(buffer, row, model, *run);
    }
}

/// Figures of a run over all its traces.
struct RunFigures {
    status: Status,
    nanos: Option<i64>,
    cost: NanoUsd,
    unpriced: u64,
}

fn figures(model: &Model, first: &TraceView<'_>) -> RunFigures {
    let clock = &model.clock;
    let totals = first.totals();
    let mut figures = RunFigures {
        status: first.status(clock),
        nanos: first.duration(clock),
        cost: totals.cost,
        unpriced: totals.unpriced_calls,
    };
    if first.run().is_some() {
        let traces = first.run_traces();
        for trace in traces.iter().filter(|trace| **trace != first.ix()) {
            let trace = model.store.trace(*trace);
            figures.status = trace.status(clock);
            figures.cost += trace.totals().cost;
            figures.unpriced += trace.totals().unpriced_calls;
            if let (Some(start), Some(from), Some(nanos)) =
                (first.start(), trace.start(), trace.duration(clock))
            {
                figures.nanos = Some(from.since(start).saturating_add(nanos));
            }
        }
    }
    figures
}

fn draw_run(buffer: &mut Buffer, row: Rect, model: &Model, run: TraceIx) {
    let theme = &model.theme;
    let trace = model.store.trace(run);
    let selected = model.runs.selected() == Some(run);
    let figures = figures(model, &trace);
    if selected {
        buffer.set_style(row, theme.selection(model.focus == Focus::Runs));
    }
    let mut right = row.right();
    let cost = match (figures.cost.0, figures.unpriced) {
        (0, 0) => String::new(),
        (0, _) => "–".to_owned(),
        (_, 0) => text::usd_cell(figures.cost),
        _ => format!("≥{}", text::usd_cell(figures.cost)),
    };
    if row.width >= 30 {
        put_right(buffer, row.x, row.y, right, &SafeText::new(&cost), theme.text);
        right = right.saturating_sub(9);
    }
    let time = figures.nanos.map_or_else(|| "–".to_owned(), text::duration_short);
    let time_style =
        if figures.status == Status::Running { theme.status(Status::Running) } else { theme.dim };
    put_right(buffer, row.x, row.y, right, &SafeText::new(&time), time_style);
    right = right.saturating_sub(8);
    if row.width >= 44
        && let Some(start) = trace.start()
    {
        put_right(buffer, row.x, row.y, right, &SafeText::new(&text::clock(start, &Zone)), theme.faint);
        right = right.saturating_sub(10);
    }
    if model.sources.len() > 1 && row.width >= 36 {
        let name = model.store.source(trace.source()).map_or("", |source| source.name.as_str());
        let name = SafeText::new(name.rsplit('/').next().unwrap_or(name));
        put_right(buffer, row.x, row.y, right, &name.truncate_middle(12), theme.faint);
        right = right.saturating_sub(13);
    }
    let mut x = row.x;
    let mark = if selected { "▸" } else { " " };
    x = put(buffer, x, row.y, right, &SafeText::new(mark), theme.accent);
    let status = SafeText::new(glyph::status(figures.status));
    x = put(buffer, x, row.y, right, &status, theme.status(figures.status)) + 1;
    let name = trace.name();
    let name = if name.is_empty() { trace.id_text().into() } else { model.shown(name) };
    let dim = !model.matches.is_off() && !model.matches.has_trace(run);
    let style = if dim { theme.faint } else { theme.text };
    let room = usize::from(right.saturating_sub(x));
    let name = SafeText::new(&name);
    x = put(buffer, x, row.y, right, &name.truncate_middle(room), style);
    let errors = trace.totals().errors;
    if errors > 0 && figures.status != Status::Error && right > x + 4 {
        put(buffer, x + 1, row.y, right, &SafeText::new("✗"), theme.bad);
    }
}

/// An empty list says what was looked for and what to do.
fn draw_empty(buffer: &mut Buffer, area: Rect, model: &Model) {
    let theme = &model.theme;
    let mut lines: Vec<(String, Style)> = Vec::new();
    if !model.matches.is_off() && model.store.trace_count() > 0 {
        lines.push(("Nothing matches the filter.".to_owned(), theme.text));
        lines.push(("ctrl-x removes it, f changes it.".to_owned(), theme.dim));
    } else {
        for source in &model.sources {
            lines.push((source.name.clone(), theme.strong));
            let why = match &source.state {
                SourceState::Waiting(why)
                | SourceState::Blocked(why)
                | SourceState::Failed(why)
                | SourceState::Snapshot(why)
                | SourceState::Replaced(why) => why.as_str(),
                SourceState::Live => "no spans yet: they show up here as they are written",
            };
            lines.push((why.to_owned(), theme.dim));
        }
        lines.push((String::new(), theme.dim));
        lines.push(("tracetui demo shows what a run looks like.".to_owned(), theme.faint));
    }
    let mut y = area.y + 1;
    for (text, style) in lines {
        let safe = SafeText::new(&text);
        for part in safe.wrap(usize::from(area.width.saturating_sub(2))) {
            if y < area.bottom() {
                put(buffer, area.x + 1, y, area.right(), &part, style);
                y += 1;
            }
        }
        if safe.is_empty() {
            y += 1;
        }
    }
}
