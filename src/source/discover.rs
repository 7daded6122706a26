//! Where coding agents keep their sessions, for a start without arguments.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::place::modified;
use crate::model::UnixNanos;

/// A session that an agent keeps on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its file or database.
    pub path: PathBuf,
    /// Name of its format.
    pub format: &'static str,
    /// When it was last written.
    pub modified: Option<UnixNanos>,
    /// Its size.
    pub bytes: u64,
}

/// Where to look: a home folder and the settings that agents take from the environment.
pub struct Homes<'a> {
    /// The user's home folder.
    pub home: PathBuf,
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
}

/// Folders and files that are looked at, most; homes with more hold more sessions than anybody picks from.
const MAX_ENTRIES: usize = 200_000;
/// Deepest folder below one of the agents'.
const MAX_DEPTH: usize = 6;

/// Which files of a folder are sessions.
struct Rule {
    folder: PathBuf,
    format: &'static str,
    is_session: fn(&[String]) -> bool,
    depth: usize,
}

/// The sessions of all known agents, the newest first, at most `most`. What can't be read is left out.
///
/// Subagents' files are left out: they belong to the session beside them.
pub fn sessions(homes: &Homes<'_>, most: usize) -> Vec<Session> {
    let mut walk = Walk { left: MAX_ENTRIES, seen: HashSet::new(), found: Vec::new() };
    for rule in rules(homes) {
        walk.folder(&rule.folder, &mut Vec::new(), &rule);
    }
    let mut found = walk.found;
    found.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.path.cmp(&b.path)));
    found.truncate(most);
    found
}

/// How deep below the working directory spans are looked for, folders.
const NEARBY_DEPTH: usize = 2;

/// Files in a folder and a little below it that may hold spans, by their names: the newest first, at most `most`. Folders
/// that are hidden, or hold dependencies or builds, are left out. Their formats are not known yet.
pub fn nearby(folder: &Path, most: usize) -> Vec<Session> {
    let mut walk = Walk { left: MAX_ENTRIES / 10, seen: HashSet::new(), found: Vec::new() };
    let rule = Rule {
        folder: folder.to_owned(),
        format: "",
        is_session: |path| {
            let hidden = |name: &String| {
                name.starts_with('.') || matches!(name.as_str(), "node_modules" | "target" | "venv" | "dist")
            };
            let spans = [".db", ".sqlite", ".sqlite3", ".ndjson", ".jsonl", ".otlp"];
            // The AI SDK's developer tools keep theirs in a hidden folder.
            let devtools = path.ends_with(&[".devtools".to_owned(), "generations.json".to_owned()]);
            devtools && !path.iter().rev().skip(2).any(hidden)
                || !path.iter().any(hidden) && spans.iter().any(|end| ends(path, end))
        },
        depth: NEARBY_DEPTH,
    };
    walk.folder(&rule.folder, &mut Vec::new(), &rule);
    let mut found = walk.found;
    found.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.path.cmp(&b.path)));
    found.truncate(most);
    found
}

fn rules(homes: &Homes<'_>) -> Vec<Rule> {
    let set = |name: &str| (homes.variable)(name).filter(|value| !value.is_empty());
    let home = |path: &str| homes.home.join(path);
    let or_home = |name: &str, path: &str| set(name).map_or_else(|| home(path), PathBuf::from);
    let config = or_home("XDG_CONFIG_HOME", ".config");
    let data = or_home("XDG_DATA_HOME", ".local/share");

    // Several folders may be given, with commas between them.
    let claude = match set("CLAUDE_CONFIG_DIR") {
        Some(list) => list.to_string_lossy().split(',').map(|one| PathBuf::from(one.trim())).collect(),
        None => vec![config.join("claude"), home(".claude")],
    };
    let mut rules: Vec<Rule> = claude
        .into_iter()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map(|folder| Rule {
            folder: folder.join("projects"),
            format: "claude-code",
            is_session: |path| ends(path, ".jsonl") && !starts(path, "agent-") && path.len() == 2,
            depth: 1,
        })
        .collect();
    let codex = or_home("CODEX_HOME", ".codex");
    for folder in ["sessions", "archived_sessions"] {
        rules.push(Rule {
            folder: codex.join(folder),
            format: "codex",
            is_session: |path| ends(path, ".jsonl") && starts(path, "rollout-"),
            depth: 3,
        });
    }
    for folder in [".gemini", ".qwen"] {
        rules.push(Rule {
            folder: home(folder).join("tmp"),
            format: "gemini-cli",
            is_session: |path| {
                let named = ends(path, ".jsonl") || ends(path, ".json") && starts(path, "session-");
                named && path.iter().rev().nth(1).is_some_and(|it| it == "chats")
            },
            depth: 2,
        });
    }
    rules.push(Rule {
        folder: home(".qwen").join("projects"),
        format: "qwen-code",
        is_session: |path| ends(path, ".jsonl") && path.iter().rev().nth(1).is_some_and(|it| it == "chats"),
        depth: 2,
    });
    for (folder, is_session) in [
        ("opencode", (|path| ends(path, ".db") && starts(path, "opencode")) as fn(&[String]) -> bool),
        ("kilo", |path| ends(path, ".db") && starts(path, "kilo")),
    ] {
        rules.push(Rule { folder: data.join(folder), format: "opencode", is_session, depth: 0 });
    }
    rules
}

fn ends(path: &[String], with: &str) -> bool {
    path.last().is_some_and(|name| name.ends_with(with))
}

fn starts(path: &[String], with: &str) -> bool {
    path.last().is_some_and(|name| name.starts_with(with))
}

struct Walk {
    left: usize,
    /// Folders and files that were met: links may lead to them again.
    seen: HashSet<PathBuf>,
    found: Vec<Session>,
}

impl Walk {
    /// Looks through a folder. `path` is the way to it from the agent's folder.
    fn folder(&mut self, folder: &Path, path: &mut Vec<String>, rule: &Rule) {
        if !folder.is_dir() || !self.is_new(folder) {
            return;
        }
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            // Follows links, which home folders are full of; a link to nothing is nothing.
            let Ok(meta) = std::fs::metadata(entry.path()) else { continue };
            path.push(entry.file_name().to_string_lossy().into_owned());
            if meta.is_dir() {
                if path.len() <= rule.depth.min(MAX_DEPTH) {
                    self.folder(&entry.path(), path, rule);
                }
            } else if meta.is_file()
                && meta.len() > 0
                && (rule.is_session)(path)
                && self.is_new(&entry.path())
            {
                self.found.push(Session {
                    path: entry.path(),
                    format: rule.format,
                    modified: modified(&meta),
                    bytes: meta.len(),
                });
            }
            path.pop();
        }
    }

    fn is_new(&mut self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|real| self.seen.insert(real))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(home: &Path, path: &str) {
        let path = home.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, "{}\n").expect("a file");
    }

    fn names(homes: &Homes<'_>) -> Vec<String> {
        let found = sessions(homes, 100);
        let mut names: Vec<_> = found
            .iter()
            .map(|session| {
                let path = session.path.strip_prefix(&homes.home).unwrap_or(&session.path);
                format!("{} {}", session.format, path.display())
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_lies_nearby_may_hold_spans() {
        let home = tempfile::tempdir().expect("a folder");
        for path in [
            "run.db",
            "run.db-wal",
            "logs/a/spans.ndjson",
            "logs/a/b/deep.ndjson",
            "node_modules/x.db",
            ".git/y.db",
            ".devtools/generations.json",
            ".devtools/other.db",
        ] {
            put(home.path(), path);
        }
        let mut names: Vec<_> = nearby(home.path(), 10)
            .into_iter()
            .map(|found| found.path.strip_prefix(home.path()).expect("inside").display().to_string())
            .collect();
        names.sort();
        assert_eq!(names, [".devtools/generations.json", "logs/a/spans.ndjson", "run.db"]);
    }

    #[test]
    fn sessions_are_found_where_agents_keep_them() {
        let home = tempfile::tempdir().expect("a folder");
        for path in [
            ".claude/projects/-home-me/1.jsonl",
            ".claude/projects/-home-me/agent-12345678.jsonl",
            ".claude/projects/-home-me/1/subagents/agent-a.jsonl",
            ".claude/projects/-home-me/1/subagents/agent-a.meta.json",
            ".config/claude/projects/p/2.jsonl",
            ".codex/sessions/2026/11/21/rollout-a.jsonl",
            ".codex/archived_sessions/rollout-b.jsonl",
            ".codex/history.jsonl",
            ".gemini/tmp/abc/chats/session-1.jsonl",
            ".gemini/tmp/abc/logs.json",
            ".gemini/tmp/abc/chats/session-0.json",
            ".qwen/tmp/abc/chats/session-2.jsonl",
            ".qwen/projects/-home-me/chats/3.jsonl",
            ".local/share/opencode/opencode.db",
            ".local/share/opencode/opencode.db-wal",
            ".local/share/kilo/kilo.db",
        ] {
            put(home.path(), path);
        }
        std::fs::write(home.path().join(".claude/projects/-home-me/empty.jsonl"), "").expect("a file");
        let homes = Homes { home: home.path().to_owned(), variable: &|_| None };
        let want = [
            "claude-code .claude/projects/-home-me/1.jsonl",
            "claude-code .config/claude/projects/p/2.jsonl",
            "codex .codex/archived_sessions/rollout-b.jsonl",
            "codex .codex/sessions/2026/11/21/rollout-a.jsonl",
            "gemini-cli .gemini/tmp/abc/chats/session-0.json",
            "gemini-cli .gemini/tmp/abc/chats/session-1.jsonl",
            "gemini-cli .qwen/tmp/abc/chats/session-2.jsonl",
            "opencode .local/share/kilo/kilo.db",
            "opencode .local/share/opencode/opencode.db",
            "qwen-code .qwen/projects/-home-me/chats/3.jsonl",
        ];
        assert_eq!(names(&homes), want);
        assert_eq!(sessions(&homes, 3).len(), 3);
    }

    #[test]
    fn settings_move_them_and_the_newest_come_first() {
        let home = tempfile::tempdir().expect("a folder");
        for path in ["a/projects/p/old.jsonl", "b/projects/p/new.jsonl", "c/sessions/1/2/3/rollout-x.jsonl"] {
            put(home.path(), path);
        }
        let old = std::fs::File::options().write(true).open(home.path().join("a/projects/p/old.jsonl"));
        let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3601);
        old.expect("a file").set_modified(hour_ago).expect("a time");
        let folder = |name: &str| home.path().join(name).into_os_string();
        let variable = |name: &str| match name {
            "CLAUDE_CONFIG_DIR" => {
                let mut list = folder("a");
                list.push(", ");
                list.push(folder("b"));
                Some(list)
            }
            "CODEX_HOME" => Some(folder("c")),
            _ => None,
        };
        let homes = Homes { home: home.path().to_owned(), variable: &variable };
        let found = sessions(&homes, 10);
        assert_eq!(found.len(), 3);
        assert!(found[2].path.ends_with("old.jsonl"));
        assert!(found[0].modified >= found[1].modified);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once() {
        use std::os::unix::fs::symlink;
        let home = tempfile::tempdir().expect("a folder");
        put(home.path(), "real/p/1.jsonl");
        std::fs::create_dir_all(home.path().join(".claude")).expect("a folder");
        symlink(home.path().join("real"), home.path().join(".claude/projects")).expect("a link");
        // Around in a circle, and to nothing.
        symlink(home.path().join("real"), home.path().join("real/p/circle")).expect("a link");
        symlink(home.path().join("real"), home.path().join("real/again")).expect("a link");
        symlink(home.path().join("nothing"), home.path().join("real/p/2.jsonl")).expect("a link");
        let homes = Homes { home: home.path().to_owned(), variable: &|_| None };
        assert_eq!(names(&homes), ["claude-code .claude/projects/p/1.jsonl"]);
    }
}
