//! Bounded memory: the oldest finished traces leave, and come back from their source when they are wanted.
//!
//! A trace that leaves keeps its line in the trace table, its sums, the span that stands for it, and the places between
//! which its records lie. What it added to all totals stays added: nothing is counted anew when it comes back. A record
//! that arrives for a trace that is away is held until the trace is back.

use rustc_hash::{FxHashMap, FxHashSet};

use super::counting;
use super::handle::{NONE, SpanIx, TraceIx};
use super::packed::{ByFacet, pack, unpack};
use super::{Arrival, Store, Totals};
use crate::model::{Batch, Id, PayloadRef, RecordRange, SourceId, SpanUpdate};

/// Rows that one call lets go at most, so that keys are answered in between.
const ROWS_AT_ONCE: usize = 20_000;
/// Bytes of a row with its share of its trace's id table.
const ROW: usize = 92;

/// What is away, and what waits for it.
#[derive(Default)]
pub(super) struct Evicted {
    away: FxHashMap<u32, Away>,
    /// Finished traces to let go next, the oldest last.
    queue: Vec<u32>,
    /// The trace that is being brought back: what it adds is counted already.
    pub restoring: Option<u32>,
    wanted: Vec<TraceIx>,
    /// Traces some of whose records can never be read again: their sums stand for those, too.
    lost: FxHashSet<u32>,
}

#[derive(Default)]
struct Away {
    ranges: Vec<RecordRange>,
    /// What the rows that left added to the sums per combination of labels.
    sums: Box<[u8]>,
    held: Vec<(SourceId, SpanUpdate, Arrival)>,
    /// Where these lie.
    news: Vec<RecordRange>,
    asked: bool,
    /// Whether reading it failed and it was asked for once more, from where the news lie too.
    asked_again: bool,
}

impl Store {
    /// Bytes held by what lives, near enough and at once: what was freed is used again before more is asked for.
    pub fn used_memory(&self) -> usize {
        self.columns.used() * ROW
            + self.columns.extra_memory()
            + self.facets.memory()
            + self.facet_totals.capacity() * size_of::<Totals>()
            + self.history.memory()
            + self.traces.rows.len() * (size_of::<super::traces::TraceRow>() + 24)
            + self.strings.memory()
    }

    /// Lets the oldest finished traces go while more than `limit` bytes are held, a bounded number of rows per call;
    /// `keep` says which must stay. Returns the number of traces that left.
    pub fn evict(&mut self, limit: usize, keep: impl Fn(TraceIx) -> bool) -> usize {
        // Until prices are known, a trace's cost isn't either.
        if self.used_memory() <= limit || self.pricing.is_none() {
            return 0;
        }
        if self.evicted.queue.is_empty() {
            let finished = |row: &u32| self.is_finished(*row);
            let mut queue: Vec<u32> = (0..self.traces.rows.len() as u32).filter(finished).collect();
            let age = |row: u32| {
                let trace = self.trace(TraceIx(row));
                (trace.last_activity(), trace.last(), row)
            };
            queue.sort_by_cached_key(|row| std::cmp::Reverse(age(*row)));
            self.evicted.queue = queue;
        }
        let (mut left, mut rows) = (0, 0);
        while rows < ROWS_AT_ONCE && self.used_memory() > limit {
            let Some(trace) = self.evicted.queue.pop() else { break };
            if self.is_finished(trace) && !keep(TraceIx(trace)) {
                rows += self.traces.rows[trace as usize].rows as usize;
                self.let_go(trace);
                left += 1;
            }
        }
        if left > 0 {
            self.generation += 1;
        }
        left
    }

    /// Number of traces that are away.
    pub fn evicted_count(&self) -> usize {
        self.evicted.away.len()
    }

    /// Whether a trace is away.
    pub fn is_evicted(&self, trace: TraceIx) -> bool {
        self.evicted.away.contains_key(&trace.0)
    }

    /// The traces that are away and have records waiting, each named once.
    pub fn take_wanted(&mut self) -> Vec<TraceIx> {
        std::mem::take(&mut self.evicted.wanted)
    }

    /// Where the records of a trace that is away lie; empty for one that isn't.
    pub fn record_ranges(&self, trace: TraceIx) -> Vec<RecordRange> {
        let Some(away) = self.evicted.away.get(&trace.0) else { return Vec::new() };
        let news = if away.asked_again { &away.news[..] } else { &[] };
        away.ranges.iter().chain(news).copied().collect()
    }

    /// Brings a trace back. The batch is what lies in its ranges; records of other traces are passed over. Returns
    /// whether all of it is there again.
    pub fn restore(&mut self, trace: TraceIx, batch: &Batch) -> bool {
        let Some(away) = self.evicted.away.get(&trace.0) else { return true };
        if away.asked_again && self.is_less(trace.0, batch) {
            self.lose(trace.0);
            return false;
        }
        let Some(away) = self.evicted.away.remove(&trace.0) else { return true };
        let owner = &self.traces.rows[trace.0 as usize];
        let (id, source, seen) = (owner.id, owner.source, owner.seen);
        let (first, last) = (owner.first, owner.last);
        let mut before = unpack(&away.sums);
        self.sum_up(self.chain(trace.0), &mut before);
        let updates = batch.updates.iter().filter(|update| update.trace == id).copied().collect();
        let own = Batch { strings: batch.strings.clone(), updates, ..Batch::default() };
        self.evicted.restoring = Some(trace.0);
        let at = seen.unwrap_or_default();
        self.apply(source, &own, Arrival { at, live: false });
        self.evicted.restoring = None;
        let owner = &mut self.traces.rows[trace.0 as usize];
        (owner.first, owner.last) = (owner.first.min(first).or(first), owner.last.max(last));
        let whole = self.settle(trace.0, &before);
        self.responses_are_back(trace.0);
        for (source, update, arrival) in away.held {
            self.apply_one(source, &update, arrival);
        }
        whole
    }

    /// Says that a trace that is away could not be read. With records waiting it is wanted once more, for these may lie
    /// where it can be read; if that fails too, they are added to what is left of it.
    pub fn not_restored(&mut self, trace: TraceIx) {
        let Some(away) = self.evicted.away.get_mut(&trace.0) else { return };
        if away.held.is_empty() {
            away.asked = false;
            return;
        }
        if !std::mem::replace(&mut away.asked_again, true) {
            self.evicted.wanted.push(trace);
            return;
        }
        self.lose(trace.0);
    }

    /// Goes on with what is left of a trace whose records are gone.
    fn lose(&mut self, trace: u32) {
        let Some(away) = self.evicted.away.remove(&trace) else { return };
        self.evicted.lost.insert(trace);
        self.generation += 1;
        for (source, update, arrival) in away.held {
            self.apply_one(source, &update, arrival);
        }
    }

    /// Whether a batch has fewer spans of a trace than it had.
    fn is_less(&self, trace: u32, batch: &Batch) -> bool {
        let owner = &self.traces.rows[trace as usize];
        let own = batch.updates.iter().filter(|update| update.trace == owner.id);
        let spans: FxHashSet<Id> = own.map(|update| update.span).collect();
        (spans.len() as u64) < owner.totals.spans + owner.totals.events
    }

    /// Holds an update for a trace that is away. Returns whether it is.
    pub(super) fn hold(
        &mut self,
        trace: u32,
        source: SourceId,
        update: &SpanUpdate,
        arrival: Arrival,
    ) -> bool {
        if self.evicted.away.is_empty() {
            return false;
        }
        let Some(away) = self.evicted.away.get_mut(&trace) else { return false };
        if let Some(payload) = &update.payload {
            widen(&mut away.news, payload);
        }
        away.held.push((source, *update, arrival));
        if !std::mem::replace(&mut away.asked, true) {
            self.evicted.wanted.push(TraceIx(trace));
        }
        true
    }

    /// Makes the sums of a trace that came back agree with its spans: its source may have changed meanwhile.
    fn settle(&mut self, trace: u32, before: &ByFacet) -> bool {
        if self.evicted.lost.contains(&trace) {
            return true;
        }
        let mut now = ByFacet::new();
        self.sum_up(self.chain(trace), &mut now);
        let mut sums = Totals::default();
        for (facet, totals) in &now {
            sums.merge(totals);
            if self.facet_totals.len() <= *facet {
                self.facet_totals.resize(facet + 1, Totals::default());
            }
            self.facet_totals[*facet].merge(totals);
        }
        for (facet, totals) in before {
            if let Some(sums) = self.facet_totals.get_mut(*facet) {
                sums.remove(totals);
            }
        }
        let owner = &mut self.traces.rows[trace as usize];
        if sums == owner.totals {
            return true;
        }
        self.totals.remove(&owner.totals);
        self.totals.merge(&sums);
        owner.totals = sums;
        false
    }

    /// Adds what rows add to the sums per combination of labels.
    fn sum_up(&self, rows: impl Iterator<Item = u32>, sums: &mut ByFacet) {
        for row in rows {
            let facet = self.columns.words[row as usize].facets.index();
            sums.entry(facet).or_default().add(&counting::share(&self.columns, row));
        }
    }

    fn is_finished(&self, trace: u32) -> bool {
        let owner = &self.traces.rows[trace as usize];
        owner.open == 0 && owner.suspended == 0 && owner.rows > 1 && !self.evicted.away.contains_key(&trace)
    }

    fn let_go(&mut self, trace: u32) {
        let rows: Vec<u32> = self.chain(trace).collect();
        let owner = &self.traces.rows[trace as usize];
        let known = |row: &u32| self.columns.state[*row as usize].bits.has(super::columns::RowBits::KNOWN);
        let stays = [Some(owner.root), Some(owner.resumed), rows.iter().copied().find(known)];
        let stays: Vec<u32> = match owner.root {
            NONE => stays[2].into_iter().collect(),
            _ => stays[..2].iter().flatten().copied().filter(|row| *row != NONE).collect(),
        };
        let mut ranges: Vec<RecordRange> = Vec::new();
        for &row in &rows {
            let more = self.columns.more_payloads.get(&row).map_or(&[][..], Vec::as_slice);
            for payload in more.iter().copied().chain(self.columns.payload(row)) {
                widen(&mut ranges, &payload);
            }
        }
        let mut sums = ByFacet::new();
        self.sum_up(rows.iter().copied().filter(|row| !stays.contains(row)), &mut sums);
        let mut ids = super::ids::SpanIds::default();
        let mut last_row = NONE;
        let mut kept = 0;
        for &row in &rows {
            if stays.contains(&row) {
                ids.add(self.columns.id(row), row);
                let links = &mut self.columns.links[row as usize];
                (links.previous, links.parent) = (last_row, NONE);
                last_row = row;
                kept += 1;
            } else {
                self.history.forget(row);
                let counts = self.counts_for_response(row);
                self.responses.forget(row, trace, counts);
                self.columns.remove(row);
            }
            self.changes.push(SpanIx(row));
        }
        self.waiting.remove(&trace);
        // A row that stays may still have to give back the model that it took from its caller.
        if let Some(heirs) = self.heirs.get_mut(&trace) {
            heirs.retain(|row| stays.contains(row));
        }
        let owner = &mut self.traces.rows[trace as usize];
        (owner.ids, owner.last_row, owner.rows) = (ids, last_row, kept);
        owner.generation = self.generation + 1;
        self.evicted.away.insert(trace, Away { ranges, sums: pack(&sums), ..Away::default() });
    }
}

fn widen(ranges: &mut Vec<RecordRange>, payload: &PayloadRef) {
    let (from, to) = (payload.pos, payload.pos.saturating_add(u64::from(payload.len).max(1)));
    match ranges.iter_mut().find(|range| range.segment == payload.segment) {
        Some(range) => (range.from, range.to) = (range.from.min(from), range.to.max(to)),
        None => ranges.push(RecordRange { segment: payload.segment, from, to }),
    }
}
