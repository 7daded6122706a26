//! A program in a pseudo-terminal, and what its screen shows.

use std::ffi::OsString;
use std::io::{Read as _, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How often the screen is looked at while waiting.
const POLL: Duration = Duration::from_millis(20);

/// A running program and its screen.
pub(crate) struct Terminal {
    parser: Arc<Mutex<vt100::Parser>>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    timeout: Duration,
    // Closing it hangs up on the program.
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts a program on a screen of this size.
    pub(crate) fn start(
        command: &[String],
        columns: NonZeroU16,
        rows: NonZeroU16,
        timeout: Duration,
    ) -> Result<Self> {
        let size = PtySize { rows: rows.get(), cols: columns.get(), pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size)?;
        let mut argv: Vec<OsString> = command.iter().map(OsString::from).collect();
        // A path is meant from here; a bare name is looked up in PATH.
        if let Some(program) = argv.first_mut().filter(|program| program.to_string_lossy().contains('/')) {
            *program = std::path::absolute(&program)?.into_os_string();
        }
        let mut builder = CommandBuilder::from_argv(argv);
        builder.env("TERM", "xterm-256color");
        builder.env("COLORTERM", "truecolor");
        builder.env("LANG", "C.UTF-8");
        builder.env_remove("NO_COLOR");
        builder.cwd(std::env::current_dir()?);
        let child = pair.slave.spawn_command(builder).with_context(|| format!("starting {command:?}"))?;
        drop(pair.slave);

        let parser = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let mut reader = pair.master.try_clone_reader()?;
        let writer = pair.master.take_writer()?;
        let screen = Arc::clone(&parser);
        std::thread::spawn(move || {
            let mut bytes = [0; 16 * 1024];
            // A read fails once the program has gone; what it wrote stays on the screen.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                lock(&screen).process(&bytes[..count]);
            }
        });
        Ok(Self { parser, writer, child, timeout, _master: pair.master })
    }

    /// Looks at the screen.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(lock(&self.parser).screen())
    }

    /// Sends bytes to the program.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes)?;
        Ok(self.writer.flush()?)
    }

    /// Waits until the text of the screen is as wanted; fails with the screen after the time-out.
    pub(crate) fn wait(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let end = Instant::now() + self.timeout;
        loop {
            let text = self.look(vt100::Screen::contents);
            if wanted(&text) {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("waited in vain for {what}; the screen is\n{text}");
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits until the program has ended and all that it wrote is on the screen.
    pub(crate) fn wait_for_end(&mut self) -> Result<()> {
        let end = Instant::now() + self.timeout;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > end {
                bail!("the program is still running; the screen is\n{}", self.look(vt100::Screen::contents));
            }
            std::thread::sleep(POLL);
        }
        std::thread::sleep(POLL * 5);
        Ok(())
    }

    /// Asks the program to end, then ends it.
    pub(crate) fn stop(mut self) {
        self.write(b"\x03").ok();
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(POLL);
        }
        self.child.kill().ok();
    }
}

fn lock(parser: &Mutex<vt100::Parser>) -> MutexGuard<'_, vt100::Parser> {
    parser.lock().unwrap_or_else(PoisonError::into_inner)
}
