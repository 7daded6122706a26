//! Runs of agents and jobs as a local telemetry service keeps them: tables `agent_runs` and `runs`, the latter with the
//! `events` of the runs, the outbox of requests that it has not answered yet, and the client's own audit lines.
//!
//! A run is a span. It names its parent by the parent's run id or by its event id; the topmost run of the chain, or
//! the topmost name where its run was never posted, is the trace. A row is inserted when a run starts and updated when
//! it ends. Calls of models are runs of the job type `llm_call`.

mod events;
mod lines;
mod run;

use serde_json::{Map, Value as Json};

use super::rows::{DetailRow, Row, Shape};
use super::{Cell, Lookup, RowPlace, TableFormat};
use crate::model::{Batch, Parent, Reason, SpanDetail, SpanUpdate, Stamp};

pub(super) use events::EVENTS;
pub(super) use lines::LINES;

const NAME: &str = "telemetry-api";
const ABOUT: &str =
    "runs of a local telemetry service: tables agent_runs, runs and events, its outbox and audit lines";

/// Runs of the service.
pub(super) static AGENT_RUNS: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| SERVICE.plan(schema),
    decode: |place, cells, out| decode(&SERVICE, place, cells, out),
    detail,
};

/// Runs of the service before they had event ids.
pub(super) static EARLY_RUNS: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| EARLY.plan(schema),
    decode: |place, cells, out| decode(&EARLY, place, cells, out),
    detail,
};

/// Runs of the launcher's own service.
pub(super) static RUNS: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| LAUNCHER.plan(schema),
    decode: |place, cells, out| decode(&LAUNCHER, place, cells, out),
    detail,
};

const COLUMNS: &[&str] = &[
    "event_id",
    "run_id",
    "parent_run_id",
    "agent_name",
    "job_type",
    "status",
    "start_time",
    "end_time",
    "duration_ms",
    "error_summary",
    "metrics_json",
    "context_json",
    "updated_at",
    "product",
];
const REQUIRED: &[&str] = &["event_id", "run_id", "agent_name", "job_type", "start_time", "status"];

/// The SQL of the run that a name stands for: event ids are indexed, run ids need not be, so that the rows nearby are
/// looked at.
macro_rules! named {
    ($table:literal, "run_id", $name:literal) => {
        concat!("coalesce(", nearby!($table, $name), ")")
    };
    ($table:literal, "event_id", $name:literal) => {
        concat!(
            "coalesce((SELECT e.rowid FROM main.",
            $table,
            " AS e WHERE e.event_id = ",
            $name,
            "), ",
            nearby!($table, $name),
            ")"
        )
    };
}

macro_rules! nearby {
    ($table:literal, $name:literal) => {
        concat!(
            "(SELECT r.rowid FROM main.",
            $table,
            " AS r WHERE r.run_id = ",
            $name,
            " AND r.rowid BETWEEN s.rowid - 1000 AND s.rowid - 1 ORDER BY r.rowid DESC LIMIT 1), (SELECT r.rowid FROM main.",
            $table,
            " AS r WHERE r.run_id = ",
            $name,
            " AND r.rowid BETWEEN s.rowid + 1 AND s.rowid + 100 ORDER BY r.rowid LIMIT 1)"
        )
    };
}

macro_rules! lookups {
    ($table:literal, $key:tt) => {
        &[
            Lookup {
                name: "parent_event",
                sql: concat!(
                    "(SELECT p.",
                    $key,
                    " FROM main.",
                    $table,
                    " AS p WHERE s.parent_run_id <> '' AND p.rowid = ",
                    named!($table, $key, "s.parent_run_id"),
                    ")"
                ),
            },
            Lookup {
                name: "root",
                sql: concat!(
                    "(WITH RECURSIVE up(run, parent, depth) AS (SELECT s.run_id, nullif(s.parent_run_id, ''), 0 UNION ALL \
                     SELECT p.run_id, nullif(p.parent_run_id, ''), up.depth + 1 FROM up JOIN main.",
                    $table,
                    " AS p ON p.rowid = ",
                    named!($table, $key, "up.parent"),
                    " WHERE up.parent IS NOT NULL AND up.depth < 8) \
                     SELECT coalesce(parent, run) FROM up ORDER BY depth DESC LIMIT 1)"
                ),
            },
        ]
    };
}

static SERVICE: Shape = Shape {
    table: "agent_runs",
    required: REQUIRED,
    index: COLUMNS,
    lookups: lookups!("agent_runs", "event_id"),
    detail_lookups: &[],
};

static EARLY: Shape = Shape {
    table: "agent_runs",
    required: &["run_id", "agent_name", "start_time", "status"],
    index: COLUMNS,
    lookups: lookups!("agent_runs", "run_id"),
    detail_lookups: &[],
};

static LAUNCHER: Shape = Shape {
    table: "runs",
    required: REQUIRED,
    index: COLUMNS,
    lookups: lookups!("runs", "event_id"),
    detail_lookups: &[],
};

fn decode(shape: &Shape, place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let row: Row<'_, '_> = shape.row(place, cells);
    let Some(span) = row.id("event_id", out).or_else(|| row.id("run_id", out)) else {
        out.problem(Reason::MissingId, Some(place.at), "row without an event_id or run_id");
        return;
    };
    let trace = row.id("root", out).or_else(|| row.id("run_id", out)).unwrap_or(span);
    let fields: Map<String, Json> = COLUMNS.iter().filter_map(|name| member(&row, name)).collect();
    let mut update = row.span(trace, span);
    update.parent = row.id("parent_event", out).map_or(Parent::Root, Parent::Span);
    run::tell(&fields, &mut update, place.at, out);
    if std::ptr::eq(shape, &raw const LAUNCHER) {
        call(&row, &mut update, out);
    }
    out.push(update);
}

/// The row of a call is one with the events of that call, which know its place better.
fn call(row: &Row<'_, '_>, update: &mut SpanUpdate, out: &mut Batch) {
    let context = row.text("context_json").filter(|_| row.text("job_type") == Some("llm_call"));
    let context: Json = context.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let said = |name: &str| context.get(name).and_then(Json::as_str).unwrap_or_default();
    let Some(span) = out.id(said("span_id")) else { return };
    update.span = span;
    // Where the run that it names was never posted: it may be named by an event id, but its own run id begins with
    // that of its run.
    if update.parent == Parent::Root
        && let Some((launch, _)) = row.text("run_id").and_then(|run| run.rsplit_once("-llm-"))
        && let Some(trace) = out.id(launch)
    {
        update.trace = trace;
    }
    if !said("call_id").is_empty() {
        update.name = out.intern(said("call_id"));
    }
    let mut guess = SpanUpdate::new(update.trace, span, Stamp(0));
    (guess.parent, guess.end) = (update.parent, update.end);
    update.parent = Parent::Unsaid;
    out.push(guess);
}

fn member(row: &Row<'_, '_>, name: &str) -> Option<(String, Json)> {
    let value = match row.cell(name) {
        Cell::Integer(number) => number.into(),
        Cell::Real(number) => number.into(),
        _ => row.text(name)?.into(),
    };
    Some((name.to_owned(), value))
}

fn detail(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let row = DetailRow(row);
    let mut fields: Map<String, Json> = row.others(&["parent_event", "root"]).into_iter().collect();
    // What was never counted says nothing.
    fields.retain(|name, value| !(name.starts_with("items_") && value.as_i64() == Some(0)));
    let mut detail = run::detail(&fields);
    detail.raw = row.raw();
    detail
}

#[cfg(test)]
mod tests;
