//! tracetui.

pub mod analysis;
pub mod config;
pub mod filter;
pub mod format;
pub mod model;
pub mod price;
pub mod record;
pub mod store;
pub mod text;
