//! Anything in any order: nothing fails, and what must hold holds.

use std::time::Duration;

use crossterm::event::{MouseButton, MouseEventKind};
use proptest::prelude::*;

use super::{Screen, story};
use crate::config::{Action, Key};
use crate::tui::msg::Msg;

#[derive(Clone, Debug)]
enum Step {
    Keys(String),
    Text(String),
    Mouse(u8, u16, u16),
    Resize(u16, u16),
    Lines(String),
    Wait(i64),
}

fn keys() -> impl Strategy<Value = String> {
    let bound = Action::ALL.iter().flat_map(|action| action.default_keys()).map(|keys| (*keys).to_owned());
    let bound: Vec<String> = bound.filter(|keys| !keys.is_empty()).collect();
    prop_oneof![
        6 => prop::sample::select(bound),
        1 => "[a-zA-Z0-9\\[\\]$/:.]",
        1 => prop::sample::select(vec!["enter", "esc", "tab", "backspace", "delete", "left", "right", "ctrl-w"])
            .prop_map(str::to_owned),
        1 => (1..100_000u32).prop_map(|count| count.to_string().chars().flat_map(|c| [c, ' ']).collect()),
    ]
}

fn size() -> impl Strategy<Value = (u16, u16)> {
    let ordinary = prop::sample::select(vec![(80, 24), (150, 44), (220, 60), (100, 30), (40, 10)]);
    prop_oneof![3 => ordinary, 1 => (0..260u16, 0..70u16), 1 => (0..40u16, 0..12u16)]
}

/// A record about one of a few spans, with any parent, time and status.
fn record() -> impl Strategy<Value = String> {
    let kinds = prop::sample::select(vec![
        "workflow_run",
        "node_execution",
        "agent_run",
        "model_generation",
        "tool_execution",
        "event",
        "?",
    ]);
    let status = prop::sample::select(vec!["started", "completed", "failed", "suspended", "timeout", "what"]);
    let texts = prop::sample::select(vec![
        "call",
        "sk-ant-api03-AAAAAAAAAAAAAAAA",
        "\u{202e}gnp.exe",
        "名前の長い",
        "e\u{301}\u{1b}[2J",
        "",
    ]);
    let time = prop_oneof![6 => -1_000..90_000i64, 1 => Just(-8_500_000_000_000i64), 1 => Just(7_000_000_000_000i64)];
    let end = prop::option::of(prop_oneof![6 => 0..90_000i64, 1 => Just(7_000_000_000_000i64)]);
    (0..4u8, 0..9u8, prop::option::of(0..9u8), kinds, status, texts, time, end, 0..9_000u64).prop_map(
        |(trace, id, parent, kind, status, name, start, end, tokens)| {
            let span = story::span(&format!("t{trace}"), &format!("s{id}"), kind, name);
            let span = match parent {
                Some(parent) => span.under(&format!("s{parent}")),
                None => span,
            };
            let span = match end {
                Some(end) => span.at(start, end),
                None => span.from(start),
            };
            let span = span.status(status).call("gpt-4o", (tokens, tokens / 3), None);
            span.line()
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => keys().prop_map(Step::Keys),
        1 => "[a-z:>*\"( é🦀-]{0,8}".prop_map(Step::Text),
        2 => (0..7u8, 0..230u16, 0..64u16).prop_map(|(what, x, y)| Step::Mouse(what, x, y)),
        1 => size().prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        3 => prop::collection::vec(record(), 1..12).prop_map(|lines| Step::Lines(lines.concat())),
        1 => (0..90i64).prop_map(Step::Wait),
    ]
}

fn mouse(what: u8) -> MouseEventKind {
    match what {
        0 => MouseEventKind::Down(MouseButton::Left),
        1 => MouseEventKind::Drag(MouseButton::Left),
        2 => MouseEventKind::Up(MouseButton::Left),
        3 => MouseEventKind::ScrollUp,
        4 => MouseEventKind::ScrollDown,
        5 => MouseEventKind::ScrollLeft,
        _ => MouseEventKind::ScrollRight,
    }
}

fn take(screen: &mut Screen, step: &Step) {
    match step {
        Step::Keys(keys) => {
            for key in keys.split_whitespace().filter_map(Key::parse) {
                screen.pass(Duration::from_millis(50));
                screen.send(Msg::Key(key));
            }
        }
        Step::Text(text) => screen.send(Msg::Paste(text.clone())),
        Step::Mouse(what, x, y) => {
            screen.mouse(mouse(*what), *x, *y);
        }
        Step::Resize(columns, rows) => screen.send(Msg::Resize(*columns, *rows)),
        Step::Lines(lines) => screen.write(lines),
        Step::Wait(seconds) => screen.wait(*seconds),
    }
    screen.pass(Duration::from_secs(1));
    screen.settle();
    screen.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_happens_is_too_much(steps in prop::collection::vec(step(), 1..60), known in any::<bool>()) {
        let mut screen = Screen::of(150, 44, if known { &STORY } else { "" });
        for step in &steps {
            take(&mut screen, step);
        }
    }
}

static STORY: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| story::all() + &story::deep(30));
