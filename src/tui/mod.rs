//! The screen: a model, the messages that change it, and views that draw it. May import everything but `record` and
//! `cli`.

mod event;
mod glyph;
mod model;
mod msg;
mod pager;
mod run;
mod signal;
mod terminal;
mod theme;
mod update;
mod view;
mod widget;

pub use model::Model;
pub use run::{Exit, Options, run};
pub use theme::Depth;
