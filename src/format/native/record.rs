//! One record before it is understood: a slot for each key.

use super::keys::{Key, SPELLINGS, find};
use crate::format::json::{Fault, Reader, Value};
use crate::model::{PayloadRef, Problems, Reason};

/// The values of one record by key. Later ones win; null never replaces a value.
pub(super) struct Record<'a> {
    slots: [Value<'a>; Key::COUNT],
    /// Whether a parent was spoken of at all.
    pub(super) says_parent: bool,
    /// A key that stood twice in one object.
    pub(super) duplicate: Option<&'static str>,
    /// Whether a number that JSON doesn't have was read as null.
    pub(super) repaired_numbers: bool,
    /// Whether something about the record was odd that no value shows.
    pub(super) odd: bool,
}

/// Where an object stands inside a record.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Record,
    Attributes,
    Usage,
    UsageDetails,
}

impl<'a> Record<'a> {
    /// A record that says nothing.
    pub(super) fn empty() -> Self {
        Self {
            slots: std::array::from_fn(|_| Value::Null),
            says_parent: false,
            duplicate: None,
            repaired_numbers: false,
            odd: false,
        }
    }

    /// Reads the object that comes next.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let mut record = Self::empty();
        let repaired = reader.repaired_numbers();
        record.object(reader, Level::Record)?;
        record.repaired_numbers = !repaired && reader.repaired_numbers();
        Ok(record)
    }

    /// Reads the object of token counts that comes next.
    pub(super) fn usage(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let mut record = Self::empty();
        record.object(reader, Level::Usage)?;
        Ok(record)
    }

    /// Takes over facts from attributes that were kept as text of their own.
    pub(super) fn read_attributes(&mut self, text: &'a str) -> Result<(), Fault> {
        let mut reader = Reader::new(text);
        self.object(&mut reader, Level::Attributes)?;
        self.repaired_numbers |= reader.repaired_numbers();
        if reader.has_more() { Err(Fault::Invalid) } else { Ok(()) }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: Key) -> &Value<'a> {
        self.slots.get(key as usize).unwrap_or(&Value::Null)
    }

    /// Sets a value.
    pub(super) fn set(&mut self, key: Key, value: Value<'a>) {
        if let Some(slot) = self.slots.get_mut(key as usize) {
            *slot = value;
        }
    }

    /// Takes a value out.
    pub(super) fn take(&mut self, key: Key) -> Value<'a> {
        self.slots.get_mut(key as usize).map(std::mem::take).unwrap_or_default()
    }

    fn object(&mut self, reader: &mut Reader<'a>, level: Level) -> Result<(), Fault> {
        let mut seen = [0u64; SPELLINGS.div_ceil(64)];
        reader.enter_object()?;
        while let Some(name) = reader.next_key()? {
            let Some((key, spelling)) = meaning(&name, level) else {
                reader.skip()?;
                continue;
            };
            if let Some(word) = spelling.and_then(|spelling| seen.get_mut(spelling / 64)) {
                let bit = 1 << (spelling.unwrap_or(0) % 64);
                if *word & bit != 0 {
                    self.duplicate = Some(key.as_str());
                }
                *word |= bit;
            }
            let inner = match key {
                Key::Attributes => Some(Level::Attributes),
                Key::Usage => Some(Level::Usage),
                Key::UsageDetails => Some(Level::UsageDetails),
                _ => None,
            };
            match inner {
                Some(inner) if reader.peek() == Some(b'{') => self.object(reader, inner)?,
                // The record is indexed without its payloads.
                _ if matches!(key, Key::Input | Key::Output | Key::Events) => reader.skip()?,
                _ => {
                    let value = reader.value()?;
                    self.says_parent |= key == Key::Parent;
                    if !value.is_null() {
                        self.set(key, value);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a name means at a level, and its number among all spellings.
fn meaning(name: &str, level: Level) -> Option<(Key, Option<usize>)> {
    if matches!(level, Level::Usage | Level::UsageDetails)
        && let Some(key) = Key::of_usage(name)
    {
        // In `inputDetails` these are parts of the counter, not the counter itself.
        let part = matches!(key, Key::InputTokens | Key::OutputTokens | Key::TotalTokens);
        return (level == Level::Usage || !part).then_some((key, None));
    }
    let (key, spelling) = find(name)?;
    let wanted = match level {
        Level::Record => true,
        Level::Attributes => key.is_fact(),
        Level::Usage => (Key::UsageDetails as u8..Key::Step as u8).contains(&(key as u8)),
        Level::UsageDetails => (Key::InputTokens as u8..Key::Step as u8).contains(&(key as u8)),
    };
    wanted.then_some((key, Some(spelling)))
}

/// Reads values out of a record and counts those that cannot be taken.
pub(super) struct Taker<'r, 'a> {
    pub(super) record: &'r Record<'a>,
    pub(super) at: PayloadRef,
    pub(super) problems: &'r mut Problems,
    /// Whether anything was odd.
    pub(super) odd: bool,
}

impl<'r, 'a> Taker<'r, 'a> {
    /// Counts something odd about a key.
    pub(super) fn flag(&mut self, reason: Reason, key: Key) {
        self.odd = true;
        let value = self.record.get(key).excerpt();
        let value: String = value.chars().take(80).collect();
        self.problems.add(reason, Some(self.at), &format!("{}: {value}", key.as_str()));
    }

    /// The value in the form that `read` gives it.
    pub(super) fn take<T>(
        &mut self,
        key: Key,
        read: impl FnOnce(&'r Value<'a>) -> Result<Option<T>, Reason>,
    ) -> Option<T> {
        let record: &'r Record<'a> = self.record;
        match read(record.get(key)) {
            Ok(value) => value,
            Err(reason) => {
                self.flag(reason, key);
                None
            }
        }
    }

    /// A count from zero.
    pub(super) fn count(&mut self, key: Key) -> Option<u64> {
        self.take(key, Value::count)
    }

    /// A finite number.
    pub(super) fn number(&mut self, key: Key) -> Option<f64> {
        self.take(key, Value::number)
    }
}
