//! The detail of the selected span.

use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};

use crate::model::SpanKind;
use crate::text::json::Token;
use crate::text::{self, Short, short};

use super::super::glyph;
use super::super::model::{Focus, Ink, Model, Tab};
use super::super::theme::Theme;
use super::super::widget::{Line, own, own_right, panel, put_safe};
use super::Layout;

/// Draws the pane.
pub(super) fn draw(buffer: &mut Buffer, layout: &Layout, model: &Model) {
    if layout.detail_panel.is_empty() {
        return;
    }
    let theme = &model.theme;
    let focused = model.focus == Focus::Detail;
    let border = if focused { theme.focus } else { theme.border };
    let (inner, mut line) = panel(buffer, layout.detail_panel, border);
    title(&mut line, model);
    if inner.is_empty() {
        return;
    }
    let mut x = inner.x;
    for tab in Tab::ALL {
        let on = tab == model.detail.tab;
        let style = match (on, focused) {
            (true, true) => theme.accent.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            (true, false) => theme.strong.add_modifier(Modifier::UNDERLINED),
            _ => theme.dim,
        };
        x = own(buffer, x + 1, inner.y, inner.right(), tab.title(), style) + 2;
    }
    let lines = &model.detail.lines;
    let height = usize::from(layout.detail_body.height);
    let offset = model.detail.scroll.min(lines.len().saturating_sub(height));
    if lines.len() > height {
        let last = (offset + height).min(lines.len());
        let place = Short::EMPTY.and_number(offset as u64 + 1).and("–").and_number(last as u64);
        let place = place.and(" of ").and_number(lines.len() as u64).and(" ");
        own_right(buffer, x, inner.y, inner.right(), &place, theme.faint);
    }
    for (line, y) in lines.iter().skip(offset).take(height).zip(layout.detail_body.y..) {
        let mut x = layout.detail_body.x + 1;
        for (text, ink) in line {
            x = put_safe(buffer, x, y, layout.detail_body.right(), text, style(theme, *ink));
        }
    }
}

/// Kind, name and a few facts: `gpt-4o  openai · ttft 0.2s · step Preflight`.
fn title(line: &mut Line<'_>, model: &Model) {
    let theme = &model.theme;
    let Some(span) = model.waterfall.selected() else {
        line.left(" Detail ", theme.dim);
        return;
    };
    let view = model.store.span(span);
    let kind = view.kind();
    line.left(" ", theme.kind(kind)).left(glyph::kind(kind), theme.kind(kind)).left(" ", theme.kind(kind));
    line.text(&model.shown(view.label()), theme.strong).left(" ", theme.strong);
    let mut facts = 0;
    let mut between = |line: &mut Line<'_>| {
        line.left(if facts > 0 { " · " } else { "" }, theme.dim);
        facts += 1;
    };
    if kind == SpanKind::Llm {
        let provider = view.facets().provider;
        if provider.is_some() {
            between(line);
            line.text(view.text(provider), theme.dim);
        }
        if let Some(ttft) = view.ttft() {
            between(line);
            line.left(&Short::of("ttft ").and(&short::duration_short(ttft)), theme.dim);
        }
    }
    let step = view.inherited(crate::model::Field::Step);
    if step.is_some() && kind != SpanKind::Step {
        between(line);
        line.left("step ", theme.dim).text(&model.shown(view.text(step)), theme.dim);
    }
    if facts > 0 {
        line.left(" ", theme.dim);
    }
}

pub(super) fn style(theme: &Theme, ink: Ink) -> Style {
    match ink {
        Ink::Text | Ink::Json(Token::String) => theme.text,
        Ink::Dim | Ink::Json(Token::Raw) => theme.dim,
        Ink::Faint | Ink::Json(Token::Punctuation | Token::Elided) => theme.faint,
        Ink::Strong => theme.strong,
        Ink::Bad => theme.bad,
        Ink::Warn => theme.warn,
        Ink::Accent => theme.kind(SpanKind::Llm),
        Ink::Status(status) => theme.status(status),
        Ink::Kind(kind) => theme.kind(kind),
        Ink::Json(Token::Key) => theme.accent,
        Ink::Json(Token::Number) => theme.kind(SpanKind::Database),
        Ink::Json(Token::Literal) => theme.kind(SpanKind::Agent),
    }
}

/// The text of the current tab for the pager: everything, sanitised.
pub(crate) fn detail_text(model: &Model) -> String {
    let Some(detail) = model.detail.here() else { return String::new() };
    let part = match model.detail.tab {
        Tab::Input => detail.input.clone(),
        Tab::Output => detail.output.clone(),
        Tab::Raw => Some(detail.raw.clone()),
        _ => None,
    };
    if let Some(part) = part {
        let pretty = serde_json::from_str::<serde_json::Value>(&part)
            .ok()
            .and_then(|value| serde_json::to_string_pretty(&value).ok())
            .unwrap_or(part);
        text::display_safe_lines(&pretty).into_owned()
    } else {
        let line = |line: &super::super::model::TextLine| -> String {
            line.iter().map(|(text, _)| text.as_str()).collect()
        };
        model.detail.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
