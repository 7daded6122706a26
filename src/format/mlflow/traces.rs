//! Traces of `MLflow` as JSON: the `traces.json` that it keeps beside its store (all that version 2 keeps of spans),
//! `{"spans": […]}`, and a trace that a program has written out, `{"info": {…}, "data": {"spans": […]}}`.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::{opened, read, told};
use crate::format::genai::{Collector, Context, mapping};
use crate::format::json::{Fault, LineText, Reader, Value};
use crate::format::lines::each_object_in;
use crate::format::otlp::ids;
use crate::format::plain::{error_line, standing};
use crate::format::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{Batch, Id, Parent, Reason, SpanDetail, SpanUpdate, Status, Symbol, Timed, UnixNanos};

/// Traces as JSON.
pub(in crate::format) static LINES: LineFormat = LineFormat {
    name: "mlflow",
    about: super::ABOUT,
    sniff,
    decoder: |_: &Stream| Box::new(Traces),
    detail,
    independent_lines: true,
};

/// Attributes that only `MLflow` writes.
const OWN: [&str; 2] = ["\"mlflow.traceRequestId\"", "\"mlflow.spanType\""];

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut traces, mut records) = (0usize, 0usize);
    for line in sample.lines() {
        let text = LineText::new(line);
        let own = OWN.iter().any(|name| text.text.contains(name));
        records += 1;
        traces += usize::from(own && holds_spans(&mut Reader::new(&text.text)).unwrap_or(false));
    }
    if traces == 0 {
        return (0, "no trace with spans and attributes of MLflow".to_owned());
    }
    ((45 + 50 * traces / records.max(1)) as u8, format!("{traces} of {records} records are traces of MLflow"))
}

/// Whether an object has a list of spans. The end of the object may be cut off.
fn holds_spans(reader: &mut Reader<'_>) -> Result<bool, Fault> {
    reader.enter_object()?;
    while let Some(key) = reader.next_key()? {
        match (&*key, reader.peek()) {
            ("spans", Some(b'[')) => return Ok(true),
            ("data", Some(b'{')) => reader.enter_object()?,
            _ => reader.skip()?,
        }
    }
    Ok(false)
}

struct Traces;

impl LineDecoder for Traces {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object_in(line, out, |reader, text, out| {
            let mut about = About::default();
            let mut inside = reader.clone();
            let whole = reader.raw()?;
            if let Some(info) = member(whole, "info") {
                about.read(info);
            }
            inside.enter_object()?;
            let mut in_data = false;
            loop {
                let Some(key) = inside.next_key()? else {
                    // Behind the data the trace may go on.
                    if std::mem::take(&mut in_data) {
                        continue;
                    }
                    return Ok(());
                };
                match (&*key, inside.peek()) {
                    ("spans", Some(b'[')) => {
                        inside.enter_array()?;
                        while inside.next_item()? {
                            let from = inside.offset();
                            let raw = inside.raw()?;
                            span(raw, &about, &line.part(text, from, raw.len()), out);
                        }
                    }
                    ("data", Some(b'{')) if !in_data => {
                        inside.enter_object()?;
                        in_data = true;
                    }
                    _ => inside.skip()?,
                }
            }
        });
    }
}

/// What a trace says of all its spans.
#[derive(Default)]
struct About {
    session: Option<String>,
    user: Option<String>,
}

impl About {
    fn read(&mut self, info: &str) {
        let Ok(info) = serde_json::from_str::<Json>(info) else { return };
        let groups = ["trace_metadata", "request_metadata", "tags"].map(|key| info.get(key));
        let find = |name: &str| {
            let found = groups.iter().flatten().find_map(|group| group.get(name)?.as_str());
            found.map(str::to_owned)
        };
        (self.session, self.user) = (find("mlflow.trace.session"), find("mlflow.trace.user"));
    }
}

fn member<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    let mut reader = Reader::new(object);
    reader.enter_object().ok()?;
    while let Some(key) = reader.next_key().ok()? {
        if key == name {
            return reader.raw().ok();
        }
        reader.skip().ok()?;
    }
    None
}

/// The fields of a span that both versions have, beside its attributes, events and status object.
#[derive(Default)]
struct Fields<'t> {
    name: Cow<'t, str>,
    trace: Option<Value<'t>>,
    span: Option<Value<'t>>,
    parent: Option<Value<'t>>,
    start: Option<UnixNanos>,
    end: Option<UnixNanos>,
    status: Option<Status>,
    message: Option<String>,
}

impl<'t> Fields<'t> {
    fn read(text: &'t str) -> Result<Self, Fault> {
        let mut fields = Self::default();
        let mut reader = Reader::new(text);
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            match (&*key, reader.peek()) {
                ("context" | "status", Some(b'{')) => {
                    reader.enter_object()?;
                    while let Some(key) = reader.next_key()? {
                        let value = reader.value()?;
                        fields.set(&key, value);
                    }
                }
                ("attributes" | "events" | "links", _) => reader.skip()?,
                _ => {
                    let value = reader.value()?;
                    fields.set(&key, value);
                }
            }
        }
        Ok(fields)
    }

    fn set(&mut self, key: &str, value: Value<'t>) {
        let time = |value: &Value<'_>| value.time().ok().flatten();
        match key {
            "name" => {
                if let Value::Text(name) = value {
                    self.name = name;
                }
            }
            "trace_id" => self.trace = Some(value),
            "span_id" => self.span = Some(value),
            "parent_id" | "parent_span_id" => self.parent = Some(value),
            "start_time" | "start_time_unix_nano" | "start_time_ns" => self.start = time(&value),
            "end_time" | "end_time_unix_nano" | "end_time_ns" => self.end = time(&value),
            "status_code" | "code" => {
                let word = value.text().unwrap_or_default();
                self.status =
                    Some(Status::from_source_word(word.strip_prefix("STATUS_CODE_").unwrap_or(word)));
            }
            "status_message" | "message" => self.message = value.text().map(str::to_owned),
            _ => {}
        }
    }
}

fn id(value: Option<&Value<'_>>, out: &mut Batch) -> Option<Id> {
    ids::read(value?, &mut out.strings).map(|(id, _)| id)
}

fn span(raw: &str, about: &About, line: &Line<'_>, out: &mut Batch) {
    let mut collector = Collector::new(mapping());
    let (fields, thrown) = match (Fields::read(raw), read(raw, &mut collector)) {
        (Ok(fields), Ok(thrown)) => (fields, thrown),
        (Err(fault), _) | (_, Err(fault)) => {
            out.problem(fault.into(), Some(line.at), &raw.chars().take(80).collect::<String>());
            return;
        }
    };
    let extra = Extra::read(raw);
    // The trace's id in the store, which is not that of OpenTelemetry.
    let trace = extra.request.as_deref().and_then(|id| out.id(id)).or_else(|| id(fields.trace.as_ref(), out));
    let (Some(trace), Some(span)) = (trace, id(fields.span.as_ref(), out)) else {
        out.problem(Reason::MissingId, Some(line.at), "a span without trace_id or span_id");
        return;
    };
    let mut update = SpanUpdate::new(trace, span, line.stamp);
    update.payload = Some(line.at);
    update.parent = id(fields.parent.as_ref(), out).map_or(Parent::Root, Parent::Span);
    update.start = fields.start.map(Timed::written);
    update.end = fields.end.map(Timed::written);
    for (name, text) in [
        ("mlflow.trace.session", &about.session),
        ("mlflow.trace.user", &about.user),
        ("mlflow.chat.tokenUsage", &extra.usage),
    ] {
        if let Some(text) = text {
            collector.add(name, &Value::Text(text.clone().into()));
        }
    }
    let is_root = update.parent == Parent::Root;
    let context = Context { name: &fields.name, is_root, start: fields.start, ..Context::default() };
    collector.tell(&context, &mut update, &mut out.strings);
    update.name = out.intern(&fields.name);
    update.span_type = collector.type_word().map_or(Symbol::NONE, |word| out.strings.intern(word));
    let failed = fields.status == Some(Status::Error);
    update.status = Some(standing(failed, &collector, update.end.is_some()));
    if failed {
        let message = fields.message.filter(|text| !text.is_empty());
        let text = thrown.or(message).or_else(|| collector.error());
        update.error = out.intern(&error_line(&text.unwrap_or_default()));
    }
    out.push(update);
}

/// What stands inside attributes.
#[derive(Default)]
struct Extra {
    request: Option<String>,
    /// Counters of an answer whose span has none: version 2 leaves them in the output.
    usage: Option<String>,
}

impl Extra {
    fn read(span: &str) -> Self {
        let mut extra = Self::default();
        let mut output = None;
        let (mut counted, mut calls) = (false, false);
        let mut walk = || -> Result<(), Fault> {
            let Some(attributes) = member(span, "attributes") else { return Ok(()) };
            let mut reader = Reader::new(attributes);
            reader.enter_object()?;
            while let Some(key) = reader.next_key()? {
                match &*key {
                    "mlflow.traceRequestId" => {
                        extra.request = opened(reader.value()?).text().map(str::to_owned);
                    }
                    "mlflow.spanOutputs" => output = reader.value()?.text().map(str::to_owned),
                    "mlflow.spanType" => {
                        let kind = opened(reader.value()?);
                        calls = matches!(kind.text(), Some("CHAT_MODEL" | "LLM" | "EMBEDDING"));
                    }
                    "mlflow.chat.tokenUsage" => {
                        counted = true;
                        reader.skip()?;
                    }
                    _ => reader.skip()?,
                }
            }
            Ok(())
        };
        if walk().is_ok() && calls && !counted {
            let usage = output.as_deref().and_then(|output| member(output, "usage"));
            extra.usage = usage.filter(|usage| usage.starts_with('{')).map(str::to_owned);
            if extra.usage.is_none() {
                extra.usage = member(span, "events").and_then(|events| streamed(events).ok().flatten());
            }
        }
        extra
    }
}

/// The counters in the last chunk of a streamed answer that has some.
fn streamed(events: &str) -> Result<Option<String>, Fault> {
    let mut last = None;
    let mut reader = Reader::new(events);
    reader.enter_array()?;
    while reader.next_item()? {
        let raw = reader.raw()?;
        if raw.contains("mlflow.chunk.value") && raw.contains("usage") {
            let event: Json = serde_json::from_str(raw).unwrap_or_default();
            let chunk = event.pointer("/attributes/mlflow.chunk.value").and_then(Json::as_str);
            let usage = chunk.and_then(|chunk| member(chunk, "usage")).filter(|usage| usage.starts_with('{'));
            last = usage.map(str::to_owned).or(last);
        }
    }
    Ok(last)
}

/// A span, or the first of a trace.
fn detail(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let parsed: Json = serde_json::from_str(&text.text).unwrap_or_default();
    let spans = parsed.get("spans").or_else(|| parsed.pointer("/data/spans"));
    let first = spans.and_then(|spans| spans.get(0)).unwrap_or(&parsed);
    let none = Map::new();
    let span = first.as_object().unwrap_or(&none);
    let name = span.get("name").and_then(Json::as_str).unwrap_or_default();
    let mut detail = told(name, first, Vec::new());
    let message = first.get("status_message").and_then(Json::as_str).filter(|text| !text.is_empty());
    detail.error = detail.error.or_else(|| message.map(str::to_owned));
    detail.raw = text.text.into_owned();
    detail
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::format::detect_lines;
    use crate::format::testing::{decode, fixture};
    use crate::model::{Id, Role, SpanKind};

    /// Name, kind, status, input, output and cached tokens.
    fn lines(batch: &Batch) -> Vec<String> {
        let line = |span: &SpanUpdate| {
            let usage = span.usage.unwrap_or_default();
            let (kind, status) = (span.kind.expect("a kind"), span.status.expect("a status"));
            let name = batch.strings.get(span.name);
            format!("{name} {kind:?} {status:?} {:?} {:?} {:?}", usage.input, usage.output, usage.cache_read)
        };
        batch.updates.iter().map(line).collect()
    }

    #[test]
    fn both_versions_tell_the_same_run() {
        // Version 2 has the counters in the answers only.
        for (file, first, second, trace) in [
            ("2.22", "Completions_1", "Completions_2", "6a668037ba3343dfae5c0a06b61373a6"),
            ("3.17", "Completions", "Completions", "tr-4a32db19e0c718290da2d01ed21dc84a"),
        ] {
            let bytes = fixture(&format!("mlflow/{file}.traces.json"));
            let batch = decode(&LINES, &bytes);
            let mut all = lines(&batch);
            all.sort();
            assert_eq!(
                all,
                [
                    format!("{first} Llm Ok Some(1200) Some(80) Some(1024)"),
                    format!("{second} Llm Ok Some(1300) Some(80) Some(1024)"),
                    "broken Tool Error None None None".to_owned(),
                    "get_weather Tool Ok None None None".to_owned(),
                    "weather_agent Agent Ok None None None".to_owned(),
                ],
                "{file}"
            );
            let root = batch.updates.iter().find(|span| span.parent == Parent::Root).expect("a root");
            assert_eq!(batch.strings.get(root.name), "weather_agent");
            assert!(batch.updates.iter().all(|span| span.trace == root.trace));
            assert_eq!(root.trace.display(&batch.strings).to_string(), trace);
            let failed = batch.updates.iter().find(|span| span.status == Some(Status::Error)).expect("one");
            assert_eq!(batch.strings.get(failed.error), "ValueError: tool exploded");
            let known = |parent: &Id| batch.updates.iter().any(|span| span.span == *parent);
            assert!(batch.updates.iter().all(|span| match &span.parent {
                Parent::Span(parent) => known(parent),
                _ => true,
            }));
            let found = detect_lines(&LineSample::new(&bytes), None).expect("no wish").expect("a format");
            assert_eq!(found.format.name, "mlflow");
        }
    }

    #[test]
    fn a_trace_with_its_info_and_a_span_to_read() {
        let bytes = fixture("mlflow/3.17.traces.json");
        let text = String::from_utf8(bytes).expect("text");
        let whole = format!(
            r#"{{"info":{{"trace_id":"x","trace_metadata":{{"mlflow.trace.session":"s-1","mlflow.trace.user":"u"}}}},"data":{text}}}"#
        );
        let batch = decode(&LINES, whole.as_bytes());
        assert_eq!(batch.updates.len(), 5);
        assert!(batch.updates.iter().all(|span| batch.strings.get(span.session) == "s-1"));
        let call = batch.updates.iter().find(|span| span.kind == Some(SpanKind::Llm)).expect("a call");
        let place = call.payload.expect("a place");
        let part = whole.as_bytes().get(place.pos as usize..(place.pos as usize + place.len as usize));
        let said = detail(part.expect("the span"));
        let roles: Vec<(Role, &str)> = said.messages.iter().map(|it| (it.role, &*it.text)).collect();
        assert_eq!(
            roles,
            [
                (Role::System, "be brief"),
                (Role::User, "Weather in Paris?"),
                (Role::Assistant, "{\"location\": \"Paris\"}")
            ]
        );
    }

    #[test]
    fn strangers_are_left_to_others() {
        for text in [r#"{"spans":[]}"#, r#"{"data":[{"spans":[]}]}"#, "{}", "[1]", "mlflow"] {
            assert_eq!(sniff(&LineSample::new(text.as_bytes())).0, 0, "{text}");
        }
    }
}
