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
    let told = [
        "id",
        "prompt",
        "response",
        "system",
        "reasoning",
        "title",
        "began",
        "answered",
        "datetime_utc",
        "fragments",
        "system_fragments",
        "results",
        "calls",
    ];
    let mut detail = rest(&row, &told);
    // Fragments stand before the text.
    let joined = |fragments: &str, column: &str| {
        let parts: Vec<&str> = [fragments, column].iter().filter_map(|name| row.text(name)).collect();
        Some(parts.join("\n")).filter(|text| !text.is_empty())
    };
    detail.input = joined("fragments", "prompt");
    detail.output = row.text("response").map(str::to_owned);
    let own = |name: &str| row.text(name).map(str::to_owned);
    let said = |role: Role, text: Option<String>, output: bool| {
        text.map(|text| Message { role, text, tool: None, output })
    };
    let tools = |column: &str, role: Role, output: bool| -> Vec<Message> {
        let list = row.json(column).unwrap_or_default();
        let one = |tool: &Json| {
            let text = tool.get("text").map(shown).unwrap_or_default();
            message(role, &text, tool.get("name").and_then(Json::as_str), output)
        };
        list.as_array().into_iter().flatten().map(one).collect()
    };
    let messages = &mut detail.messages;
    messages.extend(said(Role::System, joined("system_fragments", "system"), false));
    messages.extend(tools("results", Role::Tool, false));
    messages.extend(said(Role::User, detail.input.clone(), false));
    messages.extend(said(Role::Assistant, own("reasoning"), true));
    messages.extend(said(Role::Assistant, own("response"), true));
    messages.extend(tools("calls", Role::Assistant, true));
    // Between tools a prompt is their results, and an answer their calls.
    let last = |output: bool| {
        let mut told =
            detail.messages.iter().filter(|message| message.output == output && message.tool.is_some());
        told.next_back().map(|message| message.text.clone())
    };
    (detail.input, detail.output) =
        (detail.input.or_else(|| last(false)), detail.output.or_else(|| last(true)));
    detail
}

/// A text that refers to fragments: `{"text_ref": [{"fragment": 1}, {"literal": "…"}]}`.
fn referred(payload: &Json, fragments: &Json) -> String {
    let piece = |piece: &Json| {
        let fragment = piece.get("fragment").map(ToString::to_string);
        let text = piece.get("literal").or_else(|| fragments.get(fragment?.trim_matches('"')));
        text.and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    payload.get("text_ref").and_then(Json::as_array).into_iter().flatten().map(piece).collect()
}

/// A prompt of `turns`: its messages from the first of the thread on.
pub(super) fn turn(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let row = DetailRow(row);
    let mut detail =
        rest(&row, &["id", "messages", "fragments", "title", "began", "answered", "datetime_utc"]);
    let fragments = row.json("fragments").unwrap_or_default();
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
            _ if get("text").trim().is_empty() => {
                let text = referred(&payload, &fragments);
                if !text.trim().is_empty() {
                    detail.messages.push(message(role, &text, tool, output));
                }
            }
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
