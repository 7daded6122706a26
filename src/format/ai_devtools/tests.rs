use super::{LINES, detail};
use crate::format::testing::{decode, fixture, fold, problems, totals};
use crate::format::{LineSample, detect_lines};
use crate::model::{Parent, Role, SpanKind, SpanUpdate, Status};

/// A file on one line, which is how its decoder gets it.
fn joined(name: &str) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_slice(&fixture(name)).unwrap();
    value.to_string().into_bytes()
}

fn statuses(file: &str) -> Vec<String> {
    let batch = decode(&LINES, file.as_bytes());
    assert_eq!(problems(&batch), "");
    let text = |span: &SpanUpdate| {
        format!("{} {:?} {}", batch.strings.get(span.name), span.status.unwrap(), span.end.is_some())
    };
    fold(&batch).iter().map(text).collect()
}

#[test]
fn runs_steps_and_tools_are_counted_once() {
    for (name, calls, tools, errors, input, output) in [
        ("ai-devtools/v7.json", 11, 4, 3, 10_151, 1_425),
        ("ai-devtools/v6-middleware.json", 4, 2, 2, 812, 144),
    ] {
        let batch = decode(&LINES, &joined(name));
        let totals = totals(&batch);
        assert_eq!(problems(&batch), "");
        assert_eq!((totals.llm_calls, totals.tool_calls, totals.errors), (calls, tools, errors), "{name}");
        assert_eq!((totals.tokens.input, totals.tokens.output), (input, output), "{name}");
        assert_eq!(totals.open, 0);
    }
}

#[test]
fn a_run_that_a_tool_began_lies_below_the_tool() {
    let batch = decode(&LINES, &joined("ai-devtools/v7.json"));
    let spans = fold(&batch);
    let named = |name: &str| spans.iter().find(|span| batch.strings.get(span.name) == name).unwrap();
    let (tool, run) = (named("research"), named("researcher"));
    assert_eq!(tool.kind, Some(SpanKind::Tool));
    assert_eq!(run.parent, Parent::Span(tool.span));
    assert_eq!(run.trace, named("planner").trace);
    // What a tool threw is not kept, that it did is.
    assert_eq!(named("fails").status, Some(Status::Error));
}

#[test]
fn what_has_no_duration_goes_on_and_what_was_broken_off_is_cancelled() {
    let file = |step: &str| {
        format!(
            r#"{{"runs":[{{"id":"r","started_at":"2026-11-21T14:00:00.000Z"}}],"steps":[{{"id":"s","run_id":"r",
            "step_number":1,"model_id":"gpt-5","started_at":"2026-11-21T14:00:00.010Z",{step}}}]}}"#
        )
        .replace('\n', " ")
    };
    let open = file(r#""duration_ms":null,"output":null,"usage":null,"error":null"#);
    assert_eq!(statuses(&open), ["gpt-5 Running false", "run gpt-5 Running false"]);
    let broken = file(r#""duration_ms":70,"output":null,"usage":null,"error":"Request aborted""#);
    assert_eq!(statuses(&broken), ["gpt-5 Cancelled true", "run gpt-5 Cancelled true"]);
    let failed =
        file(r#""duration_ms":70,"output":"{\"finishReason\":{\"unified\":\"error\"}}","error":null"#);
    assert_eq!(statuses(&failed), ["gpt-5 Error true", "run gpt-5 Error true"]);
    // A run whose first step has not begun.
    let new = r#"{"runs":[{"id":"r","started_at":"2026-11-21T14:00:00.000Z","function_id":"f"}],"steps":[]}"#;
    assert_eq!(statuses(new), ["f Running false"]);
    assert_eq!(statuses(r#"{"runs":[],"steps":[]}"#), [""; 0]);
}

#[test]
fn steps_are_read_with_their_messages() {
    let file: serde_json::Value = serde_json::from_slice(&fixture("ai-devtools/v7.json")).unwrap();
    let of = |model: &str, number: u64| {
        let step = file["steps"].as_array().unwrap().iter();
        let step =
            step.clone().find(|step| step["model_id"] == model && step["step_number"] == number).unwrap();
        let all = detail(step.to_string().as_bytes()).messages;
        all.into_iter().map(|m| (m.role, m.output, m.tool.unwrap_or_default(), m.text)).collect::<Vec<_>>()
    };
    let said = of("claude-sonnet-4-5", 1);
    let text = |text: &str| text.to_owned();
    assert_eq!(said[0], (Role::System, false, text(""), text("Validate")));
    assert_eq!(said[1], (Role::User, false, text(""), text("Validate acme/web")));
    assert_eq!(said[2], (Role::Assistant, true, text(""), text("I need the workspace.")));
    assert_eq!(said[3].2, "getOrCreateWorkspace");
    assert_eq!(said[4].0, Role::Tool);
    assert!(of("gpt-4o-mini", 1).iter().any(|(_, output, _, text)| *output && text.contains("FEATURE")));
}

#[test]
fn other_files_with_runs_are_not_taken() {
    for other in [
        r#"{"runs":[{"id":"1","trace_id":"1","run_type":"llm","started_at":"x"}],"steps":[]}"#,
        r#"{"runs":3,"steps":[]}"#,
        r#"{"runs":[],"other":[]}"#,
    ] {
        let found = detect_lines(&LineSample::new(other.as_bytes()), None);
        assert!(!matches!(found, Ok(Some(found)) if found.format.name == "ai-devtools"), "{other}");
    }
}

#[test]
fn odd_values_are_survived() {
    let file: serde_json::Value = serde_json::from_slice(&fixture("ai-devtools/v6-middleware.json")).unwrap();
    let odd =
        ["null", "-1", "1e400", "\"\"", "[[[]]]", "{\"id\":{}}", "\"[1,{\\\"type\\\":\\\"tool-call\\\"}]\""];
    for list in ["runs", "steps"] {
        let items = file[list].as_array().unwrap();
        for (at, name) in items
            .iter()
            .enumerate()
            .flat_map(|(at, item)| item.as_object().unwrap().keys().map(move |name| (at, name)))
        {
            for odd in odd {
                let mut broken = file.clone();
                broken[list][at][name] = "@".into();
                let text = broken.to_string().replace("\"@\"", odd);
                let _ = decode(&LINES, text.as_bytes());
                let _ = detail(text.as_bytes());
            }
        }
    }
}
