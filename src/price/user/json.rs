//! Foreign price files: JSON read member by member, so that numbers stay text and every value has a line.

use std::borrow::Cow;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::decimal::scaled;
use super::{Fault, fault};

/// A member of an object: its name, and its value as it stands in the file.
pub(super) type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// Checks that a text is JSON.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(drop).map_err(|error| syntax(&error))
}

fn syntax(error: &serde_json::Error) -> Fault {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(before, _)| before);
    Fault { line: error.line().max(1) as u32, message: format!("invalid JSON: {message}") }
}

/// The members of an object in the file `text`, in their order.
pub(super) fn members<'a>(text: &str, object: &'a str) -> Result<Vec<Member<'a>>, Fault> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<Member<'de>>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                members.push((name, value));
            }
            Ok(members)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(object);
    let members = reader.deserialize_map(Members).and_then(|members| reader.end().map(|()| members));
    members.map_err(|error| {
        let mut found = syntax(&error);
        found.line += super::line_at(text, place(text, object)) - 1;
        found
    })
}

/// A name without a copy where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of a value, or nothing when it is no object.
pub(super) fn object<'a>(text: &str, value: &'a RawValue) -> Vec<Member<'a>> {
    if value.get().starts_with('{') { members(text, value.get()).unwrap_or_default() } else { Vec::new() }
}

/// The elements of a value, or nothing when it is no array.
pub(super) fn array(value: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(value.get()).unwrap_or_default()
}

/// The member of this name.
pub(super) fn member<'a>(members: &[Member<'a>], name: &str) -> Option<&'a RawValue> {
    members.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
}

/// A text; `None` when it is something else.
pub(super) fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// An amount times ten to the power of `scale`; `None` for null.
pub(super) fn amount(text: &str, name: &str, value: &RawValue, scale: i32) -> Result<Option<u64>, Fault> {
    let raw = value.get();
    if raw == "null" {
        return Ok(None);
    }
    // Some writers put numbers in quotes.
    let quoted = string(value);
    let number = quoted.as_deref().unwrap_or(raw);
    scaled(number, scale).map(Some).map_err(|why| {
        let shown: String = number.chars().take(40).collect();
        fault(text, place(text, raw), format!("{name}: {shown} {why}; expected an amount in US dollars"))
    })
}

/// Where a part of a text begins in it.
pub(super) fn place(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}
