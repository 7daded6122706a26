//! What records mean: one file per dialect. Pure: a record in, [`SpanUpdate`](crate::model::SpanUpdate)s out; no I/O,
//! no clock. May import `model` and `text`.
//!
//! A format is a value in [`LINE_FORMATS`] or [`TABLE_FORMATS`]; adding one is adding a file and a line there.

mod agents;
mod chat;
mod detect;
mod genai;
mod json;
mod jsonb;
mod lines;
mod llm_events;
mod mastra;
mod native;
mod otlp;
mod step_telemetry;
#[cfg(test)]
mod testing;
mod usage;

use crate::model::{Batch, PayloadRef, SpanDetail, Stamp, UnixNanos};

pub use detect::{
    Detection, LineSample, SAMPLE_BYTES, TableDetection, detect_lines, detect_tables, format_names,
};
pub use json::is_complete_json;
pub use jsonb::{JsonbError, jsonb_to_json};

/// Whether an attribute of this name would be read as a counter of tokens or as a cost, by the native format.
pub fn is_of_the_bill(attribute: &str) -> bool {
    native::is_of_the_bill(attribute) || usage::attribute(attribute).is_some()
}

/// Whether the native format would read an attribute of this name as the provider's id of the answer.
pub fn is_response_id(attribute: &str) -> bool {
    native::is_response_id(attribute)
}

/// One record of a line-oriented source.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its bytes without the line end. Not necessarily UTF-8.
    pub bytes: &'a [u8],
    /// Where it is.
    pub at: PayloadRef,
    /// Its place in the order of knowledge.
    pub stamp: Stamp,
    /// When it was read; for logs that carry no times.
    pub arrived: UnixNanos,
}

/// What a decoder may know about the stream it reads.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The file's name without its folder, or `stdin`. For formats in which the file is the run. Untrusted text.
    pub name: String,
    /// Stable bytes that tell this stream from others, to make synthetic ids from.
    pub salt: Vec<u8>,
    /// What a file beside it says about it: `NAME.meta.json` for `NAME.jsonl`. Mostly nothing. Untrusted text.
    pub notes: String,
}

/// Turns the lines of one stream into updates, in order.
pub trait LineDecoder: Send {
    /// Decodes one line. Damage is counted in the batch and never stops anything.
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch);

    /// Says what is still held back; called when the source is over or pauses for long.
    fn finish(&mut self, _out: &mut Batch) {}
}

/// A dialect of line-oriented files.
pub struct LineFormat {
    /// Its name for `--format` and `report --json`.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// How sure a sample of lines makes us, 0 to 100, and why.
    pub sniff: fn(&LineSample<'_>) -> (u8, String),
    /// A decoder for one stream.
    pub decoder: fn(&Stream) -> Box<dyn LineDecoder>,
    /// Decodes one record for reading.
    pub detail: fn(&[u8]) -> SpanDetail,
    /// Whether each line stands for itself, so that chunks may be decoded in parallel.
    pub independent_lines: bool,
}

/// A cell of a database row, by its actual type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// NULL, or a column that this table doesn't have.
    Null,
    /// An integer.
    Integer(i64),
    /// A float.
    Real(f64),
    /// Text; not necessarily UTF-8.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

/// A table of a database file, as its schema describes it.
#[derive(Clone, Debug)]
pub struct TableSchema {
    /// Its name.
    pub name: String,
    /// Its column names in order.
    pub columns: Vec<String>,
}

/// Which columns of a table to read and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePlan {
    /// The table.
    pub table: String,
    /// Columns for the index, in the order the decoder expects them. A column the table lacks is given as `None` and
    /// read as [`Cell::Null`].
    pub index: Vec<Option<String>>,
    /// All columns for reading one span: names as the table spells them.
    pub detail: Vec<String>,
}

/// What is known about a row beside its cells.
#[derive(Clone, Copy, Debug)]
pub struct RowPlace {
    /// Where it is: `pos` is its rowid.
    pub at: PayloadRef,
    /// Its place in the order of knowledge.
    pub stamp: Stamp,
}

/// A dialect of database tables.
pub struct TableFormat {
    /// Its name for `--format` and `report --json`.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The plan for a table of this dialect; `Err` says what is missing when the name fits but columns lack; `None`
    /// when the table is none of ours.
    pub plan: fn(&TableSchema) -> Option<Result<TablePlan, String>>,
    /// Decodes one row, cells in the order of the plan's `index`.
    pub decode: fn(&RowPlace, &[Cell<'_>], &mut Batch),
    /// Decodes one row for reading: column names of the plan's `detail` with their cells.
    pub detail: fn(&[(String, Cell<'_>)]) -> SpanDetail,
}

/// Every line dialect, in the order in which ties are decided.
pub static LINE_FORMATS: &[&LineFormat] = &[
    &native::LINES,
    &llm_events::LINES,
    &step_telemetry::LINES,
    &otlp::LINES,
    &agents::claude::LINES,
    &agents::codex::LINES,
    &agents::gemini::LINES,
];

/// Every table dialect.
pub static TABLE_FORMATS: &[&TableFormat] = &[
    &mastra::TABLE,
    &native::TABLE,
    &agents::opencode::SESSIONS,
    &agents::opencode::MESSAGES,
    &agents::opencode::PARTS,
];
