//! Folders that are followed: files come, grow, are rotated and go.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracetui::format::Wish;
use tracetui::model::SourceId;
use tracetui::source::{
    Catalog, FolderSpec, SourceEvent, SourceMessage, SourceState, StopFlag, spawn_folders,
};

use super::support::{LIMIT, Writer, record};

struct Followed {
    rx: tokio::sync::mpsc::Receiver<SourceMessage>,
    stop: StopFlag,
    thread: Option<JoinHandle<()>>,
    /// Names by number; the folder is number 0.
    names: Vec<String>,
    /// Which source told about each record, and how often.
    records: BTreeMap<u64, Vec<u16>>,
    states: Vec<(u16, SourceState)>,
}

impl Followed {
    fn start(argument: &Path) -> Self {
        let (tx, rx) = tokio::sync::mpsc::channel(16);
        let stop = StopFlag::default();
        let name = argument.to_string_lossy().into_owned();
        let folders = vec![FolderSpec { name: name.clone(), source: SourceId(0) }];
        let thread =
            spawn_folders(folders, 1, Arc::new(Catalog::default()), Wish::default(), tx, stop.clone());
        let (names, records, states) = (vec![name], BTreeMap::new(), Vec::new());
        Self { rx, stop, thread: Some(thread), names, records, states }
    }

    fn take(&mut self, message: SourceMessage) {
        let source = message.source.0;
        assert!(usize::from(source) < self.names.len() || matches!(message.event, SourceEvent::Found { .. }));
        match message.event {
            SourceEvent::Found { name } => {
                assert_eq!(usize::from(source), self.names.len());
                self.names.push(name);
            }
            SourceEvent::State(state) => self.states.push((source, state)),
            SourceEvent::Batch(batch) => {
                for update in &batch.updates {
                    let name = batch.strings.get(update.name);
                    let id = name.trim_start_matches("live-").parse().expect("a numbered record");
                    self.records.entry(id).or_default().push(source);
                }
            }
            _ => {}
        }
    }

    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + LIMIT;
        while !done(self) {
            let told = (&self.names, &self.records, &self.states);
            assert!(Instant::now() < end, "{what} not told in {LIMIT:?}: {told:?}");
            self.take_for(Duration::from_millis(2));
        }
    }

    fn sees(&mut self, id: u64) {
        self.until(&format!("record {id}"), |told| told.records.contains_key(&id));
    }

    fn take_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            match self.rx.try_recv() {
                Ok(message) => self.take(message),
                Err(_) => std::thread::sleep(Duration::from_micros(200)),
            }
        }
    }

    /// The file's name without its folders.
    fn named(&self, name: &str) -> bool {
        self.names.iter().any(|known| Path::new(known).file_name().is_some_and(|last| last == name))
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.stop.stop();
        self.rx.close();
        while self.rx.try_recv().is_ok() {}
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the follower of folders panicked");
        }
    }
}

#[test]
fn files_that_come_are_read_and_files_that_go_are_let_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    Writer::open(&path("a.ndjson")).records([1]);
    fs::write(path("notes.md"), "# Notes\n").expect("written");
    let mut told = Followed::start(folder.path());
    told.sees(1);
    told.until("that it is live", |told| told.states.contains(&(0, SourceState::Live)));
    // A new file, then one in a folder that is new as well, then more in the first.
    Writer::open(&path("b.ndjson")).records([2]);
    told.sees(2);
    fs::create_dir_all(path("sub/deep")).expect("made");
    Writer::open(&path("sub/deep/c.jsonl")).records([3]);
    told.sees(3);
    Writer::open(&path("a.ndjson")).records([4]);
    told.sees(4);
    assert_eq!(told.names.len(), 4, "{:?}", told.names);
    // Gone, and another one under its name.
    fs::remove_file(path("b.ndjson")).expect("removed");
    told.take_for(Duration::from_millis(300));
    Writer::open(&path("b.ndjson")).records([5]);
    told.sees(5);
    assert_eq!(told.names.len(), 4, "the same name is the same source: {:?}", told.names);
    assert!(!told.named("notes.md"));
    // A stranger that becomes a log.
    Writer::open(&path("notes.md")).records([6]);
    fs::write(path("later.txt"), "").expect("written");
    let mut later = Writer::open(&path("later.txt"));
    later.records([7]);
    drop(later);
    told.sees(7);
    assert!(told.records.values().all(|times| times.len() == 1), "{:?}", told.records);
}

#[test]
fn an_empty_folder_waits_and_a_pattern_takes_what_fits() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut told = Followed::start(&folder.path().join("**/*.ndjson"));
    let waits = |told: &Followed| matches!(told.states.last(), Some((0, SourceState::Waiting(_))));
    told.until("that it waits", waits);
    fs::create_dir(folder.path().join("x")).expect("made");
    Writer::open(&folder.path().join("x/a.ndjson")).records([1]);
    Writer::open(&folder.path().join("x/a.jsonl")).records([2]);
    told.sees(1);
    told.take_for(Duration::from_millis(100));
    assert_eq!(told.names.len(), 2, "{:?}", told.names);
}

#[test]
fn a_rotated_file_is_not_read_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    Writer::open(&path("a.log")).records([1]);
    let mut told = Followed::start(folder.path());
    told.sees(1);
    fs::rename(path("a.log"), path("a.log.1")).expect("renamed");
    Writer::open(&path("a.log")).records([2]);
    told.sees(2);
    fs::hard_link(path("a.log"), path("z.log")).expect("linked");
    Writer::open(&path("b.log")).records([3]);
    told.sees(3);
    told.take_for(Duration::from_millis(200));
    assert_eq!(told.names.len(), 3, "{:?}", told.names);
    assert!(told.records.values().all(|times| times.len() == 1), "{:?}", told.records);
}

/// More than are followed at once, and than somebody keeps of a year's sessions.
const MANY: u64 = 2_500;

#[test]
fn more_files_than_can_be_followed_are_all_read_and_again_when_they_grow() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |id: u64| folder.path().join(format!("{id:04}.ndjson"));
    (0..MANY).for_each(|id| fs::write(path(id), record(id)).expect("written"));
    let mut told = Followed::start(folder.path());
    told.until("all records", |told| told.records.len() == MANY as usize);
    assert_eq!(told.names.len() as u64, 1 + MANY);
    // Whichever of them are followed: all are.
    for id in [0, 75, MANY - 1] {
        Writer::open(&path(id)).records([10_000 + id]);
        told.sees(10_000 + id);
    }
    assert_eq!(told.names.len() as u64, 1 + MANY);
}
