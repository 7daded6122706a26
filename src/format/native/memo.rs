//! What lines repeat: looked up once and then only compared.

use super::keys::Key;
use crate::model::{Strings, Symbol};

/// The last value of each key.
pub(super) struct Memo {
    symbols: [Symbol; Key::COUNT],
}

impl Default for Memo {
    fn default() -> Self {
        Self { symbols: [Symbol::NONE; Key::COUNT] }
    }
}

impl Memo {
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
