//! Pieces of screens that know nothing of the model: they draw into a buffer.

mod bar;
mod draw;
mod frame;
mod scale;

pub use bar::{Bar, BarEnd};
pub use draw::{Line, put, put_right};
pub use frame::{panel, popup};
pub use scale::{TimeScale, ruler};
