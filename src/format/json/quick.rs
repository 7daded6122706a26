//! Short cuts of a reader that knows what usually comes next.

use std::borrow::Cow;

use super::{Fault, MAX_DEPTH, Pattern, Reader, Value, balanced_end, plain_prefix};

/// A string where it stands in the text, or its content where that differs.
pub(in crate::format) enum Found {
    /// From this byte of the text on, this many.
    At(usize, usize),
    /// It was written with escapes.
    Decoded(String),
}

impl<'a> Reader<'a> {
    /// The text that is read.
    pub(in crate::format) fn text(&self) -> &'a str {
        self.text
    }

    /// Byte offset of what is read next, blanks included.
    pub(in crate::format) fn position(&self) -> usize {
        self.at
    }

    /// Steps over a key that stands here as it stood before: `token` is all from behind the value before, or from the
    /// object's bracket, up to the value of the key.
    #[inline]
    pub(in crate::format) fn take_key(&mut self, token: &Pattern) -> bool {
        if !token.stands_at(self.at, self.text.as_bytes()) {
            return false;
        }
        let bytes = token.bytes();
        self.at += bytes.len();
        self.depth += usize::from(bytes.first() == Some(&b'{'));
        self.fresh = false;
        true
    }

    /// Steps over the end of the object if it comes right next.
    #[inline]
    pub(in crate::format) fn take_end(&mut self) -> bool {
        let ends = !self.fresh && self.text.as_bytes().get(self.at) == Some(&b'}');
        if ends {
            self.at += 1;
            self.depth = self.depth.saturating_sub(1);
        }
        ends
    }

    /// The string that begins here.
    #[inline]
    pub(in crate::format) fn found(&mut self) -> Result<Found, Fault> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let plain = plain_prefix(bytes.get(start..).unwrap_or_default());
        if bytes.get(start + plain) == Some(&b'"') {
            self.at = start + plain + 1;
            return Ok(Found::At(start, plain));
        }
        let string = self.string()?;
        Ok(match string.decode() {
            Cow::Borrowed(text) => Found::At(start, text.len()),
            Cow::Owned(text) => Found::Decoded(text),
        })
    }

    /// The number that comes next.
    #[inline]
    pub(in crate::format) fn number_value(&mut self) -> Result<Value<'a>, Fault> {
        if let Some((value, len)) = quick_number(self.text.as_bytes().get(self.at..).unwrap_or_default()) {
            self.at += len;
            return Ok(value);
        }
        self.value()
    }

    /// Passes over the next value. Of objects, arrays and strings with escapes only brackets and quotes are looked at
    /// and that no string holds control characters; what is odd in that is left to [`Reader::skip`].
    #[inline]
    pub(in crate::format) fn skip_balanced(&mut self) -> Result<(), Fault> {
        if matches!(self.peek(), Some(b'{' | b'[' | b'"'))
            && let Some(end) = balanced_end(self.text.as_bytes(), self.at, MAX_DEPTH - self.depth)
        {
            self.at = end;
            return Ok(());
        }
        self.skip()
    }
}

impl Reader<'_> {
    /// Passes over the next value, however deep it is nested, by its brackets and quotes. `false` when that cannot be
    /// done; then nothing was passed over.
    pub(in crate::format) fn skip_deep(&mut self) -> bool {
        let is_open = matches!(self.peek(), Some(b'{' | b'['));
        let end = is_open.then(|| balanced_end(self.text.as_bytes(), self.at, usize::MAX)).flatten();
        if let Some(end) = end {
            self.at = end;
        }
        end.is_some()
    }
}

/// A whole number from zero or a fraction of few digits, and its length; everything else is left to the thorough
/// reader.
#[inline]
fn quick_number<'a>(bytes: &[u8]) -> Option<(Value<'a>, usize)> {
    // Powers of ten that a float holds exactly, as it does a whole number of 15 digits: their quotient is then the
    // nearest float, too.
    const TENS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let digits = |mut value: u64, from: usize| {
        let mut at = from;
        while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
        {
            if at > 15 {
                return None;
            }
            value = value * 10 + u64::from(digit);
            at += 1;
        }
        Some((value, at))
    };
    let (whole, at) = digits(0, 0)?;
    if at == 0 || (at > 1 && bytes.first() == Some(&b'0')) {
        return None;
    }
    match bytes.get(at)? {
        b'.' => {
            let (value, end) = digits(whole, at + 1)?;
            let places = end - at - 1;
            if places == 0 || matches!(bytes.get(end)?, b'e' | b'E') {
                return None;
            }
            Some((Value::Float(value as f64 / TENS.get(places)?), end))
        }
        b'e' | b'E' => None,
        _ => Some((Value::Unsigned(whole), at)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quick_numbers_are_those_of_the_thorough_reader(text in "[0-9]{1,17}(\\.[0-9]{0,17})?([eE][0-9])?[,}]") {
            if let Some((value, len)) = quick_number(text.as_bytes()) {
                let mut reader = Reader::new(&text);
                prop_assert_eq!(reader.value(), Ok(value));
                prop_assert_eq!(reader.position(), len);
            }
        }
    }

    #[test]
    fn usual_numbers_are_quick() {
        let quick = |text: &str| quick_number(text.as_bytes());
        assert_eq!(quick("0,"), Some((Value::Unsigned(0), 1)));
        assert_eq!(quick("1234}"), Some((Value::Unsigned(1234), 4)));
        assert_eq!(quick("0.000443,"), Some((Value::Float(0.000_443), 8)));
        for text in ["01,", "1.,", "1e3,", "-1,", "1", ".5,", "x"] {
            assert_eq!(quick(text), None, "{text}");
        }
    }

    #[test]
    fn balanced_values_are_passed_whole() {
        let pad = " ".repeat(80);
        for value in [r#"{"a":[1,{"b":"}\"]"}]}"#, r#"["\\",{}]"#, r#""a\\\"b""#, "12", "null", "{}", "[]"] {
            for pad in [pad.as_str(), ""] {
                let text = format!("{value},{pad}");
                let mut reader = Reader::new(&text);
                assert_eq!(reader.skip_balanced(), Ok(()), "{text}");
                assert_eq!(reader.position(), value.len(), "{text}");
            }
        }
        for value in ["{\"a\":[1,2}", "{\"a\":\"b}", "[\"\u{1}\"]", "\"abc", "}", "tru"] {
            let text = format!("{value}{}", "x".repeat(80));
            assert!(Reader::new(&text).skip_balanced().is_err(), "{text}");
        }
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        assert_eq!(Reader::new(&deep).skip_balanced(), Err(Fault::TooDeep));
        let mut reader = Reader::new(&deep);
        assert!(reader.skip_deep() && !reader.has_more());
        assert!(!Reader::new(&"[".repeat(5000)).skip_deep());
    }
}
