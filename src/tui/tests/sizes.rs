//! Any size of terminal: nothing fails, and what fits is shown.

use super::{Screen, story};

const SCREENS: [&str; 14] = [
    "",
    "enter",
    "G enter enter",
    "G enter enter enter",
    "Z",
    "G enter Z",
    "f",
    "f m",
    "m",
    ":",
    "?",
    "P",
    "/",
    "] ",
];

#[test]
fn no_size_is_a_problem() {
    let sizes = [
        (0, 0),
        (1, 1),
        (0, 10),
        (10, 0),
        (10, 3),
        (24, 6),
        (23, 6),
        (24, 5),
        (25, 7),
        (40, 10),
        (99, 9),
        (100, 9),
        (100, 6),
        (101, 24),
        (24, 100),
        (500, 100),
    ];
    for keys in SCREENS {
        let mut screen = Screen::of(80, 24, &(story::all() + &story::deep(30)));
        screen.press(keys);
        for (columns, rows) in sizes {
            screen.resize(columns, rows).check();
        }
    }
}

#[test]
fn every_size_shows_something() {
    let mut screen = Screen::of(80, 24, &story::all());
    assert!(screen.resize(20, 5).shows("needs more room"));
    assert!(screen.resize(24, 6).shows("custo"), "{}", screen.draw());
    assert!(screen.resize(40, 10).shows("customer-support"), "{}", screen.draw());
    screen.press("enter");
    assert!(screen.shows("Triage"), "{}", screen.draw());
    screen.resize(500, 100);
    assert!(screen.shows("onboarding") && screen.shows("Triage"), "{}", screen.draw());
}

#[test]
fn a_terminal_that_shrinks_before_it_says_so_is_drawn() {
    let mut screen = Screen::of(150, 44, &story::all());
    screen.press("G enter enter + j");
    for keys in ["", "?", "esc", "f", "esc", "m", "esc", ":"] {
        screen.press(keys);
        for (columns, rows) in [(80, 24), (149, 44), (150, 43), (30, 8), (1, 1), (200, 50)] {
            let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(columns, rows))
                .expect("a terminal");
            terminal.draw(|frame| super::view::draw(frame, &screen.model)).expect("draws");
        }
    }
}

#[test]
fn the_selection_stays_on_the_screen_when_it_shrinks() {
    let mut screen = Screen::of(150, 44, &story::wide(100));
    screen.press("enter 3 0 j");
    assert_eq!(screen.span(), "tool-0029");
    for rows in [44, 20, 10, 7, 30] {
        screen.resize(150, rows).check();
        assert!(screen.shows("tool-0029"), "{rows} rows:\n{}", screen.draw());
    }
}
