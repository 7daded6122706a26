//! Where records are: the segments of all sources, shared by their threads and by whoever reads a payload.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::SourceError;
use super::again;
use super::place::{FileId, open_file};
use super::sqlite::{RowDetail, TablePlace};
use crate::format::{Dialect, MAX_DOCUMENT, Stream};
use crate::model::{Batch, Id, PayloadRef, RecordRange, SegmentId, SpanDetail, UnixNanos};

/// Longest record that is read for showing, bytes: none is kept when it is longer.
pub(super) const MAX_RECORD: u32 = MAX_DOCUMENT as u32;
/// Most that is read for one span, bytes.
const MAX_SPAN: u64 = 64 << 20;
/// Files that are kept open; of more, the oldest are opened again when they are asked for.
const MAX_OPEN: usize = 256;
/// Segments there can be: a stamp has 24 bits for them.
const MAX_SEGMENTS: usize = 1 << 24;

/// How a segment's records are read again.
#[derive(Clone)]
pub(super) enum Reader {
    Lines(Lines),
    /// Rows of a table.
    Rows(Arc<TablePlace>),
}

/// Byte ranges of a file.
#[derive(Clone)]
pub(super) struct Lines {
    /// Open, so that a rotated or deleted file stays readable.
    file: Option<Arc<File>>,
    /// How to find it again, if it has a name.
    place: Option<(FileId, Arc<Path>)>,
    pub(super) dialect: Dialect,
    stream: Arc<Stream>,
    /// Where what is still there ends.
    pub(super) limit: u64,
}

impl Lines {
    /// The file.
    pub(super) fn open(&self) -> Result<Arc<File>, SourceError> {
        self.file.clone().map_or_else(|| self.reopen(), Ok)
    }

    fn read(&self, payload: &PayloadRef) -> Result<Vec<u8>, SourceError> {
        if payload.pos.saturating_add(u64::from(payload.len)) > self.limit {
            return Err(SourceError::Gone);
        }
        let file = self.open()?;
        let mut bytes = vec![0; payload.len.min(MAX_RECORD) as usize];
        let read = read_at(&file, &mut bytes, payload.pos).map_err(SourceError::Read)?;
        if read < bytes.len() {
            return Err(SourceError::Gone);
        }
        Ok(bytes)
    }

    fn reopen(&self) -> Result<Arc<File>, SourceError> {
        let (id, path) = self.place.as_ref().ok_or(SourceError::Gone)?;
        let file = open_file(path).map_err(|_| SourceError::Gone)?;
        let meta = file.metadata().map_err(SourceError::Read)?;
        if FileId::of(&meta) == *id { Ok(Arc::new(file)) } else { Err(SourceError::Gone) }
    }
}

/// See the module.
#[derive(Default)]
pub struct Catalog {
    segments: RwLock<Segments>,
}

#[derive(Default)]
struct Segments {
    readers: BTreeMap<SegmentId, Reader>,
    /// Segments whose files are open, oldest first.
    open: Vec<SegmentId>,
}

impl Catalog {
    /// A new segment of a file.
    pub(super) fn add_file(
        &self,
        file: &Arc<File>,
        id: FileId,
        path: &Path,
        dialect: &Dialect,
        stream: &Stream,
    ) -> SegmentId {
        let stream = Arc::new(stream.clone());
        let file = Some(Arc::clone(file));
        let path = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
        self.add(Reader::Lines(Lines {
            file,
            place: Some((id, path.into())),
            dialect: dialect.clone(),
            stream,
            limit: u64::MAX,
        }))
    }

    /// A new segment of a file without a name, which holds what came through a pipe.
    pub(super) fn add_spool(
        &self,
        file: Option<&Arc<File>>,
        dialect: &Dialect,
        stream: &Stream,
    ) -> SegmentId {
        let (file, stream) = (file.cloned(), Arc::new(stream.clone()));
        self.add(Reader::Lines(Lines {
            file,
            place: None,
            dialect: dialect.clone(),
            stream,
            limit: u64::MAX,
        }))
    }

    /// A new segment of a table.
    pub(super) fn add_table(&self, place: &TablePlace) -> SegmentId {
        self.add(Reader::Rows(Arc::new(place.clone())))
    }

    /// Says that a segment's bytes at and after an offset are gone, whatever its file holds there now.
    pub(super) fn limit(&self, segment: SegmentId, limit: u64) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(Reader::Lines(lines)) = segments.readers.get_mut(&segment) {
            lines.limit = lines.limit.min(limit);
        }
    }

    /// Reads what records of one span say, oldest first. Records that are gone are left out as long as one can be
    /// read. Waits for the disk: not for the thread that draws.
    pub fn read_detail(&self, refs: &[PayloadRef]) -> Result<SpanDetail, SourceError> {
        let mut detail = SpanDetail::default();
        let mut failure = None;
        let mut read_any = refs.is_empty();
        let mut room = MAX_SPAN;
        for payload in refs {
            let Some(left) = room.checked_sub(u64::from(payload.len)) else { break };
            room = left;
            match self.read_one(payload) {
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

    /// The bytes of a record: what its line holds, a row as its detail spells it. Waits for the disk.
    pub fn read_raw(&self, payload: &PayloadRef) -> Result<Vec<u8>, SourceError> {
        match self.reader(payload.segment)? {
            Reader::Lines(lines) => {
                lines.read(payload).map(|bytes| lines.dialect.record(&bytes).into_owned())
            }
            Reader::Rows(place) => read_row(&place, payload).map(|detail| detail.raw.into_bytes()),
        }
    }

    /// Decodes the records of one trace anew, which lie in these ranges. Ranges that are gone are left out as long as one
    /// can be read: a file that is written anew as a whole holds the same records elsewhere. Waits for the disk.
    pub fn read_trace(
        &self,
        trace: Id,
        ranges: &[RecordRange],
        arrived: UnixNanos,
    ) -> Result<Batch, SourceError> {
        let mut kept = again::Kept::new(trace);
        let mut read_any = ranges.is_empty();
        for range in ranges {
            match self.read_range(range, arrived, &mut kept) {
                Ok(()) => read_any = true,
                Err(SourceError::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        if read_any { Ok(kept.into_batch()) } else { Err(SourceError::Gone) }
    }

    fn read_range(
        &self,
        range: &RecordRange,
        arrived: UnixNanos,
        kept: &mut again::Kept,
    ) -> Result<(), SourceError> {
        match self.reader(range.segment)? {
            Reader::Lines(lines) if range.to > lines.limit => Err(SourceError::Gone),
            Reader::Lines(lines) => {
                let file = lines.open()?;
                again::lines(&file, &lines.dialect, &lines.stream, range, lines.limit, arrived, kept)
            }
            Reader::Rows(place) => again::rows(&place, range, kept),
        }
    }

    fn read_one(&self, payload: &PayloadRef) -> Result<SpanDetail, SourceError> {
        match self.reader(payload.segment)? {
            Reader::Lines(lines) => lines.read(payload).map(|bytes| lines.dialect.detail(&bytes)),
            Reader::Rows(place) => read_row(&place, payload),
        }
    }

    pub(super) fn reader(&self, segment: SegmentId) -> Result<Reader, SourceError> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.readers.get(&segment).cloned().ok_or(SourceError::Gone)
    }

    fn add(&self, reader: Reader) -> SegmentId {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        // After 16 million rotations the last number is given again rather than none.
        let id = SegmentId(segments.readers.len().min(MAX_SEGMENTS - 1) as u32);
        if matches!(&reader, Reader::Lines(lines) if lines.place.is_some()) {
            segments.open.push(id);
            if segments.open.len() > MAX_OPEN {
                let oldest = segments.open.remove(0);
                if let Some(Reader::Lines(lines)) = segments.readers.get_mut(&oldest) {
                    lines.file = None;
                }
            }
        }
        segments.readers.insert(id, reader);
        id
    }
}

fn read_row(place: &TablePlace, payload: &PayloadRef) -> Result<SpanDetail, SourceError> {
    RowDetail::read(&place.path, &place.plan, place.format, payload.pos)
        .map_err(|fault| SourceError::Database(fault.to_string()))
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::format::LINE_FORMATS;

    fn stream() -> Stream {
        Stream { name: "a.ndjson".to_owned(), salt: Vec::new(), notes: String::new() }
    }

    fn line(pos: u64, len: u32, segment: SegmentId) -> PayloadRef {
        PayloadRef { segment, pos, len }
    }

    #[test]
    fn a_deleted_file_stays_readable_and_a_cut_part_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ndjson");
        std::fs::write(&path, b"first\nsecond\n").unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        let id = FileId::of(&file.metadata().unwrap());
        let catalog = Catalog::default();
        let segment = catalog.add_file(&file, id, &path, &Dialect::lines(LINE_FORMATS[0]), &stream());
        drop(file);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(catalog.read_raw(&line(6, 6, segment)).unwrap(), b"second");
        assert!(matches!(catalog.read_raw(&line(10, 6, segment)), Err(SourceError::Gone)));
        catalog.limit(segment, 6);
        assert!(matches!(catalog.read_raw(&line(6, 6, segment)), Err(SourceError::Gone)));
        assert_eq!(catalog.read_raw(&line(0, 5, segment)).unwrap(), b"first");
        assert!(matches!(catalog.read_raw(&line(0, 5, SegmentId(99))), Err(SourceError::Gone)));
    }

    #[test]
    fn old_files_are_closed_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::default();
        let add = |n: usize| {
            let path = folder.path().join(format!("{n}"));
            File::create(&path).unwrap().write_all(format!("{n:05}\n").as_bytes()).unwrap();
            let file = Arc::new(File::open(&path).unwrap());
            catalog.add_file(
                &file,
                FileId::of(&file.metadata().unwrap()),
                &path,
                &Dialect::lines(LINE_FORMATS[0]),
                &stream(),
            )
        };
        let segments: Vec<SegmentId> = (0..MAX_OPEN + 2).map(add).collect();
        assert_eq!(catalog.read_raw(&line(0, 5, segments[0])).unwrap(), b"00000");
        // Another file under the name of a closed one is not taken for it.
        let path = folder.path().join("1");
        std::fs::write(folder.path().join("new"), b"other").unwrap();
        std::fs::rename(folder.path().join("new"), path).unwrap();
        assert!(matches!(catalog.read_raw(&line(0, 5, segments[1])), Err(SourceError::Gone)));
    }
}
