//! What older versions kept in `~/.local/share/opencode/storage`: a file for each session, message and part, written anew
//! when it changes. A subagent's session is a trace of its own in the same run here, because its messages know only
//! their own session and no file knows the others.

use super::super::{Fields, count_known, each_object, score};
use super::{Convention, Counters, MESSAGE, PART, SESSION, detail, message, part, session};
use crate::format::json::Value;
use crate::format::{Cell, Line, LineDecoder, LineFormat, LineSample, RowPlace, Stream};
use crate::model::{Batch, Reason, SpanDetail, SpanKind, Usage};

/// Files of sessions, messages and parts.
pub(in crate::format) static FILES: LineFormat = LineFormat {
    name: super::NAME,
    about: super::ABOUT,
    sniff,
    decoder: |_: &Stream| Box::new(Files),
    detail: read,
    independent_lines: true,
};

/// What a file is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Session,
    Message,
    Part,
}

fn kind<'a, 'b: 'a>(id: &str, get: impl Fn(&str) -> Option<&'a Value<'b>>) -> Option<Kind> {
    let has = |name: &str| get(name).is_some();
    match id.split('_').next() {
        Some("ses") if has("title") && has("directory") && has("time") => Some(Kind::Session),
        Some("msg") if has("sessionID") && has("role") => Some(Kind::Message),
        Some("prt") if has("sessionID") && has("messageID") && has("type") => Some(Kind::Part),
        _ => None,
    }
}

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (records, known) = count_known(sample, |fields| {
        let get = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        get("id").and_then(Value::text).is_some_and(|id| kind(id, get).is_some())
    });
    (score(known, records), format!("{known} of {records} records are of OpenCode's storage"))
}

struct Files;

impl LineDecoder for Files {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object(line, out, |reader, line, out| {
            let fields = Fields::read(reader)?;
            let id = fields.text("id");
            let place = RowPlace { at: line.at, stamp: line.stamp };
            let Some(kind) = kind(id, |name| fields.get(name)) else {
                out.problem(Reason::NotASpan, Some(line.at), "neither a session nor a message or a part");
                return Ok(());
            };
            record(kind, &fields, line.bytes, &place, out);
            Ok(())
        });
    }
}

fn record(kind: Kind, fields: &Fields<'_>, bytes: &[u8], place: &RowPlace, out: &mut Batch) {
    let text = |name: &str| Cell::Text(fields.text(name).as_bytes());
    let made = fields.object("time").and_then(|time| time.count("created"));
    let made = made.and_then(|made| i64::try_from(made).ok()).map_or(Cell::Null, Cell::Integer);
    let before = out.updates.len();
    match kind {
        Kind::Session => {
            let parent = fields.text("parentID");
            let cells: [Cell<'_>; SESSION.len()] =
                [text("id"), text("title"), text("directory"), made, Cell::Null, Cell::Null];
            session(place, &cells, out);
            let run = out.id(if parent.is_empty() { fields.text("id") } else { parent });
            for update in out.updates.iter_mut().skip(before) {
                update.run = run;
            }
        }
        Kind::Message => {
            let cells: [Cell<'_>; MESSAGE.len()] = [text("id"), text("sessionID"), made, Cell::Text(bytes)];
            message(place, &cells, out);
            let tokens = fields.object("tokens").unwrap_or_default();
            let calls = |kind: Option<SpanKind>| kind == Some(SpanKind::Llm);
            for update in out.updates.iter_mut().skip(before).filter(|update| calls(update.kind)) {
                update.usage = update.usage.and_then(|usage| known_before(&tokens, usage));
            }
        }
        Kind::Part => {
            let cells: [Cell<'_>; PART.len()] =
                [text("id"), text("sessionID"), text("messageID"), made, Cell::Text(bytes)];
            part::decode(place, &cells, out);
            // Where the subagent stands is known only where all sessions are.
            let mut at = 0;
            out.updates.retain(|update| {
                at += 1;
                at <= before || update.payload.is_some()
            });
        }
    }
}

/// Before there was a total, the output held the reasoning.
fn known_before(tokens: &Fields<'_>, usage: Usage) -> Option<Usage> {
    let (output, reasoning) = (tokens.count("output"), tokens.count("reasoning"));
    if tokens.get("total").is_some() || reasoning > output {
        return Some(usage);
    }
    let cache = tokens.object("cache").unwrap_or_default();
    let counters = Counters {
        input: tokens.count("input"),
        output,
        reasoning,
        cache_read: cache.count("read"),
        cache_write: cache.count("write"),
        ..Counters::default()
    };
    counters.normalise(Convention::Exclusive, "").filter(Usage::is_known)
}

fn read(bytes: &[u8]) -> SpanDetail {
    let row = [("data".to_owned(), Cell::Text(bytes))];
    let text = super::lossy_text(bytes);
    let mut reader = crate::format::json::Reader::new(&text);
    match Fields::read(&mut reader) {
        Ok(fields) if fields.get("messageID").is_some() => detail::part(&row),
        _ => detail::message(&row),
    }
}
