//! Reading: cheap, borrowed views of spans and traces.

use super::calls::CostSource;
use super::columns::RowBits;
use super::counting;
use super::facets::{FacetId, Facets};
use super::handle::{NONE, SpanIx, TraceIx};
use super::trace_view::TraceView;
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
            // Many write a span when it ends: what is below it was told, it will be.
            return if self.trace().is_growing(clock) { Status::Running } else { Status::Unfinished };
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
        let mut below_is_agent = self.kind() == SpanKind::Agent;
        for _ in 0..256 {
            let Some(span) = above else { return false };
            let over = span.written_status().is_none_or(|status| status != Status::Suspended);
            // A call that starts an agent may be over long before the agent is.
            let started = below_is_agent && span.kind() == SpanKind::Tool;
            below_is_agent = span.kind() == SpanKind::Agent;
            if span.is_known()
                && over
                && !started
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
        counting::counts(&self.store.columns, self.row)
    }

    /// Whether another span, of its trace or of one that was copied, records the same call and counts instead.
    pub fn is_duplicate(&self) -> bool {
        self.bits().has(RowBits::DUPLICATE)
    }

    /// The key of its provider's response, where other spans name that response too, and whether they may be spans of
    /// other traces.
    pub fn shared_response(&self) -> Option<(u64, bool)> {
        self.store.responses.shared(self.row).map(|(trace, key)| (key, trace == NONE))
    }

    /// The cost that its source reports, whether it is the one that counts or not.
    pub fn reported_cost(&self) -> Option<NanoUsd> {
        self.store.columns.call(self.row)?.reported
    }

    /// Whether the reported cost is far from what the price list says: by more than 2 % and more than $0.0001.
    pub fn cost_differs(&self) -> bool {
        self.bits().has(RowBits::COST_DIFFERS)
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

/// What stands in quotes at the end: `agent run: 'planner'` is about the planner.
fn undecorated(name: &str) -> &str {
    let quoted = name.strip_suffix('\'').and_then(|rest| rest.split_once(": '"));
    quoted.map_or(name, |(_, inner)| inner)
}
