//! Spans whose attributes are plain JSON, flat or nested: for the index by the mapping of [`genai`](super::genai), and
//! for reading.

use serde_json::Value as Json;

use super::genai::{Collector, Conversation, Said, joined_error, kind_of, mapping};
use super::json::{Reader, Value};
use crate::model::{DetailEvent, SpanDetail, Status, UnixNanos};

/// Deepest object of attributes that is looked into.
const MAX_DEPTH: usize = 8;
/// Attributes of one span that are shown.
const MAX_ATTRIBUTES: usize = 4096;
/// Events of one span that are shown.
const MAX_EVENTS: usize = 2_000;
/// Characters of an error that are kept in the index.
const MAX_ERROR: usize = 500;

/// How a span stands that failed or not, by what its attributes say and whether it has an end.
pub(super) fn standing(failed: bool, collector: &Collector<'_, '_>, ended: bool) -> Status {
    match collector.status() {
        _ if failed => Status::Error,
        Some(said) => said,
        None if ended => Status::Ok,
        None => Status::Running,
    }
}

/// The first line of an error, as the index keeps it.
pub(super) fn error_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    // Some hang the traceback on the message without a line end.
    let line = match line.split_once("Traceback (most recent call last)") {
        Some((message, _)) if !message.trim().is_empty() => message.trim_end(),
        _ => line,
    };
    if line.is_empty() { "error".to_owned() } else { line.chars().take(MAX_ERROR).collect() }
}

/// Hands the members of a JSON object to a collector, those of objects within by dotted names. Says whether the text
/// was such an object to its end.
pub(super) fn collect<'t>(text: &'t str, collector: &mut Collector<'_, 't>) -> bool {
    collect_below(text, "", 0, collector)
}

fn collect_below<'t>(text: &'t str, prefix: &str, depth: usize, collector: &mut Collector<'_, 't>) -> bool {
    let mut reader = Reader::new(text);
    if reader.peek() != Some(b'{') || reader.enter_object().is_err() {
        return false;
    }
    let mut name = String::from(prefix);
    loop {
        let key = match reader.next_key() {
            Ok(Some(key)) => key,
            Ok(None) => return true,
            Err(_) => return false,
        };
        name.truncate(prefix.len());
        if !prefix.is_empty() {
            name.push('.');
        }
        name.push_str(&key);
        let wanted = collector.wants(&name);
        let inside = reader.peek() == Some(b'{');
        if !wanted && !inside {
            if reader.skip().is_err() {
                return false;
            }
            continue;
        }
        let Ok(value) = reader.value() else { return false };
        if wanted {
            collector.add(&name, &value);
        }
        if let Value::Object(inner) = value
            && depth < MAX_DEPTH
        {
            collect_below(inner, &name, depth + 1, collector);
        }
    }
}

/// Hands attributes that have been parsed to a collector.
pub(super) fn gather(attributes: &[(String, Json)], collector: &mut Collector<'_, 'static>) {
    for (name, value) in attributes.iter().filter(|(_, value)| !value.is_null()) {
        if collector.wants(name) {
            collector.add(name, &value_of(value));
        }
    }
}

fn value_of(value: &Json) -> Value<'static> {
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::Unsigned(number),
            (_, Some(number)) => Value::Negative(number),
            _ => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::Text(text.clone().into()),
        other => Value::Text(other.to_string().into()),
    }
}

/// The members of a JSON object as attributes with dotted names, items of lists by their numbers.
pub(super) fn flatten(value: &Json, into: &mut Vec<(String, Json)>) {
    flatten_below(value, "", 0, into);
}

fn flatten_below(value: &Json, prefix: &str, depth: usize, into: &mut Vec<(String, Json)>) {
    let mut each = |key: &str, value: &Json| {
        let name = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
        let inside = match value {
            Json::Object(map) => !map.is_empty(),
            // A list of plain values is a value.
            Json::Array(items) => items.iter().any(Json::is_object),
            _ => false,
        };
        if inside && depth < MAX_DEPTH {
            flatten_below(value, &name, depth + 1, into);
        } else if into.len() < MAX_ATTRIBUTES {
            into.push((name, value.clone()));
        }
    };
    match value {
        Json::Object(map) => map.iter().for_each(|(key, value)| each(key, value)),
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| each(&at.to_string(), value));
        }
        _ => {}
    }
}

/// Span events as OpenTelemetry has them: `[{name, timestamp, attributes}]`.
pub(super) fn events(list: Option<&Json>) -> Vec<DetailEvent> {
    let items = list.and_then(Json::as_array).into_iter().flatten().take(MAX_EVENTS);
    let event = |event: &Json| {
        let at =
            ["timestamp", "time_unix_nano", "timeUnixNano", "time"].iter().find_map(|key| event.get(*key));
        DetailEvent {
            name: event.get("name").and_then(Json::as_str).unwrap_or_default().to_owned(),
            at: at.and_then(time),
            attributes: event.get("attributes").map(Json::to_string).unwrap_or_default(),
        }
    };
    items.map(event).collect()
}

/// A time in JSON.
pub(super) fn time(value: &Json) -> Option<UnixNanos> {
    match value {
        Json::String(text) => UnixNanos::parse(text),
        Json::Number(number) => match number.as_i64() {
            Some(number) => UnixNanos::from_integer(number),
            None => UnixNanos::from_number(number.as_f64()?),
        },
        _ => None,
    }
}

/// What a span's attributes and events tell a reader.
pub(super) fn tell(name: &str, attributes: Vec<(String, Json)>, events: Vec<DetailEvent>) -> SpanDetail {
    let kind = kind_of(mapping(), &attributes, name);
    let of_events: Vec<(String, Json)> = events
        .iter()
        .map(|event| (event.name.clone(), serde_json::from_str(&event.attributes).unwrap_or_default()))
        .collect();
    let conversation =
        Conversation { mapping: mapping(), kind, name, attributes: &attributes, events: &of_events };
    let Said { input, output, messages, .. } = conversation.read();
    let thrown = of_events.iter().rev().find(|(name, _)| name == "exception");
    let error = thrown.and_then(|(_, fields)| {
        let part = |key: &str| fields.get(key).and_then(Json::as_str).unwrap_or_default();
        let head = joined_error(part("exception.type"), part("exception.message"))?;
        let trace = part("exception.stacktrace").trim();
        Some(if trace.is_empty() { head } else { format!("{head}\n{trace}") })
    });
    let attributes = attributes.into_iter().map(|(name, value)| (name, value.to_string())).collect();
    SpanDetail { input, output, error, attributes, events, messages, ..SpanDetail::default() }
}
