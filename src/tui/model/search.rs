//! Searching the open run: names and labels at once, payload text as it is read.

use super::payloads::{Batches, Found, PayloadSearch};
use crate::store::{SpanIx, SpanView, Store};
use crate::text::search::Query;

/// A search and what it found.
#[derive(Debug, Default)]
pub struct Search {
    /// What is looked for, lower case.
    pub needle: String,
    /// Number of the search; answers to older ones are dropped.
    pub number: u64,
    /// Spans that have it, in tree order.
    pub hits: Vec<SpanIx>,
    /// Spans whose payload was not read yet, in tree order.
    pub waiting: Vec<SpanIx>,
    batches: Batches,
}

impl Search {
    /// Starts over with another needle.
    pub fn start(&mut self, needle: &str, spans: impl Iterator<Item = SpanIx>, has: impl Fn(SpanIx) -> bool) {
        let batches = Batches::new(Query::new(&[needle.to_owned()], &[]));
        *self = Self { needle: needle.to_lowercase(), number: self.number + 1, batches, ..Self::default() };
        if self.needle.is_empty() {
            return;
        }
        for span in spans {
            if has(span) { self.hits.push(span) } else { self.waiting.push(span) }
        }
        self.waiting.reverse();
    }

    /// Stops.
    pub fn clear(&mut self) {
        *self = Self { number: self.number + 1, ..Self::default() };
    }

    /// Whether there is a search.
    pub fn is_on(&self) -> bool {
        !self.needle.is_empty()
    }

    /// Whether a span's own fields have the needle.
    pub fn in_fields(needle: &str, span: &SpanView<'_>) -> bool {
        let has = |text: &str| text.to_lowercase().contains(needle);
        let labels = span.facets();
        has(span.name())
            || span.error().is_some_and(has)
            || [labels.step, labels.agent, labels.tool, labels.model, labels.provider, labels.span_type]
                .into_iter()
                .any(|symbol| symbol.is_some() && has(span.text(symbol)))
            || span.id_text().starts_with(needle)
    }

    /// The next payloads to search.
    pub fn take_wanted(&mut self, store: &Store) -> Option<PayloadSearch> {
        let waiting = &mut self.waiting;
        self.batches.ask(store, self.number, || waiting.pop())
    }

    /// Whether everything was searched.
    pub fn is_over(&self) -> bool {
        self.waiting.is_empty() && !self.batches.is_reading()
    }

    /// Takes in what was found. `order` gives the place of a span in the tree.
    pub fn answer(&mut self, found: &Found, order: impl Fn(SpanIx) -> usize) {
        self.batches.take();
        let has = found.iter().filter(|(_, facts)| facts.texts.contains(&true));
        self.hits.extend(has.map(|(span, _)| SpanIx::from_index(*span as usize)));
        self.hits.sort_by_cached_key(|span| order(*span));
        self.hits.dedup();
    }

    /// The hit after or before a span, going round at the ends, with its number.
    pub fn step(
        &self,
        from: Option<SpanIx>,
        forward: bool,
        order: impl Fn(SpanIx) -> usize,
    ) -> Option<(SpanIx, usize)> {
        let here = from.map_or(0, &order);
        let at = if forward {
            let next = self.hits.iter().position(|hit| from.is_none() || order(*hit) > here);
            next.unwrap_or(0)
        } else {
            let before = self.hits.iter().rposition(|hit| order(*hit) < here);
            before.unwrap_or(self.hits.len().saturating_sub(1))
        };
        self.hits.get(at).map(|hit| (*hit, at + 1))
    }
}
