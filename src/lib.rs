//! tracetui.

pub mod analysis;
pub mod cli;
pub mod config;
pub mod export;
pub mod filter;
pub mod format;
pub mod model;
pub mod price;
pub mod record;
pub mod source;
pub mod store;
pub mod text;
pub mod tui;
