//! Reading the records of one trace a second time, from where they are known to lie.

use std::cell::RefCell;
use std::fs::File;

use super::SourceError;
use super::batches::Batches;
use super::catalog::read_at;
use super::file::{Framer, MAX_LINE};
use super::sqlite::{self, TablePlace};
use crate::format::{Dialect, Framing, MAX_DOCUMENT, Stream};
use crate::model::{Batch, Id, RecordRange, UnixNanos};

/// Bytes decoded at a time.
const PART: u64 = 1 << 20;
/// Bytes in which the end of a line is looked for at a time.
const STEP: u64 = 64 << 10;

/// What is read and belongs to the trace. Problems are left out: they were counted the first time.
pub(super) struct Kept {
    trace: Id,
    batch: RefCell<Batch>,
}

impl Kept {
    pub(super) fn new(trace: Id) -> Self {
        Self { trace, batch: RefCell::default() }
    }

    pub(super) fn take(&self, read: &Batch) {
        for update in read.updates.iter().filter(|update| update.trace == self.trace) {
            let own = update.remap(|symbol| self.batch.borrow_mut().intern(read.strings.get(symbol)));
            self.batch.borrow_mut().push(own);
        }
    }

    pub(super) fn into_batch(self) -> Batch {
        self.batch.into_inner()
    }
}

/// Decodes the lines of a range. A line may hold several records: those at the ends of the range are read whole, as far
/// as `limit`.
pub(super) fn lines(
    file: &File,
    dialect: &Dialect,
    stream: &Stream,
    range: &RecordRange,
    limit: u64,
    arrived: UnixNanos,
    kept: &mut Kept,
) -> Result<(), SourceError> {
    let range = &match dialect.framing {
        // Where one of these begins shows only from the beginning of the file.
        Framing::Documents => RecordRange { from: 0, to: document_end(file, range, limit)?, ..*range },
        // What these lines mean depends on lines before them, of other traces too.
        _ if !dialect.has_independent_lines() => {
            RecordRange { from: 0, to: line_end(file, range.to, limit)?, ..*range }
        }
        _ => RecordRange {
            from: line_start(file, range.from)?,
            to: line_end(file, range.to, limit)?,
            segment: range.segment,
        },
    };
    let mut decoder = dialect.decoder(stream);
    let mut frame = Framer::new(dialect.framing, range.segment, range.from);
    let mut buffer = vec![0; PART.min(range.to - range.from) as usize];
    let mut at = range.from;
    while at < range.to {
        let wanted = (range.to - at).min(PART) as usize;
        let read = read_at(file, &mut buffer[..wanted], at).map_err(SourceError::Read)?;
        if read < wanted {
            return Err(SourceError::Gone);
        }
        let mut out = Batches::default();
        frame.feed(&buffer[..read], at, decoder.as_mut(), arrived, &mut out);
        at += read as u64;
        if at >= range.to {
            // The last line's own end lies behind the range.
            frame.feed(b"\n", at, decoder.as_mut(), arrived, &mut out);
            decoder.finish(out.open());
        }
        for batch in out.take() {
            kept.take(&batch);
        }
    }
    Ok(())
}

/// Where the line begins that holds the byte at an offset. No line that was kept is longer than a record may be.
fn line_start(file: &File, at: u64) -> Result<u64, SourceError> {
    let mut buffer = vec![0; STEP as usize];
    let lowest = at.saturating_sub(MAX_LINE as u64);
    let mut to = at;
    // Nearly always the byte before ends a line.
    let mut step = 1;
    while to > lowest {
        let from = to.saturating_sub(step).max(lowest);
        let part = buffer.get_mut(..(to - from) as usize).unwrap_or_default();
        if read_at(file, part, from).map_err(SourceError::Read)? < part.len() {
            return Err(SourceError::Gone);
        }
        if let Some(end) = memchr::memrchr(b'\n', part) {
            return Ok(from + end as u64 + 1);
        }
        (to, step) = (from, STEP);
    }
    Ok(if lowest == 0 { 0 } else { at })
}

/// Where the line ends that holds the byte before an offset.
fn line_end(file: &File, at: u64, limit: u64) -> Result<u64, SourceError> {
    let mut buffer = vec![0; STEP as usize];
    let mut from = at;
    let highest = at.saturating_add(MAX_LINE as u64).min(limit);
    while from < highest {
        let wanted = (highest - from).min(if from == at { 1 } else { STEP }) as usize;
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        let read = read_at(file, part, from).map_err(SourceError::Read)?;
        if let Some(end) = memchr::memchr(b'\n', part.get(..read).unwrap_or_default()) {
            return Ok(from + end as u64);
        }
        from += read as u64;
        if read < wanted {
            return Ok(from);
        }
    }
    Ok(from.max(at))
}

/// Where all records of a range have surely ended: a part of an object may be a record of its own.
fn document_end(file: &File, range: &RecordRange, limit: u64) -> Result<u64, SourceError> {
    let size = file.metadata().map_err(SourceError::Read)?.len().min(limit);
    Ok(range.to.saturating_add(MAX_DOCUMENT as u64).min(size).max(range.to))
}

/// Decodes the rows of a range.
pub(super) fn rows(place: &TablePlace, range: &RecordRange, kept: &mut Kept) -> Result<(), SourceError> {
    sqlite::read_range(place, range, &mut |batch| kept.take(batch))
        .map_err(|fault| SourceError::Database(fault.to_string()))
}
