//! Zero bytes at the end of a file: room that its writer made and is going to fill, or a hole that it left.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use super::super::catalog::read_at;

/// Bytes looked through at one time.
const LOOK: u64 = 64 << 20;
/// Bytes above which looking again is costly.
const COSTLY: u64 = 4 << 20;
/// How long a costly finding holds although the file was written since.
const HOLDS: Duration = Duration::from_secs(1);

/// Tells zeros that data follows from those that may still be written over.
#[derive(Debug, Default)]
pub(super) struct Zeros {
    /// There is data at or after this offset.
    data: u64,
    /// Where only zeros were found.
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    from: u64,
    to: u64,
    written: Option<SystemTime>,
    at: Instant,
    is_costly: bool,
}

impl Zeros {
    /// All zeros may be taken from now on.
    pub(super) fn take_all(&mut self) {
        self.data = u64::MAX;
    }

    /// How many of the bytes at `offset` may be taken, and whether more is known to follow.
    pub(super) fn before_data(
        &mut self,
        file: &File,
        offset: u64,
        bytes: &[u8],
    ) -> io::Result<(usize, bool)> {
        let end = offset + bytes.len() as u64;
        if end <= self.data {
            return Ok((bytes.len(), self.data < u64::MAX));
        }
        let taken = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        if taken > 0 || bytes.is_empty() {
            return Ok((taken, false));
        }
        self.look_on(file, offset, end)
    }

    /// Looks for data after zeros, from where it was left.
    fn look_on(&mut self, file: &File, offset: u64, end: u64) -> io::Result<(usize, bool)> {
        let meta = file.metadata()?;
        let (size, written) = (meta.len(), meta.modified().ok());
        let holds = |known: &&Known| {
            let is_fresh = known.written == written || (known.is_costly && known.at.elapsed() < HOLDS);
            known.from <= offset && is_fresh
        };
        let known = self.known.as_ref().filter(holds);
        let mut at = known.map_or(end, |known| known.to.max(end));
        let mut block = vec![0; 256 << 10];
        let mut looked = 0;
        while at < size && looked < LOOK {
            at = next_data(file, at, size);
            let read = read_at(file, &mut block, at)?;
            if let Some(found) = block[..read].iter().position(|byte| *byte != 0) {
                self.data = at + found as u64;
                return Ok(((end - offset) as usize, true));
            }
            if read == 0 {
                break;
            }
            at += read as u64;
            looked += read as u64;
        }
        self.known =
            Some(Known { from: offset, to: at, written, at: Instant::now(), is_costly: looked >= COSTLY });
        Ok((0, looked >= LOOK))
    }
}

/// The next offset that isn't in a hole; the size when nothing but a hole follows.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn next_data(file: &File, at: u64, size: u64) -> u64 {
    // Moves the cursor, which nobody uses. Without support for holes everything is data.
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        Ok(data) => data.max(at),
        Err(rustix::io::Errno::NXIO) => size,
        Err(_) => at,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn next_data(_: &File, at: u64, _: u64) -> u64 {
    at
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn zeros_at_the_end_are_left_until_data_follows() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"ab\n", 0).unwrap();
        file.set_len(1 << 40).unwrap();
        let mut zeros = Zeros::default();
        let mut bytes = [0; 1000];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(zeros.before_data(&file, 0, &bytes).unwrap(), (3, false));
        file.read_exact_at(&mut bytes, 3).unwrap();
        assert_eq!(zeros.before_data(&file, 3, &bytes).unwrap(), (0, false));
        // Written over.
        file.write_all_at(b"cd\n", 3).unwrap();
        file.read_exact_at(&mut bytes, 3).unwrap();
        assert_eq!(zeros.before_data(&file, 3, &bytes).unwrap(), (3, false));
        // Left as a hole.
        file.write_all_at(b"x", 5_000_000).unwrap();
        assert_eq!(zeros.before_data(&file, 6, &[0; 100]).unwrap(), (100, true));
        assert_eq!(zeros.before_data(&file, 106, &[0; 100]).unwrap(), (100, true));
    }
}
