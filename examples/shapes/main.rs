//! Writes a log or a store of an odd shape, to try what tracetui does with it.
//!
//! ```text
//! cargo run --release --example shapes -- SHAPE SPANS FILE.ndjson|FILE.db
//! cargo run --release --example shapes -- huge BYTES FILE.ndjson
//! cargo run --release --example shapes -- wide ATTRIBUTES FILE.ndjson
//! ```
//!
//! Shapes: `ordinary`, `one-trace`, `one-live`, `siblings`, `deep`, `deep-shuffled`, `many-traces`, `tools-over-calls`,
//! `nameless`, `renamed`, `distinct`, `rootless`. For ordinary spans in numbers there is `tracetui demo FILE --spans N`.

#![allow(missing_docs, unreachable_pub, reason = "a program has no users of its items")]

#[path = "../../tests/bench/shape.rs"]
mod shape;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use shape::{Shape, records, row};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, number, path] = arguments.as_slice() else { bail!("usage: shapes SHAPE SPANS FILE") };
    let number: usize = number.parse().context("SPANS is a number")?;
    let path = Path::new(path);
    if path.exists() {
        bail!("{} is there already", path.display());
    }
    let single = match name.as_str() {
        "huge" => Some(shape::huge(number)),
        "wide" => Some(shape::wide(number)),
        _ => None,
    };
    if let Some(line) = single {
        return std::fs::write(path, line).context("writing");
    }
    let Some((_, shape)) = Shape::ALL.iter().find(|(known, _)| known == name) else {
        let names: Vec<&str> = Shape::ALL.iter().map(|(name, _)| *name).collect();
        bail!("no such shape; there are {}", names.join(", "));
    };
    if path.extension().is_some_and(|extension| extension == "db") {
        store(*shape, number, path)
    } else {
        log(*shape, number, path)
    }
}

fn log(shape: Shape, spans: usize, path: &Path) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
    let mut line = String::new();
    for at in 0..records(shape, spans) {
        line.clear();
        row(shape, spans, at).push_line(&mut line);
        file.write_all(line.as_bytes())?;
    }
    file.flush().context("writing")
}

fn store(shape: Shape, spans: usize, path: &Path) -> Result<()> {
    let mut database = rusqlite::Connection::open(path)?;
    database.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA synchronous = off;
         CREATE TABLE execution_spans(trace_id TEXT, span_id TEXT PRIMARY KEY, parent_span_id TEXT, name TEXT,
           span_type TEXT, started_at TEXT, ended_at TEXT, status TEXT, attributes TEXT, input TEXT);",
    )?;
    let write = database.transaction()?;
    {
        let mut insert =
            write.prepare("INSERT OR REPLACE INTO execution_spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for at in 0..records(shape, spans) {
            let row = row(shape, spans, at);
            let input = row.input.map(|text| format!("\"{text}\""));
            insert.execute(rusqlite::params![
                row.trace,
                row.span,
                row.parent,
                row.name,
                row.span_type,
                row.start,
                row.end,
                row.status,
                row.attributes,
                input
            ])?;
        }
    }
    write.commit()?;
    Ok(())
}
