//! A conversation over the whole screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::model::{Conversation, Model};
use super::super::widget::{own, own_right, panel, put_safe, wipe};
use super::detail::style;
use crate::text::{Short, short};

/// Where the turns go on a screen of this size.
fn area(size: (u16, u16)) -> Rect {
    Rect { x: 0, y: 0, width: size.0, height: size.1.saturating_sub(1) }
}

/// Columns and rows that the turns have.
pub(crate) fn room(size: (u16, u16)) -> (usize, usize) {
    let area = area(size);
    (usize::from(area.width.saturating_sub(4)), usize::from(area.height.saturating_sub(2)))
}

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, model: &Model, conversation: &Conversation) {
    let theme = &model.theme;
    let area = area(model.size).intersection(buffer.area);
    wipe(buffer, area);
    let (inner, mut title) = panel(buffer, area, theme.focus);
    title.left(" Conversation ", theme.accent);
    title.text(&model.shown(model.store.strings().get(conversation.session)), theme.strong);
    let turns = short::counted(conversation.turns.len() as u64, "turn", "turns");
    title.left(&Short::of("  ").and(&turns).and(" "), theme.dim);
    title.left(" j k turns  ⏎ open the run  esc closes ", theme.faint);
    let height = usize::from(inner.height);
    for ((turn, line), y) in conversation.lines.iter().skip(conversation.offset).take(height).zip(inner.y..) {
        let mut x = inner.x + 1;
        if *turn == conversation.cursor {
            own(buffer, inner.x, y, inner.x + 1, "▎", theme.accent);
        }
        for (text, ink) in line {
            x = put_safe(buffer, x, y, inner.right(), text, style(theme, *ink));
        }
    }
    if conversation.lines.len() > height {
        let last = (conversation.offset + height).min(conversation.lines.len()) as u64;
        let place =
            Short::of(" ").and_number(last).and("/").and_number(conversation.lines.len() as u64).and(" ");
        own_right(buffer, inner.x, inner.bottom(), inner.right(), &place, theme.faint);
    }
}
