//! Where a record within a line is.

use crate::format::Line;
use crate::format::json::LineText;
use crate::model::{PayloadRef, Stamp};

/// The bytes of a line behind its text, for giving each span of the line a place of its own.
pub(super) struct Places<'l> {
    line: Line<'l>,
    dropped: usize,
    /// Where bytes were replaced: offset behind it in the text, bytes that the text has more by then.
    repairs: Vec<(usize, i64)>,
}

impl<'l> Places<'l> {
    pub(super) fn new(line: &Line<'l>, text: &LineText<'_>) -> Self {
        let mut repairs = Vec::new();
        if text.repaired {
            let (mut at, mut more) = (0usize, 0i64);
            for chunk in line.bytes.get(text.dropped..).unwrap_or_default().utf8_chunks() {
                at += chunk.valid().len();
                if !chunk.invalid().is_empty() {
                    at += char::REPLACEMENT_CHARACTER.len_utf8();
                    more += char::REPLACEMENT_CHARACTER.len_utf8() as i64 - chunk.invalid().len() as i64;
                    repairs.push((at, more));
                }
            }
        }
        Self { line: *line, dropped: text.dropped, repairs }
    }

    /// The line.
    pub(super) fn line(&self) -> &Line<'l> {
        &self.line
    }

    /// What lies between two offsets of the text.
    pub(super) fn part(&self, from: usize, to: usize) -> (PayloadRef, Stamp) {
        let (from, to) = (self.byte(from), self.byte(to));
        let mut at = self.line.at;
        at.pos = at.pos.saturating_add(from as u64);
        at.len = u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX);
        (at, Stamp(self.line.stamp.0.saturating_add(from as u64)))
    }

    fn byte(&self, offset: usize) -> usize {
        let before = self.repairs.partition_point(|(at, _)| *at <= offset);
        let more = before.checked_sub(1).and_then(|last| self.repairs.get(last)).map_or(0, |(_, more)| *more);
        let byte = (offset as i64 - more).max(0) as usize;
        self.dropped + byte
    }
}
