//! Requests of the `LangSmith` client as somebody kept them, one on a line: the body as text or as JSON, in one of the
//! shapes in which the client sends runs.
//!
//! The newest sends `multipart/form-data` with a part per run (`post.ID`, `patch.ID`) and parts for its large fields
//! (`post.ID.inputs`), which follow it. A run's payload is the range of the line with its parts, in which [`run_at`]
//! finds it again.

use std::ops::Range;

use serde_json::{Map, Value as Json};

use super::as_run;
use crate::format::json::{Fault, Reader, Value};

/// How deep a body may lie in a record.
const MAX_DEPTH: usize = 5;
/// What a part with a run's fields begins with, as it stands in a string of JSON.
const PARTS: [&str; 2] = ["; name=\\\"post.", "; name=\\\"patch."];
/// Members that may hold the content of a part.
const CONTENTS: [&str; 7] = ["body", "data", "value", "content", "json", "payload", "text"];

/// Takes a run and where in the text it stands.
type Each<'e> = dyn FnMut(&Map<String, Json>, Range<usize>) + 'e;

/// Whether a text, which may be cut, is a request with parts.
pub(super) fn has_parts(text: &str) -> bool {
    PARTS.iter().any(|part| memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some())
}

/// Gives each run of a record that is a request.
pub(super) fn each_run(text: &str, each: &mut Each<'_>) {
    let mut runs = Runs { group: None, each };
    // What is no JSON further on has no runs there.
    let _: Result<(), Fault> = runs.value(&mut Reader::new(text), MAX_DEPTH);
    runs.flush();
}

/// The run of a range that [`each_run`] gave.
pub(super) fn run_at(text: &str) -> Option<Map<String, Json>> {
    let shapes = if text.starts_with("; name=") {
        [format!("\"{text}\""), String::new()]
    } else {
        // A run or its parts, or members of an object.
        [format!("[{text}]"), format!("{{{text}}}")]
    };
    shapes.into_iter().find_map(|text| {
        let mut first = None;
        each_run(&text, &mut |run, _| {
            first.get_or_insert_with(|| run.clone());
        });
        first
    })
}

/// `post.ID` or `post.ID.inputs`: the run's name (with the verb) and the field.
fn part(name: &str) -> Option<(&str, &str)> {
    let id = name.strip_prefix("post.").or_else(|| name.strip_prefix("patch."))?;
    let (id, field) = id.split_once('.').unwrap_or((id, ""));
    let name = name.get(..name.len() - field.len()).unwrap_or(name).trim_end_matches('.');
    (id.len() >= 32).then_some((name, field))
}

struct Group {
    name: String,
    run: Map<String, Json>,
    at: Range<usize>,
}

struct Runs<'e, 'f> {
    group: Option<Group>,
    each: &'e mut Each<'f>,
}

impl Runs<'_, '_> {
    fn flush(&mut self) {
        let Some(mut group) = self.group.take() else { return };
        let id = group.name.split_once('.').map_or("", |(_, id)| id);
        if !group.run.contains_key("id") {
            group.run.insert("id".to_owned(), id.into());
        }
        (self.each)(&group.run, group.at);
    }

    fn part(&mut self, name: &str, content: Json, at: Range<usize>) {
        let Some((run, field)) = part(name) else { return };
        if self.group.as_ref().is_none_or(|group| group.name != run) {
            self.flush();
        }
        let group =
            self.group.get_or_insert_with(|| Group { name: run.to_owned(), run: Map::new(), at: at.clone() });
        group.at.end = at.end;
        match (field, content) {
            ("", Json::Object(fields)) => {
                for (name, value) in fields {
                    group.run.entry(name).or_insert(value);
                }
            }
            ("", _) => {}
            (field, content) => {
                group.run.insert(field.to_owned(), content);
            }
        }
    }

    fn value(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), Fault> {
        if depth == 0 {
            return reader.skip();
        }
        match reader.peek() {
            Some(b'{') => self.object(reader, depth),
            Some(b'[') => self.array(reader, depth),
            Some(b'"') => self.string(reader, depth),
            _ => reader.skip(),
        }
    }

    fn object(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), Fault> {
        let from = reader.offset();
        let mut whole = reader.clone();
        let text = whole.raw()?;
        if is_run(text)? {
            let parsed: Json = serde_json::from_str(text).unwrap_or_default();
            if let Some(run) = as_run(&parsed) {
                self.flush();
                (self.each)(run, from..from + text.len());
            }
            *reader = whole;
            return Ok(());
        }
        if let Some((name, content)) = named_part(text)? {
            self.part(&name, content, from..from + text.len());
            *reader = whole;
            return Ok(());
        }
        reader.enter_object()?;
        loop {
            let comma = usize::from(reader.peek() == Some(b','));
            let from = reader.offset() + comma;
            let Some(key) = reader.next_key()? else { return Ok(()) };
            if part(&key).is_none() {
                self.value(reader, depth - 1)?;
                continue;
            }
            let content = content(reader.raw()?);
            let to = reader.offset();
            self.part(&key, content, from..to);
        }
    }

    fn array(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), Fault> {
        let from = reader.offset();
        let mut pair = reader.clone();
        // A pair of a part's name and its content.
        pair.enter_array()?;
        if pair.next_item()?
            && pair.peek() == Some(b'"')
            && let Value::Text(name) = pair.value()?
            && part(&name).is_some()
            && pair.next_item()?
        {
            let content = content(pair.raw()?);
            let len = reader.raw()?.len();
            self.part(&name, content, from..from + len);
            return Ok(());
        }
        reader.enter_array()?;
        while reader.next_item()? {
            self.value(reader, depth - 1)?;
        }
        Ok(())
    }

    fn string(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), Fault> {
        let from = reader.offset();
        let raw = reader.raw()?;
        if has_parts(raw) {
            self.body(raw, from);
            return Ok(());
        }
        // A body of JSON as text.
        if raw.starts_with("\"{")
            && (raw.contains("\\\"dotted_order\\\"") || raw.contains("\\\"trace_id\\\""))
        {
            let text: String = serde_json::from_str(raw).unwrap_or_default();
            let each = &mut *self.each;
            let mut inner = Runs { group: None, each: &mut |run, _| each(run, from..from + raw.len()) };
            let _: Result<(), Fault> = inner.value(&mut Reader::new(&text), depth - 1);
            inner.flush();
        }
        Ok(())
    }

    /// A body of parts: from the name of each to that of the next.
    fn body(&mut self, raw: &str, from: usize) {
        let raw = raw.strip_suffix('"').unwrap_or(raw);
        let mut starts: Vec<usize> = PARTS
            .iter()
            .flat_map(|part| memchr::memmem::find_iter(raw.as_bytes(), part.as_bytes()))
            .collect();
        starts.sort_unstable();
        let ends = starts.iter().skip(1).copied().chain([raw.len()]);
        for (start, end) in starts.iter().copied().zip(ends) {
            let Some(text) = raw.get(start..end) else { continue };
            let text: String = serde_json::from_str(&format!("\"{text}\"")).unwrap_or_default();
            let Some((name, rest)) = text.strip_prefix("; name=\"").and_then(|text| text.split_once('"'))
            else {
                continue;
            };
            let body = rest.split_once("\r\n\r\n").or_else(|| rest.split_once("\n\n"));
            let Some((_, body)) = body else { continue };
            // What follows is the next boundary.
            let mut values = serde_json::Deserializer::from_str(body).into_iter::<Json>();
            let content = values.next().and_then(Result::ok).unwrap_or_default();
            self.part(name, content, from + start..from + end);
        }
    }
}

/// Whether an object has a run's ids.
fn is_run(text: &str) -> Result<bool, Fault> {
    let mut reader = Reader::new(text);
    let (mut id, mut place) = (false, false);
    reader.enter_object()?;
    while let Some(key) = reader.next_key()? {
        id |= key == "id";
        place |= key == "trace_id" || key == "dotted_order";
        reader.skip()?;
    }
    Ok(id && place)
}

/// A part as an object of its name and content.
fn named_part(text: &str) -> Result<Option<(String, Json)>, Fault> {
    let mut reader = Reader::new(text);
    let (mut name, mut found): (Option<String>, Option<(usize, &str)>) = (None, None);
    reader.enter_object()?;
    while let Some(key) = reader.next_key()? {
        if key == "name" && reader.peek() == Some(b'"') {
            let Value::Text(text) = reader.value()? else { continue };
            if part(&text).is_none() {
                return Ok(None);
            }
            name = Some(text.into_owned());
            continue;
        }
        let raw = reader.raw()?;
        let rank = CONTENTS.iter().position(|known| *known == key);
        if let Some(rank) = rank
            && found.is_none_or(|(best, _)| rank < best)
        {
            found = Some((rank, raw));
        }
    }
    Ok(name.zip(found).map(|(name, (_, raw))| (name, content(raw))))
}

/// JSON, or a text that is JSON.
fn content(raw: &str) -> Json {
    match serde_json::from_str(raw).unwrap_or_default() {
        Json::String(text) => serde_json::from_str(&text).unwrap_or(Json::String(text)),
        value => value,
    }
}
