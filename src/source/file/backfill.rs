//! Reading what was there at the start of a big file: the newest lines first, then the rest from the beginning, on
//! several threads, while the growing end is followed.

use std::sync::Arc;

use memchr::{memchr_iter, memrchr};

use super::super::catalog::read_at;
use super::content::{Content, Decoding};
use super::frame::Frame;
use crate::format::LineFormat;
use crate::model::{Batch, SegmentId, UnixNanos};

/// Files below this are read from their beginning at once.
pub(super) const SMALL: u64 = 4 << 20;
/// Lines of the first screen.
const NEWEST: usize = 512;
/// Bytes that are looked through for them at most.
const NEWEST_BYTES: u64 = 4 << 20;
/// Bytes a thread decodes at a time.
const PART: usize = 2 << 20;

/// The part of a file between its beginning and the first screen.
pub(super) struct Backfill {
    segment: SegmentId,
    format: &'static LineFormat,
    stream: crate::format::Stream,
    /// The next byte.
    at: u64,
    /// The end: where the first screen begins.
    end: u64,
    threads: usize,
    buffer: Vec<u8>,
}

impl Backfill {
    /// Plans the back-fill of a content whose newest lines begin at `end`.
    pub(super) fn new(decoding: &Decoding, end: u64) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        Self {
            segment: decoding.segment,
            format: decoding.format,
            stream: decoding.stream.clone(),
            at: 0,
            end,
            threads,
            buffer: vec![0; PART * threads],
        }
    }

    /// Done and total, bytes.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.at, self.end)
    }

    /// Decodes the next stretch. Returns a batch per thread in the order of the file; none when it is done.
    pub(super) fn next(&mut self, content: &Content, arrived: UnixNanos) -> Vec<Batch> {
        if self.at >= self.end {
            return Vec::new();
        }
        let wanted = self.buffer.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let read = read_at(&content.file, &mut self.buffer[..wanted], self.at).unwrap_or(0);
        let bytes = &self.buffer[..read];
        // Whole lines only; the last stretch ends with one, because the first screen begins after a newline.
        let whole = match memrchr(b'\n', bytes) {
            Some(last) => &bytes[..=last],
            None if read == wanted && self.at + (read as u64) < self.end => {
                return self.long_line(content, arrived);
            }
            None => bytes,
        };
        if whole.is_empty() {
            self.at = self.end;
            return Vec::new();
        }
        let (segment, start) = (self.segment, self.at);
        self.at += whole.len() as u64;
        let parts = cut(whole, self.threads);
        let decode = |(offset, part): (usize, &[u8])| {
            let mut batch = Batch::default();
            let at = start + offset as u64;
            let mut decoder = (self.format.decoder)(&self.stream);
            let mut frame = Frame::new(segment, at);
            frame.feed(part, at, decoder.as_mut(), arrived, &mut batch);
            frame.finish(decoder.as_mut(), arrived, &mut batch);
            decoder.finish(&mut batch);
            batch
        };
        if parts.len() == 1 {
            return parts.into_iter().map(decode).collect();
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || decode(part))).collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
        })
    }

    /// A line that is longer than a whole stretch: the frame decides whether it is kept.
    fn long_line(&mut self, content: &Content, arrived: UnixNanos) -> Vec<Batch> {
        let mut batch = Batch::default();
        let mut decoder = (self.format.decoder)(&self.stream);
        let mut frame = Frame::new(self.segment, self.at);
        while self.at < self.end {
            let wanted = self.buffer.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
            let read = read_at(&content.file, &mut self.buffer[..wanted], self.at).unwrap_or(0);
            if read == 0 {
                self.at = self.end;
                break;
            }
            let newline = memchr::memchr(b'\n', &self.buffer[..read]);
            let taken = newline.map_or(read, |at| at + 1);
            frame.feed(&self.buffer[..taken], self.at, decoder.as_mut(), arrived, &mut batch);
            self.at += taken as u64;
            if newline.is_some() {
                break;
            }
        }
        vec![batch]
    }
}

/// Cuts whole lines into about equal parts.
fn cut(bytes: &[u8], parts: usize) -> Vec<(usize, &[u8])> {
    let mut cuts = Vec::with_capacity(parts);
    let mut from = 0;
    for part in 1..=parts {
        let wanted = bytes.len() * part / parts;
        let to = if part == parts {
            bytes.len()
        } else {
            memrchr(b'\n', &bytes[..wanted]).map_or(from, |at| at + 1).max(from)
        };
        if to > from {
            cuts.push((from, &bytes[from..to]));
            from = to;
        }
    }
    cuts
}

/// Where the newest lines of a content begin.
pub(super) fn newest_lines(file: &Arc<std::fs::File>, size: u64) -> u64 {
    let mut block = vec![0; 256 << 10];
    let (mut begin, mut lines) = (size, 0);
    while begin > 0 && size - begin < NEWEST_BYTES {
        let from = begin.saturating_sub(block.len() as u64);
        let wanted = (begin - from) as usize;
        let read = read_at(file, &mut block[..wanted], from).unwrap_or(0);
        let newlines: Vec<usize> = memchr_iter(b'\n', &block[..read]).collect();
        if lines + newlines.len() > NEWEST {
            let at = newlines[newlines.len() - (NEWEST - lines)];
            return from + at as u64 + 1;
        }
        lines += newlines.len();
        begin = from;
    }
    if begin == 0 {
        return 0;
    }
    // Few and long lines: begin at the first whole one of what was looked through.
    let read = read_at(file, &mut block, begin).unwrap_or(0);
    memchr::memchr(b'\n', &block[..read]).map_or(0, |at| begin + at as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_lines_and_lose_nothing() {
        let text: Vec<u8> = (0..500).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        for parts in 1..6 {
            let cuts = cut(&text, parts);
            assert!(cuts.iter().all(|(_, part)| part.ends_with(b"\n")));
            let joined: Vec<u8> = cuts.iter().flat_map(|(_, part)| part.to_vec()).collect();
            assert_eq!(joined, text);
        }
        assert_eq!(cut(b"one long line\n", 4).len(), 1);
    }
}
