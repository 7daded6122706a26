//! Traces of the `OpenAI` Agents SDK as it exports them itself: items `{"object":"trace"}` and `{"object":"trace.span"}`,
//! one on a line, or several as the body of an export (`{"data":[…]}`).
//!
//! A trace item has no times, so the trace's own span is made of it and of the spans without a parent; where callbacks
//! are logged with their names, `on_trace_start` opens it and `on_trace_end` ends it. Spans of turns and tasks repeat
//! the usage of the calls in them; only generations and responses are calls (see [`turns`]).

mod turns;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};

use super::chat;
use super::json::LineText;
use super::lines::{each_object_in, each_part};
use super::plain::{error_line, flatten, time};
use super::usage::{Convention, Counters};
use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, Id, Parent, Reason, SpanDetail, SpanKind, SpanUpdate, Status, Timed, UnixNanos, response_key,
};

/// Items of traces.
pub(super) static LINES: LineFormat = LineFormat {
    name: "openai-agents",
    about: "OpenAI Agents SDK: its own trace and trace.span items, one a line or as bodies of exports",
    sniff,
    decoder: |_: &Stream| Box::new(Items::default()),
    detail,
    independent_lines: false,
};

/// Traces whose times are remembered.
const MAX_TRACES: usize = 1 << 16;

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut known, mut records) = (0usize, 0usize);
    for line in sample.lines() {
        let text = LineText::new(line);
        let Ok(record) = serde_json::from_str::<Json>(&text.text) else { continue };
        records += 1;
        let mut any = false;
        each_item(&record, &mut |_| any = true);
        known += usize::from(any);
    }
    if known == 0 {
        return (0, "no items named trace or trace.span".to_owned());
    }
    (
        (45 + 50 * known / records.max(1)) as u8,
        format!("{known} of {records} records are items of the Agents SDK"),
    )
}

/// The items of a record: itself, a list in `data`, or one that a callback was given.
fn each_item<'j>(record: &'j Json, each: &mut dyn FnMut(&'j Map<String, Json>)) {
    let item = |value: &'j Json| {
        let map = value.as_object()?;
        matches!(map.get("object").and_then(Json::as_str), Some("trace" | "trace.span")).then_some(map)
    };
    if let Some(map) = item(record) {
        each(map);
        return;
    }
    if let Some(list) = record.as_array() {
        list.iter().filter_map(item).for_each(each);
        return;
    }
    // A logger of callbacks may call what it was given anything.
    for value in record.as_object().into_iter().flat_map(Map::values) {
        let list = value.as_array().into_iter().flatten();
        list.chain(value.is_object().then_some(value)).filter_map(item).for_each(&mut *each);
    }
}

/// What a line around items says about them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Callback {
    /// The trace begins.
    TraceStart,
    /// The trace is over.
    TraceEnd,
    /// The processor is flushed or shut down: a line without an item.
    Housekeeping,
    /// None of these, or no callback.
    Other,
}

impl Callback {
    fn of(record: &Json) -> Self {
        let words = record.as_object().into_iter().flat_map(Map::values).filter_map(Json::as_str);
        let mut known = words.filter_map(|word| match word.strip_prefix("on_").unwrap_or(word) {
            "trace_start" => Some(Self::TraceStart),
            "trace_end" => Some(Self::TraceEnd),
            "shutdown" | "force_flush" => Some(Self::Housekeeping),
            _ => None,
        });
        known.next_back().unwrap_or(Self::Other)
    }
}

#[derive(Default)]
struct Items {
    /// When the spans without a parent of a trace began, and how many of them go on.
    traces: FxHashMap<Id, Times>,
    /// Usage that only turns tell.
    turns: turns::Turns,
}

#[derive(Clone, Copy, Default)]
struct Times {
    start: Option<UnixNanos>,
    end: Option<UnixNanos>,
    /// Whether its start was announced and its end was not.
    open: bool,
}

fn text<'s>(item: &'s Map<String, Json>, name: &str) -> &'s str {
    item.get(name).and_then(Json::as_str).unwrap_or_default()
}

impl LineDecoder for Items {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object_in(line, out, |reader, text, out| {
            each_part(reader, text, line, &["data"], &mut |raw, part| {
                let record: Json = serde_json::from_str(raw).unwrap_or_default();
                let callback = Callback::of(&record);
                let mut any = callback == Callback::Housekeeping;
                each_item(&record, &mut |item| {
                    any = true;
                    if self::text(item, "object") == "trace" {
                        self.trace(item, callback, part, out);
                    } else {
                        self.span(item, part, out);
                    }
                });
                if !any {
                    out.problem(Reason::NotASpan, Some(part.at), &raw.chars().take(80).collect::<String>());
                }
            })
        });
    }
}

fn root_of(trace: Id) -> Id {
    Id::synthetic(&[b"agents trace", &trace.bits().to_be_bytes()])
}

impl Items {
    fn trace(&mut self, item: &Map<String, Json>, callback: Callback, line: &Line<'_>, out: &mut Batch) {
        let Some(trace) = out.id(text(item, "id")) else {
            out.problem(Reason::MissingId, Some(line.at), "a trace without an id");
            return;
        };
        let mut update = SpanUpdate::new(trace, root_of(trace), line.stamp);
        update.payload = Some(line.at);
        update.parent = Parent::Root;
        update.kind = Some(SpanKind::Workflow);
        update.name = out.intern(text(item, "workflow_name"));
        update.workflow = update.name;
        update.span_type = out.intern("trace");
        update.session = out.intern(text(item, "group_id"));
        let metadata = item.get("metadata");
        let user = ["user_id", "userId", "user"].iter().find_map(|name| metadata?.get(*name)?.as_str());
        update.user = out.intern(user.unwrap_or_default());
        let known = self.traces.len() < MAX_TRACES || self.traces.contains_key(&trace);
        match callback {
            Callback::TraceStart if known => {
                self.traces.entry(trace).or_default().open = true;
                update.status = Some(Status::Running);
            }
            Callback::TraceEnd => {
                let times = self.traces.remove(&trace).unwrap_or_default();
                update.start = times.start.map(Timed::inferred);
                update.end = times.end.map(Timed::inferred);
                update.status = Some(Status::Ok);
            }
            _ => {}
        }
        out.push(update);
    }

    fn span(&mut self, item: &Map<String, Json>, line: &Line<'_>, out: &mut Batch) {
        let (Some(trace), Some(id)) = (out.id(text(item, "trace_id")), out.id(text(item, "id"))) else {
            out.problem(Reason::MissingId, Some(line.at), "a span without id or trace_id");
            return;
        };
        let empty = Map::new();
        let data = item.get("span_data").and_then(Json::as_object).unwrap_or(&empty);
        let above = out.id(text(item, "parent_id"));
        let mut update = SpanUpdate::new(trace, id, line.stamp);
        update.payload = Some(line.at);
        update.parent = Parent::Span(above.unwrap_or(root_of(trace)));
        let mut read = |name: &str| {
            let value = item.get(name).filter(|value| !value.is_null())?;
            let at = time(value);
            if at.is_none() {
                out.problem(
                    Reason::BadTime,
                    Some(line.at),
                    &format!("{name}: {value}").chars().take(80).collect::<String>(),
                );
            }
            at
        };
        let (start, end) = (read("started_at"), read("ended_at"));
        let end = end.map(|end| start.map_or(end, |start| end.max(start)));
        (update.start, update.end) = (start.map(Timed::written), end.map(Timed::written));
        tell(data, &mut update, out);

        let error = item.get("error").filter(|error| !error.is_null());
        update.status = Some(match error {
            Some(_) => Status::Error,
            None if end.is_some() => Status::Ok,
            None => Status::Running,
        });
        if let Some(error) = error {
            update.error = out.intern(&error_line(&error_text(error)));
        }
        if end.is_some() {
            let told = self.turns.ended(&update, above, data);
            out.updates.extend(told);
        }
        out.push(update);
        if above.is_none() {
            self.root(trace, start, end, line, out);
        }
    }

    /// The trace goes on for as long as its outermost spans do.
    fn root(
        &mut self,
        trace: Id,
        start: Option<UnixNanos>,
        end: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let mut times = self.traces.get(&trace).copied().unwrap_or_default();
        times.start = [times.start, start].into_iter().flatten().min();
        times.end = times.end.max(end);
        if self.traces.len() < MAX_TRACES || self.traces.contains_key(&trace) {
            self.traces.insert(trace, times);
        }
        let mut update = SpanUpdate::new(trace, root_of(trace), line.stamp);
        update.parent = Parent::Root;
        update.kind = Some(SpanKind::Workflow);
        update.start = times.start.map(Timed::inferred);
        if end.is_some() && !times.open {
            update.end = times.end.map(Timed::inferred);
            update.status = Some(Status::Ok);
        } else {
            update.status = Some(Status::Running);
        }
        out.push(update);
    }
}

/// What went wrong, and what its data says about that.
fn error_text(error: &Json) -> String {
    let Some(message) = error.get("message").and_then(Json::as_str) else {
        return error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    };
    match error.get("data").and_then(|data| data.get("error")).and_then(Json::as_str) {
        Some(cause) if !message.contains(cause) => format!("{message}: {cause}"),
        _ => message.to_owned(),
    }
}

/// What a span's data says.
fn tell(data: &Map<String, Json>, update: &mut SpanUpdate, out: &mut Batch) {
    // Turns and tasks are exported as custom spans that keep their type inside.
    let inner = data.get("data").and_then(|data| data.get("sdk_span_type")).and_then(Json::as_str);
    let word = inner.unwrap_or(text(data, "type"));
    let name = Some(text(data, "name")).filter(|name| !name.is_empty());
    update.span_type = out.intern(word);
    update.name = out.intern(name.unwrap_or(word));
    let kind = match word {
        "agent" => SpanKind::Agent,
        "function" => SpanKind::Tool,
        "generation" | "response" => SpanKind::Llm,
        "guardrail" => SpanKind::Validation,
        "turn" => SpanKind::Iteration,
        "task" => SpanKind::Step,
        _ => SpanKind::Other,
    };
    update.kind = Some(kind);
    match kind {
        SpanKind::Agent => update.agent = update.name,
        SpanKind::Tool => update.tool = update.name,
        SpanKind::Step => update.step = update.name,
        SpanKind::Llm => {
            update.model = out.intern(text(data, "model"));
            if update.model.is_some() {
                update.name = update.model;
            }
            let usage = data.get("usage").filter(|usage| usage.is_object());
            update.usage =
                usage.and_then(|usage| Counters::from_json(usage).normalise(Convention::Unknown, ""));
            update.response = response_key(text(data, "response_id"));
        }
        _ if word == "handoff" => {
            let to = text(data, "to_agent");
            update.name = out.intern(&format!("handoff to {to}"));
        }
        _ => {}
    }
}

fn detail(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let record: Json = serde_json::from_str(&text.text).unwrap_or_default();
    let mut detail = SpanDetail { raw: text.text.clone().into_owned(), ..SpanDetail::default() };
    let mut first = None;
    each_item(&record, &mut |item| {
        first.get_or_insert(item);
    });
    let Some(item) = first else { return detail };
    let data = item.get("span_data").and_then(Json::as_object);
    let shown = |name: &str| {
        let value = data?.get(name).filter(|value| !value.is_null())?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    (detail.input, detail.output) = (shown("input"), shown("output"));
    detail.error = item.get("error").filter(|error| !error.is_null()).map(error_text);
    let mut attributes = Vec::new();
    if let Some(data) = data {
        let rest: Map<String, Json> = data
            .iter()
            .filter(|(name, value)| !matches!(&***name, "input" | "output") && !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        flatten(&Json::Object(rest), &mut attributes);
    }
    for name in ["workflow_name", "group_id", "metadata"] {
        if let Some(value) = item.get(name).filter(|value| !value.is_null()) {
            attributes.push((name.to_owned(), value.clone()));
        }
    }
    detail.attributes = attributes.into_iter().map(|(name, value)| (name, value.to_string())).collect();
    let speaks =
        data.is_some_and(|data| matches!(self::text(data, "type"), "generation" | "response" | "function"));
    if speaks {
        detail.messages = chat::messages(detail.input.as_deref(), detail.output.as_deref(), true);
    }
    detail
}

#[cfg(test)]
mod tests;
