//! Rows of a range, decoded once more.

use super::TablePlace;
use super::fault::Fault;
use super::files::{Files, Held};
use super::open::{Open, decide};
use super::scan::{decode, scan};
use super::schema::{Key, Table, key_of};
use crate::model::{Batch, RecordRange, Stamp};
use crate::source::StopFlag;

/// Hands the rows of a range to `each` in batches, in statements that are over after a few milliseconds.
///
/// A table without rowids, whose places have no order, is refused.
pub(in crate::source) fn read_range(
    place: &TablePlace,
    range: &RecordRange,
    each: &mut dyn FnMut(&Batch),
) -> Result<(), Fault> {
    let files = Files::read(&place.path)?;
    if !files.db.is_some_and(|db| db.regular) {
        return Err(Fault::Refused("the file is gone".to_owned()));
    }
    let held = Held::open(&files.path)?;
    let mode = decide(&held.header()?, &files)?;
    let open = Open::new(&files, mode, held, &StopFlag::default())?;
    open.start_clock();
    let key = key_of(&open.conn, &place.plan)?;
    let table = Table::new(place.format, place.plan.clone(), key);
    let mut count = 0;
    let mut read = |sql: &str, from: i64, to: i64, each: &mut dyn FnMut(&Batch)| {
        let mut batch = Batch::default();
        let mut last = None;
        let scanned = scan(&open, sql, [from, to], &table, 1, &mut |row, cells| {
            let Ok(rowid) = row.get::<_, i64>(0) else { return };
            last = Some(rowid);
            // Below every stamp of what is read later, and in the order of the rows.
            let stamp = Stamp::new(range.segment, count);
            count += 1;
            decode(table.format, (range.segment, rowid.cast_unsigned()), stamp, cells, false, &mut batch);
        });
        each(&batch);
        (scanned, last)
    };
    let Key::Rowid(rowid) = &table.key else {
        return Err(Fault::Other("a table without rowids is not read in parts".to_owned()));
    };
    let sql = format!(
        "SELECT s.{rowid}{} FROM {} WHERE s.{rowid} >= ?1 AND s.{rowid} <= ?2 ORDER BY s.{rowid}",
        table.cells(),
        table.from()
    );
    // Negative rowids lie behind the others as places.
    let (mut from, to) = match (range.from.cast_signed(), (range.to - 1).cast_signed()) {
        (from, to) if from <= to => (from, to),
        _ => (i64::MIN, i64::MAX),
    };
    loop {
        let (scanned, last) = read(&sql, from, to, each);
        if let Some(fault) = scanned.fault {
            return Err(fault);
        }
        match last.and_then(|last| last.checked_add(1)) {
            Some(next) if !scanned.finished && next <= to => from = next,
            _ => return Ok(()),
        }
    }
}
