//! The filter over blocks of rows: a part at a time over 64 rows, each distinct text asked once, numbers compared as
//! the whole numbers that rows hold.

use std::sync::Arc;

use super::ast::Op;
use super::compile::{NAMES, Node, Program, TEXTS, holds};
use super::matcher::Matcher;
use super::{Lookup, Verdict};
use crate::model::{Field, FieldType, NANOS_PER_SEC, NanoUsd, Strings, Symbol};

/// Up to 64 neighbouring rows whose text is interned. A set of them has a bit for each; whatever an answer says about
/// rows that are not `among` the asked ones is not looked at.
pub trait Block {
    /// The rows of a kind whose bit is set in `wanted`.
    fn kinds(&self, wanted: u16, among: u64) -> u64;
    /// The rows of a status whose bit is set in `wanted`.
    fn statuses(&self, wanted: u16, among: u64) -> u64;
    /// The rows whose number is known and in a range: tokens, nano-dollars, nanoseconds.
    fn numbers(&self, field: Field, range: Range, among: u64) -> u64;
    /// The rows whose text passes.
    fn texts(&mut self, field: Field, question: &mut Question<'_>, among: u64) -> u64;
    /// An attribute of a row.
    fn attribute(&self, at: u32, name: &str) -> Lookup<'_>;
    /// Whether the payload text of a row contains `needle` (compared without case).
    fn payload_contains(&self, at: u32, needle: &str) -> Verdict;
}

/// Whole numbers from `first` to `last`, both included; none when `last` is the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The smallest.
    pub first: i64,
    /// The largest.
    pub last: i64,
}

impl Range {
    /// Every number.
    pub const ALL: Self = Self { first: i64::MIN, last: i64::MAX };
    /// No number.
    const NONE: Self = Self { first: i64::MAX, last: i64::MIN };

    /// The whole numbers of a field that compare with `value` in the field's unit as `op` says.
    pub(super) fn new(field: Field, op: Op, value: f64) -> Self {
        let spelled = |number: i64| match field.field_type() {
            FieldType::Money => NanoUsd(number).usd(),
            FieldType::Duration => number as f64 / NANOS_PER_SEC as f64,
            _ => number as f64,
        };
        // What a number is in the field's unit never falls while the number grows.
        let from = |op| first_number(|number| holds(spelled(number), op, value));
        let before = |bound: Option<i64>| match bound {
            Some(i64::MIN) => None,
            Some(bound) => Some(bound - 1),
            None => Some(i64::MAX),
        };
        let (first, last) = match op {
            _ if value.is_nan() => (None, None),
            Op::Gt => (from(Op::Gt), Some(i64::MAX)),
            Op::Ge => (from(Op::Ge), Some(i64::MAX)),
            Op::Lt => (Some(i64::MIN), before(from(Op::Ge))),
            Op::Le => (Some(i64::MIN), before(from(Op::Gt))),
            Op::Is | Op::IsNot | Op::Has | Op::HasNot => (from(Op::Ge), before(from(Op::Gt))),
        };
        first.zip(last).map_or(Self::NONE, |(first, last)| Self { first, last })
    }

    /// Whether a number lies in it.
    #[inline]
    pub fn has(self, number: i64) -> bool {
        self.first <= number && number <= self.last
    }
}

/// The smallest number from which on `is_so`.
fn first_number(is_so: impl Fn(i64) -> bool) -> Option<i64> {
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    if !is_so(high) {
        return None;
    }
    while low < high {
        let middle = low.midpoint(high).min(high - 1);
        if is_so(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low)
}

/// Whether text matches, remembered per symbol.
#[derive(Debug)]
pub struct Question<'a> {
    number: usize,
    matcher: &'a Matcher,
    answers: &'a mut Vec<u8>,
}

/// "Not asked yet", "no" and "yes" in a table of answers.
const OPEN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

impl Question<'_> {
    /// Its number: the same question has the same one as long as the filter lives.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Asks about interned text.
    #[inline]
    pub fn symbol(&mut self, symbol: Symbol, strings: &Strings) -> bool {
        match self.answers.get(symbol.index()) {
            Some(&YES) => true,
            Some(&NO) => false,
            _ => self.first_time(symbol, strings),
        }
    }

    /// Asks about other text.
    pub fn text(&self, text: &str) -> bool {
        self.matcher.matches(text)
    }

    #[cold]
    fn first_time(&mut self, symbol: Symbol, strings: &Strings) -> bool {
        let answer = self.matcher.matches(strings.get(symbol));
        if self.answers.len() < strings.len() {
            self.answers.resize(strings.len(), OPEN);
        }
        if let Some(slot) = self.answers.get_mut(symbol.index()) {
            *slot = if answer { YES } else { NO };
        }
        answer
    }
}

/// The rows of a block that match, and those that only their payload can decide on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// These match.
    pub yes: u64,
    /// Only the payload can tell.
    pub unknown: u64,
}

/// A filter prepared for many rows.
#[derive(Clone, Debug)]
pub struct Compiled {
    program: Arc<Program>,
    /// Per matcher, what it said about each symbol.
    answers: Vec<Vec<u8>>,
}

impl Compiled {
    pub(super) fn new(program: Arc<Program>) -> Self {
        let answers = vec![Vec::new(); program.matchers.len()];
        Self { program, answers }
    }

    /// Which rows of a block match.
    pub fn ask(&mut self, block: &mut impl Block, among: u64) -> Verdicts {
        let program = Arc::clone(&self.program);
        program.root.ask(&program, &mut self.answers, block, among)
    }
}

/// An upper bound of the questions that one matcher gives rise to, a field each.
const FIELDS: usize = Field::ALL.len();

impl Node {
    fn ask(
        &self,
        program: &Program,
        answers: &mut [Vec<u8>],
        block: &mut impl Block,
        among: u64,
    ) -> Verdicts {
        let mut text = |block: &mut _, field: Field, id: usize, among: u64| -> u64 {
            let (Some(matcher), Some(answers)) = (program.matchers.get(id), answers.get_mut(id)) else {
                return 0;
            };
            let mut question = Question { number: id * FIELDS + field as usize, matcher, answers };
            Block::texts(block, field, &mut question, among) & among
        };
        let sure = |yes: u64| Verdicts { yes: yes & among, unknown: 0 };
        match self {
            Self::Const(answer) => sure(if *answer { among } else { 0 }),
            Self::Status(wanted) => sure(block.statuses(*wanted, among)),
            Self::Kind(wanted) => sure(block.kinds(*wanted, among)),
            Self::Known(field) => sure(block.numbers(*field, Range::ALL, among)),
            Self::Number(field, _, _, range) => sure(block.numbers(*field, *range, among)),
            Self::Text(field, id) => sure(text(block, *field, *id, among)),
            Self::Names(id) => {
                let any = |yes: u64, field: &Field| yes | text(block, *field, *id, among & !yes);
                sure(NAMES.iter().fold(0, any))
            }
            Self::Payload(needle, id) => {
                let at_hand =
                    TEXTS.iter().fold(0, |yes: u64, field| yes | text(block, *field, *id, among & !yes));
                let read = each(among & !at_hand, |at| block.payload_contains(at, needle));
                Verdicts { yes: at_hand | read.yes, unknown: read.unknown }
            }
            Self::Attr(name, id) => each(among, |at| match block.attribute(at, name) {
                Lookup::Value(value) => program.compare(*id, &value).into(),
                Lookup::Absent => program.compare(*id, "").into(),
                Lookup::Unknown => Verdict::Unknown,
            }),
            Self::AttrNumber(name, op, wanted) => each(among, |at| match block.attribute(at, name) {
                Lookup::Value(value) => {
                    value.trim().parse().is_ok_and(|number: f64| holds(number, *op, *wanted)).into()
                }
                Lookup::Absent => Verdict::No,
                Lookup::Unknown => Verdict::Unknown,
            }),
            Self::Not(inner) => {
                let Verdicts { yes, unknown } = inner.ask(program, answers, block, among);
                Verdicts { yes: among & !(yes | unknown), unknown }
            }
            Self::And(parts) => {
                let (mut possible, mut yes) = (among, among);
                for part in parts {
                    if possible == 0 {
                        break;
                    }
                    let found = part.ask(program, answers, block, possible);
                    possible &= found.yes | found.unknown;
                    yes &= found.yes;
                }
                Verdicts { yes, unknown: possible & !yes }
            }
            Self::Or(parts) => {
                let mut all = Verdicts::default();
                for part in parts {
                    if all.yes == among {
                        break;
                    }
                    let found = part.ask(program, answers, block, among & !all.yes);
                    all.yes |= found.yes;
                    all.unknown |= found.unknown;
                }
                Verdicts { yes: all.yes, unknown: all.unknown & !all.yes }
            }
        }
    }
}

fn each(rows: u64, mut ask: impl FnMut(u32) -> Verdict) -> Verdicts {
    let mut all = Verdicts::default();
    let mut left = rows;
    while left != 0 {
        let at = left.trailing_zeros();
        left &= left - 1;
        match ask(at) {
            Verdict::Yes => all.yes |= 1 << at,
            Verdict::Unknown => all.unknown |= 1 << at,
            Verdict::No => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_are_the_comparison(
            number in prop_oneof![any::<i64>(), -5000_i64..5000],
            value in prop_oneof![any::<f64>(), -10.0..10.0_f64, (-5000_i32..5000).prop_map(f64::from)],
            op in prop::sample::select(vec![Op::Is, Op::Gt, Op::Ge, Op::Lt, Op::Le]),
        ) {
            for (field, spelled) in [
                (Field::Tokens, number as f64),
                (Field::Cost, NanoUsd(number).usd()),
                (Field::Duration, number as f64 / NANOS_PER_SEC as f64),
            ] {
                for value in [value, spelled] {
                    let range = Range::new(field, op, value);
                    prop_assert_eq!(range.has(number), holds(spelled, op, value), "{:?} {:?} {}", field, op, value);
                }
            }
            prop_assert!(Range::ALL.has(number) && !Range::NONE.has(number));
        }
    }
}
