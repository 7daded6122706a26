//! What is at a path, and which arguments stand for several paths.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::SourceError;
use super::compressed::Compression;
use crate::format::{LineSample, SAMPLE_BYTES, detect_lines};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Replaces each folder among the arguments by the files in it that can be read as sources, and each pattern with `*`
/// or `?` in its last part by the files it fits, in order of their names. Hidden files and the side files of databases
/// are left out.
pub fn expand(names: &[String]) -> Result<Vec<String>, SourceError> {
    let mut all = Vec::new();
    for name in names {
        let path = Path::new(name);
        let pattern = path.file_name().map(|last| last.to_string_lossy().into_owned()).unwrap_or_default();
        if name != "-" && path.is_dir() {
            let files: Vec<String> = files_in(path, path, |_| true)?;
            let count = files.len();
            let known: Vec<String> = files.into_iter().filter(|file| is_source(Path::new(file))).collect();
            if known.is_empty() {
                let what = match count {
                    0 => "the folder has no files to read".to_owned(),
                    1 => {
                        "the folder's only file is none that can be read: give its path to see why".to_owned()
                    }
                    _ => format!("none of the {count} files of the folder can be read: give one to see why"),
                };
                return Err(SourceError::Unusable(what, path.to_owned()));
            }
            all.extend(known);
        } else if pattern.contains(['*', '?']) && path.symlink_metadata().is_err() {
            let folder = path.parent().unwrap_or(Path::new(""));
            let list = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let files = files_in(list, folder, |name| fits(&pattern, name))?;
            if files.is_empty() {
                let what = "no file fits the pattern".to_owned();
                return Err(SourceError::Unusable(what, path.to_owned()));
            }
            all.extend(files);
        } else {
            all.push(name.clone());
        }
    }
    Ok(all)
}

/// The files of a folder, spelled with `prefix`.
fn files_in(folder: &Path, prefix: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, SourceError> {
    let unreadable = |error: io::Error| {
        SourceError::Unusable(format!("failed to list the folder: {error}"), folder.to_owned())
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_side_file = ["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end));
        if !name.starts_with('.') && !is_side_file && wanted(&name) && entry.path().is_file() {
            files.push(prefix.join(name).to_string_lossy().into_owned());
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file of a folder is one to read: a database, lines of a known format, or still empty under a name for
/// such.
fn is_source(path: &Path) -> bool {
    match look(path) {
        Found::Database => true,
        Found::Lines => {
            let mut sample = Vec::new();
            let read = open(path).and_then(|file| file.take(SAMPLE_BYTES as u64).read_to_end(&mut sample));
            match read.map(|_| detect_lines(&LineSample::new(&sample), None)) {
                Ok(Ok(Some(_))) => true,
                Ok(Ok(None)) => path.extension().is_some_and(|extension| {
                    ["jsonl", "ndjson", "log"].iter().any(|name| extension.eq_ignore_ascii_case(name))
                }),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether a name fits a pattern in which `*` stands for any characters and `?` for one.
fn fits(pattern: &str, name: &str) -> bool {
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

    #[test]
    fn a_folder_stands_for_what_can_be_read_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
        let span =
            br#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"00f067aa0ba902b7","name":"a"}"#;
        write("b.ndjson", span);
        write("a.txt", span);
        write("README.md", b"# Notes\n\nnothing to see\n");
        write("later.jsonl", b"");
        write(".hidden.ndjson", span);
        write("c.db", b"SQLite format 3\0and so on");
        write("c.db-wal", b"x");
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        let name = folder.path().to_string_lossy().into_owned();
        let names = |files: Vec<String>| -> Vec<String> {
            files.iter().map(|file| file_name(Path::new(file))).collect()
        };
        let all = names(expand(std::slice::from_ref(&name)).unwrap());
        assert_eq!(all, ["a.txt", "b.ndjson", "c.db", "later.jsonl"]);
        let some = names(expand(&[format!("{name}/*.?djson"), "-".to_owned()]).unwrap());
        assert_eq!(some, ["b.ndjson", "-"]);
        let none = expand(&[format!("{name}/*.csv")]).unwrap_err().to_string();
        assert!(none.starts_with("no file fits the pattern: ") && none.ends_with("*.csv"), "{none}");
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
