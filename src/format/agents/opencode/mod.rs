//! The database of `OpenCode`, and of Kilo, which is made from it: `~/.local/share/opencode/opencode.db`, tables `session`,
//! `message` and `part`.
//!
//! Rows stand there while things run and are updated in place. A session that nobody started is a trace; one that a tool
//! started is a subagent below that tool. A message knows only its own session, so the one at the top is looked up with
//! each row. A message of the model is one call, and its tools are below it: it lasts until they are done. `session`
//! repeats the sums and `step-finish` parts the counters of their messages; only messages count.

mod detail;
pub(in crate::format) mod files;
mod part;

#[cfg(test)]
mod tests;

use super::names::{error_line, project, short};
use super::{Fields, WEAKEST, lossy_text};
use crate::format::json::Value;
use crate::format::usage::{Convention, Counters};
use crate::format::{Cell, Lookup, RowPlace, TableFormat, TablePlan, TableSchema};
use crate::model::{
    Batch, Id, Marks, NanoUsd, Parent, Reason, SegmentId, SpanKind, SpanUpdate, Stamp, Status, Timed,
    UnixNanos, Usage, response_key,
};

const NAME: &str = "opencode";
const ABOUT: &str = "sessions of OpenCode and Kilo: tables session, message and part of opencode.db, or older files in storage/";

/// Sessions.
pub(in crate::format) static SESSIONS: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| plan(schema, "session", &SESSION, 4, TOP_OF_SESSION),
    decode: session,
    detail: detail::session,
};

/// Turns of the user and calls of the model.
pub(in crate::format) static MESSAGES: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| plan(schema, "message", &MESSAGE, 4, TOP_OF_ROW),
    decode: message,
    detail: detail::message,
};

/// What messages consist of, tool calls among it.
pub(in crate::format) static PARTS: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| plan(schema, "part", &PART, 5, TOP_OF_ROW),
    decode: part::decode,
    detail: detail::part,
};

const SESSION: [&str; 6] = ["id", "title", "directory", "time_created", "parent_id", "agent"];
const MESSAGE: [&str; 4] = ["id", "session_id", "time_created", "data"];
const PART: [&str; 5] = ["id", "session_id", "message_id", "time_created", "data"];

/// The session at the top of those that started one another, from a session upwards. Most have nobody above them, which
/// is one look into the index of ids; a chain in a circle, or an endless one, ends somewhere.
macro_rules! top_of {
    ($session:literal, $parent:literal) => {
        concat!(
            "CASE WHEN ",
            $parent,
            " IS NULL THEN ",
            $session,
            " ELSE (WITH RECURSIVE up(id, above, depth) AS (SELECT ",
            $session,
            ", ",
            $parent,
            ", 0 UNION ALL SELECT o.id, o.parent_id, up.depth + 1 FROM up JOIN main.session AS o \
             ON o.id = up.above WHERE up.depth < 64) SELECT up.id FROM up ORDER BY up.depth DESC LIMIT 1) END"
        )
    };
}

const TOP_OF_SESSION: Lookup = Lookup { name: "top_session", sql: top_of!("s.id", "s.parent_id") };
const TOP_OF_ROW: Lookup = Lookup {
    name: "top_session",
    sql: concat!(
        "(SELECT ",
        top_of!("t.id", "t.parent_id"),
        " FROM main.session AS t WHERE t.id = s.session_id)"
    ),
};

/// Such names are common: only a table with the first `needed` columns is ours.
fn plan(
    schema: &TableSchema,
    name: &str,
    columns: &[&str],
    needed: usize,
    top: Lookup,
) -> Option<Result<TablePlan, String>> {
    let find = |name: &str| schema.columns.iter().find(|column| column.eq_ignore_ascii_case(name)).cloned();
    let index: Vec<_> = columns.iter().map(|name| find(name)).collect();
    let fits = schema.name == name && index.iter().take(needed).all(Option::is_some);
    fits.then(|| {
        Ok(TablePlan {
            table: schema.name.clone(),
            index,
            lookups: vec![top],
            detail: schema.columns.clone(),
            ..TablePlan::default()
        })
    })
}

/// The text of a cell.
fn text<'a>(cells: &[Cell<'a>], at: usize) -> std::borrow::Cow<'a, str> {
    match cells.get(at) {
        Some(Cell::Text(bytes) | Cell::Blob(bytes)) => lossy_text(bytes),
        _ => std::borrow::Cow::Borrowed(""),
    }
}

/// The time in a cell, milliseconds.
fn time(cells: &[Cell<'_>], at: usize) -> Option<UnixNanos> {
    match cells.get(at) {
        Some(Cell::Integer(number)) => UnixNanos::from_integer(*number),
        Some(Cell::Real(number)) => UnixNanos::from_number(*number),
        _ => None,
    }
}

fn root_of(session: &str) -> Id {
    Id::synthetic(&[b"opencode session", session.as_bytes()])
}

fn span_of(id: &str) -> Id {
    Id::synthetic(&[b"opencode", id.as_bytes()])
}

/// An update about a span of a session; `None` when the row doesn't say which. `top` is the session at the top, which
/// stands for all that it started; empty where only the session itself is known.
fn update(session: &str, top: &str, id: &str, place: &RowPlace, out: &mut Batch) -> Option<SpanUpdate> {
    let session = if top.is_empty() { session } else { top };
    let Some(trace) = out.id(session).filter(|_| !id.is_empty()) else {
        out.problem(Reason::MissingId, Some(place.at), "a row without id or session");
        return None;
    };
    let mut update = SpanUpdate::new(trace, span_of(id), place.stamp);
    update.payload = Some(place.at);
    update.session = out.intern(session);
    update.service = out.intern(NAME);
    Some(update)
}

/// The order of what messages say about their turn and their session is that of their times.
fn stamp_at(place: &RowPlace, at: Option<UnixNanos>) -> Stamp {
    let seconds = at.map_or(0, |at| at.0 / crate::model::NANOS_PER_SEC);
    // Each file has a segment of its own, in no order.
    let segment = if place.at.len > 0 { SegmentId((1 << 24) - 1) } else { place.at.segment };
    Stamp::new(segment, u64::try_from(seconds).unwrap_or(0))
}

fn session(place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let (id, parent) = (text(cells, 0), text(cells, 4));
    let top = text(cells, SESSION.len());
    let Some(mut update) = update(&id, &top, &id, place, out) else { return };
    update.span = root_of(&id);
    // A parent that is gone is nobody's.
    let is_top = top.is_empty() || top == id;
    if is_top {
        update.parent = Parent::Root;
    }
    update.kind = Some(SpanKind::Agent);
    update.status = Some(Status::Ok);
    update.start = time(cells, 3).map(Timed::written);
    let title = text(cells, 1);
    // It is never over; what is in it says when it was last at work. Until it has its title it is read again.
    if !title.starts_with("New session - ") {
        update.marks = Marks::INSERT_ONLY;
    }
    update.name = out.intern(&short(&title));
    update.span_type = out.intern(if is_top { "session" } else { "subagent" });
    update.workflow = out.intern(project(&text(cells, 2)));
    update.agent = out.intern(&short(&text(cells, 5)));
    out.push(update);
    if !is_top {
        // Until the tool that started it says so.
        let mut weak = SpanUpdate::new(update.trace, update.span, WEAKEST);
        weak.parent = Parent::Span(root_of(&parent));
        weak.marks = Marks::INSERT_ONLY;
        out.push(weak);
    }
}

fn message(place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let (id, session, data) = (text(cells, 0), text(cells, 1), text(cells, 3));
    let data = Fields::of(&data);
    let Some(mut update) = update(&session, &text(cells, MESSAGE.len()), &id, place, out) else { return };
    let root = root_of(&session);
    let times = data.object("time").unwrap_or_default();
    update.start = times.time("created").or_else(|| time(cells, 2)).map(Timed::written);
    update.agent = out.intern(&short(data.text("agent")));
    match data.text("role") {
        "user" => {
            update.parent = Parent::Span(root);
            update.kind = Some(SpanKind::Iteration);
            update.span_type = out.intern("turn");
            // Its end is that of what the model says to it.
            update.marks = Marks::INSERT_ONLY;
            out.push(update);
        }
        "assistant" => {
            let end = times.time("completed");
            let turn = data.text("parentID");
            let turn = (!turn.is_empty()).then(|| span_of(turn));
            update.parent = Parent::Span(turn.unwrap_or(root));
            call(&data, end, &mut update, out);
            if let (Some(start), Some(end)) = (update.start, end) {
                let times = format!("{} {}", start.at.0, end.0);
                let tokens = object_of(&data, "tokens");
                one_of_a_kind(&id, start.at, &["call", &times, data.text("modelID"), tokens], &mut update);
            }
            out.push(update);
            turn_goes_on(&data, &update, turn, root, place, out);
        }
        _ => out.problem(Reason::MissingFields, Some(place.at), "a message of an unknown role"),
    }
}

/// Milliseconds that an id tells of when it was made; the rest of them is lost.
const ID_MILLIS: u64 = 1 << 36;
/// How much later than what it is about a copy is made, at least, milliseconds.
const COPIED: u64 = 1_000;

/// A fork copies messages and parts under new ids, which tell when they were made, with the times of the old ones. Says
/// so, and what the copy and what was copied have in common. `made` is when a record of these facts was made first.
fn one_of_a_kind(id: &str, made: UnixNanos, facts: &[&str], update: &mut SpanUpdate) {
    let digits = id.split_once('_').and_then(|(_, rest)| rest.get(..12));
    let Some(told) = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()) else { return };
    let made = u64::try_from(made.0 / crate::model::NANOS_PER_MS).unwrap_or(0);
    let later = (told >> 12).wrapping_sub(made) % ID_MILLIS;
    let is_copy = (COPIED..ID_MILLIS / 2).contains(&later);
    // Ids of another kind say nothing.
    if !is_copy && later.min(ID_MILLIS - later) > COPIED {
        return;
    }
    update.response = response_key(&facts.join(" "));
    update.marks = update.marks.with(Marks::UNIQUE_RESPONSE);
    if is_copy {
        update.marks = update.marks.with(Marks::COPY);
    }
}

/// A call of the model.
fn call(data: &Fields<'_>, end: Option<UnixNanos>, update: &mut SpanUpdate, out: &mut Batch) {
    let (model, provider) = (short(data.text("modelID")), short(data.text("providerID")));
    update.kind = Some(SpanKind::Llm);
    update.span_type = out.intern("message");
    update.name = out.intern(if model.is_empty() { "model call" } else { &model });
    update.model = out.intern(&model);
    update.provider = out.intern(&provider);
    update.end = end.map(Timed::written);
    let error = data.object("error");
    update.status = Some(match (&error, end) {
        (Some(error), _) if error.text("name") == "MessageAbortedError" => Status::Cancelled,
        (Some(_), _) => Status::Error,
        (None, Some(_)) => Status::Ok,
        (None, None) => Status::Running,
    });
    if let Some(error) = error {
        let message = error.object("data").map(|data| data.text("message").to_owned()).unwrap_or_default();
        let message = if message.is_empty() { error.text("name") } else { &message };
        update.error = out.intern(&error_line(message));
        // What failed may lack the time at which it did.
        update.end = update.end.or(update.start.map(|start| Timed::inferred(start.at)));
    }
    // Counters are zero until the answer is there.
    if end.is_some() {
        update.usage = data.object("tokens").and_then(|tokens| usage(&tokens));
        let cost = data.get("cost").and_then(|cost| cost.number().ok().flatten()).and_then(NanoUsd::from_usd);
        let used = update.usage.is_some_and(|usage| usage.total() > 0);
        // Zero is what is written when no price is known.
        update.cost = cost.filter(|cost| *cost != NanoUsd::ZERO || !used);
    }
}

/// What a message of the model says about its turn and its session.
fn turn_goes_on(
    data: &Fields<'_>,
    call: &SpanUpdate,
    turn: Option<Id>,
    root: Id,
    place: &RowPlace,
    out: &mut Batch,
) {
    let ended = call.end.map(|end| end.at);
    let at = ended.or(call.start.map(|start| start.at));
    let calls_tools = matches!(data.text("finish"), "tool-calls" | "tool_use");
    let over = ended.is_some() && (!calls_tools || call.status != Some(Status::Ok));
    for span in turn.into_iter().chain([root]) {
        let mut update = SpanUpdate::new(call.trace, span, stamp_at(place, at));
        // The row is followed for the call's own sake.
        update.marks = Marks::INSERT_ONLY;
        if over {
            update.status = call.status;
            update.end = ended.map(Timed::written);
            update.error = call.error;
        } else if span != root {
            update.status = Some(Status::Running);
        } else {
            continue;
        }
        out.push(update);
    }
}

/// All counters are beside each other.
fn usage(tokens: &Fields<'_>) -> Option<Usage> {
    let cache = tokens.object("cache").unwrap_or_default();
    let counters = Counters {
        input: tokens.count("input"),
        output: tokens.count("output"),
        reasoning: tokens.count("reasoning"),
        cache_read: cache.count("read"),
        cache_write: cache.count("write"),
        ..Counters::default()
    };
    counters.normalise(Convention::Disjoint, "").filter(Usage::is_known)
}

/// The object's text in a field.
fn object_of<'a>(fields: &Fields<'a>, name: &str) -> &'a str {
    match fields.get(name) {
        Some(Value::Object(object)) => object,
        _ => "{}",
    }
}
