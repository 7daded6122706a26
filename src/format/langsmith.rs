//! Runs of `LangSmith`: one on a line, as its client posts them and as exports have them, or several in a batch
//! (`{"post":[…],"patch":[…]}`), or requests with these in their bodies.
//!
//! A run is posted when it starts and patched when it ends; what a patch does not say stays. A patch names its trace by
//! `trace_id` or by the first part of its `dotted_order`.

mod requests;

use serde_json::{Map, Value as Json};

use super::chat;
use super::genai::mapping;
use super::json::LineText;
use super::lines::{each_object_in, each_part};
use super::plain::{error_line, events, flatten, time};
use super::usage::{Convention, Counters};
use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, Id, NanoUsd, Parent, Reason, SpanDetail, SpanKind, SpanUpdate, Status, Symbol, Timed,
};

/// Lines of runs.
pub(super) static LINES: LineFormat = LineFormat {
    name: "langsmith",
    about: "LangSmith runs: id, trace_id or dotted_order, run_type, start_time; one a line, batches of post and patch, requests of the client",
    sniff,
    decoder: |_: &Stream| Box::new(Runs),
    detail,
    independent_lines: true,
};

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut known, mut records) = (0usize, 0usize);
    for line in sample.lines() {
        let text = LineText::new(line);
        // A request may be longer than what is looked at.
        if requests::has_parts(&text.text) {
            (known, records) = (known + 1, records + 1);
            continue;
        }
        let Ok(record) = serde_json::from_str::<Json>(&text.text) else { continue };
        records += 1;
        let mut any = false;
        let is_known =
            |run: &Map<String, Json>| run.contains_key("run_type") || run.contains_key("dotted_order");
        each_run(&record, &mut |run| any |= is_known(run));
        if !any && as_run(&record).is_none() {
            requests::each_run(&text.text, &mut |run, _| any |= is_known(run));
        }
        known += usize::from(any);
    }
    if known == 0 {
        return (0, "no runs with run_type and trace_id".to_owned());
    }
    ((44 + 50 * known / records.max(1)) as u8, format!("{known} of {records} records are LangSmith runs"))
}

/// Members of a batch that are lists of runs.
const LISTS: [&str; 3] = ["post", "patch", "runs"];

fn as_run(value: &Json) -> Option<&Map<String, Json>> {
    let is_run = |run: &&Map<String, Json>| {
        run.contains_key("id") && (run.contains_key("trace_id") || run.contains_key("dotted_order"))
    };
    value.as_object().filter(is_run)
}

/// The runs of a record: itself, or those of a batch.
fn each_run<'j>(record: &'j Json, each: &mut dyn FnMut(&'j Map<String, Json>)) {
    if let Some(run) = as_run(record) {
        each(run);
        return;
    }
    for list in LISTS {
        let runs = record.get(list).and_then(Json::as_array).into_iter().flatten();
        runs.filter_map(as_run).for_each(&mut *each);
    }
}

struct Runs;

impl LineDecoder for Runs {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object_in(line, out, |reader, text, out| {
            each_part(reader, text, line, &LISTS, &mut |raw, part| {
                let record: Json = serde_json::from_str(raw).unwrap_or_default();
                match as_run(&record) {
                    Some(run) => {
                        let update = update(run, part, out);
                        out.updates.extend(update);
                    }
                    None => request(raw, part, text.repaired, out),
                }
            })
        });
    }
}

/// The runs of a request, each with its own part of the line.
fn request(raw: &str, line: &Line<'_>, repaired: bool, out: &mut Batch) {
    let mut any = false;
    requests::each_run(raw, &mut |run, at| {
        any = true;
        let mut part = *line;
        part.stamp.0 = part.stamp.0.saturating_add(at.start as u64);
        // Where bytes were replaced, offsets are not the file's.
        if !repaired {
            part.at.pos = part.at.pos.saturating_add(at.start as u64);
            part.at.len = u32::try_from(at.len()).unwrap_or(u32::MAX);
        }
        let update = update(run, &part, out);
        out.updates.extend(update);
    });
    if !any {
        out.problem(Reason::NotASpan, Some(line.at), &raw.chars().take(80).collect::<String>());
    }
}

fn text<'s>(run: &'s Map<String, Json>, name: &str) -> &'s str {
    run.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// The ids in a `dotted_order`: `20250901T080000000000Z<uuid>.20250901T080001000000Z<uuid>`, outermost first.
fn dotted(order: &str) -> impl DoubleEndedIterator<Item = &str> {
    order.split('.').filter_map(|part| part.split_once('Z').map(|(_, id)| id))
}

fn update(run: &Map<String, Json>, line: &Line<'_>, out: &mut Batch) -> Option<SpanUpdate> {
    let order = text(run, "dotted_order");
    let trace = out.id(text(run, "trace_id")).or_else(|| out.id(dotted(order).next().unwrap_or_default()));
    let (Some(trace), Some(id)) = (trace, out.id(text(run, "id"))) else {
        out.problem(Reason::MissingId, Some(line.at), "a run without id or trace_id");
        return None;
    };
    let mut update = SpanUpdate::new(trace, id, line.stamp);
    update.payload = Some(line.at);
    update.parent = parent(run, order, trace, id, out);
    let mut read = |name: &str| {
        let value = run.get(name).filter(|value| !value.is_null())?;
        let at = time(value);
        if at.is_none() {
            let shown: String = format!("{name}: {value}").chars().take(80).collect();
            out.problem(Reason::BadTime, Some(line.at), &shown);
        }
        at
    };
    let (start, end) = (read("start_time"), read("end_time"));
    update.first_token = read("first_token_time");
    let end = end.map(|end| start.map_or(end, |start| end.max(start)));
    (update.start, update.end) = (start.map(Timed::written), end.map(Timed::written));

    let empty = Json::Null;
    let metadata = run.get("extra").and_then(|extra| extra.get("metadata")).unwrap_or(&empty);
    let named = |names: &[&str]| names.iter().find_map(|name| metadata.get(*name)?.as_str());
    update.session = symbol(named(&["session_id", "thread_id", "conversation_id"]), out);
    update.user = symbol(named(&["user_id", "user"]), out);
    update.service = symbol(Some(text(run, "session_name")), out);
    update.name = symbol(Some(text(run, "name")), out);
    if let Some(word) = run.get("run_type").and_then(Json::as_str) {
        update.span_type = out.intern(word);
        let kind = kind_of(word, update.parent == Parent::Root);
        update.kind = Some(kind);
        let node = named(&["langgraph_node"]);
        match kind {
            SpanKind::Workflow => update.workflow = update.name,
            SpanKind::Step => update.step = symbol(node.or(Some(text(run, "name"))), out),
            SpanKind::Tool => update.tool = update.name,
            _ => update.step = symbol(node, out),
        }
    }
    update.model = symbol(named(&["ls_model_name"]).or_else(|| model_of(run)), out);
    update.provider = symbol(named(&["ls_provider"]), out);
    let provider = named(&["ls_provider"]).unwrap_or_default();
    if text(run, "run_type") != "chain" {
        update.usage =
            usage(run, metadata).and_then(|counters| counters.normalise(Convention::Unknown, provider));
        update.cost = run.get("total_cost").and_then(number).and_then(NanoUsd::from_usd);
    }
    standing(run, &mut update, out);
    Some(update)
}

fn parent(run: &Map<String, Json>, order: &str, trace: Id, id: Id, out: &mut Batch) -> Parent {
    match run.get("parent_run_id") {
        Some(Json::String(parent)) => out.id(parent).map_or(Parent::Root, Parent::Span),
        _ if trace == id => Parent::Root,
        _ => {
            let above = dotted(order).nth_back(1).and_then(|above| out.id(above));
            above.map_or(Parent::Unsaid, Parent::Span)
        }
    }
}

fn standing(run: &Map<String, Json>, update: &mut SpanUpdate, out: &mut Batch) {
    let error = text(run, "error").trim();
    let said = run.get("status").and_then(Json::as_str).map(Status::from_source_word);
    let waits = mapping().events.suspended.iter().any(|word| error.contains(&**word));
    update.status = match said {
        _ if waits => Some(Status::Suspended),
        _ if !error.is_empty() => Some(Status::Error),
        _ if update.end.is_some() => Some(Status::Ok),
        Some(said) if said != Status::Unknown => Some(said),
        _ => update.start.map(|_| Status::Running),
    };
    if update.status == Some(Status::Error) {
        update.error = out.intern(&error_line(error));
    }
}

fn symbol(text: Option<&str>, out: &mut Batch) -> Symbol {
    text.filter(|text| !text.trim().is_empty()).map_or(Symbol::NONE, |text| out.intern(text))
}

fn number(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn kind_of(word: &str, is_root: bool) -> SpanKind {
    match word {
        "llm" => SpanKind::Llm,
        "tool" => SpanKind::Tool,
        "retriever" => SpanKind::Retrieval,
        "embedding" => SpanKind::Embedding,
        "prompt" | "parser" => SpanKind::Processor,
        "chain" if is_root => SpanKind::Workflow,
        "chain" => SpanKind::Step,
        _ => SpanKind::Other,
    }
}

/// The message of an answer: `outputs.generations[0][0].message.kwargs`.
fn answer(run: &Map<String, Json>) -> Option<&Json> {
    let first = run
        .get("outputs")?
        .pointer("/generations/0/0")
        .or_else(|| run.get("outputs")?.pointer("/generations/0"))?;
    let message = first.get("message")?;
    Some(message.get("kwargs").unwrap_or(message))
}

fn model_of(run: &Map<String, Json>) -> Option<&str> {
    let asked = ["model", "model_name"]
        .iter()
        .find_map(|name| run.get("extra")?.get("invocation_params")?.get(*name)?.as_str());
    let answered =
        answer(run).and_then(|message| message.get("response_metadata")?.get("model_name")?.as_str());
    answered.or(asked)
}

/// Counters, from where the most is said.
fn usage(run: &Map<String, Json>, metadata: &Json) -> Option<Counters> {
    let outputs = run.get("outputs");
    let places = [
        metadata.get("usage_metadata"),
        outputs.and_then(|outputs| outputs.get("usage_metadata")),
        answer(run).and_then(|message| message.get("usage_metadata")),
        outputs.and_then(|outputs| outputs.pointer("/llm_output/token_usage")),
        outputs.and_then(|outputs| outputs.get("usage")),
    ];
    let mut found = places.into_iter().flatten().filter(|place| place.is_object()).map(Counters::from_json);
    found.find(|counters| !counters.is_empty()).or_else(|| {
        // An export has the sums as fields of the run.
        let mut own = Map::new();
        for name in ["prompt_tokens", "completion_tokens", "total_tokens"] {
            let value = run.get(name).filter(|value| value.as_u64().is_some_and(|count| count > 0));
            own.extend(value.map(|value| (name.to_owned(), value.clone())));
        }
        Some(Counters::from_json(&Json::Object(own))).filter(|counters| !counters.is_empty())
    })
}

/// Messages as `LangChain` serializes them (`{"lc":1,"id":[…,"HumanMessage"],"kwargs":{…}}`, lists of lists), as others
/// write them.
fn unwrapped(value: &Json) -> Json {
    unwrapped_below(value, 0)
}

fn unwrapped_below(value: &Json, depth: usize) -> Json {
    match value {
        _ if depth > 16 => Json::Null,
        Json::Array(items) => match items.as_slice() {
            // One list of messages for each prompt of a batch: nearly always one.
            [Json::Array(inner)] => unwrapped_below(&Json::Array(inner.clone()), depth + 1),
            _ => items.iter().map(|item| unwrapped_below(item, depth + 1)).collect(),
        },
        Json::Object(map) => {
            let class =
                map.get("id").and_then(Json::as_array).and_then(|id| id.last()).and_then(Json::as_str);
            let fields = map.get("kwargs").and_then(Json::as_object).unwrap_or(map);
            let word = fields.get("type").and_then(Json::as_str).or(class).unwrap_or_default();
            let role = match word {
                "human" | "HumanMessage" | "HumanMessageChunk" => "user",
                "ai" | "AIMessage" | "AIMessageChunk" => "assistant",
                "system" | "SystemMessage" => "system",
                "tool" | "ToolMessage" => "tool",
                _ => {
                    return map
                        .iter()
                        .map(|(name, value)| (name.clone(), unwrapped_below(value, depth + 1)))
                        .collect();
                }
            };
            let mut message = fields.clone();
            message.remove("type");
            message.insert("role".to_owned(), role.into());
            Json::Object(message)
        }
        other => other.clone(),
    }
}

fn detail(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let record: Json = serde_json::from_str(&text.text).unwrap_or_default();
    let mut detail = SpanDetail { raw: text.text.clone().into_owned(), ..SpanDetail::default() };
    let mut first = None;
    each_run(&record, &mut |run| {
        first.get_or_insert(run);
    });
    let found = if first.is_none() { requests::run_at(&text.text) } else { None };
    let Some(run) = first.or(found.as_ref()) else { return detail };
    let shown = |name: &str| {
        let value = run
            .get(name)
            .filter(|value| !value.is_null() && value.as_object().is_none_or(|map| !map.is_empty()))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    (detail.input, detail.output, detail.error) = (shown("inputs"), shown("outputs"), shown("error"));
    if detail.error.as_deref() == Some("") {
        detail.error = None;
    }
    if matches!(self::text(run, "run_type"), "llm" | "tool" | "") {
        let input = run.get("inputs").map(unwrapped).map(|value| value.to_string());
        let output = answer(run).or_else(|| run.get("outputs")).map(unwrapped).map(|value| value.to_string());
        detail.messages = chat::messages(input.as_deref(), output.as_deref(), true);
    }
    detail.events = events(run.get("events"));
    let mut attributes = Vec::new();
    for name in ["extra", "tags", "session_name", "total_cost", "prompt_cost", "completion_cost"] {
        let Some(value) = run.get(name).filter(|value| !value.is_null()) else { continue };
        if name == "extra" {
            flatten(value, &mut attributes);
        } else {
            attributes.push((name.to_owned(), value.clone()));
        }
    }
    detail.attributes = attributes.into_iter().map(|(name, value)| (name, value.to_string())).collect();
    detail
}

#[cfg(test)]
mod tests;
