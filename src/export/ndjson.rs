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
