use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::*;
use crate::model::{PayloadRef, Role, SegmentId, SpanDetail, Stamp, TokenSum};

fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) => Cell::Text(text),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
    }
}

fn open(fixture: &str) -> Connection {
    let path = format!("{}/tests/fixtures/mastra/{fixture}", env!("CARGO_MANIFEST_DIR"));
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(&std::fs::read_to_string(path).unwrap()).unwrap();
    db
}

fn the_plan(db: &Connection) -> TablePlan {
    let mut names = db.prepare("SELECT name FROM pragma_table_info('mastra_ai_spans')").unwrap();
    let columns = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    plan(&TableSchema { name: TABLE_NAME.to_owned(), columns }).unwrap().unwrap()
}

fn place(rowid: i64) -> RowPlace {
    let at = PayloadRef { segment: SegmentId(1), pos: rowid as u64, len: 0 };
    RowPlace { at, stamp: Stamp::new(SegmentId(1), 0) }
}

fn read(db: &Connection) -> Batch {
    let plan = the_plan(db);
    let columns: Vec<_> = plan
        .index
        .iter()
        .map(|name| name.as_ref().map_or("NULL".to_owned(), |name| format!("\"{name}\"")))
        .collect();
    let mut batch = Batch::default();
    let lookups: Vec<_> = plan.lookups.iter().map(|lookup| lookup.sql).collect();
    let columns = [columns, lookups.into_iter().map(str::to_owned).collect()].concat();
    let sql = format!("SELECT rowid, {} FROM \"{}\" s ORDER BY rowid", columns.join(","), plan.table);
    let mut select = db.prepare(&sql).unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let cells: Vec<_> = (1..=columns.len()).map(|at| cell(row.get_ref(at).unwrap())).collect();
        decode(&place(row.get(0).unwrap()), &cells, &mut batch);
    }
    batch
}

fn detail_of(db: &Connection, condition: &str) -> SpanDetail {
    let plan = the_plan(db);
    let mut select = db.prepare(&format!("SELECT * FROM mastra_ai_spans WHERE {condition} LIMIT 1")).unwrap();
    let mut rows = select.query([]).unwrap();
    let row = rows.next().unwrap().unwrap();
    let cells: Vec<_> = plan
        .detail
        .iter()
        .enumerate()
        .map(|(at, name)| (name.clone(), cell(row.get_ref(at).unwrap())))
        .collect();
    (TABLE.detail)(&cells)
}

#[derive(Debug, Default, PartialEq)]
struct Totals {
    runs: usize,
    traces: usize,
    spans: u64,
    events: u64,
    running: u64,
    errors: u64,
    llm_calls: u64,
    tool_calls: u64,
    tokens: TokenSum,
}

/// Counts the innermost usage below which no tool call stands in between, as the store does.
fn totals(batch: &Batch) -> Totals {
    let by_id: BTreeMap<_, _> =
        batch.updates.iter().map(|update| ((update.trace, update.span), update)).collect();
    let (mut covered, mut call_below) = (HashSet::new(), HashSet::new());
    for update in &batch.updates {
        let (usage, call) = (update.usage.is_some(), update.kind == Some(SpanKind::Llm));
        let mut at = update;
        while at.kind != Some(SpanKind::Tool)
            && let Parent::Span(parent) = at.parent
            && let Some(above) = by_id.get(&(update.trace, parent))
        {
            if usage {
                covered.insert((above.trace, above.span));
            }
            if call {
                call_below.insert((above.trace, above.span));
            }
            at = above;
        }
    }
    let mut totals = Totals::default();
    let (mut runs, mut traces, mut in_run) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for update in &batch.updates {
        let key = (update.trace, update.span);
        traces.insert(update.trace);
        if let Some(run) = update.run {
            runs.insert(run);
            in_run.insert(update.trace);
        }
        if update.kind == Some(SpanKind::Event) {
            totals.events += 1;
            assert_eq!(update.status, None);
            continue;
        }
        totals.spans += 1;
        totals.running += u64::from(update.status == Some(Status::Running));
        totals.errors += u64::from(update.status == Some(Status::Error));
        totals.tool_calls += u64::from(update.kind == Some(SpanKind::Tool));
        let counts = update.usage.filter(|_| !covered.contains(&key));
        if let Some(usage) = counts {
            totals.tokens.add_usage(&usage);
        }
        let llm = update.kind == Some(SpanKind::Llm);
        totals.llm_calls += u64::from(llm && (counts.is_some() || !call_below.contains(&key)));
    }
    totals.traces = traces.len();
    totals.runs = runs.len() + traces.len() - in_run.len();
    totals
}

fn tokens(input: u64, cache_read: u64, cache_write: u64, output: u64, reasoning: u64) -> TokenSum {
    TokenSum { input, cache_read, cache_write, output, reasoning }
}

fn find<'b>(batch: &'b Batch, name: &str) -> &'b SpanUpdate {
    batch.updates.iter().find(|update| batch.strings.get(update.name) == name).unwrap()
}

#[test]
fn the_store_of_core_1_1_is_counted() {
    for fixture in ["core-1.1.sql", "core-1.1-text.sql"] {
        let batch = read(&open(fixture));
        assert!(batch.problems.is_empty(), "{:?}", batch.problems);
        let totals = totals(&batch);
        let expected = Totals {
            runs: 6,
            traces: 6,
            spans: 166,
            events: 42,
            running: 4,
            errors: 9,
            llm_calls: totals.llm_calls,
            tool_calls: 23,
            tokens: tokens(32_734, 0, 0, 8_580, 0),
        };
        assert_eq!(totals, expected, "{fixture}");
        assert!((18..=20).contains(&totals.llm_calls), "{}", totals.llm_calls);
    }
}

#[test]
fn text_and_jsonb_say_the_same() {
    let (a, b) = (read(&open("core-1.1.sql")), read(&open("core-1.1-text.sql")));
    let words = |batch: &Batch| -> Vec<String> {
        let show = |update: &SpanUpdate| {
            let name = |symbol| batch.strings.get(symbol).to_owned();
            let labels = [update.name, update.step, update.agent, update.tool, update.model, update.provider];
            let rest =
                (update.status, update.usage, update.start, update.end, update.first_token, update.run);
            format!("{:?} {rest:?} {}", labels.map(name), name(update.error))
        };
        batch.updates.iter().map(show).collect()
    };
    assert_eq!(words(&a), words(&b));
}

#[test]
fn resumed_traces_of_one_run_are_stitched() {
    let batch = read(&open("core-1.2.sql"));
    let totals = totals(&batch);
    let expected = Totals {
        runs: 5,
        traces: 7,
        spans: 137,
        events: 11,
        running: 2,
        errors: 7,
        llm_calls: totals.llm_calls,
        tool_calls: 11,
        tokens: tokens(39_904, 16_024, 2_205, 2_401, 632),
    };
    assert_eq!(totals, expected);
}

#[test]
fn generation_step_and_inference_count_once() {
    let batch = read(&open("core-1.71.sql"));
    assert!(batch.problems.is_empty(), "{:?}", batch.problems);
    let totals = totals(&batch);
    let expected = Totals {
        runs: 5,
        traces: 5,
        spans: 160,
        events: 10,
        running: 0,
        errors: 11,
        llm_calls: totals.llm_calls,
        tool_calls: 11,
        tokens: tokens(20_874, 14_824, 1_905, 2_305, 592),
    };
    assert_eq!(totals, expected);
}

#[test]
fn labels_times_and_marks() {
    let batch = read(&open("core-1.71.sql"));
    let text = |symbol| batch.strings.get(symbol);
    let root = find(&batch, "workflow run: 'ticket-generation'");
    assert_eq!((root.kind, root.parent), (Some(SpanKind::Workflow), Parent::Root));
    assert_eq!(root.status, Some(Status::Suspended));
    assert_eq!(text(root.workflow), "ticket-generation");
    assert_eq!((text(root.user), text(root.session)), ("user-7", "sess-1"));
    assert!(root.end.is_some_and(|end| !end.inferred));
    assert!(root.written_at > root.start.map(|start| start.at));
    let run = root.run.unwrap().display(&batch.strings).to_string();
    assert_eq!(run, "be3222aa-9087-4a55-b476-0cd03d5f2b44");

    let resumed: Vec<_> = batch.updates.iter().filter(|update| update.marks.has(Marks::RESUMED)).collect();
    assert_eq!(resumed.len(), 2);
    assert_eq!(resumed[1].status, Some(Status::Error));
    assert_eq!(text(resumed[1].error), "Resource has been exhausted (e.g. check quota).");
    assert!(resumed.iter().all(|update| update.run.is_none()));

    let step = find(&batch, "workflow step: 'extractIntent'");
    assert_eq!((text(step.step), text(step.workflow)), ("extractIntent", "ticket-generation"));
    let call = find(&batch, "llm: 'qwen2.5-coder:latest'");
    assert_eq!((text(call.model), text(call.provider)), ("qwen2.5-coder:latest", "ollama"));
    assert_eq!(text(call.agent), "MastraContentGenerator");
    let usage = Usage { input: Some(45), output: Some(78), ..Usage::default() };
    assert_eq!(call.usage, Some(usage));
    assert!(call.first_token > call.start.map(|start| start.at));
    let inner = find(&batch, "step: 0");
    assert_eq!((text(inner.model), text(inner.provider)), ("qwen2.5-coder:latest", "ollama"));
    let tool = find(&batch, "tool: 'execute_command'");
    assert_eq!((tool.kind, text(tool.tool)), (Some(SpanKind::Tool), "execute_command"));
    let failed: Vec<_> = batch
        .updates
        .iter()
        .filter(|update| update.kind == Some(SpanKind::Llm) && update.status == Some(Status::Error))
        .collect();
    assert_eq!(failed.len(), 6);
    assert!(batch.updates.iter().any(|update| update.status == Some(Status::Cancelled)));
}

#[test]
fn a_killed_run_keeps_what_its_steps_used() {
    let batch = read(&open("killed.sql"));
    let totals = totals(&batch);
    assert_eq!((totals.running, totals.spans, totals.events, totals.errors), (6, 24, 1, 0));
    assert_eq!(totals.tokens, tokens(1_900, 1_200, 300, 189, 40));
    assert!((3..=4).contains(&totals.llm_calls));
}

#[test]
fn the_oldest_columns_suffice() {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(
        r#"CREATE TABLE mastra_ai_spans (traceId TEXT, spanId TEXT, parentSpanId TEXT, name TEXT, scope JSONB,
             spanType TEXT, attributes JSONB, metadata JSONB, links JSONB, input JSONB, output JSONB, error JSONB,
             startedAt TEXT, endedAt TEXT, createdAt TEXT, updatedAt TEXT, isEvent INTEGER);
           INSERT INTO mastra_ai_spans VALUES
             ('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331', NULL, 'workflow run: ''w''', NULL,
              'workflow_run', '{"workflowId":"w","status":"suspended"}', '{"runId":"r-1","resumed":true}', NULL,
              '{"a":1}', 'true', NULL, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:02.000Z',
              '2026-01-01T00:00:05.000Z', NULL, 0),
             ('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203332', 'b7ad6b7169203331', 'llm: ''gpt-4o''', NULL,
              'llm_generation', '{"model":"gpt-4o","provider":"openai","usage":{"inputTokens":100,"outputTokens":20,
               "totalTokens":120,"reasoningTokens":5,"cachedInputTokens":60},
               "costContext":{"estimatedCost":0.0123,"costUnit":"USD"},"internalUsage":{"inputTokens":7}}',
              NULL, NULL, 'Hi', 'Hello', '{"message":"first\nsecond"}', '2026-01-01T00:00:01.000Z', NULL,
              '2026-01-01T00:00:05.000Z', NULL, 0),
             ('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203333', 'b7ad6b7169203331', 'tool: ''x''', NULL,
              'tool_call', '{"toolId":"search"}', NULL, NULL, NULL, NULL, 'it broke', 'soon',
              '2025-01-01T00:00:01.000Z', '2026-01-01T00:00:05.000Z', NULL, 0),
             (NULL, 'b7ad6b7169203334', NULL, 'x', NULL, 'made_up', 7, 8, NULL, NULL, NULL, NULL,
              '2026-01-01T00:00:01.000Z', NULL, NULL, NULL, 0),
             ('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203335', '', 'x', NULL, 'made_up', 7, 8, NULL, NULL,
              NULL, 'null', '2026-01-01T00:00:01.000Z', '2026-01-01T00:00:00.000Z', NULL, NULL, 0);"#,
    )
    .unwrap();
    let batch = read(&db);
    let text = |symbol| batch.strings.get(symbol);
    let [root, call, hidden, tool, odd] = &batch.updates[..] else { panic!("{}", batch.updates.len()) };
    assert_eq!((root.status, text(root.workflow)), (Some(Status::Suspended), "w"));
    assert!(root.marks.has(Marks::RESUMED) && root.run.is_some());
    let usage = call.usage.unwrap();
    assert_eq!((usage.input, usage.cache_read, usage.reasoning), (Some(100), Some(60), Some(5)));
    assert_eq!(call.cost, Some(NanoUsd(12_300_000)));
    assert_eq!((call.status, text(call.error)), (Some(Status::Error), "first"));
    assert_eq!((hidden.parent, hidden.usage.unwrap().input), (call.parent, Some(7)));
    assert_eq!((text(tool.tool), text(tool.error), tool.start), ("search", "it broke", None));
    assert_eq!((odd.kind, odd.status), (Some(SpanKind::Other), Some(Status::Ok)));
    assert_eq!((odd.end, odd.parent), (odd.start, Parent::Root));
    assert_eq!(text(odd.span_type), "made_up");
    let problems: Vec<_> = batch.problems.counts().collect();
    let expected =
        [(Reason::MissingId, 1), (Reason::BadTime, 1), (Reason::BadType, 1), (Reason::NegativeDuration, 1)];
    assert_eq!(problems, expected);

    let detail = detail_of(&db, "spanType = 'llm_generation'");
    assert_eq!((detail.input.as_deref(), detail.output.as_deref()), (Some("Hi"), Some("Hello")));
    let said: Vec<_> = detail.messages.iter().map(|m| (m.role, m.text.as_str(), m.output)).collect();
    assert_eq!(said, [(Role::User, "Hi", false), (Role::Assistant, "Hello", true)]);
}

#[test]
fn an_end_whose_value_was_not_read_is_an_end() {
    let mut batch = Batch::default();
    let mut cells = vec![Cell::Null; INDEX.len()];
    for (column, text) in [
        (Column::traceId, "0af7651916cd43dd8448eb211c80319c"),
        (Column::spanId, "b7ad6b7169203331"),
        (Column::startedAt, "2026-01-01T00:00:01.000Z"),
        (Column::endedAt, "text"),
    ] {
        cells[column as usize] = Cell::Text(text.as_bytes());
    }
    decode(&place(1), &cells, &mut batch);
    assert_eq!((batch.updates[0].status, batch.updates[0].end), (Some(Status::Ok), None));
    assert!(batch.problems.is_empty());
}

#[test]
fn a_table_is_ours_by_name_and_columns() {
    let schema = |name: &str, columns: &[&str]| TableSchema {
        name: name.to_owned(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
    };
    assert!(plan(&schema("spans", &REQUIRED)).is_none());
    let lacking = plan(&schema("mastra_ai_spans", &["traceId", "spanId"])).unwrap().unwrap_err();
    assert_eq!(lacking, "table mastra_ai_spans lacks name, spanType, startedAt");
    let columns = ["startedat", "traceId", "spanId", "name", "spanType"];
    let plan = plan(&schema("mastra_ai_spans", &columns)).unwrap().unwrap();
    assert_eq!(plan.index[Column::startedAt as usize].as_deref(), Some("startedat"));
    assert_eq!(plan.index[Column::error as usize], None);
    assert!(!INDEX.contains(&"input") && !INDEX.contains(&"output"));
    assert_eq!(plan.detail, columns);
}

#[test]
fn details_are_readable() {
    let db = open("core-1.71.sql");
    let call = detail_of(&db, "spanType = 'model_generation'");
    assert!(call.messages.len() >= 2, "{:?}", call.messages);
    assert!(!call.messages[0].output && call.messages.last().unwrap().output);
    assert!(call.attributes.iter().any(|(name, json)| name == "provider" && json == "\"ollama\""));
    assert!(call.attributes.iter().any(|(name, _)| name == "metadata.runId"));
    let raw: serde_json::Value = serde_json::from_str(&call.raw).unwrap();
    assert_eq!(raw["attributes"]["usage"]["inputTokens"], 45);
    let tool = detail_of(&db, "spanType = 'tool_call'");
    assert_eq!(tool.messages[0].tool.as_deref(), Some("getOrCreateWorkspace"));
    assert_eq!((tool.messages[0].role, tool.messages[1].role), (Role::Assistant, Role::Tool));
    let failed = detail_of(&db, "error IS NOT NULL");
    assert!(failed.error.unwrap().contains("Resource has been exhausted"));
}

#[test]
fn messages_of_every_shape_are_told_apart() {
    let row = |input: &'static str, output: &'static str| {
        let cells = [("spanType", "model_generation"), ("input", input), ("output", output)];
        let cells: Vec<_> =
            cells.iter().map(|(name, text)| ((*name).to_owned(), Cell::Text(text.as_bytes()))).collect();
        detail::detail(&cells)
            .messages
            .into_iter()
            .map(|m| format!("{:?} {} {}", m.role, m.tool.unwrap_or_default(), m.text))
            .collect::<Vec<_>>()
    };
    let long = row(
        r#"{"messages":[{"role":"system","content":"Be brief."},
            {"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image","url":"x"}]},
            {"role":"assistant","content":[{"type":"tool-call","toolName":"t","input":{"a":1}}]},
            {"role":"tool","content":[{"type":"tool-result","toolName":"t","output":{"type":"text","value":"ok"}}]}]}"#,
        r#"{"text":"Done","toolCalls":[{"toolName":"u","input":"{}"}],"reasoning":[]}"#,
    );
    assert_eq!(
        long,
        [
            "System  Be brief.",
            "User  Hi",
            "User  {\"type\":\"image\",\"url\":\"x\"}",
            "Assistant t {\"a\":1}",
            "Tool t ok",
            "Assistant  Done",
            "Assistant u {}",
        ]
    );
    assert_eq!(
        row(r#"["a",{"role":"user","content":"b"}]"#, r#""c""#),
        ["User  a", "User  b", "Assistant  c"]
    );
    assert_eq!(row(r#""a""#, r#"{"text":"","object":{"x":1}}"#), ["User  a", "Assistant  {\"x\":1}"]);
    assert_eq!(row("[1", r#"{"status":"suspended"}"#), ["User  [1", "Assistant  {\"status\":\"suspended\"}"]);
}

fn any_cell() -> impl Strategy<Value = (u8, Vec<u8>, i64)> {
    (0u8..5, prop::collection::vec(any::<u8>(), 0..60), any::<i64>())
}

proptest! {
    #[test]
    fn any_cells_are_survived(cells in prop::collection::vec(any_cell(), 0..25)) {
        let cells: Vec<_> = cells
            .iter()
            .map(|(kind, bytes, number)| match kind {
                0 => Cell::Null,
                1 => Cell::Integer(*number),
                2 => Cell::Real(*number as f64 / 3.0),
                3 => Cell::Text(bytes),
                _ => Cell::Blob(bytes),
            })
            .collect();
        let mut batch = Batch::default();
        decode(&place(1), &cells, &mut batch);
        let named: Vec<_> = INDEX.iter().zip(&cells).map(|(name, cell)| ((*name).to_owned(), *cell)).collect();
        let detail = detail::detail(&named);
        prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&detail.raw).is_ok(), "{}", detail.raw);
    }
}

#[test]
fn an_agent_that_waits_or_was_stopped_says_so_by_its_output() {
    let db = open("core-1.71-approval.sql");
    let batch = read(&db);
    let shown = |update: &SpanUpdate| {
        let name = batch.strings.get(update.name);
        format!("{name} {:?}", update.status.unwrap_or(Status::Unknown))
    };
    let agents = batch.updates.iter().filter(|update| update.kind == Some(SpanKind::Agent)).map(shown);
    assert_eq!(
        agents.collect::<Vec<_>>(),
        [
            "agent run: 'supervisor' Suspended",
            "agent run: 'supervisor' (resumed) Ok",
            "agent run: 'supervisor' Cancelled",
        ]
    );
    let calls = batch.updates.iter().filter(|update| batch.strings.get(update.name).starts_with("llm:"));
    let calls: Vec<_> = calls.map(|update| update.status).collect();
    assert_eq!(calls, [Some(Status::Suspended), Some(Status::Ok), Some(Status::Cancelled)]);
    // What was read along the way is none of the row's columns.
    let detail = detail_of(&db, "name LIKE 'agent run%'");
    assert!(detail.attributes.iter().all(|(name, _)| name != AGENT_ENDING.name));
}
