//! Requests in the outbox (`{endpoint, method, payload}`) and the client's audit lines (`{record_type, run_id, …}`).

use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};

use super::{ABOUT, NAME, run};
use crate::format::json::LineText;
use crate::format::lines::{each_object, sniff_objects};
use crate::format::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, DetailEvent, Id, Parent, Reason, SpanDetail, SpanKind, SpanUpdate, Timed, UnixNanos,
};

/// Runs that are remembered to find the parents and ends of others.
const MAX_RUNS: usize = 1 << 16;

/// Lines of requests and audit records.
pub(in crate::format) static LINES: LineFormat =
    LineFormat { name: NAME, about: ABOUT, sniff, decoder, detail, independent_lines: false };

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let what = ["of a telemetry service's runs", "no requests or audit records of runs"];
    sniff_objects(sample, 95, what, |record| Record::of(record).is_some())
}

/// What a line is about.
enum Record<'l> {
    /// Runs that were posted.
    Posted(Vec<&'l Map<String, Json>>),
    /// A run's end or other news, by its event id.
    News(&'l str, &'l Map<String, Json>),
    /// A run as the client's audit has it, keyed by its run id.
    Audit(&'l Map<String, Json>),
    /// Something that happened in a run.
    Event(&'l Map<String, Json>),
}

impl<'l> Record<'l> {
    fn of(record: &'l Map<String, Json>) -> Option<Self> {
        let text = |name: &str| record.get(name).and_then(Json::as_str);
        match text("record_type") {
            Some("run") if text("run_id").is_some() => return Some(Self::Audit(record)),
            Some("event") if text("run_id").is_some() => return Some(Self::Event(record)),
            _ => {}
        }
        let (_, rest) = text("endpoint")?.split_once("/runs")?;
        let payload = record.get("payload")?;
        let id = rest.trim_matches('/').split('/').next().unwrap_or_default();
        match (text("method")?, payload) {
            ("POST", Json::Object(run)) if id.is_empty() => Some(Self::Posted(vec![run])),
            ("POST", Json::Array(runs)) => {
                Some(Self::Posted(runs.iter().filter_map(Json::as_object).collect()))
            }
            ("POST", Json::Object(batch)) => {
                let runs = batch.get("runs").and_then(Json::as_array);
                Some(Self::Posted(runs.into_iter().flatten().filter_map(Json::as_object).collect()))
            }
            ("PATCH" | "PUT", Json::Object(news)) if !id.is_empty() => Some(Self::News(id, news)),
            _ => None,
        }
    }
}

fn decoder(_: &Stream) -> Box<dyn LineDecoder> {
    Box::new(Requests::default())
}

/// Where a run is.
#[derive(Clone, Copy)]
struct Place {
    trace: Id,
    span: Id,
}

#[derive(Default)]
struct Requests {
    /// By event id and by run id.
    runs: FxHashMap<Id, Place>,
}

impl LineDecoder for Requests {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object(line, out, |reader, line, out| {
            let text = reader.raw()?;
            let parsed: Json = serde_json::from_str(text).unwrap_or_default();
            match parsed.as_object().and_then(Record::of) {
                Some(Record::Posted(runs)) => {
                    for fields in runs {
                        self.run(fields, "event_id", line, out);
                    }
                }
                Some(Record::Audit(fields)) => self.run(fields, "run_id", line, out),
                Some(Record::News(event, fields)) => {
                    let Some(id) = out.id(event) else { return Ok(()) };
                    // News of a run that was posted before this file began.
                    let place = self.runs.get(&id).copied().unwrap_or(Place { trace: id, span: id });
                    let mut update = SpanUpdate::new(place.trace, place.span, line.stamp);
                    update.payload = Some(line.at);
                    run::tell(fields, &mut update, line.at, out);
                    out.push(update);
                }
                Some(Record::Event(fields)) => self.event(text, fields, line, out),
                None => {
                    out.problem(Reason::NotASpan, Some(line.at), &text.chars().take(80).collect::<String>());
                }
            }
            Ok(())
        });
    }
}

impl Requests {
    fn run(&mut self, fields: &Map<String, Json>, key: &str, line: &Line<'_>, out: &mut Batch) {
        let text = |name: &str| fields.get(name).and_then(Json::as_str).unwrap_or_default();
        let run = out.id(text("run_id"));
        let Some(span) = out.id(text(key)).or(run) else {
            out.problem(Reason::MissingId, Some(line.at), "a run without an event_id");
            return;
        };
        let above = out.id(text("parent_run_id"));
        let parent = above.and_then(|above| self.runs.get(&above).copied());
        let own = Place { trace: parent.map(|parent| parent.trace).or(above).or(run).unwrap_or(span), span };
        if self.runs.len() < MAX_RUNS {
            self.runs.insert(span, own);
            if let Some(run) = run {
                self.runs.entry(run).or_insert(own);
            }
        }
        let mut update = SpanUpdate::new(own.trace, span, line.stamp);
        update.payload = Some(line.at);
        update.parent = parent.map_or(Parent::Root, |parent| Parent::Span(parent.span));
        run::tell(fields, &mut update, line.at, out);
        out.push(update);
    }

    fn event(&mut self, whole: &str, fields: &Map<String, Json>, line: &Line<'_>, out: &mut Batch) {
        let text = |name: &str| fields.get(name).and_then(Json::as_str).unwrap_or_default();
        let Some(run) = out.id(text("run_id")) else { return };
        let place = self.runs.get(&run).copied().unwrap_or(Place { trace: run, span: run });
        // After a rotation another event stands at the same place.
        let at = line.at.pos.to_be_bytes();
        let id = Id::synthetic(&[b"run event", &run.bits().to_be_bytes(), &at, whole.as_bytes()]);
        let mut update = SpanUpdate::new(place.trace, id, line.stamp);
        update.payload = Some(line.at);
        update.parent = Parent::Span(place.span);
        update.kind = Some(SpanKind::Event);
        update.name = out.intern(text("event_type"));
        update.span_type = out.intern("event");
        update.start = UnixNanos::parse(text("timestamp")).map(Timed::written);
        update.end = update.start;
        out.push(update);
    }
}

fn detail(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let parsed: Json = serde_json::from_str(&text.text).unwrap_or_default();
    let mut detail = match parsed.as_object().and_then(Record::of) {
        Some(Record::Posted(runs)) => runs.first().map(|fields| run::detail(fields)).unwrap_or_default(),
        Some(Record::News(_, fields) | Record::Audit(fields)) => run::detail(fields),
        Some(Record::Event(fields)) => SpanDetail {
            events: vec![DetailEvent {
                name: fields.get("event_type").and_then(Json::as_str).unwrap_or_default().to_owned(),
                at: fields.get("timestamp").and_then(crate::format::plain::time),
                attributes: fields.get("payload_json").and_then(Json::as_str).unwrap_or_default().to_owned(),
            }],
            ..SpanDetail::default()
        },
        None => SpanDetail::default(),
    };
    detail.raw = text.text.into_owned();
    detail
}
