//! OTLP as JSON: one export request per line, as the Collector's file exporter and the SDKs' JSON exporters write it,
//! with spans (`resourceSpans`) or log records (`resourceLogs`); also single spans as console exporters print them.
//!
//! Keys may be in camel or snake case, ids hex or base64, enums numbers or names, 64-bit numbers text or numbers. Each
//! span of a line has a place of its own, so that reading it again reads no other one. What attributes mean is said by
//! the mapping of [`genai`](super::genai).

mod detail;
pub(super) mod ids;
mod logs;
mod place;
mod span;
mod values;

#[cfg(test)]
mod tests;

use super::genai::{Collector, Mapping, mapping};
use super::json::{Fault, LineText, Reader, Value};
use super::lines::each_object_in;
use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{Batch, PayloadRef, Reason, Symbol};
use place::Places;
use span::Origin;
use values::Sink;

/// Lines of export requests.
pub(super) static LINES: LineFormat = LineFormat {
    name: "otlp-json",
    about: "OpenTelemetry export requests, one JSON object per line: resourceSpans, and GenAI events in resourceLogs",
    sniff,
    decoder,
    detail: detail::record,
    independent_lines: true,
};

fn decoder(_: &Stream) -> Box<dyn LineDecoder> {
    Box::new(Requests)
}

/// How sure a sample makes us, by the members of its objects. The last one may be cut.
fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut requests, mut spans, mut records) = (0usize, 0usize, 0usize);
    for line in sample.lines() {
        let text = LineText::new(line);
        let mut reader = Reader::new(&text.text);
        if reader.peek() != Some(b'{') {
            continue;
        }
        records += 1;
        match look(&mut reader) {
            Look::Request => requests += 1,
            Look::Span => spans += 1,
            Look::Other => {}
        }
    }
    if requests + spans == 0 {
        return (0, "no record with resourceSpans".to_owned());
    }
    let base = if requests > 0 { 50 } else { 46 };
    let score = base + 45 * (requests + spans) / records.max(1);
    let what = if requests > 0 {
        "export requests with resourceSpans or resourceLogs"
    } else {
        "spans of a console exporter"
    };
    (score as u8, format!("{} of {records} records are {what}", requests + spans))
}

enum Look {
    Request,
    Span,
    Other,
}

/// What an object is, by its first members. Flat records with ids and times of their own kind are not ours.
fn look(reader: &mut Reader<'_>) -> Look {
    let (mut ids, mut context, mut time, mut parts) = (false, false, false, false);
    if reader.enter_object().is_err() {
        return Look::Other;
    }
    for _ in 0..64 {
        let Ok(Some(key)) = reader.next_key() else { break };
        if Signal::of(&key).is_some_and(|signal| signal != Signal::Metrics) {
            return Look::Request;
        }
        let value = reader.peek();
        match &*key {
            "startTimeUnixNano" | "start_time_unix_nano" => return Look::Span,
            "context" | "_spanContext" => context |= value == Some(b'{'),
            "traceId" => ids = true,
            "start_time" | "startTime" | "endTime" => {
                time = true;
                parts |= value == Some(b'[');
            }
            _ => {}
        }
        if reader.skip().is_err() {
            break;
        }
    }
    if context && time || ids && parts { Look::Span } else { Look::Other }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    Spans,
    Logs,
    Metrics,
}

impl Signal {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "resourceSpans" | "resource_spans" => Self::Spans,
            "resourceLogs" | "resource_logs" => Self::Logs,
            "resourceMetrics" | "resource_metrics" => Self::Metrics,
            _ => return None,
        })
    }

    /// Whether a member holds this signal's scopes.
    fn has_scopes(self, key: &str) -> bool {
        match self {
            Self::Spans => matches!(
                key,
                "scopeSpans"
                    | "scope_spans"
                    | "instrumentationLibrarySpans"
                    | "instrumentation_library_spans"
            ),
            _ => matches!(key, "scopeLogs" | "scope_logs"),
        }
    }

    /// Whether a member holds this signal's records.
    fn has_records(self, key: &str) -> bool {
        match self {
            Self::Spans => key == "spans",
            _ => matches!(key, "logRecords" | "log_records"),
        }
    }
}

struct Requests;

impl LineDecoder for Requests {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object_in(line, out, |reader, text, out| {
            let places = Places::new(line, text);
            let from = reader.offset();
            let before = out.updates.len();
            let collector = Collector::new(mapping());
            let mut walk = Walk { mapping: mapping(), collector, places: &places, out, records: 0 };
            walk.object(reader)?;
            let records = walk.records;
            // A request with a single span is that span's record as a whole, with its resource and scope.
            if records == 1
                && out.updates.len() == before + 1
                && let Some(update) = out.updates.last_mut()
            {
                let (at, stamp) = places.part(from, reader.position());
                (update.payload, update.stamp) = (Some(at), stamp);
            }
            Ok(())
        });
    }
}

/// On its way through a line.
struct Walk<'w, 'l, 't> {
    mapping: &'static Mapping,
    collector: Collector<'static, 't>,
    places: &'w Places<'l>,
    out: &'w mut Batch,
    /// Spans and log records met.
    records: usize,
}

/// The name and service around the records of a scope.
#[derive(Clone, Default)]
struct Around {
    scope: String,
    service: Symbol,
}

impl<'t> Walk<'_, '_, 't> {
    /// An export request, or a span by itself.
    fn object(&mut self, reader: &mut Reader<'t>) -> Result<(), Fault> {
        let whole = reader.clone();
        let mut known = false;
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            match Signal::of(&key) {
                Some(Signal::Metrics) => {
                    known = true;
                    self.note(Reason::OtherSignal, "metrics");
                    reader.skip()?;
                }
                Some(signal) => {
                    known = true;
                    self.each(reader, &key, |walk, reader| walk.resource(reader, signal))?;
                }
                None => reader.skip()?,
            }
        }
        if !known {
            self.bare(whole)?;
        }
        Ok(())
    }

    /// The objects of an array; what is none is passed over with a note.
    fn each(
        &mut self,
        reader: &mut Reader<'t>,
        what: &str,
        mut read: impl FnMut(&mut Self, &mut Reader<'t>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match reader.peek() {
            Some(b'[') => {}
            Some(b'n') => return reader.skip(),
            _ => {
                self.note(Reason::BadType, what);
                return reader.skip();
            }
        }
        reader.enter_array()?;
        while reader.next_item()? {
            if reader.peek() == Some(b'{') {
                read(self, reader)?;
            } else {
                self.note(Reason::BadType, what);
                reader.skip()?;
            }
        }
        Ok(())
    }

    /// One resource with its scopes. These may come before what says whose they are.
    fn resource(&mut self, reader: &mut Reader<'t>, signal: Signal) -> Result<(), Fault> {
        let mut around = Around::default();
        let mut known = false;
        let mut early = Vec::new();
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            if key == "resource" {
                known = true;
                around.service = self.service(reader)?;
            } else if !signal.has_scopes(&key) {
                reader.skip()?;
            } else if known {
                self.each(reader, &key, |walk, reader| walk.scope(reader, signal, &around))?;
            } else {
                early.push(reader.clone());
                reader.skip()?;
            }
        }
        for mut reader in early {
            self.each(&mut reader, "scopes", |walk, reader| walk.scope(reader, signal, &around))?;
        }
        Ok(())
    }

    /// One scope with its records, likewise.
    fn scope(&mut self, reader: &mut Reader<'t>, signal: Signal, outside: &Around) -> Result<(), Fault> {
        let mut around = outside.clone();
        let mut known = false;
        let mut early = Vec::new();
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            if matches!(&*key, "scope" | "instrumentationLibrary" | "instrumentation_library") {
                known = true;
                around.scope = scope_name(reader)?;
            } else if !signal.has_records(&key) {
                reader.skip()?;
            } else if known {
                self.each(reader, &key, |walk, reader| walk.record(reader, signal, &around))?;
            } else {
                early.push(reader.clone());
                reader.skip()?;
            }
        }
        for mut reader in early {
            self.each(&mut reader, "records", |walk, reader| walk.record(reader, signal, &around))?;
        }
        Ok(())
    }

    fn record(&mut self, reader: &mut Reader<'t>, signal: Signal, around: &Around) -> Result<(), Fault> {
        self.records += 1;
        self.collector.clear();
        let from = reader.offset();
        let update = if signal == Signal::Logs {
            let fields = logs::Fields::read(reader, &mut self.collector)?;
            let origin = self.origin(from, reader.position(), around);
            fields.update(self.mapping, &mut self.collector, &origin, self.out)
        } else {
            let fields = span::Fields::read(reader, self.mapping, &mut self.collector)?;
            let origin = self.origin(from, reader.position(), around);
            fields.update(&mut self.collector, &origin, self.out)
        };
        self.out.updates.extend(update);
        Ok(())
    }

    /// A span that stands by itself, with its resource and scope inside.
    fn bare(&mut self, mut reader: Reader<'t>) -> Result<(), Fault> {
        let mut around = Around::default();
        let mut inside = reader.clone();
        inside.enter_object()?;
        while let Some(key) = inside.next_key()? {
            match &*key {
                "resource" => around.service = self.service(&mut inside)?,
                "scope" | "instrumentationScope" | "instrumentationLibrary" | "instrumentation_scope" => {
                    around.scope = scope_name(&mut inside)?;
                }
                _ => inside.skip()?,
            }
        }
        self.records += 1;
        self.collector.clear();
        let from = reader.offset();
        let fields = span::Fields::read(&mut reader, self.mapping, &mut self.collector)?;
        let origin = self.origin(from, reader.position(), &around);
        if fields.is_span && !(fields.trace.is_null() && fields.span.is_null()) {
            let update = fields.update(&mut self.collector, &origin, self.out);
            self.out.updates.extend(update);
        } else {
            self.note(Reason::NotASpan, "an object without resourceSpans");
        }
        Ok(())
    }

    fn origin<'o>(&self, from: usize, to: usize, around: &'o Around) -> Origin<'o> {
        let (at, stamp) = self.places.part(from, to);
        Origin { scope: &around.scope, service: around.service, at, stamp }
    }

    /// The service's name among a resource's attributes.
    fn service(&mut self, reader: &mut Reader<'t>) -> Result<Symbol, Fault> {
        let mut best = Service { mapping: self.mapping, found: None };
        if reader.peek() != Some(b'{') {
            reader.skip()?;
            return Ok(Symbol::NONE);
        }
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            match &*key {
                "attributes" | "_attributes" => {
                    values::attributes(reader, &mut best)?;
                }
                _ => reader.skip()?,
            }
        }
        Ok(best.found.map_or(Symbol::NONE, |(_, name)| self.out.intern(&name)))
    }

    fn note(&mut self, reason: Reason, detail: &str) {
        let at: PayloadRef = self.places.line().at;
        self.out.problem(reason, Some(at), detail);
    }
}

/// Looks for the service's name.
struct Service {
    mapping: &'static Mapping,
    found: Option<(usize, String)>,
}

impl<'t> Sink<'t> for Service {
    fn wants(&mut self, _: &str) -> bool {
        true
    }

    fn take(&mut self, name: &str, value: Value<'t>) {
        let Some(text) = value.text() else { return };
        if let Some(rank) = self.mapping.service_rank(name, text)
            && self.found.as_ref().is_none_or(|(known, _)| rank < *known)
        {
            self.found = Some((rank, text.to_owned()));
        }
    }
}

fn scope_name(reader: &mut Reader<'_>) -> Result<String, Fault> {
    if reader.peek() != Some(b'{') {
        reader.skip()?;
        return Ok(String::new());
    }
    let mut name = String::new();
    reader.enter_object()?;
    while let Some(key) = reader.next_key()? {
        match &*key {
            "name" => name = values::text(reader)?.unwrap_or_default().into_owned(),
            _ => reader.skip()?,
        }
    }
    Ok(name)
}
