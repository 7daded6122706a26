//! Traces in a store of `MLflow` that has no table of spans: version 2 and the first of version 3. A trace is one span
//! here; its spans are in files, see [`traces`](super::traces).

use serde_json::{Map, Value as Json};

use crate::format::genai::{Collector, Context, mapping};
use crate::format::json::Value;
use crate::format::plain::{standing, tell};
use crate::format::rows::{DetailRow, Shape};
use crate::format::{Cell, Lookup, RowPlace, TableFormat};
use crate::model::{Batch, NANOS_PER_MS, Parent, Reason, SpanDetail, SpanKind, Status};

/// The table of traces.
pub(in crate::format) static TABLE: TableFormat =
    TableFormat { name: "mlflow", about: super::ABOUT, plan: |schema| SHAPE.plan(schema), decode, detail };

static SHAPE: Shape = Shape {
    table: "trace_info",
    required: &["request_id", "experiment_id", "timestamp_ms", "execution_time_ms", "status"],
    index: &["request_id", "timestamp_ms", "execution_time_ms", "status"],
    lookups: &[
        Lookup {
            name: "has_spans",
            sql: "(SELECT 1 FROM main.sqlite_master AS m WHERE m.type = 'table' AND m.name = 'spans')",
        },
        Lookup {
            name: "name",
            sql: "(SELECT t.value FROM main.trace_tags AS t \
                  WHERE t.\"key\" = 'mlflow.traceName' AND t.request_id = s.request_id)",
        },
        Lookup {
            name: "session",
            sql: "(SELECT m.value FROM main.trace_request_metadata AS m \
                  WHERE m.\"key\" = 'mlflow.trace.session' AND m.request_id = s.request_id)",
        },
        Lookup {
            name: "user",
            sql: "(SELECT m.value FROM main.trace_request_metadata AS m \
                  WHERE m.\"key\" = 'mlflow.trace.user' AND m.request_id = s.request_id)",
        },
        Lookup {
            name: "usage",
            sql: "(SELECT m.value FROM main.trace_request_metadata AS m \
                  WHERE m.\"key\" = 'mlflow.trace.tokenUsage' AND m.request_id = s.request_id)",
        },
    ],
    detail_lookups: &[
        Lookup {
            name: "metadata",
            sql: "(SELECT json_group_object(m.\"key\", m.value) FROM main.trace_request_metadata AS m \
                  WHERE m.request_id = s.request_id)",
        },
        Lookup {
            name: "tags",
            sql: "(SELECT json_group_object(t.\"key\", t.value) FROM main.trace_tags AS t \
                  WHERE t.request_id = s.request_id)",
        },
    ],
};

fn decode(place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let row = SHAPE.row(place, cells);
    if row.count("has_spans").is_some() {
        return;
    }
    let Some(trace) = row.id("request_id", out) else {
        out.problem(Reason::MissingId, Some(place.at), "row without request_id");
        return;
    };
    let mut update = row.span(trace, trace);
    update.parent = Parent::Root;
    let said = row.text("status").map_or(Status::Unknown, Status::from_source_word);
    let start = row.time("timestamp_ms", out);
    let took = row.count("execution_time_ms").and_then(|ms| i64::try_from(ms).ok());
    let end = start.zip(took).map(|(start, ms)| start.plus(ms.saturating_mul(NANOS_PER_MS)));
    row.set_times(&mut update, start, end.filter(|_| said != Status::Running), out);
    let mut collector = Collector::new(mapping());
    for (column, attribute) in [
        ("session", "mlflow.trace.session"),
        ("user", "mlflow.trace.user"),
        ("usage", "mlflow.chat.tokenUsage"),
    ] {
        if let Some(text) = row.text(column) {
            collector.add(attribute, &Value::Text(text.into()));
        }
    }
    let name = row.text("name").unwrap_or("trace");
    let context = Context { name, is_root: true, start, ..Context::default() };
    collector.tell(&context, &mut update, &mut out.strings);
    update.kind = Some(SpanKind::Workflow);
    update.name = out.intern(name);
    update.status = Some(standing(said == Status::Error, &collector, update.end.is_some()));
    out.push(update);
}

fn detail(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let row = DetailRow(row);
    let mut attributes: Vec<(String, Json)> = Vec::new();
    for column in ["metadata", "tags"] {
        let Some(Json::Object(map)) = row.json(column) else { continue };
        let map: Map<String, Json> = map;
        for (name, value) in map {
            // Named as the root's attributes are.
            let name = match &*name {
                "mlflow.traceInputs" => "mlflow.spanInputs".to_owned(),
                "mlflow.traceOutputs" => "mlflow.spanOutputs".to_owned(),
                _ => name,
            };
            let inner = value.as_str().and_then(|text| serde_json::from_str(text).ok());
            attributes.push((name, inner.unwrap_or(value)));
        }
    }
    let mut detail = tell("", attributes, Vec::new());
    detail.raw = row.raw();
    detail
}
