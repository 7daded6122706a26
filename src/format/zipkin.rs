//! Zipkin's version 2 JSON: a list of spans on a line, or a span on each.

use serde_json::{Map, Value as Json};

use super::genai::{Collector, Context, mapping};
use super::json::{LineText, Reader};
use super::plain::{error_line, gather, standing, tell};
use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, DetailEvent, Parent, PayloadRef, Reason, SpanDetail, SpanUpdate, Stamp, Symbol, Timed, UnixNanos,
};

/// Zipkin's JSON.
pub(super) static LINES: LineFormat = LineFormat {
    name: "zipkin",
    about: "Zipkin v2 JSON: spans with traceId, id, timestamp and duration, a list of them or one on each line",
    sniff,
    decoder: |_: &Stream| Box::new(Spans),
    detail,
    independent_lines: true,
};

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut spans, mut records) = (0usize, 0usize);
    for line in sample.lines() {
        let text = LineText::new(line);
        let mut reader = Reader::new(&text.text);
        if reader.peek() == Some(b'[') {
            // A list that goes on over other lines cannot be read line by line.
            if sample.lines().nth(1).is_some() {
                return (0, "a list over several lines".to_owned());
            }
            if reader.enter_array().is_err() || reader.next_item() != Ok(true) {
                continue;
            }
        }
        records += 1;
        spans += usize::from(is_span(&mut reader));
    }
    if spans == 0 {
        return (0, "no record with traceId, id and localEndpoint or timestamp in microseconds".to_owned());
    }
    ((45 + 48 * spans / records.max(1)) as u8, format!("{spans} of {records} records are Zipkin spans"))
}

/// Whether an object has the members that only Zipkin puts together.
fn is_span(reader: &mut Reader<'_>) -> bool {
    let (mut trace, mut id, mut time, mut own, mut other) = (false, false, false, false, false);
    if reader.enter_object().is_err() {
        return false;
    }
    while let Ok(Some(key)) = reader.next_key() {
        match &*key {
            "traceId" => trace = true,
            "id" => id = true,
            "timestamp" => time = true,
            "localEndpoint" | "remoteEndpoint" | "annotations" => own = true,
            "duration" => own |= time,
            "spanId" | "span_id" | "spanID" | "msg" => other = true,
            _ => {}
        }
        if reader.skip().is_err() {
            break;
        }
    }
    trace && id && own && !other
}

struct Spans;

impl LineDecoder for Spans {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        let text = LineText::new(line.bytes);
        let mut reader = Reader::new(&text.text);
        let list = reader.peek() == Some(b'[');
        if list && reader.enter_array().is_err() {
            return;
        }
        loop {
            match if list { reader.next_item() } else { Ok(reader.peek().is_some()) } {
                Ok(true) => {}
                Ok(false) => return,
                Err(fault) => {
                    out.problem(fault.into(), Some(line.at), "a list that does not go on as one");
                    return;
                }
            }
            let from = reader.offset();
            let raw = match reader.raw() {
                Ok(raw) => raw,
                Err(fault) => {
                    let shown: String = text.text.chars().take(80).collect();
                    out.problem(fault.into(), Some(line.at), &shown);
                    return;
                }
            };
            let Line { at, stamp, .. } = line.part(&text, from, raw.len());
            match serde_json::from_str(raw) {
                Ok(Json::Object(span)) => {
                    let update = update(&span, at, stamp, out);
                    out.updates.extend(update);
                }
                Ok(_) => out.problem(Reason::NotASpan, Some(at), &raw.chars().take(80).collect::<String>()),
                Err(_) => {
                    out.problem(Reason::InvalidJson, Some(at), &raw.chars().take(80).collect::<String>());
                }
            }
        }
    }
}

fn text<'s>(span: &'s Map<String, Json>, name: &str) -> &'s str {
    span.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn micros(span: &Map<String, Json>, name: &str) -> Option<i64> {
    let value = span.get(name)?;
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|number| number as i64))
        .or_else(|| value.as_str()?.parse().ok())
}

/// Tags, with the numbers that they hold as text.
fn tags(span: &Map<String, Json>) -> Vec<(String, Json)> {
    let tags = span.get("tags").and_then(Json::as_object).into_iter().flatten();
    tags.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn update(span: &Map<String, Json>, at: PayloadRef, stamp: Stamp, out: &mut Batch) -> Option<SpanUpdate> {
    let (Some(trace), Some(id)) = (out.id(text(span, "traceId")), out.id(text(span, "id"))) else {
        out.problem(Reason::MissingId, Some(at), "a span without traceId or id");
        return None;
    };
    let mut update = SpanUpdate::new(trace, id, stamp);
    update.payload = Some(at);
    update.parent = out.id(text(span, "parentId")).map_or(Parent::Root, Parent::Span);
    let start = micros(span, "timestamp").filter(|at| *at > 0).map(|at| UnixNanos(at.saturating_mul(1_000)));
    update.start = start.map(Timed::written);
    if let (Some(start), Some(took)) = (start, micros(span, "duration")) {
        update.end = Some(Timed::written(start.plus(took.max(0).saturating_mul(1_000))));
    }
    // Both sides of a call may share a span: the server's half knows less of it.
    let attributes = tags(span);
    let of = |key: &str| attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let name = of("otel.span.name").and_then(Json::as_str).unwrap_or(text(span, "name"));
    let mut collector = Collector::new(mapping());
    gather(&attributes, &mut collector);
    let scope =
        of("otel.scope.name").or_else(|| of("otel.library.name")).and_then(Json::as_str).unwrap_or_default();
    let context = Context { scope, name, is_root: update.parent == Parent::Root, start };
    collector.tell(&context, &mut update, &mut out.strings);
    update.name = out.intern(name);
    update.span_type = collector.type_word().map_or(Symbol::NONE, |word| out.strings.intern(word));
    let local = span.get("localEndpoint").and_then(|local| local.get("serviceName"));
    if let Some(service) = local.and_then(Json::as_str) {
        update.service = out.intern(service);
    }
    // The tag is there at all: its text is the message.
    let error = of("error").filter(|error| error.as_str() != Some("false") && error.as_bool() != Some(false));
    let failed = error.is_some() || of("otel.status_code").and_then(Json::as_str) == Some("ERROR");
    update.status = Some(standing(failed, &collector, update.end.is_some()));
    if failed {
        let message = error.and_then(Json::as_str).filter(|text| !text.is_empty() && *text != "true");
        let described = of("otel.status_description").and_then(Json::as_str);
        let message = described.or(message).map(str::to_owned).or_else(|| collector.error());
        update.error = out.intern(&error_line(&message.unwrap_or_default()));
    }
    Some(update)
}

/// A span, or the first of a list.
fn detail(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let parsed: Json = serde_json::from_str(&text.text).unwrap_or_default();
    let Some(span) = parsed.get(0).unwrap_or(&parsed).as_object() else {
        return SpanDetail { raw: text.text.into_owned(), ..SpanDetail::default() };
    };
    let annotations = span.get("annotations").and_then(Json::as_array).into_iter().flatten();
    let event = |note: &Json| DetailEvent {
        name: note.get("value").and_then(Json::as_str).unwrap_or_default().to_owned(),
        at: note.get("timestamp").and_then(Json::as_i64).map(|at| UnixNanos(at.saturating_mul(1_000))),
        attributes: String::new(),
    };
    let events = annotations.take(10_000).map(event).collect();
    let mut detail = tell(self::text(span, "name"), tags(span), events);
    let error = span.get("tags").and_then(|tags| tags.get("error")).and_then(Json::as_str);
    detail.error = detail.error.or_else(|| error.map(str::to_owned));
    detail.raw = text.text.into_owned();
    detail
}

#[cfg(test)]
mod tests;
