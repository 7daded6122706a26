//! Turns: what the user asked, and how that ended.

use super::rollout::{At, Rollout};
use crate::format::agents::Fields;
use crate::format::agents::names::{error_line, short};
use crate::model::{Batch, Id, Parent, PayloadRef, SpanKind, SpanUpdate, Stamp, Status, Timed, UnixNanos};

/// The turn under way, or the last one.
pub(super) struct Turn {
    pub span: Id,
    pub named: bool,
    pub running: bool,
    /// Whether the log says when it begins and ends; older versions don't.
    pub told: bool,
}

impl Rollout {
    /// A turn begins. One that has no id gets a number.
    pub(super) fn start_turn(&mut self, id: &str, at: &At<'_, '_>, out: &mut Batch) {
        self.leave_turn(at, out);
        self.turns += 1;
        let span =
            if id.is_empty() { self.span("turn", &self.turns.to_string()) } else { self.span("turn", id) };
        let mut update = self.update(span, at.line, out);
        update.parent = Parent::Span(self.root);
        update.kind = Some(SpanKind::Iteration);
        update.status = Some(Status::Running);
        update.start = at.time.map(Timed::written);
        update.span_type = out.intern("turn");
        out.push(update);
        self.turn = Some(Turn { span, named: false, running: true, told: !id.is_empty() });
        self.boundary();
        self.inputs.clear();
        self.asks(at, false);
    }

    /// The turn before this line is over, though nothing said so.
    fn leave_turn(&mut self, at: &At<'_, '_>, out: &mut Batch) {
        let end = self.last.map(|(_, time)| time);
        self.abandon(end, at.line.stamp, out);
        if self.turn.as_ref().is_some_and(|turn| turn.running) {
            self.end_turn(Status::Ok, None, end, at.line.stamp, None, out);
        }
    }

    /// What the user asks. `begins` says that it begins a turn where nothing else does.
    pub(super) fn prompt(&mut self, text: &str, begins: bool, at: &At<'_, '_>, out: &mut Batch) {
        if begins && self.turn.as_ref().is_none_or(|turn| !turn.told || !turn.running) {
            // Where turns are told, a prompt between them belongs to the next one.
            if self.turn.as_ref().is_some_and(|turn| turn.told) {
                return;
            }
            self.start_turn("", at, out);
        }
        let Some(turn) = &mut self.turn else { return };
        if turn.named || text.trim().is_empty() {
            return;
        }
        turn.named = true;
        let span = turn.span;
        let name = short(text);
        let mut update = self.update(span, at.line, out);
        update.name = out.intern(&name);
        out.push(update);
        if !self.named {
            self.named = true;
            let mut root = SpanUpdate::new(self.trace, self.root, at.line.stamp);
            root.name = match (self.is_child, self.agent.as_str()) {
                (true, agent) if !agent.is_empty() => out.intern(&format!("{agent}: {name}")),
                _ => out.intern(&name),
            };
            out.push(root);
        }
    }

    /// The log says that the turn is over.
    pub(super) fn turn_over(&mut self, kind: &str, fields: &Fields<'_>, at: &At<'_, '_>, out: &mut Batch) {
        let error = fields.object("error");
        let status = match (&error, kind) {
            (Some(_), _) => Status::Error,
            (None, "turn_aborted") => Status::Cancelled,
            _ => Status::Ok,
        };
        let message = error.map(|error| error_line(error.text("message")));
        self.abandon(at.time, at.line.stamp, out);
        self.end_turn(status, message.as_deref(), at.time, at.line.stamp, Some(at.line.at), out);
    }

    pub(super) fn end_turn(
        &mut self,
        status: Status,
        error: Option<&str>,
        at: Option<UnixNanos>,
        stamp: Stamp,
        payload: Option<PayloadRef>,
        out: &mut Batch,
    ) {
        self.may_be_over = false;
        let Some(turn) = &mut self.turn else { return };
        turn.running = false;
        for span in [turn.span, self.root] {
            let mut update = SpanUpdate::new(self.trace, span, stamp);
            update.payload = payload.filter(|_| span != self.root);
            update.status = Some(status);
            update.end = at.map(Timed::written);
            update.error = out.intern(error.unwrap_or_default());
            out.push(update);
        }
    }

    /// Tool calls that will get no result.
    fn abandon(&mut self, at: Option<UnixNanos>, stamp: Stamp, out: &mut Batch) {
        for key in std::mem::take(&mut self.open) {
            let Some(tool) = self.tools.get_mut(&key) else { continue };
            tool.stopped = true;
            let mut update = SpanUpdate::new(self.trace, tool.span, stamp);
            update.status = Some(Status::Cancelled);
            update.end = at.map(Timed::inferred);
            out.push(update);
        }
    }
}
