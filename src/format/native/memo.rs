//! What lines repeat: looked up once and then only compared.

use super::keys::{self, Key};
use super::record::{Taker, View};
use crate::format::json::Value;
use crate::model::{LastMinute, SpanKind, Status, Strings, Symbol, UnixNanos};

/// What was looked up last.
pub(super) struct Memo {
    /// The last text of each key.
    symbols: [Symbol; Key::COUNT],
    kinds: Words<Option<SpanKind>>,
    statuses: Words<Status>,
    minutes: [LastMinute; 4],
}

impl Default for Memo {
    fn default() -> Self {
        Self {
            symbols: [Symbol::NONE; Key::COUNT],
            kinds: Words::new(None),
            statuses: Words::new(Status::Unknown),
            minutes: [LastMinute::default(); 4],
        }
    }
}

/// Words with what they mean, each in the one place that its letters give it.
struct Words<T>([Word<T>; 16]);

#[derive(Clone, Copy)]
struct Word<T> {
    text: [u8; 24],
    len: u8,
    meaning: T,
}

impl<T: Copy> Words<T> {
    fn new(meaning: T) -> Self {
        Self([Word { text: [0; 24], len: 0, meaning }; 16])
    }

    #[inline]
    fn look_up(&mut self, word: &str, find: impl FnOnce(&str) -> T) -> T {
        let bytes = word.as_bytes();
        let ([first, ..], 1..=24) = (bytes, bytes.len()) else { return find(word) };
        let last = bytes.last().unwrap_or(first);
        let at = (usize::from(*first) + usize::from(*last) + bytes.len()) % self.0.len();
        let known = &mut self.0[at];
        if known.text.get(..usize::from(known.len)) != Some(bytes) {
            *known = Word { text: [0; 24], len: bytes.len() as u8, meaning: find(word) };
            if let Some(text) = known.text.get_mut(..bytes.len()) {
                text.copy_from_slice(bytes);
            }
        }
        known.meaning
    }
}

impl Memo {
    /// The kind behind a source's word.
    pub(super) fn kind(&mut self, word: &str) -> Option<SpanKind> {
        self.kinds.look_up(word, keys::kind)
    }

    /// The status behind a source's word.
    pub(super) fn status(&mut self, word: &str) -> Status {
        self.statuses.look_up(word, known_word)
    }

    /// A point in time.
    #[inline]
    pub(super) fn time(&mut self, key: Key, take: &mut Taker<'_>) -> Option<UnixNanos> {
        let last = &mut self.minutes[key as usize % 4];
        let quick = take.record.text(key).and_then(|text| last.parse(text));
        quick.or_else(|| take.take(key, Value::time))
    }

    /// When the record was written; what is no time there is no matter.
    #[inline]
    pub(super) fn written(&mut self, record: View<'_>) -> Option<UnixNanos> {
        let last = &mut self.minutes[Key::Written as usize % 4];
        let quick = record.text(Key::Written).and_then(|text| last.parse(text));
        quick.or_else(|| record.get(Key::Written).time().ok().flatten())
    }

    /// The symbol of a key's text, which often is the text it had before.
    pub(super) fn intern(&mut self, key: Key, text: &str, strings: &mut Strings) -> Symbol {
        let Some(last) = self.symbols.get_mut(key as usize) else { return strings.intern(text) };
        // Another table may have another text at this place: the comparison tells.
        if text.is_empty() || strings.get(*last) != text {
            *last = strings.intern(text);
        }
        *last
    }
}

fn known_word(word: &str) -> Status {
    // A long word is none of ours, and folding it would cost its length.
    if word.len() > 64 { Status::Unknown } else { Status::from_source_word(word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_words_mean_what_they_mean() {
        let mut memo = Memo::default();
        let long = "tool".repeat(20);
        for _ in 0..2 {
            // The first and last letters and the lengths are the same.
            for word in
                ["failed", "fabled", "TOOL", "T__L", "", "x", &long, "workflow_run", "wxxxxxxxxxxn", "日本"]
            {
                assert_eq!(memo.kind(word), keys::kind(word), "{word}");
                assert_eq!(memo.status(word), Status::from_source_word(word), "{word}");
            }
        }
    }

    #[test]
    fn symbols_of_another_table_are_no_matter() {
        let mut memo = Memo::default();
        let (mut one, mut other) = (Strings::default(), Strings::default());
        other.intern("x");
        for text in ["a", "a", "b", ""] {
            for strings in [&mut one, &mut other] {
                let symbol = memo.intern(Key::Name, text, strings);
                assert_eq!(strings.get(symbol), text);
            }
        }
    }
}
