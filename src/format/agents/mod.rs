//! What coding agents write on their own: session logs of Claude Code, Codex, Gemini CLI and Qwen Code, the database of `OpenCode`.
//!
//! A session is a trace. Its root is the agent's run; below it are turns (named by what the user asked), and below these
//! model calls and tool calls side by side, because a tool runs after the call that asked for it. A subagent stands
//! below the tool call that started it. Ids are made from what the agents call things, so that a record that is read
//! twice, or in another file, is the same span.

pub(super) mod claude;
pub(super) mod codex;
mod detail;
pub(super) mod gemini;
mod names;
pub(super) mod opencode;
pub(super) mod qwen;
mod talk;

use std::hash::Hasher as _;

use rustc_hash::FxHasher;

use super::Line;
use super::json::{Fault, LineText, Reader, Value};
use super::lines::each_object;
use crate::model::{PayloadRef, Stamp, UnixNanos};

/// The place in the order of knowledge of what anything else knows better.
const WEAKEST: Stamp = Stamp(0);
/// Most entries of what a decoder remembers of one kind; a log that goes beyond that is no session.
const MAX_KNOWN: usize = 1 << 20;

/// The members of an object's text. Text that is no object has none.
fn members<'a>(object: &'a str, each: impl FnMut(&str, Value<'a>)) {
    // The line was read as a whole before, so what is inside it can only be well-formed.
    read_members(&mut Reader::new(object), each).ok();
}

/// The members of the object that comes next.
fn read_members<'a>(reader: &mut Reader<'a>, mut each: impl FnMut(&str, Value<'a>)) -> Result<(), Fault> {
    reader.enter_object()?;
    while let Some(key) = reader.next_key()? {
        let value = reader.value()?;
        each(&key, value);
    }
    Ok(())
}

/// The items of an array's text.
fn items<'a>(array: &'a str, mut each: impl FnMut(Value<'a>)) {
    let mut reader = Reader::new(array);
    if reader.enter_array().is_err() {
        return;
    }
    while let Ok(true) = reader.next_item() {
        let Ok(value) = reader.value() else { return };
        each(value);
    }
}

/// One member of an object's text.
fn member<'a>(object: &'a str, name: &str) -> Value<'a> {
    let mut found = Value::Null;
    members(object, |key, value| {
        if key == name {
            found = value;
        }
    });
    found
}

/// A string as it is, blank or not.
fn string(value: Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

/// A label that is not blank.
fn label(value: &Value<'_>) -> Option<String> {
    value.text().map(str::to_owned)
}

/// The place of a part of a line, when it is one; else that of the line.
fn part_of(line: &Line<'_>, part: &str) -> (PayloadRef, Stamp) {
    let offset = (part.as_ptr() as usize).checked_sub(line.bytes.as_ptr() as usize);
    // A line that had to be repaired was copied: its parts lie elsewhere.
    match offset.filter(|offset| offset.saturating_add(part.len()) <= line.bytes.len()) {
        Some(offset) => {
            let at = PayloadRef {
                pos: line.at.pos.saturating_add(offset as u64),
                len: u32::try_from(part.len()).unwrap_or(u32::MAX),
                ..line.at
            };
            (at, Stamp(line.stamp.0.saturating_add(offset as u64)))
        }
        None => (line.at, line.stamp),
    }
}

fn hash(parts: &[&str]) -> u64 {
    let mut hasher = FxHasher::default();
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_usize(part.len());
    }
    hasher.finish()
}

/// How many lines of a sample are objects, and of these how many `knows` takes, by their members.
fn count_known(
    sample: &super::LineSample<'_>,
    mut knows: impl FnMut(&[(String, Value<'_>)]) -> bool,
) -> (usize, usize) {
    let (mut records, mut known) = (0, 0);
    for line in sample.lines() {
        let text = LineText::new(line);
        let mut reader = Reader::new(&text.text);
        if reader.peek() != Some(b'{') {
            continue;
        }
        let mut fields = Vec::new();
        if read_members(&mut reader, |key, value| {
            if fields.len() < 64 {
                fields.push((key.to_owned(), value));
            }
        })
        .is_err()
        {
            continue;
        }
        records += 1;
        known += usize::from(knows(&fields));
    }
    (records, known)
}

/// The score of a sample of which `known` of `records` lines are of a format.
fn score(known: usize, records: usize) -> u8 {
    if known == 0 { 0 } else { (50 + 48 * known / records.max(1)) as u8 }
}

/// The members of an object, kept.
#[derive(Default)]
struct Fields<'a>(Vec<(String, Value<'a>)>);

/// Most members that are kept of one object.
const MAX_FIELDS: usize = 256;

impl<'a> Fields<'a> {
    /// Reads the object that comes next.
    fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let mut fields = Self::default();
        read_members(reader, |key, value| fields.keep(key, value))?;
        Ok(fields)
    }

    /// Reads an object inside a line.
    fn of(object: &'a str) -> Self {
        let mut fields = Self::default();
        members(object, |key, value| fields.keep(key, value));
        fields
    }

    fn keep(&mut self, key: &str, value: Value<'a>) {
        if self.0.len() < MAX_FIELDS {
            self.0.push((key.to_owned(), value));
        }
    }

    fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A text that says something; empty when there is none.
    fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::text).unwrap_or_default()
    }

    fn object(&self, name: &str) -> Option<Fields<'a>> {
        match self.get(name) {
            Some(Value::Object(object)) => Some(Fields::of(object)),
            _ => None,
        }
    }

    /// An object's text; that of an empty one when there is none.
    fn object_text(&self, name: &str) -> &'a str {
        match self.get(name) {
            Some(Value::Object(object)) => object,
            _ => "{}",
        }
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(|value| value.count().ok().flatten())
    }

    fn time(&self, name: &str) -> Option<UnixNanos> {
        self.get(name).and_then(|value| value.time().ok().flatten())
    }
}

/// The text of a cell.
fn lossy_text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    super::json::lossy(bytes)
}
