//! A span as a filter sees it.

use std::borrow::Cow;

use super::{Clock, SpanView};
use crate::filter::{Lookup, Payload, Row, Verdict};
use crate::model::{Field, NANOS_PER_SEC, SpanDetail, SpanKind, Status};
use crate::text::search::{Facts, Needle, Query};

/// A span, the moment it is looked at and, where it was read, its payload.
#[derive(Clone, Copy)]
pub struct FilterRow<'a> {
    /// The span.
    pub span: SpanView<'a>,
    /// Now.
    pub clock: &'a Clock,
    /// Its payload; without it questions about attributes and text stay open.
    pub payload: Option<&'a dyn Payload>,
}

impl Row for FilterRow<'_> {
    fn text(&self, field: Field) -> Cow<'_, str> {
        let span = &self.span;
        let text = match field {
            Field::Name => span.name(),
            // These hold for everything below the span that names them.
            Field::Workflow => match span.inherited(field) {
                none if none.is_none() => span.trace().name(),
                some => span.text(some),
            },
            Field::Step | Field::Agent | Field::User | Field::Session | Field::Service => {
                span.text(span.inherited(field))
            }
            Field::Error => span.error().unwrap_or_default(),
            Field::Source => span.store().source(span.source()).map_or("", |source| source.name.as_str()),
            Field::Trace => return Cow::Owned(span.trace().id_text()),
            Field::SpanId => return Cow::Owned(span.id_text()),
            Field::Status => self.status().as_str(),
            Field::Kind => self.kind().as_str(),
            _ => span.facets().get(field).map_or("", |symbol| span.text(symbol)),
        };
        Cow::Borrowed(text)
    }

    fn number(&self, field: Field) -> Option<f64> {
        let seconds = |nanos: i64| nanos as f64 / NANOS_PER_SEC as f64;
        let usage = self.span.usage();
        match field {
            Field::Tokens => usage.map(|usage| usage.total() as f64),
            Field::Input => usage?.input.map(|count| count as f64),
            Field::Output => usage?.output.map(|count| count as f64),
            Field::Cached => usage?.cache_read.map(|count| count as f64),
            Field::Reasoning => usage?.reasoning.map(|count| count as f64),
            Field::Cost => self.span.cost().map(crate::model::NanoUsd::usd),
            Field::Duration => match self.span.duration() {
                Some(nanos) => Some(seconds(nanos)),
                None if self.status() == Status::Running => {
                    let start = self.span.start()?;
                    Some(seconds(self.span.trace().now(self.clock).since(start).max(0)))
                }
                None => None,
            },
            Field::Ttft => self.span.ttft().map(seconds),
            _ => None,
        }
    }

    fn kind(&self) -> SpanKind {
        self.span.kind()
    }

    fn status(&self) -> Status {
        self.span.status(self.clock)
    }

    fn attribute(&self, name: &str) -> Lookup<'_> {
        self.payload.map_or(Lookup::Unknown, |payload| payload.attribute(name))
    }

    fn payload_contains(&self, needle: &str) -> Verdict {
        self.payload.map_or(Verdict::Unknown, |payload| payload.contains(needle).into())
    }
}

impl Payload for SpanDetail {
    fn attribute(&self, name: &str) -> Lookup<'_> {
        value_of(&self.attributes, name)
    }

    fn contains(&self, needle: &str) -> bool {
        Needle::new(needle).is_in_detail(self)
    }
}

/// A payload that was searched, not read.
#[derive(Clone, Copy)]
pub struct SearchedPayload<'a> {
    /// What was looked for.
    pub query: &'a Query,
    /// What was found.
    pub facts: &'a Facts,
}

impl Payload for SearchedPayload<'_> {
    fn attribute(&self, name: &str) -> Lookup<'_> {
        value_of(&self.facts.attributes, name)
    }

    fn contains(&self, needle: &str) -> bool {
        self.query.position(needle).and_then(|at| self.facts.texts.get(at)).is_some_and(|found| *found)
    }
}

fn value_of<'a>(attributes: &'a [(String, String)], name: &str) -> Lookup<'a> {
    match attributes.iter().find(|(known, _)| known == name) {
        Some((_, value)) => Lookup::Value(unquoted(value)),
        None => Lookup::Absent,
    }
}

/// A JSON string without its quotes; other values as they are.
fn unquoted(json: &str) -> Cow<'_, str> {
    match serde_json::from_str::<String>(json) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(json),
    }
}
