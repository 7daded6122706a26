//! Amounts as they are typed: dollars, counts, durations.

use crate::model::{NANOS_PER_SEC, NanoUsd};

/// `5`, `0.25`, `$1.50`: dollars.
pub(super) fn parse_usd(text: &str) -> Result<NanoUsd, String> {
    let text = text.trim();
    let usd: Option<f64> = text.strip_prefix('$').unwrap_or(text).trim().parse().ok();
    usd.and_then(NanoUsd::from_usd).ok_or_else(|| "an amount in dollars, for example 0.25".to_owned())
}

/// `1200`, `500k`, `1.5M`: a count.
pub(super) fn parse_count(text: &str) -> Result<u64, String> {
    const UNITS: [(char, f64); 3] = [('k', 1e3), ('m', 1e6), ('b', 1e9)];
    let text = text.trim();
    if let Ok(count) = text.parse() {
        return Ok(count);
    }
    let number = UNITS.iter().find_map(|(unit, times)| {
        let number: f64 = text.strip_suffix([*unit, unit.to_ascii_uppercase()])?.trim_end().parse().ok()?;
        Some((number * times).round())
    });
    match number {
        Some(count) if (0.0..1e18).contains(&count) => Ok(count as u64),
        _ => Err("a whole number, for example 1200, 500k or 1.5M".to_owned()),
    }
}

/// `800ms`, `90s`, `5m`, `2h`, `1d`, `1w`: a duration in nanoseconds.
pub(super) fn parse_duration(text: &str) -> Result<i64, String> {
    const UNITS: [(&str, f64); 6] =
        [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0), ("w", 604_800.0)];
    let text = text.trim();
    let found = UNITS.iter().find_map(|(unit, seconds)| {
        let number: f64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        (number >= 0.0 && number.is_finite()).then_some(number * seconds)
    });
    let nanos = found.map(|seconds| (seconds * NANOS_PER_SEC as f64).round() as i64);
    nanos.ok_or_else(|| format!("{} is no duration; try 2h, 30m or 1d", crate::text::display_safe(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        assert_eq!(parse_usd("0.25"), Ok(NanoUsd(250_000_000)));
        assert_eq!(parse_usd(" $5 "), Ok(NanoUsd(5_000_000_000)));
        assert_eq!(parse_usd("0"), Ok(NanoUsd::ZERO));
        for bad in ["", "-1", "nan", "inf", "1e300", "five", "$"] {
            assert!(parse_usd(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn counts() {
        for (text, count) in
            [("0", 0), ("1200", 1200), ("500k", 500_000), ("1.5M", 1_500_000), ("2 b", 2_000_000_000)]
        {
            assert_eq!(parse_count(text), Ok(count), "{text}");
        }
        assert_eq!(parse_count("18446744073709551615"), Ok(u64::MAX));
        for bad in ["", "-1", "1.5", "k", "nank", "-2k", "1e99k"] {
            assert!(parse_count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations() {
        for (text, ms) in [("800ms", 800), ("90s", 90_000), ("5m", 300_000), ("0.5h", 1_800_000), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(ms * 1_000_000), "{text}");
        }
        for bad in ["", "5", "-1s", "nans", "s", "5 parsecs"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
