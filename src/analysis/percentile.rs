//! Percentiles by nearest rank: each figure is a value that occurred, so the span behind it can be opened.

/// The value at rank `ceil(per_mille / 1000 * n)` of sorted values; `None` when there are none.
pub fn nearest_rank<T: Copy>(sorted: &[T], per_mille: u64) -> Option<T> {
    let n = sorted.len() as u64;
    let rank = (per_mille.saturating_mul(n)).div_ceil(1000).max(1);
    sorted.get(rank as usize - 1).copied()
}

/// The usual percentiles of a set of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// Number of values.
    pub count: u64,
    /// Their sum, saturating.
    pub sum: i64,
    /// Median.
    pub p50: i64,
    /// 90th percentile.
    pub p90: i64,
    /// 95th percentile.
    pub p95: i64,
    /// 99th percentile.
    pub p99: i64,
    /// Largest.
    pub max: i64,
}

impl Percentiles {
    /// Sorts the values and reads the percentiles off; all zero when there are no values.
    pub fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let at = |per_mille| nearest_rank(&values, per_mille).unwrap_or(0);
        Self {
            count: values.len() as u64,
            sum: values.iter().fold(0, |sum: i64, value| sum.saturating_add(*value)),
            p50: at(500),
            p90: at(900),
            p95: at(950),
            p99: at(990),
            max: at(1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_vectors() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/analytics/vectors.json")).expect("JSON");
        let cases = vectors["percentiles"].as_array().expect("cases");
        assert!(cases.len() >= 5);
        for case in cases {
            let mut values: Vec<i64> = case["values"]
                .as_array()
                .expect("values")
                .iter()
                .filter_map(serde_json::Value::as_i64)
                .collect();
            values.sort_unstable();
            for (name, per_mille) in [("P50", 500), ("P90", 900), ("P95", 950), ("P99", 990), ("P99.9", 999)]
            {
                assert_eq!(
                    nearest_rank(&values, per_mille),
                    case["nearest_rank"][name].as_i64(),
                    "{} {name}",
                    case["name"]
                );
            }
        }
        assert_eq!(nearest_rank::<i64>(&[], 500), None);
    }
}
