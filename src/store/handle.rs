//! Handles of the store's tables. A handle is only good for the store that gave it out; it never changes its meaning.

/// A span's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanIx(pub(super) u32);

/// A trace's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceIx(pub(super) u32);

/// "No row" in a column of handles.
pub(super) const NONE: u32 = u32::MAX;

impl SpanIx {
    /// Position in the span table, below [`Store::rows`](super::Store::rows).
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The span at a position.
    pub fn from_index(index: usize) -> Self {
        Self(index as u32)
    }

    pub(super) fn some(raw: u32) -> Option<Self> {
        (raw != NONE).then_some(Self(raw))
    }
}

impl TraceIx {
    /// Position in the trace table.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The trace at a position.
    pub fn from_index(index: usize) -> Self {
        Self(index as u32)
    }
}
