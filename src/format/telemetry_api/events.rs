//! Events that the launcher's own service keeps beside its runs: the lines of its event log, a row each.
//!
//! A row is decoded as the line that it is, after those before it that say where it belongs: its work item, its worker,
//! the run that workers don't know. They come with the row, so that rows may be read in any order. A call is one span
//! with its row of `runs`, by the span id that both have; the run itself is its row of `runs`, where there is one.

use serde_json::{Map, Value as Json};

use super::{ABOUT, NAME};
use crate::format::llm_events;
use crate::format::rows::{DetailRow, Row, Shape};
use crate::format::{Cell, Line, Lookup, RowPlace, TableFormat};
use crate::model::{
    Batch, Id, Marks, Parent, PayloadRef, SpanDetail, SpanKind, SpanUpdate, Stamp, Status, Timed, UnixNanos,
};

/// Events of the launcher's own service.
pub(in crate::format) static EVENTS: TableFormat =
    TableFormat { name: NAME, about: ABOUT, plan: |schema| EVENT.plan(schema), decode, detail };

/// The run that an event belongs to: workers write ids of their own, and then it is that of the event before.
macro_rules! launch {
    () => {
        "(CASE WHEN s.parent_span_id <> '' THEN s.run_id ELSE coalesce( \
         (SELECT r.run_id FROM main.runs AS r WHERE r.run_id = s.run_id LIMIT 1), \
         (SELECT o.run_id FROM main.events AS o WHERE o.id BETWEEN s.id - 500 AND s.id - 1 \
         AND o.parent_span_id <> '' ORDER BY o.id DESC LIMIT 1), s.run_id) END)"
    };
}

static EVENT: Shape = Shape {
    table: "events",
    required: &["id", "event_id", "run_id", "ts", "type", "payload", "span_id", "parent_span_id"],
    index: &["event_id", "run_id", "ts", "type", "payload", "span_id", "parent_span_id"],
    lookups: &[
        Lookup { name: "launch", sql: launch!() },
        Lookup {
            name: "run_event",
            sql: concat!(
                "(SELECT r.event_id FROM main.runs AS r WHERE r.run_id = ",
                launch!(),
                " ORDER BY r.rowid LIMIT 1)"
            ),
        },
        Lookup {
            name: "root",
            sql: concat!(
                "(WITH RECURSIVE up(run, parent, depth) AS (SELECT r.run_id, nullif(r.parent_run_id, ''), 0 \
                 FROM main.runs AS r WHERE r.run_id = ",
                launch!(),
                " UNION ALL SELECT p.run_id, nullif(p.parent_run_id, ''), up.depth + 1 FROM up JOIN main.runs AS p \
                 ON p.run_id = up.parent OR p.event_id = up.parent WHERE up.parent IS NOT NULL AND up.depth < 8) \
                 SELECT coalesce(parent, run) FROM up ORDER BY depth DESC LIMIT 1)"
            ),
        },
        Lookup {
            name: "began",
            sql: concat!(
                "(SELECT o.ts FROM main.events AS o WHERE o.run_id = ",
                launch!(),
                " ORDER BY o.id LIMIT 1)"
            ),
        },
        Lookup { name: "before", sql: BEFORE },
    ],
    detail_lookups: &[],
};

/// What is to be known of the events before, the latest first.
const BEFORE: &str = "(SELECT json_group_array(json_object('type', o.type, 'ts', o.ts, 'run_id', o.run_id, \
    'span_id', o.span_id, 'parent_span_id', o.parent_span_id, 'payload', json_object( \
    'work_item_id', json_extract(o.payload, '$.work_item_id'), 'worker', json_extract(o.payload, '$.worker'), \
    'step', json_extract(o.payload, '$.step'), 'gate_name', json_extract(o.payload, '$.gate_name'), \
    'call_id', json_extract(o.payload, '$.call_id')))) FROM (SELECT * FROM main.events AS e \
    WHERE e.id BETWEEN s.id - 500 AND s.id - 1 AND (e.type IN ('RUN_CREATED', 'RUN_STATE_CHANGED') \
    OR e.type LIKE 'WORK_ITEM_%' OR e.span_id = s.span_id OR (s.type LIKE 'LLM_CALL_%' AND e.type = 'LLM_CALL_STARTED')) \
    AND json_valid(e.payload) ORDER BY e.id DESC LIMIT 200) AS o)";

fn decode(place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let row: Row<'_, '_> = EVENT.row(place, cells);
    let Some(trace) = ["root", "launch", "run_id"].iter().find_map(|name| row.id(name, out)) else { return };
    let launch = row.text("launch").or_else(|| row.text("run_id")).unwrap_or_default();
    let run = row.id("run_event", out);
    let root = run.unwrap_or_else(|| Id::synthetic(&[b"run of events", launch.as_bytes()]));
    let from = out.updates.len();
    let mut events = llm_events::within(trace, root);

    // What came before is told by its own rows.
    let problems = std::mem::take(&mut out.problems);
    let before: Json =
        row.text("before").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    for event in before.as_array().into_iter().flatten().rev() {
        let text = event.to_string();
        let at = PayloadRef { segment: place.at.segment, pos: 0, len: 0 };
        events.decode(&Line { bytes: text.as_bytes(), at, stamp: Stamp(0), arrived: UnixNanos(0) }, out);
    }
    out.updates.truncate(from);
    out.problems = problems;

    let own = line(|name| row.text(name).unwrap_or_default());
    let arrived = UnixNanos(0);
    events.decode(&Line { bytes: own.as_bytes(), at: place.at, stamp: place.stamp, arrived }, out);
    let mut kept = from;
    for at in from..out.updates.len() {
        let Some(mut update) = out.updates.get(at).copied() else { continue };
        if update.span == root && run.is_some() {
            continue;
        }
        // What goes on is ended by another row.
        update.marks = update.marks.with(Marks::INSERT_ONLY);
        if let Some(slot) = out.updates.get_mut(kept) {
            *slot = update;
        }
        kept += 1;
    }
    out.updates.truncate(kept);
    if run.is_none() && kept > from {
        let whole = unposted(&row, trace, root, launch, out);
        out.updates.insert(from, whole);
    }
}

/// A run that was never posted.
fn unposted(row: &Row<'_, '_>, trace: Id, root: Id, launch: &str, out: &mut Batch) -> SpanUpdate {
    let mut whole = SpanUpdate::new(trace, root, row.place.stamp);
    whole.parent = Parent::Root;
    whole.kind = Some(SpanKind::Workflow);
    whole.status = Some(Status::Running);
    whole.start = row.text("began").and_then(UnixNanos::parse).map(Timed::inferred);
    whole.name = out.intern(launch);
    whole.workflow = whole.name;
    whole.span_type = out.intern("RUN");
    whole.marks = Marks::INSERT_ONLY;
    whole
}

/// The event as a line of its log.
fn line<'r>(text: impl Fn(&str) -> &'r str) -> String {
    let mut line: Map<String, Json> = EVENT
        .index
        .iter()
        .filter(|name| !text(name).is_empty())
        .map(|name| ((*name).to_owned(), text(name).into()))
        .collect();
    if let Ok(payload @ Json::Object(_)) = serde_json::from_str(text("payload")) {
        line.insert("payload".to_owned(), payload);
    }
    Json::Object(line).to_string()
}

fn detail(row: &[(String, Cell<'_>)]) -> SpanDetail {
    let row = DetailRow(row);
    let mut detail = llm_events::detail_of(line(|name| row.text(name).unwrap_or_default()).as_bytes());
    detail.raw = row.raw();
    detail
}
