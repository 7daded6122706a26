//! New data while somebody watches.

use std::time::Duration;

use super::{Screen, story};
use crate::source::{SourceEvent, SourceState};
use crate::tui::model::{Mode, Tab};

#[test]
fn the_newest_run_is_followed_until_one_moves() {
    let mut screen = Screen::of(150, 44, &story::many(0..5));
    assert_eq!((screen.run().as_str(), screen.model.runs.follow), ("run 4", true));
    screen.append(&story::many(5..6));
    assert_eq!(screen.run(), "run 5");
    screen.press("j");
    assert_eq!((screen.run().as_str(), screen.model.runs.follow), ("run 4", false));
    screen.append(&story::many(6..9));
    assert_eq!((screen.run().as_str(), screen.model.runs.unseen), ("run 4", 3));
    assert!(screen.shows("3 new"), "{}", screen.draw());
    screen.append(&story::many(9..10));
    assert!(screen.shows("4 new"), "{}", screen.draw());
    screen.press("F");
    assert_eq!((screen.run().as_str(), screen.model.runs.unseen), ("run 9", 0));
    assert!(!screen.shows("new F"), "{}", screen.draw());
}

#[test]
fn an_opened_run_is_not_swapped_for_a_newer_one() {
    let mut screen = Screen::of(150, 44, &story::many(0..3));
    screen.press("enter");
    screen.append(&story::many(3..5));
    assert_eq!((screen.run().as_str(), screen.span().as_str()), ("run 2", "run 2"));
    screen.check();
}

#[test]
fn the_selection_survives_new_spans_and_new_parents() {
    let s = |id: &str| story::span("t", id, "tool_execution", id);
    let mut screen = Screen::waiting(150, 44);
    // Children first: their parent is not known yet.
    screen.open(
        &[s("b").under("p").at(200, 300), s("a").under("p").at(100, 150)].map(|span| span.line()).concat(),
    );
    screen.press("enter G");
    assert_eq!(screen.span(), "b");
    screen.append(&s("p").under("root").at(50, 400).line());
    assert_eq!(screen.span(), "b");
    screen.append(&(s("root").at(0, 500).line() + &s("first").under("root").at(0, 10).line()));
    assert_eq!(screen.tree(), ["root", " first", " p", "  a", "  b"]);
    assert_eq!(screen.span(), "b");
    screen.check();
}

#[test]
fn the_selection_survives_when_its_run_turns_out_to_have_begun_earlier() {
    let part = |trace: &str, start: i64| {
        let root = story::span(trace, "root", "workflow_run", "resumed").at(start, start + 10);
        let mut line = root.line();
        line.insert_str(1, "\"run_id\":\"run-1\",");
        line
    };
    let mut screen = Screen::of(150, 44, &(story::many(0..20) + &part("later", 1_000)));
    while screen.run() != "resumed" {
        screen.press("j");
    }
    screen.append(&part("earlier", 500));
    assert_eq!(screen.run(), "resumed");
    screen.check();
}

#[test]
fn a_picker_stays_as_it_is_while_data_comes() {
    let mut screen = Screen::of(150, 44, &story::ticket());
    screen.press("m down");
    screen.append(&(story::running() + &story::suspended()));
    let Some(Mode::Picker(picker)) = screen.model.modes.last() else { panic!("a picker") };
    let chosen = picker.chosen().expect("a value").value.clone();
    screen.press("enter");
    assert_eq!(screen.model.filter_text, format!("model:{chosen}"));
    screen.check();
}

#[test]
fn running_bars_grow_and_come_to_rest() {
    let mut screen = Screen::of(150, 44, &story::running());
    assert_eq!(screen.model.running, (1, 0));
    let before = screen.line("Triage");
    screen.wait(20);
    assert_ne!(screen.line("Triage"), before);
    screen.append(&story::over());
    assert_eq!(screen.model.running, (0, 0));
    assert!(!screen.model.waterfall.is_running());
    let before = screen.line("Triage");
    screen.wait(20);
    assert_eq!(screen.line("Triage"), before);
}

#[test]
fn the_open_detail_follows_its_span() {
    let mut screen = Screen::of(150, 44, &story::running());
    screen.press("enter G enter");
    assert!(screen.shows("40 out"), "{}", screen.draw());
    screen.append(&story::over());
    assert!(screen.shows("95 out"), "{}", screen.draw());
    assert_eq!(screen.model.detail.tab, Tab::Overview);
}

#[test]
fn a_filter_takes_new_spans_in() {
    let mut screen = Screen::of(150, 44, &story::all());
    screen.press("f").type_in("tool:new-tool").press("enter");
    assert!(screen.model.runs.rows().is_empty());
    screen.append(
        &story::span("ticket-1", "late", "tool_execution", "new-tool").under("root").at(8_000, 8_100).line(),
    );
    assert_eq!(screen.model.runs.rows().len(), 1);
    assert_eq!(screen.tree(), ["~ticket-generation", " new-tool"]);
    screen.check();
}

#[test]
fn a_replaced_source_says_so() {
    let mut screen = Screen::of(150, 44, &story::all());
    screen.say(SourceEvent::State(SourceState::Replaced("rotated; going on with the new file".to_owned())));
    assert_eq!(screen.notice(), "runs/run.ndjson: rotated; going on with the new file");
    assert!(screen.shows("live"));
}

#[test]
fn the_lag_of_a_source_shows_while_something_is_written() {
    let late = |id: &str| {
        let line = story::span("t", id, "tool_execution", id).at(0, 1_000).line();
        line.replacen('{', r#"{"createdAt":"2026-02-04T17:00:05Z","#, 1)
    };
    let mut screen = Screen::of(150, 44, &late("old"));
    assert!(!screen.shows("source lag"), "nobody writes to it: {}", screen.draw());
    screen.append(&late("a"));
    assert!(screen.line("native").contains("source lag 4.0s"), "{}", screen.draw());
    screen.wait(59);
    assert!(screen.shows("source lag"), "{}", screen.draw());
    screen.wait(1);
    assert!(!screen.shows("source lag"), "{}", screen.draw());
    screen.append(&late("b"));
    assert!(screen.shows("source lag 4.0s"), "{}", screen.draw());
}

#[test]
fn indexing_shows_how_far_it_is() {
    let mut screen = Screen::waiting(150, 44);
    screen.say(SourceEvent::Segment {
        id: crate::model::SegmentId(0),
        format: "native",
        why: String::new(),
        modified: None,
    });
    screen.say(SourceEvent::Progress { done: 70, total: 100 });
    assert!(screen.shows("indexing 70%"), "{}", screen.draw());
    screen.say(SourceEvent::Progress { done: 100, total: 100 });
    assert!(screen.shows("indexing 99%"), "not over before it is over");
    screen.say(SourceEvent::CaughtUp);
    assert!(screen.shows("live"), "{}", screen.draw());
}

#[test]
fn a_long_list_is_put_in_order_a_few_times_a_second_only() {
    let mut screen = Screen::of(150, 44, &story::many(0..20_500));
    assert_eq!(screen.run(), "run 20499");
    let refresh = |screen: &mut Screen| crate::tui::update::refresh(&mut screen.model);
    screen.pass(Duration::from_secs(1));
    screen.write(&story::many(20_500..20_501));
    refresh(&mut screen);
    assert_eq!(screen.run(), "run 20500");
    screen.pass(Duration::from_millis(16));
    screen.write(&story::many(20_501..20_502));
    refresh(&mut screen);
    assert_eq!(screen.run(), "run 20500", "too soon");
    assert!(crate::tui::update::is_restless(&screen.model), "but it will be done");
    screen.pass(Duration::from_millis(300));
    refresh(&mut screen);
    assert_eq!(screen.run(), "run 20501");
    // Keys never wait for it.
    screen.press("j");
    assert_eq!(screen.run(), "run 20500");
}
