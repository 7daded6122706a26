//! The JSON objects of one line, and what to say about a line that has none.

use serde_json::{Map, Value as Json};

use super::json::{Fault, LineText, Reader};
use super::{Line, LineSample};
use crate::model::{Batch, Reason};

/// Calls `read` for each object of a line, which it must consume, and counts what is no object.
///
/// A second object on a line gets a place and a stamp of its own.
pub(super) fn each_object<'l>(
    line: &Line<'l>,
    out: &mut Batch,
    mut read: impl FnMut(&mut Reader<'_>, &Line<'l>, &mut Batch) -> Result<(), Fault>,
) {
    each_object_in(line, out, |reader, text, out| {
        // A second object on a line gets a place and a stamp of its own.
        let offset = text.dropped + reader.offset();
        let is_first = reader.offset() == 0;
        let place = if is_first || text.repaired { *line } else { line.after(offset) };
        read(reader, &place, out)
    });
}

/// The same; `read` finds out itself where in the line's text it is.
pub(super) fn each_object_in(
    line: &Line<'_>,
    out: &mut Batch,
    mut read: impl for<'t> FnMut(&mut Reader<'t>, &LineText<'_>, &mut Batch) -> Result<(), Fault>,
) {
    let text = LineText::new(line.bytes);
    if text.nuls {
        out.problem(Reason::NulBytes, Some(line.at), "zero bytes before or after the record");
    }
    let excerpt = || text.text.chars().take(80).collect::<String>();
    let mut reader = Reader::new(&text.text);
    let mut objects = 0usize;
    while let Some(byte) = reader.peek() {
        if byte != b'{' {
            let whole = reader.skip().is_ok() && !reader.has_more() && objects == 0;
            let reason = if whole { Reason::NotASpan } else { Reason::InvalidJson };
            out.problem(reason, Some(line.at), &excerpt());
            return;
        }
        if let Err(fault) = read(&mut reader, &text, out) {
            out.problem(fault.into(), Some(line.at), &excerpt());
            return;
        }
        objects += 1;
    }
    if text.repaired && objects > 0 {
        out.problem(Reason::InvalidUtf8, Some(line.at), &excerpt());
    }
}

/// Gives each item of those members of the next object that are lists of one of these names, or the object itself when
/// it has none, as text and as a line of its own place.
pub(super) fn each_part<'t>(
    reader: &mut Reader<'t>,
    text: &LineText<'_>,
    line: &Line<'_>,
    lists: &[&str],
    each: &mut dyn FnMut(&'t str, &Line<'_>),
) -> Result<(), Fault> {
    let from = reader.offset();
    let mut inside = reader.clone();
    let whole = reader.raw()?;
    let mut any = false;
    inside.enter_object()?;
    while let Some(key) = inside.next_key()? {
        if !lists.contains(&&*key) || inside.peek() != Some(b'[') {
            inside.skip()?;
            continue;
        }
        any = true;
        inside.enter_array()?;
        while inside.next_item()? {
            let from = inside.offset();
            let part = inside.raw()?;
            each(part, &line.part(text, from, part.len()));
        }
    }
    if !any {
        each(whole, &line.part(text, from, whole.len()));
    }
    Ok(())
}

/// How sure a sample makes us of a format by those of its objects that it `knows`: from 40 for a few to `most` for all.
/// Says what they are, or that there is `nothing`.
pub(super) fn sniff_objects(
    sample: &LineSample<'_>,
    most: usize,
    [what, nothing]: [&str; 2],
    mut knows: impl FnMut(&Map<String, Json>) -> bool,
) -> (u8, String) {
    let (mut known, mut records) = (0usize, 0usize);
    for line in sample.lines() {
        let text = LineText::new(line);
        let Ok(Json::Object(record)) = serde_json::from_str::<Json>(&text.text) else { continue };
        records += 1;
        known += usize::from(knows(&record));
    }
    if known == 0 {
        return (0, nothing.to_owned());
    }
    let sure = 40 + most.saturating_sub(40) * known / records.max(1);
    (sure as u8, format!("{known} of {records} records are {what}"))
}

impl<'l> Line<'l> {
    /// A part of the line's text as a line by itself.
    pub(super) fn part(&self, text: &LineText<'_>, from: usize, len: usize) -> Line<'l> {
        let mut part = *self;
        part.stamp.0 = part.stamp.0.saturating_add((text.dropped + from) as u64);
        // Where bytes were replaced, offsets are not the file's.
        if !text.repaired {
            part.at.pos = part.at.pos.saturating_add((text.dropped + from) as u64);
            part.at.len = u32::try_from(len).unwrap_or(u32::MAX);
        }
        part
    }

    /// Its first bytes: those of the object that `len` bytes of text were read for.
    pub(super) fn first(&self, len: usize) -> &'l [u8] {
        self.bytes.get(..len).unwrap_or(self.bytes)
    }

    /// The same line without its first `offset` bytes.
    pub(super) fn after(&self, offset: usize) -> Self {
        let mut rest = *self;
        rest.bytes = self.bytes.get(offset..).unwrap_or_default();
        rest.at.pos = self.at.pos.saturating_add(offset as u64);
        rest.at.len = self.at.len.saturating_sub(offset as u32);
        rest.stamp.0 = self.stamp.0.saturating_add(offset as u64);
        rest
    }
}
