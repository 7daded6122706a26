//! OpenTelemetry lines that are read while they are written.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracetui::model::{SpanDetail, UnixNanos};
use tracetui::source::{Catalog, Follow, SourceEvent, SourceId, SourceMessage, SourceSpec, StopFlag, spawn};
use tracetui::store::{Arrival, Clock, SpanView, Store};

use super::program::fixture;

struct Live {
    store: Store,
    catalog: Arc<Catalog>,
    rx: tokio::sync::mpsc::Receiver<SourceMessage>,
    stop: StopFlag,
}

impl Live {
    fn new(path: &Path) -> Self {
        let (tx, rx) = tokio::sync::mpsc::channel(16);
        let (catalog, stop) = (Arc::new(Catalog::default()), StopFlag::default());
        let spec = SourceSpec::Path(path.to_owned());
        spawn(spec, SourceId(0), Arc::clone(&catalog), Follow::Live, None, tx, stop.clone());
        Self { store: Store::new(), catalog, rx, stop }
    }

    fn until(&mut self, what: &str, done: impl Fn(&Store) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !done(&self.store) {
            assert!(Instant::now() < end, "{what}: {:?}", self.store.totals());
            match self.rx.try_recv().map(|message| (message.source, message.event)) {
                Ok((source, SourceEvent::Segment { id, .. })) => self.store.add_segment(id, source),
                Ok((source, SourceEvent::Batch(batch))) => {
                    self.store.apply(source, &batch, Arrival { at: UnixNanos(0), live: true });
                }
                Ok(_) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn detail(&self, name: &str) -> SpanDetail {
        let span = self.store.spans().find(|span| span.name() == name).expect("the span");
        self.catalog.read_detail(&span.payloads()).expect("its records")
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

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
    let mut live = Live::new(&path);
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
    let mut live = Live::new(&path);
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
