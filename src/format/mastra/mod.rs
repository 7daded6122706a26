//! Spans of Mastra: table `mastra_ai_spans` of its SQLite/LibSQL store, core 0.15 to 1.71.
//!
//! A row is inserted when its span starts and updated when it ends, so it is complete as it stands. JSON cells are JSONB
//! blobs (1.x), JSON text (0.x), or whatever numeric affinity made of them; one file may hold all three. Columns are
//! found by name; older versions lack many.
//!
//! Usage stands on generation, step and inference alike; each span carries its own and the store counts the innermost.

mod detail;
mod kind;

use super::jsonb::JsonValue;
use super::usage::{self, Convention, Counters};
use super::{Cell, Lookup, RowPlace, TableFormat, TablePlan, TableSchema};
use crate::model::{
    Batch, Id, Marks, NanoUsd, Parent, Reason, SpanKind, SpanUpdate, Status, Symbol, Timed, UnixNanos, Usage,
};

/// The span table of Mastra's storage.
pub(super) static TABLE: TableFormat = TableFormat {
    name: "mastra",
    about: "Mastra span store: table mastra_ai_spans, core 0.15 and later",
    plan,
    decode,
    detail: detail::detail,
};

const TABLE_NAME: &str = "mastra_ai_spans";

/// Columns of a table that make it a span table.
const REQUIRED: [&str; 5] = ["traceId", "spanId", "name", "spanType", "startedAt"];

macro_rules! columns {
    ($($name:ident),+ $(,)?) => {
        /// Columns that the index needs, in the order of the table, so that the cheap ones come first. Input and output
        /// are not among them: they are most of a row's bytes. `error` and what follows lie behind them in the row.
        const INDEX: &[&str] = &[$(stringify!($name)),+];

        /// Positions in [`INDEX`].
        #[allow(non_camel_case_types, reason = "the variants are the table's own column names")]
        #[derive(Clone, Copy)]
        enum Column { $($name),+ }
    };
}

columns! {
    traceId, spanId, name, spanType, isEvent, startedAt, parentSpanId, entityType, entityId, entityName, userId,
    resourceId, runId, sessionId, threadId, serviceName, metadata, attributes, error, endedAt, createdAt, updatedAt,
}

/// Only its output says that an agent waits for a tool's approval or was stopped: `{"status":"suspended"}`. Such an
/// output is short, and no other is read.
const AGENT_ENDING: Lookup = Lookup {
    name: "agentEnding",
    sql: "CASE WHEN s.spanType = 'agent_run' AND octet_length(s.output) < 512 THEN s.output END",
};

fn plan(schema: &TableSchema) -> Option<Result<TablePlan, String>> {
    if !schema.name.eq_ignore_ascii_case(TABLE_NAME) {
        return None;
    }
    let find = |name: &str| schema.columns.iter().find(|column| column.eq_ignore_ascii_case(name)).cloned();
    let missing: Vec<_> = REQUIRED.into_iter().filter(|name| find(name).is_none()).collect();
    if !missing.is_empty() {
        return Some(Err(format!("table {} lacks {}", schema.name, missing.join(", "))));
    }
    Some(Ok(TablePlan {
        table: schema.name.clone(),
        index: INDEX.iter().map(|name| find(name)).collect(),
        lookups: vec![AGENT_ENDING],
        detail: schema.columns.clone(),
        ..TablePlan::default()
    }))
}

/// The cells of a row by column.
struct Row<'r, 'a> {
    cells: &'r [Cell<'a>],
}

impl<'a> Row<'_, 'a> {
    fn cell(&self, column: Column) -> Cell<'a> {
        self.cells.get(column as usize).copied().unwrap_or(Cell::Null)
    }

    /// How an agent's run ended, where its output says that it waits or was stopped.
    fn agent_ending(&self) -> Option<Status> {
        let output = JsonValue::of_cell(self.cells.get(INDEX.len()).copied()?)?;
        output.field("reason").filter(|_| output.is_object())?;
        let word = output.field("status")?.text()?;
        Some(Status::from_source_word(&word))
            .filter(|status| matches!(status, Status::Suspended | Status::Cancelled))
    }

    /// A text cell; empty text is none.
    fn text(&self, column: Column) -> Option<&'a str> {
        match self.cell(column) {
            Cell::Text(bytes) | Cell::Blob(bytes) => {
                // What is no UTF-8 up to its first damage: such a name is odd enough to be seen.
                let text = std::str::from_utf8(bytes)
                    .or_else(|error| {
                        std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default())
                    })
                    .unwrap_or_default();
                Some(text.trim()).filter(|text| !text.is_empty())
            }
            _ => None,
        }
    }

    /// An id cell.
    fn id(&self, column: Column, out: &mut Batch) -> Option<Id> {
        match self.cell(column) {
            Cell::Integer(number) => out.id(&number.to_string()),
            _ => out.id(self.text(column)?),
        }
    }

    /// A time cell: ISO text, or a number by its magnitude. `Err` when something is there that is no time.
    fn time(&self, column: Column) -> Result<Option<UnixNanos>, ()> {
        match self.cell(column) {
            Cell::Null => Ok(None),
            Cell::Integer(number) => UnixNanos::from_integer(number).map(Some).ok_or(()),
            Cell::Real(number) => UnixNanos::from_number(number).map(Some).ok_or(()),
            Cell::Text(_) | Cell::Blob(_) => match self.text(column) {
                None => Ok(None),
                Some(text) => UnixNanos::parse(text).map(Some).ok_or(()),
            },
        }
    }
}

/// What the index needs of the `attributes`.
#[derive(Default)]
struct Attributes {
    model: Symbol,
    response_model: Symbol,
    provider: Symbol,
    status: Option<Status>,
    finish_error: bool,
    /// A model call that was broken off or waits says so by its finish reason only.
    broken_off: Option<Status>,
    success: Option<bool>,
    tripwire: bool,
    first_token: Option<UnixNanos>,
    usage: Counters,
    internal_usage: Counters,
    cost: Option<NanoUsd>,
    agent: Symbol,
    workflow: Symbol,
    step: Symbol,
    tool: Symbol,
    marks: Marks,
    damaged: bool,
}

impl Attributes {
    fn in_all(&self, counters: &Counters, out: &Batch) -> Option<Usage> {
        counters.normalise(Convention::Unknown, out.strings.get(self.provider)).filter(Usage::is_known)
    }

    fn read(cell: Cell<'_>, out: &mut Batch) -> Self {
        let mut this = Self::default();
        let Some(value) = JsonValue::of_cell(cell) else {
            this.damaged = !matches!(cell, Cell::Null | Cell::Blob(b"\0") | Cell::Text(b"null" | b""));
            return this;
        };
        let done = value.fields(|key, value| {
            let mut name = || value.text().map_or(Symbol::NONE, |text| out.intern(&text));
            match key {
                "model" => this.model = name(),
                "responseModel" => this.response_model = name(),
                "provider" => this.provider = name(),
                "agentId" => this.agent = name(),
                "workflowId" => this.workflow = name(),
                "stepId" => this.step = name(),
                "toolId" => this.tool = name(),
                "status" => this.status = value.text().map(|word| Status::from_source_word(&word)),
                "finishReason" => match value.text().as_deref() {
                    Some("error") => this.finish_error = true,
                    Some("aborted") => this.broken_off = Some(Status::Cancelled),
                    Some("suspended") => this.broken_off = Some(Status::Suspended),
                    _ => {}
                },
                "success" => this.success = value.flag(),
                "tripwireAbort" => this.tripwire = value.is_object() || value.flag() == Some(true),
                "completionStartTime" => {
                    this.first_token = value.text().and_then(|text| UnixNanos::parse(&text));
                }
                "usage" => this.usage = counters(value),
                "internalUsage" => this.internal_usage = counters(value),
                "costContext" => this.cost = cost(value),
                "__truncated" => this.marks = Marks::TRUNCATED,
                _ => {}
            }
        });
        this.damaged = done.is_err();
        this
    }
}

/// What the index needs of the `metadata`: some of it stands in columns of its own in newer versions.
#[derive(Default)]
struct Metadata {
    run: Option<Id>,
    user: Symbol,
    resource: Symbol,
    session: Symbol,
    thread: Symbol,
    service: Symbol,
    resumed: bool,
    model: Symbol,
    provider: Symbol,
}

impl Metadata {
    fn read(cell: Cell<'_>, out: &mut Batch) -> Self {
        let mut this = Self::default();
        let Some(value) = JsonValue::of_cell(cell) else { return this };
        let _ = value.fields(|key, value| {
            let text = || value.text().unwrap_or_default();
            match key {
                "runId" => this.run = out.id(&text()),
                "userId" => this.user = out.intern(&text()),
                "resourceId" => this.resource = out.intern(&text()),
                "sessionId" => this.session = out.intern(&text()),
                "threadId" => this.thread = out.intern(&text()),
                "serviceName" => this.service = out.intern(&text()),
                "resumed" => this.resumed = value.flag() == Some(true),
                "modelMetadata" => {
                    let _ = value.fields(|key, value| match key {
                        "modelId" => this.model = out.intern(&value.text().unwrap_or_default()),
                        "modelProvider" => this.provider = out.intern(&value.text().unwrap_or_default()),
                        _ => {}
                    });
                }
                _ => {}
            }
        });
        this
    }
}

fn decode(place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let row = Row { cells };
    let (Some(trace), Some(span)) = (row.id(Column::traceId, out), row.id(Column::spanId, out)) else {
        out.problem(Reason::MissingId, Some(place.at), "row without traceId or spanId");
        return;
    };
    let mut attributes = Attributes::read(row.cell(Column::attributes), out);
    if attributes.damaged {
        out.problem(Reason::BadType, Some(place.at), "attributes are no JSON object");
    }
    let span_type = row.text(Column::spanType).unwrap_or_default();
    let name = row.text(Column::name).unwrap_or(span_type);
    let is_event = matches!(row.cell(Column::isEvent), Cell::Integer(number) if number != 0);
    let kind = kind::of_type(span_type, is_event);
    // Newer versions copy the ids of the metadata into columns, the run's among them: then only some kinds need more.
    let metadata = if row.text(Column::runId).is_none()
        || (kind == SpanKind::Llm && attributes.model.is_none())
        || matches!(kind, SpanKind::Workflow | SpanKind::Agent)
    {
        Metadata::read(row.cell(Column::metadata), out)
    } else {
        Metadata::default()
    };
    match kind {
        SpanKind::Agent => attributes.status = attributes.status.or_else(|| row.agent_ending()),
        SpanKind::Llm => attributes.status = attributes.status.or(attributes.broken_off),
        _ => {}
    }
    let error =
        JsonValue::of_cell(row.cell(Column::error)).map(|value| kind::error_message(value)).or_else(|| {
            // An error that is no JSON is its own message.
            let text = row.text(Column::error).filter(|text| *text != "null");
            text.filter(|_| matches!(row.cell(Column::error), Cell::Text(_))).map(str::to_owned)
        });

    let mut update = SpanUpdate::new(trace, span, place.stamp);
    update.payload = Some(place.at);
    update.parent = row.id(Column::parentSpanId, out).map_or(Parent::Root, Parent::Span);
    update.kind = Some(kind);
    update.name = out.intern(name);
    update.span_type = out.intern(span_type);

    let ended = times(&row, place, &mut update, out);
    if !is_event {
        update.status = Some(status(kind, &attributes, error.is_some(), ended));
    }
    update.first_token = attributes.first_token;
    update.usage = attributes.in_all(&attributes.usage, out);
    update.cost = attributes.cost;
    if let Some(message) = error {
        update.error = out.intern(&message);
    } else if attributes.finish_error && kind == SpanKind::Llm {
        update.error = out.intern("finish reason: error");
    }
    update.marks = attributes.marks;

    labels(&row, kind, name, &attributes, &metadata, &mut update, out);

    if matches!(kind, SpanKind::Workflow | SpanKind::Agent) {
        // An agent's and a nested workflow's spans carry run ids of their own: a trace's run is that of its root.
        if update.parent == Parent::Root {
            update.run = row.id(Column::runId, out).or(metadata.run);
        }
        // What runs inside a resumed run says `resumed` as well; the run itself has it in its name or is a root.
        if name.ends_with("(resumed)") || (metadata.resumed && update.parent == Parent::Root) {
            update.marks = update.marks.with(Marks::RESUMED);
        }
    }
    let hidden =
        attributes.in_all(&attributes.internal_usage, out).map(|usage| hidden_calls(&update, usage, out));
    out.push(update);
    if let Some(hidden) = hidden {
        out.push(hidden);
    }
}

/// Reads the times of a row. Returns whether the span has ended: a source that reads only the type of a costly `endedAt`
/// gives `text` here, which says that there is an end but not when.
fn times(row: &Row<'_, '_>, place: &RowPlace, update: &mut SpanUpdate, out: &mut Batch) -> bool {
    let mut time = |column: Column| {
        row.time(column).unwrap_or_else(|()| {
            let text = row.text(column).unwrap_or("not text");
            out.problem(Reason::BadTime, Some(place.at), &format!("{}: {text}", INDEX[column as usize]));
            None
        })
    };
    let start = time(Column::startedAt);
    let end_unread = row.text(Column::endedAt) == Some("text");
    let mut end = if end_unread { None } else { time(Column::endedAt) };
    update.written_at = time(Column::updatedAt).or_else(|| time(Column::createdAt));
    if let (Some(from), Some(to)) = (start, end)
        && to < from
    {
        out.problem(Reason::NegativeDuration, Some(place.at), "endedAt before startedAt");
        end = start;
    }
    update.start = start.map(Timed::written);
    update.end = end.map(Timed::written);
    !matches!(row.cell(Column::endedAt), Cell::Null)
        && (end_unread || row.text(Column::endedAt).is_some() || end.is_some())
}

fn status(kind: SpanKind, attributes: &Attributes, error: bool, ended: bool) -> Status {
    let failed = error
        || attributes.tripwire
        || (attributes.finish_error && kind == SpanKind::Llm)
        || (attributes.success == Some(false) && kind == SpanKind::Tool);
    match attributes.status {
        _ if failed => Status::Error,
        // An open span may say that it is suspended; a finished one that says `running` says nothing.
        Some(Status::Running) | None => {
            if ended {
                Status::Ok
            } else {
                Status::Running
            }
        }
        Some(word) => word,
    }
}

/// Names of workflow, step, agent, tool and model. The entity of a span that is none of these is the one it runs in.
fn labels(
    row: &Row<'_, '_>,
    kind: SpanKind,
    name: &str,
    attributes: &Attributes,
    metadata: &Metadata,
    update: &mut SpanUpdate,
    out: &mut Batch,
) {
    let mut intern = |text: Option<&str>| text.map_or(Symbol::NONE, |text| out.intern(text));
    let (id, entity) = (intern(row.text(Column::entityId)), intern(row.text(Column::entityName)));
    let quoted = intern(kind::quoted(name));
    match row.text(Column::entityType) {
        Some("agent") => update.agent = first([entity, id]),
        Some("workflow_run") => update.workflow = first([id, entity]),
        Some("workflow_step") => {
            update.step = id;
            update.workflow = entity;
        }
        Some("tool") if kind == SpanKind::Tool => update.tool = first([id, entity]),
        _ => {}
    }
    update.agent = first([update.agent, attributes.agent]);
    update.workflow = first([update.workflow, attributes.workflow]);
    update.step = first([update.step, attributes.step]);
    match kind {
        SpanKind::Agent => update.agent = first([update.agent, quoted]),
        SpanKind::Workflow => update.workflow = first([update.workflow, quoted]),
        SpanKind::Step => update.step = first([update.step, quoted]),
        SpanKind::Tool => update.tool = first([update.tool, attributes.tool, quoted]),
        _ => {}
    }
    if kind.is_model_call() {
        update.model = first([attributes.response_model, attributes.model, metadata.model]);
        update.provider = first([attributes.provider, metadata.provider]);
    }
    update.user = first([
        intern(row.text(Column::userId)),
        metadata.user,
        intern(row.text(Column::resourceId)),
        metadata.resource,
    ]);
    update.session = first([
        intern(row.text(Column::sessionId)),
        metadata.session,
        intern(row.text(Column::threadId)),
        metadata.thread,
    ]);
    update.service = first([intern(row.text(Column::serviceName)), metadata.service]);
}

fn first<const N: usize>(names: [Symbol; N]) -> Symbol {
    names.into_iter().find(|name| name.is_some()).unwrap_or_default()
}

/// The counters of both conventions: details of their own (1.x) or counters beside the others (0.x).
fn counters(value: JsonValue<'_>) -> Counters {
    let mut counters = Counters::default();
    let mut take = |group: &str, key: &str, value: JsonValue<'_>| {
        if let (Some(counter), Some(count)) = (usage::counter(group, key), value.count()) {
            counters.set(counter, count);
        }
    };
    let _ = value.fields(|key, value| match key {
        "inputDetails" | "outputDetails" => {
            let _ = value.fields(|inner, value| take(key, inner, value));
        }
        _ => take("", key, value),
    });
    counters
}

/// What a provider reported, when it is in dollars.
fn cost(value: JsonValue<'_>) -> Option<NanoUsd> {
    let (mut amount, mut dollars) = (None, true);
    let _ = value.fields(|key, value| match key {
        "estimatedCost" => amount = value.number(),
        "costUnit" => dollars = value.text().is_none_or(|unit| unit.eq_ignore_ascii_case("usd")),
        _ => {}
    });
    amount.filter(|_| dollars).and_then(NanoUsd::from_usd)
}

/// `internalUsage` is the usage of calls below the span that were not written: they become one span of their own, beside
/// a model call and below anything else, so that they count in addition.
fn hidden_calls(owner: &SpanUpdate, usage: Usage, out: &mut Batch) -> SpanUpdate {
    let bits = owner.span.bits().to_be_bytes();
    let id = Id::synthetic(&[b"mastra internal usage", &owner.trace.bits().to_be_bytes(), &bits]);
    let mut hidden = SpanUpdate::new(owner.trace, id, owner.stamp);
    hidden.parent = if owner.kind == Some(SpanKind::Llm) { owner.parent } else { Parent::Span(owner.span) };
    hidden.payload = owner.payload;
    (hidden.start, hidden.end, hidden.status) = (owner.start, owner.end, owner.status);
    hidden.kind = Some(SpanKind::Llm);
    hidden.usage = Some(usage);
    hidden.name = out.intern("internal model calls");
    hidden.span_type = out.intern("internal_usage");
    (hidden.workflow, hidden.step, hidden.agent) = (owner.workflow, owner.step, owner.agent);
    (hidden.user, hidden.session, hidden.service) = (owner.user, owner.session, owner.service);
    hidden
}

#[cfg(test)]
mod tests;
