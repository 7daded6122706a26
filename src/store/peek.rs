//! What few want to know about a span: the sieve, and whoever copies a trace row by row.

use super::SpanView;
use super::columns::RowBits;
use crate::model::{Status, Symbol};

impl<'a> SpanView<'a> {
    /// The row of its trace that came before it, as in [`TraceView::spans`](super::TraceView::spans).
    pub fn previous(&self) -> Option<SpanView<'a>> {
        let row = self.store().columns.links[self.ix().index()].previous;
        (row != super::NONE).then(|| self.store().span(super::SpanIx(row)))
    }

    /// The row of its parent, or none.
    pub(super) fn parent_row(&self) -> u32 {
        self.store().columns.links[self.ix().index()].parent
    }

    /// Whether some span names it as its parent.
    pub(super) fn has_children(&self) -> bool {
        self.store().columns.state[self.ix().index()].bits.has(RowBits::HAS_CHILDREN)
    }

    /// The symbol of its error message.
    pub(super) fn error_symbol(&self) -> Symbol {
        self.store().columns.errors.get(&self.ix().0).copied().unwrap_or_default()
    }

    /// Whether it has neither an end nor a status that says that it is over.
    pub(super) fn is_open(&self) -> bool {
        self.end().is_none() && !self.written_status().is_some_and(Status::is_terminal)
    }
}
