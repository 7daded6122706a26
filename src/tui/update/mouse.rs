//! The mouse: wheel, click, dragging the dividers and the time axis. With shift held the terminal keeps the mouse, so
//! text can still be selected.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use crate::config::Action;

use super::super::model::{Drag, Focus, Mode, Model};
use super::super::msg::Effect;
use super::super::view::Layout;
use super::act;

/// Rows per notch of the wheel.
const NOTCH: isize = 3;

/// Takes a mouse event.
pub(super) fn mouse(model: &mut Model, event: MouseEvent, effects: &mut Vec<Effect>) {
    let layout = Layout::of(model);
    let at = Position::new(event.column, event.row);
    if !model.modes.is_empty() {
        match event.kind {
            MouseEventKind::ScrollDown => scroll_mode(model, NOTCH),
            MouseEventKind::ScrollUp => scroll_mode(model, -NOTCH),
            MouseEventKind::Down(MouseButton::Left) => {
                let typing = matches!(model.modes.last(), Some(Mode::Filter(..) | Mode::Search(_)));
                if !typing {
                    model.modes.pop();
                }
            }
            _ => {}
        }
        return;
    }
    match event.kind {
        MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
            let by = if event.kind == MouseEventKind::ScrollDown { NOTCH } else { -NOTCH };
            wheel(model, &layout, at, by, event.modifiers);
        }
        MouseEventKind::ScrollLeft => model.waterfall.pan(-0.1),
        MouseEventKind::ScrollRight => model.waterfall.pan(0.1),
        MouseEventKind::Down(MouseButton::Left) => press(model, &layout, at, effects),
        MouseEventKind::Drag(MouseButton::Left) => drag(model, &layout, at),
        MouseEventKind::Up(MouseButton::Left) => model.dragging = None,
        _ => {}
    }
}

fn wheel(model: &mut Model, layout: &Layout, at: Position, by: isize, modifiers: KeyModifiers) {
    if layout.axis.contains(at) || (layout.bars.contains(at) && modifiers.contains(KeyModifiers::CONTROL)) {
        let around = share(layout.axis, at.x);
        model.waterfall.zoom_by(if by < 0 { 1.25 } else { 0.8 }, around);
    } else if layout.runs_panel.contains(at) {
        model.runs.move_by(by);
    } else if layout.detail_panel.contains(at) {
        model.detail.scroll = model.detail.scroll.saturating_add_signed(by);
    } else if layout.waterfall_panel.contains(at) {
        model.waterfall.move_by(by);
    }
}

fn press(model: &mut Model, layout: &Layout, at: Position, effects: &mut Vec<Effect>) {
    let divider = Rect { x: layout.waterfall_panel.x.saturating_sub(1), width: 2, ..layout.waterfall_panel };
    let edge = Rect { height: 1, ..layout.detail_panel };
    if !layout.runs_panel.is_empty() && divider.contains(at) {
        model.dragging = Some(Drag::Divider);
    } else if let Some(tab) = layout.tab_at(at) {
        (model.detail.tab, model.detail.scroll, model.focus) = (tab, 0, Focus::Detail);
    } else if !layout.detail_panel.is_empty() && edge.contains(at) {
        model.dragging = Some(Drag::DetailEdge);
    } else if layout.axis.contains(at) {
        model.dragging = Some(Drag::Time(at.x));
    } else if layout.runs.contains(at) {
        model.focus = Focus::Runs;
        let row = model.runs.offset + usize::from(at.y - layout.runs.y);
        if row < model.runs.rows().len() {
            model.runs.move_to(row);
        }
    } else if layout.bars.contains(at) {
        let row = model.waterfall.offset + usize::from(at.y - layout.bars.y);
        let again = model.focus == Focus::Waterfall && model.waterfall.position() == Some(row);
        model.focus = Focus::Waterfall;
        model.runs.hold();
        if row < model.waterfall.rows().len() {
            model.waterfall.move_to(row);
            if again {
                act(model, Action::Open, effects);
            }
        }
    } else if layout.detail_panel.contains(at) {
        model.focus = Focus::Detail;
    }
}

fn drag(model: &mut Model, layout: &Layout, at: Position) {
    match model.dragging {
        Some(Drag::Divider) => model.divider = Some(at.x),
        Some(Drag::DetailEdge) => {
            let bottom = layout.detail_panel.bottom();
            model.detail_rows = Some(bottom.saturating_sub(at.y).max(3));
        }
        Some(Drag::Time(from)) => {
            let moved = f64::from(i32::from(from) - i32::from(at.x));
            model.waterfall.pan(moved / f64::from(layout.axis.width.max(1)));
            model.dragging = Some(Drag::Time(at.x));
        }
        None => {}
    }
}

fn scroll_mode(model: &mut Model, by: isize) {
    match model.modes.last_mut() {
        Some(Mode::Help(scroll) | Mode::Problems(scroll) | Mode::Bill(scroll)) => {
            *scroll = scroll.saturating_add_signed(by);
        }
        Some(Mode::Picker(picker)) => picker.move_by(by.signum()),
        Some(Mode::Palette(_, actions, cursor)) => {
            *cursor = cursor.saturating_add_signed(by.signum()).min(actions.len().saturating_sub(1));
        }
        _ => {}
    }
}

/// Where a column lies in an area, 0 to 1.
fn share(area: Rect, x: u16) -> f64 {
    (f64::from(x.saturating_sub(area.x)) / f64::from(area.width.max(1))).clamp(0.0, 1.0)
}
