//! One line of an event log.

use std::borrow::Cow;

use crate::format::json::{Fault, Reader, Value};
use crate::model::UnixNanos;

macro_rules! payload {
    ($($field:ident: $($name:literal)|+,)+) => {
        /// The fields of a payload that say something about a span; every spelling that was met.
        #[derive(Debug, Default)]
        pub(super) struct Payload<'a> { $(pub(super) $field: Value<'a>,)+ }

        impl<'a> Payload<'a> {
            fn slot(&mut self, name: &str) -> Option<&mut Value<'a>> {
                match name {
                    $($($name)|+ => Some(&mut self.$field),)+
                    _ => None,
                }
            }
        }
    };
}

payload! {
    call_id: "call_id",
    model: "model",
    provider_url: "provider_base_url",
    latency_ms: "latency_ms",
    usage: "token_usage" | "usage",
    cost: "api_cost_usd" | "cost_usd",
    error_class: "error_class" | "error_type",
    error_text: "error_summary" | "error_message",
    error: "error",
    reason: "reason",
    work_item: "work_item_id",
    worker: "worker",
    attempt: "attempt",
    scope: "scope_key",
    success: "success" | "passed" | "ok",
    status: "status",
    step: "step",
    description: "description" | "message" | "label",
    state: "new_state",
    artifact: "name" | "artifact" | "artifact_name" | "artifact_type",
    path: "path" | "artifact_path",
    gate: "gate_name" | "gate",
    issue: "issue_id" | "error_code" | "code",
    config: "run_config",
    run: "run_id",
}

/// An event: its envelope and the known part of its payload.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) kind: Value<'a>,
    pub(super) time: Value<'a>,
    pub(super) id: Value<'a>,
    pub(super) run: Value<'a>,
    pub(super) span: Value<'a>,
    pub(super) parent: Value<'a>,
    pub(super) payload: Payload<'a>,
    /// Whether there was a payload, or anything else that only events have.
    pub(super) said: bool,
}

impl<'a> Event<'a> {
    /// Reads the object that comes next.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let mut event = Self::default();
        reader.enter_object()?;
        while let Some(name) = reader.next_key()? {
            let slot = match &*name {
                "type" | "event_type" => &mut event.kind,
                "ts" | "timestamp" => &mut event.time,
                "event_id" => &mut event.id,
                "run_id" => &mut event.run,
                "span_id" => &mut event.span,
                "parent_span_id" => &mut event.parent,
                "payload" if reader.peek() == Some(b'{') => {
                    event.said = true;
                    event.payload.read(reader)?;
                    continue;
                }
                _ => {
                    reader.skip()?;
                    continue;
                }
            };
            *slot = reader.value()?;
        }
        event.said |= !event.id.is_null();
        Ok(event)
    }

    /// The type, if this is an event at all: a word in capitals.
    pub(super) fn word(&self) -> Option<&str> {
        let word = self.kind.text()?;
        let capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        (self.said && word.len() <= 100 && word.bytes().all(capital)).then_some(word)
    }

    /// When it was written.
    pub(super) fn at(&self) -> Option<UnixNanos> {
        self.time.time().ok().flatten()
    }

    /// The run's id; workers that don't know theirs write `unknown`.
    pub(super) fn run_id(&self) -> Option<&str> {
        let id = self.payload.run.text().or_else(|| self.run.text())?;
        (id != "unknown").then_some(id)
    }

    /// What went wrong, in one line: the class and the message.
    pub(super) fn error_text(&self) -> Option<String> {
        let payload = &self.payload;
        let inner = match &payload.error {
            Value::Object(text) => members(text, &["message", "type"]),
            other => other.text().map(|text| Cow::Owned(text.to_owned())),
        };
        let text = payload
            .error_text
            .text()
            .map(Cow::Borrowed)
            .or(inner)
            .or_else(|| payload.reason.text().map(Cow::Borrowed));
        let text = text.as_deref().and_then(|text| text.lines().find(|line| !line.trim().is_empty()));
        match (payload.error_class.text(), text) {
            (Some(class), Some(text)) if text.starts_with(class) => Some(text.to_owned()),
            (Some(class), Some(text)) => Some(format!("{class}: {text}")),
            (class, text) => class.or(text).map(str::to_owned),
        }
    }
}

impl<'a> Payload<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        reader.enter_object()?;
        while let Some(name) = reader.next_key()? {
            match self.slot(&name) {
                Some(slot) => {
                    let value = reader.value()?;
                    // Of several spellings the first that says something counts.
                    if slot.is_null() || !value.is_null() {
                        *slot = value;
                    }
                }
                None => reader.skip()?,
            }
        }
        Ok(())
    }
}

/// The first text among some members of an object.
pub(super) fn members<'a>(text: &'a str, names: &[&str]) -> Option<Cow<'a, str>> {
    names.iter().find_map(|wanted| {
        let mut reader = Reader::new(text);
        reader.enter_object().ok()?;
        while let Some(name) = reader.next_key().ok()? {
            match reader.value().ok()? {
                Value::Text(text) if name == *wanted && !text.trim().is_empty() => return Some(text),
                _ => {}
            }
        }
        None
    })
}
