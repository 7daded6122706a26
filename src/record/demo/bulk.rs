//! Big stores and logs for measuring: the shape of real ones, written in one go, the same bytes for the same seed.
//!
//! Traces of 4 to 500 spans, eight of them interleaved, every span written once when it ends; about 27 % model calls,
//! of which 1.2 % have prompts of some 20 kB; lines of 700 bytes in the mean.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use super::rng::Rng;
use crate::model::{NANOS_PER_MS, NANOS_PER_SEC, Status, UnixNanos};
use crate::record::sink::{NdjsonSink, Record, SinkError, SqliteSink, is_ndjson, push_text, push_time};

/// 2026-02-04T08:00:00Z.
const BEGIN: i64 = 1_770_192_000 * NANOS_PER_SEC;
const LANES: usize = 8;
const POOL: usize = 96 * 1_024;
const ROWS_PER_TRANSACTION: u64 = 20_000;
const WRITE: usize = 1 << 20;

const WORDS: &[&str] = &[
    "ticket",
    "the",
    "review",
    "of",
    "request",
    "a",
    "token",
    "is",
    "handler",
    "and",
    "retry",
    "to",
    "schema",
    "in",
    "deploy",
    "with",
    "cache",
    "for",
    "latency",
    "that",
    "invoice",
    "on",
    "workspace",
    "must",
    "migration",
    "not",
    "branch",
    "after",
    "timeout",
    "when",
    "customer",
    "before",
    "endpoint",
    "each",
    "queue",
    "until",
    "draft",
    "by",
    "finding",
    "should",
    "export",
    "as",
    "summary",
    "from",
    "session",
    "while",
    "webhook",
    "per",
    "index",
    "only",
];
const WORKFLOWS: &[&str] =
    &["ticket-generation", "customer-support", "nightly-digest", "code-review", "invoice-import", "research"];
const STEPS: &[&str] = &[
    "Extract Intent",
    "Detect Type",
    "Preflight Validation",
    "Gather Repository Context",
    "Gather API Context",
    "Generate Draft Content",
    "Generate Questions",
    "Refine Draft",
    "Finalize Ticket",
    "Summarize Items",
    "Classify Document",
    "Route Request",
];
const AGENTS: &[&str] = &[
    "QuickPreflightValidator",
    "RepoContextAgent",
    "SymbolScout",
    "FindingsToQuestionsAgent",
    "SupportAgent",
];
const TOOLS: &[&str] = &[
    "grep",
    "read_file",
    "list_files",
    "create_ticket",
    "validate",
    "lookup_invoice",
    "execute_command",
    "search_web",
    "post_message",
    "getOrCreateWorkspace",
];
const MODELS: &[(&str, &str)] = &[
    ("gpt-4o", "openai"),
    ("gpt-4o-mini", "openai"),
    ("claude-sonnet-4-5", "anthropic"),
    ("claude-haiku-4-5", "anthropic"),
    ("gemini-2.5-flash", "google"),
    ("qwen2.5-coder:14b", "ollama"),
];

/// Writes `spans` spans into a new file: NDJSON for `.ndjson`, `.jsonl` and `.log`, else `SQLite`. A file that is there
/// already and not empty is refused.
pub fn generate(spans: u64, seed: u64, path: &Path) -> Result<(), SinkError> {
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0) {
        return Err(SinkError::Exists { path: path.to_owned() });
    }
    let mut generator = Generator::new(spans, seed);
    if is_ndjson(path) {
        // The sink makes the file with the right mode; its one write per line would be the slow part here.
        drop(NdjsonSink::open(path)?);
        let io = |source| SinkError::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new().append(true).open(path).map_err(io)?;
        let mut buffer = String::with_capacity(WRITE + (1 << 17));
        while let Some(record) = generator.next() {
            record.push_line(&mut buffer);
            if buffer.len() >= WRITE {
                file.write_all(buffer.as_bytes()).map_err(io)?;
                buffer.clear();
            }
        }
        file.write_all(buffer.as_bytes()).map_err(io)
    } else {
        let mut sink = SqliteSink::open(path)?;
        let mut left = spans;
        while left > 0 {
            sink.bulk(|bulk| {
                for _ in 0..ROWS_PER_TRANSACTION.min(left) {
                    if let Some(record) = generator.next() {
                        bulk.put(&record)?;
                    }
                }
                Ok(())
            })?;
            left = left.saturating_sub(ROWS_PER_TRANSACTION);
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Workflow,
    Step,
    Agent,
    Iteration,
    Llm,
    Tool,
    Search,
    Embedding,
    Database,
    Http,
    Memory,
    Validation,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Workflow => "workflow_run",
            Self::Step => "node_execution",
            Self::Agent => "agent_run",
            Self::Iteration => "agent_iteration",
            Self::Llm => "model_generation",
            Self::Tool => "tool_execution",
            Self::Search => "vector_search",
            Self::Embedding => "embedding_generation",
            Self::Database => "database_query",
            Self::Http => "http_request",
            Self::Memory => "memory_operation",
            Self::Validation => "validation",
        }
    }

    /// In percent of all spans below the root.
    fn any(rng: &mut Rng) -> Self {
        match rng.range(0, 99) {
            0..18 => Self::Step,
            18..24 => Self::Agent,
            24..32 => Self::Iteration,
            32..59 => Self::Llm,
            59..81 => Self::Tool,
            81..85 => Self::Search,
            85..88 => Self::Embedding,
            88..92 => Self::Database,
            92..95 => Self::Http,
            95..97 => Self::Memory,
            _ => Self::Validation,
        }
    }

    fn has_children(self) -> bool {
        matches!(self, Self::Workflow | Self::Step | Self::Agent | Self::Iteration)
    }
}

/// A span whose text is not written yet.
#[derive(Clone, Debug)]
struct Outline {
    id: String,
    parent: Option<String>,
    kind: Kind,
    start: i64,
    end: i64,
}

/// One trace whose spans wait for their turn, in the order of their ends.
#[derive(Debug, Default)]
struct Lane {
    trace: String,
    free_at: i64,
    spans: VecDeque<Outline>,
}

/// The parts of a record that are made new for each span.
#[derive(Debug, Default)]
struct Text {
    name: String,
    attributes: String,
    input: String,
    output: String,
    error: String,
}

struct Generator {
    rng: Rng,
    left: u64,
    planned: u64,
    pool: String,
    lanes: [Lane; LANES],
    text: Text,
    current: Option<(Outline, String)>,
}

impl Generator {
    fn new(spans: u64, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut pool = String::with_capacity(POOL + 16);
        while pool.len() < POOL {
            pool.push_str(rng.word(WORDS));
            pool.push(if rng.chance(9) { '.' } else { ' ' });
        }
        let mut lanes: [Lane; LANES] = Default::default();
        for lane in &mut lanes {
            lane.free_at = BEGIN + rng.range(0, 4_000) * NANOS_PER_MS;
        }
        Self { rng, left: spans, planned: 0, pool, lanes, text: Text::default(), current: None }
    }

    /// The next span in the order of ends.
    fn next(&mut self) -> Option<Record<'_>> {
        let Self { rng, left, planned, pool, lanes, text, current } = self;
        *left = left.checked_sub(1)?;
        for lane in lanes.iter_mut().filter(|lane| lane.spans.is_empty()) {
            // Not more than is still to be written, so that the last traces are whole too.
            let room = (*left + 1).saturating_sub(*planned);
            if room > 0 {
                *planned += plan(rng, lane, room);
            }
        }
        let lane = lanes
            .iter_mut()
            .filter(|lane| !lane.spans.is_empty())
            .min_by_key(|lane| lane.spans.front().map_or(i64::MAX, |span| span.end))?;
        let span = lane.spans.pop_front()?;
        *planned -= 1;
        let (span, trace) = &*current.insert((span, lane.trace.clone()));
        let failed = text.fill(rng, pool, span);
        Some(Record {
            trace_id: trace,
            span_id: &span.id,
            parent_span_id: span.parent.as_deref(),
            name: &text.name,
            span_type: span.kind.word(),
            entity_id: None,
            started_at: UnixNanos(span.start),
            ended_at: Some(UnixNanos(span.end)),
            status: if failed { Status::Error } else { Status::Ok },
            attributes: &text.attributes,
            input: Some(text.input.as_str()).filter(|json| !json.is_empty()),
            output: Some(text.output.as_str()).filter(|json| !json.is_empty()),
            error: Some(text.error.as_str()).filter(|json| !json.is_empty()),
            recorded_at: UnixNanos(span.end),
        })
    }
}

/// Plans a trace of at most `room` spans; returns their number.
fn plan(rng: &mut Rng, lane: &mut Lane, room: u64) -> u64 {
    // The least of five: many short traces, a few long ones.
    let size = (0..5).map(|_| rng.range(0, 560)).min().unwrap_or(0).min(496) as u64 + 4;
    let size = size.min(room);
    lane.trace.clear();
    rng.push_uuid(&mut lane.trace);
    let start = lane.free_at + rng.range(20, 4_000) * NANOS_PER_MS;
    let end = start + (size as i64 * rng.range(120, 420) + 300) * NANOS_PER_MS;
    lane.free_at = end;
    let mut spans = Vec::with_capacity(size as usize);
    spans.push(Outline { id: rng.uuid(), parent: None, kind: Kind::Workflow, start, end });
    let mut parents = vec![0usize];
    while spans.len() < size as usize {
        let kind = Kind::any(rng);
        let Some(parent) = rng.pick(&parents).and_then(|&at| spans.get(at)) else { break };
        let room = (parent.end - parent.start) / NANOS_PER_MS;
        let first = rng.range(0, room * 9 / 10);
        let most = match kind {
            Kind::Step | Kind::Agent | Kind::Iteration => room,
            Kind::Llm => 9_000,
            Kind::Tool | Kind::Http => 2_500,
            _ => 220,
        };
        let length = rng.skewed(1, most.max(1)).min(room - first).max(0);
        let start = parent.start + first * NANOS_PER_MS;
        let parent = Some(parent.id.clone());
        if kind.has_children() {
            parents.push(spans.len());
        }
        spans.push(Outline { id: rng.uuid(), parent, kind, start, end: start + length * NANOS_PER_MS });
    }
    // Children were planned after their parents, so of two that end together the child comes first.
    spans.reverse();
    spans.sort_by_key(|span| span.end);
    lane.spans = spans.into();
    size
}

impl Text {
    /// Makes up what a span says; returns whether it failed.
    fn fill(&mut self, rng: &mut Rng, pool: &str, span: &Outline) -> bool {
        for part in [&mut self.name, &mut self.attributes, &mut self.input, &mut self.output, &mut self.error]
        {
            part.clear();
        }
        let failed = span.parent.is_some() && rng.chance(2);
        let mut facts = Facts::new(&mut self.attributes);
        match span.kind {
            Kind::Llm => {
                let (model, provider) = rng.pick(MODELS).copied().unwrap_or_default();
                self.name.push_str(model);
                let huge = rng.range(1, 1_000) <= 12;
                let prompt = if huge { rng.range(12_000, 28_000) } else { rng.skewed(60, 360) };
                let answer = rng.skewed(30, 220);
                let (input, output) = (prompt / 4 + 180, answer / 4 + 1);
                facts.text("model", model);
                facts.text("provider", provider);
                facts.number("promptTokens", input);
                if rng.chance(40) {
                    facts.number("cacheReadTokens", input / 2);
                }
                facts.number("completionTokens", output);
                facts.number("totalTokens", input + output);
                facts.number("maxTokens", 4_096);
                let mut time = String::with_capacity(27);
                push_time(&mut time, UnixNanos(span.start + (span.end - span.start) / 5));
                facts.text("completionStartTime", &time);
                payload(
                    &mut self.input,
                    rng,
                    pool,
                    "{\"messages\":[{\"role\":\"user\",\"content\":\"",
                    prompt,
                    "\"}]}",
                );
                if !failed {
                    payload(&mut self.output, rng, pool, "{\"content\":\"", answer, "\"}");
                }
            }
            Kind::Workflow => {
                let name = rng.word(WORKFLOWS);
                self.name.push_str(name);
                facts.text("workflowName", name);
                let user = ["u_maria", "u_jonas", "u_aiko", "u_priya", "u_tomas", "u_lena"];
                facts.text("userId", rng.word(&user));
                facts.text("sessionId", &format!("sess_{:06}", rng.range(0, 4_000)));
                let (request, result) = (rng.skewed(60, 400), rng.skewed(40, 300));
                payload(&mut self.input, rng, pool, "{\"request\":\"", request, "\"}");
                payload(&mut self.output, rng, pool, "{\"result\":\"", result, "\"}");
            }
            kind => {
                let name = match kind {
                    Kind::Step => rng.word(STEPS),
                    Kind::Agent => rng.word(AGENTS),
                    Kind::Iteration => "Iteration",
                    Kind::Tool => rng.word(TOOLS),
                    Kind::Search => "code-index",
                    Kind::Embedding => "text-embedding-3-small",
                    Kind::Database => "SELECT tickets",
                    Kind::Http => "GET /v1/incidents",
                    Kind::Memory => "recall",
                    _ => "check arguments",
                };
                self.name.push_str(name);
                match kind {
                    Kind::Step => facts.text("nodeName", name),
                    Kind::Agent => facts.text("agentName", name),
                    Kind::Tool => facts.text("toolName", name),
                    Kind::Iteration => facts.number("iteration", rng.range(1, 9)),
                    Kind::Embedding => {
                        facts.text("model", name);
                        facts.text("provider", "openai");
                        facts.number("promptTokens", rng.range(8, 400));
                    }
                    Kind::Http => facts.number("httpStatusCode", if failed { 503 } else { 200 }),
                    _ => facts.number("rowCount", rng.range(0, 60)),
                }
                let (input, output) = (rng.skewed(10, 112), rng.skewed(8, 112));
                payload(&mut self.input, rng, pool, "{\"arguments\":\"", input, "\"}");
                if !failed {
                    payload(&mut self.output, rng, pool, "{\"result\":\"", output, "\"}");
                }
            }
        }
        facts.end();
        if failed {
            let (message, code) = rng
                .pick(&[
                    ("429 Too Many Requests", "rate_limit_exceeded"),
                    ("the tool did not answer within 3000 ms", "ETIMEDOUT"),
                    ("socket hang up", "ECONNRESET"),
                ])
                .copied()
                .unwrap_or_default();
            let mut error = Facts::new(&mut self.error);
            error.text("message", message);
            error.text("code", code);
            error.end();
        }
        failed
    }
}

/// Appends words between a head and a tail. The pool is plain ASCII without anything that JSON escapes.
fn payload(out: &mut String, rng: &mut Rng, pool: &str, head: &str, len: i64, tail: &str) {
    out.push_str(head);
    let from = rng.range(0, (pool.len() as i64 - len).max(0)) as usize;
    out.push_str(pool.get(from..from + len as usize).unwrap_or_default());
    out.push_str(tail);
}

/// A JSON object being written.
struct Facts<'a> {
    out: &'a mut String,
    separator: char,
}

impl<'a> Facts<'a> {
    fn new(out: &'a mut String) -> Self {
        Self { out, separator: '{' }
    }

    fn key(&mut self, key: &str) {
        self.out.push(self.separator);
        self.separator = ',';
        push_text(self.out, key);
        self.out.push(':');
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        push_text(self.out, value);
    }

    fn number(&mut self, key: &str, value: i64) {
        self.key(key);
        self.out.push_str(&value.to_string());
    }

    fn end(self) {
        if self.separator == '{' {
            self.out.push('{');
        }
        self.out.push('}');
    }
}

#[cfg(test)]
mod tests;
