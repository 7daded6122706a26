//! The filter language: `step:extract* model:gpt-4o cost>0.01 -status:ok or text:"timeout"`.
//! May import `model` and `text`.

use std::borrow::Cow;

use crate::model::{Field, SpanKind, Status};

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
