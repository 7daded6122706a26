//! Writing spans: the row every sink takes, one file per sink, and the made-up workflow of `tracetui demo`.
//! May import `model` and `text`.

pub mod demo;
mod sink;
mod span;

pub use sink::{NdjsonSink, Sink, SinkError, SqliteSink, open_sink};
pub use span::SpanRow;
