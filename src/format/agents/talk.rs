//! What agents have in common that log a conversation: a session of turns, each opened by what the user says, with
//! calls of the model and of tools below it.

use super::names::{project, provider_of, short, tool_name};
use super::{Fields, Value, items, member, part_of};
use crate::format::usage::Counters;
use crate::format::{Line, Stream};
use crate::model::{Batch, Id, Parent, PayloadRef, SpanKind, SpanUpdate, Stamp, Status, Timed, UnixNanos};

/// A session of turns, of an agent that doesn't write when a turn ends.
pub(super) struct Conversation {
    /// The agent's name in ids that are made here. Another one would make other spans of the same log.
    agent: &'static str,
    /// What its spans call it.
    service: &'static str,
    /// The session's id as the log has it.
    pub id: String,
    pub trace: Id,
    root: Id,
    /// The folder it works in, where the log says it.
    pub cwd: String,
    named: bool,
    /// The turn under way, or the last one.
    turn: Option<Id>,
    /// The last line with a time: turns that nothing ends end there.
    last: Option<(Stamp, UnixNanos)>,
    /// When the model was last given something to answer.
    pub asked: Option<UnixNanos>,
    /// Whether the last answer called no tool.
    pub over: bool,
}

impl Conversation {
    /// Until the log says which session it is, it is that of its file.
    pub(super) fn new(agent: &'static str, service: &'static str, id: String, stream: &Stream) -> Self {
        let root = Id::synthetic(&[format!("{agent} file").as_bytes(), &stream.salt]);
        Self {
            agent,
            service,
            id,
            trace: root,
            root,
            cwd: String::new(),
            named: false,
            turn: None,
            last: None,
            asked: None,
            over: false,
        }
    }

    /// A span of this session that is called `id` there.
    pub(super) fn span(&self, what: &str, id: &str) -> Id {
        Id::synthetic(&[self.agent.as_bytes(), what.as_bytes(), self.id.as_bytes(), id.as_bytes()])
    }

    /// The span that calls stand below.
    fn owner(&self) -> Id {
        self.turn.unwrap_or(self.root)
    }

    /// What a line says about a span.
    pub(super) fn update(&self, span: Id, line: &Line<'_>, out: &mut Batch) -> SpanUpdate {
        let mut update = SpanUpdate::new(self.trace, span, line.stamp);
        update.payload = Some(line.at);
        update.session = out.intern(&self.id);
        update.service = out.intern(self.service);
        update
    }

    /// The log says which session it is, and from here on may be another one.
    pub(super) fn begin(&mut self, id: &str, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        id.clone_into(&mut self.id);
        self.root = self.span("session", id);
        self.trace = out.id(id).unwrap_or(self.root);
        (self.turn, self.named, self.over) = (None, false, false);
        self.put_root(at, line, out);
    }

    /// The session itself, as soon as anything of it is read.
    pub(super) fn put_root(&self, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let mut root = self.update(self.root, line, out);
        root.parent = Parent::Root;
        root.kind = Some(SpanKind::Agent);
        root.status = Some(Status::Running);
        root.start = at.map(Timed::written);
        root.span_type = out.intern("session");
        root.workflow = out.intern(project(&self.cwd));
        out.push(root);
    }

    /// The model is given something to answer.
    pub(super) fn asks(&mut self, at: Option<UnixNanos>) {
        self.asked = at.or(self.asked);
    }

    /// What the user says opens a turn, which its record calls `id`, and names the session when it is the first. `root`
    /// is how the session stands from then on, where that has to be said again.
    pub(super) fn open_turn(
        &mut self,
        id: &str,
        said: &str,
        root: Option<Status>,
        at: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        if let (Some(_), Some((_, last))) = (self.turn, self.last) {
            self.end_turn(Status::Ok, last, line.stamp, out);
        }
        let turn = self.span("turn", id);
        let mut update = self.update(turn, line, out);
        update.parent = Parent::Span(self.root);
        update.kind = Some(SpanKind::Iteration);
        update.status = Some(Status::Running);
        update.start = at.map(Timed::written);
        update.span_type = out.intern("turn");
        update.name = out.intern(&short(said));
        let name = update.name;
        out.push(update);
        let is_first = !std::mem::replace(&mut self.named, true);
        if is_first || root.is_some() {
            let mut update = SpanUpdate::new(self.trace, self.root, line.stamp);
            update.status = root;
            if is_first {
                update.name = name;
            }
            out.push(update);
        }
        self.turn = Some(turn);
        self.over = false;
    }

    /// A call of the model that was answered.
    pub(super) fn model_call(&self, span: Id, model: &str, line: &Line<'_>, out: &mut Batch) -> SpanUpdate {
        let model = short(model);
        let mut update = self.update(span, line, out);
        update.parent = Parent::Span(self.owner());
        update.status = Some(Status::Ok);
        update.span_type = out.intern("message");
        of_model(&mut update, &model, provider_of(&model), out);
        update
    }

    /// A call of a tool. `text` is the part of the line that asks for it.
    pub(super) fn tool_call(
        &self,
        call: &Fields<'_>,
        text: &str,
        line: &Line<'_>,
        out: &mut Batch,
    ) -> SpanUpdate {
        let mut update = self.update(self.span("tool", call.text("id")), line, out);
        let (payload, stamp) = part_of(line, text);
        (update.payload, update.stamp) = (Some(payload), stamp);
        update.parent = Parent::Span(self.owner());
        update.kind = Some(SpanKind::Tool);
        update.span_type = out.intern("tool_call");
        let tool = short(call.text("name"));
        update.name = out.intern(&tool_name(&tool, call.object_text("args"), &self.cwd));
        update.tool = out.intern(&tool);
        update
    }

    /// A line of the conversation was read: a turn that is over ended with its last one.
    pub(super) fn goes_on(&mut self, at: Option<UnixNanos>, line: &Line<'_>) {
        self.last = at.map(|at| (line.stamp, at)).or(self.last);
    }

    /// Nobody works until the user says more, so the session is over with its turn.
    pub(super) fn end_turn(&mut self, status: Status, at: UnixNanos, stamp: Stamp, out: &mut Batch) {
        self.over = false;
        for span in self.turn.into_iter().chain([self.root]) {
            let mut update = SpanUpdate::new(self.trace, span, stamp);
            update.status = Some(status);
            update.end = Some(Timed::written(at));
            out.push(update);
        }
    }

    /// The log ends. An answer that called no tool is taken for the end of its turn.
    pub(super) fn finish(&mut self, out: &mut Batch) {
        if let (true, Some((stamp, at))) = (self.over, self.last) {
            self.end_turn(Status::Ok, at, stamp, out);
        }
    }
}

/// Most records that are remembered as what a model call was asked.
const MAX_INPUTS: usize = 8;

/// The records of what the next call of the model is asked: they become its payloads, too.
#[derive(Default)]
pub(super) struct Inputs(Vec<(PayloadRef, Stamp)>);

impl Inputs {
    pub(super) fn keep(&mut self, payload: PayloadRef, stamp: Stamp) {
        if self.0.len() < MAX_INPUTS {
            self.0.push((payload, stamp));
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Gives them to the call that answers them.
    pub(super) fn give(&mut self, trace: Id, call: Id, out: &mut Batch) {
        for (payload, stamp) in std::mem::take(&mut self.0) {
            let mut input = SpanUpdate::new(trace, call, stamp);
            input.payload = Some(payload);
            out.push(input);
        }
    }
}

/// Says that a span is a call of a model, and of which. It is named by that, too.
pub(super) fn of_model(update: &mut SpanUpdate, model: &str, provider: &str, out: &mut Batch) {
    update.kind = Some(SpanKind::Llm);
    update.name = out.intern(if model.is_empty() { "model call" } else { model });
    update.model = out.intern(model);
    update.provider = out.intern(provider);
}

/// The counters of these names: input, output, what was read from the cache, reasoning, all.
pub(super) fn counters(
    fields: &Fields<'_>,
    [input, output, cache_read, reasoning, total]: [&str; 5],
) -> Counters {
    Counters {
        input: fields.count(input),
        output: fields.count(output),
        cache_read: fields.count(cache_read),
        reasoning: fields.count(reasoning),
        total: fields.count(total),
        ..Counters::default()
    }
}

/// Characters of what somebody says that are looked at.
const MAX_SAID: usize = 4096;

/// Text as far as it is looked at.
pub(super) fn head(text: &str) -> String {
    text.chars().take(MAX_SAID).collect()
}

/// The first words in a list of parts. What functions gave back is not said by anybody.
pub(super) fn first_words(parts: &str) -> String {
    let mut words = String::new();
    items(parts, |part| {
        if let (Value::Object(part), true) = (part, words.is_empty())
            && let Value::Text(text) = member(part, "text")
        {
            words = head(&text);
        }
    });
    words
}
