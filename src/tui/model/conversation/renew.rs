//! A conversation that goes on while it is looked at.

use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Conversation, Said, Turn, turns_of_session};
use crate::store::{Store, TraceIx};

/// For so many times as long as looking through the store took it isn't done again.
const TIMES: u32 = 32;

/// When the store was looked through last.
#[derive(Debug)]
pub(super) struct Looked {
    generation: u64,
    at: Instant,
    took: Duration,
}

impl Looked {
    /// Looking that began then, and is over now.
    pub(super) fn since(store: &Store, began: Instant) -> Self {
        Self { generation: store.generation(), at: Instant::now(), took: began.elapsed() }
    }

    fn is_due(&self, store: &Store) -> bool {
        self.generation != store.generation() && self.at.elapsed() >= self.took * TIMES
    }
}

impl Conversation {
    /// Takes in turns that came and what was added to those that are known. The last turn stays the selected one.
    pub fn renew(&mut self, store: &Store) {
        if !self.looked.is_due(store) {
            return;
        }
        let began = Instant::now();
        let mut turns = turns_of_session(store, self.session);
        self.looked = Looked::since(store, began);
        // Of a run that left memory only its line is known: its turns stay as they are.
        let away: FxHashSet<TraceIx> =
            self.turns.iter().map(|turn| turn.trace).filter(|trace| store.is_evicted(*trace)).collect();
        turns.retain(|turn| !away.contains(&turn.trace));
        let is_there = |turn: &&Turn| !away.contains(&turn.trace);
        let is_same = |new: &Turn, old: &Turn| new.key() == old.key() && new.told == old.told;
        if turns.len() == self.turns.iter().filter(is_there).count()
            && turns.iter().zip(self.turns.iter().filter(is_there)).all(|(new, old)| is_same(new, old))
        {
            return;
        }
        let is_at_end = self.cursor + 1 == self.turns.len();
        let selected = self.selected().map(Turn::key);
        let mut known: FxHashMap<(TraceIx, u128), Turn> =
            self.turns.drain(..).map(|turn| (turn.key(), turn)).collect();
        self.turns = turns
            .into_iter()
            .map(|new| match known.remove(&new.key()) {
                Some(old) if old.told == new.told => old,
                Some(old) => Turn { before: words(old), ..new },
                None => new,
            })
            .collect();
        self.turns.extend(known.into_values().filter(|turn| away.contains(&turn.trace)));
        self.turns.sort_by_key(|turn| (turn.start, turn.trace));
        let found = self.turns.iter().position(|turn| Some(turn.key()) == selected);
        let last = self.turns.len().saturating_sub(1);
        self.cursor = if is_at_end { last } else { found.unwrap_or(self.cursor).min(last) };
        self.changes += 1;
    }
}

/// What was known to be said in a turn, to be shown until it has been read again.
fn words(turn: Turn) -> Option<Said> {
    match turn.said {
        said @ Said::Here(_) => Some(said),
        _ => turn.before,
    }
}
