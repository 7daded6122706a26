//! Files that are big when they are opened: the newest lines first, then all others, each once.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use tracetui::source::Follow;

use super::support::{Watch, Writer, padded, record};

/// Writes so many records of about 600 bytes, one of them longer than a part.
fn big(path: &Path, count: u64) {
    let mut file = std::io::BufWriter::new(fs::File::create(path).expect("a log"));
    for id in 0..count {
        let pad = if id == count / 3 { 3 << 20 } else { 300 + (id * 37 % 400) as usize };
        file.write_all(&padded(id, pad)).expect("written");
    }
    file.flush().expect("written");
}

fn assert_once(watch: &Watch, count: u64) {
    assert_eq!(watch.told.records.len() as u64, count);
    let twice: Vec<_> = watch.told.records.iter().filter(|(_, (times, _))| *times != 1).collect();
    assert!(twice.is_empty(), "told twice: {twice:?}");
}

const COUNT: u64 = 20_000;

#[test]
fn newest_first_then_the_rest_while_the_end_grows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("big.ndjson");
    big(&path, COUNT);
    let mut watch = Watch::start(&path, Follow::Live);
    watch.until("the newest", |told| !told.records.is_empty());
    assert!(watch.told.order[0] > COUNT - 1_000, "{}", watch.told.order[0]);
    assert!(!watch.told.caught_up);
    let mut log = Writer::open(&path);
    log.records([COUNT]);
    watch.sees([COUNT]);
    // Rotated while its older lines are still read.
    fs::rename(&path, folder.path().join("big.1")).expect("renamed");
    Writer::open(&path).records([COUNT + 1]);
    log.records([COUNT + 2]);
    watch.until("everything", |told| told.caught_up && told.records.len() as u64 == COUNT + 3);
    assert_once(&watch, COUNT + 3);
    assert!(watch.told.progress > 5 && watch.told.largest_batch <= 4_096);
    fs::remove_file(folder.path().join("big.1")).expect("removed");
    for id in [0, 1, COUNT / 2, COUNT - 1, COUNT, COUNT + 1, COUNT + 2] {
        watch.assert_readable(id);
    }
}

#[test]
fn read_once_in_the_order_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("big.ndjson");
    big(&path, COUNT);
    let watch = Watch::once(&path);
    assert_once(&watch, COUNT);
    assert!(watch.told.order.is_sorted());
    assert!(watch.told.problems.is_empty());
}

#[test]
fn cut_while_older_lines_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("big.ndjson");
    big(&path, COUNT);
    let mut watch = Watch::start(&path, Follow::Live);
    watch.until("the newest", |told| !told.records.is_empty());
    let mut log = Writer::open(&path);
    log.file().set_len(0).expect("cut");
    log.records(COUNT..COUNT + 10);
    watch.sees(COUNT..COUNT + 10);
    assert!(watch.told.records.keys().filter(|id| **id >= COUNT).count() == 10);
    watch.assert_readable(COUNT);
    // The old ones are gone, and so are their bytes.
    let (_, at) = watch.told.records[&(COUNT - 1)];
    assert!(watch.catalog.read_raw(&at).is_err());
}

#[test]
fn a_line_without_end_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("endless.ndjson");
    let mut log = Writer::open(&path);
    log.records([1]);
    let piece = vec![b'A'; 1 << 20];
    (0..40).for_each(|_| log.bytes(&piece));
    let mut watch = Watch::live(&path);
    watch.sees([1]);
    log.bytes(b"\n");
    log.records([2]);
    watch.sees([2]);
    assert_once(&watch, 2);
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure itself is of interest, and shown when asked for")]
fn appended_lines_are_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.ndjson");
    let mut log = Writer::open(&path);
    log.records([0]);
    let mut watch = Watch::live(&path);
    watch.sees([0]);
    let mut delays: Vec<Duration> = (1..300)
        .map(|id| {
            std::thread::sleep(Duration::from_millis(1 + id % 7));
            let line = record(id);
            let written = Instant::now();
            log.bytes(&line);
            while !watch.told.has(id) {
                watch.next();
            }
            written.elapsed()
        })
        .collect();
    delays.sort();
    let (median, high) = (delays[delays.len() / 2], delays[delays.len() * 99 / 100]);
    println!("append to delivery: p50 {median:?}, p99 {high:?}, max {:?}", delays[delays.len() - 1]);
    assert!(median < Duration::from_millis(10), "{median:?}");
}
