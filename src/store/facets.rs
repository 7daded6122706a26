//! Facets: the labels of a span that repeat together. Each distinct combination is stored once, so that a row holds one
//! number, a filter looks at combinations before rows, and totals per label are sums over combinations.

use std::hash::Hasher as _;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use crate::model::{Field, SpanUpdate, Symbol};

/// The labels of a span; absent ones are [`Symbol::NONE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// The source's own word for the kind.
    pub span_type: Symbol,
    /// Workflow.
    pub workflow: Symbol,
    /// Step.
    pub step: Symbol,
    /// Agent.
    pub agent: Symbol,
    /// Tool.
    pub tool: Symbol,
    /// Model.
    pub model: Symbol,
    /// Provider.
    pub provider: Symbol,
    /// User.
    pub user: Symbol,
    /// Session.
    pub session: Symbol,
    /// Service.
    pub service: Symbol,
}

impl Facets {
    /// Number of labels.
    pub(super) const COUNT: usize = 10;

    /// The labels of an update.
    pub(super) fn of(update: &SpanUpdate) -> Self {
        Self {
            span_type: update.span_type,
            workflow: update.workflow,
            step: update.step,
            agent: update.agent,
            tool: update.tool,
            model: update.model,
            provider: update.provider,
            user: update.user,
            session: update.session,
            service: update.service,
        }
    }

    /// The labels in a fixed order.
    pub(super) fn to_array(self) -> [Symbol; Self::COUNT] {
        [
            self.span_type,
            self.workflow,
            self.step,
            self.agent,
            self.tool,
            self.model,
            self.provider,
            self.user,
            self.session,
            self.service,
        ]
    }

    /// The inverse of [`Facets::to_array`].
    pub(super) fn from_array(labels: [Symbol; Self::COUNT]) -> Self {
        let [span_type, workflow, step, agent, tool, model, provider, user, session, service] = labels;
        Self { span_type, workflow, step, agent, tool, model, provider, user, session, service }
    }

    /// The label of a field; `None` for a field that is not a facet.
    pub fn get(&self, field: Field) -> Option<Symbol> {
        Some(match field {
            Field::Type => self.span_type,
            Field::Workflow => self.workflow,
            Field::Step => self.step,
            Field::Agent => self.agent,
            Field::Tool => self.tool,
            Field::Model => self.model,
            Field::Provider => self.provider,
            Field::User => self.user,
            Field::Session => self.session,
            Field::Service => self.service,
            _ => return None,
        })
    }
}

/// A combination in a [`FacetTable`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FacetId(u32);

impl FacetId {
    /// Position in the table.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Every combination of labels in use. Position 0 is "no labels".
#[derive(Debug)]
pub struct FacetTable {
    sets: Vec<Facets>,
    table: HashTable<u32>,
}

impl Default for FacetTable {
    fn default() -> Self {
        let mut this = Self { sets: Vec::new(), table: HashTable::new() };
        this.intern(Facets::default());
        this
    }
}

impl FacetTable {
    /// The id of a combination, added when it is new.
    pub(super) fn intern(&mut self, facets: Facets) -> FacetId {
        let hash = hash(&facets);
        if let Some(&found) = self.table.find(hash, |&at| self.sets[at as usize] == facets) {
            return FacetId(found);
        }
        let id = self.sets.len() as u32;
        self.sets.push(facets);
        let sets = &self.sets;
        self.table.insert_unique(hash, id, |&at| self::hash(&sets[at as usize]));
        FacetId(id)
    }

    /// The labels of a combination.
    pub fn get(&self, id: FacetId) -> &Facets {
        &self.sets[id.index()]
    }

    /// The labels of the combination with a number.
    pub(super) fn at(&self, number: u32) -> &Facets {
        self.get(FacetId(number))
    }

    /// Every combination in order of its id.
    pub fn iter(&self) -> impl Iterator<Item = (FacetId, &Facets)> {
        self.sets.iter().enumerate().map(|(at, facets)| (FacetId(at as u32), facets))
    }

    /// Number of combinations.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Never true: "no labels" is always there.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    pub(super) fn memory(&self) -> usize {
        self.sets.capacity() * size_of::<Facets>() + self.table.capacity() * 5
    }
}

fn hash(facets: &Facets) -> u64 {
    let mut hasher = FxHasher::default();
    for symbol in facets.to_array() {
        hasher.write_u32(symbol.index() as u32);
    }
    hasher.finish()
}
