//! The runs that the tests look at, as lines of the native format. All times are relative to one instant.

use serde_json::{Map, Value, json};

use crate::model::{NANOS_PER_MS, UnixNanos};

/// `2026-02-04T17:00:00Z`.
pub(super) const EPOCH: UnixNanos = UnixNanos(1_770_224_400_000_000_000);

/// A record being written.
#[derive(Clone)]
pub(super) struct Span(Map<String, Value>);

fn time(ms: i64) -> String {
    EPOCH.plus(ms * NANOS_PER_MS).to_rfc3339()
}

/// A span of a trace; its id is its name in the story.
pub(super) fn span(trace: &str, id: &str, kind: &str, name: &str) -> Span {
    let mut record = Map::new();
    for (key, value) in [("trace_id", trace), ("span_id", id), ("name", name), ("span_type", kind)] {
        record.insert(key.to_owned(), value.into());
    }
    record.insert("status".to_owned(), "started".into());
    Span(record)
}

impl Span {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// It says something more about itself.
    pub(super) fn attribute(mut self, key: &str, value: impl Into<Value>) -> Self {
        let attributes = self.0.entry("attributes").or_insert_with(|| json!({}));
        attributes[key] = value.into();
        self
    }

    /// The span it runs in.
    pub(super) fn under(self, parent: &str) -> Self {
        self.with("parent_span_id", parent)
    }

    /// When it starts, milliseconds after the epoch; it is running.
    pub(super) fn from(self, start: i64) -> Self {
        self.with("started_at", time(start))
    }

    /// When it starts and ends; it ended well.
    pub(super) fn at(self, start: i64, end: i64) -> Self {
        self.from(start).with("ended_at", time(end)).with("status", "completed")
    }

    /// How it stands.
    pub(super) fn status(self, word: &str) -> Self {
        self.with("status", word)
    }

    /// It failed.
    pub(super) fn failed(self, message: &str) -> Self {
        self.with("status", "failed").with("error", json!({"message": message, "type": "Error"}))
    }

    /// A call of a model: tokens in and out, and what it cost in dollars if its source says.
    pub(super) fn call(self, model: &str, tokens: (u64, u64), cost: Option<f64>) -> Self {
        let provider = if model.starts_with("gpt") { "openai" } else { "ollama" };
        let span = self
            .attribute("model", model)
            .attribute("provider", provider)
            .attribute("promptTokens", tokens.0)
            .attribute("completionTokens", tokens.1);
        match cost {
            Some(cost) => span.attribute("totalCost", cost),
            None => span,
        }
    }

    /// When the first token came, milliseconds after the epoch.
    pub(super) fn first_token(self, ms: i64) -> Self {
        self.attribute("completionStartTime", time(ms))
    }

    /// What went in and came out.
    pub(super) fn says(self, input: Value, output: Value) -> Self {
        self.with("input", input).with("output", output)
    }

    /// Its line.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(&self.0).expect("serialises") + "\n"
    }
}

fn lines(spans: &[Span]) -> String {
    spans.iter().map(Span::line).collect()
}

/// A finished run with two steps, an agent, a tool that failed once, and a call without a price.
pub(super) fn ticket() -> String {
    let s = |id, kind, name| span("ticket-1", id, kind, name);
    let prompt = json!([
        {"role": "system", "content": "You turn findings into questions for the author."},
        {"role": "user", "content": "2 findings: missing auth check in /api/tickets, no rate limit. My key is sk-proj-abcdefghijklmnopqrstuvwx1234567890ABCD."},
    ]);
    let answer = json!({"role": "assistant", "content": "1. Which roles may delete a ticket?\n2. Should the audit log keep the request body?"});
    lines(&[
        s("root", "workflow_run", "ticket-generation").at(0, 8_600),
        s("extract", "node_execution", "Extract Intent").under("root").at(0, 2_450),
        s("call-1", "model_generation", "qwen2.5-coder")
            .under("extract")
            .at(100, 2_400)
            .first_token(550)
            .call("qwen2.5-coder", (45, 78), None),
        s("preflight", "node_execution", "Preflight Validation").under("root").at(2_450, 5_000),
        s("workspace", "tool_execution", "getOrCreateWorkspace").under("preflight").at(2_500, 2_980),
        s("validate", "tool_execution", "validate")
            .under("preflight")
            .at(2_990, 4_900)
            .says(json!({"path": "/api/tickets"}), Value::Null)
            .failed("missing auth check in /api/tickets"),
        s("questions", "agent_run", "FindingsToQuestions").under("root").at(5_000, 8_600),
        s("call-2", "model_generation", "gpt-4o")
            .under("questions")
            .at(5_050, 8_500)
            .first_token(5_500)
            .call("gpt-4o", (156, 226), Some(0.0031))
            .attribute("temperature", 0.3)
            .says(prompt, answer),
    ])
}

/// A run that failed.
pub(super) fn failed() -> String {
    let s = |id, kind, name| span("onboarding-1", id, kind, name);
    lines(&[
        s("root", "workflow_run", "onboarding").at(20_000, 23_200).failed("step Send Mail failed"),
        s("mail", "node_execution", "Send Mail").under("root").at(20_100, 23_200).failed("tool post failed"),
        s("post", "tool_execution", "post_message")
            .under("mail")
            .at(20_200, 23_100)
            .failed("timed out after 3s"),
    ])
}

/// A run that waits for a person.
pub(super) fn suspended() -> String {
    let s = |id, kind, name| span("ticket-2", id, kind, name);
    lines(&[
        s("root", "workflow_run", "ticket-generation").from(30_000).status("suspended"),
        s("draft", "node_execution", "Draft").under("root").at(30_000, 31_000),
        s("call", "model_generation", "gpt-4o").under("draft").at(30_050, 30_950).call(
            "gpt-4o",
            (300, 120),
            Some(0.002),
        ),
        s("review", "node_execution", "Human Review").under("root").from(31_000).status("suspended"),
    ])
}

/// A run that waited 41 s for somebody and then went on.
pub(super) fn idle() -> String {
    let s = |id, kind, name| span("approval-1", id, kind, name);
    lines(&[
        s("root", "workflow_run", "approval").at(10_000, 54_000),
        s("ask", "node_execution", "Ask").under("root").at(10_000, 11_000),
        s("act", "node_execution", "Act").under("root").at(52_000, 54_000),
    ])
}

/// A run that is under way.
pub(super) fn running() -> String {
    let s = |id, kind, name| span("support-1", id, kind, name);
    lines(&[
        s("root", "workflow_run", "customer-support").from(55_000),
        s("triage", "agent_run", "Triage").under("root").from(55_100),
        s("call", "model_generation", "gpt-4o-mini").under("triage").from(56_000).call(
            "gpt-4o-mini",
            (820, 40),
            Some(0.0004),
        ),
    ])
}

/// The end of what is under way.
pub(super) fn over() -> String {
    let s = |id, kind, name| span("support-1", id, kind, name);
    lines(&[
        s("call", "model_generation", "gpt-4o-mini").under("triage").at(56_000, 59_000).call(
            "gpt-4o-mini",
            (820, 95),
            Some(0.0009),
        ),
        s("triage", "agent_run", "Triage").under("root").at(55_100, 59_100),
        s("root", "workflow_run", "customer-support").at(55_000, 59_200),
    ])
}

/// A chain of agents, each called by the one before.
pub(super) fn deep(levels: usize) -> String {
    let mut all = lines(&[span("deep-1", "s0", "workflow_run", "recursion").at(40_000, 50_000)]);
    for level in 1..levels {
        let (id, parent) = (format!("s{level}"), format!("s{}", level - 1));
        let start = 40_000 + level as i64 * 10;
        let name = format!("Subagent number {level}");
        all +=
            &span("deep-1", &id, "agent_run", &name).under(&parent).at(start, 50_000 - level as i64).line();
    }
    all
}

/// A run with many tools, for scrolling.
pub(super) fn wide(children: usize) -> String {
    let mut all = lines(&[span("wide-1", "root", "workflow_run", "wide").at(0, 60_000)]);
    for at in 0..children {
        let (id, name) = (format!("t{at:04}"), format!("tool-{at:04}"));
        let start = at as i64 * 10;
        all += &span("wide-1", &id, "tool_execution", &name).under("root").at(start, start + 10).line();
    }
    all
}

/// Many short runs, the newest last.
pub(super) fn many(runs: std::ops::Range<usize>) -> String {
    runs.map(|at| {
        let trace = format!("run-{at:06}");
        let start = at as i64 * 100;
        span(&trace, "root", "workflow_run", &format!("run {at}")).at(start, start + 50).line()
    })
    .collect()
}

/// Every kind of run, one of each.
pub(super) fn all() -> String {
    [ticket(), idle(), failed(), suspended(), running()].concat()
}
