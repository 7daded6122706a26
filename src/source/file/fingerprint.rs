//! What a content is recognised by: its first bytes, the last ones that were read, and hashes of some in between.
//!
//! Size and inode don't tell a file that was cut and written again from one that grew.

use std::fs::File;
use std::hash::Hasher as _;
use std::io;

use rustc_hash::FxHasher;

use super::super::catalog::read_at;

/// Bytes at the beginning.
const HEAD: usize = 1_000;
/// Bytes before the read position, and bytes of a sample.
const WINDOW: usize = 64;
/// Samples kept; above that every second one goes.
const SAMPLES: usize = 2_048;
/// Distance of samples at first, bytes.
const STRIDE: u64 = 4_096;

/// See the module.
#[derive(Debug)]
pub(super) struct Fingerprint {
    /// Where reading began.
    from: u64,
    /// Where it is now.
    end: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Offset and hash.
    samples: Vec<(u64, u64)>,
    stride: u64,
}

impl Fingerprint {
    /// Of a content that is read from `offset` on.
    pub(super) fn at(file: &File, offset: u64) -> io::Result<Self> {
        let bytes = |from: u64, len: u64| -> io::Result<Vec<u8>> {
            let mut bytes = vec![0; len as usize];
            let read = read_at(file, &mut bytes, from)?;
            bytes.truncate(read);
            Ok(bytes)
        };
        let tail = offset.min(WINDOW as u64);
        Ok(Self {
            from: offset,
            end: offset,
            head: bytes(0, offset.min(HEAD as u64))?,
            tail: bytes(offset - tail, tail)?,
            samples: Vec::new(),
            stride: STRIDE,
        })
    }

    /// Of a content that is read from its beginning.
    pub(super) fn empty() -> Self {
        Self { from: 0, end: 0, head: Vec::new(), tail: Vec::new(), samples: Vec::new(), stride: STRIDE }
    }

    /// Adds the bytes that were read next.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if self.head.len() as u64 == self.end {
            let room = HEAD - self.head.len();
            self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        let end = self.end + bytes.len() as u64;
        let mut at = self.end.next_multiple_of(self.stride);
        while at + WINDOW as u64 <= end {
            let from = (at - self.end) as usize;
            self.samples.push((at, hash(&bytes[from..from + WINDOW])));
            if self.samples.len() > SAMPLES {
                self.stride *= 2;
                self.samples.retain(|(at, _)| at.is_multiple_of(self.stride));
            }
            at = (at + 1).next_multiple_of(self.stride);
        }
        if bytes.len() >= WINDOW {
            self.tail.clear();
            self.tail.extend_from_slice(&bytes[bytes.len() - WINDOW..]);
        } else {
            self.tail.extend_from_slice(bytes);
            let extra = self.tail.len().saturating_sub(WINDOW);
            self.tail.drain(..extra);
        }
        self.end = end;
    }

    /// Whether the beginning and the last bytes that were read are still there.
    pub(super) fn is_same(&self, file: &File) -> io::Result<bool> {
        Ok(has(file, &self.tail, self.end - self.tail.len() as u64)? && has(file, &self.head, 0)?)
    }

    /// Whether what was read before `size` is still there after the file was cut to that size; forgets the rest then.
    pub(super) fn cut(&mut self, file: &File, size: u64) -> io::Result<bool> {
        if size <= self.from || size >= self.end {
            return Ok(false);
        }
        self.head.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        self.samples.retain(|(at, _)| at + WINDOW as u64 <= size);
        if !has(file, &self.head, 0)? {
            return Ok(false);
        }
        let mut now = [0; WINDOW];
        for &(at, known) in &self.samples {
            if read_at(file, &mut now, at)? != WINDOW || hash(&now) != known {
                return Ok(false);
            }
        }
        let tail = size.min(WINDOW as u64);
        self.tail.resize(tail as usize, 0);
        self.end = size;
        Ok(read_at(file, &mut self.tail, size - tail)? == tail as usize)
    }
}

fn has(file: &File, known: &[u8], offset: u64) -> io::Result<bool> {
    let mut now = [0; HEAD];
    let now = &mut now[..known.len()];
    Ok(read_at(file, now, offset)? == known.len() && now == known)
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};

    use super::*;

    fn text(from: usize, lines: usize) -> Vec<u8> {
        (from..from + lines).flat_map(|n| format!("line {n:08}\n").into_bytes()).collect()
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn rewrite(file: &mut File, bytes: &[u8]) {
        file.set_len(0).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(bytes).unwrap();
    }

    #[test]
    fn growing_is_no_change_and_rewriting_is() {
        let bytes = text(0, 1_000);
        let mut file = file(&bytes);
        let mut print = Fingerprint::empty();
        for part in bytes.chunks(77) {
            print.add(part);
            assert!(print.is_same(&file).unwrap());
        }
        file.write_all(&text(1_000, 10)).unwrap();
        assert!(print.is_same(&file).unwrap());
        rewrite(&mut file, &text(7, 1_000));
        assert!(!print.is_same(&file).unwrap());
    }

    #[test]
    fn what_a_cut_leaves_is_recognised() {
        let bytes = text(0, 100_000);
        let mut print = Fingerprint::empty();
        bytes.chunks(100_000).for_each(|part| print.add(part));
        let mut file = file(&bytes[..bytes.len() / 2]);
        assert!(print.cut(&file, bytes.len() as u64 / 2).unwrap());
        assert!(print.is_same(&file).unwrap());
        // The same beginning, another middle.
        let mut other = bytes[..700_000].to_vec();
        other[300_000..400_000].fill(b'x');
        rewrite(&mut file, &other[..400_000]);
        assert!(!print.cut(&file, 400_000).unwrap());
    }

    #[test]
    fn samples_stay_few() {
        let mut print = Fingerprint::empty();
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..64 {
            print.add(&chunk);
        }
        assert!(print.samples.len() <= SAMPLES && print.samples.len() > SAMPLES / 4);
    }
}
