//! `SQLite`'s binary JSON (JSONB), as `LibSQL` stores of Mastra hold it, and a common view of JSON cells.
//!
//! An element is a header and a payload. The low four bits of the first byte are its type, the high four its payload
//! size, or (12 to 15) that the size follows in 1, 2, 4 or 8 bytes, big-endian. Arrays and objects hold elements.

mod escape;
mod value;

use std::borrow::Cow;

pub(super) use value::JsonValue;

/// Deepest nesting that is followed; `SQLite` itself follows 1,000 levels.
const MAX_DEPTH: usize = 1_000;
/// Longest JSON text that is made, bytes.
const MAX_OUTPUT: usize = 64 << 20;

/// Why bytes are no JSONB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonbError {
    /// The element at this byte doesn't hold together.
    #[error("damaged JSONB at byte {0}")]
    Damaged(usize),
    /// Nested too deep.
    #[error("JSONB nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The text would be too long.
    #[error("JSONB longer than {MAX_OUTPUT} bytes as text")]
    TooLong,
}

/// The JSON text of a JSONB blob. What it returns always is valid JSON: text that is not UTF-8 and lone surrogates become
/// U+FFFD, numbers that JSON cannot say become `null`.
pub fn jsonb_to_json(blob: &[u8]) -> Result<String, JsonbError> {
    let (root, end) = element(blob, 0).ok_or(JsonbError::Damaged(0))?;
    if end != blob.len() {
        return Err(JsonbError::Damaged(end));
    }
    write_element(root)
}

/// The types of elements, by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Null,
    True,
    False,
    Int,
    Int5,
    Float,
    Float5,
    Text,
    TextJson,
    Text5,
    TextRaw,
    Array,
    Object,
}

impl Type {
    fn from_nibble(nibble: u8) -> Option<Self> {
        Some(match nibble {
            0 => Self::Null,
            1 => Self::True,
            2 => Self::False,
            3 => Self::Int,
            4 => Self::Int5,
            5 => Self::Float,
            6 => Self::Float5,
            7 => Self::Text,
            8 => Self::TextJson,
            9 => Self::Text5,
            10 => Self::TextRaw,
            11 => Self::Array,
            12 => Self::Object,
            _ => return None,
        })
    }

    fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::TextJson | Self::Text5 | Self::TextRaw)
    }
}

/// One element: its type and its payload.
#[derive(Clone, Copy, Debug)]
struct Element<'a> {
    kind: Type,
    payload: &'a [u8],
}

impl<'a> Element<'a> {
    /// The text of a text element.
    fn text(self) -> Option<Cow<'a, str>> {
        let text = String::from_utf8_lossy(self.payload);
        match self.kind {
            Type::TextJson | Type::Text5 if text.contains('\\') => Some(Cow::Owned(escape::unescape(&text))),
            kind if kind.is_text() => Some(text),
            _ => None,
        }
    }

    /// The number of a number element as JSON text.
    fn number(self) -> Option<Cow<'a, str>> {
        let text = std::str::from_utf8(self.payload).ok()?;
        match self.kind {
            Type::Int | Type::Float => escape::is_number(text).then_some(Cow::Borrowed(text)),
            Type::Int5 => escape::number_from_hex(text).map(Cow::Owned),
            Type::Float5 => escape::number_from_json5(text).map(Cow::Owned),
            _ => None,
        }
    }
}

/// The element at a position, and where the next one begins.
fn element(bytes: &[u8], at: usize) -> Option<(Element<'_>, usize)> {
    let head = *bytes.get(at)?;
    let kind = Type::from_nibble(head & 0x0F)?;
    let size_bytes = match head >> 4 {
        12 => 1,
        13 => 2,
        14 => 4,
        15 => 8,
        _ => 0,
    };
    let begin = at.checked_add(1 + size_bytes)?;
    let size = if size_bytes == 0 {
        usize::from(head >> 4)
    } else {
        let digits = bytes.get(at + 1..begin)?;
        digits.iter().try_fold(0usize, |size, &byte| size.checked_mul(256)?.checked_add(usize::from(byte)))?
    };
    let end = begin.checked_add(size)?;
    let payload = bytes.get(begin..end)?;
    if matches!(kind, Type::Null | Type::True | Type::False) && size != 0 {
        return None;
    }
    Some((Element { kind, payload }, end))
}

/// An array or object that is being written.
struct Open<'a> {
    payload: &'a [u8],
    at: usize,
    object: bool,
    written: usize,
}

fn write_element(root: Element<'_>) -> Result<String, JsonbError> {
    let mut out = String::with_capacity(root.payload.len() + root.payload.len() / 4 + 2);
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut next = Some(root);
    loop {
        if let Some(element) = next.take() {
            match element.kind {
                Type::Null => out.push_str("null"),
                Type::True => out.push_str("true"),
                Type::False => out.push_str("false"),
                Type::Array | Type::Object => {
                    if open.len() >= MAX_DEPTH {
                        return Err(JsonbError::TooDeep);
                    }
                    let object = element.kind == Type::Object;
                    out.push(if object { '{' } else { '[' });
                    open.push(Open { payload: element.payload, at: 0, object, written: 0 });
                }
                kind if kind.is_text() => escape::quote(&element.text().unwrap_or_default(), &mut out),
                _ => out.push_str(&element.number().ok_or(JsonbError::Damaged(0))?),
            }
        }
        if out.len() > MAX_OUTPUT {
            return Err(JsonbError::TooLong);
        }
        let Some(top) = open.last_mut() else { return Ok(out) };
        if top.at >= top.payload.len() {
            if top.object && top.written % 2 == 1 {
                return Err(JsonbError::Damaged(top.at));
            }
            out.push(if top.object { '}' } else { ']' });
            open.pop();
            continue;
        }
        let (child, end) = element(top.payload, top.at).ok_or(JsonbError::Damaged(top.at))?;
        let key = top.object && top.written % 2 == 0;
        if key && !child.kind.is_text() {
            return Err(JsonbError::Damaged(top.at));
        }
        if top.written > 0 {
            out.push(if top.object && !key { ':' } else { ',' });
        }
        top.at = end;
        top.written += 1;
        next = Some(child);
    }
}

#[cfg(test)]
mod tests;
