//! The only code that changes terminal modes. [`leave`] may be called any number of times, from anywhere: drop, a panic
//! on any thread, a signal, suspend, every exit.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::{cursor, event, execute, style, terminal};
use ratatui::backend::Backend as _;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::painter::Painter;

/// Whether the terminal is ours right now.
static ENTERED: AtomicBool = AtomicBool::new(false);
/// Whether the mouse was asked for.
static MOUSE: AtomicBool = AtomicBool::new(false);
/// Whether there is a [`Guard`]: true also while the pager or the shell has the terminal.
static GUARDED: AtomicBool = AtomicBool::new(false);
/// Whether the window's title was changed.
static TITLED: AtomicBool = AtomicBool::new(false);
/// Set by a panic: nothing may be drawn any more.
static DEAD: AtomicBool = AtomicBool::new(false);

/// Standard output that goes silent once the terminal was given back for good: what is dropped after that may still
/// want to draw.
#[derive(Debug)]
pub(super) struct Screen(io::Stdout);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if is_over() { Ok(bytes.len()) } else { self.0.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if is_over() { Ok(()) } else { self.0.flush() }
    }
}

fn is_over() -> bool {
    DEAD.load(Ordering::SeqCst) || !GUARDED.load(Ordering::SeqCst)
}

/// The terminal while the program has it; gives it back when dropped.
pub(super) struct Guard {
    /// For drawing.
    pub terminal: Terminal<Painter<Screen>>,
    /// Columns and rows that are drawn.
    pub size: (u16, u16),
    /// What is on the screen is not known.
    pub disturbed: bool,
}

impl Guard {
    /// Takes the terminal.
    pub(super) fn enter(mouse: bool) -> io::Result<Self> {
        install_panic_hook();
        MOUSE.store(mouse, Ordering::SeqCst);
        GUARDED.store(true, Ordering::SeqCst);
        take().inspect_err(|_| GUARDED.store(false, Ordering::SeqCst))?;
        let screen = Screen(io::stdout());
        let size = terminal::size().inspect_err(|_| leave())?;
        // Of a fixed size, because one that follows the window by itself may be of another size than the model.
        let options = TerminalOptions { viewport: Viewport::Fixed(area(size)) };
        let terminal = Terminal::with_options(Painter::new(screen), options).inspect_err(|_| leave())?;
        Ok(Self { terminal, size, disturbed: false })
    }

    /// Takes the terminal again after it was given back or the process was stopped, and makes the next frame a full
    /// one.
    pub(super) fn reenter(&mut self) -> io::Result<()> {
        // A shell that got the terminal by force has set modes of its own; raw mode is switched on only when it is
        // known to be off.
        terminal::disable_raw_mode().ok();
        take()?;
        self.size = terminal::size()?;
        self.redraw()
    }

    /// Draws this many columns and rows from now on.
    pub(super) fn fit(&mut self, size: (u16, u16)) -> io::Result<()> {
        if size == self.size && !self.disturbed {
            return Ok(());
        }
        self.size = size;
        self.redraw()
    }

    /// Makes the next frame a full one. (`Terminal::clear` would ask the terminal for the cursor and wait.)
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        self.disturbed = false;
        let backend = self.terminal.backend_mut();
        backend.forget();
        // Goes out with the frame.
        backend.clear()?;
        self.terminal.resize(area(self.size))
    }

    /// Rings the bell.
    pub(super) fn ring(&mut self) -> io::Result<()> {
        let out = self.terminal.backend_mut().out();
        out.write_all(b"\x07")?;
        out.flush()
    }

    /// Stops this process with the terminal given back meanwhile.
    #[cfg(unix)]
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        leave();
        stop_here()?;
        self.reenter()
    }

    /// There is no job control here.
    #[cfg(not(unix))]
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        leave();
        GUARDED.store(false, Ordering::SeqCst);
    }
}

fn area((width, height): (u16, u16)) -> Rect {
    Rect { x: 0, y: 0, width, height }
}

/// Stops this process until it is continued. The terminal has to be given back already.
#[cfg(unix)]
pub(super) fn stop_here() -> io::Result<()> {
    // SIGTSTP is caught, so the signal that can't be.
    Ok(rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?)
}

/// Does what ctrl-z does in a terminal that isn't raw: asks the whole job to stop, us among it. False when nobody
/// could continue it.
#[cfg(unix)]
pub(super) fn ask_job_to_stop() -> bool {
    use rustix::process::{Signal, getpid, getsid, kill_current_process_group};
    let leads_session = getsid(None).is_ok_and(|session| session == getpid());
    !leads_session && kill_current_process_group(Signal::TSTP).is_ok()
}

/// There is no job control here.
#[cfg(not(unix))]
pub(super) fn ask_job_to_stop() -> bool {
    false
}

/// Sets the window's title; it must be made of our own text.
pub(super) fn set_title(title: &str) {
    if !DEAD.load(Ordering::SeqCst) && ENTERED.load(Ordering::SeqCst) {
        TITLED.store(true, Ordering::SeqCst);
        execute!(io::stdout(), terminal::SetTitle(title)).ok();
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
    if TITLED.swap(false, Ordering::SeqCst) {
        // What it was can't be asked for without waiting for an answer; shells set their own with the next prompt.
        execute!(out, terminal::SetTitle("")).ok();
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
    if DEAD.load(Ordering::SeqCst) {
        return Err(io::Error::other("the program is ending"));
    }
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

/// The last resort when the loop does not answer, because the terminal takes no more output, say: gives back what can
/// be given back without waiting for long, and ends the program.
pub(super) fn force_exit(code: i32) -> ! {
    DEAD.store(true, Ordering::SeqCst);
    terminal::disable_raw_mode().ok();
    // May wait for ever on a terminal that takes nothing.
    let leaving = std::thread::spawn(leave);
    let patience = Instant::now();
    while !leaving.is_finished() && patience.elapsed() < Duration::from_millis(300) {
        std::thread::sleep(Duration::from_millis(5));
    }
    #[expect(clippy::exit, reason = "the loop does not react, and somebody has asked us to leave")]
    std::process::exit(code)
}

/// A panic on any thread gives the terminal back, prints, and ends the program: nothing is drawn over the message.
fn install_panic_hook() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Ordering::SeqCst) {
        return;
    }
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !GUARDED.load(Ordering::SeqCst) {
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

#[cfg(all(test, unix))]
mod tests;
