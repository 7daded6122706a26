//! One span or log record for reading.

use serde_json::{Map, Value};

use super::values::{pairs, plain};
use crate::format::genai::{Conversation, Said, kind_of, mapping};
use crate::format::json::{LineText, Reader};
use crate::model::{DetailEvent, SpanDetail, UnixNanos};

/// Events of a span that are shown.
const MAX_EVENTS: usize = 10_000;

/// Decodes a record: a span or a log record by itself, or a request that holds one.
pub(super) fn record(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let mut reader = Reader::new(&text.text);
    // Of several objects on a line the first.
    let object = reader.raw().unwrap_or(&text.text);
    let mut detail = match serde_json::from_str::<Value>(object) {
        Ok(Value::Object(map)) => whole(&map),
        _ => SpanDetail::default(),
    };
    detail.raw = text.text.into_owned();
    detail
}

fn whole(map: &Map<String, Value>) -> SpanDetail {
    let requests = ["resourceSpans", "resource_spans", "resourceLogs", "resource_logs"];
    let Some(list) = requests.iter().find_map(|name| map.get(*name)) else {
        let own = around(map.get("resource"), map.get("scope").or(map.get("instrumentationScope")));
        return single(map, own);
    };
    for resource in list.as_array().into_iter().flatten() {
        let names = ["scopeSpans", "scope_spans", "scopeLogs", "scope_logs", "instrumentationLibrarySpans"];
        let scopes = names.iter().find_map(|name| resource.get(*name));
        for scope in scopes.and_then(Value::as_array).into_iter().flatten() {
            let records = ["spans", "logRecords", "log_records"].iter().find_map(|name| scope.get(*name));
            let first = records.and_then(Value::as_array).and_then(|records| records.first());
            if let Some(Value::Object(record)) = first {
                return single(record, around(resource.get("resource"), scope.get("scope")));
            }
        }
    }
    SpanDetail::default()
}

/// Attributes that a record shares with others of its process.
fn around(resource: Option<&Value>, scope: Option<&Value>) -> Vec<(String, Value)> {
    let attributes = resource.and_then(|resource| resource.get("attributes"));
    let mut all: Vec<_> = attributes.map(pairs).unwrap_or_default();
    for (name, value) in &mut all {
        *name = format!("resource.{name}");
        *value = std::mem::take(value);
    }
    for (key, name) in [("name", "otel.scope.name"), ("version", "otel.scope.version")] {
        if let Some(value) = scope.and_then(|scope| scope.get(key)).filter(|value| value.is_string()) {
            all.push((name.to_owned(), value.clone()));
        }
    }
    all
}

fn single(record: &Map<String, Value>, around: Vec<(String, Value)>) -> SpanDetail {
    let get = |names: &[&str]| names.iter().find_map(|name| record.get(*name));
    let attributes = get(&["attributes"]).map(pairs).unwrap_or_default();
    let mut detail = SpanDetail::default();
    let event_name = attributes.iter().find(|(name, _)| name == "event.name").map(|(_, value)| value);
    let log = get(&["eventName", "event_name"]).or(event_name).and_then(Value::as_str);
    let is_log = get(&["observedTimeUnixNano", "observed_time_unix_nano", "body"]).is_some();
    let mut said_in: Vec<(String, Value)> = Vec::new();
    if is_log {
        let body = get(&["body"]).map(plain).unwrap_or_default();
        let name = log.unwrap_or("log").to_owned();
        let at = get(&["timeUnixNano", "time_unix_nano"])
            .or(get(&["observedTimeUnixNano", "observed_time_unix_nano"]));
        let mut shown: Map<String, Value> = attributes.iter().cloned().collect();
        if !body.is_null() {
            shown.insert("body".to_owned(), body.clone());
        }
        detail.events.push(DetailEvent {
            name: name.clone(),
            at: at.and_then(time),
            attributes: json(&shown),
        });
        said_in.push((name, body));
    }
    for event in get(&["events"]).and_then(Value::as_array).into_iter().flatten().take(MAX_EVENTS) {
        let name = event.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let fields = event.get("attributes").map(pairs).unwrap_or_default();
        let at =
            ["timeUnixNano", "time_unix_nano", "timestamp", "time"].iter().find_map(|key| event.get(*key));
        let shown: Map<String, Value> = fields.iter().cloned().collect();
        if name == "exception" {
            detail.error = exception(&shown).or(detail.error.take());
        }
        detail.events.push(DetailEvent {
            name: name.clone(),
            at: at.and_then(time),
            attributes: if shown.is_empty() { String::new() } else { json(&shown) },
        });
        said_in.extend(fields);
        said_in.push((name, Value::Object(shown)));
    }
    let message = get(&["status"]).and_then(|status| status.get("message").or(status.get("description")));
    if let Some(message) = message.and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
        let longer = detail.error.as_ref().is_some_and(|error| error.len() > message.len());
        if !longer {
            detail.error = Some(message.to_owned());
        }
    }
    said_in.extend(list_of_events(&attributes));
    let name = get(&["name"]).and_then(Value::as_str).unwrap_or_default();
    let kind = kind_of(mapping(), &attributes, name);
    let said =
        Conversation { mapping: mapping(), kind, name, attributes: &attributes, events: &said_in }.read();
    let Said { input, output, messages, calls } = said;
    (detail.input, detail.output, detail.messages) = (input, output, messages);
    if is_log {
        detail.calls = calls;
    }
    // The record of a whole call holds the whole conversation, a record of a message only that.
    detail.is_part = is_log && detail.messages.len() < 2;
    if is_log {
        // What they say is told by the event.
        return detail;
    }
    let own = attributes.into_iter().chain(extras(record)).chain(around);
    detail.attributes = own.map(|(name, value)| (name, value.to_string())).collect();
    detail
}

/// Fields of a span that are no attributes but worth reading.
fn extras(record: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for name in ["kind", "traceState", "trace_state", "links"] {
        let Some(value) = record.get(name) else { continue };
        let value = match value {
            Value::Array(links) if links.is_empty() => continue,
            Value::Array(links) => Value::Array(links.iter().map(link).collect()),
            Value::String(text) if text.is_empty() => continue,
            value => value.clone(),
        };
        all.push((format!("otel.{name}"), value));
    }
    all
}

fn link(link: &Value) -> Value {
    let Value::Object(map) = link else { return link.clone() };
    let member = |(name, value): (&String, &Value)| {
        let value = match &**name {
            "attributes" => Value::Object(pairs(value).into_iter().collect()),
            _ => value.clone(),
        };
        (name.clone(), value)
    };
    Value::Object(map.iter().map(member).collect())
}

/// Events that are kept as JSON text in an attribute: `[{"event.name": "gen_ai.user.message", "content": …}]`.
fn list_of_events(attributes: &[(String, Value)]) -> Vec<(String, Value)> {
    let lists = attributes.iter().filter(|(name, _)| mapping().holds_events(name));
    let parsed = lists.filter_map(|(_, value)| match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        value => Some(value.clone()),
    });
    let events = parsed.flat_map(|list: Value| match list {
        Value::Array(items) => items,
        _ => Vec::new(),
    });
    let named = events.filter_map(|event| Some((event.get("event.name")?.as_str()?.to_owned(), event)));
    named.take(MAX_EVENTS).collect()
}

fn exception(fields: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let head = crate::format::genai::joined_error(text("exception.type"), text("exception.message"))?;
    let trace = text("exception.stacktrace").trim();
    Some(if trace.is_empty() || head.contains(trace) { head } else { format!("{head}\n{trace}") })
}

fn json(map: &Map<String, Value>) -> String {
    serde_json::to_string(map).unwrap_or_default()
}

fn time(value: &Value) -> Option<UnixNanos> {
    match value {
        Value::String(text) => match text.trim().parse() {
            Ok(number) => UnixNanos::from_integer(number),
            Err(_) => UnixNanos::parse(text),
        },
        Value::Number(number) => number.as_i64().and_then(UnixNanos::from_integer),
        Value::Array(parts) => {
            let part = |at: usize| parts.get(at).and_then(Value::as_i64);
            let nanos = part(0)?.checked_mul(crate::model::NANOS_PER_SEC)?.checked_add(part(1)?)?;
            Some(UnixNanos(nanos))
        }
        _ => None,
    }
}
