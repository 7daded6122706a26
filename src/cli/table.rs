//! Tables on standard output: aligned text, CSV, Markdown. Every cell is sanitised for the sink it goes to.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use crate::text::display_safe;

/// On which side a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub title: &'static str,
    pub align: Align,
}

/// A table of untrusted text.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row with one cell per column.
    pub(super) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Aligned columns, two spaces apart.
    pub(super) fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| display_safe(cell).into_owned()).collect())
            .collect();
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.width());
                cells.chain(std::iter::once(column.title.width())).max().unwrap_or(0)
            })
            .collect();
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        for row in std::iter::once(&titles).chain(&rows) {
            let mut line = String::new();
            for ((cell, column), width) in row.iter().zip(&self.columns).zip(&widths) {
                let pad = " ".repeat(width.saturating_sub(cell.width()));
                let (before, after) = match column.align {
                    Align::Left => ("", pad.as_str()),
                    Align::Right => (pad.as_str(), ""),
                };
                line.push_str(before);
                line.push_str(cell);
                line.push_str(after);
                line.push_str("  ");
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// RFC 4180; a cell that a spreadsheet would run as a formula starts with an apostrophe.
    pub(super) fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let cells: Vec<String> = row.iter().map(|cell| csv_cell(cell)).collect();
            write!(out, "{}\r\n", cells.join(","))?;
        }
        Ok(())
    }

    /// A GitHub table.
    pub(super) fn write_markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        writeln!(out, "{}", line(self.columns.iter().map(|column| column.title.to_owned()).collect()))?;
        let rule = |column: &Column| if column.align == Align::Right { "---:" } else { "---" }.to_owned();
        writeln!(out, "{}", line(self.columns.iter().map(rule).collect()))?;
        for row in &self.rows {
            writeln!(out, "{}", line(row.iter().map(|cell| markdown_cell(cell)).collect()))?;
        }
        Ok(())
    }
}

fn csv_cell(cell: &str) -> String {
    let cell = display_safe(cell);
    let formula = cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '␉', '␍', '␀']);
    let guarded = if formula { format!("'{cell}") } else { cell.into_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

fn markdown_cell(cell: &str) -> String {
    let mut safe = String::new();
    for c in display_safe(cell).chars() {
        if matches!(c, '|' | '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']') {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![
            Column { title: "name", align: Align::Left },
            Column { title: "n", align: Align::Right },
        ]);
        table.push(vec!["=cmd|' /C calc'!A0".into(), "1".into()]);
        table.push(vec!["日本, \"x\"".into(), "20".into()]);
        table.push(vec!["a\x1b[31mb".into(), "3".into()]);
        table
    }

    fn written(write: impl Fn(&Table, &mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&table(), &mut out).expect("written");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn columns_line_up_by_cell_width() {
        let text = written(|table, out| table.write_text(out));
        let ends: Vec<usize> = text.lines().map(unicode_width::UnicodeWidthStr::width).collect();
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    }

    #[test]
    fn csv_is_quoted_and_formulas_are_guarded() {
        let text = written(|table, out| table.write_csv(out));
        assert!(text.contains("'=cmd|"));
        assert!(text.contains("\"日本, \"\"x\"\"\",20\r\n"));
    }

    #[test]
    fn no_escape_reaches_any_sink() {
        for text in [
            written(|table, out| table.write_text(out)),
            written(|table, out| table.write_csv(out)),
            written(|table, out| table.write_markdown(out)),
        ] {
            assert!(!text.contains('\x1b'));
        }
    }
}
