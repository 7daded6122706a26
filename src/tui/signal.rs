//! Signals that would otherwise leave the terminal as it is. They are taken on a thread of their own, so that the
//! program can be ended when its loop hangs.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// How long the loop may take to leave when it was asked to.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_secs(1);
/// How late an interrupt may arrive that was meant for another program.
const LATE: Duration = Duration::from_millis(200);
/// How long it may take when the terminal is gone and nothing is left to restore.
#[cfg(unix)]
const GONE: Duration = Duration::from_millis(100);
/// Exit code of a program that was interrupted.
#[cfg(unix)]
const INTERRUPTED: i32 = 130;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// To leave; typed by somebody, who may have meant another program.
    Interrupt,
    /// To leave.
    End,
    /// To stop for a while.
    #[cfg(unix)]
    Suspend,
    /// To go on.
    #[cfg(unix)]
    Continued,
    /// To look how large the window is now. (The library that reads keys says so too, but forgets it when a key
    /// arrives at the same moment.)
    #[cfg(unix)]
    Resized,
}

/// The signals that have arrived.
pub(super) struct Signals {
    arrived: mpsc::UnboundedReceiver<Signal>,
    quiet: Arc<Mutex<Interrupts>>,
}

/// Whom what is typed to interrupt is meant for.
#[derive(Clone, Copy)]
enum Interrupts {
    Ours,
    Theirs,
    /// Theirs when it was sent before this.
    TheirsUntil(Instant),
}

impl Interrupts {
    fn are_ours(self) -> bool {
        match self {
            Self::Ours => true,
            Self::Theirs => false,
            Self::TheirsUntil(end) => Instant::now() > end,
        }
    }
}

/// While it lives, what is typed to interrupt is for another program.
pub(super) struct Quiet(Arc<Mutex<Interrupts>>);

impl Drop for Quiet {
    fn drop(&mut self) {
        // What ended the other program may get here later than the news of its end.
        let end = Instant::now() + LATE;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Interrupts::TheirsUntil(end);
    }
}

impl Signals {
    /// Starts to listen.
    pub(super) fn listen() -> io::Result<Self> {
        let (tx, arrived) = mpsc::unbounded_channel();
        let quiet = Arc::new(Mutex::new(Interrupts::Ours));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let flag = Arc::clone(&quiet);
        #[cfg(unix)]
        {
            let tx = tx.clone();
            std::thread::Builder::new().name("hang-up".to_owned()).spawn(move || await_hang_up(&tx))?;
        }
        // From here on no signal has its default effect.
        let listeners = {
            let _context = runtime.enter();
            Listeners::new()?
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(forward(listeners, tx, flag)))?;
        Ok(Self { arrived, quiet })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Signal {
        match self.arrived.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    /// Ignores what is typed to interrupt while another program has the terminal.
    pub(super) fn leave_interrupts_to_others(&self) -> Quiet {
        *self.quiet.lock().unwrap_or_else(PoisonError::into_inner) = Interrupts::Theirs;
        Quiet(Arc::clone(&self.quiet))
    }
}

/// Ends the program when the terminal goes away. The library that reads keys spins for ever then, and the signal that
/// says so may be blocked, or sent to somebody else.
#[cfg(unix)]
fn await_hang_up(tx: &mpsc::UnboundedSender<Signal>) {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;
    let stdout = rustix::stdio::stdout();
    // Nothing is waited for but what can't be left out: an error, or the end.
    let mut wanted = [PollFd::new(&stdout, PollFlags::empty())];
    loop {
        match poll(&mut wanted, None) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => break,
            Err(_) => return,
        }
    }
    if tx.send(Signal::End).is_ok() {
        std::thread::sleep(GONE);
        super::terminal::force_exit(INTERRUPTED);
    }
}

/// Hands signals on. One that asks to leave is seen to.
async fn forward(mut listeners: Listeners, tx: mpsc::UnboundedSender<Signal>, quiet: Arc<Mutex<Interrupts>>) {
    loop {
        let signal = listeners.next().await;
        let ours = quiet.lock().unwrap_or_else(PoisonError::into_inner).are_ours();
        if signal == Signal::Interrupt && !ours {
            continue;
        }
        if tx.send(signal).is_err() {
            return;
        }
        #[cfg(unix)]
        if matches!(signal, Signal::Interrupt | Signal::End) {
            tokio::select! {
                () = tx.closed() => {
                    // The loop is over; what is left is to end the process.
                    tokio::time::sleep(PATIENCE).await;
                }
                () = tokio::time::sleep(PATIENCE) => {}
            }
            super::terminal::force_exit(INTERRUPTED);
        }
    }
}

#[cfg(unix)]
struct Listeners {
    interrupt: [tokio::signal::unix::Signal; 2],
    end: [tokio::signal::unix::Signal; 2],
    suspend: tokio::signal::unix::Signal,
    continued: tokio::signal::unix::Signal,
    resized: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Listeners {
    fn new() -> io::Result<Self> {
        use rustix::process::Signal as Number;
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: [signal(SignalKind::interrupt())?, signal(SignalKind::quit())?],
            end: [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?],
            suspend: signal(SignalKind::from_raw(Number::TSTP.as_raw()))?,
            continued: signal(SignalKind::from_raw(Number::CONT.as_raw()))?,
            resized: signal(SignalKind::window_change())?,
        })
    }

    async fn next(&mut self) -> Signal {
        let ([interrupt, quit], [terminate, hangup]) = (&mut self.interrupt, &mut self.end);
        tokio::select! {
            _ = interrupt.recv() => Signal::Interrupt,
            _ = quit.recv() => Signal::Interrupt,
            _ = terminate.recv() => Signal::End,
            _ = hangup.recv() => Signal::End,
            _ = self.suspend.recv() => Signal::Suspend,
            _ = self.continued.recv() => Signal::Continued,
            _ = self.resized.recv() => Signal::Resized,
        }
    }
}

#[cfg(not(unix))]
struct Listeners;

#[cfg(not(unix))]
impl Listeners {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}
