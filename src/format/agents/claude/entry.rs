//! One line of a session, taken apart as far as its spans need.

use crate::format::agents::{items, label, members, read_members};
use crate::format::json::{Fault, Reader, Value};
use crate::model::{NanoUsd, UnixNanos};

/// A line. What it doesn't say is empty.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "the line's own flags")]
pub(super) struct Entry<'a> {
    pub kind: String,
    pub subtype: String,
    pub uuid: String,
    /// Whether it says that nothing comes before it.
    pub first: bool,
    pub parent: String,
    pub session: String,
    pub at: Option<UnixNanos>,
    /// A time that is there and can't be read.
    pub bad_time: bool,
    pub side: bool,
    pub agent: String,
    pub agent_type: String,
    pub request: String,
    pub cwd: String,
    pub message: &'a str,
    /// What the tool gave to the program, beside what it gave to the model.
    pub result: Value<'a>,
    /// Written by the program, not by a person.
    pub meta: bool,
    pub api_error: bool,
    /// Copied from another session.
    pub forked: bool,
    pub cost: Option<NanoUsd>,
    pub title: String,
    pub data: &'a str,
    pub parent_tool: String,
}

impl<'a> Entry<'a> {
    /// Reads the object that comes next.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let mut this = Self::default();
        read_members(reader, |key, value| this.take(key, value))?;
        Ok(this)
    }

    /// Reads an object inside a line.
    pub(super) fn nested(object: &'a str) -> Self {
        let mut this = Self::default();
        members(object, |key, value| this.take(key, value));
        this
    }

    fn take(&mut self, key: &str, value: Value<'a>) {
        let text = || label(&value).unwrap_or_default();
        match key {
            "type" => self.kind = text(),
            "subtype" => self.subtype = text(),
            "uuid" => self.uuid = text(),
            "parentUuid" => {
                self.first = value.is_null();
                self.parent = text();
            }
            "sessionId" => self.session = text(),
            "timestamp" => match value.time() {
                Ok(at) => self.at = at,
                Err(_) => self.bad_time = true,
            },
            "isSidechain" => self.side = value == Value::Bool(true),
            "agentId" => self.agent = text(),
            "attributionAgent" => self.agent_type = text(),
            "requestId" => self.request = text(),
            "cwd" => self.cwd = text(),
            "message" => {
                if let Value::Object(object) = value {
                    self.message = object;
                }
            }
            "toolUseResult" => self.result = value,
            "isMeta" | "isCompactSummary" | "isVisibleInTranscriptOnly" => {
                self.meta |= value == Value::Bool(true);
            }
            "isApiErrorMessage" => self.api_error = value == Value::Bool(true),
            "forkedFrom" => self.forked = !value.is_null(),
            "costUSD" => self.cost = value.number().ok().flatten().and_then(NanoUsd::from_usd),
            "summary" | "aiTitle" | "customTitle" => self.title = text(),
            "data" => {
                if let Value::Object(object) = value {
                    self.data = object;
                }
            }
            "parentToolUseID" => self.parent_tool = text(),
            _ => {}
        }
    }
}

/// The `message` of a line.
#[derive(Default)]
pub(super) struct Message<'a> {
    pub id: String,
    pub model: String,
    pub stop: Option<String>,
    pub usage: &'a str,
    pub blocks: Vec<Block<'a>>,
}

/// A part of a message.
pub(super) enum Block<'a> {
    Text(String),
    /// A call of a tool; `own` says that the provider runs it.
    Call {
        text: &'a str,
        id: String,
        name: String,
        input: &'a str,
        own: bool,
    },
    /// What a tool gave back, and the text of the whole block.
    Result {
        text: &'a str,
        id: String,
        error: bool,
        says: String,
    },
    Other,
}

/// Most blocks of one message, and characters of a text that are looked at.
const MAX_BLOCKS: usize = 4096;
const MAX_TEXT: usize = 4096;

impl<'a> Message<'a> {
    pub(super) fn read(object: &'a str) -> Self {
        let mut this = Self::default();
        members(object, |key, value| match key {
            "id" => this.id = label(&value).unwrap_or_default(),
            "model" => this.model = label(&value).unwrap_or_default(),
            "stop_reason" => this.stop = label(&value),
            "usage" => {
                if let Value::Object(usage) = value {
                    this.usage = usage;
                }
            }
            "content" => match value {
                Value::Text(text) => this.blocks.push(Block::Text(beginning(&text))),
                Value::Array(array) => items(array, |item| {
                    if let (Value::Object(block), true) = (item, this.blocks.len() < MAX_BLOCKS) {
                        this.blocks.push(Block::read(block));
                    }
                }),
                _ => {}
            },
            _ => {}
        });
        this
    }

    /// The first text that somebody wrote.
    pub(super) fn text(&self) -> Option<&str> {
        self.blocks.iter().find_map(|block| match block {
            Block::Text(text) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        })
    }
}

impl<'a> Block<'a> {
    fn read(text: &'a str) -> Self {
        let (mut kind, mut id, mut name, mut input) = (String::new(), String::new(), String::new(), "{}");
        let (mut result_of, mut error, mut words, mut content) =
            (String::new(), false, String::new(), Value::Null);
        members(text, |key, value| match key {
            "type" => kind = label(&value).unwrap_or_default(),
            "id" => id = label(&value).unwrap_or_default(),
            "name" => name = label(&value).unwrap_or_default(),
            "input" => {
                if let Value::Object(object) = value {
                    input = object;
                }
            }
            "tool_use_id" => result_of = label(&value).unwrap_or_default(),
            "is_error" => error = value == Value::Bool(true),
            "text" => {
                if let Value::Text(text) = &value {
                    words = beginning(text);
                }
            }
            "content" => content = value,
            _ => {}
        });
        match kind.as_str() {
            "text" => Self::Text(words),
            "tool_use" => Self::Call { text, id, name, input, own: false },
            "server_tool_use" | "mcp_tool_use" => Self::Call { text, id, name, input, own: true },
            "tool_result" => Self::Result { text, id: result_of, error, says: said(&content) },
            _ => Self::Other,
        }
    }
}

/// The beginning of a content: text, or the first text among its parts.
fn said(content: &Value<'_>) -> String {
    match content {
        Value::Text(text) => beginning(text),
        Value::Array(array) => {
            let mut found = String::new();
            items(array, |item| {
                if let (Value::Object(part), true) = (item, found.is_empty()) {
                    members(part, |key, value| {
                        if let ("text", Value::Text(text)) = (key, &value) {
                            found = beginning(text);
                        }
                    });
                }
            });
            found
        }
        _ => String::new(),
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
