//! Standard input and pipes: read once, kept in a temporary file so that payloads can be read later.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;

use super::file::Frame;
use super::open::{Over, Reader};
use super::{SourceEvent, SourceState};
use crate::format::{LineDecoder, LineSample, SAMPLE_BYTES, Stream, detect_lines};
use crate::model::{Batch, UnixNanos};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// Reads a stream to its end.
pub(super) fn run(reader: &Reader, input: impl Read, name: &str) {
    match read(reader, input, name) {
        // The only other error is that nobody listens any more.
        Ok(()) | Err(Stop::Over) => {}
        Err(Stop::Io(error)) => {
            let state = SourceState::Failed(format!("failed to read {name}: {error}"));
            reader.send(SourceEvent::State(state)).ok();
        }
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

fn read(reader: &Reader, mut input: impl Read, name: &str) -> Result<(), Stop> {
    reader.send(SourceEvent::State(SourceState::Waiting("waiting for the first record".to_owned())))?;
    let mut spool = spool()?;
    let kept = Arc::new(spool.try_clone()?);
    let mut decoding: Option<(Frame, Box<dyn LineDecoder>)> = None;
    // Everything before the format is known.
    let mut held: Vec<u8> = Vec::new();
    let mut offset = 0u64;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match input.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let bytes = &buffer[..read];
        spool.write_all(bytes)?;
        let mut batch = Batch::default();
        if let Some((frame, decoder)) = &mut decoding {
            frame.feed(bytes, offset, decoder.as_mut(), now(), &mut batch);
            offset += read as u64;
        } else {
            held.extend_from_slice(bytes);
            let enough = held.contains(&b'\n') || read == 0 || held.len() >= SAMPLE_BYTES;
            let found = match enough.then(|| detect_lines(&LineSample::new(&held), reader.format.as_deref()))
            {
                Some(Ok(found)) => found,
                Some(Err(why)) => {
                    reader.send(SourceEvent::State(SourceState::Failed(why)))?;
                    return Ok(());
                }
                None => None,
            };
            if let Some(found) = found {
                let id = reader.catalog.add_file(Arc::clone(&kept), found.format);
                let modified = Some(now());
                reader.send(SourceEvent::Segment {
                    id,
                    format: found.format.name,
                    why: found.why,
                    modified,
                })?;
                reader.send(SourceEvent::State(SourceState::Live))?;
                reader.send(SourceEvent::CaughtUp)?;
                let stream = Stream { name: name.to_owned(), salt: name.as_bytes().to_vec() };
                let mut frame = Frame::new(id, 0);
                let mut decoder = (found.format.decoder)(&stream);
                frame.feed(&held, 0, decoder.as_mut(), now(), &mut batch);
                offset = held.len() as u64;
                held = Vec::new();
                decoding = Some((frame, decoder));
            }
        }
        if read == 0
            && let Some((frame, decoder)) = &mut decoding
        {
            frame.finish(decoder.as_mut(), now(), &mut batch);
            decoder.finish(&mut batch);
        }
        if !batch.is_empty() {
            reader.send(SourceEvent::Batch(batch))?;
        }
        if read == 0 {
            reader.send(SourceEvent::CaughtUp)?;
            reader.send(SourceEvent::Ended)?;
            return Ok(());
        }
    }
}

/// A file without a name: it is gone when nobody has it open any more.
fn spool() -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    for attempt in 0..64u32 {
        let stamp = Utc::now().timestamp_nanos_opt().unwrap_or_default();
        let name = format!("tracetui-{}-{stamp}-{attempt}.spool", std::process::id());
        let path: PathBuf = std::env::temp_dir().join(name);
        match options.open(&path) {
            Ok(mut file) => {
                std::fs::remove_file(&path).ok();
                file.seek(SeekFrom::Start(0))?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no free name for a temporary file"))
}

fn now() -> UnixNanos {
    UnixNanos(Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX))
}
