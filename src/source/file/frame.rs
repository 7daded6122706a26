//! From bytes to lines: `\n` ends a line and nothing else does.

use memchr::memchr;

use super::super::batches::Batches;
use crate::format::{Line, LineDecoder, is_complete_json};
use crate::model::{PayloadRef, Reason, SegmentId, Stamp, UnixNanos};

/// Longest line that is kept, bytes; of a longer one nothing is kept, and it is counted.
pub(in crate::source) const MAX_LINE: usize = 8 << 20;

/// Room that is kept for the beginning of a line, bytes.
const KEPT: usize = 1 << 20;

/// Cuts a stream of bytes into lines and decodes them.
pub(in crate::source) struct Frame {
    segment: SegmentId,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// Where it is.
    partial_at: u64,
    /// Inside a line that is too long, which is thrown away to its end.
    skipping: bool,
    /// Whether the zero bytes that came last were counted already.
    in_zeros: bool,
    /// Bytes of the unended line that were taken already.
    settled: usize,
    /// Length of the unended line when it was last looked at.
    looked: usize,
}

impl Frame {
    /// Begins at an offset of a segment.
    pub(in crate::source) fn new(segment: SegmentId, at: u64) -> Self {
        Self {
            segment,
            partial: Vec::new(),
            partial_at: at,
            skipping: false,
            in_zeros: false,
            settled: 0,
            looked: 0,
        }
    }

    /// Begins inside a line that is known as far as it goes. If it is whole it was taken before.
    pub(in crate::source) fn inside_line(segment: SegmentId, at: u64, line: Vec<u8>) -> Self {
        let mut frame = Self::new(segment, at);
        frame.skipping = line.len() > MAX_LINE;
        if !frame.skipping {
            frame.settled = if is_complete_json(&line) { line.len() } else { 0 };
            frame.partial = line;
        }
        frame
    }

    /// Takes the bytes at `offset` and decodes the lines they end.
    pub(in crate::source) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut offset: u64,
        decoder: &mut dyn LineDecoder,
        arrived: UnixNanos,
        out: &mut Batches,
    ) {
        while let Some(end) = memchr(b'\n', bytes) {
            let line = &bytes[..end];
            if self.skipping {
                self.skipping = false;
            } else if self.partial.is_empty() {
                self.decode(line, offset, decoder, arrived, out);
            } else {
                self.partial.extend_from_slice(line);
                let whole = std::mem::take(&mut self.partial);
                self.decode_rest(&whole, decoder, arrived, out);
                // Keeps the room for the next one, but not for ever what a giant needed.
                if whole.capacity() <= KEPT {
                    self.partial = whole;
                    self.partial.clear();
                }
            }
            bytes = &bytes[end + 1..];
            offset += end as u64 + 1;
        }
        self.keep(bytes, offset, out);
    }

    /// Takes a line whose end has not come yet if it shows that it is whole. Its end may come later.
    pub(in crate::source) fn settle(
        &mut self,
        decoder: &mut dyn LineDecoder,
        arrived: UnixNanos,
        out: &mut Batches,
    ) {
        if self.looked == self.partial.len() {
            return;
        }
        self.looked = self.partial.len();
        let text = trimmed(self.partial.get(self.settled..).unwrap_or_default());
        if text.starts_with(b"{") && is_complete_json(text) {
            let line = std::mem::take(&mut self.partial);
            self.decode_rest(&line, decoder, arrived, out);
            self.settled = line.len();
            self.partial = line;
        }
    }

    /// Says that nothing follows: a last line without its end is taken if it is whole, else counted.
    pub(in crate::source) fn finish(
        &mut self,
        decoder: &mut dyn LineDecoder,
        arrived: UnixNanos,
        out: &mut Batches,
    ) {
        let text = trimmed(self.partial.get(self.settled..).unwrap_or_default());
        // Only a JSON object shows by itself whether it is whole; other lines are taken as they are.
        if text.starts_with(b"{") && !is_complete_json(text) {
            self.abandon(out);
        } else if !text.is_empty() {
            let partial = std::mem::take(&mut self.partial);
            self.decode_rest(&partial, decoder, arrived, out);
        }
        self.partial = Vec::new();
    }

    /// Says that the end of a line will never come.
    pub(in crate::source) fn abandon(&mut self, out: &mut Batches) {
        let text = trimmed(self.partial.get(self.settled..).unwrap_or_default());
        if !text.is_empty() {
            let place = self.place(self.partial_at, self.partial.len());
            let excerpt = String::from_utf8_lossy(&text[..text.len().min(200)]);
            out.open().problem(Reason::IncompleteLastLine, Some(place), &excerpt);
        }
        (self.partial, self.settled, self.looked) = (Vec::new(), 0, 0);
    }

    /// Decodes what was not taken yet of a line that began earlier.
    fn decode_rest(
        &mut self,
        line: &[u8],
        decoder: &mut dyn LineDecoder,
        arrived: UnixNanos,
        out: &mut Batches,
    ) {
        let settled = std::mem::take(&mut self.settled);
        self.looked = 0;
        let rest = line.get(settled..).unwrap_or_default();
        if settled == 0 || !trimmed(rest).is_empty() {
            self.decode(rest, self.partial_at + settled as u64, decoder, arrived, out);
        }
    }

    /// Keeps the beginning of a line.
    fn keep(&mut self, bytes: &[u8], offset: u64, out: &mut Batches) {
        if bytes.is_empty() || self.skipping {
            return;
        }
        // Zeros at the beginning of a line are what a truncated file has before its writer's old place: they are no
        // part of a line and may be many.
        let zeros =
            if self.partial.is_empty() { bytes.iter().take_while(|byte| **byte == 0).count() } else { 0 };
        if zeros > 0 {
            self.count_zeros(offset, zeros, out);
        }
        let (bytes, offset) = (&bytes[zeros..], offset + zeros as u64);
        if self.partial.is_empty() {
            self.partial_at = offset;
        }
        if self.partial.len() + bytes.len() > MAX_LINE {
            let place = self.place(self.partial_at, self.partial.len() + bytes.len());
            out.open().problem(Reason::LineTooLong, Some(place), "a line of more than 8 MiB");
            self.skipping = true;
            (self.partial, self.settled, self.looked) = (Vec::new(), 0, 0);
            return;
        }
        self.partial.extend_from_slice(bytes);
    }

    fn count_zeros(&mut self, offset: u64, zeros: usize, out: &mut Batches) {
        if !self.in_zeros {
            out.open().problem(
                Reason::NulBytes,
                Some(self.place(offset, zeros)),
                "zero bytes where a line should begin",
            );
        }
        self.in_zeros = true;
    }

    fn decode(
        &mut self,
        line: &[u8],
        offset: u64,
        decoder: &mut dyn LineDecoder,
        arrived: UnixNanos,
        out: &mut Batches,
    ) {
        let zeros = line.iter().take_while(|byte| **byte == 0).count();
        if zeros > 0 {
            self.count_zeros(offset, zeros, out);
        }
        self.in_zeros = false;
        let line = &line[zeros..];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > MAX_LINE {
            out.open().problem(
                Reason::LineTooLong,
                Some(self.place(offset, line.len())),
                "a line of more than 8 MiB",
            );
            return;
        }
        let offset = offset + zeros as u64;
        let at = self.place(offset, line.len());
        let line = Line { bytes: line, at, stamp: Stamp::new(self.segment, offset), arrived };
        decoder.decode(&line, out.open());
        out.cut();
    }

    fn place(&self, offset: u64, len: usize) -> PayloadRef {
        PayloadRef { segment: self.segment, pos: offset, len: u32::try_from(len).unwrap_or(u32::MAX) }
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    let bytes = bytes.trim_ascii();
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Batch;

    /// Remembers every line with its place.
    #[derive(Default)]
    struct Lines(Vec<(u64, Vec<u8>)>);

    impl LineDecoder for Lines {
        fn decode(&mut self, line: &Line<'_>, _: &mut Batch) {
            self.0.push((line.at.pos, line.bytes.to_vec()));
        }
    }

    fn read(chunks: &[&[u8]]) -> (Vec<(u64, Vec<u8>)>, Batch) {
        let (mut frame, mut lines, mut out) =
            (Frame::new(SegmentId(0), 0), Lines::default(), Batches::default());
        let mut offset = 0;
        for chunk in chunks {
            frame.feed(chunk, offset, &mut lines, UnixNanos(0), &mut out);
            offset += chunk.len() as u64;
        }
        frame.finish(&mut lines, UnixNanos(0), &mut out);
        let mut all = Batch::default();
        out.take().into_iter().for_each(|batch| all.problems.merge(batch.problems));
        (lines.0, all)
    }

    #[test]
    fn only_newlines_end_lines() {
        let (lines, _) = read(&["a\r\nb\u{2028}c\rd\n\ne".as_bytes()]);
        let texts: Vec<String> =
            lines.iter().map(|(_, line)| String::from_utf8_lossy(line).into_owned()).collect();
        assert_eq!(texts, ["a", "b\u{2028}c\rd", "", "e"]);
        assert_eq!(lines[1].0, 3);
    }

    #[test]
    fn zeros_are_skipped_and_counted_once() {
        let mut bytes = vec![0u8; 10_000];
        bytes.extend_from_slice(b"{\"a\":1}\n");
        let (lines, out) = read(&[&bytes[..3_000], &bytes[3_000..]]);
        assert_eq!(lines, [(10_000, b"{\"a\":1}".to_vec())]);
        assert_eq!(out.problems.count(Reason::NulBytes), 1);
    }

    #[test]
    fn a_line_that_is_too_long_costs_only_itself() {
        let long = vec![b'x'; MAX_LINE / 2 + 1];
        let (lines, out) = read(&[b"a\n", &long, &long, &long, b"\nb\n"]);
        let texts: Vec<&[u8]> = lines.iter().map(|(_, line)| line.as_slice()).collect();
        assert_eq!(texts, [b"a", b"b"]);
        assert_eq!(out.problems.count(Reason::LineTooLong), 1);
    }

    #[test]
    fn a_torn_last_object_is_counted_and_a_whole_one_taken() {
        let (lines, out) = read(&[b"{\"a\":1}\n{\"b\":"]);
        assert_eq!((lines.len(), out.problems.count(Reason::IncompleteLastLine)), (1, 1));
        let (lines, out) = read(&[b"{\"a\":1}\n{\"b\":2}"]);
        assert_eq!((lines.len(), out.problems.count(Reason::IncompleteLastLine)), (2, 0));
    }

    #[test]
    fn a_whole_object_is_taken_before_its_end_and_only_once() {
        let (mut frame, mut lines, mut out) =
            (Frame::new(SegmentId(0), 0), Lines::default(), Batches::default());
        let mut offset = 0;
        for (bytes, known) in [
            (&b"{\"a\":"[..], 0),
            (b"1}", 1),
            // Another writer goes on without a line end between.
            (b"{\"b\":2", 1),
            (b"}", 2),
            (b"\r", 2),
            (b"\n{\"c\":3}\n", 3),
        ] {
            frame.feed(bytes, offset, &mut lines, UnixNanos(0), &mut out);
            offset += bytes.len() as u64;
            frame.settle(&mut lines, UnixNanos(0), &mut out);
            frame.settle(&mut lines, UnixNanos(0), &mut out);
            assert_eq!(lines.0.len(), known, "after {}", String::from_utf8_lossy(bytes));
        }
        let places: Vec<u64> = lines.0.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [0, 7, 16]);
    }

    proptest! {
        /// Any way of cutting the bytes into writes gives the same lines.
        #[test]
        fn cuts_do_not_matter(text in "[ab\\n\\r{}\u{0}é]{0,200}", cuts in proptest::collection::vec(0usize..220, 0..8)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&chunks).0, read(&[bytes]).0);
        }
    }
}
