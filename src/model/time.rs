//! Points in time: nanoseconds since the Unix epoch, and every spelling that the measured sources use.

use chrono::{DateTime, NaiveDateTime, SecondsFormat};

/// Nanoseconds since 1970-01-01T00:00:00Z. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixNanos(pub i64);

/// Nanoseconds in a millisecond.
pub const NANOS_PER_MS: i64 = 1_000_000;
/// Nanoseconds in a second.
pub const NANOS_PER_SEC: i64 = 1_000_000_000;

impl UnixNanos {
    /// From milliseconds since the epoch.
    pub fn from_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(NANOS_PER_MS))
    }

    /// This instant moved by `nanos`.
    #[must_use]
    pub fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to `self`; negative when `self` comes first.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads text: RFC 3339 with any fraction and offset, `YYYY-MM-DD HH:MM:SS[.f]` and other zone-less forms (taken
    /// as UTC), or digits (see [`UnixNanos::from_number`]).
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(nanos) = Self::parse_usual(text) {
            return Some(nanos);
        }
        let text = text.trim();
        if text.len() > 64 {
            return None;
        }
        if let Some(nanos) = Self::parse_usual(text) {
            return Some(nanos);
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return time.timestamp_nanos_opt().map(Self);
        }
        for form in [
            "%Y-%m-%dT%H:%M:%S%.f",
            "%Y-%m-%d %H:%M:%S%.f",
            "%Y-%m-%d %H:%M:%S%.f UTC",
            "%Y/%m/%d %H:%M:%S%.f",
            "%Y-%m-%dT%H:%M",
        ] {
            if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
                return time.and_utc().timestamp_nanos_opt().map(Self);
            }
        }
        for form in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%#z"] {
            if let Ok(time) = DateTime::parse_from_str(text, form) {
                return time.timestamp_nanos_opt().map(Self);
            }
        }
        text.parse::<f64>().ok().and_then(Self::from_number)
    }

    /// Reads the two forms that nearly every record uses, `YYYY-MM-DDTHH:MM:SS[.f]Z` and the same with a space or
    /// `+00:00`; `None` for all others.
    pub fn parse_usual(text: &str) -> Option<Self> {
        if text.len() > 64 { None } else { parse_fixed(text.as_bytes()) }
    }

    /// Reads a number by its magnitude: above 1e17 nanoseconds, above 1e14 microseconds, above 1e11 milliseconds, else
    /// seconds (the rule of the measured sources). Zero and negative numbers are "no time".
    pub fn from_number(number: f64) -> Option<Self> {
        if !number.is_finite() || number <= 0.0 {
            return None;
        }
        let nanos = if number >= 1e17 {
            number
        } else if number >= 1e14 {
            number * 1e3
        } else if number >= 1e11 {
            number * 1e6
        } else {
            number * 1e9
        };
        (nanos < 9.2e18).then_some(Self(nanos as i64))
    }

    /// Reads a whole number like [`UnixNanos::from_number`], exactly.
    pub fn from_integer(number: i64) -> Option<Self> {
        let factor = match number {
            ..=0 => return None,
            100_000_000_000_000_000.. => 1,
            100_000_000_000_000.. => 1_000,
            100_000_000_000.. => 1_000_000,
            _ => 1_000_000_000,
        };
        number.checked_mul(factor).map(Self)
    }

    /// `2026-02-04T17:00:00.000Z`; an instant that no calendar holds prints its number.
    pub fn to_rfc3339(self) -> String {
        let sub_ms = self.0.rem_euclid(NANOS_PER_MS) != 0;
        let form = if sub_ms { SecondsFormat::AutoSi } else { SecondsFormat::Millis };
        DateTime::from_timestamp_nanos(self.0).to_rfc3339_opts(form, true)
    }
}

/// See [`UnixNanos::parse_usual`].
fn parse_fixed(text: &[u8]) -> Option<UnixNanos> {
    let (head, rest) = text.split_first_chunk()?;
    within_minute(minute(head)?, rest)
}

/// The minute of the last time that was read: most times of a stream stand in the same as the one before.
#[derive(Clone, Copy, Debug)]
pub struct LastMinute {
    text: [u8; 17],
    nanos: i64,
}

impl Default for LastMinute {
    fn default() -> Self {
        // No text has these bytes.
        Self { text: [0xff; 17], nanos: 0 }
    }
}

impl LastMinute {
    /// The same as [`UnixNanos::parse_usual`].
    #[inline]
    pub fn parse(&mut self, text: &str) -> Option<UnixNanos> {
        let (head, rest) = text.as_bytes().split_first_chunk()?;
        if *head != self.text {
            *self = Self { text: *head, nanos: minute(head)? };
        }
        if rest.len() > 47 { None } else { within_minute(self.nanos, rest) }
    }
}

/// The beginning of a minute that is written as `YYYY-MM-DDTHH:MM:`, in nanoseconds.
fn minute(head: &[u8; 17]) -> Option<i64> {
    // Digits of the fixed places; one that is none shows in `bad`.
    let mut bad = 0;
    let mut two = |at: usize| {
        let (high, low) = (head[at].wrapping_sub(b'0'), head[at + 1].wrapping_sub(b'0'));
        bad |= u8::from(high > 9) | u8::from(low > 9);
        i64::from(high) * 10 + i64::from(low)
    };
    let year = two(0) * 100 + two(2);
    let (month, day, hour, minute) = (two(5), two(8), two(11), two(14));
    let apart = [head[4], head[7], head[13], head[16]] == *b"--::" && matches!(head[10], b'T' | b' ');
    if bad != 0 || !apart || hour > 23 || minute > 59 {
        return None;
    }
    if !(1678..=2261).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
    {
        return None;
    }
    Some((days_from_civil(year, month, day) * 1440 + hour * 60 + minute) * 60 * NANOS_PER_SEC)
}

/// What follows a minute: `SS[.f]Z` or the same with `+00:00`.
fn within_minute(minute: i64, rest: &[u8]) -> Option<UnixNanos> {
    let digit = |at: usize| rest.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9);
    let second = i64::from(digit(0)?) * 10 + i64::from(digit(1)?);
    let (mut fraction, mut scale, mut at) = (0i64, NANOS_PER_SEC, 2);
    if rest.get(at) == Some(&b'.') {
        at += 1;
        while let Some(digit) = digit(at) {
            if scale > 1 {
                scale /= 10;
                fraction = fraction * 10 + i64::from(digit);
            }
            at += 1;
        }
        if scale == NANOS_PER_SEC {
            return None;
        }
    }
    if second > 59 || !matches!(rest.get(at..)?, b"Z" | b"+00:00") {
        return None;
    }
    Some(UnixNanos(minute + second * NANOS_PER_SEC + fraction * scale))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, for years after Christ: whole years begin in March, so that the
/// leap day ends them.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) =
        if month <= 2 { (year as u32 - 1, month as u32 + 9) } else { (year as u32, month as u32 - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5;
    i64::from(days) + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YEAR: i64 = 1_767_225_600;

    #[test]
    fn every_spelling_of_one_instant_is_that_instant() {
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T00:00:00.000000+00:00",
            "2026-01-01T01:00:00+01:00",
            "2026-01-01 00:00:00",
            "2026-01-01T00:00:00",
            "1767225600",
            "1767225600000",
            "1767225600000000",
            "1767225600000000000",
            "1767225600.0",
        ] {
            assert_eq!(UnixNanos::parse(text), Some(UnixNanos(NEW_YEAR * NANOS_PER_SEC)), "{text}");
        }
    }

    #[test]
    fn fractions_keep_their_digits() {
        let at = |text| UnixNanos::parse(text).map(|time| time.0 - NEW_YEAR * NANOS_PER_SEC);
        assert_eq!(at("2026-01-01T00:00:00.123456789Z"), Some(123_456_789));
        assert_eq!(at("2026-01-01T00:00:00.5Z"), Some(500_000_000));
        assert_eq!(at("2026-01-01T00:00:00.1234567891234Z"), Some(123_456_789));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "soon",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "-5",
            "0",
            "NaN",
        ] {
            assert_eq!(UnixNanos::parse(text), None, "{text}");
        }
    }

    #[test]
    fn fixed_parser_agrees_with_chrono() {
        let mut last = LastMinute::default();
        for day in (-60_000..90_000).step_by(97) {
            let time = DateTime::from_timestamp(day * 86_400 + 12_345, 678_000_000).expect("in range");
            let text = time.to_rfc3339_opts(SecondsFormat::Millis, true);
            assert_eq!(UnixNanos::parse(&text).map(|t| t.0), time.timestamp_nanos_opt(), "{text}");
            assert_eq!(last.parse(&text).map(|t| t.0), time.timestamp_nanos_opt(), "{text}");
        }
    }

    #[test]
    fn the_last_minute_changes_nothing() {
        let mut last = LastMinute::default();
        for rest in [
            "0:59.123Z",
            "0:00Z",
            "0:60Z",
            "1:5Z",
            "1:05.Z",
            "0:07.25+00:00",
            "0:07.25+01:00",
            "x:00Z",
            "0:1",
            "",
        ] {
            let text = format!("2026-01-01T00:0{rest}");
            assert_eq!(last.parse(&text), UnixNanos::parse_usual(&text), "{text}");
        }
        assert_eq!(LastMinute::default().parse(&format!("{}00Z", "\0".repeat(17))), None);
    }

    #[test]
    fn display_is_iso() {
        assert_eq!(UnixNanos(NEW_YEAR * NANOS_PER_SEC).to_rfc3339(), "2026-01-01T00:00:00.000Z");
        assert_eq!(UnixNanos(i64::MAX).to_rfc3339().len(), 30);
    }
}
