//! Bars that begin and end at an eighth of a cell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::draw::row;
use super::scale::EIGHTHS;

/// Blocks that fill a cell from the left, by eighths.
const LEFT: [&str; 9] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];

/// How a bar ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BarEnd {
    /// At its end.
    #[default]
    Closed,
    /// It is still growing.
    Growing,
    /// Nobody knows where: it fades out.
    Fading,
    /// It waits: it is dashed.
    Dashed,
}

/// A bar in a row of cells; places are in eighths of a cell from the left of the row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    /// Where it begins.
    pub from: i64,
    /// Where it ends.
    pub to: i64,
    /// Up to here it is light: the wait for the first token.
    pub light_to: Option<i64>,
    /// Thin, for spans that only hold others.
    pub thin: bool,
    /// How it ends.
    pub end: BarEnd,
    /// Its colour.
    pub style: Style,
    /// The colour of its light part.
    pub light: Style,
    /// What fills a whole cell of a thick bar.
    pub fill: &'static str,
}

impl Bar {
    /// A thick bar of one colour.
    pub(crate) fn solid(from: i64, to: i64, style: Style) -> Self {
        Self {
            from,
            to,
            light_to: None,
            thin: false,
            end: BarEnd::Closed,
            style,
            light: style,
            fill: LEFT[8],
        }
    }

    /// Draws the bar. However short it is, a mark stays visible.
    pub(crate) fn draw(&self, buffer: &mut Buffer, area: Rect) {
        let width = i64::from(area.width) * EIGHTHS;
        if area.is_empty() {
            return;
        }
        let from = self.from.clamp(0, width - 1);
        let to = self.to.clamp(from + 1, width);
        if self.thin {
            self.draw_thin(buffer, area, from, to);
        } else {
            self.draw_thick(buffer, area, from, to);
        }
    }

    fn draw_thick(&self, buffer: &mut Buffer, area: Rect, from: i64, to: i64) {
        let light_to = self.light_to.map_or(from, |light| light.clamp(from, to));
        let cells = row(buffer, area.x + (from / EIGHTHS) as u16, area.y, area.right()).into_iter().flatten();
        for (cell, target) in (from / EIGHTHS..=(to - 1) / EIGHTHS).zip(cells) {
            let (left, right) = ((from - cell * EIGHTHS).max(0), (to - cell * EIGHTHS).min(EIGHTHS));
            let light = (cell + 1) * EIGHTHS <= light_to;
            let style = if light { self.light } else { self.style };
            let textured = self.fill != LEFT[8];
            if textured && (right - left) * 2 >= EIGHTHS && self.end == BarEnd::Closed {
                // There are no parts of a textured cell; a solid one at its end would look like something else.
                target.set_symbol(self.fill).set_style(style);
                continue;
            }
            if left > 0 && right == EIGHTHS {
                // Only the right part of the cell: the left block in the background's colour. Where the row is
                // reversed already, as a selected one without colours, that is the other way round.
                let turned = target.modifier.contains(Modifier::REVERSED);
                target.set_symbol(LEFT[left as usize]).set_style(style);
                target.modifier.set(Modifier::REVERSED, !turned);
                continue;
            }
            let whole = left == 0 && right == EIGHTHS;
            let symbol = match (whole, self.end) {
                (true, _) if light && self.light == self.style => "░",
                (true, BarEnd::Dashed) => "╌",
                (true, BarEnd::Fading) => fading(cell, (to - 1) / EIGHTHS),
                (true, _) => self.fill,
                // Begins and ends within one cell: as wide as it is, from the left of the cell.
                (false, _) if left > 0 => LEFT[(right - left).max(1) as usize],
                (false, BarEnd::Dashed) => "╌",
                (false, BarEnd::Fading) => "░",
                (false, _) => LEFT[right.max(1) as usize],
            };
            target.set_symbol(symbol).set_style(style);
        }
    }

    fn draw_thin(&self, buffer: &mut Buffer, area: Rect, from: i64, to: i64) {
        let half = EIGHTHS / 2;
        let (first, last) = (from / EIGHTHS, (to - 1) / EIGHTHS);
        let cells = row(buffer, area.x + first as u16, area.y, area.right()).into_iter().flatten();
        for (cell, target) in (first..=last).zip(cells) {
            let starts_late = cell == first && from - cell * EIGHTHS >= half;
            let ends_early = cell == last && to - cell * EIGHTHS <= half;
            let symbol = match (starts_late, ends_early, self.end) {
                (_, _, BarEnd::Dashed) => "╌",
                (_, _, BarEnd::Fading) if last - cell < 3 => "─",
                (true | false, true, _) if first == last => "╸",
                (true, ..) => "╺",
                (_, true, _) => "╸",
                _ => "━",
            };
            target.set_symbol(symbol).set_style(self.style);
        }
    }
}

/// The last cells of a bar whose end nobody knows.
fn fading(cell: i64, last: i64) -> &'static str {
    match last - cell {
        0 => "░",
        1 => "▒",
        2 => "▓",
        _ => "█",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(bar: Bar, cells: u16) -> String {
        let area = Rect::new(0, 0, cells, 1);
        let mut buffer = Buffer::empty(area);
        bar.draw(&mut buffer, area);
        (0..cells).map(|x| buffer[(x, 0)].symbol().to_owned()).collect()
    }

    fn bar(from: i64, to: i64) -> Bar {
        Bar {
            from,
            to,
            light_to: None,
            thin: false,
            end: BarEnd::Closed,
            style: Style::new(),
            light: Style::new(),
            fill: "█",
        }
    }

    #[test]
    fn ends_are_drawn_to_the_eighth() {
        assert_eq!(drawn(bar(0, 19), 4), "██▍ ");
        assert_eq!(drawn(bar(8, 32), 4), " ███");
        // The cell where it begins is the complement, reversed.
        assert_eq!(drawn(bar(3, 16), 3), "▍█ ");
    }

    #[test]
    fn nothing_is_too_short_to_be_seen() {
        assert_eq!(drawn(bar(5, 5), 2), "▏ ");
        // At the right edge: the last eighth of the last cell, drawn as the rest of it reversed.
        assert_eq!(drawn(bar(16, 16), 2), " ▉");
        assert_eq!(drawn(bar(900, 950), 2), " ▉");
        assert_eq!(drawn(Bar { thin: true, ..bar(0, 1) }, 2), "╸ ");
    }

    #[test]
    fn the_wait_for_the_first_token_is_light() {
        assert_eq!(drawn(Bar { light_to: Some(16), ..bar(0, 32) }, 4), "░░██");
    }

    #[test]
    fn a_bar_begins_at_the_same_place_in_a_reversed_row() {
        let area = Rect::new(0, 0, 2, 1);
        let mut buffer = Buffer::empty(area);
        bar(3, 16).draw(&mut buffer, area);
        assert!(buffer[(0, 0)].modifier.contains(Modifier::REVERSED));
        let mut buffer = Buffer::empty(area);
        buffer.set_style(area, Style::new().add_modifier(Modifier::REVERSED));
        bar(3, 16).draw(&mut buffer, area);
        assert!(!buffer[(0, 0)].modifier.contains(Modifier::REVERSED));
        assert!(buffer[(1, 0)].modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn textured_bars_have_textured_ends() {
        assert_eq!(drawn(Bar { fill: "▒", ..bar(3, 20) }, 4), "▒▒▒ ");
        assert_eq!(drawn(Bar { fill: "▒", ..bar(6, 18) }, 4), "▊▒▎ ");
    }

    #[test]
    fn no_size_is_a_problem() {
        for cells in 0..3 {
            for (from, to) in [(0, 0), (-5, 3), (i64::MIN / 2, i64::MAX / 2), (7, 9)] {
                drawn(bar(from, to), cells);
                drawn(Bar { thin: true, end: BarEnd::Fading, ..bar(from, to) }, cells);
            }
        }
    }
}
