//! Strings as JSON writes them.

use std::borrow::Cow;

/// A string as it is written, without its quotes.
#[derive(Clone, Copy)]
pub(super) struct Str<'a> {
    pub(super) raw: &'a str,
    pub(super) escaped: bool,
}

impl<'a> Str<'a> {
    /// The string itself.
    #[inline]
    pub(super) fn decode(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

/// Resolves the escapes of a checked string; a surrogate without its partner becomes U+FFFD.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, tail)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('u') => {
                let high = hex4(chars.as_str());
                chars = skip(chars.as_str(), 4);
                let low = chars.as_str().strip_prefix("\\u").map(hex4);
                let pair = match (high, low) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                    }
                    _ => None,
                };
                if pair.is_some() {
                    chars = skip(chars.as_str(), 6);
                }
                text.push(pair.or_else(|| char::from_u32(high)).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(plain) => text.push(plain),
            None => {}
        }
        rest = chars.as_str();
    }
    text.push_str(rest);
    text
}

fn hex4(text: &str) -> u32 {
    text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0xfffd)
}

fn skip(text: &str, bytes: usize) -> std::str::Chars<'_> {
    text.get(bytes..).unwrap_or_default().chars()
}
