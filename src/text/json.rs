//! JSON text for display: lines with indentation and token classes, made page by page without ever building a tree.
//!
//! Works on text of any depth and size, and on damaged JSON: from the first thing that isn't JSON on, the text is shown
//! as it is.

mod literal;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr_iter};

use super::SafeText;
use super::format;
use super::safe::{is_hidden, prefix};

pub(crate) use literal::literal_end;
pub use literal::{quote, string_value, unquote};

/// Lines that one call of [`Document::lines`] gives at most.
pub const MAX_LINES: usize = 4096;
/// Bytes of a string or of raw text on one line; the rest continues on the next.
const CHUNK: usize = 2048;
/// Bytes from which a string of nothing but base64 is shown as its size.
const ELIDE: usize = 1024;
/// Lines between two remembered positions.
const STRIDE: usize = 256;

/// What a piece of a line is, for colouring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The key of a member, with its quotes.
    Key,
    /// A string value, or a part of a long one.
    String,
    /// A number.
    Number,
    /// `true`, `false`, `null`.
    Literal,
    /// Brackets, colons, commas.
    Punctuation,
    /// What stands for a huge binary string.
    Elided,
    /// Text that isn't JSON.
    Raw,
}

/// One line of pretty-printed JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'d> {
    /// Its number, from 0.
    pub number: usize,
    /// Containers that it is in.
    pub depth: usize,
    /// Its pieces, safe to draw.
    pub tokens: Vec<(Token, SafeText<'d>)>,
    /// Whether it opens a container that a later line closes: it can be folded.
    pub opens: bool,
    /// Whether it closes a container.
    pub closes: bool,
    /// Whether it continues the string or raw text of the line before.
    pub continues: bool,
}

/// JSON text and a sparse index of its lines.
#[derive(Clone, Debug)]
pub struct Document {
    text: String,
    elide: bool,
    /// The position before line `STRIDE * n`.
    marks: Vec<Cursor>,
    /// The position up to which the index goes, and its line.
    front: (Cursor, usize),
    complete: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    at: usize,
    depth: usize,
    mode: Mode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Mode {
    #[default]
    Json,
    /// Inside a string literal that ends there.
    String(usize),
    Raw,
}

#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    depth: usize,
    opens: bool,
    closes: bool,
    continues: bool,
}

/// Where the pieces of a line go; nothing is kept while only counting.
type Sink<'s, 'd> = Option<&'s mut Vec<(Token, SafeText<'d>)>>;

impl Document {
    /// Takes the text; nothing is read yet.
    pub fn new(text: String) -> Self {
        Self {
            text,
            elide: true,
            marks: vec![Cursor::default()],
            front: (Cursor::default(), 0),
            complete: false,
        }
    }

    /// Takes the text; huge binary strings will be shown in full.
    pub fn with_binary(text: String) -> Self {
        Self { elide: false, ..Self::new(text) }
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads on for about `bytes`, so that later pages are found quickly; true when the end is reached.
    pub fn index(&mut self, bytes: usize) -> bool {
        let stop = self.front.0.at.saturating_add(bytes);
        let (mut cursor, mut number) = self.front;
        while !self.complete && cursor.at <= stop {
            if self.advance(&mut cursor, &mut None).is_none() {
                self.complete = true;
                break;
            }
            number += 1;
            if number.is_multiple_of(STRIDE) {
                self.marks.push(cursor);
            }
        }
        self.front = (cursor, number);
        self.complete
    }

    /// How many lines there are; `None` until [`Document::index`] reached the end.
    pub fn line_count(&self) -> Option<usize> {
        self.complete.then_some(self.front.1)
    }

    /// The lines with these numbers, [`MAX_LINES`] at most.
    pub fn lines(&self, numbers: Range<usize>) -> Vec<Line<'_>> {
        let last = numbers.end.min(numbers.start.saturating_add(MAX_LINES));
        let mut lines = Vec::new();
        let Some(mut cursor) = self.seek(numbers.start) else {
            return lines;
        };
        for number in numbers.start..last {
            let mut tokens = Vec::new();
            let Some(shape) = self.advance(&mut cursor, &mut Some(&mut tokens)) else {
                break;
            };
            let Shape { depth, opens, closes, continues } = shape;
            lines.push(Line { number, depth, tokens, opens, closes, continues });
        }
        lines
    }

    /// The line that closes the container which line `number` opens; the last line when nothing closes it.
    pub fn fold_end(&self, number: usize) -> Option<usize> {
        let mut cursor = self.seek(number)?;
        let opening = self.advance(&mut cursor, &mut None).filter(|shape| shape.opens)?;
        let mut last = number;
        while let Some(shape) = self.advance(&mut cursor, &mut None) {
            last += 1;
            if shape.closes && shape.depth <= opening.depth {
                break;
            }
        }
        Some(last)
    }

    /// The position before a line.
    fn seek(&self, number: usize) -> Option<Cursor> {
        let mark = (number / STRIDE).min(self.marks.len().saturating_sub(1));
        let (mut cursor, mut at) = (*self.marks.get(mark)?, mark * STRIDE);
        if self.front.1 <= number {
            (cursor, at) = self.front;
        }
        while at < number {
            self.advance(&mut cursor, &mut None)?;
            at += 1;
        }
        Some(cursor)
    }

    /// Reads one line; `None` at the end.
    fn advance<'d>(&'d self, cursor: &mut Cursor, sink: &mut Sink<'_, 'd>) -> Option<Shape> {
        match cursor.mode {
            Mode::Raw => self.raw(cursor, sink).map(|()| Shape { continues: true, ..Shape::default() }),
            Mode::String(end) => {
                let shape = Shape { depth: cursor.depth, continues: true, ..Shape::default() };
                self.string_part(cursor, end, sink);
                Some(shape)
            }
            Mode::Json => self.json(cursor, sink),
        }
    }

    fn json<'d>(&'d self, cursor: &mut Cursor, sink: &mut Sink<'_, 'd>) -> Option<Shape> {
        self.skip_space(cursor);
        let byte = self.byte(cursor.at)?;
        let mut shape = Shape { depth: cursor.depth, ..Shape::default() };
        if matches!(byte, b'}' | b']') && cursor.depth > 0 {
            cursor.depth -= 1;
            shape.depth = cursor.depth;
            shape.closes = true;
            self.punctuation(cursor, sink);
            self.comma(cursor, sink);
            return Some(shape);
        }
        if byte == b'"' && cursor.depth > 0 {
            self.key(cursor, sink);
        }
        match self.byte(cursor.at) {
            Some(b'{' | b'[') => {
                self.punctuation(cursor, sink);
                self.skip_space(cursor);
                if matches!(self.byte(cursor.at), Some(b'}' | b']')) {
                    self.punctuation(cursor, sink);
                    self.comma(cursor, sink);
                } else {
                    cursor.depth += 1;
                    shape.opens = true;
                }
            }
            Some(b'"') => match literal_end(&self.text, cursor.at) {
                Some(end) => self.string_part(cursor, end, sink),
                None => self.start_raw(cursor, sink),
            },
            Some(_) => self.scalar(cursor, sink),
            None => {}
        }
        Some(shape)
    }

    /// A string that a colon follows, with the colon.
    fn key<'d>(&'d self, cursor: &mut Cursor, sink: &mut Sink<'_, 'd>) {
        let Some(end) = literal_end(&self.text, cursor.at) else {
            return;
        };
        let mut after = Cursor { at: end, ..*cursor };
        self.skip_space(&mut after);
        if self.byte(after.at) != Some(b':') {
            return;
        }
        if let Some(tokens) = sink {
            let key = self.slice(cursor.at..end);
            let shown = prefix(key, CHUNK);
            tokens.push((Token::Key, readable(shown)));
            if shown.len() < key.len() {
                tokens.push((Token::Punctuation, SafeText::new("…")));
            }
            tokens.push((Token::Punctuation, SafeText::new(": ")));
        }
        cursor.at = after.at + 1;
        self.skip_space(cursor);
    }

    /// A string literal from the cursor on, as much of it as a line takes.
    fn string_part<'d>(&'d self, cursor: &mut Cursor, end: usize, sink: &mut Sink<'_, 'd>) {
        let starts = cursor.mode == Mode::Json;
        let rest = self.slice(cursor.at..end);
        if starts && self.elide && is_base64(rest) {
            if let Some(tokens) = sink {
                let size = format::bytes(rest.len() as u64 / 4 * 3);
                tokens.push((Token::Elided, SafeText::from_string(format!("<base64, {size}>"))));
            }
            cursor.at = end;
        } else {
            let part = if rest.len() <= CHUNK + CHUNK / 4 { rest } else { whole_escapes(rest, CHUNK) };
            if let Some(tokens) = sink {
                tokens.push((Token::String, readable(part)));
            }
            cursor.at += part.len();
        }
        if cursor.at < end {
            cursor.mode = Mode::String(end);
        } else {
            cursor.mode = Mode::Json;
            self.comma(cursor, sink);
        }
    }

    fn scalar<'d>(&'d self, cursor: &mut Cursor, sink: &mut Sink<'_, 'd>) {
        let rest = self.text.as_bytes().get(cursor.at..).unwrap_or_default();
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let word = self.slice(cursor.at..cursor.at + rest.iter().take_while(is_part).count());
        let token = match word {
            "true" | "false" | "null" => Token::Literal,
            "NaN" | "Infinity" | "-Infinity" => Token::Number,
            _ if word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Token::Number,
            _ => return self.start_raw(cursor, sink),
        };
        if let Some(tokens) = sink {
            let shown = prefix(word, CHUNK);
            tokens.push((token, SafeText::new(shown)));
            if shown.len() < word.len() {
                tokens.push((Token::Punctuation, SafeText::new("…")));
            }
        }
        cursor.at += word.len();
        self.comma(cursor, sink);
    }

    fn start_raw<'d>(&'d self, cursor: &mut Cursor, sink: &mut Sink<'_, 'd>) {
        cursor.mode = Mode::Raw;
        // There is something to show, so there is a line.
        let _ = self.raw(cursor, sink);
    }

    fn raw<'d>(&'d self, cursor: &mut Cursor, sink: &mut Sink<'_, 'd>) -> Option<()> {
        let rest = self.slice(cursor.at..self.text.len());
        if rest.is_empty() {
            return None;
        }
        let bounded = prefix(rest, CHUNK);
        let newline = memchr(b'\n', bounded.as_bytes());
        let line = bounded.get(..newline.unwrap_or(bounded.len()))?;
        if let Some(tokens) = sink {
            tokens.push((Token::Raw, SafeText::new(line.strip_suffix('\r').unwrap_or(line))));
        }
        cursor.at += line.len() + usize::from(newline.is_some());
        Some(())
    }

    /// The punctuation mark at the cursor.
    fn punctuation<'d>(&'d self, cursor: &mut Cursor, sink: &mut Sink<'_, 'd>) {
        if let Some(tokens) = sink {
            tokens.push((Token::Punctuation, SafeText::new(self.slice(cursor.at..cursor.at + 1))));
        }
        cursor.at += 1;
    }

    /// A comma, if one follows.
    fn comma<'d>(&'d self, cursor: &mut Cursor, sink: &mut Sink<'_, 'd>) {
        self.skip_space(cursor);
        if cursor.depth > 0 && self.byte(cursor.at) == Some(b',') {
            self.punctuation(cursor, sink);
        }
    }

    fn skip_space(&self, cursor: &mut Cursor) {
        let rest = self.text.as_bytes().get(cursor.at..).unwrap_or_default();
        cursor.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or("")
    }
}

/// Whether a string literal holds nothing but a lot of base64, perhaps as a data URL.
fn is_base64(literal: &str) -> bool {
    let inner = literal.trim_matches('"');
    if inner.len() < ELIDE {
        return false;
    }
    let data = match inner.strip_prefix("data:") {
        Some(url) => prefix(url, 256).split_once(";base64,").and_then(|(kind, _)| url.get(kind.len() + 8..)),
        None => Some(inner),
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    data.is_some_and(|data| data.bytes().all(is_part))
}

/// The start of a string literal, about `bytes` long, that ends between two escapes.
fn whole_escapes(text: &str, bytes: usize) -> &str {
    let part = prefix(text, bytes);
    // Backslashes come in runs; only the last run can be cut, or be an escape whose digits are.
    let Some(last) = memchr::memrchr(b'\\', part.as_bytes()) else {
        return part;
    };
    let run = part.get(..=last).unwrap_or("");
    let slashes = run.len() - run.trim_end_matches('\\').len();
    let cut = slashes % 2 == 1 && last + 6 > part.len();
    // A pair of surrogates stays together.
    let pair = slashes % 2 == 1
        && part.get(last + 1..last + 3).is_some_and(|start| start.eq_ignore_ascii_case("ud"));
    if (cut || (pair && last + 12 > part.len())) && last > 0 { prefix(text, last) } else { part }
}

/// A string literal with `\uXXXX` shown as the character, unless that wouldn't be seen as such.
fn readable(literal: &str) -> SafeText<'_> {
    if memchr::memmem::find(literal.as_bytes(), b"\\u").is_none() {
        return SafeText::new(literal);
    }
    let mut text = String::with_capacity(literal.len());
    let mut done = 0;
    for at in memchr_iter(b'\\', literal.as_bytes()) {
        if at < done {
            continue;
        }
        text.push_str(literal.get(done..at).unwrap_or(""));
        let shown = [6, 12].iter().find_map(|&length| {
            let escape = literal.get(at..at + length).filter(|escape| escape.starts_with("\\u"))?;
            let mut chars = match unquote(escape) {
                Cow::Owned(text) => text.chars().collect::<Vec<_>>().into_iter(),
                Cow::Borrowed(_) => return None,
            };
            let c = chars.next()?;
            let plain = c != char::REPLACEMENT_CHARACTER && !matches!(c, '"' | '\\') && !is_hidden(c);
            (plain && chars.next().is_none()).then_some((c, length))
        });
        if let Some((c, length)) = shown {
            text.push(c);
            done = at + length;
        } else {
            // The escape and what it escapes, which may be a backslash.
            let next = literal.get(at + 1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            text.push_str(literal.get(at..at + 1 + next).unwrap_or("\\"));
            done = at + 1 + next;
        }
    }
    text.push_str(literal.get(done..).unwrap_or(""));
    SafeText::from_string(text)
}
