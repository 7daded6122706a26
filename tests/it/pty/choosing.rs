//! A start without arguments.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use super::super::program::fixture;
use super::super::terminal::Terminal;

/// A home in which a coding agent worked and a log lies in a folder.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    for (from, to) in [
        ("llm-events/events.ndjson", "logs/events.ndjson"),
        ("native/tta-traces.jsonl", ".claude/projects/p/not-a-session.txt"),
    ] {
        let to = home.path().join(to);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("folders");
        std::fs::copy(fixture(from), to).expect("copies");
    }
    home
}

#[test]
fn what_was_found_is_listed_and_the_chosen_one_is_watched() {
    let home = home();
    let start = format!("cd {} && exec {}", home.path().display(), super::super::program::PROGRAM);
    let mut terminal = Terminal::start_in_shell(&start, (120, 20));
    terminal.wait_for("1 source ");
    terminal.wait_for("logs/events.ndjson");
    // Its figures come while it is looked at.
    terminal.wait_for("llm-events");
    terminal.send("\r");
    terminal.wait_for("model calls");
    terminal.send("q");
    terminal.expect_exit(0);
}

#[test]
fn leaving_the_list_watches_nothing() {
    let home = home();
    let start = format!("cd {} && exec {}", home.path().display(), super::super::program::PROGRAM);
    let mut terminal = Terminal::start_in_shell(&start, (60, 10));
    terminal.wait_for("1 source ");
    terminal.send("\x03");
    terminal.expect_exit(130);
    // Where there is nothing, that is said.
    let terminal = Terminal::start(&[], (80, 24));
    terminal.wait_for("no spans were found here");
    terminal.expect_exit(2);
}
