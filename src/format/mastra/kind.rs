//! Mastra's words in ours.

use crate::format::jsonb::JsonValue;
use crate::model::SpanKind;

/// The kind of a span type. Types that are not known, and the constructs of a workflow's control flow, are `other`; the
/// source's word stays beside the kind.
pub(super) fn of_type(span_type: &str, is_event: bool) -> SpanKind {
    if is_event {
        return SpanKind::Event;
    }
    match span_type {
        "workflow_run" => SpanKind::Workflow,
        "workflow_step" => SpanKind::Step,
        "agent_run" => SpanKind::Agent,
        "model_generation" | "model_step" | "model_inference" | "llm_generation" | "llm_step" => {
            SpanKind::Llm
        }
        "tool_call" | "mcp_tool_call" | "client_tool_call" | "provider_tool_call" => SpanKind::Tool,
        "memory_operation" => SpanKind::Memory,
        "processor_run" | "scorer_run" | "scorer_step" | "classifier_evaluation" | "mapping" => {
            SpanKind::Processor
        }
        "rag_embedding" => SpanKind::Embedding,
        "rag_vector_operation" | "rag_ingestion" | "rag_action" => SpanKind::Retrieval,
        "mcp_server_request" => SpanKind::Http,
        _ => SpanKind::Other,
    }
}

/// The first part of a name that stands in single quotes: `tool: 'validate'`.
pub(super) fn quoted(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once('\'')?;
    let (inner, _) = rest.split_once('\'')?;
    Some(inner).filter(|inner| !inner.is_empty())
}

/// The message of an `error` cell, one line.
pub(super) fn error_message(error: JsonValue<'_>) -> String {
    let message = error.field("message").and_then(JsonValue::text).filter(|text| !text.trim().is_empty());
    let text = message
        .or_else(|| error.field("name").and_then(JsonValue::text))
        .or_else(|| error.field("id").and_then(JsonValue::text))
        .or_else(|| error.text())
        .or_else(|| error.to_json().ok())
        .unwrap_or_default();
    let line = text.trim().lines().next().unwrap_or_default();
    if line.is_empty() { "error".to_owned() } else { line.chars().take(500).collect() }
}
