//! The loop: looks at the files, opens and closes, asks the tails what to read, and sends what came.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::fault::Fault;
use super::files::{Files, Held};
use super::header::Header;
use super::open::{Mode, Open, decide};
use super::schema::{Found, Key, Table, find_tables};
use super::sweep::Sweep;
use super::tail::{Job, Tail};
use super::wake::Wake;
use super::{Follow, SqliteSpec, TablePlace};
use crate::model::{Batch, SegmentId};
use crate::source::{SourceEvent, SourceMessage, SourceState, StopFlag};

/// A connection that nothing was read through for so long is closed: a writer that ends while another program is
/// connected cannot tidy up its log.
const IDLE_ANNOUNCED: Duration = Duration::from_millis(50);
/// The same where changes are found by looking: modification times may be that coarse.
const IDLE_POLLED: Duration = Duration::from_secs(2);
/// A rollback journal that is older is no longer taken for a commit in progress.
const JOURNAL_GRACE: Duration = Duration::from_millis(100);
/// How long a source that is read once is tried.
const ONCE_PATIENCE: Duration = Duration::from_secs(5);
/// Pause after a read that found something, so that a busy writer's commits come in batches.
const BREATH: Duration = Duration::from_millis(1);
/// Pause before what is locked is tried again; grows up to [`MAX_RETRY`].
const RETRY: Duration = Duration::from_millis(5);
/// See [`RETRY`].
const MAX_RETRY: Duration = Duration::from_millis(250);
/// Failures in a row after which a table that cannot be queried is given up until its file changes.
const MAX_FAILURES: u32 = 8;
/// A commit may become visible long after the log was written: when the disk is slow to confirm. So the database is
/// opened again for a look this long after a change, and at twice the distance, up to [`LAST_SETTLE`].
const FIRST_SETTLE: Duration = Duration::from_millis(500);
/// See [`FIRST_SETTLE`].
const LAST_SETTLE: Duration = Duration::from_secs(8);

/// Tables remembered after they are gone.
const MAX_PARKED: usize = 8;

/// The receiver is gone or the source was stopped.
struct Over;

/// What a poll came to.
enum Polled {
    /// Everything was read.
    Quiet,
    /// Something was read, or changed while it was read; look again at once.
    Again,
    /// Nothing to read now; look again after this time.
    Later(Duration),
}

/// A table that is followed.
enum Tracked {
    Rows(Box<Tail>),
    Sweep(Box<Sweep>),
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
    tracked: Vec<Tracked>,
    /// Tables that are gone; they may only have been renamed for a moment.
    parked: Vec<Tracked>,
    version: Option<i64>,
    schema: Option<i64>,
    /// The files as they were before everything was read.
    read: Option<Files>,
    /// The files in which something could not be read that only a change of them can mend.
    broken: Option<Files>,
    used: Instant,
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
            wake: Wake::new(),
            open: None,
            held: None,
            tracked: Vec::new(),
            parked: Vec::new(),
            version: None,
            schema: None,
            read: None,
            broken: None,
            used: now,
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
                Polled::Again => {
                    self.wake.look_soon();
                    std::thread::sleep(BREATH);
                    true
                }
                Polled::Quiet => self.wake.wait(Duration::MAX),
                Polled::Later(pause) => {
                    self.wake.wait(pause);
                    true
                }
            };
        }
    }

    /// Whether a source that is read once has been read, or has to be given up.
    fn is_over_once(&mut self, polled: &Polled) -> Result<bool, Over> {
        let done = match polled {
            Polled::Again => false,
            Polled::Quiet => true,
            Polled::Later(_) => self.started.elapsed() > ONCE_PATIENCE,
        };
        if !done {
            return Ok(false);
        }
        if let Some(SourceState::Waiting(why) | SourceState::Blocked(why)) = self.state.clone() {
            self.say(SourceState::Failed(why))?;
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
        self.tracked.clear();
        self.parked.clear();
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
            if unchanged && !expected && !self.has_work() {
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
            if self.schema != Some(schema) || self.tracked.is_empty() {
                let found = find_tables(&open.conn, &self.spec.formats)?;
                if mode.is_snapshot() && !Files::read(&self.spec.path)?.same_content(files) {
                    return Ok(Ok(Polled::Again));
                }
                self.schema = Some(schema);
                let otherwise = found.otherwise.clone();
                if let Err(over) = self.track(found) {
                    return Ok(Err(over));
                }
                if self.tracked.is_empty() {
                    self.version = Some(version);
                    self.read = Some(files.clone());
                    self.schema = None;
                    let said = self.say(SourceState::Waiting(otherwise));
                    return Ok(said.and_then(|()| self.nothing_there()));
                }
            }
            self.version = Some(version);
            for tracked in &mut self.tracked {
                match tracked {
                    Tracked::Rows(tail) => tail.changed(),
                    Tracked::Sweep(sweep) => sweep.changed(),
                }
            }
            self.used = Instant::now();
        }
        let now = Instant::now();
        if self.has_work_now(now) {
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
        if let Some(pause) = self.sweep_pause(now) {
            return Ok(Ok(Polled::Later(pause)));
        }
        let idle = if self.wake.is_announced() { IDLE_ANNOUNCED } else { IDLE_POLLED };
        if self.glance || self.used.elapsed() >= idle {
            // As of before this last look at the data version: what came later shows in the files.
            self.read = Some(files.clone());
            self.open = None;
            self.settle = (self.settle_step <= LAST_SETTLE).then(|| Instant::now() + self.settle_step);
            self.settle_step *= 2;
        }
        Ok(Ok(Polled::Quiet))
    }

    /// Reads until something else is to be looked at: one statement, or two when the first is quick.
    fn work(&mut self, files: &Files) -> Result<Result<Polled, Over>, Fault> {
        let started = Instant::now();
        let mut gap = Duration::ZERO;
        for at in 0..self.tracked.len() {
            let (Some(open), Some(tracked)) = (&self.open, self.tracked.get_mut(at)) else { break };
            let mut batches: Vec<Batch> = Vec::new();
            let mut fault = None;
            let still = || -> Result<bool, Fault> {
                Ok(!open.mode.is_snapshot() || Files::read(&self.spec.path)?.same_content(files))
            };
            match tracked {
                Tracked::Rows(tail) => {
                    // The urgent ones first and together: they make up one commit.
                    while let Some(job) = tail.job() {
                        let began = Instant::now();
                        let mut read = tail.read(open, job);
                        if !still()? {
                            return Ok(Ok(Polled::Again));
                        }
                        tail.apply(job, &mut read);
                        batches.push(read.batch);
                        fault = read.fault;
                        if fault.is_none() && tail.is_out_of_rowids() {
                            let sweep = Sweep::new(tail.table.clone(), tail.segment);
                            *tracked = Tracked::Sweep(Box::new(sweep));
                            break;
                        }
                        gap = gap.max(match job {
                            Job::Back => began.elapsed() / 4,
                            Job::Reread(below) if below != i64::MAX => began.elapsed() * 4,
                            _ => Duration::ZERO,
                        });
                        if fault.is_some() || !gap.is_zero() || started.elapsed() > Duration::from_millis(15)
                        {
                            break;
                        }
                    }
                }
                Tracked::Sweep(sweep) => {
                    if sweep.is_due(Instant::now()) {
                        let mut swept = sweep.read(open);
                        if !still()? {
                            return Ok(Ok(Polled::Again));
                        }
                        sweep.apply(&mut swept, Instant::now());
                        batches.push(swept.batch);
                        fault = swept.fault;
                    }
                }
            }
            for batch in batches {
                if !batch.is_empty()
                    && let Err(over) = self.send(SourceEvent::Batch(batch))
                {
                    return Ok(Err(over));
                }
            }
            if let Some(fault) = fault {
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
        // A checkpoint can only start over in the log while nobody reads.
        Ok(Ok(if gap.is_zero() { Polled::Again } else { Polled::Later(gap.max(BREATH)) }))
    }

    /// Takes over the tables that were found. One that is as it was goes on where it is.
    fn track(&mut self, found: Found) -> Result<(), Over> {
        let mut before = std::mem::take(&mut self.tracked);
        before.append(&mut self.parked);
        for table in found.tables {
            let known = before.iter().position(|tracked| {
                let known = tracked.table();
                known.plan.table == table.plan.table
                    && known.key == table.key
                    && std::ptr::eq(known.format, table.format)
            });
            let mut tracked = match known.map(|at| before.swap_remove(at)) {
                Some(tracked) if tracked.table().plan.index == table.plan.index => {
                    if tracked.table().plan == table.plan {
                        self.tracked.push(tracked);
                        continue;
                    }
                    tracked
                }
                _ => Tracked::new(table.clone()),
            };
            let place =
                TablePlace { path: self.spec.path.clone(), format: table.format, plan: table.plan.clone() };
            let id = (self.next_segment)(&place);
            tracked.set(table, id);
            let table = tracked.table();
            let why = format!("table {}", table.plan.table);
            let format = table.format.name;
            self.tracked.push(tracked);
            self.send(SourceEvent::Segment { id, format, why })?;
        }
        before.truncate(MAX_PARKED);
        self.parked = before;
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
        let complete = self.tracked.iter().all(|tracked| match tracked {
            Tracked::Rows(tail) => tail.is_complete(),
            Tracked::Sweep(sweep) => sweep.is_complete(),
        });
        if self.caught_up || !complete {
            return Ok(());
        }
        self.caught_up = true;
        self.say_progress()?;
        self.send(SourceEvent::CaughtUp)
    }

    fn say_progress(&mut self) -> Result<(), Over> {
        self.said_progress = Instant::now();
        let (mut done, mut total) = (0u64, 0u64);
        for tracked in &self.tracked {
            if let Tracked::Rows(tail) = tracked {
                let (some, all) = tail.progress();
                done = done.saturating_add(some);
                total = total.saturating_add(all);
            }
        }
        if total == 0 {
            return Ok(());
        }
        self.send(SourceEvent::Progress { done, total })
    }

    fn has_work(&self) -> bool {
        self.has_work_now(Instant::now()) || self.sweep_pause(Instant::now()).is_some()
    }

    fn has_work_now(&self, now: Instant) -> bool {
        self.tracked.iter().any(|tracked| match tracked {
            Tracked::Rows(tail) => tail.job().is_some(),
            Tracked::Sweep(sweep) => sweep.is_due(now),
        })
    }

    fn sweep_pause(&self, now: Instant) -> Option<Duration> {
        self.tracked
            .iter()
            .filter_map(|tracked| match tracked {
                Tracked::Rows(_) => None,
                Tracked::Sweep(sweep) => sweep.pause(now),
            })
            .min()
    }

    fn rest(&mut self, mode: Mode) -> Result<Polled, Over> {
        if !self.tracked.is_empty() {
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

    /// Says why nothing could be read and when to try again.
    fn fail(&mut self, fault: Fault, files: &Files) -> Result<Polled, Over> {
        if self.stop.is_stopped() {
            return Err(Over);
        }
        self.read = None;
        self.failures = self.failures.saturating_add(1);
        let pause = (RETRY * (1 << self.failures.min(6))).min(MAX_RETRY);
        match fault {
            Fault::Schema(_) if self.failures < MAX_FAILURES => {
                // Prepared for tables as they were. Look at them again, but not for ever at full speed.
                self.schema = None;
                self.version = None;
                Ok(Polled::Later(pause))
            }
            fault if fault.is_passing() => {
                self.open = None;
                // A snapshot that moved on under our hands is no reason for a word.
                if !matches!(fault, Fault::Locked) || self.is_blocked_for_long() {
                    self.say(SourceState::Blocked(fault.to_string()))?;
                }
                Ok(Polled::Later(pause))
            }
            fault => {
                self.open = None;
                self.broken = Some(files.clone());
                for tracked in &mut self.tracked {
                    if let Tracked::Rows(tail) = tracked {
                        tail.restart();
                    }
                }
                let text = fault.to_string();
                let blocked = matches!(fault, Fault::NeedsRecovery | Fault::Refused(_));
                self.say(if blocked { SourceState::Blocked(text) } else { SourceState::Failed(text) })?;
                Ok(Polled::Quiet)
            }
        }
    }

    fn is_blocked_for_long(&mut self) -> bool {
        self.locked_since.get_or_insert_with(Instant::now).elapsed() > JOURNAL_GRACE
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

impl Tracked {
    fn new(table: Table) -> Self {
        let none = SegmentId::default();
        match table.key {
            Key::Rowid(name) => Self::Rows(Box::new(Tail::new(table, none, name))),
            Key::Columns(_) => Self::Sweep(Box::new(Sweep::new(table, none))),
        }
    }

    fn table(&self) -> &Table {
        match self {
            Self::Rows(tail) => &tail.table,
            Self::Sweep(sweep) => &sweep.table,
        }
    }

    fn set(&mut self, to: Table, id: SegmentId) {
        let (table, segment) = match self {
            Self::Rows(tail) => (&mut tail.table, &mut tail.segment),
            Self::Sweep(sweep) => (&mut sweep.table, &mut sweep.segment),
        };
        *table = to;
        *segment = id;
    }
}
