//! From the terminal's key events to ours.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::config::{Key, KeyName};

/// The key of an event; `None` for keys that mean nothing here.
pub(super) fn key_of(event: KeyEvent) -> Option<Key> {
    let name = match event.code {
        KeyCode::Char(c) => KeyName::Char(c),
        KeyCode::Enter => KeyName::Enter,
        KeyCode::Esc => KeyName::Esc,
        KeyCode::Tab => KeyName::Tab,
        KeyCode::BackTab => KeyName::BackTab,
        KeyCode::Backspace => KeyName::Backspace,
        KeyCode::Delete => KeyName::Delete,
        KeyCode::Up => KeyName::Up,
        KeyCode::Down => KeyName::Down,
        KeyCode::Left => KeyName::Left,
        KeyCode::Right => KeyName::Right,
        KeyCode::Home => KeyName::Home,
        KeyCode::End => KeyName::End,
        KeyCode::PageUp => KeyName::PageUp,
        KeyCode::PageDown => KeyName::PageDown,
        KeyCode::F(n) => KeyName::F(n),
        _ => return None,
    };
    // Shift is part of the character already, and of back-tab.
    let shift =
        event.modifiers.contains(KeyModifiers::SHIFT) && !matches!(name, KeyName::Char(_) | KeyName::BackTab);
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let name = match name {
        KeyName::Char(c) if ctrl => KeyName::Char(c.to_ascii_lowercase()),
        name => name,
    };
    Some(Key { name, ctrl, alt: event.modifiers.contains(KeyModifiers::ALT), shift })
}
