//! What a span says in words: its input, its output and the conversation, whatever the convention.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::mapping::{Fact, Mapping};
use super::pattern::Pattern;
use crate::format::chat::Chat;
use crate::model::{Message, Role, SpanKind};

/// Parts of a dotted name that are followed.
const MAX_PARTS: usize = 16;

/// A span's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::format) struct Said {
    /// The input as text.
    pub(in crate::format) input: Option<String>,
    /// The output as text.
    pub(in crate::format) output: Option<String>,
    /// The conversation.
    pub(in crate::format) messages: Vec<Message>,
    /// Ids of tool calls with the tools they call.
    pub(in crate::format) calls: Vec<(String, String)>,
}

/// What a span has to tell, as plain JSON.
pub(in crate::format) struct Conversation<'c> {
    /// The mapping.
    pub(in crate::format) mapping: &'c Mapping,
    /// Kind of the span, if it is known.
    pub(in crate::format) kind: Option<SpanKind>,
    /// Name of the span.
    pub(in crate::format) name: &'c str,
    /// Its attributes.
    pub(in crate::format) attributes: &'c [(String, Value)],
    /// Names of its events with their attributes, or the bodies of log records.
    pub(in crate::format) events: &'c [(String, Value)],
}

impl Conversation<'_> {
    /// Input, output and messages.
    pub(in crate::format) fn read(&self) -> Said {
        let input = self.first(&self.mapping.inputs).map(shown);
        let output = self.first(&self.mapping.outputs).map(shown);
        let chat = if self.kind == Some(SpanKind::Tool) {
            self.tool(input.as_deref(), output.as_deref())
        } else {
            self.talk(input.as_deref(), output.as_deref())
        };
        let calls = chat.calls_by_id().to_vec();
        Said { input, output, messages: chat.finish(), calls }
    }

    fn tool(&self, input: Option<&str>, output: Option<&str>) -> Chat {
        let names = self.mapping.names_of(Fact::Tool).chain(self.mapping.names_of(Fact::Entity));
        let name = names.filter_map(|name| self.attribute(name)).find_map(Value::as_str);
        let name = name.unwrap_or(self.name);
        let mut chat = Chat::default();
        if let Some(input) = input {
            chat.tool_call(name, input);
        }
        chat.answer();
        if let Some(output) = output {
            chat.tool_result(name, output);
        }
        chat
    }

    fn talk(&self, input: Option<&str>, output: Option<&str>) -> Chat {
        let names = &self.mapping.messages;
        let speaks = matches!(self.kind, Some(SpanKind::Llm | SpanKind::Agent) | None);
        let events = self.messages_of_events();
        let mut chat = Chat::default();
        for system in names.system.iter().filter_map(|name| self.attribute(name)) {
            chat.system(&parsed(system));
        }
        let before = chat.len();
        self.side(&mut chat, &names.input, &events, &names.input_list);
        if chat.len() == before
            && let Some(input) = input
        {
            chat.text(input, speaks);
        }
        chat.answer();
        let before = chat.len();
        self.side(&mut chat, &names.output, &events, &names.output_list);
        if chat.len() == before {
            for text in names.output_text.iter().filter_map(|name| self.attribute(name)).take(1) {
                chat.value(text, true);
            }
            for calls in names.output_calls.iter().filter_map(|name| self.attribute(name)) {
                chat.value(&parsed(calls), true);
            }
        }
        if chat.len() == before
            && let Some(output) = output
        {
            chat.text(output, speaks);
        }
        chat
    }

    /// One side of the conversation, from the first place that has it.
    fn side(&self, chat: &mut Chat, whole: &[String], events: &[(Spoken, &Value)], lists: &[String]) {
        let before = chat.len();
        for value in whole.iter().filter_map(|name| self.attribute(name)) {
            chat.value(&parsed(value), true);
            if chat.len() > before {
                return;
            }
        }
        let answers = chat.is_answer();
        for (spoken, fields) in events {
            let (is_answer, role) = match spoken {
                Spoken::Choice => (true, Role::Assistant),
                Spoken::Message(role) => (false, *role),
            };
            if is_answer == answers {
                let inner = fields.get("message").unwrap_or(fields);
                if let Some(map) = inner.as_object() {
                    chat.one(map, role);
                }
            }
        }
        if chat.len() > before {
            return;
        }
        for list in lists {
            let role = if answers { Role::Assistant } else { Role::User };
            for message in self.numbered(list) {
                let inner = message.get("message").unwrap_or(&message);
                match inner {
                    Value::Object(map) => chat.one(map, role),
                    other => chat.value(other, true),
                }
            }
            if chat.len() > before {
                return;
            }
        }
    }

    /// Single messages among the events.
    fn messages_of_events(&self) -> Vec<(Spoken, &Value)> {
        let own = self.events.iter().filter_map(|(name, fields)| Some((Spoken::of(name)?, fields)));
        own.collect()
    }

    /// The messages whose numbers are in the names of attributes: `llm.input_messages.0.message.role`.
    fn numbered(&self, prefix: &str) -> Vec<Value> {
        let mut root = Node::default();
        for (name, value) in self.attributes {
            let Some(rest) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            root.set(rest.splitn(MAX_PARTS, '.'), value);
        }
        match root.into_value() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }
    }

    fn first(&self, patterns: &[Pattern]) -> Option<&Value> {
        let all = || self.attributes.iter().chain(self.of_events());
        patterns.iter().find_map(|pattern| {
            all().find(|(name, value)| !is_empty(value) && pattern.fits(name)).map(|(_, value)| value)
        })
    }

    fn attribute(&self, name: &str) -> Option<&Value> {
        let mut all = self.attributes.iter().chain(self.of_events());
        all.find(|(known, value)| known == name && !is_empty(value)).map(|(_, value)| value)
    }

    /// Attributes that older conventions keep in events: `gen_ai.content.prompt` with `gen_ai.prompt`.
    fn of_events(&self) -> impl Iterator<Item = &(String, Value)> {
        self.events
            .iter()
            .filter(|(name, _)| name.starts_with("gen_ai.prompt") || name.starts_with("gen_ai.completion"))
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// JSON that is kept as text.
fn parsed(value: &Value) -> Value {
    let text = value.as_str().filter(|text| text.trim_start().starts_with(['[', '{', '"']));
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.clone())
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Who speaks in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Spoken {
    Choice,
    Message(Role),
}

impl Spoken {
    /// By the event's name: `gen_ai.user.message`, `gen_ai.choice`.
    pub(in crate::format) fn of(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("gen_ai.")? {
            "choice" => Self::Choice,
            "system.message" => Self::Message(Role::System),
            "user.message" => Self::Message(Role::User),
            "assistant.message" => Self::Message(Role::Assistant),
            "tool.message" => Self::Message(Role::Tool),
            _ => return None,
        })
    }
}

/// A tree of dotted names.
#[derive(Default)]
struct Node {
    value: Option<Value>,
    children: BTreeMap<String, Node>,
}

impl Node {
    fn set<'p>(&mut self, path: impl Iterator<Item = &'p str>, value: &Value) {
        let mut node = self;
        for part in path {
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.value = Some(value.clone());
    }

    /// A list where all names are numbers, else an object. No deeper than [`MAX_PARTS`].
    fn into_value(self) -> Value {
        if self.children.is_empty() {
            return self.value.unwrap_or_default();
        }
        let number = |name: &String| name.parse::<u32>().ok();
        if self.children.keys().all(|name| number(name).is_some()) {
            let mut items: Vec<_> =
                self.children.into_iter().map(|(name, node)| (number(&name), node.into_value())).collect();
            items.sort_by_key(|(at, _)| *at);
            return Value::Array(items.into_iter().map(|(_, value)| value).collect());
        }
        let members = self.children.into_iter().map(|(name, node)| (name, node.into_value()));
        Value::Object(members.collect::<Map<_, _>>())
    }
}
