//! One JSON value, wherever it stands: in a JSONB blob, in JSON text, or as a bare number of a cell. Reading a few keys
//! of it makes no tree.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Element, Type, element, escape, write_element};
use crate::format::Cell;

/// A JSON value that is still where it was found.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) enum JsonValue<'a> {
    /// JSON text of one value, without blanks around it.
    Text(&'a str),
    /// An integer cell. A column with numeric affinity turns JSON `true` into 1.
    Integer(i64),
    /// A float cell.
    Real(f64),
    /// An element of a JSONB blob.
    Binary(BinaryValue<'a>),
}

/// See [`JsonValue::Binary`].
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct BinaryValue<'a>(Element<'a>);

/// A value didn't hold together; what was read before the damage has been delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct Damaged;

impl<'a> JsonValue<'a> {
    /// The value of a database cell by its actual type; `None` for NULL, the JSON `null`, and what is no JSON at all.
    pub(in crate::format) fn of_cell(cell: Cell<'a>) -> Option<Self> {
        let value = match cell {
            Cell::Null => return None,
            Cell::Integer(number) => Self::Integer(number),
            Cell::Real(number) => Self::Real(number),
            Cell::Text(bytes) => Self::of_text(std::str::from_utf8(bytes).ok()?)?,
            Cell::Blob(bytes) => match element(bytes, 0) {
                Some((element, end)) if end == bytes.len() => Self::Binary(BinaryValue(element)),
                _ => Self::of_text(std::str::from_utf8(bytes).ok()?)?,
            },
        };
        (!value.is_null()).then_some(value)
    }

    /// The value of JSON text, by its first character; the rest is not looked at.
    pub(in crate::format) fn of_text(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let first = *text.as_bytes().first()?;
        let json = matches!(first, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9')
            || matches!(text, "true" | "false" | "null");
        json.then_some(Self::Text(text))
    }

    /// Whether it is `null`.
    pub(in crate::format) fn is_null(self) -> bool {
        match self {
            Self::Text(text) => text == "null",
            Self::Binary(BinaryValue(element)) => element.kind == Type::Null,
            Self::Integer(_) | Self::Real(_) => false,
        }
    }

    /// Whether it is an object.
    pub(in crate::format) fn is_object(self) -> bool {
        match self {
            Self::Text(text) => text.starts_with('{'),
            Self::Binary(BinaryValue(element)) => element.kind == Type::Object,
            Self::Integer(_) | Self::Real(_) => false,
        }
    }

    /// Its text, if it is a string.
    pub(in crate::format) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => {
                let inner = text.strip_prefix('"')?.strip_suffix('"')?;
                Some(if inner.contains('\\') { escape::unescape(inner).into() } else { inner.into() })
            }
            Self::Binary(BinaryValue(element)) => element.text(),
            Self::Integer(_) | Self::Real(_) => None,
        }
    }

    /// Its truth, if it is a boolean (or 0 or 1, as numeric affinity leaves it).
    pub(in crate::format) fn flag(self) -> Option<bool> {
        match self {
            Self::Text("true") | Self::Integer(1) => Some(true),
            Self::Text("false") | Self::Integer(0) => Some(false),
            Self::Binary(BinaryValue(element)) => match element.kind {
                Type::True => Some(true),
                Type::False => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Its number, if it is one or a string that spells one.
    pub(in crate::format) fn number(self) -> Option<f64> {
        let number = match self {
            Self::Integer(number) => return Some(number as f64),
            Self::Real(number) => number,
            Self::Text(text) => text.trim_matches('"').trim().parse().ok()?,
            Self::Binary(BinaryValue(element)) => match element.kind {
                kind if kind.is_text() => element.text()?.trim().parse().ok()?,
                _ => element.number()?.parse().ok()?,
            },
        };
        number.is_finite().then_some(number)
    }

    /// Its number as a count: whole, not negative. Exact up to `u64::MAX`.
    pub(in crate::format) fn count(self) -> Option<u64> {
        let exact = match self {
            Self::Integer(number) => return u64::try_from(number).ok(),
            Self::Text(text) => text.parse().ok(),
            Self::Binary(BinaryValue(element)) => {
                std::str::from_utf8(element.payload).ok().and_then(|text| text.parse().ok())
            }
            Self::Real(_) => None,
        };
        exact.or_else(|| {
            let number = self.number()?;
            (0.0..1.8e19).contains(&number).then(|| number.round() as u64)
        })
    }

    /// Calls `each` with every key and value of an object, in order.
    pub(in crate::format) fn fields(self, mut each: impl FnMut(&str, Self)) -> Result<(), Damaged> {
        match self {
            Self::Text(text) => {
                let mut reader = serde_json::Deserializer::from_str(text);
                let visitor = Each(|key: &str, value: &'a RawValue| {
                    each(key, Self::Text(value.get()));
                });
                reader.deserialize_any(visitor).and_then(|()| reader.end()).map_err(|_| Damaged)
            }
            Self::Binary(BinaryValue(Element { kind: Type::Object, payload })) => {
                let mut at = 0;
                while at < payload.len() {
                    let (key, value_at) = element(payload, at).ok_or(Damaged)?;
                    let (value, next) = element(payload, value_at).ok_or(Damaged)?;
                    each(&key.text().ok_or(Damaged)?, Self::Binary(BinaryValue(value)));
                    at = next;
                }
                Ok(())
            }
            _ => Err(Damaged),
        }
    }

    /// The value of one key of an object; the last one if it is there twice.
    pub(in crate::format) fn field(self, wanted: &str) -> Option<Self> {
        let mut found = None;
        let _ = self.fields(|key, value| {
            if key == wanted {
                found = Some(value);
            }
        });
        found.filter(|value| !value.is_null())
    }

    /// Calls `each` with every item of an array, in order.
    pub(in crate::format) fn items(self, mut each: impl FnMut(Self)) -> Result<(), Damaged> {
        match self {
            Self::Text(text) => {
                let mut reader = serde_json::Deserializer::from_str(text);
                let visitor = EachItem(|value: &'a RawValue| each(Self::Text(value.get())));
                reader.deserialize_seq(visitor).and_then(|()| reader.end()).map_err(|_| Damaged)
            }
            Self::Binary(BinaryValue(Element { kind: Type::Array, payload })) => {
                let mut at = 0;
                while at < payload.len() {
                    let (item, next) = element(payload, at).ok_or(Damaged)?;
                    each(Self::Binary(BinaryValue(item)));
                    at = next;
                }
                Ok(())
            }
            _ => Err(Damaged),
        }
    }

    /// It as JSON text; as it stands, where it is text already.
    pub(in crate::format) fn to_json(self) -> Result<Cow<'a, str>, Damaged> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::Integer(number) => Ok(number.to_string().into()),
            Self::Real(number) if number.is_finite() => Ok(number.to_string().into()),
            Self::Real(_) => Err(Damaged),
            Self::Binary(BinaryValue(element)) => write_element(element).map(Cow::from).map_err(|_| Damaged),
        }
    }
}

struct Each<F>(F);

impl<'de, F: FnMut(&str, &'de RawValue)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key<'de>>()? {
            (self.0)(&key.0, map.next_value()?);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("an array"))
    }
}

struct EachItem<F>(F);

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for EachItem<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item);
        }
        Ok(())
    }
}

/// A key that is borrowed from the text where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(text.to_owned().into()))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}
