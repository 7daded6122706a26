//! Where records are: the segments of all sources, shared by their threads and by whoever reads a payload.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::SourceError;
use super::sqlite::{RowDetail, TablePlace};
use crate::format::LineFormat;
use crate::model::{PayloadRef, SegmentId, SpanDetail};

/// Longest record that is read for showing, bytes.
const MAX_RECORD: u32 = 64 << 20;

/// How a segment's records are read again.
#[derive(Clone)]
enum Reader {
    /// Byte ranges of a file that stays open, so that a rotated or deleted one stays readable.
    Lines(Arc<File>, &'static LineFormat),
    /// Rows of a table.
    Rows(Arc<TablePlace>),
}

/// See the module.
#[derive(Default)]
pub struct Catalog {
    next: AtomicU32,
    segments: RwLock<BTreeMap<SegmentId, Reader>>,
}

impl Catalog {
    /// A new segment of a file.
    pub(super) fn add_file(&self, file: Arc<File>, format: &'static LineFormat) -> SegmentId {
        self.add(Reader::Lines(file, format))
    }

    /// A new segment of a table.
    pub(super) fn add_table(&self, place: &TablePlace) -> SegmentId {
        self.add(Reader::Rows(Arc::new(place.clone())))
    }

    /// Reads what records of one span say, oldest first. Records that are gone are left out as long as one can be
    /// read.
    pub fn read_detail(&self, refs: &[PayloadRef]) -> Result<SpanDetail, SourceError> {
        let mut detail = SpanDetail::default();
        let mut failure = None;
        let mut read_any = refs.is_empty();
        for payload in refs {
            match self.read_one(*payload) {
                Ok(record) => {
                    detail.merge(record);
                    read_any = true;
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if !read_any => Err(error),
            _ => Ok(detail),
        }
    }

    fn read_one(&self, payload: PayloadRef) -> Result<SpanDetail, SourceError> {
        let reader = {
            let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
            segments.get(&payload.segment).cloned().ok_or(SourceError::Gone)?
        };
        match reader {
            Reader::Lines(file, format) => {
                let mut bytes = vec![0; payload.len.min(MAX_RECORD) as usize];
                let read = read_at(&file, &mut bytes, payload.pos).map_err(SourceError::Read)?;
                bytes.truncate(read);
                if read == 0 && payload.len > 0 {
                    return Err(SourceError::Gone);
                }
                Ok((format.detail)(&bytes))
            }
            Reader::Rows(place) => RowDetail::read(&place.path, &place.plan, place.format, payload.pos)
                .map_err(|fault| SourceError::Database(fault.to_string())),
        }
    }

    fn add(&self, reader: Reader) -> SegmentId {
        let id = SegmentId(self.next.fetch_add(1, Ordering::Relaxed));
        self.segments.write().unwrap_or_else(PoisonError::into_inner).insert(id, reader);
        id
    }
}

/// Reads as many bytes as there are at an offset, up to the buffer's length. Never moves the file's cursor.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        let at = offset.saturating_add(done as u64);
        match positioned_read(file, &mut buffer[done..], at) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(unix)]
fn positioned_read(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn positioned_read(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
