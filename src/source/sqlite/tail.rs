//! Which rows of a table are still to be read, for a table whose rowids grow.
//!
//! The newest page comes first, then what is appended, and meanwhile what lies before that page from the oldest on.
//! A row whose span has no end is read again whenever somebody committed; so are the last rows, for two reasons: a
//! span that just ended may still be completed, and when the last rows are not what they were (rows deleted and
//! rowids given out again, VACUUM), everything behind the last one that still stands has to be read again.
//!
//! Reading and taking over are two steps: [`Tail::read`] leaves the tail as it is, so that what was read in vain (the
//! file changed under a snapshot) can be dropped.

mod salvage;

use std::collections::{BTreeMap, VecDeque};

use super::fault::Fault;
use super::open::Open;
use super::scan::{MAX_ROWS, Scanned, decode, hash_cells, scan};
use super::schema::Table;
use crate::model::{Batch, SegmentId, Stamp};

/// Rows of the page that is read first.
const FIRST_PAGE: i64 = 500;
/// Last rows that are read again, ended or not.
const RECENT: usize = 128;
/// Rows read again in one statement.
const REREAD: usize = 1000;
/// Open rows remembered; beyond that the oldest are taken for abandoned.
const MAX_OPEN: usize = 1 << 16;
/// Rowids above this are not told apart in stamps.
const MAX_STAMPED: i64 = 1 << 36;

/// One thing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Where the table begins and ends.
    Bounds,
    /// The last rows again.
    Check,
    /// What was appended.
    Live,
    /// Open rows again; only those below the rowid.
    Reread(i64),
    /// What lies before the first page.
    Back,
}

/// What was read, before it is taken over.
#[derive(Default)]
pub(super) struct Read {
    /// For the store.
    pub(super) batch: Batch,
    /// What stopped it.
    pub(super) fault: Option<Fault>,
    seen: Vec<(i64, Known)>,
    finished: bool,
    last: Option<i64>,
    bounds: Option<(i64, i64, i64)>,
    survivor: Option<i64>,
    sequence: u64,
    damaged: u32,
    /// A row that was to be read again and cannot be.
    unreadable: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    identity: u64,
    content: u64,
    open: bool,
}

struct Sql {
    range: String,
    again: String,
    first: String,
    last: String,
    page: String,
    next: String,
}

/// See the module.
pub(super) struct Tail {
    pub(super) table: Table,
    pub(super) segment: SegmentId,
    sql: Sql,
    started: bool,
    /// The lowest rowid at the end that was not read; `None` when there can be none.
    next: Option<i64>,
    live: bool,
    check: bool,
    /// Open rows below this are still to be read again.
    reread: Option<i64>,
    /// Where they begin when those are read.
    reread_next: Option<i64>,
    /// Rowids from, and before which, the past is still to be read.
    back: Option<(i64, i64)>,
    known: BTreeMap<i64, Known>,
    recent: VecDeque<i64>,
    /// Stamps: where those of the present pass begin, and the next one.
    origin: u64,
    sequence: u64,
    /// The last rowid when this pass began.
    present: i64,
    /// Problems of rows below this were counted in an earlier pass.
    counted: i64,
    damaged: u32,
    first: i64,
}

impl Tail {
    /// A tail of a table whose key is a rowid of this name.
    pub(super) fn new(table: Table, segment: SegmentId, rowid: &str) -> Self {
        let (cells, from) = (table.cells(), table.from());
        let sql = Sql {
            range: format!(
                "SELECT s.{rowid}{cells} FROM {from} WHERE s.{rowid} >= ?1 AND s.{rowid} <= ?2 ORDER BY s.{rowid}"
            ),
            again: format!(
                "SELECT s.{rowid}{cells} FROM json_each(?1) AS k CROSS JOIN {from} WHERE s.{rowid} = k.value"
            ),
            first: format!("SELECT min(s.{rowid}) FROM {from}"),
            last: format!("SELECT max(s.{rowid}) FROM {from}"),
            page: format!(
                "SELECT s.{rowid} FROM {from} ORDER BY s.{rowid} DESC LIMIT 1 OFFSET {}",
                FIRST_PAGE - 1
            ),
            next: format!("SELECT min(s.{rowid}) FROM {from} WHERE s.{rowid} >= ?1"),
        };
        Self {
            table,
            segment,
            sql,
            started: false,
            next: None,
            live: false,
            check: false,
            reread: None,
            reread_next: None,
            back: None,
            known: BTreeMap::new(),
            recent: VecDeque::new(),
            origin: 0,
            sequence: 0,
            present: i64::MIN,
            counted: i64::MIN,
            damaged: 0,
            first: 0,
        }
    }

    /// Somebody committed.
    pub(super) fn changed(&mut self) {
        if self.started {
            self.live = true;
            self.check = true;
            if self.rereading().is_some() {
                self.reread_next = Some(i64::MAX);
            } else {
                self.reread = Some(i64::MAX);
            }
        }
    }

    /// Everything has to be read again.
    pub(super) fn restart(&mut self) {
        self.counted = self.counted.max(self.next.unwrap_or(i64::MAX));
        self.started = false;
        self.live = false;
        self.check = false;
        self.back = None;
        self.reread = None;
        self.known.clear();
        self.recent.clear();
    }

    /// What to read next.
    pub(super) fn job(&self) -> Option<Job> {
        if !self.started {
            return Some(Job::Bounds);
        }
        if self.check && !self.recent.is_empty() {
            return Some(Job::Check);
        }
        if self.live && self.next.is_some() {
            return Some(Job::Live);
        }
        match self.rereading() {
            // The newest open rows before the past, the rest after it.
            Some(i64::MAX) => Some(Job::Reread(i64::MAX)),
            below => self.back.map(|_| Job::Back).or(below.map(Job::Reread)),
        }
    }

    /// Whether rowids have stopped growing, so that only reading everything finds what is new.
    pub(super) fn is_out_of_rowids(&self) -> bool {
        self.started && (self.next.is_none() || self.present == i64::MAX)
    }

    fn rereading(&self) -> Option<i64> {
        self.reread.filter(|&below| self.known.range(..below).any(|(_, known)| known.open))
    }

    /// Rowids of the past that were gone through, and of how many.
    pub(super) fn progress(&self) -> (u64, u64) {
        let all = self.next.unwrap_or(i64::MAX).abs_diff(self.first);
        let left = self.back.map_or(0, |(from, to)| to.abs_diff(from));
        (all.saturating_sub(left), all)
    }

    /// Whether the past has been read.
    pub(super) fn is_complete(&self) -> bool {
        self.started && self.back.is_none() && !self.live
    }

    /// Reads.
    pub(super) fn read(&self, open: &Open, job: Job) -> Read {
        let mut read = Read { sequence: self.sequence, ..Read::default() };
        match job {
            Job::Bounds => self.read_bounds(open, &mut read),
            Job::Check => {
                let rowids = json_list(self.recent.iter().rev());
                self.read_again(open, &rowids, true, &mut read);
            }
            Job::Reread(below) => {
                let open_rows = self.known.range(..below).rev().filter(|(_, known)| known.open);
                let rowids: Vec<i64> = open_rows.map(|(&rowid, _)| rowid).take(REREAD).collect();
                read.last = rowids.last().copied();
                self.read_again(open, &json_list(&rowids), false, &mut read);
            }
            Job::Live => {
                if let Some(from) = self.next {
                    self.read_range(open, from, i64::MAX, &mut read);
                }
            }
            Job::Back => {
                if let Some((from, to)) = self.back {
                    self.read_range(open, from, to.saturating_sub(1), &mut read);
                }
            }
        }
        read
    }

    fn read_bounds(&self, open: &Open, read: &mut Read) {
        let one = |sql: &str| -> Result<Option<i64>, Fault> {
            open.start_clock();
            match open.conn.prepare_cached(sql)?.query_row([], |row| row.get(0)).map_err(Fault::from) {
                Err(Fault::NoRow) => Ok(None),
                other => other,
            }
        };
        let mut whole = Some((0, i64::MIN, i64::MIN));
        let mut bounds = || -> Result<_, Fault> {
            let Some(last) = one(&self.sql.last)? else { return Ok(whole) };
            whole = Some((0, i64::MIN, last));
            let first = one(&self.sql.first)?.unwrap_or(last);
            whole = Some((0, first, last));
            let page = one(&self.sql.page)?.unwrap_or(first);
            Ok(Some((first, page, last)))
        };
        match bounds() {
            Ok(bounds) => read.bounds = bounds,
            // Read from the beginning as far as it goes.
            Err(Fault::Damaged(_)) => read.bounds = whole,
            Err(fault) => read.fault = Some(fault),
        }
    }

    fn read_range(&self, open: &Open, from: i64, to: i64, read: &mut Read) {
        let Read { batch, seen, last, sequence, .. } = read;
        if to.saturating_sub(from) >= MAX_ROWS as i64 && to != i64::MAX {
            batch.updates.reserve_exact(MAX_ROWS);
        }
        let bound = self.bound(from);
        let mut credible = None;
        let scanned = scan(open, &self.sql.range, [from, to], &self.table, 1, &mut |row, cells| {
            let Ok(rowid) = row.get::<_, i64>(0) else { return };
            // A damaged page may say anything.
            if rowid < from {
                return;
            }
            *last = Some(rowid);
            if rowid <= bound {
                credible = *last;
            }
            let stamp = if rowid <= self.present {
                self.stamp_of(rowid)
            } else {
                *sequence += 1;
                *sequence
            };
            let stamp = Stamp::new(self.segment, stamp);
            let place = (self.segment, rowid.cast_unsigned());
            let decoded = decode(self.table.format, place, stamp, cells, rowid >= self.counted, batch);
            // Of a row that is over and not at the end nothing has to be remembered.
            if decoded.open || rowid >= self.next.unwrap_or(i64::MAX) {
                let content = hash_cells(cells);
                let identity = decoded.identity(batch, content);
                seen.push((rowid, Known { identity, content, open: decoded.open }));
            }
        });
        let Scanned { finished, fault, .. } = scanned;
        read.finished = finished;
        match fault {
            Some(fault @ (Fault::TooBig | Fault::Damaged(_) | Fault::Interrupted)) => {
                let start = credible.map_or(Some(from), |last: i64| last.checked_add(1));
                read.last = credible;
                self.step_over(open, start, to, fault, read);
            }
            None if finished && to != i64::MAX => self.check_end(open, from, to, read),
            other => read.fault = other,
        }
    }

    /// Reads rows again, given newest first, and keeps those that changed. When they are the last rows (`check`), those
    /// above the newest that is still the same row are left to be read as new ones.
    fn read_again(&self, open: &Open, rowids: &str, check: bool, read: &mut Read) {
        let Read { batch, seen, survivor, sequence, .. } = read;
        let scanned = scan(open, &self.sql.again, [rowids], &self.table, 1, &mut |row, cells| {
            let Ok(rowid) = row.get::<_, i64>(0) else { return };
            let content = hash_cells(cells);
            let Some(&known) = self.known.get(&rowid) else { return };
            if known.content == content {
                survivor.get_or_insert(rowid);
                seen.push((rowid, known));
                return;
            }
            let (updates, place) = (batch.updates.len(), (self.segment, rowid.cast_unsigned()));
            let stamp = Stamp::new(self.segment, *sequence + 1);
            let decoded = decode(self.table.format, place, stamp, cells, false, batch);
            let identity = decoded.identity(batch, content);
            if identity == known.identity {
                survivor.get_or_insert(rowid);
            }
            if check && survivor.is_none() {
                batch.updates.truncate(updates);
                return;
            }
            *sequence += 1;
            seen.push((rowid, Known { identity, content, open: decoded.open }));
        });
        let asked_last = read.last.take();
        let reached = read.seen.last().map(|(rowid, _)| *rowid);
        match scanned.fault {
            // The row after those that came cannot be read. Not to be asked for again, nor taken for gone.
            Some(Fault::TooBig | Fault::Damaged(_)) => {
                read.unreadable = Some(
                    self.known.range(..reached.unwrap_or(i64::MAX)).next_back().map_or(0, |(&at, _)| at),
                );
                read.last = read.unreadable;
            }
            other => {
                read.fault = other;
                read.finished = scanned.finished;
                read.last = if scanned.finished { asked_last } else { reached };
            }
        }
    }

    /// Takes over what was read.
    pub(super) fn apply(&mut self, job: Job, read: &mut Read) {
        self.sequence = read.sequence;
        self.damaged += read.damaged;
        match job {
            Job::Bounds => {
                if let Some((first, page, last)) = read.bounds {
                    self.started = true;
                    self.live = true;
                    self.first = first;
                    self.next = Some(page);
                    self.back = (first < page && page != i64::MIN).then_some((first, page));
                    self.origin = self.sequence;
                    self.sequence = self.stamp_of(last) + 1;
                    self.present = last;
                }
            }
            Job::Live => {
                self.remember(&read.seen, true);
                if let Some(last) = read.last {
                    self.next = last.checked_add(1);
                }
                self.live = !read.finished && self.next.is_some();
            }
            Job::Back => {
                self.remember(&read.seen, false);
                if let (Some((_, to)), Some(last)) = (self.back, read.last) {
                    self.back = last.checked_add(1).filter(|&from| from < to).map(|from| (from, to));
                }
                if read.finished {
                    self.back = None;
                }
            }
            // Asked for again as a whole.
            Job::Check | Job::Reread(_) if read.fault.is_some() => read.batch.updates.clear(),
            Job::Check => self.apply_check(read),
            Job::Reread(below) => {
                self.drop_vanished(read.last.unwrap_or(i64::MIN)..below, read);
                self.remember(&read.seen, false);
                self.reread = read.last;
                if self.rereading().is_none() {
                    self.reread = self.reread_next.take();
                }
            }
        }
        if let Some(bad) = read.unreadable {
            self.known.remove(&bad);
        }
    }

    fn apply_check(&mut self, read: &Read) {
        self.check = false;
        let Some(survivor) = read.survivor else {
            if read.unreadable.is_none() {
                self.restart();
            }
            return;
        };
        if self.recent.back() != Some(&survivor) {
            self.recent.retain(|&rowid| rowid <= survivor);
            self.known.retain(|&rowid, _| rowid <= survivor);
            self.next = survivor.checked_add(1);
            self.present = self.present.min(survivor);
            self.live = true;
        }
        // What lies before the last row that came is only known to be gone when all came.
        let reached =
            if read.finished { i64::MIN } else { read.seen.last().map_or(i64::MAX, |(rowid, _)| *rowid) };
        let known = &mut self.known;
        self.recent.retain(|rowid| {
            let there = *rowid < reached || is_seen(&read.seen, *rowid);
            if !there {
                known.remove(rowid);
            }
            there
        });
        self.remember(&read.seen, false);
    }

    /// Forgets open rows that were asked for and not found.
    fn drop_vanished(&mut self, asked: std::ops::Range<i64>, read: &Read) {
        let gone = |rowid: i64| read.unreadable != Some(rowid) && !is_seen(&read.seen, rowid);
        let open = self.known.range(asked).filter(|(_, known)| known.open);
        let gone: Vec<i64> = open.map(|(&rowid, _)| rowid).filter(|&rowid| gone(rowid)).collect();
        for rowid in gone {
            self.known.remove(&rowid);
        }
    }

    fn remember(&mut self, seen: &[(i64, Known)], at_the_end: bool) {
        for &(rowid, known) in seen {
            if at_the_end {
                self.recent.push_back(rowid);
                self.known.insert(rowid, known);
                if self.recent.len() > RECENT
                    && let Some(old) = self.recent.pop_front()
                    && self.known.get(&old).is_some_and(|known| !known.open)
                {
                    self.known.remove(&old);
                }
            } else if known.open || self.recent.binary_search(&rowid).is_ok() {
                self.known.insert(rowid, known);
            } else {
                self.known.remove(&rowid);
            }
        }
        while self.known.len() > MAX_OPEN {
            self.known.pop_first();
        }
    }

    /// Stamps of rows that were there when this pass began follow their rowids, whatever the order of reading.
    fn stamp_of(&self, rowid: i64) -> u64 {
        self.origin + rowid.clamp(0, MAX_STAMPED).cast_unsigned()
    }
}

/// Whether a row is among those that were read again, which came newest first.
fn is_seen(seen: &[(i64, Known)], rowid: i64) -> bool {
    seen.binary_search_by(|(at, _)| rowid.cmp(at)).is_ok()
}

fn json_list<'a>(rowids: impl IntoIterator<Item = &'a i64>) -> String {
    let mut list = String::from("[");
    for (at, rowid) in rowids.into_iter().enumerate() {
        if at > 0 {
            list.push(',');
        }
        list.push_str(&rowid.to_string());
    }
    list.push(']');
    list
}
