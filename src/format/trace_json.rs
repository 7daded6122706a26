//! Whole traces: an object with a trace's id and a list of its spans, one on a line or in a file. The spans are those of
//! the native format, which need not repeat the trace's id.

use serde_json::{Map, Value as Json};

use super::lines::{each_object_in, each_part, sniff_objects};
use super::{Line, LineDecoder, LineFormat, LineSample, Stream, native};
use crate::model::{Batch, Reason};

/// Traces with their spans.
pub(super) static LINES: LineFormat = LineFormat {
    name: "trace-json",
    about: "whole traces: {trace_id, spans: […]}, one a line or one in a file",
    sniff,
    decoder: |stream: &Stream| Box::new(Traces { spans: (native::LINES.decoder)(stream) }),
    detail: native::LINES.detail,
    independent_lines: true,
};

/// Names of ids.
const TRACE: [&str; 3] = ["trace_id", "traceId", "trace"];
const SPAN: [&str; 2] = ["span_id", "spanId"];

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let is_span =
        |span: &Json| SPAN.iter().any(|name| span.get(*name).is_some()) && span.get("name").is_some();
    sniff_objects(sample, 85, ["traces with their spans", "no traces with lists of spans"], |record| {
        let spans = record.get("spans").and_then(Json::as_array).filter(|spans| !spans.is_empty());
        id(record).is_some() && spans.is_some_and(|spans| spans.iter().all(is_span))
    })
}

fn id(record: &Map<String, Json>) -> Option<&str> {
    TRACE.iter().find_map(|name| record.get(*name)?.as_str())
}

struct Traces {
    spans: Box<dyn LineDecoder>,
}

impl LineDecoder for Traces {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object_in(line, out, |reader, text, out| {
            let whole: Json = serde_json::from_str(reader.clone().raw()?).unwrap_or_default();
            let trace = whole.as_object().and_then(id).unwrap_or_default();
            each_part(reader, text, line, &["spans"], &mut |raw, part| {
                let Ok(Json::Object(mut span)) = serde_json::from_str::<Json>(raw) else {
                    out.problem(Reason::NotASpan, Some(part.at), "no span in a list of spans");
                    return;
                };
                if id(&span).is_none() {
                    span.insert("trace_id".to_owned(), trace.into());
                }
                let bytes = Json::Object(span).to_string();
                self.spans.decode(&Line { bytes: bytes.as_bytes(), ..*part }, out);
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::LINES;
    use crate::format::testing::{decode, problems, totals};

    #[test]
    fn spans_of_a_trace_have_its_id_and_places_of_their_own() {
        let text = r#"{"trace_id":"4f8400000000000000000000000000cc","timestamp":"2026-04-02T10:00:00+00:00Z","spans":[
            {"span_id":"00000000000000c1","name":"primitive.Workflow","start_time":1775124000.0,"end_time":1775124002.5,"status":"success"},
            {"span_id":"00000000000000c2","parent_span_id":"00000000000000c1","name":"step","start_time":1775124001.0,"end_time":1775124002.5,"status":"error"}]}"#;
        let text = text.replace('\n', "");
        let batch = decode(&LINES, text.as_bytes());
        let totals = totals(&batch);
        assert_eq!(problems(&batch), "");
        assert_eq!((totals.traces, totals.spans, totals.errors, totals.open), (1, 2, 1, 0));
        let at = batch.updates[1].payload.unwrap();
        let own = &text[at.pos as usize..][..at.len as usize];
        assert!(own.starts_with(r#"{"span_id":"00000000000000c2""#) && own.ends_with('}'), "{own}");
    }
}
