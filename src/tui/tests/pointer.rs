//! The mouse.

use crossterm::event::MouseEventKind;

use super::{Screen, story};
use crate::tui::model::{Focus, Mode, Tab};
use crate::tui::view::Layout;

#[test]
fn clicking_selects_and_a_second_click_opens() {
    let mut screen = Screen::of(150, 44, &story::all());
    let (x, y) = screen.place("onboarding");
    screen.click(x, y);
    assert_eq!((screen.run().as_str(), screen.model.focus), ("onboarding", Focus::Runs));
    let (x, y) = screen.place("post_message");
    screen.click(x, y);
    assert_eq!((screen.span().as_str(), screen.model.focus), ("post_message", Focus::Waterfall));
    assert!(!screen.model.detail.open);
    screen.click(x, y);
    assert!(screen.model.detail.open);
    // Empty room under the last row selects nothing else.
    let bars = Layout::of(&screen.model).bars;
    screen.click(bars.x + 2, bars.bottom() - 1);
    assert_eq!(screen.span(), "post_message");
}

#[test]
fn the_row_that_is_clicked_is_the_row_that_is_seen() {
    let mut screen = Screen::of(150, 44, &story::wide(100));
    screen.press("enter 6 0 j");
    let (x, y) = screen.place("tool-0050");
    screen.click(x, y).check();
    assert_eq!(screen.span(), "tool-0050");
    let mut screen = Screen::of(150, 44, &story::many(0..200));
    screen.press("1 0 0 j");
    let (x, y) = screen.place("run 96 ");
    screen.click(x, y).check();
    assert_eq!(screen.run(), "run 96");
}

#[test]
fn the_wheel_moves_what_is_under_it() {
    let mut screen = Screen::of(150, 44, &story::many(0..50));
    screen.mouse(MouseEventKind::ScrollDown, 3, 10);
    assert_eq!((screen.run().as_str(), screen.model.runs.follow), ("run 46", false));
    screen.mouse(MouseEventKind::ScrollUp, 3, 10);
    assert_eq!(screen.run(), "run 49");
    let mut screen = Screen::of(150, 44, &story::ticket());
    screen.mouse(MouseEventKind::ScrollDown, 100, 10);
    assert_eq!(screen.span(), "Preflight Validation");
    // Over the axis it zooms, around the pointer.
    let axis = Layout::of(&screen.model).axis;
    screen.mouse(MouseEventKind::ScrollUp, axis.x, axis.y).check();
    let (from, to) = screen.model.waterfall.zoom_range().expect("zoomed");
    assert!(from < 0.01 && to < 0.9, "{from}..{to}");
    screen.mouse(MouseEventKind::ScrollDown, axis.x, axis.y);
    assert_eq!(screen.model.waterfall.zoom_range(), None);
}

#[test]
fn tabs_are_clicked() {
    let mut screen = Screen::of(150, 44, &story::ticket());
    screen.press("enter enter");
    for tab in Tab::ALL {
        let (x, y) = screen.place(tab.title());
        let last = x + tab.title().len() as u16 - 1;
        screen.click(last, y);
        assert_eq!((screen.model.detail.tab, screen.model.focus), (tab, Focus::Detail));
        screen.click(x, y);
        assert_eq!(screen.model.detail.tab, tab);
    }
}

#[test]
fn dividers_are_dragged_within_bounds() {
    let mut screen = Screen::of(150, 44, &story::all());
    let edge = Layout::of(&screen.model).waterfall_panel.x;
    screen.drag((edge, 20), (70, 20));
    assert_eq!(Layout::of(&screen.model).waterfall_panel.x, 70);
    screen.drag((70, 20), (149, 20)).check();
    assert!(Layout::of(&screen.model).waterfall_panel.width >= 40);
    screen.drag((Layout::of(&screen.model).waterfall_panel.x, 20), (0, 20)).check();
    assert!(Layout::of(&screen.model).runs_panel.width >= 20);
    screen.resize(101, 24).check();
    screen.press("enter enter");
    let top = Layout::of(&screen.model).detail_panel.y;
    screen.drag((60, top), (60, 2)).check();
    assert!(Layout::of(&screen.model).bars.height > 0, "{}", screen.draw());
    screen.drag((60, Layout::of(&screen.model).detail_panel.y), (60, 23)).check();
    assert!(Layout::of(&screen.model).detail_body.height > 0);
}

#[test]
fn the_axis_is_dragged() {
    let mut screen = Screen::of(150, 44, &story::ticket());
    screen.press("enter + + +");
    let axis = Layout::of(&screen.model).axis;
    let before = screen.model.waterfall.zoom_range().expect("zoomed");
    screen.drag((axis.x + 40, axis.y), (axis.x + 20, axis.y)).check();
    let after = screen.model.waterfall.zoom_range().expect("zoomed");
    assert!(after.0 > before.0, "what is pulled to the left shows what comes later");
    screen.drag((axis.x + 2, axis.y), (axis.right() - 1, axis.y));
    screen.drag((axis.x + 2, axis.y), (axis.right() - 1, axis.y)).check();
    assert!(screen.model.waterfall.zoom_range().expect("zoomed").0.abs() < 1e-9);
}

#[test]
fn overlays_take_the_mouse() {
    let mut screen = Screen::of(150, 44, &story::all());
    screen.press("m");
    screen.mouse(MouseEventKind::ScrollDown, 3, 10);
    let Some(Mode::Picker(picker)) = screen.model.modes.last() else { panic!("a picker") };
    assert_eq!((picker.cursor, screen.run().as_str()), (1, "customer-support"));
    screen.click(1, 1);
    assert!(screen.model.modes.is_empty());
    screen.press("f k").click(3, 6);
    assert!(matches!(screen.model.modes[..], [Mode::Filter(..)]), "typing goes on");
}
