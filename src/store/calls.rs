//! What only some spans have: tokens, cost, the first token's time.

use rustc_hash::FxHashMap;

use crate::model::{NanoUsd, ServiceTier, UnixNanos, Usage, UsageNotes, UsageParts};

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
    /// The same, with something assumed: the provider, say, or how the call was served.
    Estimated,
    /// The model runs locally and costs nothing.
    Free,
}

/// What only some spans have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    pub usage: Usage,
    pub reported: Option<NanoUsd>,
    pub cost: NanoUsd,
    pub source: CostSource,
    pub first_token: Option<UnixNanos>,
}

/// "Not known" in a packed counter, and where counters that don't fit begin.
const NO_COUNT: u32 = u32::MAX;
/// "No time".
const NO_TIME: i64 = i64::MIN;

/// A call in forty bytes.
#[derive(Clone, Copy, Debug)]
struct Packed {
    cost: NanoUsd,
    first_token: i64,
    counts: [u32; 5],
    source: CostSource,
    /// The cost is the reported one.
    reported: bool,
    /// The call didn't fit and is in the side table.
    wide: bool,
    /// What was assumed, five bits, and how the call was served, three.
    notes: u8,
}

/// Bits of [`Packed::notes`] that are notes.
const NOTES: u32 = 5;
const TIERS: [ServiceTier; 6] = [
    ServiceTier::Unsaid,
    ServiceTier::Standard,
    ServiceTier::Batch,
    ServiceTier::Flex,
    ServiceTier::Priority,
    ServiceTier::Other,
];
const _: () = assert!(size_of::<Packed>() == 40, "calls are many");

/// All calls, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Calls {
    rows: Vec<Packed>,
    /// Calls with counters of 2^32 and more or with parts of their own, or whose price is on its way.
    wide: FxHashMap<u32, Call>,
    free: Vec<u32>,
}

impl Calls {
    /// Adds an empty call.
    pub(super) fn add(&mut self) -> u32 {
        if let Some(at) = self.free.pop() {
            return at;
        }
        self.rows.push(pack(&Call::default()));
        self.rows.len() as u32 - 1
    }

    /// Forgets a call; its place is given to another one later.
    pub(super) fn remove(&mut self, at: u32) {
        self.set(at, &Call::default());
        self.free.push(at);
    }

    pub(super) fn get(&self, at: u32) -> Call {
        let packed = &self.rows[at as usize];
        if packed.wide {
            return self.wide.get(&at).copied().unwrap_or_default();
        }
        unpack(packed)
    }

    pub(super) fn set(&mut self, at: u32, call: &Call) {
        let slot = &mut self.rows[at as usize];
        let was_wide = slot.wide;
        *slot = pack(call);
        if unpack(slot) == *call {
            if was_wide {
                self.wide.remove(&at);
            }
        } else {
            slot.wide = true;
            self.wide.insert(at, *call);
        }
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        (self.rows.len() - self.free.len()) * size_of::<Packed>() + self.wide.len() * (size_of::<Call>() + 5)
    }
}

fn pack(call: &Call) -> Packed {
    let Usage { input, cache_read, cache_write, output, reasoning, .. } = call.usage;
    let counts = [input, cache_read, cache_write, output, reasoning]
        .map(|count| count.map_or(NO_COUNT, |count| u32::try_from(count).unwrap_or(NO_COUNT)));
    Packed {
        cost: call.reported.unwrap_or(call.cost),
        first_token: call.first_token.map_or(NO_TIME, |at| at.0),
        counts,
        source: call.source,
        reported: call.reported.is_some(),
        wide: false,
        notes: (call.usage.parts.tier as u8) << NOTES | call.usage.parts.notes.0,
    }
}

fn unpack(packed: &Packed) -> Call {
    let [input, cache_read, cache_write, output, reasoning] =
        packed.counts.map(|count| (count != NO_COUNT).then_some(u64::from(count)));
    let parts = UsageParts {
        tier: TIERS.get(usize::from(packed.notes >> NOTES)).copied().unwrap_or_default(),
        notes: UsageNotes(packed.notes & ((1 << NOTES) - 1)),
        ..UsageParts::default()
    };
    Call {
        usage: Usage { input, cache_read, cache_write, output, reasoning, parts },
        reported: packed.reported.then_some(packed.cost),
        cost: packed.cost,
        source: packed.source,
        first_token: (packed.first_token != NO_TIME).then_some(UnixNanos(packed.first_token)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_back_as_they_went_in() {
        let full = Call {
            usage: Usage {
                input: Some(7),
                cache_read: None,
                cache_write: Some(0),
                output: Some(3),
                reasoning: None,
                parts: UsageParts::default(),
            },
            reported: Some(NanoUsd(5)),
            cost: NanoUsd(5),
            source: CostSource::Reported,
            first_token: Some(UnixNanos(9)),
        };
        let wide = Call { usage: Usage { input: Some(1 << 40), ..full.usage }, ..full };
        let unpriced = Call { cost: NanoUsd(0), source: CostSource::Unknown, ..full };
        let noted = UsageParts {
            tier: ServiceTier::Other,
            notes: UsageNotes::ASSUMED_TTL.with(UsageNotes::OUTPUT_AT_LEAST),
            ..UsageParts::default()
        };
        let noted = Call { usage: Usage { parts: noted, ..full.usage }, ..full };
        let parted = UsageParts { cache_write_1h: 5, ..UsageParts::default() };
        let parted = Call { usage: Usage { parts: parted, ..full.usage }, ..full };
        let edge = Call { usage: Usage { output: Some(u64::from(u32::MAX)), ..full.usage }, ..full };
        let mut calls = Calls::default();
        let at = calls.add();
        assert_eq!(calls.get(at), Call::default());
        for call in [full, wide, unpriced, edge, parted, noted, full, Call::default()] {
            calls.set(at, &call);
            assert_eq!(calls.get(at), call);
            assert!(call != noted || calls.wide.is_empty(), "notes need no room");
        }
        assert!(calls.wide.is_empty());
    }
}
