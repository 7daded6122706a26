//! What the model answers.

use super::agent::Place;
use super::entry::{Block, Entry, Message};
use super::session::{Call, Session, Task, Tool};
use crate::format::Line;
use crate::format::agents::names::{error_line, provider_of, short, tool_name};
use crate::format::agents::talk::of_model;
use crate::format::agents::{MAX_KNOWN, hash, member, part_of, string};
use crate::format::usage::{Convention, Counters};
use crate::model::{Batch, Id, Parent, ServiceTier, SpanKind, Status, Symbol, Timed, Usage, UsageNotes};

impl Session {
    pub(super) fn assistant(
        &mut self,
        entry: &Entry<'_>,
        message: &Message<'_>,
        agent: Option<u64>,
        line: &Line<'_>,
        place: &Place,
        out: &mut Batch,
    ) {
        let owner = self.thread(agent).owner.unwrap_or(self.root);
        let name_of_agent = self.thread(agent).agent.clone();
        if message.model == "<synthetic>" || entry.api_error {
            if entry.api_error {
                self.failed(entry, message, agent, owner, place, out);
            }
            return;
        }
        let id = if message.id.is_empty() { &entry.uuid } else { &message.id };
        let key = hash(&[id, &entry.request]);
        let first = *self.messages.entry(hash(&[id])).or_insert((key, entry.side));
        // A subagent's file repeats what its caller was answered, under requests of its own.
        if first.0 != key && entry.side && !first.1 {
            return;
        }
        if self.calls.len() >= MAX_KNOWN {
            self.calls.clear();
            self.messages.clear();
        }
        let span = self.span("call", &format!("{id} {}", entry.request));
        let is_new = !self.calls.contains_key(&key);
        let thread = self.thread(agent);
        let before = thread.last;
        thread.last = thread.last.max(entry.at);
        if is_new {
            thread.inputs.give(place.trace, span, out);
        }
        let call = self.calls.entry(key).or_insert(Call { span, start: before, most: 0, is_final: false });
        let is_final = message.stop.is_some();
        let usage = usage(message, is_final);
        let mut update = Self::update(call.span, place);
        if let Some((usage, most)) = usage
            && (is_new || most > call.most || (most == call.most && is_final && !call.is_final))
        {
            (call.most, call.is_final) = (most, is_final);
            update.usage = Some(usage);
        }
        update.start = call.start.map(Timed::written).or(entry.at.map(Timed::inferred));
        update.parent = Parent::Span(owner);
        update.status = Some(Status::Ok);
        update.end = entry.at.map(Timed::written);
        update.cost = entry.cost;
        self.one_of_a_kind(&message.id, &entry.request, &mut update);
        update.span_type = out.intern("message");
        let model = short(&message.model);
        of_model(&mut update, &model, provider(&message.id, &model), out);
        update.agent = out.intern(&name_of_agent);
        out.push(update);

        let calls = self.calls_of(entry, message, agent, owner, line, place, out);
        let bare = !message.blocks.iter().any(|block| matches!(block, Block::Text(_)));
        let thread = self.thread(agent);
        match message.stop.as_deref() {
            Some("tool_use" | "pause_turn") => thread.may_be_over = false,
            Some(_) => {
                thread.end(Status::Ok, Symbol::NONE, entry.at, place, out);
                if agent.is_none() {
                    self.root_ends(Status::Ok, entry.at, place, out);
                }
            }
            None => thread.may_be_over = !calls && (!bare || thread.may_be_over),
        }
    }

    /// The tool calls of an answer. Says whether there are any.
    #[expect(clippy::too_many_arguments, reason = "a call belongs to a line, a thread and a place")]
    fn calls_of(
        &mut self,
        entry: &Entry<'_>,
        message: &Message<'_>,
        agent: Option<u64>,
        owner: Id,
        line: &Line<'_>,
        place: &Place,
        out: &mut Batch,
    ) -> bool {
        let mut any = false;
        for block in &message.blocks {
            let Block::Call { text, id, name, input, own } = block else { continue };
            any = true;
            let span = self.span("tool", id);
            let (payload, stamp) = part_of(line, text);
            let mut update = Self::update(span, &Place { stamp, payload: Some(payload), ..*place });
            update.parent = Parent::Span(owner);
            update.kind = Some(SpanKind::Tool);
            update.span_type = out.intern("tool_use");
            update.start = entry.at.map(Timed::written);
            update.tool = out.intern(&short(name));
            self.one_of_a_kind(id, &entry.request, &mut update);
            update.agent = out.intern(&self.thread(agent).agent.clone());
            let is_task = matches!(name.as_str(), "Task" | "Agent");
            let description = member(input, "description");
            update.name = match description.text().filter(|_| is_task) {
                Some(task) => out.intern(&format!("{name}: {}", short(task))),
                None => out.intern(&tool_name(name, input, &self.cwd)),
            };
            if *own {
                // The provider ran it while it answered.
                update.status = Some(Status::Ok);
                update.end = entry.at.map(Timed::inferred);
            } else {
                update.status = Some(Status::Running);
                self.thread(agent).opened(span);
            }
            out.push(update);
            let tool = hash(&[id]);
            if self.tools.len() < MAX_KNOWN {
                self.tools.entry(tool).or_insert(Tool { span, agent: None });
            }
            if is_task && self.tasks.len() < MAX_KNOWN {
                let prompt = string(member(input, "prompt")).unwrap_or_default();
                let prompt: String = prompt.trim().chars().take(4096).collect();
                let kind = short(member(input, "subagent_type").text().unwrap_or_default());
                let about = short(description.text().unwrap_or_default());
                self.tasks.insert(hash(&[prompt.trim()]), Task { tool, span, kind, about });
            }
        }
        any
    }

    /// A request that got no answer.
    fn failed(
        &mut self,
        entry: &Entry<'_>,
        message: &Message<'_>,
        agent: Option<u64>,
        owner: Id,
        place: &Place,
        out: &mut Batch,
    ) {
        let error = out.intern(&error_line(message.text().unwrap_or("API error")));
        let mut update = Self::update(self.span("call", &entry.uuid), place);
        update.parent = Parent::Span(owner);
        update.kind = Some(SpanKind::Llm);
        update.status = Some(Status::Error);
        update.error = error;
        update.name = out.intern("API error");
        self.one_of_a_kind(&entry.uuid, &entry.uuid, &mut update);
        update.span_type = out.intern("message");
        let thread = self.thread(agent);
        update.start = thread.last.or(entry.at).map(Timed::written);
        update.end = entry.at.map(Timed::written);
        update.agent = out.intern(&thread.agent.clone());
        out.push(update);
        thread.last = thread.last.max(entry.at);
        thread.end(Status::Error, error, entry.at, place, out);
        if agent.is_none() {
            self.root_ends(Status::Error, entry.at, place, out);
        }
    }
}

/// The usage of an answer and how much it is in all.
fn usage(message: &Message<'_>, is_final: bool) -> Option<(Usage, u64)> {
    let value: serde_json::Value = serde_json::from_str(message.usage).ok()?;
    let mut counters = Counters::from_json(&value);
    // A speed of its own price, for which the lists have none.
    if value.get("speed").and_then(serde_json::Value::as_str) == Some("fast") {
        counters.tier = ServiceTier::Other;
    }
    let mut usage = counters.normalise(Convention::Exclusive, "anthropic").filter(Usage::is_known)?;
    if !is_final {
        usage.parts.notes = usage.parts.notes.with(UsageNotes::OUTPUT_AT_LEAST);
    }
    Some((usage, usage.total()))
}

/// Who answered, by how it numbers its answers.
fn provider(message: &str, model: &str) -> &'static str {
    if message.starts_with("msg_bdrk_") {
        "aws.bedrock"
    } else if message.starts_with("msg_vrtx_") {
        "gcp.vertex_ai"
    } else {
        provider_of(model)
    }
}
