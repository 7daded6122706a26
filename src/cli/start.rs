//! `tracetui` alone: what could be watched here, to choose from.

use std::collections::HashSet;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::Failure;
use super::args::{InputArgs, ScreenArgs};
use super::load::load_quietly;
use super::watch::{theme, watch};
use crate::analysis::Report;
use crate::config::Config;
use crate::source::discover::{Homes, Session, nearby, sessions};
use crate::tui::{Choice, ChoiceFigures, Chosen, choose, wants_ascii};

/// Most sources that are listed.
const MAX_LISTED: usize = 500;
/// Larger ones are not read only to show what is in them.
const MAX_READ: u64 = 64 << 20;
/// As many of the newest are read.
const MAX_READS: usize = 60;

/// Lists what was found and watches what is chosen.
pub(super) fn run() -> Result<(), Failure> {
    if !io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "say what to watch, or start in a terminal to choose; see tracetui --help".to_owned(),
        ));
    }
    let found = found();
    if found.is_empty() {
        return Err(Failure::Usage(
            "no spans were found here and no coding agent's sessions; try tracetui demo, or see tracetui --help"
                .to_owned(),
        ));
    }
    let screen = ScreenArgs::default();
    let config = Config::load(None).map_err(|error| Failure::usage(&error))?;
    let (theme, depth) = theme(&screen, &config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = Arc::new(AtomicBool::new(false));
    let (tx, rx) = mpsc::channel(16);
    let reader = {
        let (stop, found) = (Arc::clone(&stop), found.clone());
        std::thread::spawn(move || read_figures(&found, &tx, &stop))
    };
    let home = std::env::home_dir();
    let here = std::env::current_dir().ok();
    let choices = found.iter().map(|session| choice(session, home.as_deref(), here.as_deref())).collect();
    let ascii = config.ascii.unwrap_or_else(wants_ascii);
    let chosen = runtime.block_on(choose(choices, rx, (&theme, depth), ascii));
    stop.store(true, Ordering::Relaxed);
    runtime.shutdown_background();
    drop(reader);
    match chosen? {
        Chosen::Nothing => Ok(()),
        Chosen::Interrupted => Err(Failure::Interrupted),
        Chosen::Source(at) => {
            let Some(session) = found.get(at) else { return Ok(()) };
            watch(&files(session), &InputArgs::default(), &screen)
        }
    }
}

/// What lies here and what coding agents keep, the newest first.
fn found() -> Vec<Session> {
    let mut found = std::env::current_dir().map(|here| nearby(&here, MAX_LISTED)).unwrap_or_default();
    if let Some(home) = std::env::home_dir() {
        found.extend(sessions(&Homes { home, variable: &|name| std::env::var_os(name) }, MAX_LISTED));
    }
    // Whoever starts in an agent's folder finds its sessions twice; the entry that knows the format stays.
    found.sort_by_key(|session| session.format.is_empty());
    let mut seen: HashSet<PathBuf> = HashSet::new();
    found.retain(|session| session.path.canonicalize().is_ok_and(|path| seen.insert(path)));
    found.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.path.cmp(&b.path)));
    found.truncate(MAX_LISTED);
    found
}

/// A session's file, which stands for those of its subagents, too.
fn files(session: &Session) -> [String; 1] {
    [session.path.to_string_lossy().into_owned()]
}

fn choice(session: &Session, home: Option<&Path>, here: Option<&Path>) -> Choice {
    let path = &session.path;
    let name = match (here.map(|here| path.strip_prefix(here)), home.map(|home| path.strip_prefix(home))) {
        (Some(Ok(rest)), _) => rest.display().to_string(),
        (_, Some(Ok(rest))) => format!("~/{}", rest.display()),
        _ => path.display().to_string(),
    };
    Choice {
        name,
        format: session.format,
        modified: session.modified,
        bytes: session.bytes,
        figures: None,
        unreadable: false,
    }
}

/// Reads the newest sources one after the other and says what is in them.
fn read_figures(
    found: &[Session],
    tx: &mpsc::Sender<(usize, &'static str, Option<ChoiceFigures>)>,
    stop: &AtomicBool,
) {
    let small = found.iter().enumerate().filter(|(_, session)| session.bytes <= MAX_READ);
    for (at, session) in small.take(MAX_READS) {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(loaded) = load_quietly(&files(session), &InputArgs::default()) else {
            if tx.blocking_send((at, "not recognised", None)).is_err() {
                return;
            }
            continue;
        };
        let report = Report::build(&loaded.store, &loaded.clock, None, &|_| true);
        let totals = &report.totals.totals;
        let figures = ChoiceFigures {
            runs: report.totals.runs,
            running: report.totals.running,
            tokens: totals.tokens.total(),
            cost: totals.cost,
            unpriced: totals.unpriced_calls,
            errors: totals.errors,
        };
        let format = loaded.sources.first().and_then(|source| source.format).unwrap_or(session.format);
        if tx.blocking_send((at, format, Some(figures))).is_err() {
            return;
        }
    }
}
