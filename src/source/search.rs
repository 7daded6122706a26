//! Searching payloads where they lie: files in large reads, tables in short statements, the newest records first.

use std::fs::File;

use rustc_hash::FxHashMap;

use super::catalog::{Catalog, Lines, Reader, read_at};
use super::sqlite::RowSearch;
use super::{SourceError, StopFlag};
use crate::model::{PayloadRef, SpanDetail};
use crate::text::search::{Facts, Glance, Query};

/// Bytes of a read; what is read stays in a core's cache while it is looked at.
const WINDOW: u64 = 256 << 10;
/// Bytes nobody asked for that are read along rather than with another read.
const GAP: u64 = 4 << 10;

/// A record and whose it is.
pub type Wanted = (u32, PayloadRef);

impl Catalog {
    /// Looks for the needles of a query in records; those of one span stand side by side, oldest first. Gives the facts
    /// of the spans in which something was found. Records that are gone hold nothing.
    ///
    /// Waits for the disk: not for the thread that draws. Returns within a few milliseconds when it is stopped.
    pub fn search(&self, query: &Query, wanted: &[Wanted], stop: &StopFlag) -> Vec<(u32, Facts)> {
        let mut places: Vec<Wanted> = wanted.to_vec();
        places.sort_unstable_by_key(|(_, at)| *at);
        let mut found: FxHashMap<u32, Found> = FxHashMap::default();
        let segments: Vec<&[Wanted]> = places.chunk_by(|a, b| a.1.segment == b.1.segment).collect();
        for places in segments.into_iter().rev() {
            let Some((_, first)) = places.first() else { continue };
            match self.reader(first.segment) {
                Ok(Reader::Lines(lines)) => {
                    // What cannot be read holds nothing.
                    let _ = search_lines(&lines, query, places, stop, &mut found);
                }
                Ok(Reader::Rows(table)) => {
                    let rows: Vec<(u64, u32)> = places.iter().map(|(key, at)| (at.pos, *key)).collect();
                    let mut each = |key: u32, detail: &SpanDetail| {
                        found.entry(key).or_default().add(query.facts(detail));
                    };
                    RowSearch { place: &table, query, rows: &rows, stop }.run(&mut each);
                }
                Err(_) => {}
            }
        }
        self.decode_open(query, wanted, &mut found, stop);
        // The order of the question, not of the table.
        let mut keys: Vec<u32> = wanted.iter().map(|(key, _)| *key).collect();
        keys.dedup();
        keys.into_iter().filter_map(|key| Some((key, found.remove(&key)?.facts))).collect()
    }

    /// Decodes the spans that a look at the bytes could not settle.
    fn decode_open(
        &self,
        query: &Query,
        wanted: &[Wanted],
        found: &mut FxHashMap<u32, Found>,
        stop: &StopFlag,
    ) {
        for records in wanted.chunk_by(|a, b| a.0 == b.0) {
            let Some(found) = records.first().and_then(|(key, _)| found.get_mut(key)) else { continue };
            if !found.is_open || stop.is_stopped() {
                continue;
            }
            let refs: Vec<PayloadRef> = records.iter().map(|(_, at)| *at).collect();
            if let Ok(detail) = self.read_detail(&refs) {
                found.add(query.facts(&detail));
            }
        }
    }
}

#[derive(Default)]
struct Found {
    facts: Facts,
    is_open: bool,
}

impl Found {
    fn add(&mut self, facts: Facts) {
        self.add_texts(&facts.texts);
        for (name, value) in facts.attributes {
            match self.facts.attributes.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => self.facts.attributes.push((name, value)),
            }
        }
    }

    fn add_texts(&mut self, texts: &[bool]) {
        if self.facts.texts.len() < texts.len() {
            self.facts.texts.resize(texts.len(), false);
        }
        self.facts.texts.iter_mut().zip(texts).for_each(|(known, new)| *known |= new);
    }
}

/// Where a record ends.
fn end(at: &PayloadRef) -> u64 {
    at.pos.saturating_add(u64::from(at.len))
}

/// Searches records of one file, sorted by place.
fn search_lines(
    lines: &Lines,
    query: &Query,
    places: &[Wanted],
    stop: &StopFlag,
    found: &mut FxHashMap<u32, Found>,
) -> Result<(), SourceError> {
    let file = lines.open()?;
    let places = &places[..places.partition_point(|(_, at)| end(at) <= lines.limit)];
    let mut buffer = Vec::new();
    let mut glances: Vec<Glance> = Vec::new();
    let mut rest = places;
    while !rest.is_empty() && !stop.is_stopped() {
        let (before, window) = rest.split_at(window_start(rest));
        rest = before;
        let Some(bytes) = read_window(&file, window, &mut buffer) else { continue };
        bytes.make_ascii_lowercase();
        glances.clear();
        glances.resize(window.len(), Glance::default());
        if lines.dialect.is_searchable() {
            glance(bytes, window, query, &mut glances);
        } else {
            for glance in &mut glances {
                glance.open = true;
            }
        }
        for ((key, _), glance) in window.iter().zip(&glances) {
            if glance.open || !glance.certain.is_empty() {
                let found = found.entry(*key).or_default();
                found.is_open |= glance.open;
                found.add_texts(&glance.certain);
            }
        }
    }
    Ok(())
}

/// The first of the last records that are read at once.
fn window_start(places: &[Wanted]) -> usize {
    let Some((_, last)) = places.last() else { return 0 };
    let (mut low, mut high) = (last.pos, end(last));
    let mut start = places.len() - 1;
    while let Some((_, before)) = start.checked_sub(1).and_then(|at| places.get(at)) {
        let reach = high.max(end(before));
        if low.saturating_sub(end(before)) > GAP || reach - before.pos > WINDOW {
            break;
        }
        (low, high) = (before.pos, reach);
        start -= 1;
    }
    start
}

fn read_window<'b>(file: &File, window: &[Wanted], buffer: &'b mut Vec<u8>) -> Option<&'b mut [u8]> {
    let low = window.first()?.1.pos;
    let high = window.iter().map(|(_, at)| end(at)).max()?;
    let len = (high - low).min(u64::from(super::catalog::MAX_RECORD)) as usize;
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    let bytes = buffer.get_mut(..len)?;
    let read = read_at(file, bytes, low).ok()?;
    bytes.get_mut(..read)
}

/// Finds out in which of the records of a window the needles have traces.
fn glance(bytes: &[u8], window: &[Wanted], query: &Query, glances: &mut [Glance]) {
    let Some(low) = window.first().map(|(_, at)| at.pos) else { return };
    for (number, needle) in query.needles().enumerate() {
        if needle.traces().is_empty() {
            for glance in &mut *glances {
                query.note(number, glance);
            }
        }
        for trace in needle.traces() {
            let mut from = 0;
            while let Some(hit) = bytes.get(from..).and_then(|rest| trace.find(rest)).map(|at| from + at) {
                let at = low + hit as u64;
                let after = window.partition_point(|(_, record)| record.pos <= at);
                from = hit + 1;
                let Some((_, record)) = after.checked_sub(1).and_then(|before| window.get(before)) else {
                    continue;
                };
                if at + trace.needle().len() as u64 > end(record) {
                    continue;
                }
                // One line may speak about several spans.
                let same = window.iter().zip(&mut *glances).take(after).rev();
                same.take_while(|((_, other), _)| other.pos == record.pos)
                    .for_each(|(_, glance)| query.note(number, glance));
                from = from.max((end(record) - low) as usize);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::format::{Dialect, LINE_FORMATS, Stream};
    use crate::source::place::FileId;

    /// A file of lines, each somebody's; says where they are.
    fn file(lines: &[Vec<u8>], catalog: &Catalog) -> (tempfile::TempDir, Vec<PayloadRef>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ndjson");
        let mut text = Vec::new();
        let mut places = Vec::new();
        for line in lines {
            places.push((text.len() as u64, line.len() as u32));
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        std::fs::write(&path, &text).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        let stream = Stream { name: String::new(), salt: Vec::new(), notes: String::new() };
        let id = FileId::of(&file.metadata().unwrap());
        let segment = catalog.add_file(&file, id, &path, &Dialect::lines(LINE_FORMATS[0]), &stream);
        (folder, places.into_iter().map(|(pos, len)| PayloadRef { segment, pos, len }).collect())
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        let words =
            prop::sample::select(vec!["Timeout", "time", "out", "ÄRGER", "a\\b", "\"q\"", "x", "\u{1F600}"]);
        (prop::collection::vec(words, 0..6), any::<bool>(), 0..3_u8).prop_map(
            |(words, attribute, padding)| {
                let input = serde_json::to_string(&words.join(" ")).unwrap();
                let pad = " ".repeat(usize::from(padding / 2) * 150_000);
                let attributes = if attribute { ",\"attributes\":{\"retry.count\":3}" } else { "" };
                format!("{{\"span_id\":\"1\",{pad}\"input\":{input}{attributes}}}").into_bytes()
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_found_is_what_decoding_every_record_finds(
            lines in prop::collection::vec(line(), 1..30),
            texts in prop::collection::vec(
                prop::sample::select(vec!["TIMEOUT", "me o", "ärger", "a\\b", "\"Q\"", "t x", "span_id", "\u{1F600}"]), 0..3),
            attributes in prop::collection::vec(prop::sample::select(vec!["retry.count", "input"]), 0..2),
            owners in prop::collection::vec((0..3_u8, any::<bool>()), 30),
        ) {
            let catalog = Catalog::default();
            let (_folder, places) = file(&lines, &catalog);
            // Some lines are left out, some belong to the span before, some to two spans.
            let mut wanted: Vec<Wanted> = Vec::new();
            for (at, (place, (owner, asked))) in places.iter().zip(&owners).enumerate() {
                let key = if *owner == 0 { wanted.last().map_or(0, |last| last.0) } else { at as u32 };
                if *asked {
                    wanted.push((key, *place));
                }
                if *owner == 2 {
                    wanted.push((1_000 + at as u32, *place));
                }
            }
            let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let query = Query::new(&own(&texts), &own(&attributes));
            let found = catalog.search(&query, &wanted, &StopFlag::default());
            let mut found = found.into_iter().peekable();
            for records in wanted.chunk_by(|a, b| a.0 == b.0) {
                let refs: Vec<PayloadRef> = records.iter().map(|(_, at)| *at).collect();
                let mut expected = query.facts(&catalog.read_detail(&refs).unwrap());
                let facts = found.next_if(|(key, _)| *key == records[0].0).map(|(_, facts)| facts).unwrap_or_default();
                let mut said = facts.texts.clone();
                said.resize(texts.len(), false);
                prop_assert_eq!(&said, &expected.texts, "{:?}", texts);
                expected.attributes.dedup();
                prop_assert_eq!(&facts.attributes, &expected.attributes);
            }
            prop_assert!(found.next().is_none());
        }
    }

    #[test]
    fn a_stopped_search_finds_nothing_more() {
        let catalog = Catalog::default();
        let (_folder, places) = file(&[b"{\"input\":\"needle\"}".to_vec()], &catalog);
        let (query, stop) = (Query::new(&["needle".to_owned()], &[]), StopFlag::default());
        let wanted = [(7, places[0])];
        assert_eq!(catalog.search(&query, &wanted, &stop).len(), 1);
        stop.stop();
        assert!(catalog.search(&query, &wanted, &stop).is_empty());
    }
}
