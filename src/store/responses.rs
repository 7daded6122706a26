//! Calls that were recorded twice: a client and a gateway, or two instrumentations, both write a span for one request and
//! name the same response.
//!
//! Of the spans of a trace that name one response, those that something below them repeats are out of the question (see
//! `counting`); of the others one counts, whatever the order of arrival: the one with the smallest id.

use rustc_hash::FxHashMap;

use super::Store;
use super::columns::RowBits;
use super::counting;
use super::handle::SpanIx;
use crate::model::Stamp;

/// A response in a trace.
pub(super) type Response = (u32, u64);

/// Which rows name which response.
#[derive(Debug, Default)]
pub(super) struct Responses {
    of_row: FxHashMap<u32, (Response, Stamp)>,
    /// The first row of each response.
    first: FxHashMap<Response, u32>,
    /// All rows of a response that several name.
    groups: FxHashMap<Response, Vec<u32>>,
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
        before.into_iter().flat_map(|before| [before, response]).collect()
    }

    fn rows(&self, response: Response) -> Vec<u32> {
        let alone = || self.first.get(&response).copied().into_iter().collect();
        self.groups.get(&response).cloned().unwrap_or_else(alone)
    }

    /// Forgets a row that leaves.
    pub(super) fn forget(&mut self, row: u32) {
        if let Some((response, _)) = self.of_row.remove(&row) {
            self.take_out(row, response);
        }
    }

    /// The response of a row, if other rows name it too.
    pub(super) fn shared(&self, row: u32) -> Option<Response> {
        if self.groups.is_empty() {
            return None;
        }
        self.of_row
            .get(&row)
            .map(|(response, _)| *response)
            .filter(|response| self.groups.contains_key(response))
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
            let candidates = || rows.iter().filter(|&&row| counting::is_uncovered(&self.columns, row));
            let counts = candidates().copied().min_by_key(|&row| self.columns.id(row));
            let twice: Vec<bool> = rows
                .iter()
                .map(|&row| counting::is_uncovered(&self.columns, row) && Some(row) != counts)
                .collect();
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
}
