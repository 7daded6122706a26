//! What the records of all agents have in common when they are read.

use serde_json::Value;

use crate::format::json::lossy;
use crate::model::{Message, Role, SpanDetail};

/// Most messages that are taken from one record.
const MAX_MESSAGES: usize = 10_000;

/// A record that is being read.
pub(super) struct Reading {
    /// The record; `None` when it is no JSON.
    pub(super) value: Option<Value>,
    /// What was found in it.
    pub(super) detail: SpanDetail,
}

impl Reading {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let text = lossy(bytes);
        let value = serde_json::from_str(text.trim_matches(['\0', '\u{feff}', ' ', '\r', '\n', '\t'])).ok();
        // Each record has a part of the conversation.
        Self { value, detail: SpanDetail { raw: text.into_owned(), is_part: true, ..SpanDetail::default() } }
    }

    /// Adds what is known beside the conversation. What is null says nothing.
    pub(super) fn attribute(&mut self, name: &str, value: &Value) {
        if !value.is_null() {
            self.detail.attributes.push((name.to_owned(), value.to_string()));
        }
    }

    pub(super) fn message(&mut self, role: Role, text: &str, tool: Option<&str>, output: bool) {
        if self.detail.messages.len() < MAX_MESSAGES && !(text.trim().is_empty() && tool.is_none()) {
            let tool = tool.map(str::to_owned);
            self.detail.messages.push(Message { role, text: text.to_owned(), tool, output });
        }
    }

    /// What the user, or the model in its answer, says in words.
    pub(super) fn said(&mut self, is_answer: bool, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.message(if is_answer { Role::Assistant } else { Role::User }, text, None, is_answer);
        let slot = if is_answer { &mut self.detail.output } else { &mut self.detail.input };
        match slot {
            Some(known) => {
                known.push('\n');
                known.push_str(text);
            }
            None => *slot = Some(text.to_owned()),
        }
    }

    pub(super) fn into_detail(self) -> SpanDetail {
        self.detail
    }
}
