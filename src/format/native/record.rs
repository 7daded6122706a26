//! One record before it is understood: a place for each key.

use std::borrow::Cow;

use super::keys::{Key, SPELLINGS, find};
use super::predict::{Place, Predictor};
use crate::format::json::{Fault, Found, Reader, Value};
use crate::model::{PayloadRef, Problems, Reason};

/// Where the value of a key is. Texts are named by where they stand, so that a record can be used line after line.
#[derive(Clone, Copy, Default)]
struct Spot {
    kind: Kind,
    within: Within,
    /// Where a text begins and its length, or the two halves of a number.
    parts: [u32; 2],
}

#[derive(Clone, Copy, Default)]
enum Kind {
    #[default]
    False,
    True,
    Unsigned,
    Negative,
    Float,
    Text,
    Object,
    Array,
}

/// Which text a value stands in.
#[derive(Clone, Copy, Default)]
enum Within {
    /// The record's own.
    #[default]
    Line,
    /// Attributes that were kept as text of their own.
    Attributes,
    /// The record's store of texts that stand nowhere in one piece.
    Side,
}

const _: () = assert!(Key::COUNT <= 64, "each key has a bit");

/// The values of one record by key. Later ones win; null never replaces a value.
pub(super) struct Record {
    /// One bit for each key that has a value.
    set: u64,
    spots: [Spot; Key::COUNT],
    side: String,
    /// Whether a parent was spoken of at all.
    pub(super) says_parent: bool,
    /// A key that stood twice in one object.
    duplicate: Option<&'static str>,
    /// Whether a number that JSON doesn't have was read as null.
    repaired_numbers: bool,
    /// Whether something about the record was odd that no value shows.
    pub(super) odd: bool,
}

/// Where an object stands inside a record.
#[derive(Clone, Copy, PartialEq)]
#[repr(u8)]
pub(super) enum Level {
    Record,
    Attributes,
    Usage,
    UsageDetails,
}

/// What a name means, and its number among all spellings.
pub(super) type Meaning = Option<(Key, Option<u16>)>;

impl Record {
    /// A record that says nothing.
    pub(super) fn empty() -> Self {
        Self {
            set: 0,
            spots: [Spot::default(); Key::COUNT],
            side: String::new(),
            says_parent: false,
            duplicate: None,
            repaired_numbers: false,
            odd: false,
        }
    }

    /// Forgets everything but its room.
    pub(super) fn clear(&mut self) {
        self.set = 0;
        self.side.clear();
        // Keeps the room for the next one, but not for ever what a giant needed.
        self.side.shrink_to(1 << 16);
        (self.says_parent, self.duplicate, self.repaired_numbers, self.odd) = (false, None, false, false);
    }

    /// Reads the object that comes next into an empty record.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>, predictor: &mut Predictor) -> Result<(), Fault> {
        let repaired = reader.repaired_numbers();
        self.object(reader, predictor, Level::Record, Place::START, Within::Line)?;
        self.repaired_numbers = !repaired && reader.repaired_numbers();
        Ok(())
    }

    /// Reads the object of token counts that comes next.
    pub(super) fn usage(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut record = Self::empty();
        record.object(reader, &mut Predictor::default(), Level::Usage, Place::START, Within::Line)?;
        Ok(record)
    }

    /// Takes over facts from attributes that were kept as text of their own.
    pub(super) fn read_attributes(&mut self, text: &str, predictor: &mut Predictor) -> Result<(), Fault> {
        let mut reader = Reader::new(text);
        self.object(&mut reader, predictor, Level::Attributes, Place::START, Within::Attributes)?;
        self.repaired_numbers |= reader.repaired_numbers();
        if reader.has_more() { Err(Fault::Invalid) } else { Ok(()) }
    }

    /// Whether a key has a value.
    #[inline]
    pub(super) fn has(&self, key: Key) -> bool {
        self.set >> key as u8 & 1 != 0
    }

    /// The record beside the text it was read from, and beside the attributes that were text of their own.
    pub(super) fn view<'t>(&'t self, line: &'t str, attributes: &'t str) -> View<'t> {
        View { record: self, line, attributes }
    }

    /// Sets a value that stands in no text of the record's.
    pub(super) fn set(&mut self, key: Key, value: &Value<'_>) {
        let mut side = |text: &str| {
            let at = self.side.len();
            self.side.push_str(text);
            [at as u32, text.len() as u32]
        };
        let (kind, parts) = match value {
            Value::Null => return,
            Value::Text(text) => (Kind::Text, side(text)),
            Value::Object(text) => (Kind::Object, side(text)),
            Value::Array(text) => (Kind::Array, side(text)),
            Value::Bool(true) => (Kind::True, [0; 2]),
            Value::Bool(false) => (Kind::False, [0; 2]),
            Value::Unsigned(number) => (Kind::Unsigned, halves(*number)),
            Value::Negative(number) => (Kind::Negative, halves(*number as u64)),
            Value::Float(number) => (Kind::Float, halves(number.to_bits())),
        };
        self.put(key, Spot { kind, within: Within::Side, parts });
    }

    #[inline]
    fn put(&mut self, key: Key, spot: Spot) {
        if let Some(place) = self.spots.get_mut(key as usize) {
            *place = spot;
            self.set |= 1 << key as u8;
        }
    }

    fn object(
        &mut self,
        reader: &mut Reader<'_>,
        predictor: &mut Predictor,
        level: Level,
        mut place: Place,
        within: Within,
    ) -> Result<(), Fault> {
        let mut seen = [0u64; SPELLINGS.div_ceil(64)];
        let mut fresh = true;
        while fresh || !reader.take_end() {
            let (here, meaning) = match predictor.guess(place, level, reader) {
                Some(guess) => guess,
                None => match read_key(reader, predictor, level, place, fresh)? {
                    Some(read) => read,
                    None => return Ok(()),
                },
            };
            (place, fresh) = (here, false);
            let Some((key, spelling)) = meaning else {
                reader.skip_balanced()?;
                continue;
            };
            if let Some(spelling) = spelling
                && let Some(word) = seen.get_mut(usize::from(spelling / 64))
            {
                let bit = 1 << (spelling % 64);
                if *word & bit != 0 {
                    self.duplicate = Some(key.as_str());
                }
                *word |= bit;
            }
            let inner = match key {
                Key::Attributes => Some(Level::Attributes),
                Key::Usage => Some(Level::Usage),
                // Tokens written to the cache come as a number or as an object by lifetime.
                Key::UsageDetails | Key::CacheWrite => Some(Level::UsageDetails),
                // The record is indexed without its payloads.
                Key::Input | Key::Output | Key::Events => {
                    reader.skip_balanced()?;
                    continue;
                }
                _ => None,
            };
            if let Some(inner) = inner
                && reader.peek() == Some(b'{')
            {
                self.object(reader, predictor, inner, place, within)?;
                place = place.left();
                continue;
            }
            self.says_parent |= key == Key::Parent;
            self.value(reader, key, within)?;
        }
        Ok(())
    }

    /// Reads the value of a key.
    #[inline]
    fn value(&mut self, reader: &mut Reader<'_>, key: Key, within: Within) -> Result<(), Fault> {
        match reader.peek().ok_or(Fault::Incomplete)? {
            b'"' => match reader.found()? {
                Found::At(at, len) => {
                    self.put(key, Spot { kind: Kind::Text, within, parts: [at as u32, len as u32] });
                }
                Found::Decoded(text) => self.set(key, &Value::Text(Cow::Owned(text))),
            },
            byte @ (b'{' | b'[') => {
                let at = reader.position();
                reader.skip_balanced()?;
                let kind = if byte == b'{' { Kind::Object } else { Kind::Array };
                self.put(key, Spot { kind, within, parts: [at as u32, (reader.position() - at) as u32] });
            }
            b'0'..=b'9' => {
                let number = reader.number_value()?;
                self.set(key, &number);
            }
            _ => {
                let value = reader.value()?;
                self.set(key, &value);
            }
        }
        Ok(())
    }
}

/// Reads a key that was not foreseen. `None` leaves the object.
#[cold]
fn read_key(
    reader: &mut Reader<'_>,
    predictor: &mut Predictor,
    level: Level,
    place: Place,
    fresh: bool,
) -> Result<Option<(Place, Meaning)>, Fault> {
    // The token of an object's first key begins with its bracket, others right behind the value before.
    let from = if fresh { reader.offset() } else { reader.position() };
    if fresh {
        reader.enter_object()?;
    }
    let Some(name) = reader.next_key()? else { return Ok(None) };
    let meaning = meaning(&name, level);
    reader.peek();
    let token = reader.text().as_bytes().get(from..reader.position()).unwrap_or_default();
    Ok(Some((predictor.learn(place, level, token, meaning), meaning)))
}

fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

/// What a name means at a level.
fn meaning(name: &str, level: Level) -> Meaning {
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

/// Text without the blanks around it, which it rarely has.
#[inline]
fn trimmed(text: &str) -> &str {
    let plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = text.as_bytes();
    if plain(bytes.first()) && plain(bytes.last()) { text } else { text.trim() }
}

/// A record together with the texts its values stand in.
#[derive(Clone, Copy)]
pub(super) struct View<'t> {
    record: &'t Record,
    line: &'t str,
    attributes: &'t str,
}

impl<'t> View<'t> {
    /// The value of a key.
    #[inline]
    pub(super) fn get(self, key: Key) -> Value<'t> {
        if !self.record.has(key) {
            return Value::Null;
        }
        let Some(spot) = self.record.spots.get(key as usize) else { return Value::Null };
        let number = || u64::from(spot.parts[1]) << 32 | u64::from(spot.parts[0]);
        match spot.kind {
            Kind::False => Value::Bool(false),
            Kind::True => Value::Bool(true),
            Kind::Unsigned => Value::Unsigned(number()),
            Kind::Negative => Value::Negative(number() as i64),
            Kind::Float => Value::Float(f64::from_bits(number())),
            Kind::Text => Value::Text(Cow::Borrowed(self.slice(spot))),
            Kind::Object => Value::Object(self.slice(spot)),
            Kind::Array => Value::Array(self.slice(spot)),
        }
    }

    /// A string that says something.
    #[inline]
    pub(super) fn text(self, key: Key) -> Option<&'t str> {
        if !self.record.has(key) {
            return None;
        }
        let spot = self.record.spots.get(key as usize).filter(|spot| matches!(spot.kind, Kind::Text))?;
        Some(trimmed(self.slice(spot))).filter(|text| !text.is_empty())
    }

    /// A name, id or other label without blanks around it: a string or a whole number.
    #[inline]
    pub(super) fn label(self, key: Key) -> Result<Option<Cow<'t, str>>, Reason> {
        if !self.record.has(key) {
            return Ok(None);
        }
        if let Some(text) = self.text(key) {
            return Ok(Some(Cow::Borrowed(text)));
        }
        self.get(key).label().map(|label| label.map(|text| Cow::Owned(text.into_owned())))
    }

    /// Whether a key has a value.
    #[inline]
    pub(super) fn has(self, key: Key) -> bool {
        self.record.has(key)
    }

    /// Whether one of the keys has a value.
    #[inline]
    pub(super) fn has_any<const N: usize>(self, keys: [Key; N]) -> bool {
        let mut mask = 0;
        for key in keys {
            mask |= 1u64 << key as u8;
        }
        self.record.set & mask != 0
    }

    /// What was noticed about the record as a whole.
    pub(super) fn record(self) -> &'t Record {
        self.record
    }

    #[inline]
    fn slice(self, spot: &Spot) -> &'t str {
        let text = match spot.within {
            Within::Line => self.line,
            Within::Attributes => self.attributes,
            Within::Side => &self.record.side,
        };
        let at = spot.parts[0] as usize;
        text.get(at..at + spot.parts[1] as usize).unwrap_or_default()
    }
}

impl Record {
    /// A key that stood twice in one object.
    pub(super) fn duplicate(&self) -> Option<&'static str> {
        self.duplicate
    }

    /// Whether a number that JSON doesn't have was read as null.
    pub(super) fn repaired_numbers(&self) -> bool {
        self.repaired_numbers
    }
}

/// Reads values out of a record and counts those that cannot be taken.
pub(super) struct Taker<'r> {
    pub(super) record: View<'r>,
    pub(super) at: PayloadRef,
    pub(super) problems: &'r mut Problems,
    /// Whether anything was odd.
    pub(super) odd: bool,
}

impl<'r> Taker<'r> {
    /// Counts something odd about a key.
    pub(super) fn flag(&mut self, reason: Reason, key: Key) {
        self.odd = true;
        let value = self.record.get(key);
        let value: String = value.excerpt().chars().take(80).collect();
        self.problems.add(reason, Some(self.at), &format!("{}: {value}", key.as_str()));
    }

    /// What `read` makes of the value, if there is one.
    #[inline]
    pub(super) fn take<T>(
        &mut self,
        key: Key,
        read: impl FnOnce(&Value<'r>) -> Result<Option<T>, Reason>,
    ) -> Option<T> {
        if !self.record.has(key) {
            return None;
        }
        let read = read(&self.record.get(key));
        self.known(key, read)
    }

    /// The value, or nothing and a problem.
    #[inline]
    pub(super) fn known<T>(&mut self, key: Key, read: Result<Option<T>, Reason>) -> Option<T> {
        match read {
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
