//! Which spans pass the filter, kept up to date a slice at a time so that no key waits for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::bits::Bits;
use super::payloads::{Batches, Found, PayloadSearch};
use crate::filter::{Filter, Verdicts};
use crate::store::{BLOCK, Clock, SearchedPayload, Sieve, SpanIx, Store, TraceIx};
use crate::text::search::{Facts, Query};

/// Blocks of rows looked at between two looks at the watch.
const SLICE: usize = 64;
/// Blocks with open spans that are looked at again per call: time alone may change what they say.
const OPEN_BLOCKS: usize = 256;

/// The spans that pass a filter, by row.
#[derive(Debug, Default)]
pub struct Matches {
    filter: Filter,
    sieve: Sieve,
    passed: Bits,
    /// Per trace, how many of its spans pass.
    hits: Vec<u32>,
    /// Rows below this were looked at.
    done: usize,
    /// Traces that have to be looked at again as a whole, each once, and where in the first one that has come to.
    again: VecDeque<TraceIx>,
    queued: FxHashSet<TraceIx>,
    walk: Option<(TraceIx, Vec<SpanIx>)>,
    /// Rows looked at that time alone may change: they have no end yet.
    open: Bits,
    next_open: usize,
    /// Spans that only their payload can decide on.
    waiting: Bits,
    batches: Batches,
    /// Number of the last batch.
    number: u64,
    /// Grows when the set may have changed.
    generation: u64,
}

impl Matches {
    /// Starts over with another filter.
    pub fn set_filter(&mut self, filter: Filter) {
        let mut sieve = std::mem::take(&mut self.sieve);
        if filter.is_empty() {
            // Nobody tells a sieve without a filter what changes.
            sieve = Sieve::default();
        }
        sieve.set_filter(&filter);
        let query = Query::new(filter.payload_texts(), filter.payload_attributes());
        let (generation, number) = (self.generation + 1, self.number + 1);
        *self = Self { filter, sieve, generation, number, batches: Batches::new(query), ..Self::default() };
    }

    /// The filter.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether everything passes because there is no filter.
    pub fn is_off(&self) -> bool {
        self.filter.is_empty()
    }

    /// Whether a span passes, as far as is known.
    pub fn has(&self, span: SpanIx) -> bool {
        self.is_off() || self.passed.has(span.index())
    }

    /// Whether any span of a trace passes.
    pub fn has_trace(&self, trace: TraceIx) -> bool {
        self.is_off() || self.hits.get(trace.index()).is_some_and(|hits| *hits > 0)
    }

    /// Number of spans that pass.
    pub fn count(&self) -> u64 {
        self.passed.count()
    }

    /// How much was looked at: rows done, rows in all. `None` when there is nothing left to do.
    pub fn progress(&self, store: &Store) -> Option<(usize, usize)> {
        let rest = self.walk.as_ref().map_or(0, |(_, rows)| rows.len()).max(self.again.len());
        let done = self.done.saturating_sub(rest);
        (!self.is_off() && done < store.rows()).then_some((done, store.rows()))
    }

    /// Whether answers are still open.
    pub fn is_waiting(&self) -> bool {
        self.batches.is_reading() || !self.waiting.is_empty()
    }

    /// Grows when the set may have changed.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Looks again at spans that changed, and at some that time may have changed.
    pub fn refresh(&mut self, store: &Store, clock: &Clock, changed: &[SpanIx]) {
        if self.is_off() {
            return;
        }
        for &span in changed {
            if let Some(trace) = self.sieve.changed(store, span)
                && self.queued.insert(trace)
            {
                self.again.push_back(trace);
            }
        }
        for &span in changed {
            if span.index() < self.done {
                self.look(store, clock, span.index() / BLOCK, 1 << (span.index() % BLOCK));
            }
        }
        if self.filter.depends_on_time() {
            for _ in 0..OPEN_BLOCKS {
                let Some(block) = self.open.next_word(self.next_open) else { break };
                let wrapped = block < self.next_open;
                self.next_open = block + 1;
                self.look(store, clock, block, self.open.word(block));
                if wrapped {
                    break;
                }
            }
        }
    }

    /// Looks at further rows for as long as `budget` lasts. Returns whether anything was done.
    pub fn work(&mut self, store: &Store, clock: &Clock, budget: Duration) -> bool {
        if self.progress(store).is_none() {
            return false;
        }
        let started = Instant::now();
        // What was shown already comes first, so that it is true; at most half of the time, so that the rest comes too.
        while self.walk_again(store, clock) {
            if started.elapsed() >= budget / 2 && self.done < store.rows() || started.elapsed() >= budget {
                break;
            }
        }
        while self.done < store.rows() && started.elapsed() < budget {
            let end = (self.done / BLOCK + SLICE).min(store.rows().div_ceil(BLOCK));
            for block in self.done / BLOCK..end {
                let fresh = u64::MAX << (self.done.saturating_sub(block * BLOCK).min(BLOCK - 1));
                self.look(store, clock, block, fresh);
            }
            self.done = (end * BLOCK).min(store.rows());
        }
        self.generation += 1;
        true
    }

    /// Looks at the next part of a trace whose spans inherit other labels now. Returns whether there was one.
    fn walk_again(&mut self, store: &Store, clock: &Clock) -> bool {
        if self.walk.is_none() {
            let Some(trace) = self.again.pop_front() else { return false };
            // From here on another change of the trace has it walked once more.
            self.queued.remove(&trace);
            self.sieve.forget(store, trace);
            let rows = store.trace(trace).spans().map(|span| span.ix());
            self.walk = Some((trace, rows.filter(|span| span.index() < self.done).collect()));
        }
        let Some((_, rows)) = &mut self.walk else { return false };
        let from = rows.len().saturating_sub(SLICE * BLOCK);
        let part: Vec<SpanIx> = rows.drain(from..).collect();
        if rows.is_empty() {
            self.walk = None;
        }
        // Neighbours often lie in one block.
        let mut open: Option<(usize, u64)> = None;
        for span in part.into_iter().rev() {
            let (block, bit) = (span.index() / BLOCK, 1 << (span.index() % BLOCK));
            match &mut open {
                Some((known, among)) if *known == block => *among |= bit,
                _ => {
                    if let Some((block, among)) = open.replace((block, bit)) {
                        self.look(store, clock, block, among);
                    }
                }
            }
        }
        if let Some((block, among)) = open {
            self.look(store, clock, block, among);
        }
        true
    }

    /// Payloads to search so that open answers can be given; the newest spans first.
    pub fn take_wanted(&mut self, store: &Store) -> Option<PayloadSearch> {
        let waiting = &mut self.waiting;
        let batch =
            self.batches.ask(store, self.number + 1, || waiting.take_last().map(SpanIx::from_index))?;
        self.number += 1;
        Some(batch)
    }

    /// Takes in what was found in the batch with a number.
    pub fn answer(&mut self, store: &Store, clock: &Clock, number: u64, found: &Found) {
        if number != self.number || !self.batches.is_reading() {
            return;
        }
        let spans = self.batches.take();
        let mut asked = Bits::default();
        for span in spans {
            let block = span.index() / BLOCK;
            asked.set_word(block, asked.word(block) | 1 << (span.index() % BLOCK));
        }
        // What changed meanwhile is asked again anyway.
        let open = |asked: &Bits, waiting: &Bits, block: usize| asked.word(block) & !waiting.word(block);
        for (span, facts) in found {
            let (block, bit) = (*span as usize / BLOCK, 1 << (*span as usize % BLOCK));
            let among = open(&asked, &self.waiting, block) & bit;
            self.look_with(store, clock, block, among, facts);
            asked.set_word(block, asked.word(block) & !bit);
        }
        let nothing = Facts::default();
        let mut from = 0;
        while let Some(block) = asked.next_word(from).filter(|block| *block >= from) {
            let among = open(&asked, &self.waiting, block);
            self.look_with(store, clock, block, among, &nothing);
            from = block + 1;
        }
    }

    fn look_with(&mut self, store: &Store, clock: &Clock, block: usize, among: u64, facts: &Facts) {
        if among == 0 {
            return;
        }
        let batches = &self.batches;
        let payload = SearchedPayload { query: batches.query(), facts };
        let mut verdicts = self.sieve.ask_with(store, clock, block, among, Some(&payload));
        verdicts.unknown = 0;
        self.take_in(store, block, among, verdicts);
    }

    fn look(&mut self, store: &Store, clock: &Clock, block: usize, among: u64) {
        let verdicts = self.sieve.ask(store, clock, block, among);
        if self.filter.depends_on_time() {
            let open = self.open.word(block) & !among | self.sieve.open(store, block, among);
            self.open.set_word(block, open);
        }
        self.take_in(store, block, among, verdicts);
    }

    fn take_in(&mut self, store: &Store, block: usize, among: u64, verdicts: Verdicts) {
        let waiting = self.waiting.word(block);
        if waiting & among != verdicts.unknown {
            self.waiting.set_word(block, waiting & !among | verdicts.unknown);
        }
        // What passed passes until its payload says otherwise.
        let before = self.passed.word(block);
        let passes = verdicts.yes | before & verdicts.unknown;
        let changed = (before ^ passes) & among;
        if changed == 0 {
            return;
        }
        self.passed.set_word(block, before ^ changed);
        let mut left = changed;
        while left != 0 {
            let bit = left & left.wrapping_neg();
            left ^= bit;
            let span = SpanIx::from_index(block * BLOCK + bit.trailing_zeros() as usize);
            let trace = store.span(span).trace().ix().index();
            if self.hits.len() <= trace {
                self.hits.resize(store.trace_count().max(trace + 1), 0);
            }
            let hits = &mut self.hits[trace];
            *hits = if passes & bit != 0 { *hits + 1 } else { hits.saturating_sub(1) };
        }
        self.generation += 1;
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
