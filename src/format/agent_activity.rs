//! Activities of agents as TTA.dev notes them: `{timestamp, action_type, tta_agent, …}` on a line, `{timestamp, action,
//! agent_name, …}` with ids of nothing but zeros, or one `{trace_id, timestamp, activity_type, agent, …}` in a file.
//!
//! An activity is a point in time below its agent's span, which lasts from the first to the last of them; one that
//! tells tokens is a call. What names no trace belongs to that of its file.

use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};

use super::json::LineText;
use super::lines::{each_object, sniff_objects};
use super::plain::{error_line, flatten, time};
use super::usage::{Convention, Counters};
use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, Id, NANOS_PER_MS, Parent, Reason, SpanDetail, SpanKind, SpanUpdate, Status, Timed, UnixNanos,
};

/// Lines and files of activities.
pub(super) static LINES: LineFormat = LineFormat {
    name: "agent-activity",
    about: "activities of agents (TTA.dev): a timestamp, an action and an agent; one a line or one in a file",
    sniff,
    decoder: |stream: &Stream| {
        Box::new(Activities {
            trace: Id::synthetic(&[b"activities", &stream.salt]),
            salt: stream.salt.clone(),
            agents: FxHashMap::default(),
        })
    },
    detail,
    independent_lines: false,
};

/// Traces whose times are remembered.
const MAX_TRACES: usize = 1 << 14;

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let what = ["activities of agents", "no activities of agents"];
    sniff_objects(sample, 90, what, |record| Activity::of(record).is_some())
}

/// What a record must say: words that are used together.
struct Activity<'r> {
    action: &'r str,
    agent: &'r str,
    /// What the action was about.
    about: Option<&'r Json>,
}

impl<'r> Activity<'r> {
    fn of(record: &'r Map<String, Json>) -> Option<Self> {
        let spellings = [
            ("activity_type", "agent", "details"),
            ("action_type", "tta_agent", "action_data"),
            ("action", "agent_name", "context"),
        ];
        record.get("timestamp")?;
        let (action, agent, about) = spellings.into_iter().find(|(action, agent, about)| {
            text(record, action).is_some() && record.contains_key(*agent) && record.contains_key(*about)
        })?;
        Some(Self {
            action: text(record, action)?,
            agent: text(record, agent).unwrap_or("agent"),
            about: record.get(about).filter(|about| !about.is_null()),
        })
    }
}

fn text<'r>(record: &'r Map<String, Json>, name: &str) -> Option<&'r str> {
    record.get(name).and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty())
}

struct Activities {
    trace: Id,
    salt: Vec<u8>,
    /// From when to when activities of a trace are known.
    agents: FxHashMap<Id, (UnixNanos, UnixNanos)>,
}

impl LineDecoder for Activities {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object(line, out, |reader, line, out| {
            let text = reader.raw()?;
            let parsed: Json = serde_json::from_str(text).unwrap_or_default();
            match parsed.as_object().and_then(|record| Some((record, Activity::of(record)?))) {
                Some((record, activity)) => self.activity(text, record, &activity, line, out),
                None => {
                    out.problem(Reason::NotASpan, Some(line.at), &text.chars().take(80).collect::<String>());
                }
            }
            Ok(())
        });
    }
}

impl Activities {
    fn activity(
        &mut self,
        whole: &str,
        record: &Map<String, Json>,
        activity: &Activity<'_>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let Some(at) = record.get("timestamp").and_then(time) else {
            out.problem(Reason::BadTime, Some(line.at), "timestamp");
            return;
        };
        // Ids of nothing but zeros are none.
        let trace = text(record, "trace_id").and_then(|id| out.id(id)).unwrap_or(self.trace);
        // After a rotation another record stands at the same place of the same path.
        let place = line.at.pos.to_be_bytes();
        let span = Id::synthetic(&[b"activity", &self.salt, &place, whole.as_bytes()]);
        let agent = Id::synthetic(&[b"agent of activities", &trace.bits().to_be_bytes()]);
        let mut update = SpanUpdate::new(trace, span, line.stamp);
        update.payload = Some(line.at);
        update.parent = Parent::Span(agent);
        update.kind = Some(SpanKind::Event);
        update.name = out.intern(activity.action);
        update.span_type = update.name;
        update.agent = out.intern(activity.agent);
        update.user = out.intern(text(record, "user").unwrap_or_default());
        update.model = out.intern(text(record, "model").unwrap_or_default());
        update.provider = out.intern(text(record, "provider").unwrap_or_default());
        update.start = Some(Timed::written(at));
        update.end = update.start;
        update.status = Some(Status::Ok);
        if let Some(about) = activity.about {
            tell(about, text(record, "provider").unwrap_or_default(), at, &mut update, out);
        }
        let began = update.start.map_or(at, |start| start.at);
        let (user, name) = (update.user, update.agent);
        out.push(update);

        let known = self.agents.get(&trace).copied().unwrap_or((began, at));
        let times = (known.0.min(began), known.1.max(at));
        if self.agents.len() < MAX_TRACES || self.agents.contains_key(&trace) {
            self.agents.insert(trace, times);
        }
        let mut above = SpanUpdate::new(trace, agent, line.stamp);
        above.parent = Parent::Root;
        above.kind = Some(SpanKind::Agent);
        (above.name, above.agent, above.user) = (name, name, user);
        above.start = Some(Timed::inferred(times.0));
        above.end = Some(Timed::inferred(times.1));
        above.status = Some(Status::Ok);
        out.push(above);
    }
}

/// What an activity was about: a duration, tokens, how it went.
fn tell(about: &Json, provider: &str, at: UnixNanos, update: &mut SpanUpdate, out: &mut Batch) {
    let took = about.get("duration_ms").and_then(Json::as_f64).filter(|ms| (0.0..1e12).contains(ms));
    if let Some(ms) = took {
        update.start = Some(Timed::inferred(at.plus(-((ms * NANOS_PER_MS as f64) as i64))));
        update.kind = Some(SpanKind::Step);
    }
    let usage = about.get("usage").filter(|usage| usage.is_object()).unwrap_or(about);
    update.usage = Counters::from_json(usage).normalise(Convention::Unknown, provider);
    if update.usage.is_some() {
        update.kind = Some(SpanKind::Llm);
    }
    let word = about.get("status").and_then(Json::as_str).map(Status::from_source_word);
    let error = about.get("error").and_then(Json::as_str);
    if error.is_some() || word == Some(Status::Error) {
        update.status = Some(Status::Error);
        update.error = out.intern(&error_line(error.unwrap_or("failed")));
    }
}

fn detail(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let parsed: Json = serde_json::from_str(&text.text).unwrap_or_default();
    let mut attributes = Vec::new();
    flatten(&parsed, &mut attributes);
    let activity = parsed.as_object().and_then(Activity::of);
    let about = activity.and_then(|activity| activity.about).and_then(|about| about.get("error"));
    SpanDetail {
        error: about.and_then(Json::as_str).map(str::to_owned),
        attributes: attributes.into_iter().map(|(name, value)| (name, value.to_string())).collect(),
        raw: text.text.into_owned(),
        ..SpanDetail::default()
    }
}

#[cfg(test)]
mod tests;
