//! One record for reading: a line of a rollout, or the payload of one that calls a tool.

use serde_json::{Map, Value};

use crate::format::agents::detail::Reading;
use crate::model::{Role, SpanDetail};

pub(super) fn line(bytes: &[u8]) -> SpanDetail {
    let mut reading = Reading::new(bytes);
    let Some(Value::Object(line)) = reading.value.take() else { return reading.into_detail() };
    match line.get("payload") {
        Some(Value::Object(payload)) => item(payload, false, &mut reading),
        _ => item(&line, true, &mut reading),
    }
    reading.into_detail()
}

/// `alone` says that the payload is the record, as that of a tool call is.
fn item(payload: &Map<String, Value>, alone: bool, reading: &mut Reading) {
    let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "message" => {
            let is_answer = text("role") == "assistant";
            for part in payload.get("content").and_then(Value::as_array).into_iter().flatten() {
                if let Some(said) = part.get("text").and_then(Value::as_str) {
                    reading.said(is_answer, said);
                }
            }
        }
        "user_message" => reading.said(false, text("message")),
        "item_completed" if said_by_user(payload).is_some() => {
            for part in said_by_user(payload).into_iter().flatten() {
                reading.said(false, part.get("text").and_then(Value::as_str).unwrap_or_default());
            }
        }
        "reasoning" => {
            for part in payload.get("summary").and_then(Value::as_array).into_iter().flatten() {
                let said = part.get("text").and_then(Value::as_str).unwrap_or_default();
                reading.message(Role::Assistant, said, Some("thinking"), true);
            }
        }
        "function_call" | "custom_tool_call" | "local_shell_call" | "web_search_call"
        | "tool_search_call" => {
            let input = ["arguments", "input", "action"].iter().find_map(|key| payload.get(*key));
            let input = input.map(shown).unwrap_or_default();
            let name = if text("name").is_empty() { text("type") } else { text("name") };
            reading.message(Role::Assistant, &input, Some(name), !alone);
            if alone {
                reading.detail.input = Some(input);
            }
        }
        "function_call_output" | "custom_tool_call_output" | "local_shell_call_output" => {
            let output = payload.get("output").map(shown).unwrap_or_default();
            reading.message(Role::Tool, &output, None, false);
            reading.detail.output = Some(output);
        }
        _ => {
            for (key, value) in payload {
                if key != "base_instructions" {
                    reading.attribute(key, value);
                }
            }
        }
    }
}

/// The parts of a finished item that is what the user said.
fn said_by_user(payload: &Map<String, Value>) -> Option<&Vec<Value>> {
    let item = payload.get("item")?;
    (item.get("type")?.as_str()? == "UserMessage").then(|| item.get("content")?.as_array()).flatten()
}

/// A value as a reader wants it: text without quotes, the rest as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
