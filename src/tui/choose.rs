//! Choosing a source, for a start without arguments: what was found, newest first, with figures that come in while it
//! is looked at.

use std::io;
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyEventKind};
use crossterm::terminal;
use futures_util::StreamExt as _;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::mpsc;

use super::ascii;
use super::event::key_of;
use super::model::{is_numbered, theme_of, wall_clock};
use super::signal::{Signal, Signals};
use super::terminal::Guard;
use super::theme::{Depth, Theme};
use super::widget::{own, own_right, panel, put_middle};
use crate::config::{Key, KeyName};
use crate::model::{NanoUsd, UnixNanos};
use crate::text::{self, Short, short};

/// How often ages are looked at again.
const LOOK: Duration = Duration::from_secs(1);

/// A source that may be chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What it is called on the command line.
    pub name: String,
    /// Name of its format; empty when that is not known yet.
    pub format: &'static str,
    /// When it was last written.
    pub modified: Option<UnixNanos>,
    /// Its size in bytes.
    pub bytes: u64,
    /// What is in it, once it was read.
    pub figures: Option<ChoiceFigures>,
    /// Whether it was read and nothing was recognised.
    pub unreadable: bool,
}

/// What is in a source.
#[derive(Clone, Debug, Default)]
pub struct ChoiceFigures {
    /// What the newest run is called; untrusted text.
    pub title: String,
    /// Runs.
    pub runs: u64,
    /// Spans under way.
    pub running: u64,
    /// Input plus output tokens.
    pub tokens: u64,
    /// Cost of the calls that have one.
    pub cost: NanoUsd,
    /// Calls without a price.
    pub unpriced: u64,
    /// Spans that failed.
    pub errors: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// The source at this position.
    Source(usize),
    /// The user left.
    Nothing,
    /// The user broke off.
    Interrupted,
}

/// The list.
struct Chooser {
    choices: Vec<Choice>,
    theme: Theme,
    cursor: usize,
    offset: usize,
    now: UnixNanos,
}

/// Shows the choices until one is taken. Figures come as position, format and what is in it; none for what can't be
/// read.
pub async fn choose(
    choices: Vec<Choice>,
    mut figures: mpsc::Receiver<(usize, &'static str, Option<ChoiceFigures>)>,
    theme: (&str, Depth),
    plain: bool,
) -> io::Result<Chosen> {
    let theme = theme_of(theme.0, theme.1);
    let mut chooser = Chooser { choices, theme, cursor: 0, offset: 0, now: wall_clock() };
    let mut signals = Signals::listen()?;
    let mut guard = Guard::enter(false)?;
    let mut keys = EventStream::new();
    let mut more = true;
    loop {
        chooser.now = wall_clock();
        guard.terminal.draw(|frame| {
            chooser.draw(frame.buffer_mut());
            if plain {
                ascii::spell(frame.buffer_mut());
            }
        })?;
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                Signal::Interrupt | Signal::End => return Ok(Chosen::Interrupted),
                #[cfg(unix)]
                Signal::Suspend => guard.suspend()?,
                #[cfg(unix)]
                Signal::Resized => guard.fit(terminal::size()?)?,
                #[cfg(unix)]
                Signal::Continued => guard.reenter()?,
            },
            event = keys.next() => match event {
                Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                    if let Some(chosen) = key_of(key).and_then(|key| chooser.press(key, guard.size.1)) {
                        return Ok(chosen);
                    }
                }
                Some(Ok(Event::Resize(columns, rows))) => guard.fit((columns, rows))?,
                Some(Ok(_)) => {}
                // The terminal is gone.
                Some(Err(_)) | None => return Ok(Chosen::Nothing),
            },
            read = figures.recv(), if more => match read {
                Some((at, format, figures)) => {
                    if let Some(choice) = chooser.choices.get_mut(at) {
                        (choice.format, choice.unreadable) = (format, figures.is_none());
                        choice.figures = figures;
                    }
                }
                None => more = false,
            },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

impl Chooser {
    fn press(&mut self, key: Key, rows: u16) -> Option<Chosen> {
        let page = isize::from(rows as i16).saturating_sub(6).max(1);
        match (key.ctrl, key.name) {
            (true, KeyName::Char('c')) => return Some(Chosen::Interrupted),
            (false, KeyName::Esc | KeyName::Char('q')) => return Some(Chosen::Nothing),
            (false, KeyName::Enter) => return Some(Chosen::Source(self.cursor)),
            (false, KeyName::Down | KeyName::Char('j')) => self.move_by(1),
            (false, KeyName::Up | KeyName::Char('k')) => self.move_by(-1),
            (_, KeyName::PageDown) | (true, KeyName::Char('d' | 'f')) => self.move_by(page),
            (_, KeyName::PageUp) | (true, KeyName::Char('u' | 'b')) => self.move_by(-page),
            (false, KeyName::Home | KeyName::Char('g')) => self.move_by(isize::MIN),
            (false, KeyName::End | KeyName::Char('G')) => self.move_by(isize::MAX),
            _ => {}
        }
        None
    }

    fn move_by(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.choices.len().saturating_sub(1));
    }

    fn draw(&mut self, buffer: &mut Buffer) {
        let theme = &self.theme;
        let area = buffer.area;
        buffer.set_style(area, theme.text);
        if area.height < 4 || area.width < 20 {
            return;
        }
        let list = Rect { height: area.height - 1, ..area };
        let (inner, mut title) = panel(buffer, list, theme.focus);
        title.left(" tracetui ", theme.accent);
        let noun = if self.choices.len() == 1 { " source " } else { " sources, newest first " };
        title.left(&Short::EMPTY.and_number(self.choices.len() as u64).and(noun), theme.dim);
        let columns = Columns::of(inner.width);
        columns.heads(buffer, inner, theme);
        let height = usize::from(inner.height.saturating_sub(1));
        self.offset = self.offset.min(self.cursor).max((self.cursor + 1).saturating_sub(height));
        for (at, choice) in self.choices.iter().enumerate().skip(self.offset).take(height) {
            let y = inner.y + 1 + (at - self.offset) as u16;
            columns.row(buffer, inner, y, choice, self.now, theme);
            if at == self.cursor {
                buffer.set_style(Rect { y, height: 1, ..inner }, theme.selection(true));
            }
        }
        let keys = " ⏎ open  j k move  q quit        tracetui --help lists the commands";
        own(buffer, area.x, area.bottom() - 1, area.right(), keys, theme.dim);
    }
}

/// Which columns there is room for.
struct Columns {
    figures: bool,
    format: bool,
}

const AGE: u16 = 9;
const SIZE: u16 = 9;
const FORMAT: u16 = 16;
const FIGURE: u16 = 10;

impl Columns {
    fn of(width: u16) -> Self {
        Self { figures: width >= 76, format: width >= 100 }
    }

    fn widths(&self) -> Vec<(&'static str, u16)> {
        let mut widths = vec![("written", AGE), ("size", SIZE)];
        if self.figures {
            widths.extend([("runs", 7), ("tokens", FIGURE), ("cost", FIGURE)]);
        }
        if self.format {
            widths.push(("format", FORMAT));
        }
        widths
    }

    fn heads(&self, buffer: &mut Buffer, inner: Rect, theme: &Theme) {
        let mut right = inner.right() - 1;
        for (head, cells) in self.widths().into_iter().rev() {
            own_right(buffer, inner.x, inner.y, right, head, theme.faint);
            right = right.saturating_sub(cells);
        }
        let (x, right) = (inner.x + 2, right.saturating_sub(1));
        own(buffer, x, inner.y, right, "source", theme.faint);
        own(buffer, self.middle(x, right), inner.y, right, "newest run", theme.faint);
    }

    /// Where the titles begin between these two; the latter when there is no room for them.
    fn middle(&self, x: u16, right: u16) -> u16 {
        if self.format && right > x + 70 { x + (right - x) / 2 } else { right }
    }

    fn row(&self, buffer: &mut Buffer, inner: Rect, y: u16, choice: &Choice, now: UnixNanos, theme: &Theme) {
        let none = ChoiceFigures::default();
        let figures = choice.figures.as_ref().unwrap_or(&none);
        let mut right = inner.right() - 1;
        for (head, cells) in self.widths().into_iter().rev() {
            let left = right.saturating_sub(cells);
            let (value, style) = match head {
                "written" => (choice.modified.map_or(Short::EMPTY, |at| age(now.since(at))), theme.dim),
                "size" => (short::bytes(choice.bytes), theme.dim),
                "format" => (Short::of(choice.format), theme.dim),
                _ if choice.unreadable => (Short::of(text::UNKNOWN), theme.faint),
                _ if choice.figures.is_none() => (Short::of("…"), theme.faint),
                "runs" => (short::count(figures.runs), theme.dim),
                "tokens" => (short::tokens(figures.tokens), theme.dim),
                _ => (cost(figures), theme.text),
            };
            own_right(buffer, left, y, right, &value, style);
            right = left;
        }
        match () {
            () if figures.running > 0 => _ = own(buffer, inner.x, y, right, "●", theme.good),
            () if figures.errors > 0 => _ = own(buffer, inner.x, y, right, "✗", theme.bad),
            () => {}
        }
        let (x, right) = (inner.x + 2, right.saturating_sub(1));
        let middle = self.middle(x, right);
        if middle < right {
            put_middle(buffer, middle, y, right, &figures.title, theme.text);
            put_middle(buffer, x, y, middle.saturating_sub(2), &choice.name, theme.dim);
        } else {
            // The title of a session says more than its number.
            let is_title = is_numbered(&choice.name) && !figures.title.is_empty();
            let name = if is_title { &figures.title } else { &choice.name };
            put_middle(buffer, x, y, right, name, theme.text);
        }
    }
}

fn cost(figures: &ChoiceFigures) -> Short {
    match figures.unpriced {
        0 => short::usd_cell(figures.cost),
        unpriced => short::bill_cell(figures.cost, unpriced),
    }
}

fn age(nanos: i64) -> Short {
    Short::of(&text::age(nanos.max(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chooser() -> Chooser {
        let choice = |name: &str, figures| Choice {
            name: name.to_owned(),
            format: "claude-code",
            modified: Some(UnixNanos(0)),
            bytes: 1_500_000,
            figures,
            unreadable: false,
        };
        let figures =
            ChoiceFigures { runs: 3, tokens: 12_400, cost: NanoUsd(66_000_000), ..Default::default() };
        let title = "Find the \u{1b}[31mbug".to_owned();
        let titled = ChoiceFigures { title, ..figures.clone() };
        let unpriced = ChoiceFigures { unpriced: 2, running: 1, ..figures };
        Chooser {
            choices: vec![
                choice("~/.claude/projects/a/8ab0f0a6-ec9b-42de-a950-7008329de395.jsonl", Some(titled)),
                choice("run\u{1b}[31m.db", Some(unpriced)),
                choice("three.ndjson", None),
                choice(
                    "claude-code.db",
                    Some(ChoiceFigures { title: "a run".to_owned(), ..Default::default() }),
                ),
            ],
            theme: theme_of("dark", Depth::True),
            cursor: 0,
            offset: 0,
            now: UnixNanos(90_000_000_000),
        }
    }

    fn drawn(chooser: &mut Chooser, width: u16, height: u16) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        chooser.draw(&mut buffer);
        let rows = buffer.content.chunks(usize::from(width));
        rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>())
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_list_at_three_widths() {
        insta::assert_snapshot!("choose_wide", drawn(&mut chooser(), 150, 8));
        insta::assert_snapshot!("choose_usual", drawn(&mut chooser(), 120, 8));
        insta::assert_snapshot!("choose_small", drawn(&mut chooser(), 80, 8));
        insta::assert_snapshot!("choose_narrow", drawn(&mut chooser(), 50, 8));
        drawn(&mut chooser(), 3, 2);
    }

    #[test]
    fn keys_move_take_and_leave() {
        let mut chooser = chooser();
        let key = |name: &str| Key::parse(name).expect("a key");
        assert_eq!(chooser.press(key("j"), 24), None);
        assert_eq!(chooser.press(key("enter"), 24), Some(Chosen::Source(1)));
        assert_eq!(chooser.press(key("G"), 24), None);
        assert_eq!(chooser.press(key("down"), 24), None);
        assert_eq!(chooser.press(key("enter"), 24), Some(Chosen::Source(3)));
        assert_eq!(chooser.press(key("esc"), 24), Some(Chosen::Nothing));
        assert_eq!(chooser.press(key("ctrl-c"), 24), Some(Chosen::Interrupted));
    }
}
