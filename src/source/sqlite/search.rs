//! Searching the rows of a table: ranges of rowids, the newest first, in statements that are over after a few
//! milliseconds.

use std::time::{Duration, Instant};

use rusqlite::{Params, Row, params};

use super::TablePlace;
use super::detail::{RowDetail, cells_of, cells_sql};
use super::fault::Fault;
use super::files::{Files, Held};
use super::open::{Open, decide};
use super::scan::{budget, cell_of};
use super::schema::{Key, key_of, quote};
use crate::format::Cell;
use crate::model::SpanDetail;
use crate::source::StopFlag;
use crate::text::search::{Glance, Query};

/// Rowids nobody asked for that are stepped over rather than asked around.
const GAP: u64 = 64;
/// How often rows are asked for again that were locked, and the pause before.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// A search in the rows of a table.
pub struct RowSearch<'a> {
    /// The table.
    pub place: &'a TablePlace,
    /// What is looked for.
    pub query: &'a Query,
    /// Rows by `pos` and whose they are, sorted.
    pub rows: &'a [(u64, u32)],
    /// Ends it early.
    pub stop: &'a StopFlag,
}

impl RowSearch<'_> {
    /// Calls `found` with each row that may have something of the query. Rows that cannot be read are left out.
    pub fn run(&self, found: &mut dyn FnMut(u32, &SpanDetail)) {
        let mut rest = self.rows;
        for _ in 0..TRIES {
            match self.pass(&mut rest, found) {
                Err(fault) if fault.is_passing() && !self.stop.is_stopped() => std::thread::sleep(PAUSE),
                Ok(()) => return,
                Err(_) => break,
            }
        }
        // Something in one of the rows, or in the table, is not as it was: the others are worth having.
        for &(rowid, key) in rest.iter().rev() {
            if self.stop.is_stopped() {
                return;
            }
            if let Ok(detail) = RowDetail::read(&self.place.path, &self.place.plan, self.place.format, rowid)
            {
                found(key, &detail);
            }
        }
    }

    /// Goes through the rows from their end; `rest` is left with what was not looked at.
    fn pass(&self, rest: &mut &[(u64, u32)], found: &mut dyn FnMut(u32, &SpanDetail)) -> Result<(), Fault> {
        let files = Files::read(&self.place.path)?;
        if !files.db.is_some_and(|db| db.regular) {
            return Err(Fault::Refused("the file is gone".to_owned()));
        }
        let held = Held::open(&files.path)?;
        let mode = decide(&held.header()?, &files)?;
        let open = Open::new(&files, mode, held, self.stop)?;
        open.start_clock();
        let Key::Rowid(rowid) = key_of(&open.conn, &self.place.plan)? else {
            return Err(Fault::Schema("rows without a rowid".to_owned()));
        };
        let columns = cells_of(&self.place.plan);
        let sql = format!(
            "SELECT s.{rowid}, {} FROM main.{} AS s WHERE s.{rowid} BETWEEN ?1 AND ?2 ORDER BY s.{rowid} DESC",
            cells_sql(&columns),
            quote(&self.place.plan.table)
        );
        let always = self.is_in_names();
        while !rest.is_empty() {
            if self.stop.is_stopped() {
                return Ok(());
            }
            let start = range_start(rest);
            let Some((first, last)) = rest.get(start).zip(rest.last()) else { return Ok(()) };
            let range = params![first.0.cast_signed(), last.0.cast_signed()];
            let mut lowest = None;
            let mut each = |row: &Row<'_>, cells: &[Cell<'_>]| {
                let Ok(rowid) = row.get::<_, i64>(0) else { return };
                lowest = Some(rowid);
                let rowid = rowid.cast_unsigned();
                let place = rest.partition_point(|(known, _)| *known < rowid);
                let mut keys = rest.iter().skip(place).take_while(|(known, _)| *known == rowid).peekable();
                if keys.peek().is_none() || !(always || self.may_hold(cells)) {
                    return;
                }
                let cells: Vec<(String, Cell<'_>)> =
                    columns.iter().map(|(name, _)| name.clone()).zip(cells.iter().copied()).collect();
                let detail = (self.place.format.detail)(&cells);
                keys.for_each(|(_, key)| found(*key, &detail));
            };
            open.start_clock();
            let ended = rows_of(&open, &sql, range, columns.len(), &mut each);
            if mode.is_snapshot() && !Files::read(&self.place.path)?.same_content(&files) {
                return Err(Fault::Locked);
            }
            let done = match (&ended, lowest) {
                (Ok(true), _) => start,
                (_, Some(lowest)) => rest.partition_point(|(known, _)| *known < lowest.cast_unsigned()),
                (_, None) => rest.len(),
            };
            *rest = rest.get(..done).unwrap_or_default();
            ended?;
        }
        Ok(())
    }

    /// Whether the names of the columns, or words that stand for values, have something of the query.
    fn is_in_names(&self) -> bool {
        let has = |text: &str| self.query.needles().any(|needle| needle.find(text.as_bytes()).is_some());
        cells_of(&self.place.plan).iter().any(|(name, _)| has(&name.to_lowercase()))
            || ["null", "true", "false"].into_iter().any(has)
    }

    /// Whether decoding a row may find something.
    fn may_hold(&self, cells: &[Cell<'_>]) -> bool {
        let mut lowered = Vec::new();
        cells.iter().any(|cell| {
            lowered.clear();
            match cell {
                Cell::Null => return false,
                Cell::Integer(number) => lowered.extend_from_slice(number.to_string().as_bytes()),
                // How it will be spelled is the decoder's affair.
                Cell::Real(_) | Cell::Blob(_) => return true,
                Cell::Text(text) => lowered.extend_from_slice(text),
            }
            lowered.make_ascii_lowercase();
            let mut glance = Glance::default();
            self.query.glance(&lowered, &mut glance);
            glance.open || !glance.certain.is_empty()
        })
    }
}

/// Runs one statement for as long as one may take. Returns whether it came to its end.
fn rows_of(
    open: &Open,
    sql: &str,
    range: impl Params,
    width: usize,
    each: &mut impl FnMut(&Row<'_>, &[Cell<'_>]),
) -> Result<bool, Fault> {
    let (started, budget) = (Instant::now(), budget(open.mode));
    let mut statement = open.conn.prepare_cached(sql)?;
    let mut rows = statement.query(range)?;
    let mut count = 0_usize;
    while let Some(row) = rows.next()? {
        let mut cells = Vec::with_capacity(width);
        for at in 1..=width {
            cells.push(cell_of(row.get_ref(at)?));
        }
        each(row, &cells);
        count += 1;
        // The clock costs less than a row, but not nothing.
        if count.is_multiple_of(16) && started.elapsed() >= budget {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first of the last rows that one statement asks for.
fn range_start(rows: &[(u64, u32)]) -> usize {
    // Rowids below zero are kept as large numbers, and come in a range of their own.
    let splits = |pair: &[(u64, u32)]| match pair {
        [(low, _), (high, _)] => high - low > GAP || low.cast_signed() > high.cast_signed(),
        _ => false,
    };
    rows.windows(2).rposition(splits).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{TABLE_FORMATS, TableSchema};
    use crate::model::PayloadRef;
    use crate::source::Catalog;

    fn database(rows: i64) -> (tempfile::TempDir, TablePlace) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spans.db");
        let conn = rusqlite::Connection::open(&path).unwrap();
        let columns = [
            "span_id",
            "trace_id",
            "name",
            "start_time",
            "end_time",
            "status",
            "input",
            "output",
            "attributes",
        ];
        conn.execute_batch(&format!("CREATE TABLE spans ({})", columns.join(", "))).unwrap();
        for row in 1..=rows {
            conn.execute(
                "INSERT INTO spans (rowid, span_id, trace_id, name, input, attributes) VALUES (?1, ?2, 'aa', 'a', ?3, ?4)",
                params![
                    if row == rows { -5 } else { row * if row > 50 { 1_000 } else { 1 } },
                    format!("{row:016x}"),
                    format!("{{\"q\":\"The \\\"Answer\\\" is {row}.\"}}"),
                    (row % 2 == 0).then(|| format!("{{\"retries\":{row}}}")),
                ],
            )
            .unwrap();
        }
        let columns: Vec<String> = columns.map(str::to_owned).into();
        let schema = TableSchema { name: "spans".to_owned(), columns };
        let plan = TABLE_FORMATS.iter().find_map(|format| Some((*format, (format.plan)(&schema)?.ok()?)));
        let (format, plan) = plan.unwrap();
        (folder, TablePlace { path, format, plan })
    }

    #[test]
    fn rows_are_found_as_reading_each_finds_them() {
        let (_folder, place) = database(300);
        let catalog = Catalog::default();
        let segment = catalog.add_table(&place);
        let all: Vec<(u32, PayloadRef)> = (1..=300_u32)
            .map(|row| {
                let rowid: i64 =
                    if row == 300 { -5 } else { i64::from(row) * if row > 50 { 1_000 } else { 1 } };
                (row, PayloadRef { segment, pos: rowid.cast_unsigned(), len: 0 })
            })
            .filter(|(row, _)| row % 3 > 0 || *row == 300)
            .collect();
        let queries = [
            (vec!["ANSWER"], vec![]),
            (vec!["answer\" is 2", "is 44."], vec![]),
            (vec!["nowhere"], vec!["retries"]),
            (vec!["span_id"], vec![]),
            (vec!["300"], vec![]),
        ];
        for (texts, attributes) in queries {
            let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
            let query = Query::new(&own(&texts), &own(&attributes));
            let found = catalog.search(&query, &all, &StopFlag::default());
            let mut expected = Vec::new();
            for (key, at) in &all {
                let facts = query.facts(&catalog.read_detail(&[*at]).unwrap());
                if facts.texts.contains(&true) || !facts.attributes.is_empty() {
                    expected.push((*key, facts));
                }
            }
            let found: Vec<_> = found
                .into_iter()
                .filter(|(_, facts)| facts.texts.contains(&true) || !facts.attributes.is_empty())
                .collect();
            assert_eq!(found, expected, "{texts:?} {attributes:?}");
            assert!(texts == ["nowhere"] || !expected.is_empty());
        }
    }
}
