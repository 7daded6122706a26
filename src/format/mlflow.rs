//! Spans of `MLflow`'s tracking store: table `spans` of `mlflow.db`, version 3.
//!
//! All spans of a trace are written in one commit when its root is over. The attributes are in the `content`, each
//! value JSON in a string; the trace's session and user are in other tables. The same spans as JSON files are read by
//! [`traces`].

pub(super) mod infos;
pub(super) mod traces;

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::genai::{Collector, Context, joined_error, mapping};
use super::json::{Fault, Reader, Value};
use super::plain::{error_line, events, tell};
use super::rows::{DetailRow, Shape};
use super::{Cell, Lookup, RowPlace, TableFormat};
use crate::model::{Batch, NanoUsd, Parent, Reason, SpanDetail, Status};

/// What both forms are.
const ABOUT: &str =
    "MLflow: table spans of its mlflow.db, and traces as JSON (the traces.json among its artifacts)";

/// The span table of `MLflow`.
pub(super) static TABLE: TableFormat =
    TableFormat { name: "mlflow", about: ABOUT, plan: |schema| SHAPE.plan(schema), decode, detail };

static SHAPE: Shape = Shape {
    table: "spans",
    required: &["trace_id", "span_id", "start_time_unix_nano", "content"],
    index: &[
        "trace_id",
        "span_id",
        "parent_span_id",
        "name",
        "type",
        "status",
        "start_time_unix_nano",
        "end_time_unix_nano",
        "total_cost",
        "model_name",
        "model_provider",
        "content",
    ],
    lookups: &[
        Lookup {
            name: "session_id",
            sql: "(SELECT t.session_id FROM main.trace_info AS t WHERE t.request_id = s.trace_id)",
        },
        Lookup {
            name: "user",
            sql: "(SELECT m.value FROM main.trace_request_metadata AS m \
                  WHERE m.\"key\" = 'mlflow.trace.user' AND m.request_id = s.trace_id)",
        },
        Lookup {
            name: "session",
            sql: "(SELECT m.value FROM main.trace_request_metadata AS m \
                  WHERE m.\"key\" = 'mlflow.trace.session' AND m.request_id = s.trace_id)",
        },
    ],
    detail_lookups: &[Lookup {
        name: "trace_metadata",
        sql: "(SELECT json_group_object(m.\"key\", m.value) FROM main.trace_request_metadata AS m \
              WHERE m.request_id = s.trace_id)",
    }],
};

fn decode(place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let row = SHAPE.row(place, cells);
    let (Some(trace), Some(span)) = (row.id("trace_id", out), row.id("span_id", out)) else {
        out.problem(Reason::MissingId, Some(place.at), "row without trace_id or span_id");
        return;
    };
    let mut update = row.span(trace, span);
    update.parent = row.id("parent_span_id", out).map_or(Parent::Root, Parent::Span);
    let (start, end) = (row.time("start_time_unix_nano", out), row.time("end_time_unix_nano", out));
    row.set_times(&mut update, start, end, out);

    let name = row.text("name").unwrap_or_default();
    let mut collector = Collector::new(mapping());
    let mut thrown = None;
    match row.text("content").map(|content| read(content, &mut collector)) {
        Some(Ok(error)) => thrown = error,
        Some(Err(_)) => out.problem(Reason::BadType, Some(place.at), "content is no JSON object"),
        None => {}
    }
    for (column, attribute) in [
        ("type", "mlflow.spanType"),
        ("model_name", "gen_ai.response.model"),
        ("model_provider", "mlflow.llm.provider"),
        ("session_id", "mlflow.trace.session"),
        ("session", "mlflow.trace.session"),
        ("user", "mlflow.trace.user"),
    ] {
        if let Some(text) = row.text(column) {
            collector.add(attribute, &Value::Text(text.into()));
        }
    }
    let context = Context { name, is_root: update.parent == Parent::Root, start, ..Context::default() };
    collector.tell(&context, &mut update, &mut out.strings);
    update.name = out.intern(name);
    update.span_type = row.symbol("type", out);
    update.cost = row.number("total_cost").and_then(NanoUsd::from_usd).or(update.cost);

    let said = row.text("status").map(Status::from_source_word);
    update.status = Some(match said {
        Some(Status::Error) => Status::Error,
        // `UNSET` says nothing.
        None | Some(Status::Unknown | Status::Running) if update.end.is_some() => Status::Ok,
        Some(Status::Unknown) | None => Status::Running,
        Some(said) => said,
    });
    if update.status == Some(Status::Error) {
        update.error = out.intern(&error_line(&thrown.or_else(|| collector.error()).unwrap_or_default()));
    }
    out.push(update);
}

/// Reads attributes and what was thrown. The events of a streamed answer are stepped over: there is one for each chunk.
fn read<'t>(content: &'t str, collector: &mut Collector<'_, 't>) -> Result<Option<String>, Fault> {
    let mut reader = Reader::new(content);
    let (mut thrown, mut message) = (None, None);
    reader.enter_object()?;
    while let Some(key) = reader.next_key()? {
        match &*key {
            "attributes" if reader.peek() == Some(b'{') => {
                reader.enter_object()?;
                while let Some(name) = reader.next_key()? {
                    if collector.wants(&name) {
                        let value = opened(reader.value()?);
                        collector.add(&name, &value);
                    } else {
                        reader.skip()?;
                    }
                }
            }
            "events" if reader.peek() == Some(b'[') => {
                reader.enter_array()?;
                while reader.next_item()? {
                    thrown = exception(reader.raw()?).or(thrown);
                }
            }
            "status" if reader.peek() == Some(b'{') => {
                reader.enter_object()?;
                while let Some(key) = reader.next_key()? {
                    let value = reader.value()?;
                    if matches!(&*key, "message" | "description") {
                        message = value.text().map(str::to_owned);
                    }
                }
            }
            _ => reader.skip()?,
        }
    }
    Ok(thrown.or(message))
}

fn exception(event: &str) -> Option<String> {
    // Far cheaper than parsing each chunk.
    if !event.contains("\"exception\"") {
        return None;
    }
    let event: Json = serde_json::from_str(event).ok()?;
    let fields =
        event.get("attributes").filter(|_| event.get("name").is_some_and(|name| name == "exception"))?;
    let part = |key: &str| fields.get(key).and_then(Json::as_str).unwrap_or_default();
    joined_error(part("exception.type"), part("exception.message"))
}

/// A value out of its string: text that is a JSON string becomes what it says.
fn opened(value: Value<'_>) -> Value<'_> {
    match &value {
        Value::Text(text) if text.starts_with('"') => match serde_json::from_str::<String>(text) {
            Ok(inner) => Value::Text(Cow::Owned(inner)),
            Err(_) => value,
        },
        Value::Text(text) if &**text == "null" => Value::Null,
        _ => value,
    }
}

fn detail(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let row = DetailRow(row);
    let content = row.json("content").unwrap_or_default();
    let mut attributes: Vec<(String, Json)> = Vec::new();
    attributes.extend(row.attributes(&["total_cost", "input_cost", "output_cost", "model_provider"]));
    if let Some(Json::Object(metadata)) = row.json("trace_metadata") {
        // The trace's own input and output are those of its root.
        let others: Map<_, _> = metadata
            .into_iter()
            .filter(|(key, _)| !matches!(&**key, "mlflow.traceInputs" | "mlflow.traceOutputs"))
            .collect();
        attributes.extend(others.into_iter().map(|(key, value)| (format!("trace.{key}"), value)));
    }
    let name = row.text("name").unwrap_or_default();
    let mut detail = told(name, &content, attributes);
    detail.raw = row.raw();
    detail
}

/// What a span as JSON says, and further attributes.
fn told(name: &str, content: &Json, more: Vec<(String, Json)>) -> SpanDetail {
    let mut attributes: Vec<(String, Json)> = Vec::new();
    for (name, value) in content.get("attributes").and_then(Json::as_object).into_iter().flatten() {
        let inner = value.as_str().and_then(|text| serde_json::from_str(text).ok());
        attributes.push((name.clone(), inner.unwrap_or_else(|| value.clone())));
    }
    attributes.extend(more);
    let mut detail = tell(name, attributes, events(content.get("events")));
    if detail.error.is_none() {
        let message = content.pointer("/status/message").and_then(Json::as_str);
        detail.error = message.filter(|text| !text.is_empty()).map(str::to_owned);
    }
    detail
}
