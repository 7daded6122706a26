//! Any order of what may happen to a log, against a model of what must be told.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;

use super::support::{Watch, Writer, padded};

#[derive(Clone, Debug)]
enum Action {
    /// Appends records in pieces of so many bytes.
    Append { count: u64, piece: usize, pad: usize },
    /// Appends the beginning of a record; the next append is its end.
    Tear,
    /// Gives the file another name and begins a new one.
    Rotate,
    /// Adds to the file that was rotated last.
    WriteLate,
    /// Cuts everything away, after it was read.
    Empty,
    /// Cuts the last half away, after it was read.
    Halve,
    /// Puts another file in its place.
    Replace { count: u64 },
    /// Removes the file and makes a new one.
    Recreate,
    /// Waits until all is told.
    Wait,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1u64..40, 1usize..5_000, 0usize..300)
            .prop_map(|(count, piece, pad)| Action::Append { count, piece, pad }),
        1 => Just(Action::Tear),
        1 => Just(Action::Rotate),
        1 => Just(Action::WriteLate),
        1 => Just(Action::Empty),
        1 => Just(Action::Halve),
        1 => (0u64..30).prop_map(|count| Action::Replace { count }),
        1 => Just(Action::Recreate),
        2 => Just(Action::Wait),
    ]
}

/// A log, and what was written to it whole.
struct Log {
    path: PathBuf,
    writer: Writer,
    rotated: Option<Writer>,
    /// The end of a record whose beginning is written.
    torn: Vec<u8>,
    next: u64,
    rotations: u32,
    /// Nothing was written to the file yet: perhaps nobody has seen it.
    is_new: bool,
}

impl Log {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            writer: Writer::open(path),
            rotated: None,
            torn: Vec::new(),
            next: 0,
            rotations: 0,
            is_new: true,
        }
    }

    fn line(&mut self, pad: usize) -> Vec<u8> {
        self.next += 1;
        padded(self.next - 1, pad)
    }

    fn end_torn(&mut self) {
        let end = std::mem::take(&mut self.torn);
        self.writer.bytes(&end);
    }

    fn act(&mut self, action: &Action, watch: &mut Watch) {
        if !matches!(action, Action::Append { .. } | Action::Wait) {
            self.end_torn();
        }
        if matches!(action, Action::Rotate | Action::Replace { .. } | Action::Recreate) {
            // A file that goes before anybody has looked is lost to any reader.
            if self.is_new {
                let line = self.line(0);
                self.writer.bytes(&line);
            }
            self.wait(watch);
        }
        self.is_new = match action {
            Action::Append { .. } => false,
            Action::Rotate | Action::Recreate | Action::Replace { .. } => true,
            _ => self.is_new,
        };
        match *action {
            Action::Append { count, piece, pad } => {
                let mut bytes = std::mem::take(&mut self.torn);
                (0..count).for_each(|_| bytes.extend(self.line(pad)));
                bytes.chunks(piece).for_each(|piece| self.writer.bytes(piece));
            }
            Action::Tear => {
                let line = self.line(20);
                let middle = line.len() / 2;
                self.writer.bytes(&line[..middle]);
                self.torn = line[middle..].to_vec();
            }
            Action::Rotate => {
                self.rotations += 1;
                fs::rename(&self.path, self.path.with_extension(self.rotations.to_string()))
                    .expect("renamed");
                let new = Writer::open(&self.path);
                self.rotated = Some(std::mem::replace(&mut self.writer, new));
            }
            Action::WriteLate => {
                let line = self.line(3);
                match &mut self.rotated {
                    Some(old) => old.bytes(&line),
                    None => self.writer.bytes(&line),
                }
            }
            Action::Empty => {
                self.wait(watch);
                self.writer.file().set_len(0).expect("cut");
            }
            Action::Halve => {
                self.wait(watch);
                let bytes = fs::read(&self.path).expect("readable");
                let end =
                    bytes[..bytes.len() / 2].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                self.writer.file().set_len(end as u64).expect("cut");
                // Cut and written in one moment is another content to any reader, told again from its beginning.
                watch.take_for(Duration::from_millis(300));
            }
            Action::Replace { count } => {
                let new = self.path.with_extension("new");
                let mut writer = Writer::open(&new);
                (0..count).for_each(|_| writer.bytes(&self.line(9)));
                fs::rename(&new, &self.path).expect("renamed");
                self.writer = writer;
            }
            Action::Recreate => {
                fs::remove_file(&self.path).expect("removed");
                self.writer = Writer::open(&self.path);
            }
            Action::Wait => {
                if self.torn.is_empty() {
                    self.wait(watch);
                }
            }
        }
    }

    fn wait(&mut self, watch: &mut Watch) {
        watch.sees(0..self.next);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_told_twice(actions in proptest::collection::vec(action(), 1..14)) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.ndjson");
        let mut log = Log::new(&path);
        let mut watch = Watch::live(&path);
        for action in &actions {
            log.act(action, &mut watch);
        }
        log.end_torn();
        log.wait(&mut watch);
        watch.take_for(Duration::from_millis(30));
        for (id, (times, _)) in &watch.told.records {
            prop_assert_eq!(*times, 1, "record {}: {:?}", id, watch.told.states);
        }
        prop_assert_eq!(watch.told.problems.skipped(), 0, "{:?}", watch.told.problems);
    }
}
