//! Secrets in free text: values with a known prefix, and `key=value` in its spellings.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::keys::{KeyClass, classify};
use super::{MAX_INPUT, REDACTED, is_path};
use crate::text::json::unquote;
use crate::text::safe::prefix;

/// Values that are recognised by how they begin. What a match hides is decided in [`hidden_part`].
const VALUES: &[&str] = &[
    // OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse and others
    r"\bsk-[A-Za-z0-9_-]{16,}",
    // AWS
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    // GitHub, GitLab
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bgl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{16,}",
    // Slack
    r"\bxox[a-z]-[A-Za-z0-9-]{10,}",
    r"\bxapp-[A-Za-z0-9-]{10,}",
    r"hooks\.slack\.com/services/[A-Za-z0-9/]{16,}",
    // Stripe
    r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}",
    r"\bwhsec_[A-Za-z0-9+/=]{16,}",
    // Google
    r"\bAIza[A-Za-z0-9_-]{30,}",
    r"\bya29\.[A-Za-z0-9_-]{16,}",
    r"\bGOCSPX-[A-Za-z0-9_-]{16,}",
    // Hugging Face, Groq, Perplexity, xAI, Replicate, NVIDIA, Tavily
    r"\bhf_[A-Za-z0-9]{30,}",
    r"\bgsk_[A-Za-z0-9]{20,}",
    r"\bpplx-[A-Za-z0-9]{20,}",
    r"\bxai-[A-Za-z0-9]{20,}",
    r"\br8_[A-Za-z0-9]{30,}",
    r"\bnvapi-[A-Za-z0-9_-]{20,}",
    r"\btvly-[A-Za-z0-9-]{16,}",
    // LangSmith, npm, PyPI, SendGrid, DigitalOcean, Linear, Notion, age
    r"\blsv2_(?:pt|sk)_[A-Za-z0-9_]{20,}",
    r"\bnpm_[A-Za-z0-9]{30,}",
    r"\bpypi-[A-Za-z0-9_-]{40,}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"\bdo[opr]_v1_[a-f0-9]{40,}",
    r"\blin_api_[A-Za-z0-9]{20,}",
    r"\bntn_[A-Za-z0-9]{30,}",
    r"\bAGE-SECRET-KEY-1[A-Z0-9]{40,}",
    // JSON Web Tokens
    r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}",
    // private keys; one without its end hides what follows
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)",
    // the password in a URL
    r#"://[^\s/?#:@"'<>\\]*:[^\s/@"'<>\\]+@"#,
    // HTTP authorization
    r"(?i:\b(?:bearer|basic))[ \t]{1,4}[A-Za-z0-9._~+/=-]{8,}",
];

/// `key=`, `key: `, `"key": `, `\"key\" => `, up to where the value begins.
const ASSIGNMENT: &str = r#"((?:[A-Za-z0-9_.\-[^\x00-\x7f]]|\\+u[0-9A-Fa-f]{4})+)((?:\\*["'])?)[ \t]{0,4}(=>|:=|={1,3}|:)[ \t]{0,4}"#;

/// `--key ` on a command line, up to where the value begins.
const FLAG: &str = r"--([A-Za-z][A-Za-z0-9_-]*)[ \t]{1,4}";

/// Bytes of a value that are looked at before it is known to be a secret.
const MAX_WEAK: usize = 4096;

struct Patterns {
    values: Regex,
    assignment: Regex,
    flag: Regex,
}

/// Compiled once; `None` (which hides everything) can only come from a mistake above.
static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    // The word boundary of bytes keeps the engine on its fast, linear path for any input.
    let values = VALUES.join("|").replace(r"\b", r"(?-u:\b)");
    Some(Patterns {
        values: Regex::new(&values).ok()?,
        assignment: Regex::new(ASSIGNMENT).ok()?,
        flag: Regex::new(FLAG).ok()?,
    })
});

/// Hides secrets in free text: token-shaped values and the values of sensitive keys (`password=…`, `Cookie: …`).
/// Linear in its input; what lies beyond 64 MiB is hidden unread.
pub fn redact_text(text: &str) -> Cow<'_, str> {
    redact(text, true)
}

/// Hides token-shaped values only.
pub(super) fn redact_values(text: &str) -> Cow<'_, str> {
    redact(text, false)
}

fn redact(text: &str, assignments: bool) -> Cow<'_, str> {
    let Some(patterns) = &*PATTERNS else {
        return Cow::Borrowed(REDACTED);
    };
    let checked = prefix(text, MAX_INPUT);
    let mut hidden: Vec<Range<usize>> = patterns
        .values
        .find_iter(checked)
        .filter_map(|found| {
            hidden_part(found.as_str()).map(|part| part.start + found.start()..part.end + found.start())
        })
        .collect();
    aws_secrets(checked, &mut hidden);
    if assignments {
        assigned(patterns, checked, &mut hidden);
    }
    if checked.len() < text.len() {
        hidden.push(checked.len()..text.len());
    }
    without(text, hidden)
}

/// The values of sensitive keys. What a hidden value contains isn't looked at again, which keeps this linear.
fn assigned<'p>(patterns: &'p Patterns, text: &str, hidden: &mut Vec<Range<usize>>) {
    let mut done = 0;
    // Captures are allocated even when there are none.
    let captures = |pattern: &'p Regex| pattern.is_match(text).then(|| pattern.captures_iter(text));
    for found in captures(&patterns.assignment).into_iter().flatten() {
        let (Some(all), Some(key), Some(quote), Some(sign)) =
            (found.get(0), found.get(1), found.get(2), found.get(3))
        else {
            continue;
        };
        let start = all.end();
        if start >= done {
            let tight = start == sign.end() && sign.start() == quote.end();
            let rest = text.get(start..).unwrap_or("");
            let value =
                Assigned { rest, key: key.as_str(), quoted: !quote.is_empty(), sign: sign.as_str(), tight };
            if let Some(part) = value.hidden() {
                done = start + part.end;
                hidden.push(part.start + start..done);
            }
        }
    }
    done = 0;
    for found in captures(&patterns.flag).into_iter().flatten() {
        let (Some(all), Some(key)) = (found.get(0), found.get(1)) else {
            continue;
        };
        let rest = text.get(all.end()..).unwrap_or("");
        if all.end() >= done && !rest.starts_with('-') {
            let value = Assigned { rest, key: key.as_str(), quoted: true, sign: " ", tight: true };
            if let Some(part) = value.hidden() {
                done = all.end() + part.end;
                hidden.push(part.start + all.end()..done);
            }
        }
    }
}

/// `text` with the ranges replaced; overlapping and touching ranges become one.
fn without(text: &str, mut hidden: Vec<Range<usize>>) -> Cow<'_, str> {
    hidden.retain(|range| !range.is_empty());
    if hidden.is_empty() {
        return Cow::Borrowed(text);
    }
    hidden.sort_by_key(|range| range.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    let mut ranges = hidden.into_iter().peekable();
    while let Some(mut range) = ranges.next() {
        while let Some(next) = ranges.next_if(|next| next.start <= range.end) {
            range.end = range.end.max(next.end);
        }
        out.push_str(text.get(done..range.start).unwrap_or(""));
        out.push_str(REDACTED);
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or(""));
    Cow::Owned(out)
}

/// Which part of a match of [`VALUES`] is the secret; `None` when it only looks like one.
fn hidden_part(found: &str) -> Option<Range<usize>> {
    let has_digit = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    if let Some(credentials) = found.strip_prefix("://") {
        let start = 3 + credentials.find(':')? + 1;
        let password = found.get(start..found.len() - 1)?;
        return (password != REDACTED).then_some(start..found.len() - 1);
    }
    let word = found.get(..6.min(found.len()))?.to_ascii_lowercase();
    if word.starts_with("bearer") || word.starts_with("basic") {
        let start = found.rfind([' ', '\t'])? + 1;
        let token = found.get(start..)?;
        let mixed = token.bytes().skip(1).any(|byte| byte.is_ascii_uppercase())
            && token.bytes().any(|byte| byte.is_ascii_lowercase());
        return (has_digit(token) || mixed || token.ends_with('=')).then_some(start..found.len());
    }
    // Words joined with hyphens, as in CSS, are no tokens.
    (!found.starts_with("sk-") || has_digit(found)).then_some(0..found.len())
}

/// AWS secret keys have no prefix: 40 characters of base64 with `/` or `+` in a mix that paths don't have.
fn aws_secrets(text: &str, hidden: &mut Vec<Range<usize>>) {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+');
    let bytes = text.as_bytes();
    let mut start = 0;
    for end in 0..=bytes.len() {
        if bytes.get(end).is_some_and(|&byte| is_part(byte)) {
            continue;
        }
        let run = bytes.get(start..end).unwrap_or_default();
        if run.len() == 40 && looks_random(run) {
            hidden.push(start..end);
        }
        start = end + 1;
    }
}

fn looks_random(run: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| run.iter().filter(|byte| is(byte)).count();
    let longest_word = run.split(|byte| !byte.is_ascii_lowercase()).map(<[u8]>::len).max().unwrap_or(0);
    run.iter().any(|byte| matches!(byte, b'/' | b'+'))
        && count(u8::is_ascii_digit) >= 1
        && count(u8::is_ascii_uppercase) >= 5
        && count(u8::is_ascii_lowercase) >= 5
        && longest_word < 7
}

/// A key, a sign and the text that follows.
struct Assigned<'t> {
    rest: &'t str,
    key: &'t str,
    /// Whether the key ends with a quotation mark.
    quoted: bool,
    sign: &'t str,
    /// Whether no space surrounds the sign.
    tight: bool,
}

impl Assigned<'_> {
    /// The part of `rest` that is a secret.
    fn hidden(&self) -> Option<Range<usize>> {
        let class = if self.key.contains('\\') {
            // Escapes of any depth: `pass\u0077ord`, `pass\\u0077ord`.
            let single: Vec<&str> = self.key.split('\\').filter(|part| !part.is_empty()).collect();
            let leading = if self.key.starts_with('\\') { "\\" } else { "" };
            classify(&unquote(&(leading.to_owned() + &single.join("\\"))))
        } else {
            classify(self.key.trim_start_matches('-'))
        };
        if class == KeyClass::Harmless || self.rest.starts_with(REDACTED) {
            return None;
        }
        if self.sign == ":" && self.rest.starts_with(':') {
            return None; // a path of names in a program
        }
        // A value that may turn out to be harmless is only looked at so far.
        let weak = matches!(class, KeyClass::Word | KeyClass::Key | KeyClass::Pwd);
        if weak && self.rest.len() > MAX_WEAK {
            return Self { rest: prefix(self.rest, MAX_WEAK), ..*self }.hidden();
        }
        if class == KeyClass::Token && !self.quoted && self.sign == ":" {
            return None;
        }
        if is_placeholder(self.bare(MAX_WEAK)) {
            return None;
        }
        let value = self.value(class)?;
        let shown = self.rest.get(value.clone())?;
        let bare = value.start == 0;
        let secret = match class {
            KeyClass::Harmless => false,
            KeyClass::Secret | KeyClass::Header => true,
            KeyClass::Pwd => !is_path(shown),
            KeyClass::Token => self.quoted || (self.sign != ":" && (self.tight || !bare)),
            KeyClass::Word | KeyClass::Key => (self.quoted && !bare || self.tight) && is_long_token(shown),
        };
        (secret && shown != REDACTED).then_some(value)
    }

    /// An unquoted value at the start of `rest`, of at most `bytes`.
    fn bare(&self, bytes: usize) -> &str {
        let delimiter = |c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '&' | '<' | '>' | ')' | '}' | ']')
        };
        let rest = prefix(self.rest, bytes);
        let end = rest.find(delimiter).unwrap_or(rest.len());
        rest.get(..end).unwrap_or("").trim_end_matches('\\')
    }

    fn value(&self, class: KeyClass) -> Option<Range<usize>> {
        let slashes = self.rest.len() - self.rest.trim_start_matches('\\').len();
        let opened = self.rest.get(slashes..)?;
        match opened.as_bytes().first()? {
            &quote @ (b'"' | b'\'') => {
                let start = slashes + 1;
                Some(start..start + quoted_end(self.rest.get(start..)?, quote, slashes))
            }
            b'{' | b'[' if slashes == 0 => Some(0..container_end(self.rest)),
            _ if class == KeyClass::Header => {
                let end = self.rest.find(['\n', '\r', '"', '\'']).unwrap_or(self.rest.len());
                Some(0..self.rest.get(..end)?.trim_end_matches(['\\', ' ']).len())
            }
            _ => Some(0..self.bare(self.rest.len()).len()),
        }
    }
}

/// Where a quoted value ends: at the next such quotation mark that has no more backslashes before it than the first
/// had, else with the text.
fn quoted_end(text: &str, quote: u8, slashes: usize) -> usize {
    let bytes = text.as_bytes();
    memchr::memchr_iter(quote, bytes)
        .find_map(|at| {
            let before =
                bytes.get(..at)?.iter().rev().take(slashes + 1).take_while(|&&byte| byte == b'\\').count();
            (before <= slashes).then(|| at - before)
        })
        .unwrap_or(text.len())
}

/// Where a bracketed value ends, quotation marks left aside; else with the text.
fn container_end(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

fn is_long_token(text: &str) -> bool {
    text.len() >= 16
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/' | b'='))
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// What stands for a value in program text.
fn is_placeholder(text: &str) -> bool {
    const NAMES: [&str; 16] = [
        "string",
        "String",
        "str",
        "Str",
        "any",
        "null",
        "None",
        "nil",
        "undefined",
        "true",
        "false",
        "number",
        "bool",
        "boolean",
        "Optional",
        "&str",
    ];
    const STARTS: [&str; 9] = [
        "process.env",
        "os.environ",
        "os.getenv",
        "import.meta.env",
        "env::var",
        "std::env",
        "getenv(",
        "${",
        "$(",
    ];
    NAMES.contains(&text)
        || STARTS.iter().any(|start| text.starts_with(start))
        || (!text.is_empty() && text.bytes().all(|byte| byte == b'*'))
}
