//! Labels that hold for everything below the span that names them, worked out once per row.

use hashbrown::HashTable;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::Hasher as _;

use super::Store;
use super::handle::{NONE, SpanIx, TraceIx};
use crate::model::{Field, Symbol};

/// The labels that spans inherit.
pub(super) const FIELDS: [Field; 6] =
    [Field::Workflow, Field::Step, Field::Agent, Field::User, Field::Session, Field::Service];

/// The labels in effect, in the order of [`FIELDS`].
type Labels = [Symbol; FIELDS.len()];

/// Joins that are remembered in a table without hashing.
const RECENT: usize = 1024;

/// "Not worked out" in the column.
const UNSET: u32 = u32::MAX;

/// The labels in effect of every row, four bytes each: a number per combination.
#[derive(Debug, Default)]
pub(super) struct Heritage {
    rows: Vec<u32>,
    sets: Vec<Labels>,
    table: HashTable<u32>,
    /// What a combination of own labels and what is inherited make together.
    joined: FxHashMap<(u32, u32), u32>,
    /// Joins made lately, by a few bits of what was joined: most are made again and again.
    recent: Vec<(u32, u32, u32)>,
    path: Vec<u32>,
}

impl Heritage {
    /// The combination in effect for a row.
    #[inline]
    pub(super) fn of(&mut self, store: &Store, row: u32) -> u32 {
        match self.rows.get(row as usize) {
            Some(&set) if set != UNSET => set,
            _ => self.work_out(store, row),
        }
    }

    /// A label of a combination.
    pub(super) fn label(&self, set: u32, field: Field) -> Symbol {
        let at = FIELDS.iter().position(|known| *known == field);
        self.sets.get(set as usize).zip(at).map_or(Symbol::NONE, |(labels, at)| labels[at])
    }

    /// Looks at a row again that changed. Returns whether what is below it has to be looked at again too.
    pub(super) fn changed(&mut self, store: &Store, row: u32) -> bool {
        let before = match self.rows.get_mut(row as usize) {
            Some(set) if *set != UNSET => std::mem::replace(set, UNSET),
            _ => return false,
        };
        before != self.work_out(store, row) && store.span(SpanIx(row)).has_children()
    }

    /// Forgets what is known about a trace.
    pub(super) fn forget(&mut self, store: &Store, trace: TraceIx) {
        for span in store.trace(trace).spans() {
            if let Some(set) = self.rows.get_mut(span.ix().index()) {
                *set = UNSET;
            }
        }
    }

    fn work_out(&mut self, store: &Store, row: u32) -> u32 {
        if self.rows.len() < store.rows() {
            self.rows.resize(store.rows(), UNSET);
        }
        let mut path = std::mem::take(&mut self.path);
        path.clear();
        let mut at = row;
        let mut set = loop {
            path.push(at);
            let parent = store.span(SpanIx(at)).parent_row();
            if parent == NONE || path.len() > store.rows() {
                break self.intern(Labels::default());
            }
            match self.rows.get(parent as usize) {
                Some(&set) if set != UNSET => break set,
                _ => at = parent,
            }
        };
        for &row in path.iter().rev() {
            set = self.join(store, store.span(SpanIx(row)).facet_id().index() as u32, set);
            self.rows[row as usize] = set;
        }
        self.path = path;
        set
    }

    fn join(&mut self, store: &Store, own: u32, above: u32) -> u32 {
        let slot = (own ^ above.wrapping_mul(0x9E37_79B1) >> 20) as usize % RECENT;
        match self.recent.get(slot) {
            Some(&(known_own, known_above, set)) if (known_own, known_above) == (own, above) => return set,
            Some(_) => {}
            None => self.recent = vec![(UNSET, UNSET, 0); RECENT],
        }
        let known = self.joined.get(&(own, above)).copied();
        let set = known.unwrap_or_else(|| {
            let mut labels = self.sets.get(above as usize).copied().unwrap_or_default();
            let facets = store.facets().at(own);
            for (slot, field) in labels.iter_mut().zip(FIELDS) {
                if let Some(symbol) = facets.get(field).filter(|symbol| symbol.is_some()) {
                    *slot = symbol;
                }
            }
            let set = self.intern(labels);
            self.joined.insert((own, above), set);
            set
        });
        self.recent[slot] = (own, above, set);
        set
    }

    fn intern(&mut self, labels: Labels) -> u32 {
        let hash = hash(&labels);
        if let Some(&found) = self.table.find(hash, |&at| self.sets[at as usize] == labels) {
            return found;
        }
        let set = self.sets.len() as u32;
        self.sets.push(labels);
        let sets = &self.sets;
        self.table.insert_unique(hash, set, |&at| self::hash(&sets[at as usize]));
        set
    }
}

fn hash(labels: &Labels) -> u64 {
    let mut hasher = FxHasher::default();
    for symbol in labels {
        hasher.write_u32(symbol.index() as u32);
    }
    hasher.finish()
}
