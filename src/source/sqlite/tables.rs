//! The span tables of one database, each followed in the way that fits it.

use std::time::{Duration, Instant};

use super::fault::Fault;
use super::open::Open;
use super::schema::{Key, Table};
use super::sweep::Sweep;
use super::tail::{Job, Tail};
use crate::model::{Batch, SegmentId};

/// Tables remembered after they are gone.
const MAX_PARKED: usize = 8;
/// Longest time that one table is read before the others have their turn.
const TURN: Duration = Duration::from_millis(15);
/// Statements that were short share a gap: below this, waking up takes longer than the gap.
const SHORTEST_GAP: Duration = Duration::from_millis(1);

/// A table that is followed.
enum Tracked {
    Rows(Box<Tail>),
    Sweep(Box<Sweep>),
}

/// See the module.
#[derive(Default)]
pub(super) struct Tables {
    list: Vec<Tracked>,
    /// Tables that are gone; they may only have been renamed for a moment.
    parked: Vec<Tracked>,
}

/// What was read of one table.
#[derive(Default)]
pub(super) struct Part {
    /// For the store.
    pub(super) batches: Vec<Batch>,
    /// What stopped it.
    pub(super) fault: Option<Fault>,
    /// How long to leave the database alone: nothing urgent was read.
    pub(super) gap: Duration,
}

impl Tables {
    /// Whether no span table is there.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many are there.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Somebody committed.
    pub(super) fn changed(&mut self) {
        for tracked in &mut self.list {
            match tracked {
                Tracked::Rows(tail) => tail.changed(),
                Tracked::Sweep(sweep) => sweep.changed(),
            }
        }
    }

    /// Everything has to be read again.
    pub(super) fn restart(&mut self) {
        for tracked in &mut self.list {
            match tracked {
                Tracked::Rows(tail) => tail.restart(),
                Tracked::Sweep(sweep) => sweep.changed(),
            }
        }
    }

    /// Whether all that was there has been read once.
    pub(super) fn is_complete(&self) -> bool {
        self.list.iter().all(|tracked| match tracked {
            Tracked::Rows(tail) => tail.is_complete(),
            Tracked::Sweep(sweep) => sweep.is_complete(),
        })
    }

    /// Rowids gone through, and of how many.
    pub(super) fn progress(&self) -> (u64, u64) {
        self.list.iter().fold((0, 0), |(done, total), tracked| match tracked {
            Tracked::Rows(tail) => {
                let (some, all) = tail.progress();
                (done.saturating_add(some), total.saturating_add(all))
            }
            Tracked::Sweep(_) => (done, total),
        })
    }

    /// Whether something is to be read now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.list.iter().any(|tracked| match tracked {
            Tracked::Rows(tail) => tail.job().is_some(),
            Tracked::Sweep(sweep) => sweep.is_due(now),
        })
    }

    /// How long until something is, if it is known.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        let pauses = self.list.iter().filter_map(|tracked| match tracked {
            Tracked::Rows(_) => None,
            Tracked::Sweep(sweep) => sweep.pause(now),
        });
        pauses.min()
    }

    /// Whether something is to be read, now or later.
    pub(super) fn has_work(&self, now: Instant) -> bool {
        self.is_due(now) || self.pause(now).is_some()
    }

    /// Takes over the tables that were found. One that is as it was goes on where it is; the others get a segment and
    /// are returned.
    pub(super) fn track(
        &mut self,
        found: Vec<Table>,
        next_segment: &mut dyn FnMut(&Table) -> SegmentId,
    ) -> Vec<(SegmentId, Table)> {
        let mut before = std::mem::take(&mut self.list);
        before.append(&mut self.parked);
        let mut news = Vec::new();
        for table in found {
            let known = before.iter().position(|tracked| tracked.table().is_same_as(&table));
            let mut tracked = match known.map(|at| before.swap_remove(at)) {
                Some(tracked) if tracked.table().plan == table.plan => {
                    self.list.push(tracked);
                    continue;
                }
                // More columns for reading; what the index was made from is the same.
                Some(tracked) if tracked.table().plan.has_same_index(&table.plan) => tracked,
                _ => Tracked::new(table.clone()),
            };
            let id = next_segment(&table);
            news.push((id, table.clone()));
            tracked.set(table, id);
            self.list.push(tracked);
        }
        before.truncate(MAX_PARKED);
        self.parked = before;
        news
    }

    /// Reads from one table. `None` when `still` says that what was read is not to be trusted.
    pub(super) fn read(
        &mut self,
        at: usize,
        open: &Open,
        still: &dyn Fn() -> Result<bool, Fault>,
    ) -> Result<Option<Part>, Fault> {
        let started = Instant::now();
        let mut part = Part::default();
        let Some(tracked) = self.list.get_mut(at) else { return Ok(Some(part)) };
        match tracked {
            Tracked::Rows(tail) => {
                // What is urgent makes up one commit: together, before the next look.
                while let Some(job) = tail.job() {
                    let began = Instant::now();
                    let mut read = tail.read(open, job);
                    if !still()? {
                        return Ok(None);
                    }
                    tail.apply(job, &mut read);
                    part.batches.push(read.batch);
                    part.fault = read.fault;
                    if part.fault.is_none() && tail.is_out_of_rowids() {
                        *tracked = Tracked::Sweep(Box::new(Sweep::new(tail.table.clone(), tail.segment)));
                        break;
                    }
                    part.gap += match job {
                        Job::Back => began.elapsed() / 4,
                        Job::Reread(below) if below != i64::MAX => began.elapsed() * 4,
                        _ => Duration::ZERO,
                    };
                    if part.fault.is_some() || part.gap >= SHORTEST_GAP || started.elapsed() > TURN {
                        break;
                    }
                }
            }
            Tracked::Sweep(sweep) => {
                if sweep.is_due(started) {
                    let mut swept = sweep.read(open);
                    if !still()? {
                        return Ok(None);
                    }
                    sweep.apply(&mut swept, Instant::now());
                    part.batches.push(swept.batch);
                    part.fault = swept.fault;
                }
            }
        }
        Ok(Some(part))
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
