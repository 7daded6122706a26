//! However the program is left, the terminal is as it was.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::spans;
use crate::terminal::{Terminal, USUAL};

struct Watched {
    terminal: Terminal,
    _folder: tempfile::TempDir,
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = spans::file(folder.path(), "run.ndjson", &spans::run("t1", "ticket-flow"));
    (folder, path)
}

fn watch() -> Watched {
    let (folder, path) = folder();
    let terminal = Terminal::start(&["watch", &path.to_string_lossy()], USUAL);
    terminal.wait_for("ticket-flow");
    Watched { terminal, _folder: folder }
}

fn pid(terminal: &Terminal) -> Pid {
    Pid::from_raw(terminal.pid() as i32).expect("a process")
}

#[test]
fn q_quits_and_ctrl_c_interrupts() {
    for (key, code) in [("q", 0), ("\x03", 130)] {
        let mut watched = watch();
        assert!(watched.terminal.is_raw());
        watched.terminal.send(key);
        watched.terminal.expect_exit(code);
    }
}

#[test]
fn ctrl_c_leaves_from_whatever_is_open() {
    // Filter, search, pickers, help, problems, palette; a sequence that is not whole.
    for keys in ["fabc", "/abc", "s", "m", "t", "a", "?", "P", ":", "]", "\r\r}"] {
        let mut watched = watch();
        watched.terminal.send(keys);
        watched.terminal.send("\x03");
        watched.terminal.expect_exit(130);
    }
}

#[test]
fn signals_restore_the_terminal() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let watched = watch();
        kill_process(pid(&watched.terminal), signal).expect("sends");
        watched.terminal.expect_exit(130);
    }
    // A second one while the first is seen to.
    let watched = watch();
    kill_process(pid(&watched.terminal), Signal::TERM).expect("sends");
    // It may be over already.
    kill_process(pid(&watched.terminal), Signal::INT).ok();
    watched.terminal.expect_exit(130);
}

#[test]
fn ctrl_z_gives_the_shell_its_terminal_and_fg_brings_everything_back() {
    let (_folder, path) = folder();
    let program = crate::terminal::program();
    let line = format!(
        "'{}' watch '{}'; echo STOPPED; read go; fg; echo LEFT WITH $?; read go; fg; echo LEFT WITH $?",
        program.display(),
        path.display()
    );
    let mut terminal = Terminal::start_in_shell(&line, USUAL);
    terminal.wait_for("ticket-flow");
    terminal.send("\x1a");
    terminal.wait_for("STOPPED");
    terminal.wait_until_restored();
    terminal.send("\n");
    terminal.wait_for("ticket-flow");
    terminal.wait_until("the alternate screen", vt100::Screen::alternate_screen);
    // Once more, and then out.
    terminal.send("\x1a");
    terminal.wait_for("LEFT WITH");
    terminal.wait_until_restored();
    terminal.send("\n");
    terminal.wait_for("ticket-flow");
    terminal.send("q");
    terminal.wait_for("LEFT WITH 0");
    terminal.wait_until_restored();
}

#[test]
fn without_a_shell_ctrl_z_only_says_so() {
    let mut watched = watch();
    watched.terminal.send("\x1a");
    watched.terminal.wait_for("no shell here");
    watched.terminal.send("q");
    watched.terminal.expect_exit(0);
}

#[test]
fn a_process_that_was_stopped_and_continued_draws_again() {
    let mut watched = watch();
    let written = watched.terminal.raw().len();
    kill_process(pid(&watched.terminal), Signal::STOP).expect("stops");
    kill_process(pid(&watched.terminal), Signal::CONT).expect("continues");
    watched.terminal.wait_for_bytes(b"\x1b[?1049h", written);
    watched.terminal.wait_for("ticket-flow");
    assert!(watched.terminal.is_raw());
    watched.terminal.send("q");
    watched.terminal.expect_exit(0);
}

#[test]
fn a_vanished_terminal_ends_the_program() {
    let mut watched = watch();
    watched.terminal.hang_up();
    let (code, _) = watched.terminal.wait_for_exit();
    assert_eq!(code, 130);
}

#[test]
fn quitting_is_quick_while_a_database_is_locked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.db");
    let db = rusqlite::Connection::open(&path).expect("opens");
    db.execute_batch(
        "CREATE TABLE execution_spans(trace_id TEXT, span_id TEXT, name TEXT); BEGIN EXCLUSIVE;",
    )
    .expect("locks");
    let mut terminal = Terminal::start(&["watch", &path.to_string_lossy()], USUAL);
    terminal.wait_for("run.db");
    terminal.send("q");
    let (code, time) = terminal.wait_for_exit();
    assert_eq!(code, 0);
    assert!(time < Duration::from_secs(2), "{time:?}");
    terminal.wait_until_restored();
}

#[test]
fn the_window_title_is_given_up() {
    let mut watched = watch();
    let raw = watched.terminal.raw();
    assert!(raw.windows(4).any(|window| window == b"\x1b]0;"), "a title is set");
    watched.terminal.send("q");
    watched.terminal.expect_exit(0);
    let raw = watched.terminal.raw();
    let last = raw.windows(4).rposition(|window| window == b"\x1b]0;").expect("a title");
    assert_eq!(raw.get(last + 4), Some(&0x07), "the last title is an empty one");
}

#[test]
fn the_demo_ends_when_it_is_left() {
    let mut terminal = Terminal::start(&["demo"], USUAL);
    terminal.wait_for("running");
    terminal.send("q");
    terminal.expect_exit(0);
    let left = std::fs::read_dir(terminal.home()).expect("reads").count();
    assert_eq!(left, 0, "the demo's store is removed");
}

#[test]
fn the_pager_gets_the_terminal_its_keys_and_ctrl_c() {
    let (folder, path) = folder();
    // Reads a line from the terminal, not from what it is given; interrupts are its own business.
    let pager = spans::file(
        folder.path(),
        "pager.sh",
        "trap 'echo NOT NOW' INT\nhead -n 1\necho PAGER HERE\nread line < /dev/tty\necho GOT $line\nread line < /dev/tty\n",
    );
    let pager = format!("sh {}", pager.display());
    let mut terminal = Terminal::start_with(&["watch", &path.to_string_lossy()], USUAL, &[("PAGER", &pager)]);
    terminal.wait_for("ticket-flow");
    terminal.send("\r\r");
    // What is shown has been read.
    terminal.wait_for("please look");
    terminal.send("o");
    terminal.wait_for("PAGER HERE");
    assert!(!terminal.is_raw() && !terminal.look(vt100::Screen::alternate_screen));
    terminal.send("every-letter-arrives\n");
    terminal.wait_for("GOT every-letter-arrives");
    let written = terminal.raw().len();
    terminal.send("\x03\n");
    terminal.wait_for_bytes(b"\x1b[?1049h", written);
    terminal.wait_for("Overview");
    terminal.send("q");
    terminal.expect_exit(0);
}
