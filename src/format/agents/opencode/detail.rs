//! One row for reading.

use serde_json::{Map, Value};

use super::super::detail::Reading;
use super::super::lossy_text;
use crate::format::Cell;
use crate::model::{Role, SpanDetail};

/// A row as JSON, and what its `data` says.
fn read(row: &[(String, Cell<'_>)]) -> (Reading, Map<String, Value>) {
    let mut whole = Map::new();
    for (column, cell) in row {
        let value = match cell {
            Cell::Null => continue,
            Cell::Integer(number) => Value::from(*number),
            Cell::Real(number) => Value::from(*number),
            Cell::Text(bytes) | Cell::Blob(bytes) => {
                let text = lossy_text(bytes);
                let json = (column == "data").then(|| serde_json::from_str(&text).ok()).flatten();
                json.unwrap_or_else(|| Value::from(text))
            }
        };
        whole.insert(column.clone(), value);
    }
    let reading = Reading::new(Value::Object(whole.clone()).to_string().as_bytes());
    let data = match whole.remove("data") {
        Some(Value::Object(data)) => data,
        _ => whole,
    };
    (reading, data)
}

pub(super) fn session(row: &[(String, Cell<'_>)]) -> SpanDetail {
    message(row)
}

pub(super) fn message(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let (mut reading, data) = read(row);
    for (key, value) in &data {
        if key == "error" {
            reading.detail.error = Some(value.to_string());
        } else if !matches!(key.as_str(), "time" | "id") {
            reading.attribute(key, value);
        }
    }
    reading.into_detail()
}

pub(super) fn part(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let (mut reading, data) = read(row);
    let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        // Only what the model says takes time.
        "text" => reading.said(data.contains_key("time"), text("text")),
        "reasoning" => reading.message(Role::Assistant, text("text"), Some("thinking"), true),
        "tool" => {
            let state = data.get("state").and_then(Value::as_object).cloned().unwrap_or_default();
            let input = state.get("input").map(ToString::to_string).unwrap_or_default();
            reading.message(Role::Assistant, &input, Some(text("tool")), false);
            reading.detail.input = Some(input);
            for (key, value) in &state {
                let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                match key.as_str() {
                    "output" => {
                        reading.message(Role::Tool, &said, Some(text("tool")), true);
                        reading.detail.output = Some(said);
                    }
                    "error" => reading.detail.error = Some(said),
                    "input" | "time" | "status" => {}
                    _ => reading.attribute(key, value),
                }
            }
        }
        _ => {}
    }
    reading.into_detail()
}
