//! Borders of panels and popups.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;

use crate::text::SafeText;

use super::draw::put;

/// Draws a border with a title and returns what is inside.
pub(crate) fn panel(buffer: &mut Buffer, area: Rect, title: &[(&str, Style)], border_style: Style) -> Rect {
    let area = area.intersection(buffer.area);
    if area.width < 2 || area.height < 2 {
        return Rect::default();
    }
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    let set = border::ROUNDED;
    for x in area.x + 1..right {
        buffer[(x, area.y)].set_symbol(set.horizontal_top).set_style(border_style);
        buffer[(x, bottom)].set_symbol(set.horizontal_bottom).set_style(border_style);
    }
    for y in area.y + 1..bottom {
        buffer[(area.x, y)].set_symbol(set.vertical_left).set_style(border_style);
        buffer[(right, y)].set_symbol(set.vertical_right).set_style(border_style);
    }
    for (x, y, symbol) in [
        (area.x, area.y, set.top_left),
        (right, area.y, set.top_right),
        (area.x, bottom, set.bottom_left),
        (right, bottom, set.bottom_right),
    ] {
        buffer[(x, y)].set_symbol(symbol).set_style(border_style);
    }
    let mut x = area.x + 1;
    for (text, style) in title {
        x = put(buffer, x, area.y, right, &SafeText::new(text), *style);
    }
    Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
}

/// Clears a centred area of at most this size and draws a border around it. Returns what is inside.
pub(crate) fn popup(
    buffer: &mut Buffer,
    width: u16,
    height: u16,
    title: &[(&str, Style)],
    border_style: Style,
) -> Rect {
    let whole = buffer.area;
    let width = width.min(whole.width);
    let height = height.min(whole.height);
    let area = Rect {
        x: whole.x + (whole.width - width) / 2,
        y: whole.y + (whole.height - height) / 3,
        width,
        height,
    };
    for y in area.y..area.bottom() {
        for x in area.x..area.right() {
            buffer[(x, y)].reset();
        }
    }
    panel(buffer, area, title, border_style)
}
