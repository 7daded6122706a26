//! What each action does.

use crate::config::Action;
use crate::model::{Field, SpanKind};
use crate::store::{SpanIx, TraceIx};
use crate::text;

use super::super::model::{BarSize, Conversation, Focus, Mode, Model, Payload, Picker, TextInput};
use super::super::msg::Effect;
use super::super::view::Layout;
use super::{find, prompt};

/// How far one key zooms.
const ZOOM: f64 = 1.5;
/// The deepest level that can be asked for by number.
const MAX_DEPTH: usize = 1_000;
/// How far one key pans, as a share of what is shown.
const PAN: f64 = 0.2;

/// Does an action, `count` times where that makes sense.
pub(super) fn act(model: &mut Model, action: Action, count: Option<usize>, effects: &mut Vec<Effect>) {
    let times = count.unwrap_or(1) as isize;
    let page = page(model);
    match action {
        Action::Up => move_by(model, -times),
        Action::Down => move_by(model, times),
        Action::HalfPageUp => move_by(model, -(page / 2).max(1) * times),
        Action::HalfPageDown => move_by(model, (page / 2).max(1) * times),
        Action::PageUp => move_by(model, -page * times),
        Action::PageDown => move_by(model, page * times),
        Action::Top => move_to(model, count.map_or(0, |row| row.saturating_sub(1))),
        Action::Bottom => move_to(model, count.map_or(usize::MAX, |row| row.saturating_sub(1))),
        Action::NextPanel => step_focus(model, true),
        Action::PreviousPanel => step_focus(model, false),
        Action::Open => open(model),
        Action::Back => back(model),
        Action::Follow => {
            let follow = !model.runs.follow;
            model.runs.set_follow(follow);
            model.say(if follow { "following the newest run" } else { "not following" });
        }
        Action::Fold => horizontally(model, true),
        Action::Unfold => horizontally(model, false),
        Action::ToggleFold => model.waterfall.fold(&model.matches, None),
        Action::FoldAll => fold_to(model, Some(count.map_or(1, |depth| depth.min(MAX_DEPTH) as u32))),
        Action::FoldDepth1 => fold_to(model, Some(1)),
        Action::UnfoldAll => fold_to(model, None),
        Action::FoldDepth2 => fold_to(model, Some(2)),
        Action::FoldDepth3 => fold_to(model, Some(3)),
        Action::FoldDepth4 => fold_to(model, Some(4)),
        Action::ToggleCompact => {
            model.waterfall.toggle_compact(&model.matches);
            model.say(if model.waterfall.compact { "wrapper spans left out" } else { "wrapper spans shown" });
        }
        Action::CriticalPath => {
            model.waterfall.critical = !model.waterfall.critical;
            model.say(if model.waterfall.critical {
                "critical path marked"
            } else {
                "critical path not marked"
            });
        }
        Action::BarSize => {
            let (next, what) = match model.waterfall.size {
                BarSize::Time => (BarSize::Tokens, "tokens"),
                BarSize::Tokens => (BarSize::Cost, "cost"),
                BarSize::Cost => (BarSize::Time, "time"),
            };
            model.waterfall.size = next;
            model.say(format!("bars show {what}"));
        }
        Action::ZoomIn => model.waterfall.zoom_by(ZOOM.powi(times as i32), 0.5),
        Action::ZoomOut => model.waterfall.zoom_by(ZOOM.powi(-times as i32), 0.5),
        Action::ZoomReset => model.waterfall.zoom_out(),
        Action::ZoomSpan => model.waterfall.zoom_to_selected(),
        Action::PanLeft => model.waterfall.pan(-PAN * times as f64),
        Action::PanRight => model.waterfall.pan(PAN * times as f64),
        Action::FoldIdle => {
            if model.waterfall.gaps().is_empty() {
                model.say("no idle time worth folding in this run");
            } else {
                model.waterfall.fold_gaps = !model.waterfall.fold_gaps;
            }
        }
        Action::Filter => {
            let before = model.filter_text.clone();
            model.modes.push(Mode::Filter(TextInput::new(&before), before));
        }
        Action::ClearFilter => prompt::set_filter(model, ""),
        Action::PickStep => pick(model, Field::Step),
        Action::PickModel => pick(model, Field::Model),
        Action::PickTool => pick(model, Field::Tool),
        Action::PickAgent => pick(model, Field::Agent),
        Action::Include => prompt::narrow_to_selected(model, true),
        Action::Exclude => prompt::narrow_to_selected(model, false),
        Action::Search => model.modes.push(Mode::Search(TextInput::default())),
        Action::NextHit => find::next_hit(model, true),
        Action::PreviousHit => find::next_hit(model, false),
        Action::NextError => find::next_error(model, true),
        Action::PreviousError => find::next_error(model, false),
        Action::NextSlowest => find::next_ranked(model, find::Rank::Slowest, true),
        Action::PreviousSlowest => find::next_ranked(model, find::Rank::Slowest, false),
        Action::NextCostliest => find::next_ranked(model, find::Rank::Costliest, true),
        Action::PreviousCostliest => find::next_ranked(model, find::Rank::Costliest, false),
        Action::ToggleDetail => {
            model.detail.open = !model.detail.open;
            if !model.detail.open && model.focus == Focus::Detail {
                model.focus = Focus::Waterfall;
            }
        }
        Action::NextTab => step_tab(model, times),
        Action::PreviousTab => step_tab(model, -times),
        Action::ToggleRedaction => {
            model.redact = !model.redact;
            model.detail.forget();
            model.say(if model.redact { "secrets are hidden" } else { "secrets are shown" });
        }
        Action::OpenPager => open_pager(model, effects),
        Action::CopyId => copy_selected(model, effects, "span id", |view| Some(view.id_text())),
        Action::CopyTraceId => copy_selected(model, effects, "trace id", |view| Some(view.trace().id_text())),
        Action::CopySpan => copy_payload(model, effects, "record", |detail| Some(detail.raw.clone())),
        Action::CopyInput => copy_payload(model, effects, "input", |detail| detail.input.clone()),
        Action::CopyOutput => copy_payload(model, effects, "output", |detail| detail.output.clone()),
        Action::Palette => prompt::open_palette(model),
        Action::Help => model.modes.push(Mode::Help(0)),
        Action::Problems => model.modes.push(Mode::Problems(0)),
        Action::Bill => model.modes.push(Mode::Bill(0)),
        Action::Conversation => open_conversation(model),
        Action::FullScreen => model.full_screen = !model.full_screen,
        Action::NextTheme => model.next_theme(),
        Action::Redraw => effects.push(Effect::Redraw),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::Quit => effects.push(Effect::Quit),
        Action::ForceQuit => effects.push(Effect::Interrupt),
    }
}

/// Opens the conversation that the selected run is part of.
fn open_conversation(model: &mut Model) {
    let run = model.waterfall.run.or(model.runs.selected());
    match run.and_then(|run| Conversation::of(&model.store, run)) {
        Some(conversation) => model.modes.push(Mode::Conversation(Box::new(conversation))),
        None => model.say("this run names no session, thread or conversation"),
    }
}

/// Goes to a span of a run, or to the run where it isn't the open one.
pub(super) fn open_run(model: &mut Model, trace: TraceIx, span: SpanIx) {
    let store = &model.store;
    let holds = |row: &TraceIx| *row == trace || store.trace(*row).run_traces().contains(&trace);
    let Some(at) = model.runs.rows().iter().position(holds) else {
        model.say("the filter hides this run");
        return;
    };
    model.runs.move_to(at);
    model.runs.hold();
    model.focus = Focus::Waterfall;
    if model.waterfall.run == model.runs.selected() {
        model.waterfall.select(&model.matches, span);
    }
}

/// Rows of the panel that has the keys.
fn page(model: &Model) -> isize {
    let layout = Layout::of(model);
    let height = match model.focus {
        Focus::Runs => layout.runs.height,
        Focus::Waterfall => layout.bars.height,
        Focus::Detail => layout.detail_body.height,
    };
    isize::from(height as i16).max(1)
}

fn move_by(model: &mut Model, by: isize) {
    match model.focus {
        Focus::Runs => {
            model.runs.move_by(by);
        }
        Focus::Waterfall => {
            model.runs.hold();
            model.waterfall.move_by(by);
        }
        Focus::Detail => model.detail.scroll = model.detail.scroll.saturating_add_signed(by),
    }
}

fn move_to(model: &mut Model, at: usize) {
    match model.focus {
        Focus::Runs => {
            model.runs.move_to(at);
        }
        Focus::Waterfall => model.waterfall.move_to(at),
        // The view stops at the last line.
        Focus::Detail => model.detail.scroll = at.min(usize::MAX / 2),
    }
}

fn step_focus(model: &mut Model, forward: bool) {
    let panels: &[Focus] = if model.detail.open {
        &[Focus::Runs, Focus::Waterfall, Focus::Detail]
    } else {
        &[Focus::Runs, Focus::Waterfall]
    };
    let at = panels.iter().position(|panel| *panel == model.focus).unwrap_or(0);
    let step = if forward { 1 } else { panels.len() - 1 };
    model.focus = panels[(at + step) % panels.len()];
    if model.focus != Focus::Runs {
        model.runs.hold();
    }
}

/// `enter`: from the runs into the waterfall, from there into the detail.
fn open(model: &mut Model) {
    match model.focus {
        Focus::Runs => {
            // Whoever opens a run wants to read it: it must not be swapped for a newer one.
            model.runs.hold();
            model.focus = Focus::Waterfall;
        }
        Focus::Waterfall if model.detail.open => model.focus = Focus::Detail,
        Focus::Waterfall => model.detail.open = true,
        Focus::Detail => {}
    }
}

/// `esc`: one level back, never out of the program.
fn back(model: &mut Model) {
    if model.full_screen {
        model.full_screen = false;
    } else if model.search.is_on() {
        model.search.clear();
    } else {
        match model.focus {
            Focus::Detail => model.focus = Focus::Waterfall,
            Focus::Waterfall if model.detail.open => model.detail.open = false,
            Focus::Waterfall if model.waterfall.zoom_range().is_some() => model.waterfall.zoom_out(),
            Focus::Waterfall => model.focus = Focus::Runs,
            Focus::Runs if !model.filter_text.is_empty() => prompt::set_filter(model, ""),
            Focus::Runs => {}
        }
    }
}

/// `h` and `l`: fold and unfold in the tree, tabs in the detail, into the waterfall from the runs.
fn horizontally(model: &mut Model, left: bool) {
    match model.focus {
        Focus::Runs if left => {}
        Focus::Runs => open(model),
        Focus::Waterfall => model.waterfall.fold(&model.matches, Some(left)),
        Focus::Detail => step_tab(model, if left { -1 } else { 1 }),
    }
}

fn fold_to(model: &mut Model, depth: Option<u32>) {
    model.waterfall.fold_to(&model.matches, depth);
}

fn step_tab(model: &mut Model, by: isize) {
    model.detail.open = true;
    model.detail.tab = model.detail.tab.step(by);
    model.detail.scroll = 0;
}

fn pick(model: &mut Model, field: Field) {
    match Picker::open(&model.store, &model.clock, field) {
        Some(picker) if !picker.is_empty() => model.modes.push(Mode::Picker(picker)),
        _ => model.say(format!("no {} in these sources", field.name())),
    }
}

fn copy_selected(
    model: &mut Model,
    effects: &mut Vec<Effect>,
    what: &str,
    of: impl Fn(&crate::store::SpanView<'_>) -> Option<String>,
) {
    let text = model.waterfall.selected().and_then(|span| of(&model.store.span(span)));
    copy(model, effects, what, text);
}

fn copy_payload(
    model: &mut Model,
    effects: &mut Vec<Effect>,
    what: &str,
    of: impl Fn(&crate::model::SpanDetail) -> Option<String>,
) {
    if model.detail.here().is_none() {
        model.detail.open = true;
        model.say("reading the payload; press again");
        return;
    }
    let text = model.detail.here().and_then(of).filter(|text| !text.is_empty());
    copy(model, effects, what, text);
}

fn copy(model: &mut Model, effects: &mut Vec<Effect>, what: &str, text: Option<String>) {
    match text {
        Some(text) => {
            model.say(format!("copied the {what}: {}", text::bytes(text.len() as u64)));
            effects.push(Effect::Copy(text));
        }
        None => model.say(format!("this span has no {what}")),
    }
}

fn open_pager(model: &mut Model, effects: &mut Vec<Effect>) {
    let lines = super::super::view::detail_text(model);
    if matches!(model.detail.payload, Payload::Loading) {
        model.say("reading the payload; press again");
    } else if lines.is_empty() {
        model.say("nothing to open");
    } else {
        effects.push(Effect::Pager(lines));
    }
}

/// The label of a span that `.` and `!` narrow by: what it is called in the filter language.
pub(super) fn label_of(view: &crate::store::SpanView<'_>) -> (Field, String) {
    let facets = view.facets();
    let named = match view.kind() {
        SpanKind::Llm | SpanKind::Embedding => (Field::Model, facets.model),
        SpanKind::Tool => (Field::Tool, facets.tool),
        SpanKind::Agent => (Field::Agent, facets.agent),
        SpanKind::Step => (Field::Step, facets.step),
        _ => (Field::Name, view.name_symbol()),
    };
    let (field, symbol) = if named.1.is_some() { named } else { (Field::Name, view.name_symbol()) };
    (field, view.text(symbol).to_owned())
}
