//! One pass over JSON text with a stack on the heap: finds what to hide and keeps all other bytes.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;

use super::keys::{KeyClass, classify};
use super::patterns::{redact_text, redact_values};
use super::{MAX_INPUT, REDACTED, hides, redact_any};
use crate::text::json::{literal_end, quote, unquote};
use crate::text::safe::prefix;

/// Containers in containers; what is deeper is treated as free text.
const MAX_DEPTH: usize = 50_000;
/// JSON in strings in JSON; what is deeper is treated as free text.
const MAX_NESTING: usize = 6;
/// Strings below this length without a sign or a space can't match any pattern.
const SHORT: usize = 14;

/// Redacts `json`, which stands `nesting` strings deep.
pub(super) fn redact(json: &str, nesting: usize) -> Cow<'_, str> {
    redact_below(None, json, nesting)
}

/// Redacts `json`, the value of `key`, which itself asks for nothing to be hidden but may say what its value is.
pub(super) fn redact_member<'j>(key: &str, json: &'j str) -> Cow<'j, str> {
    redact_below(Some(Member { class: KeyClass::Harmless, ..Member::of(key) }), json, 0)
}

fn redact_below(member: Option<Member>, json: &str, nesting: usize) -> Cow<'_, str> {
    if nesting > MAX_NESTING {
        return redact_text(json);
    }
    let text = prefix(json, MAX_INPUT);
    let mut walk = Walk {
        text,
        nesting,
        at: 0,
        frames: Vec::new(),
        edits: Vec::new(),
        values: Vec::new(),
        weak: Vec::new(),
        pending: member,
    };
    walk.run();
    if text.len() < json.len() {
        walk.edits.push(Edit { range: text.len()..json.len(), text: Cow::Borrowed(REDACTED) });
    }
    apply(json, walk.edits)
}

struct Edit {
    range: Range<usize>,
    text: Cow<'static, str>,
}

/// Applies the edits; one inside another is dropped.
fn apply(json: &str, mut edits: Vec<Edit>) -> Cow<'_, str> {
    if edits.is_empty() {
        return Cow::Borrowed(json);
    }
    // Of two edits of one range the later decision wins.
    edits.reverse();
    edits.sort_by_key(|edit| (edit.range.start, Reverse(edit.range.end)));
    let mut out = String::with_capacity(json.len());
    let mut done = 0;
    for edit in edits {
        if edit.range.start < done {
            continue;
        }
        out.push_str(json.get(done..edit.range.start).unwrap_or(""));
        out.push_str(&edit.text);
        done = edit.range.end;
    }
    out.push_str(json.get(done..).unwrap_or(""));
    Cow::Owned(out)
}

/// An open container.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a container")]
struct Frame {
    object: bool,
    start: usize,
    /// It is the value of a pair if its parent names a secret.
    pair_value: bool,
    /// It is the value of `key`.
    weak_value: bool,
    /// Below `logprobs`, where `token` is text.
    in_logprobs: bool,
    /// Object: the next string is a key.
    wants_key: bool,
    /// Object: it names a sensitive key as data, as in `{"name":"password","value":"…"}`.
    names_secret: bool,
    /// Object: it has a `value`.
    has_value: bool,
    /// Array: the next element is a secret.
    hide_next: bool,
    /// Array in an array: its first string may name the second.
    pair: bool,
    /// Array of header names and values in turn.
    headers: bool,
    /// Nothing came yet.
    first: bool,
    /// Where its entries begin in the stacks of candidates.
    values: usize,
    weak: usize,
}

/// The member of an object whose value comes next.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a key")]
struct Member {
    class: KeyClass,
    pair_name: bool,
    pair_value: bool,
    logprobs: bool,
    headers: bool,
}

impl Member {
    fn of(key: &str) -> Self {
        let folded = key.trim().to_ascii_lowercase();
        Self {
            class: classify(key),
            pair_name: is_pair_name(&folded),
            pair_value: is_pair_value(&folded),
            logprobs: folded.ends_with("logprobs"),
            headers: folded.ends_with("headers"),
        }
    }
}

struct Walk<'t> {
    text: &'t str,
    nesting: usize,
    at: usize,
    frames: Vec<Frame>,
    edits: Vec<Edit>,
    /// Values of pairs in the open objects.
    values: Vec<Range<usize>>,
    /// Values of `key` members in the open objects.
    weak: Vec<Range<usize>>,
    pending: Option<Member>,
}

impl Walk<'_> {
    fn run(&mut self) {
        loop {
            self.skip_space();
            let Some(&byte) = self.text.as_bytes().get(self.at) else {
                break;
            };
            let fine = match byte {
                b'{' | b'[' => self.open(byte == b'{'),
                b'}' | b']' => self.close(byte == b'}'),
                b',' => {
                    self.at += 1;
                    self.pending = None;
                    if let Some(frame) = self.frames.last_mut() {
                        frame.wants_key = frame.object;
                    }
                    true
                }
                b':' => {
                    self.at += 1;
                    self.pending.is_some()
                }
                b'"' => self.string(),
                _ => self.scalar(),
            };
            if !fine {
                self.raw_rest();
                break;
            }
        }
        while !self.frames.is_empty() {
            self.pop(self.at);
        }
    }

    fn skip_space(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
    }

    /// What isn't JSON: free text, or all of it a secret when a secret was to come.
    fn raw_rest(&mut self) {
        let range = self.at..self.text.len();
        let class = self.pending.map_or(KeyClass::Harmless, |member| member.class);
        let secret =
            !matches!(class, KeyClass::Harmless | KeyClass::Key | KeyClass::Word) || self.hide_next();
        let rest = self.text.get(range.clone()).unwrap_or("");
        let redacted = if secret {
            quote(REDACTED)
        } else if let Some(inner) = rest.strip_prefix('"') {
            // A string that was cut off.
            let inner = unquote(inner);
            let redacted = redact_any(&inner, self.nesting + 1);
            if redacted == inner { rest.to_owned() } else { quote(&redacted) }
        } else {
            redact_text(rest).into_owned()
        };
        if redacted != rest {
            self.edits.push(Edit { range, text: Cow::Owned(redacted) });
        }
    }

    fn hide_next(&mut self) -> bool {
        self.frames.last_mut().is_some_and(|frame| std::mem::take(&mut frame.hide_next))
    }

    fn in_logprobs(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.in_logprobs)
    }

    fn open(&mut self, object: bool) -> bool {
        let member = self.pending.take();
        let class = member.map_or(KeyClass::Harmless, |member| member.class);
        let hidden = match class {
            KeyClass::Harmless | KeyClass::Key => self.hide_next(),
            KeyClass::Token => !self.in_logprobs(),
            _ => true,
        };
        if hidden {
            let start = self.at;
            self.at = container_end(self.text, start);
            self.hide(start..self.at);
            return true;
        }
        if self.frames.len() >= MAX_DEPTH {
            return false;
        }
        let parent = self.frames.last_mut();
        let in_array = parent.as_ref().is_some_and(|parent| !parent.object);
        let in_logprobs = parent.as_ref().is_some_and(|parent| parent.in_logprobs);
        if let Some(parent) = parent {
            parent.first = false;
            parent.has_value |= member.is_some_and(|member| member.pair_value);
        }
        self.frames.push(Frame {
            object,
            start: self.at,
            pair_value: member.is_some_and(|member| member.pair_value),
            weak_value: class == KeyClass::Key,
            in_logprobs: in_logprobs || member.is_some_and(|member| member.logprobs),
            wants_key: object,
            names_secret: false,
            has_value: false,
            hide_next: false,
            pair: in_array && !object,
            headers: member.is_some_and(|member| member.headers),
            first: true,
            values: self.values.len(),
            weak: self.weak.len(),
        });
        self.at += 1;
        true
    }

    fn close(&mut self, object: bool) -> bool {
        self.pending = None;
        if self.frames.last().is_none_or(|frame| frame.object != object) {
            return false;
        }
        self.at += 1;
        self.pop(self.at);
        true
    }

    fn pop(&mut self, end: usize) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let values = self.values.split_off(frame.values.min(self.values.len()));
        let weak = self.weak.split_off(frame.weak.min(self.weak.len()));
        if frame.names_secret {
            for range in values {
                self.hide(range);
            }
        }
        if !frame.has_value {
            for range in weak {
                self.hide(range);
            }
        }
        if frame.pair_value {
            self.values.push(frame.start..end);
        }
        if frame.weak_value {
            self.weak.push(frame.start..end);
        }
    }

    fn string(&mut self) -> bool {
        let start = self.at;
        let Some(end) = literal_end(self.text, start) else {
            return false;
        };
        self.at = end;
        let inner = unquote(self.text.get(start + 1..end - 1).unwrap_or(""));
        if self.frames.last().is_some_and(|frame| frame.wants_key) {
            self.key(&inner, start..end);
        } else {
            self.string_value(&inner, start..end);
        }
        true
    }

    fn key(&mut self, key: &str, range: Range<usize>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.wants_key = false;
        }
        self.pending = Some(Member::of(key));
        if key.len() >= SHORT {
            let redacted = redact_values(key);
            if redacted != key {
                self.edits.push(Edit { range, text: Cow::Owned(quote(&redacted)) });
            }
        }
    }

    fn string_value(&mut self, value: &str, range: Range<usize>) {
        let member = self.pending.take();
        let in_logprobs = self.in_logprobs();
        let hide_next = self.hide_next();
        if let Some(frame) = self.frames.last_mut() {
            let names = |value: &str| {
                matches!(
                    classify(value),
                    KeyClass::Secret | KeyClass::Header | KeyClass::Token | KeyClass::Pwd
                )
            };
            if frame.object {
                frame.names_secret |= member.is_some_and(|member| member.pair_name) && names(value);
            } else if !hide_next {
                let flag = value.strip_prefix("--").is_some_and(|flag| !flag.contains('=') && names(flag));
                frame.hide_next = flag || ((frame.headers || frame.pair && frame.first) && names(value));
            }
            frame.first = false;
        }
        let class = self.candidate(member, value, &range);
        if (hide_next && !value.is_empty()) || hides(class, value, in_logprobs) {
            self.hide(range);
            return;
        }
        if value.len() < SHORT && !value.contains(['=', ':', ' ', '-', '\t']) {
            return;
        }
        let redacted = redact_any(value, self.nesting + 1);
        if redacted != value {
            self.edits.push(Edit { range, text: Cow::Owned(quote(&redacted)) });
        }
    }

    fn scalar(&mut self) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
        let length = rest.iter().take_while(is_part).count();
        let wants_key = self.frames.last().is_some_and(|frame| frame.wants_key);
        if length == 0 || wants_key {
            return false;
        }
        let range = self.at..self.at + length;
        let value = self.text.get(range.clone()).unwrap_or("");
        let is_literal = matches!(value, "true" | "false" | "null" | "NaN") || value.parse::<f64>().is_ok();
        if !is_literal {
            return false;
        }
        self.at = range.end;
        let member = self.pending.take();
        let hide_next = self.hide_next();
        if let Some(frame) = self.frames.last_mut() {
            frame.first = false;
        }
        let class = self.candidate(member, value, &range);
        if hides(class, value, self.in_logprobs()) || (hide_next && hides(KeyClass::Secret, value, false)) {
            self.hide(range);
        }
        true
    }

    /// Notes a value that may turn out to be a secret when its object ends; gives what is known of it now.
    fn candidate(&mut self, member: Option<Member>, value: &str, range: &Range<usize>) -> KeyClass {
        let (Some(member), Some(frame)) = (member, self.frames.last_mut()) else {
            return KeyClass::Harmless;
        };
        frame.has_value |= member.pair_value;
        if member.pair_value && hides(KeyClass::Secret, value, false) {
            self.values.push(range.clone());
        }
        if member.class != KeyClass::Key {
            return member.class;
        }
        if hides(KeyClass::Key, value, false) {
            self.weak.push(range.clone());
        }
        KeyClass::Harmless
    }

    fn hide(&mut self, range: Range<usize>) {
        let value = self.text.get(range.clone()).unwrap_or("");
        // OTLP: the value stays an object of the shape that readers expect.
        let otlp = value.starts_with('{')
            && value.split('"').nth(1).is_some_and(|key| key.ends_with("Value") && key.len() < 16);
        let text = if otlp { r#"{"stringValue":"[REDACTED]"}"# } else { r#""[REDACTED]""# };
        if value != text {
            self.edits.push(Edit { range, text: Cow::Borrowed(text) });
        }
    }
}

fn is_pair_name(key: &str) -> bool {
    matches!(
        key,
        "name"
            | "key"
            | "k"
            | "id"
            | "field"
            | "header"
            | "headername"
            | "param"
            | "parameter"
            | "attribute"
            | "variable"
            | "var"
            | "label"
            | "property"
    )
}

fn is_pair_value(key: &str) -> bool {
    matches!(key, "value" | "val" | "v" | "values" | "stringvalue" | "content" | "default" | "data")
}

/// Where the container at `start` ends; without its end, where the text ends.
fn container_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0usize;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => match literal_end(text, at - 1) {
                Some(end) => at = end,
                None => break,
            },
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}
