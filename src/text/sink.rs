//! Text on its way out: whole payloads with their secrets hidden, and JSON that no terminal acts on.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::value::RawValue;

use super::redact::{REDACTED, redact_json, redact_text, redact_value_of};
use super::safe::is_hidden;
use crate::model::SpanDetail;

/// Hides the secrets of a payload in place.
pub fn redact_detail(detail: &mut SpanDetail) {
    let replace = |text: &mut String| {
        if let Cow::Owned(hidden) = redact_json(text) {
            *text = hidden;
        }
    };
    for part in [&mut detail.input, &mut detail.output, &mut detail.error].into_iter().flatten() {
        replace(part);
    }
    for (name, value) in &mut detail.attributes {
        match redact_value_of(name, value) {
            Cow::Borrowed(REDACTED) => *value = format!("\"{REDACTED}\""),
            Cow::Borrowed(_) => {}
            Cow::Owned(hidden) => *value = hidden,
        }
    }
    for event in &mut detail.events {
        replace(&mut event.attributes);
        if let Cow::Owned(hidden) = redact_text(&event.name) {
            event.name = hidden;
        }
    }
    for message in &mut detail.messages {
        replace(&mut message.text);
    }
    detail.raw =
        detail.raw.split('\n').map(|line| redact_json(line).into_owned()).collect::<Vec<_>>().join("\n");
}

/// JSON with every character that a terminal might act on, or that can't be seen, as an escape: the same value, safe
/// to print. Such characters can only stand inside strings (what [`raw_json`] gives has none between its parts), so
/// escaping them anywhere keeps the JSON what it is.
pub fn json_safe(json: &str) -> Cow<'_, str> {
    let acts = |c: char| c != '\n' && is_hidden(c);
    if !json.chars().any(acts) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if acts(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string never fails.
                write!(safe, "\\u{unit:04x}").ok();
            }
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Text as JSON on one line: the same value when it is JSON, else as a JSON string.
pub fn raw_json(text: &str) -> Option<Box<RawValue>> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => match on_one_line(raw.get()) {
            Cow::Borrowed(_) => Some(raw.to_owned()),
            Cow::Owned(line) => RawValue::from_string(line).ok(),
        },
        Err(_) => serde_json::value::to_raw_value(text).ok(),
    }
}

/// JSON without the white space between its parts, when line breaks or tabs are among it. Inside strings there are
/// none: JSON wants them escaped there.
fn on_one_line(json: &str) -> Cow<'_, str> {
    if memchr::memchr3(b'\n', b'\r', b'\t', json.as_bytes()).is_none() {
        return Cow::Borrowed(json);
    }
    let mut line = String::with_capacity(json.len());
    let (mut in_string, mut is_escaped) = (false, false);
    for c in json.chars() {
        if !in_string && matches!(c, ' ' | '\n' | '\r' | '\t') {
            continue;
        }
        line.push(c);
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = in_string,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_the_same_value() {
        let value =
            serde_json::json!({"a": "x\u{9b}31m\u{202e}y\u{e0041}z\u{7f}", "b": ["日本", "\u{1b}[0m"]});
        let json = value.to_string();
        let safe = json_safe(&json);
        assert!(!safe.contains(['\u{9b}', '\u{202e}', '\u{7f}', '\u{1b}']));
        assert!(safe.contains("日本"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).expect("JSON"), value);
    }

    #[test]
    fn every_part_of_a_payload_is_redacted() {
        let secret = "hunter2hunter2";
        let json = format!("{{\"password\":\"{secret}\"}}");
        let mut detail = SpanDetail {
            input: Some(json.clone()),
            output: Some(json.clone()),
            error: Some(format!("password: {secret}")),
            attributes: vec![
                ("db_password".to_owned(), format!("\"{secret}\"")),
                ("config".to_owned(), json.clone()),
            ],
            raw: format!("{json}\n{json}"),
            ..SpanDetail::default()
        };
        redact_detail(&mut detail);
        assert!(!format!("{detail:?}").contains(secret), "{detail:?}");
    }
}
