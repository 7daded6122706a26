//! Prompts and completions as messages, from the shapes in which providers and frameworks keep them.

use serde_json::{Map, Value};

use crate::model::{Message, Role};

/// Most messages that are taken from one record.
const MAX_MESSAGES: usize = 10_000;

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
            Value::Object(map) => self.object(map, role, plain),
            Value::Array(items) => {
                for item in items {
                    match item {
                        Value::Object(map) if map.contains_key("role") => self.message(map, role),
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

    /// A call of a tool with its arguments.
    pub(super) fn tool_call(&mut self, tool: &str, arguments: &str) {
        self.push(Role::Assistant, arguments.to_owned(), Some(tool.to_owned()));
    }

    /// What a tool gave back.
    pub(super) fn tool_result(&mut self, tool: &str, result: &str) {
        self.push(Role::Tool, result.to_owned(), Some(tool.to_owned()));
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
    fn object(&mut self, map: &Map<String, Value>, role: Role, plain: bool) {
        for key in ["system", "instructions", "systemPrompt", "system_prompt"] {
            if let Some(content) = map.get(key).filter(|_| !self.output) {
                self.content(content, Role::System);
            }
        }
        let mut found = false;
        for key in ["messages", "choices", "contents"] {
            let Some(items) = map.get(key).and_then(Value::as_array) else { continue };
            for item in items.iter().filter_map(Value::as_object) {
                found = true;
                match item.get("message").and_then(Value::as_object) {
                    Some(inner) => self.message(inner, role),
                    None => self.message(item, role),
                }
            }
        }
        if map.contains_key("role") {
            self.message(map, role);
            return;
        }
        if found {
            return;
        }
        let keys: &[&str] = if self.output {
            &["text", "content", "message", "response", "completion", "answer"]
        } else {
            &["prompt", "message", "query", "question", "text", "content", "initialMessage"]
        };
        if let Some(content) = keys.iter().find_map(|key| map.get(*key)).filter(|_| plain) {
            match content {
                Value::Object(inner) => self.message(inner, role),
                content => self.content(content, role),
            }
        }
        if plain {
            self.calls(map);
        }
    }

    fn message(&mut self, map: &Map<String, Value>, default: Role) {
        let role = match map.get("role").and_then(Value::as_str) {
            Some("system" | "developer") => Role::System,
            Some("user" | "human") => Role::User,
            Some("assistant" | "ai" | "model") => Role::Assistant,
            Some("tool" | "function") => Role::Tool,
            _ => default,
        };
        let before = self.messages.len();
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
        self.calls(map);
    }

    /// Text, or a list of typed parts.
    fn content(&mut self, content: &Value, role: Role) {
        match content {
            Value::String(text) => self.push(role, text.clone(), None),
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
                Some(text) => self.push(role, text, None),
                // Pictures and files are named, not printed.
                None => self.push(role, format!("[{kind}]"), None),
            },
        }
    }

    fn calls(&mut self, map: &Map<String, Value>) {
        for key in ["toolCalls", "tool_calls"] {
            for call in map.get(key).and_then(Value::as_array).into_iter().flatten() {
                if let Some(call) = call.as_object() {
                    self.call(call);
                }
            }
        }
    }

    fn call(&mut self, call: &Map<String, Value>) {
        let call = call.get("tool_call").and_then(Value::as_object).unwrap_or(call);
        let inner = ["function", "payload"].iter().find_map(|key| call.get(*key)).and_then(Value::as_object);
        let id = text_of(call, &["id", "toolCallId", "tool_call_id", "call_id"]);
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
mod tests {
    use super::*;

    fn lines(input: &str, output: &str) -> Vec<String> {
        messages(Some(input), Some(output), true)
            .iter()
            .map(|m| {
                format!(
                    "{:?}{}{}: {}",
                    m.role,
                    if m.output { "!" } else { "" },
                    m.tool.as_deref().unwrap_or(""),
                    m.text
                )
            })
            .collect()
    }

    #[test]
    fn chat_requests_and_answers() {
        let input = r#"{"system":"Be brief.","messages":[{"role":"user","content":[{"type":"text","text":"Hi"},
            {"type":"image"}]},{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"find",
            "arguments":"{\"q\":1}"}}]},{"role":"tool","name":"find","content":"3 hits"}]}"#;
        let output = r#"{"text":"Done","toolCalls":[{"toolName":"save","args":{"id":7}}]}"#;
        assert_eq!(
            lines(input, output),
            [
                "System: Be brief.",
                "User: Hi",
                "User: [image]",
                "Assistantfind: {\"q\":1}",
                "Toolfind: 3 hits",
                "Assistant!: Done",
                "Assistant!save: {\"id\":7}",
            ]
        );
    }

    #[test]
    fn plain_text_is_a_message_only_where_somebody_speaks() {
        assert_eq!(lines("Hello", "\"World\""), ["User: Hello", "Assistant!: World"]);
        assert_eq!(messages(Some("Hello"), Some("{\"text\":\"x\"}"), false), []);
        assert_eq!(
            lines("{\"prompt\":\"Why?\"}", "{\"content\":\"So.\"}"),
            ["User: Why?", "Assistant!: So."]
        );
    }
}
