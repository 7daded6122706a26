//! The screen: a model, the messages that change it, and views that draw it. May import everything but `record` and
//! `cli`.

mod ascii;
mod choose;
mod event;
mod glyph;
mod headless;
mod model;
mod msg;
mod pager;
mod painter;
mod run;
mod signal;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod update;
mod view;
mod widget;

/// The zone that clock times are shown in. Tests use UTC, so that their pictures are the same everywhere.
#[cfg(not(test))]
use chrono::Local as Zone;
#[cfg(test)]
use chrono::Utc as Zone;

pub use ascii::wants_ascii;
pub use choose::{Choice, ChoiceFigures, Chosen, choose};
pub use model::Model;
pub use painter::Painter;
pub use run::{Exit, Options, run};
pub use theme::Depth;
