//! Reading what was there at the start of a big file: the newest lines first, then the rest from the beginning, on
//! several threads, while the growing end is followed.

use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use memchr::{memchr, memchr_iter};

use super::super::batches::Batches;
use super::super::catalog::read_at;
use super::content::{Content, Decoding};
use super::frame::Frame;
use crate::format::{Dialect, LineDecoder, Stream};
use crate::model::{Batch, SegmentId, UnixNanos};

/// Files below this are read from their beginning at once.
pub(super) const SMALL: u64 = 4 << 20;
/// Lines of the first screen.
const NEWEST: usize = 512;
/// Bytes that are looked through for them at most.
const NEWEST_BYTES: u64 = 4 << 20;
/// Bytes a thread decodes at a time.
const PART: u64 = 1 << 20;
/// What the first screen is ahead, on machines with few cores.
const HEAD_START: Duration = Duration::from_millis(5);
/// Most threads.
const THREADS: usize = 4;

/// The part of a file between its beginning and the first screen. Its threads end when it is dropped.
pub(super) struct Backfill {
    segment: SegmentId,
    /// Parts by number modulo the number of threads: each gives its own in order.
    workers: Vec<Receiver<Vec<Batch>>>,
    next: u64,
    /// Where the first screen begins.
    end: u64,
}

/// What to say next.
pub(super) enum Filled {
    /// The next part.
    Part(Vec<Batch>),
    /// None is ready yet.
    NotYet,
    /// That was all.
    Done,
    /// A thread is gone, which none should be.
    Broken,
}

impl Backfill {
    /// Starts the back-fill of a content whose newest lines begin at `end`.
    ///
    /// When somebody watches, the newest lines get to the screen first.
    pub(super) fn start(
        content: &Content,
        decoding: &Decoding,
        end: u64,
        arrived: UnixNanos,
        watched: bool,
    ) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        let segment = decoding.segment;
        let workers = (0..threads)
            .map(|first| {
                // One part waits while the next one is decoded: memory stays bounded when the receiver is behind.
                let (tx, rx) = sync_channel(1);
                let part = Part {
                    file: Arc::clone(&content.file),
                    segment,
                    dialect: decoding.dialect.clone(),
                    stream: decoding.stream.clone(),
                    end,
                    arrived,
                };
                std::thread::spawn(move || {
                    if watched {
                        std::thread::sleep(HEAD_START);
                    }
                    part.work(first as u64, threads as u64, &tx);
                });
                rx
            })
            .collect();
        Self { segment, workers, next: 0, end }
    }

    /// The segment that is filled.
    pub(super) fn segment(&self) -> SegmentId {
        self.segment
    }

    /// Done and total, bytes.
    pub(super) fn progress(&self) -> (u64, u64) {
        ((self.next * PART).min(self.end), self.end)
    }

    /// Waits for the next part, at most `limit`.
    pub(super) fn next(&mut self, limit: Duration) -> Filled {
        if self.next * PART >= self.end {
            return Filled::Done;
        }
        match self.workers[(self.next % self.workers.len() as u64) as usize].recv_timeout(limit) {
            Ok(batches) => {
                self.next += 1;
                Filled::Part(batches)
            }
            Err(RecvTimeoutError::Timeout) => Filled::NotYet,
            Err(RecvTimeoutError::Disconnected) => Filled::Broken,
        }
    }
}

/// What a thread needs to decode any part.
struct Part {
    file: Arc<File>,
    segment: SegmentId,
    dialect: Dialect,
    stream: Stream,
    end: u64,
    arrived: UnixNanos,
}

impl Part {
    fn work(&self, first: u64, step: u64, tx: &SyncSender<Vec<Batch>>) {
        let mut buffer = vec![0; PART as usize + 1];
        // Lines stand for themselves where parts are read apart: a decoder keeps nothing but what makes it fast.
        let mut decoder = self.dialect.decoder(&self.stream);
        let mut number = first;
        while number * PART < self.end {
            if tx.send(self.decode(number, &mut buffer, decoder.as_mut())).is_err() {
                return;
            }
            number += step;
        }
    }

    /// Decodes the lines that begin in a part.
    fn decode(&self, number: u64, buffer: &mut [u8], decoder: &mut dyn LineDecoder) -> Vec<Batch> {
        let (mut from, to) = (number * PART, (number * PART + PART).min(self.end));
        // A line begins here when the byte before ends one.
        let before = u64::from(from > 0);
        from -= before;
        // What can't be read any more was cut off: the follower sees that as well, and begins anew.
        let mut read = read_at(&self.file, &mut buffer[..(to - from) as usize], from).unwrap_or(0);
        let mut start = 0;
        if before > 0 {
            match memchr(b'\n', &buffer[..read]) {
                Some(end) if end + 1 < read => start = end + 1,
                _ => return Vec::new(),
            }
        }
        let mut out = Batches::default();
        let mut frame = Frame::new(self.segment, from + start as u64);
        loop {
            let bytes = &buffer[start..read];
            frame.feed(bytes, from + start as u64, decoder, self.arrived, &mut out);
            from += read as u64;
            // The last line goes on in the next parts, which leave it to this one.
            if bytes.last().is_none_or(|last| *last == b'\n') || from >= self.end {
                break;
            }
            let wanted = buffer.len().min((self.end - from) as usize);
            read = read_at(&self.file, &mut buffer[..wanted], from).unwrap_or(0);
            read = memchr(b'\n', &buffer[..read]).map_or(read, |end| end + 1);
            start = 0;
        }
        decoder.finish(out.open());
        out.take()
    }
}

/// Where the newest lines of a content begin.
pub(super) fn newest_lines(file: &File, size: u64) -> u64 {
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
    while begin < size {
        let read = read_at(file, &mut block, begin).unwrap_or(0);
        match memchr(b'\n', &block[..read]) {
            Some(at) => return begin + at as u64 + 1,
            None if read == 0 => return 0,
            None => begin += read as u64,
        }
    }
    0
}
