//! `update`: the only way the model changes.

mod action;
mod find;
mod memory;
mod mouse;
mod prompt;

use std::time::{Duration, Instant};

use crate::config::{Action, Key, KeyName, Lookup};
use crate::source::{SourceEvent, SourceMessage, SourceState};
use crate::store::Arrival;

use super::model::{Mode, Model, Payload};
use super::msg::{Effect, Msg};

pub(in crate::tui) use prompt::completion;

/// How long a filter may look at spans between two looks at the keyboard.
const FILTER_SLICE: Duration = Duration::from_millis(4);
/// The largest count that may be typed before a key.
const MAX_COUNT: usize = 100_000;

/// Takes one message in.
pub(super) fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    match msg {
        Msg::Key(key) => key_pressed(model, key, &mut effects),
        Msg::Paste(text) => prompt::paste(model, &text),
        Msg::Mouse(event) => mouse::mouse(model, event, &mut effects),
        Msg::Resize(columns, rows) => model.size = (columns, rows),
        Msg::Source(message) => {
            effects.extend(log_line(model, &message).map(Effect::Log));
            source_said(model, message);
        }
        Msg::Prices(table, mode) => {
            model.store.set_pricing(table, mode);
        }
        Msg::Detail(span, result) => {
            let redact = model.redact;
            let shown = result.map(|mut detail| {
                if redact {
                    crate::text::redact_detail(&mut detail);
                }
                detail
            });
            if let Some(Mode::Conversation(conversation)) = model.modes.last_mut() {
                conversation.answer(&model.store, span, &shown);
            }
            model.detail.answer(span, shown);
        }
        Msg::FoundForFilter(number, found) => {
            model.matches.answer(&model.store, &model.clock, number, &found);
        }
        Msg::FoundForSearch(number, found) => find::search_answered(model, number, &found),
        Msg::Restored(trace, read) => memory::restored(model, trace, read),
        Msg::Tick => {}
    }
    effects
}

/// Brings everything that is derived up to date, once per frame at most, and asks for what is missing.
pub(super) fn refresh(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut changes = model.store.take_changes();
    model.note(&changes);
    memory::keep_within(model, &mut effects);
    changes.extend(model.store.take_changes());
    model.matches.refresh(&model.store, &model.clock, &changes);
    model.matches.work(&model.store, &model.clock, FILTER_SLICE);
    model.runs.refresh(&model.store, &model.matches, model.now);
    if model.waterfall.run != model.runs.selected() {
        model.waterfall.open(model.runs.selected());
        model.search.clear();
    }
    model.waterfall.refresh(&model.store, &model.clock, &model.matches, model.now);
    model.waterfall.advance(&model.store, &model.clock);
    model.count_running();
    if let Some(said) = model.budgets.take_crossed(model.store.totals()) {
        model.complain(said);
        effects.push(Effect::Bell);
    }
    let layout = super::view::Layout::of(model);
    model.place_rows(&layout);
    model.prepare(
        usize::from(layout.runs.height),
        |model, input| completion(model, input).1,
        super::view::overlay_lines,
    );
    model.limit_scrolling();
    converse(model, &mut effects);
    effects.extend(model.matches.take_wanted(&model.store).map(Effect::SearchForFilter));
    find::continue_search(model, &mut effects);
    ask_for_detail(model, &mut effects);
    let body = layout.detail_body;
    model.prepare_detail(usize::from(body.width).saturating_sub(2));
    if !matches!(model.detail.payload, Payload::Loading) {
        let last = model.detail.lines.len().saturating_sub(usize::from(body.height));
        model.detail.scroll = model.detail.scroll.min(last);
    }
    effects
}

/// Whether the model will change although nothing happens: something grows, or work is left.
pub(super) fn is_restless(model: &Model) -> bool {
    is_busy(model) || model.waterfall.is_behind(&model.matches)
}

/// Whether there is something to do at once, or a few times a second, although nothing happens.
pub(super) fn is_busy(model: &Model) -> bool {
    model.matches.progress(&model.store).is_some()
        || model.runs.is_behind(&model.store, &model.matches)
        || model.is_count_behind()
}

fn key_pressed(model: &mut Model, key: Key, effects: &mut Vec<Effect>) {
    if (key.ctrl, key.name) == (true, KeyName::Char('c')) {
        effects.push(Effect::Interrupt);
        return;
    }
    if model
        .notice
        .as_ref()
        .is_some_and(|notice| model.now.duration_since(notice.at) > Duration::from_millis(300))
    {
        model.notice = None;
    }
    if !model.modes.is_empty() {
        // What concerns the terminal works everywhere.
        match model.keymap.lookup(&[key]) {
            Lookup::Action(action @ (Action::Suspend | Action::Redraw)) if key.ctrl => {
                act(model, action, effects);
            }
            _ => prompt::key(model, key, effects),
        }
        return;
    }
    if key.name == KeyName::Esc && model.count.is_some() && model.pending.is_empty() {
        model.count = None;
        return;
    }
    // A number before a key is a count: 5j.
    if let (KeyName::Char(digit @ '0'..='9'), false, false, true) =
        (key.name, key.ctrl, key.alt, model.pending.is_empty())
        && (digit != '0' || model.count.is_some())
    {
        let value = digit.to_digit(10).unwrap_or(0) as usize;
        model.count = Some((model.count.unwrap_or(0) * 10 + value).min(MAX_COUNT));
        return;
    }
    model.pending.push(key);
    match model.keymap.lookup(&model.pending) {
        Lookup::Pending => {}
        Lookup::Nothing => {
            let unfinished = model.pending.len() > 1;
            model.pending.clear();
            model.count = None;
            // `]` and then something else: the something else may be a key of its own.
            if unfinished && key.name != KeyName::Esc {
                key_pressed(model, key, effects);
            }
        }
        Lookup::Action(action) => {
            model.pending.clear();
            let count = model.count.take();
            action::act(model, action, count, effects);
        }
    }
}

/// Does an action as if its key had been pressed.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    action::act(model, action, None, effects);
}

/// What the log says about a message; records themselves are not logged.
fn log_line(model: &Model, message: &SourceMessage) -> Option<String> {
    let name = model.sources.get(message.source.0 as usize).map_or("", |source| source.name.as_str());
    match &message.event {
        SourceEvent::Found { name } => Some(format!("found {name}")),
        SourceEvent::Segment { format, why, .. } => Some(format!("{format} ({why}) in {name}")),
        SourceEvent::State(state) => Some(format!("{state:?} of {name}")),
        SourceEvent::CaughtUp => Some(format!("caught up with {name}")),
        SourceEvent::Ended => Some(format!("end of {name}")),
        SourceEvent::Batch(_) | SourceEvent::Progress { .. } => None,
    }
}

fn source_said(model: &mut Model, message: SourceMessage) {
    let at = message.source.0 as usize;
    if let SourceEvent::Found { name } = &message.event {
        model.add_source(message.source, name);
        return;
    }
    let arrival =
        Arrival { at: model.clock.now, live: model.sources.get(at).is_some_and(|source| source.caught_up) };
    let Some(source) = model.sources.get_mut(at) else { return };
    match message.event {
        SourceEvent::Found { .. } => {}
        SourceEvent::Segment { id, format, modified, .. } => {
            source.is_of(format);
            model.store.add_segment(id, message.source);
            if let Some(modified) = modified {
                model.store.set_modified(message.source, modified);
            }
        }
        SourceEvent::Batch(batch) => model.store.apply(message.source, &batch, arrival),
        SourceEvent::State(state) => {
            if let SourceState::Replaced(what) = &state {
                let text = format!("{}: {what}", source.name);
                model.say(text);
            }
            if let Some(source) = model.sources.get_mut(at) {
                source.state = state;
            }
        }
        SourceEvent::Progress { done, total } => source.progress = Some((done, total)),
        SourceEvent::CaughtUp => {
            (source.caught_up, source.progress) = (true, None);
            if matches!(source.state, SourceState::Waiting(_)) && source.format.is_some() {
                source.state = SourceState::Live;
            }
        }
        SourceEvent::Ended => {
            (source.caught_up, source.progress) = (true, None);
            if !matches!(
                source.state,
                SourceState::Failed(_) | SourceState::Snapshot(_) | SourceState::Damaged(_)
            ) {
                source.state = SourceState::Snapshot("read to its end".to_owned());
            }
        }
    }
}

/// Asks for what was said in the turns near the selected one, and lays the conversation out.
fn converse(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(Mode::Conversation(mut conversation)) =
        model.modes.pop_if(|mode| matches!(mode, Mode::Conversation(_)))
    else {
        return;
    };
    conversation.renew(&model.store);
    for span in conversation.wanted(&model.store) {
        effects.push(Effect::ReadDetail(span, model.store.span(span).payloads()));
    }
    let (width, height) = super::view::conversation_room(model.size);
    let shown = |text: &str| model.shown(text).into_owned();
    conversation.prepare(&model.store, &model.clock, width, shown);
    conversation.place(height);
    model.modes.push(Mode::Conversation(conversation));
}

/// Asks for the selected span's payload when the detail pane is open and what it has is of another span or moment.
fn ask_for_detail(model: &mut Model, effects: &mut Vec<Effect>) {
    if !model.detail.open {
        return;
    }
    let Some(span) = model.waterfall.selected() else { return };
    let view = model.store.span(span);
    let payloads = view.payloads();
    let newest = payloads.last().map_or(0, |payload| payload.pos ^ u64::from(payload.segment.0) << 48);
    let generation = newest ^ (view.end().map_or(0, |end| end.0 as u64)) ^ payloads.len() as u64;
    if model.detail.of == Some((span, generation)) {
        return;
    }
    model.detail.ask(span, generation);
    effects.push(Effect::ReadDetail(span, payloads));
}

impl Model {
    /// Scrolls so that what is selected is on the screen.
    fn place_rows(&mut self, layout: &super::view::Layout) {
        let runs = self.runs.position().unwrap_or(0);
        let rows = self.runs.rows().len();
        self.runs.offset = scrolled(self.runs.offset, runs, usize::from(layout.runs.height), rows);
        let at = self.waterfall.position().unwrap_or(0);
        let rows = self.waterfall.rows().len();
        let height = usize::from(layout.bars.height);
        self.waterfall.offset = scrolled(self.waterfall.offset, at, height, rows);
        self.waterfall.prepare_guides(height);
    }

    /// Keeps what lies on top from being scrolled past its end.
    fn limit_scrolling(&mut self) {
        let most = super::view::most_scrolled(self);
        if let Some(Mode::Help(scroll) | Mode::Problems(scroll) | Mode::Bill(scroll)) = self.modes.last_mut()
        {
            *scroll = (*scroll).min(most);
        }
        if let Some(Mode::Picker(picker)) = self.modes.last_mut() {
            let height = super::view::PICKER_ROWS;
            let rows = picker.shown().len();
            picker.offset = scrolled(picker.offset, picker.cursor, height, rows);
        }
    }
}

/// The first row to show so that `at` is visible with a margin, moving as little as possible.
fn scrolled(offset: usize, at: usize, height: usize, rows: usize) -> usize {
    if height == 0 {
        return 0;
    }
    let margin = (height / 5).min(3);
    let lowest = (at + margin + 1).saturating_sub(height);
    let highest = at.saturating_sub(margin);
    offset.clamp(lowest.min(highest), highest.max(lowest)).min(rows.saturating_sub(height))
}

/// Sets both clocks of a model to now.
pub(super) fn tell_time(model: &mut Model) {
    model.set_now(super::model::wall_clock(), Instant::now());
}

#[cfg(test)]
mod tests {
    use super::scrolled;

    #[test]
    fn scrolling_moves_as_little_as_possible() {
        assert_eq!(scrolled(0, 5, 10, 100), 0);
        assert_eq!(scrolled(0, 20, 10, 100), 13);
        assert_eq!(scrolled(50, 20, 10, 100), 18);
        assert_eq!(scrolled(95, 99, 10, 100), 90);
        assert_eq!(scrolled(3, 0, 10, 5), 0);
        assert_eq!(scrolled(3, 2, 0, 5), 0);
    }
}
