//! The list of runs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::Status;
use crate::source::SourceState;
use crate::store::TraceIx;
use crate::text::{SafeText, Short, short};

use super::super::Zone;
use super::super::glyph;
use super::super::model::{Focus, Model, RunFigures};
use super::super::widget::{own, own_right, panel, put_middle, put_middle_right, put_safe};
use super::Layout;

/// Cells of the column with the source.
const SOURCE: u16 = 11;

/// Draws the list.
pub(super) fn draw(buffer: &mut Buffer, layout: &Layout, model: &Model) {
    if layout.runs_panel.is_empty() {
        return;
    }
    let theme = &model.theme;
    let focused = model.focus == Focus::Runs;
    let (inner, mut title) =
        panel(buffer, layout.runs_panel, if focused { theme.focus } else { theme.border });
    title.left(" Runs ", if focused { theme.accent } else { theme.dim });
    title.left(&short::count(model.runs.rows().len() as u64), theme.faint);
    title.left(if model.matches.is_off() { " " } else { " matching " }, theme.faint);
    if model.runs.follow {
        title.left("· newest first, following ", theme.faint);
    } else if model.runs.unseen > 0 {
        title.left(&Short::of("· ").and_number(model.runs.unseen as u64).and(" new F "), theme.accent);
    }
    if model.runs.rows().is_empty() {
        draw_empty(buffer, inner, model);
        return;
    }
    let visible = model.runs.rows().iter().skip(model.runs.offset).take(inner.height as usize);
    for (run, (line, y)) in visible.zip((0..).zip(inner.y..)) {
        let known = model.prepared.runs.get(line).filter(|known| known.run == *run);
        let figures = known.copied().unwrap_or_else(|| RunFigures::of(model, *run));
        draw_run(buffer, Rect { y, height: 1, ..inner }, model, *run, &figures);
    }
}

fn draw_run(buffer: &mut Buffer, row: Rect, model: &Model, run: TraceIx, figures: &RunFigures) {
    let theme = &model.theme;
    let trace = model.store.trace(run);
    let selected = model.runs.selected() == Some(run);
    if selected {
        buffer.set_style(row, theme.selection(model.focus == Focus::Runs));
    }
    let mut right = row.right();
    if row.width >= 30 {
        let cost = short::bill_cell(figures.cost, figures.unpriced);
        own_right(buffer, row.x, row.y, right, &cost, theme.text);
        right = right.saturating_sub(9);
    }
    let time = figures.nanos.map_or_else(|| Short::of("–"), short::duration_short);
    let time_style =
        if figures.status == Status::Running { theme.status(Status::Running) } else { theme.dim };
    own_right(buffer, row.x, row.y, right, &time, time_style);
    right = right.saturating_sub(8);
    // Names come before the time of day.
    let several = model.readable_sources > 1;
    if row.width >= if several { 54 } else { 44 }
        && let Some(start) = trace.start()
    {
        own_right(buffer, row.x, row.y, right, &short::clock(start, &Zone), theme.faint);
        right = right.saturating_sub(10);
    }
    if several && row.width >= 36 {
        let source = model.sources.get(usize::from(trace.source().0));
        let label = source.map_or("", |source| source.label.as_str());
        put_middle_right(buffer, row.x, row.y, right, label, SOURCE, theme.faint);
        right = right.saturating_sub(SOURCE + 1);
    }
    let mut x = row.x;
    x = own(buffer, x, row.y, right, if selected { "▸" } else { " " }, theme.accent);
    x = own(buffer, x, row.y, right, glyph::status(figures.status), theme.status(figures.status)) + 1;
    let name = trace.name();
    let name = if name.is_empty() { trace.id_text().into() } else { model.shown(name) };
    let dim = !model.matches.is_off() && !model.matches.has_trace(run);
    let style = if dim { theme.faint } else { theme.text };
    x = put_middle(buffer, x, row.y, right, &name, style);
    let errors = trace.totals().errors;
    if errors > 0 && figures.status != Status::Error && right > x + 4 {
        own(buffer, x + 1, row.y, right, "✗", theme.bad);
        x += 2;
    }
    if let Some(projected) = figures.projected {
        let text = Short::of("→ ~").and(&short::usd(projected));
        if text.chars().count() as u16 + 2 < right.saturating_sub(x) {
            own(buffer, x + 1, row.y, right, &text, theme.faint);
        }
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
                | SourceState::Damaged(why)
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
                put_safe(buffer, area.x + 1, y, area.right(), &part, style);
                y += 1;
            }
        }
        if safe.is_empty() {
            y += 1;
        }
    }
}
