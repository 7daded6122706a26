//! Reading sources once, into a store.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Utc;

use super::Failure;
use super::amount::parse_duration;
use super::args::InputArgs;
use super::reading::wish;
use crate::config::prices_path;
use crate::filter::{Filter, Verdict};
use crate::format::{Mapping, Wish};
use crate::model::{SourceId, SpanDetail, UnixNanos};
use crate::price::{PriceTable, UserPrices};
use crate::source::{
    Catalog, Expanded, Follow, SourceEvent, SourceSpec, SourceState, StopFlag, examine, expand, spawn,
};
use crate::store::{Arrival, Clock, FilterRow, SpanView, Store};
use crate::text;

/// Batches that may wait between the sources and the store.
const CHANNEL: usize = 32;
/// Sources that a warning names.
const MAX_NAMED: usize = 8;
/// Files that were left out that are named.
const MAX_LEFT_OUT: usize = 3;
/// Sources that are read at once.
const READERS: usize = 16;

/// Sources that were read to their end.
pub(super) struct Loaded {
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub clock: Clock,
    pub sources: Vec<LoadedSource>,
    /// Files of folders that hold something else, with what that is.
    foreign: Vec<String>,
    /// Files of folders and patterns of no known format.
    left_out: Vec<String>,
    /// The mapping of a private format.
    mapping: Option<Arc<Mapping>>,
    filter: Filter,
    since: Option<UnixNanos>,
    redact: bool,
}

/// One of them.
pub(super) struct LoadedSource {
    pub id: SourceId,
    /// As given on the command line.
    pub name: String,
    pub format: Option<&'static str>,
    /// Why not all of it was read.
    trouble: Option<String>,
}

/// Now, by the wall clock.
pub(super) fn now() -> UnixNanos {
    UnixNanos(Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX))
}

/// Reads every source to its end. Damaged records are counted and named in one warning on standard error; a source
/// that can't be read or recognised is an error.
pub(super) fn load(names: &[String], args: &InputArgs) -> Result<Loaded, Failure> {
    let loaded = load_quietly(names, args)?;
    loaded.warn_of_problems();
    for foreign in &loaded.foreign {
        super::warn(&text::display_safe(foreign));
    }
    loaded.warn_of_what_is_missing();
    loaded.warn_of_unused_paths();
    Ok(loaded)
}

/// The same without a word.
pub(super) fn load_quietly(names: &[String], args: &InputArgs) -> Result<Loaded, Failure> {
    let filter = parse_filter(args.filter.as_deref())?;
    let now = now();
    let since = args.since.as_deref().map(|text| parse_since(text, now)).transpose()?;
    let wish = wish(args)?;
    let asked = names;
    let Expanded { names, left_out } = sources_of(names, &wish)?;
    let names = &names;
    let user = user_prices(&args.prices)?;

    let catalog = Arc::new(Catalog::default());
    let (tx, mut rx) = tokio::sync::mpsc::channel(CHANNEL);
    let stop = StopFlag::default();
    let mut store = Store::new();
    let mut sources = Vec::new();
    let mut foreign = Vec::new();
    let mut waiting = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let id = SourceId(at as u16);
        let spec = SourceSpec::parse(name).map_err(|error| Failure::usage(&error))?;
        store.add_source(id, name);
        sources.push(LoadedSource { id, name: name.clone(), format: None, trouble: None });
        waiting.push((id, spec));
    }
    // The first is taken first.
    waiting.reverse();
    let waiting = Arc::new(Mutex::new(waiting));
    let readers: Vec<_> = (0..READERS.min(names.len()))
        .map(|_| {
            let (waiting, catalog, wish) = (Arc::clone(&waiting), Arc::clone(&catalog), wish.clone());
            let (tx, stop) = (tx.clone(), stop.clone());
            std::thread::spawn(move || {
                let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
                while let Some((id, spec)) = next() {
                    let (catalog, tx) = (Arc::clone(&catalog), tx.clone());
                    spawn(spec, id, catalog, Follow::Once, wish.clone(), tx, stop.clone()).join()?;
                }
                Ok(())
            })
        })
        .collect();
    drop(tx);
    // The price list takes a moment to decode: that happens while the sources are read.
    let prices = std::thread::spawn(move || PriceTable::with_user(user));
    while let Some(message) = rx.blocking_recv() {
        match message.event {
            SourceEvent::Segment { id, format, modified, .. } => {
                store.add_segment(id, message.source);
                sources[message.source.0 as usize].format = Some(format);
                if let Some(modified) = modified {
                    store.set_modified(message.source, modified);
                }
            }
            SourceEvent::Batch(batch) => {
                store.apply(message.source, &batch, Arrival { at: now, live: false });
                store.take_changes();
            }
            SourceEvent::State(SourceState::Failed(why)) => {
                let name = &sources[message.source.0 as usize].name;
                // A folder holds other things, too.
                if !asked.contains(name) && foreign.len() + 1 < names.len() {
                    foreign.push(format!("{why}: {name}"));
                    continue;
                }
                stop.stop();
                return Err(Failure::Source(format!("{why}: {name}")));
            }
            SourceEvent::State(state) => {
                let source = &mut sources[message.source.0 as usize];
                match state {
                    SourceState::Damaged(why) | SourceState::Blocked(why) => source.trouble = Some(why),
                    // What stood in the way has gone.
                    SourceState::Live => source.trouble = None,
                    _ => {}
                }
            }
            SourceEvent::Found { .. }
            | SourceEvent::Progress { .. }
            | SourceEvent::CaughtUp
            | SourceEvent::Ended => {}
        }
    }
    for reader in readers {
        if reader.join().and_then(|read: std::thread::Result<()>| read).is_err() {
            return Err(Failure::Source("a reader stopped unexpectedly".to_owned()));
        }
    }
    if let Ok(table) = prices.join() {
        store.set_pricing(Box::new(table), args.cost);
        store.take_changes();
    }
    Ok(Loaded {
        store,
        catalog,
        clock: Clock::at(now),
        sources,
        foreign,
        left_out,
        mapping: wish.mapping,
        filter,
        since,
        redact: !args.no_redact,
    })
}

/// Says which spans a command is about.
pub(super) struct Matcher<'a> {
    loaded: &'a Loaded,
}

impl Matcher<'_> {
    /// Whether a span is meant; reads its payload when the filter asks about it.
    pub(super) fn matches(&self, span: &SpanView<'_>) -> bool {
        let loaded = self.loaded;
        if loaded.since.is_some_and(|since| span.trace().last_activity() < since) {
            return false;
        }
        if loaded.filter.is_empty() {
            return true;
        }
        let row = FilterRow { span: *span, clock: &loaded.clock, payload: None };
        match loaded.filter.matches(&row) {
            Verdict::Yes => true,
            Verdict::No => false,
            Verdict::Unknown => {
                let detail = loaded.raw_detail(span);
                loaded.filter.matches(&FilterRow { payload: Some(&detail), ..row }) == Verdict::Yes
            }
        }
    }
}

impl Loaded {
    /// The spans that the filter and `--since` leave.
    pub(super) fn matcher(&self) -> Matcher<'_> {
        Matcher { loaded: self }
    }

    /// Known spans, without events, that each source told about, in the order of the sources.
    pub(super) fn spans_by_source(&self) -> Vec<u64> {
        let mut spans = vec![0; self.sources.len()];
        for span in self.store.spans().filter(|span| !span.is_event()) {
            if let Some(count) = spans.get_mut(usize::from(span.source().0)) {
                *count += 1;
            }
        }
        spans
    }

    /// A span's payload; empty when it can't be read.
    pub(super) fn raw_detail(&self, span: &SpanView<'_>) -> SpanDetail {
        self.catalog.read_detail(&span.payloads()).unwrap_or_default()
    }

    /// A span's payload as it may be shown.
    pub(super) fn detail(&self, span: &SpanView<'_>) -> SpanDetail {
        let mut detail = self.raw_detail(span);
        if self.redact {
            text::redact_detail(&mut detail);
        }
        detail
    }

    /// Text from a trace as it may be shown.
    pub(super) fn shown(&self, text: &str) -> String {
        if self.redact { text::redact_text(text).into_owned() } else { text.to_owned() }
    }

    /// Says what was left out and what could not be read to its end.
    fn warn_of_what_is_missing(&self) {
        if !self.left_out.is_empty() {
            super::warn(&format!("left out, of no known format: {}", list(&self.left_out, MAX_LEFT_OUT)));
        }
        let mut parts: Vec<String> = Vec::new();
        for source in &self.sources {
            if let Some(why) = &source.trouble {
                parts.push(text::display_safe(&format!("{}: {why}", source.name)).into_owned());
            }
        }
        for part in parts.iter().take(MAX_NAMED) {
            super::warn(part);
        }
        if parts.len() > MAX_NAMED {
            super::warn(&format!("and {} more sources are damaged", parts.len() - MAX_NAMED));
        }
    }

    /// Says which paths of the mapping fit no record at the beginning of any source.
    fn warn_of_unused_paths(&self) {
        let Some(mapping) = &self.mapping else { return };
        let wish = Wish { format: None, mapping: Some(Arc::clone(mapping)) };
        let mut unused: Option<Vec<String>> = None;
        let mut records = 0;
        for source in self.sources.iter().filter(|source| source.format == Some("generic")) {
            let mapped = examine(Path::new(&source.name), &wish).mapped;
            records += mapped.first().map_or(0, |path| path.records);
            let without: Vec<String> =
                mapped.iter().filter(|path| path.fits == 0).map(|path| path.pair.clone()).collect();
            // What can't be looked at again, such as standard input, says nothing.
            if mapped.iter().any(|path| path.records > 0) {
                unused = Some(match unused {
                    Some(known) => known.into_iter().filter(|pair| without.contains(pair)).collect(),
                    None => without,
                });
            }
            if unused.as_ref().is_some_and(Vec::is_empty) {
                return;
            }
        }
        if let Some(unused) = unused.filter(|unused| !unused.is_empty()) {
            super::warn(&format!(
                "in none of the {records} records that were looked at does the map find: {}",
                list(&unused, MAX_NAMED)
            ));
        }
    }

    fn warn_of_problems(&self) {
        let mut parts = Vec::new();
        for source in &self.sources {
            let Some(problems) = self.store.problems(source.id) else { continue };
            if problems.skipped() == 0 {
                continue;
            }
            let reasons: Vec<String> = problems
                .counts()
                .filter(|(reason, _)| reason.skips_record())
                .map(|(reason, count)| format!("{count} {}", reason.as_str()))
                .collect();
            parts.push(format!(
                "{} records skipped ({}) in {}",
                problems.skipped(),
                reasons.join(", "),
                text::display_safe(&source.name)
            ));
        }
        if parts.len() > MAX_NAMED {
            let more = parts.split_off(MAX_NAMED).len();
            parts.push(format!("and in {more} other sources"));
        }
        if !parts.is_empty() {
            super::warn(&parts.join("; "));
        }
    }
}

/// The sources that the arguments name, folders replaced by their files.
fn sources_of(names: &[String], wish: &Wish) -> Result<Expanded, Failure> {
    if names.is_empty() {
        return Err(Failure::Usage(
            "no SOURCE is given: a file, a folder or - for standard input".to_owned(),
        ));
    }
    expand(names, wish).map_err(|error| Failure::usage(&error))
}

/// The user's own prices: those in the configuration directory, then the files that are given.
pub(super) fn user_prices(files: &[PathBuf]) -> Result<UserPrices, Failure> {
    let standing = prices_path().filter(|path| path.is_file());
    let paths: Vec<PathBuf> = standing.into_iter().chain(files.iter().cloned()).collect();
    UserPrices::read(&paths).map_err(|error| Failure::usage(&error))
}

/// The first of some names, and how many more there are.
fn list(names: &[String], most: usize) -> String {
    let shown: Vec<_> = names.iter().take(most).map(|name| text::display_safe(name)).collect();
    let more = names.len().saturating_sub(most);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// The filter, or an error that points at what is wrong with it.
pub(super) fn parse_filter(text: Option<&str>) -> Result<Filter, Failure> {
    let Some(text) = text else { return Ok(Filter::default()) };
    let parsed = Filter::parse(text);
    match parsed.errors.first() {
        None => Ok(parsed.filter),
        Some(error) => Err(Failure::Usage(format!("--filter: {error} in: {}", text::display_safe(text)))),
    }
}

fn parse_since(text: &str, now: UnixNanos) -> Result<UnixNanos, Failure> {
    let nanos = parse_duration(text).map_err(|error| Failure::Usage(format!("--since: {error}")))?;
    Ok(now.plus(-nanos))
}
