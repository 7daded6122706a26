//! Parts of messages: what was said belongs to its message, a tool call is a span.

use super::super::names::{error_line, short, tool_name};
use super::super::{Fields, WEAKEST};
use super::{PART, one_of_a_kind, root_of, span_of, text, time, update};
use crate::format::{Cell, RowPlace};
use crate::model::{Batch, Marks, NANOS_PER_SEC, Parent, SpanKind, SpanUpdate, Stamp, Status, Timed};

pub(super) fn decode(place: &RowPlace, cells: &[Cell<'_>], out: &mut Batch) {
    let (id, session, message, data) = (text(cells, 0), text(cells, 1), text(cells, 2), text(cells, 4));
    let (top, data) = (text(cells, PART.len()), Fields::of(&data));
    match data.text("type") {
        "text" | "reasoning" => {
            let Some(mut update) = update(&session, &top, &message, place, out) else { return };
            // The message itself knows better, but for the name of what a user says.
            update.stamp = WEAKEST;
            update.marks = Marks::INSERT_ONLY;
            if data.text("type") == "text" && data.get("synthetic").is_none() {
                update.name = out.intern(&short(data.text("text")));
            }
            out.push(update);
        }
        "tool" => {
            let Some(mut update) = update(&session, &top, &id, place, out) else { return };
            let state = data.object("state").unwrap_or_default();
            let times = state.object("time").unwrap_or_default();
            let tool = short(data.text("tool"));
            update.parent = Parent::Span(span_of(&message));
            update.kind = Some(SpanKind::Tool);
            update.span_type = out.intern("tool");
            update.start = times.time("start").or_else(|| time(cells, 3)).map(Timed::written);
            update.end = times.time("end").map(Timed::written);
            let status = match state.text("status") {
                "" => Status::Unknown,
                word => Status::from_source_word(word),
            };
            update.status = Some(status);
            let input = state.object_text("input");
            update.tool = out.intern(&tool);
            update.name = out.intern(&tool_name(&tool, input, ""));
            if let (Some(start), Some(end)) = (update.start, update.end) {
                let times = format!("{} {}", start.at.0, end.at.0);
                // Its row is made before it starts, and a copy after it ended.
                let made = time(cells, 3).filter(|at| *at <= end.at).unwrap_or(end.at);
                one_of_a_kind(&id, made, &["tool", &times, data.text("callID"), &tool], &mut update);
            }
            if status == Status::Error {
                update.error = out.intern(&error_line(state.text("error")));
            }
            out.push(update);
            let data = state.object("metadata").unwrap_or_default();
            let started = ["sessionId", "sessionID"].map(|name| data.text(name));
            let started = started.into_iter().find(|id| !id.is_empty() && *id != session);
            // What a copied tool started is the first one's.
            if let Some(started) = started.filter(|_| !update.marks.has(Marks::COPY)) {
                // Of several tools that talk to a session the first started it.
                let at = update.start.map_or(0, |start| start.at.0 / NANOS_PER_SEC);
                let rank = (1 << 35) - at.clamp(0, 1 << 34);
                let stamp = Stamp::new(place.at.segment, rank.cast_unsigned());
                let mut link = SpanUpdate::new(update.trace, root_of(started), stamp);
                link.parent = Parent::Span(update.span);
                link.marks = Marks::INSERT_ONLY;
                out.push(link);
            }
        }
        // The others repeat what messages say, or are about files.
        _ => {}
    }
}
