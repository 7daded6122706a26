//! One thread: what its lines are about.

use rustc_hash::{FxHashMap, FxHashSet};

use super::calls::{Call, Totals};
use super::tools::Tool;
use super::turns::Turn;
use crate::format::agents::names::{project, short};
use crate::format::agents::talk::Inputs;
use crate::format::agents::{Fields, WEAKEST, each_object};
use crate::format::json::Value;
use crate::format::{Line, LineDecoder, Stream};
use crate::model::{Batch, Id, Parent, Reason, SpanKind, SpanUpdate, Stamp, Status, Timed, UnixNanos};

/// What is remembered of a thread.
#[expect(clippy::struct_excessive_bools, reason = "facts that the file tells one by one, not states")]
pub(super) struct Rollout {
    /// Its id; the file's name until the file says it.
    pub thread: String,
    pub trace: Id,
    pub root: Id,
    pub known: bool,
    pub is_child: bool,
    pub named: bool,
    pub agent: String,
    pub model: String,
    pub provider: String,
    pub cwd: String,
    /// Whether the lines are a copy of another thread's.
    pub foreign: bool,
    pub turn: Option<Turn>,
    pub turns: usize,
    pub call: Option<Call>,
    pub calls: usize,
    /// When the model was last given something to answer, and where that stands.
    pub asked: Option<UnixNanos>,
    pub inputs: Inputs,
    pub total: Option<Totals>,
    /// Whether each response says what it used.
    pub records: bool,
    pub responses: FxHashSet<u64>,
    pub tools: FxHashMap<u64, Tool>,
    /// Tool calls without a result.
    pub open: Vec<u64>,
    /// The last time, and whether what stood there may have been the end of a turn.
    pub last: Option<(Stamp, UnixNanos)>,
    pub may_be_over: bool,
}

/// What a line is, apart from its payload.
#[derive(Clone, Copy)]
pub(super) struct At<'l, 'b> {
    pub line: &'l Line<'b>,
    pub time: Option<UnixNanos>,
    /// The text of the payload.
    pub payload: &'l str,
}

impl Rollout {
    pub(super) fn new(stream: &Stream) -> Self {
        let salt = if stream.salt.is_empty() { stream.name.as_bytes() } else { &stream.salt };
        let root = Id::synthetic(&[b"codex file", salt]);
        Self {
            thread: stream.name.clone(),
            trace: root,
            root,
            known: false,
            is_child: false,
            named: false,
            agent: String::new(),
            model: String::new(),
            provider: String::new(),
            cwd: String::new(),
            foreign: false,
            turn: None,
            turns: 0,
            call: None,
            calls: 0,
            asked: None,
            inputs: Inputs::default(),
            total: None,
            records: false,
            responses: FxHashSet::default(),
            tools: FxHashMap::default(),
            open: Vec::new(),
            last: None,
            may_be_over: false,
        }
    }

    /// A span of this thread that is called `id` there.
    pub(super) fn span(&self, what: &str, id: &str) -> Id {
        Id::synthetic(&[b"codex", what.as_bytes(), self.thread.as_bytes(), id.as_bytes()])
    }

    pub(super) fn update(&self, span: Id, line: &Line<'_>, out: &mut Batch) -> SpanUpdate {
        let mut update = SpanUpdate::new(self.trace, span, line.stamp);
        update.payload = Some(line.at);
        update.session = out.intern(&self.thread);
        update.service = out.intern("codex");
        update.agent = out.intern(&self.agent);
        update
    }

    /// The span that calls stand below.
    pub(super) fn owner(&self) -> Id {
        self.turn.as_ref().map_or(self.root, |turn| turn.span)
    }

    /// The model is given something to answer.
    pub(super) fn asks(&mut self, at: &At<'_, '_>, is_input: bool) {
        self.asked = at.time.or(self.asked);
        if is_input {
            self.inputs.keep(at.line.at, at.line.stamp);
        }
    }
}

/// The span of a thread.
pub(super) fn root_of(thread: &str) -> Id {
    Id::synthetic(&[b"codex thread", thread.as_bytes()])
}

impl LineDecoder for Rollout {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object(line, out, |reader, line, out| {
            let fields = Fields::read(reader)?;
            if fields.get("timestamp").is_some_and(|time| time.time().is_err()) {
                out.problem(Reason::BadTime, Some(line.at), "timestamp");
            }
            let Some(Value::Object(payload)) = fields.get("payload") else {
                if fields.text("type").is_empty() {
                    out.problem(Reason::NotASpan, Some(line.at), "a record without a type");
                }
                return Ok(());
            };
            let at = At { line, time: fields.time("timestamp"), payload };
            self.record(fields.text("type"), &Fields::of(payload), &at, out);
            if let Some(time) = at.time {
                self.last = Some((line.stamp, time));
            }
            Ok(())
        });
    }

    fn finish(&mut self, out: &mut Batch) {
        // Older versions don't write the end of a turn.
        if let Some((stamp, time)) = self.last
            && self.may_be_over
            && self.open.is_empty()
        {
            self.end_turn(Status::Ok, None, Some(time), stamp, None, out);
        }
    }
}

impl Rollout {
    fn record(&mut self, kind: &str, fields: &Fields<'_>, at: &At<'_, '_>, out: &mut Batch) {
        if kind == "session_meta" {
            return self.meta(fields, at, out);
        }
        let inner = fields.text("type");
        if kind == "turn_context" || inner == "task_started" {
            self.foreign = is_older(fields.text("turn_id"), &self.thread);
        }
        let thread = fields.text("thread_id");
        if self.foreign || (self.known && !thread.is_empty() && thread != self.thread) {
            // What another thread used is where this one begins to count.
            if inner == "token_count" {
                self.token_count(fields, true, at, out);
            }
            return;
        }
        self.ensure_root(at, out);
        match kind {
            "turn_context" => self.context(fields, at),
            "token_usage_record" => self.usage_record(fields, at, out),
            "response_item" => match inner {
                "message" if fields.text("role") == "assistant" => {
                    self.model_item(at, out);
                    self.may_be_over = true;
                }
                "message" => self.asks(at, true),
                "reasoning" => self.model_item(at, out),
                "function_call" | "custom_tool_call" | "local_shell_call" | "web_search_call"
                | "tool_search_call" => {
                    self.may_be_over = false;
                    self.model_item(at, out);
                    self.tool_call(inner, fields, at, out);
                }
                "function_call_output"
                | "custom_tool_call_output"
                | "local_shell_call_output"
                | "tool_search_output" => {
                    self.may_be_over = false;
                    self.tool_output(fields, at, out);
                    self.boundary();
                    self.asks(at, true);
                }
                _ => {}
            },
            "event_msg" => match inner {
                "task_started" => self.start_turn(fields.text("turn_id"), at, out),
                "user_message" => self.prompt(fields.text("message"), true, at, out),
                "task_complete" | "turn_aborted" => self.turn_over(inner, fields, at, out),
                "token_count" => self.token_count(fields, false, at, out),
                "item_completed" => self.item(fields, at, out),
                _ => {}
            },
            "compacted" => self.compacted(at, out),
            _ => {}
        }
    }

    /// The first line: who this thread is. Those of other threads are copies.
    fn meta(&mut self, fields: &Fields<'_>, at: &At<'_, '_>, out: &mut Batch) {
        let id = fields.text("id");
        if self.known || id.is_empty() {
            return;
        }
        self.known = true;
        id.clone_into(&mut self.thread);
        self.root = root_of(id);
        fields.text("cwd").chars().take(4096).collect::<String>().clone_into(&mut self.cwd);
        short(fields.text("model_provider")).clone_into(&mut self.provider);
        let spawn = fields.object("source").and_then(|source| source.object("subagent"));
        let spawn = spawn.and_then(|subagent| subagent.object("thread_spawn"));
        let said = |name: &str| spawn.as_ref().map(|spawn| spawn.text(name).to_owned()).unwrap_or_default();
        let first = |a: &str, b: String| if a.is_empty() { b } else { a.to_owned() };
        let parent = first(fields.text("parent_thread_id"), said("parent_thread_id"));
        self.is_child = !parent.is_empty() && parent != id;
        // A copy of the other thread's records may follow, up to this one's own first turn.
        self.foreign = self.is_child || !fields.text("forked_from_id").is_empty();
        let session = match fields.text("session_id") {
            "" if self.is_child => parent.as_str(),
            "" => id,
            session => session,
        };
        self.trace = out.id(session).unwrap_or(self.root);
        if self.is_child {
            let role = first(fields.text("agent_role"), said("agent_role"));
            let nickname = first(fields.text("agent_nickname"), said("agent_nickname"));
            self.agent = short(if role.is_empty() { &nickname } else { &role });
        }
        self.put_root(at, out);
        if self.is_child {
            let mut weak = SpanUpdate::new(self.trace, self.root, WEAKEST);
            weak.parent = Parent::Span(root_of(&parent));
            weak.name = out.intern(if self.agent.is_empty() { "subagent" } else { &self.agent });
            out.push(weak);
        }
    }

    fn ensure_root(&mut self, at: &At<'_, '_>, out: &mut Batch) {
        if !self.known {
            self.known = true;
            self.put_root(at, out);
        }
    }

    fn put_root(&mut self, at: &At<'_, '_>, out: &mut Batch) {
        let mut root = self.update(self.root, at.line, out);
        root.kind = Some(SpanKind::Agent);
        root.status = Some(Status::Running);
        root.start = at.time.map(Timed::written);
        root.span_type = out.intern(if self.is_child { "subagent" } else { "thread" });
        root.workflow = out.intern(project(&self.cwd));
        if !self.is_child {
            root.parent = Parent::Root;
        }
        out.push(root);
    }

    /// What the next requests are made with.
    fn context(&mut self, fields: &Fields<'_>, at: &At<'_, '_>) {
        let model = short(fields.text("model"));
        if !model.is_empty() {
            self.model = model;
        }
        let cwd = fields.text("cwd");
        if !cwd.is_empty() && cwd.len() < 4096 {
            cwd.clone_into(&mut self.cwd);
        }
        self.asks(at, false);
    }

    /// The conversation was shortened.
    fn compacted(&mut self, at: &At<'_, '_>, out: &mut Batch) {
        let place = at.line.at.pos.to_string();
        let mut update = self.update(self.span("event", &place), at.line, out);
        update.kind = Some(SpanKind::Event);
        update.status = Some(Status::Ok);
        update.name = out.intern("conversation compacted");
        update.parent = Parent::Span(self.owner());
        (update.start, update.end) = (at.time.map(Timed::written), at.time.map(Timed::written));
        out.push(update);
    }
}

/// Whether a turn began before a thread did. Both ids have to tell their time (UUID version 7).
fn is_older(turn: &str, thread: &str) -> bool {
    matches!((made(turn), made(thread)), (Some(turn), Some(thread)) if turn < thread)
}

/// The milliseconds in an id of that version.
fn made(id: &str) -> Option<u64> {
    let bits = Id::parse_binary(id.as_bytes()).filter(|_| id.len() == 36)?.bits();
    ((bits >> 76) & 0xf == 7).then_some((bits >> 80) as u64)
}
