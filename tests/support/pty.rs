//! The program in a pseudo-terminal: what is on its screen, what it wrote, what it left behind.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system};

/// How long anything may take to appear. Generous: only a failing test waits for so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Columns and rows.
pub(crate) type Size = (u16, u16);
/// What most tests use.
pub(crate) const USUAL: Size = (120, 36);

struct State {
    parser: vt100::Parser,
    raw: Vec<u8>,
    status: Option<ExitStatus>,
    /// The reader is to stop at the next byte.
    deaf: bool,
    /// The reader has stopped.
    unread: bool,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal with a program in it. The program is killed when the terminal is dropped.
pub(crate) struct Terminal {
    shared: Shared,
    line: Option<Line>,
    killer: Box<dyn portable_pty::ChildKiller + Send + Sync>,
    pid: u32,
    /// The modes of the line before the program ran.
    modes: String,
    /// Home and everything else that the program may look into.
    home: tempfile::TempDir,
}

/// Both ends of the line.
struct Line {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn std::io::Write + Send>,
    /// Kept open, so that what was written stays readable and the modes can be asked for.
    _slave: Box<dyn SlavePty + Send>,
}

/// The path of the program.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_tracetui"))
}

/// The environment of a program: nothing of the one that runs the tests but where programs are.
pub(crate) fn environment(home: &Path) -> Vec<(&'static str, String)> {
    let below = |name: &str| home.join(name).to_string_lossy().into_owned();
    vec![
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("HOME", home.to_string_lossy().into_owned()),
        ("XDG_CONFIG_HOME", below(".config")),
        ("XDG_DATA_HOME", below(".local/share")),
        ("XDG_STATE_HOME", below(".local/state")),
        ("XDG_CACHE_HOME", below(".cache")),
        ("TMPDIR", home.to_string_lossy().into_owned()),
        ("TERM", "xterm-256color".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
    ]
}

impl Terminal {
    /// Runs the program with these arguments.
    pub(crate) fn start(args: &[&str], size: Size) -> Self {
        Self::start_with(args, size, &[])
    }

    /// Runs the program with variables of the environment besides the usual ones.
    pub(crate) fn start_with(args: &[&str], size: Size, env: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(program());
        command.args(args);
        Self::spawn(command, size, env)
    }

    /// Runs a line in a shell with job control.
    pub(crate) fn start_in_shell(line: &str, size: Size) -> Self {
        let mut command = CommandBuilder::new("sh");
        command.args(["-m", "-c", line]);
        Self::spawn(command, size, &[])
    }

    fn spawn(mut command: CommandBuilder, (columns, rows): Size, env: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        command.env_clear();
        for (name, value) in environment(home.path()) {
            command.env(name, value);
        }
        for (name, value) in env {
            command.env(name, value);
        }
        command.cwd(home.path());
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let modes = modes(&*pair.master);
        let mut child = pair.slave.spawn_command(command).expect("the program starts");
        let (killer, pid) = (child.clone_killer(), child.process_id().expect("a process id"));
        let parser = vt100::Parser::new(at_least_one(rows), at_least_one(columns), 0);
        let state = State { parser, raw: Vec::new(), status: None, deaf: false, unread: false };
        let shared: Shared = Arc::new((Mutex::new(state), Condvar::new()));
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let readers = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                let mut state = lock(&readers);
                if state.deaf {
                    break;
                }
                state.parser.process(&buffer[..read]);
                state.raw.extend_from_slice(&buffer[..read]);
                drop(state);
                readers.1.notify_all();
            }
            drop(reader);
            lock(&readers).unread = true;
            readers.1.notify_all();
        });
        let waiters = Arc::clone(&shared);
        std::thread::spawn(move || {
            let status = child.wait().ok();
            lock(&waiters).status = status;
            waiters.1.notify_all();
        });
        let writer = pair.master.take_writer().expect("a writer");
        let line = Some(Line { master: pair.master, writer, _slave: pair.slave });
        Self { shared, line, killer, pid, modes, home }
    }

    /// The program's home folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The process id of what was started.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Types.
    pub(crate) fn send(&mut self, keys: &str) {
        let writer = &mut self.line.as_mut().expect("a terminal").writer;
        writer.write_all(keys.as_bytes()).and_then(|()| writer.flush()).expect("typing works");
    }

    /// Types, to a program that may be gone.
    pub(crate) fn try_send(&mut self, keys: &str) {
        let writer = &mut self.line.as_mut().expect("a terminal").writer;
        writer.write_all(keys.as_bytes()).and_then(|()| writer.flush()).ok();
    }

    fn master(&self) -> &dyn MasterPty {
        &*self.line.as_ref().expect("a terminal").master
    }

    /// Takes the terminal away, as when its window is closed.
    pub(crate) fn hang_up(&mut self) {
        lock(&self.shared).deaf = true;
        // The reader waits in a read, which ends with the next frame.
        self.resize((90, 30));
        self.wait("the reader to stop", |state| state.unread.then_some(()));
        self.line = None;
    }

    /// Changes the size of the window.
    pub(crate) fn resize(&mut self, (columns, rows): Size) {
        lock(&self.shared).parser.set_size(at_least_one(rows), at_least_one(columns));
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master().resize(size).expect("resizes");
    }

    /// Waits until the screen has the text.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(&format!("{text:?} to appear"), |screen| screen.contents().contains(text));
    }

    /// Waits until the screen lacks the text.
    pub(crate) fn wait_until_gone(&self, text: &str) {
        self.wait_until(&format!("{text:?} to go away"), |screen| !screen.contents().contains(text));
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn wait_until(&self, what: &str, done: impl Fn(&vt100::Screen) -> bool) {
        self.wait(what, |state| done(state.parser.screen()).then_some(()));
    }

    /// Waits until the program has written these bytes since `from`.
    pub(crate) fn wait_for_bytes(&self, bytes: &[u8], from: usize) {
        let wanted = String::from_utf8_lossy(bytes).into_owned();
        self.wait(&format!("{wanted:?} to be written"), |state| {
            state.raw[from..].windows(bytes.len()).any(|window| window == bytes).then_some(())
        });
    }

    /// Waits until the program has ended; its exit code, and how long it took since the call.
    pub(crate) fn wait_for_exit(&self) -> (u32, Duration) {
        let started = Instant::now();
        let status = self.wait("the program to end", |state| state.status.clone());
        assert!(status.signal().is_none(), "killed by {:?}\n{}", status.signal(), self.text());
        (status.exit_code(), started.elapsed())
    }

    fn wait<T>(&self, what: &str, done: impl Fn(&State) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = lock(&self.shared);
        loop {
            if let Some(value) = done(&state) {
                return value;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let screen = state.parser.screen().contents();
                let status = &state.status;
                let late = format!("waited in vain for {what}; status {status:?}; the screen:\n{screen}");
                drop(state);
                panic!("{late}");
            }
            state = self.shared.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        lock(&self.shared).parser.screen().contents()
    }

    /// Looks at the screen.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(lock(&self.shared).parser.screen())
    }

    /// All bytes that were written so far.
    pub(crate) fn raw(&self) -> Vec<u8> {
        lock(&self.shared).raw.clone()
    }

    /// Waits until every mode that the program switched on is off and the line has its modes again.
    pub(crate) fn wait_until_restored(&self) {
        self.wait("the terminal to be restored", |state| {
            let screen = state.parser.screen();
            let restored = !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
                && (screen.fgcolor(), screen.bgcolor()) == (vt100::Color::Default, vt100::Color::Default)
                && !screen.inverse();
            restored.then_some(())
        });
        assert_eq!(modes(self.master()), self.modes, "the modes of the line");
    }

    /// Whether the line is raw: nothing typed is echoed.
    pub(crate) fn is_raw(&self) -> bool {
        modes(self.master()) != self.modes
    }

    /// Expects that the program ends with this code and leaves the terminal as it was.
    pub(crate) fn expect_exit(&self, code: u32) {
        let (got, _) = self.wait_for_exit();
        assert_eq!(got, code, "exit code; the screen:\n{}", self.text());
        self.wait_until_restored();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if lock(&self.shared).status.is_none() {
            // It may have ended just now.
            self.killer.kill().ok();
        }
    }
}

fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("modes"))
}

fn at_least_one(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap_or(NonZeroU16::MIN)
}
