//! Standard input and pipes: read once, kept in a temporary file so that payloads can be read later.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;

use super::batches::Batches;
use super::file::Framer;
use super::open::{Over, Reader};
use super::place::{file_name, open};
use super::watch::REST as LONG;
use super::{SourceEvent, SourceState, StopFlag};
use crate::format::{LineDecoder, SAMPLE_BYTES, Stream, detect_stream, is_complete_json};
use crate::model::UnixNanos;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// How long to wait for more before what came is looked at again: it may be whole although its end has not come.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long nothing must come before a decoder is told that its source rests.
const REST: Duration = Duration::from_secs(2);

/// Reads standard input to its end.
pub(super) fn read_stdin(reader: &Reader) {
    let input = io::stdin();
    if input.is_terminal() {
        let why = "standard input is a terminal: send records through a pipe, or give a file".to_owned();
        // Nobody is left to tell when this fails.
        reader.send(SourceEvent::State(SourceState::Failed(why))).ok();
        return;
    }
    #[cfg(unix)]
    let input = {
        use std::os::fd::AsFd as _;
        // Past the buffer of the library, which would hide from a wait that something has come.
        match input.as_fd().try_clone_to_owned() {
            Ok(input) => File::from(input),
            Err(error) => return fail(reader, &error),
        }
    };
    run(reader, Input(input), "stdin");
}

/// Reads a pipe with a name to its end. Waits for its writer.
pub(super) fn read_pipe(reader: &Reader, path: &Path) {
    match open(path) {
        Ok(pipe) => run(reader, Input(pipe), &file_name(path)),
        Err(error) => fail(reader, &error),
    }
}

fn fail(reader: &Reader, error: &io::Error) {
    reader.send(SourceEvent::State(SourceState::Failed(format!("failed to read: {error}")))).ok();
}

fn run(reader: &Reader, input: Input<impl Pipe>, name: &str) {
    match (Spooled { reader, name, spool: None, kept: None, size: 0, out: Batches::default() }).read(input) {
        // The only other error is that nobody listens any more.
        Ok(()) | Err(Stop::Over) => {}
        Err(Stop::Io(error)) => fail(reader, &error),
    }
}

enum Stop {
    Over,
    Io(io::Error),
}

impl From<Over> for Stop {
    fn from(_: Over) -> Self {
        Self::Over
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What can be read and waited for.
#[cfg(unix)]
trait Pipe: Read + std::os::fd::AsFd {}
#[cfg(unix)]
impl<T: Read + std::os::fd::AsFd> Pipe for T {}
#[cfg(not(unix))]
trait Pipe: Read {}
#[cfg(not(unix))]
impl<T: Read> Pipe for T {}

/// A stream that is read without waiting too long.
struct Input<T>(T);

enum Got {
    Bytes(usize),
    NotYet,
    End,
}

impl<T: Pipe> Input<T> {
    fn read(&mut self, buffer: &mut [u8], stop: &StopFlag, patience: Duration) -> io::Result<Got> {
        if !self.is_ready(stop, patience) {
            return Ok(Got::NotYet);
        }
        match self.0.read(buffer) {
            Ok(0) => Ok(Got::End),
            Ok(read) => Ok(Got::Bytes(read)),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {
                Ok(Got::NotYet)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until something can be read, or the last writer is gone. A pipe that no writer has opened yet is not
    /// ready.
    #[cfg(unix)]
    fn is_ready(&self, stop: &StopFlag, patience: Duration) -> bool {
        // What can't be waited for is read.
        stop.wait_for(Some(self.0.as_fd()), patience).unwrap_or_else(|error| error != rustix::io::Errno::INTR)
    }

    #[cfg(not(unix))]
    fn is_ready(&self, _: &StopFlag, _: Duration) -> bool {
        true
    }
}

/// A stream whose format is known.
type Decoding = (Framer, Box<dyn LineDecoder>);

/// A stream on its way.
struct Spooled<'a> {
    reader: &'a Reader,
    name: &'a str,
    /// Where it is written to, while that works.
    spool: Option<File>,
    /// The same file for reading.
    kept: Option<Arc<File>>,
    /// Bytes so far.
    size: u64,
    out: Batches,
}

impl Spooled<'_> {
    fn read(mut self, mut input: Input<impl Pipe>) -> Result<(), Stop> {
        let waiting = SourceState::Waiting("waiting for the first record".to_owned());
        self.reader.send(SourceEvent::State(waiting))?;
        // Without room for a temporary file the records are shown all the same, without their payloads.
        self.spool = spool().ok();
        self.kept = self.spool.as_ref().and_then(|spool| spool.try_clone().ok()).map(Arc::new);
        let mut decoding: Option<Decoding> = None;
        // Everything before the format is known.
        let mut held: Vec<u8> = Vec::new();
        let mut buffer = vec![0; CHUNK];
        let mut active = Some(Instant::now());
        loop {
            if self.reader.is_over() {
                return Err(Stop::Over);
            }
            let rests = active.is_none() || (decoding.is_none() && held.is_empty());
            let patience = if rests { LONG } else { PATIENCE };
            let got = input.read(&mut buffer, &self.reader.stop, patience)?;
            let is_end = matches!(got, Got::End);
            let bytes = match got {
                Got::Bytes(read) => &buffer[..read],
                Got::NotYet | Got::End => &[],
            };
            self.keep(bytes);
            match &mut decoding {
                Some((frame, decoder)) if bytes.is_empty() => {
                    frame.settle(decoder.as_mut(), now(), &mut self.out);
                    if active.is_some_and(|active| active.elapsed() > REST) {
                        active = None;
                        decoder.finish(self.out.open());
                    }
                }
                Some((frame, decoder)) => {
                    active = Some(Instant::now());
                    let at = self.size - bytes.len() as u64;
                    frame.feed(bytes, at, decoder.as_mut(), now(), &mut self.out);
                }
                None => {
                    held.extend_from_slice(bytes);
                    let text = held.trim_ascii_start();
                    let enough = text.contains(&b'\n') || held.len() >= SAMPLE_BYTES || is_end;
                    if enough || (bytes.is_empty() && is_complete_json(text)) {
                        match self.begin(&held)? {
                            Some(begun) => (decoding, held) = (Some(begun), Vec::new()),
                            None if held.len() < SAMPLE_BYTES => {}
                            None => return Ok(()),
                        }
                    }
                }
            }
            if is_end && let Some((frame, decoder)) = &mut decoding {
                frame.finish(decoder.as_mut(), now(), &mut self.out);
                decoder.finish(self.out.open());
            }
            self.deliver()?;
            if is_end {
                self.reader.send(SourceEvent::CaughtUp)?;
                self.reader.send(SourceEvent::Ended)?;
                return Ok(());
            }
        }
    }

    /// Finds out what the stream is and decodes its beginning.
    fn begin(&mut self, held: &[u8]) -> Result<Option<Decoding>, Stop> {
        let found = match detect_stream(held, &self.reader.wish) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(why) => {
                self.reader.send(SourceEvent::State(SourceState::Failed(why)))?;
                return Err(Stop::Over);
            }
        };
        let kept = self.kept.clone();
        let stream =
            Stream { name: self.name.to_owned(), salt: self.name.as_bytes().to_vec(), notes: String::new() };
        let id = self.reader.catalog.add_spool(kept.as_ref(), &found.dialect, &stream);
        let modified = Some(now());
        let format = found.dialect.format.name;
        self.reader.send(SourceEvent::Segment { id, format, why: found.why, modified })?;
        self.reader.send(SourceEvent::State(SourceState::Live))?;
        self.reader.send(SourceEvent::CaughtUp)?;
        let mut frame = Framer::new(found.dialect.framing, id, 0);
        let mut decoder = found.dialect.decoder(&stream);
        frame.feed(held, 0, decoder.as_mut(), now(), &mut self.out);
        Ok(Some((frame, decoder)))
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        // A full disk costs payloads, not records.
        if self.spool.as_mut().is_some_and(|spool| spool.write_all(bytes).is_err()) {
            self.spool = None;
        }
    }

    fn deliver(&mut self) -> Result<(), Over> {
        for batch in self.out.take() {
            self.reader.send(SourceEvent::Batch(batch))?;
        }
        Ok(())
    }
}

/// Bytes that spools may take, as far as that can be found out.
pub(super) fn free_for_spools() -> u64 {
    #[cfg(unix)]
    if let Ok(stat) = rustix::fs::statvfs(spool_folder()) {
        return stat.f_bavail.saturating_mul(stat.f_frsize);
    }
    u64::MAX
}

/// A file without a name: it is gone when nobody has it open any more.
pub(super) fn spool() -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    for attempt in 0..64u32 {
        let stamp = Utc::now().timestamp_nanos_opt().unwrap_or_default();
        let path = spool_folder().join(format!("tracetui-{}-{stamp}-{attempt}.spool", std::process::id()));
        match options.open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path).ok();
                return Ok(file);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no free name for a temporary file"))
}

/// Where long streams may be kept: `/tmp` is often memory.
fn spool_folder() -> PathBuf {
    let disk = Path::new("/var/tmp");
    if std::env::var_os("TMPDIR").is_none() && disk.is_dir() { disk.to_owned() } else { std::env::temp_dir() }
}

fn now() -> UnixNanos {
    UnixNanos(Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX))
}
