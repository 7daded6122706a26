//! A line of text being typed.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::config::{Key, KeyName};

/// Longest text that is taken, bytes; the filter language takes 8 KiB.
const MAX: usize = 8 * 1024;

/// Text with a cursor, which stands between grapheme clusters.
#[derive(Clone, Debug, Default)]
pub struct TextInput {
    text: String,
    /// Byte position.
    cursor: usize,
}

impl TextInput {
    /// Starts with a text, cursor at its end.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.len() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The byte position of the cursor.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Puts text in at the cursor, without control characters.
    pub fn insert(&mut self, text: &str) {
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        if self.text.len() + clean.len() <= MAX {
            self.text.insert_str(self.cursor, &clean);
            self.cursor += clean.len();
        }
    }

    /// Replaces a stretch of bytes with a text and puts the cursor behind it.
    pub fn replace(&mut self, range: std::ops::Range<usize>, with: &str) {
        if self.text.get(range.clone()).is_some() {
            self.text.replace_range(range.clone(), with);
            self.cursor = range.start + with.len();
        }
    }

    /// Takes a key that edits. Returns whether the key was one.
    pub fn key(&mut self, key: Key) -> bool {
        match key {
            Key { name: KeyName::Char('a'), ctrl: true, .. } | Key { name: KeyName::Home, .. } => {
                self.cursor = 0;
            }
            Key { name: KeyName::Char('e'), ctrl: true, .. } | Key { name: KeyName::End, .. } => {
                self.cursor = self.text.len();
            }
            Key { name: KeyName::Char('u'), ctrl: true, .. } => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            Key { name: KeyName::Char('k'), ctrl: true, .. } => self.text.truncate(self.cursor),
            Key { name: KeyName::Char('w'), ctrl: true, .. } => {
                let from = self.word_before();
                self.text.drain(from..self.cursor);
                self.cursor = from;
            }
            Key { name: KeyName::Left, ctrl: true, .. } => self.cursor = self.word_before(),
            Key { name: KeyName::Left, .. } => self.cursor = self.before(),
            Key { name: KeyName::Right, .. } => self.cursor = self.after(),
            Key { name: KeyName::Backspace, .. } => {
                let from = self.before();
                self.text.drain(from..self.cursor);
                self.cursor = from;
            }
            Key { name: KeyName::Delete, .. } => {
                let to = self.after();
                self.text.drain(self.cursor..to);
            }
            Key { name: KeyName::Char(c), ctrl: false, alt: false, .. } => {
                self.insert(c.encode_utf8(&mut [0; 4]));
            }
            _ => return false,
        }
        true
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.text[self.cursor..]
            .graphemes(true)
            .next()
            .map_or(self.cursor, |cluster| self.cursor + cluster.len())
    }

    fn word_before(&self) -> usize {
        let head = self.text[..self.cursor].trim_end();
        head.rfind(char::is_whitespace)
            .map_or(0, |at| at + head[at..].chars().next().map_or(1, char::len_utf8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(input: &mut TextInput, keys: &str) {
        for key in keys.split_whitespace() {
            assert!(input.key(Key::parse(key).expect("a key")), "{key}");
        }
    }

    #[test]
    fn editing_respects_clusters() {
        let mut input = TextInput::new("e\u{301}🦀x");
        typed(&mut input, "left backspace");
        assert_eq!(input.text(), "e\u{301}x");
        typed(&mut input, "backspace");
        assert_eq!(input.text(), "x");
        typed(&mut input, "home a b delete");
        assert_eq!(input.text(), "ab");
    }

    #[test]
    fn words_are_deleted_backwards() {
        let mut input = TextInput::new("model:gpt-4o  cost>1 ");
        typed(&mut input, "ctrl-w");
        assert_eq!(input.text(), "model:gpt-4o  ");
        typed(&mut input, "ctrl-w");
        assert_eq!(input.text(), "");
    }

    #[test]
    fn controls_are_not_taken() {
        let mut input = TextInput::default();
        input.insert("a\x1b[31m\nb");
        assert_eq!(input.text(), "a[31mb");
    }
}
