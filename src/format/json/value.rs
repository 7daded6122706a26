//! Values as writers of the field really spell them: numbers in strings, counts with a fraction of zero.

use std::borrow::Cow;

use crate::model::{Reason, UnixNanos};

/// A JSON value, or a database cell. Objects and arrays stay text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::format) enum Value<'a> {
    /// Null or absent.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number from zero.
    Unsigned(u64),
    /// A whole number below zero.
    Negative(i64),
    /// Another number; infinite when it is too large.
    Float(f64),
    /// A string.
    Text(Cow<'a, str>),
    /// An object's text.
    Object(&'a str),
    /// An array's text.
    Array(&'a str),
}

/// The largest whole number below which every float is exact.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl Value<'_> {
    /// Whether there is nothing.
    pub(in crate::format) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A string that says something; `None` for blank strings and everything else.
    pub(in crate::format) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// A name, id or other label: a string or a whole number.
    pub(in crate::format) fn label(&self) -> Result<Option<Cow<'_, str>>, Reason> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(Cow::Borrowed(&**text)).filter(|text| !text.trim().is_empty())),
            Self::Unsigned(number) => Ok(Some(Cow::Owned(number.to_string()))),
            Self::Negative(number) => Ok(Some(Cow::Owned(number.to_string()))),
            _ => Err(Reason::BadType),
        }
    }

    /// A count: a whole number from zero, also as `5.0`, `1e3` or `"5"`.
    pub(in crate::format) fn count(&self) -> Result<Option<u64>, Reason> {
        match self {
            Self::Null => Ok(None),
            Self::Unsigned(number) => Ok(Some(*number)),
            Self::Float(number) => whole(*number).map(Some),
            Self::Text(text) => {
                let text = text.trim();
                if text.is_empty() {
                    return Ok(None);
                }
                match text.parse() {
                    Ok(number) => Ok(Some(number)),
                    Err(_) => whole(text.parse().map_err(|_| Reason::BadNumber)?).map(Some),
                }
            }
            Self::Negative(_) => Err(Reason::BadNumber),
            Self::Bool(_) | Self::Object(_) | Self::Array(_) => Err(Reason::BadType),
        }
    }

    /// A finite number, also in a string.
    pub(in crate::format) fn number(&self) -> Result<Option<f64>, Reason> {
        let number = match self {
            Self::Null => return Ok(None),
            Self::Unsigned(number) => *number as f64,
            Self::Negative(number) => *number as f64,
            Self::Float(number) => *number,
            Self::Text(text) if text.trim().is_empty() => return Ok(None),
            Self::Text(text) => text.trim().parse().map_err(|_| Reason::BadNumber)?,
            Self::Bool(_) | Self::Object(_) | Self::Array(_) => return Err(Reason::BadType),
        };
        if number.is_finite() { Ok(Some(number)) } else { Err(Reason::BadNumber) }
    }

    /// A point in time, in any of the spellings of [`UnixNanos`].
    pub(in crate::format) fn time(&self) -> Result<Option<UnixNanos>, Reason> {
        let time = match self {
            Self::Null => return Ok(None),
            Self::Unsigned(number) => i64::try_from(*number).ok().and_then(UnixNanos::from_integer),
            Self::Float(number) => UnixNanos::from_number(*number),
            Self::Text(text) => UnixNanos::parse_usual(text).or_else(|| match text.trim().parse() {
                Ok(number) => UnixNanos::from_integer(number),
                Err(_) => UnixNanos::parse(text),
            }),
            Self::Negative(_) => None,
            Self::Bool(_) | Self::Object(_) | Self::Array(_) => return Err(Reason::BadType),
        };
        time.map(Some).ok_or(Reason::BadTime)
    }

    /// The value as JSON or plain text, for showing.
    pub(in crate::format) fn excerpt(&self) -> Cow<'_, str> {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string().into(),
            Self::Unsigned(number) => number.to_string().into(),
            Self::Negative(number) => number.to_string().into(),
            Self::Float(number) => number.to_string().into(),
            Self::Text(text) => (&**text).into(),
            Self::Object(text) | Self::Array(text) => (*text).into(),
        }
    }
}

fn whole(number: f64) -> Result<u64, Reason> {
    if number.fract() == 0.0 && (0.0..=MAX_EXACT).contains(&number) {
        Ok(number as u64)
    } else {
        Err(Reason::BadNumber)
    }
}
