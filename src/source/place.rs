//! What is at a path.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::compressed::Compression;
use crate::model::UnixNanos;

/// What is at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing; says what is missing.
    Nothing(&'static str),
    /// A SQLite database.
    Database,
    /// A compressed file.
    Compressed(Compression),
    /// Anything else that has bytes at offsets.
    Lines,
    /// A pipe.
    Pipe,
    /// Something that may be readable later; says why not now.
    Blocked(String),
    /// Something that is no source; says what, and what to try.
    Refused(&'static str),
}

const PERMISSION: &str = "permission denied: its owner can allow reading with chmod +r";

/// Looks what is at a path. Never waits for anybody.
pub(super) fn look(path: &Path) -> Found {
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) => return missing(path, &error),
    };
    if let Some(found) = special(&meta) {
        return found;
    }
    let mut magic = Vec::new();
    match open(path).and_then(|file| file.take(16).read_to_end(&mut magic)) {
        Ok(_) if magic == *b"SQLite format 3\0" => Found::Database,
        // A database is created empty and gets its header later; its name tells.
        Ok(0) if has_database_name(path) => Found::Database,
        Ok(_) => Compression::of(&magic).map_or(Found::Lines, Found::Compressed),
        Err(error) => missing(path, &error),
    }
}

fn missing(path: &Path, error: &io::Error) -> Found {
    match error.kind() {
        ErrorKind::NotFound if path.symlink_metadata().is_ok() => Found::Nothing("a link to nothing"),
        ErrorKind::NotFound | ErrorKind::NotADirectory => Found::Nothing("no such file"),
        ErrorKind::PermissionDenied => Found::Blocked(PERMISSION.to_owned()),
        _ => Found::Blocked(format!("failed to open: {error}")),
    }
}

/// What isn't a regular file.
fn special(meta: &Metadata) -> Option<Found> {
    let kind = meta.file_type();
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return Some(Found::Pipe);
        }
        if kind.is_socket() {
            return Some(Found::Refused(
                "a socket is no source: give a file, a pipe or - for standard input",
            ));
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some(Found::Refused(
                "a device is no source: give a file, a pipe or - for standard input",
            ));
        }
    }
    if kind.is_dir() {
        return Some(Found::Refused("a folder where a file was expected: give its files"));
    }
    (!kind.is_file())
        .then_some(Found::Refused("no regular file: give a file, a pipe or - for standard input"))
}

fn has_database_name(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    matches!(extension.as_deref(), Some("db" | "db3" | "sqlite" | "sqlite3"))
}

/// Opens for reading; doesn't wait for the other end of what may have become a pipe.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options
            .custom_flags((rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits().cast_signed());
    }
    options.open(path)
}

/// Opens a regular file.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("no longer a regular file")) }
}

/// What tells a file from another one that takes its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(meta: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(meta.dev(), meta.ino())
    }

    #[cfg(not(unix))]
    pub(super) fn of(meta: &Metadata) -> Self {
        let created = meta.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self(0, created.map_or(0, |time| time.as_nanos() as u64))
    }
}

/// When a file was last written.
pub(super) fn modified(meta: &Metadata) -> Option<UnixNanos> {
    let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(UnixNanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
}

/// Whether a name fits a pattern in which `*` stands for any characters and `?` for one.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where to go on when what was tried for the last `*` fails.
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, from));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((after, tried)) => {
                    (at, from) = (after, tried + 1);
                    star = Some((after, tried + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The folder of a path.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(fits("*.ndjson", "a.ndjson"));
        assert!(fits("run-?-*.log", "run-7-.log"));
        assert!(fits("*a*a", "banana"));
        assert!(!fits("*.ndjson", "a.ndjson.gz"));
        assert!(!fits("?", ""));
        assert!(fits("*", ""));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_named() {
        assert!(matches!(look(Path::new("/dev/zero")), Found::Refused(what) if what.contains("device")));
        assert!(matches!(look(Path::new("/")), Found::Refused(what) if what.contains("folder")));
        assert_eq!(look(Path::new("/nowhere/at/all")), Found::Nothing("no such file"));
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("nothing", path("dangling")).unwrap();
        assert_eq!(look(&path("dangling")), Found::Nothing("a link to nothing"));
        std::os::unix::fs::symlink("loop", path("loop")).unwrap();
        assert!(matches!(look(&path("loop")), Found::Blocked(_)));
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        assert!(matches!(look(&path("socket")), Found::Refused(what) if what.contains("socket")));
    }
}
