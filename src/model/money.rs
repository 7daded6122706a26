//! Money as integers: nano-dollars.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// An amount in billionths of a US dollar. Sums saturate instead of wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// From dollars as a float, rounded half to even; `None` for negative, infinite or absurd amounts.
    pub fn from_usd(usd: f64) -> Option<Self> {
        let nanos = (usd * 1e9).round_ties_even();
        (usd >= 0.0 && nanos.is_finite() && nanos < 9.0e18).then_some(Self(nanos as i64))
    }

    /// Dollars, for display and JSON only.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add for NanoUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl Sub for NanoUsd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl SubAssign for NanoUsd {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}
impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// Dollars with up to nine decimals and no trailing zeros: `0.0495`.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{sign}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_rounded_to_the_nano_dollar() {
        assert_eq!(NanoUsd::from_usd(0.049_499_999_999_999_995), Some(NanoUsd(49_500_000)));
        assert_eq!(NanoUsd::from_usd(-1.0), None);
        assert_eq!(NanoUsd::from_usd(f64::INFINITY), None);
        assert_eq!(NanoUsd::from_usd(f64::NAN), None);
        assert_eq!(NanoUsd::from_usd(1e30), None);
    }

    #[test]
    fn display_has_no_trailing_zeros() {
        assert_eq!(NanoUsd(49_500_000).to_string(), "0.0495");
        assert_eq!(NanoUsd(0).to_string(), "0");
        assert_eq!(NanoUsd(3_000_000_001).to_string(), "3.000000001");
    }

    #[test]
    fn sums_saturate() {
        assert_eq!(NanoUsd(i64::MAX) + NanoUsd(1), NanoUsd(i64::MAX));
    }
}
