//! Calls that were recorded twice: a client and a gateway, or two instrumentations, both write a span for one request and
//! name the same response; or a session is gone on with in a new file that begins with a copy of the old one.
//!
//! Of the spans of a trace that name one response, those that something below them repeats are out of the question (see
//! `counting`); of the others one counts, whatever the order of arrival: the one with the smallest id. Where a response
//! is unique beyond its trace, the spans of all traces are one group, calls and tools alike: the largest usage counts,
//! of equal ones that of the record that doesn't look like a copy.
//!
//! What a trace that left memory has counted stays counted: nobody else counts it until that trace is back.

use rustc_hash::FxHashMap;

use super::Store;
use super::columns::RowBits;
use super::counting;
use super::handle::{NONE, SpanIx};
use crate::model::{Marks, SpanKind, Stamp};

/// A response in a trace, or in all of them ([`NONE`]).
pub(super) type Response = (u32, u64);

/// Which rows name which response.
#[derive(Debug, Default)]
pub(super) struct Responses {
    of_row: FxHashMap<u32, (Response, Stamp)>,
    /// The first row of each response.
    first: FxHashMap<Response, u32>,
    /// All rows of a response that several name.
    groups: FxHashMap<Response, Vec<u32>>,
    /// The trace that counts a response of all traces and is not in memory.
    away: FxHashMap<u64, u32>,
    /// Responses to look at again when the trace that is being brought back is there.
    later: Vec<Response>,
}

impl Responses {
    /// Notes what a row names, by its newest record. Returns the responses in which another row may count now.
    pub(super) fn note(&mut self, row: u32, response: Response, stamp: Stamp) -> Vec<Response> {
        let before = match self.of_row.get_mut(&row) {
            Some((_, known)) if *known > stamp => return Vec::new(),
            Some((before, known)) => {
                *known = stamp;
                if *before == response {
                    return Vec::new();
                }
                Some(std::mem::replace(before, response))
            }
            None => {
                self.of_row.insert(row, (response, stamp));
                None
            }
        };
        if let Some(before) = before {
            self.take_out(row, before);
        }
        let first = *self.first.entry(response).or_insert(row);
        if first != row {
            let group = self.groups.entry(response).or_insert_with(|| vec![first]);
            group.push(row);
        }
        // The row itself may have been left out so far.
        let away = self.is_away(response).map(|_| response);
        before.into_iter().flat_map(|before| [before, response]).chain(away).collect()
    }

    fn rows(&self, response: Response) -> Vec<u32> {
        let alone = || self.first.get(&response).copied().into_iter().collect();
        self.groups.get(&response).cloned().unwrap_or_else(alone)
    }

    /// Forgets a row that leaves with its trace; `counts` says whether it is the one that counts.
    pub(super) fn forget(&mut self, row: u32, trace: u32, counts: bool) {
        if let Some((response, _)) = self.of_row.remove(&row) {
            self.take_out(row, response);
            if response.0 == NONE && counts {
                self.away.insert(response.1, trace);
            }
        }
    }

    /// The response of a row, if other rows name it too.
    pub(super) fn shared(&self, row: u32) -> Option<Response> {
        if self.groups.is_empty() && self.away.is_empty() {
            return None;
        }
        self.of_row
            .get(&row)
            .map(|(response, _)| *response)
            .filter(|response| self.groups.contains_key(response) || self.is_away(*response).is_some())
    }

    /// The trace that counts a response and is not in memory.
    fn is_away(&self, (trace, key): Response) -> Option<u32> {
        if trace == NONE { self.away.get(&key).copied() } else { None }
    }

    fn take_out(&mut self, row: u32, response: Response) {
        let mut rest = self.groups.remove(&response).unwrap_or_else(|| vec![row]);
        rest.retain(|other| *other != row);
        match rest.first() {
            Some(&other) => _ = self.first.insert(response, other),
            None => _ = self.first.remove(&response),
        }
        if rest.len() > 1 {
            self.groups.insert(response, rest);
        }
    }
}

impl Store {
    /// Chooses the one that counts among the rows of each response.
    pub(super) fn settle_responses(&mut self, mut stale: Vec<Response>) {
        stale.sort_unstable();
        stale.dedup();
        for response in stale {
            let rows = self.responses.rows(response);
            let counts = if response.0 == NONE {
                self.choose_anywhere(response, &rows)
            } else {
                let candidates = rows.iter().filter(|&&row| self.may_count(response, row));
                candidates.copied().min_by_key(|&row| self.columns.id(row))
            };
            let twice: Vec<bool> =
                rows.iter().map(|&row| self.may_count(response, row) && Some(row) != counts).collect();
            for (row, twice) in rows.into_iter().zip(twice) {
                if self.columns.state[row as usize].bits.has(RowBits::DUPLICATE) != twice {
                    self.untally(row);
                    self.columns.state[row as usize].bits.set(RowBits::DUPLICATE, twice);
                    self.tally(row);
                    self.changes.push(SpanIx(row));
                }
            }
        }
    }

    /// Whether a row is one that could stand for its response.
    fn may_count(&self, response: Response, row: u32) -> bool {
        // A failed call and a tool have no usage and yet are copied.
        let alone = |row| {
            let bits = self.columns.state[row as usize].bits;
            let below = bits.has(RowBits::CALL_BELOW) || bits.has(RowBits::USAGE_BELOW);
            let kind = self.columns.kind(row);
            bits.has(RowBits::KNOWN)
                && (kind == Some(SpanKind::Tool) || kind == Some(SpanKind::Llm) && !below)
        };
        counting::is_uncovered(&self.columns, row) || response.0 == NONE && alone(row)
    }

    /// The row that counts among those of several traces.
    fn choose_anywhere(&mut self, response: Response, rows: &[u32]) -> Option<u32> {
        let trace_of = |row: u32| self.columns.links[row as usize].trace;
        let away = self.responses.is_away(response);
        let own = self.evicted.restoring;
        let rank = |row: u32| {
            let usage = self.columns.call(row).map_or(0, |call| call.usage.total());
            let copied = self.columns.state[row as usize].marks.has(Marks::COPY);
            let trace = self.traces.rows[trace_of(row) as usize].id.bits();
            (std::cmp::Reverse(usage), copied, trace, self.columns.id(row))
        };
        let candidates = rows.iter().copied().filter(|&row| self.may_count(response, row));
        let Some(own) = own else {
            return if away.is_some() { None } else { candidates.min_by_key(|&row| rank(row)) };
        };
        // While a trace comes back, what is counted stays where it is.
        let chosen = match away {
            Some(trace) if trace != own => None,
            Some(_) => candidates.filter(|&row| trace_of(row) == own).min_by_key(|&row| rank(row)),
            None => {
                let counted = |row: &u32| {
                    trace_of(*row) != own && !self.columns.state[*row as usize].bits.has(RowBits::DUPLICATE)
                };
                let elsewhere = candidates.clone().find(counted);
                elsewhere.or_else(|| candidates.min_by_key(|&row| rank(row)))
            }
        };
        self.responses.later.push(response);
        chosen
    }

    /// A trace is back: what it counts may be somebody else's now.
    pub(super) fn responses_are_back(&mut self, trace: u32) {
        self.responses.away.retain(|_, away| *away != trace);
        let later = std::mem::take(&mut self.responses.later);
        self.settle_responses(later);
    }

    /// Whether a row is the one that counts for its response.
    pub(super) fn counts_for_response(&self, row: u32) -> bool {
        let response = self.responses.of_row.get(&row).map(|(response, _)| *response);
        response.is_some_and(|response| self.may_count(response, row))
            && !self.columns.state[row as usize].bits.has(RowBits::DUPLICATE)
    }
}
