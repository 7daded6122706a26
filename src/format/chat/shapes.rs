//! What frameworks wrap around messages, arguments and results, taken off.

use serde_json::{Map, Value};

use super::text_of;
use crate::model::Role;

/// Kinds of parts by which a list of them is known.
const PART_KINDS: [&str; 12] = [
    "text",
    "input_text",
    "output_text",
    "summary_text",
    "reasoning_text",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "image",
    "image_url",
    "document",
];

/// Most members of the object that holds the arguments of a call of a function: positional, named, a flag.
const MAX_CALL_MEMBERS: usize = 3;

/// Who speaks, by the words of providers and frameworks.
pub(super) fn role(word: &str) -> Option<Role> {
    Some(match word {
        "system" | "developer" | "SystemMessage" | "SystemMessageChunk" => Role::System,
        "user" | "human" | "HumanMessage" | "HumanMessageChunk" => Role::User,
        "assistant" | "ai" | "model" | "AIMessage" | "AIMessageChunk" => Role::Assistant,
        "tool" | "function" | "ToolMessage" | "ToolMessageChunk" | "FunctionMessage" => Role::Tool,
        _ => return None,
    })
}

/// Whether an object is one message: it names who speaks, or is a message object of `LangChain`.
pub(super) fn is_message(map: &Map<String, Value>) -> bool {
    map.contains_key("role") || langchain(map).is_some()
}

/// The members of a message and who speaks, if it says so.
pub(super) fn message(map: &Map<String, Value>) -> (&Map<String, Value>, Option<Role>) {
    match langchain(map) {
        Some((inner, role)) => (inner, Some(role)),
        None => (map, map.get("role").and_then(Value::as_str).and_then(role)),
    }
}

/// A message object of `LangChain`: serialised (`{"lc": 1, "id": […, "AIMessage"], "kwargs": {…}}`), as a dictionary
/// (`{"type": "ai", "data": {…}}`) or dumped (`{"type": "ai", "content": …}`).
fn langchain(map: &Map<String, Value>) -> Option<(&Map<String, Value>, Role)> {
    if map.contains_key("role") {
        return None;
    }
    if map.contains_key("lc") {
        let name = map.get("id")?.as_array()?.last()?.as_str()?;
        return Some((map.get("kwargs")?.as_object()?, role(name)?));
    }
    let speaks = role(map.get("type")?.as_str()?)?;
    match map.get("data") {
        Some(Value::Object(inner)) => Some((inner, speaks)),
        _ => map.contains_key("content").then_some((map, speaks)),
    }
}

/// A list of typed parts that is kept as JSON text.
pub(super) fn parts(text: &str) -> Option<Vec<Map<String, Value>>> {
    let text = text.trim();
    if !text.starts_with('[') || !text.ends_with(']') || !text.contains("\"type\"") {
        return None;
    }
    let parts: Vec<Map<String, Value>> = serde_json::from_str(text).ok()?;
    let known = |part: &Map<String, Value>| {
        part.get("type").and_then(Value::as_str).is_some_and(|kind| PART_KINDS.contains(&kind))
    };
    (!parts.is_empty() && parts.iter().all(known)).then_some(parts)
}

/// The arguments of a tool call without what its instrumentation puts around: `{"args": [], "kwargs": {…}}` of a
/// function, `{"input_str": …, "inputs": {…}, …}` of a `LangChain` callback.
pub(super) fn arguments(text: &str) -> Option<String> {
    let map: Map<String, Value> = serde_json::from_str(text).ok()?;
    if let Some(Value::Object(named)) = map.get("kwargs")
        && map.len() <= MAX_CALL_MEMBERS
        && !map.contains_key("input_str")
    {
        let args = map.get("args").and_then(Value::as_array).filter(|args| !args.is_empty());
        return match (args, named.is_empty()) {
            (None, _) => map.get("kwargs").map(Value::to_string),
            (Some(_), true) => map.get("args").map(Value::to_string),
            _ => None,
        };
    }
    let shown = map.get("input_str")?.as_str()?;
    match map.get("inputs") {
        Some(inputs @ Value::Object(_)) => Some(inputs.to_string()),
        _ => Some(shown.to_owned()),
    }
}

/// What a tool gave back: text out of its JSON string, the content of a message.
pub(super) fn result(text: &str) -> Option<String> {
    match serde_json::from_str(text).ok()? {
        Value::String(inner) => Some(inner),
        Value::Object(map) => {
            if map.contains_key("tool_name") {
                return text_of(&map, &["raw_output"]);
            }
            let inner = map.get("output").and_then(Value::as_object).unwrap_or(&map);
            let (fields, _) = langchain(inner)?;
            text_of(fields, &["content"]).or_else(|| fields.get("content").map(Value::to_string))
        }
        _ => None,
    }
}
