//! One short statement: rows in, updates out, over before anything else happens.

use std::hash::Hasher as _;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Params, Row};
use rustc_hash::FxHasher;

use super::fault::Fault;
use super::open::{Mode, Open};
use super::schema::Table;
use crate::format::{Cell, RowPlace, TableFormat};
use crate::model::{Batch, Marks, PayloadRef, SegmentId, SpanKind, Stamp};

/// Most rows of one statement.
pub(super) const MAX_ROWS: usize = 1024;
/// Cells that fit without an allocation.
const CELLS: usize = 32;

/// Longest time a statement goes on reading. In rollback mode the writer waits for readers.
pub(super) fn budget(mode: Mode) -> Duration {
    Duration::from_millis(if mode == (Mode::Live { wal: false }) { 4 } else { 10 })
}

/// What became of a statement.
#[derive(Default)]
pub(super) struct Scanned {
    /// Rows read.
    pub(super) rows: usize,
    /// No row was left.
    pub(super) finished: bool,
    /// Why it stopped in between.
    pub(super) fault: Option<Fault>,
}

/// Runs a statement whose columns are `keys` key columns and then the table's cells, until it ends, its time is up or
/// [`MAX_ROWS`] are read. Gives each row with the cells of the plan's index.
pub(super) fn scan(
    open: &Open,
    sql: &str,
    params: impl Params,
    table: &Table,
    keys: usize,
    each: &mut impl FnMut(&Row<'_>, &[Cell<'_>]),
) -> Scanned {
    let mut scanned = Scanned::default();
    open.start_clock();
    if let Err(error) = scan_into(open, sql, params, table, keys, each, &mut scanned) {
        scanned.fault = Some(error.into());
    }
    scanned
}

fn scan_into(
    open: &Open,
    sql: &str,
    params: impl Params,
    table: &Table,
    keys: usize,
    each: &mut impl FnMut(&Row<'_>, &[Cell<'_>]),
    scanned: &mut Scanned,
) -> rusqlite::Result<()> {
    let started = Instant::now();
    let budget = budget(open.mode);
    let mut statement = open.conn.prepare_cached(sql)?;
    let width = table.plan.width();
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        let mut few = [Cell::Null; CELLS];
        let mut many = Vec::new();
        let cells = if let Some(cells) = few.get_mut(..width) {
            cells
        } else {
            many.resize(width, Cell::Null);
            &mut many[..]
        };
        for (at, &place) in table.places.iter().enumerate() {
            if let Some(cell) = cells.get_mut(place) {
                *cell = cell_of(row.get_ref(keys + at)?);
            }
        }
        each(row, cells);
        scanned.rows += 1;
        // The clock costs less than a row, but not nothing.
        let look = scanned.rows.is_multiple_of(16);
        if scanned.rows >= MAX_ROWS || (look && started.elapsed() >= budget) {
            return Ok(());
        }
    }
    scanned.finished = true;
    Ok(())
}

/// A cell as SQLite holds it.
pub(super) fn cell_of(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) => Cell::Text(text),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
    }
}

/// A hash of some cells, by type and content.
pub(super) fn hash_cells<'a>(cells: impl IntoIterator<Item = &'a Cell<'a>>) -> u64 {
    let mut hasher = FxHasher::default();
    for cell in cells {
        match *cell {
            Cell::Null => hasher.write_u8(0),
            Cell::Integer(number) => {
                hasher.write_u8(1);
                hasher.write_i64(number);
            }
            Cell::Real(number) => {
                hasher.write_u8(2);
                hasher.write_u64(number.to_bits());
            }
            Cell::Text(bytes) | Cell::Blob(bytes) => {
                hasher.write_u8(if matches!(cell, Cell::Text(_)) { 3 } else { 4 });
                hasher.write_usize(bytes.len());
                hasher.write(bytes);
            }
        }
    }
    hasher.finish()
}

/// What the decoder made of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoded {
    /// How many updates.
    updates: usize,
    /// A span of it has no end yet and may get one.
    pub(super) open: bool,
}

impl Decoded {
    /// A hash of the spans that the row, decoded last into this batch, speaks about; the content's when it speaks of
    /// none.
    pub(super) fn identity(self, batch: &Batch, content: u64) -> u64 {
        if self.updates == 0 {
            return content;
        }
        let mut hasher = FxHasher::default();
        for update in batch.updates.iter().rev().take(self.updates) {
            hasher.write_u128(update.trace.bits());
            hasher.write_u128(update.span.bits());
        }
        hasher.finish()
    }
}

/// Decodes a row into a batch. Problems count only when `count` says so: a row that is read again has them still.
pub(super) fn decode(
    format: &TableFormat,
    place: (SegmentId, u64),
    stamp: Stamp,
    cells: &[Cell<'_>],
    count: bool,
    batch: &mut Batch,
) -> Decoded {
    let before = batch.updates.len();
    let problems = (!count).then(|| std::mem::take(&mut batch.problems));
    let at = PayloadRef { segment: place.0, pos: place.1, len: 0 };
    (format.decode)(&RowPlace { at, stamp }, cells, batch);
    if let Some(problems) = problems {
        batch.problems = problems;
    }
    let updates = batch.updates.get(before..).unwrap_or_default();
    let open = updates.iter().any(|update| {
        update.end.is_none() && update.kind != Some(SpanKind::Event) && !update.marks.has(Marks::INSERT_ONLY)
    });
    Decoded { updates: updates.len(), open }
}
