//! Attribute values: `{"stringValue": …}` and its siblings in either case, and the plain JSON of consoles.

use serde_json::{Map, Number};

use crate::format::genai::Collector;
use crate::format::json::{Fault, Reader, Value};

/// Most attributes of a span or event that are looked at.
pub(super) const MAX_ATTRIBUTES: usize = 4096;

/// Who takes attributes.
pub(super) trait Sink<'t> {
    /// Whether the value of an attribute matters.
    fn wants(&mut self, name: &str) -> bool;
    /// Takes it.
    fn take(&mut self, name: &str, value: Value<'t>);
}

impl<'t> Sink<'t> for Collector<'_, 't> {
    fn wants(&mut self, name: &str) -> bool {
        Collector::wants(self, name)
    }

    fn take(&mut self, name: &str, value: Value<'t>) {
        self.add(name, &value);
    }
}

/// Reads attributes: a list of keys with values, or an object. Says whether there were more than are looked at, or one
/// that is nested too deep.
pub(super) fn attributes<'t>(reader: &mut Reader<'t>, sink: &mut impl Sink<'t>) -> Result<bool, Fault> {
    let (mut count, mut deep) = (0usize, false);
    match reader.peek() {
        Some(b'[') => {
            reader.enter_array()?;
            while reader.next_item()? {
                count += 1;
                if count > MAX_ATTRIBUTES || reader.peek() != Some(b'{') {
                    reader.skip_balanced()?;
                } else {
                    deep |= pair(reader, sink)?;
                }
            }
        }
        Some(b'{') => {
            reader.enter_object()?;
            while let Some(key) = reader.next_key()? {
                count += 1;
                deep |= value(reader, (count <= MAX_ATTRIBUTES).then_some(&*key), sink)?;
            }
        }
        _ => reader.skip()?,
    }
    Ok(deep || count > MAX_ATTRIBUTES)
}

/// Reads the value of an attribute if it matters. Says whether it was nested too deep to be read.
fn value<'t>(reader: &mut Reader<'t>, name: Option<&str>, sink: &mut impl Sink<'t>) -> Result<bool, Fault> {
    let before = reader.clone();
    let read = match name.filter(|name| sink.wants(name)) {
        Some(name) => any(reader).map(|value| sink.take(name, value)),
        None => reader.skip_balanced(),
    };
    match read {
        Err(Fault::TooDeep) => {
            *reader = before;
            if reader.skip_deep() { Ok(true) } else { Err(Fault::TooDeep) }
        }
        read => read.map(|()| false),
    }
}

fn pair<'t>(reader: &mut Reader<'t>, sink: &mut impl Sink<'t>) -> Result<bool, Fault> {
    let mut name = None;
    let mut early = None;
    let mut deep = false;
    reader.enter_object()?;
    while let Some(key) = reader.next_key()? {
        match (&*key, &name) {
            ("key", _) => name = text(reader)?,
            ("value", None) => {
                early = Some(reader.clone());
                deep |= value(reader, None, sink)?;
            }
            ("value", Some(name)) => deep |= value(reader, Some(name), sink)?,
            _ => reader.skip()?,
        }
    }
    if let (Some(name), Some(mut early)) = (name, early) {
        deep |= value(&mut early, Some(&name), sink)?;
    }
    Ok(deep)
}

/// Passes over the next value, however deep it is nested.
pub(super) fn pass(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let before = reader.clone();
    match reader.skip_balanced() {
        Err(Fault::TooDeep) => {
            *reader = before;
            if reader.skip_deep() { Ok(()) } else { Err(Fault::TooDeep) }
        }
        passed => passed,
    }
}

/// A string; whatever else stands there is passed over.
pub(super) fn text<'t>(reader: &mut Reader<'t>) -> Result<Option<std::borrow::Cow<'t, str>>, Fault> {
    Ok(match reader.value()? {
        Value::Text(text) => Some(text),
        _ => None,
    })
}

/// A value, unwrapped. Lists and objects stay the text they are.
pub(super) fn any<'t>(reader: &mut Reader<'t>) -> Result<Value<'t>, Fault> {
    if reader.peek() != Some(b'{') {
        return reader.value();
    }
    let mut whole = reader.clone();
    let mut value = Value::Null;
    let mut wrapped = false;
    reader.enter_object()?;
    while let Some(key) = reader.next_key()? {
        let inner = reader.value()?;
        let Some(kind) = Wrapper::of(&key) else { continue };
        wrapped = true;
        value = match (kind, inner) {
            (Wrapper::Int, Value::Text(text)) => match (text.trim().parse(), text.trim().parse()) {
                (Ok(number), _) => Value::Unsigned(number),
                (_, Ok(number)) => Value::Negative(number),
                _ => Value::Text(text),
            },
            (Wrapper::Double, Value::Text(text)) => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Float(number),
                _ => Value::Null,
            },
            (_, inner) => inner,
        };
    }
    if wrapped { Ok(value) } else { whole.value() }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrapper {
    Plain,
    Int,
    Double,
    Array,
    Map,
}

impl Wrapper {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "stringValue" | "string_value" | "boolValue" | "bool_value" | "bytesValue" | "bytes_value" => {
                Self::Plain
            }
            "intValue" | "int_value" => Self::Int,
            "doubleValue" | "double_value" => Self::Double,
            "arrayValue" | "array_value" => Self::Array,
            "kvlistValue" | "kvlist_value" => Self::Map,
            _ => return None,
        })
    }
}

/// A value as plain JSON. What has been parsed is nested no deeper than its parser allows.
pub(super) fn plain(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    let Json::Object(map) = value else { return value.clone() };
    let Some((kind, inner)) = map.iter().find_map(|(key, inner)| Some((Wrapper::of(key)?, inner))) else {
        // An empty value is null.
        return if map.is_empty() { Json::Null } else { value.clone() };
    };
    match (kind, inner) {
        (Wrapper::Int, Json::String(text)) => {
            let whole = text.trim().parse::<i64>().map(Number::from);
            whole
                .or_else(|_| text.trim().parse::<u64>().map(Number::from))
                .map_or(inner.clone(), Json::Number)
        }
        (Wrapper::Array, list) => {
            let items = list.get("values").unwrap_or(list).as_array();
            Json::Array(items.into_iter().flatten().map(plain).collect())
        }
        (Wrapper::Map, list) => {
            let items = list.get("values").unwrap_or(list);
            Json::Object(pairs(items).into_iter().collect::<Map<_, _>>())
        }
        (_, inner) => inner.clone(),
    }
}

/// Attributes as plain JSON, in order.
pub(super) fn pairs(attributes: &serde_json::Value) -> Vec<(String, serde_json::Value)> {
    use serde_json::Value as Json;
    match attributes {
        Json::Array(items) => items
            .iter()
            .take(MAX_ATTRIBUTES)
            .filter_map(|item| {
                let name = item.get("key")?.as_str()?.to_owned();
                Some((name, item.get("value").map_or(Json::Null, plain)))
            })
            .collect(),
        Json::Object(map) => {
            map.iter().take(MAX_ATTRIBUTES).map(|(name, value)| (name.clone(), value.clone())).collect()
        }
        _ => Vec::new(),
    }
}
