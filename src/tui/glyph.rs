//! A glyph for each kind and status, so that colour never carries them alone.

use crate::model::{SpanKind, Status};

/// The glyph of a kind.
pub(super) fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Workflow => "◉",
        SpanKind::Step => "▪",
        SpanKind::Agent => "◈",
        SpanKind::Llm => "◆",
        SpanKind::Tool => "◇",
        SpanKind::Retrieval => "○",
        SpanKind::Embedding => "◎",
        SpanKind::Memory => "▤",
        SpanKind::Database => "▥",
        SpanKind::Http => "⇄",
        SpanKind::Processor => "▷",
        SpanKind::Validation => "△",
        SpanKind::Iteration => "↻",
        SpanKind::Event => "·",
        SpanKind::Other => "▫",
    }
}

/// The glyph of a status.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Ok => "✓",
        Status::Error => "✗",
        Status::Running => "●",
        Status::Suspended => "◌",
        Status::Cancelled => "⊘",
        Status::Skipped => "↷",
        Status::Timeout => "◷",
        Status::Partial => "◐",
        Status::Unfinished => "…",
        Status::Unknown => "?",
    }
}
