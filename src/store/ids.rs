//! The spans of one trace by id. A trace has its own table: what is written together is found in one corner of memory,
//! and a trace that leaves takes its table along.

use hashbrown::HashTable;

use crate::model::Id;

/// Rows by span id. The rows themselves hold the ids; the table keeps 32 bits of each, so that it grows without a look
/// at them.
#[derive(Clone, Debug, Default)]
pub(super) struct SpanIds(HashTable<(u32, u32)>);

impl SpanIds {
    /// The row of a span; `same` says whether a row really is the span's.
    pub(super) fn find(&self, span: Id, same: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = tag(span);
        self.0.find(spread(tag), |&(found, row)| found == tag && same(row)).map(|&(_, row)| row)
    }

    /// Adds a span that isn't there.
    pub(super) fn add(&mut self, span: Id, row: u32) {
        let tag = tag(span);
        self.0.insert_unique(spread(tag), (tag, row), |&(tag, _)| spread(tag));
    }
}

fn tag(span: Id) -> u32 {
    let mixed = (span.bits() as u64) ^ ((span.bits() >> 64) as u64).rotate_left(29);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
