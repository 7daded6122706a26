//! What the list of runs calls a source, in a few cells.

use std::path::Path;

/// Hexadecimal digits in a row that nobody made up as a name.
const DIGITS: usize = 8;

/// The file's name without its ending or, where that is an id, its format's.
pub(super) fn of(name: &str, format: Option<&'static str>) -> String {
    match format {
        Some(format) if is_numbered(name) => format.to_owned(),
        _ => stem(name),
    }
}

/// Whether a source's name is an id: many hexadecimal digits in a row, some of them decimal.
pub(in crate::tui) fn is_numbered(name: &str) -> bool {
    stem(name)
        .split(|letter: char| !letter.is_ascii_hexdigit())
        .any(|part| part.len() >= DIGITS && part.bytes().any(|byte| byte.is_ascii_digit()))
}

fn stem(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let file = file.strip_suffix(".gz").or_else(|| file.strip_suffix(".zst")).unwrap_or(file);
    Path::new(file).file_stem().map_or_else(|| file.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn ids_are_called_by_their_format() {
        for (name, format, label) in [
            ("/var/log/run.ndjson", Some("native"), "run"),
            ("runs/nightly.db", Some("mastra"), "nightly"),
            ("trace.json.gz", Some("otlp-json"), "trace"),
            ("-", None, "-"),
            ("p/8ab0f0a6-ec9b-42de-a950-7008329de395.jsonl", Some("claude-code"), "claude-code"),
            ("rollout-2026-11-21T03-08-10-01a1fc13-5f93-7883.jsonl", Some("codex"), "codex"),
            ("session-2026-11-21T03-22-ec3955f7.jsonl", Some("gemini-cli"), "gemini-cli"),
            ("p/8ab0f0a6-ec9b-42de-a950-7008329de395.jsonl", None, "8ab0f0a6-ec9b-42de-a950-7008329de395"),
            ("accessed-facade.log", Some("json-logs"), "accessed-facade"),
        ] {
            assert_eq!(of(name, format), label);
        }
    }
}
