//! Stores of other products that are read while their writers go on, as these are known to write.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::path::Path;

use rusqlite::Connection;
use tracetui::model::Role;
use tracetui::store::Store;

use super::live::Live;
use super::program::fixture;

/// A database that holds the rows of a fixture in another file, to be written one after the other.
pub(super) fn writer(sql: &str, folder: &Path, wal: bool) -> (Connection, std::path::PathBuf) {
    let all = folder.join("all.db");
    let text = std::fs::read_to_string(fixture(sql)).expect("reads");
    // The fixtures are parts of their databases.
    let text = format!("PRAGMA foreign_keys=OFF; {text}");
    Connection::open(&all).expect("opens").execute_batch(&text).expect("loads");
    let path = folder.join("live.db");
    let live = Connection::open(&path).expect("opens");
    live.execute_batch("PRAGMA foreign_keys=OFF").expect("set");
    if wal {
        live.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF").expect("set");
    }
    let attach = format!("ATTACH '{}' AS whole", all.display());
    live.execute_batch(&attach).expect("attached");
    for table in definitions(&live) {
        live.execute_batch(&table).expect("made");
    }
    (live, path)
}

fn definitions(db: &Connection) -> Vec<String> {
    let sql = "SELECT sql FROM whole.sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'";
    let mut statement = db.prepare(sql).expect("prepared");
    let rows = statement.query_map([], |row| row.get(0)).expect("listed");
    rows.collect::<Result<_, _>>().expect("read")
}

pub(super) fn tokens(store: &Store) -> (u64, u64) {
    let sums = store.totals();
    (sums.tokens.input, sums.tokens.output)
}

#[test]
fn phoenix_spans_come_when_they_end_and_their_cost_later() {
    let folder = tempfile::tempdir().expect("folder");
    let (db, path) = writer("phoenix/20.26.sql", folder.path(), true);
    db.execute_batch("INSERT INTO main.projects SELECT * FROM whole.projects").expect("written");
    let mut live = Live::of(&path);
    // Spans in the order of their ends, a commit each, the trace's row before its first.
    for id in 1..=15 {
        db.execute_batch(&format!(
            "BEGIN;
             INSERT OR IGNORE INTO main.project_sessions SELECT * FROM whole.project_sessions;
             INSERT OR IGNORE INTO main.traces SELECT t.* FROM whole.traces AS t
               JOIN whole.spans AS s ON s.trace_rowid = t.id WHERE s.id = {id};
             INSERT INTO main.spans SELECT * FROM whole.spans WHERE id = {id};
             COMMIT;"
        ))
        .expect("written");
        live.until("a span", |store| store.spans().filter(|span| !span.name().is_empty()).count() >= id);
    }
    assert_eq!(tokens(&live.store), (18_008, 800));
    let before = live.store.totals().cost;
    db.execute_batch("INSERT INTO main.span_costs SELECT * FROM whole.span_costs").expect("written");
    live.until("costs that Phoenix works out", |store| store.totals().cost != before);
    let detail = live.detail("get_weather");
    assert_eq!(detail.input.as_deref(), Some(r#"{"location": "Paris"}"#));
    assert_eq!(detail.output.as_deref(), Some(r#"{"temp_c":14}"#));
    let detail = live.detail("rerank");
    assert!(detail.error.is_some_and(|error| error.contains("reranker model not loaded")));
    let root = live.store.traces().map(|trace| trace.id_text()).collect::<Vec<_>>();
    assert!(root.iter().any(|id| id == "815ff7a58990456bcf2649f7a0f75516"), "{root:?}");
}

#[test]
fn mlflow_traces_come_whole() {
    let folder = tempfile::tempdir().expect("folder");
    let (db, path) = writer("mlflow/3.17.sql", folder.path(), false);
    let mut live = Live::of(&path);
    for (at, trace) in ["tr-d6b5%", "tr-84c1%", "tr-74b9%"].iter().enumerate() {
        // `duration_ns` is a generated column.
        db.execute_batch(&format!(
            "BEGIN;
             INSERT INTO main.trace_info SELECT * FROM whole.trace_info WHERE request_id LIKE '{trace}';
             INSERT INTO main.trace_request_metadata SELECT * FROM whole.trace_request_metadata WHERE request_id LIKE '{trace}';
             INSERT INTO main.spans (trace_id, experiment_id, span_id, parent_span_id, name, type, status,
               start_time_unix_nano, end_time_unix_nano, content, input_cost, output_cost, total_cost, model_name, model_provider)
             SELECT trace_id, experiment_id, span_id, parent_span_id, name, type, status,
               start_time_unix_nano, end_time_unix_nano, content, input_cost, output_cost, total_cost, model_name, model_provider
             FROM whole.spans WHERE trace_id LIKE '{trace}';
             COMMIT;"
        ))
        .expect("written");
        live.until("a trace", |store| store.traces().count() == at + 1);
    }
    live.until("all spans", |store| store.spans().count() == 8);
    assert_eq!(tokens(&live.store), (2510, 165));
    let detail = live.detail("get_weather");
    assert_eq!(detail.input.as_deref(), Some(r#"{"location":"Paris"}"#));
    assert_eq!(live.store.totals().errors, 2);
}

#[test]
fn llm_commands_come_whole_with_their_tools() {
    let folder = tempfile::tempdir().expect("folder");
    let (db, path) = writer("llm/0.36.sql", folder.path(), false);
    let mut live = Live::of(&path);
    // One command: everything in one commit at its end.
    db.execute_batch(
        "BEGIN;
         INSERT INTO main.threads SELECT * FROM whole.threads;
         INSERT INTO main.messages SELECT * FROM whole.messages;
         INSERT INTO main.parts SELECT * FROM whole.parts;
         INSERT INTO main.turns SELECT * FROM whole.turns;
         COMMIT;",
    )
    .expect("written");
    live.until("turns and tools", |store| store.totals().llm_calls == 8 && store.totals().tool_calls == 2);
    assert_eq!(tokens(&live.store), (6312, 455));
    let tool = live.detail("get_weather");
    assert_eq!(tool.input.as_deref(), Some(r#"{"location":"Paris"}"#));
    let threads = live.store.traces().count();
    assert_eq!(threads, 4, "threads that begin with the same message are two");
    let last = live.store.spans().filter(|span| span.name() == "mock-gpt").last().expect("a turn");
    let said = live.catalog.read_detail(&last.payloads()).expect("its row").messages;
    let roles: Vec<Role> = said.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Assistant]);
    assert!(said[3].output && said[3].text.contains("14 C"), "{said:?}");
}

#[test]
fn llm_is_upgraded_while_its_database_is_open() {
    let folder = tempfile::tempdir().expect("folder");
    let (db, path) = writer("llm/0.27-then-0.36.sql", folder.path(), false);
    let newer = ["threads", "turns", "messages", "parts", "turn_fragments"];
    let copy = |tables: &[&str]| {
        let rows = |table: &&str| format!("INSERT INTO main.{table} SELECT * FROM whole.{table};");
        db.execute_batch(&format!("BEGIN; {} COMMIT;", tables.iter().map(rows).collect::<String>()))
            .expect("written");
    };
    for table in newer {
        db.execute_batch(&format!("DROP TABLE main.{table}")).expect("not there yet");
    }
    let mut live = Live::of(&path);
    copy(&["conversations", "fragments", "prompt_fragments", "system_fragments"]);
    copy(&["responses", "tool_calls", "tool_results"]);
    live.until("the old rows", |store| store.totals().llm_calls == 9 && store.totals().tool_calls == 2);
    assert_eq!((tokens(&live.store), live.store.traces().count()), ((11_000, 720), 6));
    // The tool failed; the prompt was put together from a fragment and a text.
    assert_eq!(live.store.totals().errors, 1);
    let said = |live: &Live, start: &str| {
        let calls = live.store.spans().filter(|span| span.name() == "mock-gpt");
        let read = calls.filter_map(|span| live.catalog.read_detail(&span.payloads()).ok());
        read.filter(|detail| detail.input.as_deref().is_some_and(|input| input.starts_with(start))).count()
    };
    assert_eq!(said(&live, "some notes of mine"), 1);
    assert_eq!(
        said(&live, "Error: no such place"),
        1,
        "what a tool says is what the next prompt begins with"
    );
    for table in newer {
        let sql: String = db
            .query_row("SELECT sql FROM whole.sqlite_schema WHERE name = ?1", [table], |row| row.get(0))
            .expect("its definition");
        db.execute_batch(&sql).expect("made");
    }
    copy(&newer);
    live.until("the new rows", |store| store.totals().llm_calls == 18 && store.totals().tool_calls == 4);
    assert_eq!((tokens(&live.store), live.store.traces().count()), ((22_000, 1440), 12));
    assert_eq!(said(&live, "some notes of mine"), 2);
}

#[test]
fn runs_of_a_service_begin_and_end() {
    let folder = tempfile::tempdir().expect("folder");
    let (db, path) = writer("telemetry-api/service.sql", folder.path(), false);
    let mut live = Live::of(&path);
    let add = |ids: &str, extra: &str| {
        db.execute_batch(&format!(
            "BEGIN; INSERT INTO main.agent_runs SELECT * FROM whole.agent_runs WHERE id IN ({ids}); {extra} COMMIT;"
        ))
        .expect("written");
    };
    let open = "UPDATE main.agent_runs SET status = 'running', end_time = NULL, duration_ms = 0, metrics_json = NULL";
    add("1", &format!("{open};"));
    live.until("the launch", |store| store.spans().count() == 1);
    add("20, 26", &format!("{open} WHERE id > 1;"));
    live.until("two calls", |store| store.spans().count() == 3);
    assert_eq!(live.store.traces().count(), 1, "one names its parent by run id, the other by event id");
    assert_eq!(tokens(&live.store), (0, 0));
    for id in [20, 26, 1] {
        db.execute_batch(&format!(
            "UPDATE main.agent_runs SET (status, end_time, duration_ms, metrics_json) =
             (SELECT status, end_time, duration_ms, metrics_json FROM whole.agent_runs AS w WHERE w.id = {id}) WHERE id = {id}"
        ))
        .expect("written");
    }
    live.until("their ends", |store| store.spans().all(|span| span.end().is_some()));
    assert_eq!(tokens(&live.store), (1185 + 1091, 584 + 323));
    // The stale cleaner's word for a run that was left behind comes with an end as well.
    add("43", "");
    live.until("another run", |store| store.traces().count() == 2);
}

#[test]
fn tables_beside_the_spans_may_be_missing() {
    let folder = tempfile::tempdir().expect("folder");
    let (db, path) = writer("phoenix/20.26.sql", folder.path(), false);
    db.execute_batch(
        "INSERT INTO main.spans SELECT * FROM whole.spans;
         DROP TABLE main.span_costs; DROP TABLE main.projects; DROP TABLE main.traces;",
    )
    .expect("written");
    let mut live = Live::of(&path);
    live.until("spans", |store| store.spans().count() == 15);
    assert_eq!(live.store.traces().count(), 2, "told apart by the row that is missing");
    assert_eq!(tokens(&live.store), (18_008, 800));
    // Once the tables are there the spans are read anew, with what they say.
    db.execute_batch(
        "BEGIN; CREATE TABLE main.traces AS SELECT * FROM whole.traces;
         CREATE TABLE main.span_costs AS SELECT * FROM whole.span_costs; COMMIT;",
    )
    .expect("written");
    live.until("the traces' own ids", |store| {
        store.traces().any(|trace| trace.id_text() == "815ff7a58990456bcf2649f7a0f75516")
    });
}

/// Writes the lines of a fixture one after the other, each in two pieces, and says after which ones what is running.
fn line_by_line(name: &str, whole: (u64, u64), mut check: impl FnMut(usize, &Store)) {
    use std::io::Write as _;

    let text = std::fs::read_to_string(fixture(name)).expect("reads");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("live.ndjson");
    let mut log = std::fs::File::create(&path).expect("made");
    let mut live = Live::of(&path);
    for (at, line) in text.lines().enumerate() {
        let (head, tail) = line.split_at(line.len() / 2);
        for piece in [head, tail, "\n"] {
            log.write_all(piece.as_bytes()).expect("written");
            log.flush().expect("written");
        }
        let marks: Vec<String> = updates_of(line);
        live.until("the line's spans", |store| {
            marks.iter().all(|id| store.spans().any(|span| span.id_text() == *id))
        });
        check(at, &live.store);
    }
    live.until("all of it", |store| tokens(store) == whole);
}

/// The ids of the spans that a line speaks about.
fn updates_of(line: &str) -> Vec<String> {
    let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let one = |record: &serde_json::Value| {
        let id = record.pointer("/payload/event_id").or_else(|| record.get("id"));
        id.and_then(|id| id.as_str()).filter(|id| !id.starts_with("trace_")).map(str::to_owned)
    };
    let batch = ["post", "patch"].iter().filter_map(|list| record.get(*list)?.as_array());
    one(&record).into_iter().chain(batch.flatten().filter_map(one)).collect()
}

#[test]
fn runs_are_posted_and_patched_line_by_line() {
    let open = |store: &Store| store.spans().filter(|span| span.end().is_none() && !span.is_event()).count();
    line_by_line("langsmith/agent.ndjson", (1540 - 40, 40), |at, store| match at {
        0 => assert_eq!(open(store), 2, "the graph and its node run"),
        2 => assert_eq!(open(store), 1, "the graph runs"),
        _ => {}
    });
    line_by_line("openai-agents/ticket.ndjson", (1056, 244), |at, store| {
        if at == 1 {
            assert_eq!(open(store), 2, "the trace and its agent run");
        }
    });
    line_by_line("telemetry-api/outbox.jsonl", (5412, 2743), |at, store| {
        if at == 0 {
            assert_eq!(open(store), 1, "the call runs");
        }
    });
}
