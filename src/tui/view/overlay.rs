//! What lies over the panels: pickers, the palette, help, problems, completions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::config::{Action, Group};
use crate::text::{self, SafeText, Short, short};

use super::super::glyph;
use super::super::model::{Mode, Model, OverlayLine, Picker, TextInput, Trouble};
use super::super::widget::{own, own_right, panel, popup, put, put_middle, put_right, put_safe, wipe};
use super::{Layout, bill};

/// Rows of a picker and of the palette.
pub(crate) const PICKER_ROWS: usize = 14;

/// Sources that are not live which the problems name.
const MAX_TROUBLED: usize = 20;

/// The columns of a picker with their widths, from the right.
const COLUMNS: [(&str, u16); 6] =
    [("cost", 11), ("unpriced", 10), ("tokens", 9), ("p50", 9), ("errors", 8), ("spans", 8)];

/// Values of a field with what they did and cost.
pub(super) fn picker(buffer: &mut Buffer, model: &Model, picker: &Picker) {
    let theme = &model.theme;
    let width = 92.min(buffer.area.width.saturating_sub(4));
    let rows = PICKER_ROWS.min(picker.shown().len().max(1));
    let (inner, mut title) = popup(buffer, width, rows as u16 + 4, theme.focus);
    let article =
        if picker.field.name().starts_with(['a', 'e', 'i', 'o']) { " Pick an " } else { " Pick a " };
    title.left(article, theme.accent).left(picker.field.name(), theme.accent).left(" ", theme.accent);
    let count = Short::EMPTY.and_number(picker.shown().len() as u64).and(" of ");
    title.left(&count.and_number(picker.len() as u64).and(" "), theme.faint);
    if inner.height < 3 {
        return;
    }
    let x = own(buffer, inner.x, inner.y, inner.right(), " › ", theme.accent);
    let x = put(buffer, x, inner.y, inner.right(), &picker.query, theme.text);
    own(buffer, x, inner.y, inner.right(), "▏", theme.accent);
    let columns = COLUMNS.iter().filter(|(head, _)| *head != "unpriced" || picker.has_unpriced());
    let shown = columns.scan(0u16, |used, column| {
        *used += column.1;
        (*used + 24 <= inner.width).then_some(*column)
    });
    let mut right = inner.right() - 1;
    for (head, cells) in shown.clone() {
        own_right(buffer, inner.x, inner.y + 1, right, head, theme.faint);
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
        let x = own(buffer, inner.x, y, names_end, mark, theme.accent);
        put_middle(buffer, x, y, names_end, &model.shown(&item.value), theme.text);
        let mut right = inner.right() - 1;
        for (head, cells) in shown.clone() {
            let (value, style) = match head {
                "spans" => (short::count(item.count), theme.dim),
                "errors" if item.errors > 0 => (short::count(item.errors), theme.bad),
                "p50" if item.p50 > 0 => (short::duration_short(item.p50), theme.dim),
                "tokens" if item.tokens > 0 => (short::tokens(item.tokens), theme.dim),
                "cost" => (short::bill_cell(item.cost, item.unpriced), theme.text),
                "unpriced" if item.unpriced > 0 => (short::count(item.unpriced), theme.warn),
                _ => (Short::EMPTY, theme.dim),
            };
            own_right(buffer, names_end, y, right, &value, style);
            right -= cells;
        }
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
    let (inner, mut title) = popup(buffer, width, PICKER_ROWS as u16 + 3, theme.focus);
    title.left(" Actions ", theme.accent);
    if inner.height < 2 {
        return;
    }
    let x = own(buffer, inner.x, inner.y, inner.right(), " : ", theme.accent);
    let x = put(buffer, x, inner.y, inner.right(), input.text(), theme.text);
    own(buffer, x, inner.y, inner.right(), "▏", theme.accent);
    let height = usize::from(inner.height - 1);
    let offset = (cursor + 1).saturating_sub(height);
    for (line, action) in actions.iter().enumerate().skip(offset).take(height) {
        let y = inner.y + 1 + (line - offset) as u16;
        if line == cursor {
            buffer.set_style(Rect { x: inner.x, y, width: inner.width, height: 1 }, theme.selection(true));
        }
        let x = own(buffer, inner.x + 2, y, inner.right() - 16, action.help(), theme.text);
        put_right(buffer, x + 2, y, inner.right() - 1, model.key_names.all(*action), theme.dim);
    }
}

/// All keys, from the table that handles them.
pub(super) fn help(buffer: &mut Buffer, model: &Model, scroll: usize) {
    scrolled(buffer, model, " Help ", scroll);
}

/// The lines of what lies on top, when it is lines.
pub(crate) fn overlay_lines(model: &Model) -> Vec<OverlayLine> {
    let lines = match model.modes.last() {
        Some(Mode::Help(_)) => help_lines(model),
        Some(Mode::Problems(_)) => problem_lines(model),
        Some(Mode::Bill(_)) => bill::lines(model),
        _ => Vec::new(),
    };
    let safe = |(text, style)| (SafeText::from_string(text), style);
    lines.into_iter().map(|line| line.into_iter().map(safe).collect()).collect()
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
            let keys = model.key_names.all(*action);
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

/// Sources that are not live, and what could not be taken as it is, with examples.
pub(super) fn problems(buffer: &mut Buffer, model: &Model, scroll: usize) {
    scrolled(buffer, model, " Problems ", scroll);
}

/// Why the cost is what it is.
pub(super) fn bill(buffer: &mut Buffer, model: &Model, scroll: usize) {
    scrolled(buffer, model, " Bill ", scroll);
}

fn problem_lines(model: &Model) -> Vec<Vec<(String, Style)>> {
    let theme = &model.theme;
    let mut lines = trouble_lines(model);
    let troubles = lines.len();
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
    if lines.len() == troubles {
        lines.push(vec![("Every record could be taken as it is.".to_owned(), theme.good)]);
    }
    lines
}

/// The sources that are not live, the worst first.
fn trouble_lines(model: &Model) -> Vec<Vec<(String, Style)>> {
    let theme = &model.theme;
    let mut troubled: Vec<_> =
        model.sources.iter().filter_map(|source| Some((source, source.trouble()?))).collect();
    troubled.sort_by_key(|(_, (trouble, _))| std::cmp::Reverse(*trouble));
    let mut lines = Vec::new();
    for (source, (trouble, why)) in troubled.iter().take(MAX_TROUBLED) {
        let (state, style) = match trouble {
            Trouble::Failed => ("✗ failed", theme.bad),
            Trouble::Blocked => ("! blocked", theme.warn),
            Trouble::Damaged => ("⚠ damaged", theme.warn),
            Trouble::Waiting => ("◌ waiting", theme.warn),
            Trouble::Snapshot => ("□ snapshot", theme.dim),
        };
        lines.push(vec![(format!("{state:<12}"), style), (source.name.clone(), theme.accent)]);
        lines.push(vec![(format!("{:12}{why}", ""), theme.dim)]);
    }
    if let Some(more) = troubled.len().checked_sub(MAX_TROUBLED).filter(|more| *more > 0) {
        lines.push(vec![(format!("… and {} more", text::count(more as u64)), theme.faint)]);
    }
    if !lines.is_empty() {
        lines.push(Vec::new());
    }
    lines
}

/// How far what lies on top can be scrolled, lines.
pub(crate) fn most_scrolled(model: &Model) -> usize {
    model.prepared.overlay().len().saturating_sub(usize::from(model.size.1.saturating_sub(4)))
}

fn scrolled(buffer: &mut Buffer, model: &Model, title: &'static str, scroll: usize) {
    let theme = &model.theme;
    let lines = model.prepared.overlay();
    let width = 92.min(buffer.area.width.saturating_sub(2));
    let height = (lines.len() as u16 + 2).min(buffer.area.height.saturating_sub(2));
    let (inner, mut head) = popup(buffer, width, height, theme.focus);
    head.left(title, theme.accent).left("esc closes ", theme.faint);
    let visible = usize::from(inner.height);
    let offset = scroll.min(lines.len().saturating_sub(visible));
    for (line, y) in lines.iter().skip(offset).take(visible).zip(inner.y..) {
        let mut x = inner.x + 1;
        for (text, style) in line {
            x = put_safe(buffer, x, y, inner.right(), text, *style);
        }
    }
    if lines.len() > visible {
        let last = (offset + visible).min(lines.len()) as u64;
        let more = Short::of(" ").and_number(last).and("/").and_number(lines.len() as u64).and(" ");
        own_right(buffer, inner.x, inner.bottom(), inner.right(), &more, theme.faint);
    }
}

/// What could stand at the cursor of the filter.
pub(super) fn completions(buffer: &mut Buffer, layout: &Layout, model: &Model) {
    let theme = &model.theme;
    let candidates = model.prepared.candidates();
    if candidates.is_empty() {
        return;
    }
    let rows = candidates.len().min(8) as u16;
    let width = 64.min(layout.bar.width);
    let area = Rect { x: layout.bar.x, y: layout.bar.bottom(), width, height: rows + 2 };
    let area = area.intersection(buffer.area);
    wipe(buffer, area);
    let (inner, _) = panel(buffer, area, theme.border);
    for (candidate, y) in candidates.iter().zip(inner.y..inner.bottom()) {
        let x = put(buffer, inner.x + 1, y, inner.right(), &candidate.insert, theme.text);
        put_right(buffer, x + 2, y, inner.right(), candidate.help, theme.faint);
    }
}
