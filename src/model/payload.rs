//! Where the bytes of a record stay, and what a reader gets when it asks for them.

/// A source in the order of the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u16);

/// One continuous run of positions in a source: a file as it was between two rotations, or a database file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(pub u32);

/// Where a record is: `len` bytes at offset `pos` of a file segment, or the row with rowid `pos` of a database segment
/// (then `len` is 0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadRef {
    /// The segment.
    pub segment: SegmentId,
    /// Byte offset or rowid.
    pub pos: u64,
    /// Bytes; 0 for a row.
    pub len: u32,
}

/// Where the records of a trace lie: from the first to behind the last, with those of other traces in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRange {
    /// The segment.
    pub segment: SegmentId,
    /// Byte offset or rowid of the first.
    pub from: u64,
    /// Byte offset behind the last, or its rowid plus one.
    pub to: u64,
}

/// The order of knowledge: of two records about one span, the one with the higher stamp is the later one.
///
/// Sources make stamps from the place of a record in its source (segment, then offset or re-read count), never from
/// the wall clock, so that reading again gives the same stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stamp(pub u64);

impl Stamp {
    /// The stamp of a record at `position` of a segment. `position` is a byte offset or a re-read count; 2^40 of them
    /// and 2^24 segments are told apart.
    pub fn new(segment: SegmentId, position: u64) -> Self {
        Self(u64::from(segment.0) << 40 | position.min((1 << 40) - 1))
    }
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions.
    System,
    /// A person or the calling program.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// One message of a prompt or completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who wrote it.
    pub role: Role,
    /// Plain text; for a tool call its arguments, for a tool result the result.
    pub text: String,
    /// The tool that is called or answers.
    pub tool: Option<String>,
    /// Whether this belongs to the model's answer rather than to the prompt.
    pub output: bool,
}

/// Something that happened at a point of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailEvent {
    /// What.
    pub name: String,
    /// When, if known.
    pub at: Option<super::UnixNanos>,
    /// Attributes as JSON text; empty when there are none.
    pub attributes: String,
}

/// Everything a source keeps about one span, decoded for reading. All text is as found: untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanDetail {
    /// The input as JSON text, or as plain text if it isn't JSON.
    pub input: Option<String>,
    /// The output, likewise.
    pub output: Option<String>,
    /// The error, likewise.
    pub error: Option<String>,
    /// Attribute names with their values as JSON text.
    pub attributes: Vec<(String, String)>,
    /// Events in order.
    pub events: Vec<DetailEvent>,
    /// Prompt and completion as messages, where the format knows them.
    pub messages: Vec<Message>,
    /// Ids of tool calls in the messages with the tools they call, where a result in another record may name only the
    /// id.
    pub calls: Vec<(String, String)>,
    /// Whether the messages are a part of the conversation that goes on in other records.
    pub is_part: bool,
    /// The records as they are in the source, one per line.
    pub raw: String,
}

impl SpanDetail {
    /// Adds what another record of the same span says; the later record wins where both speak.
    pub fn merge(&mut self, mut later: Self) {
        for message in later.messages.iter_mut().filter(|message| message.role == Role::Tool) {
            let call = self.calls.iter().find(|(id, _)| message.tool.as_ref() == Some(id));
            if let Some((_, tool)) = call {
                message.tool = Some(tool.clone());
            }
        }
        self.calls.append(&mut later.calls);
        self.input = later.input.or_else(|| self.input.take());
        self.output = later.output.or_else(|| self.output.take());
        self.error = later.error.or_else(|| self.error.take());
        for (name, value) in later.attributes {
            match self.attributes.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => self.attributes.push((name, value)),
            }
        }
        self.events.extend(later.events);
        if later.is_part {
            // Single messages add up, unless another record has the whole conversation.
            if self.is_part || self.messages.is_empty() {
                self.messages.extend(later.messages);
                self.is_part = true;
            }
        } else if !later.messages.is_empty() {
            self.messages = later.messages;
            self.is_part = false;
        }
        if !self.raw.is_empty() && !later.raw.is_empty() {
            self.raw.push('\n');
        }
        self.raw.push_str(&later.raw);
    }
}
