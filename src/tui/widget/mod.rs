//! Pieces of screens that know nothing of the model: they draw into a buffer.

mod bar;
mod draw;
mod frame;
mod scale;

pub(super) use bar::{Bar, BarEnd};
pub(super) use draw::{Line, put, put_right};
pub(super) use frame::{panel, popup};
pub(super) use scale::{TimeScale, ruler};
