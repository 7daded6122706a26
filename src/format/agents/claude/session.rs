//! From the lines of a session to its spans.

use rustc_hash::FxHashMap;

use super::agent::{Place, Start, Thread, begin};
use super::entry::{Entry, Message};
use crate::format::agents::names::{project, short};
use crate::format::agents::{MAX_KNOWN, WEAKEST, each_object, hash, label, members};
use crate::format::json::Value;
use crate::format::{Line, LineDecoder, Stream};
use crate::model::{
    Batch, Id, Marks, NANOS_PER_SEC, Parent, Reason, SpanKind, SpanUpdate, Stamp, Status, Symbol, Timed,
    UnixNanos, unique_response_key,
};

/// Characters of an id that is like no other; those of the providers have 24 and more.
const UNIQUE_ID: usize = 16;

/// How well a session's name is founded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    None,
    /// What the user asked first.
    Prompt,
    /// What the agent made of it.
    Summary,
    /// What the user called it.
    Given,
}

/// A call of the model.
pub(super) struct Call {
    pub span: Id,
    pub start: Option<UnixNanos>,
    /// Its largest usage so far.
    pub most: u64,
    /// Whether that is the final one.
    pub is_final: bool,
}

/// A call of a tool.
pub(super) struct Tool {
    pub span: Id,
    /// The subagent it runs.
    pub agent: Option<u64>,
}

/// A call of a tool that starts a subagent.
pub(super) struct Task {
    /// By which the tool is known.
    pub tool: u64,
    pub span: Id,
    /// What the subagent is.
    pub kind: String,
    /// What it is for.
    pub about: String,
}

/// What is remembered of one session.
pub(super) struct Session {
    pub id: String,
    pub trace: Id,
    pub root: Id,
    pub rooted: bool,
    pub name: Name,
    pub cwd: String,
    pub main: Thread,
    pub agents: FxHashMap<u64, Thread>,
    /// The subagent of each line of a chain without an agent's id, by the line's.
    pub chains: FxHashMap<u64, u64>,
    /// Calls by message and request.
    pub calls: FxHashMap<u64, Call>,
    /// Which call a message is of, and whether that is a subagent's.
    pub messages: FxHashMap<u64, (u64, bool)>,
    pub tools: FxHashMap<u64, Tool>,
    /// Tool calls that start a subagent, by what it is told.
    pub tasks: FxHashMap<u64, Task>,
    /// Whether the line at hand was copied from another session, as far as it shows.
    pub copied: bool,
}

/// See the module. Several sessions may follow one another in a stream.
pub(super) struct Sessions {
    notes: String,
    /// The session that the file is named after. One that began as a copy of another keeps lines with that one's id.
    own: Option<String>,
    session: Option<Session>,
    /// The first time of the file: what is older was copied from another one.
    first: Option<UnixNanos>,
    /// A title that came before its session.
    title: Option<(Name, String)>,
    last: Option<(Stamp, UnixNanos)>,
}

impl Sessions {
    pub(super) fn new(stream: &Stream) -> Self {
        let stem = stream.name.split('.').next().unwrap_or_default();
        let own = super::is_session(stem).then(|| stem.to_owned());
        Self { notes: stream.notes.clone(), own, session: None, first: None, title: None, last: None }
    }
}

impl LineDecoder for Sessions {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object(line, out, |reader, line, out| {
            let mut entry = Entry::read(reader)?;
            if let Some(own) = self.own.as_ref().filter(|_| !entry.session.is_empty()) {
                entry.session.clone_from(own);
            }
            self.entry(&entry, line, out);
            Ok(())
        });
    }

    fn finish(&mut self, out: &mut Batch) {
        let (Some(session), Some((stamp, _))) = (&mut self.session, self.last) else { return };
        let mut place = session.place(out);
        (place.stamp, place.payload) = (stamp, None);
        let mut agents: Vec<&mut Thread> =
            session.agents.values_mut().filter(|agent| agent.looks_over()).collect();
        agents.sort_unstable_by_key(|agent| agent.owner);
        for agent in agents {
            agent.end(Status::Ok, Symbol::NONE, None, &place, out);
        }
        if session.main.looks_over() {
            session.main.end(Status::Ok, Symbol::NONE, None, &place, out);
            session.root_ends(Status::Ok, session.main.last, &place, out);
        }
    }
}

impl Sessions {
    fn entry(&mut self, entry: &Entry<'_>, line: &Line<'_>, out: &mut Batch) {
        if entry.bad_time {
            out.problem(Reason::BadTime, Some(line.at), "timestamp");
        }
        self.first = self.first.or(entry.at);
        match entry.kind.as_str() {
            "user" | "assistant" | "system" | "progress" if !entry.session.is_empty() => {}
            "summary" => return self.titled(Name::Prompt, entry, line, out),
            "ai-title" => return self.titled(Name::Summary, entry, line, out),
            "custom-title" => return self.titled(Name::Given, entry, line, out),
            "user" | "assistant" => {
                return out.problem(Reason::MissingId, Some(line.at), "a message without sessionId");
            }
            "" => return out.problem(Reason::NotASpan, Some(line.at), "a record without a type"),
            // Other lines are about the program, not about what it does.
            _ => return,
        }
        if let Some(at) = entry.at {
            self.last = Some((line.stamp, at));
        }
        let session = match &mut self.session {
            Some(session) if session.id == entry.session => session,
            slot => slot.insert(Session::new(&entry.session, out)),
        };
        if entry.cwd.len() < 4096 && session.cwd != entry.cwd && !entry.cwd.is_empty() {
            session.cwd.clone_from(&entry.cwd);
        }
        let older = |at: UnixNanos| self.first.is_some_and(|first| first.since(at) > NANOS_PER_SEC);
        session.copied = entry.forked || entry.at.is_some_and(older);
        session.line(entry, line, &self.notes, out);
        if let Some((name, title)) = self.title.take() {
            session.named(name, &title, line.stamp, out);
        }
    }

    fn titled(&mut self, name: Name, entry: &Entry<'_>, line: &Line<'_>, out: &mut Batch) {
        let title = short(&entry.title);
        match &mut self.session {
            Some(session) if entry.session.is_empty() || session.id == entry.session => {
                session.named(name, &title, line.stamp, out);
            }
            _ => self.title = Some((name, title)),
        }
    }
}

impl Session {
    fn new(id: &str, out: &mut Batch) -> Self {
        let root = Id::synthetic(&[b"claude session", id.as_bytes()]);
        Self {
            id: id.to_owned(),
            trace: out.id(id).unwrap_or(root),
            root,
            rooted: false,
            name: Name::None,
            cwd: String::new(),
            main: Thread::new(None, String::new()),
            agents: FxHashMap::default(),
            chains: FxHashMap::default(),
            calls: FxHashMap::default(),
            messages: FxHashMap::default(),
            tools: FxHashMap::default(),
            tasks: FxHashMap::default(),
            copied: false,
        }
    }

    fn place(&self, out: &mut Batch) -> Place {
        Place {
            trace: self.trace,
            root: self.root,
            stamp: WEAKEST,
            payload: None,
            session: out.intern(&self.id),
            service: out.intern("claude-code"),
        }
    }

    pub(super) fn span(&self, what: &str, id: &str) -> Id {
        Id::synthetic(&[b"claude", what.as_bytes(), self.id.as_bytes(), id.as_bytes()])
    }

    pub(super) fn update(span: Id, place: &Place) -> SpanUpdate {
        let mut update = SpanUpdate::new(place.trace, span, place.stamp);
        update.payload = place.payload;
        (update.session, update.service) = (place.session, place.service);
        update
    }

    /// Says that whatever names `id` in other sessions is a copy of the same call. Ids that are too short to be unique
    /// need their request's beside them.
    pub(super) fn one_of_a_kind(&self, id: &str, request: &str, update: &mut SpanUpdate) {
        let (unique, copied) = match (id.len() >= UNIQUE_ID, request) {
            (true, "") => (unique_response_key(id), true),
            (true, _) => (unique_response_key(id), self.copied),
            (false, "") => return update.response = unique_response_key(id),
            (false, request) => (unique_response_key(&format!("{id} {request}")), self.copied),
        };
        update.response = unique;
        update.marks = update.marks.with(Marks::UNIQUE_RESPONSE);
        if copied {
            update.marks = update.marks.with(Marks::COPY);
        }
    }

    pub(super) fn named(&mut self, name: Name, title: &str, stamp: Stamp, out: &mut Batch) {
        // Summaries at the top of a file are of earlier sessions; within it they are of this one.
        let name = if name == Name::Prompt && self.name != Name::None { Name::Summary } else { name };
        if name < self.name || title.is_empty() {
            return;
        }
        self.name = name;
        let mut root = SpanUpdate::new(self.trace, self.root, stamp);
        root.name = out.intern(title);
        out.push(root);
    }

    fn line(&mut self, entry: &Entry<'_>, line: &Line<'_>, notes: &str, out: &mut Batch) {
        let mut place = self.place(out);
        (place.stamp, place.payload) = (line.stamp, Some(line.at));
        self.ensure_root(entry, &place, out);
        match entry.kind.as_str() {
            "progress" => self.progress(entry, line, notes, out),
            "system" => self.system(entry, &place, out),
            kind => {
                let message = Message::read(entry.message);
                let agent = entry.side.then(|| self.agent_of(entry, &message, notes, &place, out));
                if kind == "user" {
                    self.user(entry, &message, agent, line, &place, out);
                } else {
                    self.assistant(entry, &message, agent, line, &place, out);
                }
            }
        }
    }

    /// The root is what the first line of the session says; the file of a subagent knows only that there is one.
    fn ensure_root(&mut self, entry: &Entry<'_>, place: &Place, out: &mut Batch) {
        if self.rooted || entry.kind == "system" {
            return;
        }
        self.rooted = !entry.side;
        let mut root = Self::update(self.root, place);
        root.parent = Parent::Root;
        root.kind = Some(SpanKind::Agent);
        root.span_type = out.intern("session");
        root.workflow = out.intern(project(&self.cwd));
        root.start = entry
            .at
            .map(|at| if entry.first && !entry.side { Timed::written(at) } else { Timed::inferred(at) });
        if entry.side {
            if !self.agents.is_empty() || !self.chains.is_empty() {
                return;
            }
            (root.stamp, root.payload) = (WEAKEST, None);
            root.name = out.intern("session");
        } else {
            root.status = Some(Status::Running);
        }
        out.push(root);
    }

    pub(super) fn root_ends(&self, status: Status, at: Option<UnixNanos>, place: &Place, out: &mut Batch) {
        let mut root = SpanUpdate::new(place.trace, self.root, place.stamp);
        root.status = Some(status);
        root.end = at.map(Timed::written);
        out.push(root);
    }

    /// The conversation was shortened: what was said before is a summary now.
    fn system(&mut self, entry: &Entry<'_>, place: &Place, out: &mut Batch) {
        if entry.subtype != "compact_boundary" {
            return;
        }
        let mut update = Self::update(self.span("event", &entry.uuid), place);
        update.kind = Some(SpanKind::Event);
        update.name = out.intern("conversation compacted");
        update.span_type = out.intern("compact_boundary");
        update.parent = Parent::Span(self.main.owner.unwrap_or(self.root));
        (update.start, update.end) = (entry.at.map(Timed::written), entry.at.map(Timed::written));
        update.status = Some(Status::Ok);
        out.push(update);
    }

    /// What a running subagent does, as its caller's file repeats it.
    fn progress(&mut self, entry: &Entry<'_>, line: &Line<'_>, notes: &str, out: &mut Batch) {
        let (mut id, mut inner) = (String::new(), "");
        members(entry.data, |key, value| match (key, value) {
            ("agentId", value) => id = label(&value).unwrap_or_default(),
            ("message", Value::Object(object)) => inner = object,
            _ => {}
        });
        let mut inner = Entry::nested(inner);
        if id.is_empty() || !matches!(inner.kind.as_str(), "user" | "assistant") {
            return;
        }
        let mut place = self.place(out);
        (place.stamp, place.payload) = (line.stamp, Some(line.at));
        if let Some(tool) = self.tools.get(&hash(&[&entry.parent_tool])).map(|tool| tool.span) {
            self.link(&id, tool, &place, out);
        }
        (inner.side, inner.agent) = (true, id);
        inner.at = inner.at.or(entry.at);
        let message = Message::read(inner.message);
        let agent = Some(self.agent_of(&inner, &message, notes, &place, out));
        if inner.kind == "user" {
            self.user(&inner, &message, agent, line, &place, out);
        } else {
            self.assistant(&inner, &message, agent, line, &place, out);
        }
    }

    /// Says which tool call a subagent stands below.
    pub(super) fn link(&mut self, agent: &str, tool: Id, place: &Place, out: &mut Batch) {
        let mut update = SpanUpdate::new(place.trace, self.span("agent", agent), place.stamp);
        update.parent = Parent::Span(tool);
        update.kind = Some(SpanKind::Agent);
        out.push(update);
    }

    /// The subagent that a line is of; one that is new begins.
    fn agent_of(
        &mut self,
        entry: &Entry<'_>,
        message: &Message<'_>,
        notes: &str,
        place: &Place,
        out: &mut Batch,
    ) -> u64 {
        let known = if entry.agent.is_empty() {
            self.chains.get(&hash(&[&entry.parent])).copied()
        } else {
            Some(hash(&["agent", &entry.agent]))
        };
        let id = if entry.agent.is_empty() { &entry.uuid } else { &entry.agent };
        let key = known.unwrap_or_else(|| hash(&["chain", id]));
        if entry.agent.is_empty() && self.chains.len() < MAX_KNOWN {
            self.chains.insert(hash(&[&entry.uuid]), key);
        }
        if !self.agents.contains_key(&key) && self.agents.len() < MAX_KNOWN {
            let span = self.span("agent", id);
            let mut start = Start { kind: entry.agent_type.clone(), ..Start::default() };
            let prompt = message.text().unwrap_or_default();
            if let Some(task) = self.tasks.get(&hash(&[prompt])) {
                start = Start { kind: task.kind.clone(), task: task.about.clone(), tool: Some(task.span) };
                if let Some(tool) = self.tools.get_mut(&task.tool) {
                    tool.agent = Some(key);
                }
            }
            if !notes.is_empty() && !entry.agent.is_empty() {
                members(notes, |name, value| match name {
                    "agentType" => start.kind = short(&label(&value).unwrap_or_default()),
                    "description" => start.task = short(&label(&value).unwrap_or_default()),
                    "toolUseId" => start.tool = label(&value).map(|id| self.span("tool", &id)),
                    _ => {}
                });
            }
            if start.task.is_empty() {
                start.task = short(prompt);
            }
            begin(span, &start, entry.at, place, out);
            self.agents.insert(key, Thread::new(Some(span), start.kind));
        }
        key
    }

    pub(super) fn thread(&mut self, agent: Option<u64>) -> &mut Thread {
        match agent {
            Some(key) => self.agents.get_mut(&key).unwrap_or(&mut self.main),
            None => &mut self.main,
        }
    }
}
