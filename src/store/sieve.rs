//! A filter over the store's rows, 64 at a time.

use std::fmt::Write as _;
use std::hash::Hasher as _;

use super::heritage::{self, Heritage};
use super::{Clock, SpanIx, SpanView, Store, TraceIx, TraceView};
use crate::filter::{Block, Compiled, Filter, Lookup, Payload, Question, Range, Verdict, Verdicts};
use crate::model::{Field, Status};

/// Rows of a block: block `n` begins at row `n * BLOCK`.
pub const BLOCK: usize = 64;

/// A filter prepared for the rows of one store. It remembers what it found out about labels; [`Sieve::changed`] keeps
/// that true.
#[derive(Debug)]
pub struct Sieve {
    compiled: Compiled,
    caches: Vec<Cache>,
    heritage: Heritage,
}

/// Answers to one question by the number of whatever its field's text belongs to: a combination of labels, a trace.
#[derive(Debug, Default)]
struct Cache {
    question: usize,
    answers: Vec<u8>,
    /// What was asked about traces by their names, which stand in where no workflow is named: [`SEEN`], the answer,
    /// and a hash of the name.
    names: Vec<u32>,
}

/// "Not asked yet", "no" and "yes" in a table of answers.
const OPEN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// Says that a name was asked about.
const SEEN: u32 = 1;
/// Says that it passed.
const PASSED: u32 = 2;

impl Cache {
    #[inline]
    fn ask(&mut self, at: usize, ask: impl FnOnce() -> bool) -> bool {
        match self.answers.get(at) {
            Some(&YES) => true,
            Some(&NO) => false,
            _ => {
                if self.answers.len() <= at {
                    self.answers.resize((at + 1).next_power_of_two(), OPEN);
                }
                let answer = ask();
                self.answers[at] = if answer { YES } else { NO };
                answer
            }
        }
    }

    fn ask_name(&mut self, trace: TraceView<'_>, ask: impl FnOnce(&str) -> bool) -> bool {
        let at = trace.ix().index();
        if self.names.len() <= at {
            self.names.resize((at + 1).next_power_of_two(), 0);
        }
        let known = &mut self.names[at];
        if *known & SEEN == 0 {
            let name = trace.name();
            *known = hash(name) | SEEN | if ask(name) { PASSED } else { 0 };
        }
        *known & PASSED != 0
    }

    /// Whether a trace that was asked about has another name now.
    fn is_renamed(&self, trace: TraceView<'_>) -> bool {
        self.names
            .get(trace.ix().index())
            .is_some_and(|known| known & SEEN != 0 && known & !(SEEN | PASSED) != hash(trace.name()))
    }
}

fn hash(name: &str) -> u32 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(name.as_bytes());
    (hasher.finish() >> 32) as u32 & !(SEEN | PASSED)
}

impl Default for Sieve {
    fn default() -> Self {
        Self::new(&Filter::default())
    }
}

impl Sieve {
    /// Prepares a filter.
    pub fn new(filter: &Filter) -> Self {
        Self { compiled: filter.compiled(), caches: Vec::new(), heritage: Heritage::default() }
    }

    /// Prepares another filter; what is known about the rows stays.
    pub fn set_filter(&mut self, filter: &Filter) {
        self.compiled = filter.compiled();
        self.caches.clear();
    }

    /// Which of the rows `among` a block match. Rows of which no record was seen never do.
    pub fn ask(&mut self, store: &Store, clock: &Clock, block: usize, among: u64) -> Verdicts {
        self.ask_with(store, clock, block, among, None)
    }

    /// The rows `among` a block that have no end yet: time alone may change what their status or duration says.
    pub fn open(&self, store: &Store, block: usize, among: u64) -> u64 {
        let first = (block * BLOCK) as u32;
        let rows = store.rows() as u32;
        each(among, |at| {
            first + at < rows && {
                let span = store.span(SpanIx(first + at));
                span.is_known() && span.is_open()
            }
        })
    }

    /// The same where the payloads of the rows are known to say the same.
    pub fn ask_with(
        &mut self,
        store: &Store,
        clock: &Clock,
        block: usize,
        among: u64,
        payload: Option<&dyn Payload>,
    ) -> Verdicts {
        let first = block * BLOCK;
        let there = match store.rows().saturating_sub(first) {
            0 => return Verdicts::default(),
            rows if rows < BLOCK => (1 << rows) - 1,
            _ => u64::MAX,
        };
        let caches = &mut self.caches;
        let heritage = &mut self.heritage;
        let mut rows = Rows { store, clock, first, payload, caches, heritage };
        let known = rows.each(among & there, |span| span.is_known());
        self.compiled.ask(&mut rows, known)
    }

    /// Says that a span changed. Returns its trace when all of that has to be asked again, after
    /// [`Sieve::forget`], because labels that its spans inherit are others now.
    pub fn changed(&mut self, store: &Store, span: SpanIx) -> Option<TraceIx> {
        let view = store.span(span);
        let trace = view.trace();
        let mut again = self.heritage.changed(store, span.0);
        again |= self.caches.iter().any(|cache| cache.is_renamed(trace));
        again.then(|| trace.ix())
    }

    /// Forgets what is known about a trace.
    pub fn forget(&mut self, store: &Store, trace: TraceIx) {
        self.heritage.forget(store, trace);
        for cache in &mut self.caches {
            if let Some(answer) = cache.names.get_mut(trace.index()) {
                *answer = 0;
            }
        }
    }
}

/// A block, with what is remembered.
struct Rows<'a> {
    store: &'a Store,
    clock: &'a Clock,
    first: usize,
    payload: Option<&'a dyn Payload>,
    caches: &'a mut Vec<Cache>,
    heritage: &'a mut Heritage,
}

impl<'a> Rows<'a> {
    #[inline]
    fn span(&self, at: u32) -> SpanView<'a> {
        self.store.span(SpanIx(self.first as u32 + at))
    }

    /// The rows for which something holds.
    #[inline]
    fn each(&self, among: u64, mut holds: impl FnMut(SpanView<'a>) -> bool) -> u64 {
        each(among, |at| holds(self.span(at)))
    }
}

#[inline]
fn each(among: u64, mut holds: impl FnMut(u32) -> bool) -> u64 {
    let mut found = 0;
    if among == u64::MAX {
        for at in 0..64 {
            found |= u64::from(holds(at)) << at;
        }
        return found;
    }
    let mut left = among;
    while left != 0 {
        let at = left.trailing_zeros();
        left &= left - 1;
        found |= u64::from(holds(at)) << at;
    }
    found
}

impl Block for Rows<'_> {
    fn kinds(&self, wanted: u16, among: u64) -> u64 {
        self.each(among, |span| wanted >> (span.kind() as u8) & 1 == 1)
    }

    fn statuses(&self, wanted: u16, among: u64) -> u64 {
        self.each(among, |span| wanted >> (span.status(self.clock) as u8) & 1 == 1)
    }

    fn numbers(&self, field: Field, range: Range, among: u64) -> u64 {
        let has = |number: Option<i64>| number.is_some_and(|number| range.has(number));
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        match field {
            Field::Tokens => self.each(among, |span| has(span.usage().map(|usage| count(usage.total())))),
            Field::Input => {
                self.each(among, |span| has(span.usage().and_then(|usage| usage.input).map(count)))
            }
            Field::Output => {
                self.each(among, |span| has(span.usage().and_then(|usage| usage.output).map(count)))
            }
            Field::Cached => {
                self.each(among, |span| has(span.usage().and_then(|usage| usage.cache_read).map(count)))
            }
            Field::Reasoning => {
                self.each(among, |span| has(span.usage().and_then(|usage| usage.reasoning).map(count)))
            }
            Field::Cost => self.each(among, |span| has(span.cost().map(|cost| cost.0))),
            Field::Duration => self.each(among, |span| {
                has(span.duration().or_else(|| {
                    let start = span.start()?;
                    let running = span.status(self.clock) == Status::Running;
                    running.then(|| span.trace().now(self.clock).since(start).max(0))
                }))
            }),
            Field::Ttft => self.each(among, |span| has(span.ttft())),
            _ => 0,
        }
    }

    fn texts(&mut self, field: Field, question: &mut Question<'_>, among: u64) -> u64 {
        let store = self.store;
        match field {
            Field::Name => {
                return self.each(among, |span| question.symbol(span.name_symbol(), &store.strings));
            }
            Field::Error => {
                return self.each(among, |span| question.symbol(span.error_symbol(), &store.strings));
            }
            Field::SpanId => {
                let mut text = String::new();
                return self.each(among, |span| {
                    text.clear();
                    // Writing into a string cannot fail.
                    write!(text, "{}", span.id().display(&store.strings)).ok();
                    question.text(&text)
                });
            }
            _ => {}
        }
        let known = self.caches.iter().position(|cache| cache.question == question.number());
        let at = known.unwrap_or_else(|| {
            self.caches.push(Cache { question: question.number(), ..Cache::default() });
            self.caches.len() - 1
        });
        let Some(mut cache) = self.caches.get_mut(at).map(std::mem::take) else { return 0 };
        let found = self.ask_cached(field, question, &mut cache, among);
        self.caches[at] = cache;
        found
    }

    fn attribute(&self, _at: u32, name: &str) -> Lookup<'_> {
        self.payload.map_or(Lookup::Unknown, |payload| payload.attribute(name))
    }

    fn payload_contains(&self, _at: u32, needle: &str) -> Verdict {
        self.payload.map_or(Verdict::Unknown, |payload| payload.contains(needle).into())
    }
}

impl Rows<'_> {
    /// Asks about text that many rows share.
    fn ask_cached(
        &mut self,
        field: Field,
        question: &mut Question<'_>,
        cache: &mut Cache,
        among: u64,
    ) -> u64 {
        let (store, strings) = (self.store, &self.store.strings);
        match field {
            Field::Workflow => {
                let heritage = &mut *self.heritage;
                let first = self.first as u32;
                each(among, |at| {
                    let set = heritage.of(store, first + at);
                    let label = heritage.label(set, field);
                    if label.is_none() {
                        let trace = store.span(SpanIx(first + at)).trace();
                        return cache.ask_name(trace, |name| question.text(name));
                    }
                    cache.ask(set as usize, || question.symbol(label, strings))
                })
            }
            _ if heritage::FIELDS.contains(&field) => {
                let heritage = &mut *self.heritage;
                let first = self.first as u32;
                each(among, |at| {
                    let set = heritage.of(store, first + at);
                    cache.ask(set as usize, || question.symbol(heritage.label(set, field), strings))
                })
            }
            Field::Trace => self.each(among, |span| {
                let trace = span.trace();
                cache.ask(trace.ix().index(), || question.text(&trace.id_text()))
            }),
            Field::Source => {
                // A source may get its name late: nothing is remembered for longer than a block.
                let mut recent = None;
                self.each(among, |span| {
                    let source = span.source();
                    match recent {
                        Some((known, answer)) if known == source => answer,
                        _ => {
                            let name = store.source(source).map_or("", |source| source.name.as_str());
                            let answer = question.text(name);
                            recent = Some((source, answer));
                            answer
                        }
                    }
                })
            }
            _ => self.each(among, |span| {
                let facet = span.facet_id();
                let label = || store.facets.get(facet).get(field).unwrap_or_default();
                cache.ask(facet.index(), || question.symbol(label(), strings))
            }),
        }
    }
}
