//! Traces as Jaeger's UI and API give them: `{"data":[{"traceID","spans":[…],"processes":{…}}]}`, or one such trace.
//!
//! Each span of a text has a place of its own.

use serde_json::{Map, Value as Json};

use super::genai::{Collector, Context, mapping};
use super::json::{Fault, LineText, Reader};
use super::lines::each_object_in;
use super::plain::{error_line, gather, standing, tell};
use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, DetailEvent, Parent, PayloadRef, Reason, SpanDetail, SpanUpdate, Stamp, Status, Symbol, Timed,
    UnixNanos,
};

/// Jaeger's JSON.
pub(super) static LINES: LineFormat = LineFormat {
    name: "jaeger",
    about: "Jaeger's JSON: {\"data\":[{\"traceID\",\"spans\",\"processes\"}]}, a whole text on a line",
    sniff,
    decoder: |_: &Stream| Box::new(Texts),
    detail,
    independent_lines: true,
};

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut texts, mut records) = (0usize, 0usize);
    for line in sample.lines() {
        let text = LineText::new(line);
        records += 1;
        // A text may be longer than a sample: its first span says enough.
        let head = text.text.get(..4096).unwrap_or(&text.text);
        let all = |names: &[&str]| names.iter().all(|name| head.contains(name));
        texts += usize::from(
            all(&["\"traceID\"", "\"spanID\"", "\"operationName\""])
                || all(&["\"traceID\"", "\"spans\"", "\"processes\""]),
        );
    }
    if texts == 0 {
        return (0, "no traceID with spanID and operationName".to_owned());
    }
    ((50 + 45 * texts / records.max(1)) as u8, format!("{texts} of {records} records are Jaeger traces"))
}

struct Texts;

impl LineDecoder for Texts {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object_in(line, out, |reader, text, out| {
            let walk = Walk { line, text };
            if !walk.object(reader, out)? {
                out.problem(Reason::NotASpan, Some(line.at), "an object without Jaeger's spans");
            }
            Ok(())
        });
    }
}

struct Walk<'w, 'l> {
    line: &'w Line<'l>,
    text: &'w LineText<'w>,
}

impl Walk<'_, '_> {
    /// A response with traces, a trace, or a span by itself. Says whether it was one.
    fn object(&self, reader: &mut Reader<'_>, out: &mut Batch) -> Result<bool, Fault> {
        let whole = reader.clone();
        let (mut spans, mut found, mut is_span) = (None, false, false);
        let mut services = Map::new();
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            match &*key {
                "data" if reader.peek() == Some(b'[') => {
                    reader.enter_array()?;
                    while reader.next_item()? {
                        if reader.peek() == Some(b'{') {
                            found |= self.object(&mut reader.clone(), out)?;
                        }
                        reader.skip()?;
                    }
                }
                "spans" if reader.peek() == Some(b'[') => {
                    spans = Some(reader.clone());
                    reader.skip()?;
                }
                "processes" => {
                    if let Ok(Json::Object(map)) = serde_json::from_str(reader.raw()?) {
                        services = map;
                    }
                }
                "spanID" => {
                    is_span = true;
                    reader.skip()?;
                }
                _ => reader.skip()?,
            }
        }
        if let Some(mut spans) = spans {
            found = true;
            spans.enter_array()?;
            while spans.next_item()? {
                self.one(&mut spans, &services, out)?;
            }
        } else if is_span {
            found = true;
            self.one(&mut whole.clone(), &services, out)?;
        }
        Ok(found)
    }

    fn one(
        &self,
        reader: &mut Reader<'_>,
        services: &Map<String, Json>,
        out: &mut Batch,
    ) -> Result<(), Fault> {
        let from = reader.offset();
        let raw = reader.raw()?;
        let Line { at, stamp, .. } = self.line.part(self.text, from, raw.len());
        match serde_json::from_str(raw) {
            Ok(Json::Object(span)) => {
                if let Some(update) = update(&span, services, at, stamp, out) {
                    out.push(update);
                }
            }
            _ => out.problem(Reason::BadType, Some(self.line.at), "a span that is no object"),
        }
        Ok(())
    }
}

fn text<'s>(span: &'s Map<String, Json>, name: &str) -> &'s str {
    span.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// Microseconds as a time.
fn micros(value: Option<&Json>) -> Option<i64> {
    let value = value?;
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|number| number as i64))
        .or_else(|| value.as_str()?.parse().ok())
}

/// Tags and the fields of logs: `[{key, type, value}]`.
fn tags(list: Option<&Json>) -> Vec<(String, Json)> {
    let items = list.and_then(Json::as_array).into_iter().flatten();
    let pair = |item: &Json| Some((item.get("key")?.as_str()?.to_owned(), item.get("value")?.clone()));
    items.filter_map(pair).collect()
}

fn logs(span: &Map<String, Json>) -> Vec<DetailEvent> {
    let items = span.get("logs").and_then(Json::as_array).into_iter().flatten();
    let event = |log: &Json| {
        let mut fields: Map<String, Json> = tags(log.get("fields")).into_iter().collect();
        let name = fields.remove("event").or_else(|| fields.remove("message"));
        DetailEvent {
            name: name.as_ref().and_then(Json::as_str).unwrap_or("log").to_owned(),
            at: micros(log.get("timestamp")).map(|at| UnixNanos(at.saturating_mul(1_000))),
            attributes: Json::Object(fields).to_string(),
        }
    };
    items.take(10_000).map(event).collect()
}

fn update(
    span: &Map<String, Json>,
    services: &Map<String, Json>,
    at: PayloadRef,
    stamp: Stamp,
    out: &mut Batch,
) -> Option<SpanUpdate> {
    let (Some(trace), Some(id)) = (out.id(text(span, "traceID")), out.id(text(span, "spanID"))) else {
        out.problem(Reason::MissingId, Some(at), "a span without traceID or spanID");
        return None;
    };
    let mut update = SpanUpdate::new(trace, id, stamp);
    update.payload = Some(at);
    let references = span.get("references").and_then(Json::as_array);
    let above = references.into_iter().flatten().find_map(|reference| {
        let same = reference.get("traceID").is_none_or(|other| other.as_str() == Some(text(span, "traceID")));
        reference.get("spanID").and_then(Json::as_str).filter(|_| same)
    });
    let above = above.unwrap_or(text(span, "parentSpanID"));
    update.parent = out.id(above).map_or(Parent::Root, Parent::Span);
    let start =
        micros(span.get("startTime")).filter(|at| *at > 0).map(|at| UnixNanos(at.saturating_mul(1_000)));
    update.start = start.map(Timed::written);
    if let (Some(start), Some(took)) = (start, micros(span.get("duration"))) {
        if took < 0 {
            out.problem(Reason::NegativeDuration, Some(at), text(span, "operationName"));
        }
        update.end = Some(Timed::written(start.plus(took.max(0).saturating_mul(1_000))));
    }

    let name = text(span, "operationName");
    let attributes = tags(span.get("tags"));
    let of = |key: &str| attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let mut collector = Collector::new(mapping());
    gather(&attributes, &mut collector);
    let scope =
        of("otel.scope.name").or_else(|| of("otel.library.name")).and_then(Json::as_str).unwrap_or_default();
    let context = Context { scope, name, is_root: update.parent == Parent::Root, start };
    collector.tell(&context, &mut update, &mut out.strings);
    update.name = out.intern(name);
    update.span_type = collector.type_word().map_or(Symbol::NONE, |word| out.strings.intern(word));
    let process = span.get("process").or_else(|| services.get(text(span, "processID")));
    if let Some(service) = process.and_then(|process| process.get("serviceName")).and_then(Json::as_str) {
        update.service = out.intern(service);
    }

    let flag =
        of("error").is_some_and(|error| error.as_bool() == Some(true) || error.as_str() == Some("true"));
    let failed = flag || of("otel.status_code").and_then(Json::as_str) == Some("ERROR");
    let thrown = failed.then(|| logs(span)).and_then(|logs| thrown(&logs));
    let interrupted = |text: &str| mapping().events.suspended.iter().any(|word| text.contains(&**word));
    update.status = Some(match () {
        () if failed && thrown.as_deref().is_some_and(interrupted) => Status::Suspended,
        () => standing(failed, &collector, update.end.is_some()),
    });
    if update.status == Some(Status::Error) {
        let said = of("otel.status_description").and_then(Json::as_str).map(str::to_owned);
        let message = said.or(thrown).or_else(|| collector.error()).unwrap_or_default();
        update.error = out.intern(&error_line(&message));
    }
    Some(update)
}

fn thrown(logs: &[DetailEvent]) -> Option<String> {
    let exception = logs.iter().rev().find(|log| log.name == "exception" || log.name == "error")?;
    let fields: Json = serde_json::from_str(&exception.attributes).ok()?;
    let part =
        |names: [&str; 2]| names.iter().find_map(|name| fields.get(name)?.as_str()).unwrap_or_default();
    super::genai::joined_error(part(["exception.type", "error.kind"]), part(["exception.message", "message"]))
}

/// A span, or the first of a text.
fn detail(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let parsed: Json = serde_json::from_str(&text.text).unwrap_or_default();
    let first = ["/data/0/spans/0", "/spans/0"].iter().find_map(|path| parsed.pointer(path));
    let Some(span) = first.unwrap_or(&parsed).as_object() else {
        return SpanDetail { raw: text.text.into_owned(), ..SpanDetail::default() };
    };
    let mut detail = tell(self::text(span, "operationName"), tags(span.get("tags")), logs(span));
    detail.error = detail.error.or_else(|| thrown(&detail.events));
    detail.raw = text.text.into_owned();
    detail
}

#[cfg(test)]
mod tests;
