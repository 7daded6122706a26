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
use crate::store::TraceView;
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

/// What a source's line gets: its place, its format and its sums.
type Figures = (usize, &'static str, Option<ChoiceFigures>);

/// Reads the newest sources one after the other and says what is in them.
fn read_figures(found: &[Session], tx: &mpsc::Sender<Figures>, stop: &AtomicBool) {
    let small = found.iter().enumerate().filter(|(_, session)| session.bytes <= MAX_READ);
    let mut left: Vec<(usize, &Session)> = small.take(MAX_READS).collect();
    while !left.is_empty() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let group = take_group(&mut left);
        // One that can't be read is found by reading each alone.
        let figures = figures_of(&group).unwrap_or_else(|| {
            let alone = group.iter().map(|one| (one, figures_of(std::slice::from_ref(one))));
            alone
                .flat_map(|(one, figures)| figures.unwrap_or(vec![(one.0, "not recognised", None)]))
                .collect()
        });
        for one in figures {
            if tx.blocking_send(one).is_err() {
                return;
            }
        }
    }
}

/// The first source and those that are read with it: sessions of one project may begin with copies of one another, and
/// a call counts for one of them only.
fn take_group<'a>(left: &mut Vec<(usize, &'a Session)>) -> Vec<(usize, &'a Session)> {
    let first = left.remove(0);
    let mut group = vec![first];
    let mut bytes = first.1.bytes;
    // Its file is called like the session.
    let is_named = |session: &Session| session.path.file_stem().is_some_and(|stem| stem.len() == 36);
    if first.1.format == "claude-code" && is_named(first.1) {
        let is_of_it = |session: &Session| {
            let beside = session.path.parent() == first.1.path.parent();
            session.format == first.1.format && is_named(session) && beside
        };
        let more = left.extract_if(.., |(_, session)| {
            let takes = is_of_it(session) && bytes.saturating_add(session.bytes) <= MAX_READ;
            bytes += if takes { session.bytes } else { 0 };
            takes
        });
        group.extend(more);
    }
    group
}

/// Reads sources together. `None` when one of them can't be read.
fn figures_of(group: &[(usize, &Session)]) -> Option<Vec<Figures>> {
    let names: Vec<String> = group.iter().flat_map(|(_, session)| files(session)).collect();
    let loaded = load_quietly(&names, &InputArgs::default()).ok()?;
    let figures = |(at, session): &(usize, &Session)| {
        let name = session.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_alone = group.len() == 1;
        let report = Report::build(&loaded.store, &loaded.clock, None, &|span| {
            is_alone || span.trace().id_text().eq_ignore_ascii_case(&name)
        });
        let totals = &report.totals.totals;
        let is_own = |trace: &TraceView<'_>| is_alone || trace.id_text().eq_ignore_ascii_case(&name);
        let newest = loaded.store.traces().filter(is_own).max_by_key(TraceView::start);
        let figures = ChoiceFigures {
            title: newest.map(|trace| loaded.shown(trace.name())).unwrap_or_default(),
            runs: report.totals.runs,
            running: report.totals.running,
            tokens: totals.tokens.total(),
            cost: totals.cost,
            unpriced: totals.unpriced_calls,
            errors: totals.errors,
        };
        let format = loaded.sources.first().and_then(|source| source.format);
        (*at, format.unwrap_or(session.format), Some(figures))
    };
    Some(group.iter().map(figures).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session that begins with a copy of another one costs what it adds.
    #[test]
    fn sessions_of_a_project_are_read_together() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/claude-code/forked-2.1.330");
        let session = |name: &str| {
            let path = folder.join(name);
            let bytes = std::fs::metadata(&path).expect("a file").len();
            Session { path, format: "claude-code", modified: None, bytes }
        };
        let found = [
            session("47406463-7050-4a00-983f-82431da62f30.jsonl"),
            session("11111111-2222-4333-8444-555555559845.jsonl"),
        ];
        let (tx, mut rx) = mpsc::channel(4);
        read_figures(&found, &tx, &AtomicBool::new(false));
        let mut costs = Vec::new();
        while let Ok((at, format, figures)) = rx.try_recv() {
            let figures = figures.expect("it can be read");
            assert_eq!((format, figures.runs), ("claude-code", 1));
            costs.push((at, figures.cost.to_string()));
        }
        assert_eq!(costs, [(0, "0.009132".to_owned()), (1, "0.06669".to_owned())]);
    }
}
