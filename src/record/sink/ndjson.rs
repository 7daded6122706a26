//! Spans as NDJSON: one line per state of a span, appended.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::encode::Scratch;
use super::{Sink, SinkError, create_private, plain_file_len};
use crate::record::SpanRow;

/// How every line of ours begins.
const LINE_START: &[u8] = b"{\"trace_id\":";

/// Appends spans to a log. Each record is one `write(2)` on a descriptor in append mode, so several writers may share
/// a file.
#[derive(Debug)]
pub struct NdjsonSink {
    path: PathBuf,
    file: File,
    scratch: Scratch,
    line: String,
    torn: bool,
}

impl NdjsonSink {
    /// Opens a log for appending, making it (readable by its owner only) if it is not there. A file that begins with
    /// anything but a record of ours is refused; one that ends in half a line is continued on a new line.
    pub fn open(path: &Path) -> Result<Self, SinkError> {
        create_private(path)?;
        let len = plain_file_len(path)?;
        let io = |source| SinkError::Io { path: path.to_owned(), source };
        let mut torn = false;
        if len > 0 {
            let mut file = File::open(path).map_err(io)?;
            let mut start = Vec::new();
            Read::by_ref(&mut file).take(LINE_START.len() as u64).read_to_end(&mut start).map_err(io)?;
            if start != LINE_START {
                return Err(SinkError::NotOurs {
                    path: path.to_owned(),
                    why: "it begins with something else than a span",
                });
            }
            let mut last = [0];
            file.seek(SeekFrom::Start(len - 1)).map_err(io)?;
            file.read_exact(&mut last).map_err(io)?;
            torn = last != *b"\n";
        }
        let file = OpenOptions::new().append(true).open(path).map_err(io)?;
        Ok(Self { path: path.to_owned(), file, scratch: Scratch::default(), line: String::new(), torn })
    }

    fn append(&mut self) -> std::io::Result<()> {
        loop {
            match self.file.write(self.line.as_bytes()) {
                Ok(written) if written == self.line.len() => {
                    self.torn = false;
                    return Ok(());
                }
                Ok(written) => {
                    // The rest of the line would be a second write that another writer's could come before: the
                    // fragment stays, and the next record begins on a line of its own.
                    self.torn = self.torn || written > 0;
                    return Err(std::io::ErrorKind::WriteZero.into());
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Sink for NdjsonSink {
    fn write(&mut self, spans: &[SpanRow]) -> Result<(), SinkError> {
        for row in spans {
            self.line.clear();
            if self.torn {
                self.line.push('\n');
            }
            self.scratch.encode(row)?.push_line(&mut self.line);
            self.append().map_err(|source| SinkError::Io { path: self.path.clone(), source })?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.file.sync_data().map_err(|source| SinkError::Io { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UnixNanos;

    fn row(span: &str) -> SpanRow {
        SpanRow::started("t1", span, "n", "tool_execution", UnixNanos::from_ms(1_000))
    }

    #[test]
    fn goes_on_after_a_torn_line() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a.ndjson");
        NdjsonSink::open(&path).expect("opens").write(&[row("s1")]).expect("writes");
        let mut torn = std::fs::read(&path).expect("reads");
        torn.extend_from_slice(b"{\"trace_id\":\"t1\",\"sp");
        std::fs::write(&path, &torn).expect("tears");
        let mut sink = NdjsonSink::open(&path).expect("opens again");
        sink.write(&[row("s2"), row("s3")]).expect("writes");
        sink.flush().expect("syncs");
        let text = std::fs::read_to_string(&path).expect("reads");
        let whole =
            text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count();
        assert_eq!((text.lines().count(), whole), (4, 3));
    }

    #[test]
    fn refuses_what_is_not_ours() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("notes.log");
        std::fs::write(&path, "dear diary\n").expect("writes");
        assert!(matches!(NdjsonSink::open(&path), Err(SinkError::NotOurs { .. })));
        assert!(matches!(NdjsonSink::open(dir.path()), Err(SinkError::NotOurs { .. })));
        assert_eq!(std::fs::read_to_string(&path).expect("reads"), "dear diary\n");
    }

    #[test]
    fn two_writers_share_a_file() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a.jsonl");
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let path = &path;
                scope.spawn(move || {
                    let mut sink = NdjsonSink::open(path).expect("opens");
                    for n in 0..200 {
                        sink.write(&[row(&format!("{writer}-{n}"))]).expect("writes");
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).expect("reads");
        assert_eq!(text.lines().count(), 400);
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a.ndjson");
        NdjsonSink::open(&path).expect("opens");
        let mode = std::fs::metadata(&path).expect("meta").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
