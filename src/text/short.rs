//! The same short forms as in [`format`](mod@super::format) without a string of their own: for screens, which show
//! hundreds of them sixty times a second.

use std::fmt;
use std::ops::Deref;

use chrono::{DateTime, TimeZone, Timelike};

use crate::model::{NANOS_PER_SEC, NanoUsd, UnixNanos};

const DAY: u64 = 86_400;
/// Bytes that fit.
const ROOM: usize = 55;

/// A text of a few cells that lives where it stands. What does not fit is left out.
#[derive(Clone, Copy)]
pub struct Short {
    bytes: [u8; ROOM],
    len: u8,
}

impl Short {
    /// Nothing.
    pub const EMPTY: Self = Self { bytes: [0; ROOM], len: 0 };

    /// A text.
    pub fn of(text: &str) -> Self {
        Self::EMPTY.and(text)
    }

    /// This and more text.
    #[must_use]
    pub fn and(mut self, text: &str) -> Self {
        self.push(text);
        self
    }

    /// This and a whole number.
    #[must_use]
    pub fn and_number(mut self, number: u64) -> Self {
        self.digits(number, 1);
        self
    }

    /// Adds text.
    pub fn push(&mut self, text: &str) {
        let at = usize::from(self.len);
        let Some(slot) = self.bytes.get_mut(at..at + text.len()) else { return };
        slot.copy_from_slice(text.as_bytes());
        self.len += text.len() as u8;
    }

    /// Adds a number with at least so many digits.
    fn digits(&mut self, mut number: u64, least: usize) {
        let mut all = [b'0'; 20];
        let mut at = all.len();
        while number > 0 || all.len() - at < least.min(20) {
            at -= 1;
            all[at] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.push(std::str::from_utf8(&all[at..]).unwrap_or(""));
    }

    /// Adds a whole number with thousands separators.
    fn grouped(&mut self, number: u64) {
        if number < 1000 {
            self.digits(number, 1);
        } else {
            self.grouped(number / 1000);
            self.push(",");
            self.digits(number % 1000, 3);
        }
    }

    /// Adds a number, a character and a second number with at least so many digits.
    fn pair(&mut self, first: u64, between: &str, second: u64, least: usize) {
        self.digits(first, 1);
        self.push(between);
        self.digits(second, least);
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only whole strings are ever added.
        self.bytes
            .get(..usize::from(self.len))
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or("")
    }
}

impl Deref for Short {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<Short> for String {
    fn from(short: Short) -> Self {
        short.as_str().to_owned()
    }
}

/// `value / unit`, rounded half up.
pub(super) fn rounded(value: u64, unit: u64) -> u64 {
    value / unit + u64::from(value % unit >= unit.div_ceil(2))
}

fn signed(value: i64, show: impl Fn(&mut Short, u64)) -> Short {
    let mut out = Short::EMPTY;
    if value < 0 {
        out.push("-");
    }
    show(&mut out, value.unsigned_abs());
    out
}

/// See [`super::duration`].
pub fn duration(nanos: i64) -> Short {
    signed(nanos, |out, nanos| {
        if below_ten_seconds(out, nanos) {
            return;
        }
        let tenths = rounded(nanos, 100_000_000);
        match (tenths / 10, tenths % 10) {
            (60.., _) => from_minutes_up(out, nanos),
            (seconds, 0) => {
                out.digits(seconds, 1);
                out.push("s");
            }
            (seconds, tenth) => {
                out.pair(seconds, ".", tenth, 1);
                out.push("s");
            }
        }
    })
}

/// See [`super::duration_short`].
pub fn duration_short(nanos: i64) -> Short {
    signed(nanos, |out, nanos| {
        let tenths = rounded(nanos, 100_000_000);
        let seconds = rounded(nanos, NANOS_PER_SEC as u64);
        if rounded(nanos, 1_000_000) < 1000 {
            below_ten_seconds(out, nanos);
        } else if tenths < 100 {
            out.pair(tenths / 10, ".", tenths % 10, 1);
            out.push("s");
        } else if seconds < 60 {
            out.digits(seconds, 1);
            out.push("s");
        } else {
            from_minutes_up(out, nanos);
        }
    })
}

fn below_ten_seconds(out: &mut Short, nanos: u64) -> bool {
    let (micros, millis, hundredths) =
        (rounded(nanos, 1000), rounded(nanos, 1_000_000), rounded(nanos, 10_000_000));
    match nanos {
        0 => out.push("0ms"),
        1..1000 => out.push("<1µs"),
        _ if micros < 1000 => {
            out.digits(micros, 1);
            out.push("µs");
        }
        _ if millis < 1000 => {
            out.digits(millis, 1);
            out.push("ms");
        }
        _ if hundredths < 1000 => {
            out.pair(hundredths / 100, ".", hundredths % 100, 2);
            out.push("s");
        }
        _ => return false,
    }
    true
}

fn from_minutes_up(out: &mut Short, nanos: u64) {
    let seconds = rounded(nanos, NANOS_PER_SEC as u64);
    let minutes = rounded(seconds, 60);
    let hours = rounded(seconds, 3600);
    if seconds < 3600 {
        out.pair(seconds / 60, "m ", seconds % 60, 2);
        out.push("s");
    } else if minutes < 24 * 60 {
        out.pair(minutes / 60, "h ", minutes % 60, 2);
        out.push("m");
    } else if hours < 100 * 24 {
        out.pair(hours / 24, "d ", hours % 24, 2);
        out.push("h");
    } else {
        out.digits(rounded(seconds, DAY), 1);
        out.push("d");
    }
}

/// See [`super::tokens`].
pub fn tokens(count: u64) -> Short {
    let mut out = Short::EMPTY;
    push_tokens(&mut out, count);
    out
}

fn push_tokens(out: &mut Short, count: u64) {
    if !three_digits(out, count, &["", "k", "M", "B", "T"]) {
        out.push(">999T");
    }
}

/// See [`super::bytes`].
pub fn bytes(count: u64) -> Short {
    let mut out = Short::EMPTY;
    three_digits(&mut out, count, &[" B", " kB", " MB", " GB", " TB", " PB", " EB"]);
    out
}

/// Three significant digits with the first unit, each 1000 of the one before, in which they are below 1000. Returns
/// whether there is one.
fn three_digits(out: &mut Short, value: u64, units: &[&str]) -> bool {
    let Some(first) = units.first() else { return false };
    if value < 1000 {
        out.digits(value, 1);
        out.push(first);
        return true;
    }
    let mut factor = 1000u128;
    for unit in &units[1..] {
        for (decimals, power) in [(2, 100u128), (1, 10), (0, 1)] {
            let scaled = (u128::from(value) * power + factor / 2) / factor;
            if scaled >= 1000 {
                continue;
            }
            let scaled = scaled as u64;
            let power = power as u64;
            if decimals == 0 {
                out.digits(scaled, 1);
            } else {
                out.pair(scaled / power, ".", scaled % power, decimals);
            }
            out.push(unit);
            return true;
        }
        factor *= 1000;
    }
    false
}

/// See [`super::count`].
pub fn count(number: u64) -> Short {
    let mut out = Short::EMPTY;
    out.grouped(number);
    out
}

/// How many of something, in words for one and for several.
pub fn counted(number: u64, one: &str, several: &str) -> Short {
    count(number).and(" ").and(if number == 1 { one } else { several })
}

/// See [`super::usd`].
pub fn usd(amount: NanoUsd) -> Short {
    signed(amount.0, |out, nanos| match nanos {
        0 => out.push("$0"),
        1..50_000 => out.push("<$0.0001"),
        _ => {
            let cents = rounded(nanos, 10_000_000);
            out.push("$");
            if rounded(nanos, 100_000) < 1_000_000 {
                ten_thousandths(out, nanos);
            } else if cents < 100_000_000 {
                out.grouped(cents / 100);
                out.push(".");
                out.digits(cents % 100, 2);
            } else {
                push_tokens(out, rounded(nanos, 1_000_000_000));
            }
        }
    })
}

/// See [`super::usd_cell`].
pub fn usd_cell(amount: NanoUsd) -> Short {
    signed(amount.0, |out, nanos| match nanos {
        0 => out.push("0"),
        1..50_000 => out.push("<0.0001"),
        _ => {
            let cents = rounded(nanos, 10_000_000);
            let dollars = rounded(nanos, 1_000_000_000);
            if rounded(nanos, 100_000) < 1_000_000 {
                ten_thousandths(out, nanos);
            } else if cents < 100_000 {
                out.pair(cents / 100, ".", cents % 100, 2);
            } else if dollars < 10_000 {
                out.grouped(dollars);
            } else {
                push_tokens(out, dollars);
            }
        }
    })
}

/// See [`super::bill`].
pub fn bill(cost: NanoUsd, unpriced_calls: u64, unpriced_tokens: u64) -> Short {
    match unpriced_calls {
        0 => usd(cost),
        calls => bill_without_tokens(cost, calls).and(" (").and(&tokens(unpriced_tokens)).and(" tok)"),
    }
}

/// [`bill`] without the tokens: `$0.0660 + 3 unpriced`. At most 36 cells.
pub fn bill_without_tokens(cost: NanoUsd, unpriced_calls: u64) -> Short {
    match (cost.0, unpriced_calls) {
        (_, 0) => usd(cost),
        (0, calls) => count(calls).and(" unpriced"),
        (_, calls) => usd(cost).and(" + ").and(&count(calls)).and(" unpriced"),
    }
}

/// [`bill`] where it is narrow: `≥ $0.0660`, or `–` when nothing has a price. At most 14 cells.
pub fn bill_mark(cost: NanoUsd, unpriced_calls: u64) -> Short {
    match (cost.0, unpriced_calls) {
        (_, 0) => usd(cost),
        (0, _) => Short::of(super::UNKNOWN),
        _ => Short::of("≥ ").and(&usd(cost)),
    }
}

/// See [`super::bill_cell`].
pub fn bill_cell(cost: NanoUsd, unpriced_calls: u64) -> Short {
    match (cost.0, unpriced_calls) {
        (0, 0) => Short::EMPTY,
        (_, 0) => usd_cell(cost),
        (0, _) => Short::of(super::UNKNOWN),
        _ => Short::of("≥").and(&usd_cell(cost)),
    }
}

/// A time that is only estimated, in nanoseconds: `~40 s`, `~3 min`, `~5 h`, `~9 d`; from 100 days on `~99+ d`.
/// At most 8 cells.
pub fn about(nanos: i64) -> Short {
    let seconds = rounded(nanos.unsigned_abs(), NANOS_PER_SEC as u64);
    let out = Short::of("~");
    match seconds {
        0..60 => out.and_number(seconds).and(" s"),
        60..3_570 => out.and_number(rounded(seconds, 60)).and(" min"),
        3_570..172_800 => out.and_number(rounded(seconds, 3_600)).and(" h"),
        _ if seconds < 100 * DAY => out.and_number(rounded(seconds, DAY).min(99)).and(" d"),
        _ => out.and("99+ d"),
    }
}

fn ten_thousandths(out: &mut Short, nanos: u64) {
    let units = rounded(nanos, 100_000);
    out.pair(units / 10_000, ".", units % 10_000, 4);
}

/// See [`super::percent`].
pub fn percent(share: f64) -> Short {
    use fmt::Write as _;
    let value = share * 100.0;
    let mut out = Short::EMPTY;
    let text = match value {
        _ if value.is_nan() => super::UNKNOWN,
        0.0 => "0%",
        ..=-1000.0 => "<-999%",
        0.0..0.1 => "<0.1%",
        99.5..100.0 => ">99%",
        9999.5.. => ">9999%",
        _ => {
            let decimals = usize::from((0.0..9.95).contains(&value));
            // Writing into it cannot fail.
            write!(out, "{value:.decimals$}%").ok();
            return out;
        }
    };
    out.push(text);
    out
}

/// See [`super::clock`].
pub fn clock<Z: TimeZone>(time: UnixNanos, zone: &Z) -> Short {
    let time = DateTime::from_timestamp_nanos(time.0).with_timezone(zone);
    let mut out = Short::EMPTY;
    out.digits(u64::from(time.hour()), 2);
    for part in [time.minute(), time.second()] {
        out.push(":");
        out.digits(u64::from(part), 2);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bills() {
        let cost = NanoUsd(66_000_000);
        assert_eq!(bill(cost, 0, 0).as_str(), "$0.0660");
        assert_eq!(bill(cost, 3, 12_400).as_str(), "$0.0660 + 3 unpriced (12.4k tok)");
        assert_eq!(bill(NanoUsd::ZERO, 3, 12_400).as_str(), "3 unpriced (12.4k tok)", "unknown is never 0");
        assert_eq!(bill(NanoUsd::ZERO, 0, 0).as_str(), "$0");
        assert_eq!(bill_without_tokens(cost, 1_234).as_str(), "$0.0660 + 1,234 unpriced");
        assert_eq!(bill_mark(cost, 3).as_str(), "≥ $0.0660");
        assert_eq!(bill_mark(NanoUsd::ZERO, 3).as_str(), "–");
        assert_eq!(bill_cell(cost, 3).as_str(), "≥0.0660");
        assert_eq!(bill_cell(NanoUsd::ZERO, 0).as_str(), "");
        let most = bill(NanoUsd(-1_234_567_890_000_000), 1_000_000_000, u64::MAX);
        assert!(most.as_str().ends_with("(>999T tok)"), "{most}");
    }

    #[test]
    fn estimated_times() {
        const S: i64 = NANOS_PER_SEC;
        for (nanos, text) in [
            (0, "~0 s"),
            (59 * S, "~59 s"),
            (60 * S, "~1 min"),
            (170 * S, "~3 min"),
            (3_569 * S, "~59 min"),
            (3_570 * S, "~1 h"),
            (47 * 3_600 * S, "~47 h"),
            (9 * 86_400 * S, "~9 d"),
            (i64::MAX, "~99+ d"),
        ] {
            assert_eq!(about(nanos).as_str(), text);
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let long = "é".repeat(40);
        assert_eq!(Short::of("a").and(&long).and("b").as_str(), "ab");
        assert_eq!(format!("{:>4}", count(12)), "  12");
        assert_eq!(Short::EMPTY.and_number(0).as_str(), "0");
    }
}
