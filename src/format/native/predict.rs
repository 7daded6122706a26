//! Keys come in the same order line after line: what was between two values once is likely there again.
//!
//! A token is the text from behind one value up to the next, `,"name":` say, blanks included. Each token remembers
//! which ones followed it last. Where one of these comes next, the key's meaning is known without reading it.

use std::hash::Hasher as _;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::record::{Level, Meaning};
use crate::format::json::{Pattern, Reader};

/// Successors that are remembered.
const WAYS: usize = 4;
/// Tokens that are remembered.
const MOST: usize = 240;
/// No token.
const NONE: u8 = u8::MAX;
/// What a wrong guess costs; a right one brings one back. Without credit nothing is learnt, for a while.
const PRICE: u32 = 3;
const CREDIT: u32 = 600;

/// What came before the next key: a token, and whether the object that it introduced was left already.
#[derive(Clone, Copy)]
pub(super) struct Place {
    token: u8,
    left: bool,
}

impl Place {
    /// Before the record.
    pub(super) const START: Self = Self { token: 0, left: false };

    /// The place behind the object that begins here.
    pub(super) fn left(self) -> Self {
        Self { left: true, ..self }
    }
}

struct Token {
    text: Pattern,
    level: Level,
    meaning: Meaning,
    /// What follows it, the latest first: inside the object it introduces or behind its value, and behind its object.
    next: [[u8; WAYS]; 2],
}

impl Token {
    fn new(text: Pattern, level: Level, meaning: Meaning) -> Self {
        Self { text, level, meaning, next: [[NONE; WAYS]; 2] }
    }
}

/// What one stream of records taught.
pub(super) struct Predictor {
    tokens: Vec<Token>,
    table: HashTable<u8>,
    credit: u32,
    idle: u32,
}

impl Default for Predictor {
    fn default() -> Self {
        // The first one stands for the beginning and never for a key.
        let start = Pattern::new(&[]).map(|text| Token::new(text, Level::Record, None));
        Self { tokens: start.into_iter().collect(), table: HashTable::new(), credit: CREDIT, idle: 0 }
    }
}

impl Predictor {
    /// Steps over the next key if it is one that is expected, and says what it means.
    #[inline]
    pub(super) fn guess(
        &mut self,
        place: Place,
        level: Level,
        reader: &mut Reader<'_>,
    ) -> Option<(Place, Meaning)> {
        let ways = self.tokens.get(usize::from(place.token))?.next[usize::from(place.left)];
        for way in ways {
            let token = self.tokens.get(usize::from(way))?;
            if token.level == level && reader.take_key(&token.text) {
                self.credit = (self.credit + 1).min(CREDIT);
                return Some((Place { token: way, left: false }, token.meaning));
            }
        }
        None
    }

    /// Remembers what came instead of a guess.
    pub(super) fn learn(&mut self, place: Place, level: Level, text: &[u8], meaning: Meaning) -> Place {
        const LOST: Place = Place { token: NONE, left: false };
        if self.credit < PRICE {
            self.idle += 1;
            if self.idle >= CREDIT {
                (self.idle, self.credit) = (0, CREDIT / 2);
            }
            return LOST;
        }
        self.credit -= PRICE;
        let hash = hash(level, text);
        let known = self.table.find(hash, |&at| self.is(at, level, text)).copied();
        let Some(found) = known.or_else(|| self.add(hash, level, text, meaning)) else { return LOST };
        if let Some(before) = self.tokens.get_mut(usize::from(place.token)) {
            let ways = &mut before.next[usize::from(place.left)];
            ways.rotate_right(1);
            ways[0] = found;
        }
        Place { token: found, left: false }
    }

    fn is(&self, at: u8, level: Level, text: &[u8]) -> bool {
        let token = self.tokens.get(usize::from(at));
        token.is_some_and(|token| token.level == level && token.text.bytes() == text)
    }

    fn add(&mut self, of: u64, level: Level, text: &[u8], meaning: Meaning) -> Option<u8> {
        if self.tokens.len() >= MOST {
            return None;
        }
        let at = self.tokens.len() as u8;
        self.tokens.push(Token::new(Pattern::new(text)?, level, meaning));
        let tokens = &self.tokens;
        self.table.insert_unique(of, at, |&at| {
            tokens.get(usize::from(at)).map_or(0, |token| hash(token.level, token.text.bytes()))
        });
        Some(at)
    }
}

fn hash(level: Level, text: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u8(level as u8);
    hasher.write(text);
    hasher.finish()
}
