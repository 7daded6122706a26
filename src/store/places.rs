//! Where each row's newest record is, and how new it is.

use rustc_hash::FxHashMap;

use crate::model::{PayloadRef, SegmentId, Stamp};

/// "No record".
const NOWHERE: u64 = u64::MAX;
/// The record's place doesn't fit and is in the side table.
const FAR: u64 = u64::MAX - 1;
/// Bits of a position; the segment has the others. The same packing as that of [`Stamp::new`], so that records of a
/// file, whose stamps are their places, need no stamps of their own.
const POSITION: u32 = 40;

/// Places and stamps by row.
#[derive(Debug, Default)]
pub(super) struct Places {
    place: Vec<u64>,
    len: Vec<u32>,
    /// Empty while every stamp is the place of its row.
    stamps: Vec<Stamp>,
    far: FxHashMap<u32, PayloadRef>,
}

impl Places {
    /// Adds a row without a record.
    pub(super) fn push(&mut self) {
        self.place.push(NOWHERE);
        self.len.push(0);
        if !self.stamps.is_empty() {
            self.stamps.push(Stamp(0));
        }
    }

    pub(super) fn payload(&self, row: u32) -> Option<PayloadRef> {
        match self.place[row as usize] {
            NOWHERE => None,
            FAR => self.far.get(&row).copied(),
            packed => Some(PayloadRef {
                segment: SegmentId((packed >> POSITION) as u32),
                pos: packed & ((1 << POSITION) - 1),
                len: self.len[row as usize],
            }),
        }
    }

    pub(super) fn set_payload(&mut self, row: u32, payload: PayloadRef) {
        let at = row as usize;
        let fits = payload.pos < 1 << POSITION && payload.segment.0 < (1 << (64 - POSITION)) - 1;
        self.len[at] = payload.len;
        self.place[at] = if fits {
            u64::from(payload.segment.0) << POSITION | payload.pos
        } else {
            self.far.insert(row, payload);
            FAR
        };
    }

    pub(super) fn stamp(&self, row: u32) -> Stamp {
        match self.stamps.get(row as usize) {
            Some(stamp) => *stamp,
            None => self.place_as_stamp(row),
        }
    }

    pub(super) fn set_stamp(&mut self, row: u32, stamp: Stamp) {
        if self.stamps.is_empty() {
            if self.place_as_stamp(row) == stamp {
                return;
            }
            self.stamps = (0..self.place.len() as u32).map(|row| self.place_as_stamp(row)).collect();
        }
        self.stamps[row as usize] = stamp;
    }

    fn place_as_stamp(&self, row: u32) -> Stamp {
        match self.place[row as usize] {
            NOWHERE | FAR => Stamp(0),
            packed => Stamp(packed),
        }
    }

    /// Forgets a row's record.
    pub(super) fn clear(&mut self, row: u32) {
        if self.place[row as usize] == FAR {
            self.far.remove(&row);
        }
        self.place[row as usize] = NOWHERE;
        if let Some(stamp) = self.stamps.get_mut(row as usize) {
            *stamp = Stamp(0);
        }
    }

    /// Bytes held beside twelve for each row.
    pub(super) fn extra_memory(&self) -> usize {
        self.stamps.len() * 8 + self.far.len() * 24
    }
}
