//! The last line: what was just said, what is being typed, or the keys that matter here.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::config::Action;
use crate::text::{SafeText, Short};

use super::super::model::{Focus, Mode, Model, TextInput};
use super::super::widget::{Line, own, put, wipe};

/// Draws the line. Returns where the cursor stands when something is typed.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, bar: Rect, model: &Model) -> Option<Position> {
    let theme = &model.theme;
    match model.modes.last() {
        Some(Mode::Filter(input, _)) => {
            let mut line = Line::new(buffer, area);
            match model.filter_error.as_deref().filter(|error| !error.is_empty()) {
                None => line.left(" ⏎ keep  esc undo  tab complete  ctrl-u clear", theme.dim),
                Some(error) => line.left(" ", theme.text).text(error, theme.bad),
            };
            return Some(typed(buffer, bar, model, " filter ", input));
        }
        Some(Mode::Search(input)) => return Some(typed(buffer, area, model, " / ", input)),
        _ => {}
    }
    let mut line = Line::new(buffer, area);
    if !model.pending.is_empty() || model.count.is_some() {
        line.left(" ", theme.accent);
        if let Some(count) = model.count {
            line.left(&Short::EMPTY.and_number(count as u64), theme.accent);
        }
        for key in &model.pending {
            line.text(&key.to_string(), theme.accent);
        }
        line.left(" ", theme.accent);
        for (key, action) in model.keymap.continuations(&model.pending).into_iter().take(8) {
            if model.pending.is_empty() {
                break;
            }
            line.left(" ", theme.text)
                .text(&key, theme.strong)
                .left(" ", theme.dim)
                .left(action.help(), theme.dim)
                .left(" ", theme.dim);
        }
        return None;
    }
    if let Some(notice) = &model.notice {
        let style = if notice.bad { theme.bad } else { theme.accent };
        line.left(" ", theme.text).text(&notice.text, style);
        return None;
    }
    let hint = |line: &mut Line<'_>, key: &str, what: &'static str| {
        let fits = usize::from(line.room()) >= key.chars().count() + what.len() + 4;
        if fits {
            line.left(" ", theme.text).text(key, theme.strong).left(" ", theme.dim).left(what, theme.dim);
            line.left(" ", theme.dim);
        }
        fits
    };
    if let Some(mode) = model.modes.last() {
        for (key, what) in keys_of(mode) {
            if !hint(&mut line, key, what) {
                break;
            }
        }
        return None;
    }
    line.right(" ? help ", theme.dim);
    for (what, action) in hints(model.focus) {
        let Some(key) = model.key_names.first(*action) else { continue };
        if !hint(&mut line, key, what) {
            break;
        }
    }
    None
}

/// The keys of what lies over the panels, the way out first.
fn keys_of(mode: &Mode) -> &'static [(&'static str, &'static str)] {
    match mode {
        Mode::Filter(..) | Mode::Search(_) => &[],
        Mode::Picker(_) => {
            &[("esc", "close"), ("⏎", "filter by it"), ("↑↓", "choose"), ("type", "to narrow down")]
        }
        Mode::Palette(..) => {
            &[("esc", "close"), ("⏎", "do it"), ("↑↓", "choose"), ("type", "to narrow down")]
        }
        Mode::Help(_) | Mode::Problems(_) | Mode::Bill(_) => {
            &[("esc", "close"), ("j k", "scroll"), ("space", "next page"), ("g G", "first, last line")]
        }
        Mode::Conversation(_) => &[
            ("esc", "close"),
            ("j k", "next, previous turn"),
            ("g G", "first, last turn"),
            ("⏎", "open the run"),
        ],
    }
}

/// What is worth a hint in a panel.
fn hints(focus: Focus) -> &'static [(&'static str, Action)] {
    match focus {
        Focus::Runs => &[
            ("open", Action::Open),
            ("filter", Action::Filter),
            ("step", Action::PickStep),
            ("model", Action::PickModel),
            ("next error", Action::NextError),
            ("follow", Action::Follow),
            ("theme", Action::NextTheme),
            ("quit", Action::Quit),
        ],
        Focus::Waterfall => &[
            ("detail", Action::Open),
            ("fold", Action::ToggleFold),
            ("search", Action::Search),
            ("filter", Action::Filter),
            ("next error", Action::NextError),
            ("critical path", Action::CriticalPath),
            ("zoom", Action::ZoomIn),
            ("bars", Action::BarSize),
            ("copy", Action::CopySpan),
            ("back", Action::Back),
        ],
        Focus::Detail => &[
            ("next tab", Action::NextTab),
            ("scroll", Action::Down),
            ("pager", Action::OpenPager),
            ("copy output", Action::CopyOutput),
            ("secrets", Action::ToggleRedaction),
            ("full screen", Action::FullScreen),
            ("back", Action::Back),
        ],
    }
}

/// A line of text being typed, scrolled so that its cursor is visible.
fn typed(
    buffer: &mut Buffer,
    area: Rect,
    model: &Model,
    prompt: &'static str,
    input: &TextInput,
) -> Position {
    let theme = &model.theme;
    wipe(buffer, area);
    let x = own(buffer, area.x, area.y, area.right(), prompt, theme.accent);
    let room = usize::from(area.right().saturating_sub(x + 1));
    let before = SafeText::new(&input.text()[..input.cursor()]).into_owned();
    let whole = SafeText::new(input.text());
    // Long texts show their end before the cursor.
    let shift = before.width().saturating_sub(room);
    let mut skipped = 0;
    let visible: String = whole
        .as_str()
        .chars()
        .skip_while(|c| {
            let skip = skipped < shift;
            skipped += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
            skip
        })
        .collect();
    put(buffer, x, area.y, area.right(), &visible, theme.text);
    Position::new(x + (before.width() - shift) as u16, area.y)
}
