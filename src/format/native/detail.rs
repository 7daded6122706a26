//! One record for reading: its payloads, attributes, events and messages.

use super::cell_value;
use super::keys::{self, Key};
use crate::format::json::{LineText, Reader, Value};
use crate::format::{Cell, chat};
use crate::model::{DetailEvent, SpanDetail, SpanKind};

/// Decodes a line; of several records on one line the first.
pub(super) fn line(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let mut detail = Detail::default();
    let mut reader = Reader::new(&text.text);
    // What is damaged behind a point is still shown up to that point, and whole as raw text.
    let _ = fields(&mut reader, |name, raw| detail.field(name, raw));
    detail.finish(text.text.into_owned())
}

/// Decodes a row.
pub(super) fn row(cells: &[(String, Cell<'_>)]) -> SpanDetail {
    let mut detail = Detail::default();
    let mut raw = String::from("{");
    for (name, cell) in cells {
        let value = cell_value(cell, &mut false);
        let json = match &value {
            Value::Text(text) if is_json(text) => text.trim().to_owned(),
            Value::Text(text) => quoted(text),
            Value::Null => "null".to_owned(),
            other => other.excerpt().into_owned(),
        };
        if raw.len() > 1 {
            raw.push(',');
        }
        raw.push_str(&quoted(name));
        raw.push(':');
        raw.push_str(&json);
        detail.field(name, &json);
    }
    raw.push('}');
    detail.finish(raw)
}

#[derive(Default)]
struct Detail {
    detail: SpanDetail,
    kind: Option<SpanKind>,
}

impl Detail {
    fn field(&mut self, name: &str, raw: &str) {
        let key = keys::find(name).map(|(key, _)| key);
        match key {
            Some(Key::Input) => self.detail.input = payload(raw),
            Some(Key::Output) => self.detail.output = payload(raw),
            Some(Key::Error) if !matches!(raw, "false" | "{}" | "\"\"") => self.detail.error = payload(raw),
            Some(Key::Attributes) => self.attributes(name, raw),
            Some(Key::Events) => self.events(raw),
            Some(Key::Type) => self.kind = payload(raw).and_then(|word| keys::kind(&word)),
            Some(key) if !key.is_fact() => {}
            _ if raw == "null" => {}
            _ => self.detail.attributes.push((name.to_owned(), raw.to_owned())),
        }
    }

    fn attributes(&mut self, name: &str, raw: &str) {
        let text = payload(raw).unwrap_or_default();
        let mut reader = Reader::new(&text);
        let out = &mut self.detail.attributes;
        let before = out.len();
        if reader.peek() == Some(b'{')
            && fields(&mut reader, |name, raw| out.push((name.to_owned(), raw.to_owned()))).is_ok()
        {
            return;
        }
        out.truncate(before);
        if !text.is_empty() {
            out.push((name.to_owned(), raw.to_owned()));
        }
    }

    fn events(&mut self, raw: &str) {
        let text = payload(raw).unwrap_or_default();
        let mut reader = Reader::new(&text);
        if reader.enter_array().is_err() {
            return;
        }
        while reader.next_item() == Ok(true) {
            if reader.peek() != Some(b'{') {
                if reader.skip().is_err() {
                    return;
                }
                continue;
            }
            let mut event = DetailEvent { name: String::new(), at: None, attributes: String::new() };
            let read = fields(&mut reader, |name, raw| match name {
                "name" | "event" | "type" => event.name = payload(raw).unwrap_or_default(),
                "at" | "time" | "timestamp" | "ts" | "timeUnixNano" => {
                    event.at = Reader::new(raw).value().ok().and_then(|value| value.time().ok().flatten());
                }
                "attributes" | "data" | "payload" => raw.clone_into(&mut event.attributes),
                _ => {}
            });
            if read.is_err() {
                return;
            }
            self.detail.events.push(event);
        }
    }

    fn finish(mut self, raw: String) -> SpanDetail {
        let speaks = matches!(self.kind, Some(SpanKind::Llm | SpanKind::Agent) | None);
        let SpanDetail { input, output, .. } = &self.detail;
        self.detail.messages = chat::messages(input.as_deref(), output.as_deref(), speaks);
        self.detail.raw = raw;
        self.detail
    }
}

/// Calls `each` with the names and values of the object that comes next.
fn fields<'a>(
    reader: &mut Reader<'a>,
    mut each: impl FnMut(&str, &'a str),
) -> Result<(), crate::format::json::Fault> {
    reader.enter_object()?;
    while let Some(name) = reader.next_key()? {
        each(&name, reader.raw()?);
    }
    Ok(())
}

/// A value as a payload: strings as their text, everything else as JSON, null as nothing.
pub(super) fn payload(raw: &str) -> Option<String> {
    match Reader::new(raw).value() {
        Ok(Value::Null) => None,
        Ok(Value::Text(text)) => Some(text.into_owned()),
        _ => Some(raw.to_owned()),
    }
}

fn is_json(text: &str) -> bool {
    let mut reader = Reader::new(text);
    reader.skip().is_ok() && !reader.has_more()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
