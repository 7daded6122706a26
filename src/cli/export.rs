//! `tracetui export`: all spans in another format.

use std::fs::OpenOptions;
use std::io::{BufWriter, ErrorKind, Write as _};

use super::args::ExportArgs;
use super::load::load;
use super::{Failure, Output};
use crate::export::{EXPORTERS, Selection};
use crate::text::display_safe;

/// Runs the command.
pub(super) fn run(args: &ExportArgs, out: &mut Output) -> Result<(), Failure> {
    let exporter = EXPORTERS.iter().find(|exporter| exporter.name() == args.to).ok_or_else(|| {
        let names: Vec<String> = EXPORTERS
            .iter()
            .map(|exporter| format!("  {:<16} {}", exporter.name(), exporter.about()))
            .collect();
        Failure::Usage(format!(
            "--to: no target is called {}; the names are\n{}",
            display_safe(&args.to),
            names.join("\n")
        ))
    })?;
    let loaded = load(&args.sources, &args.input)?;
    let matcher = loaded.matcher();
    let selection = Selection {
        store: &loaded.store,
        clock: &loaded.clock,
        matches: &|span| matcher.matches(span),
        detail: &|span| loaded.detail(span),
        shown: &|text| loaded.shown(text),
    };
    match &args.output {
        None => exporter.write(&selection, out.stdout())?,
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
                Failure::Usage(match error.kind() {
                    ErrorKind::AlreadyExists => {
                        format!("{} exists: export doesn't overwrite, name another file", path.display())
                    }
                    _ => format!("failed to create the output file: {error}: {}", path.display()),
                })
            })?;
            let mut file = BufWriter::new(file);
            exporter.write(&selection, &mut file)?;
            file.flush()?;
        }
    }
    Ok(())
}
