//! Putting sanitised text into cells.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::text::SafeText;

/// Draws text at a place, cut at `right` (exclusive). Returns the column after it.
pub(crate) fn put(buffer: &mut Buffer, x: u16, y: u16, right: u16, text: &SafeText<'_>, style: Style) -> u16 {
    if x >= right || !buffer.area.contains((x, y).into()) {
        return x;
    }
    let room = usize::from(right - x);
    let text = text.truncate_end(room);
    let (next, _) = buffer.set_stringn(x, y, text.as_str(), room, style);
    next
}

/// Draws text so that it ends before `right`. Returns the column where it begins.
pub(crate) fn put_right(
    buffer: &mut Buffer,
    left: u16,
    y: u16,
    right: u16,
    text: &SafeText<'_>,
    style: Style,
) -> u16 {
    let width = (text.width() as u16).min(right.saturating_sub(left));
    let x = right.saturating_sub(width);
    put(buffer, x, y, right, text, style);
    x
}

/// One row that is filled from both ends; what doesn't fit between them is left out.
pub(crate) struct Line<'a> {
    buffer: &'a mut Buffer,
    y: u16,
    left: u16,
    right: u16,
}

impl<'a> Line<'a> {
    /// The row of an area.
    pub(crate) fn new(buffer: &'a mut Buffer, area: Rect) -> Self {
        Self { buffer, y: area.y, left: area.x, right: area.right() }
    }

    /// Cells left.
    pub(crate) fn room(&self) -> u16 {
        self.right.saturating_sub(self.left)
    }

    /// Adds text on the left, cut where the room ends.
    pub(crate) fn left(&mut self, text: &str, style: Style) -> &mut Self {
        self.left = put(self.buffer, self.left, self.y, self.right, &SafeText::new(text), style);
        self
    }

    /// Adds text on the left, after a gap, if there is room for all of it.
    pub(crate) fn left_whole(&mut self, text: &str, style: Style) -> &mut Self {
        let text = SafeText::new(text);
        if text.width() as u16 + 3 <= self.room() {
            self.left = put(self.buffer, self.left + 2, self.y, self.right, &text, style);
        }
        self
    }

    /// Adds text on the right if there is room for all of it and a gap.
    pub(crate) fn right(&mut self, text: &str, style: Style) -> &mut Self {
        let text = SafeText::new(text);
        let width = text.width() as u16;
        if width < self.room() {
            put(self.buffer, self.right - width, self.y, self.right, &text, style);
            self.right -= width;
        }
        self
    }
}
