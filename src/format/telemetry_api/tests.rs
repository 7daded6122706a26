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
