//! The loop: looks at the files, opens and closes, asks the tails what to read, and sends what came.

mod failing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::fault::Fault;
use super::files::{Files, Held};
use super::header::Header;
use super::open::{Mode, Open, decide};
use super::schema::{Table, find_tables};
use super::tables::Tables;
use super::wake::Wake;
use super::{Follow, SqliteSpec, TablePlace};
use crate::model::SegmentId;
use crate::model::UnixNanos;
use crate::source::{SourceEvent, SourceMessage, SourceState, StopFlag};

/// A connection that nothing was read through for so long is closed: a writer that ends while another program is
/// connected cannot tidy up its log.
const IDLE: Duration = Duration::from_millis(25);
/// The same after an announcement that nothing has come of yet: a commit is announced before it can be seen.
const IDLE_ANNOUNCED: Duration = Duration::from_millis(400);
/// The same where changes are found by looking: modification times may be that coarse.
const IDLE_POLLED: Duration = Duration::from_secs(2);
/// A rollback journal that is older is no longer taken for a commit in progress.
const JOURNAL_GRACE: Duration = Duration::from_millis(100);
/// How long a source that is read once is tried.
const ONCE_PATIENCE: Duration = Duration::from_secs(5);
/// Pause after a read that found something, so that a busy writer's commits come in batches.
const BREATH: Duration = Duration::from_millis(1);
/// A commit may become visible long after the log was written: when the disk is slow to confirm. So the database is
/// opened again for a look this long after a change, and at twice the distance, up to [`LAST_SETTLE`].
const FIRST_SETTLE: Duration = Duration::from_millis(100);
/// See [`FIRST_SETTLE`].
const LAST_SETTLE: Duration = Duration::from_secs(8);

/// The receiver is gone or the source was stopped.
struct Over;

/// What a poll came to.
enum Polled {
    /// Everything was read.
    Quiet,
    /// Something was read, or changed while it was read; look again at once.
    Again,
    /// The same, and there is no writer whom reading on could keep waiting.
    More,
    /// What a writer just added was read.
    Found,
    /// Nothing to read now; look again after this time.
    Later(Duration),
}

/// See the module.
pub(super) struct Follower<'a> {
    spec: &'a SqliteSpec,
    next_segment: &'a mut dyn FnMut(&TablePlace) -> SegmentId,
    tx: &'a Sender<SourceMessage>,
    stop: &'a StopFlag,
    wake: Wake,
    open: Option<Open>,
    held: Option<Arc<Held>>,
    tables: Tables,
    version: Option<i64>,
    schema: Option<i64>,
    /// The files as they were before everything was read.
    read: Option<Files>,
    /// The files in which something could not be read that only a change of them can mend.
    broken: Option<Files>,
    used: Instant,
    /// Something was announced since rows were last found.
    announced: bool,
    settle: Option<Instant>,
    settle_step: Duration,
    /// Opened for one look only.
    glance: bool,
    failures: u32,
    journal_since: Option<Instant>,
    locked_since: Option<Instant>,
    state: Option<SourceState>,
    said_progress: Instant,
    caught_up: bool,
    started: Instant,
}

impl<'a> Follower<'a> {
    pub(super) fn new(
        spec: &'a SqliteSpec,
        next_segment: &'a mut dyn FnMut(&TablePlace) -> SegmentId,
        tx: &'a Sender<SourceMessage>,
        stop: &'a StopFlag,
    ) -> Self {
        let now = Instant::now();
        Self {
            spec,
            next_segment,
            tx,
            stop,
            wake: Wake::new(&spec.path, stop),
            open: None,
            held: None,
            tables: Tables::default(),
            version: None,
            schema: None,
            read: None,
            broken: None,
            used: now,
            announced: false,
            settle: None,
            settle_step: FIRST_SETTLE,
            glance: false,
            failures: 0,
            journal_since: None,
            locked_since: None,
            state: None,
            said_progress: now,
            caught_up: false,
            started: now,
        }
    }

    /// Reads until it is over.
    pub(super) fn run(mut self) {
        // Either way there is nobody left to tell.
        let (Ok(()) | Err(Over)) = self.follow();
    }

    fn follow(&mut self) -> Result<(), Over> {
        let mut announced = true;
        loop {
            let polled = self.poll(announced)?;
            if self.spec.follow == Follow::Once && self.is_over_once(&polled)? {
                return Ok(());
            }
            announced = match polled {
                Polled::More => true,
                Polled::Found => {
                    self.wake.found();
                    true
                }
                Polled::Again => {
                    self.wake.look_soon();
                    std::thread::sleep(BREATH);
                    true
                }
                Polled::Quiet => {
                    let settle = self.settle.filter(|_| self.open.is_none());
                    let limit = settle.map_or(Duration::MAX, |due| {
                        due.saturating_duration_since(Instant::now()).max(BREATH)
                    });
                    let announced = self.wake.wait(limit);
                    self.announced |= announced;
                    announced
                }
                Polled::Later(pause) => {
                    self.announced |= self.wake.wait(pause);
                    true
                }
            };
        }
    }

    /// Whether a source that is read once has been read, or has to be given up.
    fn is_over_once(&mut self, polled: &Polled) -> Result<bool, Over> {
        let done = match polled {
            Polled::Again | Polled::More | Polled::Found => false,
            Polled::Quiet => true,
            // A big database takes as long as it takes; patience is for one that gives nothing.
            Polled::Later(_) => self.caught_up || self.used.max(self.started).elapsed() > ONCE_PATIENCE,
        };
        if !done {
            return Ok(false);
        }
        match self.state.clone() {
            Some(SourceState::Waiting(why) | SourceState::Blocked(why)) => {
                self.say(SourceState::Failed(why))?;
            }
            _ if !self.caught_up && matches!(polled, Polled::Later(_)) => {
                self.say(SourceState::Failed("gave nothing for 5 s before its end was read".to_owned()))?;
            }
            _ => {}
        }
        self.send(SourceEvent::Ended)?;
        Ok(true)
    }

    /// Looks once and reads what is there.
    fn poll(&mut self, announced: bool) -> Result<Polled, Over> {
        if self.stop.is_stopped() {
            return Err(Over);
        }
        let files = match Files::read(&self.spec.path) {
            Ok(files) => files,
            Err(error) => {
                self.open = None;
                self.say(SourceState::Blocked(format!("cannot be read: {error}")))?;
                return Ok(Polled::Quiet);
            }
        };
        self.wake.watch(&files);
        let Some(db) = files.db else {
            self.open = None;
            self.broken = None;
            self.say(SourceState::Waiting("no such file".to_owned()))?;
            return self.nothing_there();
        };
        if !db.regular {
            self.open = None;
            self.say(SourceState::Failed("not a regular file".to_owned()))?;
            return Ok(Polled::Quiet);
        }
        if self.held.as_ref().is_none_or(|held| held.id != db.id)
            && let Some(polled) = self.take_file(&files)?
        {
            return Ok(polled);
        }
        if self.broken.as_ref().is_some_and(|broken| broken.same_content(&files)) {
            return Ok(Polled::Quiet);
        }
        self.broken = None;
        match self.poll_file(&files, announced) {
            Ok(polled) => polled,
            Err(fault) => self.fail(fault, &files),
        }
    }

    /// The path leads to a file that was not read before.
    fn take_file(&mut self, files: &Files) -> Result<Option<Polled>, Over> {
        self.open = None;
        let replaced = self.held.take().is_some();
        self.tables = Tables::default();
        self.read = None;
        self.broken = None;
        self.journal_since = None;
        match Held::open(&files.path) {
            // Another one yet; the next look will show it.
            Ok(held) if files.db.is_none_or(|db| db.id != held.id) => Ok(Some(Polled::Again)),
            Ok(held) => {
                self.held = Some(held);
                if replaced {
                    self.say(SourceState::Replaced("the file was replaced".to_owned()))?;
                }
                Ok(None)
            }
            Err(error) => {
                self.say(SourceState::Blocked(format!("cannot be opened: {error}")))?;
                Ok(Some(Polled::Quiet))
            }
        }
    }

    fn poll_file(&mut self, files: &Files, announced: bool) -> Result<Result<Polled, Over>, Fault> {
        let Some(held) = self.held.clone() else { return Ok(Ok(Polled::Quiet)) };
        let header = held.header()?;
        if header == Header::Empty {
            self.open = None;
            let waiting = SourceState::Waiting("an empty file: no span table yet".to_owned());
            return Ok(self.say(waiting).and_then(|()| self.nothing_there()));
        }
        // A writer's commit is at work; a reader would only be in its way.
        if (files.wal.is_none() || files.shm.is_none()) && files.has_journal() {
            let since = *self.journal_since.get_or_insert_with(Instant::now);
            if since.elapsed() < JOURNAL_GRACE {
                return Ok(Ok(Polled::Later(Duration::from_millis(2))));
            }
        } else {
            self.journal_since = None;
        }
        let mode = decide(&header, files)?;
        let stale =
            |open: &Open| open.mode != mode || (mode.is_snapshot() && !open.files.same_content(files));
        if self.open.as_ref().is_some_and(stale) {
            self.open = None;
        }
        let unchanged = self.read.as_ref().is_some_and(|read| read.same_content(files));
        if self.open.is_none() {
            let settle = self.settle.is_some_and(|due| Instant::now() >= due);
            let expected = (announced || settle) && !mode.is_snapshot();
            if unchanged && !expected && !self.tables.has_work(Instant::now()) {
                self.settle = self.settle.filter(|_| !settle);
                return Ok(self.rest(mode));
            }
            self.settle = None;
            self.glance = unchanged && settle && !announced;
            if !unchanged {
                self.settle_step = FIRST_SETTLE;
            }
            self.open = Some(Open::new(files, mode, held, self.stop)?);
            self.version = None;
            self.used = Instant::now();
        }
        self.read_database(files, mode)
    }

    fn read_database(&mut self, files: &Files, mode: Mode) -> Result<Result<Polled, Over>, Fault> {
        let Some(open) = &self.open else { return Ok(Ok(Polled::Again)) };
        let version = open.data_version()?;
        let changed = self.version != Some(version);
        if changed {
            self.glance &= self.version.is_none();
            let schema = open.schema_version()?;
            if self.schema != Some(schema) || self.tables.is_empty() {
                let found = find_tables(&open.conn, &self.spec.formats)?;
                if mode.is_snapshot() && !Files::read(&self.spec.path)?.same_content(files) {
                    return Ok(Ok(Polled::Again));
                }
                self.schema = Some(schema);
                let otherwise = found.otherwise.clone();
                if let Err(over) = self.track(found.tables) {
                    return Ok(Err(over));
                }
                if self.tables.is_empty() {
                    self.version = Some(version);
                    self.read = Some(files.clone());
                    self.schema = None;
                    let said = self.say(SourceState::Waiting(otherwise));
                    return Ok(said.and_then(|()| self.nothing_there()));
                }
            }
            self.version = Some(version);
            self.tables.changed();
            self.used = Instant::now();
        }
        let now = Instant::now();
        if self.tables.is_due(now) {
            self.read = None;
            let state = self.rest_state(mode);
            if let Err(over) = self.say(state) {
                return Ok(Err(over));
            }
            return self.work(files);
        }
        if self.read.is_none() || changed {
            self.read = Some(files.clone());
        }
        self.failures = 0;
        self.locked_since = None;
        let state = self.rest_state(mode);
        if let Err(over) = self.say(state).and_then(|()| self.catch_up()) {
            return Ok(Err(over));
        }
        if let Some(pause) = self.tables.pause(now) {
            return Ok(Ok(Polled::Later(pause)));
        }
        let idle = match (self.wake.is_announced(), self.announced) {
            (true, false) => IDLE,
            (true, true) => IDLE_ANNOUNCED,
            (false, _) => IDLE_POLLED,
        };
        if self.glance || self.used.elapsed() >= idle {
            // As of before this last look at the data version: what came later shows in the files.
            self.read = Some(files.clone());
            self.open = None;
            self.announced = false;
            self.settle = (self.settle_step <= LAST_SETTLE).then(|| Instant::now() + self.settle_step);
            self.settle_step *= 2;
        }
        Ok(Ok(Polled::Quiet))
    }

    /// Reads from each table until something else is to be looked at.
    fn work(&mut self, files: &Files) -> Result<Result<Polled, Over>, Fault> {
        let mut gap = Duration::ZERO;
        for at in 0..self.tables.len() {
            let Some(open) = &self.open else { break };
            let still = || -> Result<bool, Fault> {
                Ok(!open.mode.is_snapshot() || Files::read(&self.spec.path)?.same_content(files))
            };
            let Some(part) = self.tables.read(at, open, &still)? else { return Ok(Ok(Polled::Again)) };
            gap = gap.max(part.gap);
            for batch in part.batches {
                self.announced &= batch.is_empty();
                if !batch.is_empty()
                    && let Err(over) = self.send(SourceEvent::Batch(batch))
                {
                    return Ok(Err(over));
                }
            }
            if let Some(fault) = part.fault {
                return Err(fault);
            }
        }
        self.used = Instant::now();
        if !self.caught_up
            && self.said_progress.elapsed() > Duration::from_millis(50)
            && let Err(over) = self.say_progress()
        {
            return Ok(Err(over));
        }
        if self.open.as_ref().is_some_and(|open| open.mode.is_snapshot()) {
            return Ok(Ok(Polled::More));
        }
        if !gap.is_zero() {
            // A checkpoint can only start over in the log while nobody reads.
            return Ok(Ok(Polled::Later(gap.max(BREATH))));
        }
        Ok(Ok(if self.caught_up { Polled::Found } else { Polled::Again }))
    }

    /// Takes over the tables that were found.
    fn track(&mut self, found: Vec<Table>) -> Result<(), Over> {
        let path = &self.spec.path;
        let next_segment = &mut self.next_segment;
        let news = self.tables.track(found, &mut |table| {
            next_segment(&TablePlace { path: path.clone(), format: table.format, plan: table.plan.clone() })
        });
        for (id, table) in news {
            let why = format!("table {}", table.plan.table);
            let modified = self.modified();
            self.send(SourceEvent::Segment { id, format: table.format.name, why, modified })?;
        }
        Ok(())
    }

    /// Nothing to read: it is the end of what was there.
    fn nothing_there(&mut self) -> Result<Polled, Over> {
        if self.spec.follow == Follow::Live {
            self.catch_up()?;
        }
        Ok(Polled::Quiet)
    }

    fn catch_up(&mut self) -> Result<(), Over> {
        if self.caught_up || !self.tables.is_complete() {
            return Ok(());
        }
        self.caught_up = true;
        self.say_progress()?;
        self.send(SourceEvent::CaughtUp)
    }

    fn say_progress(&mut self) -> Result<(), Over> {
        self.said_progress = Instant::now();
        let (done, total) = self.tables.progress();
        if total == 0 {
            return Ok(());
        }
        self.send(SourceEvent::Progress { done, total })
    }

    fn rest(&mut self, mode: Mode) -> Result<Polled, Over> {
        if !self.tables.is_empty() {
            self.say(self.rest_state(mode))?;
            self.catch_up()?;
        }
        Ok(Polled::Quiet)
    }

    fn rest_state(&self, mode: Mode) -> SourceState {
        match mode {
            Mode::Live { .. } => SourceState::Live,
            _ if self.spec.follow == Follow::Once => SourceState::Live,
            Mode::Immutable => {
                SourceState::Snapshot("no program has it open; followed as soon as one does".to_owned())
            }
            Mode::Copy => SourceState::Snapshot(
                "no program has it open, part of it is still in its log; followed as soon as one does"
                    .to_owned(),
            ),
        }
    }

    /// When the store was last written.
    fn modified(&self) -> Option<UnixNanos> {
        let files = Files::read(&self.spec.path).ok()?;
        let newest = [files.db, files.wal].into_iter().flatten().map(|stat| stat.modified).max()?;
        Some(UnixNanos(i64::try_from(newest).unwrap_or(i64::MAX)))
    }

    fn say(&mut self, state: SourceState) -> Result<(), Over> {
        if self.state.as_ref() == Some(&state) {
            return Ok(());
        }
        self.state = Some(state.clone());
        self.send(SourceEvent::State(state))
    }

    fn send(&self, event: SourceEvent) -> Result<(), Over> {
        let message = SourceMessage { source: self.spec.source, event };
        self.tx.blocking_send(message).map_err(|_| Over)?;
        if self.stop.is_stopped() { Err(Over) } else { Ok(()) }
    }
}
