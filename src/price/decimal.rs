//! Decimal numbers read exactly, without a detour through floats.

/// Significant digits that count; what comes after them only decides how the last one is rounded.
const MAX_DIGITS: usize = 30;

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAmount {
    /// It isn't a decimal number.
    NotANumber,
    /// It is below zero.
    Negative,
    /// It is far beyond any price.
    TooLarge,
}

impl std::fmt::Display for NoAmount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "is no number",
            Self::Negative => "is below zero",
            Self::TooLarge => "is too large for a price",
        })
    }
}

/// The number in `text`, times ten to the power of `scale`, rounded half to even.
pub(super) fn scaled(text: &str, scale: i32) -> Result<u64, NoAmount> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().map_err(|_| NoAmount::NotANumber)?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
    {
        return Err(NoAmount::NotANumber);
    }
    let power = exponent.saturating_add(scale).saturating_sub(fraction.len().min(1_000_000) as i32);
    let value = shifted(whole.bytes().chain(fraction.bytes()), power)?;
    if negative && value > 0 {
        return Err(NoAmount::Negative);
    }
    Ok(value)
}

/// Digits as one number, times ten to the power of `power`.
fn shifted(digits: impl Iterator<Item = u8>, mut power: i32) -> Result<u64, NoAmount> {
    let (mut number, mut seen, mut more) = (0_u128, 0, false);
    for digit in digits.map(|byte| u128::from(byte - b'0')) {
        if seen >= MAX_DIGITS {
            more |= digit > 0;
            power = power.saturating_add(1);
        } else {
            number = number * 10 + digit;
            seen += usize::from(number > 0);
        }
    }
    if number == 0 {
        return Ok(0);
    }
    let value = if power >= 0 {
        let factor = 10_u128.checked_pow(power as u32).ok_or(NoAmount::TooLarge)?;
        number.checked_mul(factor).ok_or(NoAmount::TooLarge)?
    } else {
        match 10_u128.checked_pow(power.unsigned_abs()) {
            None => 0,
            Some(divisor) => {
                let (value, rest) = (number / divisor, number % divisor);
                let half = rest.cmp(&(divisor / 2));
                let up = half.is_gt() || (half.is_eq() && (more || value % 2 == 1));
                value + u128::from(up)
            }
        }
    };
    u64::try_from(value).map_err(|_| NoAmount::TooLarge)
}

/// One in the fixed-point factors that [`times`] takes.
pub(super) const ONE: u64 = 1_000_000_000;

/// `amount` times a factor in billionths, rounded half to even; saturates.
pub(super) fn times(amount: u64, factor: u64) -> u64 {
    let product = u128::from(amount) * u128::from(factor);
    let (value, rest) = (product / u128::from(ONE), product % u128::from(ONE));
    let half = rest.cmp(&u128::from(ONE / 2));
    let up = half.is_gt() || (half.is_eq() && value % 2 == 1);
    u64::try_from(value + u128::from(up)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, scale, expected) in [
            ("0.0375", 9, 37_500_000),
            ("0.003625", 9, 3_625_000),
            ("3", 9, 3_000_000_000),
            ("3.0", 9, 3_000_000_000),
            ("3e-06", 15, 3_000_000_000),
            ("3.0000000000000001e-07", 15, 300_000_000),
            ("1.5E-7", 15, 150_000_000),
            (".5", 1, 5),
            ("+2", 0, 2),
            ("-0.0", 9, 0),
            ("0e999999999", 9, 0),
            ("1e-999999999", 9, 0),
            ("0.5", 0, 0),
            ("1.5", 0, 2),
            ("2.5", 0, 2),
            ("2.50000000000000000000000000000000000000001", 0, 3),
        ] {
            assert_eq!(scaled(text, scale), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in ["", ".", "e5", "1e", "1.2.3", "0x10", "nan", "inf", "1_000", "--1", "1 2", "٣"] {
            assert_eq!(scaled(text, 9), Err(NoAmount::NotANumber), "{text}");
        }
        assert_eq!(scaled("-0.1", 9), Err(NoAmount::Negative));
        assert_eq!(scaled("1e30", 9), Err(NoAmount::TooLarge));
        assert_eq!(scaled(&"9".repeat(5_000), 9), Err(NoAmount::TooLarge));
        assert_eq!(scaled("1e2147483647", 9), Err(NoAmount::TooLarge));
    }

    #[test]
    fn factors_keep_every_digit_that_fits() {
        assert_eq!(times(3_000_000_000, ONE / 2), 1_500_000_000);
        assert_eq!(times(1_000_000_000, 1_085_000_000), 1_085_000_000);
        assert_eq!(times(u64::MAX, 2 * ONE), u64::MAX);
    }
}
