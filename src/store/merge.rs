//! How records about one span become one row.
//!
//! Of two records that both speak about a field, the one with the higher [`Stamp`] wins; what a record doesn't say
//! erases nothing; a written time wins over a worked-out one; an end is never undone by a late start. So the row is the
//! same in whatever order, and however often, the records arrive.
//!
//! A row keeps the stamp of its newest record. Where that isn't enough, because the newest record spoke about only some
//! of the fields, a side table keeps which record spoke about which fields.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use super::calls::CostSource;
use super::columns::{Columns, RowBits};
use super::facets::{FacetTable, Facets};
use crate::model::{Parent, SpanUpdate, Stamp, Status, Symbol, Usage, UsageNotes};

/// Which fields a record speaks about: one bit each.
type Mask = u32;

const PARENT: Mask = 1;
const START_WRITTEN: Mask = 1 << 1;
const START_INFERRED: Mask = 1 << 2;
const END_WRITTEN: Mask = 1 << 3;
const END_INFERRED: Mask = 1 << 4;
const FIRST_TOKEN: Mask = 1 << 5;
const STATUS_TERMINAL: Mask = 1 << 6;
const STATUS_OPEN: Mask = 1 << 7;
const KIND: Mask = 1 << 8;
const USAGE: Mask = 1 << 9;
const COST: Mask = 1 << 10;
const NAME: Mask = 1 << 11;
const ERROR: Mask = 1 << 12;
/// Usage of which the output is at least so much: it gives way to usage that was counted, and to more.
const USAGE_AT_LEAST: Mask = 1 << 13;
const LABELS: u32 = 14;

/// Which record spoke about which fields, for rows whose newest record did not speak about all of them.
#[derive(Debug, Default)]
pub(super) struct History(FxHashMap<u32, Vec<(Stamp, Mask)>>);

impl History {
    /// Forgets a row.
    pub(super) fn forget(&mut self, row: u32) {
        self.0.remove(&row);
    }

    pub(super) fn memory(&self) -> usize {
        self.0.len() * 96
    }
}

/// What a merge changed beyond the row's own cells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Merged {
    /// The parent is said now and was not, or is another one.
    pub parent: Option<Parent>,
    /// Model, provider, usage, cost or time changed, so the price may have.
    pub price: bool,
    /// Model or provider were known and are others now; who inherited them has to do so again.
    pub model_replaced: bool,
}

/// Merges one record into its row. Symbols are the store's own already.
pub(super) fn merge(
    columns: &mut Columns,
    facets: &mut FacetTable,
    history: &mut History,
    row: u32,
    update: &SpanUpdate,
    labels: &mut LabelCache,
) -> Merged {
    let at = row as usize;
    let said = said_by(update);
    let before = said_of(columns, facets, row);
    let known = columns.state[at].bits.has(RowBits::KNOWN);
    let newest = columns.stamp(row);
    let ahead = !known || update.stamp >= newest;

    // Whether this record's word on a field counts against what the row has.
    let wins = |field: Mask| -> bool {
        if before & field == 0 {
            return true;
        }
        if !columns.state[at].bits.has(RowBits::HISTORY) {
            return ahead;
        }
        let versions = history.0.get(&row).map_or(&[][..], Vec::as_slice);
        let version = versions.iter().filter(|(_, mask)| mask & field != 0).map(|(stamp, _)| *stamp).max();
        version.is_none_or(|version| update.stamp >= version)
    };

    let mut merged = Merged::default();
    let parent_wins = said & PARENT != 0 && wins(PARENT);
    let start_wins = match update.start {
        Some(time) if time.inferred => before & START_WRITTEN == 0 && wins(START_INFERRED),
        Some(_) => wins(START_WRITTEN),
        None => false,
    };
    let end_wins = match update.end {
        Some(time) if time.inferred => before & END_WRITTEN == 0 && wins(END_INFERRED),
        Some(_) => wins(END_WRITTEN),
        None => false,
    };
    let status_wins = match update.status {
        Some(status) if status.is_terminal() => wins(STATUS_TERMINAL),
        Some(_) => before & STATUS_TERMINAL == 0 && wins(STATUS_OPEN),
        None => false,
    };
    let kind_wins = said & KIND != 0 && wins(KIND);
    let usage_wins = match update.usage {
        Some(usage) if is_at_least(&usage) => {
            let have =
                columns.call(row).map(|call| call.usage.output).filter(|_| before & USAGE_AT_LEAST != 0);
            before & USAGE == 0
                && match have.map(|have| usage.output.cmp(&have)) {
                    Some(Ordering::Less) => false,
                    Some(Ordering::Equal) => wins(USAGE_AT_LEAST),
                    Some(Ordering::Greater) | None => true,
                }
        }
        Some(_) => wins(USAGE),
        None => false,
    };
    let cost_wins = said & COST != 0 && wins(COST);
    let first_wins = said & FIRST_TOKEN != 0 && wins(FIRST_TOKEN);
    let name_wins = said & NAME != 0 && wins(NAME);
    let error_wins = said & ERROR != 0 && wins(ERROR);
    let new_labels = if said >> LABELS == 0 {
        None
    } else {
        let inherited = columns.state[at].bits.has(RowBits::MODEL_INHERITED);
        let mut have = facets.get(columns.words[at].facets).to_array();
        if inherited && (update.model.is_some() || update.provider.is_some()) {
            (have[MODEL_LABEL], have[PROVIDER_LABEL]) = (Symbol::NONE, Symbol::NONE);
        }
        for (label, (slot, new)) in have.iter_mut().zip(Facets::of(update).to_array()).enumerate() {
            if new.is_some() && (slot.is_none() || wins(1 << (LABELS + label as u32))) {
                *slot = new;
            }
        }
        Some(have)
    };

    remember(columns, history, row, update.stamp, said, before);

    let bits = &mut columns.state[at].bits;
    bits.set(RowBits::KNOWN, true);
    if start_wins {
        bits.set(RowBits::START_INFERRED, update.start.is_some_and(|time| time.inferred));
    }
    if end_wins {
        bits.set(RowBits::END_INFERRED, update.end.is_some_and(|time| time.inferred));
    }
    if let (Some(time), true) = (update.start, start_wins) {
        columns.set_start(row, time.at);
        merged.price = true;
    }
    if let (Some(time), true) = (update.end, end_wins) {
        columns.set_end(row, time.at);
        merged.price = true;
    }
    if let (Some(status), true) = (update.status, status_wins) {
        columns.set_status(row, status);
    }
    if let (Some(kind), true) = (update.kind, kind_wins) {
        columns.set_kind(row, kind);
    }
    if parent_wins {
        merged.parent = Some(update.parent);
    }
    if name_wins {
        columns.words[at].name = update.name;
    }
    if error_wins {
        columns.errors.insert(row, update.error);
    }
    if usage_wins || cost_wins || first_wins {
        let mut call = columns.call(row).unwrap_or_default();
        if let (Some(usage), true) = (update.usage, usage_wins) {
            call.usage = usage;
        }
        if let (Some(cost), true) = (update.cost, cost_wins) {
            (call.reported, call.cost, call.source) = (Some(cost), cost, CostSource::Reported);
        }
        if let (Some(first), true) = (update.first_token, first_wins) {
            call.first_token = Some(first);
        }
        columns.set_call(row, &call);
        merged.price |= usage_wins || cost_wins;
    }
    if let Some(have) = new_labels {
        if update.model.is_some() || update.provider.is_some() {
            columns.state[at].bits.set(RowBits::MODEL_INHERITED, false);
            merged.price = true;
            let had = facets.get(columns.words[at].facets);
            merged.model_replaced = had.model.is_some()
                && (had.model != have[MODEL_LABEL] || had.provider != have[PROVIDER_LABEL]);
        }
        columns.words[at].facets = labels.intern(facets, have);
    }
    columns.state[at].marks = columns.state[at].marks.with(update.marks);
    if let Some(payload) = update.payload {
        columns.add_payload(row, payload);
    }
    columns.raise_stamp(row, newest.max(update.stamp));
    merged
}

/// The last combination that was interned: neighbours in a batch often share it.
#[derive(Debug, Default)]
pub(super) struct LabelCache(Option<([Symbol; Facets::COUNT], super::facets::FacetId)>);

impl LabelCache {
    fn intern(&mut self, table: &mut FacetTable, labels: [Symbol; Facets::COUNT]) -> super::facets::FacetId {
        if let Some((known, id)) = self.0
            && known == labels
        {
            return id;
        }
        let id = table.intern(Facets::from_array(labels));
        self.0 = Some((labels, id));
        id
    }
}

/// Positions of model and provider among the labels.
const MODEL_LABEL: usize = 5;
const PROVIDER_LABEL: usize = 6;

fn is_at_least(usage: &Usage) -> bool {
    usage.parts.notes.has(UsageNotes::OUTPUT_AT_LEAST)
}

fn remember(columns: &mut Columns, history: &mut History, row: u32, stamp: Stamp, said: Mask, before: Mask) {
    let at = row as usize;
    if !columns.state[at].bits.has(RowBits::KNOWN) {
        return;
    }
    let newest = columns.stamp(row);
    if columns.state[at].bits.has(RowBits::HISTORY) {
        let versions = history.0.entry(row).or_default();
        match versions.iter_mut().find(|(known, _)| *known == stamp) {
            Some((_, mask)) => *mask |= said,
            None => versions.push((stamp, said)),
        }
        // A record that speaks about everything makes what came before it irrelevant.
        if let Some(&(full, mask)) = versions.iter().max_by_key(|(stamp, _)| *stamp)
            && versions.iter().all(|(_, other)| other & !settled_by(mask) == 0)
        {
            versions.retain(|(stamp, _)| *stamp == full);
        }
        return;
    }
    // The newest record alone tells all versions while it speaks about all that is known.
    let newest_tells_all = stamp == newest || (stamp > newest && before & !settled_by(said) == 0);
    if !newest_tells_all {
        history.0.insert(row, vec![(newest, before), (stamp, said)]);
        columns.state[at].bits.set(RowBits::HISTORY, true);
    }
}

/// The fields that a record leaves nothing more to be said about for older ones: those it speaks about, and what a
/// written time or a terminal status stand above anyway. So a span's start and its end make no history.
fn settled_by(said: Mask) -> Mask {
    let above = |higher: Mask, lower: Mask| if said & higher != 0 { lower } else { 0 };
    said | above(STATUS_TERMINAL, STATUS_OPEN)
        | above(USAGE, USAGE_AT_LEAST)
        | above(START_WRITTEN, START_INFERRED)
        | above(END_WRITTEN, END_INFERRED)
}

fn said_by(update: &SpanUpdate) -> Mask {
    let mut mask = 0;
    let mut say = |bit: Mask, said: bool| mask |= if said { bit } else { 0 };
    say(PARENT, update.parent != Parent::Unsaid);
    say(START_WRITTEN, update.start.is_some_and(|time| !time.inferred));
    say(START_INFERRED, update.start.is_some_and(|time| time.inferred));
    say(END_WRITTEN, update.end.is_some_and(|time| !time.inferred));
    say(END_INFERRED, update.end.is_some_and(|time| time.inferred));
    say(FIRST_TOKEN, update.first_token.is_some());
    say(STATUS_TERMINAL, update.status.is_some_and(Status::is_terminal));
    say(STATUS_OPEN, update.status.is_some_and(|status| !status.is_terminal()));
    say(KIND, update.kind.is_some());
    say(USAGE, update.usage.is_some_and(|usage| !is_at_least(&usage)));
    say(USAGE_AT_LEAST, update.usage.is_some_and(|usage| is_at_least(&usage)));
    say(COST, update.cost.is_some());
    say(NAME, update.name.is_some());
    say(ERROR, update.error.is_some());
    mask | label_mask(&Facets::of(update))
}

fn said_of(columns: &Columns, facets: &FacetTable, row: u32) -> Mask {
    let at = row as usize;
    let bits = columns.state[at].bits;
    if !bits.has(RowBits::KNOWN) {
        return 0;
    }
    let mut mask = 0;
    let mut say = |bit: Mask, said: bool| mask |= if said { bit } else { 0 };
    say(PARENT, columns.links[at].parent != super::handle::NONE || bits.has(RowBits::ROOT));
    let start = columns.start(row).is_some();
    say(START_WRITTEN, start && !bits.has(RowBits::START_INFERRED));
    say(START_INFERRED, start && bits.has(RowBits::START_INFERRED));
    let end = columns.end(row).is_some();
    say(END_WRITTEN, end && !bits.has(RowBits::END_INFERRED));
    say(END_INFERRED, end && bits.has(RowBits::END_INFERRED));
    say(STATUS_TERMINAL, columns.status(row).is_some_and(Status::is_terminal));
    say(STATUS_OPEN, columns.status(row).is_some_and(|status| !status.is_terminal()));
    say(KIND, columns.kind(row).is_some());
    if let Some(call) = columns.call(row) {
        say(USAGE, call.usage.is_known() && !is_at_least(&call.usage));
        say(USAGE_AT_LEAST, call.usage.is_known() && is_at_least(&call.usage));
        say(COST, call.reported.is_some() || call.source == CostSource::Reported);
        say(FIRST_TOKEN, call.first_token.is_some());
    }
    say(NAME, columns.words[at].name.is_some());
    say(ERROR, columns.errors.contains_key(&row));
    let mut labels = *facets.get(columns.words[at].facets);
    if bits.has(RowBits::MODEL_INHERITED) {
        (labels.model, labels.provider) = (Symbol::NONE, Symbol::NONE);
    }
    mask | label_mask(&labels)
}

fn label_mask(labels: &Facets) -> Mask {
    labels
        .to_array()
        .iter()
        .enumerate()
        .fold(0, |mask, (label, symbol)| mask | u32::from(symbol.is_some()) << (LABELS + label as u32))
}
