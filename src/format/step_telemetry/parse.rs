//! The grammar of the console lines. Only the ASCII text counts: the emoji in front of a line may be garbled or gone.

use std::borrow::Cow;

use crate::model::{NANOS_PER_MS, UnixNanos};

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Event<'a> {
    /// A workflow begins; the block dialect names it.
    WorkflowStarted { id: Option<&'a str> },
    /// A workflow ends with this word for its status.
    WorkflowEnded { status: &'a str },
    /// A workflow ends with an error.
    WorkflowFailed { message: &'a str },
    /// The duration of the workflow that ended just before.
    WorkflowDuration { nanos: i64 },
    /// A step begins, by key or number.
    StepOpened { id: &'a str, name: Option<&'a str> },
    /// More about a step that began.
    StepStarted { id: &'a str, name: Option<&'a str>, tail: Option<&'a str> },
    /// When the step began.
    StepStartedAt { at: UnixNanos },
    /// A step ended after this time; without an id it is the current one.
    StepEnded { id: Option<&'a str>, nanos: Option<i64>, failed: bool },
    /// More about a step that ended.
    StepReport { id: &'a str, name: Option<&'a str>, tail: Option<&'a str>, failed: bool },
    /// A step failed with this message; without an id it is what was spoken of last.
    StepError { id: Option<&'a str>, message: &'a str },
    /// A runtime's own word that a step threw.
    StepThrew { workflow: &'a str, message: &'a str },
    /// A model call: tokens and time.
    Llm { model: &'a str, prompt: u64, completion: u64, nanos: i64 },
    /// A model call that failed.
    LlmError { model: &'a str, message: &'a str },
    /// More about a model call.
    LlmReport { id: &'a str, tail: Option<&'a str>, failed: bool },
    /// The model of the call that the next line measures.
    LlmModel { model: &'a str },
    /// A model call measured in characters.
    LlmMeasured { nanos: Option<i64>, failed: bool },
    /// A call of an agent's tool.
    AgentCall { id: &'a str, tail: Option<&'a str> },
    /// From one step to another.
    Transition { from: &'a str, to: &'a str },
    /// Progress of the whole: title and status.
    Progress { title: &'a str, status: &'a str },
    /// An attempt that failed, or how trying again went; `Some` when the attempts are over without success.
    Retry { key: &'a str, text: &'a str, message: Option<&'a str> },
    /// Anything else that the telemetry says.
    Message { text: &'a str, tail: Option<&'a str> },
    /// A line that belongs to the payload of the current step.
    Payload,
    /// Nothing: a blank line, a rule, a heading.
    Nothing,
}

/// A line without terminal escapes, damaged bytes and trailing blanks.
pub(super) fn clean(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if !text.contains('\u{1b}') {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            plain.push(c);
        } else if rest.clone().next() == Some('[') {
            // A control sequence ends with its first letter-like byte.
            rest.next();
            let _ = rest.find(|c| ('\u{40}'..='\u{7e}').contains(c));
        }
    }
    Cow::Owned(plain)
}

/// A time that some runners put before each line, and the line without it.
pub(super) fn timestamp(line: &str) -> (Option<UnixNanos>, &str) {
    if !line.starts_with("20") {
        return (None, line);
    }
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let written = (20..=40).contains(&first.len()) && first.as_bytes().get(10) == Some(&b'T');
    match UnixNanos::parse(first).filter(|_| written) {
        Some(time) => (Some(time), rest),
        None => (None, line),
    }
}

/// The line without its mark: an emoji, whatever a wrong encoding made of it, or question marks.
pub(super) fn body(line: &str) -> &str {
    line.trim_end().trim_start_matches(|c: char| !c.is_ascii_graphic() || c == '?')
}

/// What a line says; `None` for a line that isn't telemetry.
pub(super) fn parse(line: &str) -> Option<Event<'_>> {
    let text = body(line);
    if text.is_empty() {
        return Some(Event::Nothing);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (head, rest) = rest.split_once(']')?;
        return bracketed(head, rest.trim());
    }
    if let Some(rest) = text.strip_prefix("Step ") {
        return step_line(rest);
    }
    if let Some(rest) = text.strip_prefix("Error executing step workflow.") {
        let (place, message) = rest.split_once(": ")?;
        let (workflow, _) = place.split_once(".step.")?;
        return Some(Event::StepThrew { workflow, message });
    }
    let cross = line.get(..line.len() - text.len().min(line.len())).is_some_and(is_cross);
    block_line(line, text, cross)
}

/// Lines of the block dialect.
fn block_line<'a>(line: &str, text: &'a str, cross: bool) -> Option<Event<'a>> {
    let indented = line.starts_with("   ");
    let after = |prefix: &str| text.strip_prefix(prefix).map(str::trim);
    if let Some(id) = after("WORKFLOW STARTED:") {
        return Some(Event::WorkflowStarted { id: Some(id) });
    }
    if let Some(rest) = after("STEP ") {
        if rest == "SUMMARY:" {
            return Some(Event::Nothing);
        }
        let (id, name) = rest.split_once(':')?;
        return Some(Event::StepOpened { id: id.trim(), name: Some(name.trim()) });
    }
    if text.starts_with("WORKFLOW COMPLETED") {
        return Some(Event::WorkflowEnded { status: "success" });
    }
    if text.starts_with("WORKFLOW FAILED") {
        return Some(Event::WorkflowEnded { status: "failed" });
    }
    if let Some(rest) = after("Total Duration:") {
        return Some(Event::WorkflowDuration { nanos: milliseconds(rest)? });
    }
    if ["AEC: ", "Steps Completed: ", "LLM Calls: "].iter().any(|prefix| text.starts_with(prefix)) {
        return Some(Event::Payload);
    }
    if !indented {
        return None;
    }
    if let Some(time) = after("Started at:") {
        return UnixNanos::parse(time).map(|at| Event::StepStartedAt { at });
    }
    if let Some(model) = after("LLM Call:") {
        return Some(Event::LlmModel { model });
    }
    if text.starts_with("Prompt: ") && text.contains(" chars ") {
        let nanos = text.rsplit_once('(').and_then(|(_, rest)| milliseconds(rest));
        return Some(Event::LlmMeasured { nanos, failed: cross });
    }
    if let Some(rest) = after("COMPLETED (") {
        return Some(Event::StepEnded { id: None, nanos: milliseconds(rest), failed: false });
    }
    if let Some(rest) = after("FAILED (") {
        return Some(Event::StepEnded { id: None, nanos: milliseconds(rest), failed: true });
    }
    if let Some(message) = after("Error:") {
        return Some(Event::StepError { id: None, message });
    }
    if text.starts_with("Input: ") || text.starts_with("Output: ") {
        return Some(Event::Payload);
    }
    // A line of the summary: `1: Extract Intent - 2071ms (1 LLM calls)`.
    let (id, rest) = text.split_once(": ")?;
    let (_, rest) = rest.rsplit_once(" - ")?;
    (is_digits(id) && milliseconds(rest).is_some()).then_some(Event::Nothing)
}

/// `[head] rest`.
fn bracketed<'a>(head: &'a str, rest: &'a str) -> Option<Event<'a>> {
    match head {
        "WorkflowTelemetry:start" if rest == "Workflow started" => {
            return Some(Event::WorkflowStarted { id: None });
        }
        "WorkflowTelemetry:complete" => {
            let status = rest.strip_prefix("Workflow completed with status:")?.trim();
            return Some(Event::WorkflowEnded { status });
        }
        "WorkflowTelemetry:failed" => {
            return Some(Event::WorkflowFailed {
                message: rest.strip_prefix("Error:").unwrap_or(rest).trim(),
            });
        }
        "WorkflowTelemetry" => {
            if let Some(event) = rest.strip_prefix("Step ").and_then(step_line) {
                return Some(event);
            }
            let (text, tail) = split_tail(rest);
            return Some(Event::Message { text, tail });
        }
        "Progress" => {
            let (_, rest) = rest.strip_prefix("Step ")?.split_once(": ")?;
            let (title, status) = rest.rsplit_once(" - ")?;
            return Some(Event::Progress { title, status });
        }
        _ => {}
    }
    if rest == "Starting step" {
        return Some(Event::StepOpened { id: head, name: None });
    }
    if rest == "Step transition" {
        let mut parts = head.split_whitespace();
        let (from, _, to) = (parts.next()?, parts.next()?, parts.next()?);
        return Some(Event::Transition { from, to });
    }
    if let Some(message) = rest.strip_prefix("LLM Error:") {
        return Some(Event::LlmError { model: head, message: message.trim() });
    }
    if let Some(rest) = rest.strip_prefix("Completed in ") {
        let duration = rest.split(" | ").next().unwrap_or(rest);
        return Some(Event::StepEnded { id: Some(head), nanos: milliseconds(duration), failed: false });
    }
    if rest.starts_with("Prompt: ") {
        return model_call(head, rest);
    }
    if let Some(message) = rest.strip_prefix("Error:") {
        return Some(Event::StepError { id: Some(head), message: message.trim() });
    }
    if rest.starts_with("Attempt ") {
        let (text, message) = rest.split_once(" failed: ")?;
        let message = message.rsplit_once(" Retrying in ").map_or(message, |(message, _)| message);
        return Some(Event::Retry { key: head, text, message: Some(message) });
    }
    if rest.starts_with("Recovered after ") {
        return Some(Event::Retry { key: head, text: rest, message: None });
    }
    if rest.starts_with("Failed after ") {
        let (text, message) = rest.split_once(": ").unwrap_or((rest, rest));
        return Some(Event::Retry { key: head, text, message: Some(message) });
    }
    if is_digits(head) {
        if rest == "Unlocked" {
            return Some(Event::Message { text: rest, tail: None });
        }
        let title = rest.starts_with(|c: char| c.is_ascii_uppercase())
            && rest.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b' ');
        if title {
            return Some(Event::StepOpened { id: head, name: Some(rest) });
        }
    }
    None
}

/// `Prompt: 405 tokens | Completion: 41 tokens | Duration: 3.4s` of a model.
fn model_call<'a>(model: &'a str, rest: &str) -> Option<Event<'a>> {
    let mut parts = rest.split(" | ");
    let mut value = |prefix: &str, unit: &str| {
        let part = parts.next()?.strip_prefix(prefix)?.strip_suffix(unit)?;
        Some(part.trim().to_owned())
    };
    let prompt = value("Prompt: ", " tokens")?.parse().ok()?;
    let completion = value("Completion: ", " tokens")?.parse().ok()?;
    let seconds: f64 = value("Duration: ", "s")?.parse().ok()?;
    Some(Event::Llm { model, prompt, completion, nanos: nanos_of_ms(seconds * 1e3)? })
}

/// What follows `Step `.
fn step_line(rest: &str) -> Option<Event<'_>> {
    let (said, tail) = split_tail(rest);
    if let Some((id, what)) = said.split_once(": ").filter(|(id, _)| is_step_id(id)) {
        return match what.trim() {
            "LLM call completed" => Some(Event::LlmReport { id, tail, failed: false }),
            "LLM call failed" => Some(Event::LlmReport { id, tail, failed: true }),
            "Agent tool call" | "Agent call" => Some(Event::AgentCall { id, tail }),
            text => tail.filter(|tail| tail.starts_with('{')).map(|_| Event::Message { text, tail }),
        };
    }
    let (place, what) = said.rsplit_once(' ')?;
    let (id, name) = match place.split_once(" [") {
        Some((id, name)) => (id, Some(name.strip_suffix(']')?)),
        None => (place, None),
    };
    if !is_step_id(id) {
        return None;
    }
    match what {
        "started" => Some(Event::StepStarted { id, name, tail }),
        "completed" => Some(Event::StepReport { id, name, tail, failed: false }),
        "failed" => Some(Event::StepReport { id, name, tail, failed: true }),
        _ => None,
    }
}

/// A message and what stands behind its ` | `: JSON if there is some.
fn split_tail(text: &str) -> (&str, Option<&str>) {
    let at = text.find(" | {").or_else(|| text.find(" | "));
    match at.and_then(|at| Some((text.get(..at)?, text.get(at + 3..)?))) {
        Some((said, tail)) => (said.trim_end(), Some(tail.trim())),
        None => (text, None),
    }
}

fn is_step_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 64
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `2071ms` and whatever follows, in nanoseconds.
fn milliseconds(text: &str) -> Option<i64> {
    let (number, _) = text.split_once("ms")?;
    nanos_of_ms(number.trim().parse().ok()?)
}

/// Milliseconds in nanoseconds; `None` for what is no duration (negative, more than ten years).
pub(super) fn nanos_of_ms(ms: f64) -> Option<i64> {
    (0.0..=3.2e11).contains(&ms).then(|| (ms * NANOS_PER_MS as f64).round() as i64)
}

/// Whether a mark is the cross (U+274C), in UTF-8 or as `cp1252`, `cp1254` or `MacRoman` show it.
fn is_cross(mark: &str) -> bool {
    mark.contains('❌') || mark.contains("âŒ") || mark.contains("\u{9d}Œ") || mark.contains("ùå")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_don_t_matter() {
        let expected =
            Some(Event::Llm { model: "m:latest", prompt: 405, completion: 41, nanos: 3_400_000_000 });
        let text = "[m:latest] Prompt: 405 tokens | Completion: 41 tokens | Duration: 3.4s";
        for mark in ["🤖 ", "", "ðŸ¤– ", "?? ", "ü§ñ ", "\u{1b}[32m🤖\u{1b}[39m "] {
            let line = format!("{mark}{text}");
            assert_eq!(parse(&clean(line.as_bytes())), expected, "{line}");
        }
    }

    #[test]
    fn garbage_numbers_are_no_numbers() {
        assert_eq!(
            parse("   ❌ FAILED ([object Object]ms)"),
            Some(Event::StepEnded { id: None, nanos: None, failed: true })
        );
        assert_eq!(parse("🤖 [m] Prompt: -1 tokens | Completion: 1 tokens | Duration: 1s"), None);
        assert_eq!(
            parse("✅ [1] Completed in 99999999999999999999ms"),
            Some(Event::StepEnded { id: Some("1"), nanos: None, failed: false })
        );
    }

    #[test]
    fn lines_of_a_backend_are_not_ours() {
        for line in [
            "🤖 [LLM] Calling llama3.2 (timeout: 60s)",
            "🤖 [LLM] Prompt length: 2286 chars",
            "🤖 [LLM] ✅ Response: 1027 chars in 2035ms",
            "🔒 [initializeAndLock] Locked AEC aec_1 for workflow w",
            "[Nest] 24817  - 02/04/2026, 12:04:31 PM     LOG [X] ✅ Preflight complete: 2 findings in 8456ms",
            "    at StepTelemetryTracker.startStep (/app/dist/x.js:31:24)",
            "Error: something",
            "Step by step",
            "[",
            "plain words",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_runners_time_is_taken_off() {
        let (time, rest) = timestamp("2026-02-04T17:00:00.123456789Z ✅ [1] Completed in 1ms");
        assert!(time.is_some());
        assert_eq!(body(rest), "[1] Completed in 1ms");
        assert_eq!(timestamp("2026 was good").0, None);
    }
}
