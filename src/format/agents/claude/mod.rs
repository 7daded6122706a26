//! Session logs of Claude Code: `~/.claude/projects/PROJECT/SESSION.jsonl`, and the files of its subagents.
//!
//! One answer of the model is several lines, one for each block, and each line repeats the usage of the whole answer:
//! lines with the same message and request are one call, whose largest usage counts. Older versions, and running
//! subagents, write the usage that was known when the answer began and never correct it: such output is a lower bound.

mod agent;
mod assistant;
mod detail;
mod entry;
mod session;
mod user;

#[cfg(test)]
mod tests;

use crate::format::{LineDecoder, LineFormat, LineSample, Stream};

use super::{count_known, score};

/// Lines of a session or of a subagent.
pub(in crate::format) static LINES: LineFormat = LineFormat {
    name: "claude-code",
    about: "session logs of Claude Code: ~/.claude/projects/*/*.jsonl and its subagents' files",
    sniff,
    decoder,
    detail: detail::line,
    independent_lines: false,
};

/// Types of lines that only this agent writes beside its messages.
const TYPES: [&str; 11] = [
    "user",
    "assistant",
    "system",
    "attachment",
    "summary",
    "ai-title",
    "custom-title",
    "queue-operation",
    "file-history-snapshot",
    "last-prompt",
    "progress",
];

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let mut chained = 0;
    let (records, known) = count_known(sample, |fields| {
        let has = |name: &str| fields.iter().any(|(key, _)| key == name);
        let kind = fields.iter().find(|(key, _)| key == "type").and_then(|(_, value)| value.text());
        if !kind.is_some_and(|kind| TYPES.contains(&kind)) {
            return false;
        }
        let message = has("uuid") && has("parentUuid") && has("sessionId") && has("timestamp");
        chained += usize::from(message);
        message || has("leafUuid") || has("sessionId") || has("messageId")
    });
    if chained == 0 && (known == 0 || known < records) {
        return (0, "no messages of a Claude Code session".to_owned());
    }
    (score(known, records), format!("{known} of {records} records are of a Claude Code session"))
}

fn decoder(stream: &Stream) -> Box<dyn LineDecoder> {
    Box::new(session::Sessions::new(stream))
}
