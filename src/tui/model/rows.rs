//! Which spans pass the filter, kept up to date a slice at a time so that no key waits for it.

use std::time::{Duration, Instant};

use crate::filter::{Filter, Verdict};
use crate::model::{PayloadRef, SpanDetail};
use crate::store::{Clock, FilterRow, SpanIx, Store, TraceIx};

/// Rows looked at between two looks at the watch.
const SLICE: usize = 2_048;
/// Spans whose payload is asked for at a time.
const PAYLOADS: usize = 64;

/// The spans that pass a filter, by row.
#[derive(Debug, Default)]
pub struct Matches {
    filter: Filter,
    passed: Vec<u64>,
    /// Per trace, how many of its spans pass.
    hits: Vec<u32>,
    /// Rows below this were looked at.
    done: usize,
    /// Spans that only their payload can decide on.
    waiting: Vec<SpanIx>,
    /// Grows when the set may have changed.
    generation: u64,
}

impl Matches {
    /// Starts over with another filter.
    pub fn set_filter(&mut self, filter: Filter) {
        *self = Self { filter, generation: self.generation + 1, ..Self::default() };
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
        self.is_off() || bit(&self.passed, span.index())
    }

    /// Whether any span of a trace passes.
    pub fn has_trace(&self, trace: TraceIx) -> bool {
        self.is_off() || self.hits.get(trace.index()).is_some_and(|hits| *hits > 0)
    }

    /// Number of spans that pass.
    pub fn count(&self) -> u64 {
        self.passed.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// How much was looked at: rows done, rows in all. `None` when there is nothing left to do.
    pub fn progress(&self, store: &Store) -> Option<(usize, usize)> {
        (!self.is_off() && self.done < store.rows()).then_some((self.done, store.rows()))
    }

    /// Whether answers are still open.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Grows when the set may have changed.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Looks at spans that changed again.
    pub fn refresh(&mut self, store: &Store, clock: &Clock, changed: &[SpanIx]) {
        if self.is_off() {
            return;
        }
        for &span in changed {
            if span.index() < self.done {
                self.look(store, clock, span, None);
            }
        }
    }

    /// Looks at further rows for as long as `budget` lasts. Returns whether anything was done.
    pub fn work(&mut self, store: &Store, clock: &Clock, budget: Duration) -> bool {
        if self.is_off() || self.done >= store.rows() {
            return false;
        }
        let started = Instant::now();
        while self.done < store.rows() && started.elapsed() < budget {
            let end = (self.done + SLICE).min(store.rows());
            for row in self.done..end {
                self.look(store, clock, SpanIx::from_index(row), None);
            }
            self.done = end;
        }
        self.generation += 1;
        true
    }

    /// Payloads to read so that open answers can be given; the newest spans first.
    pub fn take_wanted(&mut self, store: &Store) -> Vec<(SpanIx, Vec<PayloadRef>)> {
        let from = self.waiting.len().saturating_sub(PAYLOADS);
        self.waiting.drain(from..).rev().map(|span| (span, store.span(span).payloads())).collect()
    }

    /// Takes in a payload that was asked for.
    pub fn answer(&mut self, store: &Store, clock: &Clock, span: SpanIx, detail: &SpanDetail) {
        self.look(store, clock, span, Some(detail));
    }

    fn look(&mut self, store: &Store, clock: &Clock, span: SpanIx, payload: Option<&SpanDetail>) {
        let view = store.span(span);
        let verdict = if view.is_known() {
            self.filter.matches(&FilterRow { span: view, clock, payload })
        } else {
            Verdict::No
        };
        if verdict == Verdict::Unknown && payload.is_none() {
            self.waiting.push(span);
        }
        let passes = verdict == Verdict::Yes;
        if bit(&self.passed, span.index()) == passes {
            return;
        }
        set_bit(&mut self.passed, span.index(), passes);
        let trace = view.trace().ix().index();
        if self.hits.len() <= trace {
            self.hits.resize(trace + 1, 0);
        }
        let hits = &mut self.hits[trace];
        *hits = if passes { *hits + 1 } else { hits.saturating_sub(1) };
        self.generation += 1;
    }
}

fn bit(words: &[u64], at: usize) -> bool {
    words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
}

fn set_bit(words: &mut Vec<u64>, at: usize, on: bool) {
    if words.len() <= at / 64 {
        words.resize(at / 64 + 1, 0);
    }
    let word = &mut words[at / 64];
    if on {
        *word |= 1 << (at % 64);
    } else {
        *word &= !(1 << (at % 64));
    }
}
