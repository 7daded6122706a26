//! Span records of odd shapes as NDJSON lines, the same for the same number: one trace of everything, one parent with
//! everything below it, a chain as deep as it is long, a trace per few spans, a record of 64 MiB, thousands of
//! attributes, records in any order.

use std::fmt::Write as _;

/// What the spans of a log look like together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Runs of 100 spans: steps, agents, calls and tools; 1 % of them with 20 kB of input.
    Ordinary,
    /// The same in one trace.
    OneTrace,
    /// The same in one trace whose root is still running; every record twice, at start and at end.
    OneLive,
    /// One parent, all others its children.
    Siblings,
    /// Each span the child of the one before it.
    Deep,
    /// The same, but no two records that follow each other are neighbours.
    DeepShuffled,
    /// A trace of five spans each.
    ManyTraces,
    /// Model calls below tool calls, in one trace, children before their parents.
    ToolsOverCalls,
    /// Model calls that don't name their model, in one trace.
    Nameless,
    /// Model calls in one trace that name another model at their end than at their start.
    Renamed,
    /// Spans that all have another name, model and user.
    Distinct,
    /// Spans without parents, one trace.
    Rootless,
}

impl Shape {
    /// All, with the names they go by.
    pub const ALL: [(&'static str, Self); 12] = [
        ("ordinary", Self::Ordinary),
        ("one-trace", Self::OneTrace),
        ("one-live", Self::OneLive),
        ("siblings", Self::Siblings),
        ("deep", Self::Deep),
        ("deep-shuffled", Self::DeepShuffled),
        ("many-traces", Self::ManyTraces),
        ("tools-over-calls", Self::ToolsOverCalls),
        ("nameless", Self::Nameless),
        ("renamed", Self::Renamed),
        ("distinct", Self::Distinct),
        ("rootless", Self::Rootless),
    ];
}

/// A record as columns.
#[derive(Debug, Default)]
pub struct Row {
    // Named as the columns.
    pub trace: String,
    pub span: String,
    pub parent: Option<String>,
    pub name: String,
    pub span_type: &'static str,
    pub start: String,
    pub end: Option<String>,
    pub status: &'static str,
    pub attributes: String,
    pub input: Option<String>,
}

impl Row {
    /// As a line of NDJSON, with its line end.
    pub fn push_line(&self, out: &mut String) {
        let _ = write!(out, r#"{{"trace_id":"{}","span_id":"{}","parent_span_id":"#, self.trace, self.span);
        match &self.parent {
            Some(parent) => {
                let _ = write!(out, r#""{parent}""#);
            }
            None => out.push_str("null"),
        }
        let _ = write!(
            out,
            r#","name":"{}","span_type":"{}","started_at":"{}","#,
            self.name, self.span_type, self.start
        );
        if let Some(end) = &self.end {
            let _ = write!(out, r#""ended_at":"{end}","#);
        }
        let _ = write!(out, r#""status":"{}","attributes":{}"#, self.status, self.attributes);
        if let Some(input) = &self.input {
            let _ = write!(out, r#","input":"{input}""#);
        }
        out.push_str("}\n");
    }
}

/// How many records `spans` spans of a shape have.
pub fn records(shape: Shape, spans: usize) -> usize {
    match shape {
        Shape::OneLive => spans * 2 - 1,
        Shape::Renamed => spans * 2,
        _ => spans,
    }
}

/// The record at a place.
pub fn row(shape: Shape, spans: usize, at: usize) -> Row {
    match shape {
        Shape::Ordinary => ordinary(at, at / 100, at - at % 100),
        Shape::OneTrace => ordinary(at, 0, 0),
        Shape::OneLive => {
            // Spans start one after the other, and each ends before the next starts but for the root.
            let span = at.div_ceil(2);
            let mut row = ordinary(span, 0, 0);
            if span == 0 || at % 2 == 1 {
                (row.end, row.status) = (None, "started");
            }
            row
        }
        Shape::Siblings => {
            let mut row = ordinary(at, 0, 0);
            row.parent = (at > 0).then(|| id(0));
            row
        }
        Shape::Deep => deep(spans, spans - 1 - at),
        Shape::DeepShuffled => {
            // Every place once: the step has no divisor in common with the number of spans.
            let step =
                [7_919, 7_907, 7_901].into_iter().find(|step| !spans.is_multiple_of(*step)).unwrap_or(1);
            deep(spans, at * step % spans)
        }
        Shape::ManyTraces => {
            let mut row = ordinary(at, at / 5, at - at % 5);
            row.parent = (!at.is_multiple_of(5)).then(|| id(at - at % 5));
            row
        }
        Shape::ToolsOverCalls => {
            // The root comes last; before each tool comes its call.
            let span = spans - 1 - at;
            let mut row = ordinary(span, 0, 0);
            let tool = span % 2 == 1;
            if span > 0 {
                row.parent = Some(if tool { id(0) } else { id(span - 1) });
                (row.span_type, row.name) = if tool { TOOL } else { CALL }.own();
                row.attributes = if tool { tool_attributes() } else { call_attributes(span, "gpt-4o") };
            }
            row
        }
        Shape::Nameless => {
            let mut row = ordinary(at, 0, 0);
            if at > 0 {
                row.parent = Some(id(0));
                (row.span_type, row.name) = CALL.own();
                row.attributes = format!(r#"{{"promptTokens":{},"completionTokens":20}}"#, at % 900 + 1);
            }
            row
        }
        Shape::Renamed => {
            let span = at / 2;
            let mut row = ordinary(span, 0, 0);
            if span > 0 {
                row.parent = Some(id(0));
                (row.span_type, row.name) = CALL.own();
                let model = if at.is_multiple_of(2) { "gpt-4o" } else { "gpt-4o-2024-08-06" };
                row.attributes = call_attributes(span, model);
                if at.is_multiple_of(2) {
                    (row.end, row.status) = (None, "started");
                }
            }
            row
        }
        Shape::Distinct => {
            let mut row = ordinary(at, at / 100, at - at % 100);
            row.name = format!("name {at}");
            row.span_type = CALL.0;
            row.attributes = format!(r#"{{"model":"model-{at}","userId":"user-{at}","promptTokens":10}}"#);
            row
        }
        Shape::Rootless => {
            let mut row = ordinary(at, 0, 0);
            row.parent = None;
            row
        }
    }
}

/// One span with an input of so many bytes.
pub fn huge(bytes: usize) -> String {
    let mut row = ordinary(0, 0, 0);
    row.input = Some("0123456789 abcdef".repeat(bytes / 17 + 1));
    let mut line = String::with_capacity(bytes + 1_024);
    row.push_line(&mut line);
    line
}

/// One span with so many attributes.
pub fn wide(attributes: usize) -> String {
    let mut row = ordinary(0, 0, 0);
    let all: Vec<String> = (0..attributes).map(|at| format!(r#""attribute{at}":"value {at}""#)).collect();
    row.attributes = format!("{{{}}}", all.join(","));
    let mut line = String::new();
    row.push_line(&mut line);
    line
}

struct Kind(&'static str, &'static str);

impl Kind {
    fn own(&self) -> (&'static str, String) {
        (self.0, self.1.to_owned())
    }
}

const CALL: Kind = Kind("model_generation", "gpt-4o");
const TOOL: Kind = Kind("tool_execution", "execute_command");

fn id(at: usize) -> String {
    format!("5be5a7e2-0000-4000-8000-{:012x}", at + 1)
}

fn deep(spans: usize, at: usize) -> Row {
    let mut row = ordinary(at, 0, 0);
    row.parent = (at > 0).then(|| id(at - 1));
    // Each within its parent.
    row.start = time(at as u64);
    row.end = Some(time((2 * spans - at) as u64));
    row
}

/// A span of a run that begins with the span `first`.
fn ordinary(at: usize, trace: usize, first: usize) -> Row {
    let place = at - first;
    let (kind, parent) = match place {
        0 => (Kind("workflow_run", "ticket-generation"), None),
        _ if place % 10 == 1 => (Kind("node_execution", "Preflight Validation"), Some(first)),
        _ if place % 10 == 2 => (Kind("agent_run", "FindingsToQuestions"), Some(at - 1)),
        _ if place < 3 || place.is_multiple_of(10) => (TOOL, Some(first)),
        _ if place.is_multiple_of(2) => (CALL, Some(at - place % 10 + 2)),
        _ => (TOOL, Some(at - place % 10 + 2)),
    };
    let (span_type, name) = kind.own();
    let attributes = match span_type {
        "model_generation" => {
            call_attributes(at, if at.is_multiple_of(3) { "gpt-4o" } else { "claude-sonnet-4-5" })
        }
        "tool_execution" => tool_attributes(),
        _ => "{}".to_owned(),
    };
    // Seconds apart by trace, so that traces overlap and their order is not that of their numbers alone.
    let start = trace as u64 * 700 + place as u64 * 40;
    let length = if place == 0 { 4_500 } else { 40 + (at as u64 % 17) * 30 };
    let text = if at % 100 == 50 { 20_000 } else { 180 + at % 240 };
    Row {
        trace: format!("7ace0000-0000-4000-8000-{:012x}", trace + 1),
        span: id(at),
        parent: parent.map(id),
        name,
        span_type,
        start: time(start),
        end: Some(time(start + length)),
        status: if span_type == TOOL.0 && at.is_multiple_of(23) { "failed" } else { "completed" },
        attributes,
        input: Some("what is said here is of no interest ".repeat(text / 36 + 1)),
    }
}

fn call_attributes(at: usize, model: &str) -> String {
    format!(
        r#"{{"model":"{model}","provider":"openai","promptTokens":{},"completionTokens":{}}}"#,
        100 + at % 4_000,
        20 + at % 700
    )
}

fn tool_attributes() -> String {
    r#"{"toolName":"execute_command"}"#.to_owned()
}

/// 2026-02-04T08:00:00Z and so many milliseconds.
fn time(ms: u64) -> String {
    let (days, ms) = (ms / 86_400_000, ms % 86_400_000);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    // Months of 28 days will do.
    let (month, day) = (2 + days / 28, 1 + days % 28);
    format!("2026-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1_000)
}
