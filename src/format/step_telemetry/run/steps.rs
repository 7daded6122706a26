//! Steps of a workflow: they begin under a key and end under a number.

use super::super::tail::Fields;
use super::{Last, MAX_STEPS, Run, Site, Step};
use crate::model::{Parent, SpanKind, SpanUpdate, Status, Timed, UnixNanos};

impl Run {
    pub(in crate::format::step_telemetry) fn open_step(
        &mut self,
        site: &mut Site<'_, '_>,
        id: &str,
        name: Option<&str>,
    ) -> usize {
        let number = id.bytes().all(|byte| byte.is_ascii_digit());
        let span = site.id("step", self.trace);
        if self.steps.len() >= MAX_STEPS {
            self.steps.remove(0);
        }
        self.steps.push(Step {
            id: span,
            key: if number { String::new() } else { id.to_owned() },
            number: if number { id.to_owned() } else { String::new() },
            name: name.unwrap_or_default().to_owned(),
            agent: String::new(),
            start: self.clock,
            at: self.clock,
            arrived: site.now,
            open: true,
            announced: false,
            retried: false,
        });
        let step = self.steps.len() - 1;
        let mut update = self.step_update(site, step);
        update.parent = Parent::Span(self.root);
        update.kind = Some(SpanKind::Step);
        update.span_type = site.out.intern("step");
        update.status = Some(Status::Running);
        self.place(&mut update, Some(self.clock), None);
        site.out.push(update);
        self.last = Last::Step;
        step
    }

    pub(super) fn step_update(&mut self, site: &mut Site<'_, '_>, step: usize) -> SpanUpdate {
        let Some(step) = self.steps.get(step) else { return site.update(self.trace, self.root) };
        let (id, label, agent) = (step.id, site.out.intern(step.label()), site.out.intern(&step.agent));
        let mut update = site.update(self.trace, id);
        (update.name, update.step, update.agent) = (label, label, agent);
        update
    }

    pub(in crate::format::step_telemetry) fn step_started(
        &mut self,
        site: &mut Site<'_, '_>,
        id: &str,
        name: Option<&str>,
        fields: &Fields,
    ) {
        let newest = self.steps.iter().rposition(|step| step.open && !step.announced);
        let fits = |step: &Step| step.number == id || step.number.is_empty() || step.key == id;
        let step = match newest.filter(|&at| self.steps.get(at).is_some_and(fits)) {
            Some(step) => step,
            None => self.open_step(site, id, name),
        };
        if let Some(step) = self.steps.get_mut(step) {
            step.announced = true;
            if step.number.is_empty() && step.key != id {
                id.clone_into(&mut step.number);
            }
            learn(&mut step.name, name.unwrap_or(&fields.step_name));
            learn(&mut step.agent, &fields.agent);
        }
        self.identify(site, &fields.run);
        let update = self.step_update(site, step);
        site.out.push(update);
    }

    /// The current step says when it began.
    pub(in crate::format::step_telemetry) fn step_started_at(
        &mut self,
        site: &mut Site<'_, '_>,
        at: UnixNanos,
    ) -> bool {
        let Some(step) = self.current_step() else { return false };
        self.anchor(site, at);
        let mut update = self.step_update(site, step);
        update.start = Some(Timed::written(at));
        site.out.push(update);
        if let Some(step) = self.steps.get_mut(step) {
            (step.start, step.at) = (at, at);
        }
        self.clock = at;
        self.at = at;
        true
    }

    pub(in crate::format::step_telemetry) fn step_ended(
        &mut self,
        site: &mut Site<'_, '_>,
        id: Option<&str>,
        nanos: Option<i64>,
        failed: bool,
    ) -> bool {
        let named =
            id.and_then(|id| self.step(id).filter(|&at| self.steps.get(at).is_some_and(|step| step.open)));
        let unnumbered = self
            .current_step()
            .filter(|&at| id.is_none() || self.steps.get(at).is_some_and(|step| step.number.is_empty()));
        let step = match (named.or(unnumbered), id) {
            (Some(step), _) => step,
            (None, Some(id)) => {
                let step = self.open_step(site, id, None);
                if let (Some(nanos), Some(step)) = (nanos, self.steps.get_mut(step)) {
                    // Its beginning was not logged, so it lies before this line.
                    step.start = self.clock.plus(-nanos);
                }
                step
            }
            (None, None) => return false,
        };
        self.end_step(site, step, nanos, if failed { Status::Error } else { Status::Ok });
        true
    }

    fn end_step(&mut self, site: &mut Site<'_, '_>, step: usize, nanos: Option<i64>, status: Status) {
        let Some(known) = self.steps.get_mut(step) else { return };
        known.open = false;
        let start = known.start;
        let end = nanos.map_or(self.clock.max(start), |nanos| start.plus(nanos));
        self.pass(Some(step), end);
        let mut update = self.step_update(site, step);
        update.status = Some(status);
        self.place(&mut update, Some(start), Some(end));
        site.out.push(update);
        self.last = Last::Step;
    }

    pub(in crate::format::step_telemetry) fn step_report(
        &mut self,
        site: &mut Site<'_, '_>,
        id: &str,
        name: Option<&str>,
        fields: &Fields,
        failed: bool,
    ) {
        let step = self.step(id).unwrap_or_else(|| self.open_step(site, id, name));
        let status = match Status::from_source_word(&fields.status) {
            _ if failed => Status::Error,
            Status::Unknown | Status::Running => Status::Ok,
            status => status,
        };
        let open = self.steps.get_mut(step).is_some_and(|step| {
            learn(&mut step.name, name.unwrap_or(&fields.step_name));
            learn(&mut step.agent, &fields.agent);
            step.open
        });
        self.identify(site, &fields.run);
        // The JSON's duration may be that of an inner call: the plain line's counts if there was one. A failed step
        // has none but this.
        if open || failed {
            self.end_step(site, step, fields.nanos, status);
        } else {
            let mut update = self.step_update(site, step);
            update.status = Some(status);
            site.out.push(update);
        }
    }

    /// An error line. `None` is about what was spoken of last.
    pub(in crate::format::step_telemetry) fn error(
        &mut self,
        site: &mut Site<'_, '_>,
        id: Option<&str>,
        message: &str,
    ) -> bool {
        let step = match (id, self.last) {
            (Some(id), _) => self.step(id),
            (None, Last::Call(call)) => {
                let mut update = site.update(self.trace, call);
                update.status = Some(Status::Error);
                update.error = site.out.intern(message);
                site.out.push(update);
                return true;
            }
            (None, Last::Step) => self.current_step().or(self.steps.len().checked_sub(1)),
            (None, Last::Root) => None,
        };
        let Some(step) = step else { return false };
        let mut update = self.step_update(site, step);
        update.status = Some(Status::Error);
        update.error = site.out.intern(message);
        let end = self.clock;
        if self.steps.get(step).is_some_and(|step| step.open) {
            self.place(&mut update, None, Some(end));
        }
        site.out.push(update);
        true
    }

    /// The runtime says that the current step threw.
    pub(in crate::format::step_telemetry) fn threw(
        &mut self,
        site: &mut Site<'_, '_>,
        workflow: &str,
        message: &str,
    ) -> bool {
        let Some(step) = self.current_step() else { return false };
        let mut update = self.step_update(site, step);
        update.error = site.out.intern(message);
        site.out.push(update);
        self.end_step(site, step, None, Status::Error);
        let mut update = site.update(self.trace, self.root);
        update.workflow = site.out.intern(workflow);
        site.out.push(update);
        true
    }
}

/// Keeps the first word that is said.
fn learn(slot: &mut String, word: &str) {
    if slot.is_empty() {
        word.clone_into(slot);
    }
}
