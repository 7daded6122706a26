//! The native format: one record per span, as lines of JSON or as rows of a table `execution_spans`.
//!
//! A record needs a span id, a trace id (or, in a line, a name and a time: then the file is the trace), and one of
//! name, time, type or status. It may be written once, at the end, or at the start and again at the end. The same
//! reader takes `FlowMaestro`'s rows, whose open spans never get their end, and other flat dumps of spans: see
//! [`keys`] for the names it knows.

mod detail;
mod keys;
mod memo;
mod predict;
mod record;
mod span;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::json::{LineText, Reader, Value, lossy};
use super::lines::each_object;
use super::{
    Cell, Line, LineDecoder, LineFormat, LineSample, RowPlace, Stream, TableFormat, TablePlan, TableSchema,
};
use crate::model::{Batch, Id, PayloadRef, Reason};
use keys::Key;
pub(super) use keys::{is_of_the_bill, is_response_id};
use memo::Memo;
use predict::Predictor;
use record::Record;
use span::Origin;
pub(super) use span::usage_object;

/// Lines of span records.
pub(super) static LINES: LineFormat = LineFormat {
    name: "native",
    about: "one span record per line: trace_id, span_id, name, started_at, ended_at, status, attributes",
    sniff,
    decoder,
    detail: detail::line,
    independent_lines: true,
};

/// The table of span records.
pub(super) static TABLE: TableFormat = TableFormat {
    name: "native",
    about: "a table execution_spans or archived_execution_spans with one span record per row",
    plan,
    decode: decode_row,
    detail: detail::row,
};

fn decoder(stream: &Stream) -> Box<dyn LineDecoder> {
    Box::new(Lines {
        trace: Id::synthetic(&[b"file is the trace", &stream.salt]),
        record: Record::empty(),
        predictor: Predictor::default(),
        memo: Memo::default(),
    })
}

/// How sure a sample makes us: the share of records that have a span's ids.
fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut spans, mut records) = (0usize, 0usize);
    let (mut record, mut predictor) = (Record::empty(), Predictor::default());
    for line in sample.lines() {
        let text = LineText::new(line);
        let mut reader = Reader::new(&text.text);
        while reader.peek() == Some(b'{') {
            record.clear();
            if record.read(&mut reader, &mut predictor).is_err() {
                break;
            }
            records += 1;
            let has = |key| record.has(key);
            let placed = has(Key::Trace) || (has(Key::Name) && (has(Key::Start) || has(Key::End)));
            let spoken = has(Key::Name) || has(Key::Start) || has(Key::End) || has(Key::Status);
            spans += usize::from(has(Key::Span) && placed && spoken);
        }
    }
    if spans == 0 {
        return (0, "no record with trace_id and span_id".to_owned());
    }
    let score = 40 + 50 * spans / records.max(1);
    (score as u8, format!("{spans} of {records} records have the ids of a span"))
}

struct Lines {
    trace: Id,
    record: Record,
    predictor: Predictor,
    memo: Memo,
}

impl LineDecoder for Lines {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        let Self { trace, record, predictor, memo } = self;
        each_object(line, out, |reader, line, out| {
            record.clear();
            record.read(reader, predictor)?;
            let text = reader.text();
            let attributes = match record.view(text, "").get(Key::Attributes) {
                Value::Null => None,
                attributes => Some(attributes.excerpt().into_owned()),
            };
            if let Some(attributes) = &attributes {
                let said = matches!(record.view(text, "").get(Key::Attributes), Value::Text(_));
                absorb(record, attributes, said, line.at, out);
            }
            let origin = Origin { at: line.at, stamp: line.stamp, trace: Some(*trace) };
            let view = record.view(text, attributes.as_deref().unwrap_or_default().trim());
            if let Some(update) = span::update(view, &origin, memo, out) {
                out.push(update);
            }
            Ok(())
        });
    }
}

/// Takes attributes that came as text of their own into the record; what is no text is only counted.
fn absorb(record: &mut Record, text: &str, is_text: bool, at: PayloadRef, out: &mut Batch) {
    let good = is_text
        && match text.trim() {
            "" | "null" => true,
            // Other keys follow here than on a line.
            text => record.read_attributes(text, &mut Predictor::default()).is_ok(),
        };
    if !good {
        record.odd = true;
        let text: String = text.chars().take(80).collect();
        out.problem(Reason::BadType, Some(at), &format!("attributes: {text}"));
    }
}

/// Columns of the index in the order in which [`decode_row`] gets them.
const COLUMNS: &[Key] = &[
    Key::Trace,
    Key::Span,
    Key::Parent,
    Key::Name,
    Key::Type,
    Key::Start,
    Key::End,
    Key::DurationMs,
    Key::Status,
    Key::Error,
    Key::Attributes,
    Key::Written,
    Key::FirstToken,
    Key::Model,
    Key::Provider,
    Key::InputTokens,
    Key::OutputTokens,
    Key::CacheRead,
    Key::CacheWrite,
    Key::Reasoning,
    Key::Cost,
    Key::Step,
    Key::Agent,
    Key::Tool,
    Key::Workflow,
    Key::User,
    Key::Session,
    Key::Service,
    Key::Run,
];

/// Where the attributes stand in [`COLUMNS`].
const ATTRIBUTES: usize = 10;
const _: () = assert!(matches!(COLUMNS[ATTRIBUTES], Key::Attributes));

/// What a table cannot do without.
const REQUIRED: &[Key] = &[Key::Trace, Key::Span, Key::Name, Key::Start];

fn plan(schema: &TableSchema) -> Option<Result<TablePlan, String>> {
    let column = |key: Key| {
        key.names()
            .iter()
            .find_map(|name| schema.columns.iter().find(|column| column.eq_ignore_ascii_case(name)))
            .cloned()
    };
    let missing: Vec<_> =
        REQUIRED.iter().filter(|key| column(**key).is_none()).map(|key| key.as_str()).collect();
    if !missing.is_empty() {
        let ours = ["execution_spans", "archived_execution_spans"]
            .iter()
            .any(|name| schema.name.eq_ignore_ascii_case(name));
        return ours.then(|| {
            let found = schema.columns.join(", ");
            Err(format!("missing columns: {}; found: {found}", missing.join(", ")))
        });
    }
    Some(Ok(TablePlan {
        table: schema.name.clone(),
        index: COLUMNS.iter().map(|key| column(*key)).collect(),
        detail: schema.columns.clone(),
        ..TablePlan::default()
    }))
}

fn decode_row(place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let mut repaired = false;
    let attributes = cells.get(ATTRIBUTES).map_or(Value::Null, |cell| cell_value(cell, &mut repaired));
    let mut record = Record::empty();
    // A column that isn't there reads as null, and so does a parent that isn't there: a root.
    record.says_parent = true;
    for (key, cell) in COLUMNS.iter().zip(cells) {
        match (key, cell) {
            (_, Cell::Null) | (Key::Attributes, _) => {}
            (Key::Error, cell) => record.set(*key, &embedded(cell_value(cell, &mut repaired))),
            (_, cell) => record.set(*key, &cell_value(cell, &mut repaired)),
        }
    }
    if repaired {
        out.problem(Reason::InvalidUtf8, Some(place.at), "a cell that is not UTF-8");
    }
    let text = if attributes.is_null() { Cow::Borrowed("") } else { attributes.excerpt() };
    if !attributes.is_null() {
        absorb(&mut record, &text, matches!(attributes, Value::Text(_)), place.at, out);
    }
    let origin = Origin { at: place.at, stamp: place.stamp, trace: None };
    if let Some(update) = span::update(record.view("", text.trim()), &origin, &mut Memo::default(), out) {
        out.push(update);
    }
}

/// A cell as a JSON value; bytes are read as text.
fn cell_value<'a>(cell: &Cell<'a>, repaired: &mut bool) -> Value<'a> {
    match *cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => match u64::try_from(number) {
            Ok(number) => Value::Unsigned(number),
            Err(_) => Value::Negative(number),
        },
        Cell::Real(number) => Value::Float(number),
        Cell::Text(bytes) | Cell::Blob(bytes) => {
            let text = lossy(bytes);
            *repaired |= matches!(text, Cow::Owned(_));
            Value::Text(text)
        }
    }
}

/// JSON that was kept as text: `null`, a string in quotes, an object. Other text stays what it is.
fn embedded(value: Value<'_>) -> Value<'_> {
    if let Value::Text(Cow::Borrowed(text)) = value {
        let mut reader = Reader::new(text);
        if let Ok(inner) = reader.value()
            && !reader.has_more()
        {
            return inner;
        }
    }
    value
}
