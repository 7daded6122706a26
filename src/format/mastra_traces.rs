//! Mastra's telemetry before AI tracing: OpenTelemetry spans in table `mastra_traces`, core 0.2 to 0.24.
//!
//! A row is written when its span is over. When a file also has spans of AI tracing (`mastra_ai_spans`), what was
//! written since they began tells the same calls once more and is left out.

use serde_json::Value as Json;

use super::genai::{Collector, Context, mapping};
use super::json::Value;
use super::plain::{collect, error_line, events, flatten, standing, tell};
use super::rows::{DetailRow, Shape};
use super::{Cell, Lookup, RowPlace, TableFormat};
use crate::model::{Batch, Parent, Reason, SpanDetail, UnixNanos};

/// The old span table of Mastra.
pub(super) static TABLE: TableFormat = TableFormat {
    name: "mastra-otel",
    about: "Mastra's older telemetry: table mastra_traces, core 0.2 to 0.24",
    plan: |schema| SHAPE.plan(schema),
    decode,
    detail,
};

static SHAPE: Shape = Shape {
    table: "mastra_traces",
    required: &["id", "name", "traceId", "startTime", "endTime"],
    index: &[
        "id",
        "parentSpanId",
        "name",
        "traceId",
        "startTime",
        "endTime",
        "scope",
        "status",
        "attributes",
    ],
    lookups: &[Lookup {
        name: "newer",
        sql: "(SELECT n.startedAt FROM main.mastra_ai_spans AS n ORDER BY n.rowid LIMIT 1)",
    }],
    detail_lookups: &[],
};

fn decode(place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let row = SHAPE.row(place, cells);
    let (Some(trace), Some(span)) = (row.id("traceId", out), row.id("id", out)) else {
        out.problem(Reason::MissingId, Some(place.at), "row without traceId or id");
        return;
    };
    let (start, end) = (row.time("startTime", out), row.time("endTime", out));
    let newer = row.text("newer").and_then(UnixNanos::parse);
    if let (Some(start), Some(newer)) = (start, newer)
        && start >= newer
    {
        return;
    }
    let mut update = row.span(trace, span);
    update.parent = row.id("parentSpanId", out).map_or(Parent::Root, Parent::Span);
    row.set_times(&mut update, start, end, out);

    let name = row.text("name").unwrap_or_default();
    let mut collector = Collector::new(mapping());
    let attributes = row.text("attributes").unwrap_or("{}");
    if !collect(attributes, &mut collector) {
        out.problem(Reason::BadType, Some(place.at), "attributes are no JSON object");
    }
    let run = own_names(attributes, name, &mut collector);
    let scope: Json = row.text("scope").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let scope = scope.get("name").and_then(Json::as_str).unwrap_or_default();
    let context = Context { scope, name, is_root: update.parent == Parent::Root, start };
    collector.tell(&context, &mut update, &mut out.strings);
    update.name = out.intern(name);
    if let Some((workflow, step)) = step_of(name) {
        (update.workflow, update.step) = (out.intern(workflow), out.intern(step));
    } else if let Some(workflow) = workflow_of(name) {
        update.workflow = out.intern(workflow);
        // What is resumed begins a trace of its own, of the same run.
        update.run = run.filter(|_| context.is_root).and_then(|run| out.id(&run));
    }

    let status: Json =
        row.text("status").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let failed = status.get("code").and_then(Json::as_u64) == Some(2);
    update.status = Some(standing(failed, &collector, update.end.is_some()));
    if failed {
        let message = status.get("message").and_then(Json::as_str).map(str::to_owned);
        update.error = out.intern(&error_line(&message.or_else(|| collector.error()).unwrap_or_default()));
    }
    out.push(update);
}

/// The workflow and the step in `workflow.NAME.step.NAME`.
fn step_of(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("workflow.")?.split_once(".step.")
}

/// The workflow in `workflow.NAME.execute`.
fn workflow_of(name: &str) -> Option<&str> {
    name.strip_prefix("workflow.")?.strip_suffix(".execute")
}

/// The counters of a stream, and the kind that only the name tells. Gives the id of the run of a workflow.
fn own_names(attributes: &str, name: &str, collector: &mut Collector<'_, '_>) -> Option<String> {
    let mut run = None;
    if attributes.contains("stream.usage.") || workflow_of(name).is_some() {
        let attributes: Json = serde_json::from_str(attributes).unwrap_or_default();
        run = attributes.get("runId").and_then(Json::as_str).map(str::to_owned);
        for (own, common) in [
            ("stream.usage.inputTokens", "gen_ai.usage.input_tokens"),
            ("stream.usage.promptTokens", "gen_ai.usage.input_tokens"),
            ("stream.usage.outputTokens", "gen_ai.usage.output_tokens"),
            ("stream.usage.completionTokens", "gen_ai.usage.output_tokens"),
            ("stream.usage.totalTokens", "gen_ai.usage.total_tokens"),
            ("stream.usage.cachedInputTokens", "gen_ai.usage.cache_read.input_tokens"),
            ("stream.usage.reasoningTokens", "gen_ai.usage.reasoning.output_tokens"),
        ] {
            if let Some(count) = attributes.get(own).and_then(Json::as_u64) {
                collector.add(common, &Value::Unsigned(count));
            }
        }
    }
    let kind = match name {
        "mastra.stream.toolCall" => "tool_call",
        "mastra.stream" | "mastra.generate" => "model_generation",
        _ if name.starts_with("agent.") => "agent_run",
        _ if step_of(name).is_some() => "workflow_step",
        _ if workflow_of(name).is_some() => "workflow_run",
        _ => return run,
    };
    collector.add("mastra.span.type", &Value::Text(kind.into()));
    run
}

fn detail(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let row = DetailRow(row);
    let mut attributes = Vec::new();
    if let Some(value) = row.json("attributes") {
        flatten(&value, &mut attributes);
    }
    attributes.extend(row.attributes(&["scope", "links"]));
    let mut detail =
        tell(row.text("name").unwrap_or_default(), attributes, events(row.json("events").as_ref()));
    let status = row.json("status").unwrap_or_default();
    if let Some(message) = status.get("message").and_then(Json::as_str) {
        detail.error.get_or_insert_with(|| message.to_owned());
    }
    detail.raw = row.raw();
    detail
}
