//! Numbers in a few cells. Every function says how wide its result can get; all of it is printable and never unsafe.

use chrono::{DateTime, TimeZone};

use super::short;
use crate::model::{NANOS_PER_SEC, NanoUsd, UnixNanos};

/// What stands for an unknown value; unknown is never shown as 0.
pub const UNKNOWN: &str = "–";

const DAY: u64 = 86_400;

/// A duration in nanoseconds: `<1µs`, `856ms`, `2.45s`, `12.1s`, `41s`, `1m 12s`, `2h 05m`, `3d 04h`, `120d`.
/// At most 7 cells, 8 when negative.
pub fn duration(nanos: i64) -> String {
    short::duration(nanos).into()
}

/// A duration in nanoseconds where space is short or it is still growing: `856ms`, `8.6s`, `41s`, then as
/// [`duration`]. At most 7 cells, 8 when negative.
pub fn duration_short(nanos: i64) -> String {
    short::duration_short(nanos).into()
}

/// A count of tokens or anything else in three digits: `545`, `1.24k`, `312k`, `1.24M`, `3.10B`. At most 5 cells.
pub fn tokens(count: u64) -> String {
    short::tokens(count).into()
}

/// Bytes in decimal units: `0 B`, `999 B`, `12.3 kB`, `1.24 MB`. At most 7 cells.
pub fn bytes(count: u64) -> String {
    short::bytes(count).into()
}

/// A whole number with thousands separators: `12,345`. At most 26 cells.
pub fn count(number: u64) -> String {
    short::count(number).into()
}

/// Money with its sign: `$0`, `<$0.0001`, `$0.0123`, `$4.8213`, `$123.40`, `$3,581.62`, `$1.24M`.
/// At most 11 cells, 12 when negative.
pub fn usd(amount: NanoUsd) -> String {
    short::usd(amount).into()
}

/// Money for a column that says it is dollars: `0`, `<0.0001`, `0.0123`, `99.9999`, `123.40`, `3,582`, `12.4k`,
/// `1.24M`. At most 7 cells, 8 when negative.
pub fn usd_cell(amount: NanoUsd) -> String {
    short::usd_cell(amount).into()
}

/// A sum of money with what is not in it: `$0.0660 + 3 unpriced (12.4k tok)`, `3 unpriced (12.4k tok)` when nothing has
/// a price, else as [`usd`]. At most 55 cells.
pub fn bill(cost: NanoUsd, unpriced_calls: u64, unpriced_tokens: u64) -> String {
    short::bill(cost, unpriced_calls, unpriced_tokens).into()
}

/// The same for a column that says it is dollars: `0.0123`, `≥0.0123` where calls have no price, `–` where none has
/// one, nothing where there is nothing. At most 8 cells, 9 when negative.
pub fn bill_cell(cost: NanoUsd, unpriced_calls: u64) -> String {
    short::bill_cell(cost, unpriced_calls).into()
}

/// A share (0.41 is `41%`): `0%`, `<0.1%`, `4.1%`, `41%`, `>99%`, `100%`; not a number is `–`. At most 6 cells.
pub fn percent(share: f64) -> String {
    short::percent(share).into()
}

/// A rate per some unit of time: `0`, `0.4`, `12.3`, `155`, `1.24k`; not a number is `–`. At most 5 cells.
pub fn rate(value: f64) -> String {
    if value.is_nan() || value < 0.0 {
        UNKNOWN.into()
    } else if value == 0.0 {
        "0".into()
    } else if value < 0.05 {
        "<0.1".into()
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        tokens(value.round() as u64)
    }
}

/// How long ago, in nanoseconds: `now`, `12s`, `5m`, `3h`, `2d`, `7w`, `3y`; for the future `in 5m`. At most 7 cells.
pub fn age(nanos: i64) -> String {
    let seconds = nanos.unsigned_abs() / NANOS_PER_SEC as u64;
    let text = match seconds {
        0 => return "now".into(),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..DAY => format!("{}h", seconds / 3600),
        _ if seconds < 14 * DAY => format!("{}d", seconds / DAY),
        _ if seconds < 365 * DAY => format!("{}w", seconds / (7 * DAY)),
        _ => format!("{}y", seconds / (365 * DAY)),
    };
    if nanos < 0 { format!("in {text}") } else { text }
}

/// The time of day in a zone: `17:00:00`. 8 cells.
pub fn clock<Z: TimeZone<Offset: std::fmt::Display>>(time: UnixNanos, zone: &Z) -> String {
    short::clock(time, zone).into()
}

/// The time of day in a zone, to the millisecond: `17:00:00.250`. 12 cells.
pub fn clock_millis<Z: TimeZone<Offset: std::fmt::Display>>(time: UnixNanos, zone: &Z) -> String {
    DateTime::from_timestamp_nanos(time.0).with_timezone(zone).format("%H:%M:%S%.3f").to_string()
}

/// Date and time of day in a zone: `2026-02-04 17:00:00`. 19 cells.
pub fn date_time<Z: TimeZone<Offset: std::fmt::Display>>(time: UnixNanos, zone: &Z) -> String {
    DateTime::from_timestamp_nanos(time.0).with_timezone(zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use chrono::{FixedOffset, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::text::{SafeText, display_safe};

    const MS: i64 = 1_000_000;
    const S: i64 = 1000 * MS;

    #[test]
    fn durations() {
        for (nanos, text) in [
            (0, "0ms"),
            (999, "<1µs"),
            (1500, "2µs"),
            (999_499, "999µs"),
            (999_500, "1ms"),
            (856 * MS, "856ms"),
            (999 * MS + 499_999, "999ms"),
            (999 * MS + 500_000, "1.00s"),
            (2450 * MS, "2.45s"),
            (8600 * MS, "8.60s"),
            (9994 * MS, "9.99s"),
            (9995 * MS, "10s"),
            (12_100 * MS, "12.1s"),
            (41 * S, "41s"),
            (59_949 * MS, "59.9s"),
            (59_950 * MS, "1m 00s"),
            (72 * S, "1m 12s"),
            (3599 * S + 500 * MS, "1h 00m"),
            (125 * 60 * S, "2h 05m"),
            (76 * 3600 * S, "3d 04h"),
            (120 * 86_400 * S, "120d"),
            (-2450 * MS, "-2.45s"),
            (i64::MAX, "106752d"),
            (i64::MIN, "-106752d"),
        ] {
            assert_eq!(duration(nanos), text, "{nanos}");
        }
        for (nanos, text) in [
            (856 * MS, "856ms"),
            (8600 * MS, "8.6s"),
            (9960 * MS, "10s"),
            (41_400 * MS, "41s"),
            (59_500 * MS, "1m 00s"),
            (450_000, "450µs"),
        ] {
            assert_eq!(duration_short(nanos), text, "{nanos}");
        }
    }

    #[test]
    fn counts_in_three_digits() {
        for (count, text) in [
            (0, "0"),
            (545, "545"),
            (999, "999"),
            (1000, "1.00k"),
            (1240, "1.24k"),
            (9995, "10.0k"),
            (12_345, "12.3k"),
            (312_000, "312k"),
            (999_499, "999k"),
            (999_500, "1.00M"),
            (1_240_000, "1.24M"),
            (3_100_000_000, "3.10B"),
            (u64::MAX, ">999T"),
        ] {
            assert_eq!(tokens(count), text);
        }
        assert_eq!(
            [bytes(0), bytes(999), bytes(12_345), bytes(1_240_000), bytes(u64::MAX)],
            ["0 B", "999 B", "12.3 kB", "1.24 MB", "18.4 EB"]
        );
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn money_never_hides_a_small_amount() {
        for (nanos, text, cell) in [
            (0, "$0", "0"),
            (1, "<$0.0001", "<0.0001"),
            (49_999, "<$0.0001", "<0.0001"),
            (50_000, "$0.0001", "0.0001"),
            (12_300_000, "$0.0123", "0.0123"),
            (4_821_300_000, "$4.8213", "4.8213"),
            (99_999_949_999, "$99.9999", "99.9999"),
            (99_999_950_000, "$100.00", "100.00"),
            (123_400_000_000, "$123.40", "123.40"),
            (3_581_620_000_000, "$3,581.62", "3,582"),
            (12_400_000_000_000, "$12,400.00", "12.4k"),
            (999_999_994_999_999, "$999,999.99", "1.00M"),
            (1_240_000_000_000_000, "$1.24M", "1.24M"),
            (-4_821_300_000, "-$4.8213", "-4.8213"),
            (i64::MIN, "-$9.22B", "-9.22B"),
        ] {
            assert_eq!(usd(NanoUsd(nanos)), text);
            assert_eq!(usd_cell(NanoUsd(nanos)), cell);
        }
    }

    #[test]
    fn shares_rates_and_ages() {
        let shares = [0.0, 0.0004, 0.041, 0.0995, 0.41, 0.9999, 1.0, 3.5, 1e9, -0.2, f64::NAN, f64::INFINITY];
        let texts =
            ["0%", "<0.1%", "4.1%", "10%", "41%", ">99%", "100%", "350%", ">9999%", "-20%", "–", ">9999%"];
        assert_eq!(shares.map(percent), texts);
        assert_eq!(
            [0.0, 0.01, 0.4, 12.34, 155.2, 1240.0, f64::NAN].map(rate),
            ["0", "<0.1", "0.4", "12.3", "155", "1.24k", "–"]
        );
        let seconds = [0, 12, 300, 3 * 3600, 2 * 86_400, 50 * 86_400, 1200 * 86_400, -300];
        assert_eq!(seconds.map(|s| age(s * S)), ["now", "12s", "5m", "3h", "2d", "7w", "3y", "in 5m"]);
    }

    #[test]
    fn times_of_day_in_a_zone() {
        let time = UnixNanos::parse("2026-02-04T17:00:00.250Z").unwrap();
        assert_eq!(clock(time, &Utc), "17:00:00");
        assert_eq!(clock_millis(time, &Utc), "17:00:00.250");
        let east = FixedOffset::east_opt(8 * 3600).unwrap();
        assert_eq!(date_time(time, &east), "2026-02-05 01:00:00");
        for edge in [i64::MIN, i64::MAX] {
            assert_eq!(date_time(UnixNanos(edge), &east).len(), 19);
        }
    }

    proptest! {
        #[test]
        fn widths_stay_within_what_is_promised(value: i64, shift in 0..63u32, share: f64) {
            let value = value >> shift;
            let size = value.unsigned_abs();
            let sign = usize::from(value < 0);
            for (text, most) in [
                (duration(value), 7 + sign), (duration_short(value), 7 + sign), (tokens(size), 5), (bytes(size), 7),
                (usd(NanoUsd(value)), 11 + sign), (usd_cell(NanoUsd(value)), 7 + sign), (percent(share), 6),
                (rate(share), 5), (age(value), 7), (count(size), 26),
            ] {
                prop_assert!(SafeText::new(&text).width() <= most, "{} is wider than {}", text, most);
                prop_assert_eq!(display_safe(&text), text.as_str());
            }
        }
    }
}
