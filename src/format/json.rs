//! Reads one line of JSON piece by piece, without a tree and without allocation.
//!
//! It is as strict as RFC 8259 about structure, so that what it takes, every JSON library takes too, with three
//! exceptions that writers of the field really produce: `NaN`, `Infinity` and `-Infinity` read as null, a lone
//! surrogate escape reads as U+FFFD, and a number may be of any size. Nesting is bounded and never recursed into.

mod lanes;
mod quick;
mod text;
mod value;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::model::Reason;

pub(super) use lanes::Pattern;
use lanes::{balanced_end, plain_prefix};
pub(super) use quick::Found;
use text::Str;
pub(super) use value::Value;

/// Deepest nesting that is read, the record's own braces included.
pub(super) const MAX_DEPTH: usize = 127;

/// Why a piece of text is not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not JSON.
    Invalid,
    /// JSON that ends in the middle.
    Incomplete,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Invalid | Fault::Incomplete => Self::InvalidJson,
            Fault::TooDeep => Self::TooDeep,
        }
    }
}

/// The text of a line, ready for [`Reader`].
#[derive(Debug)]
pub(super) struct LineText<'a> {
    /// Its text; borrowed unless bytes had to be replaced.
    pub(super) text: Cow<'a, str>,
    /// Bytes dropped in front: byte order marks, record separators, zero bytes, blanks.
    pub(super) dropped: usize,
    /// Whether some of these were zero bytes.
    pub(super) nuls: bool,
    /// Whether bytes that are not UTF-8 were replaced.
    pub(super) repaired: bool,
}

impl<'a> LineText<'a> {
    /// Strips what surrounds the record and repairs its encoding.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut rest = bytes;
        let mut nuls = false;
        loop {
            rest = match rest {
                [0, tail @ ..] => {
                    nuls = true;
                    tail
                }
                [b' ' | b'\t' | b'\r' | b'\n' | 0x1e, tail @ ..] | [0xef, 0xbb, 0xbf, tail @ ..] => tail,
                _ => break,
            };
        }
        let dropped = bytes.len() - rest.len();
        while let [head @ .., b' ' | b'\t' | b'\r' | b'\n' | 0] = rest {
            rest = head;
        }
        let text = lossy(rest);
        let repaired = matches!(text, Cow::Owned(_));
        Self { text, dropped, nuls, repaired }
    }
}

/// Bytes as text; what is not UTF-8 becomes U+FFFD.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // Checking first is several times faster than repairing what needs none.
    simdutf8::basic::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Whether the bytes are whole JSON values and nothing else: for telling a last line without its end from a cut one.
pub fn is_complete_json(bytes: &[u8]) -> bool {
    let line = LineText::new(bytes);
    let mut reader = Reader::new(&line.text);
    let mut any = false;
    while reader.has_more() {
        let before = reader.clone();
        match reader.skip() {
            Ok(()) => {}
            Err(Fault::TooDeep) => {
                // Whole, though not to be read.
                reader = before;
                if !reader.skip_deep() {
                    return false;
                }
            }
            Err(_) => return false,
        }
        any = true;
    }
    any
}

/// A position in JSON text.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    fresh: bool,
    repaired_numbers: bool,
}

impl<'a> Reader<'a> {
    /// Starts before the first value of a text.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, fresh: false, repaired_numbers: false }
    }

    /// Whether anything but blanks is left.
    pub(super) fn has_more(&mut self) -> bool {
        self.peek().is_some()
    }

    /// Byte offset of the next value, comma or bracket.
    pub(super) fn offset(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Whether a `NaN` or an infinity was read as null so far.
    pub(super) fn repaired_numbers(&self) -> bool {
        self.repaired_numbers
    }

    /// The next byte that is not blank.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Goes into an object; [`Reader::next_key`] then gives its keys.
    pub(super) fn enter_object(&mut self) -> Result<(), Fault> {
        self.open(b'{')
    }

    /// Goes into an array; [`Reader::next_item`] then stops at each of its values.
    pub(super) fn enter_array(&mut self) -> Result<(), Fault> {
        self.open(b'[')
    }

    /// The next key of the object; its value comes next and has to be read or skipped. `None` leaves the object.
    pub(super) fn next_key(&mut self) -> Result<Option<Cow<'a, str>>, Fault> {
        if !self.advance(b'}')? {
            return Ok(None);
        }
        let key = self.key()?;
        Ok(Some(key.decode()))
    }

    /// Whether the array has one more value, which then comes next. `false` leaves the array.
    pub(super) fn next_item(&mut self) -> Result<bool, Fault> {
        self.advance(b']')
    }

    /// Reads the next value; of an object or array its text.
    pub(super) fn value(&mut self) -> Result<Value<'a>, Fault> {
        let byte = self.peek().ok_or(Fault::Incomplete)?;
        let start = self.at;
        Ok(match byte {
            b'"' => Value::Text(self.string()?.decode()),
            b'{' => {
                self.skip()?;
                Value::Object(self.slice(start))
            }
            b'[' => {
                self.skip()?;
                Value::Array(self.slice(start))
            }
            b't' => {
                self.word("true")?;
                Value::Bool(true)
            }
            b'f' => {
                self.word("false")?;
                Value::Bool(false)
            }
            b'0'..=b'9' => self.read_number(start)?,
            b'-' if self.text.as_bytes().get(start + 1) != Some(&b'I') => self.read_number(start)?,
            _ => {
                self.scalar(byte)?;
                Value::Null
            }
        })
    }

    /// Passes over the next value, whatever it is, and returns its text.
    pub(super) fn raw(&mut self) -> Result<&'a str, Fault> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(self.slice(start))
    }

    /// Passes over the next value, whatever it is.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        // One bit for each open bracket: 1 for an object.
        let mut objects = 0u128;
        let mut open = 0usize;
        loop {
            let byte = self.peek().ok_or(Fault::Incomplete)?;
            match byte {
                b'{' | b'[' => {
                    if self.depth + open >= MAX_DEPTH {
                        return Err(Fault::TooDeep);
                    }
                    self.at += 1;
                    let close = if byte == b'{' { b'}' } else { b']' };
                    if self.peek() == Some(close) {
                        self.at += 1;
                    } else {
                        objects = objects << 1 | u128::from(byte == b'{');
                        open += 1;
                        if byte == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ => self.scalar(byte)?,
            }
            loop {
                if open == 0 {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                match self.peek().ok_or(Fault::Incomplete)? {
                    b',' => {
                        self.at += 1;
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ => return Err(Fault::Invalid),
                }
                self.at += 1;
                objects >>= 1;
                open -= 1;
            }
        }
    }

    fn open(&mut self, bracket: u8) -> Result<(), Fault> {
        match self.peek() {
            Some(byte) if byte == bracket => {}
            Some(_) => return Err(Fault::Invalid),
            None => return Err(Fault::Incomplete),
        }
        if self.depth >= MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        self.depth += 1;
        self.fresh = true;
        Ok(())
    }

    /// Steps over the comma before the next member, or over the closing bracket (`false`).
    #[inline]
    fn advance(&mut self, close: u8) -> Result<bool, Fault> {
        let byte = self.peek().ok_or(Fault::Incomplete)?;
        let fresh = std::mem::take(&mut self.fresh);
        if byte == close {
            self.at += 1;
            self.depth = self.depth.saturating_sub(1);
            return Ok(false);
        }
        if fresh {
            return Ok(true);
        }
        if byte != b',' {
            return Err(Fault::Invalid);
        }
        self.at += 1;
        Ok(true)
    }

    #[inline]
    fn key(&mut self) -> Result<Str<'a>, Fault> {
        match self.peek().ok_or(Fault::Incomplete)? {
            b'"' => {}
            _ => return Err(Fault::Invalid),
        }
        let key = self.string()?;
        match self.peek().ok_or(Fault::Incomplete)? {
            b':' => self.at += 1,
            _ => return Err(Fault::Invalid),
        }
        Ok(key)
    }

    /// Passes over a value that is no object or array and starts with `byte`.
    fn scalar(&mut self, byte: u8) -> Result<(), Fault> {
        match byte {
            b'"' => self.string().map(drop),
            b'-' if self.text.as_bytes().get(self.at + 1) == Some(&b'I') => self.no_number("-Infinity"),
            b'0'..=b'9' | b'-' => self.number().map(drop),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'N' => self.no_number("NaN"),
            b'I' => self.no_number("Infinity"),
            _ => Err(Fault::Invalid),
        }
    }

    fn no_number(&mut self, word: &str) -> Result<(), Fault> {
        self.word(word)?;
        self.repaired_numbers = true;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else if word.as_bytes().starts_with(rest) {
            Err(Fault::Incomplete)
        } else {
            Err(Fault::Invalid)
        }
    }

    fn read_number(&mut self, start: usize) -> Result<Value<'a>, Fault> {
        let whole = self.number()?;
        let text = self.slice(start);
        if whole {
            if let Ok(number) = text.parse() {
                return Ok(Value::Unsigned(number));
            }
            if let Ok(number) = text.parse::<i64>() {
                // "-0" is the only one that is not negative.
                return Ok(if number == 0 { Value::Unsigned(0) } else { Value::Negative(number) });
            }
        }
        Ok(Value::Float(text.parse().unwrap_or(f64::INFINITY)))
    }

    /// Passes over a number and says whether it is a whole one without exponent.
    fn number(&mut self) -> Result<bool, Fault> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let digits = |from: usize| {
            bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        if bytes.get(at) == Some(&b'-') {
            at += 1;
        }
        let missing = |at: usize| if at >= bytes.len() { Fault::Incomplete } else { Fault::Invalid };
        let n = digits(at);
        if n == 0 || (n > 1 && bytes.get(at) == Some(&b'0')) {
            return Err(missing(at + n));
        }
        at += n;
        let mut whole = true;
        if bytes.get(at) == Some(&b'.') {
            let n = digits(at + 1);
            if n == 0 {
                return Err(missing(at + 1));
            }
            at += 1 + n;
            whole = false;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            at += 1;
            if let Some(b'+' | b'-') = bytes.get(at) {
                at += 1;
            }
            let n = digits(at);
            if n == 0 {
                return Err(missing(at));
            }
            at += n;
            whole = false;
        }
        self.at = at;
        Ok(whole)
    }

    #[inline]
    fn string(&mut self) -> Result<Str<'a>, Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at += plain_prefix(bytes.get(at..).unwrap_or_default());
            match bytes.get(at).ok_or(Fault::Incomplete)? {
                b'"' => {
                    self.at = at + 1;
                    return Ok(Str { raw: self.text.get(start..at).unwrap_or_default(), escaped });
                }
                b'\\' => {
                    escaped = true;
                    match bytes.get(at + 1).ok_or(Fault::Incomplete)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                        b'u' => {
                            let digits = bytes.get(at + 2..at + 6).ok_or(Fault::Incomplete)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return Err(Fault::Invalid);
                            }
                            at += 6;
                        }
                        _ => return Err(Fault::Invalid),
                    }
                }
                _ => return Err(Fault::Invalid),
            }
        }
    }

    fn slice(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }
}
