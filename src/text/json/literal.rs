//! JSON string literals: where they end, what they say, how to write them.

use std::borrow::Cow;
use std::fmt::Write as _;

use memchr::{memchr, memchr2};

/// The end (after the closing quote) of the string literal whose opening quote is at `open`; `None` when it never ends.
pub(crate) fn literal_end(text: &str, open: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = open + 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The text of a JSON string literal with its quotes; `None` when `json` is something else.
pub fn string_value(json: &str) -> Option<Cow<'_, str>> {
    let json = json.trim();
    let inner = json.strip_prefix('"')?;
    (literal_end(json, 0)? == json.len()).then(|| unquote(inner.strip_suffix('"').unwrap_or(inner)))
}

/// The text that the inside of a string literal stands for. Lone surrogates become U+FFFD; an escape that JSON doesn't
/// have stays as it is.
pub fn unquote(inner: &str) -> Cow<'_, str> {
    let Some(first) = memchr(b'\\', inner.as_bytes()) else {
        return Cow::Borrowed(inner);
    };
    let mut text = String::with_capacity(inner.len());
    let (clean, mut rest) = inner.split_at(first);
    text.push_str(clean);
    while let Some(escape) = rest.strip_prefix('\\') {
        let after = match escape.as_bytes().first() {
            Some(b'u') => unicode_escape(rest, &mut text),
            Some(&letter) => simple_escape(letter).and_then(|c| {
                text.push(c);
                rest.get(2..)
            }),
            None => None,
        };
        let next = after.unwrap_or_else(|| {
            text.push('\\');
            escape
        });
        let stop = memchr(b'\\', next.as_bytes()).unwrap_or(next.len());
        let (clean, tail) = next.split_at(stop);
        text.push_str(clean);
        rest = tail;
    }
    Cow::Owned(text)
}

fn simple_escape(letter: u8) -> Option<char> {
    Some(match letter {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    })
}

/// Reads `\uXXXX`, or two of them for one character, at the start of `rest`; gives what follows.
fn unicode_escape<'t>(rest: &'t str, text: &mut String) -> Option<&'t str> {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 6)?.strip_prefix("\\u")?;
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hex { u32::from_str_radix(digits, 16).ok() } else { None }
    };
    let high = unit(0)?;
    if (0xd800..0xdc00).contains(&high)
        && let Some(low) = unit(6).filter(|low| (0xdc00..0xe000).contains(low))
    {
        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return rest.get(12..);
    }
    text.push(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest.get(6..)
}

/// `text` as a JSON string literal with its quotes.
pub fn quote(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => {
                // Writing to a string can't fail.
                let _ = write!(literal, "\\u{:04x}", c as u32);
            }
            _ => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(unquote(r#"a\n\t\"\\\/\u0041\ud83d\ude00"#), "a\n\t\"\\/A😀");
        assert_eq!(unquote(r"\ud83d x \ude00\ud83d\u0041"), "\u{fffd} x \u{fffd}\u{fffd}A");
        assert_eq!(unquote(r"\q \u12 \u+123 \"), r"\q \u12 \u+123 \");
        assert!(matches!(unquote("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn only_whole_literals_have_a_value() {
        assert_eq!(string_value(r#" "a\"b" "#).as_deref(), Some("a\"b"));
        for not in ["", "\"", "\"a", "a", "\"a\"b\"", "{}", r#""\""#, "\"a\" \"b\""] {
            assert_eq!(string_value(not), None, "{not}");
        }
    }

    proptest! {
        #[test]
        fn quoting_is_undone_and_agrees_with_serde(text in any::<String>(), noise in "[\\\\u\"dD8c0-9é]{0,30}") {
            let literal = quote(&text);
            prop_assert_eq!(string_value(&literal).unwrap(), text.as_str());
            prop_assert_eq!(serde_json::from_str::<String>(&literal).unwrap(), text);
            if let Ok(value) = serde_json::from_str::<String>(&format!("\"{noise}\"")) {
                prop_assert_eq!(unquote(&noise), value);
            }
            let _ = string_value(&noise);
        }
    }
}
