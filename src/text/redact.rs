//! Hides secrets in text and JSON, at display, export, clipboard, log and record.
//!
//! Two rules: the words of a key say that its value is a secret ([`is_sensitive_key`]), and a value has the shape of a
//! known kind of token ([`redact_text`]). When in doubt about the structure, more is hidden, not less. Out of scope: a
//! token that is split over two strings, and secrets that neither a key nor a shape gives away.

mod keys;
mod patterns;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
mod walk;

use std::borrow::Cow;

use keys::{KeyClass, classify};

pub use keys::is_sensitive_key;
pub use patterns::redact_text;

/// What stands in place of a secret.
pub const REDACTED: &str = "[REDACTED]";

/// Bytes of one input that are read; the rest is hidden unread.
const MAX_INPUT: usize = 64 << 20;

/// Hides secrets in JSON text: values of sensitive keys (whole containers too), key-value pair objects, JSON in
/// strings, token-shaped values. Everything else stays byte for byte; what isn't JSON is treated as free text.
pub fn redact_json(json: &str) -> Cow<'_, str> {
    walk::redact(json, 0)
}

/// Hides `value`, which is text or JSON text, when `key` is sensitive; else hides the secrets in it.
pub fn redact_value_of<'v>(key: &str, value: &'v str) -> Cow<'v, str> {
    if hides(classify(key), value.trim(), false) {
        return Cow::Borrowed(REDACTED);
    }
    if looks_like_json(value) { walk::redact_member(key, value) } else { redact_text(value) }
}

/// Redacts text that may be JSON, `nesting` strings deep.
fn redact_any(text: &str, nesting: usize) -> Cow<'_, str> {
    if looks_like_json(text) { walk::redact(text, nesting) } else { redact_text(text) }
}

fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
}

/// Whether a scalar or string `value` under a key of this class is hidden.
fn hides(class: KeyClass, value: &str, in_logprobs: bool) -> bool {
    if matches!(value, "" | "null" | "true" | "false" | REDACTED) {
        return false;
    }
    let is_number = || value.parse::<f64>().is_ok();
    match class {
        KeyClass::Harmless => false,
        KeyClass::Secret | KeyClass::Header => true,
        KeyClass::Pwd => !is_path(value),
        KeyClass::Token => !in_logprobs && !is_number(),
        KeyClass::Word | KeyClass::Key => !is_number(),
    }
}

/// An absolute path: `pwd` is as often the working directory as it is a password.
fn is_path(value: &str) -> bool {
    let windows = value.get(1..3) == Some(":\\");
    let unix = value.strip_prefix('/').is_some_and(|rest| rest.is_empty() || rest.contains('/'));
    windows || unix || value.starts_with("~/")
}
