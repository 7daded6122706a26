//! A set of rows, a bit each.

/// Rows by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
    /// No word at or after this has a bit.
    end: usize,
}

impl Bits {
    pub(super) fn has(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Rows `64 * at` to `64 * at + 63`.
    #[inline]
    pub(super) fn word(&self, at: usize) -> u64 {
        self.words.get(at).copied().unwrap_or_default()
    }

    #[inline]
    pub(super) fn set_word(&mut self, at: usize, word: u64) {
        if self.words.len() <= at {
            if word == 0 {
                return;
            }
            self.words.resize(at + 1, 0);
        }
        self.words[at] = word;
        if word != 0 {
            self.end = self.end.max(at + 1);
        }
    }

    /// Puts a row in. Returns whether it is new.
    pub(super) fn insert(&mut self, row: usize) -> bool {
        let (word, bit) = (self.word(row / 64), 1 << (row % 64));
        self.set_word(row / 64, word | bit);
        word & bit == 0
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, row: usize) {
        let word = self.word(row / 64);
        self.set_word(row / 64, word & !(1 << (row % 64)));
    }

    /// Takes all out.
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.end = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().take(self.end).all(|word| *word == 0)
    }

    pub(super) fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Takes the highest row out.
    pub(super) fn take_last(&mut self) -> Option<usize> {
        while self.end > 0 {
            let word = &mut self.words[self.end - 1];
            if *word != 0 {
                let at = 63 - word.leading_zeros() as usize;
                *word &= !(1 << at);
                return Some((self.end - 1) * 64 + at);
            }
            self.end -= 1;
        }
        None
    }

    /// The first word with a bit at or after `from`, going round once.
    pub(super) fn next_word(&self, from: usize) -> Option<usize> {
        let held = self.words.get(..self.end).unwrap_or_default();
        let from = from.min(held.len());
        let after = held.iter().skip(from).position(|word| *word != 0).map(|at| from + at);
        after.or_else(|| held.iter().take(from).position(|word| *word != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_from_the_end() {
        let mut bits = Bits::default();
        bits.set_word(3, 1 << 63 | 1);
        bits.set_word(0, 1 << 5);
        assert!(bits.has(5) && bits.has(192) && !bits.has(6) && !bits.has(10_000));
        assert_eq!(
            (bits.count(), bits.is_empty(), bits.next_word(1), bits.next_word(4)),
            (3, false, Some(3), Some(0))
        );
        let mut out = Vec::new();
        while let Some(row) = bits.take_last() {
            out.push(row);
        }
        assert_eq!(out, [255, 192, 5]);
        assert!(bits.is_empty());
        assert_eq!(bits.next_word(0), None);
    }
}
