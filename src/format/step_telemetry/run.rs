//! One workflow of a console log while it is read: its open steps and calls, and a clock.
//!
//! The lines carry durations but no times. Each workflow has a clock of its own: it starts when the first line arrives
//! and goes on as lines arrive. A call of duration `d` ends at the clock when at least (nearly) `d` has really passed
//! since its step began: then the log is being followed. Otherwise the log is read after the fact, and the call is laid
//! behind the one before it and pushes the clock. A workflow whose id names the moment of its creation
//! (`workflow-1770224400000-3ab4b3b`), or whose steps say when they began, is moved there as a whole.

mod calls;
mod steps;

use crate::format::Line;
use crate::model::{Batch, Id, Marks, NANOS_PER_MS, Parent, SpanKind, SpanUpdate, Status, Timed, UnixNanos};

/// Steps, open calls and placed spans that are remembered.
const MAX_STEPS: usize = 64;
const MAX_CALLS: usize = 32;
const MAX_PLACED: usize = 256;

/// The line that is decoded, and where its updates go.
pub(super) struct Site<'s, 'a> {
    pub line: &'s Line<'a>,
    /// When it arrived or, if it says so, was written.
    pub now: UnixNanos,
    pub out: &'s mut Batch,
    pub workflow: &'s str,
}

impl Site<'_, '_> {
    /// An id for what begins on this line.
    pub(super) fn id(&self, what: &str, trace: Id) -> Id {
        let at = self.line.at;
        let parts: [&[u8]; 4] = [
            what.as_bytes(),
            &trace.bits().to_be_bytes(),
            &at.segment.0.to_be_bytes(),
            &at.pos.to_be_bytes(),
        ];
        Id::synthetic(&parts)
    }

    /// An update about a span, with this line for its payload.
    pub(super) fn update(&mut self, trace: Id, span: Id) -> SpanUpdate {
        let mut update = SpanUpdate::new(trace, span, self.line.stamp);
        update.payload = Some(self.line.at);
        update.workflow = self.out.intern(self.workflow);
        update
    }
}

struct Step {
    id: Id,
    key: String,
    number: String,
    name: String,
    agent: String,
    start: UnixNanos,
    /// Where the next thing inside is laid.
    at: UnixNanos,
    /// When it really began, for telling live lines from old ones.
    arrived: UnixNanos,
    open: bool,
    /// Whether its second line was seen.
    announced: bool,
    retried: bool,
}

impl Step {
    fn is(&self, id: &str) -> bool {
        self.number == id || self.key == id || self.name == id
    }

    fn label(&self) -> &str {
        [&self.name, &self.key, &self.number]
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or("", String::as_str)
    }
}

/// A model call whose JSON line has not come.
struct Call {
    id: Id,
    model: String,
    prompt: u64,
    completion: u64,
    start: UnixNanos,
    end: UnixNanos,
    laid: bool,
}

/// A call of a tool that is under way.
struct ToolCall {
    id: Id,
    step: Option<Id>,
    agent: String,
    tool: String,
    start: UnixNanos,
}

/// What an `Error:` line without a name is about.
#[derive(Clone, Copy)]
enum Last {
    Root,
    Step,
    Call(Id),
}

pub(super) struct Run {
    pub trace: Id,
    pub root: Id,
    pub clock: UnixNanos,
    pub ended: bool,
    pub name: String,
    start: UnixNanos,
    at: UnixNanos,
    arrived: UnixNanos,
    anchored: bool,
    steps: Vec<Step>,
    calls: Vec<Call>,
    tools: Vec<ToolCall>,
    failed_call: Option<(Id, String)>,
    model: String,
    last: Last,
    placed: Vec<(Id, Option<UnixNanos>, Option<UnixNanos>)>,
}

impl Run {
    /// Begins a workflow at `start`.
    pub(super) fn open(site: &mut Site<'_, '_>, trace: Id, start: UnixNanos, anchored: bool) -> Self {
        let root = site.id("workflow", trace);
        let mut run = Self {
            trace,
            root,
            clock: start,
            ended: false,
            name: String::new(),
            start,
            at: start,
            arrived: site.now,
            anchored,
            steps: Vec::new(),
            calls: Vec::new(),
            tools: Vec::new(),
            failed_call: None,
            model: String::new(),
            last: Last::Root,
            placed: Vec::new(),
        };
        let mut update = site.update(trace, root);
        update.parent = Parent::Root;
        update.kind = Some(SpanKind::Workflow);
        update.status = Some(Status::Running);
        update.name = site.out.intern("workflow");
        update.span_type = site.out.intern("workflow");
        run.place(&mut update, Some(start), None);
        site.out.push(update);
        run
    }

    /// Learns the id of the workflow's run.
    pub(super) fn identify(&mut self, site: &mut Site<'_, '_>, id: &str) {
        if id.is_empty() || !self.name.is_empty() {
            return;
        }
        id.clone_into(&mut self.name);
        if let Some(created) = created_at(id) {
            self.anchor(site, created);
        }
        let mut update = site.update(self.trace, self.root);
        update.name = site.out.intern(id);
        update.run = site.out.id(id);
        site.out.push(update);
    }

    /// Moves the workflow in time, with all that was placed, so that it starts at `start`.
    fn anchor(&mut self, site: &mut Site<'_, '_>, start: UnixNanos) {
        if self.anchored {
            return;
        }
        self.anchored = true;
        let shift = start.since(self.start);
        for (span, start, end) in std::mem::take(&mut self.placed) {
            let mut update = SpanUpdate::new(self.trace, span, site.line.stamp);
            update.start = start.map(|time| Timed::inferred(time.plus(shift)));
            update.end = end.map(|time| Timed::inferred(time.plus(shift)));
            site.out.push(update);
        }
        let steps = self.steps.iter_mut().flat_map(|step| [&mut step.start, &mut step.at]);
        let calls = self.calls.iter_mut().flat_map(|call| [&mut call.start, &mut call.end]);
        let tools = self.tools.iter_mut().map(|tool| &mut tool.start);
        let own = [&mut self.start, &mut self.at, &mut self.clock];
        for time in steps.chain(calls).chain(tools).chain(own) {
            *time = time.plus(shift);
        }
    }

    /// Gives an update worked-out times.
    fn place(&mut self, update: &mut SpanUpdate, start: Option<UnixNanos>, end: Option<UnixNanos>) {
        update.start = start.map(Timed::inferred);
        update.end = end.map(Timed::inferred);
        if self.anchored {
            return;
        }
        if let Some(known) = self.placed.iter_mut().find(|(id, ..)| *id == update.span) {
            known.1 = start.or(known.1);
            known.2 = end.or(known.2);
        } else if self.placed.len() < MAX_PLACED {
            self.placed.push((update.span, start, end));
        }
    }

    /// Where something of this duration that has just ended lies, and whether it was laid rather than seen.
    fn lay(&mut self, now: UnixNanos, step: Option<usize>, nanos: i64) -> (UnixNanos, UnixNanos, bool) {
        let (arrived, at) = match step.and_then(|step| self.steps.get(step)) {
            Some(step) => (step.arrived, step.at),
            None => (self.arrived, self.at),
        };
        let seen = now.since(arrived).saturating_mul(10) >= nanos.saturating_mul(9);
        let end = if seen { self.clock } else { at.plus(nanos) };
        self.pass(step, end);
        (end.plus(-nanos), end, !seen)
    }

    /// Moves the clock, and where the next thing is laid, to the end of something.
    fn pass(&mut self, step: Option<usize>, end: UnixNanos) {
        self.clock = self.clock.max(end);
        self.at = self.at.max(end);
        if let Some(step) = step.and_then(|step| self.steps.get_mut(step)) {
            step.at = step.at.max(end);
        }
    }

    /// Whether a step of this number, key or name is open.
    pub(super) fn has_open_step(&self, id: &str) -> bool {
        self.steps.iter().any(|step| step.open && step.is(id))
    }

    fn step(&self, id: &str) -> Option<usize> {
        let of = |open: bool| self.steps.iter().rposition(|step| step.is(id) && (step.open || !open));
        of(true).or_else(|| of(false))
    }

    fn current_step(&self) -> Option<usize> {
        self.steps.iter().rposition(|step| step.open)
    }

    /// The step a line speaks of, or the current one.
    fn step_or_current(&self, id: &str) -> Option<usize> {
        if id.is_empty() { None } else { self.step(id) }.or_else(|| self.current_step())
    }

    /// An update about something inside a step.
    fn inside(&mut self, site: &mut Site<'_, '_>, span: Id, step: Option<usize>) -> SpanUpdate {
        let mut update = site.update(self.trace, span);
        match step.and_then(|step| self.steps.get(step)) {
            Some(step) => {
                update.parent = Parent::Span(step.id);
                update.step = site.out.intern(step.label());
                update.agent = site.out.intern(&step.agent);
                if step.retried {
                    update.marks = update.marks.with(Marks::RETRY);
                }
            }
            None => update.parent = Parent::Span(self.root),
        }
        update
    }

    /// Whether its place in time is known rather than where it arrived.
    pub(super) fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// A point in time.
    pub(super) fn event(
        &mut self,
        site: &mut Site<'_, '_>,
        what: &str,
        name: &str,
        step: Option<&str>,
    ) -> Id {
        let step = match step {
            Some(id) => self.step_or_current(id),
            None => None,
        };
        let id = site.id(what, self.trace);
        let mut update = self.inside(site, id, step);
        update.kind = Some(SpanKind::Event);
        update.span_type = site.out.intern(what);
        update.name = site.out.intern(name);
        let clock = self.clock;
        self.place(&mut update, Some(clock), None);
        site.out.push(update);
        id
    }

    pub(super) fn retry(&mut self, site: &mut Site<'_, '_>, key: &str, text: &str, message: Option<&str>) {
        let event = self.event(site, "retry", text, Some(key));
        if let Some(message) = message {
            let mut update = SpanUpdate::new(self.trace, event, site.line.stamp);
            update.error = site.out.intern(message);
            site.out.push(update);
        }
        let step = self.step_or_current(key);
        if let Some(step) = step.and_then(|step| self.steps.get_mut(step)) {
            step.retried = true;
        }
    }

    pub(super) fn progress(&mut self, site: &mut Site<'_, '_>, title: &str, status: &str) {
        if Status::from_source_word(status) == Status::Suspended {
            // The step that waits logs nothing else of itself.
            let step = self.open_step(site, title, Some(title));
            if let Some(step) = self.steps.get_mut(step) {
                step.open = false;
            }
            let mut update = self.step_update(site, step);
            update.status = Some(Status::Suspended);
            site.out.push(update);
            return;
        }
        self.event(site, "progress", &format!("{title}: {status}"), None);
    }

    pub(super) fn end(&mut self, site: &mut Site<'_, '_>, status: Status, message: Option<&str>) {
        self.ended = true;
        let mut update = site.update(self.trace, self.root);
        update.status = Some(status);
        update.error = site.out.intern(message.unwrap_or_default());
        let end = self.clock.max(self.start);
        self.place(&mut update, None, Some(end));
        site.out.push(update);
        self.last = Last::Root;
    }

    /// How long the workflow took, which is said after its end.
    pub(super) fn lasted(&mut self, site: &mut Site<'_, '_>, nanos: i64) {
        let mut update = site.update(self.trace, self.root);
        let end = self.start.plus(nanos);
        self.place(&mut update, None, Some(end));
        site.out.push(update);
    }

    /// The line is read with the span it belongs to.
    pub(super) fn payload(&mut self, site: &mut Site<'_, '_>) {
        let step = match self.last {
            Last::Root => None,
            _ => self.current_step().or(self.steps.len().checked_sub(1)),
        };
        let span = step.and_then(|step| self.steps.get(step)).map_or(self.root, |step| step.id);
        let update = site.update(self.trace, span);
        site.out.push(update);
    }
}

/// The moment that an id names: `workflow-1770224400000-3ab4b3b` was made then.
fn created_at(id: &str) -> Option<UnixNanos> {
    let ms = id.split('-').find(|part| part.len() == 13 && part.bytes().all(|byte| byte.is_ascii_digit()))?;
    let ms: i64 = ms.parse().ok()?;
    // 2017 to 2100: other numbers of 13 digits are no times.
    (1_500_000_000_000..4_102_444_800_000).contains(&ms).then(|| UnixNanos(ms.saturating_mul(NANOS_PER_MS)))
}
