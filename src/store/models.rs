//! Calls that don't name their model take it from the call they are a part of (a generation's steps).

use rustc_hash::FxHashMap;

use super::Store;
use super::columns::RowBits;
use super::handle::{NONE, SpanIx};
use crate::model::{SpanKind, Symbol};

/// How far a span goes up to find the model of its call.
const MODEL_HOPS: usize = 8;

impl Store {
    /// Looks for the models of `priceless` calls and of those
    /// that waited in the traces `hopeful`.
    pub(super) fn inherit_models(&mut self, priceless: &FxHashMap<u32, Vec<u32>>, mut hopeful: Vec<u32>) {
        let mut traces: Vec<_> = priceless.iter().collect();
        traces.sort_unstable_by_key(|(trace, _)| **trace);
        for (&trace, rows) in traces {
            self.waiting.entry(trace).or_default().extend(rows);
            hopeful.push(trace);
        }
        hopeful.sort_unstable();
        hopeful.dedup();
        for trace in hopeful {
            let rows = self.waiting.remove(&trace).unwrap_or_default();
            let mut still = Vec::new();
            for row in rows {
                if !self.inherit_model(row) {
                    still.push(row);
                }
            }
            still.sort_unstable();
            still.dedup();
            if !still.is_empty() {
                self.waiting.insert(trace, still);
            }
        }
    }

    /// Takes inherited models back, because an ancestor turned out to have another one.
    pub(super) fn disinherit(&mut self, trace: u32, priceless: &mut FxHashMap<u32, Vec<u32>>) {
        let mut heirs = self.heirs.remove(&trace).unwrap_or_default();
        heirs.retain(|&row| self.columns.state[row as usize].bits.has(RowBits::MODEL_INHERITED));
        heirs.sort_unstable();
        heirs.dedup();
        for &row in &heirs {
            self.untally(row);
            let mut labels = *self.facets.get(self.columns.words[row as usize].facets);
            (labels.model, labels.provider) = (Symbol::NONE, Symbol::NONE);
            self.columns.words[row as usize].facets = self.facets.intern(labels);
            self.columns.state[row as usize].bits.set(RowBits::MODEL_INHERITED, false);
            self.price(row);
            self.tally(row);
            self.changes.push(SpanIx(row));
        }
        priceless.entry(trace).or_default().extend(heirs);
    }

    fn inherit_model(&mut self, row: u32) -> bool {
        let at = row as usize;
        let mut labels = *self.facets.get(self.columns.words[at].facets);
        if labels.model.is_some() {
            return true;
        }
        if self.columns.kind(row) != Some(SpanKind::Llm) {
            return false;
        }
        let mut above = self.columns.links[at].parent;
        for _ in 0..MODEL_HOPS {
            if above == NONE || self.columns.kind(above) != Some(SpanKind::Llm) {
                return false;
            }
            let theirs = self.facets.get(self.columns.words[above as usize].facets);
            if theirs.model.is_some() {
                (labels.model, labels.provider) = (theirs.model, theirs.provider);
                self.untally(row);
                self.columns.words[at].facets = self.facets.intern(labels);
                self.columns.state[at].bits.set(RowBits::MODEL_INHERITED, true);
                self.heirs.entry(self.columns.links[at].trace).or_default().push(row);
                self.price(row);
                self.tally(row);
                self.changes.push(SpanIx(row));
                return true;
            }
            above = self.columns.links[above as usize].parent;
        }
        false
    }
}
