//! Builds the tree of the open run. A usual run is built between two frames; a long one is copied out of the store a
//! slice at a time and built by a thread, so that no key waits for it.

use std::thread::{Builder as Thread, JoinHandle};
use std::time::{Duration, Instant};

use super::outline::Outline;
use super::waterfall::Gap;
use crate::analysis::{TraceTree, TreeRows};
use crate::model::Status;
use crate::store::{Clock, Store, TraceIx};

/// Rows up to which a run is built at once.
const USUAL: usize = 8_192;
/// Rows that are copied between two looks at the watch.
const SLICE: usize = 1_024;
/// How long is copied between two looks at the keyboard.
const BUDGET: Duration = Duration::from_millis(3);
/// Gaps shorter than this, or than this share of the run, are not worth folding.
const MIN_GAP: i64 = 2 * crate::model::NANOS_PER_SEC;
const MIN_GAP_SHARE: f64 = 0.15;

/// A tree and what is made of it at once.
#[derive(Debug)]
pub(super) struct Laid {
    pub tree: TraceTree,
    pub outline: Outline,
    pub gaps: Vec<Gap>,
}

impl Laid {
    fn of(rows: TreeRows) -> Self {
        let tree = rows.build();
        Self { outline: Outline::of(&tree), gaps: gaps(&tree), tree }
    }
}

/// What is being done.
#[derive(Debug, Default)]
enum Work {
    #[default]
    None,
    /// Rows are copied; that took so long until now.
    Copying(Box<TreeRows>, Duration),
    /// A thread builds.
    Building(JoinHandle<Laid>, Instant, Duration),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Builder {
    /// The traces of the run, and the state of the store they are from.
    traces: Vec<TraceIx>,
    known: Option<u64>,
    /// The newest state of the run, the state that the shown tree is of, and the one that is being built.
    newest: u64,
    built: Option<u64>,
    building: u64,
    work: Work,
    /// When the last tree came, and how long to wait until the next.
    last: Option<(Instant, Duration)>,
}

impl Builder {
    /// The traces of the run.
    pub(super) fn traces(&self) -> &[TraceIx] {
        &self.traces
    }

    /// Whether there is a newer state than the one that is shown.
    pub(super) fn is_behind(&self) -> bool {
        self.built != Some(self.newest)
    }

    /// When to go on.
    pub(super) fn due(&self, now: Instant) -> Option<Duration> {
        match (&self.work, self.last) {
            (Work::None, _) if !self.is_behind() => None,
            (Work::None, Some((at, pause))) => Some(pause.saturating_sub(now.duration_since(at))),
            _ => Some(Duration::ZERO),
        }
    }

    /// Goes on. Returns a tree when there is a new one.
    pub(super) fn work(&mut self, store: &Store, clock: &Clock, run: TraceIx, now: Instant) -> Option<Laid> {
        self.look(store, run);
        if matches!(self.work, Work::None) {
            let due = self.is_behind() && self.due(now) == Some(Duration::ZERO);
            if !due {
                return None;
            }
            self.building = self.newest;
            self.work = Work::Copying(Box::new(TreeRows::of(self.traces.clone())), Duration::ZERO);
        }
        match std::mem::take(&mut self.work) {
            Work::None => None,
            Work::Copying(mut rows, spent) => {
                let began = Instant::now();
                let all: usize = self.traces.iter().map(|trace| store.trace(*trace).row_count()).sum();
                let usual = all <= USUAL;
                while rows.copy(store, clock, SLICE) {
                    if !usual && began.elapsed() >= BUDGET {
                        self.work = Work::Copying(rows, spent + began.elapsed());
                        return None;
                    }
                }
                if usual {
                    let laid = Laid::of(*rows);
                    return Some(self.done(laid, now, began.elapsed() * 8));
                }
                let spent = spent + began.elapsed();
                match Thread::new().name("tree".to_owned()).spawn(move || Laid::of(*rows)) {
                    Ok(thread) => self.work = Work::Building(thread, Instant::now(), spent),
                    // There is no thread to be had now: later.
                    Err(_) => self.last = Some((now, Duration::from_secs(1))),
                }
                None
            }
            Work::Building(thread, began, spent) if thread.is_finished() => {
                // A thread that panicked has ended the program.
                let laid = thread.join().ok()?;
                Some(self.done(laid, now, (spent * 8).max(began.elapsed() * 2)))
            }
            building @ Work::Building(..) => {
                self.work = building;
                None
            }
        }
    }

    fn done(&mut self, laid: Laid, now: Instant, pause: Duration) -> Laid {
        self.built = Some(self.building);
        self.last = Some((now, pause));
        laid
    }

    /// Sees whether the run changed.
    fn look(&mut self, store: &Store, run: TraceIx) {
        if self.known == Some(store.generation()) {
            return;
        }
        self.known = Some(store.generation());
        let view = store.trace(run);
        if view.run().is_some() {
            self.traces = view.run_traces();
        } else if self.traces != [run] {
            self.traces = vec![run];
        }
        let generations = self.traces.iter().map(|trace| store.trace(*trace).generation());
        self.newest = generations.max().unwrap_or(0);
    }
}

/// The stretches in which no leaf works, long enough to fold: a person answering, a queue.
fn gaps(tree: &TraceTree) -> Vec<Gap> {
    let nodes = tree.nodes().iter();
    let works = nodes.filter(|node| node.children == 0 && node.status != Status::Suspended);
    let mut busy: Vec<(i64, i64)> = works.map(|node| (node.start, node.end)).collect();
    busy.sort_unstable();
    let whole = tree.end.saturating_sub(tree.start).max(1);
    let worth = MIN_GAP.max((whole as f64 * MIN_GAP_SHARE) as i64);
    let mut reached = tree.start;
    let mut gaps = Vec::new();
    for (from, to) in busy.into_iter().chain([(tree.end, tree.end)]) {
        if from.saturating_sub(reached) >= worth {
            gaps.push(Gap { from: reached, to: from });
        }
        reached = reached.max(to);
    }
    gaps
}
