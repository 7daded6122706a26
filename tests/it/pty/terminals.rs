//! Terminals that have less: no Unicode, few colours, none.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use super::spans;
use crate::terminal::{Terminal, USUAL};

/// Everything the program writes from its start until it was left.
fn written(env: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = spans::file(folder.path(), "run.ndjson", &spans::run("t1", "ticket-flow"));
    let mut terminal = Terminal::start_with(&["watch", &path.to_string_lossy()], USUAL, env);
    terminal.wait_for("ticket-flow");
    // Into the waterfall with its bars, the detail, the help.
    terminal.send("\r\r");
    terminal.wait_for("Overview");
    terminal.send("?");
    terminal.wait_for("half a page up");
    terminal.send("\x03");
    terminal.expect_exit(130);
    String::from_utf8(terminal.raw()).expect("UTF-8")
}

#[test]
fn a_locale_without_utf8_gets_ascii_only() {
    let all = written(&[("LC_ALL", "C")]);
    let odd: Vec<char> = all.chars().filter(|c| !c.is_ascii()).collect();
    assert!(odd.is_empty(), "{odd:?}");
    assert!(all.contains('+') && all.contains('='), "borders and bars are there");
    assert!(!written(&[]).is_ascii(), "one with UTF-8 gets more");
}

#[test]
fn colours_are_those_the_terminal_has() {
    let all = written(&[("COLORTERM", "truecolor")]);
    assert!(all.contains("\x1b[38;2;"), "all of them");
    let indexed = written(&[]);
    assert!(indexed.contains("\x1b[38;5;") && !indexed.contains("\x1b[38;2;"), "256");
    // The 16 are written as the first of the 256.
    let few = written(&[("TERM", "xterm")]);
    assert!(!few.contains("\x1b[38;2;"), "16");
    for number in few.split("8;5;").skip(1).filter_map(|rest| rest.split(['m', ';']).next()) {
        assert!(number.parse::<u8>().is_ok_and(|number| number < 16), "{number}");
    }
    let none = written(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]);
    assert!(!none.contains("8;5;") && !none.contains("8;2;"), "none");
    assert!(none.contains("\x1b[7m"), "what is selected is reversed");
}
