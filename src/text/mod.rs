//! The only way untrusted text becomes drawable or writable, and the short forms of numbers for screens.
//!
//! - [`safe`]: what a terminal may get. Everything drawn or printed goes through [`display_safe`] or [`SafeText`].
//! - [`format`](mod@format): durations, tokens, money, ages and sizes in a few cells.
//! - [`short`]: the same without allocating, for screens.
//! - [`redact`]: hides secrets in text and JSON.
//! - [`search`]: looks for text in records that are not decoded.
//! - [`json`]: JSON text as lines with token classes, in pages.

pub mod format;
pub mod json;
mod near;
pub mod redact;
pub mod safe;
pub mod search;
pub mod short;
mod sink;

pub use format::{
    UNKNOWN, age, bill, bill_cell, bytes, clock, count, date_time, duration, duration_short, percent, rate,
    tokens, usd, usd_cell,
};
pub use near::{distance, nearest};
pub use redact::{is_sensitive_key, redact_json, redact_text, redact_value_of};
pub use safe::{MAX_LINE, SafeText, display_safe, display_safe_lines};
pub use short::Short;
pub use sink::{json_safe, raw_json, redact_detail};
