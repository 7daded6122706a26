//! Rows: `FlowMaestro`'s table, and tables that are not as they should be.

use super::*;

/// Rows of the `INSERT` statements of a dump: each cell as text, number or null.
fn rows(sql: &str) -> Vec<Vec<Option<String>>> {
    sql.lines().filter_map(|line| line.split_once(" VALUES (")).map(|(_, values)| cells(values)).collect()
}

fn cells(values: &str) -> Vec<Option<String>> {
    let mut cells = Vec::new();
    let mut rest = values;
    loop {
        let cell = if let Some(text) = rest.strip_prefix('\'') {
            let mut value = String::new();
            let mut tail = text;
            loop {
                let (part, after) = tail.split_once('\'').expect("a closed string");
                value.push_str(part);
                tail = after;
                match tail.strip_prefix('\'') {
                    Some(more) => {
                        value.push('\'');
                        tail = more;
                    }
                    None => break,
                }
            }
            rest = tail;
            Some(value)
        } else {
            let end = rest.find([',', ')']).expect("a delimiter");
            let (word, tail) = rest.split_at(end);
            rest = tail;
            (word != "NULL").then(|| word.to_owned())
        };
        cells.push(cell);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return cells,
        }
    }
}

const FLOWMAESTRO: [&str; 15] = [
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "span_type",
    "entity_id",
    "started_at",
    "ended_at",
    "duration_ms",
    "status",
    "input",
    "output",
    "error",
    "attributes",
    "created_at",
];

fn schema(name: &str, columns: &[&str]) -> TableSchema {
    TableSchema { name: name.to_owned(), columns: columns.iter().map(|&column| column.to_owned()).collect() }
}

/// Decodes rows whose cells stand in the order of `columns`.
fn decode_rows(columns: &[&str], rows: &[Vec<Cell<'_>>]) -> Batch {
    let plan = (TABLE.plan)(&schema("execution_spans", columns)).unwrap().unwrap();
    let mut batch = Batch::default();
    for (rowid, row) in rows.iter().enumerate() {
        let cells: Vec<_> = plan
            .index
            .iter()
            .map(|column| {
                let at = columns.iter().position(|name| Some(*name) == column.as_deref());
                at.and_then(|at| row.get(at).copied()).unwrap_or(Cell::Null)
            })
            .collect();
        let at = PayloadRef { segment: SegmentId(0), pos: rowid as u64, len: 0 };
        (TABLE.decode)(&RowPlace { at, stamp: Stamp::default() }, &cells, &mut batch);
    }
    batch
}

fn text(cell: Option<&String>) -> Cell<'_> {
    match cell {
        None => Cell::Null,
        Some(text) => text.parse().map_or(Cell::Text(text.as_bytes()), Cell::Integer),
    }
}

#[test]
fn flowmaestro_gives_its_totals() {
    let sql = String::from_utf8(fixture("native/flowmaestro.sql")).unwrap();
    let rows = rows(&sql);
    let cells: Vec<Vec<_>> =
        rows.iter().map(|row| row.iter().map(|cell| text(cell.as_ref())).collect()).collect();
    let batch = decode_rows(&FLOWMAESTRO, &cells);
    assert_eq!(problems(&batch), "");
    let totals = totals(&batch);
    assert_eq!((totals.traces, totals.spans, totals.events), (5, 200, 0));
    assert_eq!((totals.open, totals.errors), (55, 4));
    assert_eq!((totals.tool_calls, totals.llm_calls), (21, 58));
    assert_eq!((totals.tokens.input, totals.tokens.output), (24_776, 3_394));
    assert_eq!(totals.cost, NanoUsd(74_389_600));
    let spans = fold(&batch);
    let lost = spans.iter().filter(|span| span.marks.has(Marks::INSERT_ONLY)).count();
    assert_eq!(lost, 55, "rows that never get their end");
    let other = spans.iter().filter(|span| span.kind == Some(SpanKind::Other)).count();
    assert_eq!(other, 0, "all 15 types are known");
    let cancelled = spans.iter().filter(|span| span.status == Some(Status::Cancelled)).count();
    assert_eq!(cancelled, 2);
    let calls: Vec<_> = spans.iter().filter(|span| span.kind == Some(SpanKind::Llm)).collect();
    assert!(calls.iter().all(|span| span.model.is_some() && span.provider.is_some()));
    assert!(spans.iter().filter(|span| span.kind == Some(SpanKind::Step)).all(|span| span.step.is_some()));
    let error = spans.iter().find(|span| span.error.is_some()).map(|span| batch.strings.get(span.error));
    assert_eq!(error, Some("Tesseract couldn't load language 'deu'"));
}

#[test]
fn a_row_for_reading() {
    let sql = String::from_utf8(fixture("native/flowmaestro.sql")).unwrap();
    let rows = rows(&sql);
    let row = rows.iter().find(|row| row[3].as_deref() == Some("openai:gpt-4o")).unwrap();
    let cells: Vec<_> =
        FLOWMAESTRO.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), text(cell.as_ref()))).collect();
    let detail = (TABLE.detail)(&cells);
    assert_eq!(detail.error, None, "JSON null is no error");
    assert!(detail.output.unwrap().contains("hasToolCalls"));
    assert!(detail.attributes.iter().any(|(name, value)| name == "promptTokens" && value == "812"));
    assert_eq!(detail.messages.len(), 1);
    assert!(serde_json::from_str::<serde_json::Value>(&detail.raw).is_ok());
}

#[test]
fn plans_say_what_is_missing() {
    let plan = |name: &str, columns: &[&str]| (TABLE.plan)(&schema(name, columns));
    assert_eq!(plan("users", &["id", "name"]), None);
    assert_eq!(
        plan("execution_spans", &["trace_id", "span_id", "name"]),
        Some(Err("missing columns: started_at; found: trace_id, span_id, name".to_owned()))
    );
    let reversed: Vec<_> = FLOWMAESTRO.iter().rev().copied().chain(["we\"ird"]).collect();
    let plan = plan("Archived_Execution_Spans", &reversed).unwrap().unwrap();
    assert_eq!(plan.index[0].as_deref(), Some("trace_id"));
    assert_eq!(plan.index.len(), COLUMNS.len());
    assert_eq!(plan.detail.len(), 16);
}

#[test]
fn cells_of_the_wrong_type_cost_a_field_at_most() {
    let columns =
        ["trace_id", "span_id", "name", "started_at", "duration_ms", "status", "error", "attributes"];
    let good = [
        Cell::Text(b"0af7651916cd43dd8448eb211c80319c"),
        Cell::Text(b"b7ad6b7169200001"),
        Cell::Text(b"n"),
        Cell::Text(b"2026-01-01T00:00:00.000Z"),
        Cell::Integer(100),
        Cell::Text(b"completed"),
        Cell::Text(b"null"),
        Cell::Text(b"{\"model\":\"m\"}"),
    ];
    let deep = "[".repeat(100_000);
    for (at, cell, said) in [
        (0, Cell::Integer(42), ""),
        (0, Cell::Null, "missing_id=1"),
        (1, Cell::Null, "missing_id=1"),
        (2, Cell::Integer(123), "bad_type=1"),
        (2, Cell::Blob(b"\xff\xfe\0blob"), "invalid_utf8=1"),
        (3, Cell::Integer(1_767_225_600_000), ""),
        (3, Cell::Real(1_767_225_600.5), ""),
        (3, Cell::Blob(b"\0"), "bad_time=1"),
        (4, Cell::Text(b"abc"), "bad_number=1"),
        (4, Cell::Real(1.5), ""),
        (4, Cell::Integer(i64::MIN), "bad_number=1"),
        (5, Cell::Null, ""),
        (6, Cell::Text(b"not json"), ""),
        (7, Cell::Blob(b"\x80\x81"), "bad_type=1 invalid_utf8=1"),
        (7, Cell::Integer(7), "bad_type=1"),
        (7, Cell::Text(b"not json"), "bad_type=1"),
        (7, Cell::Text(b"null"), ""),
        (7, Cell::Text(b"[1,2]"), "bad_type=1"),
        (7, Cell::Text(deep.as_bytes()), "bad_type=1"),
        (7, Cell::Text(b"{'single':1}"), "bad_type=1"),
        (7, Cell::Text(b"{\"promptTokens\":1e999}"), "bad_number=1"),
        (7, Cell::Text(b"{\"model\":\"a\",\"model\":\"b\"}"), "duplicate_key=1"),
    ] {
        let mut row = good.to_vec();
        row[at] = cell;
        let batch = decode_rows(&columns, &[row]);
        assert_eq!(problems(&batch), said, "column {at}");
        assert_eq!(batch.updates.len(), usize::from(said != "missing_id=1"), "column {at}");
    }
}
