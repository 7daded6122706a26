//! Changing a filter by keys: include or exclude the value under the cursor.

use super::ast::{Expr, Key, Op, Pattern, Test, Value};
use super::parse::{self, Raw};
use super::{Filter, check};
use crate::model::{Field, FieldType, Status};

impl Filter {
    /// This filter, narrowed to `value`. A test for another value of the same field is widened to either, an exclusion
    /// of the same value is taken back. A value that the field cannot have changes nothing.
    #[must_use]
    pub fn with(&self, key: impl Into<Key>, value: &str) -> Self {
        let Some(test) = literal(key.into(), value) else { return self.clone() };
        let (mut terms, was_excluded) = self.terms_without(&Expr::Test(test.clone()).negate());
        if was_excluded {
            return Self::from_expr(Expr::and(terms));
        }
        let same = terms.iter_mut().find_map(|term| match term {
            Expr::Test(other) if other.op == Op::Is && other.key == test.key => Some(other),
            _ => None,
        });
        match same {
            Some(other) => {
                let new = test.values.into_iter().filter(|value| !other.values.contains(value));
                let new: Vec<Value> = new.collect();
                other.values.extend(new);
            }
            None => terms.push(Expr::Test(test)),
        }
        Self::from_expr(Expr::and(terms))
    }

    /// This filter without rows of `value`. A value that was included is only taken back.
    #[must_use]
    pub fn without(&self, key: impl Into<Key>, value: &str) -> Self {
        let Some(test) = literal(key.into(), value) else { return self.clone() };
        let (mut terms, mut was_included) = (Vec::new(), false);
        for mut term in self.terms().to_vec() {
            if let Expr::Test(other) = &mut term
                && other.op == Op::Is
                && other.key == test.key
            {
                let before = other.values.len();
                other.values.retain(|value| !test.values.contains(value));
                was_included |= other.values.len() < before;
                if other.values.is_empty() {
                    continue;
                }
            }
            terms.push(term);
        }
        let excluded = Expr::Test(test).negate();
        if !was_included && !terms.contains(&excluded) {
            terms.push(excluded);
        }
        Self::from_expr(Expr::and(terms))
    }

    /// The parts that must all hold: the chips of a filter bar.
    pub fn terms(&self) -> &[Expr] {
        self.expr().map(Expr::terms).unwrap_or_default()
    }

    /// This filter without its `index`th part.
    #[must_use]
    pub fn without_term(&self, index: usize) -> Self {
        let kept = self.terms().iter().enumerate().filter(|(at, _)| *at != index);
        Self::from_expr(Expr::and(kept.map(|(_, term)| term.clone())))
    }

    fn terms_without(&self, unwanted: &Expr) -> (Vec<Expr>, bool) {
        let kept: Vec<Expr> = self.terms().iter().filter(|term| *term != unwanted).cloned().collect();
        let removed = kept.len() < self.terms().len();
        (kept, removed)
    }
}

/// What a filter means whose last value is still being typed: that value stands for everything that begins so, unless
/// `is_present` says that it is whole. `None` when the source says already what it means.
pub fn unfinished(source: &str, is_present: impl Fn(Field, &str) -> bool) -> Option<String> {
    let outcome = parse::parse(source);
    let slot = outcome.slots.last().filter(|slot| slot.is_wanted && slot.span.end == source.len())?;
    let Some(Key::Field(field)) = slot.value_of else { return None };
    let written = source.get(slot.span.clone())?;
    let (value, end) = match written.strip_prefix('"') {
        Some(text) if text.ends_with('"') => return None,
        Some(text) => (text, "*\""),
        None => (written, "*"),
    };
    if value.is_empty() || value.contains(['*', '\\']) {
        return None;
    }
    let is_whole = match field.field_type() {
        FieldType::Text => is_present(field, value),
        FieldType::Word => {
            let is_status = field == Field::Status && Status::from_source_word(value) != Status::Unknown;
            is_status || check::words(field).any(|word| word.eq_ignore_ascii_case(value))
        }
        FieldType::Count | FieldType::Money | FieldType::Duration | FieldType::Flag => return None,
    };
    let meant = format!("{source}{end}");
    (!is_whole && Filter::parse(&meant).errors.is_empty()).then_some(meant)
}

/// `key:value` where the value means only itself.
fn literal(key: Key, value: &str) -> Option<Test> {
    if let Key::Attr(_) = key {
        return Some(Test { key, op: Op::Is, values: vec![Value::Text(Pattern::literal(value))] });
    }
    let raw = Raw { parts: vec![value.to_owned()], span: 0..0 };
    check::test(key, Op::Is, vec![raw], 0..0, &mut Vec::new())
}
