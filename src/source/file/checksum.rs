//! Whether a file that is written as a whole still holds what was read of it.

use std::fs::File;
use std::io;
use std::time::SystemTime;

use super::super::catalog::read_at;

/// Bytes of a file that are looked at again when it was written: more would cost more than they tell.
const MOST: u64 = 1 << 20;

/// A hash of the first bytes that were read, and when they were last compared.
#[derive(Debug)]
pub(super) struct Checksum {
    hash: u64,
    len: u64,
    /// Size and time of the last write at the last look.
    seen: Option<(u64, SystemTime)>,
}

impl Default for Checksum {
    fn default() -> Self {
        Self { hash: BASIS, len: 0, seen: None }
    }
}

const BASIS: u64 = 0xCBF2_9CE4_8422_2325;

impl Checksum {
    /// Adds the bytes that were read next.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let room = usize::try_from(MOST - self.len).unwrap_or(usize::MAX);
        let bytes = bytes.get(..room).unwrap_or(bytes);
        self.hash = hash(self.hash, bytes);
        self.len += bytes.len() as u64;
    }

    /// Whether these bytes are still there. Only looked at when the file was written since.
    pub(super) fn holds(&mut self, file: &File) -> io::Result<bool> {
        let meta = file.metadata()?;
        let now = meta.modified().ok().map(|modified| (meta.len(), modified));
        if now.is_some() && now == self.seen {
            return Ok(true);
        }
        let mut bytes = vec![0; self.len as usize];
        let read = read_at(file, &mut bytes, 0)?;
        let same = read == bytes.len() && hash(BASIS, &bytes) == self.hash;
        if same {
            self.seen = now;
        }
        Ok(same)
    }
}

/// FNV-1a: cutting the bytes differently changes nothing.
fn hash(mut hash: u64, bytes: &[u8]) -> u64 {
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    hash
}
