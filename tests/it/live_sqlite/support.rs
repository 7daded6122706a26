//! A dialect for tests, a reader that collects what it is told, and a writer in a process of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracetui::format::{Cell, RowPlace, TableFormat, TablePlan, TableSchema};
use tracetui::model::{
    Batch, PayloadRef, Problems, Reason, SegmentId, SpanDetail, SpanUpdate, Stamp, Status,
};
use tracetui::model::{Timed, UnixNanos};
use tracetui::source::sqlite::{Follow, SqliteSpec, TablePlace, run};
use tracetui::source::{SourceEvent, SourceId, SourceState, StopFlag};

const COLUMNS: [&str; 10] = [
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "span_type",
    "started_at",
    "ended_at",
    "duration_ms",
    "status",
    "attributes",
];

/// `execution_spans` with the columns of [`COLUMNS`].
pub(crate) static EXECUTION_SPANS: TableFormat = TableFormat {
    name: "test",
    about: "spans for tests",
    plan,
    decode,
    detail: |cells| SpanDetail {
        attributes: cells.iter().map(|(name, cell)| (name.clone(), text(cell).unwrap_or_default())).collect(),
        ..SpanDetail::default()
    },
};

fn plan(schema: &TableSchema) -> Option<Result<TablePlan, String>> {
    if schema.name != "execution_spans" && schema.name != "more_spans" {
        return None;
    }
    let missing: Vec<_> = ["trace_id", "span_id", "name"]
        .into_iter()
        .filter(|name| !schema.columns.iter().any(|column| column == name))
        .collect();
    if !missing.is_empty() {
        return Some(Err(format!("lacks {}", missing.join(", "))));
    }
    let index =
        COLUMNS.iter().map(|name| schema.columns.iter().find(|column| column == name).cloned()).collect();
    Some(Ok(TablePlan {
        table: schema.name.clone(),
        index,
        detail: schema.columns.clone(),
        ..TablePlan::default()
    }))
}

fn text(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Real(number) => Some(number.to_string()),
        Cell::Text(bytes) | Cell::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn decode(place: &RowPlace, cells: &[Cell<'_>], batch: &mut Batch) {
    let cell = |at: usize| cells.get(at).and_then(text);
    let (trace, span) = (cell(0).unwrap_or_default(), cell(1).unwrap_or_default());
    let (Some(trace), Some(span)) = (batch.id(&trace), batch.id(&span)) else {
        batch.problem(Reason::MissingId, Some(place.at), "");
        return;
    };
    let mut update = SpanUpdate::new(trace, span, place.stamp);
    update.payload = Some(place.at);
    update.name = batch.intern(&cell(3).unwrap_or_default());
    let end = cell(6).and_then(|end| UnixNanos::parse(&end));
    update.end = end.map(Timed::written);
    update.status = Some(Status::from_source_word(&cell(8).unwrap_or_default()));
    batch.push(update);
}

/// The latest that is known of a span.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) status: Status,
    pub(crate) payload: PayloadRef,
    pub(crate) stamp: Stamp,
    /// How often it was told.
    pub(crate) times: u32,
    /// How often it was told although nothing of it was new.
    pub(crate) repeated: u32,
}

/// All that a source has said.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) spans: BTreeMap<String, Seen>,
    pub(crate) order: Vec<String>,
    pub(crate) states: Vec<SourceState>,
    pub(crate) problems: Problems,
    pub(crate) segments: u32,
    pub(crate) caught_up: bool,
    pub(crate) ended: bool,
    pub(crate) progress: Option<(u64, u64)>,
    pub(crate) last: Option<Instant>,
}

impl Told {
    pub(crate) fn has(&self, id: usize) -> bool {
        self.spans.contains_key(&format!("live-{id}"))
    }

    fn take(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Found { .. } => panic!("no folder is followed"),
            SourceEvent::Segment { .. } => self.segments += 1,
            SourceEvent::State(state) => self.states.push(state),
            SourceEvent::CaughtUp => self.caught_up = true,
            SourceEvent::Ended => self.ended = true,
            SourceEvent::Progress { done, total } => self.progress = Some((done, total)),
            SourceEvent::Batch(batch) => {
                self.last = Some(Instant::now());
                for update in &batch.updates {
                    let name = batch.strings.get(update.name).to_owned();
                    let status = update.status.unwrap_or(Status::Unknown);
                    let payload = update.payload.unwrap_or_default();
                    self.order.push(name.clone());
                    let seen = self.spans.entry(name).or_insert(Seen {
                        status,
                        payload,
                        stamp: update.stamp,
                        times: 0,
                        repeated: 0,
                    });
                    seen.times += 1;
                    if seen.times > 1 && seen.status == status && seen.payload.pos == payload.pos {
                        seen.repeated += 1;
                    }
                    assert!(seen.times == 1 || update.stamp > seen.stamp, "a later record has a later stamp");
                    (seen.status, seen.payload, seen.stamp) = (status, payload, update.stamp);
                }
                self.problems.merge(batch.problems);
            }
        }
    }
}

/// A source on a thread of its own.
pub(crate) struct Watch {
    pub(crate) told: Told,
    path: PathBuf,
    places: mpsc::Receiver<TablePlace>,
    known_places: Vec<TablePlace>,
    rx: tokio::sync::mpsc::Receiver<tracetui::source::SourceMessage>,
    stop: StopFlag,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(path: &Path, follow: Follow) -> Self {
        let (tx, rx) = tokio::sync::mpsc::channel(64);
        let (place_tx, places) = mpsc::channel();
        let stop = StopFlag::default();
        let spec = SqliteSpec {
            path: path.to_owned(),
            source: SourceId(0),
            formats: vec![&EXECUTION_SPANS],
            follow,
        };
        let flag = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut next = 0;
            let mut segment = |place: &TablePlace| {
                next += 1;
                // Nobody may be interested.
                let _ = place_tx.send(place.clone());
                SegmentId(next - 1)
            };
            run(&spec, &mut segment, &tx, &flag);
        });
        Self {
            told: Told::default(),
            path: path.to_owned(),
            places,
            known_places: Vec::new(),
            rx,
            stop,
            thread: Some(thread),
        }
    }

    /// Reads a database once.
    pub(crate) fn once(path: &Path) -> Told {
        let mut watch = Self::start(path, Follow::Once);
        watch.until("the end", Duration::from_secs(20), |told| told.ended);
        std::mem::take(&mut watch.told)
    }

    /// Takes what is told until `done`; panics with what was told so far when it takes too long.
    pub(crate) fn until(&mut self, what: &str, limit: Duration, done: impl Fn(&Told) -> bool) {
        let end = Instant::now() + limit;
        while !done(&self.told) {
            assert!(
                Instant::now() < end,
                "{what} of {} not told in {limit:?}: {} spans, {:?}",
                self.path.display(),
                self.told.spans.len(),
                self.told.states
            );
            self.take_for(Duration::from_millis(2));
        }
    }

    /// Takes what is told in this time.
    pub(crate) fn take_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            match self.rx.try_recv() {
                Ok(message) => self.told.take(message.event),
                Err(_) if Instant::now() >= end => return,
                Err(_) => std::thread::sleep(Duration::from_micros(200)),
            }
        }
    }

    /// The table that a segment stands for.
    pub(crate) fn place(&mut self, segment: SegmentId) -> TablePlace {
        self.known_places.extend(self.places.try_iter());
        self.known_places[segment.0 as usize].clone()
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

/// A writer in a process of its own.
pub(crate) struct Writer(Child);

impl Writer {
    pub(crate) fn start(scenario: &str, path: &Path) -> Self {
        let child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "live_sqlite::scenarios::writer_process", "--quiet"])
            .env("TRACETUI_TEST_SCENARIO", scenario)
            .env("TRACETUI_TEST_PATH", path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("the writer starts");
        Self(child)
    }

    /// Waits for its end; a writer that met an error fails the test.
    pub(crate) fn finish(mut self) {
        assert!(self.0.wait().expect("the writer ends").success(), "the writer failed");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("the writer can be asked").is_none()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Ended already, as a rule.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
