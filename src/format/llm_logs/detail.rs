//! One row for reading.

use serde_json::Value as Json;

use crate::format::Cell;
use crate::format::rows::DetailRow;
use crate::model::{Message, Role, SpanDetail};

fn message(role: Role, text: &str, tool: Option<&str>, output: bool) -> Message {
    Message { role, text: text.to_owned(), tool: tool.map(str::to_owned), output }
}

fn rest(row: &DetailRow<'_, '_>, told: &[&str]) -> SpanDetail {
    let attributes = row.others(told).into_iter().map(|(name, value)| (name, value.to_string()));
    SpanDetail { attributes: attributes.collect(), raw: row.raw(), ..SpanDetail::default() }
}

/// A prompt of `responses` or `logs`.
pub(super) fn response(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let row = DetailRow(row);
    let told =
        ["id", "prompt", "response", "system", "reasoning", "title", "began", "answered", "datetime_utc"];
    let mut detail = rest(&row, &told);
    detail.input = row.text("prompt").map(str::to_owned);
    detail.output = row.text("response").map(str::to_owned);
    for (column, role, output) in [
        ("system", Role::System, false),
        ("prompt", Role::User, false),
        ("reasoning", Role::Assistant, true),
        ("response", Role::Assistant, true),
    ] {
        if let Some(text) = row.text(column) {
            detail.messages.push(message(role, text, None, output));
        }
    }
    detail
}

/// A prompt of `turns`: its messages from the first of the thread on.
pub(super) fn turn(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let row = DetailRow(row);
    let mut detail = rest(&row, &["id", "messages", "title", "began", "answered", "datetime_utc"]);
    for part in row.json("messages").as_ref().and_then(Json::as_array).into_iter().flatten() {
        let get = |name: &str| part.get(name).and_then(Json::as_str).unwrap_or_default();
        let payload: Json = serde_json::from_str(get("payload")).unwrap_or_default();
        let output = part.get("depth").and_then(Json::as_i64) == Some(0);
        let tool = Some(get("tool")).filter(|tool| !tool.is_empty());
        let role = match get("role") {
            "system" => Role::System,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            _ => Role::User,
        };
        match get("type") {
            "tool_call" => {
                let arguments = payload.get("arguments").map(shown).unwrap_or_default();
                detail.messages.push(message(Role::Assistant, &arguments, tool, output));
            }
            "tool_result" => {
                let result = payload.get("output").map(shown).unwrap_or_default();
                detail.messages.push(message(Role::Tool, &result, tool, output));
            }
            _ if get("text").trim().is_empty() => {}
            _ => detail.messages.push(message(role, get("text"), tool, output)),
        }
    }
    let last = |output: bool| {
        let mut said = detail.messages.iter().filter(|message| message.output == output);
        said.next_back().map(|message| message.text.clone())
    };
    (detail.input, detail.output) = (last(false), last(true));
    detail
}

/// A call of a tool.
pub(super) fn tool(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let row = DetailRow(row);
    let told = ["id", "payload", "arguments", "result", "call", "next_utc", "text"];
    let mut detail = rest(&row, &told);
    let payload = row.json("payload").unwrap_or_default();
    let arguments = payload.get("arguments").map(shown).or_else(|| row.text("arguments").map(str::to_owned));
    let result = row.json("result").unwrap_or_default();
    let name = row.text("tool_name").or_else(|| row.text("name"));
    if let Some(arguments) = &arguments {
        detail.messages.push(message(Role::Assistant, arguments, name, false));
    }
    let output = result.get("output").filter(|output| !output.is_null()).map(shown);
    if let Some(output) = &output {
        detail.messages.push(message(Role::Tool, output, name, true));
    }
    detail.error = result.get("exception").and_then(Json::as_str).map(str::to_owned);
    (detail.input, detail.output) = (arguments, output);
    detail
}

fn shown(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
