//! Damaged and odd records as data: counted by reason, with examples.

use super::payload::PayloadRef;

/// Why a record, or a part of it, could not be taken as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// Not JSON.
    InvalidJson,
    /// JSON nested deeper than the reader follows.
    TooDeep,
    /// JSON or text, but nothing that says a span.
    NotASpan,
    /// Without an id that a span needs.
    MissingId,
    /// Without any field that a span needs.
    MissingFields,
    /// A time that could not be read; the span is kept without it.
    BadTime,
    /// A number that could not be read or is out of range; the span is kept without it.
    BadNumber,
    /// A field of an unexpected type; the span is kept without it.
    BadType,
    /// Bytes that are not UTF-8; shown as U+FFFD.
    InvalidUtf8,
    /// A line above the length limit.
    LineTooLong,
    /// Zero bytes where a line should be, as a copy-and-truncate leaves them.
    NulBytes,
    /// A last line without its end, in a source that is read once.
    IncompleteLastLine,
    /// The same key twice in one object; the last one counts.
    DuplicateKey,
    /// Two records of one span that contradict each other; the later one counts.
    Conflict,
    /// A line of a log that is not about telemetry.
    OtherLine,
    /// Telemetry of another signal (metrics, logs) than traces.
    OtherSignal,
    /// A row that the database could not give.
    DamagedRow,
    /// A duration below zero or an end before its start; taken as zero.
    NegativeDuration,
    /// More parts than are looked at, or deeper ones; the first ones count.
    TooMany,
}

impl Reason {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::InvalidJson,
        Self::TooDeep,
        Self::NotASpan,
        Self::MissingId,
        Self::MissingFields,
        Self::BadTime,
        Self::BadNumber,
        Self::BadType,
        Self::InvalidUtf8,
        Self::LineTooLong,
        Self::NulBytes,
        Self::IncompleteLastLine,
        Self::DuplicateKey,
        Self::Conflict,
        Self::OtherLine,
        Self::OtherSignal,
        Self::DamagedRow,
        Self::NegativeDuration,
        Self::TooMany,
    ];

    /// The key in `report --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::TooDeep => "too_deep",
            Self::NotASpan => "not_a_span",
            Self::MissingId => "missing_id",
            Self::MissingFields => "missing_fields",
            Self::BadTime => "bad_time",
            Self::BadNumber => "bad_number",
            Self::BadType => "bad_type",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::LineTooLong => "line_too_long",
            Self::NulBytes => "nul_bytes",
            Self::IncompleteLastLine => "incomplete_last_line",
            Self::DuplicateKey => "duplicate_key",
            Self::Conflict => "conflict",
            Self::OtherLine => "other_line",
            Self::OtherSignal => "other_signal",
            Self::DamagedRow => "damaged_row",
            Self::NegativeDuration => "negative_duration",
            Self::TooMany => "too_many",
        }
    }

    /// Whether the whole record was left out. The others keep the record and flag a part of it.
    ///
    /// Blank lines, other log lines and other signals are not damage: they are not counted as skipped either.
    pub fn skips_record(self) -> bool {
        matches!(
            self,
            Self::InvalidJson
                | Self::TooDeep
                | Self::NotASpan
                | Self::MissingId
                | Self::MissingFields
                | Self::LineTooLong
                | Self::NulBytes
                | Self::IncompleteLastLine
                | Self::DamagedRow
        )
    }
}

/// One odd record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Why.
    pub reason: Reason,
    /// Where, if it has a place.
    pub place: Option<PayloadRef>,
    /// What was found, in at most 200 bytes; untrusted text.
    pub detail: String,
}

/// Problems of one source: a count per reason and the first examples of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    counts: Vec<(Reason, u64)>,
    examples: Vec<Problem>,
}

/// Examples kept of each reason.
const EXAMPLES: usize = 20;
/// Bytes kept of an example's text.
const EXAMPLE_BYTES: usize = 200;

impl Problems {
    /// Counts a problem and keeps it while it is one of the first of its reason.
    pub fn add(&mut self, reason: Reason, place: Option<PayloadRef>, detail: &str) {
        let count = self.slot(reason);
        *count += 1;
        if *count <= EXAMPLES as u64 {
            let mut end = detail.len().min(EXAMPLE_BYTES);
            while !detail.is_char_boundary(end) {
                end -= 1;
            }
            let detail = detail[..end].to_owned();
            self.examples.push(Problem { reason, place, detail });
        }
    }

    /// Takes over the problems of a batch.
    pub fn merge(&mut self, other: Self) {
        for (reason, count) in other.counts {
            *self.slot(reason) += count;
        }
        for example in other.examples {
            let same = self.examples.iter().filter(|known| known.reason == example.reason);
            if same.count() < EXAMPLES {
                self.examples.push(example);
            }
        }
    }

    /// How often each reason occurred, in the order of [`Reason::ALL`].
    pub fn counts(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        self.counts.iter().copied()
    }

    /// How often one reason occurred.
    pub fn count(&self, reason: Reason) -> u64 {
        self.counts.iter().find(|(known, _)| *known == reason).map_or(0, |(_, count)| *count)
    }

    /// Records that were left out.
    pub fn skipped(&self) -> u64 {
        self.counts().filter(|(reason, _)| reason.skips_record()).map(|(_, count)| count).sum()
    }

    /// The examples, in order of arrival.
    pub fn examples(&self) -> &[Problem] {
        &self.examples
    }

    /// Whether nothing odd was seen.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    fn slot(&mut self, reason: Reason) -> &mut u64 {
        let at = match self.counts.binary_search_by_key(&reason, |(known, _)| *known) {
            Ok(at) => at,
            Err(at) => {
                self.counts.insert(at, (reason, 0));
                at
            }
        };
        &mut self.counts[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_after_the_examples_end() {
        let mut problems = Problems::default();
        for i in 0..100 {
            problems.add(Reason::InvalidJson, None, &format!("line {i}"));
        }
        problems.add(Reason::BadTime, None, &"é".repeat(300));
        assert_eq!(problems.count(Reason::InvalidJson), 100);
        assert_eq!(problems.examples().len(), EXAMPLES + 1);
        assert_eq!(problems.skipped(), 100);
        let mut all = Problems::default();
        all.merge(problems.clone());
        all.merge(problems);
        assert_eq!(all.count(Reason::InvalidJson), 200);
        assert_eq!(all.examples().len(), EXAMPLES + 2);
    }
}
