//! Following folders: files that come are read, files that go are let go.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::Sender;

use super::catalog::Catalog;
use super::folder::{Folder, is_source};
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
/// How long readers are waited for while files wait to be read.
const BUSY: Duration = Duration::from_millis(5);
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
            base: next,
            next,
            catalog,
            wish,
            tx,
            stop,
            files: BTreeMap::new(),
            known: HashMap::new(),
            queue: VecDeque::new(),
            open: Vec::new(),
            first: First::Told(0),
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
    /// A source that waits to be read, once more if it has a number.
    Waiting(Option<SourceId>),
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
    /// The first number of a file, and the next.
    base: u16,
    next: u16,
    catalog: Arc<Catalog>,
    wish: Wish,
    tx: Sender<SourceMessage>,
    stop: StopFlag,
    files: BTreeMap<PathBuf, Entry>,
    /// Which path each file was read under first: it may have been rotated away, or have several names.
    known: HashMap<Identity, PathBuf>,
    /// Files that wait to be read.
    queue: VecDeque<PathBuf>,
    /// Files that are read.
    open: Vec<PathBuf>,
    /// How many of the files that were there at first were told to be read last, or that it is over.
    first: First,
}

/// How far the files are that were there at first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Told(u64),
    Done,
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
            let Some((_, watch)) = &mut watch else { continue };
            let limit = match waiting {
                Waiting::No if watch.tells_all() => REST,
                Waiting::No | Waiting::ForContent => LOOK,
            };
            self.wait(watch, limit)?;
        }
    }

    /// Waits for a change of the folders, no longer than `limit`, and has files read that wait for it.
    fn wait(&mut self, watch: &mut FolderWatch, limit: Duration) -> Result<(), Gone> {
        let end = Instant::now() + limit;
        loop {
            let is_busy = self.read_on()?;
            let left = end.saturating_duration_since(Instant::now());
            let is_told = watch.wait(&self.stop, if is_busy { left.min(BUSY) } else { left });
            if self.is_over() {
                self.stop_all();
                return Err(Gone);
            }
            if is_told || Instant::now() >= end {
                return Ok(());
            }
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
        let mut all: Vec<PathBuf> = Vec::new();
        let mut files = Vec::new();
        let mut states = Vec::new();
        for (folder, source, _) in &self.folders {
            let state = match folder.list() {
                Ok(mut listing) => {
                    let found = listing.files.len();
                    let is_cut = listing.is_cut || self.next == u16::MAX;
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
            waiting = waiting.max(self.take(&path, &meta, pattern));
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
    fn take(&mut self, path: &Path, meta: &std::fs::Metadata, is_meant: bool) -> Waiting {
        let stamp = stamp(meta);
        let identity = identity(meta);
        if !self.files.contains_key(path) {
            // A file that was rotated away is still read under its old name, and a second link is the same file.
            if self.known.get(&identity).is_some_and(|first| first != path) {
                return Waiting::No;
            }
            let is_new = is_meant || is_source(path, &self.wish);
            let reading = if is_new { Reading::Waiting(None) } else { Reading::Stranger };
            self.files.insert(path.to_owned(), Entry { stamp, missed: 0, reading });
            if !is_new {
                return may_become(stamp);
            }
            self.known.insert(identity, path.to_owned());
            self.queue.push_back(path.to_owned());
            return Waiting::No;
        }
        let Some(entry) = self.files.get_mut(path) else { return Waiting::No };
        let is_changed = entry.stamp != stamp;
        let before = std::mem::replace(&mut entry.stamp, stamp);
        entry.missed = 0;
        if !matches!(entry.reading, Reading::Stranger) {
            self.known.entry(identity).or_insert_with(|| path.to_owned());
        }
        match &entry.reading {
            Reading::Stranger if is_changed && before.0 < SAMPLE_BYTES as u64 => {
                if !is_meant && !is_source(path, &self.wish) {
                    return may_become(stamp);
                }
                entry.reading = Reading::Waiting(None);
                self.known.insert(identity, path.to_owned());
                self.queue.push_back(path.to_owned());
                Waiting::No
            }
            Reading::Stranger => may_become(stamp),
            Reading::Resting(source) if is_changed => {
                entry.reading = Reading::Waiting(Some(*source));
                // What is written now comes before what lay there.
                self.queue.push_front(path.to_owned());
                Waiting::No
            }
            Reading::Waiting(_) | Reading::Resting(_) | Reading::Open(_) => Waiting::No,
        }
    }

    /// Begins to read files that wait for it, as far as there is room. Says whether some are read to their end now or
    /// wait for it.
    fn read_on(&mut self) -> Result<bool, Gone> {
        self.reap();
        while let Some(path) = self.queue.front() {
            let stamp = self.files.get(path).map(|entry| entry.stamp).unwrap_or_default();
            let follow = if self.count(Follow::Live) < MAX_LIVE || self.make_room(stamp) {
                Follow::Live
            } else if self.count(Follow::Once) < MAX_READING {
                Follow::Once
            } else {
                break;
            };
            let Some(path) = self.queue.pop_front() else { break };
            self.open(&path, follow)?;
        }
        self.tell_progress()?;
        Ok(!self.queue.is_empty() || self.count(Follow::Once) > 0)
    }

    /// Says how many of the files that were there at first have been taken.
    fn tell_progress(&mut self) -> Result<(), Gone> {
        let First::Told(told) = self.first else { return Ok(()) };
        let left = self.queue.len() as u64;
        let done = u64::from(self.next).saturating_sub(u64::from(self.base));
        if left > 0 && done == told {
            return Ok(());
        }
        self.first = if left > 0 { First::Told(done) } else { First::Done };
        for (_, source, _) in &self.folders {
            let event = match left {
                0 => SourceEvent::CaughtUp,
                _ => SourceEvent::Progress { done, total: done + left },
            };
            self.send(*source, event)?;
        }
        Ok(())
    }

    /// Takes leave of readers that are done. A file that was written meanwhile is read again.
    fn reap(&mut self) {
        let (files, queue) = (&mut self.files, &mut self.queue);
        self.open.retain(|path| {
            let Some(entry) = files.get_mut(path) else { return false };
            let Reading::Open(open) = &entry.reading else { return false };
            if !open.thread.is_finished() {
                return true;
            }
            let (source, begun) = (open.source, open.stamp);
            let now = std::fs::metadata(path).map_or(begun, |meta| stamp(&meta));
            entry.reading = Reading::Resting(source);
            if now != begun {
                entry.stamp = now;
                entry.reading = Reading::Waiting(Some(source));
                queue.push_front(path.clone());
            }
            false
        });
    }

    /// Reads a file that waits for it.
    fn open(&mut self, path: &Path, follow: Follow) -> Result<(), Gone> {
        let Some((&Reading::Waiting(known), stamp)) =
            self.files.get(path).map(|entry| (&entry.reading, entry.stamp))
        else {
            return Ok(());
        };
        let source = match known {
            Some(source) => source,
            // All numbers are taken; the folder's state says so.
            None if self.next == u16::MAX => return Ok(()),
            None => {
                let source = SourceId(self.next);
                self.next += 1;
                let name = path.to_string_lossy().into_owned();
                self.send(source, SourceEvent::Found { name })?;
                source
            }
        };
        let (catalog, tx, stop) = (Arc::clone(&self.catalog), self.tx.clone(), StopFlag::default());
        let spec = SourceSpec::Path(path.to_owned());
        let thread = spawn(spec, source, catalog, follow, self.wish.clone(), tx, stop.clone());
        if let Some(entry) = self.files.get_mut(path) {
            entry.reading = Reading::Open(Open { source, follow, stop, thread, stamp });
            self.open.push(path.to_owned());
        }
        Ok(())
    }

    /// Files that are read in this way now.
    fn count(&self, follow: Follow) -> usize {
        let open = |path: &&PathBuf| match self.files.get(*path).map(|entry| &entry.reading) {
            Some(Reading::Open(open)) => open.follow == follow,
            _ => false,
        };
        self.open.iter().filter(open).count()
    }

    /// Stops following the file that was not written for longest, for one that was written later.
    fn make_room(&mut self, (_, written): Stamp) -> bool {
        let idle = |path: &PathBuf| {
            let entry = self.files.get(path)?;
            let age = entry.stamp.1.and_then(|at| at.elapsed().ok()).unwrap_or_default();
            let follows = matches!(&entry.reading, Reading::Open(open) if open.follow == Follow::Live);
            (follows && age > IDLE && entry.stamp.1 < written).then_some((age, path.clone()))
        };
        let Some((_, path)) = self.open.iter().filter_map(idle).max() else { return false };
        let Some(entry) = self.files.get_mut(&path) else { return false };
        if let Reading::Open(open) = &entry.reading {
            open.stop.stop();
            entry.reading = Reading::Resting(open.source);
        }
        self.open.retain(|open| *open != path);
        true
    }

    /// Forgets files that are gone for some looks: something else may come under their names at once.
    fn let_go(&mut self) {
        for entry in self.files.values_mut().filter(|entry| entry.missed >= MISSED) {
            if let Reading::Open(open) = &entry.reading {
                open.stop.stop();
                entry.reading = Reading::Resting(open.source);
            }
            match entry.reading {
                Reading::Waiting(Some(source)) => entry.reading = Reading::Resting(source),
                Reading::Waiting(None) => entry.reading = Reading::Stranger,
                _ => {}
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
                *told = Some(state.clone());
                self.send(source, SourceEvent::State(state))?;
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
}

fn stamp(meta: &std::fs::Metadata) -> Stamp {
    (meta.len(), meta.modified().ok())
}

fn identity(meta: &std::fs::Metadata) -> Identity {
    (FileId::of(meta), meta.created().ok())
}

fn may_become((size, modified): Stamp) -> Waiting {
    let is_new = modified.and_then(|at| at.elapsed().ok()).is_some_and(|age| age < IDLE);
    if is_new && size < SAMPLE_BYTES as u64 { Waiting::ForContent } else { Waiting::No }
}
