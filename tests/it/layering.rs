//! The dependency rule: a module imports lower levels or its own folder, and a library stays in its room.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::path::{Path, PathBuf};

/// Modules by level.
const LEVELS: [(&str, u8); 14] = [
    ("model", 0),
    ("text", 0),
    ("format", 1),
    ("price", 1),
    ("filter", 1),
    ("store", 2),
    ("source", 2),
    ("analysis", 3),
    ("record", 3),
    ("export", 3),
    ("config", 3),
    ("tui", 4),
    ("cli", 5),
    ("main", 6),
];
/// Imports within a level that are meant.
const SIDEWAYS: [(&str, &str); 3] = [("text", "model"), ("export", "record"), ("export", "analysis")];
/// Imports to a lower level that are not meant.
const FORBIDDEN: [(&str, &str); 3] = [("tui", "record"), ("analysis", "source"), ("record", "source")];
/// Libraries, and where they may appear.
const ROOMS: [(&str, &[&str]); 6] = [
    ("ratatui", &["tui/"]),
    ("crossterm", &["tui/"]),
    ("rusqlite", &["source/sqlite/", "record/sink/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("clap_mangen", &["cli/"]),
];
const MAX_LINES: usize = 520;

/// Every Rust file under `src`, with its path there.
pub(crate) fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("reads a folder") {
            let path: PathBuf = entry.expect("reads an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name =
                    path.strip_prefix(&root).expect("lies in src").to_string_lossy().replace('\\', "/");
                files.push((name, std::fs::read_to_string(&path).expect("reads a file")));
            }
        }
    }
    files.sort();
    assert!(files.len() > 100, "the sources are found");
    files
}

/// The module path of a file: `a/b.rs` and `a/b/mod.rs` are `a`, `b`.
fn module(file: &str) -> Vec<&str> {
    let stem = file.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    stem.split('/').filter(|part| *part != "lib").collect()
}

fn level(module: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == module).map(|(_, level)| *level)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The code of a line without its comment.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// The first name of what follows: `store::Row` is `store`, `{model, text::x}` is both.
fn first_names(rest: &str) -> Vec<String> {
    let Some(list) = rest.strip_prefix('{') else {
        return vec![rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()];
    };
    let (mut depth, mut names, mut name, mut named) = (0_usize, Vec::new(), String::new(), false);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(std::mem::take(&mut name));
                named = false;
            }
            c if depth == 0 && !named && (c.is_ascii_alphanumeric() || c == '_') => name.push(c),
            c => named |= !c.is_whitespace(),
        }
    }
    names.push(name);
    names
}

/// The modules of this crate that a file names, with line numbers.
fn imports(file: &str, text: &str) -> Vec<(usize, String)> {
    let depth = module(file).len();
    let mut found = Vec::new();
    let plain: Vec<&str> = text.lines().map(code).collect();
    let whole = plain.join("\n");
    let mut line = 1;
    for (at, _) in whole.char_indices() {
        if whole.as_bytes()[at] == b'\n' {
            line += 1;
        }
        if at > 0 && (is_name(whole.as_bytes()[at - 1]) || whole.as_bytes()[at - 1] == b':') {
            continue;
        }
        let rest = &whole[at..];
        let rest = if let Some(rest) = rest.strip_prefix("crate::") {
            rest
        } else {
            let ups = rest.split("::").take_while(|part| *part == "super").count();
            if ups == 0 || ups < depth {
                continue;
            }
            &rest["super::".len() * ups..]
        };
        found.extend(first_names(rest).into_iter().map(|name| (line, name)));
    }
    found
}

#[test]
fn imports_point_downwards() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let Some(&from) = module(&file).first() else { continue };
        let from_level = level(from).unwrap_or_else(|| panic!("src/{file} is on no level"));
        for (line, to) in imports(&file, &text) {
            let Some(to_level) = level(&to) else { continue };
            let meant = from == to || to_level < from_level || SIDEWAYS.contains(&(from, to.as_str()));
            if !meant || FORBIDDEN.contains(&(from, to.as_str())) {
                wrong.push(format!("src/{file}:{line}: {from} may not import {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if file.ends_with("tests.rs") || file.contains("/tests/") {
            continue;
        }
        for (at, line) in text.lines().enumerate() {
            for (library, rooms) in ROOMS {
                let named = code(line).match_indices(library).any(|(at, _)| {
                    let before = at.checked_sub(1).is_none_or(|at| !is_name(line.as_bytes()[at]));
                    before && line[at + library.len()..].starts_with("::")
                });
                if named && !rooms.iter().any(|room| file.starts_with(room)) {
                    wrong.push(format!(
                        "src/{file}:{}: {library} belongs under {}",
                        at + 1,
                        rooms.join(", ")
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_stay_small() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(file, lines)| format!("src/{file} has {lines} lines"))
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
    let main = sources().into_iter().find(|(file, _)| file == "main.rs").expect("main.rs").1;
    assert!(main.lines().count() < 40, "main.rs only starts the library");
}

#[test]
fn the_rule_sees_what_it_should() {
    let named =
        |file, text| -> Vec<String> { imports(file, text).into_iter().map(|(_, name)| name).collect() };
    assert_eq!(named("store/row.rs", "use crate::cli::X; // crate::tui"), ["cli"]);
    assert_eq!(named("store/row.rs", "use crate::{model::{A, B}, tui};"), ["model", "tui"]);
    assert_eq!(named("store/mod.rs", "use super::source::X;"), ["source"]);
    assert_eq!(named("store/row.rs", "use super::super::source::X;"), ["source"]);
    assert!(named("store/row.rs", "use super::source::X;").is_empty());
}
