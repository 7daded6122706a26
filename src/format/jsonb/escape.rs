//! Text and numbers between JSON, JSON5 and plain.

use std::fmt::Write as _;

/// Appends `text` as a JSON string.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(text.get(plain..at).unwrap_or_default());
        plain = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}

/// The text behind JSON or JSON5 escapes. Lone surrogates and escapes that say nothing become U+FFFD.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        let Some(escape) = rest.chars().next() else {
            out.push(char::REPLACEMENT_CHARACTER);
            return out;
        };
        rest = rest.get(escape.len_utf8()..).unwrap_or_default();
        match escape {
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            '0' => out.push('\0'),
            'x' => {
                out.push(hex(&mut rest, 2).and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            'u' => out.push(unicode(&mut rest)),
            // A line that goes on; carriage return and line feed are one end.
            '\n' | '\u{2028}' | '\u{2029}' => {}
            '\r' => rest = rest.strip_prefix('\n').unwrap_or(rest),
            other => out.push(other),
        }
    }
    out.push_str(rest);
    out
}

fn hex(rest: &mut &str, digits: usize) -> Option<u32> {
    let text = rest.get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    *rest = rest.get(digits..)?;
    u32::from_str_radix(text, 16).ok()
}

fn unicode(rest: &mut &str) -> char {
    let Some(first) = hex(rest, 4) else { return char::REPLACEMENT_CHARACTER };
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    let mut ahead = rest.strip_prefix("\\u").unwrap_or_default();
    match hex(&mut ahead, 4) {
        Some(second @ 0xDC00..=0xDFFF) => {
            *rest = ahead;
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// Whether text is a number by JSON's grammar.
pub(super) fn is_number(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.starts_with('0')) {
        return false;
    }
    let mut rest = rest.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = fraction.get(count..).unwrap_or_default();
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

/// A JSON5 hexadecimal integer as a JSON number.
pub(super) fn number_from_hex(text: &str) -> Option<String> {
    let (minus, digits) = sign(text);
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = match u64::from_str_radix(digits, 16) {
        Ok(number) => number.to_string(),
        Err(_) => return Some("null".to_owned()),
    };
    Some(if minus { format!("-{number}") } else { number })
}

/// A JSON5 float (`.5`, `5.`, `+1`, `Infinity`) as a JSON number.
pub(super) fn number_from_json5(text: &str) -> Option<String> {
    let (minus, rest) = sign(text);
    if ["infinity", "inf", "nan", "qnan", "snan"].iter().any(|word| rest.eq_ignore_ascii_case(word)) {
        return Some("null".to_owned());
    }
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    let number = format!("{}{whole}.{fraction}{exponent}", if minus { "-" } else { "" });
    is_number(&number).then_some(number)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}
