//! The waterfall of the open run.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::analysis::Node;
use crate::model::{SpanKind, Status};
use crate::store::{SpanView, Totals};
use crate::text::{Short, short};

use super::super::glyph;
use super::super::model::{BarSize, Focus, Model, Row};
use super::super::widget::{Bar, BarEnd, Line, TimeScale, own, own_right, panel, put_middle, ruler};
use super::{Columns, Layout};

/// Deeper levels are not indented any further, so that names stay readable.
const MAX_INDENT: u32 = 14;

/// Draws the panel.
pub(super) fn draw(buffer: &mut Buffer, layout: &Layout, model: &Model) {
    if layout.waterfall_panel.is_empty() {
        return;
    }
    let theme = &model.theme;
    let focused = model.focus == Focus::Waterfall;
    let border = if focused { theme.focus } else { theme.border };
    let (inner, mut line) = panel(buffer, layout.waterfall_panel, border);
    title(&mut line, model, focused);
    if model.waterfall.rows().is_empty() {
        if model.waterfall.is_opening() {
            own(buffer, inner.x, inner.y, inner.right(), " laying out …", theme.faint);
        }
        return;
    }
    let window = model.waterfall.window();
    let gaps = if model.waterfall.fold_gaps { model.waterfall.gaps() } else { &[] };
    let gaps = gaps.iter().map(|gap| (gap.from, gap.to));
    let scale = TimeScale::new(window.0, window.1, layout.axis.width, gaps);
    draw_heads(buffer, layout, model, &scale, window);
    draw_minimap(buffer, layout, model);
    let rows = model.waterfall.rows();
    for line in 0..layout.bars.height {
        let at = model.waterfall.offset + usize::from(line);
        let Some(row) = rows.get(at) else { break };
        let area = Rect { y: layout.bars.y + line, height: 1, ..layout.bars };
        draw_row(buffer, area, layout.columns, model, row, &scale, at);
    }
    draw_gap_offer(buffer, layout.waterfall_panel, model);
    debug_assert!(inner.width >= layout.columns.name);
}

fn title(line: &mut Line<'_>, model: &Model, focused: bool) {
    let theme = &model.theme;
    let Some(run) = model.waterfall.run else {
        line.left(" Waterfall ", theme.dim);
        return;
    };
    if model.size.0 < super::NARROW || model.full_screen {
        line.left(" Runs ›", theme.faint);
    }
    let name_style = if focused { theme.accent } else { theme.strong };
    line.left(" ", name_style).text(&model.shown(model.store.trace(run).name()), name_style);
    line.left(" ", name_style);
    let status = model.prepared.status.unwrap_or(Status::Unknown);
    let status_style = theme.status(status);
    line.left(glyph::status(status), status_style).left(" ", status_style);
    line.left(status.as_str(), status_style).left(" ", status_style);
    let tree = &model.waterfall.tree;
    line.left(&short::duration_short(tree.end.saturating_sub(tree.start)).and("  "), theme.text);
    let sum = &tree.totals;
    line.left(&short::count(sum.spans).and(" spans  "), theme.dim);
    let bill = if line.room() >= 60 {
        short::bill(sum.cost, sum.unpriced_calls, sum.unpriced_tokens)
    } else if line.room() >= 30 {
        short::bill_without_tokens(sum.cost, sum.unpriced_calls)
    } else {
        short::bill_mark(sum.cost, sum.unpriced_calls)
    };
    line.left(&bill, theme.text);
    if let Some(projected) = model.prepared.projected {
        let text = Short::of(" → ~").and(&short::usd(projected)).and(" projected");
        if usize::from(line.room()) > text.chars().count() + 2 {
            line.left(&text, theme.dim);
        }
    }
    line.left("  ", theme.text);
    let doubts = model.waterfall.doubts;
    if doubts > 0 {
        line.left(&Short::of("⚠").and_number(doubts as u64).and(" $  "), theme.warn);
    }
    line.text(&model.prepared.id.1, theme.faint).left(" ", theme.faint);
}

fn draw_heads(buffer: &mut Buffer, layout: &Layout, model: &Model, scale: &TimeScale, window: (i64, i64)) {
    let theme = &model.theme;
    let Columns { name, time, tokens, cost, .. } = layout.columns;
    let y = layout.axis.y;
    let left = layout.bars.x;
    own(buffer, left, y, left + name, "span", theme.faint);
    let mut x = left + name;
    for (cells, head) in [(time, "time"), (tokens, "tokens"), (cost, "cost")] {
        if cells > 0 {
            x += cells + 1;
            own_right(buffer, left, y, x, head, theme.faint);
        }
    }
    match model.waterfall.size {
        BarSize::Time => ruler(buffer, layout.axis, scale, model.waterfall.tree.start, window, theme.faint),
        BarSize::Tokens => {
            own(buffer, layout.axis.x, y, layout.axis.right(), "share of tokens", theme.faint);
        }
        BarSize::Cost => {
            own(buffer, layout.axis.x, y, layout.axis.right(), "share of cost", theme.faint);
        }
    }
}

/// While zoomed in, the panel's border above the axis shows which part of the run is visible.
fn draw_minimap(buffer: &mut Buffer, layout: &Layout, model: &Model) {
    let Some((from, to)) = model.waterfall.zoom_range() else { return };
    let width = f64::from(layout.axis.width);
    let y = layout.waterfall_panel.bottom().saturating_sub(1);
    let (first, last) = ((from * width) as u16, ((to * width).ceil() as u16).max((from * width) as u16 + 1));
    for cell in first..last.min(layout.axis.width) {
        buffer[(layout.axis.x + cell, y)].set_symbol("━").set_style(model.theme.accent);
    }
}

/// Offers to fold long idle stretches, on the lower border.
fn draw_gap_offer(buffer: &mut Buffer, panel: Rect, model: &Model) {
    let gaps = model.waterfall.gaps();
    if gaps.is_empty() || model.waterfall.zoom_range().is_some() || panel.height < 3 {
        return;
    }
    let idle = gaps.iter().fold(0i64, |idle, gap| idle.saturating_add(gap.nanos()));
    let whole = model.waterfall.whole();
    let share = short::percent(idle as f64 / whole as f64);
    let what = if model.waterfall.fold_gaps { "folded · i unfolds" } else { "i folds it" };
    let (y, right, style) = (panel.bottom() - 1, panel.right() - 1, model.theme.warn);
    let idle = Short::of(" ⋯ ").and(&short::duration_short(idle)).and(" idle, ").and(&share);
    let x = own(buffer, panel.x + 2, y, right, &idle, style);
    own(buffer, x, y, right, &Short::of(" of the run · ").and(what).and(" "), style);
}

fn draw_row(
    buffer: &mut Buffer,
    area: Rect,
    columns: Columns,
    model: &Model,
    row: &Row,
    scale: &TimeScale,
    at: usize,
) {
    let theme = &model.theme;
    let node = model.waterfall.tree.node(row.node);
    let span = model.store.span(node.span);
    let selected = model.waterfall.selected() == Some(node.span);
    let faded = row.dimmed || (model.waterfall.critical && !node.critical);
    if selected {
        buffer.set_style(area, theme.selection(model.focus != Focus::Runs));
    }
    draw_name(buffer, Rect { width: columns.name, ..area }, model, row, node, &span, faded, at);
    let mut x = area.x + columns.name;
    let mut cell = |buffer: &mut Buffer, cells: u16, text: &Short, style: Style| {
        if cells > 0 {
            x += cells + 1;
            own_right(buffer, x - cells, area.y, x, text, style);
        }
    };
    let quiet = if faded { theme.faint } else { theme.dim };
    let own = if faded { theme.faint } else { theme.text };
    let (time, time_style) = time_text(model, node, &span, quiet, theme.status(node.status));
    cell(buffer, columns.time, &time, time_style);
    let is_call = span.kind().is_model_call();
    let figures = if is_call { own } else { quiet };
    cell(buffer, columns.tokens, &tokens_text(node, &span), figures);
    cell(buffer, columns.cost, &cost_text(node), figures);
    let bars = Rect { x: area.right() - columns.bars, width: columns.bars, ..area };
    draw_bar(buffer, bars, model, node, &span, scale, faded);
}

#[expect(clippy::too_many_arguments, reason = "the parts of one cell, all of them different")]
fn draw_name(
    buffer: &mut Buffer,
    area: Rect,
    model: &Model,
    row: &Row,
    node: &Node,
    span: &SpanView<'_>,
    faded: bool,
    at: usize,
) {
    let theme = &model.theme;
    let (mut x, y) = (area.x, area.y);
    let mut right = area.right();
    let kind = span.kind();
    let status = node.status;
    if status != Status::Ok {
        own_right(buffer, area.x, y, right, glyph::status(status), theme.status(status));
        right = right.saturating_sub(2);
    }
    let depth = row.depth;
    // However deep a span lies, there is room for some of its name.
    let indent = u32::from(area.width.saturating_sub(14) / 2).clamp(2, MAX_INDENT);
    let skip = depth.saturating_sub(indent);
    if skip > 0 {
        x = own(buffer, x, y, right, "…", theme.faint);
    }
    for level in skip.max(1)..depth {
        let ends = model.waterfall.ends(at, depth - level);
        x = own(buffer, x, y, right, if ends { "  " } else { "│ " }, theme.border);
    }
    if depth > 0 {
        let ends = model.waterfall.ends(at, 0);
        x = own(buffer, x, y, right, if ends { "└" } else { "├" }, theme.border);
    }
    let fold = match (node.children > 0, row.folded > 0) {
        (true, true) => "▸",
        (true, false) => "▾",
        (false, _) => " ",
    };
    x = own(buffer, x, y, right, fold, theme.dim);
    let colour = if faded { theme.faint } else { theme.kind(kind) };
    x = own(buffer, x, y, right, glyph::kind(kind), colour) + 1;
    let name = match node.missing {
        true if status == Status::Running => "(not told yet)".into(),
        true => "(missing parent)".into(),
        false => model.shown(span.label()),
    };
    let name = if name.is_empty() { kind.as_str().into() } else { name };
    let hit = model.search.is_on() && model.search.hits.contains(&node.span);
    let style = match () {
        () if hit => theme.hit,
        () if faded || node.missing => theme.faint,
        () if matches!(status, Status::Error | Status::Timeout) => theme.bad,
        () if status == Status::Skipped => theme.dim,
        () if node.depth == 0 => theme.strong,
        () => theme.text,
    };
    let mut folded = Short::EMPTY;
    if span.marks().has(crate::model::Marks::RESUMED) {
        folded.push(" resumed");
    }
    if row.folded > 0 {
        folded.push(" ×");
        folded.push(&short::count(u64::from(row.folded)));
    }
    x = put_middle(buffer, x, y, right.saturating_sub(folded.len() as u16), &name, style);
    own(buffer, x, y, right, &folded, theme.faint);
}

fn time_text(
    model: &Model,
    node: &Node,
    span: &SpanView<'_>,
    quiet: Style,
    growing: Style,
) -> (Short, Style) {
    let nanos = model.waterfall.tree.duration_of(node);
    if span.duration().is_some() || span.start().is_some() && node.status == Status::Running {
        let style = if node.status == Status::Running { growing } else { quiet };
        return (short::duration_short(nanos), style);
    }
    if node.status == Status::Suspended && span.start().is_some() {
        return (short::duration_short(nanos), growing);
    }
    (Short::of("–"), quiet)
}

/// `45→78` for a call, `∑ 545` for what a span and all below it used.
fn tokens_text(node: &Node, span: &SpanView<'_>) -> Short {
    let count = |count: Option<u64>| count.map_or_else(|| Short::of("–"), short::tokens);
    if span.kind().is_model_call() {
        return match span.usage() {
            Some(usage) => {
                let more = if node.status == Status::Running { "…" } else { "" };
                count(usage.input).and("→").and(&count(usage.output)).and(more)
            }
            None if node.totals.tokens.total() > 0 => {
                let tokens = &node.totals.tokens;
                Short::of("∑ ").and(&short::tokens(tokens.input)).and("→").and(&short::tokens(tokens.output))
            }
            None => Short::of("–"),
        };
    }
    match node.totals.tokens.total() {
        0 => Short::EMPTY,
        total => Short::of("∑ ").and(&short::tokens(total)),
    }
}

fn cost_text(node: &Node) -> Short {
    match (node.totals.cost.0, node.totals.unpriced_calls) {
        (0, 0) if node.totals.tokens.total() > 0 => short::usd_cell(node.totals.cost),
        (_, unpriced) => short::bill_cell(node.totals.cost, unpriced),
    }
}

fn draw_bar(
    buffer: &mut Buffer,
    area: Rect,
    model: &Model,
    node: &Node,
    span: &SpanView<'_>,
    scale: &TimeScale,
    faded: bool,
) {
    let theme = &model.theme;
    let kind = span.kind();
    let failed = matches!(node.status, Status::Error | Status::Timeout);
    let style = match () {
        () if faded => theme.faint,
        () if failed && node.errors_below == 0 => theme.bad,
        () if node.status == Status::Suspended => theme.status(Status::Suspended),
        () => theme.kind(kind),
    };
    for column in scale.folded_columns().filter(|column| *column < area.width) {
        buffer[(area.x + column, area.y)].set_symbol("┊").set_style(theme.faint);
    }
    let thin = node.children > 0
        && matches!(
            kind,
            SpanKind::Workflow | SpanKind::Step | SpanKind::Agent | SpanKind::Iteration | SpanKind::Other
        );
    let mut bar = Bar {
        from: 0,
        to: 0,
        light_to: None,
        thin,
        end: match node.status {
            Status::Running => BarEnd::Growing,
            Status::Suspended => BarEnd::Dashed,
            Status::Unfinished => BarEnd::Fading,
            _ => BarEnd::Closed,
        },
        style: if model.waterfall.critical && node.critical {
            style.add_modifier(Modifier::BOLD)
        } else {
            style
        },
        light: if faded || failed || theme.is_mono() { style } else { theme.muted_kind(kind) },
        fill: fill(kind, theme.is_mono()),
    };
    match model.waterfall.size {
        BarSize::Time => {
            let end = model.waterfall.tree.end_of(node);
            if !scale.shows(node.start, end) {
                let (symbol, x) = if end < model.waterfall.window().0 {
                    ("‹", area.x)
                } else {
                    ("›", area.right().saturating_sub(1))
                };
                if !area.is_empty() {
                    buffer[(x, area.y)].set_symbol(symbol).set_style(theme.faint);
                }
                return;
            }
            (bar.from, bar.to) = (scale.eighth(node.start), scale.eighth(end));
            bar.light_to = span.first_token().map(|first| scale.eighth(first.0));
        }
        BarSize::Tokens | BarSize::Cost => {
            let of = |totals: &Totals| match model.waterfall.size {
                BarSize::Tokens => totals.tokens.total() as f64,
                _ => totals.cost.0 as f64,
            };
            let (part, whole) = (of(&node.totals), of(&model.waterfall.tree.totals));
            if part <= 0.0 || whole <= 0.0 {
                return;
            }
            bar.to = (part / whole * f64::from(area.width) * 8.0) as i64;
            bar.end = BarEnd::Closed;
        }
    }
    bar.draw(buffer, area);
}

/// Without colours the texture tells model calls, tools and the rest apart.
fn fill(kind: SpanKind, mono: bool) -> &'static str {
    match kind {
        _ if !mono => "█",
        SpanKind::Llm | SpanKind::Embedding => "█",
        SpanKind::Tool => "▓",
        _ => "▒",
    }
}
