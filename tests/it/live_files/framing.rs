//! Bytes that are no neat lines: what can be told is told, and what can't is counted.

use std::fs;
use std::path::PathBuf;

use tracetui::model::Reason;
use tracetui::source::Follow;

use super::support::{Watch, padded, record};

/// The records 1 and 2 with something between.
fn around(between: &[u8]) -> Vec<u8> {
    [&record(1), between, b"\n", &record(2)].concat()
}

/// A record without its line end.
fn bare(id: u64) -> Vec<u8> {
    record(id).strip_suffix(b"\n").expect("a line").to_vec()
}

struct Case {
    bytes: Vec<u8>,
    good: &'static [u64],
    skipped: u64,
}

fn cases() -> Vec<(&'static str, Case)> {
    let case = |bytes: Vec<u8>, good, skipped| Case { bytes, good, skipped };
    let half = padded(7, 200)[..150].to_vec();
    let damaged = |bytes: &[u8]| {
        let text = String::from_utf8(bare(3)).expect("text");
        let (before, after) = text.split_once("live-3").expect("a name");
        around(&[before.as_bytes(), b"live-3", bytes, after.as_bytes()].concat())
    };
    let repeated =
        |end: &[u8]| [1, 2, 3].iter().flat_map(|id| [&bare(*id), end].concat()).collect::<Vec<u8>>();
    let separated = [1, 2, 3].iter().flat_map(|id| [b"\x1e", &record(*id)[..]].concat()).collect::<Vec<u8>>();
    vec![
        ("no final newline", case([record(1), bare(2)].concat(), &[1, 2], 0)),
        ("torn last line", case([record(1), record(2), half.clone()].concat(), &[1, 2], 1)),
        ("crlf", case(repeated(b"\r\n"), &[1, 2, 3], 0)),
        ("mark at the start", case([b"\xef\xbb\xbf", &around(&bare(3))[..]].concat(), &[1, 2, 3], 0)),
        ("mark in the middle", case(around(&[b"\xef\xbb\xbf", &bare(3)[..]].concat()), &[1, 2, 3], 0)),
        ("invalid utf-8 in a string", case(damaged(b"\xff\xfe\x80"), &[1, 2, 3], 0)),
        ("overlong utf-8", case(damaged(b"\xc0\xaf\xed\xa0\x80\xf5\x80\x80\x80"), &[1, 2, 3], 0)),
        ("invalid utf-8 outside", case(around(b"\xc3{\"trace_id\":\"x\"}\xa9"), &[1, 2], 1)),
        ("line separators", case(damaged("\u{2028}\u{2029}\u{85}".as_bytes()), &[1, 2, 3], 0)),
        ("zeros torn into a line", case(around(&[&half[..60], &[0; 512]].concat()), &[1, 2], 1)),
        ("empty", case(Vec::new(), &[], 0)),
        ("blank", case(b"\n\n  \n\t\r\n\n".to_vec(), &[], 0)),
        ("blank lines between", case(around(&[b"\n   \n", &bare(3)[..], b"\n"].concat()), &[1, 2, 3], 0)),
        ("a long line", case([record(1), padded(2, 300_000), record(3)].concat(), &[1, 2, 3], 0)),
        ("two on a line", case(around(&[bare(3), bare(4)].concat()), &[1, 2, 3, 4], 0)),
        ("record separators", case(separated, &[1, 2, 3], 0)),
        (
            "torn into each other",
            case(around(&[&half[..80], &bare(9), b"\n", &half[80..]].concat()), &[1, 2], 2),
        ),
        (
            "text between",
            case(around(b"INFO starting\nTraceback (most recent call last):\n  File"), &[1, 2], 3),
        ),
        ("random bytes", case(around(&[0x9b, 0x01, 0xfe, 0x13].repeat(1_000)), &[1, 2], 1)),
    ]
}

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.ndjson");
    fs::write(&path, bytes).expect("written");
    (folder, path)
}

fn sorted(watch: &Watch) -> Vec<u64> {
    let mut ids = watch.told.order.clone();
    ids.sort_unstable();
    ids
}

#[test]
fn read_once() {
    for (name, Case { bytes, good, skipped }) in cases() {
        let (_folder, path) = file(&bytes);
        let watch = Watch::once(&path);
        assert_eq!(watch.told.failure(), None, "{name}");
        assert_eq!(sorted(&watch), good, "{name}");
        assert_eq!(watch.told.problems.skipped(), skipped, "{name}: {:?}", watch.told.problems);
        for id in good {
            watch.assert_readable(*id);
        }
        assert_eq!(fs::read(&path).expect("there"), bytes, "{name}: the file is left alone");
    }
}

#[test]
fn followed_the_same_records_come() {
    for (name, Case { bytes, good, .. }) in cases() {
        let (_folder, path) = file(&bytes);
        let mut watch = Watch::start(&path, Follow::Live);
        watch.sees(good.iter().copied());
        assert_eq!(sorted(&watch), good, "{name}");
        assert_eq!(
            watch.told.problems.count(Reason::IncompleteLastLine),
            0,
            "{name}: its end may still come"
        );
    }
}

#[test]
fn zeros_between_and_behind_are_counted_once() {
    let (_folder, path) = file(&[&record(1)[..], &[0; 4096], &record(2)].concat());
    let watch = Watch::once(&path);
    assert_eq!(watch.told.order, [1, 2]);
    assert_eq!(watch.told.problems.count(Reason::NulBytes), 1);
    let (_folder, path) = file(&[&record(1)[..], &record(2), &[0; 8192]].concat());
    let watch = Watch::once(&path);
    assert_eq!(watch.told.order, [1, 2]);
    assert!(watch.told.problems.count(Reason::NulBytes) <= 1);
}

#[test]
fn what_is_no_text_is_named_in_one_line() {
    let wide = |bytes: &mut dyn Iterator<Item = u16>| bytes.flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let text = String::from_utf8(record(1)).expect("text");
    for (bytes, word) in [
        (b"BZh91AY&SY rest of it".to_vec(), "bzip2"),
        (wide(&mut std::iter::once(0xfeff).chain(text.encode_utf16())), "UTF-16"),
        (wide(&mut text.encode_utf16()), "UTF-16"),
    ] {
        let (_folder, path) = file(&bytes);
        let watch = Watch::once(&path);
        let why = watch.told.failure().unwrap_or_else(|| panic!("{word}: {:?}", watch.told.states));
        assert!(why.contains(word) && !why.contains('\n'), "{word}: {why}");
        assert!(watch.told.records.is_empty() && watch.told.problems.is_empty(), "{word}");
        // The same when followed, said once; and what comes in its place is read.
        let mut watch = Watch::live(&path);
        watch.until(word, |told| told.failure().is_some());
        fs::remove_file(&path).expect("removed");
        fs::write(&path, record(5)).expect("written");
        watch.sees([5]);
        let failures = watch.told.states.iter().filter(|state| format!("{state:?}").contains(word));
        assert_eq!(failures.count(), 1, "{word}");
    }
}
