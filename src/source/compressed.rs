//! Compressed files: decompressed into a temporary file without a name, then read like any other, once.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::open::{Over, Reader};
use super::place::open_file;
use super::stream::{free_for_spools, spool};
use super::{SourceEvent, SourceState, file};

/// Bytes decompressed at a time.
const CHUNK: usize = 256 << 10;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// What the first bytes of a file give away.
    pub(super) fn of(magic: &[u8]) -> Option<Self> {
        if magic.starts_with(b"\x1f\x8b\x08") {
            Some(Self::Gzip)
        } else if magic.starts_with(b"\x28\xb5\x2f\xfd") {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// What decompressing may cost.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Bytes in all.
    bytes: u64,
    /// Bytes below which nobody asks how much they were.
    free: u64,
    /// Bytes for each compressed one, above that.
    ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        // Half of the disk is left to others.
        Self { bytes: (64 << 30).min(free_for_spools() / 2), free: 1 << 30, ratio: 250 }
    }
}

/// How decompressing ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Whole,
    /// The data is damaged or cut behind what was read; says how.
    Damaged(String),
    /// It grows beyond measure; says how far.
    TooMuch(String),
    Stopped,
}

/// Reads a compressed file as it is now.
pub(super) fn read(reader: &Reader, path: &Path, compression: Compression) -> Result<(), Over> {
    let fail = |why: String| reader.send(SourceEvent::State(SourceState::Failed(why)));
    let opened = open_file(path).and_then(|file| Ok((file.metadata()?, file)));
    let (meta, packed) = match opened {
        Ok(opened) => opened,
        Err(error) => return fail(format!("failed to open: {error}")),
    };
    let mut unpacked = match spool() {
        Ok(spool) => spool,
        Err(error) => return fail(format!("failed to make a temporary file to decompress into: {error}")),
    };
    let waiting = SourceState::Waiting(format!("decompressing ({})", compression.name()));
    reader.send(SourceEvent::State(waiting))?;
    let mut progress = |done: u64| {
        if reader.is_over() {
            return false;
        }
        reader.send(SourceEvent::Progress { done: done.min(meta.len()), total: meta.len() }).is_ok()
    };
    let limits = Limits::default();
    let outcome = match unpack(&packed, compression, &mut unpacked, limits, &mut progress) {
        Ok(outcome) => outcome,
        Err(error) => return fail(format!("failed to keep what was decompressed: {error}")),
    };
    let mut state = SourceState::Snapshot(
        "decompressed as it was when it was opened; compressed files are not followed".to_owned(),
    );
    match outcome {
        Outcome::Whole => {}
        Outcome::Stopped => return Err(Over),
        Outcome::TooMuch(why) => return fail(why),
        Outcome::Damaged(why) if unpacked.metadata().map_or(0, |meta| meta.len()) == 0 => {
            return fail(format!("failed to decompress ({}): {why}", compression.name()));
        }
        Outcome::Damaged(why) => {
            let what = format!("its {} data is damaged: shown as far as it goes ({why})", compression.name());
            state = SourceState::Damaged(what);
        }
    }
    // When it was written counts, not when it was unpacked; without it the run only seems younger.
    unpacked.set_modified(meta.modified().unwrap_or_else(|_| SystemTime::now())).ok();
    file::run_spooled(reader, path, Arc::new(unpacked), state)
}

/// Decompresses a file. The error is that of writing.
fn unpack(
    packed: &File,
    compression: Compression,
    to: &mut File,
    limits: Limits,
    progress: &mut dyn FnMut(u64) -> bool,
) -> io::Result<Outcome> {
    let mut from = decoder(BufReader::with_capacity(CHUNK, packed), compression);
    let mut buffer = vec![0; CHUNK];
    let mut written = 0u64;
    loop {
        let done = (&mut &*packed).stream_position().unwrap_or(0);
        if !progress(done) {
            return Ok(Outcome::Stopped);
        }
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(Outcome::Whole),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Outcome::Damaged(error.to_string())),
        };
        written += read as u64;
        let ratio = written / done.max(1);
        if written > limits.bytes || (written > limits.free && ratio > limits.ratio) {
            return Ok(Outcome::TooMuch(format!(
                "more than {} MB come out of {} MB of {} data, which may be made to fill the disk; decompress it \
                 yourself if you trust it",
                written / 1_000_000,
                done.div_ceil(1_000_000),
                compression.name()
            )));
        }
        to.write_all(buffer.get(..read).unwrap_or_default())?;
    }
}

/// What a compressed file holds, for a look at its beginning.
pub(super) fn unpacking(file: File, compression: Compression) -> Box<dyn Read> {
    decoder(BufReader::new(file), compression)
}

fn decoder<'a>(input: impl BufRead + 'a, compression: Compression) -> Box<dyn Read + 'a> {
    match compression {
        Compression::Gzip => Box::new(MultiGzDecoder::new(input)),
        Compression::Zstd => Box::new(frames(input)),
    }
}

/// What is in the frames of a zstd file.
fn frames(input: impl BufRead) -> impl Read {
    Frames { input, decoder: FrameDecoder::new(), in_frame: false }
}

/// The frames of a zstd file, one after the other.
struct Frames<R: BufRead> {
    input: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.in_frame {
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    let some = BlockDecodingStrategy::UptoBlocks(1);
                    self.decoder.decode_blocks(&mut self.input, some).map_err(io::Error::other)?;
                }
                let read = self.decoder.read(buffer)?;
                if read > 0 {
                    return Ok(read);
                }
                self.in_frame = false;
            }
            if self.input.fill_buf()?.is_empty() {
                return Ok(0);
            }
            match self.decoder.init(&mut self.input) {
                Ok(()) => self.in_frame = true,
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.input).take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn unpacked(packed: &[u8], limits: Limits) -> (Outcome, Vec<u8>) {
        let mut from = tempfile::tempfile().unwrap();
        from.write_all(packed).unwrap();
        from.rewind().unwrap();
        let mut to = tempfile::tempfile().unwrap();
        let outcome =
            unpack(&from, Compression::of(packed).unwrap(), &mut to, limits, &mut |_| true).unwrap();
        to.rewind().unwrap();
        let mut bytes = Vec::new();
        to.read_to_end(&mut bytes).unwrap();
        (outcome, bytes)
    }

    #[test]
    fn both_kinds_in_several_parts_are_read() {
        let text: Vec<u8> = (0..20_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let skipped = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..]].concat();
        let limits = Limits::default();
        for packed in [[gzip(&text), gzip(b"end")].concat(), [zstd(&text), skipped, zstd(b"end")].concat()] {
            let (outcome, bytes) = unpacked(&packed, limits);
            assert_eq!(
                (outcome, bytes.ends_with(b"end"), bytes.len()),
                (Outcome::Whole, true, text.len() + 3)
            );
        }
    }

    #[test]
    fn what_is_cut_is_read_as_far_as_it_goes() {
        // Nothing that shrinks much, so that what is cut is long.
        let mut state = 1u64;
        let text: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        })
        .take(600_000)
        .collect();
        for packed in [gzip(&text), zstd(&text)] {
            let (outcome, bytes) = unpacked(&packed[..packed.len() - 200_000], Limits::default());
            assert!(matches!(outcome, Outcome::Damaged(_)), "{outcome:?}");
            assert!(!bytes.is_empty() && text.starts_with(&bytes));
        }
    }

    #[test]
    fn bombs_are_not_unpacked() {
        let limits = Limits { bytes: 1 << 30, free: 1 << 20, ratio: 100 };
        let zeros = vec![0; 4 << 20];
        for packed in [gzip(&zeros), zstd(&zeros)] {
            let (outcome, bytes) = unpacked(&packed, limits);
            assert!(matches!(outcome, Outcome::TooMuch(_)), "{outcome:?}");
            assert!(bytes.len() < 3 << 20);
            let small = Limits { bytes: 1 << 20, free: u64::MAX, ratio: 1 };
            assert!(matches!(unpacked(&packed, small).0, Outcome::TooMuch(_)));
        }
    }
}
