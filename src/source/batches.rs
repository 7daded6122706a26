//! Decoded updates in pieces of bounded size: the receiver applies one between two looks at the keyboard.

use crate::model::Batch;

/// Updates after which a batch is closed.
const MAX_UPDATES: usize = 2_048;

/// Batches in the order of their source; the last one is being filled.
#[derive(Debug, Default)]
pub(super) struct Batches {
    full: Vec<Batch>,
    open: Batch,
}

impl Batches {
    /// The batch that is being filled.
    pub(super) fn open(&mut self) -> &mut Batch {
        &mut self.open
    }

    /// Closes the open batch when it has enough; called between two records.
    pub(super) fn cut(&mut self) {
        if self.open.updates.len() >= MAX_UPDATES {
            self.full.push(std::mem::take(&mut self.open));
        }
    }

    /// Takes everything out.
    pub(super) fn take(&mut self) -> Vec<Batch> {
        if !self.open.is_empty() {
            self.full.push(std::mem::take(&mut self.open));
        }
        std::mem::take(&mut self.full)
    }
}
