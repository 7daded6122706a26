//! One row for reading: payloads as JSON, prompts and completions as messages.

use std::borrow::Cow;

use crate::format::Cell;
use crate::format::jsonb::JsonValue;
use crate::model::{Message, Role, SpanDetail};

/// Messages that are taken from one row.
const MAX_MESSAGES: usize = 2_000;

pub(super) fn detail(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let mut detail = SpanDetail::default();
    let find = |name: &str| {
        row.iter().find(|(column, _)| column.eq_ignore_ascii_case(name)).map_or(Cell::Null, |(_, cell)| *cell)
    };
    let mut raw = String::from("{");
    for (column, cell) in row {
        if column == super::AGENT_ENDING.name {
            continue;
        }
        let Some(json) = cell_json(*cell) else { continue };
        if raw.len() > 1 {
            raw.push(',');
        }
        raw.push_str(&quote(column));
        raw.push(':');
        raw.push_str(&json);
        match column.as_str() {
            "input" => detail.input = Some(readable(*cell, json)),
            "output" => detail.output = Some(readable(*cell, json)),
            "error" => detail.error = Some(readable(*cell, json)),
            "attributes" => open_object(*cell, "", json, column, &mut detail),
            "metadata" => open_object(*cell, "metadata.", json, column, &mut detail),
            // Seen as the span's own name, type, place and times.
            "traceId" | "spanId" | "parentSpanId" | "name" | "spanType" | "isEvent" | "startedAt"
            | "endedAt" => {}
            _ => detail.attributes.push((column.clone(), json.into_owned())),
        }
    }
    raw.push('}');
    detail.raw = raw;
    let span_type = match find("spanType") {
        Cell::Text(bytes) => String::from_utf8_lossy(bytes),
        _ => Cow::Borrowed(""),
    };
    let tool = match find("entityId") {
        Cell::Text(bytes) if span_type.ends_with("tool_call") => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
        _ => None,
    };
    let (input, output) = (JsonValue::of_cell(find("input")), JsonValue::of_cell(find("output")));
    let mut messages = Messages { list: Vec::new(), answer: false };
    match &*span_type {
        "model_generation" | "llm_generation" | "model_step" | "llm_step" | "model_inference"
        | "agent_run" => {
            if let Some(input) = input {
                messages.prompt(input);
            } else if let Some(text) = plain(find("input")) {
                messages.push(Role::User, text, None);
            }
            messages.answer = true;
            if let Some(output) = output {
                messages.answer(output);
            } else if let Some(text) = plain(find("output")) {
                messages.push(Role::Assistant, text, None);
            }
        }
        _ if span_type.ends_with("tool_call") => {
            if let Some(input) = input {
                messages.push(Role::Assistant, shown(input), tool.clone());
            }
            messages.answer = true;
            if let Some(output) = output {
                messages.push(Role::Tool, shown(output), tool);
            }
        }
        _ => {}
    }
    detail.messages = messages.list;
    detail
}

/// A cell as JSON; text that is none becomes a JSON string, bytes that are no JSONB say how many they are.
fn cell_json(cell: Cell<'_>) -> Option<Cow<'_, str>> {
    match cell {
        Cell::Null => return None,
        Cell::Blob(b"\0") => return Some("null".into()),
        _ => {}
    }
    if let Some(json) = valid_json(cell) {
        return Some(json);
    }
    match cell {
        Cell::Text(bytes) => Some(quote(&String::from_utf8_lossy(bytes)).into()),
        Cell::Blob(bytes) => Some(quote(&format!("{} bytes that are no JSON", bytes.len())).into()),
        _ => Some("null".into()),
    }
}

/// The JSON of a cell that holds some. Text is checked here: nothing before looked at all of it.
fn valid_json(cell: Cell<'_>) -> Option<Cow<'_, str>> {
    let value = JsonValue::of_cell(cell)?;
    let json = value.to_json().ok()?;
    let checked = !matches!(value, JsonValue::Text(_))
        || serde_json::from_str::<&serde_json::value::RawValue>(&json).is_ok();
    checked.then_some(json)
}

/// A payload: JSON as it is, text that is no JSON as text.
fn readable(cell: Cell<'_>, json: Cow<'_, str>) -> String {
    match plain(cell) {
        Some(text) if valid_json(cell).is_none() && text != "null" => text.to_owned(),
        _ => json.into_owned(),
    }
}

fn plain(cell: Cell<'_>) -> Option<&str> {
    match cell {
        Cell::Text(bytes) => std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty()),
        _ => None,
    }
}

fn open_object(cell: Cell<'_>, prefix: &str, json: Cow<'_, str>, column: &str, detail: &mut SpanDetail) {
    let known = detail.attributes.len();
    let done = JsonValue::of_cell(cell).map(|value| {
        value.fields(|key, value| {
            let json = value.to_json().map_or_else(|_| "null".to_owned(), Cow::into_owned);
            detail.attributes.push((format!("{prefix}{key}"), json));
        })
    });
    match done {
        Some(Ok(())) => {}
        _ if json == "null" => {}
        _ => {
            detail.attributes.truncate(known);
            detail.attributes.push((column.to_owned(), json.into_owned()));
        }
    }
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value as a reader wants it: strings without quotes, the rest as JSON.
fn shown(value: JsonValue<'_>) -> String {
    value.text().or_else(|| value.to_json().ok()).unwrap_or_default().into_owned()
}

struct Messages {
    list: Vec<Message>,
    answer: bool,
}

impl Messages {
    fn push(&mut self, role: Role, text: impl Into<String>, tool: Option<String>) {
        if self.list.len() < MAX_MESSAGES {
            self.list.push(Message { role, text: text.into(), tool, output: self.answer });
        }
    }

    /// `{messages: […]}`, a bare list of messages, one message, or plain text.
    fn prompt(&mut self, input: JsonValue<'_>) {
        let list = input.field("messages").unwrap_or(input);
        if list.items(|item| self.message(item)).is_ok() {
            return;
        }
        self.list.clear();
        if list.is_object() && list.field("role").is_some() {
            self.message(list);
        } else {
            self.push(Role::User, shown(list), None);
        }
    }

    fn message(&mut self, message: JsonValue<'_>) {
        if let Some(text) = message.text() {
            self.push(Role::User, text, None);
            return;
        }
        let role = match message.field("role").and_then(JsonValue::text).as_deref() {
            Some("system" | "developer") => Role::System,
            Some("assistant") => Role::Assistant,
            Some("tool") => Role::Tool,
            _ => Role::User,
        };
        let Some(content) = message.field("content").or_else(|| message.field("parts")) else {
            self.push(role, shown(message), None);
            return;
        };
        if content.items(|part| self.part(role, part)).is_err() {
            // Mastra's own messages keep their parts one level deeper.
            match content.field("parts") {
                Some(parts) if parts.items(|part| self.part(role, part)).is_ok() => {}
                _ => self.push(role, shown(content), None),
            }
        }
    }

    fn part(&mut self, role: Role, part: JsonValue<'_>) {
        let kind = part.field("type").and_then(JsonValue::text).unwrap_or_default();
        let tool = part.field("toolName").and_then(JsonValue::text).map(Cow::into_owned);
        match &*kind {
            "text" | "reasoning" => {
                let text = part.field("text").map(shown).unwrap_or_default();
                self.push(role, text, None);
            }
            "tool-call" => {
                let input = part.field("input").or_else(|| part.field("args"));
                self.push(Role::Assistant, input.map(shown).unwrap_or_default(), tool);
            }
            "tool-result" => {
                let result = part.field("output").or_else(|| part.field("result"));
                let value = result.and_then(|result| result.field("value")).or(result);
                self.push(Role::Tool, value.map(shown).unwrap_or_default(), tool);
            }
            _ => self.push(role, shown(part), tool),
        }
    }

    /// `{text, reasoning, toolCalls, object}` or plain text.
    fn answer(&mut self, output: JsonValue<'_>) {
        if !output.is_object() {
            self.push(Role::Assistant, shown(output), None);
            return;
        }
        let before = self.list.len();
        if let Some(text) = output.field("text").map(shown).filter(|text| !text.is_empty()) {
            self.push(Role::Assistant, text, None);
        }
        if let Some(calls) = output.field("toolCalls") {
            let _ = calls.items(|call| {
                let call = call.field("payload").unwrap_or(call);
                let tool = call.field("toolName").and_then(JsonValue::text).map(Cow::into_owned);
                let input =
                    call.field("input").or_else(|| call.field("args")).or_else(|| call.field("toolInput"));
                self.push(Role::Assistant, input.map(shown).unwrap_or_default(), tool);
            });
        }
        if let Some(object) = output.field("object").filter(|_| self.list.len() == before) {
            self.push(Role::Assistant, shown(object), None);
        }
        if self.list.len() == before && output.field("text").is_none() {
            self.push(Role::Assistant, shown(output), None);
        }
    }
}
