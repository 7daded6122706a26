//! Interned strings: one `u32` wherever a name repeats.

use std::hash::Hasher as _;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

/// A string in a [`Strings`] table. `Symbol::NONE` stands for "absent" and reads as the empty string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(u32);

impl Symbol {
    /// The absent string.
    pub const NONE: Self = Self(0);

    /// Whether a string is present.
    pub fn is_some(self) -> bool {
        self.0 != 0
    }

    /// Whether the string is absent.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Position in its table, 0 for the absent string.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The symbol at a position of its table.
    pub fn from_index(index: usize) -> Self {
        Self(index as u32)
    }
}

/// Longest interned string, bytes. Names are labels; whatever is longer is cut here with an ellipsis and stays whole
/// in the payload.
pub const MAX_INTERNED: usize = 1024;

/// A table of distinct strings in one allocation.
#[derive(Clone, Debug)]
pub struct Strings {
    text: String,
    ends: Vec<u32>,
    table: HashTable<u32>,
}

impl Default for Strings {
    fn default() -> Self {
        Self { text: String::new(), ends: vec![0], table: HashTable::new() }
    }
}

impl Strings {
    /// The symbol of `text`, added when it is new. The empty string is [`Symbol::NONE`].
    pub fn intern(&mut self, text: &str) -> Symbol {
        if text.is_empty() {
            return Symbol::NONE;
        }
        if text.len() > MAX_INTERNED {
            return self.intern(&cut(text));
        }
        let hash = hash(text);
        if let Some(&found) = self.table.find(hash, |&at| self.at(at) == text) {
            return Symbol(found);
        }
        let symbol = self.ends.len() as u32;
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
        let (body, ends) = (&self.text, &self.ends);
        self.table.insert_unique(hash, symbol, |&at| hash_at(body, ends, at));
        Symbol(symbol)
    }

    /// The symbol of `text` if it is in the table.
    pub fn find(&self, text: &str) -> Option<Symbol> {
        if text.is_empty() {
            return Some(Symbol::NONE);
        }
        self.table.find(hash(text), |&at| self.at(at) == text).map(|&found| Symbol(found))
    }

    /// The text of a symbol; empty for [`Symbol::NONE`] and for a symbol of another table.
    pub fn get(&self, symbol: Symbol) -> &str {
        if symbol.index() < self.ends.len() { self.at(symbol.0) } else { "" }
    }

    /// Number of symbols, the absent one included: valid indices are below it.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nothing was interned yet.
    pub fn is_empty(&self) -> bool {
        self.ends.len() == 1
    }

    /// Every symbol with its text, the absent one excluded.
    pub fn iter(&self) -> impl Iterator<Item = (Symbol, &str)> {
        (1..self.ends.len() as u32).map(|at| (Symbol(at), self.at(at)))
    }

    /// Forgets all strings but keeps the allocations.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.truncate(1);
        self.table.clear();
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 4 + self.table.capacity() * 5
    }

    fn at(&self, at: u32) -> &str {
        slice(&self.text, &self.ends, at)
    }
}

fn slice<'a>(text: &'a str, ends: &[u32], at: u32) -> &'a str {
    let at = at as usize;
    if at == 0 {
        return "";
    }
    &text[ends[at - 1] as usize..ends[at] as usize]
}

fn hash_at(text: &str, ends: &[u32], at: u32) -> u64 {
    hash(slice(text, ends, at))
}

fn hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

fn cut(text: &str) -> String {
    let mut end = MAX_INTERNED - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_text_is_one_symbol() {
        let mut strings = Strings::default();
        let symbols: Vec<_> = (0..5000).map(|i| strings.intern(&format!("name-{}", i % 1000))).collect();
        assert_eq!(strings.len(), 1001);
        assert_eq!(symbols[7], symbols[1007]);
        assert_eq!(strings.get(symbols[42]), "name-42");
        assert_eq!(strings.find("name-999"), Some(symbols[999]));
        assert_eq!(strings.find("nope"), None);
        assert_eq!(strings.intern(""), Symbol::NONE);
    }

    #[test]
    fn long_text_is_cut_with_a_mark() {
        let mut strings = Strings::default();
        let symbol = strings.intern(&"é".repeat(5000));
        assert!(strings.get(symbol).len() <= MAX_INTERNED);
        assert!(strings.get(symbol).ends_with('…'));
    }
}
