//! What searching payloads costs: every record of a file or a database, the newest first, beside `memmem` over large
//! reads of the same file.
//!
//! `cargo bench --bench search`

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, unreachable_pub, clippy::expect_used, reason = "a bench has no users and may panic")]

mod ratio;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memmem::Finder;
use tracetui::model::SourceId;
use tracetui::record::demo;
use tracetui::source::{Catalog, Follow, SourceEvent, SourceSpec, StopFlag, Wanted, spawn};
use tracetui::text::search::Query;

const SPANS: u64 = 300_000;
const TEXTS: [&str; 5] = ["zebra crossing", "EXTRACT", "e", "say \"no\"", "łódź"];

/// The records of a source, newest last, one span each.
fn records(path: &Path, catalog: &Arc<Catalog>) -> Vec<Wanted> {
    let (tx, mut messages) = tokio::sync::mpsc::channel(64);
    let spec = SourceSpec::Path(path.to_owned());
    let thread = spawn(spec, SourceId(0), Arc::clone(catalog), Follow::Once, None, tx, StopFlag::default());
    let mut all = Vec::new();
    while let Some(message) = messages.blocking_recv() {
        if let SourceEvent::Batch(batch) = message.event {
            all.extend(batch.updates.iter().filter_map(|update| update.payload));
        }
    }
    thread.join().expect("the source ends");
    all.sort();
    all.into_iter().enumerate().map(|(at, place)| (at as u32, place)).collect()
}

fn floor(file: &File, len: u64, finder: &Finder<'_>, buffer: &mut [u8]) -> usize {
    let (mut found, mut at) = (0, 0);
    while at < len {
        let read = file.read_at(buffer, at).expect("reads");
        found += finder.find_iter(&buffer[..read]).count();
        at += read as u64;
    }
    found
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.ndjson");
    demo::generate(SPANS, 7, &path).expect("generates");
    let file = File::open(&path).expect("opens");
    let len = file.metadata().expect("a size").len();
    let catalog = Arc::new(Catalog::default());
    let wanted = records(&path, &catalog);
    println!(
        "{} records in {} MB, beside memmem over reads of the same file:",
        wanted.len(),
        len / 1_000_000
    );
    let mut buffer = vec![0; 256 << 10];
    for text in TEXTS {
        let query = Query::new(&[text.to_owned()], &[]);
        let hits = catalog.search(&query, &wanted, &StopFlag::default()).len();
        let finder = Finder::new("zebra crossing");
        let search = || catalog.search(&query, &wanted, &StopFlag::default()).len();
        let times = ratio::in_turn(5, search, || floor(&file, len, &finder, &mut buffer));
        ratio::print(
            &format!("{text}: {hits} hits, {:.1} GB/s", len as f64 / 1e9 / times.0.as_secs_f64()),
            times,
        );
    }
    cancelling(&catalog, &wanted);

    let path = folder.path().join("spans.db");
    demo::generate(SPANS / 3, 7, &path).expect("generates");
    let wanted = records(&path, &catalog);
    println!("{} rows of a database, beside nothing:", wanted.len());
    for text in TEXTS {
        let query = Query::new(&[text.to_owned()], &[]);
        let began = Instant::now();
        let hits = catalog.search(&query, &wanted, &StopFlag::default()).len();
        println!("{text}: {hits} hits {:>10.1} ms", began.elapsed().as_secs_f64() * 1e3);
    }
}

/// How long a search goes on that nobody wants any more.
fn cancelling(catalog: &Arc<Catalog>, wanted: &[Wanted]) {
    let mut longest = Duration::ZERO;
    for at in 0..20 {
        let (stop, catalog, wanted) = (StopFlag::default(), Arc::clone(catalog), wanted.to_vec());
        let theirs = stop.clone();
        let thread = std::thread::spawn(move || {
            let query = Query::new(&["zebra".to_owned()], &[]);
            catalog.search(&query, &wanted, &theirs);
            Instant::now()
        });
        std::thread::sleep(Duration::from_millis(20 + at));
        let asked = Instant::now();
        stop.stop();
        longest = longest.max(thread.join().expect("ends").saturating_duration_since(asked));
    }
    println!("{:<44} {:>10.4} ms at most", "from being stopped to the end", longest.as_secs_f64() * 1e3);
}
