//! The only code that changes terminal modes. [`leave`] may be called any number of times, from anywhere: drop, a panic
//! on any thread, a signal, suspend, every exit.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::{cursor, event, execute, style, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;

/// Whether the terminal is ours right now.
static ENTERED: AtomicBool = AtomicBool::new(false);
/// Whether the mouse was asked for.
static MOUSE: AtomicBool = AtomicBool::new(false);
/// Set by a panic: nothing may be drawn any more.
static DEAD: AtomicBool = AtomicBool::new(false);

/// Standard output that goes silent once the terminal was given back.
#[derive(Debug)]
pub(super) struct Screen(io::BufWriter<io::Stdout>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if DEAD.load(Ordering::SeqCst) { Ok(bytes.len()) } else { self.0.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if DEAD.load(Ordering::SeqCst) { Ok(()) } else { self.0.flush() }
    }
}

/// The terminal while the program has it; gives it back when dropped.
pub(super) struct Guard {
    /// For drawing.
    pub terminal: Terminal<CrosstermBackend<Screen>>,
}

impl Guard {
    /// Takes the terminal.
    pub(super) fn enter(mouse: bool) -> io::Result<Self> {
        install_panic_hook();
        MOUSE.store(mouse, Ordering::SeqCst);
        take()?;
        let screen = Screen(io::BufWriter::with_capacity(1 << 16, io::stdout()));
        let terminal = Terminal::new(CrosstermBackend::new(screen)).inspect_err(|_| leave())?;
        Ok(Self { terminal })
    }

    /// Takes the terminal again after it was given back, and makes the next frame a full one.
    pub(super) fn reenter(&mut self) -> io::Result<()> {
        take()?;
        self.redraw()
    }

    /// Makes the next frame a full one. (`Terminal::clear` would ask the terminal for the cursor and wait.)
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        execute!(self.terminal.backend_mut(), terminal::Clear(terminal::ClearType::All))?;
        self.terminal.resize(Rect::new(0, 0, width, height))
    }

    /// Stops the process the way ctrl-z does, with the terminal given back meanwhile.
    #[cfg(unix)]
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        leave();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        self.reenter()
    }

    /// There is no job control here.
    #[cfg(not(unix))]
    pub fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        leave();
    }
}

/// Gives the terminal back: every mode that was switched on is switched off. Does nothing when that is done already.
pub(super) fn leave() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    // Each step on its own: on a half-dead terminal one failing must not keep the others from being tried.
    if MOUSE.load(Ordering::SeqCst) {
        execute!(out, event::DisableMouseCapture).ok();
    }
    execute!(out, event::DisableBracketedPaste).ok();
    execute!(out, terminal::EndSynchronizedUpdate).ok();
    execute!(out, style::ResetColor, style::SetAttribute(style::Attribute::Reset)).ok();
    execute!(out, terminal::LeaveAlternateScreen).ok();
    execute!(out, cursor::Show).ok();
    terminal::disable_raw_mode().ok();
    out.flush().ok();
}

fn take() -> io::Result<()> {
    ENTERED.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    let taken = terminal::enable_raw_mode()
        .and_then(|()| {
            execute!(out, terminal::EnterAlternateScreen, cursor::Hide, event::EnableBracketedPaste)
        })
        .and_then(|()| {
            if MOUSE.load(Ordering::SeqCst) { execute!(out, event::EnableMouseCapture) } else { Ok(()) }
        });
    taken.inspect_err(|_| leave())
}

/// A panic on any thread gives the terminal back, prints, and ends the program: nothing is drawn over the message.
fn install_panic_hook() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Ordering::SeqCst) {
        return;
    }
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !ENTERED.load(Ordering::SeqCst) {
            print(info);
            return;
        }
        DEAD.store(true, Ordering::SeqCst);
        leave();
        print(info);
        #[expect(clippy::exit, reason = "a program that panicked must not go on drawing")]
        std::process::exit(101);
    }));
}
