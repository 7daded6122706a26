//! Sessions of coding agents, turn by turn.

use std::path::Path;
use std::sync::Arc;

use super::Conversation;
use crate::format::Wish;
use crate::model::SourceId;
use crate::source::{Catalog, Follow, SourceEvent, SourceSpec, StopFlag, spawn};
use crate::store::{Arrival, Clock, Store};

/// The lines of a session's conversation with its last turn selected, and how many turns there are.
fn talk(path: &str) -> (usize, String) {
    let mut path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path);
    let folder = tempfile::tempdir().expect("a folder");
    if path.extension().is_some_and(|extension| extension == "sql") {
        let sql = std::fs::read_to_string(&path).expect("reads");
        path = folder.path().join("opencode.db");
        let db = rusqlite::Connection::open(&path).expect("opens");
        db.execute_batch("PRAGMA foreign_keys=OFF").expect("a setting");
        db.execute_batch(&sql).expect("written");
    }
    let (tx, mut rx) = tokio::sync::mpsc::channel(64);
    let (catalog, mut store) = (Arc::new(Catalog::default()), Store::new());
    let spec = SourceSpec::Path(path);
    let wish = Wish::default();
    spawn(spec, SourceId(0), Arc::clone(&catalog), Follow::Once, wish, tx, StopFlag::default());
    let arrival = Arrival { at: crate::model::UnixNanos(0), live: false };
    while let Some(message) = rx.blocking_recv() {
        match message.event {
            SourceEvent::Segment { id, .. } => store.add_segment(id, SourceId(0)),
            SourceEvent::Batch(batch) => store.apply(SourceId(0), &batch, arrival),
            _ => {}
        }
    }
    let run = store.traces().next().expect("a run").ix();
    let mut talk = Conversation::of(&store, run).expect("a session");
    loop {
        let wanted = talk.wanted(&store);
        if wanted.is_empty() {
            break;
        }
        for span in wanted {
            let detail = catalog.read_detail(&store.span(span).payloads()).map_err(|error| error.to_string());
            talk.answer(&store, span, &detail);
        }
    }
    talk.prepare(&store, &Clock::at(arrival.at), 100, str::to_owned);
    let lines: Vec<String> = talk
        .lines
        .iter()
        .map(|(_, line)| line.iter().map(|piece| piece.0.to_string()).collect::<String>())
        .collect();
    (talk.turns.len(), lines.join("\n"))
}

#[test]
fn the_turns_of_coding_agents_have_their_words() {
    for (path, turns, words) in [
        (
            "codex/main.jsonl",
            2,
            &["user      List the directory, read missing.txt", "assistant All done", "And summarise again."]
                [..],
        ),
        ("codex/old.jsonl", 1, &["List the directory", "calls shell", "All done"]),
        (
            "claude-code/2.1.197/11111111-2222-4333-8444-555555555555.jsonl",
            2,
            &["user      List the directory, read the files and delegate", "assistant All done"],
        ),
        (
            "gemini/session.jsonl",
            1,
            &["List the directory and read missing.txt.", "run_shell_command", "All done"],
        ),
    ] {
        let (found, lines) = talk(path);
        assert_eq!(found, turns, "{path}\n{lines}");
        assert!(!lines.contains("holds no conversation"), "{path}\n{lines}");
        for word in words {
            assert!(lines.contains(word), "{word} in {path}\n{lines}");
        }
    }
}

#[test]
fn what_was_asked_is_told_though_no_model_was_called() {
    let (turns, lines) = talk("codex/failed.jsonl");
    assert_eq!((turns, lines.matches("holds no conversation").count()), (1, 0), "{lines}");
    assert!(lines.contains("user\n"), "{lines}");
    assert_eq!(lines.lines().skip(1).filter(|line| line.contains("this fails")).count(), 1, "{lines}");
    let (_, lines) = talk("codex/main.jsonl");
    assert_eq!(lines.matches("And summarise again.").count(), 2, "once beside its heading: {lines}");
}
