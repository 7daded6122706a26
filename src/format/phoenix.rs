//! Spans of Arize Phoenix: table `spans` of its `phoenix.db`, attributes nested as `OpenInference` has them.
//!
//! A row is written when its span is over. Its trace's id, its project and the cost that Phoenix works out a little
//! later are in other tables.

use super::genai::{Collector, Context, mapping};
use super::json::Value;
use super::plain::{collect, error_line, events, flatten, standing, tell};
use super::rows::{DetailRow, Row, Shape};
use super::{Cell, Lookup, RowPlace, TableFormat};
use crate::model::{Batch, NanoUsd, Parent, Reason, SpanDetail, Symbol};

/// The span table of Phoenix.
pub(super) static TABLE: TableFormat = TableFormat {
    name: "phoenix",
    about: "Arize Phoenix: table spans of its phoenix.db",
    plan: |schema| SHAPE.plan(schema),
    decode,
    detail,
};

static SHAPE: Shape = Shape {
    table: "spans",
    required: &["trace_rowid", "span_id", "span_kind", "start_time", "attributes"],
    index: &[
        "trace_rowid",
        "span_id",
        "parent_id",
        "name",
        "span_kind",
        "start_time",
        "end_time",
        "status_code",
        "status_message",
        "llm_token_count_prompt",
        "llm_token_count_completion",
        "attributes",
    ],
    lookups: &[
        Lookup {
            name: "trace_id",
            sql: "(SELECT t.trace_id FROM main.traces AS t WHERE t.id = s.trace_rowid)",
        },
        Lookup {
            name: "total_cost",
            sql: "(SELECT c.total_cost FROM main.span_costs AS c WHERE c.span_rowid = s.id LIMIT 1)",
        },
        Lookup {
            name: "project",
            sql: "(SELECT p.name FROM main.traces AS t JOIN main.projects AS p ON p.id = t.project_rowid \
                  WHERE t.id = s.trace_rowid)",
        },
        Lookup {
            name: "session",
            sql: "(SELECT o.session_id FROM main.traces AS t JOIN main.project_sessions AS o \
                  ON o.id = t.project_session_rowid WHERE t.id = s.trace_rowid)",
        },
    ],
    detail_lookups: &[],
};

fn decode(place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let row = SHAPE.row(place, cells);
    let trace = row.id("trace_id", out).or_else(|| row.id("trace_rowid", out));
    let (Some(trace), Some(span)) = (trace, row.id("span_id", out)) else {
        out.problem(Reason::MissingId, Some(place.at), "row without trace or span_id");
        return;
    };
    let mut update = row.span(trace, span);
    update.parent = row.id("parent_id", out).map_or(Parent::Root, Parent::Span);
    let (start, end) = (row.time("start_time", out), row.time("end_time", out));
    row.set_times(&mut update, start, end, out);

    let name = row.text("name").unwrap_or_default();
    let mut collector = Collector::new(mapping());
    let whole = row.text("attributes").is_none_or(|text| collect(text, &mut collector));
    if !whole {
        out.problem(Reason::BadType, Some(place.at), "attributes are no JSON object");
    }
    // Columns repeat what the attributes say; they count where those do not.
    columns(&row, &mut collector);
    let context = Context { name, is_root: update.parent == Parent::Root, start, ..Context::default() };
    collector.tell(&context, &mut update, &mut out.strings);
    update.name = out.intern(name);
    update.span_type = row.symbol("span_kind", out);
    update.service = row.symbol("project", out);
    if update.session.is_none() {
        update.session = row.symbol("session", out);
    }
    // What the sender says it cost goes before what Phoenix works out.
    update.cost = update.cost.or_else(|| row.number("total_cost").and_then(NanoUsd::from_usd));

    let failed = row.text("status_code").is_some_and(|code| code.eq_ignore_ascii_case("ERROR"));
    update.status = Some(standing(failed, &collector, update.end.is_some()));
    if failed {
        let message = row.text("status_message").map(str::to_owned).or_else(|| collector.error());
        update.error = out.intern(&error_line(&message.unwrap_or_default()));
    } else {
        update.error = Symbol::NONE;
    }
    out.push(update);
}

fn columns<'a>(row: &Row<'_, 'a>, collector: &mut Collector<'_, 'a>) {
    for (column, attribute) in [
        ("llm_token_count_prompt", "llm.token_count.prompt"),
        ("llm_token_count_completion", "llm.token_count.completion"),
    ] {
        if let Some(count) = row.count(column) {
            collector.add(attribute, &Value::Unsigned(count));
        }
    }
    if let Some(kind) = row.text("span_kind") {
        collector.add("openinference.span.kind", &Value::Text(kind.into()));
    }
}

fn detail(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let row = DetailRow(row);
    let mut attributes = Vec::new();
    if let Some(value) = row.json("attributes") {
        flatten(&value, &mut attributes);
    }
    attributes.extend(row.attributes(&["total_cost", "project"]));
    let name = row.text("name").unwrap_or_default();
    let mut detail = tell(name, attributes, events(row.json("events").as_ref()));
    if detail.error.is_none() {
        detail.error = row.text("status_message").map(str::to_owned);
    }
    detail.raw = row.raw();
    detail
}
