//! From bytes to records, by the framing that was found.

use super::super::batches::Batches;
use super::frame::Frame;
use crate::format::{Documents, Framing, Line, LineDecoder, Piece};
use crate::model::{PayloadRef, Reason, SegmentId, Stamp, UnixNanos};

/// Cuts a stream of bytes into records and decodes them.
pub(in crate::source) enum Framer {
    /// A record per line.
    Lines(Box<Frame>),
    /// Objects over several lines.
    Documents(Box<Documents>, SegmentId),
}

impl Framer {
    /// Begins at an offset of a segment.
    pub(in crate::source) fn new(framing: Framing, segment: SegmentId, at: u64) -> Self {
        match framing {
            Framing::Documents => Self::Documents(Box::default(), segment),
            _ => Self::Lines(Box::new(Frame::new(segment, at))),
        }
    }

    /// Takes the bytes at `offset` and decodes the records they end.
    pub(in crate::source) fn feed(
        &mut self,
        bytes: &[u8],
        offset: u64,
        decoder: &mut dyn LineDecoder,
        arrived: UnixNanos,
        out: &mut Batches,
    ) {
        match self {
            Self::Lines(frame) => frame.feed(bytes, offset, decoder, arrived, out),
            Self::Documents(documents, segment) => {
                documents.feed(bytes, offset, |piece| take(piece, *segment, decoder, arrived, out));
            }
        }
    }

    /// Takes a line whose end has not come yet if it shows that it is whole. Objects always show it.
    pub(in crate::source) fn settle(
        &mut self,
        decoder: &mut dyn LineDecoder,
        arrived: UnixNanos,
        out: &mut Batches,
    ) {
        if let Self::Lines(frame) = self {
            frame.settle(decoder, arrived, out);
        }
    }

    /// Says that nothing follows.
    pub(in crate::source) fn finish(
        &mut self,
        decoder: &mut dyn LineDecoder,
        arrived: UnixNanos,
        out: &mut Batches,
    ) {
        match self {
            Self::Lines(frame) => frame.finish(decoder, arrived, out),
            Self::Documents(documents, segment) => {
                documents.finish(|piece| take(piece, *segment, decoder, arrived, out));
            }
        }
    }
}

fn take(
    piece: Piece<'_>,
    segment: SegmentId,
    decoder: &mut dyn LineDecoder,
    arrived: UnixNanos,
    out: &mut Batches,
) {
    let place = |pos: u64, len: u64| PayloadRef { segment, pos, len: u32::try_from(len).unwrap_or(u32::MAX) };
    match piece {
        Piece::Object(pos, bytes) => {
            let at = place(pos, bytes.len() as u64);
            let line = Line { bytes, at, stamp: Stamp::new(segment, pos), arrived };
            decoder.decode(&line, out.open());
            out.cut();
        }
        Piece::Damage(reason, pos, len, begins) => {
            let excerpt = match reason {
                Reason::LineTooLong => "an object of more than 64 MiB".into(),
                _ => String::from_utf8_lossy(begins.get(..200).unwrap_or(begins)),
            };
            out.open().problem(reason, Some(place(pos, len)), &excerpt);
        }
    }
}
