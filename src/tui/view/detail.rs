//! The detail of the selected span.

use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};

use crate::model::SpanKind;
use crate::text::json::Token;
use crate::text::{self, SafeText};

use super::super::glyph;
use super::super::model::{Focus, Ink, Model, Tab};
use super::super::theme::Theme;
use super::super::widget::{panel, put, put_right};
use super::Layout;

/// Draws the pane.
pub(super) fn draw(buffer: &mut Buffer, layout: &Layout, model: &Model) {
    if layout.detail_panel.is_empty() {
        return;
    }
    let theme = &model.theme;
    let focused = model.focus == Focus::Detail;
    let title = title(model);
    let title: Vec<(&str, Style)> = title.iter().map(|(text, style)| (text.as_str(), *style)).collect();
    let inner = panel(buffer, layout.detail_panel, &title, if focused { theme.focus } else { theme.border });
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
        x = put(buffer, x + 1, inner.y, inner.right(), &SafeText::new(tab.title()), style) + 2;
    }
    let lines = &model.detail.lines;
    let height = usize::from(layout.detail_body.height);
    let offset = model.detail.scroll.min(lines.len().saturating_sub(height));
    if lines.len() > height {
        let place = format!("{}–{} of {} ", offset + 1, (offset + height).min(lines.len()), lines.len());
        put_right(buffer, x, inner.y, inner.right(), &SafeText::new(&place), theme.faint);
    }
    for (line, y) in lines.iter().skip(offset).take(height).zip(layout.detail_body.y..) {
        let mut x = layout.detail_body.x + 1;
        for (text, ink) in line {
            x = put(buffer, x, y, layout.detail_body.right(), text, style(theme, *ink));
        }
    }
}

fn title(model: &Model) -> Vec<(String, Style)> {
    let theme = &model.theme;
    let Some(span) = model.waterfall.selected() else { return vec![(" Detail ".to_owned(), theme.dim)] };
    let view = model.store.span(span);
    let kind = view.kind();
    let mut parts = vec![
        (format!(" {} ", glyph::kind(kind)), theme.kind(kind)),
        (format!("{} ", model.shown(view.label())), theme.strong),
    ];
    let mut facts: Vec<String> = Vec::new();
    if kind == SpanKind::Llm {
        let provider = view.facets().provider;
        if provider.is_some() {
            facts.push(view.text(provider).to_owned());
        }
        if let Some(ttft) = view.ttft() {
            facts.push(format!("ttft {}", text::duration_short(ttft)));
        }
    }
    let step = view.inherited(crate::model::Field::Step);
    if step.is_some() && kind != SpanKind::Step {
        facts.push(format!("step {}", model.shown(view.text(step))));
    }
    if !facts.is_empty() {
        parts.push((format!("{} ", facts.join(" · ")), theme.dim));
    }
    parts
}

fn style(theme: &Theme, ink: Ink) -> Style {
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
