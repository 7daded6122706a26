//! What is worked out once per change and not once per frame, so that drawing only copies.

use std::time::{Duration, Instant};

use ratatui::style::Style;
use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::{Mode, Model};
use crate::config::{Action, Keymap};
use crate::filter::Candidate;
use crate::model::{NANOS_PER_SEC, NanoUsd, Status, UnixNanos};
use crate::store::{Clock, SpanIx, Store, TraceIx, TraceView};
use crate::text::SafeText;

/// A line of what lies over the panels.
pub(crate) type OverlayLine = Vec<(SafeText<'static>, Style)>;

/// How long after a record came it is shown how late it was, nanoseconds.
const LAG_SHOWN: i64 = 60 * NANOS_PER_SEC;

/// How often what follows every change of the store is worked out again at most.
const PAUSE: Duration = Duration::from_millis(250);

/// The names of keys by action.
#[derive(Debug)]
pub struct KeyNames(Vec<(String, String)>);

impl KeyNames {
    /// The keys of a keymap.
    pub fn of(keymap: &Keymap) -> Self {
        let names = |action: &Action| {
            let keys = keymap.keys_of(*action);
            (keys.first().cloned().unwrap_or_default(), keys.join("  "))
        };
        Self(Action::ALL.iter().map(names).collect())
    }

    /// The shortest key of an action.
    pub fn first(&self, action: Action) -> Option<&str> {
        self.0.get(action as usize).map(|(first, _)| first.as_str()).filter(|first| !first.is_empty())
    }

    /// All keys of an action.
    pub fn all(&self, action: Action) -> &str {
        self.0.get(action as usize).map_or("", |(_, all)| all)
    }
}

/// Figures of a run over all its traces.
#[derive(Clone, Copy, Debug)]
pub struct RunFigures {
    /// Its first trace.
    pub run: TraceIx,
    /// The status of its last trace.
    pub status: Status,
    /// From the start of the first to the end of the last, nanoseconds.
    pub nanos: Option<i64>,
    /// What it cost.
    pub cost: NanoUsd,
    /// Calls without a price.
    pub unpriced: u64,
    /// What it will have cost when it ends, judging by finished runs of its workflow.
    pub projected: Option<NanoUsd>,
}

impl RunFigures {
    /// The figures of a run as they are now.
    pub fn of(model: &Model, run: TraceIx) -> Self {
        let clock = &model.clock;
        Self::with(&model.store, clock, run, |trace| trace.status(clock))
    }

    fn with(
        store: &Store,
        clock: &Clock,
        run: TraceIx,
        mut status: impl FnMut(&TraceView<'_>) -> Status,
    ) -> Self {
        let first = store.trace(run);
        let totals = first.totals();
        let mut figures = Self {
            run,
            status: status(&first),
            nanos: None,
            cost: totals.cost,
            unpriced: totals.unpriced_calls,
            projected: None,
        };
        figures.nanos = duration(&first, figures.status, clock);
        if first.run().is_some() {
            for trace in first.run_traces().into_iter().filter(|trace| *trace != run) {
                let trace = store.trace(trace);
                figures.status = status(&trace);
                figures.cost += trace.totals().cost;
                figures.unpriced += trace.totals().unpriced_calls;
                if let (Some(start), Some(from), Some(nanos)) =
                    (first.start(), trace.start(), duration(&trace, figures.status, clock))
                {
                    figures.nanos = Some(from.since(start).saturating_add(nanos));
                }
            }
        }
        figures
    }
}

/// [`TraceView::duration`] where the status is known.
fn duration(trace: &TraceView<'_>, status: Status, clock: &Clock) -> Option<i64> {
    let (start, last) = (trace.start()?, trace.last()?);
    let end = match status {
        Status::Running | Status::Suspended => trace.now(clock).max(last),
        _ => last,
    };
    Some(end.since(start).max(0))
}

/// Statuses of runs. Nearly all are told at a glance; those that are not, because of a million spans one was left open,
/// are remembered for a while.
#[derive(Debug, Default)]
pub struct Standing {
    slow: FxHashMap<TraceIx, (Status, Instant, Duration)>,
}

impl Standing {
    /// What takes longer than this is remembered, for so many times as long as it took.
    const SLOW: Duration = Duration::from_micros(200);
    const TIMES: u32 = 64;

    /// The status of a run's trace.
    pub fn of(&mut self, trace: &TraceView<'_>, clock: &Clock, now: Instant) -> Status {
        if trace.open_spans() == 0 {
            return trace.status(clock);
        }
        if let Some((status, at, cost)) = self.slow.get(&trace.ix())
            && now.duration_since(*at) < *cost * Self::TIMES
        {
            return *status;
        }
        let began = Instant::now();
        let status = trace.status(clock);
        let cost = began.elapsed();
        if cost > Self::SLOW {
            self.slow.insert(trace.ix(), (status, now, cost));
        } else if !self.slow.is_empty() {
            self.slow.remove(&trace.ix());
        }
        status
    }
}

/// What lies over the panels and what its lines were made from.
#[derive(Debug, Default)]
struct Overlay {
    lines: Vec<OverlayLine>,
    of: Option<(Layer, u64, bool, String)>,
}

/// What lies on top, when it is lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Help,
    Problems,
    Bill(Option<TraceIx>, Option<SpanIx>),
}

/// What could be typed, and for what it was looked up.
#[derive(Debug, Default)]
struct Candidates {
    all: Vec<Candidate>,
    of: Option<(String, usize, u64)>,
    at: Option<Instant>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Prepared {
    /// Figures of the visible runs, in their order.
    pub runs: Vec<RunFigures>,
    /// The status of the open run.
    pub status: Option<Status>,
    /// What the open run will have cost when it ends, judging by finished runs of its workflow.
    pub projected: Option<NanoUsd>,
    /// Id of the open run's first trace, as its source spells it.
    pub id: (Option<TraceIx>, String),
    /// Records that were skipped.
    pub skipped: u64,
    /// How late records come, nanoseconds, and when the last one came.
    lag: Option<(i64, UnixNanos)>,
    /// Statuses that are not told at a glance.
    pub standing: Standing,
    generation: Option<u64>,
    overlay: Overlay,
    candidates: Candidates,
    /// The traces that the last changes were of, each once.
    pub(super) touched: Vec<TraceIx>,
    is_touched: Bits,
}

impl Prepared {
    /// The lines of what lies on top, when it is lines.
    pub fn overlay(&self) -> &[OverlayLine] {
        &self.overlay.lines
    }

    /// What could stand at the cursor of the filter.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates.all
    }
}

impl Model {
    /// How late records come, nanoseconds, while some do.
    pub fn lag(&self) -> Option<i64> {
        let (lag, seen) = self.prepared.lag.filter(|(lag, _)| *lag > NANOS_PER_SEC / 4)?;
        (self.clock.now.since(seen) < LAG_SHOWN).then_some(lag)
    }

    /// Notes which traces changed, for everything that is kept per trace.
    pub fn note(&mut self, changes: &[SpanIx]) {
        let prepared = &mut self.prepared;
        prepared.touched.clear();
        for span in changes {
            let trace = self.store.span(*span).trace().ix();
            if trace.index() < self.store.trace_count() && prepared.is_touched.insert(trace.index()) {
                prepared.touched.push(trace);
            }
        }
        if prepared.touched.is_empty() {
            return;
        }
        prepared.is_touched.clear();
        self.runs.note(&prepared.touched);
        self.spending.note(&self.store, &self.clock, changes);
        self.past_runs.note(&self.store, &self.clock, &prepared.touched);
        for &trace in &prepared.touched {
            if self.store.trace(trace).may_be_active() && self.active.insert(trace.index()) {
                self.maybe_active.push(trace);
            }
        }
    }

    /// Works out what drawing needs, as far as it changed.
    pub(in crate::tui) fn prepare(
        &mut self,
        rows: usize,
        completion: impl Fn(&Self, &super::TextInput) -> Vec<Candidate>,
        lines: impl Fn(&Self) -> Vec<OverlayLine>,
    ) {
        let generation = self.store.generation();
        if self.prepared.generation != Some(generation) {
            self.prepared.generation = Some(generation);
            let problems = self.sources.iter().filter_map(|source| self.store.problems(source.id));
            self.prepared.skipped = problems.map(crate::model::Problems::skipped).sum();
            let since = self.clock.now.plus(-LAG_SHOWN);
            let written = self.sources.iter().filter_map(|source| self.store.source(source.id));
            let lags = written.filter_map(|source| {
                let seen = source.seen.filter(|seen| *seen > since)?;
                Some((source.lag()?, seen))
            });
            self.prepared.lag = lags.max();
        }
        self.prepare_runs(rows);
        self.prepare_overlay(generation, lines);
        self.prepare_candidates(generation, completion);
    }

    fn prepare_runs(&mut self, rows: usize) {
        let Self { prepared, store, clock, now, runs, waterfall, past_runs, .. } = self;
        let Prepared { runs: figures, standing, status, projected, id, .. } = prepared;
        figures.clear();
        let visible = runs.rows().iter().skip(runs.offset).take(rows);
        figures.extend(visible.map(|run| {
            let mut figures = RunFigures::with(store, clock, *run, |trace| standing.of(trace, clock, *now));
            if figures.status == Status::Running {
                let left = super::cost_to_come(store, past_runs, &store.trace(*run), 1);
                figures.projected = left.map(|left| figures.cost + left);
            }
            figures
        }));
        let last = waterfall.traces().last();
        *status = last.map(|last| standing.of(&store.trace(*last), clock, *now));
        *projected = last.filter(|_| *status == Some(Status::Running)).and_then(|last| {
            let left = super::cost_to_come(store, past_runs, &store.trace(*last), 1)?;
            Some(waterfall.tree.totals.cost + left)
        });
        if id.0 != waterfall.run {
            *id = (waterfall.run, waterfall.run.map_or_else(String::new, |run| store.trace(run).id_text()));
        }
    }

    fn prepare_overlay(&mut self, generation: u64, lines: impl Fn(&Self) -> Vec<OverlayLine>) {
        let (layer, generation) = match self.modes.last() {
            Some(Mode::Help(_)) => (Layer::Help, 0),
            // Both only grow.
            Some(Mode::Problems(_)) => (Layer::Problems, generation.wrapping_add(self.source_changes)),
            Some(Mode::Bill(_)) => {
                (Layer::Bill(self.waterfall.run, self.waterfall.selected()), self.waterfall.laid)
            }
            _ => {
                if self.prepared.overlay.of.is_some() {
                    self.prepared.overlay = Overlay::default();
                }
                return;
            }
        };
        let same = self.prepared.overlay.of.as_ref().is_some_and(|(known, then, redact, theme)| {
            (*known, *then, *redact) == (layer, generation, self.redact) && *theme == self.theme_name
        });
        if !same {
            let lines = lines(self);
            let of = Some((layer, generation, self.redact, self.theme_name.clone()));
            self.prepared.overlay = Overlay { lines, of };
        }
    }

    fn prepare_candidates(
        &mut self,
        generation: u64,
        completion: impl Fn(&Self, &super::TextInput) -> Vec<Candidate>,
    ) {
        let Some(Mode::Filter(input, _)) = self.modes.last() else {
            if self.prepared.candidates.of.is_some() {
                self.prepared.candidates = Candidates::default();
            }
            return;
        };
        let known = &self.prepared.candidates;
        if let Some((text, cursor, then)) = &known.of
            && text == input.text()
            && *cursor == input.cursor()
        {
            let recent = known.at.is_some_and(|at| self.now.duration_since(at) < PAUSE);
            if *then == generation || recent {
                return;
            }
        }
        let of = Some((input.text().to_owned(), input.cursor(), generation));
        self.prepared.candidates = Candidates { all: completion(self, input), of, at: Some(self.now) };
    }
}
