//! Pieces of screens that know nothing of the model: they draw into a buffer.

mod bar;
mod draw;
mod frame;
mod scale;

pub(super) use bar::{Bar, BarEnd};
pub(super) use draw::{Line, own, own_right, put, put_middle, put_middle_right, put_right, put_safe};
pub(super) use frame::{panel, popup, wipe};
pub(super) use scale::{TimeScale, ruler};
