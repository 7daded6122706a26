//! Keys: how they are written, and which sequence does what.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

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
    ("return", KeyName::Enter),
    ("esc", KeyName::Esc),
    ("escape", KeyName::Esc),
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
        key.as_sent()
    }

    /// The key as a terminal sends it; `None` when none does.
    fn as_sent(self) -> Option<Self> {
        let mut key = self;
        match key.name {
            KeyName::Tab if key.shift => (key.name, key.shift) = (KeyName::BackTab, false),
            // Terminals have always sent these with control for keys of their own.
            KeyName::Char(c) if key.ctrl => {
                let plain = |name| Self { name, ctrl: false, ..key };
                key = match c.to_ascii_lowercase() {
                    'i' => plain(KeyName::Tab),
                    'm' => plain(KeyName::Enter),
                    '[' => plain(KeyName::Esc),
                    c => Self { name: KeyName::Char(c), ..key },
                };
                // Nor is shift told with it.
                key.shift = false;
            }
            // Which character it makes is the layout's business, but of letters it is known.
            KeyName::Char(c) if key.shift => {
                let mut upper = c.to_uppercase();
                match (upper.next(), upper.next()) {
                    (Some(upper), None) if c.is_alphabetic() => key.name = KeyName::Char(upper),
                    _ => return None,
                }
                key.shift = false;
            }
            _ => {}
        }
        Some(key)
    }

    /// Whether it counts when no other key is pending: `5j`.
    fn is_count(self) -> bool {
        self == Self::plain(self.name) && matches!(self.name, KeyName::Char('1'..='9'))
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
        let longer = self.keys.range::<[Key], _>((Bound::Included(sequence), Bound::Unbounded)).next();
        match longer {
            Some((keys, _)) if keys.starts_with(sequence) => Lookup::Pending,
            _ => Lookup::Nothing,
        }
    }

    /// The default keys, with these actions having other keys instead of their own. On failure says for which action.
    pub fn with(changes: &[(Action, Vec<String>)]) -> Result<Self, (Action, String)> {
        let mut keymap = Self::default();
        // All of them give up their keys first, so that two may swap theirs.
        keymap.keys.retain(|_, owner| changes.iter().all(|(action, _)| action != owner));
        for (action, sequences) in changes {
            for text in sequences {
                keymap.add(*action, text).map_err(|why| (*action, why))?;
            }
        }
        Ok(keymap)
    }

    fn add(&mut self, action: Action, text: &str) -> Result<(), String> {
        let sequence = parse_sequence(text)?;
        if sequence.first().is_some_and(|key| key.is_count()) {
            return Err(format!("{text} begins with a digit, which repeats the key after it"));
        }
        let always = Key { ctrl: true, ..Key::plain(KeyName::Char('c')) };
        if sequence.contains(&always) && (action != Action::ForceQuit || sequence.len() > 1) {
            return Err("ctrl-c always quits".to_owned());
        }
        let taken =
            self.keys.iter().find(|(known, _)| known.starts_with(&sequence) || sequence.starts_with(known));
        match taken {
            Some((_, owner)) if *owner != action => Err(format!("{text} is taken by {}", owner.name())),
            Some((known, _)) if *known != sequence => {
                Err(format!("{text} and {} exclude each other", show(known)))
            }
            _ => {
                self.keys.insert(sequence, action);
                Ok(())
            }
        }
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
        let with =
            |action, keys: &[&str]| Keymap::with(&[(action, keys.iter().map(|&key| key.into()).collect())]);
        let error = |action, keys: &[&str]| with(action, keys).expect_err("an error").1;
        let keymap = with(Action::Quit, &["x x"]).expect("free");
        assert_eq!(keymap.lookup(&keys("q")), Lookup::Nothing);
        assert_eq!(keymap.lookup(&keys("x x")), Lookup::Action(Action::Quit));
        assert!(error(Action::Help, &["j"]).contains("taken by down"));
        assert!(error(Action::Help, &["g"]).contains("taken by top"));
        assert!(error(Action::Help, &["nonsense-key"]).contains("no key"));
        assert!(error(Action::Help, &["x", "x x"]).contains("exclude each other"));
        assert!(error(Action::Help, &["5"]).contains("digit"));
        assert!(error(Action::Help, &["ctrl-c"]).contains("always quits"));
    }

    #[test]
    fn two_actions_can_swap_their_keys() {
        let keymap =
            Keymap::with(&[(Action::Up, vec!["j".to_owned()]), (Action::Down, vec!["k".to_owned()])])
                .expect("free, as both give theirs up");
        assert_eq!(keymap.lookup(&keys("j")), Lookup::Action(Action::Up));
        assert_eq!(keymap.lookup(&keys("k")), Lookup::Action(Action::Down));
        assert_eq!(keymap.lookup(&[Key::plain(KeyName::Up)]), Lookup::Nothing);
    }

    #[test]
    fn keys_are_what_terminals_send() {
        for (written, sent) in [
            ("shift-g", "G"),
            ("ctrl-P", "ctrl-p"),
            ("ctrl-shift-p", "ctrl-p"),
            ("ctrl-i", "tab"),
            ("ctrl-m", "enter"),
            ("shift-tab", "backtab"),
            ("Escape", "esc"),
        ] {
            assert_eq!(Key::parse(written), Key::parse(sent), "{written}");
        }
        assert_eq!(Key::parse("shift-1"), None);
        assert!(Key::parse("shift-left").is_some_and(|key| key.shift));
    }
}
