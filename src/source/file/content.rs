//! One content of a path: an open file from its beginning to wherever it was rotated, cut or replaced.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::super::catalog::read_at;
use super::super::open::{Over, Reader, file_name};
use super::super::{SourceEvent, SourceState};
use super::frame::Frame;
use crate::format::{LineDecoder, LineFormat, LineSample, SAMPLE_BYTES, Stream, detect_lines};
use crate::model::{Batch, SegmentId, UnixNanos};

/// Bytes at the beginning that tell one content from another.
const HEAD: usize = 1_000;
/// Bytes before the read position that tell whether the content is still the same.
const TAIL: usize = 64;
/// How long nothing is written to a document whose writer is done with it.
const SETTLED: Duration = Duration::from_secs(2);
/// Bytes read at a time.
pub(super) const CHUNK: usize = 1 << 20;

/// See the module.
pub(in crate::source) struct Content {
    pub(super) file: Arc<File>,
    id: (u64, u64),
    /// Where the next byte is read.
    pub(super) offset: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Size and time of the last change when the content was last found to be the same.
    seen: (u64, Option<UnixNanos>),
    decoding: Option<Decoding>,
}

/// What a content turned out to be.
pub(super) struct Decoding {
    pub(super) segment: SegmentId,
    pub(super) format: &'static LineFormat,
    pub(super) stream: Stream,
    frame: Frame,
    decoder: Box<dyn LineDecoder>,
}

/// What happened to a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing, or it grew.
    Same,
    /// It was cut or written over: it begins anew. Says how.
    Rewritten(&'static str),
}

impl Content {
    /// Opens what is at a path now.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open_file(path)?;
        let meta = file.metadata()?;
        Ok(Self {
            id: identity(&meta),
            file: Arc::new(file),
            offset: 0,
            head: Vec::new(),
            tail: Vec::new(),
            seen: (0, None),
            decoding: None,
        })
    }

    /// The same file from its beginning, because its content is another one now.
    pub(super) fn restarted(&self) -> Self {
        Self {
            file: Arc::clone(&self.file),
            id: self.id,
            offset: 0,
            head: Vec::new(),
            tail: Vec::new(),
            seen: (0, None),
            decoding: None,
        }
    }

    /// Whether a path still leads to this file.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|meta| identity(&meta) == self.id)
    }

    /// Size in bytes.
    pub(super) fn len(&self) -> u64 {
        self.file.metadata().map_or(0, |meta| meta.len())
    }

    /// When it was last written.
    pub(super) fn modified(&self) -> Option<UnixNanos> {
        self.file.metadata().ok().and_then(|meta| modified(&meta))
    }

    pub(super) fn decoding(&self) -> Option<&Decoding> {
        self.decoding.as_ref()
    }

    /// Looks whether what was read is still there.
    pub(super) fn check(&mut self) -> io::Result<Change> {
        let meta = self.file.metadata()?;
        let now = (meta.len(), modified(&meta));
        if now == self.seen {
            return Ok(Change::Same);
        }
        if meta.len() < self.offset {
            return Ok(Change::Rewritten("cut short; read again from its beginning"));
        }
        if !self.matches(&self.head, 0)? || !self.matches(&self.tail, self.offset - self.tail.len() as u64)? {
            return Ok(Change::Rewritten("written over; read again from its beginning"));
        }
        self.seen = now;
        Ok(Change::Same)
    }

    fn matches(&self, known: &[u8], offset: u64) -> io::Result<bool> {
        let mut now = [0; HEAD];
        let now = &mut now[..known.len()];
        Ok(read_at(&self.file, now, offset)? == known.len() && now == known)
    }

    /// Finds out what the content is, once there is enough of it. `Ok(false)` while there is nothing to go by.
    pub(super) fn detect(&mut self, reader: &Reader, path: &Path, whole: bool) -> Result<bool, Over> {
        if self.decoding.is_some() {
            return Ok(true);
        }
        let mut sample = vec![0; SAMPLE_BYTES];
        let read = read_at(&self.file, &mut sample, 0).unwrap_or(0);
        sample.truncate(read);
        let whole = whole || self.is_settled_document(&sample);
        let has_line = sample.iter().skip_while(|byte| byte.is_ascii_whitespace()).any(|byte| *byte == b'\n');
        if read == 0 || !(has_line || whole || read == SAMPLE_BYTES) {
            return Ok(false);
        }
        match detect_lines(&LineSample::new(&sample), reader.format.as_deref()) {
            Ok(None) => Ok(false),
            Ok(Some(found)) => {
                let segment = reader.catalog.add_file(Arc::clone(&self.file), found.format);
                let stream = Stream { name: file_name(path), salt: salt_of(path) };
                let modified = self.modified();
                reader.send(SourceEvent::Segment {
                    id: segment,
                    format: found.format.name,
                    why: found.why,
                    modified,
                })?;
                self.decoding = Some(Decoding {
                    segment,
                    format: found.format,
                    frame: Frame::new(segment, 0),
                    decoder: (found.format.decoder)(&stream),
                    stream,
                });
                Ok(true)
            }
            Err(why) => {
                reader.send(SourceEvent::State(SourceState::Failed(why)))?;
                Ok(false)
            }
        }
    }

    /// Whether it looks like a JSON document that its writer is done with, although its last line has no end.
    fn is_settled_document(&self, sample: &[u8]) -> bool {
        let modified = self.file.metadata().ok().and_then(|meta| meta.modified().ok());
        let is_old = modified.and_then(|time| time.elapsed().ok()).is_some_and(|age| age >= SETTLED);
        is_old && sample.trim_ascii_end().ends_with(b"}")
    }

    /// Goes on at an offset instead of the beginning; the bytes before it are read by somebody else.
    pub(super) fn skip_to(&mut self, offset: u64) {
        self.offset = offset;
        if let Some(decoding) = &mut self.decoding {
            decoding.frame = Frame::new(decoding.segment, offset);
        }
        self.remember(&[]);
    }

    /// Reads the next bytes into `buffer` and decodes their lines. Returns how many bytes there were.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        arrived: UnixNanos,
        out: &mut Batch,
    ) -> io::Result<usize> {
        let read = read_at(&self.file, buffer, self.offset)?;
        let bytes = &buffer[..read];
        if let Some(decoding) = &mut self.decoding {
            decoding.frame.feed(bytes, self.offset, decoding.decoder.as_mut(), arrived, out);
        }
        self.offset += read as u64;
        self.remember(bytes);
        Ok(read)
    }

    /// Says that nothing follows.
    pub(super) fn finish(&mut self, arrived: UnixNanos, out: &mut Batch) {
        if let Some(decoding) = &mut self.decoding {
            decoding.frame.finish(decoding.decoder.as_mut(), arrived, out);
            decoding.decoder.finish(out);
        }
    }

    /// Takes a last line that is whole although its end has not come yet.
    pub(super) fn settle(&mut self, arrived: UnixNanos, out: &mut Batch) {
        if let Some(decoding) = &mut self.decoding {
            decoding.frame.settle(decoding.decoder.as_mut(), arrived, out);
        }
    }

    /// Keeps what the content is recognised by: its first bytes, and the last ones that were read.
    fn remember(&mut self, bytes: &[u8]) {
        if self.head.len() < HEAD && self.offset > self.head.len() as u64 {
            let mut head = vec![0; HEAD.min(usize::try_from(self.offset).unwrap_or(HEAD))];
            let read = read_at(&self.file, &mut head, 0).unwrap_or(0);
            head.truncate(read);
            self.head = head;
        }
        if bytes.len() >= TAIL {
            self.tail = bytes[bytes.len() - TAIL..].to_vec();
        } else if !bytes.is_empty() {
            self.tail.extend_from_slice(bytes);
            let extra = self.tail.len().saturating_sub(TAIL);
            self.tail.drain(..extra);
        } else {
            self.tail.clear();
        }
    }
}

/// Opens without waiting for anything: a path may have become a pipe meanwhile.
fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("no longer a regular file")) }
}

#[cfg(unix)]
fn identity(meta: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (meta.dev(), meta.ino())
}

#[cfg(not(unix))]
fn identity(meta: &Metadata) -> (u64, u64) {
    let created = meta.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    (0, created.map_or(0, |time| time.as_nanos() as u64))
}

fn modified(meta: &Metadata) -> Option<UnixNanos> {
    let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(UnixNanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
}

/// The same path gives the same synthetic ids, whatever its content.
fn salt_of(path: &Path) -> Vec<u8> {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned().into_bytes()
}
