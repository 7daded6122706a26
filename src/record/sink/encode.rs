//! The written form of a span, shared by all sinks.

use serde_json::{Map, Value};

use crate::model::{NANOS_PER_MS, NANOS_PER_SEC, Status, UnixNanos};
use crate::record::SpanRow;

/// A span with its JSON parts already serialised. Borrowed, so that bulk writers need no allocations.
#[derive(Clone, Copy, Debug)]
pub(in crate::record) struct Record<'a> {
    pub(in crate::record) trace_id: &'a str,
    pub(in crate::record) span_id: &'a str,
    pub(in crate::record) parent_span_id: Option<&'a str>,
    pub(in crate::record) name: &'a str,
    pub(in crate::record) span_type: &'a str,
    pub(in crate::record) entity_id: Option<&'a str>,
    pub(in crate::record) started_at: UnixNanos,
    pub(in crate::record) ended_at: Option<UnixNanos>,
    pub(in crate::record) status: Status,
    pub(in crate::record) attributes: &'a str,
    pub(in crate::record) input: Option<&'a str>,
    pub(in crate::record) output: Option<&'a str>,
    pub(in crate::record) error: Option<&'a str>,
    pub(in crate::record) recorded_at: UnixNanos,
}

/// Reusable room for the serialised parts of one row.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    attributes: String,
    input: Option<String>,
    output: Option<String>,
    error: Option<String>,
}

impl Scratch {
    /// Serialises a row's JSON parts and lends the record.
    pub(super) fn encode<'a>(&'a mut self, row: &'a SpanRow) -> Result<Record<'a>, serde_json::Error> {
        let json = |value: &Option<Value>| value.as_ref().map(serde_json::to_string).transpose();
        self.attributes = serde_json::to_string::<Map<String, Value>>(&row.attributes)?;
        self.input = json(&row.input)?;
        self.output = json(&row.output)?;
        self.error = json(&row.error)?;
        Ok(Record {
            trace_id: &row.trace_id,
            span_id: &row.span_id,
            parent_span_id: row.parent_span_id.as_deref(),
            name: &row.name,
            span_type: &row.span_type,
            entity_id: row.entity_id.as_deref(),
            started_at: row.started_at,
            ended_at: row.ended_at,
            status: row.status,
            attributes: &self.attributes,
            input: self.input.as_deref(),
            output: self.output.as_deref(),
            error: self.error.as_deref(),
            recorded_at: row.recorded_at,
        })
    }
}

/// The store's word for a status.
pub(super) fn status_word(status: Status) -> &'static str {
    match status {
        Status::Running => "started",
        Status::Ok => "completed",
        Status::Error => "failed",
        other => other.as_str(),
    }
}

impl Record<'_> {
    /// Nanoseconds from start to end.
    pub(super) fn duration(&self) -> Option<i64> {
        self.ended_at.map(|end| end.since(self.started_at))
    }

    /// Appends the record as one line of NDJSON with its line end. `trace_id` always comes first.
    pub(in crate::record) fn push_line(&self, out: &mut String) {
        out.push_str("{\"trace_id\":");
        push_text(out, self.trace_id);
        out.push_str(",\"span_id\":");
        push_text(out, self.span_id);
        out.push_str(",\"parent_span_id\":");
        match self.parent_span_id {
            Some(parent) => push_text(out, parent),
            None => out.push_str("null"),
        }
        out.push_str(",\"name\":");
        push_text(out, self.name);
        out.push_str(",\"span_type\":");
        push_text(out, self.span_type);
        if let Some(entity) = self.entity_id {
            out.push_str(",\"entity_id\":");
            push_text(out, entity);
        }
        out.push_str(",\"started_at\":");
        push_quoted_time(out, self.started_at);
        out.push_str(",\"ended_at\":");
        match self.ended_at {
            Some(end) => {
                push_quoted_time(out, end);
                out.push_str(",\"duration_ms\":");
                push_ms(out, end.since(self.started_at));
            }
            None => out.push_str("null"),
        }
        out.push_str(",\"status\":\"");
        out.push_str(status_word(self.status));
        out.push_str("\",\"attributes\":");
        out.push_str(self.attributes);
        for (key, json) in [("input", self.input), ("output", self.output), ("error", self.error)] {
            if let Some(json) = json {
                out.push_str(",\"");
                out.push_str(key);
                out.push_str("\":");
                out.push_str(json);
            }
        }
        out.push_str(",\"updated_at\":");
        push_quoted_time(out, self.recorded_at);
        out.push_str("}\n");
    }
}

/// Appends text as a JSON string.
pub(in crate::record) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push_str(text);
    } else {
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c < ' ' => {
                    out.push_str("\\u00");
                    push_digits(out, u64::from(c) / 16, 1, 16);
                    push_digits(out, u64::from(c) % 16, 1, 16);
                }
                c => out.push(c),
            }
        }
    }
    out.push('"');
}

fn push_quoted_time(out: &mut String, at: UnixNanos) {
    out.push('"');
    push_time(out, at);
    out.push('"');
}

/// Appends a time as `2026-02-04T17:00:00.000000Z`: always this width, so that text order is time order.
pub(in crate::record) fn push_time(out: &mut String, at: UnixNanos) {
    let second = at.0.div_euclid(NANOS_PER_SEC);
    let micros = at.0.rem_euclid(NANOS_PER_SEC) / 1_000;
    let (day, of_day) = (second.div_euclid(86_400), second.rem_euclid(86_400));
    // Days since 1970 to a date, after Howard Hinnant's `civil_from_days`: years begin in March.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let parts = [
        (year, 4, '-'),
        (month, 2, '-'),
        (day_of_month, 2, 'T'),
        (of_day / 3_600, 2, ':'),
        (of_day / 60 % 60, 2, ':'),
        (of_day % 60, 2, '.'),
        (micros, 6, 'Z'),
    ];
    for (number, width, then) in parts {
        push_digits(out, number.unsigned_abs(), width, 10);
        out.push(then);
    }
}

/// Appends nanoseconds as milliseconds, with three decimals where there is a fraction.
pub(super) fn push_ms(out: &mut String, nanos: i64) {
    if nanos < 0 {
        out.push('-');
    }
    let micros = nanos.unsigned_abs() / 1_000;
    push_digits(out, nanos.unsigned_abs() / NANOS_PER_MS as u64, 1, 10);
    if !micros.is_multiple_of(1_000) {
        out.push('.');
        push_digits(out, micros % 1_000, 3, 10);
    }
}

fn push_digits(out: &mut String, mut number: u64, width: usize, base: u64) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b"0123456789abcdef".get((number % base) as usize).copied().unwrap_or(b'0');
        number /= base;
        used += 1;
        if number == 0 && used >= width {
            break;
        }
    }
    out.extend(digits.iter().skip(digits.len() - used).map(|&digit| char::from(digit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(nanos: i64) -> String {
        let mut out = String::new();
        push_time(&mut out, UnixNanos(nanos));
        out
    }

    #[test]
    fn times_have_one_width_and_read_back() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(time(951_782_400 * NANOS_PER_SEC + 1_000), "2000-02-29T00:00:00.000001Z");
        for day in (-100_000i64..100_000).step_by(61) {
            let nanos = day * 86_400 * NANOS_PER_SEC + 45_296_789_012_000;
            let text = time(nanos);
            assert_eq!(text.len(), 27, "{text}");
            assert_eq!(UnixNanos::parse(&text), Some(UnixNanos(nanos)), "{text}");
        }
    }

    #[test]
    fn durations_are_milliseconds() {
        let ms = |nanos| {
            let mut out = String::new();
            push_ms(&mut out, nanos);
            out
        };
        assert_eq!([ms(0), ms(1_500_000_000), ms(12_005_000), ms(-2_000_000)], ["0", "1500", "12.005", "-2"]);
    }

    #[test]
    fn text_is_escaped_like_serde_json_does() {
        for text in
            ["", "plain", "quote \" slash \\ tab \t nl \n cr \r", "\u{0}\u{1b}[2J\u{7f}", "日本🦀\u{202e}"]
        {
            let mut out = String::new();
            push_text(&mut out, text);
            let back: String = serde_json::from_str(&out).expect("valid JSON");
            assert_eq!(back, text);
        }
    }

    #[test]
    fn a_line_is_one_json_object() {
        let mut row = SpanRow::started("t", "s", "a \"name\"\n", "tool_execution", UnixNanos::from_ms(1_000));
        row.set("toolName", "x");
        row.input = Some(serde_json::json!({"a": 1}));
        row.end(UnixNanos::from_ms(1_250), Status::Error);
        let mut line = String::new();
        Scratch::default().encode(&row).expect("encodes").push_line(&mut line);
        assert!(line.starts_with("{\"trace_id\":\"t\"") && line.ends_with("}\n"));
        assert_eq!(line.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&line).expect("valid JSON");
        assert_eq!(value["name"], "a \"name\"\n");
        assert_eq!(value["status"], "failed");
        assert_eq!(value["duration_ms"], 250);
        assert_eq!(value["parent_span_id"], Value::Null);
        assert_eq!(value["attributes"]["toolName"], "x");
    }

    #[test]
    fn every_status_word_reads_back() {
        for &status in Status::ALL {
            assert_eq!(Status::from_source_word(status_word(status)), status);
        }
    }
}
