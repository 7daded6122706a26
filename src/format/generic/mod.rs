//! Any JSON log with a time and a name, when nothing better is known: a span or an event for each record, by the usual
//! names of fields or by those the user gives.

mod mapping;

#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use super::chat;
use super::json::{LineText, Reader, Value};
use super::lines::each_object;
use super::usage::{Convention, Counter, Counters};
use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, Id, Marks, NANOS_PER_MS, NanoUsd, Parent, Reason, SpanDetail, SpanKind, SpanUpdate, Status,
    Symbol, Timed, UnixNanos,
};
use mapping::{Field, Values, get};
pub use mapping::{Fit, Mapping, map_fields};

/// Lines of any JSON with a time and a name.
pub(super) static LINES: LineFormat = LineFormat {
    name: "generic",
    about: "any JSON log with a time and a name or message; --map FIELD=PATH says where a private format keeps things",
    sniff,
    decoder: |stream| decoder(Arc::clone(&USUAL), stream),
    detail: |bytes| detail_of(&USUAL, bytes),
    independent_lines: true,
};

static USUAL: LazyLock<Arc<Mapping>> = LazyLock::new(|| Arc::new(Mapping::usual()));

/// A decoder with a mapping.
pub(super) fn decoder(mapping: Arc<Mapping>, stream: &Stream) -> Box<dyn LineDecoder> {
    let trace = Id::synthetic(&[b"generic log", &stream.salt]);
    let workflow = stream.name.split('.').next().unwrap_or_default().to_owned();
    Box::new(Records { mapping, trace, salt: stream.salt.clone(), workflow })
}

/// Never as sure as a format that knows what it reads.
fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut good, mut records) = (0usize, 0usize);
    for line in sample.lines() {
        let text = LineText::new(line);
        let mut reader = Reader::new(&text.text);
        if reader.peek() != Some(b'{') {
            continue;
        }
        records += 1;
        let Ok(values) = USUAL.read(&mut reader) else { continue };
        good += usize::from(when(&values).is_some() && name(&values).is_some());
    }
    if good == 0 || good * 2 < records {
        return (0, format!("{good} of {records} records have a time and a name"));
    }
    (35, format!("{good} of {records} records have a time and a name"))
}

struct Records {
    mapping: Arc<Mapping>,
    /// Of records that name none.
    trace: Id,
    salt: Vec<u8>,
    /// What such records belong to.
    workflow: String,
}

impl LineDecoder for Records {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object(line, out, |reader, line, out| {
            let values = self.mapping.read(reader)?;
            if let Some(update) = self.update(&values, line, out) {
                out.push(update);
            }
            Ok(())
        });
    }
}

/// The first time a record has.
fn when(values: &Values<'_>) -> Option<UnixNanos> {
    [Field::Start, Field::Time, Field::End]
        .into_iter()
        .find_map(|field| get(values, field).time().ok().flatten())
}

fn name(values: &Values<'_>) -> Option<String> {
    let named = [Field::Name, Field::Step, Field::Tool, Field::Agent, Field::Model, Field::Workflow];
    let label = named.into_iter().find_map(|field| get(values, field).text())?;
    let line = label.lines().next().unwrap_or_default();
    Some(line.chars().take(200).collect())
}

impl Records {
    fn update(&self, values: &Values<'_>, line: &Line<'_>, out: &mut Batch) -> Option<SpanUpdate> {
        let Some(name) = name(values) else {
            out.problem(Reason::NotASpan, Some(line.at), "no name, message or event");
            return None;
        };
        let mut odd = false;
        let mut time = |field| {
            get(values, field).time().unwrap_or_else(|reason| {
                odd = true;
                out.problem(reason, Some(line.at), &get(values, field).excerpt());
                None
            })
        };
        let (start, end, at) = (time(Field::Start), time(Field::End), time(Field::Time));
        let duration = duration(values);
        let times = Times::of(start, end, at, duration);
        if times.start.is_none() && times.end.is_none() {
            out.problem(Reason::MissingFields, Some(line.at), "no time");
            return None;
        }
        let mut id = |field| {
            let label = get(values, field).label().ok().flatten()?;
            out.id(&label)
        };
        let (trace, span, parent) = (id(Field::Trace), id(Field::Span), id(Field::Parent));
        let own = || Id::synthetic(&[b"generic", &self.salt, &line.at.pos.to_be_bytes(), line.bytes]);
        let level = level(get(values, Field::Level));
        let text = |field| get(values, field).text();
        let provider = text(Field::Provider).unwrap_or_default();
        let usage = counters(values).normalise(Convention::Unknown, provider);

        let mut update = SpanUpdate::new(trace.unwrap_or(self.trace), span.unwrap_or_else(own), line.stamp);
        update.payload = Some(line.at);
        update.parent = match parent {
            Some(parent) => Parent::Span(parent),
            None if span.is_none() => Parent::Root,
            None => Parent::Unsaid,
        };
        (update.start, update.end) = (times.start, times.end);
        update.kind = Some(kind(values, usage.is_some(), times.is_point && span.is_none()));
        update.usage = usage;
        update.cost = get(values, Field::Cost).number().ok().flatten().and_then(NanoUsd::from_usd);
        let error = text(Field::Error).map(str::to_owned).or_else(|| match get(values, Field::Error) {
            Value::Object(text) => Some(described(text)),
            Value::Bool(true) => Some(name.clone()),
            _ => None,
        });
        let failed = error.is_some() || level == Some(Level::Error);
        let said = match get(values, Field::Status) {
            Value::Bool(true) => Some(Status::Ok),
            Value::Bool(false) => Some(Status::Error),
            value => value.text().map(Status::from_source_word).filter(|status| *status != Status::Unknown),
        };
        update.status = match said {
            Some(Status::Ok) | None if failed => Some(Status::Error),
            None if times.end.is_some() => Some(Status::Ok),
            None => Some(Status::Running),
            said => said,
        };
        if odd {
            update.marks = Marks::ODD;
        }
        let error = error.or_else(|| (level == Some(Level::Error)).then(|| name.clone()));
        update.error = error.map_or(Symbol::NONE, |error| out.intern(first_line(&error)));
        update.name = out.intern(&name);
        let mut label = |field| match get(values, field).label() {
            Ok(Some(text)) => out.intern(first_line(&text)),
            _ => Symbol::NONE,
        };
        update.span_type = label(Field::Kind);
        update.workflow = label(Field::Workflow);
        update.step = label(Field::Step);
        update.agent = label(Field::Agent);
        update.tool = label(Field::Tool);
        update.model = label(Field::Model);
        update.provider = label(Field::Provider);
        update.user = label(Field::User);
        update.session = label(Field::Session);
        update.service = label(Field::Service);
        if trace.is_none() && update.workflow.is_none() && !self.workflow.is_empty() {
            update.workflow = out.intern(&self.workflow);
        }
        Some(update)
    }
}

struct Times {
    start: Option<Timed>,
    end: Option<Timed>,
    /// It has no duration and is not under way.
    is_point: bool,
}

impl Times {
    fn of(
        start: Option<UnixNanos>,
        end: Option<UnixNanos>,
        at: Option<UnixNanos>,
        nanos: Option<i64>,
    ) -> Self {
        let written = |at: Option<UnixNanos>| at.map(Timed::written);
        let is_point = start.is_none() && end.is_none() && nanos.is_none();
        let (start, end) = match (start, end, nanos) {
            (Some(start), None, Some(nanos)) => {
                (written(Some(start)), Some(Timed::inferred(start.plus(nanos))))
            }
            // What has a duration was written when it was over.
            (None, end, Some(nanos)) => {
                let end = end.or(at);
                (end.map(|end| Timed::inferred(end.plus(nanos.saturating_neg()))), written(end))
            }
            (None, None, None) => (written(at), written(at)),
            (None, Some(end), None) => (written(at.filter(|at| *at <= end)), written(Some(end))),
            (start, end, _) => (written(start), written(end)),
        };
        Self { start, end, is_point }
    }
}

fn duration(values: &Values<'_>) -> Option<i64> {
    let units = [
        (Field::DurationMs, NANOS_PER_MS as f64),
        (Field::DurationS, 1e9),
        (Field::DurationUs, 1e3),
        (Field::DurationNs, 1.0),
    ];
    units.into_iter().find_map(|(field, unit)| {
        let nanos = get(values, field).number().ok().flatten()? * unit;
        (0.0..9e18).contains(&nanos).then_some(nanos as i64)
    })
}

fn counters(values: &Values<'_>) -> Counters {
    let mut counters = Counters::default();
    for (field, counter) in [
        (Field::In, Counter::Input),
        (Field::Out, Counter::Output),
        (Field::CacheRead, Counter::CacheRead),
        (Field::CacheWrite, Counter::CacheWrite),
        (Field::Reasoning, Counter::Reasoning),
        (Field::Total, Counter::Total),
    ] {
        if let Ok(Some(count)) = get(values, field).count() {
            counters.set(counter, count);
        }
    }
    if let Value::Object(text) = get(values, Field::Usage)
        && counters.is_empty()
        && let Ok(usage) = serde_json::from_str(text)
    {
        counters = Counters::from_json(&usage);
    }
    counters
}

fn kind(values: &Values<'_>, used: bool, is_point: bool) -> SpanKind {
    let word = get(values, Field::Kind).text().and_then(SpanKind::from_word);
    let says = |field| !get(values, field).is_null();
    word.unwrap_or({
        if used || (says(Field::Model) && !is_point) {
            SpanKind::Llm
        } else if is_point {
            SpanKind::Event
        } else if says(Field::Tool) {
            SpanKind::Tool
        } else if says(Field::Step) {
            SpanKind::Step
        } else if says(Field::Agent) {
            SpanKind::Agent
        } else if says(Field::Workflow) {
            SpanKind::Workflow
        } else {
            SpanKind::Other
        }
    })
}

#[derive(PartialEq, Eq)]
enum Level {
    Error,
    Lower,
}

/// The level of a log line, as a word or as bunyan's and pino's number.
fn level(value: &Value<'_>) -> Option<Level> {
    match value {
        Value::Unsigned(number) => Some(if *number >= 50 { Level::Error } else { Level::Lower }),
        Value::Text(word) => {
            let words = ["error", "err", "fatal", "critical", "crit", "panic", "emerg", "alert", "dpanic"];
            let failed = words.iter().any(|known| word.trim().eq_ignore_ascii_case(known));
            Some(if failed { Level::Error } else { Level::Lower })
        }
        _ => None,
    }
}

fn first_line(text: &str) -> &str {
    let line = text.trim().lines().next().unwrap_or_default();
    let end = line.char_indices().nth(2_000).map_or(line.len(), |(at, _)| at);
    line.get(..end).unwrap_or_default()
}

/// The message of an error object, else the whole of it.
fn described(text: &str) -> String {
    let mut reader = Reader::new(text);
    let mut said = None;
    if reader.enter_object().is_ok() {
        while let Ok(Some(key)) = reader.next_key() {
            let Ok(value) = reader.value() else { break };
            if matches!(&*key, "message" | "msg" | "error") && value.text().is_some() {
                said = value.text().map(str::to_owned);
                break;
            }
        }
    }
    said.unwrap_or_else(|| text.to_owned())
}

/// One record for reading.
pub(super) fn detail_of(mapping: &Mapping, bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let mut detail = SpanDetail { raw: text.text.trim_end().to_owned(), ..SpanDetail::default() };
    if let Ok(values) = mapping.read(&mut Reader::new(&text.text)) {
        let payload = |field| match get(&values, field) {
            Value::Null => None,
            value => Some(value.excerpt().into_owned()),
        };
        detail.input = payload(Field::Input);
        detail.output = payload(Field::Output);
        detail.error = payload(Field::Error);
        let speaks = kind(&values, !counters(&values).is_empty(), false) == SpanKind::Llm;
        detail.messages = chat::messages(detail.input.as_deref(), detail.output.as_deref(), speaks);
    }
    let mut reader = Reader::new(&text.text);
    if reader.enter_object().is_ok() {
        // What is damaged behind a point is still shown up to that point, and whole as raw text.
        while let Ok(Some(key)) = reader.next_key() {
            let Ok(raw) = reader.raw() else { break };
            detail.attributes.push((key.into_owned(), raw.to_owned()));
        }
    }
    detail
}
