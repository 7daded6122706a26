//! What lies over the panels: pickers, the palette, help, problems, completions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::config::{Action, Group};
use crate::text::{self, SafeText};

use super::super::glyph;
use super::super::model::{Mode, Model, Picker, TextInput};
use super::super::update::completion;
use super::super::widget::{panel, popup, put, put_right};
use super::Layout;

/// Rows of a picker and of the palette.
pub(crate) const PICKER_ROWS: usize = 14;

/// Values of a field with what they did and cost.
pub(super) fn picker(buffer: &mut Buffer, model: &Model, picker: &Picker) {
    let theme = &model.theme;
    let width = 92.min(buffer.area.width.saturating_sub(4));
    let rows = PICKER_ROWS.min(picker.shown().len().max(1));
    let title = format!(" Pick a {} ", picker.field.name());
    let count = format!("{} of {} ", picker.shown().len(), picker.len());
    let inner =
        popup(buffer, width, rows as u16 + 4, &[(&title, theme.accent), (&count, theme.faint)], theme.focus);
    if inner.height < 3 {
        return;
    }
    let x = put(buffer, inner.x, inner.y, inner.right(), &SafeText::new(" › "), theme.accent);
    let x = put(buffer, x, inner.y, inner.right(), &SafeText::new(&picker.query), theme.text);
    put(buffer, x, inner.y, inner.right(), &SafeText::new("▏"), theme.accent);
    let columns: [(&str, u16); 5] = [("spans", 8), ("errors", 8), ("p50", 9), ("tokens", 9), ("cost", 11)];
    let shown = columns.iter().rev().scan(0u16, |used, column| {
        *used += column.1;
        Some((*used, *column))
    });
    let shown: Vec<(&str, u16)> =
        shown.filter(|(used, _)| used + 24 <= inner.width).map(|(_, column)| column).collect();
    let mut right = inner.right() - 1;
    for (head, cells) in &shown {
        put_right(buffer, inner.x, inner.y + 1, right, &SafeText::new(head), theme.faint);
        right -= cells;
    }
    let names_end = right;
    let height = usize::from(inner.height - 2);
    for (line, item) in picker.shown().skip(picker.offset).take(height).enumerate() {
        let y = inner.y + 2 + line as u16;
        let row = Rect { x: inner.x, y, width: inner.width, height: 1 };
        let chosen = picker.offset + line == picker.cursor;
        if chosen {
            buffer.set_style(row, theme.selection(true));
        }
        let mark = if chosen { "▸ " } else { "  " };
        let x = put(buffer, inner.x, y, names_end, &SafeText::new(mark), theme.accent);
        let name = model.shown(&item.value);
        let safe = SafeText::new(&name);
        let room = usize::from(names_end.saturating_sub(x));
        put(buffer, x, y, names_end, &safe.truncate_middle(room), theme.text);
        let mut right = inner.right() - 1;
        for (head, cells) in &shown {
            let (value, style): (String, Style) = match *head {
                "spans" => (text::count(item.count), theme.dim),
                "errors" if item.errors > 0 => (text::count(item.errors), theme.bad),
                "p50" if item.p50 > 0 => (text::duration_short(item.p50), theme.dim),
                "tokens" if item.tokens > 0 => (text::tokens(item.tokens), theme.dim),
                "cost" => (cost(item), theme.text),
                _ => (String::new(), theme.dim),
            };
            put_right(buffer, names_end, y, right, &SafeText::new(&value), style);
            right -= cells;
        }
    }
}

fn cost(item: &super::super::model::Item) -> String {
    match (item.cost.0, item.unpriced) {
        (0, 0) => String::new(),
        (0, _) => text::UNKNOWN.to_owned(),
        (_, 0) => text::usd_cell(item.cost),
        _ => format!("≥{}", text::usd_cell(item.cost)),
    }
}

/// Every action, found by typing.
pub(super) fn palette(
    buffer: &mut Buffer,
    model: &Model,
    input: &TextInput,
    actions: &[Action],
    cursor: usize,
) {
    let theme = &model.theme;
    let width = 72.min(buffer.area.width.saturating_sub(4));
    let inner = popup(buffer, width, PICKER_ROWS as u16 + 3, &[(" Actions ", theme.accent)], theme.focus);
    if inner.height < 2 {
        return;
    }
    let x = put(buffer, inner.x, inner.y, inner.right(), &SafeText::new(" : "), theme.accent);
    let x = put(buffer, x, inner.y, inner.right(), &SafeText::new(input.text()), theme.text);
    put(buffer, x, inner.y, inner.right(), &SafeText::new("▏"), theme.accent);
    let height = usize::from(inner.height - 1);
    let offset = (cursor + 1).saturating_sub(height);
    for (line, action) in actions.iter().enumerate().skip(offset).take(height) {
        let y = inner.y + 1 + (line - offset) as u16;
        if line == cursor {
            buffer.set_style(Rect { x: inner.x, y, width: inner.width, height: 1 }, theme.selection(true));
        }
        let keys = model.keymap.keys_of(*action).join("  ");
        put_right(buffer, inner.x, y, inner.right() - 1, &SafeText::new(&keys), theme.dim);
        let help = SafeText::new(action.help());
        put(buffer, inner.x + 2, y, inner.right() - 16, &help, theme.text);
    }
}

/// All keys, from the table that handles them.
pub(super) fn help(buffer: &mut Buffer, model: &Model, scroll: usize) {
    scrolled(buffer, model, " Help ", &help_lines(model), scroll);
}

fn help_lines(model: &Model) -> Vec<Vec<(String, Style)>> {
    let theme = &model.theme;
    let mut lines: Vec<Vec<(String, Style)>> = Vec::new();
    for group in Group::ALL {
        if !lines.is_empty() {
            lines.push(Vec::new());
        }
        lines.push(vec![(group.title().to_owned(), theme.accent)]);
        for action in Action::ALL.iter().filter(|action| action.group() == group) {
            let keys = model.keymap.keys_of(*action).join("  ");
            lines.push(vec![(format!("  {keys:<20}"), theme.strong), (action.help().to_owned(), theme.text)]);
        }
    }
    lines.push(Vec::new());
    lines.push(vec![("Filter language".to_owned(), theme.accent)]);
    lines.extend(crate::filter::REFERENCE.lines().filter_map(|line| reference_line(model, line)));
    lines.push(Vec::new());
    lines.push(vec![("Marks".to_owned(), theme.accent)]);
    let kinds = crate::model::SpanKind::ALL.iter().map(|kind| format!("{} {kind}", glyph::kind(*kind)));
    let statuses =
        crate::model::Status::ALL.iter().map(|status| format!("{} {status}", glyph::status(*status)));
    for words in kinds.chain(statuses).collect::<Vec<_>>().chunks(5) {
        let row = words.iter().fold(String::new(), |row, word| format!("{row}{word:<15}"));
        lines.push(vec![(format!("  {row}"), theme.text)]);
    }
    lines
}

/// A line of the filter reference, which is written in Markdown: headings, tables and text.
fn reference_line(model: &Model, line: &str) -> Option<Vec<(String, Style)>> {
    let theme = &model.theme;
    let plain = |text: &str| text.replace(['`', '\\'], "");
    if let Some(heading) = line.strip_prefix('#') {
        return Some(vec![(format!("  {}", heading.trim_start_matches('#').trim()), theme.strong)]);
    }
    let Some(row) = line.strip_prefix('|') else {
        return Some(vec![(format!("  {}", plain(line)), theme.dim)]);
    };
    if row.starts_with("---") {
        return None;
    }
    let row = row.trim_end().trim_end_matches('|').replace("\\|", "¦");
    let mut cells = row.split('|').map(|cell| plain(cell.trim()));
    let first = cells.next().unwrap_or_default();
    let rest = cells.collect::<Vec<_>>().join("  ");
    Some(vec![(format!("  {first:<34} "), theme.text), (rest, theme.dim)])
}

/// What could not be taken as it is, with examples.
pub(super) fn problems(buffer: &mut Buffer, model: &Model, scroll: usize) {
    scrolled(buffer, model, " Skipped and odd records ", &problem_lines(model), scroll);
}

fn problem_lines(model: &Model) -> Vec<Vec<(String, Style)>> {
    let theme = &model.theme;
    let mut lines: Vec<Vec<(String, Style)>> = Vec::new();
    for source in &model.sources {
        let Some(problems) = model.store.problems(source.id).filter(|problems| !problems.is_empty()) else {
            continue;
        };
        lines.push(vec![(source.name.clone(), theme.accent)]);
        for (reason, count) in problems.counts() {
            let what = if reason.skips_record() { "skipped" } else { "kept, flagged" };
            let style = if reason.skips_record() { theme.warn } else { theme.text };
            lines.push(vec![
                (format!("  {:>8}  ", text::count(count)), theme.strong),
                (reason.as_str().replace('_', " "), style),
                (format!("  {what}"), theme.faint),
            ]);
            for example in problems.examples().iter().filter(|example| example.reason == reason).take(5) {
                let place = example.place.map_or(String::new(), |place| format!("at {}  ", place.pos));
                lines.push(vec![
                    (format!("            {place}"), theme.faint),
                    (model.shown(&example.detail).into_owned(), theme.dim),
                ]);
            }
        }
        lines.push(Vec::new());
    }
    if lines.is_empty() {
        lines.push(vec![("Every record could be taken as it is.".to_owned(), theme.good)]);
    }
    lines
}

/// How far what lies on top can be scrolled, lines.
pub(crate) fn most_scrolled(model: &Model) -> usize {
    let lines = match model.modes.last() {
        Some(Mode::Help(_)) => help_lines(model).len(),
        Some(Mode::Problems(_)) => problem_lines(model).len(),
        _ => 0,
    };
    lines.saturating_sub(usize::from(model.size.1.saturating_sub(4)))
}

fn scrolled(buffer: &mut Buffer, model: &Model, title: &str, lines: &[Vec<(String, Style)>], scroll: usize) {
    let theme = &model.theme;
    let width = 92.min(buffer.area.width.saturating_sub(2));
    let height = (lines.len() as u16 + 2).min(buffer.area.height.saturating_sub(2));
    let inner =
        popup(buffer, width, height, &[(title, theme.accent), ("esc closes ", theme.faint)], theme.focus);
    let visible = usize::from(inner.height);
    let offset = scroll.min(lines.len().saturating_sub(visible));
    for (line, y) in lines.iter().skip(offset).take(visible).zip(inner.y..) {
        let mut x = inner.x + 1;
        for (text, style) in line {
            x = put(buffer, x, y, inner.right(), &SafeText::new(text), *style);
        }
    }
    if lines.len() > visible {
        let more = format!(" {}/{} ", (offset + visible).min(lines.len()), lines.len());
        put_right(buffer, inner.x, inner.bottom(), inner.right(), &SafeText::new(&more), theme.faint);
    }
}

/// What could stand at the cursor of the filter.
pub(super) fn completions(buffer: &mut Buffer, layout: &Layout, model: &Model, input: &TextInput) {
    let theme = &model.theme;
    let (_, candidates) = completion(model, input);
    if candidates.is_empty() {
        return;
    }
    let rows = candidates.len().min(8) as u16;
    let width = 64.min(layout.bar.width);
    let area = Rect { x: layout.bar.x, y: layout.bar.bottom(), width, height: rows + 2 };
    let area = area.intersection(buffer.area);
    for y in area.y..area.bottom() {
        for x in area.x..area.right() {
            buffer[(x, y)].reset();
        }
    }
    let inner = panel(buffer, area, &[], theme.border);
    for (candidate, y) in candidates.iter().zip(inner.y..inner.bottom()) {
        put_right(buffer, inner.x, y, inner.right(), &SafeText::new(candidate.help), theme.faint);
        put(buffer, inner.x + 1, y, inner.right(), &SafeText::new(&candidate.insert), theme.text);
    }
}
