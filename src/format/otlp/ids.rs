//! Trace and span ids: hex as the protocol wants it, base64 as plain protobuf libraries write bytes, `0x…` as consoles do.

use crate::format::json::Value;
use crate::model::{Id, IdForm, Strings};

/// An id, and whether it is one as the protocol knows them.
pub(in crate::format) fn read(value: &Value<'_>, strings: &mut Strings) -> Option<(Id, bool)> {
    let label = value.label().ok().flatten()?;
    let text = label.trim();
    let text = text.strip_prefix("0x").unwrap_or(text);
    if let Some(id) = Id::parse_binary(text.as_bytes()) {
        return (id.bits() != 0).then_some((id, true));
    }
    if let Some((bits, form)) = base64(text.as_bytes()) {
        return (bits != 0).then_some((Id::from_parts(bits, form), true));
    }
    Id::parse(text, strings).map(|id| (id, false))
}

/// The 8 or 16 bytes behind 12 or 24 characters of base64, in either alphabet.
fn base64(text: &[u8]) -> Option<(u128, IdForm)> {
    let (digits, form, bytes) = match text {
        [digits @ .., b'=', b'='] if text.len() == 24 => (digits, IdForm::Hex32, 16),
        [digits @ .., b'='] if text.len() == 12 => (digits, IdForm::Hex16, 8),
        _ => return None,
    };
    let mut bits = 0u128;
    let mut spare = 0u8;
    for (at, &digit) in digits.iter().enumerate() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        // The last digit has a few bits more than the bytes.
        let left = (bytes * 8usize).saturating_sub(at * 6);
        if left >= 6 {
            bits = bits << 6 | u128::from(value);
        } else {
            bits = bits << left | u128::from(value >> (6 - left));
            spare = value & ((1 << (6 - left)) - 1);
        }
    }
    (spare == 0).then_some((bits, form))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<(String, bool)> {
        let mut strings = Strings::default();
        let (id, good) = read(&Value::Text(text.into()), &mut strings)?;
        Some((id.display(&strings).to_string(), good))
    }

    #[test]
    fn every_spelling_is_the_same_id() {
        let hex = "6513270e269e0d37f2a74de452e6b439";
        for text in [
            hex,
            "ZRMnDiaeDTfyp03kUua0OQ==",
            "0x6513270e269e0d37f2a74de452e6b439",
            "6513270E269E0D37F2A74DE452E6B439",
        ] {
            assert_eq!(shown(text), Some((hex.to_owned(), true)), "{text}");
        }
        for text in ["d23f0824128b2f33", "0j8IJBKLLzM=", "0xd23f0824128b2f33"] {
            assert_eq!(shown(text), Some(("d23f0824128b2f33".to_owned(), true)), "{text}");
        }
        assert_eq!(shown("_-8IJBKLLzM="), shown("/+8IJBKLLzM="));
    }

    #[test]
    fn what_is_no_id_is_none_or_flagged() {
        for text in ["", "0000000000000000", "AAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAA==", "0x"] {
            assert_eq!(shown(text), None, "{text}");
        }
        for text in ["span_12", "0j8IJBKLLzN=", "d23f0824128b2f3", "日本"] {
            assert_eq!(shown(text), Some((text.to_owned(), false)), "{text}");
        }
    }
}
