//! The parser. It never fails: it records what is wrong, with the place, and goes on with what it understood.

use std::ops::Range;

use winnow::LocatingSlice;

use super::ast::{Expr, Key, Needle, Op, Pattern, ends_word, is_key_char, quote_briefly};
use super::check;
use crate::model::Field;

/// Longest source that is read, bytes.
pub const MAX_SOURCE: usize = 8 * 1024;
/// Deepest nesting of parentheses.
pub const MAX_DEPTH: usize = 64;

/// Something that the parser did not understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Where, in bytes of the source; always at character boundaries.
    pub span: Range<usize>,
    /// What is wrong and what to do.
    pub message: String,
    /// What to put in place of the span, where that is likely.
    pub suggestion: Option<String>,
}

impl FilterError {
    /// The place as a column for people: characters from the start, the first is 1.
    pub fn column(&self, source: &str) -> usize {
        source.get(..self.span.start).map_or(0, |before| before.chars().count()) + 1
    }
}

impl std::fmt::Display for FilterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FilterError {}

/// A place where a user types a name or a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) span: Range<usize>,
    /// What the value is of; `None` for a field's name or a plain word.
    pub(super) value_of: Option<Key>,
    /// Whether it stands for equality that is not negated.
    pub(super) is_wanted: bool,
}

/// All that the parser knows about a source.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) expr: Option<Expr>,
    pub(super) errors: Vec<FilterError>,
    pub(super) slots: Vec<Slot>,
}

/// A value as written: the parts between wildcards.
pub(super) struct Raw {
    pub(super) parts: Vec<String>,
    pub(super) span: Range<usize>,
}

pub(super) fn parse(source: &str) -> Outcome {
    let kept = cut(source);
    let mut parser = Parser {
        input: LocatingSlice::new(kept),
        out: Outcome::default(),
        depth: 0,
        ignored: 0,
        positive: true,
        equality: false,
    };
    let expr = parser.top();
    parser.out.expr = expr;
    if kept.len() < source.len() {
        let message = format!("the filter is cut after {MAX_SOURCE} bytes");
        parser.error(kept.len()..source.len(), message, None);
    }
    parser.out
}

fn cut(source: &str) -> &str {
    let mut end = source.len().min(MAX_SOURCE);
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    source.get(..end).unwrap_or_default()
}

pub(super) struct Parser<'s> {
    pub(super) input: LocatingSlice<&'s str>,
    pub(super) out: Outcome,
    depth: usize,
    /// Opening parentheses beyond the greatest depth whose closing ones are still to come.
    ignored: usize,
    /// Whether what is read now is not negated.
    positive: bool,
    /// Whether the values that are read now follow `:` or `=`.
    equality: bool,
}

impl Parser<'_> {
    fn top(&mut self) -> Option<Expr> {
        let mut parts = Vec::new();
        loop {
            parts.extend(self.or());
            let start = self.at();
            if !self.eat(")") {
                return Expr::and(parts);
            }
            self.error(start..start + 1, "there is no ( for this )".to_owned(), Some(String::new()));
        }
    }

    fn or(&mut self) -> Option<Expr> {
        let mut parts: Vec<Expr> = self.and().into_iter().collect();
        let mut before = !parts.is_empty();
        loop {
            let start = self.at();
            if !self.eat_keyword("or") {
                return Expr::or(parts);
            }
            let span = start..start + 2;
            let next = self.and();
            if !before || next.is_none() {
                self.error(span, "`or` needs something on both sides".to_owned(), None);
            }
            before = next.is_some();
            parts.extend(next);
        }
    }

    fn and(&mut self) -> Option<Expr> {
        let mut parts = Vec::new();
        loop {
            self.skip_space();
            match self.next_char() {
                Some(')') if self.ignored > 0 => {
                    self.ignored -= 1;
                    self.skip_char();
                    continue;
                }
                None | Some(')') => break,
                Some(_) => {}
            }
            if self.at_keyword("or") {
                break;
            }
            let start = self.at();
            if self.eat_keyword("and") {
                let ends = matches!(self.next_char(), None | Some(')')) || self.at_keyword("or");
                if parts.is_empty() || ends {
                    self.error(start..start + 3, "`and` needs something on both sides".to_owned(), None);
                }
                continue;
            }
            parts.extend(self.unary());
        }
        Expr::and(parts)
    }

    fn unary(&mut self) -> Option<Expr> {
        let start = self.at();
        let mut negated = false;
        loop {
            let operator = self.rest().starts_with("!=") || self.rest().starts_with("!~");
            if !operator && (self.eat("-") || self.eat("!")) || self.eat_keyword("not") {
                negated = !negated;
                self.skip_space();
            } else {
                break;
            }
        }
        let end = self.at();
        let nothing = matches!(self.next_char(), None | Some(')')) || self.at_keyword("or");
        if nothing && end > start {
            self.error(start..end, "there is nothing here to negate".to_owned(), None);
            return None;
        }
        self.positive ^= negated;
        let expr = self.primary();
        self.positive ^= negated;
        let expr = expr?;
        Some(if negated { expr.negate() } else { expr })
    }

    fn primary(&mut self) -> Option<Expr> {
        match self.next_char()? {
            '(' => self.group(),
            '"' => {
                let text = self.quoted();
                self.out.slots.push(Slot { span: text.span.clone(), value_of: None, is_wanted: false });
                self.expect_gap();
                let pattern = Pattern::from_parts(text.parts);
                if pattern.is_empty() {
                    self.error(text.span, "there is nothing between the quotes".to_owned(), None);
                    return None;
                }
                Some(Expr::Names(Needle::Contains(pattern)))
            }
            _ => self.term(),
        }
    }

    fn group(&mut self) -> Option<Expr> {
        let start = self.at();
        self.skip_char();
        if self.depth >= MAX_DEPTH {
            if self.ignored == 0 {
                let message = format!("parentheses nest deeper than {MAX_DEPTH}; the inner ones are ignored");
                self.error(start..start + 1, message, None);
            }
            self.ignored += 1;
            return None;
        }
        self.depth += 1;
        let inner = self.or();
        self.depth -= 1;
        if !self.eat(")") {
            self.error(start..start + 1, "this ( is not closed".to_owned(), None);
        } else if inner.is_none() {
            self.error(start..self.at(), "there is nothing between these parentheses".to_owned(), None);
        }
        inner
    }

    /// A plain word, or a field with its operator and values.
    fn term(&mut self) -> Option<Expr> {
        let start = self.at();
        let word = self.word();
        let key = if word == "attr." && self.next_char() == Some('"') {
            let name = self.quoted();
            Some(Key::Attr(name.parts.join("*")))
        } else {
            key_of(word)
        };
        let span = start..self.at();
        self.out.slots.push(Slot { span: span.clone(), value_of: None, is_wanted: false });
        let Some(op) = self.operator(key.is_some()) else {
            return self.plain_word(word, span);
        };
        if op != Op::Is {
            self.skip_space();
        }
        self.equality = op == Op::Is;
        let values = self.values(key.as_ref());
        let Some(key) = key else {
            self.unknown_field(word, span);
            return None;
        };
        if values.is_empty() {
            let message = format!("{key}{} needs a value", op.as_str());
            self.error(span.start..self.at(), message, None);
            return None;
        }
        let test = check::test(key, op, values, span, &mut self.out.errors)?;
        Some(Expr::Test(test))
    }

    fn plain_word(&mut self, word: &str, span: Range<usize>) -> Option<Expr> {
        if word.is_empty() {
            // Only a control character stops a word before its first letter without being anything itself.
            self.skip_char();
            let span = span.start..self.at();
            self.error(span, "control characters go into quotes as \\u{…}".to_owned(), None);
            return None;
        }
        self.expect_gap();
        if word.contains('*') {
            let parts = word.split('*').map(str::to_owned).collect();
            return Some(Expr::Names(Needle::Whole(Pattern::from_parts(parts))));
        }
        Some(Expr::Names(Needle::Fuzzy(word.to_owned())))
    }

    fn unknown_field(&mut self, word: &str, span: Range<usize>) {
        if word.is_empty() {
            self.error(
                span.start..self.at(),
                "a field belongs before the operator: cost>0.01".to_owned(),
                None,
            );
            return;
        }
        if word.eq_ignore_ascii_case("attr.") || word.eq_ignore_ascii_case("attr") {
            self.error(span, "the name of an attribute is missing: attr.userId:u1".to_owned(), None);
            return;
        }
        let nearest = check::nearest_field(word);
        let hint = match nearest {
            Some(field) => format!("did you mean `{field}`?"),
            None => "attr.NAME reads an attribute, quotes look for text".to_owned(),
        };
        let message = format!("there is no field {}; {hint}", quote_briefly(word));
        self.error(span, message, nearest.map(str::to_owned));
    }

    fn values(&mut self, key: Option<&Key>) -> Vec<Raw> {
        if self.next_char() == Some('(') {
            return self.list(key);
        }
        let mut values: Vec<Raw> = self.value(key).into_iter().collect();
        loop {
            let start = self.at();
            if values.is_empty() || !self.eat(",") {
                break;
            }
            match self.value(key) {
                Some(value) => values.push(value),
                None => self.error(start..start + 1, "a value belongs after this comma".to_owned(), None),
            }
        }
        self.expect_gap();
        values
    }

    /// `(a or b, c)`
    fn list(&mut self, key: Option<&Key>) -> Vec<Raw> {
        let open = self.at();
        self.skip_char();
        let (mut values, mut separated, mut nested) = (Vec::new(), true, 0_usize);
        loop {
            self.skip_space();
            let start = self.at();
            match self.next_char() {
                None => {
                    self.error(open..open + 1, "this ( is not closed".to_owned(), None);
                    return values;
                }
                Some(')') => {
                    self.skip_char();
                    if nested == 0 {
                        return values;
                    }
                    nested -= 1;
                }
                Some('(') => {
                    self.skip_char();
                    if nested == 0 {
                        self.error(start..start + 1, "a list of values has no inner lists".to_owned(), None);
                    }
                    nested += 1;
                }
                Some(',') => {
                    self.skip_char();
                    separated = true;
                }
                Some(_) if self.eat_keyword("or") => separated = true,
                Some(c) => {
                    let Some(value) = self.value(key) else {
                        self.skip_char();
                        let message =
                            format!("{} does not belong into a list", quote_briefly(&c.to_string()));
                        self.error(start..self.at(), message, None);
                        continue;
                    };
                    if !separated {
                        let message =
                            "values are separated by `or` or a comma; text with spaces goes into quotes";
                        self.error(value.span.clone(), message.to_owned(), None);
                    }
                    separated = false;
                    values.push(value);
                }
            }
        }
    }

    fn value(&mut self, key: Option<&Key>) -> Option<Raw> {
        let start = self.at();
        let raw = if self.next_char() == Some('"') {
            self.quoted()
        } else {
            let text = self.take_while(|c| !ends_word(c) && c != ',');
            Raw { parts: text.split('*').map(str::to_owned).collect(), span: start..self.at() }
        };
        let is_wanted = self.positive && self.equality;
        self.out.slots.push(Slot { span: raw.span.clone(), value_of: key.cloned(), is_wanted });
        (raw.span.end > raw.span.start).then_some(raw)
    }
}

fn key_of(word: &str) -> Option<Key> {
    if let Some(name) = word.strip_prefix("attr.") {
        return (!name.is_empty() && name.chars().all(is_key_char)).then(|| Key::Attr(name.to_owned()));
    }
    if word.eq_ignore_ascii_case("text") {
        return Some(Key::Text);
    }
    Field::from_name(word).map(Key::Field)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
