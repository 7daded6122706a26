//! Metric records: one JSON object a line, told apart by the fields they have.
//!
//! They name no run. Records come in the order in which things ended, a step after its calls, so a new run begins where
//! the step numbers start over. A step says when it began and how long it took; its calls, which say only how long they
//! took, are laid one behind the other from its beginning.

use crate::format::Stream;
use crate::format::jsonb::JsonValue;
use crate::model::{Id, Marks, Parent, Reason, SpanDetail, SpanKind, SpanUpdate, Status, Timed, UnixNanos};

use super::run::Site;
use super::tail::Fields;

/// Steps and calls of a run that are remembered.
const MAX_STEPS: usize = 128;
const MAX_CALLS: usize = 128;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Call,
    Tool,
    Step,
    Agent,
    Preflight,
    Totals,
}

fn shape(fields: &Fields) -> Option<Shape> {
    if !fields.model.is_empty() && fields.has("promptTokens") {
        Some(Shape::Call)
    } else if !fields.agent.is_empty() && !fields.tool.is_empty() {
        Some(Shape::Tool)
    } else if fields.has("stepsCompleted") && fields.has("totalDuration") {
        Some(Shape::Totals)
    } else if fields.has("executionTime") && fields.has("toolCalls") {
        Some(Shape::Preflight)
    } else if !fields.agent.is_empty() && fields.has("inputMetrics") {
        Some(Shape::Agent)
    } else if (fields.has("stepId")
        && (fields.has("output") || fields.has("llmMetrics") || fields.start.is_some()))
        || (!fields.step_name.is_empty() && fields.has("timestamp"))
    {
        Some(Shape::Step)
    } else {
        None
    }
}

/// Whether a line is one of these records.
pub(super) fn is_record(text: &str) -> bool {
    let fields = Fields::read(text);
    !fields.cut && shape(&fields).is_some()
}

struct Step {
    key: String,
    id: Id,
    /// Whether its own record has come.
    done: bool,
    /// Where it begins, as far as is known.
    start: UnixNanos,
    /// Where its next call is laid: nanoseconds after its beginning.
    at: i64,
    /// Calls with their place from the beginning and their duration.
    calls: Vec<(Id, i64, i64)>,
}

struct Open {
    trace: Id,
    root: Id,
    start: UnixNanos,
    /// Whether the start is a step's own.
    written: bool,
    clock: UnixNanos,
    highest: u32,
    steps: Vec<Step>,
}

/// The records of one stream.
pub(super) struct Records {
    salt: Vec<u8>,
    open: Option<Open>,
}

impl Records {
    pub(super) fn new(stream: &Stream) -> Self {
        Self { salt: stream.salt.clone(), open: None }
    }

    /// Takes a record. Returns whether the line was one; damaged JSON is counted here.
    pub(super) fn take(&mut self, text: &str, site: &mut Site<'_, '_>) -> bool {
        let fields = Fields::read(text);
        if fields.cut {
            site.out.problem(Reason::InvalidJson, Some(site.line.at), text);
            return true;
        }
        let Some(shape) = shape(&fields) else { return false };
        let number: Option<u32> = fields.step.parse().ok();
        let over = |open: &Open| {
            let done = open.steps.iter().any(|step| step.done && step.key == fields.step);
            done || number.is_some_and(|number| number < open.highest)
        };
        let fresh = match &self.open {
            None => true,
            Some(open) => !fields.step.is_empty() && over(open),
        };
        if fresh {
            self.begin(site);
        }
        let Some(open) = &mut self.open else { return false };
        open.highest = open.highest.max(number.unwrap_or(0));
        match shape {
            Shape::Step => open.step_record(site, &fields),
            Shape::Totals => open.totals(site, &fields),
            Shape::Call | Shape::Tool | Shape::Agent | Shape::Preflight => open.call(site, shape, &fields),
        }
        true
    }

    fn begin(&mut self, site: &mut Site<'_, '_>) {
        let at = site.line.at;
        let parts: [&[u8]; 4] =
            [b"step records", &self.salt, &at.segment.0.to_be_bytes(), &at.pos.to_be_bytes()];
        let trace = Id::synthetic(&parts);
        let root = site.id("workflow", trace);
        let start = self.open.as_ref().map_or(site.now, |open| open.clock.max(site.now));
        let mut update = site.update(trace, root);
        update.payload = None;
        update.parent = Parent::Root;
        update.kind = Some(SpanKind::Workflow);
        update.name = site.out.intern(site.workflow);
        update.span_type = site.out.intern("workflow");
        update.start = Some(Timed::inferred(start));
        site.out.push(update);
        let steps = Vec::new();
        self.open = Some(Open { trace, root, start, written: false, clock: start, highest: 0, steps });
    }
}

impl Open {
    /// The step of a record; made when it is new.
    fn step(&mut self, site: &mut Site<'_, '_>, key: &str, name: &str) -> usize {
        if let Some(known) = self.steps.iter().position(|step| step.key == key) {
            return known;
        }
        let id = Id::synthetic(&[b"step", &self.trace.bits().to_be_bytes(), key.as_bytes()]);
        let mut update = SpanUpdate::new(self.trace, id, site.line.stamp);
        update.parent = Parent::Span(self.root);
        update.kind = Some(SpanKind::Step);
        update.span_type = site.out.intern("step");
        update.name = site.out.intern(if name.is_empty() { key } else { name });
        update.step = update.name;
        update.workflow = site.out.intern(site.workflow);
        update.start = Some(Timed::inferred(self.clock));
        site.out.push(update);
        if self.steps.len() >= MAX_STEPS {
            self.steps.remove(0);
        }
        self.steps.push(Step {
            key: key.to_owned(),
            id,
            done: false,
            start: self.clock,
            at: 0,
            calls: Vec::new(),
        });
        self.steps.len() - 1
    }

    fn step_record(&mut self, site: &mut Site<'_, '_>, fields: &Fields) {
        let key = if fields.step.is_empty() { &fields.step_name } else { &fields.step };
        let at = self.step(site, key, &fields.step_name);
        let Some(step) = self.steps.get_mut(at) else { return };
        step.done = true;
        let (id, calls) = (step.id, std::mem::take(&mut step.calls));
        let start = fields.start.unwrap_or(self.clock);
        let timed = |time| if fields.start.is_some() { Timed::written(time) } else { Timed::inferred(time) };
        let mut update = site.update(self.trace, id);
        update.name = site.out.intern(&fields.step_name);
        update.step = update.name;
        update.agent = site.out.intern(&fields.agent);
        update.status = Some(status(fields));
        update.error = site.out.intern(&fields.error);
        update.start = Some(timed(start));
        let end = fields.nanos.map(|nanos| start.plus(nanos));
        update.end = end.map(timed);
        site.out.push(update);
        for (call, from, nanos) in calls {
            let mut update = SpanUpdate::new(self.trace, call, site.line.stamp);
            update.start = Some(Timed::inferred(start.plus(from)));
            update.end = Some(Timed::inferred(start.plus(from).plus(nanos)));
            site.out.push(update);
        }
        if fields.start.is_some() && !self.written {
            self.written = true;
            self.start = start;
            self.clock = start;
        }
        self.clock = self.clock.max(end.unwrap_or(start));
        self.bound(site);
    }

    /// The root reaches from the first step to the end of the last.
    fn bound(&mut self, site: &mut Site<'_, '_>) {
        let mut update = SpanUpdate::new(self.trace, self.root, site.line.stamp);
        update.status = Some(Status::Ok);
        update.start = Some(Timed::inferred(self.start));
        update.end = Some(Timed::inferred(self.clock));
        site.out.push(update);
    }

    fn call(&mut self, site: &mut Site<'_, '_>, shape: Shape, fields: &Fields) {
        let step = (!fields.step.is_empty()).then(|| self.step(site, &fields.step, &fields.step_name));
        let id = site.id("call", self.trace);
        let mut update = site.update(self.trace, id);
        update.parent = Parent::Span(self.root);
        update.status = Some(status(fields));
        update.agent = site.out.intern(&fields.agent);
        update.cost = fields.cost;
        update.step = site.out.intern(&fields.step_name);
        let (kind, word, name) = match shape {
            Shape::Call => (SpanKind::Llm, "llm", fields.model.as_str()),
            Shape::Tool => (SpanKind::Tool, "agent_call", fields.tool.as_str()),
            Shape::Preflight => (SpanKind::Validation, "preflight", "preflight validation"),
            _ => (SpanKind::Agent, "agent_run", fields.agent.as_str()),
        };
        update.kind = Some(kind);
        update.span_type = site.out.intern(word);
        update.name = site.out.intern(name);
        match shape {
            Shape::Call => {
                update.model = update.name;
                update.usage = fields.usage();
                update.marks = Marks::ESTIMATED;
            }
            Shape::Tool => update.tool = update.name,
            _ => {}
        }
        if update.status == Some(Status::Error) {
            update.error = site.out.intern(&fields.error);
        }
        let nanos = fields.nanos.unwrap_or(0);
        let mut start = self.clock;
        if let Some(step) = step.and_then(|at| self.steps.get_mut(at)) {
            update.parent = Parent::Span(step.id);
            // A tool call that took as long as the model calls before it contains them.
            let contains = kind == SpanKind::Tool && nanos <= step.at;
            let from = if contains { step.at.saturating_sub(nanos) } else { step.at };
            step.at = from.saturating_add(nanos);
            start = step.start.plus(from);
            if step.calls.len() < MAX_CALLS {
                step.calls.push((id, from, nanos));
            }
        }
        let timed = |time| if fields.start.is_some() { Timed::written(time) } else { Timed::inferred(time) };
        let start = fields.start.unwrap_or(start);
        update.start = Some(timed(start));
        update.end = Some(timed(start.plus(nanos)));
        if step.is_none() && fields.start.is_none() {
            self.clock = self.clock.plus(nanos);
        }
        site.out.push(update);
        self.bound(site);
    }

    /// Sums over a workflow repeat what its calls say: only what they don't say is taken.
    fn totals(&mut self, site: &mut Site<'_, '_>, fields: &Fields) {
        if let Some(nanos) = fields.nanos {
            self.clock = self.clock.max(self.start.plus(nanos));
        }
        self.bound(site);
        let mut update = site.update(self.trace, self.root);
        update.marks = Marks::ROLLUP;
        update.status = Some(Status::Ok);
        site.out.push(update);
    }
}

fn status(fields: &Fields) -> Status {
    let word = if fields.status.is_empty() { &fields.result } else { &fields.status };
    match (fields.success, Status::from_source_word(word)) {
        (Some(true), _) => Status::Ok,
        (Some(false), _) => Status::Error,
        (None, Status::Unknown) if word.is_empty() && !fields.error.is_empty() => Status::Error,
        (None, Status::Unknown) if word.is_empty() => Status::Ok,
        (None, status) => status,
    }
}

/// Adds the fields of a record to a detail, and its input and output.
pub(super) fn open(json: &str, detail: &mut SpanDetail) {
    let Some(value) = JsonValue::of_text(json).filter(|value| value.is_object()) else { return };
    let _ = value.fields(|key, value| {
        let Ok(json) = value.to_json() else { return };
        match key {
            "input" | "args" => detail.input = Some(json.into_owned()),
            "output" | "result" if value.text().is_none_or(|word| word.len() >= 16) => {
                detail.output = Some(json.into_owned());
            }
            "error" => detail.error = Some(value.text().unwrap_or(json).into_owned()),
            _ => detail.attributes.push((key.to_owned(), json.into_owned())),
        }
    });
}
