//! Putting text into cells.
//!
//! Most of what is on a screen is printable ASCII, or was made here: that goes straight into the cells. Everything else
//! takes the way through the sanitiser.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::bar::Bar;
use super::scale::EIGHTHS;
use crate::text::{SafeText, Short};

/// Text that was made here and not by whoever wrote a trace: every character is printable and one cell wide.
#[derive(Clone, Copy)]
pub(crate) struct Own<'a>(&'a str);

impl From<&'static str> for Own<'_> {
    fn from(text: &'static str) -> Self {
        Self(text)
    }
}

impl<'a> From<&'a Short> for Own<'a> {
    fn from(text: &'a Short) -> Self {
        Self(text.as_str())
    }
}

impl Own<'_> {
    /// Cells it takes.
    pub(crate) fn width(self) -> u16 {
        if self.0.is_ascii() { self.0.len() as u16 } else { self.0.chars().count() as u16 }
    }
}

/// Draws text from anywhere at a place, cut at `right` (exclusive). Returns the column after it.
pub(crate) fn put(buffer: &mut Buffer, x: u16, y: u16, right: u16, text: &str, style: Style) -> u16 {
    let Some(cells) = row(buffer, x, y, right) else { return x };
    match fits_as_ascii(text, cells.len()) {
        Some(true) => fill(cells, text.as_bytes(), style),
        Some(false) => {
            let (last, before) = cells.len().checked_sub(1).map_or((0, 0), |last| (last, last));
            fill(&mut cells[..before], text.as_bytes(), style);
            paint(&mut cells[last], "…", style);
            return right;
        }
        None => return put_safe(buffer, x, y, right, &SafeText::new(text), style),
    }
    x + text.len() as u16
}

/// The same for text that is longer than its room more often: it is cut in the middle, so that both ends stay readable.
pub(crate) fn put_middle(buffer: &mut Buffer, x: u16, y: u16, right: u16, text: &str, style: Style) -> u16 {
    let Some(cells) = row(buffer, x, y, right) else { return x };
    let bytes = text.as_bytes();
    if !is_ascii(bytes) {
        let text = SafeText::new(text);
        return put_safe(buffer, x, y, right, &text.truncate_middle(usize::from(right - x)), style);
    }
    if bytes.len() <= cells.len() {
        fill(cells, bytes, style);
        return x + bytes.len() as u16;
    }
    let room = cells.len() - 1;
    let (head, tail) = cells.split_at_mut(room - room / 2);
    fill(head, bytes, style);
    if let Some((middle, tail)) = tail.split_first_mut() {
        paint(middle, "…", style);
        fill(tail, &bytes[bytes.len() - tail.len()..], style);
    }
    right
}

/// Draws text that went through the sanitiser.
pub(crate) fn put_safe(
    buffer: &mut Buffer,
    x: u16,
    y: u16,
    right: u16,
    text: &SafeText<'_>,
    style: Style,
) -> u16 {
    let Some(cells) = row(buffer, x, y, right) else { return x };
    if fits_as_ascii(text.as_str(), cells.len()) == Some(true) {
        fill(cells, text.as_str().as_bytes(), style);
        return x + text.as_str().len() as u16;
    }
    let room = usize::from(right - x);
    let (next, _) = buffer.set_stringn(x, y, text.truncate_end(room).as_str(), room, style);
    next
}

/// Draws text of our own.
pub(crate) fn own<'a>(
    buffer: &mut Buffer,
    x: u16,
    y: u16,
    right: u16,
    text: impl Into<Own<'a>>,
    style: Style,
) -> u16 {
    let Own(text) = text.into();
    let Some(cells) = row(buffer, x, y, right) else { return x };
    let mut left = cells.len();
    let mut symbols = text.char_indices();
    for cell in cells {
        let Some((at, char)) = symbols.next() else { break };
        left -= 1;
        let cut = left == 0 && !symbols.as_str().is_empty();
        paint(cell, if cut { "…" } else { text.get(at..at + char.len_utf8()).unwrap_or(" ") }, style);
    }
    right.min(buffer.area.right()) - left as u16
}

/// Draws text of our own so that it ends before `right`. Returns the column where it begins.
pub(crate) fn own_right<'a>(
    buffer: &mut Buffer,
    left: u16,
    y: u16,
    right: u16,
    text: impl Into<Own<'a>>,
    style: Style,
) -> u16 {
    let text = text.into();
    let x = right.saturating_sub(text.width().min(right.saturating_sub(left)));
    own(buffer, x, y, right, text, style);
    x
}

/// Draws text from anywhere so that it ends before `right`. Returns the column where it begins.
pub(crate) fn put_right(buffer: &mut Buffer, left: u16, y: u16, right: u16, text: &str, style: Style) -> u16 {
    let text = SafeText::new(text);
    let width = (text.width() as u16).min(right.saturating_sub(left));
    let x = right.saturating_sub(width);
    put_safe(buffer, x, y, right, &text, style);
    x
}

/// Draws text from anywhere, cut in the middle to so many cells, so that it ends before `right`.
pub(crate) fn put_middle_right(
    buffer: &mut Buffer,
    left: u16,
    y: u16,
    right: u16,
    text: &str,
    cells: u16,
    style: Style,
) {
    if is_ascii(text.as_bytes()) {
        let width = (text.len().min(usize::from(cells)) as u16).min(right.saturating_sub(left));
        put_middle(buffer, right.saturating_sub(width), y, right, text, style);
    } else {
        let text = SafeText::new(text);
        put_right(buffer, left, y, right, text.truncate_middle(usize::from(cells)).as_str(), style);
    }
}

/// The cells from a place to `right`, as far as there are any.
pub(crate) fn row(buffer: &mut Buffer, x: u16, y: u16, right: u16) -> Option<&mut [Cell]> {
    let area = buffer.area;
    if x >= right || !area.contains((x, y).into()) {
        return None;
    }
    let from = usize::from(y - area.y) * usize::from(area.width) + usize::from(x - area.x);
    buffer.content.get_mut(from..from + usize::from(right.min(area.right()) - x))
}

/// Puts a symbol of one cell into a cell.
pub(crate) fn paint(cell: &mut Cell, symbol: &str, style: Style) {
    cell.set_symbol(symbol).set_style(style);
}

/// Puts printable ASCII into cells, as much as there is room for.
fn fill(cells: &mut [Cell], text: &[u8], style: Style) {
    for (cell, byte) in cells.iter_mut().zip(text) {
        paint(cell, std::str::from_utf8(std::slice::from_ref(byte)).unwrap_or(" "), style);
    }
}

fn is_ascii(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, 0x20..=0x7e))
}

/// Whether text fits, if that can be told without taking it apart: what is shown of it is printable ASCII, and nothing
/// that comes after can join with it.
fn fits_as_ascii(text: &str, cells: usize) -> Option<bool> {
    let bytes = text.as_bytes();
    match bytes.get(..=cells) {
        None => is_ascii(bytes).then_some(true),
        Some(shown) => is_ascii(shown).then_some(false),
    }
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

    /// Adds text of our own on the left, cut where the room ends.
    pub(crate) fn left<'t>(&mut self, text: impl Into<Own<'t>>, style: Style) -> &mut Self {
        self.left = own(self.buffer, self.left, self.y, self.right, text, style);
        self
    }

    /// Adds text from anywhere on the left, cut where the room ends.
    pub(crate) fn text(&mut self, text: &str, style: Style) -> &mut Self {
        self.left = put(self.buffer, self.left, self.y, self.right, text, style);
        self
    }

    /// The same, cut in the middle to so many cells.
    pub(crate) fn text_within(&mut self, text: &str, cells: u16, style: Style) -> &mut Self {
        let right = self.left.saturating_add(cells);
        if right <= self.right {
            self.left = put_middle(self.buffer, self.left, self.y, right, text, style);
        } else {
            let text = SafeText::new(text);
            let text = text.truncate_middle(usize::from(cells));
            self.left = put_safe(self.buffer, self.left, self.y, self.right, &text, style);
        }
        self
    }

    /// Adds text of our own on the left, after a gap, if there is room for all of it.
    pub(crate) fn left_whole<'t>(&mut self, text: impl Into<Own<'t>>, style: Style) -> &mut Self {
        let text = text.into();
        if text.width() + 3 <= self.room() {
            self.left = own(self.buffer, self.left + 2, self.y, self.right, text, style);
        }
        self
    }

    /// Adds text of our own on the right if there is room for all of it and a gap.
    pub(crate) fn right<'t>(&mut self, text: impl Into<Own<'t>>, style: Style) -> &mut Self {
        let text = text.into();
        let width = text.width();
        if width < self.room() {
            own(self.buffer, self.right - width, self.y, self.right, text, style);
            self.right -= width;
        }
        self
    }

    /// Adds a bar on the right that fills a share of so many cells, to the eighth, if there is room for all of it.
    pub(crate) fn right_bar(&mut self, cells: u16, share: f64, style: Style) -> &mut Self {
        if cells < self.room() {
            let area = Rect { x: self.right - cells, y: self.y, width: cells, height: 1 };
            let eighths = (f64::from(cells) * EIGHTHS as f64 * share.clamp(0.0, 1.0)) as i64;
            // However little it is, a mark shows that it is something.
            if share > 0.0 {
                Bar::solid(0, eighths.max(1), style).draw(self.buffer, area);
            }
            self.right -= cells;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(cells: u16, draw: impl Fn(&mut Buffer)) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, cells, 1));
        draw(&mut buffer);
        (0..cells).map(|x| buffer[(x, 0)].symbol().to_owned()).collect()
    }

    #[test]
    fn the_short_way_draws_what_the_sanitiser_would() {
        let style = Style::new();
        for text in [
            "",
            "a",
            "abc",
            "abcd",
            "abcdefgh",
            "abc\u{301}d",
            "abcd\u{301}",
            "ab\ncd",
            "日本語",
            "a\u{1b}[31m",
        ] {
            for room in 0..10u16 {
                let safe = SafeText::new(text);
                let long_way = |cut: &SafeText<'_>| {
                    drawn(12, |buffer| {
                        buffer.set_stringn(1, 0, cut.as_str(), usize::from(room), style);
                    })
                };
                assert_eq!(
                    drawn(12, |buffer| {
                        put(buffer, 1, 0, 1 + room, text, style);
                    }),
                    long_way(&safe.truncate_end(usize::from(room))),
                    "{text:?} in {room}"
                );
                assert_eq!(
                    drawn(12, |buffer| {
                        put_middle(buffer, 1, 0, 1 + room, text, style);
                    }),
                    long_way(&safe.truncate_middle(usize::from(room))),
                    "{text:?} in {room}"
                );
            }
        }
    }

    #[test]
    fn own_text_is_cut_and_never_leaves_the_buffer() {
        let style = Style::new();
        for (room, shown) in [(0, "    "), (1, "…   "), (2, "∑…  "), (3, "∑ 5 "), (9, "∑ 5 ")] {
            let text = Short::of("∑ 5");
            assert_eq!(
                drawn(4, |buffer| {
                    own(buffer, 0, 0, room, &text, style);
                }),
                shown
            );
        }
        assert_eq!(
            drawn(4, |buffer| {
                assert_eq!(own_right(buffer, 0, 0, 4, "ab", style), 2);
                assert_eq!(own(buffer, 3, 1, 9, "ab", style), 3);
            }),
            "  ab"
        );
    }
}
