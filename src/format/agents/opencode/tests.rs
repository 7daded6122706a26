//! A real store (with a mock of the model), and a made one with known sums.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::{MESSAGES, PARTS, SESSIONS};
use crate::format::testing::{fixture, fold, problems, totals};
use crate::format::{Cell, RowPlace, TableFormat, TableSchema, detect_tables};
use crate::model::{
    Batch, Marks, Parent, PayloadRef, SegmentId, SpanDetail, SpanKind, Stamp, Status, TokenSum,
};

fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) => Cell::Text(text),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
    }
}

fn open(name: &str) -> Connection {
    let db = Connection::open_in_memory().expect("a database");
    // The tables refer to others that are not in the fixture.
    let sql = String::from_utf8(fixture(&format!("opencode/{name}.sql"))).expect("text");
    db.execute_batch("PRAGMA foreign_keys=OFF").expect("a setting");
    db.execute_batch(&sql).expect("tables");
    db
}

fn schema(db: &Connection, name: &str) -> TableSchema {
    let mut names = db.prepare("SELECT name FROM pragma_table_info(?1)").expect("a statement");
    let columns = names.query_map([name], |row| row.get(0)).expect("columns").map(Result::unwrap).collect();
    TableSchema { name: name.to_owned(), columns }
}

/// Reads the tables, each a segment of its own, rows from the last to the first if asked.
fn read(db: &Connection, order: &str) -> Batch {
    let mut batch = Batch::default();
    for (segment, format) in [&SESSIONS, &MESSAGES, &PARTS].into_iter().enumerate() {
        let name = ["session", "message", "part"][segment];
        let plan = (format.plan)(&schema(db, name)).expect("ours").expect("whole");
        let columns = plan.index.iter().map(|name| name.clone().unwrap_or("NULL".to_owned()));
        let columns: Vec<_> = columns.chain(plan.lookups.iter().map(|it| it.sql.to_owned())).collect();
        let sql = format!("SELECT rowid, {} FROM {name} AS s ORDER BY rowid {order}", columns.join(","));
        let mut select = db.prepare(&sql).expect("a statement");
        let mut rows = select.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let cells: Vec<_> =
                (1..=columns.len()).map(|at| cell(row.get_ref(at).expect("a cell"))).collect();
            let segment = SegmentId(segment as u32 + 1);
            let pos = row.get::<_, i64>(0).expect("a rowid").cast_unsigned();
            let at = PayloadRef { segment, pos, len: 0 };
            (format.decode)(&RowPlace { at, stamp: Stamp::new(segment, 0) }, &cells, &mut batch);
        }
    }
    batch.updates.sort_by_key(|update| update.stamp);
    batch
}

fn detail(db: &Connection, format: &TableFormat, table: &str, condition: &str) -> SpanDetail {
    let columns = schema(db, table).columns;
    let mut select = db.prepare(&format!("SELECT * FROM {table} WHERE {condition}")).expect("a statement");
    let mut rows = select.query([]).expect("rows");
    let row = rows.next().expect("a result").expect("a row");
    let cells =
        columns.iter().enumerate().map(|(at, name)| (name.clone(), cell(row.get_ref(at).expect("cell"))));
    (format.detail)(&cells.collect::<Vec<_>>())
}

#[test]
fn only_its_own_tables_are_taken() {
    let db = open("real");
    let tables = ["session", "message", "part"].map(|name| schema(&db, name));
    assert_eq!(detect_tables(&tables, None).expect("found").len(), 3);
    let columns = ["id", "text"].map(str::to_owned).to_vec();
    assert!(detect_tables(&[TableSchema { name: "message".to_owned(), columns }], None).is_err());
}

/// The sums that the program keeps of each session.
#[test]
fn a_real_store_has_its_own_sums() {
    let db = open("real");
    let want: ([i64; 4], f64) = db
        .query_row(
            "SELECT sum(tokens_input), sum(tokens_output), sum(tokens_reasoning), sum(tokens_cache_read), sum(cost)
             FROM session",
            [],
            |row| Ok(([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?], row.get(4)?)),
        )
        .expect("sums");
    let ([input, output, reasoning, cache_read], cost) = (want.0.map(i64::cast_unsigned), want.1);
    for order in ["ASC", "DESC"] {
        let batch = read(&db, order);
        assert_eq!(problems(&batch), "");
        let found = totals(&batch);
        let tokens = TokenSum {
            input: input + cache_read,
            cache_read,
            cache_write: 0,
            output: output + reasoning,
            reasoning,
        };
        assert_eq!(found.tokens, tokens);
        assert!((found.cost.0 as f64 / 1e9 - cost).abs() < 1e-9, "{} {cost}", found.cost.0);
        // A request that the server refused was never answered: its turn goes on, as far as the store says.
        assert_eq!(found.open, 2, "{order}");
        let spans = fold(&batch);
        let names: Vec<_> = spans.iter().map(|span| batch.strings.get(span.name)).collect();
        assert!(names.contains(&"bash: ls -la && sleep 1"), "{names:?}");
        assert!(names.contains(&"\"Again: list and delegate.\""), "{names:?}");
        let failed = spans.iter().find(|span| span.status == Some(Status::Error)).expect("a failed tool");
        assert_eq!(batch.strings.get(failed.error), "File not found: /srv/agent/cli/ocwork/missing.txt");
        let child = spans.iter().find(|span| {
            span.kind == Some(SpanKind::Agent) && batch.strings.get(span.name).starts_with("Count lines")
        });
        let child = child.expect("the subagent's session");
        let task = spans.iter().find(|span| child.parent == Parent::Span(span.span)).expect("its parent");
        assert_eq!(batch.strings.get(task.tool), "task");
        let traces: std::collections::HashSet<_> = spans.iter().map(|span| span.trace).collect();
        assert_eq!(traces.len(), 3);
    }
}

/// A subagent that starts another, a session whose parent is gone, two in a circle, and one that a second tool went on
/// with.
#[test]
fn a_session_stands_below_the_tool_that_started_it() {
    let db = Connection::open_in_memory().expect("a database");
    db.execute_batch(
        r#"CREATE TABLE session(id text primary key, parent_id text, title text, directory text, time_created integer);
        CREATE TABLE message(id text primary key, session_id text, time_created integer, data text);
        CREATE TABLE part(id text primary key, message_id text, session_id text, time_created integer, data text);
        INSERT INTO session VALUES('c', 'b', 'Third', '/p', 1790000020000), ('b', 'a', 'Second', '/p', 1790000010000),
            ('a', NULL, 'First', '/p', 1790000000000), ('d', 'gone', 'Alone', '/p', 1790000000000),
            ('x', 'y', 'X', '/p', 1790000000000), ('y', 'x', 'Y', '/p', 1790000000000);
        INSERT INTO message VALUES('m1', 'c', 1790000020000, '{"role":"assistant","modelID":"m","time":{"created":1790000020000,
            "completed":1790000021000},"tokens":{"input":10,"output":5,"reasoning":0,"cache":{"read":0,"write":0}}}');
        INSERT INTO part VALUES
            ('t1', 'm0', 'a', 1790000009000, '{"type":"tool","tool":"task","state":{"status":"running",
                "metadata":{"sessionId":"b"},"time":{"start":1790000009000}}}'),
            ('t2', 'm2', 'b', 1790000019000, '{"type":"tool","tool":"task","state":{"status":"completed",
                "metadata":{"sessionId":"c"},"time":{"start":1790000019000,"end":1790000022000}}}'),
            ('t3', 'm2', 'b', 1790000029000, '{"type":"tool","tool":"task","state":{"status":"completed",
                "metadata":{"sessionId":"c"},"time":{"start":1790000029000,"end":1790000032000}}}');"#,
    )
    .expect("tables");
    for order in ["ASC", "DESC"] {
        let batch = read(&db, order);
        let spans = fold(&batch);
        let named =
            |name: &str| spans.iter().find(|span| batch.strings.get(span.name) == name).expect("a span");
        let (first, third) = (named("First"), named("Third"));
        assert_eq!(first.parent, Parent::Root);
        assert_eq!(named("Second").parent, Parent::Span(super::span_of("t1")), "{order}");
        assert_eq!(third.parent, Parent::Span(super::span_of("t2")), "{order}");
        assert!([named("Second"), third, named("m")].iter().all(|span| span.trace == first.trace));
        assert_eq!(named("Alone").parent, Parent::Root);
        assert_ne!(named("Alone").trace, first.trace);
        assert_ne!(named("X").trace, first.trace);
    }
}

/// A fork has new ids and the old times: what it copies says that it is a copy, and the same as what was copied.
#[test]
fn a_fork_says_what_it_copies() {
    let db = Connection::open_in_memory().expect("a database");
    let call = r#"{"role":"assistant","modelID":"gpt-4.1","time":{"created":1795271902409,"completed":1795271904642},
        "tokens":{"input":176,"output":48,"reasoning":32,"cache":{"read":1024,"write":0}}}"#;
    let tool = r#"{"type":"tool","tool":"task","callID":"call_7","state":{"status":"completed","metadata":{"sessionId":"ses_c"},
        "time":{"start":1795271905124,"end":1795271905991}}}"#;
    db.execute_batch(&format!(
        "CREATE TABLE session(id text primary key, parent_id text, title text, directory text, time_created integer);
        CREATE TABLE message(id text primary key, session_id text, time_created integer, data text);
        CREATE TABLE part(id text primary key, message_id text, session_id text, time_created integer, data text);
        INSERT INTO session VALUES('ses_a', NULL, 'A', '/p', 1795271900000), ('ses_b', NULL, 'A (fork #1)', '/p', 1795271917000),
            ('ses_c', 'ses_a', 'C', '/p', 1795271905130), ('ses_d', NULL, 'D', '/p', 1795271917000);
        INSERT INTO message VALUES('msg_1fe8b44c9001DELOnkilSfbxxW', 'ses_a', 1795271902409, '{call}'),
            ('msg_1fe8b81f0001mRmQx4G4aQwc0d', 'ses_b', 1795271918060, '{call}'),
            ('msg-of-another-kind', 'ses_d', 1795271902409, '{call}');
        INSERT INTO part VALUES('prt_1fe8b4f49001VHRr4uJictKtZk', 'msg_1', 'ses_a', 1795271905097, '{tool}'),
            ('prt_1fe8b821c001oKDpFpRcQUKeaY', 'msg_2', 'ses_b', 1795271918108, '{tool}');"
    ))
    .expect("tables");
    let batch = read(&db, "ASC");
    for kind in [SpanKind::Llm, SpanKind::Tool] {
        let spans: Vec<_> =
            batch.updates.iter().filter(|it| it.kind == Some(kind) && it.response.is_some()).collect();
        assert_eq!(spans.len(), 2, "{kind:?}");
        assert_eq!(spans[0].response, spans[1].response);
        assert!(spans.iter().all(|it| it.marks.has(Marks::UNIQUE_RESPONSE)));
        assert_eq!(spans.iter().map(|it| it.marks.has(Marks::COPY)).collect::<Vec<_>>(), [false, true]);
    }
    // The subagent is the first session's alone.
    assert_eq!(fold(&batch).iter().filter(|span| span.span == super::root_of("ses_c")).count(), 1);
}

#[test]
fn a_made_store_has_its_known_sums() {
    let found = totals(&read(&open("made"), "ASC"));
    let tokens = TokenSum {
        input: 4_383 + 36_864,
        cache_read: 36_864,
        cache_write: 0,
        output: 1_925 + 309,
        reasoning: 309,
    };
    assert_eq!(found.tokens, tokens);
    assert_eq!((found.llm_calls, found.tool_calls, found.errors, found.cost.0), (8, 8, 2, 45_070_000));
}

#[test]
fn rows_are_read_back() {
    let db = open("real");
    let tool = detail(&db, &PARTS, "part", "json_extract(data,'$.tool')='bash'");
    assert_eq!(
        tool.input.as_deref(),
        Some("{\"command\":\"ls -la && sleep 1\",\"description\":\"List files\"}")
    );
    assert!(tool.output.is_some_and(|output| output.starts_with("total 16")));
    let call = detail(&db, &MESSAGES, "message", "json_extract(data,'$.role')='assistant'");
    assert!(call.attributes.iter().any(|(name, value)| name == "modelID" && value == "\"gpt-4.1\""));
}

#[test]
fn hostile_rows_upset_nothing() {
    let at = PayloadRef::default();
    let place = RowPlace { at, stamp: Stamp(0) };
    let mut batch = Batch::default();
    let texts: [&[u8]; 6] = [
        b"",
        b"\xff\xfe",
        b"{",
        b"{\"role\":\"assistant\",\"time\":{\"created\":-1,\"completed\":1e300},\"tokens\":{\"input\":-1},\"cost\":\"x\"}",
        b"{\"type\":\"tool\",\"state\":[],\"tool\":7}",
        b"{\"type\":\"text\",\"text\":{}}",
    ];
    for format in [&SESSIONS, &MESSAGES, &PARTS] {
        for text in texts {
            for first in [Cell::Null, Cell::Text(b"a"), Cell::Integer(-1)] {
                let cells =
                    [first, Cell::Text(b"s"), Cell::Real(f64::NAN), Cell::Text(text), Cell::Text(text)];
                (format.decode)(&place, &cells, &mut batch);
                (format.decode)(&place, &[], &mut batch);
                let row: Vec<_> =
                    [("id", first), ("data", Cell::Text(text))].map(|(n, c)| (n.to_owned(), c)).to_vec();
                let _ = (format.detail)(&row);
            }
        }
    }
    assert!(batch.updates.len() < 200);
}

/// What version 1.0.185 wrote, a file for each record: eight calls with a subagent's, as the mock of the model answered
/// them, in a session that was gone on with.
#[test]
fn older_files_are_read() {
    use crate::format::{LineSample, detect_lines};
    fn lines(folder: &std::path::Path, out: &mut Vec<u8>) {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).expect("lists").map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                lines(&path, out);
            } else {
                let text = std::fs::read_to_string(&path).expect("reads");
                let record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                out.extend(format!("{record}\n").into_bytes());
            }
        }
    }
    let mut text = Vec::new();
    lines(
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/opencode/storage"),
        &mut text,
    );
    let found = detect_lines(&LineSample::new(&text), None).expect("known").expect("decided");
    assert_eq!(found.format.name, "opencode", "{}", found.why);
    let batch = crate::format::testing::decode_files(&super::files::FILES, &[(String::new(), text)]);
    assert_eq!(problems(&batch), "");
    let found = totals(&batch);
    // Each answered with 80 tokens, 32 of them reasoning; asked with 1,200 and 100 more for each result of a tool.
    let input = (1_200 + 1_300 + 1_400 + 1_500 + 1_600) + (1_200 + 1_300) + 1_600;
    let tokens = TokenSum { input, cache_read: 8 * 1_024, cache_write: 0, output: 8 * 80, reasoning: 8 * 32 };
    assert_eq!(found.tokens, tokens);
    assert_eq!((found.llm_calls, found.tool_calls, found.open), (8, 5, 0));
    let spans = fold(&batch);
    let sessions: Vec<_> = spans.iter().filter(|span| span.kind == Some(SpanKind::Agent)).collect();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].run, sessions[1].run);
}
