//! One record for reading: a line of a session, or the block of one that calls a tool.

use serde_json::{Map, Value};

use crate::format::agents::detail::Reading;
use crate::model::{Role, SpanDetail};

pub(super) fn line(bytes: &[u8]) -> SpanDetail {
    let mut reading = Reading::new(bytes);
    let Some(Value::Object(line)) = reading.value.take() else { return reading.into_detail() };
    match line.get("type").and_then(Value::as_str) {
        Some("tool_use" | "server_tool_use" | "mcp_tool_use" | "tool_result") => {
            block(&line, &mut reading, true);
        }
        // What a subagent does, repeated by its caller.
        Some("progress") => {
            if let Some(Value::Object(inner)) = line.get("data").and_then(|data| data.get("message")) {
                message(inner, &mut reading);
            }
        }
        _ => message(&line, &mut reading),
    }
    reading.into_detail()
}

/// A line with a message.
fn message(line: &Map<String, Value>, reading: &mut Reading) {
    for (key, value) in line {
        match key.as_str() {
            // Seen as the span's own type, place and times.
            "message" | "type" | "timestamp" | "sessionId" | "isSidechain" => {}
            _ => reading.attribute(key, value),
        }
    }
    let Some(Value::Object(message)) = line.get("message") else { return };
    let is_answer = message.get("role").and_then(Value::as_str) == Some("assistant");
    for (key, value) in message {
        if !matches!(key.as_str(), "content" | "role" | "type") {
            reading.attribute(key, value);
        }
    }
    match message.get("content") {
        Some(Value::String(text)) => reading.said(is_answer, text),
        Some(Value::Array(blocks)) => {
            for each in blocks.iter().filter_map(Value::as_object) {
                match each.get("type").and_then(Value::as_str) {
                    Some("text") => reading.said(is_answer, text_of(each, "text")),
                    Some("thinking") => {
                        reading.message(Role::Assistant, text_of(each, "thinking"), Some("thinking"), true);
                    }
                    _ => block(each, reading, false),
                }
            }
        }
        _ => {}
    }
}

/// A call of a tool or its result. `alone` says that it is the record, not a part of a message.
fn block(block: &Map<String, Value>, reading: &mut Reading, alone: bool) {
    match block.get("type").and_then(Value::as_str) {
        Some("tool_use" | "server_tool_use" | "mcp_tool_use") => {
            let input = block.get("input").map(ToString::to_string).unwrap_or_default();
            reading.message(Role::Assistant, &input, Some(text_of(block, "name")), !alone);
            if alone {
                reading.detail.input = Some(input);
            }
        }
        Some("tool_result") => {
            let result = content(block.get("content"));
            reading.message(Role::Tool, &result, None, false);
            if block.get("is_error") == Some(&Value::Bool(true)) {
                reading.detail.error = Some(result.clone());
            }
            reading.detail.output = Some(result);
        }
        Some(kind) => reading.message(Role::User, &format!("[{kind}]"), None, false),
        None => {}
    }
}

fn text_of<'a>(map: &'a Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Text, or the texts of parts; pictures are named, not printed.
fn content(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().map(|part| match part.get("text").and_then(Value::as_str) {
                Some(text) => text.to_owned(),
                None => format!("[{}]", part.get("type").and_then(Value::as_str).unwrap_or("part")),
            });
            texts.collect::<Vec<_>>().join("\n")
        }
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
