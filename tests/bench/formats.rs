//! What reading lines of each format costs beside what `serde_json` takes to make values of the same lines, on the
//! fixtures of the tests, written many times one after the other.
//!
//! `cargo bench --bench formats`

#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]
#![expect(clippy::print_stdout, reason = "a bench prints")]

mod ratio;

use std::path::Path;

use memchr::memchr_iter;
use tracetui::format::{LINE_FORMATS, Line, Stream};
use tracetui::model::{Batch, PayloadRef, SegmentId, Stamp, UnixNanos};

/// Bytes to read, at least.
const SIZE: usize = 4 << 20;

/// A format, and lines as it is written.
const LINES: [(&str, &str); 13] = [
    ("native", "native/tta-traces.jsonl"),
    ("llm-events", "llm-events/events.ndjson"),
    ("step-telemetry", "step-telemetry/records.ndjson"),
    ("otlp-json", "otlp/openinference/trace.jsonl"),
    ("otlp-json", "otlp/ai-sdk/v6.ndjson"),
    ("claude-code", "claude-code/synthetic/21636369-8b52-4b4a-97b7-50923ceb3ffd.jsonl"),
    ("codex", "codex/made.jsonl"),
    ("gemini-cli", "gemini/session.jsonl"),
    ("telemetry-api", "telemetry-api/raw.ndjson"),
    ("openai-agents", "openai-agents/ticket.ndjson"),
    ("langsmith", "langsmith/agent.ndjson"),
    ("zipkin", "zipkin/openinference.jsonl"),
    ("json-logs", "native/flowmaestro-pino.ndjson"),
];

/// How many updates a reader makes of lines.
fn decoded(name: &str, lines: &[u8]) -> usize {
    let format = LINE_FORMATS.iter().find(|format| format.name == name).expect("a format");
    let stream = Stream { name: "run.ndjson".to_owned(), salt: Vec::new(), notes: String::new() };
    let mut decoder = (format.decoder)(&stream);
    let mut batch = Batch::default();
    let (mut from, mut updates) = (0, 0);
    for end in memchr_iter(b'\n', lines) {
        let (bytes, pos) = (&lines[from..end], from as u64);
        let at = PayloadRef { segment: SegmentId(0), pos, len: bytes.len() as u32 };
        let stamp = Stamp::new(SegmentId(0), pos);
        decoder.decode(&Line { bytes, at, stamp, arrived: UnixNanos(0) }, &mut batch);
        from = end + 1;
        if batch.updates.len() >= 2_048 {
            updates += std::mem::take(&mut batch).updates.len();
        }
    }
    updates + batch.updates.len()
}

fn values(lines: &[u8]) -> usize {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok()).count()
}

fn main() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for (format, file) in LINES {
        let one = std::fs::read(fixtures.join(file)).expect("reads");
        let one = [one.trim_ascii_end(), b"\n"].concat();
        let lines = one.repeat(SIZE.div_ceil(one.len()));
        assert!(decoded(format, &one) > 0 && values(&one) > 0, "{file} is of another format");
        let what = format!("{format} {}", file.rsplit('/').next().unwrap_or(file));
        ratio::print(&what, ratio::in_turn(7, || decoded(format, &lines), || values(&lines)));
    }
    println!("ours: lines to updates; floor: lines to values of serde_json");
}
