//! Reading: cheap, borrowed views of spans and traces.

use super::calls::CostSource;
use super::columns::RowBits;
use super::counting;
use super::facets::{FacetId, Facets};
use super::handle::{NONE, SpanIx, TraceIx};
use super::traces::TraceRow;
use super::{Store, Totals};
use crate::model::{Id, Marks, NanoUsd, PayloadRef, SourceId, SpanKind, Status, Symbol, UnixNanos, Usage};

/// What "now" is when a status is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Wall-clock time.
    pub now: UnixNanos,
    /// After how long without a record an open span counts as unfinished, nanoseconds.
    pub stale: i64,
}

impl Clock {
    /// One hour, the default stale time.
    pub const STALE: i64 = 3_600 * crate::model::NANOS_PER_SEC;

    /// A clock with the default stale time.
    pub fn at(now: UnixNanos) -> Self {
        Self { now, stale: Self::STALE }
    }
}

/// A span, for reading.
#[derive(Clone, Copy)]
pub struct SpanView<'a> {
    store: &'a Store,
    row: u32,
}

/// A trace, for reading.
#[derive(Clone, Copy)]
pub struct TraceView<'a> {
    store: &'a Store,
    row: u32,
}

impl Store {
    /// A span by its handle.
    pub fn span(&self, span: SpanIx) -> SpanView<'_> {
        SpanView { store: self, row: span.0 }
    }

    /// A trace by its handle.
    pub fn trace(&self, trace: TraceIx) -> TraceView<'_> {
        TraceView { store: self, row: trace.0 }
    }

    /// Every trace, in order of arrival.
    pub fn traces(&self) -> impl DoubleEndedIterator<Item = TraceView<'_>> + ExactSizeIterator {
        (0..self.traces.rows.len()).map(|row| TraceView { store: self, row: row as u32 })
    }

    /// Every known span and event, in order of arrival.
    pub fn spans(&self) -> impl Iterator<Item = SpanView<'_>> {
        (0..self.columns.len() as u32).map(|row| SpanView { store: self, row }).filter(SpanView::is_known)
    }

    /// The trace with an id; else the only trace whose id, run id or name starts with `text`, newest first when several do.
    pub fn find_trace(&self, text: &str) -> Option<TraceIx> {
        let text = text.trim();
        let exact = self.traces().find(|trace| trace.id_text() == text);
        let newest =
            |found: Vec<TraceView<'_>>| found.into_iter().max_by_key(TraceView::start).map(|t| t.ix());
        if let Some(trace) = exact {
            return Some(trace.ix());
        }
        let mut scratch = crate::model::Strings::default();
        if let Some(row) = Id::parse(text, &mut scratch).and_then(|id| self.traces.find(id)) {
            return Some(TraceIx(row));
        }
        newest(self.traces().filter(|trace| trace.id_text().starts_with(text)).collect())
    }
}

impl<'a> SpanView<'a> {
    /// Its handle.
    pub fn ix(&self) -> SpanIx {
        SpanIx(self.row)
    }

    /// The store it is in.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// Its id.
    pub fn id(&self) -> Id {
        self.store.columns.id(self.row)
    }

    /// Its id as the source spells it.
    pub fn id_text(&self) -> String {
        self.id().display(&self.store.strings).to_string()
    }

    /// Its trace.
    pub fn trace(&self) -> TraceView<'a> {
        TraceView { store: self.store, row: self.store.columns.links[self.at()].trace }
    }

    /// Its parent; possibly a placeholder for a span that was never seen.
    pub fn parent(&self) -> Option<SpanView<'a>> {
        let row = self.store.columns.links[self.at()].parent;
        (row != NONE).then_some(SpanView { store: self.store, row })
    }

    /// Whether a record of it was seen. Otherwise a child only named its id.
    pub fn is_known(&self) -> bool {
        self.bits().has(RowBits::KNOWN)
    }

    /// Whether it is a point event.
    pub fn is_event(&self) -> bool {
        self.kind() == SpanKind::Event
    }

    /// Its name; empty when it has none.
    pub fn name(&self) -> &'a str {
        self.text(self.store.columns.words[self.at()].name)
    }

    /// Its name without the decoration that frameworks put around it: the workflow, step, agent, tool or model that the
    /// name contains, else the whole name.
    pub fn label(&self) -> &'a str {
        let facets = self.facets();
        let symbol = match self.kind() {
            SpanKind::Workflow => facets.workflow,
            SpanKind::Step => facets.step,
            SpanKind::Agent => facets.agent,
            SpanKind::Tool => facets.tool,
            SpanKind::Llm | SpanKind::Embedding => facets.model,
            _ => Symbol::NONE,
        };
        let (name, label) = (self.name(), self.text(symbol));
        if !label.is_empty() && name.contains(label) { label } else { undecorated(name) }
    }

    /// The symbol of its name.
    pub fn name_symbol(&self) -> Symbol {
        self.store.columns.words[self.at()].name
    }

    /// Its kind.
    pub fn kind(&self) -> SpanKind {
        self.store.columns.kind(self.row).unwrap_or(SpanKind::Other)
    }

    /// Its labels.
    pub fn facets(&self) -> &'a Facets {
        self.store.facets.get(self.facet_id())
    }

    /// The number of its combination of labels.
    pub fn facet_id(&self) -> FacetId {
        self.store.columns.words[self.at()].facets
    }

    /// Text of a label.
    pub fn text(&self, symbol: Symbol) -> &'a str {
        self.store.strings.get(symbol)
    }

    /// The label in effect: the span's own, else its nearest ancestor's. For workflow, step, agent, user, session and
    /// service, which hold for everything below the span that names them.
    pub fn inherited(&self, field: crate::model::Field) -> Symbol {
        let mut span = *self;
        for _ in 0..256 {
            match span.facets().get(field) {
                Some(symbol) if symbol.is_some() => return symbol,
                Some(_) => {}
                None => return Symbol::NONE,
            }
            match span.parent() {
                Some(parent) => span = parent,
                None => return Symbol::NONE,
            }
        }
        Symbol::NONE
    }

    /// Start as written, or worked out.
    pub fn start(&self) -> Option<UnixNanos> {
        self.store.columns.start(self.row)
    }

    /// End as written, or worked out.
    pub fn end(&self) -> Option<UnixNanos> {
        self.store.columns.end(self.row)
    }

    /// Whether start or end was worked out rather than written.
    pub fn time_is_inferred(&self) -> bool {
        self.bits().has(RowBits::START_INFERRED) || self.bits().has(RowBits::END_INFERRED)
    }

    /// End minus start, nanoseconds, never negative; `None` while either is missing.
    pub fn duration(&self) -> Option<i64> {
        Some(self.end()?.since(self.start()?).max(0))
    }

    /// When the first content of a streamed answer came.
    pub fn first_token(&self) -> Option<UnixNanos> {
        self.store.columns.call(self.row).and_then(|call| call.first_token)
    }

    /// Time to first token, nanoseconds.
    pub fn ttft(&self) -> Option<i64> {
        Some(self.first_token()?.since(self.start()?)).filter(|nanos| *nanos >= 0)
    }

    /// The status as it is at a moment: what the source said, with `unfinished` for an open span whose run is over.
    pub fn status(&self, clock: &Clock) -> Status {
        let columns = &self.store.columns;
        if !self.is_known() {
            return Status::Unfinished;
        }
        match columns.status(self.row) {
            Some(status) if status.is_terminal() || status == Status::Suspended => status,
            Some(Status::Unknown) if self.end().is_some() => Status::Unknown,
            _ if self.end().is_some() || self.is_event() => Status::Ok,
            _ if self.is_abandoned(clock) => Status::Unfinished,
            _ => Status::Running,
        }
    }

    /// The status the source wrote, if it wrote one.
    pub fn written_status(&self) -> Option<Status> {
        self.store.columns.status(self.row)
    }

    fn is_abandoned(&self, clock: &Clock) -> bool {
        let trace = self.trace();
        if clock.now.since(trace.last_activity()) > clock.stale {
            return true;
        }
        let mut above = self.parent();
        for _ in 0..256 {
            let Some(span) = above else { return false };
            let over = span.written_status().is_none_or(|status| status != Status::Suspended);
            if span.is_known()
                && over
                && span.end().is_some_and(|end| self.start().is_none_or(|start| start <= end))
            {
                return true;
            }
            above = span.parent();
        }
        false
    }

    /// Its own usage, whether it counts or not.
    pub fn usage(&self) -> Option<Usage> {
        self.store.columns.call(self.row).map(|call| call.usage).filter(Usage::is_known)
    }

    /// Whether its own usage counts in the totals (no span below it holds the same).
    pub fn usage_counts(&self) -> bool {
        counting::has_usage(&self.store.columns, self.row) && !self.bits().has(RowBits::USAGE_BELOW)
    }

    /// Whether it counts as a model call.
    pub fn is_counted_call(&self) -> bool {
        counting::share(&self.store.columns, self.row).llm_call
    }

    /// What it alone adds to the totals.
    pub fn share(&self) -> Totals {
        let mut totals = Totals::default();
        totals.add(&counting::share(&self.store.columns, self.row));
        totals
    }

    /// Cost of its own call, where known.
    pub fn cost(&self) -> Option<NanoUsd> {
        let call = self.store.columns.call(self.row)?;
        (call.source != CostSource::Unknown).then_some(call.cost)
    }

    /// Where its cost comes from; `None` for a span without a call.
    pub fn cost_source(&self) -> Option<CostSource> {
        let call = self.store.columns.call(self.row)?;
        (call.usage.is_known() || call.reported.is_some()).then_some(call.source)
    }

    /// Its error message.
    pub fn error(&self) -> Option<&'a str> {
        self.store.columns.errors.get(&self.row).map(|symbol| self.text(*symbol))
    }

    /// Further facts.
    pub fn marks(&self) -> Marks {
        self.store.columns.state[self.at()].marks
    }

    /// Where its records are, oldest first.
    pub fn payloads(&self) -> Vec<PayloadRef> {
        let mut all = self.store.columns.more_payloads.get(&self.row).cloned().unwrap_or_default();
        all.extend(self.store.columns.payload(self.row));
        all
    }

    /// The same, added to a list.
    pub fn add_payloads(&self, list: &mut Vec<PayloadRef>) {
        if self.bits().has(RowBits::MORE_PAYLOADS) {
            list.extend(self.store.columns.more_payloads.get(&self.row).into_iter().flatten());
        }
        list.extend(self.store.columns.payload(self.row));
    }

    /// The source it came from.
    pub fn source(&self) -> SourceId {
        self.store
            .columns
            .payload(self.row)
            .and_then(|payload| self.store.sources.of_segment(payload.segment))
            .unwrap_or_else(|| self.trace().source())
    }

    fn at(&self) -> usize {
        self.row as usize
    }

    fn bits(&self) -> RowBits {
        self.store.columns.state[self.at()].bits
    }
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

    /// Its name: the root's workflow, or the root's name; while the root is missing, any span's workflow.
    pub fn name(&self) -> &'a str {
        let label = |span: SpanView<'a>| {
            let workflow = span.text(span.facets().workflow);
            if workflow.is_empty() { span.label() } else { workflow }
        };
        match self.root() {
            Some(root) => label(root),
            None => self.spans().find(SpanView::is_known).map_or("", label),
        }
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
        let open = |span: &SpanView<'_>| super::apply::Standing::of(&self.store.columns, span.row).open;
        self.spans().filter(open).take(row.open as usize).any(|span| runs(&span))
    }

    /// Whether it may be under way: a quick look before asking for its status.
    pub fn may_be_active(&self) -> bool {
        let row = self.row();
        row.open > 0 || row.suspended > 0
    }

    /// Its sums.
    pub fn totals(&self) -> &'a Totals {
        &self.row().totals
    }

    /// Open spans that are still under way.
    pub fn running_spans(&self, clock: &Clock) -> u64 {
        if self.row().open == 0 {
            return 0;
        }
        self.spans().filter(|span| span.status(clock) == Status::Running).count() as u64
    }

    /// Its spans, events and placeholders, the newest row first.
    pub fn spans(&self) -> impl Iterator<Item = SpanView<'a>> + use<'a> {
        let store = self.store;
        store.chain(self.row).map(move |row| SpanView { store, row })
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

/// What stands in quotes at the end: `agent run: 'planner'` is about the planner.
fn undecorated(name: &str) -> &str {
    let quoted = name.strip_suffix('\'').and_then(|rest| rest.split_once(": '"));
    quoted.map_or(name, |(_, inner)| inner)
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
