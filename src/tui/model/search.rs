//! Searching the open run: names and labels at once, payload text as it is read.

use std::fmt;

use rustc_hash::FxHashMap;

use super::payloads::{Batches, Found, PayloadSearch};
use crate::model::Symbol;
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
    pub fn start(
        &mut self,
        needle: &str,
        spans: impl Iterator<Item = SpanIx>,
        mut has: impl FnMut(SpanIx) -> bool,
    ) {
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

/// Whether spans' own fields have a needle. Names and labels repeat, so each text is looked at once.
#[derive(Debug)]
pub(crate) struct InFields {
    /// Lower case.
    needle: String,
    texts: FxHashMap<Symbol, bool>,
    labels: Vec<Option<bool>>,
}

impl InFields {
    pub(crate) fn new(needle: &str) -> Self {
        Self { needle: needle.to_lowercase(), texts: FxHashMap::default(), labels: Vec::new() }
    }

    /// Whether a span's fields have it.
    pub(crate) fn has(&mut self, span: &SpanView<'_>) -> bool {
        self.has_text(span, span.name_symbol())
            || span.error().is_some_and(|error| error.to_lowercase().contains(&self.needle))
            || self.has_label(span)
            || is_start_of_id(&self.needle, span)
    }

    fn has_text(&mut self, span: &SpanView<'_>, symbol: Symbol) -> bool {
        let needle = &self.needle;
        symbol.is_some()
            && *self.texts.entry(symbol).or_insert_with(|| span.text(symbol).to_lowercase().contains(needle))
    }

    fn has_label(&mut self, span: &SpanView<'_>) -> bool {
        let at = span.facet_id().index();
        if let Some(Some(known)) = self.labels.get(at) {
            return *known;
        }
        let labels = span.facets();
        let all = [labels.step, labels.agent, labels.tool, labels.model, labels.provider, labels.span_type];
        let has = all.into_iter().any(|symbol| self.has_text(span, symbol));
        if self.labels.len() <= at {
            self.labels.resize(at + 1, None);
        }
        self.labels[at] = Some(has);
        has
    }
}

/// Whether a span's id begins with a text; without making the text of the id.
fn is_start_of_id(needle: &str, span: &SpanView<'_>) -> bool {
    struct Left<'a>(&'a [u8]);
    impl fmt::Write for Left<'_> {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let both = self.0.len().min(part.len());
            let (head, rest) = self.0.split_at(both);
            if part.as_bytes().get(..both) != Some(head) {
                return Err(fmt::Error);
            }
            self.0 = rest;
            Ok(())
        }
    }
    let mut left = Left(needle.as_bytes());
    fmt::write(&mut left, format_args!("{}", span.id().display(span.store().strings()))).is_ok()
        && left.0.is_empty()
}
