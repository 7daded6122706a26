//! Small traces in the field names of `execution_spans`.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// One record.
#[derive(Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) trace: &'a str,
    pub(super) id: &'a str,
    pub(super) parent: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    /// Seconds after noon.
    pub(super) start: u32,
    /// Seconds after noon.
    pub(super) end: Option<u32>,
    pub(super) status: &'a str,
    /// A JSON object.
    pub(super) attributes: &'a str,
}

fn time(seconds: u32) -> String {
    format!("2026-01-05T12:{:02}:{:02}.000Z", seconds / 60, seconds % 60)
}

impl Span<'_> {
    /// The record as a line.
    pub(super) fn line(&self) -> String {
        let parent = self.parent.map_or("null".to_owned(), |parent| format!("\"{parent}\""));
        let end = self.end.map_or("null".to_owned(), |end| format!("\"{}\"", time(end)));
        format!(
            concat!(
                r#"{{"trace_id":"{}","span_id":"{}","parent_span_id":{},"name":"{}","span_type":"{}","#,
                r#""started_at":"{}","ended_at":{},"status":"{}","input":{{"message":"please look"}},"#,
                r#""output":{{"text":"done as asked"}},"error":null,"attributes":{}}}"#,
                "\n"
            ),
            self.trace,
            self.id,
            parent,
            self.name,
            self.kind,
            time(self.start),
            end,
            self.status,
            self.attributes
        )
    }
}

/// A run of one workflow with two steps, a model call and a failed tool.
pub(super) fn run(trace: &str, workflow: &str) -> String {
    let base = Span {
        trace,
        id: "a1",
        parent: None,
        name: workflow,
        kind: "workflow_run",
        start: 0,
        end: Some(40),
        status: "completed",
        attributes: "{}",
    };
    let ids: Vec<String> = (1..=5).map(|n| format!("{trace}-{n}")).collect();
    let [root, extract, call, check, tool] = [0, 1, 2, 3, 4].map(|n| ids[n].as_str());
    let step = |id, name, start, end| Span {
        id,
        parent: Some(root),
        name,
        kind: "workflow_step",
        start,
        end: Some(end),
        ..base
    };
    [
        Span { id: root, ..base },
        step(extract, "extract-intent", 1, 20),
        Span {
            id: call,
            parent: Some(extract),
            name: "ask-the-model",
            kind: "model_generation",
            start: 2,
            end: Some(18),
            attributes: r#"{"model":"gpt-4o","provider":"openai","promptTokens":1000,"completionTokens":200}"#,
            ..base
        },
        step(check, "validate-input", 21, 39),
        Span {
            id: tool,
            parent: Some(check),
            name: "lookup-tool",
            kind: "tool_call",
            start: 22,
            end: Some(30),
            status: "failed",
            ..base
        },
    ]
    .iter()
    .map(Span::line)
    .collect()
}

/// A file with these lines.
pub(super) fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("writes");
    path
}

/// Appends lines to a file.
pub(super) fn append(path: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("opens");
    file.write_all(text.as_bytes()).expect("appends");
}
