//! Cells as bytes for a terminal: as few as it takes, all of a frame in one write, and none when nothing changed.

use std::io::{self, Write};

use crossterm::terminal;
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};

/// The terminal shows what comes between these two at once.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";
/// Attributes and the numbers that switch them on.
const ATTRIBUTES: [(Modifier, &[u8]); 9] = [
    (Modifier::BOLD, b"1"),
    (Modifier::DIM, b"2"),
    (Modifier::ITALIC, b"3"),
    (Modifier::UNDERLINED, b"4"),
    (Modifier::SLOW_BLINK, b"5"),
    (Modifier::RAPID_BLINK, b"6"),
    (Modifier::REVERSED, b"7"),
    (Modifier::HIDDEN, b"8"),
    (Modifier::CROSSED_OUT, b"9"),
];

/// Where the terminal's cursor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    /// Somewhere, hidden or not.
    Unknown,
    Hidden,
    /// Visible; at a place, if nothing was drawn since.
    Shown(Option<Position>),
}

/// How the next character would look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    underline: Color,
    modifier: Modifier,
}

impl Pen {
    const PLAIN: Self =
        Self { fg: Color::Reset, bg: Color::Reset, underline: Color::Reset, modifier: Modifier::empty() };

    fn of(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, underline: cell.underline_color, modifier: cell.modifier }
    }
}

/// A terminal behind something that takes bytes.
#[derive(Debug)]
pub struct Painter<W> {
    out: W,
    /// What was not sent yet.
    pending: Vec<u8>,
    /// Whether cells are among it.
    frame: bool,
    cursor: Cursor,
}

impl<W: Write> Painter<W> {
    /// A terminal of which nothing is known.
    pub fn new(out: W) -> Self {
        Self { out, pending: Vec::new(), frame: false, cursor: Cursor::Unknown }
    }

    /// What takes the bytes.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Others have written to the terminal.
    pub(super) fn forget(&mut self) {
        self.cursor = Cursor::Unknown;
    }

    fn add(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u16) {
        let mut digits = [0; 5];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.pending.extend_from_slice(&digits[at..]);
    }

    fn move_to(&mut self, x: u16, y: u16) {
        self.add(b"\x1b[");
        self.number(y.saturating_add(1));
        self.add(b";");
        self.number(x.saturating_add(1));
        self.add(b"H");
    }

    /// Makes the next character look like `to`.
    fn change(&mut self, from: Pen, to: Pen) {
        self.add(b"\x1b[");
        let mut from = from;
        let mut first = true;
        if !(from.modifier - to.modifier).is_empty() {
            // What switches one attribute off often switches another off too.
            self.add(b"0");
            (from, first) = (Pen::PLAIN, false);
        }
        for (attribute, number) in ATTRIBUTES {
            if (to.modifier - from.modifier).contains(attribute) {
                self.separate(&mut first);
                self.add(number);
            }
        }
        for (ground, from, to) in
            [(b"3", from.fg, to.fg), (b"4", from.bg, to.bg), (b"5", from.underline, to.underline)]
        {
            if from != to {
                self.separate(&mut first);
                self.add(ground);
                self.color(to);
            }
        }
        self.add(b"m");
    }

    fn separate(&mut self, first: &mut bool) {
        if !std::mem::replace(first, false) {
            self.add(b";");
        }
    }

    fn color(&mut self, color: Color) {
        let number = match color {
            Color::Reset => {
                self.add(b"9");
                return;
            }
            Color::Rgb(r, g, b) => {
                self.add(b"8;2");
                for part in [r, g, b] {
                    self.add(b";");
                    self.number(u16::from(part));
                }
                return;
            }
            Color::Indexed(number) => number,
            Color::Black => 0,
            Color::Red => 1,
            Color::Green => 2,
            Color::Yellow => 3,
            Color::Blue => 4,
            Color::Magenta => 5,
            Color::Cyan => 6,
            Color::Gray => 7,
            Color::DarkGray => 8,
            Color::LightRed => 9,
            Color::LightGreen => 10,
            Color::LightYellow => 11,
            Color::LightBlue => 12,
            Color::LightMagenta => 13,
            Color::LightCyan => 14,
            Color::White => 15,
        };
        self.add(b"8;5;");
        self.number(u16::from(number));
    }

    fn send(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.frame) {
            self.pending.extend_from_slice(END);
            self.pending.splice(0..0, BEGIN.iter().copied());
        }
        let sent = self.out.write_all(&self.pending);
        self.pending.clear();
        sent?;
        self.out.flush()
    }
}

/// What is not cells: it goes out with the next frame, or when it is flushed.
impl<W: Write> Write for Painter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl<W: Write> Backend for Painter<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut pen = Pen::PLAIN;
        let mut next: Option<(u16, u16)> = None;
        for (x, y, cell) in content {
            if next != Some((x, y)) {
                self.move_to(x, y);
            }
            next = Some((x.saturating_add(1), y));
            let wanted = Pen::of(cell);
            if wanted != pen {
                self.change(pen, wanted);
                pen = wanted;
            }
            self.add(cell.symbol().as_bytes());
        }
        if next.is_some() {
            self.frame = true;
            if let Cursor::Shown(at) = &mut self.cursor {
                *at = None;
            }
            if pen != Pen::PLAIN {
                self.add(b"\x1b[0m");
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor != Cursor::Hidden {
            self.add(b"\x1b[?25l");
            self.cursor = Cursor::Hidden;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if !matches!(self.cursor, Cursor::Shown(_)) {
            self.add(b"\x1b[?25h");
            self.cursor = Cursor::Shown(None);
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        crossterm::cursor::position().map(|(x, y)| Position { x, y })
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor != Cursor::Shown(Some(position)) {
            self.move_to(position.x, position.y);
            if let Cursor::Shown(at) = &mut self.cursor {
                *at = Some(position);
            }
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.frame = true;
        self.add(match clear_type {
            ClearType::All => b"\x1b[2J",
            ClearType::AfterCursor => b"\x1b[0J",
            ClearType::BeforeCursor => b"\x1b[1J",
            ClearType::CurrentLine => b"\x1b[2K",
            ClearType::UntilNewLine => b"\x1b[0K",
        });
        Ok(())
    }

    fn append_lines(&mut self, lines: u16) -> io::Result<()> {
        self.add("\n".repeat(usize::from(lines)).as_bytes());
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        terminal::size().map(|(width, height)| Size { width, height })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        let size = terminal::window_size()?;
        Ok(WindowSize {
            columns_rows: Size { width: size.columns, height: size.rows },
            pixels: Size { width: size.width, height: size.height },
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Style;
    use ratatui::{Terminal, TerminalOptions, Viewport};

    use super::*;

    fn terminal() -> Terminal<Painter<Vec<u8>>> {
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, 20, 3)) };
        Terminal::with_options(Painter::new(Vec::new()), options).expect("a terminal")
    }

    fn draw(terminal: &mut Terminal<Painter<Vec<u8>>>, draw: impl Fn(&mut Buffer)) -> String {
        terminal.draw(|frame| draw(frame.buffer_mut())).expect("draws");
        String::from_utf8(std::mem::take(terminal.backend_mut().out())).expect("text")
    }

    #[test]
    fn nothing_new_is_nothing_written() {
        let mut terminal = terminal();
        let text = |buffer: &mut Buffer| {
            buffer.set_string(1, 1, "abc", Style::new().fg(Color::Red));
        };
        assert_eq!(
            draw(&mut terminal, text),
            "\x1b[?2026h\x1b[2;2H\x1b[38;5;1mabc\x1b[0m\x1b[?25l\x1b[?2026l"
        );
        assert_eq!(draw(&mut terminal, text), "");
        assert_eq!(draw(&mut terminal, |_| ()), "\x1b[?2026h\x1b[2;2H   \x1b[?2026l");
    }

    #[test]
    fn the_cursor_goes_back_to_its_place_after_each_frame_that_draws() {
        let mut terminal = terminal();
        let mut typed = |text: &str| {
            terminal
                .draw(|frame| {
                    frame.buffer_mut().set_string(0, 0, text, Style::new());
                    frame.set_cursor_position((5, 2));
                })
                .expect("draws");
            String::from_utf8(std::mem::take(terminal.backend_mut().out())).expect("text")
        };
        assert_eq!(typed("a"), "\x1b[?2026h\x1b[1;1Ha\x1b[?25h\x1b[3;6H\x1b[?2026l");
        assert_eq!(typed("a"), "");
        assert_eq!(typed("b"), "\x1b[?2026h\x1b[1;1Hb\x1b[3;6H\x1b[?2026l");
    }

    /// What a terminal shows that takes the bytes, beside what was drawn.
    #[test]
    fn a_terminal_shows_what_was_drawn() {
        let styles = [
            Style::new(),
            Style::new().fg(Color::Rgb(1, 20, 255)).add_modifier(Modifier::BOLD),
            Style::new().fg(Color::Rgb(1, 20, 255)).bg(Color::Indexed(7)),
            Style::new().add_modifier(Modifier::REVERSED | Modifier::UNDERLINED),
            Style::new().fg(Color::LightCyan).add_modifier(Modifier::UNDERLINED),
        ];
        let mut terminal = terminal();
        let mut parser =
            vt100::Parser::new(const { NonZero::new(3).unwrap() }, const { NonZero::new(20).unwrap() }, 0);
        for round in 0..40usize {
            // A place keeps its width: what shows beside half a wide character is up to the terminal.
            let symbol = ["a", "█", "日", "é"];
            let drawing = |buffer: &mut Buffer| {
                for at in (0..60usize).step_by(2).filter(|at| at * 7 % (round + 2) > 1) {
                    let symbol = symbol[at / 2 % symbol.len()];
                    buffer.set_string((at % 20) as u16, (at / 20) as u16, symbol, styles[(at + round) % 5]);
                }
            };
            parser.process(draw(&mut terminal, drawing).as_bytes());
            let mut wanted = Buffer::empty(Rect::new(0, 0, 20, 3));
            drawing(&mut wanted);
            for (at, cell) in wanted.content.iter().enumerate() {
                let shown = parser.screen().cell((at / 20) as u16, (at % 20) as u16).expect("a cell");
                if shown.is_wide_continuation() {
                    continue;
                }
                let shown_text = if shown.contents().is_empty() { " " } else { shown.contents() };
                assert_eq!(shown_text, cell.symbol(), "{at} in {round}");
                let fg = match cell.fg {
                    Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
                    Color::LightCyan => vt100::Color::Idx(14),
                    _ => vt100::Color::Default,
                };
                let modifier = cell.modifier;
                assert_eq!(
                    (shown.fgcolor(), shown.bold(), shown.inverse(), shown.underline()),
                    (
                        fg,
                        modifier.contains(Modifier::BOLD),
                        modifier.contains(Modifier::REVERSED),
                        modifier.contains(Modifier::UNDERLINED)
                    ),
                    "{at} in {round}"
                );
            }
        }
    }
}
