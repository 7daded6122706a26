//! Files that are JSON as a whole, and lines that are wrapped: read, followed, read again.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use tracetui::model::Reason;
use tracetui::source::{Follow, SourceState};

use super::support::{Watch, Writer, record};

fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, text).expect("written");
    (folder, path)
}

fn bare(id: u64) -> String {
    String::from_utf8(record(id)).expect("text").trim().to_owned()
}

/// A record over several lines. The place that is looked for when it is read again stays in one piece.
fn pretty(id: u64) -> String {
    bare(id).replacen('{', "{\n  ", 1).replace(",\"pad\"", ",\n  \"pad\"").replace('}', "\n}")
}

fn array(ids: impl IntoIterator<Item = u64>) -> String {
    let all: Vec<String> = ids.into_iter().map(|id| pretty(id).replace('\n', "\n  ")).collect();
    format!("[\n  {}\n]\n", all.join(",\n  "))
}

fn wrapped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}}\n")
}

#[test]
fn every_layout_is_read_and_read_again() {
    let many = [1, 2, 3];
    let join = |each: &dyn Fn(u64) -> String, between: &str| many.map(each).join(between);
    for (name, text) in [
        ("an array on one line", format!("[{}]", join(&bare, ","))),
        ("an array of lines", format!("[\n{}\n]\n", join(&bare, ",\n"))),
        ("a pretty array", array(many)),
        ("pretty objects", join(&pretty, "\n")),
        ("with line ends of another system", array(many).replace('\n', "\r\n")),
        ("with a mark", format!("\u{feff}{}", array(many))),
        ("an array that is not closed", array(many).trim_end().trim_end_matches(']').to_owned()),
        (
            "behind prefixes",
            format!("INFO up\n{}\n", many.map(|id| format!("web-1  | {}", bare(id))).join("\n")),
        ),
        ("in a container's log", many.map(|id| wrapped(&bare(id))).concat()),
        (
            "in a container's log behind prefixes",
            many.map(|id| wrapped(&format!("INFO {}", bare(id)))).concat(),
        ),
    ] {
        let (_folder, path) = file("log.json", &text);
        for follow in [Follow::Once, Follow::Live] {
            let mut watch = Watch::start(&path, follow);
            watch.sees(many);
            assert_eq!(watch.told.order, many, "{name}");
            assert_eq!(watch.told.problems.skipped(), 0, "{name}: {:?}", watch.told.problems);
            for id in many {
                watch.assert_readable(id);
            }
        }
    }
}

#[test]
fn objects_that_are_appended_come_at_once_however_they_are_cut() {
    let (_folder, path) = file("log.json", &pretty(0));
    let mut watch = Watch::live(&path);
    watch.sees([0]);
    let mut log = Writer::open(&path);
    let text = format!("\n{}", pretty(1));
    for piece in text.as_bytes().chunks(40) {
        log.bytes(piece);
        watch.take_for(std::time::Duration::from_millis(2));
    }
    watch.sees([1]);
    assert_eq!(watch.told.order, [0, 1]);
    assert_eq!(watch.told.problems.skipped(), 0);
    watch.assert_readable(1);
}

#[test]
fn an_array_that_grows_over_its_end_is_read_on() {
    let (_folder, path) = file("log.json", &array([0, 1]));
    let mut watch = Watch::live(&path);
    watch.sees([0, 1]);
    // Over the bracket, as some writers do, and anew as a whole, as others do.
    let mut log = Writer::open_at_start(&path);
    log.file().seek(SeekFrom::End(-3)).expect("sought");
    log.bytes(format!(",\n  {}\n]\n", pretty(2).replace('\n', "\n  ")).as_bytes());
    watch.sees([2]);
    fs::write(&path, array([0, 1, 2, 3])).expect("written");
    watch.sees([3]);
    watch.assert_readable(3);
    assert_eq!(watch.told.problems.skipped(), 0, "{:?}", watch.told.problems);
}

#[test]
fn a_file_that_is_written_anew_is_another_content() {
    let (folder, path) = file("log.json", &array([0, 1]));
    let mut watch = Watch::live(&path);
    watch.sees([0, 1]);
    // The same length, another middle.
    fs::write(&path, array([0, 5])).expect("written");
    watch.sees([5]);
    assert_eq!(watch.told.segments.len(), 2);
    watch.assert_readable(5);
    // Replaced by a rename.
    let next = folder.path().join("next");
    fs::write(&next, array([6])).expect("written");
    fs::rename(&next, &path).expect("renamed");
    watch.sees([6]);
    // Shorter, in place.
    fs::write(&path, array([7])).expect("written");
    watch.sees([7]);
    assert_eq!(watch.told.problems.skipped(), 0, "{:?}", watch.told.problems);
}

#[test]
fn a_file_of_the_first_half_of_an_object_waits_for_the_other() {
    let text = pretty(1);
    let (head, tail) = text.split_at(30);
    let (_folder, path) = file("log.json", head);
    let mut watch = Watch::live(&path);
    watch.until("that a record is awaited", super::support::Told::is_waiting);
    watch.take_for(std::time::Duration::from_millis(400));
    assert!(!watch.told.states.iter().any(|state| matches!(state, SourceState::Failed(_))));
    Writer::open(&path).bytes(tail.as_bytes());
    watch.sees([1]);
}

#[test]
fn what_is_torn_is_counted_and_the_rest_is_read() {
    let torn = &pretty(9)[..60];
    let (_folder, path) = file("log.json", &format!("{}\n{torn}\n{}\n{torn}", pretty(1), pretty(2)));
    let watch = Watch::once(&path);
    assert_eq!(watch.told.order, [1, 2]);
    let count = |reason| watch.told.problems.count(reason);
    assert_eq!((count(Reason::InvalidJson), count(Reason::IncompleteLastLine)), (1, 1));
}

#[test]
fn prefixed_lines_are_followed() {
    let (_folder, path) = file("log.log", &format!("INFO starting\nINFO {}\n", bare(0)));
    let mut watch = Watch::live(&path);
    watch.sees([0]);
    let mut log = Writer::open(&path);
    log.bytes(b"WARN nothing to see\nINFO ");
    log.records([1]);
    watch.sees([1]);
    watch.assert_readable(1);
    assert_eq!(watch.told.problems.skipped(), 0);
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("compressed");
    encoder.finish().expect("compressed")
}

fn zstd(text: &str) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn compressed_files_are_read_as_they_are() {
    let lines: String = (0..500).map(|id| bare(id) + "\n").collect();
    for (name, text, count) in [("lines", lines, 500), ("an array", array(0..20), 20)] {
        for (kind, bytes) in [("gzip", gzip(&text)), ("zstd", zstd(&text))] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("log.packed");
            fs::write(&path, &bytes).expect("written");
            for follow in [Follow::Once, Follow::Live] {
                let mut watch = Watch::start(&path, follow);
                watch.until("the end", |told| told.ended);
                assert_eq!(watch.told.order, (0..count).collect::<Vec<u64>>(), "{name} {kind}");
                watch.assert_readable(3);
                let said = format!("{:?}", watch.told.states.last());
                assert!(said.contains("Snapshot") && said.contains("not followed"), "{said}");
            }
            // Nothing is left beside it.
            assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
        }
    }
}

#[test]
fn damaged_compressed_files_are_shown_as_far_as_they_go() {
    let text: String = (0..20_000).map(|id| bare(id * 7_919 % 20_000) + "\n").collect();
    for bytes in [gzip(&text), zstd(&text)] {
        let (_folder, path) = file("log.packed", "");
        fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
        let watch = Watch::once(&path);
        assert_eq!(watch.told.failure(), None);
        assert!(watch.told.records.len() > 100);
        assert!(format!("{:?}", watch.told.states.last()).contains("damaged"), "{:?}", watch.told.states);
        fs::write(&path, &bytes[..12]).expect("written");
        let why = Watch::once(&path).told.failure().unwrap_or_default().to_owned();
        assert!(why.contains("failed to decompress") && !why.contains('\n'), "{why}");
    }
}
