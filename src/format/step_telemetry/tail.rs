//! The JSON behind a console line, and the fields of the metric records: the names that matter, in all their spellings.

use crate::format::jsonb::JsonValue;
use crate::model::{NanoUsd, UnixNanos, Usage};

use super::parse::nanos_of_ms;

/// Longest word that is taken from a field.
const MAX_WORD: usize = 512;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields {
    pub step: String,
    pub step_name: String,
    pub agent: String,
    pub tool: String,
    pub result: String,
    pub status: String,
    pub model: String,
    pub run: String,
    pub error: String,
    pub nanos: Option<i64>,
    pub start: Option<UnixNanos>,
    pub prompt: Option<u64>,
    pub completion: Option<u64>,
    pub total: Option<u64>,
    pub cost: Option<NanoUsd>,
    pub success: Option<bool>,
    /// Names of fields that tell one kind of record from another.
    pub has: Vec<&'static str>,
    /// The JSON ended or broke before its end.
    pub cut: bool,
}

/// Fields whose presence says what a record is.
const TELLING: [&str; 12] = [
    "stepId",
    "timestamp",
    "llmMetrics",
    "output",
    "agentId",
    "toolName",
    "inputMetrics",
    "executionTime",
    "toolCalls",
    "stepsCompleted",
    "totalDuration",
    "promptTokens",
];

impl Fields {
    /// Reads JSON text. Text that isn't an object is an error message.
    pub(super) fn read(text: &str) -> Self {
        let mut this = Self::default();
        let Some(value) = JsonValue::of_text(text).filter(|value| value.is_object()) else {
            this.error = word(text);
            return this;
        };
        let done = value.fields(|key, value| this.take(key, value));
        this.cut = done.is_err();
        this
    }

    fn take(&mut self, key: &str, value: JsonValue<'_>) {
        if let Some(&name) = TELLING.iter().find(|&&name| name == key)
            && !self.has.contains(&name)
        {
            self.has.push(name);
        }
        let text = || match value.text() {
            Some(text) => word(&text),
            None => value.number().map(|number| number.to_string()).unwrap_or_default(),
        };
        match key {
            "step" | "stepId" => self.step = text(),
            "stepName" => self.step_name = text(),
            "agent" | "agentId" => self.agent = text(),
            "tool" | "toolName" => self.tool = text(),
            "result" => self.result = value.text().map(|text| word(&text)).unwrap_or_default(),
            "status" => self.status = text(),
            "model" => self.model = text(),
            "workflowRunId" => self.run = text(),
            "error" | "reason" => self.error = text(),
            "duration" | "executionTime" | "totalDuration" => {
                self.nanos = value.number().and_then(nanos_of_ms);
            }
            "startTime" | "timestamp" => {
                self.start = match value.text() {
                    Some(text) => UnixNanos::parse(&text),
                    None => value.number().and_then(UnixNanos::from_number),
                };
            }
            "promptTokens" => self.prompt = value.count(),
            "completionTokens" => self.completion = value.count(),
            "totalTokens" | "tokens" => self.total = value.count(),
            "cost" | "estimatedCost" => self.cost = value.number().and_then(NanoUsd::from_usd),
            "success" => self.success = value.flag(),
            _ => {}
        }
    }

    /// Whether a telling field was there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.has.contains(&name)
    }

    /// Tokens of a call; a total alone says nothing about its parts.
    pub(super) fn usage(&self) -> Option<Usage> {
        let usage = Usage { input: self.prompt, output: self.completion, ..Usage::default() };
        usage.is_known().then_some(usage)
    }
}

fn word(text: &str) -> String {
    let mut end = text.len().min(MAX_WORD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().trim().to_owned()
}
