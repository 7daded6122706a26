//! Keys: how they are written, and which sequence does what.

use std::collections::BTreeMap;
use std::fmt;

use super::action::Action;

/// A key without its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyName {
    /// A character, shift already applied.
    Char(char),
    /// Named keys.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Tab with shift.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key.
    F(u8),
}

/// A key with its modifiers. Shift counts only for keys that have no shifted character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The key.
    pub name: KeyName,
    /// Control.
    pub ctrl: bool,
    /// Alt.
    pub alt: bool,
    /// Shift.
    pub shift: bool,
}

const NAMED: &[(&str, KeyName)] = &[
    ("enter", KeyName::Enter),
    ("esc", KeyName::Esc),
    ("tab", KeyName::Tab),
    ("backtab", KeyName::BackTab),
    ("backspace", KeyName::Backspace),
    ("delete", KeyName::Delete),
    ("up", KeyName::Up),
    ("down", KeyName::Down),
    ("left", KeyName::Left),
    ("right", KeyName::Right),
    ("home", KeyName::Home),
    ("end", KeyName::End),
    ("pageup", KeyName::PageUp),
    ("pagedown", KeyName::PageDown),
    ("space", KeyName::Char(' ')),
];

impl Key {
    /// A key without modifiers.
    pub fn plain(name: KeyName) -> Self {
        Self { name, ctrl: false, alt: false, shift: false }
    }

    /// Reads `j`, `G`, `ctrl-p`, `shift-left`, `alt-x`, `space`, `f5`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = Self::plain(KeyName::Esc);
        let mut rest = text;
        loop {
            let (modifier, after) = match rest.split_once('-') {
                Some((modifier, after)) if !after.is_empty() => (modifier.to_ascii_lowercase(), after),
                _ => break,
            };
            match modifier.as_str() {
                "ctrl" | "c" => key.ctrl = true,
                "alt" | "a" => key.alt = true,
                "shift" | "s" => key.shift = true,
                _ => return None,
            }
            rest = after;
        }
        let mut chars = rest.chars();
        key.name = if let (Some(c), None) = (chars.next(), chars.next()) {
            KeyName::Char(c)
        } else {
            let lower = rest.to_ascii_lowercase();
            let function = || lower.strip_prefix('f')?.parse().ok().filter(|n| (1..=24).contains(n));
            let named = NAMED.iter().find(|(name, _)| *name == lower).map(|(_, key)| *key);
            named.or_else(|| function().map(KeyName::F))?
        };
        if key.shift && key.name == KeyName::Tab {
            (key.name, key.shift) = (KeyName::BackTab, false);
        }
        Some(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (on, prefix) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if on {
                f.write_str(prefix)?;
            }
        }
        match self.name {
            KeyName::Up => f.write_str("↑"),
            KeyName::Down => f.write_str("↓"),
            KeyName::Left => f.write_str("←"),
            KeyName::Right => f.write_str("→"),
            KeyName::Enter => f.write_str("⏎"),
            KeyName::BackTab => f.write_str("shift-tab"),
            KeyName::F(n) => write!(f, "f{n}"),
            KeyName::Char(' ') => f.write_str("space"),
            KeyName::Char(c) => write!(f, "{c}"),
            other => {
                let name = NAMED.iter().find(|(_, key)| *key == other).map_or("", |(name, _)| name);
                f.write_str(name)
            }
        }
    }
}

/// What a sequence of keys means so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// This.
    Action(Action),
    /// More keys have to follow.
    Pending,
    /// Nothing.
    Nothing,
}

/// Which sequence of keys does what.
#[derive(Clone, Debug)]
pub struct Keymap {
    keys: BTreeMap<Vec<Key>, Action>,
}

impl Default for Keymap {
    fn default() -> Self {
        let mut keymap = Self { keys: BTreeMap::new() };
        for action in Action::ALL {
            for keys in action.default_keys() {
                // A test holds that every default parses.
                if let Ok(sequence) = parse_sequence(keys) {
                    keymap.keys.insert(sequence, *action);
                }
            }
        }
        keymap
    }
}

impl Keymap {
    /// What a sequence means.
    pub fn lookup(&self, sequence: &[Key]) -> Lookup {
        if let Some(action) = self.keys.get(sequence) {
            return Lookup::Action(*action);
        }
        let longer = self.keys.range(sequence.to_vec()..).next();
        match longer {
            Some((keys, _)) if keys.starts_with(sequence) => Lookup::Pending,
            _ => Lookup::Nothing,
        }
    }

    /// Gives an action these keys instead of its own.
    pub fn bind(&mut self, action: Action, sequences: &[String]) -> Result<(), String> {
        let mut parsed = Vec::new();
        for text in sequences {
            let sequence = parse_sequence(text)?;
            let taken = self.keys.iter().find(|(known, owner)| {
                **owner != action && (known.starts_with(&sequence) || sequence.starts_with(known))
            });
            if let Some((_, owner)) = taken {
                return Err(format!("{text} is taken by {}", owner.name()));
            }
            parsed.push(sequence);
        }
        self.keys.retain(|_, owner| *owner != action);
        self.keys.extend(parsed.into_iter().map(|sequence| (sequence, action)));
        Ok(())
    }

    /// The keys of an action, as help shows them.
    pub fn keys_of(&self, action: Action) -> Vec<String> {
        let mut all: Vec<String> =
            self.keys.iter().filter(|(_, owner)| **owner == action).map(|(keys, _)| show(keys)).collect();
        all.sort_by_key(|keys| (keys.chars().count(), keys.clone()));
        all
    }

    /// What may follow a sequence: the next key and the action it leads to, for a hint while keys are pending.
    pub fn continuations(&self, sequence: &[Key]) -> Vec<(String, Action)> {
        self.keys
            .iter()
            .filter(|(keys, _)| keys.starts_with(sequence) && keys.len() > sequence.len())
            .map(|(keys, action)| (show(&keys[sequence.len()..]), *action))
            .collect()
    }
}

fn parse_sequence(text: &str) -> Result<Vec<Key>, String> {
    let keys: Option<Vec<Key>> = text.split_whitespace().map(Key::parse).collect();
    match keys {
        Some(keys) if !keys.is_empty() => Ok(keys),
        _ => Err(format!("{text} is no key; examples: j, G, ctrl-p, g g, ] e, space, f5")),
    }
}

fn show(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        parse_sequence(text).expect("keys")
    }

    #[test]
    fn every_default_parses_and_none_hides_another() {
        let mut seen: BTreeMap<Vec<Key>, Action> = BTreeMap::new();
        for action in Action::ALL {
            for text in action.default_keys() {
                let sequence = keys(text);
                for (known, owner) in &seen {
                    assert!(
                        !known.starts_with(&sequence) && !sequence.starts_with(known),
                        "{text} of {} collides with {}",
                        action.name(),
                        owner.name()
                    );
                }
                seen.insert(sequence, *action);
            }
        }
    }

    #[test]
    fn sequences_are_pending_until_they_are_whole() {
        let keymap = Keymap::default();
        assert_eq!(keymap.lookup(&keys("]")), Lookup::Pending);
        assert_eq!(keymap.lookup(&keys("] e")), Lookup::Action(Action::NextError));
        assert_eq!(keymap.lookup(&keys("] q")), Lookup::Nothing);
        assert_eq!(keymap.lookup(&keys("ctrl-c")), Lookup::Action(Action::ForceQuit));
        assert_eq!(keymap.lookup(&keys("-")), Lookup::Action(Action::ZoomOut));
    }

    #[test]
    fn keys_can_be_given_to_other_actions_but_not_twice() {
        let mut keymap = Keymap::default();
        assert!(keymap.bind(Action::Quit, &["x x".to_owned()]).is_ok());
        assert_eq!(keymap.lookup(&keys("q")), Lookup::Nothing);
        assert_eq!(keymap.lookup(&keys("x x")), Lookup::Action(Action::Quit));
        let error = keymap.bind(Action::Help, &["j".to_owned()]).expect_err("taken");
        assert!(error.contains("down"), "{error}");
        assert!(keymap.bind(Action::Help, &["nonsense-key".to_owned()]).is_err());
    }
}
