//! One content of a path: an open file from its beginning to wherever it was rotated, cut or replaced.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memrchr;

use super::super::batches::Batches;
use super::super::catalog::read_at;
use super::super::open::{Over, Reader};
use super::super::place::{FileId, file_name, modified, open_file};
use super::super::{SourceEvent, SourceState};
use super::checksum::Checksum;
use super::fingerprint::Fingerprint;
use super::frame::{Frame, MAX_LINE};
use super::framer::Framer;
use super::zeros::Zeros;
use crate::format::{
    Dialect, Framing, LineDecoder, SAMPLE_BYTES, Stream, detect_stream, is_complete_json, is_cut_document,
};
use crate::model::{SegmentId, UnixNanos};

/// Bytes read at a time.
pub(super) const CHUNK: usize = 1 << 20;
/// How long after one attempt the format of a growing file is looked for again.
const AGAIN: Duration = Duration::from_millis(250);
/// How long nothing must come before a decoder is told that its source rests.
const REST: Duration = Duration::from_secs(2);

/// See the module.
pub(super) struct Content {
    pub(super) file: Arc<File>,
    pub(super) id: FileId,
    /// Where the next byte is read.
    pub(super) offset: u64,
    print: Fingerprint,
    zeros: Zeros,
    decoding: Option<Decoding>,
    /// Size and moment of the last attempt to find the format.
    tried: Option<(u64, Instant)>,
    /// Size of what is still too little for one, and since when.
    little: Option<(u64, Instant)>,
    /// When bytes came last; nothing when the decoder knows already that none come.
    active: Option<Instant>,
    /// All that was read, where it may be changed in its middle.
    whole: Option<Checksum>,
    /// Nothing more comes.
    is_over: bool,
    /// The file has no name of its own.
    is_spool: bool,
}

/// What a content turned out to be.
pub(super) struct Decoding {
    pub(super) segment: SegmentId,
    pub(super) dialect: Dialect,
    pub(super) stream: Stream,
    frame: Framer,
    decoder: Box<dyn LineDecoder>,
}

/// What an attempt to read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing new.
    Idle,
    /// More; there may be still more.
    Read,
    /// The end was cut off; what is before it is still the same.
    Cut,
    /// Another content is in the file; says how that shows.
    Rewritten(&'static str),
}

impl Content {
    /// Opens what is at a path now.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open_file(path)?;
        let id = FileId::of(&file.metadata()?);
        Ok(Self::new(Arc::new(file), id))
    }

    /// A file without a name, which holds what a path held.
    pub(super) fn spooled(file: Arc<File>) -> io::Result<Self> {
        let id = FileId::of(&file.metadata()?);
        Ok(Self { is_spool: true, ..Self::new(file, id) })
    }

    /// The same file from its beginning, because its content is another one now.
    pub(super) fn restarted(&self) -> Self {
        Self::new(Arc::clone(&self.file), self.id)
    }

    fn new(file: Arc<File>, id: FileId) -> Self {
        Self {
            file,
            id,
            offset: 0,
            print: Fingerprint::empty(),
            zeros: Zeros::default(),
            decoding: None,
            tried: None,
            little: None,
            active: None,
            whole: None,
            is_over: false,
            is_spool: false,
        }
    }

    /// Size in bytes.
    pub(super) fn len(&self) -> u64 {
        self.file.metadata().map_or(0, |meta| meta.len())
    }

    pub(super) fn decoding(&self) -> Option<&Decoding> {
        self.decoding.as_ref()
    }

    /// Finds out what the content is, once there is enough of it; `whole` when nothing more will come. Gives the
    /// state to tell while it can't.
    pub(super) fn detect(
        &mut self,
        reader: &Reader,
        path: &Path,
        whole: bool,
    ) -> Result<Option<SourceState>, Over> {
        let waiting = |what: &str| Ok(Some(SourceState::Waiting(what.to_owned())));
        if self.decoding.is_some() {
            return Ok(None);
        }
        let mut sample = vec![0; SAMPLE_BYTES.min(usize::try_from(self.len()).unwrap_or(SAMPLE_BYTES))];
        let read = read_at(&self.file, &mut sample, 0).unwrap_or(0);
        sample.truncate(read);
        if read == 0 {
            return waiting("the file is empty: waiting for the first record");
        }
        let text = sample.trim_ascii_start();
        let is_enough = whole || read == SAMPLE_BYTES || text.contains(&b'\n') || is_complete_json(text);
        if !is_enough && !self.has_rested(text, read as u64) {
            return waiting("waiting for the end of the first record");
        }
        if !whole && read < SAMPLE_BYTES && is_cut_document(&sample) {
            return waiting("waiting for the end of the first record");
        }
        self.tried = Some((read as u64, Instant::now()));
        match detect_stream(&sample, &reader.wish) {
            Ok(None) => waiting("waiting for the first record"),
            Err(why) => Ok(Some(SourceState::Failed(why))),
            Ok(Some(found)) => {
                let stream = Stream { name: file_name(path), salt: salt_of(path), notes: notes_of(path) };
                let segment = if self.is_spool {
                    reader.catalog.add_spool(Some(&self.file), &found.dialect, &stream)
                } else {
                    reader.catalog.add_file(&self.file, self.id, path, &found.dialect, &stream)
                };
                self.whole = (found.dialect.framing == Framing::Documents).then(Checksum::default);
                self.decoding = Some(Decoding {
                    segment,
                    frame: Framer::new(found.dialect.framing, segment, 0),
                    decoder: found.dialect.decoder(&stream),
                    dialect: found.dialect,
                    stream,
                });
                self.announce(reader, found.why)?;
                Ok(None)
            }
        }
    }

    /// Whether a beginning without a line end, which is no beginning of an object either, has stayed as it is.
    fn has_rested(&mut self, text: &[u8], size: u64) -> bool {
        match self.little {
            Some((known, since)) if known == size => !text.starts_with(b"{") && since.elapsed() >= AGAIN,
            _ => {
                self.little = Some((size, Instant::now()));
                false
            }
        }
    }

    /// Whether looking for the format again can find what was not found before.
    pub(super) fn may_be_detected(&self) -> bool {
        self.decoding.is_none()
            && self.tried.is_none_or(|(size, at)| {
                size < SAMPLE_BYTES as u64 && self.len() != size && at.elapsed() >= AGAIN
            })
    }

    fn announce(&self, reader: &Reader, why: String) -> Result<(), Over> {
        let Some(Decoding { segment, dialect, .. }) = &self.decoding else { return Ok(()) };
        let modified = self.file.metadata().ok().and_then(|meta| modified(&meta));
        reader.send(SourceEvent::Segment { id: *segment, format: dialect.format.name, why, modified })
    }

    /// Goes on at an offset instead of the beginning; the bytes before it are read by somebody else.
    pub(super) fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        self.print = Fingerprint::at(&self.file, offset)?;
        self.offset = offset;
        if let Some(decoding) = &mut self.decoding {
            decoding.frame = Framer::new(decoding.dialect.framing, decoding.segment, offset);
        }
        Ok(())
    }

    /// Zeros at the end are no longer taken for room that is still to be written.
    pub(super) fn expect_no_more(&mut self) {
        self.zeros.take_all();
        self.is_over = true;
    }

    /// Reads the next bytes into `buffer` and decodes their lines, if the content is still the same.
    pub(super) fn advance(
        &mut self,
        buffer: &mut [u8],
        arrived: UnixNanos,
        out: &mut Batches,
    ) -> io::Result<Step> {
        if self.len() < self.offset {
            return self.shrunk();
        }
        let read = read_at(&self.file, buffer, self.offset)?;
        let (taken, is_more) = self.zeros.before_data(&self.file, self.offset, &buffer[..read])?;
        let ends = read < buffer.len() && !self.is_over;
        let bytes = self.settled(&buffer[..taken], ends);
        let taken = bytes.len();
        // Looked at after reading: what was read before the content changed is part of the old one.
        if self.print.is_same(&self.file)? && self.is_unchanged()? {
            self.take(bytes, arrived, out);
            return Ok(if taken > 0 || is_more { Step::Read } else { Step::Idle });
        }
        // Bytes that are there no more are the old content's last ones; the others are read with the new content.
        let mut now = vec![0; bytes.len()];
        if read_at(&self.file, &mut now, self.offset)? < bytes.len() || now != bytes {
            self.take(bytes, arrived, out);
        }
        if self.len() < self.offset {
            return self.shrunk();
        }
        Ok(Step::Rewritten("written over; the new content is followed"))
    }

    /// Without the end of an array at the end of a file: who adds an element writes over it.
    fn settled<'b>(&self, bytes: &'b [u8], ends: bool) -> &'b [u8] {
        if self.whole.is_none() || !ends {
            return bytes;
        }
        let end = bytes.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b']'));
        bytes.get(..end.map_or(0, |end| end + 1)).unwrap_or_default()
    }

    /// Whether a file that is written as a whole still holds what was read of it, in its middle too.
    fn is_unchanged(&mut self) -> io::Result<bool> {
        match &mut self.whole {
            Some(whole) => whole.holds(&self.file),
            None => Ok(true),
        }
    }

    /// Whether the file is one that its writer may write anew as a whole.
    pub(super) fn is_written_as_a_whole(&self) -> bool {
        self.whole.is_some()
    }

    fn take(&mut self, bytes: &[u8], arrived: UnixNanos, out: &mut Batches) {
        if bytes.is_empty() {
            return;
        }
        if let Some(decoding) = &mut self.decoding {
            decoding.frame.feed(bytes, self.offset, decoding.decoder.as_mut(), arrived, out);
        }
        self.print.add(bytes);
        if let Some(whole) = &mut self.whole {
            whole.add(bytes);
        }
        self.offset += bytes.len() as u64;
        self.active = Some(Instant::now());
    }

    fn shrunk(&mut self) -> io::Result<Step> {
        let size = self.len();
        // A file that is written as a whole was cut to be written again.
        if self.whole.is_none() && self.print.cut(&self.file, size)? {
            self.offset = size;
            return Ok(Step::Cut);
        }
        Ok(Step::Rewritten("cut and begun again; the new content is followed"))
    }

    /// Goes on after [`Step::Cut`]: what comes now is a segment of its own, because its offsets were used before.
    pub(super) fn resume(&mut self, reader: &Reader, path: &Path, out: &mut Batches) -> Result<(), Over> {
        let Some(decoding) = &mut self.decoding else { return Ok(()) };
        if let Framer::Lines(frame) = &mut decoding.frame {
            frame.abandon(out);
        }
        reader.catalog.limit(decoding.segment, self.offset);
        decoding.segment =
            reader.catalog.add_file(&self.file, self.id, path, &decoding.dialect, &decoding.stream);
        let line = unended_line(&self.file, self.offset);
        let frame = Frame::inside_line(decoding.segment, self.offset - line.len() as u64, line);
        decoding.frame = Framer::Lines(Box::new(frame));
        self.zeros = Zeros::default();
        self.announce(reader, "as before the file was cut".to_owned())
    }

    /// Says that nothing follows.
    pub(super) fn finish(&mut self, arrived: UnixNanos, out: &mut Batches) {
        if let Some(decoding) = &mut self.decoding {
            decoding.frame.finish(decoding.decoder.as_mut(), arrived, out);
            decoding.decoder.finish(out.open());
        }
    }

    /// Takes a last line that is whole although its end has not come yet, and tells the decoder after a while.
    pub(super) fn settle(&mut self, arrived: UnixNanos, out: &mut Batches) {
        let Some(decoding) = &mut self.decoding else { return };
        decoding.frame.settle(decoding.decoder.as_mut(), arrived, out);
        if self.active.is_some_and(|active| active.elapsed() > REST) {
            self.active = None;
            decoding.decoder.finish(out.open());
        }
    }
}

/// The beginning of a line that goes over `end`.
fn unended_line(file: &File, end: u64) -> Vec<u8> {
    let mut block = vec![0; 64 << 10];
    loop {
        let from = end.saturating_sub(block.len() as u64);
        let wanted = (end - from) as usize;
        let read = read_at(file, &mut block[..wanted], from).unwrap_or(0);
        match memrchr(b'\n', &block[..read]) {
            Some(at) => return block[at + 1..read].to_vec(),
            None if from == 0 || block.len() > MAX_LINE => return block[..read].to_vec(),
            None => block.resize(block.len() * 2, 0),
        }
    }
}

/// The same path gives the same synthetic ids, whatever its content.
fn salt_of(path: &Path) -> Vec<u8> {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned().into_bytes()
}

/// Most bytes of a file's notes that are read.
const MAX_NOTES: u64 = 64 << 10;

/// What `NAME.meta.json` says, when the path is a `NAME.jsonl`.
fn notes_of(path: &Path) -> String {
    let mut notes = String::new();
    if path.extension().is_some_and(|extension| extension == "jsonl")
        && let Ok(file) = open_file(&path.with_extension("meta.json"))
    {
        // Notes that can't be read are none.
        file.take(MAX_NOTES).read_to_string(&mut notes).ok();
    }
    notes
}
