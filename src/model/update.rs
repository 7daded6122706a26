//! [`SpanUpdate`]: what one record says about one span. The only thing decoders make and the store takes.

use super::id::Id;
use super::kind::{SpanKind, Status};
use super::money::NanoUsd;
use super::payload::{PayloadRef, Stamp};
use super::problem::{Problems, Reason};
use super::symbol::{Strings, Symbol};
use super::time::UnixNanos;
use super::usage::Usage;

/// What a record says about a span's parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parent {
    /// Nothing.
    #[default]
    Unsaid,
    /// There is none: the span is a root.
    Root,
    /// This span, in the same trace.
    Span(Id),
}

/// A time, and whether the source wrote it or the decoder worked it out (arrival time minus duration, say).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// The instant.
    pub at: UnixNanos,
    /// Whether it was worked out. A written time always wins over a worked-out one.
    pub inferred: bool,
}

impl Timed {
    /// A time that the source wrote.
    pub fn written(at: UnixNanos) -> Self {
        Self { at, inferred: false }
    }

    /// A time that the decoder worked out.
    pub fn inferred(at: UnixNanos) -> Self {
        Self { at, inferred: true }
    }
}

/// Yes-or-no facts about a span. Once said they stay said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub u16);

impl Marks {
    /// Token counts are the source's estimate, not the provider's count.
    pub const ESTIMATED: Self = Self(1);
    /// The source writes a span once; one that was open then never gets its end (FlowMaestro).
    pub const INSERT_ONLY: Self = Self(1 << 1);
    /// The span carries sums of its children: its usage never counts as a call of its own.
    pub const ROLLUP: Self = Self(1 << 2);
    /// Something about the record was odd and is shown flagged.
    pub const ODD: Self = Self(1 << 3);
    /// Text of the record was cut by its source.
    pub const TRUNCATED: Self = Self(1 << 4);
    /// The span goes on with a run that was suspended before.
    pub const RESUMED: Self = Self(1 << 5);
    /// The span is the second or a later attempt.
    pub const RETRY: Self = Self(1 << 6);
    /// What [`SpanUpdate::response`] names is told apart from all others wherever it is written: spans of other traces
    /// that name it are copies.
    pub const UNIQUE_RESPONSE: Self = Self(1 << 7);
    /// The record looks like a copy of one that was written elsewhere before; should there be that one, it counts.
    pub const COPY: Self = Self(1 << 8);

    /// Whether all of `other` is said.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Letters of an id from which on nobody has drawn the same one twice.
const UNIQUE_ID: usize = 12;

/// A provider's response id as it is compared; `None` for one that says nothing.
///
/// Some servers number their answers, or draw from a few numbers (Ollama: `chatcmpl-417`). Such an id stands for one
/// response only together with what it used.
pub fn response_key(id: &str, usage: Option<&Usage>) -> Option<u64> {
    let id = id.trim();
    let own = id.rsplit(['-', '_']).next().unwrap_or(id);
    if own.len() >= UNIQUE_ID {
        return unique_response_key(id);
    }
    let usage = usage.filter(|_| !id.is_empty())?;
    let number = |count: Option<u64>| count.unwrap_or(u64::MAX).to_le_bytes();
    let (input, output) = (number(usage.input), number(usage.output));
    Some(Id::synthetic(&[b"response", id.as_bytes(), &input, &output]).bits() as u64)
}

/// The same of an id that is known to be drawn once.
pub fn unique_response_key(id: &str) -> Option<u64> {
    let id = id.trim();
    (!id.is_empty()).then(|| Id::synthetic(&[b"response", id.as_bytes()]).bits() as u64)
}

/// Before a response id that is unique beyond its trace, in records that were made from such a span.
pub const UNIQUE_RESPONSE: &str = "any-trace:";
/// The same, of a span that copies another one.
pub const COPIED_RESPONSE: &str = "copy:";

/// Everything one record says about one span. Absent fields erase nothing.
///
/// Symbols and text ids belong to the string table of the [`Batch`] that carries the update.
#[derive(Clone, Copy, Debug)]
pub struct SpanUpdate {
    /// The trace.
    pub trace: Id,
    /// The span, unique within its trace.
    pub span: Id,
    /// The order of this record among all records of the span.
    pub stamp: Stamp,
    /// The parent span.
    pub parent: Parent,
    /// Where the record is, for reading its payload later.
    pub payload: Option<PayloadRef>,
    /// Beginning.
    pub start: Option<Timed>,
    /// End.
    pub end: Option<Timed>,
    /// The first content of a streamed answer.
    pub first_token: Option<UnixNanos>,
    /// When the source made the record visible, where it says so: commit or flush time. For the source's lag.
    pub written_at: Option<UnixNanos>,
    /// How it stands.
    pub status: Option<Status>,
    /// Its kind.
    pub kind: Option<SpanKind>,
    /// Further facts.
    pub marks: Marks,
    /// Tokens of this span's own call.
    pub usage: Option<Usage>,
    /// Cost that the source reports for this span's own call.
    pub cost: Option<NanoUsd>,
    /// The provider's id of this call's response, by [`response_key`]: calls of a trace with the same one are one call
    /// that was recorded twice. See [`Marks::UNIQUE_RESPONSE`].
    pub response: Option<u64>,
    /// The run that several traces may belong to (a suspended and resumed workflow).
    pub run: Option<Id>,
    /// Name.
    pub name: Symbol,
    /// The source's own word for the kind.
    pub span_type: Symbol,
    /// Name of the workflow.
    pub workflow: Symbol,
    /// Name of the step; on a step itself and on what is known to belong to it.
    pub step: Symbol,
    /// Name of the agent.
    pub agent: Symbol,
    /// Name of the tool.
    pub tool: Symbol,
    /// Model that answered, else the one that was asked.
    pub model: Symbol,
    /// Provider of the model.
    pub provider: Symbol,
    /// User id.
    pub user: Symbol,
    /// Session, thread or conversation id.
    pub session: Symbol,
    /// Service or application name.
    pub service: Symbol,
    /// Error message, one line.
    pub error: Symbol,
}

impl SpanUpdate {
    /// An update that says nothing yet.
    pub fn new(trace: Id, span: Id, stamp: Stamp) -> Self {
        Self {
            trace,
            span,
            stamp,
            parent: Parent::Unsaid,
            payload: None,
            start: None,
            end: None,
            first_token: None,
            written_at: None,
            status: None,
            kind: None,
            marks: Marks::default(),
            usage: None,
            cost: None,
            response: None,
            run: None,
            name: Symbol::NONE,
            span_type: Symbol::NONE,
            workflow: Symbol::NONE,
            step: Symbol::NONE,
            agent: Symbol::NONE,
            tool: Symbol::NONE,
            model: Symbol::NONE,
            provider: Symbol::NONE,
            user: Symbol::NONE,
            session: Symbol::NONE,
            service: Symbol::NONE,
            error: Symbol::NONE,
        }
    }

    /// The same update in another string table.
    #[must_use]
    pub fn remap(mut self, map: impl Fn(Symbol) -> Symbol + Copy) -> Self {
        self.trace = self.trace.remap(map);
        self.span = self.span.remap(map);
        if let Parent::Span(id) = self.parent {
            self.parent = Parent::Span(id.remap(map));
        }
        self.run = self.run.map(|id| id.remap(map));
        for symbol in [
            &mut self.name,
            &mut self.span_type,
            &mut self.workflow,
            &mut self.step,
            &mut self.agent,
            &mut self.tool,
            &mut self.model,
            &mut self.provider,
            &mut self.user,
            &mut self.session,
            &mut self.service,
            &mut self.error,
        ] {
            if symbol.is_some() {
                *symbol = map(*symbol);
            }
        }
        self
    }
}

/// Updates of one source on their way to the store, with the strings they use and what was odd.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The strings of the updates.
    pub strings: Strings,
    /// The updates, in the order of the source.
    pub updates: Vec<SpanUpdate>,
    /// What could not be taken as it is.
    pub problems: Problems,
}

impl Batch {
    /// Interns a string for an update of this batch.
    pub fn intern(&mut self, text: &str) -> Symbol {
        self.strings.intern(text)
    }

    /// Reads an id for an update of this batch.
    pub fn id(&mut self, text: &str) -> Option<Id> {
        Id::parse(text, &mut self.strings)
    }

    /// Adds an update.
    pub fn push(&mut self, update: SpanUpdate) {
        self.updates.push(update);
    }

    /// Counts a problem.
    pub fn problem(&mut self, reason: Reason, place: Option<PayloadRef>, detail: &str) {
        self.problems.add(reason, place, detail);
    }

    /// Whether there is nothing to deliver.
    pub fn is_empty(&self) -> bool {
        self.updates.is_empty() && self.problems.is_empty()
    }
}
