//! A writer of records, and a reader that collects what it is told.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracetui::model::{PayloadRef, Problems, SegmentId, SourceId};
use tracetui::source::{
    Catalog, Follow, SourceEvent, SourceMessage, SourceSpec, SourceState, StopFlag, spawn,
};

/// Long enough for a machine that does many other things.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A record with a number.
pub(crate) fn record(id: u64) -> Vec<u8> {
    padded(id, 0)
}

/// A record with a number and so many bytes more.
pub(crate) fn padded(id: u64, pad: usize) -> Vec<u8> {
    let pad = "x".repeat(pad);
    format!(
        r#"{{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"{:016x}","name":"live-{id}","started_at":"2026-01-01T00:00:00Z","duration_ms":{id},"pad":"{pad}"}}"#,
        0xc0de_0000_0000_0000_u64 + id
    )
    .into_bytes()
    .into_iter()
    .chain(*b"\n")
    .collect()
}

/// An open log.
pub(crate) struct Writer(File);

impl Writer {
    pub(crate) fn open(path: &Path) -> Self {
        Self(OpenOptions::new().append(true).create(true).open(path).expect("the log opens"))
    }

    /// A writer that keeps its own place instead of appending.
    pub(crate) fn open_at_start(path: &Path) -> Self {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        Self(file.expect("the log opens"))
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the log is written");
    }

    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.0
    }

    pub(crate) fn records(&mut self, ids: impl IntoIterator<Item = u64>) {
        ids.into_iter().for_each(|id| self.bytes(&record(id)));
    }
}

/// All that a source has said.
#[derive(Default)]
pub(crate) struct Told {
    /// How often each record came, and where it is.
    pub(crate) records: BTreeMap<u64, (u32, PayloadRef)>,
    pub(crate) order: Vec<u64>,
    pub(crate) states: Vec<SourceState>,
    pub(crate) problems: Problems,
    pub(crate) segments: Vec<SegmentId>,
    pub(crate) caught_up: bool,
    pub(crate) ended: bool,
    pub(crate) progress: u64,
    pub(crate) largest_batch: usize,
}

impl Told {
    pub(crate) fn has(&self, id: u64) -> bool {
        self.records.contains_key(&id)
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.states.last(), Some(SourceState::Waiting(_)))
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.states.iter().find_map(|state| match state {
            SourceState::Failed(why) => Some(why.as_str()),
            _ => None,
        })
    }

    fn take(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Found { .. } => panic!("no folder is followed"),
            SourceEvent::Segment { id, .. } => self.segments.push(id),
            SourceEvent::State(state) => self.states.push(state),
            SourceEvent::CaughtUp => self.caught_up = true,
            SourceEvent::Ended => self.ended = true,
            SourceEvent::Progress { done, total } => {
                assert!(done <= total);
                self.progress += 1;
            }
            SourceEvent::Batch(batch) => {
                self.largest_batch = self.largest_batch.max(batch.updates.len());
                for update in &batch.updates {
                    let name = batch.strings.get(update.name);
                    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
                    let id = digits.parse().expect("a numbered record");
                    let at = update.payload.expect("a place");
                    assert!(self.segments.contains(&at.segment), "a segment that was announced");
                    self.order.push(id);
                    let seen = self.records.entry(id).or_insert((0, at));
                    *seen = (seen.0 + 1, at);
                }
                self.problems.merge(batch.problems);
            }
        }
    }
}

/// A source on a thread of its own.
pub(crate) struct Watch {
    pub(crate) told: Told,
    pub(crate) catalog: Arc<Catalog>,
    path: PathBuf,
    rx: tokio::sync::mpsc::Receiver<SourceMessage>,
    stop: StopFlag,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(path: &Path, follow: Follow) -> Self {
        let (tx, rx) = tokio::sync::mpsc::channel(16);
        let (catalog, stop) = (Arc::new(Catalog::default()), StopFlag::default());
        let spec = SourceSpec::Path(path.to_owned());
        let thread = spawn(spec, SourceId(0), Arc::clone(&catalog), follow, None, tx, stop.clone());
        let (told, path) = (Told::default(), path.to_owned());
        Self { told, catalog, path, rx, stop, thread: Some(thread) }
    }

    /// Follows a path from now on.
    pub(crate) fn live(path: &Path) -> Self {
        let mut watch = Self::start(path, Follow::Live);
        watch.until("the first look", |told| told.caught_up);
        watch
    }

    /// Reads a file once.
    pub(crate) fn once(path: &Path) -> Self {
        let mut watch = Self::start(path, Follow::Once);
        watch.until("the end", |told| told.ended || told.failure().is_some());
        watch
    }

    /// Takes what is told until `done`; panics with what was told so far when it takes too long.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Told) -> bool) {
        let end = Instant::now() + LIMIT;
        while !done(&self.told) {
            assert!(
                Instant::now() < end,
                "{what} of {} not told in {LIMIT:?}: {} records, {:?}, {:?}",
                self.path.display(),
                self.told.records.len(),
                self.told.states,
                self.told.problems
            );
            self.take_for(Duration::from_millis(1));
        }
    }

    /// Waits until all of these were told.
    pub(crate) fn sees(&mut self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            self.until(&format!("record {id}"), |told| told.has(id));
        }
    }

    /// Takes what is told in this time.
    pub(crate) fn take_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            match self.rx.try_recv() {
                Ok(message) => self.told.take(message.event),
                Err(_) if Instant::now() >= end => return,
                Err(_) => std::thread::sleep(Duration::from_micros(100)),
            }
        }
    }

    /// The next message, as soon as it is there.
    pub(crate) fn next(&mut self) {
        let message = self.rx.blocking_recv().expect("the source goes on");
        self.told.take(message.event);
    }

    /// Reads a record again and compares it with what was written.
    pub(crate) fn assert_readable(&self, id: u64) {
        let (_, at) = self.told.records[&id];
        let raw = self.catalog.read_raw(&at).unwrap_or_else(|error| panic!("record {id}: {error}"));
        let raw = String::from_utf8_lossy(&raw);
        assert!(raw.contains(&format!("\"duration_ms\":{id},")), "record {id} is {raw}");
        let detail = self.catalog.read_detail(&[at]).expect("its detail");
        assert!(detail.raw.contains("trace_id"));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.stop();
        self.rx.close();
        while self.rx.try_recv().is_ok() {}
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the source panicked");
        }
    }
}
