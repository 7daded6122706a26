//! How much memory there is for the index.

use std::fs;

/// Where nothing says how much is free.
const FALLBACK: usize = 4 << 30;
/// Never less than this, whatever is free.
const LEAST: usize = 64 << 20;

/// A size such as `512M`, `4G` or `1.5GiB`; powers of 1,024.
pub(super) fn parse_size(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let shift = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err("not a size; try 512M or 4G".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| "not a size; try 512M or 4G".to_owned())?;
    let bytes = number * (1u64 << shift) as f64;
    if bytes < 1_048_576.0 {
        return Err("less than 1M holds nothing".to_owned());
    }
    Ok(bytes as usize)
}

/// Half of what is free now.
pub(super) fn half_of_free() -> usize {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<usize>().ok();
    let group = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(most, now)| most.saturating_sub(now));
    let free = [machine, group].into_iter().flatten().min();
    free.map_or(FALLBACK, |free| (free / 2).max(LEAST))
}

/// Bytes of the line `MemAvailable:  123 kB`.
fn available(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(parse_size("512M"), Ok(512 << 20));
        assert_eq!(parse_size("4g"), Ok(4 << 30));
        assert_eq!(parse_size("1.5GiB"), Ok(3 << 29));
        assert_eq!(parse_size("2048 kB"), Ok(2 << 20));
        for bad in ["", "G", "1x", "-1G", "10", "1..5G"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn free_memory_is_what_the_system_says() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:   20 kB\n"), Some(20 << 10));
        assert_eq!(available("MemFree: 9 kB"), None);
        assert!(half_of_free() >= LEAST);
    }
}
