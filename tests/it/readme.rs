//! The README says what is true: its key table is the program's own, its commands run, its links lead somewhere.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::fmt::Write as _;
use std::path::Path;

use pretty_assertions::assert_eq;
use tracetui::config::{Action, Group};

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// The key table as the list of actions has it.
fn key_table() -> String {
    let mut table = String::from("| | keys | |\n|---|---|---|\n");
    for group in Group::ALL {
        for action in Action::ALL.iter().filter(|action| action.group() == group) {
            let keys: Vec<String> = action.default_keys().iter().map(|keys| format!("`{keys}`")).collect();
            writeln!(table, "| {} | {} | {} |", group.title(), keys.join(" "), action.help())
                .expect("writes");
        }
    }
    table
}

#[test]
fn the_key_table_is_the_programs() {
    let readme = file("README.md");
    let (_, rest) = readme.split_once("<!-- keys -->\n").expect("the beginning of the key table");
    let (table, _) = rest.split_once("<!-- /keys -->").expect("the end of the key table");
    assert_eq!(table.trim(), key_table().trim());
}

#[test]
fn the_themes_and_formats_are_named() {
    let readme = file("README.md");
    for (theme, _) in tracetui::config::THEMES {
        assert!(readme.contains(&format!("`{theme}`")), "{theme}");
    }
    for (format, _) in tracetui::format::format_names() {
        assert!(readme.contains(&format!("`{format}`")), "{format}");
    }
}

#[test]
fn links_lead_somewhere() {
    for page in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        for link in file(page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                assert!(
                    Path::new(env!("CARGO_MANIFEST_DIR")).join(target).exists(),
                    "{page} links to {target}"
                );
            }
        }
    }
}

/// Commands in `console` blocks, without the ones that open a screen.
fn commands(readme: &str) -> Vec<&str> {
    let blocks = readme.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ "));
    let silent = |line: &&str| {
        let screen = ["watch", "demo"].iter().any(|command| line.starts_with(&format!("tracetui {command}")));
        line.contains("tracetui ") && (!screen || line.contains("--spans"))
    };
    lines.filter(silent).collect()
}

#[cfg(unix)]
#[test]
fn its_commands_run() {
    use std::process::Command;

    let readme = file("README.md");
    let commands = commands(&readme);
    assert!(commands.len() > 8, "{commands:?}");
    let folder = tempfile::tempdir().expect("folder");
    let program = Path::new(super::program::PROGRAM).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("PATH"));
    for command in commands {
        let done = Command::new("sh")
            .args(["-c", command])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("XDG_CONFIG_HOME", folder.path())
            .output()
            .expect("sh");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{command}: {said}");
    }
}

#[test]
fn its_ten_lines_make_a_trace() {
    let readme = file("README.md");
    let (_, rest) = readme.split_once("```json\n{\"trace_id\"").expect("the example records");
    let records = format!("{{\"trace_id\"{}", rest.split("```").next().unwrap_or_default());
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("run.ndjson");
    std::fs::write(&path, records).expect("writes");
    let report = super::program::tracetui(&["report", "--json", &path.to_string_lossy()]).json();
    assert_eq!(report["totals"]["traces"], 1);
    assert_eq!(report["totals"]["llm_calls"], 1);
    assert_eq!(report["sources"][0]["skipped"]["total"], 0);
    assert!(report["totals"]["cost_usd"].as_f64().is_some_and(|cost| cost > 0.0), "{report}");
}
