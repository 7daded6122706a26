//! Several sources: which of them stands how.

use super::{Screen, story};
use crate::model::SegmentId;
use crate::source::{SourceEvent, SourceState};

/// A screen over a live source and others, named here.
fn with(columns: u16, rows: u16, others: &[&str]) -> Screen {
    let mut screen = Screen::of(columns, rows, &story::all());
    for (at, name) in others.iter().enumerate() {
        let at = at as u16 + 1;
        screen.say_of(at, SourceEvent::Found { name: (*name).to_owned() });
        stands(&mut screen, at, SourceState::Live);
    }
    screen.settle();
    screen
}

fn stands(screen: &mut Screen, source: u16, state: SourceState) {
    screen.say_of(source, SourceEvent::State(state));
    screen.settle();
}

fn waits() -> SourceState {
    SourceState::Waiting("no such file yet: waiting for it".to_owned())
}

#[test]
fn of_several_sources_the_one_in_trouble_is_named() {
    for (columns, rows) in [(80, 24), (120, 20), (150, 44)] {
        let mut screen = with(columns, rows, &["logs/a.ndjson", "logs/b.ndjson", "c.db"]);
        assert!(!screen.shows("waiting for it"), "{}", screen.draw());
        stands(&mut screen, 2, waits());
        assert!(screen.line("native").contains("  b.ndjson: no such file yet: wait"), "{}", screen.draw());
        stands(&mut screen, 1, SourceState::Failed("OTLP metrics: they hold no spans".to_owned()));
        stands(&mut screen, 3, SourceState::Snapshot("no program has it open".to_owned()));
        let line = screen.line("native");
        assert!(line.contains("  a.ndjson (and 1 more): OTLP metrics: they hold"), "the worst one: {line}");
        stands(&mut screen, 1, SourceState::Live);
        stands(&mut screen, 2, SourceState::Live);
        assert!(!screen.line("native").contains("no program"), "{}", screen.draw());
    }
}

#[test]
fn a_source_alone_needs_no_name() {
    let mut screen = Screen::of(150, 44, &story::all());
    stands(&mut screen, 0, waits());
    assert!(screen.line("native").contains("  no such file yet"), "{}", screen.draw());
}

#[test]
fn problems_list_the_sources_that_are_not_live() {
    let names: Vec<String> = (0..27).map(|at| format!("logs/{at}.ndjson")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut screen = with(150, 60, &names);
    screen.press("P");
    assert!(screen.shows("Every record could be taken"), "{}", screen.draw());
    stands(&mut screen, 5, waits());
    stands(&mut screen, 6, SourceState::Failed("no spans in it".to_owned()));
    let (_, failed) = screen.place("✗ failed    logs/5.ndjson");
    assert_eq!(screen.place("            no spans in it").1, failed + 1);
    assert_eq!(screen.place("◌ waiting   logs/4.ndjson").1, failed + 2);
    assert!(screen.place("Every record could be taken").1 > failed + 3);
    for at in 0..=27 {
        stands(&mut screen, at, waits());
    }
    assert_eq!(screen.draw().matches("◌ waiting   ").count(), 20, "{}", screen.draw());
    assert!(screen.shows("… and 8 more"), "{}", screen.draw());
}

#[test]
fn runs_name_their_source_only_where_sources_have_different_names() {
    let thread = |at: u16| format!("rollout-2026-11-21T03-08-10-01a1fc13-5f93-788{at}.jsonl");
    let reads = |screen: &mut Screen, source: u16, format| {
        let id = SegmentId(u32::from(source));
        screen.say_of(source, SourceEvent::Segment { id, format, why: String::new(), modified: None });
        screen.settle();
    };
    let mut screen = Screen::waiting(150, 44);
    thread(9).clone_into(&mut screen.model.sources[0].name);
    screen.say_of(1, SourceEvent::Found { name: thread(1) });
    reads(&mut screen, 0, "codex");
    screen.write(&story::all());
    reads(&mut screen, 1, "codex");
    let width = |screen: &Screen| crate::tui::view::Layout::of(&screen.model).runs.width;
    let narrow = width(&screen);
    assert!(!screen.line("▸").contains("codex"), "{}", screen.draw());
    screen.say_of(2, SourceEvent::Found { name: "own.ndjson".to_owned() });
    screen.settle();
    assert!(!screen.line("▸").contains("codex"), "nothing is known of it yet");
    reads(&mut screen, 2, "native");
    assert!(screen.line("▸").contains(" codex "), "{}", screen.draw());
    assert!(width(&screen) > narrow);
}
