//! What the fields of a run say, whoever carries them.

use serde_json::{Map, Value as Json};

use crate::format::plain::{error_line, flatten, time};
use crate::format::usage::{Convention, Counters};
use crate::model::{
    Batch, NANOS_PER_MS, NanoUsd, Parent, PayloadRef, Reason, SpanDetail, SpanKind, SpanUpdate, Status,
    Timed, UnixNanos,
};

/// Fields that are shown as something else than attributes.
const TOLD: [&str; 8] = [
    "event_id",
    "start_time",
    "end_time",
    "status",
    "error_summary",
    "error_details",
    "input_summary",
    "output_summary",
];

fn text<'f>(fields: &'f Map<String, Json>, name: &str) -> Option<&'f str> {
    fields.get(name).and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// An object that may be kept as text. `Err` when it is text that is no JSON.
fn object(fields: &Map<String, Json>, name: &str) -> Result<Option<Json>, ()> {
    match fields.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Json::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| ()),
        Some(value) => Ok(Some(value.clone())),
    }
}

/// Says all of it in an update whose ids and parent are set. Absent fields say nothing.
pub(super) fn tell(fields: &Map<String, Json>, update: &mut SpanUpdate, at: PayloadRef, out: &mut Batch) {
    let job = text(fields, "job_type");
    let is_root = update.parent == Parent::Root;
    let kind = job.map(|job| kind_of(job, is_root));
    update.kind = kind;
    if let Some(job) = job {
        update.span_type = out.intern(job);
    }
    let mut json = |name: &str| {
        object(fields, name).unwrap_or_else(|()| {
            out.problem(Reason::BadType, Some(at), &format!("{name} is no JSON"));
            None
        })
    };
    let (metrics, context) = (json("metrics_json"), json("context_json"));
    names(fields, kind, context.as_ref(), update, out);
    times(fields, update, at, out);

    if let Some(word) = text(fields, "status") {
        update.status = Some(Status::from_source_word(word));
    }
    let failed = update.status.is_some_and(|status| matches!(status, Status::Error | Status::Timeout));
    if let Some(error) = text(fields, "error_summary").or_else(|| text(fields, "error_details")) {
        update.error = out.intern(&error_line(error));
    } else if failed {
        update.error = out.intern(text(fields, "status").unwrap_or("error"));
    }
    let Some(metrics) = metrics else { return };
    update.usage = Counters::from_json(&metrics).normalise(Convention::Unknown, "");
    // Zero for a call that used tokens is what a price table says that does not know the model.
    let cost = metrics.get("api_cost_usd").and_then(Json::as_f64);
    let used = update.usage.is_some_and(|usage| usage.total() > 0);
    update.cost = cost.filter(|cost| *cost > 0.0 || !used).and_then(NanoUsd::from_usd);
}

fn names(
    fields: &Map<String, Json>,
    kind: Option<SpanKind>,
    context: Option<&Json>,
    update: &mut SpanUpdate,
    out: &mut Batch,
) {
    let said = |name: &str| context.and_then(|context| context.get(name)).and_then(Json::as_str);
    if let Some(agent) = text(fields, "agent_name") {
        update.name = out.intern(agent);
        let last = agent.rsplit('.').next().unwrap_or(agent);
        match kind {
            Some(SpanKind::Workflow) => update.workflow = update.name,
            Some(SpanKind::Step) => update.step = out.intern(said("node").unwrap_or(last)),
            Some(SpanKind::Agent) => update.agent = update.name,
            _ => {}
        }
    }
    if let Some(model) = said("model") {
        update.model = out.intern(model);
    }
    if let Some(provider) = said("provider") {
        update.provider = out.intern(provider);
    }
    if let Some(product) = text(fields, "product") {
        update.service = out.intern(product);
    }
}

fn times(fields: &Map<String, Json>, update: &mut SpanUpdate, at: PayloadRef, out: &mut Batch) {
    let mut read = |name: &str| -> Option<UnixNanos> {
        let value = fields.get(name).filter(|value| !value.is_null())?;
        let read = time(value);
        if read.is_none() && value.as_str() != Some("") {
            let shown: String = value.to_string().chars().take(60).collect();
            out.problem(Reason::BadTime, Some(at), &format!("{name}: {shown}"));
        }
        read
    };
    let (start, mut end) = (read("start_time"), read("end_time"));
    update.written_at = read("updated_at");
    if let (Some(from), Some(to)) = (start, end)
        && to < from
    {
        out.problem(Reason::NegativeDuration, Some(at), "end_time before start_time");
        end = start;
    }
    update.start = start.map(Timed::written);
    update.end = end.map(Timed::written);
    // Zero stands there while a run goes on.
    let took = fields.get("duration_ms").and_then(Json::as_i64).filter(|ms| *ms > 0);
    if let (None, Some(start), Some(ms)) = (end, start, took) {
        update.end = Some(Timed::inferred(start.plus(ms.saturating_mul(NANOS_PER_MS))));
    }
}

fn kind_of(job: &str, is_root: bool) -> SpanKind {
    match job {
        "llm_call" => SpanKind::Llm,
        "launch" => SpanKind::Workflow,
        "orchestrator_node" => SpanKind::Step,
        "gate" => SpanKind::Validation,
        "tool_call" => SpanKind::Tool,
        "worker" => SpanKind::Agent,
        _ if is_root => SpanKind::Agent,
        _ => SpanKind::Other,
    }
}

/// A run for reading.
pub(super) fn detail(fields: &Map<String, Json>) -> SpanDetail {
    let mut detail = SpanDetail {
        input: text(fields, "input_summary").map(str::to_owned),
        output: text(fields, "output_summary").map(str::to_owned),
        error: text(fields, "error_details").or_else(|| text(fields, "error_summary")).map(str::to_owned),
        ..SpanDetail::default()
    };
    let mut attributes = Vec::new();
    for (name, value) in fields.iter().filter(|(name, _)| !TOLD.contains(&name.as_str())) {
        match (name.as_str(), object(fields, name)) {
            ("metrics_json" | "context_json", Ok(Some(value))) => flatten(&value, &mut attributes),
            _ if value.is_null() => {}
            _ => attributes.push((name.clone(), value.clone())),
        }
    }
    detail.attributes = attributes.into_iter().map(|(name, value)| (name, value.to_string())).collect();
    detail
}
