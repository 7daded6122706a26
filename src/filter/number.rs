//! Numbers as they are written in filters: `1.5M`, `$0.01`, `150ms`.

use crate::model::FieldType;

/// A unit: its spelling, and by what a number is multiplied or divided; one of the two is 1.
type Unit = (&'static str, f64, f64);

const COUNTS: &[Unit] = &[("", 1.0, 1.0), ("k", 1e3, 1.0), ("M", 1e6, 1.0), ("G", 1e9, 1.0)];
const DURATIONS: &[Unit] = &[
    ("ms", 1.0, 1e3),
    ("s", 1.0, 1.0),
    ("m", 60.0, 1.0),
    ("h", 3_600.0, 1.0),
    ("d", 86_400.0, 1.0),
    ("us", 1.0, 1e6),
    ("ns", 1.0, 1e9),
];

/// What a number of this type may look like, for messages.
pub(super) fn examples(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Money => "0.01, $0.5",
        FieldType::Duration => "2s, 150ms, 1.5m",
        _ => "1000, 1k, 1.5M",
    }
}

/// Reads a number in the unit of [`super::Row::number`]: tokens, US dollars, seconds.
pub(super) fn parse(text: &str, kind: FieldType) -> Option<f64> {
    let text = if kind == FieldType::Money { text.strip_prefix('$').unwrap_or(text) } else { text };
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_'))).unwrap_or(text.len());
    let (mut digits, mut unit) = text.split_at_checked(end)?;
    // An exponent, where a unit cannot be meant.
    if unit.starts_with(['e', 'E']) {
        let tail = unit.get(1..)?;
        let tail = tail.strip_prefix(['+', '-']).unwrap_or(tail);
        if !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit()) {
            (digits, unit) = (text, "");
        }
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let number: f64 = digits.replace('_', "").parse().ok()?;
    let (_, times, over) = units(kind).find(|(name, ..)| unit_matches(name, unit, kind))?;
    let number = number * times / over;
    number.is_finite().then_some(number)
}

/// The shortest spelling that reads back as this number.
pub(super) fn print(number: f64, kind: FieldType) -> String {
    units(kind)
        .map(|(unit, times, over)| format!("{}{unit}", number / times * over))
        .filter(|text| parse(text, kind) == Some(number))
        .min_by_key(String::len)
        .unwrap_or_else(|| format!("{number}"))
}

fn units(kind: FieldType) -> impl Iterator<Item = Unit> {
    match kind {
        FieldType::Duration => DURATIONS,
        FieldType::Money => COUNTS.get(..1).unwrap_or_default(),
        _ => COUNTS,
    }
    .iter()
    .copied()
}

fn unit_matches(name: &str, unit: &str, kind: FieldType) -> bool {
    match (kind, unit) {
        // A bare number of a duration is seconds.
        (FieldType::Duration, "" | "sec") => name == "s",
        (FieldType::Duration, "min") => name == "m",
        (FieldType::Duration, "µs" | "μs") => name == "us",
        _ => name.eq_ignore_ascii_case(unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (text, kind, number) in [
            ("2s", FieldType::Duration, 2.0),
            ("150ms", FieldType::Duration, 0.15),
            ("1.5m", FieldType::Duration, 90.0),
            ("2", FieldType::Duration, 2.0),
            ("3µs", FieldType::Duration, 3e-6),
            ("1k", FieldType::Count, 1_000.0),
            ("1.5M", FieldType::Count, 1_500_000.0),
            ("1_000", FieldType::Count, 1_000.0),
            ("$0.01", FieldType::Money, 0.01),
            ("1e-6", FieldType::Money, 1e-6),
            (".5", FieldType::Money, 0.5),
        ] {
            assert_eq!(parse(text, kind), Some(number), "{text}");
        }
        for (text, kind) in [
            ("", FieldType::Count),
            (".", FieldType::Count),
            ("-1", FieldType::Count),
            ("nan", FieldType::Count),
            ("inf", FieldType::Duration),
            ("_1", FieldType::Count),
            ("2s", FieldType::Count),
            ("$1", FieldType::Count),
            ("1e999", FieldType::Money),
            ("1é", FieldType::Duration),
        ] {
            assert_eq!(parse(text, kind), None, "{text}");
        }
    }

    #[test]
    fn printed_numbers_are_short() {
        assert_eq!(print(0.15, FieldType::Duration), "150ms");
        assert_eq!(print(2.0, FieldType::Duration), "2s");
        assert_eq!(print(3_600.0, FieldType::Duration), "1h");
        assert_eq!(print(1_500_000.0, FieldType::Count), "1.5M");
        assert_eq!(print(1_000.0, FieldType::Count), "1k");
        assert_eq!(print(0.01, FieldType::Money), "0.01");
    }
}
