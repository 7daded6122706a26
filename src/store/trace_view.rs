//! A trace, for reading.

use super::handle::{SpanIx, TraceIx};
use super::traces::TraceRow;
use super::view::{Clock, SpanView};
use super::{Facets, Store, Totals};
use crate::model::{Id, SourceId, Status, Symbol, UnixNanos};

/// Types of roots that are a conversation with a title.
const SESSIONS: [&str; 2] = ["session", "thread"];

/// Spans that are asked for the name of a trace without root.
const MAX_ASKED: usize = 64;

/// A trace, for reading.
#[derive(Clone, Copy)]
pub struct TraceView<'a> {
    pub(super) store: &'a Store,
    pub(super) row: u32,
}

impl<'a> TraceView<'a> {
    /// Its handle.
    pub fn ix(&self) -> TraceIx {
        TraceIx(self.row)
    }

    /// Its id.
    pub fn id(&self) -> Id {
        self.row().id
    }

    /// Its id as the source spells it.
    pub fn id_text(&self) -> String {
        self.id().display(&self.store.strings).to_string()
    }

    /// The run it belongs to, where the source names one.
    pub fn run(&self) -> Option<Id> {
        self.row().run
    }

    /// The traces of its run, itself among them, earliest start first.
    pub fn run_traces(&self) -> Vec<TraceIx> {
        let mut traces: Vec<TraceIx> = self.store.traces.of_run(self.row).into_iter().map(TraceIx).collect();
        traces.sort_by_key(|trace| self.store.trace(*trace).start());
        traces
    }

    /// The span that stands for it: its earliest span without a parent.
    pub fn root(&self) -> Option<SpanView<'a>> {
        SpanIx::some(self.row().root).map(|span| self.store.span(span))
    }

    /// Its name: the title of a session, else the root's workflow, or the root's name; while the root is missing, any span's workflow.
    pub fn name(&self) -> &'a str {
        let label = |span: SpanView<'a>| {
            let workflow = span.text(span.facets().workflow);
            if workflow.is_empty() { span.label() } else { workflow }
        };
        let is_session = |span: SpanView<'a>| SESSIONS.contains(&span.text(span.facets().span_type));
        match self.root() {
            // What a session calls its workflow is the project, the same for many.
            Some(root) if is_session(root) && !["", "session"].contains(&root.name()) => root.name(),
            Some(root) => label(root),
            None => self
                .name_without_root()
                .unwrap_or_else(|| self.spans().find(SpanView::is_known).map_or("", label)),
        }
    }

    /// What its spans say of the whole. One span's own name would be another one with each that comes.
    fn name_without_root(&self) -> Option<&'a str> {
        let first = |name: fn(&Facets) -> Symbol| {
            let spans = self.spans().filter(SpanView::is_known).take(MAX_ASKED);
            spans.map(|span| span.text(name(span.facets()))).find(|text| !text.is_empty())
        };
        first(|facets| facets.workflow).or_else(|| first(|facets| facets.service))
    }

    /// Earliest start of its spans.
    pub fn start(&self) -> Option<UnixNanos> {
        self.row().first
    }

    /// Latest time that its records name.
    pub fn last(&self) -> Option<UnixNanos> {
        self.row().last
    }

    /// End: the latest time named, once nothing of it runs or waits.
    pub fn end(&self, clock: &Clock) -> Option<UnixNanos> {
        (!matches!(self.status(clock), Status::Running | Status::Suspended)).then(|| self.row().last)?
    }

    /// From its start to its end or, while it runs or waits, to now; nanoseconds.
    pub fn duration(&self, clock: &Clock) -> Option<i64> {
        let start = self.start()?;
        let end = match self.status(clock) {
            Status::Running | Status::Suspended => self.now(clock).max(self.row().last?),
            _ => self.row().last?,
        };
        Some(end.since(start).max(0))
    }

    /// "Now" on the clock of the trace: the wall clock, moved back when its source plays back an old run.
    pub fn now(&self, clock: &Clock) -> UnixNanos {
        let shift = self.store.source(self.source()).map_or(0, source_shift);
        if shift <= REPLAY {
            return clock.now;
        }
        let now = clock.now.plus(-shift);
        self.row().last.map_or(now, |last| now.max(last))
    }

    /// When something was last written to it, on the wall clock as far as that is known.
    pub fn last_activity(&self) -> UnixNanos {
        let row = self.row();
        let shift = self.store.source(row.source).map_or(0, source_shift).max(0);
        let written = row.last.map_or(UnixNanos(0), |last| last.plus(shift));
        row.seen.map_or(written, |seen| seen.max(written))
    }

    /// The status of the run: running while a span runs, suspended while one waits, else the root's own, or that of the
    /// span that resumed it last.
    pub fn status(&self, clock: &Clock) -> Status {
        let row = self.row();
        if row.open > 0 && self.has_running(clock) {
            return Status::Running;
        }
        let decides = SpanIx::some(row.resumed).or(SpanIx::some(row.root)).map(|span| self.store.span(span));
        let status = match decides {
            Some(span) => span.status(clock),
            None if self.is_growing(clock) => Status::Running,
            None => Status::Unfinished,
        };
        if row.open == 0 && row.suspended > 0 && status == Status::Running {
            return Status::Suspended;
        }
        status
    }

    /// Whether a span of it is under way. Looks at no more than it takes: the screen asks for each frame.
    fn has_running(&self, clock: &Clock) -> bool {
        if clock.now.since(self.last_activity()) > clock.stale {
            return false;
        }
        let runs = |span: &SpanView<'_>| span.status(clock) == Status::Running;
        let row = self.row();
        if SpanIx::some(row.root).is_some_and(|root| runs(&self.store.span(root))) {
            return true;
        }
        let open = |span: &SpanView<'_>| super::apply::Standing::of(&self.store.columns, span.ix().0).open;
        self.spans().filter(open).take(row.open as usize).any(|span| runs(&span))
    }

    /// Whether something of it was written while it was watched, not long ago.
    pub(super) fn is_growing(&self, clock: &Clock) -> bool {
        self.row().seen.is_some_and(|seen| clock.now.since(seen) <= clock.stale)
    }

    fn has_known_root(&self) -> bool {
        self.root().is_some_and(|root| root.is_known())
    }

    /// Whether it may be under way: a quick look before asking for its status.
    pub fn may_be_active(&self) -> bool {
        let row = self.row();
        row.open > 0 || row.suspended > 0 || (row.seen.is_some() && !self.has_known_root())
    }

    /// Its sums.
    pub fn totals(&self) -> &'a Totals {
        &self.row().totals
    }

    /// Open spans that are still under way.
    pub fn running_spans(&self, clock: &Clock) -> u64 {
        if !self.may_be_active() {
            return 0;
        }
        self.spans().filter(|span| span.status(clock) == Status::Running).count() as u64
    }

    /// Its spans, events and placeholders, the newest row first.
    pub fn spans(&self) -> impl Iterator<Item = SpanView<'a>> + use<'a> {
        let store = self.store;
        store.chain(self.row).map(move |row| store.span(SpanIx(row)))
    }

    /// Its rows, placeholders included.
    pub fn row_count(&self) -> usize {
        self.row().rows as usize
    }

    /// Open spans, unfinished ones included.
    pub fn open_spans(&self) -> u32 {
        self.row().open
    }

    /// The source it was first seen in.
    pub fn source(&self) -> SourceId {
        self.row().source
    }

    /// Grows with each change to the trace.
    pub fn generation(&self) -> u64 {
        self.row().generation
    }

    fn row(&self) -> &'a TraceRow {
        &self.store.traces.rows[self.row as usize]
    }
}

/// A source whose newest record is older than its last write by more than this plays back an old run.
const REPLAY: i64 = 120 * crate::model::NANOS_PER_SEC;

/// How far a source's records lie behind the time they were written: the difference between its last write and the
/// newest time it names.
fn source_shift(facts: &super::SourceFacts) -> i64 {
    match (facts.modified.max(facts.seen), facts.newest) {
        (Some(written), Some(newest)) => written.since(newest),
        _ => 0,
    }
}
