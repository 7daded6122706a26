//! Keys while something lies over the panels: filter, search, pickers, palette, help.

use crate::config::{Action, Key, KeyName};
use crate::filter::{Candidate, Filter, complete, unfinished};
use crate::model::{Field, SpanKind, Status, Symbol};

use super::super::model::{Conversation, Mode, Model, TextInput, narrowed};
use super::super::msg::Effect;
use super::{act, action, find};

/// Combinations of labels in which a typed value is looked for.
const MAX_LABELS: usize = 100_000;

/// Takes a key for the topmost mode.
pub(super) fn key(model: &mut Model, key: Key, effects: &mut Vec<Effect>) {
    let Some(mode) = model.modes.pop() else { return };
    match mode {
        Mode::Filter(input, before) => filter_key(model, key, input, before),
        Mode::Search(input) => search_key(model, key, input),
        Mode::Picker(picker) => picker_key(model, key, picker),
        Mode::Palette(input, actions, cursor) => palette_key(model, key, input, actions, cursor, effects),
        Mode::Help(scroll) => scroll_key(model, key, scroll, Mode::Help),
        Mode::Problems(scroll) => scroll_key(model, key, scroll, Mode::Problems),
        Mode::Bill(scroll) => scroll_key(model, key, scroll, Mode::Bill),
        Mode::Conversation(conversation) => conversation_key(model, key, conversation),
    }
}

/// Takes pasted text where text is being typed.
pub(super) fn paste(model: &mut Model, text: &str) {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match model.modes.last_mut() {
        Some(Mode::Filter(input, _)) => {
            input.insert(text.trim());
            let typed = input.text().to_owned();
            type_filter(model, &typed);
        }
        Some(Mode::Search(input)) => input.insert(text.trim()),
        _ => {}
    }
}

/// Narrows everything to a filter that is being typed: an unfinished value hides nothing that it may become.
fn type_filter(model: &mut Model, text: &str) {
    set_filter(model, meant(model, text).as_deref().unwrap_or(text));
    text.clone_into(&mut model.filter_text);
}

/// What a filter means whose last value is still being typed, if that is not what it says.
fn meant(model: &Model, text: &str) -> Option<String> {
    let store = &model.store;
    unfinished(text, |field, value| {
        let is = |symbol: Symbol| symbol.is_some() && store.strings().get(symbol).eq_ignore_ascii_case(value);
        match field {
            // Nobody types these to their end.
            Field::Trace | Field::SpanId => false,
            Field::Name | Field::Error => store.strings().find(value).is_some(),
            Field::Source => model.sources.iter().any(|source| source.name.eq_ignore_ascii_case(value)),
            _ => {
                let mut labels = store.facets().iter().take(MAX_LABELS);
                labels.any(|(_, facets)| facets.get(field).is_some_and(is))
            }
        }
    })
}

/// Narrows everything to a filter. A faulty part is left out and said.
pub(super) fn set_filter(model: &mut Model, text: &str) {
    let parsed = Filter::parse(text);
    model.filter_error = parsed.errors.first().map(ToString::to_string);
    text.clone_into(&mut model.filter_text);
    if *model.matches.filter() != parsed.filter {
        model.matches.set_filter(parsed.filter);
    }
}

/// Adds the selected span's label to the filter, or its opposite.
pub(super) fn narrow_to_selected(model: &mut Model, include: bool) {
    let Some(span) = model.waterfall.selected() else { return };
    let (field, value) = action::label_of(&model.store.span(span));
    let filter = model.matches.filter();
    let changed = if include { filter.with(field, &value) } else { filter.without(field, &value) };
    let text = changed.to_string();
    set_filter(model, &text);
}

fn conversation_key(model: &mut Model, key: Key, mut conversation: Box<Conversation>) {
    let page = (super::super::view::conversation_room(model.size).1 / 4).max(1) as isize;
    match key.name {
        KeyName::Esc | KeyName::Char('q' | 'C') => return,
        KeyName::Enter => {
            if let Some(turn) = conversation.selected() {
                let span = turn.span(&model.store).or_else(|| model.store.trace(turn.trace).root());
                if let Some(span) = span.map(|span| span.ix()) {
                    action::open_run(model, turn.trace, span);
                }
            }
            return;
        }
        KeyName::Down | KeyName::Char('j') => conversation.move_by(1),
        KeyName::Up | KeyName::Char('k') => conversation.move_by(-1),
        KeyName::PageDown => conversation.move_by(page),
        KeyName::PageUp => conversation.move_by(-page),
        KeyName::Home | KeyName::Char('g') => conversation.move_by(isize::MIN),
        KeyName::End | KeyName::Char('G') => conversation.move_by(isize::MAX),
        _ => {}
    }
    model.modes.push(Mode::Conversation(conversation));
}

fn filter_key(model: &mut Model, key: Key, mut input: TextInput, before: String) {
    match key.name {
        KeyName::Enter => {
            // What was shown while it was typed is what stays.
            let shows_any = model.matches.count() > 0 || model.matches.progress(&model.store).is_some();
            if let Some(meant) = meant(model, input.text()).filter(|_| shows_any) {
                set_filter(model, &meant);
            }
            return;
        }
        KeyName::Esc => {
            set_filter(model, &before);
            return;
        }
        KeyName::Tab => {
            let completion = completion(model, &input);
            if let Some(candidate) = completion.1.first() {
                let text = candidate.insert.clone();
                input.replace(completion.0, &text);
            }
        }
        _ => {
            input.key(key);
        }
    }
    let text = input.text().to_owned();
    model.modes.push(Mode::Filter(input, before));
    if text != model.filter_text {
        type_filter(model, &text);
    }
}

/// What could stand at the cursor of the filter: the bytes it replaces and the candidates.
pub(in crate::tui) fn completion(
    model: &Model,
    input: &TextInput,
) -> (std::ops::Range<usize>, Vec<Candidate>) {
    let store = &model.store;
    let values = |key: &crate::filter::Key| -> Vec<String> {
        let crate::filter::Key::Field(field) = key else { return Vec::new() };
        match field {
            Field::Status => return Status::ALL.iter().map(|status| status.as_str().to_owned()).collect(),
            Field::Kind => return SpanKind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect(),
            _ => {}
        }
        let mut symbols: Vec<_> = store
            .facets()
            .iter()
            .filter_map(|(_, facets)| facets.get(*field))
            .filter(|symbol| symbol.is_some())
            .collect();
        symbols.sort_unstable();
        symbols.dedup();
        symbols.into_iter().take(2_000).map(|symbol| store.strings().get(symbol).to_owned()).collect()
    };
    let completion = complete(input.text(), input.cursor(), values);
    (completion.replace, completion.candidates)
}

fn search_key(model: &mut Model, key: Key, mut input: TextInput) {
    match key.name {
        KeyName::Esc => find::start_search(model, ""),
        KeyName::Enter => find::start_search(model, input.text()),
        _ => {
            input.key(key);
            model.modes.push(Mode::Search(input));
        }
    }
}

fn picker_key(model: &mut Model, key: Key, mut picker: super::super::model::Picker) {
    let move_by = match (key.name, key.ctrl) {
        (KeyName::Up, _) | (KeyName::Char('p'), true) => Some(-1),
        (KeyName::Down, _) | (KeyName::Char('n'), true) => Some(1),
        (KeyName::PageUp, _) => Some(-10),
        (KeyName::PageDown, _) => Some(10),
        _ => None,
    };
    match (key.name, move_by) {
        (KeyName::Esc, _) => return,
        (KeyName::Enter, _) => {
            if let Some(item) = picker.chosen() {
                let text = model.matches.filter().with(picker.field, &item.value).to_string();
                set_filter(model, &text);
            }
            return;
        }
        (_, Some(by)) => picker.move_by(by),
        _ => {
            let mut input = TextInput::new(&picker.query);
            input.key(key);
            picker.set_query(input.text().to_owned());
        }
    }
    model.modes.push(Mode::Picker(picker));
}

/// Opens the palette with every action.
pub(super) fn open_palette(model: &mut Model) {
    model.modes.push(Mode::Palette(TextInput::default(), Action::ALL.to_vec(), 0));
}

fn palette_key(
    model: &mut Model,
    key: Key,
    mut input: TextInput,
    mut actions: Vec<Action>,
    mut cursor: usize,
    effects: &mut Vec<Effect>,
) {
    match (key.name, key.ctrl) {
        (KeyName::Esc, _) => return,
        (KeyName::Enter, _) => {
            if let Some(action) = actions.get(cursor) {
                act(model, *action, effects);
            }
            return;
        }
        (KeyName::Up, _) | (KeyName::Char('p'), true) => cursor = cursor.saturating_sub(1),
        (KeyName::Down, _) | (KeyName::Char('n'), true) => {
            cursor = (cursor + 1).min(actions.len().saturating_sub(1));
        }
        _ => {
            input.key(key);
            let texts: Vec<String> =
                Action::ALL.iter().map(|action| format!("{} {}", action.name(), action.help())).collect();
            actions = narrowed(input.text(), texts.iter().map(String::as_str))
                .into_iter()
                .filter_map(|at| Action::ALL.get(at).copied())
                .collect();
            cursor = 0;
        }
    }
    model.modes.push(Mode::Palette(input, actions, cursor));
}

fn scroll_key(model: &mut Model, key: Key, scroll: usize, mode: fn(usize) -> Mode) {
    let page = usize::from(model.size.1).saturating_sub(6).max(1);
    let scroll = match (key.name, key.ctrl) {
        (KeyName::Esc | KeyName::Enter | KeyName::Char('q' | '?' | 'P'), false) => return,
        (KeyName::Up | KeyName::Char('k'), _) => scroll.saturating_sub(1),
        (KeyName::Down | KeyName::Char('j'), _) => scroll.saturating_add(1),
        (KeyName::PageUp, _) | (KeyName::Char('u' | 'b'), true) => scroll.saturating_sub(page),
        (KeyName::PageDown | KeyName::Char(' '), _) | (KeyName::Char('d' | 'f'), true) => {
            scroll.saturating_add(page)
        }
        (KeyName::Home | KeyName::Char('g'), _) => 0,
        (KeyName::End | KeyName::Char('G'), _) => usize::MAX / 2,
        _ => scroll,
    };
    model.modes.push(mode(scroll));
}
