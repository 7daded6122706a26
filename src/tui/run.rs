//! The loop: keys first, then sources, then finished reads; draws when something changed, at most 60 times a second.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::{Event, EventStream, KeyEventKind};
use crossterm::{clipboard, execute, terminal};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::event::key_of;
use super::model::{Found, Model, PayloadSearch};
use super::msg::{Effect, Msg};
use super::signal::{Signal, Signals};
use super::terminal::Guard;
use super::{update, view};
use crate::model::{Id, PayloadRef, RecordRange, UnixNanos};
use crate::price::{CostMode, PriceTable, UserPrices};
use crate::source::{Catalog, SourceMessage};
use crate::store::{SpanIx, TraceIx};
use crate::text;

/// Shortest time between two frames.
const FRAME: Duration = Duration::from_millis(16);
/// Time between frames in which only bars and clocks grow.
const TICK: Duration = Duration::from_millis(100);
/// Time between frames in which only what is said about the last minute changes.
const SLOW_TICK: Duration = Duration::from_secs(1);
/// How long messages are taken in before the next look at the keyboard.
const DRAIN: Duration = Duration::from_millis(4);
/// Bytes that are put on the clipboard at most: terminals drop longer requests.
const MAX_COPY: usize = 74_000;

/// How the program was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By the user.
    Quit,
    /// By ctrl-c or a signal.
    Interrupted,
    /// By itself: no source can be read; says why, a line for each.
    NothingToRead(String),
}

/// What the loop is run with.
#[derive(Debug, Default)]
pub struct Options {
    /// Whether the mouse is used.
    pub mouse: bool,
    /// Whether nothing but ASCII is drawn.
    pub ascii: bool,
    /// Where log lines go.
    pub log: Option<File>,
    /// The user's own prices.
    pub prices: UserPrices,
    /// Which costs count.
    pub cost: CostMode,
}

/// Shows the model until the user leaves.
pub async fn run(
    mut model: Model,
    mut sources: mpsc::Receiver<SourceMessage>,
    catalog: Arc<Catalog>,
    options: Options,
) -> io::Result<Exit> {
    let mut guard = Guard::enter(options.mouse)?;
    let (results_tx, mut results) = mpsc::channel::<Msg>(64);
    let worker = Worker { catalog, results: results_tx, log: options.log };
    let mut keys = Some(EventStream::new());
    let mut signals = Signals::listen()?;
    model.size = guard.size;
    let mut dirty = true;
    // The first frame waits for the first spans, but not longer than for any other frame.
    let mut drawn = Instant::now();
    let mut first_spans = true;
    let mut prices = Some((options.prices, options.cost));
    let mut sources_open = true;
    let mut title = String::new();
    loop {
        let first = first_spans && model.store.rows() > 0;
        if dirty && (first || drawn.elapsed() >= FRAME) {
            first_spans &= !first;
            update::tell_time(&mut model);
            let effects = update::refresh(&mut model);
            let mut screen = Screen { guard: &mut guard, keys: &mut keys, signals: &mut signals };
            if let Some(exit) = perform(effects, &mut model, &mut screen, &worker).await? {
                return Ok(exit);
            }
            set_title(&model, options.ascii, &mut title);
            draw(&mut guard, &model, options.ascii)?;
            (dirty, drawn) = (false, Instant::now());
            // Decoding the price list takes longer than all that comes before the first frame.
            if let Some((user, mode)) = prices.take() {
                worker.load_prices(user, mode);
            }
        }
        let pause = pause(&model, dirty, drawn);
        let first = tokio::select! {
            biased;
            signal = signals.next() => match signal {
                Signal::Interrupt | Signal::End => return Ok(Exit::Interrupted),
                #[cfg(unix)]
                Signal::Suspend => {
                    guard.suspend()?;
                    model.size = guard.size;
                    dirty = true;
                    continue;
                }
                #[cfg(unix)]
                Signal::Resized => {
                    // It may have been of another size in between: what is on it is not known.
                    guard.disturbed = true;
                    model.size = terminal::size()?;
                    dirty = true;
                    continue;
                }
                #[cfg(unix)]
                Signal::Continued => {
                    guard.reenter()?;
                    model.size = guard.size;
                    dirty = true;
                    continue;
                }
            },
            event = next_event(&mut keys) => match event {
                Some(Ok(event)) => terminal_event(event),
                // The terminal is gone.
                Some(Err(_)) | None => return Ok(Exit::Quit),
            },
            message = sources.recv(), if sources_open => if let Some(message) = message { Some(Msg::Source(message)) } else {
                sources_open = false;
                None
            },
            result = results.recv() => result,
            () = tokio::time::sleep(pause.unwrap_or(Duration::MAX)), if pause.is_some() => Some(Msg::Tick),
        };
        let Some(first) = first else { continue };
        update::tell_time(&mut model);
        let mut effects = update::update(&mut model, first);
        let started = Instant::now();
        while started.elapsed() < DRAIN {
            let Ok(message) = sources.try_recv() else { break };
            effects.extend(update::update(&mut model, Msg::Source(message)));
        }
        dirty = true;
        if let Some(why) = model.nothing_to_read() {
            return Ok(Exit::NothingToRead(why));
        }
        let mut screen = Screen { guard: &mut guard, keys: &mut keys, signals: &mut signals };
        if let Some(exit) = perform(effects, &mut model, &mut screen, &worker).await? {
            return Ok(exit);
        }
    }
}

/// How long nothing has to be done: until the next frame when one is due, until bars have grown visibly, or for ever.
fn pause(model: &Model, dirty: bool, drawn: Instant) -> Option<Duration> {
    let since = drawn.elapsed();
    if dirty || update::is_busy(model) {
        return Some(FRAME.saturating_sub(since));
    }
    let grows = model.running != (0, 0) || model.waterfall.is_running();
    // What is said about the last minute is over when it is.
    let fades = !model.rates.minute.spend.is_zero() || model.lag().is_some();
    let tick = match (grows, fades) {
        (true, _) => Some(TICK.saturating_sub(since)),
        (false, true) => Some(SLOW_TICK.saturating_sub(since)),
        (false, false) => None,
    };
    // The tree of a long run that changes all the time is built every few seconds.
    let tree = model.waterfall.due(&model.matches, Instant::now());
    let tree = tree.map(|due| due.max(FRAME.saturating_sub(since)));
    tick.into_iter().chain(tree).min()
}

fn draw(guard: &mut Guard, model: &Model, ascii: bool) -> io::Result<()> {
    guard.fit(model.size)?;
    guard.terminal.draw(|frame| {
        view::draw(frame, model);
        if ascii {
            super::ascii::spell(frame.buffer_mut());
        }
    })?;
    Ok(())
}

async fn next_event(keys: &mut Option<EventStream>) -> Option<io::Result<Event>> {
    match keys {
        Some(keys) => keys.next().await,
        None => std::future::pending().await,
    }
}

fn terminal_event(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key_of(key).map(Msg::Key),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Mouse(mouse) => Some(Msg::Mouse(mouse)),
        // What it says may be out of date already.
        Event::Resize(..) => terminal::size().ok().map(|(columns, rows)| Msg::Resize(columns, rows)),
        _ => None,
    }
}

/// Shows cost and running runs in the window's title; both are our own numbers.
fn set_title(model: &Model, ascii: bool, shown: &mut String) {
    if !model.title {
        return;
    }
    let (running, _) = model.running;
    let dot = if ascii { "-" } else { "·" };
    let totals = model.store.totals();
    let mut cost: String = text::short::bill_mark(totals.cost, totals.unpriced_calls).into();
    if ascii {
        cost = cost.replace('≥', ">").replace('–', "-");
    }
    let title = format!("{cost} {dot} {running} running");
    if *shown != title {
        super::terminal::set_title(&title);
        *shown = title;
    }
}

/// What of the terminal the loop owns.
struct Screen<'a> {
    guard: &'a mut Guard,
    /// There is none only while the pager has the keyboard.
    keys: &'a mut Option<EventStream>,
    signals: &'a mut Signals,
}

async fn perform(
    effects: Vec<Effect>,
    model: &mut Model,
    screen: &mut Screen<'_>,
    worker: &Worker,
) -> io::Result<Option<Exit>> {
    for effect in effects {
        match effect {
            Effect::Quit => return Ok(Some(Exit::Quit)),
            Effect::Interrupt => return Ok(Some(Exit::Interrupted)),
            Effect::Redraw => screen.guard.redraw()?,
            Effect::Bell => screen.guard.ring()?,
            Effect::Suspend => {
                // The signal comes back to the loop, as if it had been sent from outside.
                if !super::terminal::ask_job_to_stop() {
                    model.say("there is no shell here to suspend to");
                }
            }
            Effect::ReadDetail(span, refs) => worker.read_detail(span, refs),
            Effect::SearchForFilter(search) => worker.search(search, Msg::FoundForFilter),
            Effect::SearchForSearch(search) => worker.search(search, Msg::FoundForSearch),
            Effect::Restore(trace, id, ranges, arrived) => worker.restore(trace, id, ranges, arrived),
            Effect::Log(line) => worker.log(&line),
            Effect::Copy(text) => copy(model, screen.guard, &text)?,
            Effect::Pager(text) => {
                if let Some(exit) = pager(text, model, screen).await? {
                    return Ok(Some(exit));
                }
            }
        }
    }
    Ok(None)
}

/// Lets the pager have the terminal until the user leaves it.
async fn pager(text: String, model: &mut Model, screen: &mut Screen<'_>) -> io::Result<Option<Exit>> {
    // The stream's thread reads the terminal whether it is polled or not: it would take keys away from the pager.
    screen.keys.take();
    super::terminal::leave();
    let _quiet = screen.signals.leave_interrupts_to_others();
    let mut shown = tokio::task::spawn_blocking(move || super::pager::show(&text));
    let result = loop {
        tokio::select! {
            result = &mut shown => break result,
            signal = screen.signals.next() => match signal {
                Signal::End => return Ok(Some(Exit::Interrupted)),
                // The pager has got it too, and stopped.
                #[cfg(unix)]
                Signal::Suspend => super::terminal::stop_here()?,
                _ => {}
            },
        }
    };
    *screen.keys = Some(EventStream::new());
    screen.guard.reenter()?;
    model.size = screen.guard.size;
    if let Ok(Err(why)) = result {
        model.complain(why);
    }
    Ok(None)
}

/// Puts text on the clipboard through the terminal (OSC 52, base64). What is too long goes into a file instead.
fn copy(model: &mut Model, guard: &mut Guard, text: &str) -> io::Result<()> {
    if text.len() > MAX_COPY {
        match super::pager::keep(text) {
            Ok(path) => model.say(format!("too long for the clipboard: written to {}", path.display())),
            Err(why) => model.complain(why),
        }
        return Ok(());
    }
    let backend = guard.terminal.backend_mut();
    execute!(backend, clipboard::CopyToClipboard::to_clipboard_from(text))?;
    backend.flush()
}

/// Reads payloads off the loop.
struct Worker {
    catalog: Arc<Catalog>,
    results: mpsc::Sender<Msg>,
    log: Option<File>,
}

impl Worker {
    /// Logs a line, sanitised: whoever reads the log does so in a terminal.
    fn log(&self, line: &str) {
        if let Some(mut file) = self.log.as_ref() {
            let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            // A log that can't be written must not stop the watching.
            writeln!(file, "{now} {}", text::display_safe(line)).ok();
        }
    }

    fn load_prices(&self, user: UserPrices, mode: CostMode) {
        let results = self.results.clone();
        tokio::task::spawn_blocking(move || {
            // Nobody waits for prices when the program is about to end.
            results.blocking_send(Msg::Prices(Box::new(PriceTable::with_user(user)), mode)).ok();
        });
    }

    fn read_detail(&self, span: SpanIx, refs: Vec<PayloadRef>) {
        let (catalog, results) = (Arc::clone(&self.catalog), self.results.clone());
        tokio::task::spawn_blocking(move || {
            let read = catalog.read_detail(&refs).map_err(|error| error.to_string());
            results.blocking_send(Msg::Detail(span, read)).ok();
        });
    }

    fn restore(&self, trace: TraceIx, id: Id, ranges: Vec<RecordRange>, arrived: UnixNanos) {
        let (catalog, results) = (Arc::clone(&self.catalog), self.results.clone());
        tokio::task::spawn_blocking(move || {
            let read = catalog.read_trace(id, &ranges, arrived).map_err(|error| error.to_string());
            results.blocking_send(Msg::Restored(trace, read)).ok();
        });
    }

    fn search(&self, search: PayloadSearch, message: fn(u64, Found) -> Msg) {
        let (catalog, results) = (Arc::clone(&self.catalog), self.results.clone());
        tokio::task::spawn_blocking(move || {
            let found = catalog.search(&search.query, &search.wanted, &search.stop);
            // Of a search that was stopped nobody wants to know what it found until then.
            if !search.stop.is_stopped() {
                results.blocking_send(message(search.number, found)).ok();
            }
        });
    }
}
