//! The file of the AI SDK's developer tools, `.devtools/generations.json`: runs and their steps, each step one call of a
//! model. It is written anew whenever something begins or ends, so what has no duration yet goes on.
//!
//! What a step was given and answered stands in it as JSON in text. Calls of tools are parts of the answer: each becomes a
//! span of its own, whose times are those in which it must have run.

use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};

use super::chat::Chat;
use super::json::LineText;
use super::lines::{each_object_in, each_part};
use super::plain::{error_line, flatten, time};
use super::usage::{Convention, Counters};
use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, Id, NANOS_PER_MS, Parent, PayloadRef, Reason, SpanDetail, SpanKind, SpanUpdate, Stamp, Status,
    Timed, UnixNanos, response_key,
};

/// Runs and steps.
pub(super) static LINES: LineFormat = LineFormat {
    name: "ai-devtools",
    about: "developer tools of the AI SDK: runs and steps in .devtools/generations.json",
    sniff,
    decoder: |_: &Stream| Box::new(Generations),
    detail,
    independent_lines: false,
};

/// The lists of a file.
const LISTS: [&str; 2] = ["runs", "steps"];
/// Runs of a file that are told apart, and calls of tools of a step.
const MAX_RUNS: usize = 1 << 20;
const MAX_CALLS: usize = 1 << 12;

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let record = sample.lines().next().map(LineText::new);
    let record = record.and_then(|text| serde_json::from_str::<Json>(&text.text).ok()).unwrap_or_default();
    let list = |name: &str| record.get(name).and_then(Json::as_array);
    let (Some(runs), steps) = (list("runs"), list("steps")) else {
        return (0, "no object with runs and steps".to_owned());
    };
    let fits = |item: &Json, names: [&str; 2]| names.iter().all(|name| item.get(*name).is_some());
    let known = runs.iter().all(|run| fits(run, ["id", "started_at"]) && run.get("run_type").is_none())
        && steps.into_iter().flatten().all(|step| fits(step, ["id", "run_id"]));
    match (known, steps) {
        (true, Some(steps)) if steps.iter().any(|step| step.get("step_number").is_some()) => {
            (95, "runs and their steps, as the developer tools of the AI SDK write them".to_owned())
        }
        (true, Some(_)) => (60, "lists of runs and of steps".to_owned()),
        _ => (0, "its runs and steps are others".to_owned()),
    }
}

fn text<'s>(item: &'s Map<String, Json>, name: &str) -> &'s str {
    item.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// JSON that stands in a member as text.
fn inner(item: &Map<String, Json>, name: &str) -> Json {
    match item.get(name) {
        Some(Json::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(other) => other.clone(),
        None => Json::Null,
    }
}

/// A run, and what its steps say about it.
struct Run {
    trace: Id,
    update: SpanUpdate,
    /// The step of another run in which it began.
    caller: Option<Id>,
    /// The latest end of a step.
    end: Option<UnixNanos>,
    /// How many steps go on, and how the last one stands.
    open: usize,
    last: (u64, Option<Status>),
    model: String,
}

struct Generations;

impl LineDecoder for Generations {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object_in(line, out, |reader, text, out| {
            let mut parts: Vec<(Map<String, Json>, PayloadRef, Stamp)> = Vec::new();
            each_part(reader, text, line, &LISTS, &mut |raw, part| {
                match serde_json::from_str(raw) {
                    Ok(Json::Object(item)) if item.contains_key("started_at") => {
                        parts.push((item, part.at, part.stamp));
                    }
                    // A file that has just been made has two empty lists.
                    Ok(Json::Object(item)) if item.contains_key("runs") => {}
                    _ => out.problem(
                        Reason::NotASpan,
                        Some(part.at),
                        &raw.chars().take(80).collect::<String>(),
                    ),
                }
            })?;
            tell(&parts, out);
            Ok(())
        });
    }
}

/// All runs and steps of a file.
fn tell(parts: &[(Map<String, Json>, PayloadRef, Stamp)], out: &mut Batch) {
    let mut runs: FxHashMap<Id, Run> = FxHashMap::default();
    let mut order = Vec::new();
    for (item, at, stamp) in parts.iter().filter(|(item, ..)| !item.contains_key("run_id")) {
        let Some(id) = out.id(text(item, "id")) else {
            out.problem(Reason::MissingId, Some(*at), "a run without an id");
            continue;
        };
        // A run that a tool of another one started belongs to that one's trace. It stands behind it.
        let above = out.id(text(item, "parent_run_id"));
        let trace = above.map_or(id, |above| runs.get(&above).map_or(above, |run| run.trace));
        let mut update = SpanUpdate::new(trace, id, *stamp);
        update.payload = Some(*at);
        update.parent = above.map_or(Parent::Root, Parent::Span);
        update.kind = Some(SpanKind::Agent);
        update.span_type = out.intern("run");
        update.name = out.intern(text(item, "function_id"));
        update.agent = update.name;
        update.start = moment(item, "started_at", *at, out).map(Timed::written);
        if runs.len() < MAX_RUNS {
            order.push(id);
            let caller = out.id(text(item, "parent_step_id"));
            let model = String::new();
            runs.insert(id, Run { trace, update, caller, end: None, open: 0, last: (0, None), model });
        }
    }
    let mut callers: FxHashMap<Id, Id> = FxHashMap::default();
    for (item, at, stamp) in parts.iter().filter(|(item, ..)| item.contains_key("run_id")) {
        callers.extend(step(item, *at, *stamp, &mut runs, out));
    }
    for mut run in order.into_iter().filter_map(|id| runs.remove(&id)) {
        let update = &mut run.update;
        // A tool began it. Which of several it was is not said: then it lies beside the steps of the run above.
        if let Some(tool) = run.caller.and_then(|step| callers.get(&step)) {
            update.parent = Parent::Span(*tool);
        }
        if update.name.is_none() {
            update.name = out.intern(format!("run {}", run.model).trim());
        }
        let standing = if run.open > 0 { None } else { run.last.1 };
        update.status = Some(standing.unwrap_or(Status::Running));
        if standing.is_some() {
            update.end = run.end.map(Timed::inferred);
        }
        out.push(run.update);
    }
}

fn moment(item: &Map<String, Json>, name: &str, at: PayloadRef, out: &mut Batch) -> Option<UnixNanos> {
    let value = item.get(name).filter(|value| !value.is_null())?;
    let moment = time(value);
    if moment.is_none() {
        let shown: String = format!("{name}: {value}").chars().take(80).collect();
        out.problem(Reason::BadTime, Some(at), &shown);
    }
    moment
}

/// A step and its calls of tools. Gives its only call of a tool, if it is one.
fn step(
    item: &Map<String, Json>,
    at: PayloadRef,
    stamp: Stamp,
    runs: &mut FxHashMap<Id, Run>,
    out: &mut Batch,
) -> Option<(Id, Id)> {
    let (Some(id), Some(above)) = (out.id(text(item, "id")), out.id(text(item, "run_id"))) else {
        out.problem(Reason::MissingId, Some(at), "a step without id or run_id");
        return None;
    };
    let run = runs.get_mut(&above);
    let trace = run.as_ref().map_or(above, |run| run.trace);
    let mut update = SpanUpdate::new(trace, id, stamp);
    update.payload = Some(at);
    update.parent = Parent::Span(above);
    update.kind = Some(SpanKind::Llm);
    update.span_type = out.intern(text(item, "type"));
    let start = moment(item, "started_at", at, out);
    let lasted = item.get("duration_ms").and_then(Json::as_f64).filter(|ms| (0.0..9e12).contains(ms));
    let end = start.zip(lasted).map(|(start, ms)| start.plus((ms * NANOS_PER_MS as f64) as i64));
    (update.start, update.end) = (start.map(Timed::written), end.map(Timed::written));

    let output = inner(item, "output");
    let response = output.get("response").unwrap_or(&Json::Null);
    let said = |name: &str| response.get(name).and_then(Json::as_str).unwrap_or_default();
    update.name = out.intern(text(item, "model_id"));
    update.model =
        out.intern(Some(said("modelId")).filter(|id| !id.is_empty()).unwrap_or(text(item, "model_id")));
    update.provider = out.intern(text(item, "provider"));
    if let Some(run) = &run {
        update.agent = run.update.agent;
    }
    let usage = inner(item, "usage");
    update.usage = Counters::from_json(&usage).normalise(Convention::Unknown, text(item, "provider"));
    update.response = response_key(said("id"), update.usage.as_ref());

    let error = text(item, "error");
    let finish = output.get("finishReason");
    let finish = finish.and_then(|finish| finish.get("unified")).or(finish).and_then(Json::as_str);
    let status = match error {
        "Request aborted" => Status::Cancelled,
        "" if finish == Some("error") => Status::Error,
        "" if lasted.is_some() => Status::Ok,
        "" => Status::Running,
        _ => Status::Error,
    };
    update.status = Some(status);
    if status == Status::Error {
        let message = if error.is_empty() { "finish reason: error" } else { error };
        update.error = out.intern(&error_line(message));
    }
    if let Some(run) = run {
        run.open += usize::from(status == Status::Running);
        run.end = run.end.max(end);
        let number = item.get("step_number").and_then(Json::as_u64).unwrap_or(u64::MAX);
        if number >= run.last.0 {
            run.last = (number, Some(status));
        }
        if run.model.is_empty() {
            text(item, "model_id").clone_into(&mut run.model);
        }
    }
    let answered = response.get("timestamp").and_then(time).filter(|answered| Some(*answered) >= start);
    let only = tools(&output, &update, answered.or(start), out);
    out.push(update);
    only.map(|tool| (id, tool))
}

/// The calls of tools in an answer, and what came of them where it says so. Gives the call if it is the only one.
fn tools(output: &Json, step: &SpanUpdate, answered: Option<UnixNanos>, out: &mut Batch) -> Option<Id> {
    let list = |name: &str| output.get(name).and_then(Json::as_array).into_iter().flatten();
    let parts = || list("content").chain(list("toolCalls")).filter_map(Json::as_object);
    let mut outcomes: FxHashMap<&str, (Status, &Map<String, Json>)> = FxHashMap::default();
    for part in parts().take(MAX_CALLS) {
        let status = match text(part, "type") {
            "tool-result" => Status::Ok,
            "tool-error" => Status::Error,
            _ => continue,
        };
        outcomes.insert(text(part, "toolCallId"), (status, part));
    }
    let mut calls = Vec::new();
    for part in parts().filter(|part| text(part, "type") == "tool-call").take(MAX_CALLS) {
        let call = text(part, "toolCallId");
        let bits = step.span.bits().to_be_bytes();
        let id = Id::synthetic(&[b"devtools tool", &step.trace.bits().to_be_bytes(), &bits, call.as_bytes()]);
        let mut update = SpanUpdate::new(step.trace, id, step.stamp);
        update.payload = step.payload;
        update.parent = Parent::Span(step.span);
        update.kind = Some(SpanKind::Tool);
        update.span_type = out.intern("tool-call");
        update.name = out.intern(text(part, "toolName"));
        (update.tool, update.agent) = (update.name, step.agent);
        let outcome = outcomes.get(call);
        update.status = Some(outcome.map_or(Status::Unknown, |(status, _)| *status));
        // Without its outcome the call was only asked for here.
        let end = step.end.map(|end| end.at);
        update.start = if outcome.is_some() { answered } else { end.or(answered) }.map(Timed::inferred);
        update.end = end.map(Timed::inferred);
        if let Some((Status::Error, part)) = outcome {
            let error = part.get("error");
            let message = error.and_then(|error| error.get("message")).or(error).and_then(Json::as_str);
            update.error = out.intern(&error_line(message.unwrap_or("the tool failed")));
        }
        out.push(update);
        calls.push(id);
    }
    <[Id; 1]>::try_from(calls).ok().map(|[call]| call)
}

fn detail(bytes: &[u8]) -> SpanDetail {
    let line = LineText::new(bytes);
    let record: Json = serde_json::from_str(&line.text).unwrap_or_default();
    let mut detail = SpanDetail { raw: line.text.clone().into_owned(), ..SpanDetail::default() };
    let Some(item) = record.as_object() else { return detail };
    let (input, output) = (inner(item, "input"), inner(item, "output"));
    let shown = |value: &Json| (!value.is_null()).then(|| value.to_string());
    (detail.input, detail.output) = (shown(&input), shown(&output));
    detail.error = Some(text(item, "error").to_owned()).filter(|error| !error.is_empty());
    let mut chat = Chat::default();
    chat.value(input.get("prompt").or_else(|| input.get("messages")).unwrap_or(&Json::Null), true);
    chat.answer();
    // A stream is kept by what it was made of, an object as its text, everything else as parts.
    for name in ["reasoningParts", "textParts", "objectText", "content", "toolCalls"] {
        chat.value(output.get(name).unwrap_or(&Json::Null), true);
    }
    detail.messages = chat.finish();
    let mut attributes = Vec::new();
    let rest = item
        .iter()
        .filter(|(name, value)| !value.is_null() && !matches!(&***name, "input" | "output" | "error"));
    for (name, value) in rest {
        let opened = match &**name {
            "usage" | "provider_options" => Json::Object(Map::from_iter([(name.clone(), inner(item, name))])),
            _ => Json::Object(Map::from_iter([(name.clone(), value.clone())])),
        };
        flatten(&opened, &mut attributes);
    }
    let settings = input
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !matches!(&***name, "prompt" | "messages"));
    let settings: Map<_, _> =
        settings.map(|(name, value)| (format!("settings.{name}"), value.clone())).collect();
    flatten(&Json::Object(settings), &mut attributes);
    detail.attributes = attributes.into_iter().map(|(name, value)| (name, value.to_string())).collect();
    detail
}

#[cfg(test)]
mod tests;
