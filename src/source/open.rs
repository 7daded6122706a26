//! What a SOURCE argument means, and starting to read it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc::Sender;

use super::catalog::Catalog;
use super::compressed;
use super::file;
use super::place::{Found, look};
use super::sqlite::{self, SqliteSpec};
use super::watch::Watch;
use super::{SourceEvent, SourceId, SourceMessage, SourceState, StopFlag, stream};
use crate::format::{LINE_FORMATS, TABLE_FORMATS, Wish};

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

/// Starts reading a source on a thread of its own.
pub fn spawn(
    spec: SourceSpec,
    source: SourceId,
    catalog: Arc<Catalog>,
    follow: Follow,
    wish: impl Into<Wish>,
    tx: Sender<SourceMessage>,
    stop: StopFlag,
) -> JoinHandle<()> {
    let wish = wish.into();
    std::thread::spawn(move || {
        let reader = Reader { source, catalog, follow, wish, tx, stop };
        match spec {
            SourceSpec::Stdin => stream::read_stdin(&reader),
            SourceSpec::Path(path) => {
                // The only error is that nobody listens any more.
                reader.read_path(&path).ok();
            }
        }
    })
}

/// What every transport needs.
pub(super) struct Reader {
    pub source: SourceId,
    pub catalog: Arc<Catalog>,
    pub follow: Follow,
    /// The format and mapping that were asked for.
    pub wish: Wish,
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

    /// Whether nobody wants to hear more.
    pub(super) fn is_over(&self) -> bool {
        self.stop.is_stopped() || self.tx.is_closed()
    }

    fn read_path(&self, path: &Path) -> Result<(), Over> {
        let mut watch: Option<Watch> = None;
        let mut told: Option<SourceState> = None;
        loop {
            let state = match look(path) {
                Found::Database => {
                    self.read_database(path);
                    return Ok(());
                }
                Found::Compressed(compression) => return compressed::read(self, path, compression),
                Found::Lines => {
                    file::run(self, path);
                    return Ok(());
                }
                Found::Pipe => {
                    stream::read_pipe(self, path);
                    return Ok(());
                }
                Found::Refused(what) => return self.give_up(what.to_owned()),
                Found::Blocked(why) if self.follow == Follow::Once => return self.give_up(why),
                Found::Nothing(what) if self.follow == Follow::Once => return self.give_up(what.to_owned()),
                Found::Blocked(why) => SourceState::Blocked(format!("{why}; tried again")),
                Found::Nothing(what) => SourceState::Waiting(format!("{what} yet: waiting for it")),
            };
            // Watching begins before the last look that found nothing.
            let Some(watch) = &mut watch else {
                watch = Some(Watch::new(path, &self.stop));
                continue;
            };
            if told.as_ref() != Some(&state) {
                if told.is_none() {
                    self.send(SourceEvent::CaughtUp)?;
                }
                self.send(SourceEvent::State(state.clone()))?;
                told = Some(state);
            }
            watch.wait();
            if self.is_over() {
                return Ok(());
            }
        }
    }

    fn give_up(&self, why: String) -> Result<(), Over> {
        self.send(SourceEvent::State(SourceState::Failed(why)))
    }

    fn read_database(&self, path: &Path) {
        let forced = self.wish.format.as_deref();
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
