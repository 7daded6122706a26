//! Sources: what they are called and how they stand.

use std::path::Path;

use crate::model::SourceId;
use crate::source::SourceState;

/// Hexadecimal digits in a row that nobody made up as a name.
const DIGITS: usize = 8;

/// A source as the header shows it.
#[derive(Debug)]
pub struct Source {
    /// Its number.
    pub id: SourceId,
    /// Its name as given; untrusted text.
    pub name: String,
    /// What the list of runs calls it; untrusted text.
    pub label: String,
    /// Its format, once found.
    pub format: Option<&'static str>,
    /// How it stands.
    pub state: SourceState,
    /// Done and total of what was there at the start, while that is being read.
    pub progress: Option<(u64, u64)>,
    /// Whether all that was there at the start has been read.
    pub caught_up: bool,
    /// Whether it is a folder whose files are sources of their own.
    pub is_folder: bool,
}

impl Source {
    /// A source that has not said anything yet.
    pub(super) fn new(id: SourceId, name: &str, is_folder: bool) -> Self {
        Self {
            id,
            name: name.to_owned(),
            label: label(name, None),
            format: None,
            state: SourceState::Waiting("opening".to_owned()),
            progress: None,
            caught_up: false,
            is_folder,
        }
    }

    /// Takes note of the format that was found.
    pub(super) fn is_of(&mut self, format: &'static str) {
        self.format = Some(format);
        self.label = label(&self.name, self.format);
    }

    /// The last part of its name.
    pub fn short_name(&self) -> &str {
        match self.name.as_str() {
            "-" => "standard input",
            name => name.trim_end_matches('/').rsplit('/').next().unwrap_or(name),
        }
    }

    /// What keeps it from being live: how bad that is, and why. `None` while it is live or what is there is being read.
    pub fn trouble(&self) -> Option<(Trouble, &str)> {
        let (trouble, why) = match &self.state {
            _ if self.progress.is_some() => return None,
            SourceState::Live | SourceState::Replaced(_) => return None,
            SourceState::Snapshot(why) => (Trouble::Snapshot, why),
            SourceState::Waiting(why) => (Trouble::Waiting, why),
            SourceState::Damaged(why) => (Trouble::Damaged, why),
            SourceState::Blocked(why) => (Trouble::Blocked, why),
            SourceState::Failed(why) => (Trouble::Failed, why),
        };
        Some((trouble, why))
    }
}

/// How far a source is from being live, the least bad first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Shown as it was at one moment.
    Snapshot,
    /// Nothing to read yet.
    Waiting,
    /// Read as far as it goes.
    Damaged,
    /// Cannot be read now.
    Blocked,
    /// Given up.
    Failed,
}

/// Whether sources can be told apart by what the list of runs calls them.
#[derive(Debug, Default)]
pub(super) struct Labels {
    first: Option<String>,
    differ: bool,
}

impl Labels {
    /// Takes note of the label of a source with a format.
    pub(super) fn note(&mut self, label: &str) {
        match &self.first {
            Some(first) => self.differ |= first != label,
            None => self.first = Some(label.to_owned()),
        }
    }

    /// Whether there were two that differ.
    pub(super) fn differ(&self) -> bool {
        self.differ
    }
}

/// The file's name without its ending or, where that is an id, its format's.
fn label(name: &str, format: Option<&'static str>) -> String {
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
    use super::*;

    #[test]
    fn ids_are_called_by_their_format() {
        for (name, format, called) in [
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
            assert_eq!(label(name, format), called);
        }
    }

    #[test]
    fn short_names_are_the_last_part() {
        for (name, short) in
            [("a/b.db", "b.db"), ("b.db", "b.db"), ("a/logs/", "logs"), ("-", "standard input"), ("/", "")]
        {
            assert_eq!(Source::new(SourceId(0), name, false).short_name(), short);
        }
    }
}
