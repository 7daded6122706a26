//! A run written down before it is played: every state of every span with its time.
//!
//! Times while writing are milliseconds since the run's beginning, in story time; the pace turns them into instants.

use serde_json::{Map, Value, json};

use super::rng::Rng;
use crate::model::{Status, UnixNanos};
use crate::record::SpanRow;

/// Milliseconds of story time.
pub(super) type Ms = i64;

/// A state of a span and when it is reached.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) at: UnixNanos,
    pub(super) row: SpanRow,
}

/// Why a part of a run ends early.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) at: Ms,
    pub(super) status: Status,
    pub(super) error: Value,
}

/// Who a run is for.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) user: String,
    pub(super) session: String,
}

/// A run being written down.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) rng: Rng,
    origin: UnixNanos,
    speed: f64,
    trace: String,
    shared: Map<String, Value>,
    frames: Vec<Frame>,
}

impl Script {
    pub(super) fn new(mut rng: Rng, origin: UnixNanos, speed: f64, workflow: &str, caller: &Caller) -> Self {
        let trace = rng.uuid();
        let request = rng.uuid();
        let shared = [
            ("workflowName", workflow),
            ("userId", caller.user.as_str()),
            ("sessionId", caller.session.as_str()),
            ("requestId", request.as_str()),
        ];
        let shared = shared.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        Self { rng, origin, speed, trace, shared, frames: Vec::new() }
    }

    /// The instant of a story time.
    pub(super) fn time(&self, at: Ms) -> UnixNanos {
        // In whole microseconds, which every sink keeps.
        let micros = (at as f64 * 1e3 / self.speed).round() as i64;
        self.origin.plus(micros.saturating_mul(1_000))
    }

    /// The frames in the order in which they are reached.
    pub(super) fn finish(mut self) -> Vec<Frame> {
        self.frames.sort_by_key(|frame| frame.at);
        self.frames
    }

    /// A span that is not written down yet, to be filled in.
    pub(super) fn span(&mut self, parent: Option<&SpanRow>, name: &str, span_type: &str, at: Ms) -> SpanRow {
        let id = self.rng.uuid();
        let mut row = SpanRow::started(&self.trace, &id, name, span_type, self.time(at));
        row.parent_span_id = parent.map(|parent| parent.span_id.clone());
        row.attributes.clone_from(&self.shared);
        row
    }

    /// Writes down a span as it stands at a time.
    pub(super) fn note(&mut self, row: &SpanRow, at: Ms) {
        let at = self.time(at);
        self.frames.push(Frame { at, row: SpanRow { recorded_at: at, ..row.clone() } });
    }

    /// Writes down the end of a span.
    pub(super) fn close(&mut self, mut row: SpanRow, at: Ms, status: Status) {
        row.end(self.time(at), status);
        self.note(&row, at);
    }

    /// Writes down a span that ends as a part of it did.
    pub(super) fn close_early(&mut self, mut row: SpanRow, stop: &Stop) {
        row.error = Some(stop.error.clone());
        self.close(row, stop.at, stop.status);
    }

    /// A workflow step around `body`, which returns its end and result.
    pub(super) fn step(
        &mut self,
        root: &SpanRow,
        step: &StepInfo<'_>,
        at: Ms,
        body: impl FnOnce(&mut Self, &mut SpanRow, Ms) -> Result<(Ms, Value), Stop>,
    ) -> Result<Ms, Stop> {
        let mut row = self.span(Some(root), step.name, "node_execution", at);
        row.entity_id = Some(format!("step-{}", step.number));
        row.set("nodeId", step.number.to_string());
        row.set("nodeName", step.name);
        row.set("nodeType", step.kind);
        row.input = Some(step.input.clone());
        self.note(&row, at);
        let lead = self.rng.range(4, 25);
        match body(self, &mut row, at + lead) {
            Ok((end, output)) => {
                let end = end + self.rng.range(3, 20);
                row.output = Some(output);
                self.close(row, end, Status::Ok);
                Ok(end)
            }
            Err(stop) => {
                self.close_early(row, &stop);
                Err(stop)
            }
        }
    }

    /// An agent around `body`, which returns its end and result.
    pub(super) fn agent(
        &mut self,
        parent: &SpanRow,
        name: &str,
        input: Value,
        at: Ms,
        body: impl FnOnce(&mut Self, &SpanRow, Ms) -> Result<(Ms, Value), Stop>,
    ) -> Result<Ms, Stop> {
        let mut row = self.span(Some(parent), name, "agent_run", at);
        row.entity_id = Some(name.to_owned());
        row.set("agentName", name);
        row.input = Some(input);
        self.note(&row, at);
        match body(self, &row, at + 6) {
            Ok((end, output)) => {
                row.output = Some(output);
                self.close(row, end + 4, Status::Ok);
                Ok(end + 4)
            }
            Err(stop) => {
                self.close_early(row, &stop);
                Err(stop)
            }
        }
    }

    /// A span without children that goes well.
    pub(super) fn leaf(&mut self, parent: &SpanRow, leaf: Leaf<'_>, at: Ms) -> Ms {
        let mut row = self.span(Some(parent), leaf.name, leaf.span_type, at);
        for (key, value) in leaf.facts {
            row.set(key, value);
        }
        row.input = Some(leaf.input);
        self.note(&row, at);
        let end = at + self.rng.skewed(leaf.ms.0, leaf.ms.1);
        row.output = Some(leaf.output);
        self.close(row, end, Status::Ok);
        end
    }

    /// A tool call that goes well.
    pub(super) fn tool(
        &mut self,
        parent: &SpanRow,
        name: &str,
        args: Value,
        result: Value,
        ms: (Ms, Ms),
        at: Ms,
    ) -> Ms {
        let call = format!("call_{}", self.rng.range(100_000, 999_999));
        let facts = vec![("toolName", json!(name)), ("toolCallId", json!(call))];
        self.leaf(
            parent,
            Leaf { name, span_type: "tool_execution", facts, input: args, output: result, ms },
            at,
        )
    }

    /// A tool call whose first attempts fail with `errors` and are tried again after 1, 2, 4, … seconds. Without a
    /// `result` the last failure is final.
    pub(super) fn tool_with_retries(
        &mut self,
        parent: &SpanRow,
        call: &RetriedCall<'_>,
        at: Ms,
    ) -> Result<Ms, Stop> {
        let mut at = at;
        let mut first: Option<String> = None;
        let mut backoff = 0;
        let attempts = call.errors.len() as i64 + i64::from(call.result.is_some());
        for attempt in 1..=attempts {
            let mut row = self.span(Some(parent), call.name, "tool_execution", at);
            row.set("toolName", call.name);
            row.set("attempt", attempt);
            row.set("maxAttempts", 3);
            if let Some(first) = &first {
                row.set("retryOf", first.clone());
                row.set("backoffMs", backoff);
            }
            first.get_or_insert_with(|| row.span_id.clone());
            row.input = Some(call.args.clone());
            self.note(&row, at);
            let failure = usize::try_from(attempt - 1).ok().and_then(|n| call.errors.get(n));
            match (failure, &call.result) {
                (Some((error, ms)), result) => {
                    let end = at + ms + self.rng.range(0, 40);
                    row.error = Some(error.clone());
                    let status =
                        if error["type"] == "TimeoutError" { Status::Timeout } else { Status::Error };
                    self.close(row, end, status);
                    if attempt == attempts && result.is_none() {
                        return Err(Stop { at: end + 8, status: Status::Error, error: error.clone() });
                    }
                    backoff = 1_000 << (attempt - 1).min(5);
                    at = end + backoff + self.rng.range(0, 120);
                }
                (None, result) => {
                    at += self.rng.skewed(call.ms.0, call.ms.1);
                    row.output.clone_from(result);
                    self.close(row, at, Status::Ok);
                }
            }
        }
        Ok(at)
    }
}

/// What a step is.
pub(super) struct StepInfo<'a> {
    pub(super) number: usize,
    pub(super) name: &'a str,
    /// `system`, `llm`, `agent`, `tool`, `human`.
    pub(super) kind: &'a str,
    pub(super) input: Value,
}

/// A span without children.
pub(super) struct Leaf<'a> {
    pub(super) name: &'a str,
    pub(super) span_type: &'a str,
    pub(super) facts: Vec<(&'a str, Value)>,
    pub(super) input: Value,
    pub(super) output: Value,
    /// Shortest and longest duration.
    pub(super) ms: (Ms, Ms),
}

/// A tool call that fails at first.
pub(super) struct RetriedCall<'a> {
    pub(super) name: &'a str,
    pub(super) args: Value,
    /// The failures and how long each attempt took.
    pub(super) errors: Vec<(Value, Ms)>,
    pub(super) result: Option<Value>,
    pub(super) ms: (Ms, Ms),
}
