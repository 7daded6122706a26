//! Whether a field, an operator and its values fit together.

use std::ops::Range;

use super::ast::{Key, Op, Pattern, Test, Value, quote_briefly};
use super::matcher::Matcher;
use super::number;
use super::parse::{FilterError, Raw};
use crate::model::{Field, FieldType, SpanKind, Status};

/// Builds a test; what does not fit is recorded and left out.
pub(super) fn test(
    key: Key,
    op: Op,
    mut raws: Vec<Raw>,
    span: Range<usize>,
    errors: &mut Vec<FilterError>,
) -> Option<Test> {
    let numeric = is_numeric(&key);
    let is_attr = matches!(key, Key::Attr(_));
    let fault = match op {
        _ if is_attr => None,
        Op::Has | Op::HasNot if numeric => Some("holds a number: use : != > >= < <="),
        Op::Has | Op::HasNot | Op::Is | Op::IsNot => None,
        _ if numeric => None,
        _ => Some("holds text: use : != ~ !~"),
    };
    if let Some(fault) = fault {
        errors.push(FilterError { span, message: format!("{key} {fault}"), suggestion: None });
        return None;
    }
    if op.is_comparison()
        && let Some(extra) = raws.get(1)
    {
        let message = format!("{key}{} takes one value; write 1000 or 1k without a comma", op.as_str());
        errors.push(FilterError { span: extra.span.clone(), message, suggestion: None });
        raws.truncate(1);
    }
    let values: Vec<Value> = raws.into_iter().filter_map(|raw| value(&key, op, raw, errors)).collect();
    (!values.is_empty()).then_some(Test { key, op, values })
}

fn is_numeric(key: &Key) -> bool {
    match key {
        Key::Field(field) => {
            matches!(field.field_type(), FieldType::Count | FieldType::Money | FieldType::Duration)
        }
        Key::Attr(_) | Key::Text => false,
    }
}

fn value(key: &Key, op: Op, raw: Raw, errors: &mut Vec<FilterError>) -> Option<Value> {
    let Raw { parts, span } = raw;
    let mut fail = |message: String, suggestion: Option<String>| {
        errors.push(FilterError { span: span.clone(), message, suggestion });
        None
    };
    let text = parts.join("*");
    if is_numeric(key) || op.is_comparison() {
        if text == "*" && !op.is_comparison() {
            return Some(Value::Any);
        }
        let kind = key.field_type();
        if let Some(number) = number::parse(&text, kind) {
            return Some(Value::Number(number));
        }
        let examples = number::examples(kind);
        return fail(format!("{} is no number for {key}: {examples}", quote_briefly(&text)), None);
    }
    if text.is_empty() && (matches!(op, Op::Has | Op::HasNot) || *key == Key::Text) {
        return fail(format!("{key}{} needs some text", op.as_str()), None);
    }
    if *key == Key::Text {
        return Some(Value::Literal(text));
    }
    let pattern = Pattern::from_parts(parts);
    match key {
        Key::Field(field) if field.field_type() == FieldType::Word => word(*field, op, pattern, &text, fail),
        _ => Some(Value::Text(pattern)),
    }
}

/// A word of a fixed list, or a pattern that some of its words match.
fn word(
    field: Field,
    op: Op,
    pattern: Pattern,
    text: &str,
    mut fail: impl FnMut(String, Option<String>) -> Option<Value>,
) -> Option<Value> {
    if field == Field::Status && matches!(op, Op::Is | Op::IsNot) {
        let meant = Status::from_source_word(text);
        if meant != Status::Unknown && pattern.parts().len() == 1 {
            return Some(Value::Text(Pattern::literal(meant.as_str())));
        }
    }
    let contains = matches!(op, Op::Has | Op::HasNot);
    let matcher = Matcher::pattern(&pattern, contains);
    if words(field).any(|word| matcher.matches(word)) {
        return Some(Value::Text(pattern));
    }
    let nearest = nearest(text, words(field));
    let hint = match nearest {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("it is one of {}", words(field).collect::<Vec<_>>().join(", ")),
    };
    fail(format!("{} is no {}; {hint}", quote_briefly(text), field.name()), nearest.map(str::to_owned))
}

/// The words that a field of a fixed list takes.
pub(super) fn words(field: Field) -> impl Iterator<Item = &'static str> {
    let (statuses, kinds) = match field {
        Field::Status => (Status::ALL, [].as_slice()),
        Field::Kind => ([].as_slice(), SpanKind::ALL),
        _ => ([].as_slice(), [].as_slice()),
    };
    statuses.iter().map(|status| status.as_str()).chain(kinds.iter().map(|kind| kind.as_str()))
}

/// The field whose name or alias is nearest to a mistyped one.
pub(super) fn nearest_field(typed: &str) -> Option<&'static str> {
    let names = Field::ALL
        .iter()
        .flat_map(|field| std::iter::once(field.name()).chain(field.aliases().iter().copied()));
    nearest(typed, names.chain(["text"]))
}

fn nearest(typed: &str, words: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let typed: Vec<char> = typed.chars().take(33).flat_map(char::to_lowercase).collect();
    if typed.is_empty() || typed.len() > 32 {
        return None;
    }
    let allowed = (typed.len() / 3).clamp(1, 3);
    words
        .map(|word| (distance(&typed, &word.chars().collect::<Vec<_>>()), word))
        .filter(|(distance, word)| *distance <= allowed && *distance < word.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Insertions, deletions, substitutions and swaps of neighbours between two short words.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = usize::from(a[i - 1] != b[j - 1]);
                let plain = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + changed);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { plain.min(rows[i - 2][j - 2] + 1) } else { plain }
            };
        }
    }
    rows[a.len()][b.len()]
}
