//! The time axis: zooming, panning, idle time.

use super::{Screen, story};

fn ticket() -> Screen {
    let mut screen = Screen::of(150, 44, &story::ticket());
    screen.press("enter");
    screen
}

fn range(screen: &Screen) -> (f64, f64) {
    screen.model.waterfall.zoom_range().unwrap_or((0.0, 1.0))
}

#[test]
fn zooming_out_ends_at_the_whole_run() {
    let mut screen = ticket();
    screen.press("-");
    assert_eq!(range(&screen), (0.0, 1.0));
    screen.press("+ +");
    let (from, to) = range(&screen);
    assert!((to - from - 1.0 / 2.25).abs() < 1e-6 && from > 0.0 && to < 1.0, "{from}..{to}");
    screen.press("- - -");
    assert_eq!(screen.model.waterfall.zoom_range(), None);
    screen.press("9 9 9 9 +").check();
    let (from, to) = range(&screen);
    assert!(to - from >= 0.9e-7, "{from}..{to}");
    screen.press("9 9 9 9 9 -").check();
    screen.press("+ 0");
    assert_eq!(screen.model.waterfall.zoom_range(), None);
}

#[test]
fn panning_stops_at_the_ends() {
    let mut screen = ticket();
    screen.press("L");
    assert_eq!(screen.model.waterfall.zoom_range(), None, "the whole run can't be moved");
    screen.press("+ +");
    let width = range(&screen).1 - range(&screen).0;
    screen.press("9 9 L");
    assert!((range(&screen).1 - 1.0).abs() < 1e-9);
    screen.press("9 9 9 9 H");
    let (from, to) = range(&screen);
    assert!(from.abs() < 1e-9 && (to - from - width).abs() < 1e-9, "{from}..{to}");
}

#[test]
fn zooming_to_a_span_shows_it_whole() {
    let mut screen = ticket();
    screen.press("4 j z z").check();
    assert_eq!(screen.span(), "getOrCreateWorkspace");
    let (from, to) = screen.model.waterfall.window();
    let ms = |nanos: i64| (nanos - story::EPOCH.0) / 1_000_000;
    assert!(ms(from) < 2_500 && ms(to) > 2_980 && ms(to) - ms(from) < 600, "{}..{}", ms(from), ms(to));
    // What lies elsewhere is marked at the edge, and esc shows everything again.
    assert!(screen.line("Extract Intent").contains('‹'), "{}", screen.draw());
    assert!(screen.line("gpt-4o").contains('›'), "{}", screen.draw());
    screen.press("esc");
    assert_eq!(screen.model.waterfall.zoom_range(), None);
}

#[test]
fn idle_time_is_folded_only_where_there_is_some() {
    let mut screen = ticket();
    screen.press("i");
    assert_eq!(screen.notice(), "no idle time worth folding in this run");
    let mut screen = Screen::of(150, 44, &story::idle());
    screen.press("enter");
    assert!(screen.shows("41.0s idle") || screen.shows("41s idle"), "{}", screen.draw());
    let before = screen.line("Act");
    screen.press("i");
    assert_ne!(screen.line("Act"), before);
    screen.press("i");
    assert_eq!(screen.line("Act"), before);
}

#[test]
fn times_of_any_century() {
    let old = story::span("t", "a", "tool_execution", "old").under("root");
    let line = |start: &str, end: &str, id: &str| {
        format!(
            "{{\"trace_id\":\"t\",\"span_id\":\"{id}\",\"name\":\"{id}\",\"started_at\":\"{start}\",\"ended_at\":\"{end}\"}}\n"
        )
    };
    let lines = line("1700-01-01T00:00:00Z", "1700-01-01T00:00:01Z", "then")
        + &line("2250-01-01T00:00:00Z", "2250-01-01T00:00:01Z", "later")
        + &line("1700-01-01T00:00:00Z", "2250-01-01T00:00:01Z", "long")
        + &old.at(0, 100).line();
    let mut screen = Screen::of(150, 44, &lines);
    screen.press("enter").check();
    for keys in ["+", "z z", "c", "i", "b", "] s", "enter", "G", "0"] {
        screen.press(keys).check();
    }
}
