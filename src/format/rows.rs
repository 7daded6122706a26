//! What the dialects of tables share: columns by name, cells by what they are, and rows for reading.

use serde_json::{Map, Value as Json};

use super::{Cell, Lookup, RowPlace, TablePlan, TableSchema};
use crate::model::{Batch, Id, Reason, SpanUpdate, Symbol, Timed, UnixNanos};

/// A table as a dialect knows it. Its name may be anybody's, its columns tell.
pub(super) struct Shape {
    pub(super) table: &'static str,
    /// Columns without which it is another table of that name.
    pub(super) required: &'static [&'static str],
    /// Columns of the index.
    pub(super) index: &'static [&'static str],
    pub(super) lookups: &'static [Lookup],
    pub(super) detail_lookups: &'static [Lookup],
}

impl Shape {
    /// See [`TableFormat::plan`](super::TableFormat::plan).
    pub(super) fn plan(&self, schema: &TableSchema) -> Option<Result<TablePlan, String>> {
        let find =
            |name: &str| schema.columns.iter().find(|column| column.eq_ignore_ascii_case(name)).cloned();
        let fits = schema.name.eq_ignore_ascii_case(self.table)
            && self.required.iter().all(|name| find(name).is_some());
        fits.then(|| {
            Ok(TablePlan {
                table: schema.name.clone(),
                index: self.index.iter().map(|name| find(name)).collect(),
                lookups: self.lookups.to_vec(),
                detail_lookups: self.detail_lookups.to_vec(),
                detail: schema.columns.clone(),
            })
        })
    }

    /// The cells of a row that was read by this shape's plan.
    pub(super) fn row<'r, 'a>(&'r self, place: &RowPlace, cells: &'r [Cell<'a>]) -> Row<'r, 'a> {
        Row { shape: self, cells, place: *place }
    }
}

/// A row of the index.
pub(super) struct Row<'r, 'a> {
    shape: &'r Shape,
    cells: &'r [Cell<'a>],
    pub(super) place: RowPlace,
}

impl<'a> Row<'_, 'a> {
    /// The cell of a column or lookup.
    pub(super) fn cell(&self, name: &str) -> Cell<'a> {
        let names =
            self.shape.index.iter().copied().chain(self.shape.lookups.iter().map(|lookup| lookup.name));
        let cell = names.zip(self.cells).find(|(known, _)| *known == name);
        cell.map_or(Cell::Null, |(_, cell)| *cell)
    }

    /// Its text; blank text is none.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        text(self.cell(name))
    }

    /// Its text in the batch's strings.
    pub(super) fn symbol(&self, name: &str, out: &mut Batch) -> Symbol {
        self.text(name).map_or(Symbol::NONE, |text| out.intern(text))
    }

    /// Its whole number from zero.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        match self.cell(name) {
            Cell::Integer(number) => u64::try_from(number).ok(),
            Cell::Real(number) if (0.0..9e15).contains(&number) => Some(number.round() as u64),
            Cell::Text(_) => self.text(name)?.parse().ok(),
            _ => None,
        }
    }

    /// Its number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        match self.cell(name) {
            Cell::Integer(number) => Some(number as f64),
            Cell::Real(number) => Some(number).filter(|number| number.is_finite()),
            Cell::Text(_) => self.text(name)?.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// Its id.
    pub(super) fn id(&self, name: &str, out: &mut Batch) -> Option<Id> {
        match self.cell(name) {
            Cell::Integer(number) => out.id(&number.to_string()),
            _ => out.id(self.text(name)?),
        }
    }

    /// Its time: text of any spelling or a number by its magnitude. What is no time is counted.
    pub(super) fn time(&self, name: &str, out: &mut Batch) -> Option<UnixNanos> {
        let read = match self.cell(name) {
            Cell::Null | Cell::Integer(0) => return None,
            Cell::Integer(number) => UnixNanos::from_integer(number),
            Cell::Real(number) => UnixNanos::from_number(number),
            Cell::Text(_) | Cell::Blob(_) => UnixNanos::parse(self.text(name)?),
        };
        if read.is_none() {
            let shown: String = self.text(name).unwrap_or("a number").chars().take(60).collect();
            out.problem(Reason::BadTime, Some(self.place.at), &format!("{name}: {shown}"));
        }
        read
    }

    /// A span of this row's, with its place.
    pub(super) fn span(&self, trace: Id, span: Id) -> SpanUpdate {
        let mut update = SpanUpdate::new(trace, span, self.place.stamp);
        update.payload = Some(self.place.at);
        update
    }

    /// Sets the times of a span; an end before its start is counted and moved there.
    pub(super) fn set_times(
        &self,
        update: &mut SpanUpdate,
        start: Option<UnixNanos>,
        mut end: Option<UnixNanos>,
        out: &mut Batch,
    ) {
        if let (Some(from), Some(to)) = (start, end)
            && to < from
        {
            out.problem(Reason::NegativeDuration, Some(self.place.at), "an end before its start");
            end = start;
        }
        update.start = start.map(Timed::written);
        update.end = end.map(Timed::written);
    }
}

fn text(cell: Cell<'_>) -> Option<&str> {
    let (Cell::Text(bytes) | Cell::Blob(bytes)) = cell else { return None };
    // What is no UTF-8 up to its first damage: such a name is odd enough to be seen.
    let text = std::str::from_utf8(bytes)
        .or_else(|error| std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()))
        .unwrap_or_default();
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// A row for reading.
pub(super) struct DetailRow<'r, 'a>(pub(super) &'r [(String, Cell<'a>)]);

impl<'a> DetailRow<'_, 'a> {
    fn cell(&self, name: &str) -> Cell<'a> {
        let cell = self.0.iter().find(|(column, _)| column.eq_ignore_ascii_case(name));
        cell.map_or(Cell::Null, |(_, cell)| *cell)
    }

    /// The text of a column.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        text(self.cell(name))
    }

    /// The JSON of a column; of text that is none, nothing.
    pub(super) fn json(&self, name: &str) -> Option<Json> {
        serde_json::from_str(self.text(name)?).ok()
    }

    /// Columns as attributes, those that say something.
    pub(super) fn attributes(&self, names: &[&str]) -> Vec<(String, Json)> {
        let named = names.iter().map(|name| ((*name).to_owned(), self.value(name)));
        named.filter(|(_, value)| !value.is_null()).collect()
    }

    /// All columns but these as attributes, those that say something.
    pub(super) fn others(&self, names: &[&str]) -> Vec<(String, Json)> {
        let left =
            self.0.iter().filter(|(name, _)| !names.iter().any(|known| name.eq_ignore_ascii_case(known)));
        let named = left.map(|(name, cell)| (name.clone(), json_of(*cell)));
        named.filter(|(_, value)| !value.is_null() && value.as_str() != Some("")).collect()
    }

    fn value(&self, name: &str) -> Json {
        json_of(self.cell(name))
    }

    /// The whole row as JSON.
    pub(super) fn raw(&self) -> String {
        let row: Map<String, Json> =
            self.0.iter().map(|(name, cell)| (name.clone(), json_of(*cell))).collect();
        Json::Object(row).to_string()
    }
}

/// A cell as JSON; text that is a JSON object or list becomes that.
fn json_of(cell: Cell<'_>) -> Json {
    match cell {
        Cell::Null => Json::Null,
        Cell::Integer(number) => number.into(),
        Cell::Real(number) => number.into(),
        Cell::Text(bytes) | Cell::Blob(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.trim_start().starts_with(['{', '[']) => {
                serde_json::from_str(text).unwrap_or_else(|_| text.into())
            }
            Ok(text) => text.into(),
            Err(_) if matches!(cell, Cell::Text(_)) => String::from_utf8_lossy(bytes).into_owned().into(),
            Err(_) => format!("{} bytes", bytes.len()).into(),
        },
    }
}
