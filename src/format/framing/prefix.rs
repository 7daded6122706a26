//! The JSON at the end of a log line: `2026-02-04 17:00:00 INFO {...}`, `web-1  | {...}`, syslog and their like.

use memchr::memchr_iter;

/// Longest prefix, bytes.
const MAX_PREFIX: usize = 512;
/// Braces of a prefix that are looked at.
const MAX_BRACES: usize = 8;

/// Where the JSON object begins with which a line ends. Zero when nothing stands before it. Only looks at both ends:
/// what is between may be damaged.
pub(in crate::format) fn json_start(line: &[u8]) -> Option<usize> {
    let trimmed = line.trim_ascii_end();
    if trimmed.last() != Some(&b'}') {
        return None;
    }
    let head = trimmed.get(..MAX_PREFIX).unwrap_or(trimmed);
    memchr_iter(b'{', head).take(MAX_BRACES).find(|at| {
        let next = trimmed.get(at + 1..).unwrap_or_default().trim_ascii_start().first();
        // A member's name follows, or nothing; not the text of a template or a set.
        matches!(next, Some(b'"' | b'}')) && is_edge(trimmed.get(..*at).unwrap_or_default())
    })
}

/// Whether JSON may begin behind this: after a blank or punctuation, not within a word.
fn is_edge(before: &[u8]) -> bool {
    before.last().is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'{' && *byte != b'"')
}
