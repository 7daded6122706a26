//! Log lines of pino and its like (`{"level":30,"time":…,"msg":…}`) that name the trace they belong to: points in time
//! below the spans of another source. What they say about tokens repeats those spans and is not counted.

use super::json::{LineText, Reader, Value};
use super::lines::each_object;
use super::plain::{flatten, time};
use super::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{Batch, DetailEvent, Id, Parent, Reason, SpanDetail, SpanKind, SpanUpdate, Timed};

/// Lines of logs.
pub(super) static LINES: LineFormat = LineFormat {
    name: "json-logs",
    about: "log lines of pino and its like that name a trace: events below the spans of another source",
    sniff,
    decoder: |_: &Stream| Box::new(Logs),
    detail,
    independent_lines: true,
};

/// Characters of a message that stand for the event's name.
const MAX_NAME: usize = 200;

const TRACE: [&str; 4] = ["traceId", "trace_id", "trace.id", "dd.trace_id"];
const SPAN: [&str; 4] = ["spanId", "span_id", "span.id", "dd.span_id"];
const MESSAGE: [&str; 4] = ["msg", "message", "event", "event_type"];
const TIME: [&str; 4] = ["time", "timestamp", "ts", "@timestamp"];
/// What tells a log line from other records; journals of activity have a type in place of a level.
const LEVEL: [&str; 3] = ["level", "severity", "event_type"];

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut logs, mut traced, mut records) = (0usize, 0usize, 0usize);
    for line in sample.lines() {
        let text = LineText::new(line);
        let mut reader = Reader::new(&text.text);
        if reader.peek() != Some(b'{') {
            continue;
        }
        records += 1;
        let Ok(fields) = Fields::read(&mut reader) else { continue };
        let is_log = fields.level && !fields.message.is_null() && !fields.time.is_null() && !fields.spans;
        logs += usize::from(is_log);
        traced += usize::from(is_log && fields.trace.text().is_some());
    }
    if traced == 0 {
        return (0, "no log lines with the id of a trace".to_owned());
    }
    (
        (45 + 50 * logs / records.max(1)) as u8,
        format!("{logs} of {records} records are log lines, {traced} name a trace"),
    )
}

/// The members that matter.
#[derive(Default)]
struct Fields<'t> {
    trace: Value<'t>,
    span: Value<'t>,
    message: Value<'t>,
    time: Value<'t>,
    level: bool,
    /// Whether it is the record of a span after all.
    spans: bool,
}

impl<'t> Fields<'t> {
    fn read(reader: &mut Reader<'t>) -> Result<Self, super::json::Fault> {
        let mut fields = Self::default();
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            let key = &*key;
            fields.level |= LEVEL.contains(&key);
            let slot = if TRACE.contains(&key) {
                &mut fields.trace
            } else if SPAN.contains(&key) {
                &mut fields.span
            } else if MESSAGE.contains(&key) {
                &mut fields.message
            } else if TIME.contains(&key) {
                &mut fields.time
            } else {
                fields.spans |=
                    matches!(key, "start_time" | "startTime" | "started_at" | "startedAt" | "span_type");
                reader.skip()?;
                continue;
            };
            let value = reader.value()?;
            if slot.is_null() {
                *slot = value;
            }
        }
        Ok(fields)
    }
}

struct Logs;

impl LineDecoder for Logs {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object(line, out, |reader, line, out| {
            let from = reader.offset();
            let fields = Fields::read(reader)?;
            let own = line.first(reader.offset().saturating_sub(from));
            let Some(trace) = fields.trace.text().and_then(|text| out.id(text)) else {
                out.problem(Reason::OtherLine, Some(line.at), "a log line that names no trace");
                return Ok(());
            };
            // After a rotation another line stands at the same place.
            let place = line.at.pos.to_be_bytes();
            let id = Id::synthetic(&[b"log line", &trace.bits().to_be_bytes(), &place, own]);
            let mut update = SpanUpdate::new(trace, id, line.stamp);
            update.payload = Some(line.at);
            let span = fields.span.text().and_then(|text| out.id(text));
            update.parent = span.map_or(Parent::Unsaid, Parent::Span);
            update.kind = Some(SpanKind::Event);
            let name: String = fields.message.text().unwrap_or("log").chars().take(MAX_NAME).collect();
            update.name = out.intern(&name);
            update.span_type = out.intern("log");
            match fields.time.time() {
                Ok(at) => update.start = at.map(Timed::written),
                Err(reason) => out.problem(reason, Some(line.at), &fields.time.excerpt()),
            }
            update.end = update.start;
            out.push(update);
            Ok(())
        });
    }
}

fn detail(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let parsed: serde_json::Value = serde_json::from_str(&text.text).unwrap_or_default();
    let first = |names: &[&str]| names.iter().find_map(|name| parsed.get(*name));
    let mut attributes = Vec::new();
    flatten(&parsed, &mut attributes);
    let told = |name: &str| [&TRACE[..], &SPAN, &MESSAGE, &TIME].concat().contains(&name);
    attributes.retain(|(name, _)| !told(name));
    let event = DetailEvent {
        name: first(&MESSAGE).and_then(serde_json::Value::as_str).unwrap_or("log").to_owned(),
        at: first(&TIME).and_then(time),
        attributes: String::new(),
    };
    SpanDetail {
        attributes: attributes.into_iter().map(|(name, value)| (name, value.to_string())).collect(),
        events: vec![event],
        raw: text.text.into_owned(),
        ..SpanDetail::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing::{decode, fixture, problems, totals};

    #[test]
    fn lines_are_events_of_the_traces_they_name() {
        let batch = decode(&LINES, &fixture("native/flowmaestro-pino.ndjson"));
        let totals = totals(&batch);
        assert_eq!((totals.events, totals.spans, problems(&batch).as_str()), (38, 0, ""));
        assert!(batch.updates.iter().all(|update| update.start.is_some() && update.usage.is_none()));
    }

    #[test]
    fn activity_is_a_log_too_and_other_records_are_not() {
        let sure = |line: &str| sniff(&LineSample::new(line.as_bytes())).0;
        let activity = r#"{"trace_id":"4f84c1d74bccd36e7ff4438fb5a1063c","span_id":"7383e079e22060e7","event_type":"checkpoint","timestamp":"2025-11-11T14:00:00Z","data":{}}"#;
        assert!(sure(activity) > 80);
        let named = r#"{"level":30,"time":1767225600000,"name":"Mastra","msg":"hi","trace_id":"4f84c1d74bccd36e7ff4438fb5a1063c","span_id":"7383e079e22060e7"}"#;
        assert!(sure(named) > 90);
        for other in [
            r#"{"level":30,"time":1767225600000,"pid":1,"hostname":"h","msg":"hi"}"#,
            r#"{"trace_id":"t1","span_id":"a","name":"answer","span_type":"step","started_at":"2026-02-04T17:00:00.000Z"}"#,
            "{}",
            "[]",
        ] {
            assert_eq!(sure(other), 0, "{other}");
        }
    }

    #[test]
    fn a_line_is_read_with_its_members() {
        let detail = detail(
            br#"{"level":50,"time":1768212151004,"msg":"Tool failed","traceId":"t","error":{"code":7}}"#,
        );
        assert_eq!(detail.events[0].name, "Tool failed");
        assert!(detail.events[0].at.is_some());
        let said: Vec<_> = detail.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(said, ["error.code=7", "level=50"]);
    }
}
