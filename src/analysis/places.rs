//! Where the rows of a table are in a list: a plain table where they lie close together, else a map.

use rustc_hash::FxHashMap;

/// Rows a plain table may have for each row in it: interleaved traces lie in each other's way.
const SPREAD: usize = 16;
const NOWHERE: u32 = u32::MAX;

/// Positions by row.
#[derive(Clone, Debug)]
pub(super) enum Places {
    /// The first row, and the positions from it on.
    Table(u32, Vec<u32>),
    /// Rows far apart.
    Map(FxHashMap<u32, u32>),
}

impl Default for Places {
    fn default() -> Self {
        Self::Table(0, Vec::new())
    }
}

impl Places {
    /// The positions of some rows in their order.
    pub(super) fn of(rows: impl Iterator<Item = u32> + Clone) -> Self {
        let (mut first, mut last, mut count) = (u32::MAX, 0, 0usize);
        for row in rows.clone() {
            (first, last, count) = (first.min(row), last.max(row), count + 1);
        }
        let width = (last.saturating_sub(first)) as usize + 1;
        if width > count.saturating_mul(SPREAD) {
            return Self::Map(rows.zip(0..).collect());
        }
        let mut table = vec![NOWHERE; width];
        for (row, at) in rows.zip(0..) {
            table[(row - first) as usize] = at;
        }
        Self::Table(first, table)
    }

    /// Where a row is.
    pub(super) fn get(&self, row: u32) -> Option<u32> {
        match self {
            Self::Table(first, table) => {
                let at = row.checked_sub(*first)? as usize;
                table.get(at).copied().filter(|at| *at != NOWHERE)
            }
            Self::Map(map) => map.get(&row).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_however_they_lie() {
        for rows in [vec![], vec![7], vec![9, 3, 4], vec![5, 4_000_000, 17]] {
            let places = Places::of(rows.iter().copied());
            for (at, row) in rows.iter().enumerate() {
                assert_eq!(places.get(*row), Some(at as u32), "{rows:?}");
            }
            for absent in [0, 8, 18, 4_000_001, u32::MAX] {
                assert_eq!(places.get(absent), None, "{rows:?}");
            }
        }
    }
}
