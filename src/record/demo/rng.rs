//! A small generator of pseudo-random numbers (`SplitMix64`), so that a seed always tells the same story.

/// The state; cloning it repeats the sequence.
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed ^ 0x6A09_E667_F3BC_C908)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// A generator whose sequence is its own.
    pub(super) fn fork(&mut self) -> Self {
        Self::new(self.next())
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn range(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).max(0) as u64 + 1;
        low.saturating_add(((u128::from(self.next()) * u128::from(span)) >> 64) as i64)
    }

    /// Like [`Rng::range`], small numbers being likelier: most things are quick, a few take long.
    pub(super) fn skewed(&mut self, low: i64, high: i64) -> i64 {
        self.range(low, high).min(self.range(low, high))
    }

    /// True in `percent` of 100 cases.
    pub(super) fn chance(&mut self, percent: i64) -> bool {
        self.range(1, 100) <= percent
    }

    /// One of the items.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.range(0, items.len().saturating_sub(1) as i64) as usize)
    }

    /// One of some words.
    pub(super) fn word<'a>(&mut self, words: &[&'a str]) -> &'a str {
        self.pick(words).copied().unwrap_or_default()
    }

    /// A version 4 UUID.
    pub(super) fn uuid(&mut self) -> String {
        let mut out = String::with_capacity(36);
        self.push_uuid(&mut out);
        out
    }

    /// Appends a version 4 UUID.
    pub(super) fn push_uuid(&mut self, out: &mut String) {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        let bits = (bits & !(0xF << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
        for nibble in (0..32).rev() {
            if matches!(nibble, 23 | 19 | 15 | 11) {
                out.push('-');
            }
            let digit = (bits >> (nibble * 4)) as u32 & 0xF;
            out.push(char::from_digit(digit, 16).unwrap_or('0'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_ranges_hold() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        for _ in 0..1_000 {
            let n = a.range(-3, 9);
            assert_eq!(n, b.range(-3, 9));
            assert!((-3..=9).contains(&n));
        }
        assert_ne!(Rng::new(1).next(), Rng::new(2).next());
        assert_eq!(a.pick::<u8>(&[]), None);
    }

    #[test]
    fn uuids_are_version_4() {
        let uuid = Rng::new(1).uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
        assert!(crate::model::Id::parse_binary(uuid.as_bytes()).is_some());
    }
}
