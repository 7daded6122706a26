//! Trace and span ids: 128 bits and the way they were written.
//!
//! Ids of the field are 16 or 32 hex digits (OpenTelemetry) or UUIDs; anything else is accepted as text. Two ids
//! are the same id when their value is the same: letter case and the dashes of a UUID do not matter. The form is
//! kept only so that an id is shown the way its source spells it.

use std::fmt;
use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use super::symbol::{Strings, Symbol};

/// How an id was spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdForm {
    /// 16 hex digits.
    Hex16,
    /// 32 hex digits.
    Hex32,
    /// 32 hex digits in five groups.
    Uuid,
    /// Anything else; the text is interned.
    Text(Symbol),
}

/// A trace, span or run id. Equality and hashing look at the value alone, never at the spelling.
#[derive(Clone, Copy, Debug)]
pub struct Id {
    /// Its halves, the higher one first: a whole would stand at every sixteenth byte only, and updates would grow.
    halves: [u64; 2],
    form: IdForm,
}

impl Id {
    /// Reads an id. Empty text, all zeros and `null` mean "none" in every format that was measured.
    pub fn parse(text: &str, strings: &mut Strings) -> Option<Self> {
        // What nearly every id looks like, first.
        if let Some(id) = Self::parse_binary(text.as_bytes()) {
            return (id.halves != [0; 2]).then_some(id);
        }
        let text = text.trim();
        if text.is_empty() || text.bytes().all(|b| b == b'0') {
            return None;
        }
        if let Some(id) = Self::parse_binary(text.as_bytes()) {
            return (id.halves != [0; 2]).then_some(id);
        }
        Some(Self::from_parts(hash_text(text.as_bytes()), IdForm::Text(strings.intern(text))))
    }

    /// Reads an id that is known to be hex or a UUID.
    pub fn parse_binary(text: &[u8]) -> Option<Self> {
        let (form, bits) = if let Ok(digits) = <&[u8; 16]>::try_from(text) {
            (IdForm::Hex16, hex16(digits)?.into())
        } else if let Ok(digits) = <&[u8; 32]>::try_from(text) {
            (IdForm::Hex32, hex32(digits)?)
        } else {
            let text = <&[u8; 36]>::try_from(text).ok()?;
            if [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
                return None;
            }
            let mut digits = [0u8; 32];
            digits[..8].copy_from_slice(&text[..8]);
            digits[8..12].copy_from_slice(&text[9..13]);
            digits[12..16].copy_from_slice(&text[14..18]);
            digits[16..20].copy_from_slice(&text[19..23]);
            digits[20..].copy_from_slice(&text[24..]);
            (IdForm::Uuid, hex32(&digits)?)
        };
        Some(Self::from_parts(bits, form))
    }

    /// An id that no source wrote, made from parts that are stable across reads.
    pub fn synthetic(parts: &[&[u8]]) -> Self {
        let mut bits = 0u128;
        for part in parts {
            bits = bits.rotate_left(23) ^ hash_text(part);
            bits = bits.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        }
        Self::from_parts(bits | 1, IdForm::Hex16).narrowed()
    }

    /// Builds an id from its stored parts.
    pub fn from_parts(bits: u128, form: IdForm) -> Self {
        Self { halves: [(bits >> 64) as u64, bits as u64], form }
    }

    /// The 128-bit value.
    pub fn bits(self) -> u128 {
        let [high, low] = self.halves;
        u128::from(high) << 64 | u128::from(low)
    }

    /// The spelling.
    pub fn form(self) -> IdForm {
        self.form
    }

    /// The same id with its text symbol moved to another string table.
    #[must_use]
    pub fn remap(self, map: impl Fn(Symbol) -> Symbol) -> Self {
        match self.form {
            IdForm::Text(symbol) => Self { halves: self.halves, form: IdForm::Text(map(symbol)) },
            _ => self,
        }
    }

    /// The id as its source spells it (lower case).
    pub fn display(self, strings: &Strings) -> IdDisplay<'_> {
        IdDisplay { id: self, strings }
    }

    fn narrowed(mut self) -> Self {
        let [high, low] = self.halves;
        self.halves = [0, (high ^ low).max(1)];
        self
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.halves == other.halves
    }
}
impl Eq for Id {}
impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits().hash(state);
    }
}
impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Id {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.halves.cmp(&other.halves)
    }
}

/// Writes an id in its own spelling.
pub struct IdDisplay<'a> {
    id: Id,
    strings: &'a Strings,
}

impl fmt::Display for IdDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.id.bits();
        match self.id.form {
            IdForm::Hex16 => write!(f, "{:016x}", bits as u64),
            IdForm::Hex32 => write!(f, "{bits:032x}"),
            IdForm::Uuid => write!(
                f,
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                (bits >> 96) as u32,
                (bits >> 80) as u16,
                (bits >> 64) as u16,
                (bits >> 48) as u16,
                bits & 0xFFFF_FFFF_FFFF
            ),
            IdForm::Text(symbol) => f.write_str(self.strings.get(symbol)),
        }
    }
}

fn hex32(digits: &[u8; 32]) -> Option<u128> {
    let (halves, _) = digits.as_chunks::<16>();
    let [high, low] = halves else { return None };
    Some(u128::from(hex16(high)?) << 64 | u128::from(hex16(low)?))
}

fn hex16(digits: &[u8; 16]) -> Option<u64> {
    let (halves, _) = digits.as_chunks::<8>();
    let [high, low] = halves else { return None };
    Some(hex8(*high)? << 32 | hex8(*low)?)
}

/// Eight hex digits at once, each in a byte of one word.
fn hex8(digits: [u8; 8]) -> Option<u64> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let word = u64::from_be_bytes(digits);
    // The top bit of each byte that is at least `limit`; true for ASCII alone, which is checked first.
    let from = |word: u64, limit: u8| word.wrapping_add(ONES * u64::from(0x80 - limit)) & TOPS;
    let folded = word | ONES << 5;
    let number = from(word, b'0') & !from(word, b'9' + 1);
    let letter = from(folded, b'a') & !from(folded, b'f' + 1);
    if word & TOPS != 0 || number | letter != TOPS {
        return None;
    }
    let values = (word & (ONES * 0xf)) + (letter >> 7) * 9;
    // Neighbours close up: two digits in two bytes, four in four, eight in eight.
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((fours | fours >> 16) & 0xffff_ffff)
}

/// Two independent 64-bit hashes; the same on every machine and in every run.
fn hash_text(bytes: &[u8]) -> u128 {
    let mut halves = [0x243F_6A88_85A3_08D3u64, 0x1319_8A2E_0370_7344].map(|seed| {
        let mut hasher = FxHasher::default();
        hasher.write_u64(seed);
        hasher.write(bytes);
        hasher.write_usize(bytes.len());
        mix(hasher.finish() ^ seed)
    });
    for &byte in bytes {
        halves[0] = mix(halves[0] ^ u64::from(byte));
        halves[1] = halves[1].wrapping_mul(0x0000_0100_0000_01B3) ^ u64::from(byte);
    }
    u128::from(halves[0]) << 64 | u128::from(mix(halves[1]))
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<String> {
        let mut strings = Strings::default();
        Id::parse(text, &mut strings).map(|id| id.display(&strings).to_string())
    }

    #[test]
    fn ids_are_shown_as_they_were_spelled() {
        for text in [
            "b7ad6b7169203331",
            "0af7651916cd43dd8448eb211c80319c",
            "029e2081-aac8-48cd-a2bd-55dabab8c6e6",
            "workflow-1770224400000-3ab4b3b",
            "日本🦀",
            "x",
        ] {
            assert_eq!(parse(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn empty_and_zero_ids_mean_none() {
        for text in ["", " ", "0", "0000000000000000", "00000000-0000-0000-0000-000000000000"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn case_and_dashes_do_not_make_another_id() {
        let mut strings = Strings::default();
        let mut id = |text| Id::parse(text, &mut strings);
        assert_eq!(id("029E2081-AAC8-48CD-A2BD-55DABAB8C6E6"), id("029e2081aac848cda2bd55dabab8c6e6"));
        assert_ne!(id("run-1"), id("run-2"));
        assert_ne!(id("abc"), id("abC"));
    }

    #[test]
    fn hex_digits_are_read_as_such_and_nothing_else_is() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut digits = *b"09afAF5c";
                digits[at] = byte;
                let want = std::str::from_utf8(&digits)
                    .ok()
                    .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
                    .and_then(|text| u64::from_str_radix(text, 16).ok());
                assert_eq!(hex8(digits), want, "{digits:?}");
            }
        }
        let id = Id::parse_binary(b"029e2081-aac8-48cd-a2bd-55dabab8c6e6").map(Id::bits);
        assert_eq!(id, Some(0x029e_2081_aac8_48cd_a2bd_55da_bab8_c6e6));
    }

    #[test]
    fn synthetic_ids_depend_on_every_part() {
        let id = |parts: &[&[u8]]| Id::synthetic(parts);
        assert_eq!(id(&[b"a", b"1"]), id(&[b"a", b"1"]));
        assert_ne!(id(&[b"a", b"1"]), id(&[b"1", b"a"]));
        assert_ne!(id(&[b"a1"]), id(&[b"a", b"1"]));
    }
}
