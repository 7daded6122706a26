//! JSON objects over any number of lines: the elements of an array, one pretty-printed object, or several back to back.
//!
//! Brackets and commas between objects are stepped over, so an array that is cut, continued or begun again needs no
//! care. The scanner balances brackets outside of strings and keeps an eye on the grammar, without recursion and with a
//! fixed amount of state: an object that was torn is given up where the next one evidently begins.

use memchr::{memchr2, memchr3};

use crate::format::json::{Fault, LineText, Reader};
use crate::model::Reason;

/// Longest object that is kept, bytes.
pub const MAX_DOCUMENT: usize = 64 << 20;
/// Nesting of which the kinds of brackets are known; deeper no decoder reads.
const KINDS: u32 = 128;
/// Room that is kept for the beginning of an object, bytes.
const KEPT: usize = 1 << 20;

/// What the scanner found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// An object and its offset. Its brackets are balanced; whether it is JSON is for its decoder to say.
    Object(u64, &'a [u8]),
    /// Something that is none: why, its offset, its length, and how it begins.
    Damage(Reason, u64, u64, &'a [u8]),
}

/// What came last outside of strings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Open,
    Comma,
    Colon,
    Value,
}

/// See the module.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a state of its own of a scanner that goes by bytes"
)]
pub struct Documents {
    /// The beginning of an object whose end has not come yet.
    partial: Vec<u8>,
    /// Where the object begins that is being read.
    start: u64,
    depth: u32,
    /// A bit for each open bracket, the innermost lowest: 1 for an array.
    arrays: u128,
    last: Last,
    in_string: bool,
    escaped: bool,
    /// Only blanks so far on this line, and how many.
    at_line_start: bool,
    indent: u32,
    /// Indentation of the line on which the object begins.
    start_indent: u32,
    /// Whether a line of the object was indented deeper than that.
    indented: bool,
    /// The object is too long and not kept.
    skipping: bool,
    /// Inside something between objects that is none.
    stray: bool,
}

impl Default for Documents {
    fn default() -> Self {
        Self {
            partial: Vec::new(),
            start: 0,
            depth: 0,
            arrays: 0,
            last: Last::Value,
            in_string: false,
            escaped: false,
            at_line_start: true,
            indent: 0,
            start_indent: 0,
            indented: false,
            skipping: false,
            stray: false,
        }
    }
}

impl Documents {
    /// Takes the bytes at an offset.
    pub fn feed(&mut self, bytes: &[u8], offset: u64, mut each: impl FnMut(Piece<'_>)) {
        let mut at = 0;
        // Where the object that is being read begins or goes on in these bytes.
        let mut from = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.in_string {
                at = self.string(bytes, at);
                continue;
            }
            let line_start = self.at_line_start;
            match byte {
                b'\n' => {
                    (self.at_line_start, self.indent, self.stray) = (true, 0, false);
                }
                b' ' | b'\t' => self.indent += u32::from(self.at_line_start),
                b'\r' => {}
                b'{' => {
                    if self.depth > 0 && self.begins_anew(line_start) {
                        self.give_up(bytes.get(from..at).unwrap_or_default(), offset + at as u64, &mut each);
                    }
                    if self.depth == 0 {
                        (self.start, from) = (offset + at as u64, at);
                        (self.start_indent, self.indented) = (self.indent, false);
                        (self.skipping, self.stray) = (false, false);
                    }
                    self.open(false);
                }
                b'}' if self.depth > 0 => {
                    self.close_object();
                    if self.depth == 0 {
                        self.end(bytes.get(from..=at).unwrap_or_default(), &mut each);
                    }
                }
                b'[' if self.depth > 0 => self.open(true),
                b']' if self.depth > 0 => {
                    if self.innermost_is_array() != Some(false) {
                        self.close();
                    }
                    self.last = Last::Value;
                }
                b',' => self.last = Last::Comma,
                b':' => self.last = Last::Colon,
                b'"' => {
                    if self.depth == 0 {
                        self.note_stray(bytes, at, offset, &mut each);
                    }
                    self.in_string = true;
                    self.last = Last::Value;
                }
                // Between objects: brackets of arrays, zeros of files that were cut, marks of encodings and sequences.
                b'[' | b']' | 0 | 0x1e | 0xef | 0xbb | 0xbf if self.depth == 0 => {}
                _ => {
                    if self.depth == 0 {
                        self.note_stray(bytes, at, offset, &mut each);
                    }
                    self.last = Last::Value;
                }
            }
            if !matches!(byte, b'\n' | b' ' | b'\t' | b'\r') {
                if line_start && self.depth > 0 && self.indent > self.start_indent {
                    self.indented = true;
                }
                self.at_line_start = false;
            }
            at += 1;
        }
        if self.depth > 0 {
            self.keep(bytes.get(from..).unwrap_or_default(), &mut each);
        }
    }

    /// Says that nothing follows: an object without its end is counted.
    pub fn finish(&mut self, mut each: impl FnMut(Piece<'_>)) {
        if self.depth > 0 && !self.skipping {
            let len = self.partial.len() as u64;
            each(Piece::Damage(Reason::IncompleteLastLine, self.start, len, &self.partial));
        }
        *self = Self::default();
    }

    /// Passes over the inside of a string. A raw line end is not in one: then a quote is missing.
    fn string(&mut self, bytes: &[u8], mut at: usize) -> usize {
        if std::mem::take(&mut self.escaped) && bytes.get(at) != Some(&b'\n') {
            at += 1;
        }
        while let Some(found) = memchr3(b'"', b'\\', b'\n', bytes.get(at..).unwrap_or_default()) {
            at += found;
            match bytes.get(at) {
                Some(b'\\') if at + 1 >= bytes.len() => {
                    self.escaped = true;
                    return bytes.len();
                }
                Some(b'\\') if bytes.get(at + 1) != Some(&b'\n') => at += 2,
                Some(b'\\') => at += 1,
                found => {
                    self.in_string = false;
                    // The line end itself is looked at outside.
                    return if found == Some(&b'"') { at + 1 } else { at };
                }
            }
        }
        bytes.len()
    }

    /// Whether a `{` inside an object is the beginning of the next one, because this one was torn.
    fn begins_anew(&self, line_start: bool) -> bool {
        let Some(in_array) = self.innermost_is_array() else { return false };
        let fits =
            if in_array { matches!(self.last, Last::Open | Last::Comma) } else { self.last == Last::Colon };
        if !fits {
            return line_start || (self.last == Last::Comma && !in_array);
        }
        // Printers break lines before the elements of an array only, and indent these unless they indent nothing.
        line_start && self.indent <= self.start_indent && (self.indented || !in_array)
    }

    fn give_up(&mut self, rest: &[u8], end: u64, each: &mut impl FnMut(Piece<'_>)) {
        if !self.skipping {
            let excerpt = if self.partial.is_empty() { rest } else { &self.partial };
            each(Piece::Damage(Reason::InvalidJson, self.start, end.saturating_sub(self.start), excerpt));
        }
        self.reset();
    }

    fn end(&mut self, rest: &[u8], each: &mut impl FnMut(Piece<'_>)) {
        if self.partial.is_empty() {
            if !self.skipping {
                self.whole(rest, each);
            }
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(rest);
            self.whole(&whole, each);
            // Keeps the room for the next one, but not for ever what a giant needed.
            if whole.capacity() <= KEPT {
                self.partial = whole;
            }
        }
        self.reset();
    }

    fn whole(&self, object: &[u8], each: &mut impl FnMut(Piece<'_>)) {
        if object.len() > MAX_DOCUMENT {
            each(Piece::Damage(Reason::LineTooLong, self.start, object.len() as u64, object));
        } else {
            each(Piece::Object(self.start, object));
        }
    }

    fn keep(&mut self, rest: &[u8], each: &mut impl FnMut(Piece<'_>)) {
        if self.skipping {
            return;
        }
        let len = self.partial.len().saturating_add(rest.len());
        if len > MAX_DOCUMENT {
            let excerpt = if self.partial.is_empty() { rest } else { &self.partial };
            each(Piece::Damage(Reason::LineTooLong, self.start, len as u64, excerpt));
            self.skipping = true;
            self.partial = Vec::new();
            return;
        }
        self.partial.extend_from_slice(rest);
    }

    fn reset(&mut self) {
        self.partial.clear();
        (self.depth, self.arrays, self.skipping, self.last) = (0, 0, false, Last::Value);
    }

    fn note_stray(&mut self, bytes: &[u8], at: usize, offset: u64, each: &mut impl FnMut(Piece<'_>)) {
        if !std::mem::replace(&mut self.stray, true) {
            let rest = bytes.get(at..).unwrap_or_default();
            let end = memchr2(b'\n', b'{', rest).unwrap_or(rest.len());
            let rest = rest.get(..end).unwrap_or_default();
            each(Piece::Damage(Reason::InvalidJson, offset + at as u64, rest.len() as u64, rest));
        }
    }

    fn innermost_is_array(&self) -> Option<bool> {
        (self.depth > 0 && self.depth <= KINDS).then_some(self.arrays & 1 == 1)
    }

    fn open(&mut self, array: bool) {
        if self.depth < KINDS {
            self.arrays = self.arrays << 1 | u128::from(array);
        }
        self.depth = self.depth.saturating_add(1);
        self.last = Last::Open;
    }

    fn close(&mut self) {
        if self.depth <= KINDS {
            self.arrays >>= 1;
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// Closes the innermost object, and arrays in it that were not closed.
    fn close_object(&mut self) {
        while self.innermost_is_array() == Some(true) {
            self.close();
        }
        self.close();
        self.last = Last::Value;
    }
}

/// Whether a text is an array of objects, or an object over several lines.
pub(in crate::format) fn looks_like_documents(bytes: &[u8]) -> bool {
    let text = LineText::new(bytes);
    let mut reader = Reader::new(&text.text);
    match reader.peek() {
        Some(b'[') => {
            reader.enter_array().is_ok() && reader.next_item() == Ok(true) && reader.peek() == Some(b'{')
        }
        Some(b'{') => {
            let first = text.text.lines().next().unwrap_or_default();
            // A whole line, a line that is longer than all there is, and a line that was torn are none.
            let mut line = Reader::new(first);
            if first.len() == text.text.len() || line.skip() != Err(Fault::Incomplete) {
                return false;
            }
            match reader.skip() {
                // As far as there is something, all is well.
                Ok(()) | Err(Fault::Incomplete) => true,
                Err(_) => false,
            }
        }
        _ => false,
    }
}

/// Whether the bytes are the beginning of such a text and its first object has no end yet.
pub fn is_cut_document(bytes: &[u8]) -> bool {
    if !looks_like_documents(bytes) {
        return false;
    }
    let mut any = false;
    Documents::default().feed(bytes, 0, |_| any = true);
    !any
}

/// The objects at the beginning of a file, each on a line.
pub(super) fn sample(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut scanner = Documents::default();
    let line = |object: &[u8], out: &mut Vec<u8>| {
        let begin = out.len();
        out.extend_from_slice(object);
        // Line ends stand only between the tokens of JSON.
        out.iter_mut().skip(begin).filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        out.push(b'\n');
    };
    scanner.feed(bytes, 0, |piece| {
        if let Piece::Object(_, object) = piece {
            line(object, &mut out);
        }
    });
    if scanner.depth > 0 {
        let closed = closed(&scanner.partial);
        line(&closed, &mut out);
    }
    out
}

/// Where the string ends whose inside begins at an offset.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// A cut object up to its last whole member, with its brackets closed.
fn closed(bytes: &[u8]) -> Vec<u8> {
    let mut brackets: Vec<u8> = Vec::new();
    let (mut safe, mut at) = ((0, Vec::new()), 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let Some(end) = string_end(bytes, at + 1) else { break };
                at = end;
            }
            b'{' | b'[' => {
                brackets.push(if byte == b'{' { b'}' } else { b']' });
                safe = (at + 1, brackets.clone());
                if brackets.len() > KINDS as usize {
                    break;
                }
            }
            b'}' | b']' => {
                brackets.pop();
                safe = (at + 1, brackets.clone());
            }
            b',' => safe = (at, brackets.clone()),
            _ => {}
        }
        at += 1;
    }
    let (end, brackets) = safe;
    let mut out = bytes.get(..end).unwrap_or_default().to_vec();
    out.extend(brackets.iter().rev());
    out
}
