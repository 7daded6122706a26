//! Reading on behind what cannot be read: a row too big, a damaged page.

use super::super::fault::Fault;
use super::super::open::Open;
use super::{Read, Tail};
use crate::model::{PayloadRef, Reason};

/// Rows that may be damaged before the table is given up.
const MAX_DAMAGED: u32 = 1000;

/// Nothing can be read there.
struct Unreadable;

impl Tail {
    /// The last rowid that a row at or behind `from` can have.
    pub(super) fn bound(&self, from: i64) -> i64 {
        if from <= self.present { self.present } else { i64::MAX }
    }

    /// The first row from a rowid on, if there is one.
    fn probe(&self, open: &Open, from: i64) -> Result<Option<i64>, Unreadable> {
        open.start_clock();
        let mut next = open.conn.prepare_cached(&self.sql.next).map_err(|_| Unreadable)?;
        let row = next.query_row([from], |row| row.get::<_, Option<i64>>(0)).map_err(|_| Unreadable)?;
        let credible = row.is_none_or(|row| (from..=self.bound(from)).contains(&row));
        if credible { Ok(row) } else { Err(Unreadable) }
    }

    /// Looks whether a range really ends where its rows did: on a damaged page a rowid from nowhere ends it as well.
    pub(super) fn check_end(&self, open: &Open, from: i64, to: i64, read: &mut Read) {
        let start = read.last.map_or(Some(from), |last| last.checked_add(1)).filter(|start| *start <= to);
        if start.is_some_and(|start| self.probe(open, start).is_err()) {
            let fault = Fault::Damaged("rows out of order".to_owned());
            read.finished = false;
            self.step_over(open, start, to, fault, read);
        }
    }

    /// Goes on after what cannot be read: one row, or as many as stand on a damaged page.
    pub(super) fn step_over(&self, open: &Open, start: Option<i64>, to: i64, fault: Fault, read: &mut Read) {
        let found = start.filter(|_| self.damaged < MAX_DAMAGED).and_then(|start| {
            if let Ok(row) = self.probe(open, start) {
                // Found by its place: it alone is the bad one.
                return Some((row.unwrap_or(start), row));
            }
            // Rowids below zero are rare, and too far away for this.
            let start = start.max(0);
            let (mut bad, mut good, mut row) = (1..63).find_map(|power| {
                let from = start.checked_add(1 << power)?;
                Some((start.saturating_add(1 << (power - 1)), from, self.probe(open, from).ok()?))
            })?;
            // Between the two lies where it can be read again.
            while good.abs_diff(bad) > 1 {
                let middle = bad.midpoint(good);
                match self.probe(open, middle) {
                    Ok(there) => (good, row) = (middle, there),
                    Err(Unreadable) => bad = middle,
                }
            }
            Some((start, row.map(|row| row.saturating_sub(1))))
        });
        let bad = found.map_or(start.unwrap_or(to), |(bad, _)| bad);
        if bad >= self.counted {
            let place = PayloadRef { segment: self.segment, pos: bad.cast_unsigned(), len: 0 };
            read.batch.problem(Reason::DamagedRow, Some(place), &fault.to_string());
        }
        if let Some(last) = found.and_then(|(_, last)| last).filter(|last| *last < to) {
            read.last = Some(last);
            // Each of these took a second.
            read.damaged = if fault == Fault::Interrupted { 100 } else { 1 };
        } else {
            read.finished = true;
            read.fault = (found.is_none() && matches!(fault, Fault::Damaged(_))).then_some(fault);
        }
    }
}
