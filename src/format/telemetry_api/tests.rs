use super::LINES;
use crate::format::testing::{decode, fixture, fold, problems, totals};
use crate::model::Status;

#[test]
fn requests_of_an_outbox_are_runs() {
    let batch = decode(&LINES, &fixture("telemetry-api/outbox.jsonl"));
    let totals = totals(&batch);
    // Four calls, of which one failed, of one launch that was never posted.
    assert_eq!((totals.traces, totals.spans, totals.llm_calls, totals.open), (1, 4, 4, 0));
    assert_eq!((totals.errors, problems(&batch).as_str()), (1, ""));
}

#[test]
fn audit_lines_join_by_their_run() {
    let batch = decode(&LINES, &fixture("telemetry-api/raw.ndjson"));
    let totals = totals(&batch);
    // Five runs began and ended, one goes on; three things happened in each.
    assert_eq!((totals.traces, totals.spans, totals.events, totals.open), (6, 6, 18, 1));
    assert_eq!(totals.tokens.input, 4500);
    assert_eq!(problems(&batch), "");
    assert_eq!(fold(&batch).iter().filter(|span| span.status == Some(Status::Running)).count(), 1);
}

#[test]
fn runs_of_early_schemas_have_no_event_ids() {
    use super::super::{TableSchema, detect_tables};
    let table = |columns: &[&str]| TableSchema {
        name: "agent_runs".to_owned(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
    };
    let early = ["run_id", "agent_name", "job_type", "trigger_type", "start_time", "end_time", "status"];
    let found = detect_tables(&[table(&early)], None).unwrap();
    assert_eq!(found[0].detection.format.name, "telemetry-api");
    assert!(!found[0].plan.lookups[0].sql.contains("event_id"), "{}", found[0].plan.lookups[0].sql);
    let later: Vec<&str> = early.into_iter().chain(["event_id"]).collect();
    let found = detect_tables(&[table(&later)], None).unwrap();
    assert!(found[0].plan.lookups[0].sql.contains("event_id"));
}
