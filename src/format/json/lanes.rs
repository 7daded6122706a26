//! Sixteen bytes at a time: where the next byte of note stands, and what 64 bytes of JSON hold.

use wide::u8x16;

/// How many bytes stand before the first quote, backslash or control character.
#[inline]
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = chunk(bytes, at) {
        let special = special(chunk);
        if special != 0 {
            return at + special.trailing_zeros() as usize;
        }
        at += 16;
    }
    // The rest once more together with bytes before it, if there are that many.
    if let Some(from) = bytes.len().checked_sub(16)
        && let Some(chunk) = chunk(bytes, from)
    {
        let special = special(chunk) >> (at - from);
        return if special == 0 { bytes.len() } else { at + special.trailing_zeros() as usize };
    }
    let special = |byte: u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    bytes.iter().take_while(|&&byte| !special(byte)).count()
}

/// Longest [`Pattern`], bytes.
const LONGEST: usize = 48;

/// Bytes to compare with what comes next in a text.
#[derive(Clone)]
pub(in crate::format) struct Pattern {
    bytes: [u8; LONGEST],
    len: usize,
    /// The bits that have to be equal in each sixteen.
    wanted: [u32; LONGEST / 16],
}

impl Pattern {
    /// A pattern of these bytes, unless they are too many.
    pub(in crate::format) fn new(bytes: &[u8]) -> Option<Self> {
        let mut pattern = Self { bytes: [0; LONGEST], len: bytes.len(), wanted: [0; LONGEST / 16] };
        pattern.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        for at in 0..bytes.len() {
            pattern.wanted[at / 16] |= 1 << (at % 16);
        }
        Some(pattern)
    }

    /// Its bytes.
    pub(in crate::format) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Whether `text` continues with it at `at`.
    #[inline]
    pub(in crate::format) fn stands_at(&self, at: usize, text: &[u8]) -> bool {
        let [first, second, third] = self.wanted;
        let Some(rest) = text.get(at..) else { return false };
        let Some(window) = rest.first_chunk::<LONGEST>() else { return rest.starts_with(self.bytes()) };
        let same = |n: usize, wanted: u32| {
            let (text, want) = (window.as_chunks::<16>().0[n], self.bytes.as_chunks::<16>().0[n]);
            u8x16::new(text).simd_eq(u8x16::new(want)).to_bitmask() & wanted == wanted
        };
        same(0, first) && (second == 0 || same(1, second)) && (third == 0 || same(2, third))
    }
}

#[inline]
fn chunk(bytes: &[u8], at: usize) -> Option<&[u8; 16]> {
    bytes.get(at..)?.first_chunk()
}

#[inline]
fn special(chunk: &[u8; 16]) -> u32 {
    let bytes = u8x16::new(*chunk);
    let quote = bytes.simd_eq(u8x16::splat(b'"'));
    let backslash = bytes.simd_eq(u8x16::splat(b'\\'));
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    (quote | backslash | control).to_bitmask()
}

/// One bit for each of 64 bytes, the first one lowest.
#[derive(Clone, Copy)]
struct Block {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
    control: bool,
}

impl Block {
    #[inline]
    fn new(bytes: &[u8; 64]) -> Self {
        let mut block = Self { quotes: 0, backslashes: 0, opening: 0, closing: 0, control: false };
        let mut control = u8x16::ZERO;
        let (chunks, _) = bytes.as_chunks::<16>();
        for (n, chunk) in chunks.iter().enumerate() {
            let bytes = u8x16::new(*chunk);
            let mask = |bytes: u8x16| u64::from(bytes.to_bitmask()) << (n * 16);
            // Curly and square brackets differ in one bit.
            let folded = bytes | u8x16::splat(0x20);
            block.quotes |= mask(bytes.simd_eq(u8x16::splat(b'"')));
            block.backslashes |= mask(bytes.simd_eq(u8x16::splat(b'\\')));
            block.opening |= mask(folded.simd_eq(u8x16::splat(b'{')));
            block.closing |= mask(folded.simd_eq(u8x16::splat(b'}')));
            control |= bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        }
        block.control = control.to_bitmask() != 0;
        block
    }

    /// The same without its first `n` bytes.
    #[inline]
    fn skip(self, n: usize) -> Self {
        Self {
            quotes: self.quotes >> n,
            backslashes: self.backslashes >> n,
            opening: self.opening >> n,
            closing: self.closing >> n,
            control: self.control,
        }
    }
}

/// The end of the object, array or string that begins at `start`, by its brackets and quotes alone: brackets balance
/// and no string holds a control character. At most `depth` of them may be open at once.
///
/// `None` where that is not plain to see; a strict reader then has to look.
#[inline]
pub(super) fn balanced_end(bytes: &[u8], start: usize, depth: usize) -> Option<usize> {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let last = bytes.len().checked_sub(64)?;
    let string = bytes.get(start) == Some(&b'"');
    // A string is looked at from behind its quote on.
    let mut at = start + usize::from(string);
    let (mut inside, mut escaped, mut open) = (if string { u64::MAX } else { 0 }, 0u64, 0usize);
    while at < bytes.len() {
        let from = at.min(last);
        let chunk = bytes.get(from..)?.first_chunk::<64>()?;
        let mut block = Block::new(chunk);
        if block.control {
            return None;
        }
        if from < at {
            block = block.skip(at - from);
        }
        let mut quotes = block.quotes;
        if block.backslashes | escaped != 0 {
            // A backslash escapes what follows unless it is escaped itself: runs of odd length do. Runs are told
            // apart by carrying through them, once for those that begin at even places and once for the others.
            let slashes = block.backslashes & !escaped;
            let follows = slashes << 1 | escaped;
            let odd = slashes & !EVEN & !follows;
            let (carried, over) = odd.overflowing_add(slashes);
            escaped = u64::from(over);
            quotes &= !((EVEN ^ carried << 1) & follows);
        }
        if string {
            if quotes != 0 {
                return Some(at + quotes.trailing_zeros() as usize + 1);
            }
        } else {
            let within = prefix_xor(quotes) ^ inside;
            inside = ((within as i64) >> 63) as u64;
            let (opening, mut closing) = (block.opening & !within, block.closing & !within);
            let ends = closing.count_ones() as usize;
            open += opening.count_ones() as usize;
            if open > depth {
                return None;
            }
            let before = open - opening.count_ones() as usize;
            if before <= ends {
                // The brackets may all be closed in here.
                let mut closed = 0;
                while closing != 0 {
                    closed += 1;
                    let bit = closing.trailing_zeros();
                    let opened = before + (opening & ((1 << bit) - 1)).count_ones() as usize;
                    if opened <= closed {
                        return Some(at + bit as usize + 1);
                    }
                    closing &= closing - 1;
                }
            }
            open = open.checked_sub(ends)?;
        }
        at = from + 64;
    }
    None
}

/// Each bit together with all lower ones, by exclusive or: set from an opening quote up to its closing one.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_prefix_ends_at_the_first_special_byte(text in "[a-zé\\\\\"\u{1f} ]{0,80}", plain in 0usize..70) {
            let text = "x".repeat(plain) + &text;
            let want = text.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            prop_assert_eq!(plain_prefix(text.as_bytes()), want.unwrap_or(text.len()));
        }

        #[test]
        fn ends_are_those_of_a_byte_by_byte_reader(
            text in prop::collection::vec(prop::sample::select(vec!["{", "}", "[", "]", "\"", "\\", "\\\"", "x", "xxxxxxx", ":1,"]), 0..120),
            start in 0usize..80,
        ) {
            let text = " ".repeat(start) + "{" + &text.concat();
            let (mut open, mut inside, mut escaped, mut want) = (0, false, false, None);
            for (at, byte) in text.bytes().enumerate().skip(start) {
                match byte {
                    _ if escaped => escaped = false,
                    // What follows a backslash outside a string is no matter: that is no JSON.
                    b'\\' => escaped = true,
                    b'"' => inside = !inside,
                    b'{' | b'[' if !inside => open += 1,
                    b'}' | b']' if !inside => open -= 1,
                    _ => {}
                }
                if open == 0 {
                    want = Some(at + 1);
                    break;
                }
            }
            let value = text.get(start..want.unwrap_or(start)).unwrap_or_default();
            if text.contains('\\') && serde_json::from_str::<serde::de::IgnoredAny>(value).is_err() {
                return Ok(());
            }
            let found = balanced_end(text.as_bytes(), start, 1000);
            prop_assert!(found == want || (text.len() < 64 && found.is_none()), "{:?} {:?} {}", found, want, text);
        }

        #[test]
        fn strings_end_where_serde_says(text in any::<String>(), before in 0usize..70, after in "[^\u{0}-\u{1f}]{0,70}") {
            let json = serde_json::to_string(&text).unwrap();
            let line = " ".repeat(before) + &json + &after;
            let found = balanced_end(line.as_bytes(), before, 1);
            prop_assert!(found == Some(before + json.len()) || (line.len() < 64 && found.is_none()));
        }
    }

    #[test]
    fn patterns_are_compared_to_their_length() {
        let bytes = b",\"parent_span_id\":,\"a_rather_long_name\": ";
        assert!(Pattern::new(&[b'x'; LONGEST + 1]).is_none());
        for pad in [0, 80] {
            for len in 0..=bytes.len() {
                let line = [b"{\"a\":1".as_slice(), &bytes[..len], &vec![b'x'; pad]].concat();
                let pattern = Pattern::new(&bytes[..len]).unwrap();
                assert_eq!(pattern.bytes(), &bytes[..len]);
                assert!(pattern.stands_at(6, &line));
                assert!(len == 0 || !pattern.stands_at(5, &line));
                assert!(!pattern.stands_at(line.len() + 1, &line));
                let longer = Pattern::new(&bytes[..(len + 1).min(bytes.len())]).unwrap();
                assert_eq!(longer.stands_at(6, &line), len == bytes.len());
            }
        }
    }
}
