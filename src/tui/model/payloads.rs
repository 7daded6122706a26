//! Asking for payloads to be searched: a batch at a time, small at first, large when there is much to do.

use std::sync::Arc;

use crate::source::{StopFlag, Wanted};
use crate::store::{SpanIx, Store};
use crate::text::search::{Facts, Query};

/// Bytes of the first batch of a search.
const FIRST: u64 = 4 << 20;
/// Bytes of the largest one.
const LARGEST: u64 = 64 << 20;
/// Records of a batch at most.
const MAX_RECORDS: usize = 1 << 16;
/// What a row of a table counts, whose size is not known.
const ROW: u64 = 1 << 10;

/// What was found in the payloads of a batch, by span.
pub(in crate::tui) type Found = Vec<(u32, Facts)>;

/// A batch to be searched.
#[derive(Debug)]
pub struct PayloadSearch {
    /// Number of the batch; answers carry it.
    pub number: u64,
    /// What is looked for.
    pub query: Arc<Query>,
    /// Records by the number of their span.
    pub wanted: Vec<Wanted>,
    /// Set when nobody waits for the answer any more.
    pub stop: StopFlag,
}

/// The batches of one search. Dropping it stops the one that is under way.
#[derive(Debug, Default)]
pub(super) struct Batches {
    query: Arc<Query>,
    spans: Option<Vec<SpanIx>>,
    size: u64,
    stop: StopFlag,
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl Batches {
    /// Looks for something else.
    pub(super) fn new(query: Query) -> Self {
        Self { query: Arc::new(query), spans: None, size: FIRST, stop: StopFlag::default() }
    }

    /// What is looked for.
    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// Whether a batch is under way.
    pub(super) fn is_reading(&self) -> bool {
        self.spans.is_some()
    }

    /// The next batch, of the spans that `next` gives; none while one is under way.
    pub(super) fn ask(
        &mut self,
        store: &Store,
        number: u64,
        mut next: impl FnMut() -> Option<SpanIx>,
    ) -> Option<PayloadSearch> {
        if self.is_reading() {
            return None;
        }
        let (mut spans, mut wanted, mut records, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        while bytes < self.size && wanted.len() < MAX_RECORDS {
            let Some(span) = next() else { break };
            store.span(span).add_payloads(&mut records);
            for record in records.drain(..) {
                bytes += if record.len == 0 { ROW } else { u64::from(record.len) };
                wanted.push((span.index() as u32, record));
            }
            spans.push(span);
        }
        if spans.is_empty() {
            return None;
        }
        self.size = (self.size * 2).min(LARGEST);
        self.spans = Some(spans);
        Some(PayloadSearch { number, query: Arc::clone(&self.query), wanted, stop: self.stop.clone() })
    }

    /// The spans of the batch that was under way, which is over.
    pub(super) fn take(&mut self) -> Vec<SpanIx> {
        self.spans.take().unwrap_or_default()
    }
}
