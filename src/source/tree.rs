//! Following folders: files that come are read, files that go are let go.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::Sender;

use super::catalog::Catalog;
use super::folder::{Folder, MAX_FILES, is_source, newest};
use super::open::{Follow, SourceSpec, spawn};
use super::place::FileId;
use super::watch::FolderWatch;
use super::{SourceEvent, SourceId, SourceMessage, SourceState, StopFlag};
use crate::format::{SAMPLE_BYTES, Wish};

/// Files that are followed at once. Others are read to their end, and again when they are written.
const MAX_LIVE: usize = 64;
/// Files that are read to their end at once.
const MAX_READING: usize = 8;
/// How long nothing must have been written to a file before another one may be followed in its place.
const IDLE: Duration = Duration::from_secs(60);
/// Looks after which a file that is gone is let go.
const MISSED: u8 = 3;
/// Distance of looks while files wait to be read.
const BUSY: Duration = Duration::from_millis(20);
/// Distance of looks where not every change is announced, and while there are files that may still become sources.
const LOOK: Duration = Duration::from_secs(1);
/// Distance of looks where every change is announced.
const REST: Duration = Duration::from_secs(30);

/// A folder that is followed, as a source of its own: it says how it stands and brings no records.
pub struct FolderSpec {
    /// The argument.
    pub name: String,
    /// Its number.
    pub source: SourceId,
}

/// Whether an argument is a folder, a pattern or another name that stands for several files.
pub fn is_folder(name: &str, wish: &Wish) -> bool {
    Folder::of(name).is_some_and(|folder| !folder.is_session() || wish.takes("claude-code"))
}

/// Starts following folders on a thread of its own. Files in them become sources with numbers from `next` on, each
/// announced by [`SourceEvent::Found`].
pub fn spawn_folders(
    folders: Vec<FolderSpec>,
    next: u16,
    catalog: Arc<Catalog>,
    wish: Wish,
    tx: Sender<SourceMessage>,
    stop: StopFlag,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let folders = folders
            .into_iter()
            .filter_map(|spec| Some((Folder::of(&spec.name)?, spec.source, None)))
            .collect();
        let tree = Tree {
            folders,
            next,
            catalog,
            wish,
            tx,
            stop,
            files: BTreeMap::new(),
            known: HashMap::new(),
            looks: 0,
        };
        // The only error is that nobody listens any more.
        tree.run().ok();
    })
}

struct Gone;

/// Size and time of the last write.
type Stamp = (u64, Option<SystemTime>);

/// What tells a file from all others, whatever it is called. Numbers are given again when a file is gone, with another
/// time of birth.
type Identity = (FileId, Option<SystemTime>);

/// What is known about a file.
struct Entry {
    stamp: Stamp,
    /// Looks since it was last there.
    missed: u8,
    reading: Reading,
}

enum Reading {
    /// None of ours, as it was at its stamp.
    Stranger,
    /// A source that nothing reads now; read when it is written.
    Resting(SourceId),
    /// A source that is read.
    Open(Open),
}

struct Open {
    source: SourceId,
    follow: Follow,
    stop: StopFlag,
    thread: JoinHandle<()>,
    /// The file as it was when reading began.
    stamp: Stamp,
}

struct Tree {
    folders: Vec<(Folder, SourceId, Option<SourceState>)>,
    next: u16,
    catalog: Arc<Catalog>,
    wish: Wish,
    tx: Sender<SourceMessage>,
    stop: StopFlag,
    files: BTreeMap<PathBuf, Entry>,
    /// Which path each file was read under first: it may have been rotated away, or have several names.
    known: HashMap<Identity, PathBuf>,
    looks: u64,
}

impl Tree {
    fn run(mut self) -> Result<(), Gone> {
        let mut watch: Option<(Vec<PathBuf>, FolderWatch)> = None;
        loop {
            let (folders, waiting) = self.look()?;
            let fresh = watch.as_ref().is_none_or(|(known, _)| *known != folders);
            if fresh {
                // Watching begins before the look that finds nothing new.
                watch = Some((folders.clone(), FolderWatch::new(&folders)));
                continue;
            }
            if self.is_over() {
                self.stop_all();
                return Err(Gone);
            }
            let Some((_, watch)) = &mut watch else { continue };
            let limit = match waiting {
                Waiting::ForRoom => BUSY,
                Waiting::No if watch.tells_all() => REST,
                Waiting::No | Waiting::ForContent => LOOK,
            };
            watch.wait(&self.stop, limit);
        }
    }

    fn is_over(&self) -> bool {
        self.stop.is_stopped() || self.tx.is_closed()
    }

    fn send(&self, source: SourceId, event: SourceEvent) -> Result<(), Gone> {
        if self.stop.is_stopped() {
            self.stop_all();
            return Err(Gone);
        }
        self.tx.blocking_send(SourceMessage { source, event }).map_err(|_| {
            self.stop_all();
            Gone
        })
    }

    fn stop_all(&self) {
        for entry in self.files.values() {
            if let Reading::Open(open) = &entry.reading {
                open.stop.stop();
            }
        }
    }

    /// Looks through all folders. Gives the folders that were found and what is waited for.
    fn look(&mut self) -> Result<(Vec<PathBuf>, Waiting), Gone> {
        self.looks += 1;
        let mut all: Vec<PathBuf> = Vec::new();
        let mut files = Vec::new();
        let mut states = Vec::new();
        for (folder, source, _) in &self.folders {
            let state = match folder.list() {
                Ok(mut listing) => {
                    let found = listing.files.len();
                    let is_cut = listing.is_cut || found > MAX_FILES;
                    newest(&mut listing.files);
                    let pattern = folder.is_pattern();
                    all.append(&mut listing.folders);
                    files.extend(listing.files.into_iter().map(|(path, meta)| (path, meta, pattern)));
                    Ok((found, is_cut))
                }
                Err(error) => Err(format!("failed to list the folder: {error}")),
            };
            states.push((*source, state));
        }
        all.sort();
        all.dedup();
        for entry in self.files.values_mut() {
            entry.missed = entry.missed.saturating_add(1);
        }
        // What was written last is read first.
        files.sort_by_key(|(_, meta, _)| std::cmp::Reverse(meta.modified().ok()));
        let there: HashSet<Identity> = files.iter().map(|(_, meta, _)| identity(meta)).collect();
        self.known.retain(|identity, _| there.contains(identity));
        let mut waiting = Waiting::No;
        for (path, meta, pattern) in files {
            waiting = waiting.max(self.take(&path, &meta, pattern)?);
        }
        self.let_go();
        // Who keeps a file open while writing is announced to nobody but those who follow the file itself.
        if self.files.values().any(|entry| entry.missed == 0 && matches!(entry.reading, Reading::Resting(_)))
        {
            waiting = waiting.max(Waiting::ForContent);
        }
        self.tell(states)?;
        Ok((all, waiting))
    }

    /// Takes note of a file that is there.
    fn take(&mut self, path: &Path, meta: &std::fs::Metadata, is_meant: bool) -> Result<Waiting, Gone> {
        let stamp = (meta.len(), meta.modified().ok());
        let identity = identity(meta);
        if !self.files.contains_key(path) {
            // A file that was rotated away is still read under its old name, and a second link is the same file.
            if self.known.get(&identity).is_some_and(|first| first != path) {
                return Ok(Waiting::No);
            }
            let reading = Reading::Stranger;
            let new = is_meant || is_source(path, &self.wish);
            self.files.insert(path.to_owned(), Entry { stamp, missed: 0, reading });
            if new {
                self.known.insert(identity, path.to_owned());
                return self.open(path, stamp);
            }
            return Ok(may_become(stamp));
        }
        let Some(entry) = self.files.get_mut(path) else { return Ok(Waiting::No) };
        let is_changed = entry.stamp != stamp;
        let before = std::mem::replace(&mut entry.stamp, stamp);
        entry.missed = 0;
        if !matches!(entry.reading, Reading::Stranger) {
            self.known.entry(identity).or_insert_with(|| path.to_owned());
        }
        match &entry.reading {
            Reading::Stranger if is_changed && before.0 < SAMPLE_BYTES as u64 => {
                if is_meant || is_source(path, &self.wish) {
                    self.known.insert(identity, path.to_owned());
                    return self.open(path, stamp);
                }
                Ok(may_become(stamp))
            }
            Reading::Stranger => Ok(may_become(stamp)),
            Reading::Resting(_) if is_changed => self.open(path, stamp),
            Reading::Open(open) if open.thread.is_finished() => {
                let (source, begun) = (open.source, open.stamp);
                entry.reading = Reading::Resting(source);
                if begun == stamp { Ok(Waiting::No) } else { self.open(path, stamp) }
            }
            Reading::Open(open) if open.follow == Follow::Once => Ok(Waiting::ForRoom),
            Reading::Resting(_) | Reading::Open(_) => Ok(Waiting::No),
        }
    }

    /// Reads a file: followed while there is room and it may still be written, else once.
    fn open(&mut self, path: &Path, stamp: Stamp) -> Result<Waiting, Gone> {
        let mut follow = Follow::Live;
        if self.count(Follow::Live) >= MAX_LIVE && !self.make_room() {
            follow = Follow::Once;
            if self.count(Follow::Once) >= MAX_READING {
                // Another stamp than the file's: it is opened at the next look.
                if let Some(entry) = self.files.get_mut(path) {
                    entry.stamp = (0, None);
                }
                return Ok(Waiting::ForRoom);
            }
        }
        let known = match self.files.get(path).map(|entry| &entry.reading) {
            Some(Reading::Resting(source)) => Some(*source),
            _ => None,
        };
        let name = path.to_string_lossy().into_owned();
        let source = match known {
            Some(source) => source,
            None if usize::from(self.next) >= MAX_FILES * 2 => return Ok(Waiting::No),
            None => {
                let source = SourceId(self.next);
                self.next += 1;
                self.send(source, SourceEvent::Found { name })?;
                source
            }
        };
        let (catalog, tx, stop) = (Arc::clone(&self.catalog), self.tx.clone(), StopFlag::default());
        let spec = SourceSpec::Path(path.to_owned());
        let thread = spawn(spec, source, catalog, follow, self.wish.clone(), tx, stop.clone());
        if let Some(entry) = self.files.get_mut(path) {
            entry.reading = Reading::Open(Open { source, follow, stop, thread, stamp });
        }
        Ok(if follow == Follow::Once { Waiting::ForRoom } else { Waiting::No })
    }

    /// Files that are read in this way now.
    fn count(&self, follow: Follow) -> usize {
        let reads = |open: &Open| open.follow == follow && !open.thread.is_finished();
        let open = |entry: &&Entry| matches!(&entry.reading, Reading::Open(open) if reads(open));
        self.files.values().filter(open).count()
    }

    /// Stops following the file that was not written for longest.
    fn make_room(&mut self) -> bool {
        let idle = |entry: &Entry| {
            let age = entry.stamp.1.and_then(|at| at.elapsed().ok()).unwrap_or_default();
            let follows = |open: &Open| open.follow == Follow::Live && !open.thread.is_finished();
            let follows = matches!(&entry.reading, Reading::Open(open) if follows(open));
            (follows && age > IDLE && self.looks > 1).then_some(age)
        };
        let oldest = self.files.iter().filter_map(|(path, entry)| Some((idle(entry)?, path.clone()))).max();
        let Some(entry) = oldest.and_then(|(_, path)| self.files.get_mut(&path)) else { return false };
        if let Reading::Open(open) = &entry.reading {
            open.stop.stop();
            entry.reading = Reading::Resting(open.source);
        }
        true
    }

    /// Forgets files that are gone for some looks: something else may come under their names at once.
    fn let_go(&mut self) {
        for entry in self.files.values_mut().filter(|entry| entry.missed >= MISSED) {
            if let Reading::Open(open) = &entry.reading {
                open.stop.stop();
                entry.reading = Reading::Resting(open.source);
            }
        }
        // Sources keep their number for the case that they come back.
        self.files.retain(|_, entry| entry.missed < MISSED || !matches!(entry.reading, Reading::Stranger));
    }

    fn tell(&mut self, states: Vec<Looked>) -> Result<(), Gone> {
        let reads = self.files.values().filter(|entry| !matches!(entry.reading, Reading::Stranger)).count();
        for (at, (source, found)) in states.into_iter().enumerate() {
            let state = match found {
                Err(why) => SourceState::Blocked(format!("{why}; tried again")),
                Ok((0, _)) => SourceState::Waiting("no file yet: waiting for one".to_owned()),
                Ok((found, _)) if reads == 0 => {
                    SourceState::Waiting(format!("none of {found} files can be read: waiting for one"))
                }
                Ok((_, true)) => SourceState::Snapshot(
                    "more files than can be followed: the ones written last are".to_owned(),
                ),
                Ok(_) => SourceState::Live,
            };
            let Some((_, _, told)) = self.folders.get_mut(at) else { continue };
            if told.as_ref() != Some(&state) {
                let first = told.replace(state.clone()).is_none();
                self.send(source, SourceEvent::State(state))?;
                if first {
                    self.send(source, SourceEvent::CaughtUp)?;
                }
            }
        }
        Ok(())
    }
}

/// A folder's number, the files in it and whether there are more than are looked at, or why it can't be listed.
type Looked = (SourceId, Result<(usize, bool), String>);

/// What the next look is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Waiting {
    No,
    /// A file was just made and may become a source.
    ForContent,
    /// Files wait for others to be read.
    ForRoom,
}

fn identity(meta: &std::fs::Metadata) -> Identity {
    (FileId::of(meta), meta.created().ok())
}

fn may_become((size, modified): Stamp) -> Waiting {
    let is_new = modified.and_then(|at| at.elapsed().ok()).is_some_and(|age| age < IDLE);
    if is_new && size < SAMPLE_BYTES as u64 { Waiting::ForContent } else { Waiting::No }
}
