//! OpenTelemetry lines that are read while they are written.

use std::io::Write as _;

use tracetui::model::UnixNanos;
use tracetui::store::{Clock, SpanView, Store};

use super::live::Live;
use super::program::fixture;

fn words(store: &Store) -> Vec<String> {
    let clock = Clock::at(UnixNanos(0));
    let word = |span: &SpanView<'_>| format!("{} {}", span.name(), span.status(&clock));
    let mut all: Vec<String> =
        store.spans().filter(|span| !span.is_event()).map(|span| word(&span)).collect();
    all.sort();
    all
}

#[test]
fn pending_spans_run_until_their_end_is_written() {
    let text = std::fs::read_to_string(fixture("otlp/logfire/pending.jsonl")).expect("reads");
    let lines: Vec<&str> = text.lines().collect();
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("live.jsonl");
    let mut log = std::fs::File::create(&path).expect("made");
    let mut write = |lines: &[&str]| {
        for line in lines {
            // In two pieces: a line counts when it is whole.
            let (head, tail) = line.split_at(line.len() / 2);
            for piece in [head, tail, "\n"] {
                log.write_all(piece.as_bytes()).expect("written");
                log.flush().expect("flushed");
            }
        }
    };
    write(&lines[..4]);
    let mut live = Live::of(&path);
    live.until("three spans under way", |store| words(store).len() == 3);
    assert_eq!(
        words(&live.store),
        ["chat gpt-4.1 running", "invoke_agent weather_agent running", "workflow weather running"]
    );
    assert_eq!(live.store.totals().tokens.input, 0);
    write(&lines[4..5]);
    live.until("the first call's end", |store| store.totals().tokens.input == 1200);
    let said = words(&live.store);
    assert!(said.contains(&"chat gpt-4.1 ok".to_owned()) && said.len() == 3, "{said:?}");
    write(&lines[5..6]);
    live.until("a tool under way", |store| {
        words(store).contains(&"execute_tool get_weather running".to_owned())
    });
    write(&lines[6..]);
    live.until("the end", |store| words(store).contains(&"workflow weather ok".to_owned()));
    let said = words(&live.store);
    assert!(said.iter().all(|word| word.ends_with(" ok") || word == "flaky step error"), "{said:?}");
    let totals = live.store.totals();
    assert_eq!((said.len(), totals.tokens.input, totals.tokens.output, totals.llm_calls), (6, 2400, 160, 2));
    // Both records of a span are there to read, and one conversation.
    let detail = live.detail("invoke_agent weather_agent");
    assert_eq!(detail.raw.lines().count(), 2);
    assert_eq!(detail.messages.first().map(|message| message.text.as_str()), Some("Weather in Paris?"));
}

#[test]
fn spans_and_their_log_events_come_from_two_files() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("both.jsonl");
    let read = |name: &str| std::fs::read_to_string(fixture(name)).expect("reads");
    let mut live = Live::of(&path);
    // Events come before the span they belong to.
    let text = read("otlp/openai-v2/default_content-logs.jsonl")
        + &read("otlp/openai-v2/default_content-traces.jsonl");
    std::fs::write(&path, text).expect("written");
    live.until("all spans", |store| words(store).len() == 5 && store.totals().tokens.input == 2508);
    assert!(words(&live.store).iter().all(|word| word.ends_with(" ok") || word == "chat fail-429 error"));
    let detail = live.detail("chat fail-429");
    assert!(
        !detail.messages.is_empty()
            && detail.raw.contains("resourceSpans")
            && detail.raw.contains("resourceLogs")
    );
}
