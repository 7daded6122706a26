//! Rollouts of Codex: `~/.codex/sessions/YYYY/MM/DD/rollout-*.jsonl`, one file for each thread; a subagent is a thread.
//!
//! What was used is written as a running total, often twice, so only what the total grew by counts; newer versions also
//! write what each response used, and then only that counts. A thread that was split off another one begins with a copy
//! of that one's records, which are told by turns that began before the thread did.

mod calls;
mod detail;
mod output;
mod rollout;
mod tools;
mod turns;

#[cfg(test)]
mod tests;

use super::{count_known, score};
use crate::format::{LineDecoder, LineFormat, LineSample, Stream};

/// Lines of a thread.
pub(in crate::format) static LINES: LineFormat = LineFormat {
    name: "codex",
    about: "rollouts of Codex: ~/.codex/sessions/**/rollout-*.jsonl",
    sniff,
    decoder,
    detail: detail::line,
    independent_lines: false,
};

/// Types of lines.
const TYPES: [&str; 7] = [
    "session_meta",
    "turn_context",
    "event_msg",
    "response_item",
    "token_usage_record",
    "world_state",
    "compacted",
];

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (records, known) = count_known(sample, |fields| {
        let has = |name: &str| fields.iter().any(|(key, _)| key == name);
        let kind = fields.iter().find(|(key, _)| key == "type").and_then(|(_, value)| value.text());
        kind.is_some_and(|kind| TYPES.contains(&kind)) && has("timestamp") && has("payload")
    });
    (score(known, records), format!("{known} of {records} records are of a Codex rollout"))
}

fn decoder(stream: &Stream) -> Box<dyn LineDecoder> {
    Box::new(rollout::Rollout::new(stream))
}
