//! What the user says and what tools give back.

use super::agent::Place;
use super::entry::{Block, Entry, Message};
use super::session::{Name, Session};
use crate::format::Line;
use crate::format::agents::names::{error_line, short};
use crate::format::agents::{hash, label, members, part_of};
use crate::format::json::Value;
use crate::model::{Batch, Parent, SpanKind, SpanUpdate, Status, Symbol, Timed, UnixNanos};

impl Session {
    pub(super) fn user(
        &mut self,
        entry: &Entry<'_>,
        message: &Message<'_>,
        agent: Option<u64>,
        line: &Line<'_>,
        place: &Place,
        out: &mut Batch,
    ) {
        let results = message.blocks.iter().filter(|block| matches!(block, Block::Result { .. })).count();
        for block in &message.blocks {
            if let Block::Result { text, id, error, says } = block {
                // A line with several results is each tool's only in part.
                let (payload, stamp) = if results > 1 { part_of(line, text) } else { (line.at, line.stamp) };
                let place = Place { stamp, payload: Some(payload), ..*place };
                let own = (results == 1).then_some(&entry.result);
                self.result(id, *error, says, own, agent, entry.at, &place, out);
            }
        }
        let said = message.text().unwrap_or_default();
        if said.starts_with("[Request interrupted") {
            let thread = self.thread(agent);
            thread.abandon(entry.at, place, out);
            thread.end(Status::Cancelled, Symbol::NONE, entry.at, place, out);
            if agent.is_none() {
                self.root_ends(Status::Cancelled, entry.at, place, out);
            }
            return;
        }
        if results == 0 && agent.is_none() && !entry.meta && is_prompt(said) {
            self.turn(entry, said, place, out);
        }
        self.thread(agent).asked(entry.at, line.at, line.stamp);
    }

    /// The user asks for something: the turn before is over.
    fn turn(&mut self, entry: &Entry<'_>, said: &str, place: &Place, out: &mut Batch) {
        self.main.abandon(None, place, out);
        if self.main.running {
            let bare = Place { payload: None, ..*place };
            self.main.end(Status::Ok, Symbol::NONE, None, &bare, out);
        }
        let span = self.span("turn", &entry.uuid);
        let name = short(&prompt_name(said));
        if self.name == Name::None {
            self.named(Name::Prompt, &name, place.stamp, out);
        }
        let mut update = Self::update(span, place);
        update.parent = Parent::Span(self.root);
        update.kind = Some(SpanKind::Iteration);
        update.status = Some(Status::Running);
        update.span_type = out.intern("turn");
        update.name = out.intern(&name);
        update.start = entry.at.map(Timed::written);
        out.push(update);
        self.main.owner = Some(span);
        self.main.running = true;
        self.main.inputs.clear();
    }

    #[expect(clippy::too_many_arguments, reason = "what a result says comes from three places of its line")]
    fn result(
        &mut self,
        id: &str,
        error: bool,
        says: &str,
        own: Option<&Value<'_>>,
        agent: Option<u64>,
        at: Option<UnixNanos>,
        place: &Place,
        out: &mut Batch,
    ) {
        let span = self.span("tool", id);
        let stopped = says.starts_with("The user doesn't want to proceed")
            || says.starts_with("[Request interrupted")
            || own.and_then(|own| own.text()).is_some_and(|text| text == "User rejected tool use");
        let mut status = if error { Status::Error } else { Status::Ok };
        let (mut child, mut state, mut kind) = (String::new(), String::new(), String::new());
        if let Some(Value::Object(object)) = own {
            members(object, |key, value| match key {
                "agentId" => child = label(&value).unwrap_or_default(),
                "status" => state = label(&value).unwrap_or_default(),
                "agentType" => kind = label(&value).unwrap_or_default(),
                "interrupted" if value == Value::Bool(true) => status = Status::Cancelled,
                _ => {}
            });
        }
        if stopped {
            status = Status::Cancelled;
        }
        let mut update = Self::update(span, place);
        update.kind = Some(SpanKind::Tool);
        update.status = Some(status);
        update.end = at.map(Timed::written);
        if status == Status::Error {
            update.error = out.intern(&error_line(says));
        }
        out.push(update);
        self.thread(agent).closed(span);

        // The subagent that ran in the call is over with it, unless it was only launched.
        let mut ended = self.tools.get(&hash(&[id])).and_then(|tool| tool.agent);
        if !child.is_empty() {
            self.link(&child, span, place, out);
            ended = Some(hash(&["agent", &child]));
        }
        if state == "async_launched" {
            return;
        }
        let bare = Place { payload: None, ..*place };
        if let Some(thread) = ended.and_then(|key| self.agents.get_mut(&key)) {
            if thread.running {
                thread.end(status, Symbol::NONE, at, &bare, out);
            }
        } else if !child.is_empty() && (state == "completed" || error) {
            let mut update = SpanUpdate::new(place.trace, self.span("agent", &child), place.stamp);
            update.status = Some(status);
            update.end = at.map(Timed::inferred);
            update.agent = out.intern(&short(&kind));
            out.push(update);
        }
    }
}

/// Whether what a user's line says was asked by a person: the program writes such lines too.
fn is_prompt(said: &str) -> bool {
    const NOT: [&str; 5] =
        ["<local-command-", "<bash-", "Caveat: ", "<task-notification", "<system-reminder"];
    !said.is_empty() && !NOT.iter().any(|start| said.starts_with(start))
}

/// A prompt as it was typed: commands are kept in a notation of their own.
fn prompt_name(said: &str) -> String {
    let tag = |name: &str| {
        let (_, rest) = said.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner.trim().to_owned())
    };
    match tag("command-name") {
        Some(command) => format!("{command} {}", tag("command-args").unwrap_or_default()),
        None => said.to_owned(),
    }
}
