//! The spans, in columns: about eighty bytes each, and forty more for a call.

use rustc_hash::FxHashMap;

use super::calls::{Call, Calls};
use super::facets::FacetId;
use super::handle::NONE;
use super::places::Places;
use crate::model::{Id, IdForm, Marks, PayloadRef, SpanKind, Stamp, Status, Symbol, UnixNanos};

/// Facts about a row that the store itself keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowBits(pub u32);

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
    /// How the id was spelled; none of these is 16 hex digits.
    pub(super) const ID_HEX32: Self = Self(1 << 10);
    /// See `ID_HEX32`.
    pub(super) const ID_UUID: Self = Self(1 << 11);
    /// See `ID_HEX32`.
    pub(super) const ID_TEXT: Self = Self(1 << 12);
    /// A span with usage lies below, however far and behind whatever tools.
    pub(super) const ANY_USAGE_BELOW: Self = Self(1 << 13);
    /// Another span records the same call and is the one that counts.
    pub(super) const DUPLICATE: Self = Self(1 << 14);
    /// The reported cost is far from the computed one.
    pub(super) const COST_DIFFERS: Self = Self(1 << 15);
    /// A span that reports a cost lies below, reachable without crossing a tool.
    pub(super) const COST_BELOW: Self = Self(1 << 16);

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

/// "No time" in a time column.
const NO_TIME: i64 = i64::MIN;

/// How a span hangs together with others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    pub trace: u32,
    pub parent: u32,
    /// The row of the same trace that was added before this one.
    pub previous: u32,
}

/// What a span is called; equal words share a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    pub name: Symbol,
    pub facets: FacetId,
    call: u32,
}

impl Default for Words {
    fn default() -> Self {
        Self { name: Symbol::NONE, facets: FacetId::default(), call: NONE }
    }
}

/// What is small.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub bits: RowBits,
    pub marks: Marks,
    kind: u8,
    status: u8,
}

impl Default for State {
    fn default() -> Self {
        Self { bits: RowBits::default(), marks: Marks::default(), kind: NO_WORD, status: NO_WORD }
    }
}

/// Cells that are used together lie together: a record touches seven places, not twenty.
#[derive(Debug, Default)]
pub(super) struct Columns {
    ids: Vec<[u64; 2]>,
    pub links: Vec<Links>,
    times: Vec<[i64; 2]>,
    pub words: Vec<Words>,
    pub state: Vec<State>,
    places: Places,
    calls: Calls,
    /// The spelling of ids that are neither hex nor UUIDs.
    text_ids: FxHashMap<u32, Symbol>,
    /// Error messages; few spans have one.
    pub errors: FxHashMap<u32, Symbol>,
    /// Earlier payloads of spans that several records tell about, oldest first.
    pub more_payloads: FxHashMap<u32, Vec<PayloadRef>>,
    /// Rows of spans that left; they are used again.
    free: Vec<u32>,
}

/// "No value" in a column of small enums.
const NO_WORD: u8 = u8::MAX;

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// Adds an empty row for a span that has none.
    pub(super) fn add(&mut self, trace: u32, span: Id, previous: u32) -> u32 {
        let row = match self.free.pop() {
            Some(row) => row,
            None => self.grow(),
        };
        let mut bits = RowBits::default();
        match span.form() {
            IdForm::Hex16 => {}
            IdForm::Hex32 => bits.set(RowBits::ID_HEX32, true),
            IdForm::Uuid => bits.set(RowBits::ID_UUID, true),
            IdForm::Text(symbol) => {
                bits.set(RowBits::ID_TEXT, true);
                self.text_ids.insert(row, symbol);
            }
        }
        let at = row as usize;
        self.ids[at] = [(span.bits() >> 64) as u64, span.bits() as u64];
        self.links[at] = Links { trace, parent: NONE, previous };
        self.state[at].bits = bits;
        row
    }

    fn grow(&mut self) -> u32 {
        self.ids.push([0; 2]);
        self.links.push(Links { trace: NONE, parent: NONE, previous: NONE });
        self.times.push([NO_TIME; 2]);
        self.words.push(Words::default());
        self.state.push(State::default());
        self.places.push();
        self.links.len() as u32 - 1
    }

    /// Forgets a span; its row is given to another one later.
    pub(super) fn remove(&mut self, row: u32) {
        let at = row as usize;
        if self.words[at].call != NONE {
            self.calls.remove(self.words[at].call);
        }
        let bits = self.state[at].bits;
        if bits.has(RowBits::ID_TEXT) {
            self.text_ids.remove(&row);
        }
        if bits.has(RowBits::MORE_PAYLOADS) {
            self.more_payloads.remove(&row);
        }
        self.errors.remove(&row);
        self.links[at].parent = NONE;
        self.times[at] = [NO_TIME; 2];
        self.words[at] = Words::default();
        self.state[at] = State::default();
        self.places.clear(row);
        self.free.push(row);
    }

    /// Rows in use.
    pub(super) fn used(&self) -> usize {
        self.links.len() - self.free.len()
    }

    /// Whether the row is that of a span with these bits.
    pub(super) fn is(&self, row: u32, span: Id) -> bool {
        self.ids[row as usize] == [(span.bits() >> 64) as u64, span.bits() as u64]
    }

    pub(super) fn id(&self, row: u32) -> Id {
        let [high, low] = self.ids[row as usize];
        let bits = self.state[row as usize].bits;
        let form = if bits.has(RowBits::ID_TEXT) {
            IdForm::Text(self.text_ids.get(&row).copied().unwrap_or_default())
        } else if bits.has(RowBits::ID_UUID) {
            IdForm::Uuid
        } else if bits.has(RowBits::ID_HEX32) {
            IdForm::Hex32
        } else {
            IdForm::Hex16
        };
        Id::from_parts(u128::from(high) << 64 | u128::from(low), form)
    }

    pub(super) fn start(&self, row: u32) -> Option<UnixNanos> {
        time(self.times[row as usize][0])
    }

    pub(super) fn end(&self, row: u32) -> Option<UnixNanos> {
        time(self.times[row as usize][1])
    }

    pub(super) fn set_start(&mut self, row: u32, at: UnixNanos) {
        self.times[row as usize][0] = at.0.max(NO_TIME + 1);
    }

    pub(super) fn set_end(&mut self, row: u32, at: UnixNanos) {
        self.times[row as usize][1] = at.0.max(NO_TIME + 1);
    }

    pub(super) fn kind(&self, row: u32) -> Option<SpanKind> {
        SpanKind::from_index(self.state[row as usize].kind as usize)
    }

    pub(super) fn set_kind(&mut self, row: u32, kind: SpanKind) {
        self.state[row as usize].kind = kind as u8;
    }

    pub(super) fn status(&self, row: u32) -> Option<Status> {
        Status::from_index(self.state[row as usize].status as usize)
    }

    pub(super) fn set_status(&mut self, row: u32, status: Status) {
        self.state[row as usize].status = status as u8;
    }

    pub(super) fn call(&self, row: u32) -> Option<Call> {
        let at = self.words[row as usize].call;
        (at != NONE).then(|| self.calls.get(at))
    }

    /// Sets what only calls have.
    pub(super) fn set_call(&mut self, row: u32, call: &Call) {
        let slot = &mut self.words[row as usize].call;
        if *slot == NONE {
            *slot = self.calls.add();
        }
        self.calls.set(*slot, call);
    }

    pub(super) fn payload(&self, row: u32) -> Option<PayloadRef> {
        self.places.payload(row)
    }

    /// The stamp of the row's newest record.
    pub(super) fn stamp(&self, row: u32) -> Stamp {
        self.places.stamp(row)
    }

    /// Raises the stamp. Comes after [`Columns::add_payload`].
    pub(super) fn raise_stamp(&mut self, row: u32, newest: Stamp) {
        self.places.set_stamp(row, newest);
    }

    /// Adds a payload; they stay sorted by place and each is kept once.
    pub(super) fn add_payload(&mut self, row: u32, payload: PayloadRef) {
        let Some(newest) = self.payload(row) else {
            self.places.set_payload(row, payload);
            return;
        };
        if newest == payload {
            return;
        }
        let (newest, older) = (newest.max(payload), newest.min(payload));
        self.places.set_payload(row, newest);
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
        self.state[row as usize].bits.set(RowBits::MORE_PAYLOADS, true);
    }

    /// Bytes held beside the rows.
    pub(super) fn extra_memory(&self) -> usize {
        self.places.extra_memory()
            + self.calls.memory()
            + self.text_ids.len() * 9
            + self.errors.len() * 9
            + self.more_payloads.len() * 64
    }
}

/// Payloads kept per span beside the newest.
const MAX_PAYLOADS: usize = 64;

fn time(raw: i64) -> Option<UnixNanos> {
    (raw != NO_TIME).then_some(UnixNanos(raw))
}
