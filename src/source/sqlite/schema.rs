//! Which tables of a database hold spans, and how their rows are addressed.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::fault::Fault;
use crate::format::{Lookup, TableFormat, TablePlan, TableSchema, foreign_database};

/// Tables looked at; a database with more is hardly a span store.
const MAX_TABLES: usize = 4096;
/// Names listed when nothing was found.
const LISTED: usize = 8;

/// What makes a row of a table unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The rowid, by a name that no column of this table takes.
    Rowid(&'static str),
    /// Columns of the primary key of a WITHOUT ROWID table.
    Columns(Vec<String>),
}

impl Key {
    /// The key's expressions, quoted, for a table that is called `s`.
    pub(super) fn expressions(&self) -> Vec<String> {
        match self {
            Self::Rowid(name) => vec![format!("s.{name}")],
            Self::Columns(names) => names.iter().map(|name| format!("s.{}", quote(name))).collect(),
        }
    }
}

/// A table that holds spans.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) format: &'static TableFormat,
    pub(super) plan: TablePlan,
    pub(super) key: Key,
    /// Where the columns that the table has stand among the cells of the index, and then the lookups. Columns that it
    /// lacks are not asked for.
    pub(super) places: Vec<usize>,
}

impl Table {
    pub(super) fn new(format: &'static TableFormat, plan: TablePlan, key: Key) -> Self {
        let present = plan.index.iter().enumerate().filter(|(_, column)| column.is_some());
        let places = present.map(|(at, _)| at).chain(plan.index.len()..plan.width()).collect();
        Self { format, plan, key, places }
    }

    /// The expressions of the index columns that the table has.
    pub(super) fn cells(&self) -> String {
        let mut cells = String::new();
        for name in self.plan.index.iter().flatten() {
            cells.push_str(", s.");
            cells.push_str(&quote(name));
        }
        for lookup in &self.plan.lookups {
            cells.push_str(", ");
            cells.push_str(lookup.sql);
        }
        cells
    }

    /// Whether both are the same table of the same dialect, whatever its columns.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.plan.table == other.plan.table
            && self.key == other.key
            && std::ptr::eq(self.format, other.format)
    }

    /// The table in a FROM clause.
    pub(super) fn from(&self) -> String {
        format!("main.{} AS s", quote(&self.plan.table))
    }
}

/// What a database holds.
#[derive(Default)]
pub(super) struct Found {
    /// The span tables.
    pub(super) tables: Vec<Table>,
    /// What was found instead when there are none.
    pub(super) otherwise: String,
}

/// Looks for span tables.
pub(super) fn find_tables(conn: &Connection, formats: &[&'static TableFormat]) -> Result<Found, Fault> {
    let mut found = Found::default();
    let mut names = Vec::new();
    let mut lacking = Vec::new();
    let mut others = Vec::new();
    for (name, real) in list(conn)? {
        let name = match (name, real) {
            (Ok(name), true) => name,
            (Ok(name), false) => {
                names.push(format!("{name} (not a table)"));
                continue;
            }
            // SQLite itself cannot be asked for a table by a name that is not text.
            (Err(name), _) => {
                names.push(name);
                continue;
            }
        };
        let Some((schema, primary)) = columns(conn, &name)? else { continue };
        let plan = formats.iter().find_map(|format| Some((*format, (format.plan)(&schema)?)));
        match plan {
            Some((format, Ok(mut plan))) => match key(conn, &schema, primary)? {
                Some(key) => {
                    for lookup in plan.lookups.iter_mut().chain(&mut plan.detail_lookups) {
                        check(conn, &plan.table, lookup)?;
                    }
                    found.tables.push(Table::new(format, plan, key));
                }
                None => lacking.push(format!("{name}: no column that tells its rows apart")),
            },
            Some((_, Err(why))) => lacking.push(format!("{name}: {why}")),
            None => {
                names.push(name);
                others.push(schema);
            }
        }
    }
    if lacking.is_empty()
        && let Some(what) = foreign_database(&others)
    {
        found.otherwise = what;
        return Ok(found);
    }
    let mut parts = lacking;
    if parts.is_empty() {
        parts.push("no span table found".to_owned());
    }
    if names.is_empty() {
        parts.push("no other tables".to_owned());
    } else {
        let more = names.len().saturating_sub(LISTED);
        names.truncate(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let names: Vec<_> = names.iter().map(|name| name.chars().take(60).collect::<String>()).collect();
        parts.push(format!("tables: {}{more}", names.join(", ")));
    }
    found.otherwise = parts.join("; ");
    Ok(found)
}

/// Makes NULL of a lookup that this database has not the tables for.
fn check(conn: &Connection, table: &str, lookup: &mut Lookup) -> Result<(), Fault> {
    let sql = format!("SELECT {} FROM main.{} AS s LIMIT 0", lookup.sql, quote(table));
    match conn.prepare(&sql).map_err(Fault::from) {
        Ok(_) => {}
        Err(Fault::Schema(_)) => lookup.sql = "NULL",
        Err(fault) => return Err(fault),
    }
    Ok(())
}

/// A table's or view's name, `Err` when it is not UTF-8, and whether it has rows of its own.
type Listed = (Result<String, String>, bool);

/// Every table and view.
fn list(conn: &Connection) -> Result<Vec<Listed>, Fault> {
    let sql = "SELECT name, type = 'table' AND rootpage > 0 FROM main.sqlite_schema \
               WHERE type IN ('table', 'view') AND substr(name, 1, 7) <> 'sqlite_' LIMIT ?1";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([MAX_TABLES as i64])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        let ValueRef::Text(name) = row.get_ref(0)? else { continue };
        let name = match std::str::from_utf8(name) {
            Ok(name) => Ok(name.to_owned()),
            Err(_) => Err(String::from_utf8_lossy(name).into_owned()),
        };
        names.push((name, row.get::<_, Option<bool>>(1)? == Some(true)));
    }
    Ok(names)
}

/// The columns of a table, and those of its primary key in order.
fn columns(conn: &Connection, table: &str) -> Result<Option<(TableSchema, Vec<String>)>, Fault> {
    let mut statement = conn.prepare_cached("SELECT name, pk, hidden FROM pragma_table_xinfo(?1, 'main')")?;
    let mut rows = statement.query([table])?;
    let mut columns = Vec::new();
    let mut primary = Vec::new();
    while let Some(row) = rows.next()? {
        let (ValueRef::Text(name), Ok(rank), Ok(hidden)) =
            (row.get_ref(0)?, row.get::<_, i64>(1), row.get::<_, i64>(2))
        else {
            continue;
        };
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if rank > 0 {
            primary.push((rank, name.to_owned()));
        }
        if hidden != 1 {
            columns.push(name.to_owned());
        }
    }
    primary.sort();
    let primary = primary.into_iter().map(|(_, name)| name).collect();
    Ok((!columns.is_empty()).then(|| (TableSchema { name: table.to_owned(), columns }, primary)))
}

fn key(conn: &Connection, schema: &TableSchema, primary: Vec<String>) -> Result<Option<Key>, Fault> {
    for name in ["rowid", "_rowid_", "oid"] {
        if schema.columns.iter().any(|column| column.eq_ignore_ascii_case(name)) {
            continue;
        }
        let sql = format!("SELECT s.{name} FROM main.{} AS s LIMIT 0", quote(&schema.name));
        return match conn.prepare(&sql).map_err(Fault::from) {
            Ok(_) => Ok(Some(Key::Rowid(name))),
            Err(Fault::Schema(_)) => Ok((!primary.is_empty()).then_some(Key::Columns(primary))),
            Err(fault) => Err(fault),
        };
    }
    Ok((!primary.is_empty()).then_some(Key::Columns(primary)))
}

/// The key of a table whose plan is known already.
pub(super) fn key_of(conn: &Connection, plan: &TablePlan) -> Result<Key, Fault> {
    let gone = || Fault::Schema(format!("the table {} is gone", plan.table));
    let (schema, primary) = columns(conn, &plan.table)?.ok_or_else(gone)?;
    key(conn, &schema, primary)?.ok_or_else(gone)
}

/// An identifier in SQL.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
