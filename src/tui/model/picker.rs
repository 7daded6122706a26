//! Pickers: the steps, models, tools or agents there are, with what they did and cost.

use crate::analysis::{Figures, Report};
use crate::model::{Field, GroupBy, NanoUsd};
use crate::store::{Clock, Store};

/// Above this many rows a picker sums over combinations of labels and leaves inherited labels out.
const EXACT_ROWS: usize = 200_000;

/// A value to pick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The value; untrusted text.
    pub value: String,
    /// Spans of its own kind.
    pub count: u64,
    /// Errors among them.
    pub errors: u64,
    /// Tokens.
    pub tokens: u64,
    /// Cost.
    pub cost: NanoUsd,
    /// Calls without a price.
    pub unpriced: u64,
    /// Median duration, nanoseconds.
    pub p50: i64,
}

/// A list of values of one field, narrowed as the user types.
#[derive(Debug)]
pub struct Picker {
    /// The field.
    pub field: Field,
    /// What was typed.
    pub query: String,
    items: Vec<Item>,
    shown: Vec<usize>,
    /// The chosen row among the shown ones.
    pub cursor: usize,
    /// First row on the screen.
    pub offset: usize,
}

impl Picker {
    /// Lists the values of a field; `None` for a field that has no picker.
    pub fn open(store: &Store, clock: &Clock, field: Field) -> Option<Self> {
        let by = group_of(field)?;
        let items = if store.rows() <= EXACT_ROWS {
            let report = Report::build(store, clock, Some(by), &|_| true);
            report.groups.iter().map(|group| item(&group.key, &group.figures)).collect()
        } else {
            from_combinations(store, field)
        };
        let mut picker = Self { field, query: String::new(), items, shown: Vec::new(), cursor: 0, offset: 0 };
        picker.narrow();
        Some(picker)
    }

    /// The shown values.
    pub fn shown(&self) -> impl ExactSizeIterator<Item = &Item> {
        self.shown.iter().map(|at| &self.items[*at])
    }

    /// Number of values in all.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether any of the values has calls without a price.
    pub fn has_unpriced(&self) -> bool {
        self.items.iter().any(|item| item.unpriced > 0)
    }

    /// Whether there is nothing to pick.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The chosen value.
    pub fn chosen(&self) -> Option<&Item> {
        self.shown.get(self.cursor).map(|at| &self.items[*at])
    }

    /// Moves the cursor.
    pub fn move_by(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.shown.len().saturating_sub(1));
    }

    /// Takes another query.
    pub fn set_query(&mut self, query: String) {
        self.query = query;
        self.narrow();
    }

    fn narrow(&mut self) {
        self.shown = narrowed(&self.query, self.items.iter().map(|item| item.value.as_str()));
        (self.cursor, self.offset) = (0, 0);
    }
}

/// The positions of the texts that match a query fuzzily, best first; all in order without a query.
pub(crate) fn narrowed<'a>(query: &str, texts: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let texts: Vec<&str> = texts.collect();
    if query.trim().is_empty() {
        return (0..texts.len()).collect();
    }
    let found = frizbee::Matcher::new(query.trim(), &frizbee::Config::default()).match_list(&texts);
    found.into_iter().map(|found| found.index as usize).collect()
}

fn group_of(field: Field) -> Option<GroupBy> {
    Some(match field {
        Field::Step => GroupBy::Step,
        Field::Model => GroupBy::Model,
        Field::Tool => GroupBy::Tool,
        Field::Agent => GroupBy::Agent,
        _ => return None,
    })
}

fn item(value: &str, figures: &Figures) -> Item {
    let totals = &figures.totals;
    Item {
        value: value.to_owned(),
        count: figures.duration.count.max(totals.llm_calls.min(totals.spans)),
        errors: totals.errors,
        tokens: totals.tokens.total(),
        cost: totals.cost,
        unpriced: totals.unpriced_calls,
        p50: figures.duration.p50,
    }
}

/// Sums over combinations of labels: quick at any size, without labels that spans inherit.
fn from_combinations(store: &Store, field: Field) -> Vec<Item> {
    let mut sums: std::collections::BTreeMap<&str, Figures> = std::collections::BTreeMap::new();
    for (id, facets) in store.facets().iter() {
        let symbol = facets.get(field).unwrap_or_default();
        if symbol.is_some() {
            sums.entry(store.strings().get(symbol)).or_default().totals.merge(&store.facet_totals(id));
        }
    }
    let mut items: Vec<Item> = sums
        .iter()
        .map(|(value, figures)| Item { count: figures.totals.spans, ..item(value, figures) })
        .collect();
    items.sort_by(|a, b| {
        (b.cost, b.tokens, b.count).cmp(&(a.cost, a.tokens, a.count)).then(a.value.cmp(&b.value))
    });
    items
}
