//! Sums in few bytes: most counters of most combinations of labels are zero or small.

use std::collections::BTreeMap;

use super::Totals;
use crate::model::{NanoUsd, TokenSum};

/// Sums by the number of a combination of labels.
pub(super) type ByFacet = BTreeMap<usize, Totals>;

/// Counters of [`Totals`].
const COUNTERS: usize = 14;

/// Each number seven bits a byte, the lowest first: a combination, which counters it has, these.
pub(super) fn pack(sums: &ByFacet) -> Box<[u8]> {
    let mut bytes = Vec::new();
    for (facet, totals) in sums.iter().filter(|(_, totals)| **totals != Totals::default()) {
        let counters = counters(totals);
        let present = counters.iter().enumerate().filter(|(_, count)| **count != 0);
        put(&mut bytes, *facet as u64);
        put(&mut bytes, present.clone().fold(0, |mask, (at, _)| mask | 1 << at));
        present.for_each(|(_, count)| put(&mut bytes, *count));
    }
    bytes.into()
}

/// The inverse of [`pack`].
pub(super) fn unpack(bytes: &[u8]) -> ByFacet {
    let mut sums = ByFacet::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (facet, mask) = (take(&mut rest), take(&mut rest));
        let mut counters = [0; COUNTERS];
        for (at, count) in counters.iter_mut().enumerate() {
            if mask >> at & 1 == 1 {
                *count = take(&mut rest);
            }
        }
        sums.insert(facet as usize, totals(counters));
    }
    sums
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 63 {
            break;
        }
    }
    number
}

fn counters(totals: &Totals) -> [u64; COUNTERS] {
    let Totals { spans, events, errors, llm_calls, tool_calls, tokens, cost, .. } = *totals;
    let TokenSum { input, cache_read, cache_write, output, reasoning } = tokens;
    let Totals { unpriced_calls, unpriced_tokens, silent_calls, .. } = *totals;
    [
        spans,
        events,
        errors,
        llm_calls,
        tool_calls,
        input,
        cache_read,
        cache_write,
        output,
        reasoning,
        cost.0.cast_unsigned(),
        unpriced_calls,
        unpriced_tokens,
        silent_calls,
    ]
}

fn totals(counters: [u64; COUNTERS]) -> Totals {
    let [
        spans,
        events,
        errors,
        llm_calls,
        tool_calls,
        input,
        cache_read,
        cache_write,
        output,
        reasoning,
        cost,
        unpriced_calls,
        unpriced_tokens,
        silent_calls,
    ] = counters;
    Totals {
        spans,
        events,
        errors,
        llm_calls,
        tool_calls,
        tokens: TokenSum { input, cache_read, cache_write, output, reasoning },
        cost: NanoUsd(cost.cast_signed()),
        unpriced_calls,
        unpriced_tokens,
        silent_calls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_sums_come_out_as_they_were() {
        let small = Totals { spans: 3, silent_calls: 1, ..Totals::default() };
        let large = totals([u64::MAX; COUNTERS]);
        let sums = ByFacet::from([(0, small), (300, large), (7, totals([127; COUNTERS]))]);
        assert_eq!(unpack(&pack(&sums)), sums);
        assert!(pack(&ByFacet::from([(5, small)])).len() < 8);
    }
}
