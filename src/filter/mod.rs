//! The filter language: `step:extract* model:gpt-4o cost>0.01 -status:ok or text:"timeout"`.
//! May import `model` and `text`.
//!
//! [`Filter::parse`] never fails; [`Filter::matches`] asks a [`Row`]; [`Filter::compiled`] prepares a filter for millions
//! of rows over interned text; [`complete`] offers what may be typed at the cursor.

mod ast;
mod block;
mod check;
mod compile;
mod complete;
mod edit;
mod matcher;
mod number;
mod parse;
mod scan;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub use ast::{Expr, Key, Needle, Op, Pattern, Test, Value};
pub use block::{Block, Compiled, Question, Range, Verdicts};
pub use complete::{Candidate, Completion, MAX_CANDIDATES, complete};
pub use edit::unfinished;
pub use parse::{FilterError, MAX_DEPTH, MAX_SOURCE};

use crate::model::{Field, SpanKind, Status};

/// The language as users read it.
pub const REFERENCE: &str = include_str!("reference.md");

/// What a filter looks at. Numbers come in the field's unit: tokens, US dollars, seconds.
pub trait Row {
    /// A text field; empty when the span has none.
    fn text(&self, field: Field) -> Cow<'_, str>;
    /// A numeric field; `None` when unknown.
    fn number(&self, field: Field) -> Option<f64>;
    /// The kind.
    fn kind(&self) -> SpanKind;
    /// The status as shown (with `unfinished` inferred).
    fn status(&self) -> Status;
    /// An attribute by name, from the payload.
    fn attribute(&self, name: &str) -> Lookup<'_>;
    /// Whether the payload text contains `needle` (compared without case).
    fn payload_contains(&self, needle: &str) -> Verdict;
}

/// What is known about the payload of a row.
pub trait Payload {
    /// An attribute by name.
    fn attribute(&self, name: &str) -> Lookup<'_>;
    /// Whether its text contains `needle` (compared without case).
    fn contains(&self, needle: &str) -> bool;
}

/// A value that may need the payload, which may not be at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// The value.
    Value(Cow<'a, str>),
    /// There is none.
    Absent,
    /// The payload would have to be read.
    Unknown,
}

/// The answer of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Matches.
    Yes,
    /// Doesn't.
    No,
    /// Only the payload can tell.
    Unknown,
}

/// A filter, ready to be asked. The empty filter matches everything.
#[derive(Clone, Debug)]
pub struct Filter {
    expr: Option<Expr>,
    program: Arc<compile::Program>,
}

/// What came out of parsing: always a filter of what was understood.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What was understood.
    pub filter: Filter,
    /// What was not, in the order of the source.
    pub errors: Vec<FilterError>,
}

impl Filter {
    /// Reads a filter.
    pub fn parse(source: &str) -> Parsed {
        let mut outcome = parse::parse(source);
        outcome.errors.sort_by_key(|error| error.span.start);
        Parsed { filter: Self::from_expr(outcome.expr), errors: outcome.errors }
    }

    /// The filter of an expression; of none, the empty one.
    pub fn from_expr(expr: Option<Expr>) -> Self {
        let program = Arc::new(compile::Program::new(expr.as_ref()));
        Self { expr, program }
    }

    /// Whether a row matches.
    pub fn matches(&self, row: &impl Row) -> Verdict {
        self.program.matches(row)
    }

    /// Prepares the filter for many rows whose text is interned.
    pub fn compiled(&self) -> Compiled {
        Compiled::new(Arc::clone(&self.program))
    }

    /// Whether it matches everything because it says nothing.
    pub fn is_empty(&self) -> bool {
        self.expr.is_none()
    }

    /// Whether some rows may need their payload read.
    pub fn needs_payload(&self) -> bool {
        self.program.needs_payload()
    }

    /// The texts that are looked for in payloads.
    pub fn payload_texts(&self) -> &[String] {
        &self.program.texts
    }

    /// The names of the attributes that are looked at.
    pub fn payload_attributes(&self) -> &[String] {
        &self.program.attributes
    }

    /// Whether time alone may change an answer: what runs becomes longer, and at last unfinished.
    pub fn depends_on_time(&self) -> bool {
        self.program.depends_on_time
    }

    /// The expression.
    pub fn expr(&self) -> Option<&Expr> {
        self.expr.as_ref()
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::from_expr(None)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}

/// Valid source of the same filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.as_ref().map_or(Ok(()), |expr| expr.fmt(f))
    }
}

#[cfg(test)]
mod tests;
