//! What a file was found to be, told instead of read.

use std::io::Read;
use std::path::Path;

use super::compressed::unpacking;
use super::place::{Found, look, open};
use super::sqlite::tables_of;
use crate::format::{Candidate, Fit, SAMPLE_BYTES, TABLE_FORMATS, Wish, candidates, detect_stream};

/// What was found out about a file.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// Name of its format; `None` when it is none that is known.
    pub format: Option<&'static str>,
    /// How its records stand in it; empty when that can't be said.
    pub framing: String,
    /// How sure the format is, 0 to 100.
    pub score: u8,
    /// Why it is that format, or why it is none.
    pub why: String,
    /// Other formats, the nearest first, with what they miss.
    pub nearest: Vec<Candidate>,
    /// How each path of the mapping that was asked for fits the records at its beginning.
    pub mapped: Vec<Fit>,
}

impl Examined {
    fn nothing(why: impl Into<String>) -> Self {
        Self { why: why.into(), ..Self::default() }
    }
}

/// Looks at the beginning of a file, or at the tables of a database.
pub fn examine(path: &Path, wish: &Wish) -> Examined {
    if path.as_os_str() == "-" {
        return Examined::nothing("standard input can't be looked at without reading it: give a file");
    }
    match look(path) {
        Found::Nothing(what) | Found::Refused(what) => Examined::nothing(what),
        Found::Blocked(why) => Examined::nothing(why),
        Found::Pipe => Examined::nothing("a pipe can't be looked at without reading it: give a file"),
        Found::Database => database(path, wish),
        Found::Lines => stream(open(path), "", wish),
        Found::Compressed(kind) => {
            let opened = open(path).map(|file| unpacking(file, kind));
            stream(opened, kind.name(), wish)
        }
    }
}

fn stream(opened: std::io::Result<impl Read>, packed: &str, wish: &Wish) -> Examined {
    let mut sample = Vec::new();
    let read = opened.and_then(|from| from.take(SAMPLE_BYTES as u64).read_to_end(&mut sample));
    // What is cut or damaged behind the beginning is of no concern here.
    if let Err(error) = read
        && sample.is_empty()
    {
        return Examined::nothing(format!("failed to read: {error}"));
    }
    let framing =
        |about: &str| if packed.is_empty() { about.to_owned() } else { format!("{packed}: {about}") };
    match detect_stream(&sample, wish) {
        Ok(Some(found)) => Examined {
            format: Some(found.dialect.format.name),
            framing: framing(found.dialect.framing.about()),
            score: found.score,
            why: found
                .why
                .strip_suffix(&format!("; {}", found.dialect.framing.about()))
                .unwrap_or(&found.why)
                .to_owned(),
            nearest: found.nearest.into_iter().filter(|near| near.score > 0).collect(),
            mapped: wish.mapping.as_ref().map_or_else(Vec::new, |mapping| {
                let lines = found.dialect.framing.sample(&sample);
                mapping.fits(lines.split(|&byte| byte == b'\n'))
            }),
        },
        Ok(None) => Examined::nothing("nothing in it yet"),
        Err(why) => {
            let (how, mut nearest) = candidates(&sample);
            nearest.retain(|near| near.score > 0);
            let framing = if is_text(&sample) { framing(how.about()) } else { String::new() };
            let nearest = if is_text(&sample) { nearest } else { Vec::new() };
            Examined { framing, nearest, ..Examined::nothing(why) }
        }
    }
}

fn is_text(sample: &[u8]) -> bool {
    !sample.iter().take(4096).any(|byte| matches!(byte, 0..=8))
}

fn database(path: &Path, wish: &Wish) -> Examined {
    let wanted = |name: &str| wish.format.as_deref().is_none_or(|wish| wish.eq_ignore_ascii_case(name));
    let formats: Vec<_> = TABLE_FORMATS.iter().copied().filter(|format| wanted(format.name)).collect();
    let examined =
        |why: String| Examined { framing: "SQLite: a record per row".to_owned(), ..Examined::nothing(why) };
    match tables_of(path, &formats) {
        Err(fault) => examined(fault.to_string()),
        Ok((tables, otherwise)) => {
            let Some((_, format, ..)) = tables.first() else { return examined(otherwise) };
            let why = tables.iter().map(|(table, format, has, of)| {
                format!("table {table}: {has} of the {of} fields of {}", format.name)
            });
            let score = if wish.format.is_some() { 100 } else { 90 };
            Examined { format: Some(format.name), score, ..examined(why.collect::<Vec<_>>().join("; ")) }
        }
    }
}
