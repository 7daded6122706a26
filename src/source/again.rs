//! Reading the records of one trace a second time, from where they are known to lie.

use std::cell::RefCell;
use std::fs::File;

use super::SourceError;
use super::batches::Batches;
use super::catalog::read_at;
use super::file::Frame;
use super::sqlite::{self, TablePlace};
use crate::format::{LineFormat, Stream};
use crate::model::{Batch, Id, RecordRange, UnixNanos};

/// Bytes decoded at a time.
const PART: u64 = 1 << 20;

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

/// Decodes the lines of a range.
pub(super) fn lines(
    file: &File,
    format: &LineFormat,
    stream: &Stream,
    range: &RecordRange,
    arrived: UnixNanos,
    kept: &mut Kept,
) -> Result<(), SourceError> {
    let mut decoder = (format.decoder)(stream);
    let mut frame = Frame::new(range.segment, range.from);
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

/// Decodes the rows of a range.
pub(super) fn rows(place: &TablePlace, range: &RecordRange, kept: &mut Kept) -> Result<(), SourceError> {
    sqlite::read_range(place, range, &mut |batch| kept.take(batch))
        .map_err(|fault| SourceError::Database(fault.to_string()))
}
