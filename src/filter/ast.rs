//! The syntax tree. `Display` prints source that parses to the same tree.

use std::fmt;

use super::number;
use crate::model::{Field, FieldType};

/// An expression. Built through [`Expr::and`], [`Expr::or`] and [`Expr::negate`], it is always in the shape that the
/// parser gives: no nested `And` in `And`, no double negation, no lists of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// All of these.
    And(Vec<Expr>),
    /// Any of these.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// A word without a field.
    Names(Needle),
    /// A test of one field.
    Test(Test),
}

impl Expr {
    /// All of `parts`; `None` when there are none.
    pub fn and(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() > 1 { Some(Self::And(flat)) } else { flat.pop() }
    }

    /// Any of `parts`; `None` when there are none.
    pub fn or(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() > 1 { Some(Self::Or(flat)) } else { flat.pop() }
    }

    /// The opposite.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// The parts that must all hold: the chips of a filter bar.
    pub fn terms(&self) -> &[Self] {
        match self {
            Self::And(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }
}

/// What a word without a field looks for in the names of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needle {
    /// `word`: its letters in this order.
    Fuzzy(String),
    /// `wo*rd`: the whole name.
    Whole(Pattern),
    /// `"some words"`: anywhere in a name.
    Contains(Pattern),
}

impl Needle {
    /// Looks for a word: letter by letter where it can be written without quotes.
    pub fn word(text: &str) -> Self {
        if is_plain_word(text) {
            Self::Fuzzy(text.to_owned())
        } else {
            Self::Contains(Pattern::literal(text))
        }
    }
}

/// Text with wildcards, as the parts between them; there is at least one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// From the parts between wildcards; neighbouring wildcards count as one.
    pub fn from_parts(parts: Vec<String>) -> Self {
        let last = parts.len().saturating_sub(1);
        let mut kept: Vec<String> = parts
            .into_iter()
            .enumerate()
            .filter(|(at, part)| *at == 0 || *at == last || !part.is_empty())
            .map(|(_, part)| part)
            .collect();
        if kept.is_empty() {
            kept.push(String::new());
        }
        Self(kept)
    }

    /// Exactly this text.
    pub fn literal(text: &str) -> Self {
        Self(vec![text.to_owned()])
    }

    /// The parts between wildcards.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// Whether this is `*` alone, which stands for "there is one".
    pub fn is_any(&self) -> bool {
        matches!(self.0.as_slice(), [first, last] if first.is_empty() && last.is_empty())
    }

    /// Whether this is the empty text, which stands for "there is none".
    pub fn is_empty(&self) -> bool {
        matches!(self.0.as_slice(), [only] if only.is_empty())
    }

    fn is_bare(&self) -> bool {
        !self.is_empty() && self.0.iter().all(|part| is_bare(part)) && !is_keyword(&self.0.join("*"))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_bare() { f.write_str(&self.0.join("*")) } else { self.write_quoted(f) }
    }
}

impl Pattern {
    fn write_quoted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for (at, part) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("*")?;
            }
            write_escaped(f, part)?;
        }
        f.write_str("\"")
    }
}

/// `field op value,value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// What is looked at.
    pub key: Key,
    /// How it is compared.
    pub op: Op,
    /// One of these suffices; there is at least one.
    pub values: Vec<Value>,
}

/// What a test looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A field of the span.
    Field(Field),
    /// An attribute by name.
    Attr(String),
    /// All text of the span: name, error, payload.
    Text,
}

impl From<Field> for Key {
    fn from(field: Field) -> Self {
        Self::Field(field)
    }
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `:` or `=`
    Is,
    /// `!=`
    IsNot,
    /// `~`
    Has,
    /// `!~`
    HasNot,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `<`
    Lt,
    /// `<=`
    Le,
}

impl Op {
    /// Its canonical sign.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Is => ":",
            Self::IsNot => "!=",
            Self::Has => "~",
            Self::HasNot => "!~",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Lt => "<",
            Self::Le => "<=",
        }
    }

    /// Whether it compares sizes.
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text with wildcards, or a word of a fixed list.
    Text(Pattern),
    /// Text in which `*` is only a star.
    Literal(String),
    /// Tokens, US dollars or seconds.
    Number(f64),
    /// Any number: `cost:*`.
    Any,
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => {
                write_joined(f, parts, " ", |part| matches!(part, Self::Or(_) | Self::And(_)))
            }
            Self::Or(parts) => write_joined(f, parts, " or ", |part| matches!(part, Self::Or(_))),
            Self::Not(inner) => match **inner {
                Self::And(_) | Self::Or(_) => write!(f, "-({inner})"),
                _ => write!(f, "-{inner}"),
            },
            Self::Names(needle) => needle.fmt(f),
            Self::Test(test) => test.fmt(f),
        }
    }
}

fn write_joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expr],
    between: &str,
    wrapped: fn(&Expr) -> bool,
) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        if wrapped(part) { write!(f, "({part})") } else { write!(f, "{part}") }?;
    }
    Ok(())
}

impl fmt::Display for Needle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fuzzy(word) => f.write_str(word),
            Self::Whole(pattern) => f.write_str(&pattern.0.join("*")),
            Self::Contains(pattern) => pattern.write_quoted(f),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.key, self.op.as_str())?;
        let kind = self.key.field_type();
        for (at, value) in self.values.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match value {
                Value::Text(pattern) => pattern.fmt(f)?,
                Value::Literal(text) if is_bare(text) && !text.is_empty() && !is_keyword(text) => {
                    f.write_str(text)?;
                }
                Value::Literal(text) => write_quoted(f, text)?,
                Value::Number(number) => f.write_str(&number::print(*number, kind))?,
                Value::Any => f.write_str("*")?,
            }
        }
        Ok(())
    }
}

impl Key {
    /// How its values are written; attributes compare as plain numbers.
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::Field(field) => field.field_type(),
            Self::Attr(_) => FieldType::Count,
            Self::Text => FieldType::Text,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => f.write_str(field.name()),
            Self::Attr(name) if !name.is_empty() && name.chars().all(is_key_char) => write!(f, "attr.{name}"),
            Self::Attr(name) => {
                f.write_str("attr.")?;
                write_quoted(f, name)
            }
            Self::Text => f.write_str("text"),
        }
    }
}

/// Characters that end a word.
pub(super) fn ends_word(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '"' | '(' | ')')
}

/// Characters that operators are made of, the `!` of `!=` and `!~` apart.
pub(super) fn starts_operator(c: char) -> bool {
    matches!(c, ':' | '=' | '~' | '<' | '>')
}

/// Characters of an attribute's name that needs no quotes.
pub(super) fn is_key_char(c: char) -> bool {
    !ends_word(c) && !starts_operator(c) && !matches!(c, '!' | ',' | '*' | '\\')
}

/// Whether a word means something else than itself.
pub(super) fn is_keyword(word: &str) -> bool {
    ["and", "or", "not"].iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

/// Whether a word without a field needs no quotes and would be matched letter by letter.
pub(super) fn is_plain_word(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with(['-', '!'])
        && !is_keyword(word)
        && !word.contains("!=")
        && !word.contains("!~")
        && !word.chars().any(|c| ends_word(c) || starts_operator(c) || c == '*')
}

fn is_bare(part: &str) -> bool {
    !part.chars().any(|c| ends_word(c) || matches!(c, ',' | '*' | '\\'))
}

/// Writes `text` in quotes as the parser reads it back literally.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    write_escaped(f, text)?;
    f.write_str("\"")
}

fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write as _;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\""),
            '\\' => f.write_str("\\\\"),
            '*' => f.write_str("\\*"),
            '\n' => f.write_str("\\n"),
            '\t' => f.write_str("\\t"),
            '\r' => f.write_str("\\r"),
            c if c.is_control() => write!(f, "\\u{{{:x}}}", u32::from(c)),
            c => f.write_char(c),
        }?;
    }
    Ok(())
}

/// `text` in quotes, shortened, for messages.
pub(super) fn quote_briefly(text: &str) -> String {
    let mut brief: String = text.chars().take(32).flat_map(char::escape_debug).collect();
    if text.chars().nth(32).is_some() {
        brief.push('…');
    }
    format!("`{brief}`")
}
