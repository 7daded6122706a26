//! The waterfall of the open run.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::analysis::Node;
use crate::model::{SpanKind, Status};
use crate::store::SpanView;
use crate::text::{self, SafeText};

use super::super::glyph;
use super::super::model::{BarSize, Focus, Model, Row};
use super::super::widget::{Bar, BarEnd, TimeScale, panel, put, put_right, ruler};
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
    let title = title(model, focused);
    let title: Vec<(&str, Style)> = title.iter().map(|(text, style)| (text.as_str(), *style)).collect();
    let inner = panel(buffer, layout.waterfall_panel, &title, border);
    if model.waterfall.rows().is_empty() {
        return;
    }
    let window = model.waterfall.window();
    let gaps: Vec<(i64, i64)> = if model.waterfall.fold_gaps {
        model.waterfall.gaps().iter().map(|gap| (gap.from, gap.to)).collect()
    } else {
        Vec::new()
    };
    let scale = TimeScale::new(window.0, window.1, layout.axis.width, &gaps);
    draw_heads(buffer, layout, model, &scale, window);
    draw_minimap(buffer, layout, model);
    let rows = model.waterfall.rows();
    let last = last_children(model, layout.bars.height);
    for line in 0..layout.bars.height {
        let at = model.waterfall.offset + usize::from(line);
        let Some(row) = rows.get(at) else { break };
        let area = Rect { y: layout.bars.y + line, height: 1, ..layout.bars };
        draw_row(
            buffer,
            area,
            layout.columns,
            model,
            row,
            &scale,
            last.get(usize::from(line)).map_or(&[], Vec::as_slice),
        );
    }
    draw_gap_offer(buffer, layout.waterfall_panel, model);
    debug_assert!(inner.width >= layout.columns.name);
}

fn title(model: &Model, focused: bool) -> Vec<(String, Style)> {
    let theme = &model.theme;
    let name_style = if focused { theme.accent } else { theme.strong };
    let Some(run) = model.waterfall.run else { return vec![(" Waterfall ".to_owned(), theme.dim)] };
    let trace = model.store.trace(run);
    let status = trace
        .run_traces()
        .last()
        .map_or(Status::Unknown, |last| model.store.trace(*last).status(&model.clock));
    let mut parts = Vec::new();
    if model.size.0 < super::NARROW || model.full_screen {
        parts.push((" Runs ›".to_owned(), theme.faint));
    }
    parts.push((format!(" {} ", model.shown(trace.name())), name_style));
    parts.push((format!("{} {status} ", glyph::status(status)), theme.status(status)));
    let nanos = model.waterfall.tree.end.saturating_sub(model.waterfall.tree.start);
    parts.push((format!("{}  ", text::duration_short(nanos)), theme.text));
    let sum = model.waterfall.tree.roots().map(|root| model.waterfall.tree.node(root).totals).fold(
        crate::store::Totals::default(),
        |mut sum, totals| {
            sum.merge(&totals);
            sum
        },
    );
    parts.push((format!("{} spans  ", text::count(sum.spans)), theme.dim));
    let covered = if sum.unpriced_calls > 0 { "≥ " } else { "" };
    parts.push((format!("{covered}{}  ", text::usd(sum.cost)), theme.text));
    if sum.unpriced_calls > 0 {
        parts.push((format!("{} unpriced  ", sum.unpriced_calls), theme.dim));
    }
    parts.push((format!("{} ", trace.id_text()), theme.faint));
    parts
}

fn draw_heads(buffer: &mut Buffer, layout: &Layout, model: &Model, scale: &TimeScale, window: (i64, i64)) {
    let theme = &model.theme;
    let Columns { name, time, tokens, cost, .. } = layout.columns;
    let y = layout.axis.y;
    let left = layout.bars.x;
    put(buffer, left, y, left + name, &SafeText::new("span"), theme.faint);
    let mut x = left + name;
    for (cells, head) in [(time, "time"), (tokens, "tokens"), (cost, "cost")] {
        if cells > 0 {
            x += cells + 1;
            put_right(buffer, left, y, x, &SafeText::new(head), theme.faint);
        }
    }
    match model.waterfall.size {
        BarSize::Time => ruler(buffer, layout.axis, scale, model.waterfall.tree.start, window, theme.faint),
        BarSize::Tokens => {
            put(
                buffer,
                layout.axis.x,
                y,
                layout.axis.right(),
                &SafeText::new("share of tokens"),
                theme.faint,
            );
        }
        BarSize::Cost => {
            put(buffer, layout.axis.x, y, layout.axis.right(), &SafeText::new("share of cost"), theme.faint);
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
    let share = text::percent(idle as f64 / whole as f64);
    let what = if model.waterfall.fold_gaps { "folded · i unfolds" } else { "i folds it" };
    let offer = format!(" ⋯ {} idle, {share} of the run · {what} ", text::duration_short(idle));
    put(buffer, panel.x + 2, panel.bottom() - 1, panel.right() - 1, &SafeText::new(&offer), model.theme.warn);
}

/// For each visible row, whether each of its ancestors (and itself) is the last child of its parent: which of the
/// tree's lines go on below it.
fn last_children(model: &Model, height: u16) -> Vec<Vec<bool>> {
    let rows = model.waterfall.rows();
    let from = model.waterfall.offset;
    let to = (from + usize::from(height)).min(rows.len());
    // A line goes on at a depth while a later row has that depth before one that is shallower. Looking ahead a bounded
    // number of rows is enough for what is on the screen, and exact in all but absurdly long runs of siblings.
    let ahead = (to + 4_096).min(rows.len());
    let mut open: Vec<bool> = Vec::new();
    let mut result: Vec<Vec<bool>> = vec![Vec::new(); to.saturating_sub(from)];
    for at in (from..ahead).rev() {
        let depth = rows[at].depth as usize;
        open.resize(depth.max(open.len()).max(1), false);
        open.truncate(depth + 1);
        open.resize(depth + 1, false);
        if at < to {
            result[at - from] = open.iter().map(|goes_on| !goes_on).collect();
        }
        open[depth] = true;
    }
    result
}

fn draw_row(
    buffer: &mut Buffer,
    area: Rect,
    columns: Columns,
    model: &Model,
    row: &Row,
    scale: &TimeScale,
    last: &[bool],
) {
    let theme = &model.theme;
    let node = model.waterfall.tree.node(row.node);
    let span = model.store.span(node.span);
    let selected = model.waterfall.selected() == Some(node.span);
    let faded = row.dimmed || (model.waterfall.critical && !node.critical);
    if selected {
        buffer.set_style(area, theme.selection(model.focus != Focus::Runs));
    }
    draw_name(buffer, Rect { width: columns.name, ..area }, model, row, node, &span, faded, last);
    let mut x = area.x + columns.name;
    let mut cell = |buffer: &mut Buffer, cells: u16, text: &str, style: Style| {
        if cells > 0 {
            x += cells + 1;
            put_right(buffer, x - cells, area.y, x, &SafeText::new(text), style);
        }
    };
    let quiet = if faded { theme.faint } else { theme.dim };
    let own = if faded { theme.faint } else { theme.text };
    let (time, time_style) = time_text(node, &span, quiet, theme.status(node.status));
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
    last: &[bool],
) {
    let theme = &model.theme;
    let (mut x, y) = (area.x, area.y);
    let mut right = area.right();
    let kind = span.kind();
    let status = node.status;
    if status != Status::Ok {
        let mark = SafeText::new(glyph::status(status));
        put_right(buffer, area.x, y, right, &mark, theme.status(status));
        right = right.saturating_sub(2);
    }
    let depth = row.depth;
    // However deep a span lies, there is room for some of its name.
    let indent = u32::from(area.width.saturating_sub(24) / 2).clamp(2, MAX_INDENT);
    let skip = depth.saturating_sub(indent);
    if skip > 0 {
        x = put(buffer, x, y, right, &SafeText::new("…"), theme.faint);
    }
    for level in skip.max(1)..depth {
        let ends = last.get(level as usize).copied().unwrap_or(true);
        x = put(buffer, x, y, right, &SafeText::new(if ends { "  " } else { "│ " }), theme.border);
    }
    if depth > 0 {
        let ends = last.get(depth as usize).copied().unwrap_or(true);
        x = put(buffer, x, y, right, &SafeText::new(if ends { "└" } else { "├" }), theme.border);
    }
    let fold = match (node.children > 0, row.folded > 0) {
        (true, true) => "▸",
        (true, false) => "▾",
        (false, _) => " ",
    };
    x = put(buffer, x, y, right, &SafeText::new(fold), theme.dim);
    let colour = if faded { theme.faint } else { theme.kind(kind) };
    x = put(buffer, x, y, right, &SafeText::new(glyph::kind(kind)), colour) + 1;
    let name = if node.missing { "(missing parent)".into() } else { model.shown(span.label()) };
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
    let room = usize::from(right.saturating_sub(x));
    let mut folded = String::new();
    if span.marks().has(crate::model::Marks::RESUMED) {
        folded.push_str(" resumed");
    }
    if row.folded > 0 {
        folded.push_str(" ×");
        folded.push_str(&text::count(u64::from(row.folded)));
    }
    let safe = SafeText::new(&name);
    let cut = safe.truncate_middle(room.saturating_sub(folded.len()));
    x = put(buffer, x, y, right, &cut, style);
    put(buffer, x, y, right, &SafeText::new(&folded), theme.faint);
}

fn time_text(node: &Node, span: &SpanView<'_>, quiet: Style, growing: Style) -> (String, Style) {
    if span.duration().is_some() || span.start().is_some() && node.status == Status::Running {
        let style = if node.status == Status::Running { growing } else { quiet };
        return (text::duration_short(node.duration()), style);
    }
    if node.status == Status::Suspended && span.start().is_some() {
        return (text::duration_short(node.duration()), growing);
    }
    ("–".to_owned(), quiet)
}

/// `45→78` for a call, `∑ 545` for what a span and all below it used.
fn tokens_text(node: &Node, span: &SpanView<'_>) -> String {
    let count = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), text::tokens);
    if span.kind().is_model_call() {
        return match span.usage() {
            Some(usage) => {
                let more = if node.status == Status::Running { "…" } else { "" };
                format!("{}→{}{more}", count(usage.input), count(usage.output))
            }
            None if node.totals.tokens.total() > 0 => {
                let tokens = &node.totals.tokens;
                format!("∑ {}→{}", text::tokens(tokens.input), text::tokens(tokens.output))
            }
            None => "–".to_owned(),
        };
    }
    match node.totals.tokens.total() {
        0 => String::new(),
        total => format!("∑ {}", text::tokens(total)),
    }
}

fn cost_text(node: &Node) -> String {
    match (node.totals.cost.0, node.totals.unpriced_calls) {
        (0, 0) if node.totals.tokens.total() > 0 => text::usd_cell(node.totals.cost),
        (0, 0) => String::new(),
        (0, _) => "–".to_owned(),
        (_, 0) => text::usd_cell(node.totals.cost),
        _ => format!("≥{}", text::usd_cell(node.totals.cost)),
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
            if !scale.shows(node.start, node.end) {
                let (symbol, x) = if node.end < model.waterfall.window().0 {
                    ("‹", area.x)
                } else {
                    ("›", area.right().saturating_sub(1))
                };
                if !area.is_empty() {
                    buffer[(x, area.y)].set_symbol(symbol).set_style(theme.faint);
                }
                return;
            }
            (bar.from, bar.to) = (scale.eighth(node.start), scale.eighth(node.end));
            bar.light_to = span.first_token().map(|first| scale.eighth(first.0));
        }
        BarSize::Tokens | BarSize::Cost => {
            let of = |node: &Node| match model.waterfall.size {
                BarSize::Tokens => node.totals.tokens.total() as f64,
                _ => node.totals.cost.0 as f64,
            };
            let tree = &model.waterfall.tree;
            let whole: f64 = tree.roots().map(|root| of(tree.node(root))).sum();
            if of(node) <= 0.0 || whole <= 0.0 {
                return;
            }
            bar.to = (of(node) / whole * f64::from(area.width) * 8.0) as i64;
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
