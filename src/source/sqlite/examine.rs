//! Which span tables a database has, told without reading their rows.

use std::path::Path;

use super::fault::Fault;
use super::files::{Files, Held};
use super::open::{Open, decide};
use super::schema::find_tables;
use crate::format::TableFormat;
use crate::source::StopFlag;

/// A span table: its name, its format, how many of the format's fields it has, and of how many.
pub(in crate::source) type Seen = (String, &'static TableFormat, usize, usize);

/// The span tables of a database, and what was found instead when there are none.
pub(in crate::source) fn tables_of(
    path: &Path,
    formats: &[&'static TableFormat],
) -> Result<(Vec<Seen>, String), Fault> {
    let files = Files::read(path)?;
    let held = Held::open(&files.path)?;
    let mode = decide(&held.header()?, &files)?;
    let open = Open::new(&files, mode, held, &StopFlag::default())?;
    open.start_clock();
    let found = find_tables(&open.conn, formats)?;
    let seen = |table: &super::schema::Table| {
        let fields = &table.plan.index;
        (table.plan.table.clone(), table.format, fields.iter().flatten().count(), fields.len())
    };
    Ok((found.tables.iter().map(seen).collect(), found.otherwise))
}
