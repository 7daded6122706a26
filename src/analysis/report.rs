//! Totals and groups over a whole store: what `report` prints and the tables of the interface show.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::percentile::Percentiles;
use crate::model::{Field, GroupBy, NANOS_PER_SEC, NanoUsd, SpanKind, Status, Symbol, UsageNotes};
use crate::store::{Clock, CostSource, SpanView, Store, Totals, TraceIx};

/// The figures of a report or of one of its groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Distinct runs: the traces of one resumed run count once.
    pub runs: u64,
    /// Distinct traces.
    pub traces: u64,
    /// Open spans under way.
    pub running: u64,
    /// Open spans whose run is over.
    pub unfinished: u64,
    /// Sums over the spans.
    pub totals: Totals,
    /// Where the costs of the calls that count come from.
    pub costs: CostSources,
    /// Durations, nanoseconds: of traces in totals, of the group's own spans in groups (by workflow, trace, user,
    /// session and day: of traces).
    pub duration: Percentiles,
}

/// Calls that count, by where their cost comes from, and what is doubtful about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CostSources {
    /// Written by the source.
    pub reported: u64,
    /// Worked out from the price list.
    pub computed: u64,
    /// Worked out, with something assumed.
    pub estimated: u64,
    /// Local models.
    pub free: u64,
    /// Calls with tokens and without a price.
    pub unknown: u64,
    /// Calls that ended well and say nothing of their tokens or their cost.
    pub silent: u64,
    /// Calls whose reported cost is far from the computed one.
    pub differing: u64,
    /// Calls left out because another span records them too.
    pub duplicates: u64,
    /// Calls about whose token counters something was assumed.
    pub assumed: u64,
    /// What the providers' caches saved on calls whose rates are known; negative when writing cost more than reading
    /// brought.
    pub cache_saved: NanoUsd,
    /// How many calls that is.
    pub cache_priced: u64,
}

impl CostSources {
    /// Adds a span.
    pub fn add(&mut self, span: &SpanView<'_>) {
        self.duplicates += u64::from(span.is_duplicate() && span.kind().is_model_call());
        if !span.usage_counts() {
            self.silent += span.share().silent_calls;
            return;
        }
        let usage = span.usage();
        match span.cost_source() {
            Some(CostSource::Reported) => self.reported += 1,
            Some(CostSource::Computed) => self.computed += 1,
            Some(CostSource::Estimated) => self.estimated += 1,
            Some(CostSource::Free) => self.free += 1,
            Some(CostSource::Unknown) => {
                self.unknown += u64::from(usage.is_some_and(|usage| usage.total() > 0));
            }
            None => {}
        }
        self.differing += u64::from(span.cost_differs());
        if let Some(saved) = span.store().cache_saving(span.ix()) {
            self.cache_saved += saved;
            self.cache_priced += 1;
        }
        self.assumed += u64::from(usage.is_some_and(|usage| usage.parts.notes != UsageNotes::default()));
    }
}

/// One group of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The label, or the trace id.
    pub key: String,
    /// The name of the trace, when grouped by trace.
    pub name: Option<String>,
    /// Its figures.
    pub figures: Figures,
}

/// Totals and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Over all spans that match.
    pub totals: Figures,
    /// Sorted by cost, tokens, then key.
    pub groups: Vec<Group>,
    /// Over the spans that match and are in no group, when there are both.
    pub rest: Option<Figures>,
}

/// Figures while they are collected.
struct Collector {
    over: Over,
    figures: Figures,
    traces: FxHashSet<TraceIx>,
    durations: Vec<i64>,
    /// Durations of spans that carry the label but are not what the label names; used when there are no others.
    other_durations: Vec<i64>,
}

/// What the durations of a group are durations of.
#[derive(Clone, Copy)]
enum Over {
    Traces,
    Spans(GroupBy),
}

/// What a group is keyed by while collecting.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Label(Symbol),
    Trace(TraceIx),
    Status(Status),
    Day(i64),
}

impl Report {
    /// Looks at every span that `matches`.
    pub fn build(
        store: &Store,
        clock: &Clock,
        by: Option<GroupBy>,
        matches: &dyn Fn(&SpanView<'_>) -> bool,
    ) -> Self {
        let mut all = Collector::new(Over::Traces);
        let mut rest = by.map(|by| Collector::new(over(by)));
        let mut groups: FxHashMap<Key, Collector> = FxHashMap::default();
        let mut sessions: FxHashMap<TraceIx, Symbol> = FxHashMap::default();
        for span in store.spans().filter(|span| matches(span)) {
            all.add(&span, clock);
            let Some((by, rest)) = by.zip(rest.as_mut()) else { continue };
            match key_of(&span, by, clock, &mut sessions) {
                Some(key) => groups.entry(key).or_insert_with(|| Collector::new(over(by))).add(&span, clock),
                None => rest.add(&span, clock),
            }
        }
        let mut named: BTreeMap<String, Group> = BTreeMap::new();
        for (key, collector) in sorted(groups) {
            let (key, name) = key_text(store, key);
            let figures = collector.finish(store, clock);
            named.insert(key.clone(), Group { key, name, figures });
        }
        let mut groups: Vec<Group> = named.into_values().collect();
        groups.sort_by(|a, b| {
            let rank = |group: &Group| (group.figures.totals.cost, group.figures.totals.tokens.total());
            rank(b).cmp(&rank(a)).then_with(|| a.key.cmp(&b.key))
        });
        // Events alone add nothing to what groups are compared by.
        let rest = rest.map(|rest| rest.finish(store, clock)).filter(|figures| {
            let events = Totals { events: figures.totals.events, ..Totals::default() };
            !groups.is_empty() && figures.totals != events
        });
        Self { totals: all.finish(store, clock), groups, rest }
    }
}

impl Collector {
    fn new(over: Over) -> Self {
        Self {
            over,
            figures: Figures::default(),
            traces: FxHashSet::default(),
            durations: Vec::new(),
            other_durations: Vec::new(),
        }
    }

    fn add(&mut self, span: &SpanView<'_>, clock: &Clock) {
        self.figures.totals.merge(&span.share());
        self.figures.costs.add(span);
        self.traces.insert(span.trace().ix());
        if span.is_event() {
            return;
        }
        match span.status(clock) {
            Status::Running => self.figures.running += 1,
            Status::Unfinished => self.figures.unfinished += 1,
            _ => {}
        }
        if let (Over::Spans(by), Some(duration)) = (self.over, span.duration()) {
            let durations =
                if is_own_span(span, by) { &mut self.durations } else { &mut self.other_durations };
            durations.push(duration);
        }
    }

    fn finish(mut self, store: &Store, clock: &Clock) -> Figures {
        let traces = || sorted_set(&self.traces).into_iter().map(|trace| store.trace(trace));
        let runs: FxHashSet<u128> = traces().map(|trace| trace.run().unwrap_or(trace.id()).bits()).collect();
        let durations = match self.over {
            Over::Traces => traces().filter_map(|trace| trace.time_spent(clock)).collect(),
            Over::Spans(_) if self.durations.is_empty() => self.other_durations,
            Over::Spans(_) => self.durations,
        };
        self.figures.runs = runs.len() as u64;
        self.figures.traces = self.traces.len() as u64;
        self.figures.duration = Percentiles::of(durations);
        self.figures
    }
}

fn over(by: GroupBy) -> Over {
    match by {
        GroupBy::Workflow | GroupBy::Trace | GroupBy::User | GroupBy::Session | GroupBy::Day => Over::Traces,
        _ => Over::Spans(by),
    }
}

/// Whether a span is the thing that a label names, rather than something inside it.
fn is_own_span(span: &SpanView<'_>, by: GroupBy) -> bool {
    match by {
        GroupBy::Step => span.kind() == SpanKind::Step,
        GroupBy::Agent => span.kind() == SpanKind::Agent,
        GroupBy::Tool => span.kind() == SpanKind::Tool,
        GroupBy::Model | GroupBy::Provider => span.is_counted_call() || span.kind() == SpanKind::Embedding,
        _ => true,
    }
}

fn key_of(
    span: &SpanView<'_>,
    by: GroupBy,
    clock: &Clock,
    sessions: &mut FxHashMap<TraceIx, Symbol>,
) -> Option<Key> {
    let label = |symbol: Symbol| symbol.is_some().then_some(Key::Label(symbol));
    match by {
        GroupBy::Workflow => {
            let own = span.inherited(Field::Workflow);
            let root = || span.trace().root().map(|root| root.name_symbol());
            if own.is_some() { label(own) } else { root().and_then(label) }
        }
        GroupBy::Step => label(span.inherited(Field::Step)),
        GroupBy::Agent => label(span.inherited(Field::Agent)),
        GroupBy::User => label(span.inherited(Field::User)),
        // A conversation is made of whole traces, wherever in them it is named.
        GroupBy::Session => {
            label(*sessions.entry(span.trace().ix()).or_insert_with(|| span.trace().session()))
        }
        GroupBy::Tool => label(span.facets().tool),
        GroupBy::Model => label(span.facets().model),
        GroupBy::Provider => label(span.facets().provider),
        GroupBy::Status => (!span.is_event()).then(|| Key::Status(span.status(clock))),
        GroupBy::Trace => Some(Key::Trace(span.trace().ix())),
        GroupBy::Day => {
            let start = span.trace().start()?;
            Some(Key::Day(start.0.div_euclid(86_400 * NANOS_PER_SEC)))
        }
    }
}

fn key_text(store: &Store, key: Key) -> (String, Option<String>) {
    match key {
        Key::Label(symbol) => (store.strings().get(symbol).to_owned(), None),
        Key::Trace(trace) => {
            let trace = store.trace(trace);
            (trace.id_text(), Some(trace.name().to_owned()))
        }
        Key::Status(status) => (status.to_string(), None),
        Key::Day(day) => {
            let midnight = crate::model::UnixNanos(day.saturating_mul(86_400 * NANOS_PER_SEC));
            (midnight.to_rfc3339().chars().take(10).collect(), None)
        }
    }
}

fn sorted(groups: FxHashMap<Key, Collector>) -> Vec<(Key, Collector)> {
    let mut groups: Vec<(Key, Collector)> = groups.into_iter().collect();
    groups.sort_by_key(|(key, _)| match key {
        Key::Label(symbol) => symbol.index() as i64,
        Key::Trace(trace) => trace.index() as i64,
        Key::Status(status) => *status as i64,
        Key::Day(day) => *day,
    });
    groups
}

fn sorted_set(traces: &FxHashSet<TraceIx>) -> Vec<TraceIx> {
    let mut traces: Vec<TraceIx> = traces.iter().copied().collect();
    traces.sort_unstable();
    traces
}
