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
use crate::model::Id;

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

/// How sure lines make us that all name one session, where some are of a type that is known: more than any log with
/// times may be.
const ONE_SESSION: u8 = 60;
/// The same where no type is known: less than anything that knows what it reads.
const SOME_SESSION: u8 = 31;

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let (mut chained, mut of_one) = (0, 0);
    let mut session: Option<String> = None;
    let (records, known) = count_known(sample, |fields| {
        let has = |name: &str| fields.iter().any(|(key, _)| key == name);
        let text =
            |name: &str| fields.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.text());
        let kind = text("type");
        if let (Some(_), Some(own)) = (kind, text("sessionId").filter(|id| is_session(id))) {
            of_one += usize::from(session.get_or_insert_with(|| own.to_owned()) == own);
        }
        if !kind.is_some_and(|kind| TYPES.contains(&kind)) {
            return false;
        }
        let message = has("uuid") && has("parentUuid") && has("sessionId") && has("timestamp");
        chained += usize::from(message);
        message || has("leafUuid") || has("sessionId") || has("messageId")
    });
    if chained == 0 && known < records && of_one == records {
        // Newer versions begin with lines of types of their own, all of which name the session.
        let score = if known > 0 { ONE_SESSION } else { SOME_SESSION };
        return (score, format!("all {records} records name one session"));
    }
    if chained == 0 && (known == 0 || known < records) {
        return (0, "no messages of a Claude Code session".to_owned());
    }
    (score(known, records), format!("{known} of {records} records are of a Claude Code session"))
}

/// Whether an id is one that sessions have: a UUID, after which their files are named.
fn is_session(id: &str) -> bool {
    id.len() == 36 && Id::parse_binary(id.as_bytes()).is_some()
}

fn decoder(stream: &Stream) -> Box<dyn LineDecoder> {
    Box::new(session::Sessions::new(stream))
}
