//! Sources that are followed into a store while their writers go on.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracetui::format::Wish;
use tracetui::model::{SpanDetail, UnixNanos};
use tracetui::source::{
    Catalog, FolderSpec, Follow, SourceEvent, SourceId, SourceMessage, SourceSpec, StopFlag, is_folder,
    spawn, spawn_folders,
};
use tracetui::store::{Arrival, Clock, Store};

/// Sources that are followed into one store.
pub(crate) struct Live {
    pub(crate) store: Store,
    pub(crate) catalog: Arc<Catalog>,
    tx: tokio::sync::mpsc::Sender<SourceMessage>,
    rx: tokio::sync::mpsc::Receiver<SourceMessage>,
    stop: StopFlag,
    sources: u16,
}

impl Live {
    /// Of no source yet.
    pub(crate) fn new() -> Self {
        let (tx, rx) = tokio::sync::mpsc::channel(16);
        let (catalog, stop) = (Arc::new(Catalog::default()), StopFlag::default());
        Self { store: Store::new(), catalog, tx, rx, stop, sources: 0 }
    }

    /// Of one source.
    pub(crate) fn of(path: &Path) -> Self {
        let mut live = Self::new();
        live.follow(path);
        live
    }

    /// Follows one more.
    pub(crate) fn follow(&mut self, path: &Path) {
        let spec = SourceSpec::Path(path.to_owned());
        let (source, catalog) = (SourceId(self.sources), Arc::clone(&self.catalog));
        spawn(spec, source, catalog, Follow::Live, None, self.tx.clone(), self.stop.clone());
        self.sources += 1;
    }

    /// Follows what a folder, or a session with its subagents, stands for. Sources that come up in it are numbered from
    /// here on, so it is the last one.
    pub(crate) fn follow_all(&mut self, path: &Path) {
        let name = path.to_string_lossy().into_owned();
        assert!(is_folder(&name, &Wish::default()), "{name} stands for several files");
        let folders = vec![FolderSpec { name, source: SourceId(self.sources) }];
        let (catalog, next) = (Arc::clone(&self.catalog), self.sources + 1);
        spawn_folders(folders, next, catalog, Wish::default(), self.tx.clone(), self.stop.clone());
    }

    /// Follows one more file beside what `follow_all` follows.
    pub(crate) fn follow_more(&mut self, path: &Path) {
        self.sources = 1_000;
        self.follow(path);
    }

    /// Takes in what comes until the store is as it should be.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Store) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !done(&self.store) {
            assert!(Instant::now() < end, "{what}: {:?} {:?}", self.store.totals(), words(&self.store));
            match self.rx.try_recv().map(|message| (message.source, message.event)) {
                Ok((source, SourceEvent::Segment { id, .. })) => self.store.add_segment(id, source),
                Ok((source, SourceEvent::Batch(batch))) => {
                    self.store.apply(source, &batch, Arrival { at: UnixNanos(0), live: true });
                }
                Ok(_) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// What the records of the span of a name say.
    pub(crate) fn detail(&self, name: &str) -> SpanDetail {
        let span = self.store.spans().find(|span| span.name() == name).expect("the span");
        self.catalog.read_detail(&span.payloads()).expect("its records")
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// The names of all spans with how they stand, sorted.
pub(crate) fn words(store: &Store) -> Vec<String> {
    let clock = Clock::at(UnixNanos(0));
    let mut all: Vec<String> =
        store.spans().map(|span| format!("{} {}", span.name(), span.status(&clock))).collect();
    all.sort();
    all
}
