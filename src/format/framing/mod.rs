//! How records stand in a stream of bytes: one per line, behind a log's prefix, wrapped by a container's log driver, or
//! as JSON values over many lines. What a record means is its format's business; this only says where it is.

mod container;
mod documents;
mod prefix;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use super::generic::{self, Mapping};
use super::{Line, LineDecoder, LineFormat, Stream};
use crate::model::{Batch, Reason, SpanDetail};

pub(super) use container::is_wrapped;
pub(super) use documents::looks_like_documents;
pub use documents::{Documents, MAX_DOCUMENT, Piece, is_cut_document};
pub(super) use prefix::json_start;

/// How records stand in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// One per line.
    #[default]
    Lines,
    /// One per line, behind a prefix such as a time and a level.
    Prefixed,
    /// One per line, as text in the `log` member of a container's log driver; behind a prefix in there or not.
    Container {
        /// Whether a prefix stands before each record.
        prefixed: bool,
    },
    /// JSON values over any number of lines: the elements of an array, or one object after another.
    Documents,
}

impl Framing {
    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Lines => "one record per line",
            Self::Prefixed => "JSON behind a prefix on each line",
            Self::Container { prefixed: false } => "container log, a record in each \"log\"",
            Self::Container { prefixed: true } => "container log, JSON behind a prefix in each \"log\"",
            Self::Documents => "JSON over several lines: an array, or object after object",
        }
    }

    /// The beginning of a stream as one record per line, for [`LineFormat::sniff`]. A last object that is cut is
    /// closed.
    pub(crate) fn sample(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Lines => Cow::Borrowed(bytes),
            Self::Prefixed => Cow::Owned(stripped(bytes)),
            Self::Container { prefixed } => {
                let lines = container::sample(bytes);
                Cow::Owned(if prefixed { stripped(&lines) } else { lines })
            }
            Self::Documents => Cow::Owned(documents::sample(bytes)),
        }
    }
}

/// The JSON of each line that has some.
fn stripped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Some(json) = json_start(line).and_then(|at| line.get(at..)) {
            out.extend_from_slice(json);
            out.push(b'\n');
        }
    }
    out
}

/// A format in a framing: all that is needed to decode a stream and to read its records again.
#[derive(Clone)]
pub struct Dialect {
    /// What the records mean.
    pub format: &'static LineFormat,
    /// How they stand.
    pub framing: Framing,
    /// Where a private format keeps its fields.
    pub mapping: Option<Arc<Mapping>>,
}

impl Dialect {
    /// Plain lines of a format.
    pub fn lines(format: &'static LineFormat) -> Self {
        Self { format, framing: Framing::Lines, mapping: None }
    }

    /// A decoder for one stream.
    pub fn decoder(&self, stream: &Stream) -> Box<dyn LineDecoder> {
        let inner = match &self.mapping {
            Some(mapping) => generic::decoder(Arc::clone(mapping), stream),
            None => (self.format.decoder)(stream),
        };
        match self.framing {
            Framing::Lines | Framing::Documents => inner,
            Framing::Prefixed => Box::new(Prefixed(inner)),
            Framing::Container { prefixed: false } => Box::new(container::Unwrapping::new(inner)),
            Framing::Container { prefixed: true } => {
                Box::new(container::Unwrapping::new(Box::new(Prefixed(inner))))
            }
        }
    }

    /// Decodes one record for reading.
    pub fn detail(&self, bytes: &[u8]) -> SpanDetail {
        let bytes = self.record(bytes);
        match &self.mapping {
            Some(mapping) => generic::detail_of(mapping, &bytes),
            None => (self.format.detail)(&bytes),
        }
    }

    /// The record in the bytes at its place.
    pub fn record<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let Framing::Container { prefixed } = self.framing else { return Cow::Borrowed(bytes) };
        let Some(mut text) = container::text(bytes) else { return Cow::Borrowed(bytes) };
        text.truncate(text.trim_ascii_end().len());
        if prefixed && let Some(at) = json_start(&text) {
            text.drain(..at);
        }
        Cow::Owned(text)
    }

    /// Whether each line stands for itself, so that parts of a file may be decoded in parallel.
    pub fn has_independent_lines(&self) -> bool {
        self.format.independent_lines && matches!(self.framing, Framing::Lines | Framing::Prefixed)
    }

    /// Whether the bytes of a record spell its texts as JSON does once, so that they can be searched as they are.
    pub fn is_searchable(&self) -> bool {
        !matches!(self.framing, Framing::Container { .. })
    }
}

/// Gives the JSON behind a prefix to another decoder.
struct Prefixed(Box<dyn LineDecoder>);

impl LineDecoder for Prefixed {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        match json_start(line.bytes) {
            Some(at) => self.0.decode(&line.after(at), out),
            None if line.bytes.iter().all(u8::is_ascii_whitespace) => {}
            None => {
                let text = String::from_utf8_lossy(line.bytes.get(..200).unwrap_or(line.bytes));
                out.problem(Reason::OtherLine, Some(line.at), text.trim());
            }
        }
    }

    fn finish(&mut self, out: &mut Batch) {
        self.0.finish(out);
    }
}
