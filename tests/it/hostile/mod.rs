//! Hostile input on the real program: nothing of it reaches the terminal as control, nothing is lost around it, nothing
//! crashes, hangs, leaks or changes the input.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

mod cases;
mod corpus;

use std::path::Path;
use std::process::{Command, Output};

use crate::lexer::violations;
use crate::terminal::{Size, Terminal, environment, program};

/// Runs a command that is over by itself.
fn batch(home: &Path, args: &[&str], file: &Path) -> Output {
    let mut command = Command::new(program());
    command.args(args).arg(file).env_clear().envs(environment(home)).current_dir(home);
    command.output().expect("runs")
}

/// Watches a file, opens everything there is to open, and leaves. Everything that was written to the terminal.
fn tour(file: &Path, size: Size, marker: &str) -> Vec<u8> {
    let mut terminal = Terminal::start(&["watch", &file.to_string_lossy()], size);
    terminal.wait_for(marker);
    // Detail and all of its tabs, on each of the first spans; back; pickers; search; problems; help.
    let tabs = "}".repeat(7);
    for keys in
        ["\r", "\r", &tabs, "j", &tabs, "G", &tabs, "d", "s\r", "\x18", "m\r", "\x18", "/x\r", "n", "P", "j"]
    {
        let written = terminal.raw().len();
        terminal.send(keys);
        // Keys may change nothing, and then no frame is written; this one asks for one.
        terminal.send("\x0c");
        terminal.wait_for_bytes(b"\x1b[?2026l", written);
    }
    for size in [(40, 10), (1, 1), (200, 60)] {
        let written = terminal.raw().len();
        terminal.resize(size);
        terminal.wait_for_bytes(b"\x1b[?2026l", written);
    }
    terminal.send("\x03");
    terminal.expect_exit(130);
    terminal.raw()
}

fn expect_clean(raw: &[u8], what: &str) {
    let violations = violations(raw);
    assert!(violations.is_empty(), "{what}: {} violations, {:?}", violations.len(), violations.first());
    assert!(!String::from_utf8_lossy(raw).contains("panicked at"), "{what}");
}

/// Data is exported as it is, and so are characters with many marks; nothing else is let through.
fn expect_clean_data(data: &[u8], what: &str) {
    let violations: Vec<_> =
        violations(data).into_iter().filter(|what| !what.starts_with("marks on one")).collect();
    assert!(violations.is_empty(), "{what}: {} violations, {:?}", violations.len(), violations.first());
}
