//! The spans, in columns: about a hundred bytes each.

use hashbrown::HashTable;
use rustc_hash::FxHashMap;

use super::facets::FacetId;
use super::handle::NONE;
use crate::model::{
    Id, IdForm, Marks, NanoUsd, PayloadRef, SegmentId, SpanKind, Stamp, Status, Symbol, UnixNanos, Usage,
};

/// Facts about a row that the store itself keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowBits(pub u16);

impl RowBits {
    /// A record of the span itself was seen; without it the row only stands for an id that a child named.
    pub(super) const KNOWN: Self = Self(1);
    /// The source said that the span has no parent.
    pub(super) const ROOT: Self = Self(1 << 1);
    /// The start was worked out, not written.
    pub(super) const START_INFERRED: Self = Self(1 << 2);
    /// The end was worked out, not written.
    pub(super) const END_INFERRED: Self = Self(1 << 3);
    /// A span with usage lies below, reachable without crossing a tool.
    pub(super) const USAGE_BELOW: Self = Self(1 << 4);
    /// A model call lies below, reachable without crossing a tool.
    pub(super) const CALL_BELOW: Self = Self(1 << 5);
    /// Model and provider were taken from an ancestor.
    pub(super) const MODEL_INHERITED: Self = Self(1 << 6);
    /// Older payloads of this span are in the side table.
    pub(super) const MORE_PAYLOADS: Self = Self(1 << 7);
    /// Some span names this one as its parent.
    pub(super) const HAS_CHILDREN: Self = Self(1 << 9);
    /// Versions of this span's fields are in the history.
    pub(super) const HISTORY: Self = Self(1 << 8);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn set(&mut self, other: Self, on: bool) {
        if on {
            self.0 |= other.0;
        } else {
            self.0 &= !other.0;
        }
    }
}

/// Where a cost comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CostSource {
    /// Nothing is known: no usage, or no price.
    #[default]
    Unknown,
    /// The source wrote it.
    Reported,
    /// Worked out from the tokens and a price list.
    Computed,
    /// The model runs locally and costs nothing.
    Free,
}

/// What only some spans have: tokens, cost, the first token's time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Call {
    pub usage: Usage,
    pub reported: Option<NanoUsd>,
    pub cost: NanoUsd,
    pub source: CostSource,
    pub first_token: Option<UnixNanos>,
}

/// "No time" in a time column.
const NO_TIME: i64 = i64::MIN;

#[derive(Debug, Default)]
pub(super) struct Columns {
    id_bits: Vec<u128>,
    id_form: Vec<u32>,
    pub trace: Vec<u32>,
    pub parent: Vec<u32>,
    /// The row of the same trace that was added before this one.
    pub previous: Vec<u32>,
    start: Vec<i64>,
    end: Vec<i64>,
    pub name: Vec<Symbol>,
    pub facets: Vec<FacetId>,
    call: Vec<u32>,
    kind: Vec<u8>,
    status: Vec<u8>,
    pub bits: Vec<RowBits>,
    pub marks: Vec<Marks>,
    segment: Vec<SegmentId>,
    pos: Vec<u64>,
    len: Vec<u32>,
    pub stamp: Vec<Stamp>,
    calls: Vec<Call>,
    /// Error messages; few spans have one.
    pub errors: FxHashMap<u32, Symbol>,
    /// Earlier payloads of spans that several records tell about, oldest first.
    pub more_payloads: FxHashMap<u32, Vec<PayloadRef>>,
    ids: HashTable<(u32, u32)>,
}

/// "No value" in a column of small enums.
const NO_WORD: u8 = u8::MAX;
/// The first form number that stands for an interned text id.
const TEXT_FORM: u32 = 3;

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.trace.len()
    }

    /// The row of a span, if it has one.
    pub(super) fn find(&self, trace: u32, span: Id) -> Option<u32> {
        let tag = tag(trace, span.bits());
        self.ids
            .find(spread(tag), |&(found, row)| {
                found == tag && self.id_bits[row as usize] == span.bits() && self.trace[row as usize] == trace
            })
            .map(|&(_, row)| row)
    }

    /// Adds an empty row for a span that has none.
    pub(super) fn add(&mut self, trace: u32, span: Id, previous: u32) -> u32 {
        let row = self.len() as u32;
        self.id_bits.push(span.bits());
        self.id_form.push(match span.form() {
            IdForm::Hex16 => 0,
            IdForm::Hex32 => 1,
            IdForm::Uuid => 2,
            IdForm::Text(symbol) => TEXT_FORM + symbol.index() as u32,
        });
        self.trace.push(trace);
        self.parent.push(NONE);
        self.previous.push(previous);
        self.start.push(NO_TIME);
        self.end.push(NO_TIME);
        self.name.push(Symbol::NONE);
        self.facets.push(FacetId::default());
        self.call.push(NONE);
        self.kind.push(NO_WORD);
        self.status.push(NO_WORD);
        self.bits.push(RowBits::default());
        self.marks.push(Marks::default());
        self.segment.push(SegmentId(u32::MAX));
        self.pos.push(0);
        self.len.push(0);
        self.stamp.push(Stamp(0));
        let tag = tag(trace, span.bits());
        self.ids.insert_unique(spread(tag), (tag, row), |&(tag, _)| spread(tag));
        row
    }

    pub(super) fn id(&self, row: u32) -> Id {
        let form = match self.id_form[row as usize] {
            0 => IdForm::Hex16,
            1 => IdForm::Hex32,
            2 => IdForm::Uuid,
            text => IdForm::Text(Symbol::from_index((text - TEXT_FORM) as usize)),
        };
        Id::from_parts(self.id_bits[row as usize], form)
    }

    pub(super) fn start(&self, row: u32) -> Option<UnixNanos> {
        time(self.start[row as usize])
    }

    pub(super) fn end(&self, row: u32) -> Option<UnixNanos> {
        time(self.end[row as usize])
    }

    pub(super) fn set_start(&mut self, row: u32, at: UnixNanos) {
        self.start[row as usize] = at.0.max(NO_TIME + 1);
    }

    pub(super) fn set_end(&mut self, row: u32, at: UnixNanos) {
        self.end[row as usize] = at.0.max(NO_TIME + 1);
    }

    pub(super) fn kind(&self, row: u32) -> Option<SpanKind> {
        SpanKind::from_index(self.kind[row as usize] as usize)
    }

    pub(super) fn set_kind(&mut self, row: u32, kind: SpanKind) {
        self.kind[row as usize] = kind as u8;
    }

    pub(super) fn status(&self, row: u32) -> Option<Status> {
        Status::from_index(self.status[row as usize] as usize)
    }

    pub(super) fn set_status(&mut self, row: u32, status: Status) {
        self.status[row as usize] = status as u8;
    }

    pub(super) fn call(&self, row: u32) -> Option<&Call> {
        self.calls.get(self.call[row as usize] as usize)
    }

    pub(super) fn call_mut(&mut self, row: u32) -> &mut Call {
        let slot = &mut self.call[row as usize];
        if *slot == NONE {
            *slot = self.calls.len() as u32;
            self.calls.push(Call::default());
        }
        &mut self.calls[*slot as usize]
    }

    pub(super) fn payload(&self, row: u32) -> Option<PayloadRef> {
        let at = row as usize;
        (self.segment[at].0 != u32::MAX).then(|| PayloadRef {
            segment: self.segment[at],
            pos: self.pos[at],
            len: self.len[at],
        })
    }

    /// Adds a payload; they stay sorted by place and each is kept once.
    pub(super) fn add_payload(&mut self, row: u32, payload: PayloadRef) {
        let at = row as usize;
        let Some(newest) = self.payload(row) else {
            self.set_payload(at, payload);
            return;
        };
        if newest == payload {
            return;
        }
        let (newest, older) = (newest.max(payload), newest.min(payload));
        self.set_payload(at, newest);
        let more = self.more_payloads.entry(row).or_default();
        if let Err(place) = more.binary_search(&older) {
            // A streamed call may be told in thousands of records: the first ones and the last ones say it all.
            if more.len() >= MAX_PAYLOADS {
                more.remove(MAX_PAYLOADS / 2);
                more.insert(place.min(more.len()), older);
            } else {
                more.insert(place, older);
            }
        }
        self.bits[at].set(RowBits::MORE_PAYLOADS, true);
    }

    fn set_payload(&mut self, at: usize, payload: PayloadRef) {
        self.segment[at] = payload.segment;
        self.pos[at] = payload.pos;
        self.len[at] = payload.len;
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        let row = 16 + 4 * 6 + 8 * 2 + 4 * 3 + 1 + 1 + 2 + 2 + 4 + 8 + 4 + 8;
        self.trace.capacity() * row
            + self.calls.capacity() * size_of::<Call>()
            + self.ids.capacity() * 9
            + self.errors.capacity() * 12
            + self.more_payloads.capacity() * 40
    }
}

/// Payloads kept per span beside the newest.
const MAX_PAYLOADS: usize = 64;

fn time(raw: i64) -> Option<UnixNanos> {
    (raw != NO_TIME).then_some(UnixNanos(raw))
}

/// 32 bits that stand for a span in the id table; growing the table then needs no look at the rows.
fn tag(trace: u32, span: u128) -> u32 {
    let mixed = (span as u64) ^ ((span >> 64) as u64).rotate_left(29) ^ (u64::from(trace) << 17);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
