//! What happens to the model, and what the model asks of the world.

use crossterm::event::MouseEvent;

use super::model::{Found, PayloadSearch};
use crate::config::Key;
use crate::model::{Batch, Id, PayloadRef, RecordRange, SpanDetail, UnixNanos};
use crate::price::{CostMode, PriceTable};
use crate::source::SourceMessage;
use crate::store::{SpanIx, TraceIx};

/// Something that happened.
#[derive(Debug)]
pub(super) enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// The terminal has another size: columns, rows.
    Resize(u16, u16),
    /// A source has something to say.
    Source(SourceMessage),
    /// The price lists are decoded; and which costs count.
    Prices(Box<PriceTable>, CostMode),
    /// A payload for the detail pane.
    Detail(SpanIx, Result<SpanDetail, String>),
    /// What was found in payloads for the filter, in the batch with this number.
    FoundForFilter(u64, Found),
    /// What was found in payloads for the search with this number.
    FoundForSearch(u64, Found),
    /// The records of a trace that had left memory.
    Restored(TraceIx, Result<Batch, String>),
    /// Time passed: things that grow are drawn again.
    Tick,
}

/// Something the loop does for the model.
#[derive(Debug)]
pub(super) enum Effect {
    /// Read a payload for the detail pane.
    ReadDetail(SpanIx, Vec<PayloadRef>),
    /// Search payloads for the filter.
    SearchForFilter(PayloadSearch),
    /// Search payloads for the search.
    SearchForSearch(PayloadSearch),
    /// Read a trace that left memory once more: its id, where its records lie, when they came.
    Restore(TraceIx, Id, Vec<RecordRange>, UnixNanos),
    /// Put text on the clipboard. It is what the user asked for with a key, and safe.
    Copy(String),
    /// Show text in the pager.
    Pager(String),
    /// Write a line to the log file.
    Log(String),
    /// Suspend.
    Suspend,
    /// Ring the terminal's bell.
    Bell,
    /// Draw everything again.
    Redraw,
    /// Leave.
    Quit,
    /// Leave, because the user broke off.
    Interrupt,
}
