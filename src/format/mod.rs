//! What records mean: one file per dialect. Pure: a record in, [`SpanUpdate`](crate::model::SpanUpdate)s out; no I/O,
//! no clock. May import `model` and `text`.
//!
//! A format is a value in [`LINE_FORMATS`] or [`TABLE_FORMATS`]; adding one is adding a file and a line there.

mod agent_activity;
mod agents;
mod ai_devtools;
mod chat;
mod detect;
mod framing;
mod genai;
mod generic;
mod jaeger;
mod json;
mod json_logs;
mod jsonb;
mod langsmith;
mod lines;
mod llm_events;
mod llm_logs;
mod mastra;
mod mastra_traces;
mod mlflow;
mod native;
mod openai_agents;
mod otlp;
mod phoenix;
mod plain;
mod rows;
mod step_telemetry;
mod telemetry_api;
#[cfg(test)]
mod testing;
mod trace_json;
#[cfg(test)]
mod upset;
mod usage;
mod zipkin;

use crate::model::{Batch, PayloadRef, SpanDetail, Stamp, UnixNanos};

pub use detect::{
    Candidate, Detection, Found, LineSample, SAMPLE_BYTES, TableDetection, Wish, candidates, detect_lines,
    detect_stream, detect_tables, foreign_database, format_names,
};
pub use framing::{Dialect, Documents, Framing, MAX_DOCUMENT, Piece, is_cut_document};
pub use generic::{Fit, Mapping, map_fields};
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

/// A value that belongs to a row but stands in other tables of its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Its name beside the columns.
    pub name: &'static str,
    /// A scalar SQL expression over the row, which is called `s`. It must be found by an index or be bounded, for it is
    /// asked for each row. One that the database's schema does not allow gives NULL.
    pub sql: &'static str,
}

/// Which columns of a table to read and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TablePlan {
    /// The table.
    pub table: String,
    /// Columns for the index, in the order the decoder expects them. A column the table lacks is given as `None` and
    /// read as [`Cell::Null`].
    pub index: Vec<Option<String>>,
    /// Values from elsewhere, for the index and for reading; their cells follow those of the columns.
    pub lookups: Vec<Lookup>,
    /// Values from elsewhere that are only for reading one span.
    pub detail_lookups: Vec<Lookup>,
    /// All columns for reading one span: names as the table spells them.
    pub detail: Vec<String>,
}

impl TablePlan {
    /// Cells of a row for the index.
    pub fn width(&self) -> usize {
        self.index.len() + self.lookups.len()
    }

    /// Whether the index is made from the same cells.
    pub fn has_same_index(&self, other: &Self) -> bool {
        self.index == other.index && self.lookups == other.lookups
    }
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
    &agents::qwen::LINES,
    &agents::claude::LINES,
    &agents::codex::LINES,
    &agents::gemini::LINES,
    &agents::opencode::files::FILES,
    &telemetry_api::LINES,
    &jaeger::LINES,
    &zipkin::LINES,
    &openai_agents::LINES,
    &langsmith::LINES,
    &ai_devtools::LINES,
    &agent_activity::LINES,
    &trace_json::LINES,
    &mlflow::traces::LINES,
    &json_logs::LINES,
    &generic::LINES,
];

/// Every table dialect. Of several that know a table the first has it: those of one product go before those of many.
pub static TABLE_FORMATS: &[&TableFormat] = &[
    &mastra::TABLE,
    &mastra_traces::TABLE,
    &agents::opencode::SESSIONS,
    &agents::opencode::MESSAGES,
    &agents::opencode::PARTS,
    &phoenix::TABLE,
    &mlflow::TABLE,
    &mlflow::infos::TABLE,
    &llm_logs::TURNS,
    &llm_logs::RESPONSES,
    &llm_logs::PARTS,
    &llm_logs::TOOL_CALLS,
    &llm_logs::LOGS,
    &telemetry_api::AGENT_RUNS,
    &telemetry_api::EARLY_RUNS,
    &telemetry_api::RUNS,
    &telemetry_api::EVENTS,
    &native::TABLE,
];
