//! One row, read for reading.

use std::path::Path;

use rusqlite::types::{Value, ValueRef};

use super::fault::Fault;
use super::files::{Files, Held};
use super::open::{Open, decide};
use super::schema::{Key, key_of, quote};
use super::sweep::position;
use crate::format::{Cell, TableFormat, TablePlan};
use crate::model::SpanDetail;
use crate::source::StopFlag;

/// Bytes read of one cell.
const MAX_FIELD: usize = 8 << 20;

/// Reads single rows.
pub struct RowDetail;

impl RowDetail {
    /// Reads one row of a table, cells longer than 8 MiB cut there. `rowid` is the `pos` of its place.
    ///
    /// Blocks for as long as the row takes, at most about a second.
    pub fn read(
        path: &Path,
        plan: &TablePlan,
        format: &TableFormat,
        rowid: u64,
    ) -> Result<SpanDetail, Fault> {
        let files = Files::read(path)?;
        if !files.db.is_some_and(|db| db.regular) {
            return Err(Fault::Refused("the file is gone".to_owned()));
        }
        let held = Held::open(&files.path)?;
        let mode = decide(&held.header()?, &files)?;
        let open = Open::new(&files, mode, held, &StopFlag::default())?;
        let row = read_row(&open, plan, rowid)?;
        if mode.is_snapshot() && !Files::read(path)?.same_content(&files) {
            return Err(Fault::Locked);
        }
        let cells: Vec<_> = row.iter().map(|(name, value)| (name.clone(), value.cell())).collect();
        Ok((format.detail)(&cells))
    }
}

fn read_row(open: &Open, plan: &TablePlan, rowid: u64) -> Result<Vec<(String, Field)>, Fault> {
    open.start_clock();
    let key = key_of(&open.conn, plan)?;
    let (condition, keys) = match &key {
        Key::Rowid(name) => (format!("s.{name} = ?1"), vec![Value::Integer(rowid.cast_signed())]),
        Key::Columns(names) => {
            let equal: Vec<_> = names.iter().map(|name| format!("s.{} IS ?", quote(name))).collect();
            (equal.join(" AND "), find_key(open, plan, &key, rowid)?)
        }
    };
    let read = |columns: &[(String, String)]| -> Result<Vec<(String, Field)>, Fault> {
        let sql = format!(
            "SELECT {} FROM main.{} AS s WHERE {condition} LIMIT 1",
            cells_sql(columns),
            quote(&plan.table)
        );
        open.start_clock();
        let mut statement = open.conn.prepare(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(&keys))?;
        let row = rows.next()?.ok_or(Fault::NoRow)?;
        let columns = columns.iter().enumerate();
        columns.map(|(at, (name, _))| Ok((name.clone(), Field::of(row.get_ref(at)?)))).collect()
    };
    let cells = cells_of(plan);
    match read(&cells) {
        // One column spoils all: gone meanwhile, or longer than SQLite may hand out. The others are worth having.
        Err(Fault::Schema(_) | Fault::TooBig | Fault::Damaged(_)) => {
            let mut row = Vec::new();
            let mut last = Fault::NoRow;
            for column in &cells {
                match read(std::slice::from_ref(column)) {
                    Ok(cells) => row.extend(cells),
                    Err(fault @ (Fault::Schema(_) | Fault::TooBig | Fault::Damaged(_))) => last = fault,
                    Err(fault) => return Err(fault),
                }
            }
            if row.is_empty() { Err(last) } else { Ok(row) }
        }
        other => other,
    }
}

/// What is read of a row for reading: names and expressions, cells longer than the limit cut there.
pub(super) fn cells_of(plan: &TablePlan) -> Vec<(String, String)> {
    // `substr` ends at a NUL in text: only for what is too long anyway.
    let column = |name: &String| {
        let cell = quote(name);
        let sql = format!(
            "CASE WHEN octet_length(s.{cell}) > {MAX_FIELD} THEN substr(s.{cell}, 1, {MAX_FIELD}) ELSE s.{cell} END"
        );
        (name.clone(), sql)
    };
    let lookups = plan.lookups.iter().chain(&plan.detail_lookups);
    let lookups = lookups.map(|lookup| (lookup.name.to_owned(), lookup.sql.to_owned()));
    plan.detail.iter().map(column).chain(lookups).collect()
}

/// The expressions of cells.
pub(super) fn cells_sql(cells: &[(String, String)]) -> String {
    cells.iter().map(|(_, sql)| &**sql).collect::<Vec<_>>().join(", ")
}

/// The key of a row of a WITHOUT ROWID table, by its hash.
fn find_key(open: &Open, plan: &TablePlan, key: &Key, hash: u64) -> Result<Vec<Value>, Fault> {
    let keys = key.expressions();
    let sql = format!("SELECT {} FROM main.{} AS s", keys.join(", "), quote(&plan.table));
    open.start_clock();
    let mut statement = open.conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if position(key, row) == Some(hash) {
            return (0..keys.len()).map(|at| Ok(row.get(at)?)).collect();
        }
    }
    Err(Fault::NoRow)
}

/// A cell that outlives its statement.
enum Field {
    Null,
    Integer(i64),
    Real(f64),
    /// Not necessarily UTF-8.
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Field {
    fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Real(number) => Self::Real(number),
            ValueRef::Text(text) => Self::Text(text.to_vec()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Integer(number) => Cell::Integer(*number),
            Self::Real(number) => Cell::Real(*number),
            Self::Text(text) => Cell::Text(text),
            Self::Blob(bytes) => Cell::Blob(bytes),
        }
    }
}
