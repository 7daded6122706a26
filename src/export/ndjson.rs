//! tracetui's own format: one JSON object per span with the field names of `execution_spans`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Exporter, Selection};
use crate::format::{is_of_the_bill, is_response_id};
use crate::model::{
    COPIED_RESPONSE, Field, Marks, NANOS_PER_MS, ServiceTier, SpanDetail, Symbol, UNIQUE_RESPONSE, UnixNanos,
    Usage, response_key,
};
use crate::store::{SpanView, TraceIx};
use crate::text::{json_safe, raw_json};

/// See the module.
pub(super) struct Ndjson;

/// One line.
#[derive(Serialize)]
struct Record<'a> {
    trace_id: String,
    span_id: String,
    parent_span_id: Option<String>,
    run_id: Option<String>,
    name: &'a str,
    span_type: &'a str,
    kind: &'static str,
    status: &'static str,
    started_at: Option<String>,
    ended_at: Option<String>,
    duration_ms: Option<f64>,
    input: Option<Box<RawValue>>,
    output: Option<Box<RawValue>>,
    error: Option<Box<RawValue>>,
    attributes: serde_json::Map<String, serde_json::Value>,
}

impl Exporter for Ndjson {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    fn about(&self) -> &'static str {
        "one JSON object per span, as tracetui itself reads it"
    }

    fn write(&self, selection: &Selection<'_>, out: &mut dyn Write) -> io::Result<()> {
        let store = selection.store;
        for trace in 0..store.trace_count() {
            let mut spans: Vec<SpanView<'_>> = store
                .trace(TraceIx::from_index(trace))
                .spans()
                .filter(|span| span.is_known() && (selection.matches)(span))
                .collect();
            spans.sort_by_key(|span| (span.start(), span.ix()));
            for span in spans {
                let line = serde_json::to_string(&Parts::new(selection, &span).record())?;
                writeln!(out, "{}", json_safe(&line))?;
            }
        }
        Ok(())
    }
}

/// A span's text, owned so that the record can borrow it.
struct Parts<'a> {
    selection: &'a Selection<'a>,
    span: &'a SpanView<'a>,
    name: String,
    span_type: String,
    detail: SpanDetail,
}

impl<'a> Parts<'a> {
    fn new(selection: &'a Selection<'a>, span: &'a SpanView<'a>) -> Self {
        let shown = |text: &str| (selection.shown)(text);
        let own_type = span.text(span.facets().span_type);
        let span_type = if own_type.is_empty() { span.kind().as_str() } else { own_type };
        Self {
            selection,
            span,
            name: shown(span.name()),
            span_type: shown(span_type),
            detail: (selection.detail)(span),
        }
    }

    fn record(&self) -> Record<'_> {
        let span = self.span;
        let trace = span.trace();
        let status = span.status(self.selection.clock);
        Record {
            trace_id: trace.id_text(),
            span_id: span.id_text(),
            parent_span_id: span.parent().map(|parent| parent.id_text()),
            run_id: trace.run().map(|run| run.display(self.selection.store.strings()).to_string()),
            name: &self.name,
            span_type: &self.span_type,
            kind: span.kind().as_str(),
            status: status.as_str(),
            started_at: span.start().map(UnixNanos::to_rfc3339),
            ended_at: span.end().map(UnixNanos::to_rfc3339),
            duration_ms: span.duration().map(|nanos| nanos as f64 / NANOS_PER_MS as f64),
            input: self.detail.input.as_deref().and_then(raw_json),
            output: self.detail.output.as_deref().and_then(raw_json),
            // A call that went well may have been told what went wrong before it.
            error: self
                .detail
                .error
                .as_deref()
                .filter(|_| status != crate::model::Status::Ok)
                .and_then(raw_json)
                .or_else(|| raw_json(&(self.selection.shown)(span.error()?))),
            attributes: self.attributes(),
        }
    }

    /// The source's own attributes, with what the index knows under the names that the native format reads.
    fn attributes(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut attributes = serde_json::Map::new();
        for (name, value) in &self.detail.attributes {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.clone().into());
            attributes.insert(name.clone(), value);
        }
        let span = self.span;
        let labels = [
            ("workflowName", Field::Workflow),
            ("stepName", Field::Step),
            ("agentName", Field::Agent),
            ("toolName", Field::Tool),
            ("model", Field::Model),
            ("provider", Field::Provider),
            ("userId", Field::User),
            ("sessionId", Field::Session),
            ("serviceName", Field::Service),
        ];
        for (name, field) in labels {
            let symbol = span.facets().get(field).unwrap_or(Symbol::NONE);
            if symbol.is_some() {
                attributes.insert(name.to_owned(), (self.selection.shown)(span.text(symbol)).into());
            }
        }
        // Usage and cost under any other name would be read beside ours and might disagree: a zero that stands for
        // "not known", say.
        attributes.retain(|name, _| !is_of_the_bill(name));
        // Which spans are records of one response is what the index found: an agent's log may say the same id of calls
        // that are told apart by more than that.
        let shared = span.shared_response();
        attributes.retain(|name, value| {
            let is_it = || match shared {
                Some((key, false)) => {
                    value.as_str().and_then(|id| response_key(id, span.usage().as_ref())) == Some(key)
                }
                _ => false,
            };
            !is_response_id(name) || is_it()
        });
        if let Some((key, anywhere)) = shared
            && !attributes.keys().any(|name| is_response_id(name))
        {
            let scope = match (anywhere, span.is_duplicate()) {
                (false, _) => "",
                (true, false) => UNIQUE_RESPONSE,
                (true, true) => COPIED_RESPONSE,
            };
            attributes.insert("responseId".to_owned(), format!("{scope}{key:016x}").into());
        }
        if let Some(usage) = span.usage().filter(|_| span.usage_counts() || !span.marks().has(Marks::ROLLUP))
        {
            let counts = [
                ("inputTokens", usage.input),
                ("cacheReadTokens", usage.cache_read),
                ("cacheWriteTokens", usage.cache_write),
                ("outputTokens", usage.output),
                ("reasoningTokens", usage.reasoning),
            ];
            let Usage { input, cache_read, cache_write, parts, .. } = usage;
            let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
            let audio = u64::from(parts.input_audio);
            let uncached =
                input.filter(|_| cached > 0).map(|input| input.saturating_sub(cached.saturating_add(audio)));
            let some = |count: u32| (count > 0).then_some(u64::from(count));
            let rare = [
                ("noCacheTokens", uncached),
                ("cacheWrite1hTokens", some(parts.cache_write_1h)),
                ("inputAudioTokens", some(parts.input_audio)),
                ("outputAudioTokens", some(parts.output_audio)),
                ("webSearchRequests", some(parts.searches)),
            ];
            for (name, count) in counts.into_iter().chain(rare) {
                if let Some(count) = count {
                    attributes.insert(name.to_owned(), count.into());
                }
            }
            if parts.tier != ServiceTier::Unsaid {
                attributes.insert("serviceTier".to_owned(), parts.tier.as_str().into());
            }
        }
        if let Some(cost) = span.reported_cost() {
            attributes.insert("costUsd".to_owned(), cost.usd().into());
        }
        if let Some(first) = span.first_token() {
            attributes.insert("completionStartTime".to_owned(), first.to_rfc3339().into());
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::format::LINE_FORMATS;
    use crate::model::{Batch, Id, SourceId, SpanUpdate, Stamp};
    use crate::store::{Arrival, Clock, Store};

    /// What is written of one span with this payload.
    fn exported(detail: &SpanDetail) -> String {
        let mut store = Store::new();
        store.add_source(SourceId(0), "a");
        let mut batch = Batch::default();
        let mut update = SpanUpdate::new(Id::synthetic(&[b"trace"]), Id::synthetic(&[b"span"]), Stamp(0));
        update.name = batch.intern("a");
        batch.push(update);
        store.apply(SourceId(0), &batch, Arrival { at: UnixNanos(0), live: false });
        let selection = Selection {
            store: &store,
            clock: &Clock::at(UnixNanos(0)),
            matches: &|_| true,
            detail: &|_| detail.clone(),
            shown: &str::to_owned,
        };
        let mut out = Vec::new();
        Ndjson.write(&selection, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// What a payload means: JSON when it is such, else a text.
    fn meant(text: &str) -> Value {
        // As deep as it may be: values that are too deep for a tree are compared as text.
        serde_json::from_str(text).unwrap_or_else(|_| text.into())
    }

    fn holds(text: &str) {
        let detail = SpanDetail {
            input: Some(text.to_owned()),
            output: Some(text.to_owned()),
            error: Some(text.to_owned()),
            attributes: vec![("odd".to_owned(), text.to_owned())],
            ..SpanDetail::default()
        };
        let written = exported(&detail);
        let line = written.strip_suffix('\n').unwrap();
        let shown: String = text.chars().take(200).collect();
        assert!(!line.contains(['\n', '\r']), "{shown}");
        let record: Value = serde_json::from_str(line).unwrap();
        for part in ["input", "output", "error"] {
            assert_eq!(record[part], meant(text), "{part}: {shown}");
        }
        assert_eq!(record["attributes"]["odd"], meant(text), "{shown}");
        // As the native format reads it back.
        let native = LINE_FORMATS.iter().find(|format| format.name == "native").unwrap();
        let again = (native.detail)(line.as_bytes()).output;
        let want = Some(meant(text)).filter(|value| !value.is_null());
        assert_eq!(again.map(|again| meant(&again)), want.map(|want| meant(&text_of(want))), "{shown}");
    }

    /// A text that is JSON again is taken for that: the native format has no way to tell them apart.
    fn text_of(value: Value) -> String {
        match value {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    #[test]
    fn odd_payloads_are_one_line() {
        let pretty = "{\n  \"answer\": 42\n}";
        let huge = format!("[\n{}\n1]", "  \"x y\",\r\n\t".repeat(200_000));
        for text in [
            pretty,
            "{\r\n\t\"a\\\\\": \"b\\\" \\n c\",\r\n\t\"d\": [ 1, 2 ]\r\n}",
            "\n[ ]\n",
            "\"a\u{2028}b\u{85}\u{7f}\"",
            "{\"a\u{2029}\":\n\"\u{2028}\"}",
            "{\n  \"cut\": ",
            "line\nline\rline\u{2028}",
            "\u{feff}{\n}",
            "1\n2",
            &huge,
            &"no JSON\r\n".repeat(200_000),
        ] {
            holds(text);
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|number| json!(number)),
            any::<bool>().prop_map(|flag| json!(flag)),
            any::<String>().prop_map(|text| json!(text)),
            "[ \\n\\r\\t\\\\\"{}\u{2028}]{0,12}".prop_map(|text| json!(text)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ \\n\\\\\"a-c]{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn pretty_values_stay_equal(value in value(), end in "\n|\r\n|\n\t|\r|\t") {
            let pretty = serde_json::to_string_pretty(&value).unwrap().replace('\n', &end);
            let json: Value = serde_json::from_str(&pretty).unwrap();
            prop_assert_eq!(&json, &value);
            let raw = raw_json(&pretty).unwrap();
            prop_assert!(!raw.get().contains(['\n', '\r', '\t']));
            prop_assert_eq!(serde_json::from_str::<Value>(&json_safe(raw.get())).unwrap(), value);
            // Objects and lists are read back as what they are.
            if json.is_object() || json.is_array() {
                holds(&pretty);
            }
        }

        #[test]
        fn any_text_is_one_line(text in any::<String>(), noise in "[ \\n\\r\\t\\[\\]{}:,\"\\\\0-9a\u{2028}]{0,30}") {
            for text in [text, noise] {
                let written = exported(&SpanDetail { output: Some(text.clone()), ..SpanDetail::default() });
                prop_assert_eq!(written.lines().count(), 1);
                let record: Value = serde_json::from_str(&written).unwrap();
                prop_assert_eq!(&record["output"], &meant(&text));
            }
        }
    }
}
