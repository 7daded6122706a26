//! The store: every span of every source in columns, merged as records arrive, with all totals kept up to date.
//!
//! One writer, [`Store::apply`]; everything else reads. Payloads are never kept: a row only knows where they are.
//! May import `model`, `text`, `price` and `filter`.

mod apply;
mod calls;
mod columns;
mod counting;
mod evict;
mod facets;
mod handle;
mod heritage;
mod ids;
mod merge;
mod models;
mod packed;
mod peek;
mod places;
mod pricing;
mod responses;
mod row;
mod sieve;
mod sources;
#[cfg(test)]
mod tests;
mod totals;
mod trace_view;
mod traces;
mod view;

use rustc_hash::FxHashMap;

use crate::model::{Problems, SegmentId, SourceId, Strings, UnixNanos};
use crate::price::CostMode;

pub use calls::CostSource;
pub use facets::{FacetId, FacetTable, Facets};
pub use handle::{SpanIx, TraceIx};
pub use pricing::Pricing;
pub use row::{FilterRow, SearchedPayload};
pub use sieve::{BLOCK, Sieve};
pub use sources::SourceFacts;
pub use totals::Totals;
pub use trace_view::TraceView;
pub use view::{Clock, SpanView};

use columns::Columns;
use handle::NONE;
use merge::History;
use sources::Sources;
use traces::TraceTable;

/// When and how a batch came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Wall-clock time.
    pub at: UnixNanos,
    /// Whether the records were written while we watched, rather than found when the source was opened.
    pub live: bool,
}

/// See the [module](self).
#[derive(Default)]
pub struct Store {
    columns: Columns,
    facets: FacetTable,
    /// Totals per combination of labels, by [`FacetId`].
    facet_totals: Vec<Totals>,
    history: History,
    traces: TraceTable,
    strings: Strings,
    totals: Totals,
    sources: Sources,
    pricing: Option<Box<dyn Pricing>>,
    cost_mode: CostMode,
    /// Calls per trace that wait for a model to inherit.
    waiting: FxHashMap<u32, Vec<u32>>,
    /// Calls per trace that inherited their model; some may have one of their own by now.
    heirs: FxHashMap<u32, Vec<u32>>,
    /// Calls that name the response of their provider.
    responses: responses::Responses,
    evicted: evict::Evicted,
    changes: Vec<SpanIx>,
    generation: u64,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names a source.
    pub fn add_source(&mut self, source: SourceId, name: &str) {
        self.sources.set_name(source, name);
    }

    /// Says which source a segment belongs to.
    pub fn add_segment(&mut self, segment: SegmentId, source: SourceId) {
        self.sources.add_segment(segment, source);
    }

    /// Says when a source's file or database was last written before it was opened.
    pub fn set_modified(&mut self, source: SourceId, at: UnixNanos) {
        self.sources.set_modified(source, at);
        self.generation += 1;
    }

    /// All strings.
    pub fn strings(&self) -> &Strings {
        &self.strings
    }

    /// All combinations of labels.
    pub fn facets(&self) -> &FacetTable {
        &self.facets
    }

    /// Totals of the spans that carry exactly a combination of labels.
    pub fn facet_totals(&self, facet: FacetId) -> Totals {
        self.facet_totals.get(facet.index()).copied().unwrap_or_default()
    }

    /// Totals over everything.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Number of traces.
    pub fn trace_count(&self) -> usize {
        self.traces.rows.len()
    }

    /// Number of runs: the traces of one resumed run count once.
    pub fn run_count(&self) -> u64 {
        self.traces.run_count()
    }

    /// Rows of the span table: spans, events and placeholders. Handles lie below it.
    pub fn rows(&self) -> usize {
        self.columns.len()
    }

    /// What is known about a source.
    pub fn source(&self, source: SourceId) -> Option<&SourceFacts> {
        self.sources.get(source)
    }

    /// What could not be taken as it is from a source.
    pub fn problems(&self, source: SourceId) -> Option<&Problems> {
        self.sources.get(source).map(|facts| &facts.problems)
    }

    /// Grows with each change.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The spans that changed since the last call, in order of change; a span may be named more than once.
    pub fn take_changes(&mut self) -> Vec<SpanIx> {
        std::mem::take(&mut self.changes)
    }

    fn chain(&self, trace: u32) -> impl Iterator<Item = u32> + use<'_> {
        let mut next = self.traces.rows[trace as usize].last_row;
        std::iter::from_fn(move || {
            let row = next;
            (row != NONE).then(|| {
                next = self.columns.links[row as usize].previous;
                row
            })
        })
    }
}
