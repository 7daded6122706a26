//! Finds out what a source is, and says why; for what cannot be read it says in one line what to do.

mod stranger;

#[cfg(test)]
mod tests;

use super::{LINE_FORMATS, LineFormat, TABLE_FORMATS, TableFormat, TablePlan, TableSchema};

/// The first bytes of a line-oriented source.
#[derive(Clone, Copy, Debug)]
pub struct LineSample<'a> {
    bytes: &'a [u8],
}

/// Lines that a decision looks at.
const MAX_LINES: usize = 100;
/// Bytes of a sample that are worth reading.
pub const SAMPLE_BYTES: usize = 256 * 1024;

impl<'a> LineSample<'a> {
    /// The sample of a source that begins with these bytes; [`SAMPLE_BYTES`] are enough. A last line that is cut may
    /// be part of it.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.get(..SAMPLE_BYTES).unwrap_or(bytes) }
    }

    /// The bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The first lines that are not blank, without their ends.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.bytes
            .split(|&byte| byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| line.iter().any(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | 0)))
            .take(MAX_LINES)
    }
}

/// What a source was found to be.
pub struct Detection<F: 'static> {
    /// The format.
    pub format: &'static F,
    /// How sure that is, 0 to 100; 100 when it was asked for.
    pub score: u8,
    /// Why, in a few words.
    pub why: String,
    /// Other formats that came near, with their scores.
    pub nearest: Vec<(&'static str, u8)>,
}

/// A score below which nothing is taken for a format.
const ENOUGH: u8 = 30;

/// The format of lines. `Ok(None)` when there is nothing to decide on yet; `Err` says in one line what the source is
/// instead, and what to do.
pub fn detect_lines(
    sample: &LineSample<'_>,
    forced: Option<&str>,
) -> Result<Option<Detection<LineFormat>>, String> {
    if let Some(name) = forced {
        let format = LINE_FORMATS.iter().copied().find(|format| format.name.eq_ignore_ascii_case(name));
        let format = format.ok_or_else(|| unknown_format(name))?;
        return Ok(Some(Detection { format, score: 100, why: "asked for".to_owned(), nearest: Vec::new() }));
    }
    // What is no lines of text at all is told before any format may guess at it.
    if let Some(stranger) = stranger::binary(sample.bytes()) {
        return Err(stranger);
    }
    if sample.lines().next().is_none() {
        return Ok(None);
    }
    // Its elements may well stand on lines of their own, and would be read with a complaint about each comma.
    if let Some(stranger) = stranger::array(sample)
        && (super::zipkin::LINES.sniff)(sample).0 < ENOUGH
    {
        return Err(stranger);
    }
    let mut scored: Vec<_> = LINE_FORMATS
        .iter()
        .map(|&format| {
            let (score, why) = (format.sniff)(sample);
            (format, score, why)
        })
        .collect();
    // A stable sort: of equal scores the first in the list wins.
    scored.sort_by_key(|(_, score, _)| std::cmp::Reverse(*score));
    let mut ranking = scored.into_iter();
    if let Some((format, score, why)) = ranking.next()
        && score >= ENOUGH
    {
        let nearest =
            ranking.filter(|(_, score, _)| *score > 0).map(|(format, score, _)| (format.name, score));
        return Ok(Some(Detection { format, score, why, nearest: nearest.collect() }));
    }
    Err(stranger::text(sample).unwrap_or_else(|| {
        format!(
            "no known format; known are {} (--format NAME forces one)",
            names(LINE_FORMATS.iter().map(|f| f.name))
        )
    }))
}

/// A table that can be read.
pub struct TableDetection {
    /// The format and why.
    pub detection: Detection<TableFormat>,
    /// What to read of it.
    pub plan: TablePlan,
}

/// The span tables of a database. `Err` says what was looked for and what was found.
pub fn detect_tables(tables: &[TableSchema], forced: Option<&str>) -> Result<Vec<TableDetection>, String> {
    let formats: Vec<_> = TABLE_FORMATS
        .iter()
        .copied()
        .filter(|format| forced.is_none_or(|name| format.name.eq_ignore_ascii_case(name)))
        .collect();
    if let (Some(name), true) = (forced, formats.is_empty()) {
        return Err(unknown_format(name));
    }
    let mut found: Vec<TableDetection> = Vec::new();
    let mut faults: Vec<String> = Vec::new();
    for table in tables {
        // The first format that knows a table has it.
        let plan = formats.iter().find_map(|format| Some((*format, (format.plan)(table)?)));
        match plan {
            Some((format, Ok(plan))) => found.push(TableDetection {
                detection: Detection {
                    format,
                    score: if forced.is_some() { 100 } else { 90 },
                    why: format!("table {}: {} of its fields are there", table.name, coverage(&plan)),
                    nearest: Vec::new(),
                },
                plan,
            }),
            Some((_, Err(fault))) => faults.push(format!("table {}: {fault}", table.name)),
            None => {}
        }
    }
    if !found.is_empty() {
        return Ok(found);
    }
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    if tables.is_empty() {
        return Err("no span table found: the database has no tables yet".to_owned());
    }
    Err(format!("no span table found; tables: {}", names(tables.iter().map(|table| &*table.name))))
}

/// `14 of 17`.
fn coverage(plan: &TablePlan) -> String {
    format!("{} of {}", plan.index.iter().flatten().count(), plan.index.len())
}

/// Every format's name and what it is, for `--format help`: each name once.
pub fn format_names() -> Vec<(&'static str, &'static str)> {
    let lines = LINE_FORMATS.iter().map(|format| (format.name, format.about));
    let tables = TABLE_FORMATS.iter().map(|format| (format.name, format.about));
    let mut all: Vec<(&str, &str)> = Vec::new();
    for (name, about) in lines.chain(tables) {
        if !all.iter().any(|(known, _)| *known == name) {
            all.push((name, about));
        }
    }
    all
}

fn unknown_format(name: &str) -> String {
    let known = names(format_names().into_iter().map(|(name, _)| name));
    format!("no format named {name} here; known are {known}")
}

/// The first names of a list, and how many more there are.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<_> = all.collect();
    let shown = all.iter().take(12).copied().collect::<Vec<_>>().join(", ");
    if all.len() > 12 { format!("{shown} and {} more", all.len() - 12) } else { shown }
}
