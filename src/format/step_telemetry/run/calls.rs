//! Calls of models and tools inside a workflow: the lines that belong to one call become one span.

use super::super::tail::Fields;
use super::{Call, Last, MAX_CALLS, Run, Site, ToolCall};
use crate::model::{Id, Marks, SpanKind, SpanUpdate, Status, UnixNanos, Usage};

impl Run {
    pub(in crate::format::step_telemetry) fn call(
        &mut self,
        site: &mut Site<'_, '_>,
        model: &str,
        prompt: u64,
        completion: u64,
        nanos: i64,
    ) {
        let step = self.current_step();
        let (start, end, laid) = self.lay(site.now, step, nanos);
        let usage = Usage { input: Some(prompt), output: Some(completion), ..Usage::default() };
        let id = self.push_call(site, step, model, Some((start, end)), Status::Ok, Some(usage), None);
        if self.calls.len() >= MAX_CALLS {
            self.calls.remove(0);
        }
        self.calls.push(Call { id, model: model.to_owned(), prompt, completion, start, end, laid });
    }

    #[expect(clippy::too_many_arguments, reason = "all of them are what a call is")]
    fn push_call(
        &mut self,
        site: &mut Site<'_, '_>,
        step: Option<usize>,
        model: &str,
        times: Option<(UnixNanos, UnixNanos)>,
        status: Status,
        usage: Option<Usage>,
        fields: Option<&Fields>,
    ) -> Id {
        let id = site.id("llm", self.trace);
        let mut update = self.inside(site, id, step);
        update.kind = Some(SpanKind::Llm);
        update.span_type = site.out.intern("llm");
        update.name = site.out.intern(model);
        update.model = update.name;
        update.status = Some(status);
        if let Some(usage) = usage {
            update.usage = Some(usage);
            // The source divides characters by four.
            update.marks = update.marks.with(Marks::ESTIMATED);
        }
        if let Some(fields) = fields {
            enrich(site, &mut update, fields);
        }
        self.place(&mut update, times.map(|times| times.0), times.map(|times| times.1));
        site.out.push(update);
        self.last = Last::Call(id);
        id
    }

    pub(in crate::format::step_telemetry) fn call_failed(
        &mut self,
        site: &mut Site<'_, '_>,
        model: &str,
        message: &str,
    ) {
        let step = self.current_step();
        let (start, end) =
            (step.and_then(|step| self.steps.get(step)).map_or(self.at, |step| step.at), self.clock);
        let id = self.push_call(site, step, model, Some((start, end.max(start))), Status::Error, None, None);
        let mut update = SpanUpdate::new(self.trace, id, site.line.stamp);
        update.error = site.out.intern(message);
        site.out.push(update);
        self.failed_call = Some((id, model.to_owned()));
    }

    /// The JSON line of a call: the twin of a line that came before, or a call that has no other line.
    pub(in crate::format::step_telemetry) fn call_report(
        &mut self,
        site: &mut Site<'_, '_>,
        id: &str,
        fields: &Fields,
        failed: bool,
    ) {
        let step = self.step_or_current(id);
        if failed {
            self.failed_report(site, step, fields);
            return;
        }
        let same = |call: &Call| {
            let tokens = match (fields.prompt, fields.completion, fields.total) {
                (Some(prompt), Some(completion), _) => (prompt, completion) == (call.prompt, call.completion),
                (_, _, Some(total)) => total == call.prompt.saturating_add(call.completion),
                _ => fields.cut,
            };
            tokens && (fields.model == call.model || (fields.cut && fields.model.is_empty()))
        };
        if let Some(at) = self.calls.iter().rposition(same) {
            let call = self.calls.remove(at);
            let mut update = self.inside(site, call.id, step);
            enrich(site, &mut update, fields);
            if let Some(nanos) = fields.nanos {
                // The plain line is rounded to a tenth of a second.
                let (start, end) = if call.laid {
                    (call.start, call.start.plus(nanos))
                } else {
                    (call.end.plus(-nanos), call.end)
                };
                self.place(&mut update, Some(start), Some(end));
                if call.laid {
                    self.refine(step, call.end, end);
                }
            }
            site.out.push(update);
        } else if !fields.model.is_empty() && !fields.cut {
            let nanos = fields.nanos.unwrap_or(0);
            let (start, end, _) = self.lay(site.now, step, nanos);
            let model = fields.model.clone();
            self.push_call(site, step, &model, Some((start, end)), Status::Ok, fields.usage(), Some(fields));
        }
    }

    /// Takes back the rounding of a duration from the clock, where nothing was laid since.
    fn refine(&mut self, step: Option<usize>, rounded: UnixNanos, exact: UnixNanos) {
        let step = step.and_then(|step| self.steps.get_mut(step)).map(|step| &mut step.at);
        for time in [&mut self.clock, &mut self.at].into_iter().chain(step) {
            if *time == rounded {
                *time = exact;
            }
        }
    }

    fn failed_report(&mut self, site: &mut Site<'_, '_>, step: Option<usize>, fields: &Fields) {
        let known =
            self.failed_call.take().filter(|(_, model)| fields.model.is_empty() || *model == fields.model);
        let id = match known {
            Some((id, _)) => id,
            None if fields.model.is_empty() && fields.error.is_empty() => return,
            None => {
                let times = self.lay(site.now, step, fields.nanos.unwrap_or(0));
                let model = fields.model.clone();
                self.push_call(site, step, &model, Some((times.0, times.1)), Status::Error, None, None)
            }
        };
        let mut update = self.inside(site, id, step);
        enrich(site, &mut update, fields);
        update.status = Some(Status::Error);
        update.error = site.out.intern(&fields.error);
        site.out.push(update);
    }

    /// The block dialect names the model on a line of its own.
    pub(in crate::format::step_telemetry) fn call_model(&mut self, model: &str) {
        model.clone_into(&mut self.model);
    }

    pub(in crate::format::step_telemetry) fn call_measured(
        &mut self,
        site: &mut Site<'_, '_>,
        nanos: Option<i64>,
        failed: bool,
    ) {
        let step = self.current_step();
        let (start, end, _) = self.lay(site.now, step, nanos.unwrap_or(0));
        let model = std::mem::take(&mut self.model);
        let status = if failed { Status::Error } else { Status::Ok };
        self.push_call(site, step, &model, Some((start, end)), status, None, None);
    }

    /// A call of a tool: `pending` and `in-progress` open it, the line with its result closes the same span.
    pub(in crate::format::step_telemetry) fn tool(
        &mut self,
        site: &mut Site<'_, '_>,
        id: &str,
        fields: &Fields,
    ) {
        let step = self.step_or_current(id);
        let step_id = step.and_then(|step| self.steps.get(step)).map(|step| step.id);
        let status = match Status::from_source_word(&fields.result) {
            Status::Unknown if fields.success == Some(false) => Status::Error,
            Status::Unknown if fields.success == Some(true) => Status::Ok,
            status => status,
        };
        let known = self
            .tools
            .iter()
            .rposition(|call| call.step == step_id && call.agent == fields.agent && call.tool == fields.tool);
        let over = status != Status::Running;
        let (span, started) = match known {
            Some(at) => {
                let call = if over { Some(self.tools.remove(at)) } else { None };
                let call = call.as_ref().or_else(|| self.tools.get(at));
                let found = call.map(|call| (call.id, call.start));
                found.map_or_else(|| (site.id("tool", self.trace), None), |(id, start)| (id, Some(start)))
            }
            None => (site.id("tool", self.trace), None),
        };
        let mut update = self.inside(site, span, step);
        update.kind = Some(SpanKind::Tool);
        update.span_type = site.out.intern("agent_call");
        update.name = site.out.intern(if fields.tool.is_empty() { &fields.agent } else { &fields.tool });
        update.tool = site.out.intern(&fields.tool);
        update.status = Some(status);
        enrich(site, &mut update, fields);
        if status == Status::Error {
            update.error = site.out.intern(&fields.error);
        }
        if over {
            let (start, end) = self.tool_times(site.now, step, started, fields.nanos.unwrap_or(0));
            self.place(&mut update, Some(start), Some(end));
        } else if started.is_none() {
            self.place(&mut update, Some(self.clock), None);
            if self.tools.len() >= MAX_CALLS {
                self.tools.remove(0);
            }
            let (agent, tool) = (fields.agent.clone(), fields.tool.clone());
            self.tools.push(ToolCall { id: span, step: step_id, agent, tool, start: self.clock });
        }
        site.out.push(update);
    }

    fn tool_times(
        &mut self,
        now: UnixNanos,
        step: Option<usize>,
        started: Option<UnixNanos>,
        nanos: i64,
    ) -> (UnixNanos, UnixNanos) {
        if let Some(start) = started {
            let end = self.clock.max(start.plus(nanos));
            self.pass(step, end);
            return (if nanos > 0 { end.plus(-nanos) } else { start }, end);
        }
        let floor = step.and_then(|step| self.steps.get(step)).map_or(self.start, |step| step.start);
        if self.clock.since(floor) >= nanos {
            // It contains the calls that were logged before it.
            return (self.clock.plus(-nanos), self.clock);
        }
        let (start, end, _) = self.lay(now, step, nanos);
        (start, end)
    }
}

/// What the JSON of a call adds.
fn enrich(site: &mut Site<'_, '_>, update: &mut SpanUpdate, fields: &Fields) {
    if !fields.agent.is_empty() {
        update.agent = site.out.intern(&fields.agent);
    }
    if update.step.is_none() {
        update.step = site.out.intern(&fields.step_name);
    }
    update.cost = fields.cost;
}
