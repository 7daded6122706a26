//! Everything the screen shows and keys change.

mod bits;
mod budget;
mod builder;
mod conversation;
mod detail;
mod input;
mod label;
mod lines;
mod outline;
mod payloads;
mod picker;
mod prepared;
mod rate;
mod rows;
mod runs;
mod search;
mod waterfall;

use std::time::Instant;

use chrono::Utc;

use crate::analysis::PastRuns;
use crate::config::{Action, Config, Key, Keymap};
use crate::filter::Filter;
use crate::model::{NANOS_PER_SEC, NanoUsd, SourceId, UnixNanos};
use crate::source::SourceState;
use crate::store::{Clock, Store, TraceIx, TraceView};

use super::theme::{Depth, Theme};

pub(super) use budget::{BudgetState, Budgets};
pub(super) use conversation::Conversation;
pub(super) use detail::{Detail, Payload, Tab};
pub(super) use input::TextInput;
pub(super) use label::is_numbered;
pub(super) use lines::{Ink, TextLine};
pub(super) use payloads::{Found, PayloadSearch};
pub(super) use picker::{Picker, narrowed};
pub(super) use prepared::{KeyNames, OverlayLine, Prepared, RunFigures};
pub(super) use rate::Rates;
use rate::Spending;
pub(super) use rows::Matches;
pub(super) use runs::RunList;
pub(super) use search::{InFields, Search};
pub(super) use waterfall::{BarSize, Row, Waterfall};

/// How often the runs under way are counted.
const COUNT_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// Finished runs of a workflow without which what its runs will cost adds nothing to a sum.
const FEWEST_RUNS: usize = 3;

/// The panels that take keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The list of runs.
    #[default]
    Runs,
    /// The waterfall of the open run.
    Waterfall,
    /// The detail of the selected span.
    Detail,
}

/// What lies over the panels and takes the keys first; the last of the stack is on top.
#[derive(Debug)]
pub enum Mode {
    /// The filter is being typed. Holds the filter from before, which `esc` brings back.
    Filter(TextInput, String),
    /// A search is being typed.
    Search(TextInput),
    /// A value is being picked.
    Picker(Picker),
    /// An action is being picked: what was typed, the actions that match, the cursor.
    Palette(TextInput, Vec<Action>, usize),
    /// Help, scrolled by lines.
    Help(usize),
    /// Skipped and odd records, scrolled by lines.
    Problems(usize),
    /// The bill of the selected span and of its run, scrolled by lines.
    Bill(usize),
    /// The conversation that a run is part of.
    Conversation(Box<Conversation>),
}

/// A source as the header shows it.
#[derive(Debug)]
pub struct Source {
    /// Its number.
    pub id: SourceId,
    /// Its name as given; untrusted text.
    pub name: String,
    /// What the list of runs calls it; untrusted text.
    pub label: String,
    /// Its format, once found.
    pub format: Option<&'static str>,
    /// How it stands.
    pub state: SourceState,
    /// Done and total of what was there at the start, while that is being read.
    pub progress: Option<(u64, u64)>,
    /// Whether all that was there at the start has been read.
    pub caught_up: bool,
    /// Whether it is a folder whose files are sources of their own.
    pub is_folder: bool,
}

impl Source {
    /// Takes note of the format that was found.
    pub fn is_of(&mut self, format: &'static str) {
        self.format = Some(format);
        self.label = label::of(&self.name, self.format);
    }

    fn new(id: SourceId, name: &str, is_folder: bool) -> Self {
        Self {
            id,
            name: name.to_owned(),
            label: label::of(name, None),
            format: None,
            state: SourceState::Waiting("opening".to_owned()),
            progress: None,
            caught_up: false,
            is_folder,
        }
    }
}

/// One line that says what just happened.
#[derive(Debug)]
pub struct Notice {
    /// The text.
    pub text: String,
    /// Whether it is bad news.
    pub bad: bool,
    /// When it came.
    pub at: Instant,
}

/// What there is to know about memory.
#[derive(Debug, Default)]
pub struct Memory {
    /// Bytes that the index may hold; `None` for no limit.
    pub limit: Option<usize>,
    /// Runs that are being read again.
    pub asked: Vec<TraceIx>,
    /// Whether the user was told that runs leave.
    pub told: bool,
}

/// See the module.
pub struct Model {
    /// All spans.
    pub store: Store,
    /// The sources.
    pub sources: Vec<Source>,
    /// How many of them bring records.
    pub readable_sources: usize,
    /// Now, as the last update saw it.
    pub clock: Clock,
    /// The same on the monotonic clock.
    pub now: Instant,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Which panel takes keys.
    pub focus: Focus,
    /// What lies over the panels.
    pub modes: Vec<Mode>,
    /// The runs.
    pub runs: RunList,
    /// The open run.
    pub waterfall: Waterfall,
    /// The selected span's payload.
    pub detail: Detail,
    /// The filter and what passes it.
    pub matches: Matches,
    /// The filter's text.
    pub filter_text: String,
    /// What is wrong with the text being typed.
    pub filter_error: Option<String>,
    /// The search in the open run.
    pub search: Search,
    /// What is being spent.
    pub rates: Rates,
    /// What may be spent.
    pub budgets: Budgets,
    /// What the runs under way will have cost, where enough of their workflows' runs are known to say so.
    pub projected: Option<NanoUsd>,
    /// Runs under way and, of the others, waiting ones.
    pub running: (usize, usize),
    counted_at: Option<(u64, Instant)>,
    spending: Spending,
    past_runs: PastRuns,
    /// Traces that may be under way, each once.
    maybe_active: Vec<TraceIx>,
    active: bits::Bits,
    /// What drawing only copies.
    pub prepared: Prepared,
    /// How much the index may hold, and what was asked back.
    pub memory: Memory,
    /// The last notice.
    pub notice: Option<Notice>,
    /// One panel over the whole screen.
    pub full_screen: bool,
    /// Whether secrets are hidden.
    pub redact: bool,
    /// Keys.
    pub keymap: Keymap,
    /// Their names.
    pub key_names: KeyNames,
    /// Keys of an unfinished sequence.
    pub pending: Vec<Key>,
    /// The number typed before a key.
    pub count: Option<usize>,
    /// Name of the theme.
    pub theme_name: String,
    /// Styles.
    pub theme: Theme,
    /// Whether the window title is set.
    pub title: bool,
    /// Columns of the list of runs, when the user dragged the divider.
    pub divider: Option<u16>,
    /// Rows of the detail pane, when the user dragged its edge.
    pub detail_rows: Option<u16>,
    /// What the pointer drags.
    pub dragging: Option<Drag>,
    depth: Depth,
}

/// What the pointer drags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drag {
    /// The divider between the runs and the waterfall.
    Divider,
    /// The upper edge of the detail pane.
    DetailEdge,
    /// The time axis; holds the column it was grabbed at.
    Time(u16),
}

impl Model {
    /// Why nothing will ever be shown, a line for each source; `None` while there is a span, or a source that goes on.
    pub(in crate::tui) fn nothing_to_read(&self) -> Option<String> {
        if self.store.trace_count() > 0 {
            return None;
        }
        let failure = |source: &Source| match &source.state {
            SourceState::Failed(why) => Some(format!("{why}: {}", source.name)),
            _ => None,
        };
        let failures: Option<Vec<String>> = self.sources.iter().map(failure).collect();
        failures.filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"))
    }

    /// A model over sources that have not said anything yet.
    pub fn new(config: &Config, theme_name: &str, depth: Depth, sources: &[String], redact: bool) -> Self {
        let mut store = Store::new();
        let sources_given = sources.len();
        let sources = sources
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let id = SourceId(at as u16);
                store.add_source(id, name);
                Source::new(id, name, false)
            })
            .collect();
        let theme = theme_of(theme_name, depth);
        let stale = config
            .stale_seconds
            .map_or(Clock::STALE, |seconds| (seconds as i64).saturating_mul(NANOS_PER_SEC));
        Self {
            store,
            readable_sources: sources_given,
            sources,
            clock: Clock { now: wall_clock(), stale },
            now: Instant::now(),
            size: (0, 0),
            focus: Focus::Runs,
            modes: Vec::new(),
            runs: RunList::new(),
            waterfall: Waterfall::default(),
            detail: Detail::default(),
            matches: Matches::default(),
            filter_text: String::new(),
            filter_error: None,
            search: Search::default(),
            rates: Rates::default(),
            budgets: Budgets::default(),
            projected: None,
            running: (0, 0),
            counted_at: None,
            spending: Spending::default(),
            past_runs: PastRuns::default(),
            maybe_active: Vec::new(),
            active: bits::Bits::default(),
            prepared: Prepared::default(),
            memory: Memory::default(),
            notice: None,
            full_screen: false,
            redact,
            keymap: config.keymap.clone(),
            key_names: KeyNames::of(&config.keymap),
            pending: Vec::new(),
            count: None,
            theme_name: theme_name.to_owned(),
            theme,
            title: config.title,
            divider: None,
            detail_rows: None,
            dragging: None,
            depth,
        }
    }

    /// Takes up a file that came up in a folder; a number that is not the next one is none of ours.
    pub(in crate::tui) fn add_source(&mut self, id: SourceId, name: &str) {
        if usize::from(id.0) == self.sources.len() {
            self.store.add_source(id, name);
            self.sources.push(Source::new(id, name, false));
            self.readable_sources += 1;
        }
    }

    /// Adds a folder whose files will be sources of their own.
    pub fn add_folder(&mut self, name: &str) -> SourceId {
        let id = SourceId(u16::try_from(self.sources.len()).unwrap_or(u16::MAX));
        self.store.add_source(id, name);
        self.sources.push(Source::new(id, name, true));
        id
    }

    /// Starts with a filter.
    pub fn start_with(&mut self, filter: Filter, text: &str) {
        text.clone_into(&mut self.filter_text);
        self.matches.set_filter(filter);
    }

    /// Sets both clocks.
    pub fn set_now(&mut self, wall: UnixNanos, instant: Instant) {
        (self.clock.now, self.now) = (wall, instant);
    }

    /// Whether everything that was there at the start has been read.
    pub fn caught_up(&self) -> bool {
        self.sources.iter().all(|source| source.caught_up)
    }

    /// Counts the runs under way, at most a few times a second.
    pub fn count_running(&mut self) {
        let generation = self.store.generation();
        if let Some((known, at)) = self.counted_at {
            let recent = self.now.duration_since(at) < COUNT_PAUSE;
            let quiet = self.running == (0, 0) && self.rates.minute.spend.is_zero();
            if recent || (known == generation && quiet) {
                return;
            }
        }
        self.counted_at = Some((generation, self.now));
        self.rates = self.spending.rates(&self.store, &self.clock);
        let (mut running, mut waiting) = (0, 0);
        let Self { maybe_active, active, store, prepared, clock, now, past_runs, .. } = self;
        let mut more: Option<NanoUsd> = None;
        // Of a run only once, however many of its traces are under way.
        let mut runs = rustc_hash::FxHashSet::default();
        maybe_active.retain(|trace| {
            let trace = store.trace(*trace);
            if !trace.may_be_active() {
                active.remove(trace.ix().index());
                return false;
            }
            match prepared.standing.of(&trace, clock, *now) {
                crate::model::Status::Running => {
                    running += 1;
                    let is_first = trace.run().is_none_or(|run| runs.insert(run.bits()));
                    let left =
                        is_first.then(|| cost_to_come(store, past_runs, &trace, FEWEST_RUNS)).flatten();
                    more = left.map(|left| left + more.unwrap_or_default()).or(more);
                }
                crate::model::Status::Suspended => waiting += 1,
                _ => {}
            }
            true
        });
        self.running = (running, waiting);
        self.projected = more.map(|more| self.store.totals().cost + more);
    }

    /// Whether the runs under way should be counted again soon although nothing new comes.
    pub fn is_count_behind(&self) -> bool {
        self.counted_at.is_none_or(|(known, _)| known != self.store.generation())
    }

    /// Prepares the lines of the detail pane again if anything about them changed.
    pub fn prepare_detail(&mut self, width: usize) {
        let Some(span) = self.waterfall.selected().filter(|_| self.detail.open) else {
            self.detail.lines.clear();
            self.detail.lines_of = None;
            return;
        };
        let ticking = self.detail.tab == Tab::Overview && self.waterfall.is_running();
        // The overview also shows what the store knows, prices among it.
        let shown = match self.detail.tab {
            Tab::Overview => self.detail.generation().wrapping_add(self.store.generation()),
            _ => self.detail.generation(),
        };
        let state = (span, shown, self.detail.tab, width, self.redact);
        if self.detail.lines_of == Some(state) && !ticking {
            return;
        }
        self.detail.lines = lines::lines(self, &self.store.span(span), self.detail.tab, width);
        self.detail.lines_of = Some(state);
    }

    /// Says something in the status line.
    pub fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), bad: false, at: self.now });
    }

    /// Says that something went wrong in the status line.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), bad: true, at: self.now });
    }

    /// Changes to the next theme.
    pub fn next_theme(&mut self) {
        let themes = crate::config::THEMES;
        let at = themes.iter().position(|(name, _)| *name == self.theme_name).unwrap_or(0);
        let (name, _) = themes[(at + 1) % themes.len()];
        if let Some(colors) = crate::config::theme(name) {
            self.theme = Theme::new(&colors, self.depth);
            name.clone_into(&mut self.theme_name);
            self.say(format!("theme {name}"));
        }
    }

    /// Text of a trace as it may be shown.
    pub fn shown<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        if self.redact { crate::text::redact_text(text) } else { text.into() }
    }
}

/// The styles of a theme, plain ones for a name that is none.
pub(super) fn theme_of(name: &str, depth: Depth) -> Theme {
    crate::config::theme(name).map_or_else(Theme::plain, |colors| Theme::new(&colors, depth))
}

/// What the run of a trace under way will probably cost beyond what it has cost; `None` when that can't be told: too few
/// runs of its workflow have finished, or it has cost as much as they did, or calls without a price.
fn cost_to_come(
    store: &Store,
    past_runs: &mut PastRuns,
    trace: &TraceView<'_>,
    fewest: usize,
) -> Option<NanoUsd> {
    let named = trace.run().is_some().then(|| trace.run_traces());
    let first = named.as_ref().and_then(|traces| traces.first()).map_or(*trace, |first| store.trace(*first));
    let usual = past_runs.usual(&first).filter(|usual| usual.runs >= fewest)?;
    let mut totals = *trace.totals();
    for other in named.into_iter().flatten().filter(|other| *other != trace.ix()) {
        totals.merge(store.trace(other).totals());
    }
    let left = usual.median - totals.cost;
    (left.0 > 0 && totals.unpriced_calls == 0).then_some(left)
}

/// Now, by the wall clock.
pub(super) fn wall_clock() -> UnixNanos {
    UnixNanos(Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX))
}
