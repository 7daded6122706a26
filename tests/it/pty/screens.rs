//! What is on the screen, and what keys do to it.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::process::Command;

use super::spans;
use crate::terminal::{Size, Terminal, USUAL, environment, program};

/// Holds the folder of the watched file while its terminal lives.
struct Watched {
    terminal: Terminal,
    _folder: tempfile::TempDir,
}

fn watch_with(size: Size, env: &[(&str, &str)]) -> Watched {
    let folder = tempfile::tempdir().expect("a folder");
    let text = spans::run("t1", "ticket-flow") + &spans::run("t2", "billing-flow");
    let path = spans::file(folder.path(), "run.ndjson", &text);
    let terminal = Terminal::start_with(&["watch", &path.to_string_lossy()], size, env);
    Watched { terminal, _folder: folder }
}

fn watch(size: Size) -> Watched {
    watch_with(size, &[])
}

impl Watched {
    fn quit(mut self) {
        self.terminal.send("q");
        self.terminal.expect_exit(0);
    }
}

#[test]
fn both_runs_their_steps_tokens_and_cost_are_shown() {
    let watched = watch((150, 44));
    let terminal = &watched.terminal;
    for text in [
        "ticket-flow",
        "billing-flow",
        "2 runs",
        "extract-intent",
        "ask-the-model",
        "lookup-tool",
        "2 errors",
    ] {
        terminal.wait_for(text);
    }
    // 2 calls of 1000 + 200 tokens at $2.50 and $10 a million.
    terminal.wait_for("$0.009");
    terminal.wait_for("in 2.00k");
    watched.quit();
}

#[test]
fn the_detail_opens_and_every_tab_shows_what_it_is_for() {
    let mut watched = watch((150, 44));
    let terminal = &mut watched.terminal;
    terminal.wait_for("extract-intent");
    // Into the waterfall, down to the model call, and its detail.
    terminal.send("\r");
    terminal.send("jj\r");
    terminal.wait_for("Overview");
    for text in ["please look", "done as asked", "promptTokens", "trace_id"] {
        let tabs = std::iter::repeat_n(text, 7).any(|text| {
            if terminal.text().contains(text) {
                return true;
            }
            let written = terminal.raw().len();
            terminal.send("}");
            // The end of the next frame.
            terminal.wait_for_bytes(b"\x1b[?2026l", written);
            false
        });
        assert!(tabs || terminal.text().contains(text), "{text} in no tab:\n{}", terminal.text());
    }
    terminal.send("d");
    terminal.wait_until_gone("Overview");
    watched.quit();
}

#[test]
fn a_filter_narrows_while_it_is_typed_and_esc_takes_it_back() {
    let mut watched = watch(USUAL);
    let terminal = &mut watched.terminal;
    terminal.wait_for("2 runs");
    terminal.send("f");
    terminal.send("workflow:billing-flow");
    terminal.wait_until_gone("ticket-flow");
    // While it is typed q is a letter.
    terminal.send("q");
    terminal.wait_for("billing-flowq");
    terminal.send("\x1b");
    terminal.wait_for("ticket-flow");
    terminal.send("fstatus:error\r");
    terminal.wait_for("status:error");
    terminal.wait_until("only the tool and what is above it", |screen| {
        let text = screen.contents();
        text.contains("lookup-tool") && !text.contains("extract-intent")
    });
    watched.quit();
}

#[test]
fn pickers_list_what_is_there_and_filter_by_it() {
    let mut watched = watch((150, 44));
    let terminal = &mut watched.terminal;
    terminal.wait_for("2 runs");
    terminal.send("s");
    terminal.wait_until("both steps in a list", |screen| {
        let text = screen.contents();
        text.matches("validate-input").count() >= 2
    });
    terminal.send("validate");
    terminal.send("\r");
    terminal.wait_for("step:validate-input");
    watched.quit();
}

#[test]
fn help_lists_the_keys() {
    let mut watched = watch((150, 60));
    let terminal = &mut watched.terminal;
    terminal.wait_for("ticket-flow");
    terminal.send("?");
    terminal.wait_for("mark the critical path");
    terminal.send("G");
    terminal.wait_for("◷ timeout");
    terminal.send("\x1b");
    terminal.wait_until_gone("◷ timeout");
    watched.quit();
}

#[test]
fn every_size_works() {
    for (size, text) in [((80, 24), "ticket-flow"), ((40, 10), "ticket-flow"), ((20, 4), "needs more room")] {
        let watched = watch(size);
        watched.terminal.wait_for(text);
        watched.quit();
    }
    // Nothing can be shown here, but keys work.
    let watched = watch((1, 1));
    watched.terminal.wait_until("the alternate screen", vt100::Screen::alternate_screen);
    watched.quit();
}

#[test]
fn a_storm_of_sizes_ends_with_the_right_screen() {
    let mut watched = watch(USUAL);
    watched.terminal.wait_for("ticket-flow");
    for size in [(1, 1), (0, 0), (500, 200), (40, 10), (3, 50), (200, 2), (79, 23), (1, 1), (100, 30)] {
        watched.terminal.resize(size);
        // Something to draw for before the new size is known.
        watched.terminal.send("jjkk");
    }
    watched.terminal.wait_for("ticket-flow");
    watched.terminal.wait_until("the keys on the last line", |screen| {
        screen.rows(0, 100).nth(29).is_some_and(|row| row.contains("help"))
    });
    watched.quit();
}

#[test]
fn without_colour_nothing_is_coloured_and_the_selection_is_visible() {
    let mut watched = watch_with(USUAL, &[("NO_COLOR", "1")]);
    let terminal = &mut watched.terminal;
    terminal.wait_for("ticket-flow");
    terminal.send("j");
    terminal.wait_until("a selected row", |screen| {
        let (rows, columns) = screen.size();
        (0..rows.get()).any(|row| {
            (0..columns.get())
                .filter_map(|column| screen.cell(row, column))
                .filter(|cell| cell.inverse())
                .count()
                > 10
        })
    });
    let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
    let coloured = raw.split("\x1b[").skip(1).any(|rest| {
        let Some((parameters, _)) = rest.split_once('m') else { return false };
        let is_style = parameters.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
        is_style
            && parameters
                .split(';')
                .filter_map(|number| number.parse::<u8>().ok())
                .any(|number| matches!(number, 30..=38 | 40..=48 | 90..=97 | 100..=107))
    });
    assert!(!coloured, "colours were written");
    watched.quit();
}

#[test]
fn a_click_selects_and_the_wheel_scrolls() {
    let mut watched = watch(USUAL);
    let terminal = &mut watched.terminal;
    terminal.wait_for("ticket-flow");
    assert_eq!(
        terminal.look(vt100::Screen::mouse_protocol_encoding),
        vt100::MouseProtocolEncoding::Sgr,
        "the mouse is on"
    );
    terminal.send("\x1b[<0;5;5M\x1b[<0;5;5m\x1b[<65;60;10M");
    terminal.send("\x1b[200~pasted \x1b]0;x\x07 text\x1b[201~");
    watched.quit();
}

#[test]
fn an_empty_or_missing_source_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("later.ndjson");
    let mut terminal = Terminal::start(&["watch", &missing.to_string_lossy()], USUAL);
    terminal.wait_for("waiting");
    std::fs::write(&missing, spans::run("t1", "ticket-flow")).expect("writes");
    terminal.wait_for("ticket-flow");
    terminal.send("q");
    terminal.expect_exit(0);
}

#[test]
fn the_demo_plays_once() {
    let mut terminal = Terminal::start(&["demo", "--once", "--speed", "200"], (150, 44));
    terminal.wait_for("runs");
    terminal.send("\r");
    terminal.send("q");
    terminal.expect_exit(0);
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = spans::file(folder.path(), "run.ndjson", &spans::run("t1", "ticket-flow"));
    let output = Command::new(program())
        .args(["watch".as_ref(), path.as_os_str()])
        .env_clear()
        .envs(environment(folder.path()))
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "{:?}", output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("report") && error.lines().count() == 1, "{error}");
}
