//! Pipes, folders, and what is no source at all.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tracetui::format::Wish;
use tracetui::source::{Follow, SourceSpec, expand};

use super::support::{Watch, Writer, padded, record};

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

#[test]
fn a_pipe_is_read_to_its_end_and_its_records_can_be_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pipe");
    fifo(&path);
    let mut watch = Watch::start(&path, Follow::Live);
    watch.until("that a record is awaited", super::support::Told::is_waiting);
    let mut log = Writer::open_at_start(&path);
    log.records([0]);
    watch.sees([0]);
    assert!(!watch.told.ended);
    let line = padded(1, 2_000_000);
    line.chunks(100_000).for_each(|piece| log.bytes(piece));
    // A last record without its line end.
    let last = record(2);
    log.bytes(&last[..last.len() - 1]);
    watch.sees([1, 2]);
    drop(log);
    watch.until("the end", |told| told.ended);
    assert_eq!(watch.told.order, [0, 1, 2]);
    (0..3).for_each(|id| watch.assert_readable(id));
}

#[test]
fn a_pipe_without_a_writer_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pipe");
    fifo(&path);
    let watch = Watch::start(&path, Follow::Once);
    std::thread::sleep(Duration::from_millis(20));
    let begun = Instant::now();
    drop(watch);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_log_that_becomes_a_pipe_is_no_trap() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.ndjson");
    Writer::open(&path).records([0]);
    let mut watch = Watch::live(&path);
    watch.sees([0]);
    fs::remove_file(&path).expect("removed");
    fifo(&path);
    watch.take_for(Duration::from_millis(300));
    fs::remove_file(&path).expect("removed");
    Writer::open(&path).records([1]);
    watch.sees([1]);
}

#[test]
fn what_is_no_source_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    symlink("/dev/zero", path("zeros.ndjson")).expect("linked");
    symlink("nothing", path("dangling.ndjson")).expect("linked");
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).expect("bound");
    for (name, word) in [
        ("zeros.ndjson", "device"),
        ("dangling.ndjson", "link to nothing"),
        ("socket", "socket"),
        ("absent.ndjson", "no such file"),
        (".", "folder"),
    ] {
        let watch = Watch::once(&path(name));
        let why = watch.told.failure().unwrap_or_default();
        assert!(why.contains(word) && !why.contains('\n'), "{name}: {why}");
    }
    assert!(SourceSpec::parse("").is_err());
    let error = SourceSpec::parse("s3://bucket/key").expect_err("no source").to_string();
    assert!(error.ends_with(": s3://bucket/key"), "{error}");
}

#[test]
fn a_sparse_file_of_a_terabyte_is_no_burden() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.ndjson");
    let mut log = Writer::open(&path);
    log.records([0]);
    let mut watch = Watch::live(&path);
    watch.sees([0]);
    log.file().set_len(1 << 40).expect("extended");
    log.records([1]);
    // The hole is skipped by its map, or read for ever: then at least stopping works.
    watch.take_for(Duration::from_millis(300));
    let begun = Instant::now();
    drop(watch);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn each_file_of_a_folder_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    for (at, name) in ["a.ndjson", "b.jsonl"].iter().enumerate() {
        Writer::open(&folder.path().join(name)).records([at as u64]);
    }
    fs::write(folder.path().join("notes.md"), "# Notes\n\nNothing of interest.\n").expect("written");
    let names = expand(&[folder.path().to_string_lossy().into_owned()], &Wish::default()).expect("sources");
    let seen: Vec<u64> =
        names.names.iter().flat_map(|name| Watch::once(Path::new(name)).told.order.clone()).collect();
    assert_eq!(seen, [0, 1]);
}
