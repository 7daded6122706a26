//! The one sanitiser for every sink: what reaches a terminal is printable, visible and bounded.
//!
//! Controls become pictures (`␛`), everything else that a terminal would act on, reorder or not show becomes
//! `\u{202e}`. Nothing is dropped in silence.

mod tables;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Bytes of one safe line; what is longer is cut with `…`.
pub const MAX_LINE: usize = 64 * 1024;
/// Code points that may follow the base of a cluster; 32 with the base. The rest becomes `\u{+123}`.
const MAX_EXTENSION: usize = 31;
/// Joiners in the longest emoji sequences that are in use.
const MAX_JOINERS: usize = 3;
const ELLIPSIS: &str = "…";
const ZWJ: char = '\u{200d}';
const VS16: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';

/// One line that is safe to draw or print: newlines become `␊`, tabs a space. Borrows when nothing had to change.
pub fn display_safe(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let (safe, _) = sanitise(text, " ");
    if safe == text { Cow::Borrowed(text) } else { Cow::Owned(safe) }
}

/// Text of several lines that is safe to print: newlines stay, tabs become four spaces.
pub fn display_safe_lines(text: &str) -> Cow<'_, str> {
    let mut safe = String::new();
    let mut changed = false;
    for (number, raw) in text.split('\n').enumerate() {
        let line = safe_line(raw);
        changed |= line != raw;
        if number > 0 {
            safe.push('\n');
        }
        safe.push_str(&line);
    }
    if changed { Cow::Owned(safe) } else { Cow::Borrowed(text) }
}

/// One line of a longer text: a carriage return at its end belongs to the line break.
fn safe_line(raw: &str) -> Cow<'_, str> {
    let raw = raw.strip_suffix('\r').unwrap_or(raw);
    if is_plain(raw) {
        return Cow::Borrowed(raw);
    }
    let (safe, _) = sanitise(raw, "    ");
    if safe == raw { Cow::Borrowed(raw) } else { Cow::Owned(safe) }
}

/// Whether no character of `text` needs a second look.
fn is_plain(text: &str) -> bool {
    text.len() <= MAX_LINE
        && (text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) || text.chars().all(is_plain_char))
}

/// Printable characters of common scripts that never join with a neighbour.
fn is_plain_char(c: char) -> bool {
    matches!(c,
        ' '..='~' | '\u{a1}'..='\u{a8}' | '\u{aa}'..='\u{ac}' | '\u{af}'..='\u{2ff}' | '\u{400}'..='\u{482}'
        | '\u{48a}'..='\u{52f}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{203b}' | '\u{2190}'..='\u{2193}'
        | '\u{2400}'..='\u{2426}' | '\u{2500}'..='\u{25a9}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{ff01}'..='\u{ff5e}')
}

/// Whether a terminal would hide, reorder or act on `c`, or may not know how wide it is.
pub(crate) fn is_hidden(c: char) -> bool {
    !is_plain_char(c) && tables::contains(&tables::HIDDEN, c)
}

fn is_pictograph(c: char) -> bool {
    tables::contains(&tables::PICTOGRAPHS, c)
}

fn is_regional(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

/// Halfwidth sound marks, which extend a cluster by one cell.
fn is_sound_mark(c: char) -> bool {
    matches!(c, '\u{ff9e}' | '\u{ff9f}')
}

fn is_zero_width(c: char) -> bool {
    c.width().unwrap_or(0) == 0 && !is_sound_mark(c)
}

/// The largest character boundary of `text` that is not above `at`.
pub(crate) fn floor_boundary(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The start of `text`, at most `bytes` long.
pub(crate) fn prefix(text: &str, bytes: usize) -> &str {
    text.get(..floor_boundary(text, bytes)).unwrap_or("")
}

/// The safe form of `text` and where in it replacements stand.
fn sanitise(text: &str, tab: &'static str) -> (String, Vec<Range<usize>>) {
    let bounded = prefix(text, MAX_LINE);
    let mut writer = Writer {
        out: String::with_capacity(bounded.len() + 16),
        marks: Vec::new(),
        tab,
        run: 0,
        overflow: 0,
        cut: 0,
        full: false,
    };
    for cluster in bounded.graphemes(true) {
        writer.cluster(cluster);
        if writer.full {
            break;
        }
    }
    writer.flush_overflow();
    if writer.full || bounded.len() < text.len() {
        writer.end_early();
    }
    (writer.out, writer.marks)
}

/// Builds the safe form of one line.
struct Writer {
    out: String,
    marks: Vec<Range<usize>>,
    tab: &'static str,
    /// Code points written since the last base.
    run: usize,
    /// Code points left out since then.
    overflow: usize,
    /// The end of the last cluster after which `…` still fits.
    cut: usize,
    full: bool,
}

impl Writer {
    fn cluster(&mut self, cluster: &str) {
        let mut chars = cluster.chars().peekable();
        let regional = chars.peek().is_some_and(|&c| is_regional(c));
        if !regional {
            self.flush_overflow();
        }
        if self.overflow == 0 && self.out.len() + ELLIPSIS.len() <= MAX_LINE {
            self.cut = self.out.len();
        }
        let mut before = None;
        let mut joiners = 0;
        // After a replacement inside a cluster nothing may attach to the notation.
        let mut broken = false;
        while let Some(c) = chars.next() {
            if self.full {
                return;
            }
            let next = chars.peek().copied();
            let first = before.is_none();
            let keep = match c {
                ZWJ if !broken && joiners < MAX_JOINERS => {
                    joiners += 1;
                    before.is_some_and(is_sequence_part) && next.is_some_and(is_pictograph)
                }
                VS16 if !broken => match before {
                    Some('0'..='9' | '#' | '*') => next == Some(KEYCAP),
                    Some(base) => is_pictograph(base),
                    None => false,
                },
                _ if is_hidden(c) => false,
                _ if is_zero_width(c) => !broken && !first && !regional,
                _ => true,
            };
            if !keep {
                self.replace(c);
                broken = true;
            } else if first && !regional && !(self.after_mark() && joins_a_base(c)) {
                self.base(c);
            } else {
                self.extend(c);
            }
            before = Some(c);
        }
    }

    fn after_mark(&self) -> bool {
        self.marks.last().is_some_and(|mark| mark.end == self.out.len())
    }

    fn base(&mut self, c: char) {
        self.flush_overflow();
        self.run = 0;
        self.push(c.encode_utf8(&mut [0; 4]));
    }

    fn extend(&mut self, c: char) {
        if self.run < MAX_EXTENSION && self.overflow == 0 {
            self.run += 1;
            self.push(c.encode_utf8(&mut [0; 4]));
        } else {
            self.overflow += 1;
        }
    }

    fn replace(&mut self, c: char) {
        if self.overflow > 0 {
            self.overflow += 1;
            return;
        }
        match c {
            '\t' => self.mark(self.tab),
            '\0'..='\u{1f}' => {
                let picture = char::from_u32(0x2400 + c as u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                self.mark(picture.encode_utf8(&mut [0; 4]));
            }
            _ => self.mark(&format!("\\u{{{:x}}}", c as u32)),
        }
    }

    fn mark(&mut self, notation: &str) {
        let start = self.out.len();
        self.push(notation);
        self.run = 0;
        if self.out.len() > start {
            self.marks.push(start..self.out.len());
        }
    }

    fn flush_overflow(&mut self) {
        if self.overflow > 0 {
            let notation = format!("\\u{{+{}}}", self.overflow);
            self.overflow = 0;
            self.mark(&notation);
        }
    }

    fn push(&mut self, piece: &str) {
        if self.full || self.out.len() + piece.len() > MAX_LINE {
            self.full = true;
        } else {
            self.out.push_str(piece);
        }
    }

    fn end_early(&mut self) {
        if self.out.len() + ELLIPSIS.len() > MAX_LINE {
            self.out.truncate(self.cut);
            let end = self.out.len();
            self.marks.retain(|mark| mark.end <= end);
        }
        let start = self.out.len();
        self.out.push_str(ELLIPSIS);
        self.marks.push(start..self.out.len());
    }
}

/// Whether `c` is drawn as a part of an ordinary character before it.
fn joins_a_base(c: char) -> bool {
    !is_plain_char(c) && format!("a{c}").graphemes(true).count() == 1
}

/// What may stand before a joiner in an emoji sequence.
fn is_sequence_part(c: char) -> bool {
    c == VS16 || is_pictograph(c) || matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Cells that one cluster takes, as ratatui counts them.
fn cluster_width(cluster: &str) -> usize {
    match cluster.len() {
        1 => 1,
        _ => cluster.width() + cluster.chars().filter(|&c| is_sound_mark(c)).count(),
    }
}

/// One line of text that went through the sanitiser: the only text that may be drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeText<'a>(Cow<'a, str>);

impl<'a> SafeText<'a> {
    /// The safe form of `text` as one line.
    pub fn new(text: &'a str) -> Self {
        Self(display_safe(text))
    }

    /// The safe form of an owned string.
    pub fn from_string(text: String) -> SafeText<'static> {
        match display_safe(&text) {
            Cow::Owned(safe) => SafeText(Cow::Owned(safe)),
            Cow::Borrowed(_) => SafeText(Cow::Owned(text)),
        }
    }

    /// The safe form and the byte ranges in it that stand for replaced characters, to be shown in a colour of their own.
    pub fn with_marks(text: &'a str) -> (Self, Vec<Range<usize>>) {
        if is_plain(text) {
            return (Self(Cow::Borrowed(text)), Vec::new());
        }
        let (safe, marks) = sanitise(text, " ");
        (Self(Cow::Owned(safe)), marks)
    }

    /// The lines of a longer text, each safe and bounded; made as they are asked for.
    pub fn lines(text: &'a str) -> impl Iterator<Item = SafeText<'a>> {
        text.split('\n').map(|raw| Self(safe_line(raw)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text without a borrow.
    pub fn into_owned(self) -> SafeText<'static> {
        SafeText(Cow::Owned(self.0.into_owned()))
    }

    /// The text as a string.
    pub fn into_string(self) -> String {
        self.0.into_owned()
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This text followed by `other`.
    #[must_use]
    pub fn concat(&self, other: &SafeText<'_>) -> SafeText<'static> {
        SafeText::from_string(format!("{}{}", self.0, other.0))
    }

    /// Width in terminal cells.
    pub fn width(&self) -> usize {
        if self.0.is_ascii() {
            return self.0.len();
        }
        self.0.graphemes(true).map(cluster_width).sum()
    }

    /// The text in at most `cells` cells, cut at the end with `…`.
    #[must_use]
    pub fn truncate_end(&self, cells: usize) -> SafeText<'_> {
        if self.fits(cells) {
            return SafeText(Cow::Borrowed(&self.0));
        }
        let Some(room) = cells.checked_sub(1) else {
            return SafeText::default();
        };
        let head = take_cells(self.0.graphemes(true), room);
        SafeText(Cow::Owned(format!("{}{ELLIPSIS}", prefix(&self.0, head))))
    }

    /// The text in at most `cells` cells, cut in the middle with `…` so that both ends stay readable.
    #[must_use]
    pub fn truncate_middle(&self, cells: usize) -> SafeText<'_> {
        if self.fits(cells) {
            return SafeText(Cow::Borrowed(&self.0));
        }
        let Some(room) = cells.checked_sub(1) else {
            return SafeText::default();
        };
        let tail = take_cells(self.0.graphemes(true).rev(), room / 2);
        let head = take_cells(self.0.graphemes(true), room - room / 2);
        let tail = self.0.get(self.0.len().saturating_sub(tail)..).unwrap_or("");
        SafeText(Cow::Owned(format!("{}{ELLIPSIS}{tail}", prefix(&self.0, head))))
    }

    /// The text in exactly `cells` cells: cut at the end, or padded with spaces.
    #[must_use]
    pub fn fit(&self, cells: usize) -> SafeText<'_> {
        let cut = self.truncate_end(cells);
        let padding = cells.saturating_sub(cut.width());
        if padding == 0 {
            return cut;
        }
        SafeText(Cow::Owned(format!("{}{:padding$}", cut.0, "")))
    }

    /// The text in lines of at most `cells` cells, broken at spaces where there are any. A cluster that is wider than a
    /// line becomes `…`; a width of 0 gives no lines.
    pub fn wrap(&self, cells: usize) -> Vec<SafeText<'_>> {
        let mut lines = Vec::new();
        let mut rest: &str = &self.0;
        if cells == 0 {
            return lines;
        }
        loop {
            let head = take_cells(rest.graphemes(true), cells);
            if head == rest.len() {
                lines.push(SafeText(Cow::Borrowed(rest)));
                break;
            }
            if head == 0 {
                let skipped = rest.graphemes(true).next().map_or(rest.len(), str::len);
                lines.push(SafeText(Cow::Borrowed(ELLIPSIS)));
                rest = rest.get(skipped..).unwrap_or("");
                continue;
            }
            let line = prefix(rest, head);
            let after = rest.get(head..).unwrap_or("");
            let at_word = if after.starts_with(' ') { Some(head) } else { line.rfind(' ') };
            let end = at_word.filter(|&at| !prefix(rest, at).trim_start().is_empty()).unwrap_or(head);
            lines.push(SafeText(Cow::Borrowed(prefix(rest, end).trim_end_matches(' '))));
            let next = rest.get(end..).unwrap_or("");
            rest = next.strip_prefix(' ').unwrap_or(next);
        }
        lines
    }

    fn fits(&self, cells: usize) -> bool {
        if self.0.is_ascii() {
            return self.0.len() <= cells;
        }
        take_cells(self.0.graphemes(true), cells) == self.0.len()
    }
}

/// Bytes of the clusters that fit into `cells`.
fn take_cells<'t>(clusters: impl Iterator<Item = &'t str>, cells: usize) -> usize {
    let mut width = 0;
    let mut bytes = 0;
    for cluster in clusters {
        width += cluster_width(cluster);
        if width > cells {
            break;
        }
        bytes += cluster.len();
    }
    bytes
}

impl AsRef<str> for SafeText<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
