//! What a SOURCE argument means, and starting to read it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc::Sender;

use super::catalog::Catalog;
use super::file::{self, FileSpec};
use super::sqlite::{self, SqliteSpec};
use super::{SourceEvent, SourceId, SourceMessage, SourceState, StopFlag, stream};
use crate::format::{LINE_FORMATS, LineSample, TABLE_FORMATS, detect_lines};

/// Why a source can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The argument names nothing that can be a source; says what it is and what to try.
    #[error("{0}: {path}", path = .1.display())]
    Unusable(String, PathBuf),
    /// The bytes can't be read.
    #[error("failed to read: {0}")]
    Read(std::io::Error),
    /// The record is no longer where it was.
    #[error("the record is gone from its source")]
    Gone,
    /// The row can't be read; says why.
    #[error("{0}")]
    Database(String),
}

/// How long a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Until the stop flag is set.
    Live,
    /// To its end.
    Once,
}

/// A place to read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSpec {
    /// Standard input.
    Stdin,
    /// A path; what is there decides how it is read, once something is there.
    Path(PathBuf),
}

impl SourceSpec {
    /// Reads an argument: `-` or a path.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        let path = PathBuf::from(text);
        if text.is_empty() {
            return Err(SourceError::Unusable("an empty path is no source".to_owned(), path));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            let what = format!(
                "{scheme}:// sources are not supported; give a file, a folder or - for standard input"
            );
            return Err(SourceError::Unusable(what, path));
        }
        Ok(Self::Path(path))
    }
}

/// Replaces each folder among the arguments by the files in it that can be read, in order of their names. Hidden files,
/// the side files of databases and files of no known format are left out.
pub fn expand(names: &[String]) -> Result<Vec<String>, SourceError> {
    let mut all = Vec::new();
    for name in names {
        let path = Path::new(name);
        if name == "-" || !path.is_dir() {
            all.push(name.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(SourceError::Read)?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.is_file() && is_source_name(path) && is_recognised(path))
            .collect();
        files.sort();
        if files.is_empty() {
            let what = "no file in the folder is a SQLite store or a log of a known format".to_owned();
            return Err(SourceError::Unusable(what, path.to_owned()));
        }
        all.extend(files.into_iter().map(|path| path.to_string_lossy().into_owned()));
    }
    Ok(all)
}

fn is_source_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    !name.starts_with('.') && !["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end))
}

/// Whether the beginning of a file is of a format that can be read. Databases are looked into when they are opened.
fn is_recognised(path: &Path) -> bool {
    match look(path) {
        Found::Database => true,
        Found::Lines => {
            let mut sample = Vec::new();
            let limit = crate::format::SAMPLE_BYTES as u64;
            let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut sample));
            read.is_ok() && matches!(detect_lines(&LineSample::new(&sample), None), Ok(Some(_)))
        }
        Found::Nothing | Found::Pipe | Found::Other(_) => false,
    }
}

/// What is at a path.
enum Found {
    Nothing,
    Database,
    Lines,
    Pipe,
    Other(&'static str),
}

/// Starts reading a source on a thread of its own.
pub fn spawn(
    spec: SourceSpec,
    source: SourceId,
    catalog: Arc<Catalog>,
    follow: Follow,
    format: Option<String>,
    tx: Sender<SourceMessage>,
    stop: StopFlag,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let reader = Reader { source, catalog, follow, format, tx, stop };
        match spec {
            SourceSpec::Stdin => stream::run(&reader, std::io::stdin().lock(), "stdin"),
            SourceSpec::Path(path) => reader.read_path(&path),
        }
    })
}

/// What every transport needs.
pub(super) struct Reader {
    pub source: SourceId,
    pub catalog: Arc<Catalog>,
    pub follow: Follow,
    /// The format that was asked for.
    pub format: Option<String>,
    pub tx: Sender<SourceMessage>,
    pub stop: StopFlag,
}

/// The receiver is gone, or the source was asked to stop.
#[derive(Debug)]
pub(super) struct Over;

impl Reader {
    /// Sends a message; blocks while the receiver is behind.
    pub(super) fn send(&self, event: SourceEvent) -> Result<(), Over> {
        if self.stop.is_stopped() {
            return Err(Over);
        }
        self.tx.blocking_send(SourceMessage { source: self.source, event }).map_err(|_| Over)
    }

    fn read_path(&self, path: &Path) {
        let mut waiting = false;
        loop {
            let done = match look(path) {
                Found::Database => {
                    self.read_database(path);
                    true
                }
                Found::Lines => {
                    file::run(self, &FileSpec::new(path));
                    true
                }
                Found::Pipe => {
                    if let Ok(pipe) = File::open(path) {
                        stream::run(self, pipe, &file_name(path));
                    }
                    true
                }
                Found::Other(what) => {
                    self.send(SourceEvent::State(SourceState::Failed(what.to_owned()))).is_ok()
                }
                Found::Nothing if self.follow == Follow::Once => {
                    self.send(SourceEvent::State(SourceState::Failed("no such file".to_owned()))).is_ok()
                }
                Found::Nothing => {
                    if !waiting {
                        let state = SourceState::Waiting("no such file yet: waiting for it".to_owned());
                        waiting = self.send(SourceEvent::State(state)).is_ok()
                            && self.send(SourceEvent::CaughtUp).is_ok();
                    }
                    false
                }
            };
            if done || self.stop.is_stopped() || self.tx.is_closed() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
    }

    fn read_database(&self, path: &Path) {
        let forced = self.format.as_deref();
        let formats: Vec<_> = TABLE_FORMATS
            .iter()
            .copied()
            .filter(|format| forced.is_none_or(|name| name == format.name))
            .collect();
        let is_for_lines = forced.is_some_and(|name| LINE_FORMATS.iter().any(|format| format.name == name));
        if formats.is_empty() && is_for_lines {
            let why =
                "this is a SQLite database, and the format is for text files; leave --format out".to_owned();
            // Nobody is left to tell when this fails.
            self.send(SourceEvent::State(SourceState::Failed(why))).ok();
            return;
        }
        let follow = match self.follow {
            Follow::Live => sqlite::Follow::Live,
            Follow::Once => sqlite::Follow::Once,
        };
        let spec = SqliteSpec { path: path.to_owned(), source: self.source, formats, follow };
        let catalog = &self.catalog;
        sqlite::run(&spec, &mut |place| catalog.add_table(place), &self.tx, &self.stop);
    }
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn look(path: &Path) -> Found {
    let Ok(meta) = std::fs::metadata(path) else { return Found::Nothing };
    if meta.is_dir() {
        return Found::Other("this is a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if meta.file_type().is_fifo() {
            return Found::Pipe;
        }
    }
    if !meta.is_file() {
        return Found::Other("this is no file; give a regular file, a pipe or - for standard input");
    }
    let mut magic = [0u8; 16];
    let read = File::open(path).and_then(|mut file| file.read(&mut magic));
    match read {
        Ok(16) if magic == *b"SQLite format 3\0" => Found::Database,
        // A database is created empty and gets its header later; its name tells.
        Ok(0) if has_database_name(path) => Found::Database,
        Ok(_) => Found::Lines,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Found::Other("permission denied; its owner can allow reading with chmod +r")
        }
        Err(_) => Found::Nothing,
    }
}

fn has_database_name(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    matches!(extension.as_deref(), Some("db" | "db3" | "sqlite" | "sqlite3"))
}
