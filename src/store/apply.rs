//! Taking a batch in: the only way the store changes.

use rustc_hash::FxHashMap;

use super::columns::{Columns, RowBits};
use super::counting;
use super::handle::{NONE, SpanIx};
use super::merge::{LabelCache, merge};
use super::responses::Response;
use super::totals::Share;
use super::{Arrival, Store};
use crate::model::{
    Batch, Marks, NANOS_PER_SEC, Parent, SourceId, SpanKind, SpanUpdate, Status, Symbol, UnixNanos,
};

/// Most tokens or nano-dollars of one call that are believed; more is a damaged record and would spoil every sum.
const MAX_TOKENS: u64 = 1_000_000_000_000;
const MAX_COST: i64 = 1_000_000 * NANOS_PER_SEC;
/// Worked-out times that lie further back than this were not worked out from the arrival.
const FROM_ARRIVAL: i64 = 3_600 * NANOS_PER_SEC;

/// What is remembered between the updates of a batch.
#[derive(Default)]
struct Scratch {
    labels: LabelCache,
    /// Calls by trace that don't name their model.
    priceless: FxHashMap<u32, Vec<u32>>,
    /// Traces whose extent has to be measured again.
    stale_extents: Vec<u32>,
    /// Traces in which a call has another model now than before.
    stale_models: Vec<u32>,
    /// Traces with calls that waited for a model before, and news.
    hopeful: Vec<u32>,
    /// Responses that several spans name, of which the one that counts may be another now.
    responses: Vec<Response>,
}

impl Store {
    /// Merges the updates of a batch.
    pub fn apply(&mut self, source: SourceId, batch: &Batch, arrival: Arrival) {
        self.generation += 1;
        let symbols: Vec<Symbol> = std::iter::once(Symbol::NONE)
            .chain(batch.strings.iter().map(|(_, text)| self.strings.intern(text)))
            .collect();
        let mut scratch = Scratch::default();
        for update in &batch.updates {
            let update = update.remap(|symbol| symbols.get(symbol.index()).copied().unwrap_or_default());
            self.apply_update(source, &update, arrival, &mut scratch);
        }
        self.finish(scratch);
        self.sources.merge_problems(source, &batch.problems);
    }

    /// Merges one update whose symbols are the store's own.
    pub(super) fn apply_one(&mut self, source: SourceId, update: &SpanUpdate, arrival: Arrival) {
        let mut scratch = Scratch::default();
        self.apply_update(source, update, arrival, &mut scratch);
        self.finish(scratch);
    }

    fn finish(&mut self, scratch: Scratch) {
        let Scratch { mut priceless, mut stale_extents, mut stale_models, hopeful, responses, .. } = scratch;
        stale_extents.sort_unstable();
        stale_extents.dedup();
        for trace in stale_extents {
            self.measure_extent(trace);
        }
        stale_models.sort_unstable();
        stale_models.dedup();
        for trace in stale_models {
            self.disinherit(trace, &mut priceless);
        }
        self.inherit_models(&priceless, hopeful);
        self.settle_responses(responses);
    }

    fn apply_update(
        &mut self,
        source: SourceId,
        update: &SpanUpdate,
        arrival: Arrival,
        scratch: &mut Scratch,
    ) {
        let Scratch { labels, priceless, stale_extents, stale_models, hopeful, responses } = scratch;
        let mut update = *update;
        believe(&mut update);
        let trace = self.traces.find_or_add(update.trace, source);
        if self.hold(trace, source, &update, arrival) {
            return;
        }
        let row = self.row_of(trace, update.span);
        let had_passed = counting::passes_on(&self.columns, row);
        let was_call = self.columns.kind(row) == Some(SpanKind::Llm);
        let times_before = self.times_of(row);

        self.untally(row);
        let merged = merge(&mut self.columns, &mut self.facets, &mut self.history, row, &update, labels);
        let mut recount = false;
        if let Some(parent) = merged.parent {
            recount |= self.link(trace, row, parent);
        }
        if merged.price {
            self.price(row);
            let call = self.columns.call(row).is_some_and(|call| call.usage.is_known());
            if call && self.facets.get(self.columns.words[row as usize].facets).model.is_none() {
                priceless.entry(trace).or_default().push(row);
            }
        }
        self.tally(row);
        if merged.model_replaced || was_call && self.columns.kind(row) != Some(SpanKind::Llm) {
            stale_models.push(trace);
        }
        if !self.waiting.is_empty() && hopeful.last() != Some(&trace) && self.waiting.contains_key(&trace) {
            hopeful.push(trace);
        }
        if self.note_extent(trace, row, times_before) {
            stale_extents.push(trace);
        }
        if self.evicted.restoring.is_none() {
            self.note_arrival(trace, &update, arrival, source);
        }
        if let Some(run) = update.run {
            self.traces.set_run(trace, run);
        }
        let lost = !counting::passes_on(&self.columns, row).has(had_passed);
        if let Some(response) = update.response {
            let place = if update.marks.has(Marks::UNIQUE_RESPONSE) { NONE } else { trace };
            responses.extend(self.responses.note(row, (place, response), update.stamp));
        }
        responses.extend(self.responses.shared(row));
        if recount || lost {
            self.recount(trace, responses);
        } else {
            self.cover_from(row, responses);
        }
        self.choose_root(trace, row);
        self.changes.push(SpanIx(row));
    }

    fn row_of(&mut self, trace: u32, span: crate::model::Id) -> u32 {
        let owner = &mut self.traces.rows[trace as usize];
        if let Some(row) = owner.ids.find(span, |row| self.columns.is(row, span)) {
            return row;
        }
        let row = self.columns.add(trace, span, owner.last_row);
        owner.ids.add(span, row);
        owner.last_row = row;
        owner.rows += 1;
        row
    }

    /// Sets a row's parent. Returns whether the trace has to be counted again, because a link that counted is gone.
    fn link(&mut self, trace: u32, row: u32, parent: Parent) -> bool {
        let at = row as usize;
        let old = self.columns.links[at].parent;
        let new = match parent {
            Parent::Unsaid => return false,
            Parent::Root => NONE,
            Parent::Span(id) if id == self.columns.id(row) => {
                self.columns.state[at].marks = self.columns.state[at].marks.with(Marks::ODD);
                NONE
            }
            Parent::Span(id) => self.row_of(trace, id),
        };
        self.columns.state[at].bits.set(RowBits::ROOT, new == NONE);
        if new == old {
            return false;
        }
        self.columns.links[at].parent = new;
        if new == NONE {
            return old != NONE;
        }
        let cycle = self.columns.state[at].bits.has(RowBits::HAS_CHILDREN) && self.cut_cycle(row);
        self.columns.state[new as usize].bits.set(RowBits::HAS_CHILDREN, true);
        old != NONE || cycle
    }

    /// Cuts the cycle that the row's new parent closes, if it closes one, above the member with the smallest id.
    fn cut_cycle(&mut self, row: u32) -> bool {
        let mut members = vec![row];
        let mut next = self.columns.links[row as usize].parent;
        while next != NONE && next != row {
            members.push(next);
            next = self.columns.links[next as usize].parent;
        }
        if next == NONE {
            return false;
        }
        for &member in &members {
            let marks = &mut self.columns.state[member as usize].marks;
            *marks = marks.with(Marks::ODD);
        }
        if let Some(&top) = members.iter().min_by_key(|&&member| self.columns.id(member)) {
            self.columns.links[top as usize].parent = NONE;
            self.changes.push(SpanIx(top));
        }
        true
    }

    /// Takes a row out of all sums, before it changes.
    pub(super) fn untally(&mut self, row: u32) {
        let share = counting::share(&self.columns, row);
        let standing = Standing::of(&self.columns, row);
        let facet = self.columns.words[row as usize].facets.index();
        let trace = &mut self.traces.rows[self.columns.links[row as usize].trace as usize];
        trace.open -= u32::from(standing.open);
        trace.suspended -= u32::from(standing.suspended);
        if share != Share::default() && self.evicted.restoring.is_none() {
            trace.totals.sub(&share);
            self.totals.sub(&share);
            if let Some(totals) = self.facet_totals.get_mut(facet) {
                totals.sub(&share);
            }
        }
    }

    /// Puts a row back into all sums.
    pub(super) fn tally(&mut self, row: u32) {
        let share = counting::share(&self.columns, row);
        let standing = Standing::of(&self.columns, row);
        let facet = self.columns.words[row as usize].facets.index();
        if self.facet_totals.len() <= facet {
            self.facet_totals.resize(facet + 1, super::Totals::default());
        }
        let trace = &mut self.traces.rows[self.columns.links[row as usize].trace as usize];
        trace.generation = self.generation;
        trace.open += u32::from(standing.open);
        trace.suspended += u32::from(standing.suspended);
        if share != Share::default() && self.evicted.restoring.is_none() {
            trace.totals.add(&share);
            self.totals.add(&share);
            self.facet_totals[facet].add(&share);
        }
    }

    /// Covers the ancestors of a row with its usage and its call, each ancestor at most once.
    fn cover_from(&mut self, row: u32, responses: &mut Vec<Response>) {
        let mut child = row;
        while let Some((parent, bits)) = counting::cover(&self.columns, child) {
            self.untally(parent);
            self.columns.state[parent as usize].bits = bits;
            self.tally(parent);
            self.changes.push(SpanIx(parent));
            responses.extend(self.responses.shared(parent));
            child = parent;
        }
    }

    /// Counts a trace from scratch.
    fn recount(&mut self, trace: u32, responses: &mut Vec<Response>) {
        let rows: Vec<u32> = self.chain(trace).collect();
        for &row in &rows {
            self.untally(row);
            let bits = &mut self.columns.state[row as usize].bits;
            bits.set(RowBits::USAGE_BELOW, false);
            bits.set(RowBits::CALL_BELOW, false);
            bits.set(RowBits::ANY_USAGE_BELOW, false);
            bits.set(RowBits::COST_BELOW, false);
            self.tally(row);
            responses.extend(self.responses.shared(row));
        }
        for &row in &rows {
            self.cover_from(row, responses);
        }
        self.traces.rows[trace as usize].root = NONE;
        for row in rows {
            self.choose_root(trace, row);
        }
    }

    /// The root of a trace is its earliest known span without a parent; ties go to the smaller id.
    fn choose_root(&mut self, trace: u32, row: u32) {
        let columns = &self.columns;
        let rank = |row: u32| (columns.start(row).is_none(), columns.start(row), columns.id(row));
        let stands = |row: u32| {
            columns.links[row as usize].parent == NONE
                && columns.state[row as usize].bits.has(RowBits::KNOWN)
                && columns.kind(row) != Some(SpanKind::Event)
        };
        let root = self.traces.rows[trace as usize].root;
        let best = if root == row || (root != NONE && !stands(root)) {
            // The root itself changed: any other span may stand for the trace now.
            let parentless = self.chain(trace).filter(|&row| stands(row));
            if self.traces.rows[trace as usize].rows == 1 {
                parentless.last()
            } else if root == row && stands(row) && self.root_is_settled(trace, row) {
                Some(row)
            } else {
                parentless.min_by_key(|&row| rank(row))
            }
        } else if stands(row) && (root == NONE || rank(row) < rank(root)) {
            Some(row)
        } else {
            Some(root).filter(|&root| root != NONE)
        };
        let columns = &self.columns;
        let owner = &mut self.traces.rows[trace as usize];
        owner.root = best.unwrap_or(NONE);
        if columns.state[row as usize].marks.has(Marks::RESUMED) {
            let newer = owner.resumed == NONE || columns.start(row) >= columns.start(owner.resumed);
            if newer {
                owner.resumed = row;
            }
        }
    }

    /// Whether the root is the only span of its trace that could stand for it, as far as its own start tells.
    fn root_is_settled(&self, trace: u32, root: u32) -> bool {
        let first = self.traces.rows[trace as usize].first;
        first.is_none() || self.columns.start(root).is_some_and(|start| Some(start) <= first)
    }

    /// The times that a row names: they make up the extent of its trace.
    fn times_of(&self, row: u32) -> [Option<UnixNanos>; 3] {
        let first_token = self.columns.call(row).and_then(|call| call.first_token);
        [self.columns.start(row), self.columns.end(row), first_token]
    }

    /// Widens the extent of the trace by a row's times. Returns whether the row gave up a time that may have been the
    /// trace's first or last, so that the extent has to be measured again.
    fn note_extent(&mut self, trace: u32, row: u32, before: [Option<UnixNanos>; 3]) -> bool {
        let now = self.times_of(row);
        let owner = &mut self.traces.rows[trace as usize];
        let gave_up_first = before[0].is_some() && before[0] == owner.first && now[0] > before[0];
        let gave_up_last =
            before.iter().zip(&now).any(|(old, new)| old.is_some() && *old == owner.last && new < old);
        if let Some(start) = now[0] {
            owner.first = Some(owner.first.map_or(start, |known| known.min(start)));
        }
        owner.last = owner.last.max(now.into_iter().max().flatten());
        gave_up_first || gave_up_last
    }

    /// Measures the extent of a trace again.
    fn measure_extent(&mut self, trace: u32) {
        let known = |row: &u32| self.columns.state[*row as usize].bits.has(RowBits::KNOWN);
        let rows = || self.chain(trace).filter(known);
        let first = rows().filter_map(|row| self.columns.start(row)).min();
        let last = rows().flat_map(|row| self.times_of(row)).flatten().max();
        let owner = &mut self.traces.rows[trace as usize];
        (owner.first, owner.last) = (first, last);
    }

    fn note_arrival(&mut self, trace: u32, update: &SpanUpdate, arrival: Arrival, source: SourceId) {
        let owner = &mut self.traces.rows[trace as usize];
        if arrival.live {
            owner.seen = owner.seen.max(Some(arrival.at));
        }
        // A time that was worked out from the arrival says nothing about how far the source lies behind.
        let says = |time: &crate::model::Timed| !time.inferred || arrival.at.since(time.at) > FROM_ARRIVAL;
        let times = [update.start, update.end].into_iter().flatten().filter(says).map(|time| time.at);
        let newest = times.chain(update.first_token).max();
        let lag = update.written_at.zip(newest).map(|(written, newest)| written.since(newest));
        self.sources.note_times(source, newest, lag, arrival.live.then_some(arrival.at));
    }
}

/// Drops amounts that nobody could have been billed.
fn believe(update: &mut SpanUpdate) {
    if let Some(usage) = &mut update.usage {
        let mut odd = false;
        for count in [
            &mut usage.input,
            &mut usage.cache_read,
            &mut usage.cache_write,
            &mut usage.output,
            &mut usage.reasoning,
        ] {
            if count.is_some_and(|count| count > MAX_TOKENS) {
                (*count, odd) = (None, true);
            }
        }
        if odd {
            update.marks = update.marks.with(Marks::ODD);
        }
    }
    if update.cost.is_some_and(|cost| !(0..=MAX_COST).contains(&cost.0)) {
        update.cost = None;
        update.marks = update.marks.with(Marks::ODD);
    }
}

/// Whether a row keeps its trace going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub open: bool,
    pub suspended: bool,
}

impl Standing {
    pub(super) fn of(columns: &Columns, row: u32) -> Self {
        let known = columns.state[row as usize].bits.has(RowBits::KNOWN)
            && columns.kind(row) != Some(SpanKind::Event);
        let status = columns.status(row);
        let suspended = known && status == Some(Status::Suspended);
        let over = columns.end(row).is_some() || status.is_some_and(Status::is_terminal);
        Self { open: known && !suspended && !over, suspended }
    }
}
