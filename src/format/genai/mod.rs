//! What the attributes of LLM telemetry mean, in whatever convention they are written: one mapping, which is data
//! (`assets/formats/genai.toml`). It knows nothing of the shape of a record; the OTLP decoder and whatever else meets
//! such attributes hand them in by name.

mod facts;
mod mapping;
mod messages;
mod pattern;

#[cfg(test)]
mod tests;

pub(super) use facts::{Collector, Context, RecordType, joined_error, kind_of};
pub(super) use mapping::{Fact, Mapping, mapping};
pub(super) use messages::{Conversation, Said};
