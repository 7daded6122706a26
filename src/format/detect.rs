//! Finds out what a source is, and says why; for what cannot be read it says in one line what to do.

mod stranger;
mod stream;

#[cfg(test)]
mod tests;

use super::{LINE_FORMATS, LineFormat, TABLE_FORMATS, TableFormat, TablePlan, TableSchema};
pub use stream::{Candidate, Found, Wish, candidates, detect_stream};

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

/// The format of records, however they are framed (see [`detect_stream`]). `Ok(None)` when there is nothing to decide on yet; `Err` says in one line what the source is
/// instead, and what to do.
pub fn detect_lines(
    sample: &LineSample<'_>,
    forced: Option<&str>,
) -> Result<Option<Detection<LineFormat>>, String> {
    let wish = Wish { format: forced.map(str::to_owned), mapping: None };
    let found = detect_stream(sample.bytes(), &wish)?;
    Ok(found.map(|Found { dialect, score, why, nearest }| Detection {
        format: dialect.format,
        score,
        why,
        nearest: nearest
            .into_iter()
            .filter(|near| near.score > 0)
            .map(|near| (near.name, near.score))
            .collect(),
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
    if let Some(stranger) = foreign_database(tables) {
        return Err(stranger);
    }
    Err(format!("no span table found; tables: {}", names(tables.iter().map(|table| &*table.name))))
}

/// What a database without span tables is, and what to do, when its tables give that away.
pub fn foreign_database(tables: &[TableSchema]) -> Option<String> {
    stranger::database(tables)
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
