//! Prompts and completions as messages, from the shapes in which providers and frameworks keep them.

mod shapes;

use serde_json::{Map, Value};

use crate::model::{Message, Role};

/// Most messages that are taken from one record.
const MAX_MESSAGES: usize = 10_000;
/// Calls in a message's content that are looked for beside it.
const MAX_IN_CONTENT: usize = 256;
/// Where a tool call has its id.
const CALL_IDS: [&str; 4] = ["id", "toolCallId", "tool_call_id", "call_id"];

/// The conversation behind an input and an output. `plain` says whether text without any structure is a message too,
/// as it is for model calls and agents.
pub(super) fn messages(input: Option<&str>, output: Option<&str>, plain: bool) -> Vec<Message> {
    let mut chat = Chat::default();
    if let Some(input) = input {
        chat.text(input, plain);
    }
    chat.answer();
    if let Some(output) = output {
        chat.text(output, plain);
    }
    chat.finish()
}

/// A conversation that is put together: first what was asked, then the answer.
#[derive(Default)]
pub(super) struct Chat {
    messages: Vec<Message>,
    output: bool,
    /// Ids of tool calls with the tools they call.
    called: Vec<(String, String)>,
}

impl Chat {
    /// What follows is the answer.
    pub(super) fn answer(&mut self) {
        self.output = true;
    }

    /// Whether the answer is being told.
    pub(super) fn is_answer(&self) -> bool {
        self.output
    }

    /// The messages.
    pub(super) fn finish(mut self) -> Vec<Message> {
        self.messages.truncate(MAX_MESSAGES);
        self.messages
    }

    /// Ids of the tool calls so far with the tools they call.
    pub(super) fn calls_by_id(&self) -> &[(String, String)] {
        &self.called
    }

    /// How many messages there are so far.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// A request or an answer, as JSON text or plain.
    pub(super) fn text(&mut self, text: &str, plain: bool) {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => self.value(&value, plain),
            Err(_) if plain => self.push(self.speaker(), text.to_owned(), None),
            Err(_) => {}
        }
    }

    /// A request or an answer.
    pub(super) fn value(&mut self, value: &Value, plain: bool) {
        let role = self.speaker();
        match value {
            Value::Object(map) => self.object(map, role, plain, false),
            Value::Array(items) => {
                for item in items {
                    match item {
                        Value::Object(map) if shapes::is_message(map) => self.message(map, role),
                        Value::Array(pair) => self.pair(pair),
                        Value::Object(map) if plain && map.contains_key("type") => self.part(map, role),
                        Value::Object(map) if plain && map.contains_key("toolName") => self.call(map),
                        Value::String(text) if plain => self.push(role, text.clone(), None),
                        _ => {}
                    }
                }
            }
            Value::String(text) if plain => self.push(role, text.clone(), None),
            _ => {}
        }
    }

    /// Instructions: text, or a list of parts.
    pub(super) fn system(&mut self, content: &Value) {
        self.content(content, Role::System);
    }

    /// A message; `role` is who speaks when it doesn't say.
    pub(super) fn one(&mut self, map: &Map<String, Value>, role: Role) {
        self.message(map, role);
    }

    /// A call of a tool with its arguments, out of what a framework wraps around them.
    pub(super) fn tool_call(&mut self, tool: &str, arguments: &str) {
        let text = shapes::arguments(arguments).unwrap_or_else(|| arguments.to_owned());
        self.push(Role::Assistant, text, Some(tool.to_owned()));
    }

    /// What a tool gave back, likewise.
    pub(super) fn tool_result(&mut self, tool: &str, result: &str) {
        let text = shapes::result(result).unwrap_or_else(|| result.to_owned());
        self.push(Role::Tool, text, Some(tool.to_owned()));
    }

    fn speaker(&self) -> Role {
        if self.output { Role::Assistant } else { Role::User }
    }

    /// The tool that a call's id belongs to, or the id.
    fn tool_of(&self, id: String) -> String {
        self.called.iter().rev().find(|(known, _)| *known == id).map_or(id, |(_, tool)| tool.clone())
    }

    fn push(&mut self, role: Role, text: String, tool: Option<String>) {
        if !text.trim().is_empty() || tool.is_some() {
            self.messages.push(Message { role, text, tool, output: self.output });
        }
    }

    /// A request or an answer as a whole.
    fn object(&mut self, map: &Map<String, Value>, role: Role, plain: bool, nested: bool) {
        let before = self.messages.len();
        for key in ["system", "instructions", "systemPrompt", "system_prompt"] {
            if let Some(content) = map.get(key).filter(|_| !self.output) {
                self.content(content, Role::System);
            }
        }
        let mut found = false;
        for key in ["messages", "choices", "contents"] {
            for item in map.get(key).and_then(Value::as_array).into_iter().flatten() {
                match item {
                    Value::Object(item) => match item.get("message").and_then(Value::as_object) {
                        Some(inner) => self.message(inner, role),
                        None => self.message(item, role),
                    },
                    Value::Array(pair) => self.pair(pair),
                    _ => continue,
                }
                found = true;
            }
        }
        if shapes::is_message(map) {
            self.message(map, role);
            return;
        }
        if found {
            return;
        }
        let keys: &[&str] = if self.output {
            &["text", "content", "message", "response", "completion", "answer"]
        } else {
            &["prompt", "message", "query", "question", "text", "content", "initialMessage", "task"]
        };
        if let Some(content) = keys.iter().find_map(|key| map.get(*key)).filter(|_| plain) {
            match content {
                Value::Object(inner) => self.message(inner, role),
                content => self.content(content, role),
            }
        }
        if plain {
            self.calls(map, self.called.len());
        }
        if self.messages.len() == before && !nested {
            let key = if self.output { ["outputs", "output"] } else { ["inputs", "input"] };
            match key.iter().find_map(|key| map.get(*key)) {
                Some(Value::Object(inner)) => self.object(inner, role, plain, true),
                Some(Value::String(text)) if plain => self.push(role, text.clone(), None),
                _ if plain && map.contains_key("kwargs") => {
                    // What a decorated function was called with.
                    let args = map.get("args").and_then(Value::as_array);
                    let texts = args.into_iter().flatten().filter_map(Value::as_str);
                    texts.for_each(|text| self.push(role, text.to_owned(), None));
                }
                _ => {}
            }
        }
    }

    /// A message as a pair of role and text.
    fn pair(&mut self, pair: &[Value]) {
        if let [Value::String(role), content] = pair
            && let Some(role) = shapes::role(role)
        {
            self.content(content, role);
        }
    }

    fn message(&mut self, map: &Map<String, Value>, default: Role) {
        let (map, role) = shapes::message(map);
        let role = role.unwrap_or(default);
        let (before, called) = (self.messages.len(), self.called.len());
        for key in ["content", "parts", "contents", "text"] {
            if let Some(content) = map.get(key) {
                self.content(content, role);
                break;
            }
        }
        if role == Role::Tool
            && let Some(name) = text_of(map, &["name", "toolName", "tool_name"])
                .or_else(|| text_of(map, &["tool_call_id", "id"]).map(|id| self.tool_of(id)))
        {
            for message in self.messages.iter_mut().skip(before) {
                message.tool.get_or_insert_with(|| name.clone());
            }
        }
        self.calls(map, called);
    }

    /// Text, or a list of typed parts.
    fn content(&mut self, content: &Value, role: Role) {
        match content {
            Value::String(text) => match shapes::parts(text) {
                Some(parts) => parts.iter().for_each(|part| self.part(part, role)),
                // An empty text that was written as JSON.
                None if text == "\"\"" => {}
                None => self.push(role, text.clone(), None),
            },
            Value::Array(parts) => {
                for part in parts {
                    match part {
                        Value::String(text) => self.push(role, text.clone(), None),
                        Value::Object(part) => self.part(part, role),
                        _ => {}
                    }
                }
            }
            Value::Null => {}
            other => self.push(role, other.to_string(), None),
        }
    }

    fn part(&mut self, part: &Map<String, Value>, role: Role) {
        if part.get("tool_call").is_some_and(Value::is_object) {
            self.call(part);
            return;
        }
        let inner = part.get("message_content").and_then(Value::as_object);
        let part = inner.unwrap_or(part);
        let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
        match kind {
            "tool-call" | "tool_call" | "tool_use" | "function_call" => self.call(part),
            "tool-result" | "tool_result" | "function_call_output" | "tool_call_response" => {
                let tool = text_of(part, &["toolName", "tool_name", "name"]).or_else(|| {
                    text_of(part, &["tool_use_id", "toolCallId", "id", "call_id"]).map(|id| self.tool_of(id))
                });
                let result =
                    ["output", "result", "response", "content"].iter().find_map(|key| part.get(*key));
                self.push(Role::Tool, result.map(shown).unwrap_or_default(), tool);
            }
            _ => match text_of(part, &["text", "content", "reasoning", "thinking"]) {
                Some(text) => match shapes::parts(&text) {
                    // A summary of reasoning, as the list it is.
                    Some(parts) => {
                        let texts = parts.iter().filter_map(|part| text_of(part, &["text", "content"]));
                        texts.for_each(|text| self.push(role, text, None));
                    }
                    None => self.push(role, text, None),
                },
                // Pictures and files are named, not printed.
                None => self.push(role, format!("[{kind}]"), None),
            },
        }
    }

    /// The calls beside a message's content, but for those that its content told: those from `told` on.
    fn calls(&mut self, map: &Map<String, Value>, told: usize) {
        let in_content: Vec<String> =
            self.called.iter().skip(told).map(|(id, _)| id.clone()).take(MAX_IN_CONTENT).collect();
        for key in ["toolCalls", "tool_calls"] {
            for call in map.get(key).and_then(Value::as_array).into_iter().flatten() {
                let Some(call) = call.as_object() else { continue };
                let inner = call.get("tool_call").and_then(Value::as_object).unwrap_or(call);
                let id = text_of(inner, &CALL_IDS);
                if id.is_none_or(|id| !in_content.contains(&id)) {
                    self.call(call);
                }
            }
        }
    }

    fn call(&mut self, call: &Map<String, Value>) {
        let call = call.get("tool_call").and_then(Value::as_object).unwrap_or(call);
        let inner = ["function", "payload"].iter().find_map(|key| call.get(*key)).and_then(Value::as_object);
        let id = text_of(call, &CALL_IDS);
        let call = inner.unwrap_or(call);
        let tool = text_of(call, &["toolName", "tool_name", "name"]).unwrap_or_else(|| "tool".to_owned());
        if let Some(id) = id.filter(|_| self.called.len() < MAX_MESSAGES) {
            self.called.push((id, tool.clone()));
        }
        let args = ["args", "arguments", "input", "parameters"].iter().find_map(|key| call.get(*key));
        self.push(Role::Assistant, args.map(shown).unwrap_or_default(), Some(tool));
    }
}

fn text_of(map: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| map.get(*key)).and_then(Value::as_str).map(str::to_owned)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
