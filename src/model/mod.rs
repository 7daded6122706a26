//! The vocabulary: pure data that every other module speaks. Imports nothing of this crate.

mod field;
mod id;
mod kind;
mod money;
mod payload;
mod problem;
mod symbol;
mod time;
mod update;
mod usage;

pub use field::{Field, FieldType, GroupBy};
pub use id::{Id, IdDisplay, IdForm};
pub use kind::{SpanKind, Status};
pub use money::NanoUsd;
pub use payload::{
    DetailEvent, Message, PayloadRef, RecordRange, Role, SegmentId, SourceId, SpanDetail, Stamp,
};
pub use problem::{Problem, Problems, Reason};
pub use symbol::{MAX_INTERNED, Strings, Symbol};
pub use time::{LastMinute, NANOS_PER_MS, NANOS_PER_SEC, UnixNanos};
pub use update::{
    Batch, COPIED_RESPONSE, Marks, Parent, SpanUpdate, Timed, UNIQUE_RESPONSE, response_key,
    unique_response_key,
};
pub use usage::{Buckets, ServiceTier, TokenSum, Usage, UsageNotes, UsageParts};
