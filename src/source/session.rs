//! A coding agent's session whose subagents write files of their own: the one file that is named stands for all of them.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::folder::Listing;
use super::place::{file_name, folder_of, open};
use crate::format::{SAMPLE_BYTES, Wish, detect_stream};

/// Bytes of a subagent's file in which its first line ends.
const HEAD: u64 = 256 << 10;
/// Deepest folder below the session's own.
const MAX_DEPTH: usize = 4;
/// Files and folders of the session's own that are looked at, most.
const MAX_ENTRIES: usize = 20_000;
/// Files of subagents, of whatever sessions, that are looked at beside the session's file, most.
const MAX_BESIDE: usize = 100_000;

/// A session of Claude Code. Newer versions write `SESSION/subagents/agent-ID.jsonl`, older ones `agent-ID.jsonl` beside
/// the session's file.
#[derive(Clone, Debug)]
pub(super) struct SessionFiles {
    path: PathBuf,
    id: String,
    /// Whether a file beside it is one of its subagents', once that is known.
    known: Arc<Mutex<HashMap<PathBuf, bool>>>,
}

impl SessionFiles {
    /// The session whose file this is.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let id = path.file_stem()?.to_str()?;
        let is_named =
            id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') && is_log(path);
        if !is_named || !path.is_file() {
            return None;
        }
        let sample = head(path, SAMPLE_BYTES as u64)?;
        let found = detect_stream(&sample, &Wish::default()).ok()??;
        (found.dialect.format.name == "claude-code").then(|| Self {
            path: path.to_owned(),
            id: id.to_owned(),
            known: Arc::default(),
        })
    }

    /// The session's file and those of its subagents.
    pub(super) fn list(&self) -> Listing {
        let mut listing = Listing::default();
        if let Ok(meta) = std::fs::metadata(&self.path) {
            listing.files.push((self.path.clone(), meta));
        }
        let beside = folder_of(&self.path);
        for path in agents_in(&beside).take(MAX_BESIDE) {
            if let Ok(meta) = std::fs::metadata(&path)
                && meta.is_file()
                && self.owns(&path)
            {
                listing.files.push((path, meta));
            }
        }
        listing.folders.push(beside);
        let mut entries = 0;
        let mut left = vec![(self.path.with_extension(""), 0)];
        while let Some((folder, depth)) = left.pop() {
            if !folder.is_dir() {
                continue;
            }
            for (path, meta) in read(&folder, &mut entries) {
                if meta.is_dir() && depth < MAX_DEPTH {
                    left.push((path, depth + 1));
                } else if meta.is_file() && is_log(&path) {
                    listing.files.push((path, meta));
                }
            }
            listing.folders.push(folder);
        }
        listing.is_cut = entries >= MAX_ENTRIES;
        // The session's own file stays the first.
        listing.files.get_mut(1..).unwrap_or_default().sort_by(|a, b| a.0.cmp(&b.0));
        listing.folders.sort();
        listing
    }

    /// Whether a file beside the session's is of one of its subagents: its first line names the session.
    fn owns(&self, path: &Path) -> bool {
        let Ok(mut known) = self.known.lock() else { return false };
        if let Some(owns) = known.get(path) {
            return *owns;
        }
        let Some(head) = head(path, HEAD) else { return false };
        let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
            // Not written yet, or none of ours.
            return false;
        };
        let line = String::from_utf8_lossy(head.get(..end).unwrap_or_default());
        let says = serde_json::from_str::<serde_json::Value>(&line).ok();
        let owns =
            says.and_then(|line| Some(line.get("sessionId")?.as_str()? == self.id)).unwrap_or_default();
        known.insert(path.to_owned(), owns);
        owns
    }
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

/// What could be files of subagents in a folder, by their names alone: it may hold any number of other sessions.
fn agents_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| file_name(path).starts_with("agent-") && is_log(path))
}

/// What is in a folder, links followed.
fn read(folder: &Path, entries: &mut usize) -> Vec<(PathBuf, std::fs::Metadata)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        *entries += 1;
        if *entries > MAX_ENTRIES {
            break;
        }
        if let Ok(meta) = std::fs::metadata(entry.path()) {
            found.push((entry.path(), meta));
        }
    }
    found
}

/// The beginning of a file.
fn head(path: &Path, bytes: u64) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    open(path).and_then(|file| file.take(bytes).read_to_end(&mut head)).ok()?;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "11111111-2222-4333-8444-555555555555";

    fn line(session: &str) -> String {
        format!(
            "{{\"type\":\"user\",\"uuid\":\"u\",\"parentUuid\":null,\"sessionId\":\"{session}\",\
             \"timestamp\":\"2026-11-21T10:00:00.000Z\",\"message\":{{\"role\":\"user\",\"content\":\"x\"}}}}\n"
        )
    }

    #[test]
    fn a_session_stands_for_the_files_of_its_subagents() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        put(&format!("{ID}.jsonl"), &line(ID));
        put("22222222-2222-4333-8444-555555555555.jsonl", &line("22222222-2222-4333-8444-555555555555"));
        put("agent-1.jsonl", &line(ID));
        put("agent-2.jsonl", &line("22222222-2222-4333-8444-555555555555"));
        put("agent-3.jsonl", "{\"sessionId\":");
        put(&format!("{ID}/subagents/agent-b.jsonl"), &line(ID));
        put(&format!("{ID}/subagents/agent-b.meta.json"), "{}");
        put(&format!("{ID}/subagents/deep/agent-a.jsonl"), &line(ID));
        put("not-a-session.jsonl", &line(ID));
        let names = |session: &SessionFiles| -> Vec<String> {
            let files = session.list().files;
            files.iter().map(|(path, _)| file_name(path)).collect()
        };
        let session = SessionFiles::of(&folder.path().join(format!("{ID}.jsonl"))).expect("a session");
        let all = [&format!("{ID}.jsonl"), "agent-b.jsonl", "agent-a.jsonl", "agent-1.jsonl"];
        assert_eq!(names(&session), all);
        put("agent-3.jsonl", &line(ID));
        assert_eq!(names(&session).len(), 5);
        assert!(SessionFiles::of(&folder.path().join("not-a-session.jsonl")).is_none());
        put("33333333-2222-4333-8444-555555555555.jsonl", "{\"a\":1}\n");
        assert!(
            SessionFiles::of(&folder.path().join("33333333-2222-4333-8444-555555555555.jsonl")).is_none()
        );
    }

    #[test]
    fn neighbours_do_not_use_up_what_a_session_may_have() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(format!("{ID}.jsonl"));
        std::fs::write(&path, line(ID)).expect("written");
        let own = path.with_extension("").join("subagents");
        std::fs::create_dir_all(&own).expect("made");
        std::fs::write(own.join("agent-a.jsonl"), line(ID)).expect("written");
        for n in 0..=MAX_ENTRIES {
            let other = folder.path().join(format!("{n}.jsonl"));
            std::fs::hard_link(&path, &other).or_else(|_| std::fs::write(&other, "")).expect("linked");
        }
        let listing = SessionFiles::of(&path).expect("a session").list();
        assert_eq!((listing.files.len(), listing.is_cut), (2, false));
    }
}
