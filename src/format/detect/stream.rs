//! Finds how records stand in a stream and what they mean, together: a framing is right when a format knows what it
//! brings out.

use std::sync::Arc;

use super::{ENOUGH, LineSample, SAMPLE_BYTES, names, stranger, unknown_format};
use crate::format::framing::{Dialect, Framing, is_wrapped, json_start, looks_like_documents};
use crate::format::generic::Mapping;
use crate::format::{LINE_FORMATS, LineFormat, generic, step_telemetry};

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The name of a format.
    pub format: Option<String>,
    /// Where a private format keeps its fields.
    pub mapping: Option<Arc<Mapping>>,
}

impl Wish {
    /// Whether files of this format are read as such.
    pub fn takes(&self, format: &str) -> bool {
        self.mapping.is_none() && self.format.as_deref().is_none_or(|wished| wished == format)
    }
}

impl From<Option<String>> for Wish {
    fn from(format: Option<String>) -> Self {
        Self { format, mapping: None }
    }
}

/// How a format fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: &'static str,
    /// How sure that is, 0 to 100.
    pub score: u8,
    /// Why, or what is missing.
    pub why: String,
}

/// What a stream was found to be.
#[derive(Clone)]
pub struct Found {
    /// Its format and framing.
    pub dialect: Dialect,
    /// How sure that is, 0 to 100; 100 when it was asked for.
    pub score: u8,
    /// Why, in a few words.
    pub why: String,
    /// The other formats, the nearest first.
    pub nearest: Vec<Candidate>,
}

/// Formats with how well they fit a framing, the best first.
struct Ranking {
    framing: Framing,
    formats: Vec<(&'static LineFormat, u8, String)>,
}

impl Ranking {
    fn of(framing: Framing, bytes: &[u8]) -> Self {
        let lines = framing.sample(bytes);
        let sample = LineSample::new(&lines);
        let mut formats: Vec<_> = LINE_FORMATS
            .iter()
            .map(|&format| {
                let (score, why) = (format.sniff)(&sample);
                (format, score, why)
            })
            .collect();
        // A stable sort: of equal scores the first in the list wins.
        formats.sort_by_key(|(_, score, _)| std::cmp::Reverse(*score));
        Self { framing, formats }
    }

    fn best(&self) -> Option<(&'static LineFormat, u8)> {
        self.formats.first().map(|(format, score, _)| (*format, *score)).filter(|(_, score)| *score >= ENOUGH)
    }

    /// The best score of a format that knows what it reads.
    fn known(&self) -> u8 {
        self.best()
            .filter(|(format, _)| !std::ptr::eq(*format, &raw const generic::LINES))
            .map_or(0, |(_, score)| score)
    }

    fn candidates(self) -> Vec<Candidate> {
        let candidate = |(format, score, why): (&'static LineFormat, u8, String)| Candidate {
            name: format.name,
            score,
            why,
        };
        self.formats.into_iter().map(candidate).collect()
    }
}

/// The format and framing of a stream that begins with these bytes; [`SAMPLE_BYTES`] are enough. `Ok(None)` when there
/// is nothing to decide on yet; `Err` says in one line what the source is instead, and what to do.
pub fn detect_stream(bytes: &[u8], wish: &Wish) -> Result<Option<Found>, String> {
    let bytes = bytes.get(..SAMPLE_BYTES).unwrap_or(bytes);
    if let Some(found) = asked_for(bytes, wish)? {
        return Ok(Some(found));
    }
    // What is no text at all is told before any format may guess at it.
    if let Some(stranger) = stranger::binary(bytes) {
        return Err(stranger);
    }
    if is_nothing(bytes) {
        return Ok(None);
    }
    let mut ranking = rank(bytes);
    let lines = ranking.framing.sample(bytes);
    let sample = LineSample::new(&lines);
    match ranking.best() {
        Some(_)
            if ranking.known() == 0
                && let Some(stranger) = stranger::known(&sample) =>
        {
            Err(stranger)
        }
        Some(_) => {
            let (format, score, why) = ranking.formats.remove(0);
            let dialect = Dialect { format, framing: ranking.framing, mapping: None };
            let why = match ranking.framing {
                Framing::Lines => why,
                framing => format!("{why}; {}", framing.about()),
            };
            Ok(Some(Found { dialect, score, why, nearest: ranking.candidates() }))
        }
        None => Err(stranger::text(&sample)
            .or_else(|| stranger::text(&LineSample::new(bytes)))
            .unwrap_or_else(|| {
                format!(
                    "no known format; known are {} (--format NAME forces one)",
                    names(LINE_FORMATS.iter().map(|format| format.name))
                )
            })),
    }
}

/// How well each format fits a stream, the best first, and the framing in which they were asked.
pub fn candidates(bytes: &[u8]) -> (Framing, Vec<Candidate>) {
    let bytes = bytes.get(..SAMPLE_BYTES).unwrap_or(bytes);
    let ranking = rank(bytes);
    (ranking.framing, ranking.candidates())
}

fn is_nothing(bytes: &[u8]) -> bool {
    let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // An array that has just been opened says nothing of what is in it.
    LineSample::new(rest).lines().all(|line| line.trim_ascii() == b"[") || rest.trim_ascii() == b"[]"
}

/// The format that was asked for, in the framing that suits it best.
fn asked_for(bytes: &[u8], wish: &Wish) -> Result<Option<Found>, String> {
    let name = match (&wish.format, &wish.mapping) {
        (Some(name), None) => name,
        (_, Some(_)) => generic::LINES.name,
        (None, None) => return Ok(None),
    };
    let format = LINE_FORMATS.iter().copied().find(|format| format.name.eq_ignore_ascii_case(name));
    let format = format.ok_or_else(|| unknown_format(name))?;
    let fit = |framing: Framing| {
        let lines = framing.sample(bytes);
        match &wish.mapping {
            Some(_) => u8::from(LineSample::new(&lines).lines().any(|line| line.starts_with(b"{"))),
            None => (format.sniff)(&LineSample::new(&lines)).0,
        }
    };
    // Of equal ones the first, which is the plainest.
    let mut best = (Framing::Lines, 0);
    for framing in framings(bytes) {
        let score = fit(framing);
        if score > best.1 {
            best = (framing, score);
        }
    }
    let dialect = Dialect { format, framing: best.0, mapping: wish.mapping.clone() };
    Ok(Some(Found { dialect, score: 100, why: "asked for".to_owned(), nearest: Vec::new() }))
}

/// The framings that a beginning allows, the plainest first.
fn framings(bytes: &[u8]) -> Vec<Framing> {
    // A record that is longer than all that is looked at may be longer than a line may be, too.
    let is_giant =
        bytes.len() >= SAMPLE_BYTES && memchr::memchr(b'\n', bytes).is_none() && bytes.starts_with(b"{");
    if is_giant || looks_like_documents(bytes) {
        return vec![Framing::Documents];
    }
    if is_wrapped(bytes) {
        return vec![Framing::Container { prefixed: false }, Framing::Container { prefixed: true }];
    }
    vec![Framing::Lines, Framing::Prefixed]
}

fn rank(bytes: &[u8]) -> Ranking {
    let mut framings = framings(bytes).into_iter();
    let mut best = Ranking::of(framings.next().unwrap_or_default(), bytes);
    for framing in framings {
        // What a console prints as text is no prefix, and lines of plain JSON need none.
        let is_text =
            best.best().is_some_and(|(format, _)| std::ptr::eq(format, &raw const step_telemetry::LINES));
        if is_text || !is_mostly_prefixed(&best.framing.sample(bytes)) {
            continue;
        }
        let other = Ranking::of(framing, bytes);
        let better =
            other.known() >= ENOUGH.max(best.known()) || (best.best().is_none() && other.best().is_some());
        if better {
            best = other;
        }
    }
    best
}

/// Whether most lines with JSON have something before it.
fn is_mostly_prefixed(bytes: &[u8]) -> bool {
    let (mut plain, mut prefixed) = (0usize, 0usize);
    // All of them: a program may say a lot before it logs its first record.
    for line in bytes.split(|&byte| byte == b'\n') {
        match json_start(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)) {
            Some(at) if line.get(..at).unwrap_or_default().trim_ascii().is_empty() => plain += 1,
            Some(_) => prefixed += 1,
            None => {}
        }
    }
    prefixed > plain
}
