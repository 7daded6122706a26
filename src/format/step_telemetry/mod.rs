//! Logs of a `StepTelemetryTracker`: the console lines of a workflow's steps, model calls and agent calls, in two
//! dialects (one line per event with a JSON tail, and indented blocks), and its metric records as NDJSON.
//!
//! One process logs through one tracker, so lines of workflows that run at the same time mix without saying whose they
//! are; a line goes to the workflow that it names, else to the one that has its step open, else to the one that spoke
//! last.

mod parse;
mod records;
mod run;
mod tail;

use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{Batch, DetailEvent, Id, Reason, SpanDetail, Status, UnixNanos};

use parse::Event;
use records::Records;
use run::{Run, Site};
use tail::Fields;

/// Console log or metric records of a step tracker.
pub(super) static LINES: LineFormat = LineFormat {
    name: "step-telemetry",
    about: "step tracker logs: [WorkflowTelemetry] lines, STEP blocks, or step and call metrics as NDJSON",
    sniff,
    decoder: |stream| Box::new(Decoder::new(stream)),
    detail,
    independent_lines: false,
};

/// Workflows that are remembered at once.
const MAX_RUNS: usize = 8;

struct Decoder {
    salt: Vec<u8>,
    workflow: String,
    runs: Vec<Run>,
    /// Position of the workflow that spoke last.
    current: usize,
    records: Records,
    /// When the last line came.
    last: Option<UnixNanos>,
    /// Where a workflow that says nothing of its time begins.
    clock: Option<UnixNanos>,
    /// Whether lines carry times.
    stamped: bool,
}

impl Decoder {
    fn new(stream: &Stream) -> Self {
        let stem = stream.name.split('.').next().unwrap_or_default();
        Self {
            salt: stream.salt.clone(),
            workflow: if stem.is_empty() { "workflow".to_owned() } else { stem.to_owned() },
            runs: Vec::new(),
            current: 0,
            records: Records::new(stream),
            last: None,
            clock: None,
            stamped: false,
        }
    }

    /// Lets the time pass that has passed since the last line.
    fn pass(&mut self, now: UnixNanos) {
        let passed = self.last.map_or(0, |last| now.since(last)).max(0);
        self.last = Some(self.last.map_or(now, |last| last.max(now)));
        self.clock = Some(self.clock.map_or(now, |clock| clock.plus(passed)));
        for run in self.runs.iter_mut().filter(|run| !run.ended) {
            run.clock = run.clock.plus(passed);
        }
    }

    fn start(&mut self, site: &mut Site<'_, '_>) -> usize {
        let at = site.line.at;
        let parts: [&[u8]; 4] =
            [b"step telemetry", &self.salt, &at.segment.0.to_be_bytes(), &at.pos.to_be_bytes()];
        let trace = Id::synthetic(&parts);
        let run = Run::open(site, trace, self.clock.unwrap_or(site.now), self.stamped);
        if self.runs.len() >= MAX_RUNS {
            let oldest = self.runs.iter().position(|run| run.ended).unwrap_or(0);
            self.runs.remove(oldest);
        }
        self.runs.push(run);
        self.current = self.runs.len() - 1;
        self.current
    }

    /// The workflow a line belongs to.
    fn pick(&mut self, run: &str, step: Option<&str>) -> Option<usize> {
        if !run.is_empty() {
            if let Some(named) = self.runs.iter().rposition(|known| known.name == run) {
                return Some(named);
            }
            // A workflow that has not said its name yet.
            let nameless = |known: &Run| known.name.is_empty() && !known.ended;
            let current = Some(self.current).filter(|&at| self.runs.get(at).is_some_and(nameless));
            if let Some(at) = current.or_else(|| self.runs.iter().rposition(nameless)) {
                return Some(at);
            }
        }
        let current = Some(self.current).filter(|&at| self.runs.get(at).is_some_and(|run| !run.ended));
        let Some(step) = step.filter(|step| !step.is_empty()) else { return current };
        let has = |run: &Run| !run.ended && run.has_open_step(step);
        current
            .filter(|&at| self.runs.get(at).is_some_and(has))
            .or_else(|| self.runs.iter().rposition(has))
            .or(current)
    }

    /// The same, and a new workflow when none is open: a log may begin anywhere.
    fn run(&mut self, site: &mut Site<'_, '_>, run: &str, step: Option<&str>) -> Option<&mut Run> {
        let at = match self.pick(run, step) {
            Some(at) => at,
            None => self.start(site),
        };
        self.current = at;
        self.runs.get_mut(at)
    }

    /// The workflow that spoke last, over or not.
    fn latest(&mut self) -> Option<&mut Run> {
        self.runs.get_mut(self.current)
    }

    /// Takes an event. Returns whether it belonged anywhere.
    fn take(&mut self, event: Event<'_>, site: &mut Site<'_, '_>) -> bool {
        match event {
            Event::Nothing => return true,
            Event::WorkflowStarted { id } => {
                let at = self.start(site);
                if let (Some(id), Some(run)) = (id, self.runs.get_mut(at)) {
                    run.identify(site, id);
                }
                return true;
            }
            _ => {}
        }
        let fields = match event {
            Event::StepStarted { tail, .. }
            | Event::StepReport { tail, .. }
            | Event::LlmReport { tail, .. }
            | Event::AgentCall { tail, .. } => tail.map(Fields::read).unwrap_or_default(),
            _ => Fields::default(),
        };
        if fields.cut {
            let text = String::from_utf8_lossy(site.line.bytes);
            site.out.problem(Reason::InvalidJson, Some(site.line.at), &text);
        }
        self.take_step(event, &fields, site).unwrap_or_else(|| self.take_other(event, site))
    }

    /// Events of steps and calls: they open a workflow if none is open. `None` for other events.
    fn take_step(&mut self, event: Event<'_>, fields: &Fields, site: &mut Site<'_, '_>) -> Option<bool> {
        match event {
            Event::StepOpened { id, name } => {
                self.run(site, "", None)?.open_step(site, id, name);
            }
            Event::StepStarted { id, name, .. } => {
                self.run(site, &fields.run, None)?.step_started(site, id, name, fields);
            }
            Event::StepEnded { id, nanos, failed } => {
                if id.is_none() && self.pick("", None).is_none() {
                    return Some(false);
                }
                return Some(self.run(site, "", id)?.step_ended(site, id, nanos, failed));
            }
            Event::StepReport { id, name, failed, .. } => {
                self.run(site, &fields.run, Some(id))?.step_report(site, id, name, fields, failed);
            }
            Event::Llm { model, prompt, completion, nanos } => {
                self.run(site, "", None)?.call(site, model, prompt, completion, nanos);
            }
            Event::LlmError { model, message } => self.run(site, "", None)?.call_failed(site, model, message),
            // Nothing of a cut line makes a workflow.
            Event::LlmReport { id, .. } | Event::AgentCall { id, .. }
                if fields.cut && self.pick(&fields.run, Some(id)).is_none() => {}
            Event::LlmReport { id, failed, .. } => {
                self.run(site, &fields.run, Some(id))?.call_report(site, id, fields, failed);
            }
            Event::AgentCall { id, .. } if !(fields.tool.is_empty() && fields.agent.is_empty()) => {
                self.run(site, &fields.run, Some(id))?.tool(site, id, fields);
            }
            _ => return None,
        }
        Some(true)
    }

    /// Events that need a workflow to belong to.
    fn take_other(&mut self, event: Event<'_>, site: &mut Site<'_, '_>) -> bool {
        let by_step = match event {
            Event::StepError { id: Some(id), .. } => self.pick("", Some(id)),
            _ => None,
        };
        if let Some(at) = by_step {
            self.current = at;
        }
        let Some(run) = self.latest() else { return false };
        match event {
            Event::WorkflowEnded { status } if !run.ended => {
                run.end(site, Status::from_source_word(status), None);
                self.next_clock();
            }
            Event::WorkflowFailed { message } if !run.ended => {
                run.end(site, Status::Error, Some(message));
                self.next_clock();
            }
            Event::WorkflowDuration { nanos } if run.ended => run.lasted(site, nanos),
            Event::StepStartedAt { at } => return run.step_started_at(site, at),
            Event::StepError { id, message } => return run.error(site, id, message),
            Event::StepThrew { workflow, message } => {
                return !run.ended && run.threw(site, workflow, message);
            }
            Event::LlmModel { model } => run.call_model(model),
            Event::LlmMeasured { nanos, failed } => run.call_measured(site, nanos, failed),
            Event::Transition { from, to } => {
                run.event(site, "transition", &format!("{from} → {to}"), None);
            }
            Event::Progress { title, status } => run.progress(site, title, status),
            Event::Retry { key, text, message } => run.retry(site, key, text, message),
            Event::Message { text, .. } => {
                run.event(site, "message", text, Some(""));
            }
            Event::Payload => run.payload(site),
            _ => return false,
        }
        true
    }

    /// The next workflow begins after the one that has ended, if that one was laid from its arrival.
    fn next_clock(&mut self) {
        if let Some(run) = self.runs.get(self.current).filter(|run| !run.is_anchored()) {
            self.clock = self.clock.max(Some(run.clock));
        }
    }
}

impl LineDecoder for Decoder {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        let text = parse::clean(line.bytes);
        let (time, text) = parse::timestamp(&text);
        self.stamped |= time.is_some();
        let now = match time {
            Some(time) => time,
            // Lines between those with times belong to the one before.
            None if self.stamped => self.last.unwrap_or(line.arrived),
            None => line.arrived,
        };
        self.pass(now);
        let workflow = std::mem::take(&mut self.workflow);
        let mut site = Site { line, now, out, workflow: &workflow };
        let trimmed = text.trim();
        let known = if trimmed.starts_with('{') {
            self.records.take(trimmed, &mut site)
        } else {
            parse::parse(text).is_some_and(|event| self.take(event, &mut site))
        };
        if !known {
            out.problem(Reason::OtherLine, Some(line.at), trimmed);
        }
        self.workflow = workflow;
    }
}

/// How sure lines make us: one that only this logger writes is enough, records are told by their fields.
fn confidence<'l>(lines: impl Iterator<Item = &'l [u8]>) -> (u8, String) {
    let (mut sure, mut likely, mut records, mut seen) = (0u32, 0u32, 0u32, 0u32);
    for bytes in lines.take(2_000) {
        let text = parse::clean(bytes);
        let (_, text) = parse::timestamp(&text);
        let trimmed = text.trim();
        if trimmed.is_empty() {
            continue;
        }
        seen += 1;
        if trimmed.starts_with('{') {
            records += u32::from(records::is_record(trimmed));
            continue;
        }
        match parse::parse(text) {
            Some(
                Event::Llm { .. }
                | Event::StepStarted { .. }
                | Event::StepReport { .. }
                | Event::LlmReport { .. }
                | Event::AgentCall { .. }
                | Event::WorkflowStarted { .. }
                | Event::WorkflowEnded { .. }
                | Event::WorkflowFailed { .. }
                | Event::Transition { .. }
                | Event::StepStartedAt { .. },
            ) => sure += 1,
            Some(Event::StepOpened { .. } | Event::StepEnded { .. } | Event::LlmMeasured { .. }) => {
                likely += 1;
            }
            _ => {}
        }
    }
    if sure > 0 {
        return (if sure > 2 { 95 } else { 80 }, format!("{sure} of {seen} lines are a step tracker's"));
    }
    if likely > 1 {
        return (60, format!("{likely} of {seen} lines look like a step tracker's"));
    }
    if records > 0 && records * 2 >= seen {
        return (70, format!("{records} of {seen} lines are step, call or tool metrics"));
    }
    (0, "no line of a step tracker".to_owned())
}

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    confidence(sample.lines())
}

/// One line for reading: its JSON as attributes, the block dialect's payload lines as input, output and error.
fn detail(bytes: &[u8]) -> SpanDetail {
    let text = parse::clean(bytes);
    let mut detail = SpanDetail { raw: text.trim_end().to_owned(), ..SpanDetail::default() };
    let (time, line) = parse::timestamp(&text);
    let body = parse::body(line);
    let json = line.find('{').and_then(|at| line.get(at..)).map(str::trim);
    if let Some(json) = json.filter(|_| line.trim().starts_with('{') || line.contains(" | {")) {
        records::open(json, &mut detail);
    }
    let after = |prefix: &str| body.strip_prefix(prefix).map(|text| text.trim().to_owned());
    detail.input = detail.input.or_else(|| after("Input:"));
    detail.output = detail.output.or_else(|| after("Output:"));
    match parse::parse(line) {
        Some(
            Event::StepError { message, .. }
            | Event::WorkflowFailed { message }
            | Event::LlmError { message, .. }
            | Event::StepThrew { message, .. },
        ) => detail.error = Some(message.to_owned()),
        Some(Event::Message { text, .. } | Event::Retry { text, .. }) => {
            detail.events.push(DetailEvent { name: text.to_owned(), at: time, attributes: String::new() });
        }
        _ => {}
    }
    detail
}

#[cfg(test)]
mod tests;
