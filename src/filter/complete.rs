//! What may be typed at the cursor.

use std::ops::Range;

use super::ast::{Key, Pattern};
use super::check;
use super::matcher::lower;
use super::parse::{self, Slot};
use crate::model::{Field, FieldType};

/// Most candidates offered at once.
pub const MAX_CANDIDATES: usize = 50;

/// One thing that may be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What goes into the source.
    pub insert: String,
    /// One line about it; empty for values.
    pub help: &'static str,
}

/// What may be typed, and what it replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The bytes of the source that a candidate replaces.
    pub replace: Range<usize>,
    /// The candidates, best first.
    pub candidates: Vec<Candidate>,
}

/// Completes at `cursor`, a byte position of `source`. `values` lists the values present of a field or attribute, most
/// useful first; attributes' own names are asked for with an empty [`Key::Attr`].
pub fn complete(source: &str, cursor: usize, mut values: impl FnMut(&Key) -> Vec<String>) -> Completion {
    let mut cursor = cursor.min(source.len());
    while !source.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let slots = parse::parse(source).slots;
    // A value that starts at the cursor comes after the name that ends there.
    let found = slots.into_iter().rev().find(|slot| slot.span.start <= cursor && cursor <= slot.span.end);
    let before = source.get(..cursor).and_then(|before| before.chars().next_back());
    let starts_here = before.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '-' | '!'));
    let slot = match found {
        Some(slot) => slot,
        None if starts_here => Slot { span: cursor..cursor, value_of: None, is_wanted: false },
        // Right behind a keyword or a parenthesis nothing begins.
        None => return Completion { replace: cursor..cursor, candidates: Vec::new() },
    };
    let typed = source.get(slot.span.start..cursor).unwrap_or_default();
    let candidates = match &slot.value_of {
        None if typed.starts_with('"') => Vec::new(),
        None if typed.starts_with("attr.") => {
            attributes(typed.strip_prefix("attr.").unwrap_or_default(), values(&Key::Attr(String::new())))
        }
        None => names(typed),
        Some(key) => of_key(key, typed, &mut values),
    };
    Completion { replace: slot.span, candidates }
}

fn names(typed: &str) -> Vec<Candidate> {
    let typed = lower(typed);
    let fields = Field::ALL.iter().map(|field| {
        let sign = match field.field_type() {
            FieldType::Count | FieldType::Money | FieldType::Duration => ">",
            _ => ":",
        };
        let known_as = std::iter::once(field.name()).chain(field.aliases().iter().copied());
        let rank = known_as.filter_map(|name| rank(name, &typed)).min();
        (rank, Candidate { insert: format!("{}{sign}", field.name()), help: field.help() })
    });
    let others = [
        ("text", "text:", "text anywhere in the span, its messages and attributes"),
        ("attr.", "attr.", "an attribute by name"),
        ("or", "or ", "either side"),
        ("not", "not ", "the opposite"),
    ];
    let others = others
        .into_iter()
        .map(|(name, insert, help)| (rank(name, &typed), Candidate { insert: insert.to_owned(), help }));
    best(fields.chain(others))
}

fn attributes(typed: &str, present: Vec<String>) -> Vec<Candidate> {
    let typed = lower(typed.trim_start_matches('"'));
    best(present.into_iter().filter(|name| !name.is_empty()).map(|name| {
        let rank = rank(&name, &typed);
        (rank, Candidate { insert: format!("{}:", Key::Attr(name)), help: "" })
    }))
}

fn of_key(key: &Key, typed: &str, values: &mut impl FnMut(&Key) -> Vec<String>) -> Vec<Candidate> {
    let typed = lower(typed.trim_start_matches('"'));
    let typed = typed.trim_end_matches('*');
    if let Key::Field(field) = key {
        match field.field_type() {
            FieldType::Word => {
                let words = check::words(*field).map(str::to_owned);
                return best(words.map(|word| (rank(&word, typed), Candidate { insert: word, help: "" })));
            }
            FieldType::Count | FieldType::Money | FieldType::Duration => return Vec::new(),
            FieldType::Text | FieldType::Flag => {}
        }
    }
    let present = values(key).into_iter().filter(|value| !value.is_empty());
    best(present.map(|value| {
        let rank = rank(&value, typed);
        (rank, Candidate { insert: Pattern::literal(&value).to_string(), help: "" })
    }))
}

/// How well a name fits what was typed: the smaller, the better.
fn rank(name: &str, typed: &str) -> Option<u8> {
    let name = lower(name);
    match () {
        () if name.starts_with(typed) => Some(0),
        () if name.contains(typed) => Some(1),
        () => None,
    }
}

fn best(candidates: impl Iterator<Item = (Option<u8>, Candidate)>) -> Vec<Candidate> {
    let mut fitting: Vec<(u8, Candidate)> =
        candidates.filter_map(|(rank, candidate)| Some((rank?, candidate))).collect();
    fitting.sort_by_key(|(rank, _)| *rank);
    fitting.into_iter().take(MAX_CANDIDATES).map(|(_, candidate)| candidate).collect()
}
