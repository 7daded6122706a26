//! Which files a folder or a pattern stands for: looked through with bounds, links followed once.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::SourceError;
use super::compressed::unpacking;
use super::place::{Found, fits, folder_of, look, open};
use super::session::SessionFiles;
use crate::format::{SAMPLE_BYTES, Wish, detect_stream};

/// Deepest folder below the one that is given.
const MAX_DEPTH: usize = 16;
/// Folders and files that are looked at, most.
const MAX_ENTRIES: usize = 200_000;
/// Sources, most: each has a number.
const MAX_SOURCES: usize = u16::MAX as usize;
/// Hidden folders in which programs keep their traces.
const KEPT: [&str; 5] = [".devtools", ".observability", ".tta", ".ttadev", ".traces"];
/// Folders that hold other people's files.
const SKIPPED: [&str; 2] = ["node_modules", "__pycache__"];

/// An argument that stands for files.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// The parts that names below the root must fit; none for all files.
    pattern: Vec<String>,
    /// A session that stands for the files of its subagents, too.
    session: Option<SessionFiles>,
}

/// What is below a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Files with what is known about them, in order of their names.
    pub(super) files: Vec<(PathBuf, Metadata)>,
    /// The folders in which they lie or may come to lie.
    pub(super) folders: Vec<PathBuf>,
    /// Whether there was more than is looked at.
    pub(super) is_cut: bool,
}

impl Folder {
    /// The folder or pattern that an argument is; `None` for all others.
    pub(super) fn of(name: &str) -> Option<Self> {
        let path = Path::new(name);
        if name == "-" {
            return None;
        }
        if path.is_dir() {
            return Some(Self { root: path.to_owned(), pattern: Vec::new(), session: None });
        }
        if let Some(session) = SessionFiles::of(path) {
            return Some(Self { root: folder_of(path), pattern: Vec::new(), session: Some(session) });
        }
        // A file that is really called so is that file.
        if !name.contains(['*', '?']) || path.symlink_metadata().is_ok() {
            return None;
        }
        let mut root = PathBuf::new();
        let mut pattern: Vec<String> = Vec::new();
        for part in path.components() {
            let text = part.as_os_str().to_string_lossy().into_owned();
            if pattern.is_empty() && !text.contains(['*', '?']) {
                root.push(part);
            } else if !(text == "**" && pattern.last().is_some_and(|last| last == "**")) {
                pattern.push(text);
            }
        }
        Some(Self { root, pattern, session: None })
    }

    /// Whether it stands for a session's file and those of its subagents.
    pub(super) fn is_session(&self) -> bool {
        self.session.is_some()
    }

    /// Whether names must fit a pattern.
    pub(super) fn is_pattern(&self) -> bool {
        !self.pattern.is_empty()
    }

    /// Looks through the folder. What can't be read is left out, except for the root.
    pub(super) fn list(&self) -> std::io::Result<Listing> {
        if let Some(session) = &self.session {
            return Ok(session.list());
        }
        self.list_within(MAX_ENTRIES)
    }

    fn list_within(&self, max: usize) -> std::io::Result<Listing> {
        let mut listing = Listing::default();
        let mut seen: HashSet<PathBuf> = HashSet::new();
        let here = PathBuf::from(".");
        let root = if self.root.as_os_str().is_empty() { &here } else { &self.root };
        // Where the pattern stands in a folder: several places, because `**` may end anywhere.
        let mut left = vec![(self.root.clone(), vec![0usize], 0usize)];
        seen.extend(root.canonicalize());
        std::fs::read_dir(root)?;
        let mut entries = 0usize;
        while let Some((folder, places, depth)) = left.pop() {
            let list = if folder.as_os_str().is_empty() { &here } else { &folder };
            let Ok(read) = std::fs::read_dir(list) else { continue };
            listing.folders.push(list.clone());
            for entry in read.flatten() {
                entries += 1;
                if entries > max {
                    listing.is_cut = true;
                    break;
                }
                let name = entry.file_name().to_string_lossy().into_owned();
                let (next, is_whole) = self.step(&places, &name);
                let path = folder.join(entry.file_name());
                // Follows links.
                let Ok(meta) = std::fs::metadata(&path) else { continue };
                if meta.is_dir() {
                    let may_go = !next.is_empty() && depth < MAX_DEPTH && !SKIPPED.contains(&&*name);
                    if may_go && path.canonicalize().is_ok_and(|real| seen.insert(real)) {
                        left.push((path, next, depth + 1));
                    }
                } else if meta.is_file() && is_whole && !is_side_file(&name) {
                    listing.files.push((path, meta));
                }
            }
        }
        listing.files.sort_by(|a, b| a.0.cmp(&b.0));
        listing.folders.sort();
        Ok(listing)
    }

    /// Where the pattern stands behind a name, and whether the name is a file it means.
    fn step(&self, places: &[usize], name: &str) -> (Vec<usize>, bool) {
        if self.pattern.is_empty() {
            let is_hidden = name.starts_with('.') && !KEPT.contains(&name);
            return if is_hidden { (Vec::new(), false) } else { (vec![0], true) };
        }
        let (mut next, mut is_whole) = (Vec::new(), false);
        let mut left = places.to_vec();
        let mut tried = HashSet::new();
        while let Some(at) = left.pop() {
            let Some(part) = self.pattern.get(at).filter(|_| tried.insert(at)) else { continue };
            if part == "**" {
                // Any folder, or none.
                left.push(at + 1);
                if !name.starts_with('.') {
                    next.push(at);
                    is_whole |= at + 1 == self.pattern.len();
                }
            } else if fits(part, name) && (!name.starts_with('.') || part.starts_with('.')) {
                next.push(at + 1);
                is_whole |= at + 1 == self.pattern.len();
            }
        }
        next.retain(|at| *at < self.pattern.len());
        next.sort_unstable();
        next.dedup();
        (next, is_whole)
    }
}

/// What databases keep beside themselves.
fn is_side_file(name: &str) -> bool {
    ["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end))
}

/// Whether a file of a folder is one to read: a database, records of a known format, or still empty under a name for
/// such. A log of which only times and names are known is none, unless its format is asked for.
pub(super) fn is_source(path: &Path, wish: &Wish) -> bool {
    let found = look(path);
    let is_packed = match found {
        Found::Database => return true,
        Found::Lines => false,
        Found::Compressed(_) => true,
        _ => return false,
    };
    // What is asked for is asked of each file by itself: a folder holds other things, too.
    let asked = is_asked(wish);
    let is_log = has_name(path, is_packed, &["jsonl", "ndjson", "log", "json"]);
    match sample(path, &found).map(|sample| detect_stream(&sample, &Wish::default())) {
        Some(Ok(Some(found))) => asked || found.dialect.format.name != "generic",
        Some(Ok(None)) => is_log,
        Some(Err(_)) => asked && is_log,
        // Reading it says what is wrong with it.
        None => is_log && (asked || is_packed),
    }
}

/// Whether a file that can be read is of no known format.
fn is_unknown(path: &Path) -> bool {
    let found = look(path);
    matches!(found, Found::Lines | Found::Compressed(_))
        && sample(path, &found).is_some_and(|sample| detect_stream(&sample, &Wish::default()).is_err())
}

/// The beginning of a file, unpacked; `None` when it can't be read.
fn sample(path: &Path, found: &Found) -> Option<Vec<u8>> {
    let file = open(path).ok()?;
    let from: Box<dyn Read> = match found {
        Found::Compressed(compression) => unpacking(file, *compression),
        _ => Box::new(file),
    };
    let mut sample = Vec::new();
    let read = from.take(SAMPLE_BYTES as u64).read_to_end(&mut sample);
    // What is cut or damaged behind the beginning is of no concern here.
    (read.is_ok() || !sample.is_empty()).then_some(sample)
}

/// Whether a format or a mapping is asked for.
fn is_asked(wish: &Wish) -> bool {
    wish.format.is_some() || wish.mapping.is_some()
}

/// Whether a name ends in one of these, before what tells of its compression.
fn has_name(path: &Path, is_packed: bool, ends: &[&str]) -> bool {
    let inner = if is_packed { path.file_stem().map(Path::new) } else { Some(path) };
    [Some(path), inner].into_iter().flatten().any(|path| {
        let extension = path.extension();
        extension.is_some_and(|extension| ends.iter().any(|end| extension.eq_ignore_ascii_case(end)))
    })
}

/// What arguments stand for.
#[derive(Debug, Default)]
pub struct Expanded {
    /// The sources to read.
    pub names: Vec<String>,
    /// Files of folders and patterns that are of no known format: of folders those that are named like records.
    pub left_out: Vec<String>,
}

/// Replaces each folder among the arguments by the files below it that can be read as sources, and each pattern with
/// `*`, `?` or `**` by the files it fits, in order of their names. Hidden files and the side files of databases are left
/// out.
pub fn expand(names: &[String], wish: &Wish) -> Result<Expanded, SourceError> {
    let mut all = Vec::new();
    let mut left_out = Vec::new();
    let mut several = false;
    for name in names {
        // A session that is asked for in another format is read as the file it is.
        let folder = Folder::of(name).filter(|folder| folder.session.is_none() || wish.takes("claude-code"));
        let Some(folder) = folder else {
            all.push(name.clone());
            continue;
        };
        several |= folder.is_session();
        let unusable = |what: String| SourceError::Unusable(what, PathBuf::from(name));
        let mut listing = match folder.list() {
            Ok(listing) => listing,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Listing::default(),
            Err(error) => return Err(unusable(format!("failed to list the folder: {error}"))),
        };
        let count = listing.files.len();
        let too_many =
            || unusable("too many files to read at once: give a folder below it, or a pattern".to_owned());
        // Sums that leave something out would be taken for the whole.
        if listing.is_cut {
            return Err(too_many());
        }
        let (taken, left): (Vec<_>, Vec<_>) = listing.files.into_iter().partition(|(path, _)| {
            if folder.is_pattern() { is_asked(wish) || !is_unknown(path) } else { is_source(path, wish) }
        });
        if folder.is_pattern() && taken.is_empty() {
            // Reading them says what they are.
            listing.files = left;
        } else {
            listing.files = taken;
            let is_meant = |path: &Path| folder.is_pattern() || has_name(path, true, &["jsonl", "ndjson"]);
            let left = left.into_iter().filter(|(path, _)| is_meant(path));
            left_out.extend(left.map(|(path, _)| path.to_string_lossy().into_owned()));
        }
        if listing.files.is_empty() {
            return Err(unusable(match count {
                _ if folder.is_pattern() => "no file fits the pattern".to_owned(),
                0 => "the folder has no files to read".to_owned(),
                1 => "the folder's only file is none that can be read: give its path to see why".to_owned(),
                _ => format!("none of the {count} files of the folder can be read: give one to see why"),
            }));
        }
        all.extend(listing.files.iter().map(|(path, _)| path.to_string_lossy().into_owned()));
        if all.len() > MAX_SOURCES {
            return Err(too_many());
        }
    }
    // A subagent's file may be named beside its session's, which stands for it.
    let mut seen = HashSet::new();
    all.retain(|name| !several || seen.insert(name.clone()));
    Ok(Expanded { names: all, left_out })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::place::file_name;

    const SPAN: &[u8] =
        br#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"00f067aa0ba902b7","name":"a"}"#;

    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(folder: &tempfile::TempDir, argument: &str) -> Vec<String> {
        let argument = folder.path().join(argument).to_string_lossy().into_owned();
        let short = |file: String| {
            Path::new(&file).strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned()
        };
        expand(&[argument], &Wish::default()).unwrap().names.into_iter().map(short).collect()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_files_are_known_by_what_they_hold() {
        let zstd = |text: &[u8]| {
            ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
        };
        let folder = tree(&[
            ("ev.gz", &gzip(SPAN)),
            ("foo.zst", &zstd(SPAN)),
            ("notes.md.gz", &gzip(b"# Notes\n\nnothing to see\n")),
            ("list.ndjson.gz", &gzip(b"{\"a\":1}\n")),
            ("empty.jsonl.zst", &zstd(b"")),
        ]);
        assert_eq!(names(&folder, ""), ["empty.jsonl.zst", "ev.gz", "foo.zst"]);
    }

    #[test]
    fn what_is_left_out_is_told() {
        let folder = tree(&[
            ("a.ndjson", SPAN),
            ("b.ndjson", b"{\"a\":1}\n"),
            ("c.jsonl.gz", &gzip(b"{\"a\":1}\n")),
            ("d.txt", b"milk\nbread\n"),
        ]);
        let told = |pattern: &str, wish: &Wish| {
            let name = folder.path().join(pattern).to_string_lossy().into_owned();
            let Expanded { names, left_out } = expand(&[name], wish).unwrap();
            let short = |names: Vec<String>| names.iter().map(|name| file_name(Path::new(name))).collect();
            let both: (Vec<String>, Vec<String>) = (short(names), short(left_out));
            (both.0.join(" "), both.1.join(" "))
        };
        let text = |names: &str, left: &str| (names.to_owned(), left.to_owned());
        assert_eq!(told("", &Wish::default()), text("a.ndjson", "b.ndjson c.jsonl.gz"));
        assert_eq!(told("*", &Wish::default()), text("a.ndjson", "b.ndjson c.jsonl.gz d.txt"));
        // If nothing remains, reading says why.
        assert_eq!(told("b*", &Wish::default()), text("b.ndjson", ""));
        assert_eq!(told("*.ndjson", &Wish::from(Some("native".to_owned()))), text("a.ndjson b.ndjson", ""));
    }

    #[test]
    fn a_folder_stands_for_what_can_be_read_below_it() {
        let folder = tree(&[
            ("b.ndjson", SPAN),
            ("a.txt", SPAN),
            ("sub/deep/c.jsonl", SPAN),
            ("README.md", b"# Notes\n\nnothing to see\n"),
            ("package.json", b"{\n  \"name\": \"x\",\n  \"version\": \"1\"\n}\n"),
            ("app.log", b"{\"time\":1767225600000,\"level\":30,\"msg\":\"up\"}\n"),
            ("later.jsonl", b""),
            ("old.ndjson.gz", b"\x1f\x8b\x08\0rest"),
            ("tiles.bin.gz", b"\x1f\x8b\x08\0rest"),
            (".hidden.ndjson", SPAN),
            (".git/d.ndjson", SPAN),
            (".observability/e.jsonl", SPAN),
            ("node_modules/x/e.ndjson", SPAN),
            ("c.db", b"SQLite format 3\0and so on"),
            ("c.db-wal", b"x"),
        ]);
        let want = [
            ".observability/e.jsonl",
            "a.txt",
            "b.ndjson",
            "c.db",
            "later.jsonl",
            "old.ndjson.gz",
            "sub/deep/c.jsonl",
        ];
        assert_eq!(names(&folder, ""), want);
    }

    #[test]
    fn patterns_go_through_folders() {
        let folder =
            tree(&[("a.ndjson", SPAN), ("x/b.ndjson", SPAN), ("x/y/c.ndjson", SPAN), ("x/y/c.txt", SPAN)]);
        assert_eq!(names(&folder, "*.?djson"), ["a.ndjson"]);
        assert_eq!(names(&folder, "**/*.ndjson"), ["a.ndjson", "x/b.ndjson", "x/y/c.ndjson"]);
        assert_eq!(names(&folder, "x/**/c.*"), ["x/y/c.ndjson", "x/y/c.txt"]);
        assert_eq!(names(&folder, "*/*.ndjson"), ["x/b.ndjson"]);
        assert_eq!(names(&folder, "x/**"), ["x/b.ndjson", "x/y/c.ndjson", "x/y/c.txt"]);
        let none = expand(&[folder.path().join("**/*.csv").to_string_lossy().into_owned()], &Wish::default())
            .unwrap_err();
        assert!(none.to_string().starts_with("no file fits the pattern: "), "{none}");
        assert_eq!(
            expand(&["-".to_owned(), "no/such".to_owned()], &Wish::default()).unwrap().names,
            ["-", "no/such"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn circles_of_links_end() {
        let folder = tree(&[("x/a.ndjson", SPAN)]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("x/up")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("x"), folder.path().join("again")).unwrap();
        let found = names(&folder, "");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(file_name(Path::new(&found[0])), "a.ndjson");
    }

    #[test]
    fn depth_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let deep = "d/".repeat(40);
        std::fs::create_dir_all(folder.path().join(&deep)).unwrap();
        std::fs::write(folder.path().join(&deep).join("a.ndjson"), SPAN).unwrap();
        let name = folder.path().to_string_lossy().into_owned();
        let listing = Folder::of(&name).unwrap().list().unwrap();
        assert_eq!((listing.files.len(), listing.folders.len()), (0, MAX_DEPTH + 1));
    }

    #[test]
    fn a_listing_says_that_it_is_cut() {
        let folder = tree(&[("a.ndjson", SPAN), ("b.ndjson", SPAN), ("c.ndjson", SPAN)]);
        let listed = Folder::of(&folder.path().to_string_lossy()).unwrap();
        let (whole, cut) = (listed.list_within(3).unwrap(), listed.list_within(2).unwrap());
        assert_eq!((whole.files.len(), whole.is_cut), (3, false));
        assert_eq!((cut.files.len(), cut.is_cut), (2, true));
    }
}
