//! The screen as a user meets it: keys in, lines of text out. No terminal, no clock, no files.

mod chaos;
mod detail;
mod finding;
mod live;
mod money;
mod moving;
mod pointer;
mod screens;
mod sizes;
mod sources;
mod story;
mod talk;
mod time;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Modifier;

use super::model::{Found, Model, PayloadSearch};
use super::msg::{Effect, Msg};
use super::theme::Depth;
use super::{update, view};
use crate::config::{Config, Key, KeyName};
use crate::format::{LINE_FORMATS, Line, LineDecoder, Stream};
use crate::model::{Batch, NANOS_PER_SEC, PayloadRef, SegmentId, SourceId, SpanDetail, Stamp, UnixNanos};
use crate::source::{SourceEvent, SourceMessage, SourceState};

/// A model with everything around it that the loop is in the program.
pub(super) struct Screen {
    pub(super) model: Model,
    /// What the model asked of the world and tests look at.
    pub(super) asked: Vec<Effect>,
    records: BTreeMap<u64, Vec<u8>>,
    decoder: Box<dyn LineDecoder>,
    position: u64,
    /// Whether payloads are read; else requests are lost.
    reads: bool,
}

impl Screen {
    /// A screen of a size over a source that has said nothing yet.
    pub(super) fn waiting(columns: u16, rows: u16) -> Self {
        Self::themed(columns, rows, "dark", Depth::True)
    }

    /// The same in a theme.
    pub(super) fn themed(columns: u16, rows: u16, theme: &str, depth: Depth) -> Self {
        let config = Config::parse("").expect("an empty configuration");
        let mut model = Model::new(&config, theme, depth, &["runs/run.ndjson".to_owned()], true);
        model.set_now(story::EPOCH.plus(60 * NANOS_PER_SEC), Instant::now());
        model.size = (columns, rows);
        let stream = Stream { name: "run.ndjson".to_owned(), salt: b"test".to_vec(), notes: String::new() };
        let decoder = (LINE_FORMATS[0].decoder)(&stream);
        let mut screen =
            Self { model, asked: Vec::new(), records: BTreeMap::new(), decoder, position: 0, reads: true };
        screen.settle();
        screen
    }

    /// A screen whose source holds some lines.
    pub(super) fn of(columns: u16, rows: u16, lines: &str) -> Self {
        let mut screen = Self::waiting(columns, rows);
        screen.open(lines);
        screen
    }

    /// The source is found and read to its end.
    pub(super) fn open(&mut self, lines: &str) {
        let format = LINE_FORMATS[0].name;
        self.say(SourceEvent::Segment { id: SegmentId(0), format, why: String::new(), modified: None });
        self.say(SourceEvent::State(SourceState::Live));
        self.write(lines);
        self.say(SourceEvent::CaughtUp);
        self.settle();
    }

    /// Something else comes from the source.
    pub(super) fn say(&mut self, event: SourceEvent) {
        self.send(Msg::Source(SourceMessage { source: SourceId(0), event }));
    }

    /// Something comes from one of several sources.
    pub(super) fn say_of(&mut self, source: u16, event: SourceEvent) {
        self.send(Msg::Source(SourceMessage { source: SourceId(source), event }));
    }

    /// Lines are appended and arrive.
    pub(super) fn write(&mut self, lines: &str) {
        let mut batch = Batch::default();
        for bytes in lines.as_bytes().split(|byte| *byte == b'\n').filter(|bytes| !bytes.is_empty()) {
            let at = PayloadRef { segment: SegmentId(0), pos: self.position, len: bytes.len() as u32 };
            let stamp = Stamp::new(SegmentId(0), self.position);
            self.decoder.decode(&Line { bytes, at, stamp, arrived: UnixNanos(0) }, &mut batch);
            self.records.insert(self.position, bytes.to_vec());
            self.position += bytes.len() as u64 + 1;
        }
        self.say(SourceEvent::Batch(batch));
    }

    /// Lines are appended while the user watches, and a frame is drawn.
    pub(super) fn append(&mut self, lines: &str) {
        self.write(lines);
        self.pass(Duration::from_secs(1));
        self.settle();
    }

    /// Sends a message and does what it asks for.
    pub(super) fn send(&mut self, msg: Msg) {
        let effects = update::update(&mut self.model, msg);
        self.perform(effects);
    }

    /// Time passes on the monotonic clock.
    pub(super) fn pass(&mut self, time: Duration) {
        let (wall, now) = (self.model.clock.now, self.model.now);
        self.model.set_now(wall, now + time);
    }

    /// Time passes on both clocks.
    pub(super) fn wait(&mut self, seconds: i64) {
        let (wall, now) = (self.model.clock.now, self.model.now);
        self.model.set_now(wall.plus(seconds * NANOS_PER_SEC), now + Duration::from_secs(seconds as u64));
        self.settle();
    }

    /// Presses keys, as in `5 j ] e ctrl-d`, each after a second.
    pub(super) fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            let key = Key::parse(key).unwrap_or_else(|| panic!("{key} is no key"));
            self.key(key);
        }
        self
    }

    /// Types text.
    pub(super) fn type_in(&mut self, text: &str) -> &mut Self {
        text.chars().for_each(|c| self.key(Key::plain(KeyName::Char(c))));
        self
    }

    pub(super) fn key(&mut self, key: Key) {
        self.pass(Duration::from_secs(1));
        self.send(Msg::Key(key));
        self.settle();
    }

    /// The terminal has another size.
    pub(super) fn resize(&mut self, columns: u16, rows: u16) -> &mut Self {
        self.send(Msg::Resize(columns, rows));
        self.settle();
        self
    }

    /// The mouse does something.
    pub(super) fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) -> &mut Self {
        self.pass(Duration::from_secs(1));
        self.send(Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
        self.settle();
        self
    }

    /// A click.
    pub(super) fn click(&mut self, column: u16, row: u16) -> &mut Self {
        self.mouse(MouseEventKind::Down(MouseButton::Left), column, row);
        self.mouse(MouseEventKind::Up(MouseButton::Left), column, row)
    }

    /// Pulls from one place to another.
    pub(super) fn drag(&mut self, from: (u16, u16), to: (u16, u16)) -> &mut Self {
        self.mouse(MouseEventKind::Down(MouseButton::Left), from.0, from.1);
        self.mouse(MouseEventKind::Drag(MouseButton::Left), to.0, to.1);
        self.mouse(MouseEventKind::Up(MouseButton::Left), to.0, to.1)
    }

    /// Brings the model to rest: what is asked for is read, what is behind catches up.
    pub(super) fn settle(&mut self) {
        for _ in 0..1_000 {
            let effects = update::refresh(&mut self.model);
            let idle = !effects.iter().any(is_read) && !update::is_restless(&self.model);
            self.perform(effects);
            if idle {
                return;
            }
            if self.model.waterfall.is_behind(&self.model.matches) {
                // The tree of a long run is built by a thread.
                std::thread::sleep(Duration::from_millis(1));
            }
            // A long list is put in order a few times a second only.
            self.pass(Duration::from_millis(50));
        }
        panic!("the screen never comes to rest");
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if !self.reads && is_read(&effect) {
                continue;
            }
            match effect {
                Effect::ReadDetail(span, refs) => {
                    let detail = self.read(&refs);
                    self.send(Msg::Detail(span, Ok(detail)));
                }
                Effect::SearchForFilter(search) => {
                    let found = self.search(&search);
                    self.send(Msg::FoundForFilter(search.number, found));
                }
                Effect::SearchForSearch(search) => {
                    let found = self.search(&search);
                    self.send(Msg::FoundForSearch(search.number, found));
                }
                Effect::Log(_) => {}
                other => self.asked.push(other),
            }
        }
    }

    fn search(&self, search: &PayloadSearch) -> Found {
        let spans = search.wanted.chunk_by(|a, b| a.0 == b.0);
        let facts = |records: &[(u32, PayloadRef)]| {
            let refs: Vec<PayloadRef> = records.iter().map(|(_, at)| *at).collect();
            (records[0].0, search.query.facts(&self.read(&refs)))
        };
        spans.map(facts).collect()
    }

    fn read(&self, refs: &[PayloadRef]) -> SpanDetail {
        let mut detail = SpanDetail::default();
        for place in refs {
            detail.merge((LINE_FORMATS[0].detail)(&self.records[&place.pos]));
        }
        detail
    }

    /// What is on the screen.
    pub(super) fn buffer(&self) -> Buffer {
        let (columns, rows) = self.model.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a terminal");
        let frame = terminal.draw(|frame| view::draw(frame, &self.model)).expect("draws");
        frame.buffer.clone()
    }

    /// What is on the screen as text, without spaces at the ends of lines.
    pub(super) fn draw(&self) -> String {
        let buffer = self.buffer();
        let rows: Vec<String> = (0..buffer.area.height).map(|y| row(&buffer, y)).collect();
        rows.join("\n")
    }

    /// The first line that holds a text.
    pub(super) fn line(&self, text: &str) -> String {
        let screen = self.draw();
        let found = screen.lines().find(|line| line.contains(text)).map(str::to_owned);
        found.unwrap_or_else(|| panic!("{text} is not on the screen:\n{screen}"))
    }

    /// Where a text stands on the screen for the first time: column and row.
    pub(super) fn place(&self, text: &str) -> (u16, u16) {
        let screen = self.draw();
        for (y, line) in screen.lines().enumerate() {
            if let Some(at) = line.find(text) {
                return (crate::text::SafeText::new(&line[..at]).width() as u16, y as u16);
            }
        }
        panic!("{text} is not on the screen:\n{screen}");
    }

    pub(super) fn shows(&self, text: &str) -> bool {
        self.draw().contains(text)
    }

    /// The rows that look selected, by their looks alone, as text.
    pub(super) fn selected_lines(&self) -> Vec<String> {
        let buffer = self.buffer();
        let mut lines = Vec::new();
        for y in 2..buffer.area.height.saturating_sub(1) {
            let marked: String = (0..buffer.area.width)
                .filter(|x| {
                    let style = buffer[(*x, y)].style();
                    let weak = self.model.theme.selection(false);
                    let strong = self.model.theme.selection(true);
                    let has = |wanted: ratatui::style::Style| {
                        if let Some(color) = wanted.bg {
                            style.bg == Some(color)
                        } else {
                            let marks = wanted.add_modifier & (Modifier::REVERSED | Modifier::UNDERLINED);
                            style.add_modifier.contains(marks)
                        }
                    };
                    has(weak) || has(strong)
                })
                .map(|x| buffer[(x, y)].symbol().to_owned())
                .collect();
            if marked.trim().len() > 1 {
                lines.push(marked.trim().to_owned());
            }
        }
        lines
    }

    /// Name of the selected span.
    pub(super) fn span(&self) -> String {
        let span = self.model.waterfall.selected();
        span.map(|span| self.model.store.span(span).name().to_owned()).unwrap_or_default()
    }

    /// Name of the selected run.
    pub(super) fn run(&self) -> String {
        let run = self.model.runs.selected();
        run.map(|run| self.model.store.trace(run).name().to_owned()).unwrap_or_default()
    }

    /// The last thing said in the status line.
    pub(super) fn notice(&self) -> &str {
        self.model.notice.as_ref().map_or("", |notice| notice.text.as_str())
    }

    /// Names in the waterfall, indented.
    pub(super) fn tree(&self) -> Vec<String> {
        let waterfall = &self.model.waterfall;
        let name = |row: &super::model::Row| {
            let span = self.model.store.span(waterfall.tree.node(row.node).span);
            let dimmed = if row.dimmed { "~" } else { "" };
            format!("{}{dimmed}{}", " ".repeat(row.depth as usize), span.name())
        };
        waterfall.rows().iter().map(name).collect()
    }

    /// What must hold after anything that happens.
    pub(super) fn check(&self) {
        let model = &self.model;
        let runs = model.runs.rows();
        match model.runs.selected() {
            Some(run) => assert!(runs.contains(&run), "the selected run is listed"),
            None => assert!(runs.is_empty(), "something is selected when there are runs"),
        }
        assert!(model.runs.offset <= runs.len());
        let rows = model.waterfall.rows();
        assert_eq!(model.waterfall.position().is_none(), rows.is_empty(), "the selected span is a row");
        assert!(model.waterfall.offset <= rows.len());
        let layout = view::Layout::of(model);
        if layout.bars.height > 0 && !rows.is_empty() {
            let at = model.waterfall.position().unwrap_or(0);
            let shown = model.waterfall.offset..model.waterfall.offset + usize::from(layout.bars.height);
            assert!(shown.contains(&at), "the selected span is on the screen: {at} in {shown:?}");
        }
        if layout.runs.height > 0 && !runs.is_empty() {
            let at = model.runs.position().unwrap_or(0);
            let shown = model.runs.offset..model.runs.offset + usize::from(layout.runs.height);
            assert!(shown.contains(&at), "the selected run is on the screen: {at} in {shown:?}");
        }
        if let Some((from, to)) = model.waterfall.zoom_range() {
            assert!(0.0 <= from && from < to && to <= 1.0 + 1e-9, "zoomed to {from}..{to}");
        }
        self.buffer();
    }
}

fn is_read(effect: &Effect) -> bool {
    matches!(effect, Effect::ReadDetail(..) | Effect::SearchForFilter(_) | Effect::SearchForSearch(_))
}

fn row(buffer: &Buffer, y: u16) -> String {
    let mut text = String::new();
    let mut x = 0;
    while x < buffer.area.width {
        let symbol = buffer[(x, y)].symbol();
        text.push_str(symbol);
        x += (crate::text::SafeText::new(symbol).width() as u16).max(1);
    }
    text.trim_end().to_owned()
}
