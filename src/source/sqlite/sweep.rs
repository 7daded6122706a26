//! Tables whose new rows cannot be told by their place: WITHOUT ROWID, and those that ran out of rowids.
//!
//! Whenever somebody committed, the whole table is gone through in the order of its key, and what differs from the last
//! time is delivered.

use std::time::{Duration, Instant};

use hashbrown::HashMap;
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use super::fault::Fault;
use super::open::Open;
use super::scan::{MAX_ROWS, cell_of, decode, hash_cells, scan};
use super::schema::{Key, Table};
use crate::format::Cell;
use crate::model::{Batch, Reason, SegmentId, Stamp};

/// Rows remembered, 16 bytes each. Rows beyond are delivered again with every sweep.
const MAX_SEEN: usize = 4 << 20;
/// Part of the time that sweeps may take.
const DUTY: u32 = 4;
/// Shortest pause between two sweeps.
const MIN_PAUSE: Duration = Duration::from_millis(20);

/// See the module.
pub(super) struct Sweep {
    pub(super) table: Table,
    pub(super) segment: SegmentId,
    first_sql: String,
    next_sql: String,
    keys: usize,
    seen: HashMap<u64, u64>,
    sequence: u64,
    cursor: Option<Vec<Value>>,
    due: bool,
    again: bool,
    complete: bool,
    began: Instant,
    not_before: Instant,
}

/// What was read, before it is taken over.
#[derive(Default)]
pub(super) struct Swept {
    /// For the store.
    pub(super) batch: Batch,
    /// What stopped it.
    pub(super) fault: Option<Fault>,
    seen: Vec<(u64, u64)>,
    sequence: u64,
    finished: bool,
    cursor: Option<Vec<Value>>,
}

impl Sweep {
    /// A sweep of a table.
    pub(super) fn new(table: Table, segment: SegmentId) -> Self {
        let keys = table.key.expressions();
        let (cells, from, key) = (table.cells(), table.from(), keys.join(", "));
        let marks = vec!["?"; keys.len()].join(", ");
        let head = format!("SELECT {key}{cells} FROM {from}");
        let tail = format!("ORDER BY {key} LIMIT {MAX_ROWS}");
        let now = Instant::now();
        Self {
            first_sql: format!("{head} {tail}"),
            next_sql: format!("{head} WHERE ({key}) > ({marks}) {tail}"),
            keys: keys.len(),
            table,
            segment,
            seen: HashMap::new(),
            sequence: 0,
            cursor: None,
            due: true,
            again: false,
            complete: false,
            began: now,
            not_before: now,
        }
    }

    /// Somebody committed.
    pub(super) fn changed(&mut self) {
        if self.due && self.cursor.is_some() {
            self.again = true;
        }
        self.due = true;
    }

    /// Whether rows are to be read now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due && now >= self.not_before
    }

    /// How long until they are, if ever.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        self.due.then(|| self.not_before.saturating_duration_since(now))
    }

    /// Whether the table was gone through once.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Reads.
    pub(super) fn read(&self, open: &Open) -> Swept {
        let mut swept = Swept { sequence: self.sequence, ..Swept::default() };
        let sql = if self.cursor.is_some() { &self.next_sql } else { &self.first_sql };
        let params = params_from_iter(self.cursor.iter().flatten());
        let Swept { batch, seen, sequence, cursor, .. } = &mut swept;
        let scanned = scan(open, sql, params, &self.table, self.keys, &mut |row, cells| {
            let Some(pos) = position(&self.table.key, row) else { return };
            let content = hash_cells(cells);
            let known = self.seen.get(&pos);
            if known != Some(&content) {
                *sequence += 1;
                let stamp = Stamp::new(self.segment, *sequence);
                decode(self.table.format, (self.segment, pos), stamp, cells, known.is_none(), batch);
                seen.push((pos, content));
            }
            *cursor = (0..self.keys).map(|at| row.get(at).ok()).collect();
        });
        swept.finished = scanned.finished && scanned.rows < MAX_ROWS;
        if let Some(fault @ (Fault::TooBig | Fault::Damaged(_))) = &scanned.fault {
            swept.finished = true;
            if !self.complete {
                swept.batch.problem(Reason::DamagedRow, None, &fault.to_string());
            }
        }
        swept.fault = scanned.fault;
        swept
    }

    /// Takes over what was read.
    pub(super) fn apply(&mut self, swept: &mut Swept, now: Instant) {
        if self.cursor.is_none() {
            self.began = now;
        }
        self.sequence = swept.sequence;
        for &(pos, content) in &swept.seen {
            if self.seen.len() < MAX_SEEN || self.seen.contains_key(&pos) {
                self.seen.insert(pos, content);
            }
        }
        if let Some(cursor) = swept.cursor.take() {
            self.cursor = Some(cursor);
        }
        if swept.finished {
            self.cursor = None;
            self.complete = true;
            self.due = std::mem::take(&mut self.again);
            self.not_before = now + ((now - self.began) * DUTY).max(MIN_PAUSE);
        }
    }
}

/// The number by which a row is found again: its rowid, or a hash of its key.
pub(super) fn position(key: &Key, row: &Row<'_>) -> Option<u64> {
    match key {
        Key::Rowid(_) => row.get::<_, i64>(0).ok().map(i64::cast_unsigned),
        Key::Columns(names) => {
            let cells: Option<Vec<Cell<'_>>> =
                (0..names.len()).map(|at| row.get_ref(at).ok().map(cell_of)).collect();
            cells.map(|cells| hash_cells(&cells))
        }
    }
}
