//! Borders of panels and popups.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;

use super::draw::{Line, paint, row};

/// Draws a border and returns what is inside and the line its title goes into.
pub(crate) fn panel(buffer: &mut Buffer, area: Rect, border_style: Style) -> (Rect, Line<'_>) {
    let area = area.intersection(buffer.area);
    if area.width < 2 || area.height < 2 {
        return (Rect::default(), Line::new(buffer, Rect::default()));
    }
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    let set = border::ROUNDED;
    for (y, symbol) in [(area.y, set.horizontal_top), (bottom, set.horizontal_bottom)] {
        for cell in row(buffer, area.x + 1, y, right).into_iter().flatten() {
            paint(cell, symbol, border_style);
        }
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
    let inner = Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 };
    (inner, Line::new(buffer, Rect { y: area.y, height: 1, ..inner }))
}

/// Clears a centred area of at most this size and draws a border around it. Returns what is inside.
pub(crate) fn popup(buffer: &mut Buffer, width: u16, height: u16, border_style: Style) -> (Rect, Line<'_>) {
    let whole = buffer.area;
    let width = width.min(whole.width);
    let height = height.min(whole.height);
    let area = Rect {
        x: whole.x + (whole.width - width) / 2,
        y: whole.y + (whole.height - height) / 3,
        width,
        height,
    };
    wipe(buffer, area);
    panel(buffer, area, border_style)
}

/// Empties an area.
pub(crate) fn wipe(buffer: &mut Buffer, area: Rect) {
    for y in area.y..area.bottom() {
        for cell in row(buffer, area.x, y, area.right()).into_iter().flatten() {
            cell.reset();
        }
    }
}
