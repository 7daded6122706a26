//! The JSON contracts `tracetui.report/1` and `tracetui.trace/1`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::analysis::{CostSources, Figures, Percentiles};
use crate::model::{NANOS_PER_MS, NanoUsd, TokenSum, Usage};

/// `report --json`.
#[derive(Debug, Serialize)]
pub(super) struct ReportJson {
    pub schema: &'static str,
    pub sources: Vec<SourceJson>,
    pub filter: Option<String>,
    pub totals: FiguresJson,
    pub groups: Vec<GroupJson>,
}

/// One source of a report.
#[derive(Debug, Serialize)]
pub(super) struct SourceJson {
    pub source: String,
    pub format: Option<&'static str>,
    pub spans: u64,
    pub skipped: SkippedJson,
    /// Records that were kept although something about them was odd, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub flagged: BTreeMap<&'static str, u64>,
}

/// Records that were left out.
#[derive(Debug, Default, Serialize)]
pub(super) struct SkippedJson {
    pub total: u64,
    pub reasons: BTreeMap<&'static str, u64>,
}

/// A group of a report.
#[derive(Debug, Serialize)]
pub(super) struct GroupJson {
    pub key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(flatten)]
    pub figures: FiguresJson,
}

/// Figures of totals and groups.
#[derive(Debug, Serialize)]
pub(super) struct FiguresJson {
    pub runs: u64,
    pub traces: u64,
    pub spans: u64,
    pub events: u64,
    pub running: u64,
    pub unfinished: u64,
    pub errors: u64,
    pub llm_calls: u64,
    pub tool_calls: u64,
    pub tokens: TokensJson,
    pub cost_usd: f64,
    pub unpriced_calls: u64,
    pub cost_source: CostSourceJson,
    pub cache_saved_usd: f64,
    pub duration_ms: DurationJson,
}

/// Calls that count, by where their cost comes from; `differing`, `duplicates` and `assumed` are what is doubtful.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct CostSourceJson {
    pub reported: u64,
    pub computed: u64,
    pub estimated: u64,
    pub free: u64,
    pub unknown: u64,
    pub no_usage: u64,
    pub differing: u64,
    pub duplicates: u64,
    pub assumed: u64,
}

impl From<&CostSources> for CostSourceJson {
    fn from(costs: &CostSources) -> Self {
        let CostSources { reported, computed, estimated, free, unknown, silent, .. } = *costs;
        let CostSources { differing, duplicates, assumed, .. } = *costs;
        Self {
            reported,
            computed,
            estimated,
            free,
            unknown,
            no_usage: silent,
            differing,
            duplicates,
            assumed,
        }
    }
}

/// Token counts; `total` is input plus output.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct TokensJson {
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub output: u64,
    pub reasoning: u64,
    pub total: u64,
}

/// Durations in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct DurationJson {
    pub sum: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

/// `show --json`.
#[derive(Debug, Serialize)]
pub(super) struct TraceJson {
    pub schema: &'static str,
    pub trace_id: String,
    pub name: String,
    pub status: &'static str,
    pub start: Option<String>,
    pub end: Option<String>,
    pub duration_ms: Option<f64>,
    pub tokens: TokensJson,
    pub cost_usd: f64,
    pub unpriced_calls: u64,
    pub spans: Vec<SpanJson>,
}

/// One span of a trace.
#[derive(Debug, Serialize)]
pub(super) struct SpanJson {
    pub span_id: String,
    pub parent_span_id: Option<String>,
    pub name: String,
    pub kind: &'static str,
    #[serde(rename = "type")]
    pub span_type: Option<String>,
    pub status: &'static str,
    pub start: Option<String>,
    pub end: Option<String>,
    pub duration_ms: Option<f64>,
    pub self_ms: f64,
    pub critical: bool,
    pub step: Option<String>,
    pub agent: Option<String>,
    pub tool: Option<String>,
    pub model: Option<String>,
    pub provider: Option<String>,
    pub tokens: Option<TokensJson>,
    pub cost_usd: Option<f64>,
    pub cost_source: Option<&'static str>,
    pub ttft_ms: Option<f64>,
    pub error: Option<Box<RawValue>>,
    pub input: Option<Box<RawValue>>,
    pub output: Option<Box<RawValue>>,
    pub attributes: BTreeMap<String, Box<RawValue>>,
    pub events: Vec<EventJson>,
}

/// A point event of a span.
#[derive(Debug, Serialize)]
pub(super) struct EventJson {
    pub name: String,
    pub time: Option<String>,
    pub attributes: Option<Box<RawValue>>,
}

impl From<&Figures> for FiguresJson {
    fn from(figures: &Figures) -> Self {
        let totals = &figures.totals;
        Self {
            runs: figures.runs,
            traces: figures.traces,
            spans: totals.spans,
            events: totals.events,
            running: figures.running,
            unfinished: figures.unfinished,
            errors: totals.errors,
            llm_calls: totals.llm_calls,
            tool_calls: totals.tool_calls,
            tokens: totals.tokens.into(),
            cost_usd: usd(totals.cost),
            unpriced_calls: totals.unpriced_calls,
            cost_source: CostSourceJson::from(&figures.costs),
            cache_saved_usd: figures.costs.cache_saved.usd(),
            duration_ms: (&figures.duration).into(),
        }
    }
}

impl From<TokenSum> for TokensJson {
    fn from(sum: TokenSum) -> Self {
        Self {
            input: sum.input,
            cache_read: sum.cache_read,
            cache_write: sum.cache_write,
            output: sum.output,
            reasoning: sum.reasoning,
            total: sum.total(),
        }
    }
}

impl From<Usage> for TokensJson {
    fn from(usage: Usage) -> Self {
        let mut sum = TokenSum::default();
        sum.add_usage(&usage);
        sum.into()
    }
}

impl From<&Percentiles> for DurationJson {
    fn from(durations: &Percentiles) -> Self {
        Self {
            sum: ms(durations.sum),
            p50: ms(durations.p50),
            p90: ms(durations.p90),
            p95: ms(durations.p95),
            p99: ms(durations.p99),
            max: ms(durations.max),
        }
    }
}

/// Nanoseconds as milliseconds.
pub(super) fn ms(nanos: i64) -> f64 {
    nanos as f64 / NANOS_PER_MS as f64
}

/// Dollars with nine decimals at most.
pub(super) fn usd(cost: NanoUsd) -> f64 {
    cost.usd()
}
