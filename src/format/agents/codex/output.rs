//! What the result of a tool says about how it ended.

use crate::format::agents::names::error_line;
use crate::format::agents::{Fields, items};
use crate::format::json::Value;
use crate::model::NANOS_PER_SEC;

/// See the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took, nanoseconds.
    pub took: Option<i64>,
    /// Whether the user stopped it.
    pub stopped: bool,
    /// The thread that it started.
    pub agent: Option<String>,
}

/// Lines of a result that speak of the result itself.
const HEAD: usize = 8;

impl Outcome {
    /// Reads the `output` of a result: text of a notation of its own, JSON in text, or parts.
    pub(super) fn read(output: &Value<'_>) -> Self {
        match output {
            Value::Text(text) if text.trim_start().starts_with('{') => Self::json(text.trim()),
            Value::Text(text) => Self::plain(text),
            Value::Object(object) => {
                let fields = Fields::of(object);
                let mut this = Self::plain(fields.text("content"));
                if fields.get("success") == Some(&Value::Bool(false)) && this.error.is_none() {
                    this.error = Some(error_line(fields.text("content")));
                }
                this
            }
            Value::Array(parts) => {
                let mut this = Self::default();
                items(parts, |part| {
                    if let Value::Object(part) = part {
                        let said = Self::plain(Fields::of(part).text("text"));
                        if said != Self::default() {
                            this = said;
                        }
                    }
                });
                this
            }
            _ => Self::default(),
        }
    }

    fn json(text: &str) -> Self {
        let fields = Fields::of(text);
        let mut this = Self::default();
        if let Some(meta) = fields.object("metadata") {
            let number = |name: &str| meta.get(name).and_then(|value| value.number().ok().flatten());
            this.took = number("duration_seconds").and_then(nanos);
            this.error =
                number("exit_code").filter(|code| *code != 0.0).map(|code| format!("exit code {code}"));
        }
        let agent = fields.text("agent_id");
        this.agent = (!agent.is_empty()).then(|| agent.to_owned());
        this
    }

    fn plain(text: &str) -> Self {
        let mut this = Self::default();
        for line in text.lines().take(HEAD) {
            if line == "Output:" {
                break;
            }
            if let Some(code) =
                line.strip_prefix("Process exited with code ").or(line.strip_prefix("Exit code: "))
            {
                let failed = code.trim().parse::<i64>().is_ok_and(|code| code != 0);
                this.error = failed.then(|| format!("exit code {}", code.trim()));
            } else if let Some(rest) = line.strip_prefix("Wall time: ") {
                this.took = rest.split(' ').next().and_then(|time| time.parse().ok()).and_then(nanos);
            } else if line.starts_with("aborted by user") || line == "aborted" {
                this.stopped = true;
            } else if line.starts_with("exec_command failed")
                || line.starts_with("apply_patch verification failed")
            {
                this.error = Some(error_line(line));
            }
        }
        this
    }
}

/// Seconds as nanoseconds, when they are believable.
fn nanos(seconds: f64) -> Option<i64> {
    (0.0..1e9).contains(&seconds).then_some((seconds * NANOS_PER_SEC as f64) as i64)
}
