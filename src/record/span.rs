//! One span as it is written.

use serde_json::{Map, Value};

use crate::model::{Status, UnixNanos};

/// Everything a sink writes about a span, as it stands now. Each write carries the whole row.
///
/// Known keys of `attributes` are listed in `assets/schema/sqlite.sql`.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanRow {
    /// The trace.
    pub trace_id: String,
    /// The span, unique within its trace.
    pub span_id: String,
    /// The span it runs in; `None` for a root.
    pub parent_span_id: Option<String>,
    /// Name of the workflow, step, agent, tool or model.
    pub name: String,
    /// Its kind, in the words of the native store: `workflow_run`, `model_generation`, …
    pub span_type: String,
    /// Id of the workflow run, node or agent that it is about.
    pub entity_id: Option<String>,
    /// Beginning.
    pub started_at: UnixNanos,
    /// End; `None` while it runs or waits.
    pub ended_at: Option<UnixNanos>,
    /// How it stands.
    pub status: Status,
    /// What went in.
    pub input: Option<Value>,
    /// What has come out so far.
    pub output: Option<Value>,
    /// What went wrong: `message`, `type`, `code`.
    pub error: Option<Value>,
    /// Facts about it.
    pub attributes: Map<String, Value>,
    /// When this state of the row was recorded.
    pub recorded_at: UnixNanos,
}

impl SpanRow {
    /// A span that starts now and is under way.
    pub fn started(trace_id: &str, span_id: &str, name: &str, span_type: &str, at: UnixNanos) -> Self {
        Self {
            trace_id: trace_id.to_owned(),
            span_id: span_id.to_owned(),
            parent_span_id: None,
            name: name.to_owned(),
            span_type: span_type.to_owned(),
            entity_id: None,
            started_at: at,
            ended_at: None,
            status: Status::Running,
            input: None,
            output: None,
            error: None,
            attributes: Map::new(),
            recorded_at: at,
        }
    }

    /// Ends the span. An end before the beginning is taken as the beginning.
    pub fn end(&mut self, at: UnixNanos, status: Status) {
        self.ended_at = Some(at.max(self.started_at));
        self.status = status;
        self.recorded_at = self.recorded_at.max(at);
    }

    /// Sets one attribute.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.attributes.insert(key.to_owned(), value.into());
    }
}
