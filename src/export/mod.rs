//! Writing spans in other formats: one file per target behind [`Exporter`].
//! May import everything up to `analysis`.

mod ndjson;

use std::io::{self, Write};

use crate::model::SpanDetail;
use crate::store::{Clock, SpanView, Store};

/// What is exported.
pub struct Selection<'a> {
    /// Where the spans are.
    pub store: &'a Store,
    /// Now.
    pub clock: &'a Clock,
    /// Whether a span is meant.
    pub matches: &'a dyn Fn(&SpanView<'_>) -> bool,
    /// The payload of a span, as it may leave the machine.
    pub detail: &'a dyn Fn(&SpanView<'_>) -> SpanDetail,
    /// Text of a trace, as it may leave the machine.
    pub shown: &'a dyn Fn(&str) -> String,
}

/// A format to write.
pub trait Exporter: Sync {
    /// Its name for `--to`.
    fn name(&self) -> &'static str;
    /// What it is, in one line.
    fn about(&self) -> &'static str;
    /// Writes all spans that are meant.
    fn write(&self, selection: &Selection<'_>, out: &mut dyn Write) -> io::Result<()>;
}

/// Every target.
pub static EXPORTERS: &[&dyn Exporter] = &[&ndjson::Ndjson];
