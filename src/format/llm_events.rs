//! Event logs of LLM runs: `LLM_CALL_STARTED`, `LLM_CALL_FINISHED`, `WORK_ITEM_*`, `RUN_STATE_CHANGED` and so on, one
//! JSON object per line with a type and a payload.
//!
//! The file is the run. Its trace and run ids do not join (each node of the orchestrator makes a trace of its own,
//! workers don't know their run), so all events of a stream go into one trace, and the tree is made from what does
//! join: a call and its work item by the node's span id, a worker and its work item by the worker's name.

mod detail;
mod event;
mod work;

#[cfg(test)]
mod tests;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::hash::Hasher as _;

use super::json::{LineText, Reader, Value};
use super::lines::each_object;
use super::native::usage_object;
use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, Id, Marks, NANOS_PER_MS, NanoUsd, Parent, Reason, SpanDetail, SpanKind, SpanUpdate, Status, Timed,
    UnixNanos,
};
use event::{Event, members};
use work::outcome;

/// Lines of events.
pub(super) static LINES: LineFormat = LineFormat {
    name: "llm-events",
    about: "one event per line: LLM_CALL_STARTED, LLM_CALL_FINISHED, WORK_ITEM_*, RUN_*; the file is the run",
    sniff,
    decoder,
    detail: detail::line,
    independent_lines: false,
};

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut events, mut known, mut records) = (0usize, 0usize, 0usize);
    for line in sample.lines() {
        let text = LineText::new(line);
        let mut reader = Reader::new(&text.text);
        if reader.peek() != Some(b'{') {
            continue;
        }
        let Ok(event) = Event::read(&mut reader) else { continue };
        records += 1;
        if let Some(word) = event.word() {
            events += 1;
            known += usize::from(
                ["LLM_CALL_", "RUN_", "WORK_ITEM_"].iter().any(|prefix| word.starts_with(prefix)),
            );
        }
    }
    if events == 0 {
        return (0, "no events with a type and a payload".to_owned());
    }
    let score = if known > 0 { 45 } else { 20 } + 50 * events / records.max(1);
    (score as u8, format!("{events} of {records} records are events such as LLM_CALL_STARTED"))
}

fn decoder(stream: &Stream) -> Box<dyn LineDecoder> {
    let trace = Id::synthetic(&[b"event log", &stream.salt]);
    let root = Id::synthetic(&[b"run of an event log", &stream.salt]);
    Box::new(Events::new(trace, root, &stream.name))
}

/// A decoder of events that are kept with their run, which somebody else tells about.
pub(super) fn within(trace: Id, root: Id) -> Box<dyn LineDecoder> {
    Box::new(Events { has_root: true, ..Events::new(trace, root, "") })
}

/// One event for reading.
pub(super) fn detail_of(line: &[u8]) -> SpanDetail {
    detail::line(line)
}

impl Events {
    fn new(trace: Id, root: Id, name: &str) -> Self {
        Self {
            trace,
            root,
            name: name.to_owned(),
            has_root: false,
            root_ids: FxHashSet::default(),
            items: Vec::new(),
            item_of: FxHashMap::default(),
            owners: FxHashMap::default(),
            started: FxHashSet::default(),
            calls: FxHashMap::default(),
            ends: FxHashMap::default(),
        }
    }
}

/// A work item of the orchestrator.
struct Item {
    span: Id,
    /// The worker that does it, as written.
    worker: String,
    open: bool,
}

struct Events {
    trace: Id,
    root: Id,
    name: String,
    has_root: bool,
    /// Span ids of the run itself: parents that mean "the run".
    root_ids: FxHashSet<Id>,
    items: Vec<Item>,
    item_of: FxHashMap<Id, usize>,
    /// Which span stands for a span id of the log: the item of a node, a worker, a step.
    owners: FxHashMap<Id, Owner>,
    /// Steps that have begun.
    started: FxHashSet<Id>,
    /// The first call of a call id, by hash: a retry repeats the id under a new span.
    calls: FxHashMap<u64, Id>,
    /// How calls ended, and when.
    ends: FxHashMap<Id, (Status, UnixNanos)>,
}

#[derive(Clone, Copy)]
enum Owner {
    Item(usize),
    Span(Id),
}

impl LineDecoder for Events {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object(line, out, |reader, line, out| {
            let from = reader.offset();
            let event = Event::read(reader)?;
            let line = &Line { bytes: line.first(reader.offset().saturating_sub(from)), ..*line };
            match event.word() {
                Some(word) => self.event(word, &event, line, out),
                None => {
                    out.problem(
                        Reason::NotASpan,
                        Some(line.at),
                        "no event: a type in capitals and a payload",
                    );
                }
            }
            Ok(())
        });
    }
}

impl Events {
    fn event(&mut self, word: &str, event: &Event<'_>, line: &Line<'_>, out: &mut Batch) {
        let at = event.at();
        if at.is_none() {
            out.problem(
                Reason::BadTime,
                Some(line.at),
                &event.time.excerpt().chars().take(80).collect::<String>(),
            );
        }
        if let Some(phase) = word.strip_prefix("LLM_CALL_") {
            self.call(phase, event, at, line, out);
            return;
        }
        self.ensure_root(event, at, line, out);
        match word {
            "RUN_CREATED" => self.run_created(event, at, line, out),
            "RUN_COMPLETED" | "RUN_FINISHED" | "RUN_FAILED" | "RUN_CANCELLED" | "RUN_CANCELED" => {
                let status = match word {
                    "RUN_FAILED" => Status::Error,
                    "RUN_CANCELLED" | "RUN_CANCELED" => Status::Cancelled,
                    _ => outcome(event),
                };
                self.run_over(status, event, at, line, out);
            }
            "RUN_STATE_CHANGED" => {
                self.root_ids.extend(id(&event.parent, out));
                self.point(word, event, at, line, out);
                match event.payload.state.text() {
                    Some("DONE") => self.run_over(Status::Ok, event, at, line, out),
                    Some("FAILED") => self.run_over(Status::Error, event, at, line, out),
                    Some("CANCELLED" | "CANCELED") => self.run_over(Status::Cancelled, event, at, line, out),
                    _ => {}
                }
            }
            _ => match word.strip_prefix("WORK_ITEM_") {
                Some(phase) if event.payload.work_item.text().is_some() => {
                    self.item(phase, event, at, line, out);
                }
                Some(phase) => self.worker(phase, event, at, line, out),
                None => self.step_or_point(word, event, at, line, out),
            },
        }
    }

    fn update(&self, span: Id, line: &Line<'_>) -> SpanUpdate {
        let mut update = SpanUpdate::new(self.trace, span, line.stamp);
        update.payload = Some(line.at);
        update
    }

    /// Everything but calls says that there is a run, even if its beginning is not in the file.
    fn ensure_root(&mut self, event: &Event<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        if self.has_root {
            return;
        }
        self.has_root = true;
        let mut root = self.update(self.root, line);
        root.parent = Parent::Root;
        root.kind = Some(SpanKind::Workflow);
        root.status = Some(Status::Running);
        root.start = at.map(Timed::inferred);
        let name = event.run_id().unwrap_or(&self.name);
        root.run = Id::parse(name, &mut out.strings);
        root.name = out.intern(name);
        root.workflow = root.name;
        root.span_type = out.intern("RUN");
        out.push(root);
    }

    fn run_created(&mut self, event: &Event<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        self.root_ids.extend(id(&event.span, out));
        self.root_ids.extend(id(&event.parent, out));
        let mut root = self.update(self.root, line);
        root.status = Some(Status::Running);
        root.start = at.map(Timed::written);
        if let Some(name) = event.run_id() {
            root.name = out.intern(name);
            root.run = Id::parse(name, &mut out.strings);
        }
        if let Value::Object(config) = event.payload.config
            && let Some(product) = members(config, &["workflow", "product", "title"])
        {
            root.workflow = out.intern(&product);
        }
        out.push(root);
    }

    fn run_over(
        &mut self,
        status: Status,
        event: &Event<'_>,
        at: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let mut root = self.update(self.root, line);
        root.status = Some(status);
        root.end = at.map(Timed::written);
        if let Some(error) = event.error_text().filter(|_| status != Status::Ok) {
            root.error = out.intern(&error);
        }
        out.push(root);
    }

    fn call(
        &mut self,
        phase: &str,
        event: &Event<'_>,
        at: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let payload = &event.payload;
        let call = payload.call_id.label().ok().flatten();
        // A call without a span id is told from others by its call id.
        let span = id(&event.span, out)
            .or_else(|| call.as_deref().map(|id| Id::synthetic(&[b"call", id.as_bytes()])));
        let Some(span) = span else {
            out.problem(Reason::MissingId, Some(line.at), "a call without span_id and call_id");
            return;
        };
        let mut update = self.update(span, line);
        update.kind = Some(SpanKind::Llm);
        update.span_type = out.intern("LLM_CALL");
        update.name = out.intern(call.as_deref().unwrap_or("LLM call"));
        update.model = out.intern(payload.model.text().unwrap_or_default());
        update.provider = out.intern(provider(payload.provider_url.text().unwrap_or_default()));
        self.place(&mut update, event, out);
        if let Some(call) = &call
            && *self.calls.entry(hash(call)).or_insert(span) != span
        {
            update.marks = update.marks.with(Marks::RETRY);
        }
        match phase {
            "STARTED" => {
                update.status = Some(Status::Running);
                // A beginning that is written after the end, with a later time, tells nothing about the call.
                let late = self.ends.get(&span).is_some_and(|(_, end)| at.is_some_and(|at| at >= *end));
                update.start = at.filter(|_| !late).map(Timed::written);
                if late {
                    update.marks = update.marks.with(Marks::ODD);
                }
            }
            "FINISHED" | "COMPLETED" | "FAILED" | "CANCELLED" => {
                let status = match phase {
                    "FAILED" => Status::Error,
                    "CANCELLED" => Status::Cancelled,
                    _ => Status::Ok,
                };
                update.status = Some(status);
                update.end = at.map(Timed::written);
                let latency =
                    payload.latency_ms.number().ok().flatten().filter(|ms| (0.0..1e12).contains(ms));
                let nanos = latency.map_or(0, |ms| (ms * NANOS_PER_MS as f64) as i64);
                update.start = at.map(|at| Timed::inferred(at.plus(-nanos)));
                if let Some(at) = at
                    && let Some((before, _)) = self.ends.insert(span, (status, at))
                    && before != status
                {
                    update.marks = update.marks.with(Marks::ODD);
                    let detail = format!("ended as {before}, then as {status}");
                    out.problem(Reason::Conflict, Some(line.at), &detail);
                }
                if let Value::Object(usage) = payload.usage {
                    update.usage = usage_object(usage, line.at, &mut out.problems);
                }
                update.cost = Self::cost(&update, event, line, out);
                if status != Status::Ok
                    && let Some(error) = event.error_text()
                {
                    update.error = out.intern(&error);
                }
            }
            _ => {}
        }
        out.push(update);
    }

    /// The reported cost. Zero for a call that used tokens is what the writer says of a model whose price it doesn't
    /// know.
    fn cost(update: &SpanUpdate, event: &Event<'_>, line: &Line<'_>, out: &mut Batch) -> Option<NanoUsd> {
        let usd = match event.payload.cost.number() {
            Ok(usd) => usd?,
            Err(reason) => {
                out.problem(reason, Some(line.at), "api_cost_usd");
                return None;
            }
        };
        let cost = NanoUsd::from_usd(usd);
        if cost.is_none() {
            out.problem(Reason::BadNumber, Some(line.at), "api_cost_usd");
        }
        let used = update.usage.is_some_and(|usage| usage.total() > 0);
        cost.filter(|cost| *cost != NanoUsd::ZERO || !used)
    }

    /// Finds the parent of what an event is about, and the step it belongs to.
    fn place(&self, update: &mut SpanUpdate, event: &Event<'_>, out: &mut Batch) {
        let parent = id(&event.parent, out);
        let owner = parent.and_then(|parent| self.owners.get(&parent));
        update.parent = match owner {
            Some(Owner::Item(at)) => match self.items.get(*at) {
                Some(item) => {
                    update.step = out.intern(&item.worker);
                    Parent::Span(item.span)
                }
                None => Parent::Span(self.root),
            },
            Some(Owner::Span(span)) => Parent::Span(*span),
            None if self.has_root => Parent::Span(self.root),
            None if parent.is_none() => Parent::Root,
            None => Parent::Unsaid,
        };
    }
}

fn id(value: &Value<'_>, out: &mut Batch) -> Option<Id> {
    Id::parse(&value.label().ok().flatten()?, &mut out.strings)
}

fn hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The provider behind a base URL, where its host says so.
fn provider(url: &str) -> &'static str {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', ':', '?']).next().unwrap_or_default();
    [
        ("openai.com", "openai"),
        ("anthropic.com", "anthropic"),
        ("googleapis.com", "google"),
        ("mistral.ai", "mistral"),
        ("deepseek.com", "deepseek"),
        ("groq.com", "groq"),
        ("openrouter.ai", "openrouter"),
        ("x.ai", "xai"),
    ]
    .into_iter()
    .find(|(domain, _)| host == *domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
    .map_or("", |(_, name)| name)
}
