//! The threads of a session: what the user and the agent say to each other, and what each subagent is told and does.

use crate::model::{
    Batch, Id, Parent, PayloadRef, SpanKind, SpanUpdate, Stamp, Status, Symbol, Timed, UnixNanos,
};

use super::super::WEAKEST;
use super::super::talk::Inputs;

/// Where an update comes from and belongs.
pub(super) struct Place {
    pub trace: Id,
    pub root: Id,
    pub stamp: Stamp,
    pub payload: Option<PayloadRef>,
    pub session: Symbol,
    pub service: Symbol,
}

/// Where the lines of one conversation belong, and how far it is.
pub(super) struct Thread {
    /// The span that its calls stand below: the turn, or the subagent.
    pub owner: Option<Id>,
    /// Name of the subagent; none in the main thread.
    pub agent: String,
    /// When its last line was written.
    pub last: Option<UnixNanos>,
    /// What the next call of the model is asked.
    pub inputs: Inputs,
    /// Tool calls without a result.
    pub open: Vec<Id>,
    /// Whether the owner has no end yet.
    pub running: bool,
    /// Whether the last answer called no tool and may be the final one: older versions don't say.
    pub may_be_over: bool,
}

/// Most tool calls of a thread that are open at a time.
const MAX_OPEN: usize = 1024;

impl Thread {
    pub(super) fn new(owner: Option<Id>, agent: String) -> Self {
        let (last, inputs, open) = (None, Inputs::default(), Vec::new());
        Self { owner, agent, last, inputs, open, running: owner.is_some(), may_be_over: false }
    }

    /// A line that the next call of the model answers.
    pub(super) fn asked(&mut self, at: Option<UnixNanos>, payload: PayloadRef, stamp: Stamp) {
        self.last = self.last.max(at);
        self.may_be_over = false;
        self.inputs.keep(payload, stamp);
    }

    pub(super) fn opened(&mut self, tool: Id) {
        if self.open.len() < MAX_OPEN && !self.open.contains(&tool) {
            self.open.push(tool);
        }
    }

    pub(super) fn closed(&mut self, tool: Id) {
        self.open.retain(|open| *open != tool);
    }

    /// Whether the conversation looks finished although nothing says so.
    pub(super) fn looks_over(&self) -> bool {
        self.running && self.may_be_over && self.open.is_empty()
    }

    /// Ends what is still open.
    pub(super) fn abandon(&mut self, at: Option<UnixNanos>, place: &Place, out: &mut Batch) {
        for tool in std::mem::take(&mut self.open) {
            let mut update = SpanUpdate::new(place.trace, tool, place.stamp);
            update.status = Some(Status::Cancelled);
            update.end = at.or(self.last).map(Timed::inferred);
            out.push(update);
        }
    }

    /// Ends the owner.
    pub(super) fn end(
        &mut self,
        status: Status,
        error: Symbol,
        at: Option<UnixNanos>,
        place: &Place,
        out: &mut Batch,
    ) {
        self.running = false;
        let Some(owner) = self.owner else { return };
        let mut update = SpanUpdate::new(place.trace, owner, place.stamp);
        update.payload = place.payload;
        update.status = Some(status);
        update.end = at.or(self.last).map(Timed::written);
        update.error = error;
        out.push(update);
    }
}

/// What is known of a subagent when its first line comes.
#[derive(Default)]
pub(super) struct Start {
    /// Its kind, `general-purpose` for one.
    pub kind: String,
    /// What it shall do, in a few words.
    pub task: String,
    /// The tool call that started it.
    pub tool: Option<Id>,
}

/// Says that there is a subagent, and where.
pub(super) fn begin(span: Id, start: &Start, at: Option<UnixNanos>, place: &Place, out: &mut Batch) {
    let mut update = SpanUpdate::new(place.trace, span, place.stamp);
    update.payload = place.payload;
    update.kind = Some(SpanKind::Agent);
    update.status = Some(Status::Running);
    update.start = at.map(Timed::written);
    update.span_type = out.intern("subagent");
    update.session = place.session;
    update.service = place.service;
    update.agent = out.intern(&start.kind);
    update.parent = start.tool.map_or(Parent::Unsaid, Parent::Span);
    out.push(update);
    // The session's own file may know better, and its records may be older than these.
    let mut weak = SpanUpdate::new(place.trace, span, WEAKEST);
    weak.parent = Parent::Span(place.root);
    weak.name = match (start.kind.as_str(), start.task.as_str()) {
        ("", "") => out.intern("subagent"),
        ("", task) => out.intern(task),
        (kind, "") => out.intern(kind),
        (kind, task) => out.intern(&format!("{kind}: {task}")),
    };
    out.push(weak);
}
