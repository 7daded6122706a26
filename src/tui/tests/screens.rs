//! Pictures of every screen. `cargo insta review` (or `INSTA_UPDATE=always`) takes new ones.

use insta::assert_snapshot;

use super::{Depth, Screen, story};
use crate::source::{SourceEvent, SourceState};

/// The three sizes that the screens are made for.
const SMALL: (u16, u16) = (80, 24);
const USUAL: (u16, u16) = (150, 44);
const LARGE: (u16, u16) = (220, 60);

fn screen(size: (u16, u16), keys: &str) -> Screen {
    let mut screen = Screen::of(size.0, size.1, &story::all());
    screen.press(keys);
    screen
}

/// The run of a story, opened.
fn opened(size: (u16, u16), lines: &str, keys: &str) -> Screen {
    let mut screen = Screen::of(size.0, size.1, lines);
    screen.press("enter").press(keys);
    screen
}

#[test]
fn runs_beside_the_open_run() {
    assert_snapshot!("runs_usual", screen(USUAL, "G").draw());
    assert_snapshot!("runs_large", screen(LARGE, "G").draw());
}

#[test]
fn one_panel_at_a_time_where_it_is_narrow() {
    assert_snapshot!("runs_small", screen(SMALL, "G").draw());
    assert_snapshot!("waterfall_small", screen(SMALL, "G enter").draw());
    assert_snapshot!("detail_small", screen(SMALL, "G enter ] $ enter enter").draw());
}

#[test]
fn the_detail_in_each_tab() {
    let mut screen = screen(USUAL, "G enter ] $ enter");
    for tab in ["overview", "messages", "input", "output", "attributes", "events", "raw"] {
        assert_snapshot!(format!("detail_{tab}"), lower_half(&screen));
        screen.press("}");
    }
}

/// The detail pane alone.
fn lower_half(screen: &Screen) -> String {
    let (x, y) = screen.place("Overview");
    let skip = |line: &str| line.chars().skip(usize::from(x) - 3).collect::<String>();
    screen.draw().lines().skip(usize::from(y) - 1).map(skip).collect::<Vec<_>>().join("\n")
}

#[test]
fn large_detail() {
    assert_snapshot!("detail_large", screen(LARGE, "G enter ] $ enter }").draw());
}

#[test]
fn the_detail_of_an_error() {
    let mut screen = screen(USUAL, "G enter ] e enter");
    assert_snapshot!("detail_error", lower_half(&screen));
    screen.press("Z enter");
    assert_snapshot!("detail_full_screen", screen.draw());
}

#[test]
fn filter_being_typed() {
    let mut screen = screen(USUAL, "f");
    screen.type_in("mo");
    assert_snapshot!("filter_field", screen.draw());
    screen.type_in("del:gp");
    assert_snapshot!("filter_value", screen.draw());
    screen.type_in("t-4o cost>>");
    assert_snapshot!("filter_error", screen.draw());
}

#[test]
fn filtered() {
    let mut screen = screen(USUAL, "f");
    screen.type_in("tool:validate").press("enter");
    assert_snapshot!("filtered", screen.draw());
    screen.press("f ctrl-u").type_in("model:nothing").press("enter");
    assert_snapshot!("filtered_to_nothing", screen.draw());
}

#[test]
fn pickers() {
    assert_snapshot!("pick_step", screen(USUAL, "s").draw());
    assert_snapshot!("pick_model_small", screen(SMALL, "m").draw());
    assert_snapshot!("pick_tool_typed", screen(USUAL, "t p o").draw());
    assert_snapshot!("pick_agent_small", screen(SMALL, "a").draw());
}

#[test]
fn palette_and_help() {
    assert_snapshot!("palette", screen(USUAL, ":").type_in("fold").draw());
    assert_snapshot!("help", screen(LARGE, "?").draw());
    assert_snapshot!("help_small_end", screen(SMALL, "? G").draw());
}

#[test]
fn problems() {
    let mut screen = Screen::of(SMALL.0, SMALL.1, &story::failed());
    screen.append("{\"trace_id\":\"x\",\"span_id\n{\"trace_id\":\"x\",\"name\":\"nameless\"}\n[1,2]\n");
    screen.press("P");
    assert_snapshot!("problems", screen.draw());
}

#[test]
fn nothing_to_show_yet() {
    assert_snapshot!("opening", Screen::waiting(SMALL.0, SMALL.1).draw());
    let mut screen = Screen::waiting(SMALL.0, SMALL.1);
    screen.say(SourceEvent::State(SourceState::Waiting("the file isn't there yet".to_owned())));
    screen.settle();
    assert_snapshot!("waiting", screen.draw());
    assert_snapshot!("empty", Screen::of(USUAL.0, USUAL.1, "").draw());
}

#[test]
fn other_fates() {
    assert_snapshot!("suspended", opened(USUAL, &story::suspended(), "").draw());
    assert_snapshot!("failed", opened(USUAL, &story::failed(), "").draw());
    assert_snapshot!("running", opened(USUAL, &story::running(), "").draw());
}

#[test]
fn what_bars_show() {
    let mut screen = opened(USUAL, &story::ticket(), "c");
    assert_snapshot!("critical_path", screen.draw());
    screen.press("c b");
    assert_snapshot!("bars_tokens", screen.draw());
    screen.press("b");
    assert_snapshot!("bars_cost", screen.draw());
    screen.press("b j z z");
    assert_snapshot!("zoomed", screen.draw());
}

#[test]
fn idle_time() {
    let mut screen = opened(USUAL, &story::idle(), "");
    assert_snapshot!("idle_offered", screen.draw());
    screen.press("i");
    assert_snapshot!("idle_folded", screen.draw());
}

#[test]
fn deep_trees() {
    assert_snapshot!("deep", opened(USUAL, &story::deep(45), "").draw());
    assert_snapshot!("deep_end_small", opened(SMALL, &story::deep(45), "G").draw());
}

#[test]
fn one_panel_over_the_whole_screen() {
    assert_snapshot!("full_screen", screen(USUAL, "G enter Z").draw());
}

#[test]
fn the_selection_is_seen_without_colours() {
    for (theme, depth) in [("dark", Depth::Mono), ("mono", Depth::True), ("light", Depth::Indexed)] {
        let mut screen = Screen::themed(USUAL.0, USUAL.1, theme, depth);
        screen.open(&story::all());
        screen.press("G enter j");
        let selected = screen.selected_lines();
        assert!(selected.iter().any(|line| line.contains("ticket-generation")), "{theme}: {selected:?}");
        assert!(selected.iter().any(|line| line.contains("Extract Intent")), "{theme}: {selected:?}");
    }
}

#[test]
fn without_colours_nothing_is_coloured() {
    let mut screen = Screen::themed(USUAL.0, USUAL.1, "dark", Depth::Mono);
    screen.open(&story::all());
    for keys in ["G", "enter", "enter", "?", "esc", "f", "esc", "m", "esc"] {
        screen.press(keys);
        let buffer = screen.buffer();
        let colored = buffer.content().iter().find(|cell| {
            let style = cell.style();
            [style.fg, style.bg].into_iter().flatten().any(|color| color != ratatui::style::Color::Reset)
        });
        assert!(colored.is_none(), "after {keys}: {colored:?}");
    }
}
