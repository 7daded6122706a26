//! Panics with the terminal taken. The test starts its own binary in a pseudo-terminal, where one of the tests that do
//! nothing otherwise does what its name says, and takes the process with it.

#![expect(clippy::expect_used, reason = "a test may fail")]

use std::io::Read as _;
use std::sync::mpsc;
use std::time::Duration;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::{Guard, set_title};

/// Set in the process that may be ended.
const VICTIM: &str = "TRACETUI_TEST_VICTIM";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn is_victim() -> bool {
    std::env::var_os(VICTIM).is_some()
}

fn draw_for_ever(guard: &mut Guard) -> ! {
    loop {
        let drawn = guard.terminal.draw(|frame| {
            let area = frame.area();
            frame.buffer_mut().set_string(0, 0, "still drawing", ratatui::style::Style::new());
            assert!(!area.is_empty());
        });
        drawn.expect("draws");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn panics_on_another_thread() {
    if !is_victim() {
        return;
    }
    let mut guard = Guard::enter(true).expect("a terminal");
    set_title("ours");
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_millis(20));
        panic!("worker fell over");
    });
    draw_for_ever(&mut guard);
}

#[test]
fn panics_while_drawing() {
    if !is_victim() {
        return;
    }
    let mut guard = Guard::enter(true).expect("a terminal");
    let drawn = guard.terminal.draw(|_| panic!("worker fell over"));
    drawn.expect("never reached");
}

#[test]
fn panics_while_another_program_has_the_terminal() {
    if !is_victim() {
        return;
    }
    let _guard = Guard::enter(true).expect("a terminal");
    super::leave();
    panic!("worker fell over");
}

#[test]
fn loop_hangs() {
    if !is_victim() {
        return;
    }
    let _guard = Guard::enter(true).expect("a terminal");
    let _stuck = std::thread::spawn(|| super::force_exit(7));
    std::thread::sleep(PATIENCE);
}

/// Runs one of the functions above; what it wrote, and its exit code.
fn run(name: &str) -> (String, u32) {
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
    let modes = || format!("{:?}", pair.master.get_termios().expect("modes"));
    let before = modes();
    let mut command = CommandBuilder::new(std::env::current_exe().expect("a path"));
    command.args(["--exact", "--nocapture", &format!("tui::terminal::tests::{name}")]);
    command.env(VICTIM, "1");
    command.env("TERM", "xterm-256color");
    command.env("RUST_BACKTRACE", "0");
    let mut child = pair.slave.spawn_command(command).expect("starts");
    let mut reader = pair.master.try_clone_reader().expect("a reader");
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = reader.read(&mut buffer) {
            if tx.send(buffer[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    let code = child.wait().expect("ends").exit_code();
    assert_eq!(modes(), before, "the modes of the line");
    let mut written = Vec::new();
    // The line is still open on our side, so its end never comes; what restores the terminal does.
    while !String::from_utf8_lossy(&written).contains("\x1b[?25h") {
        written.extend(rx.recv_timeout(PATIENCE).expect("more bytes"));
    }
    while let Ok(more) = rx.recv_timeout(Duration::from_millis(50)) {
        written.extend(more);
    }
    (String::from_utf8_lossy(&written).into_owned(), code)
}

#[test]
fn a_panic_anywhere_restores_the_terminal_prints_and_ends_the_program() {
    for name in
        ["panics_on_another_thread", "panics_while_drawing", "panics_while_another_program_has_the_terminal"]
    {
        let (written, code) = run(name);
        assert_eq!(code, 101, "{name}: {written}");
        let left = written.find("\x1b[?1049l").expect("leaves the alternate screen");
        let message = written.find("worker fell over").expect("the message");
        assert!(left < message, "{name}: the message is on the screen that is kept");
        let after = &written[left..];
        assert!(after.contains("\x1b[?25h"), "{name}: the cursor");
        for off in ["\x1b[?1000l", "\x1b[?1002l", "\x1b[?1003l", "\x1b[?1006l", "\x1b[?2004l"] {
            assert!(written.contains(off), "{name}: {off:?}");
        }
        assert_eq!(written.matches("\x1b[?1049l").count(), 1, "{name}: restored once");
        assert!(!after.contains("still drawing"), "{name}: nothing is drawn afterwards");
        assert_eq!(written.contains("\x1b]0;ours\x07"), written.contains("\x1b]0;\x07"), "{name}: the title");
    }
}

#[test]
fn a_loop_that_hangs_is_left_behind() {
    let (written, code) = run("loop_hangs");
    assert_eq!(code, 7);
    assert!(written.contains("\x1b[?1049l"), "{written}");
}
