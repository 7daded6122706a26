//! The detail of a span: tabs, scrolling, secrets, copying, the pager.

use super::{Screen, story};
use crate::tui::model::{Focus, Tab};
use crate::tui::msg::{Effect, Msg};

/// The costliest call of the ticket, its detail open.
fn call(keys: &str) -> Screen {
    let mut screen = Screen::of(150, 44, &story::all());
    screen.press("G enter ] $ enter").press(keys);
    screen
}

#[test]
fn tabs() {
    let mut screen = call("enter");
    assert_eq!(screen.model.focus, Focus::Detail);
    for tab in Tab::ALL.into_iter().skip(1).chain([Tab::Overview]) {
        assert_eq!(screen.press("l").model.detail.tab, tab);
    }
    assert_eq!(screen.press("h").model.detail.tab, Tab::Raw);
    // The tab stays when another span is selected.
    screen.press("esc k");
    assert_eq!(screen.model.detail.tab, Tab::Raw);
    assert!(screen.shows("FindingsToQuestions"));
}

#[test]
fn the_end_is_the_end() {
    let mut screen = call("enter { ");
    screen.resize(150, 24);
    let top = screen.draw();
    screen.press("G");
    let end = screen.draw();
    assert_ne!(top, end);
    screen.press("j j j j j");
    assert_eq!(screen.draw(), end);
    screen.press("k");
    assert_ne!(screen.draw(), end, "one line up is visible at once");
    screen.press("g g");
    assert_eq!(screen.draw(), top);
}

#[test]
fn another_span_begins_at_its_top() {
    let mut screen = call("enter { G");
    screen.press("esc k");
    assert_eq!(screen.model.detail.scroll, 0);
}

#[test]
fn secrets_are_hidden_until_they_are_asked_for() {
    let mut screen = call("}");
    assert!(screen.shows("My key is"), "{}", screen.draw());
    assert!(!screen.shows("sk-proj-abcdef"), "{}", screen.draw());
    screen.press("R");
    assert!(screen.shows("sk-proj-abcdef") && screen.shows("secrets shown"), "{}", screen.draw());
    screen.press("R");
    assert!(!screen.shows("sk-proj-abcdef"), "{}", screen.draw());
}

#[test]
fn copying() {
    let mut screen = call("y i y t y o");
    let copied: Vec<&str> = screen
        .asked
        .iter()
        .map(|effect| match effect {
            Effect::Copy(text) => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(copied[..2], ["call-2", "ticket-1"]);
    assert!(copied[2].contains("audit log"), "{}", copied[2]);
    // What a span doesn't have is not copied.
    screen.asked.clear();
    screen.press("k y o");
    assert!(screen.asked.is_empty());
    assert_eq!(screen.notice(), "this span has no output");
}

#[test]
fn the_pager_gets_the_whole_tab() {
    let mut screen = call("} } } o");
    let Some(Effect::Pager(text)) = screen.asked.pop() else { panic!("the pager") };
    assert!(text.contains("audit log"), "{text}");
}

#[test]
fn what_was_there_stays_while_new_data_is_read() {
    let mut screen = Screen::of(150, 44, &story::running());
    screen.press("enter G enter");
    assert!(screen.shows("820 in"));
    screen.reads = false;
    screen.append(&story::over());
    assert!(!screen.shows("reading"), "{}", screen.draw());
    // Another span's payload is never shown.
    screen.press("k } }");
    assert!(screen.shows("reading"), "{}", screen.draw());
}

#[test]
fn a_payload_that_cannot_be_read_says_why() {
    let mut screen = call("} }");
    screen.reads = false;
    screen.press("k");
    let span = screen.model.waterfall.selected().expect("a span");
    screen.send(Msg::Detail(span, Err("the file was replaced".to_owned())));
    screen.settle();
    assert!(screen.shows("the file was replaced"), "{}", screen.draw());
}

#[test]
fn an_answer_for_another_span_is_not_taken() {
    let mut screen = call("} }");
    screen.reads = false;
    let old = screen.model.waterfall.selected().expect("a span");
    screen.press("k");
    let detail = crate::model::SpanDetail { input: Some("wrong".to_owned()), ..Default::default() };
    screen.send(Msg::Detail(old, Ok(detail)));
    screen.settle();
    assert!(!screen.shows("wrong"), "{}", screen.draw());
}
