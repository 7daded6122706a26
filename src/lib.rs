//! tracetui.

pub mod analysis;
pub mod config;
pub mod filter;
pub mod model;
pub mod price;
pub mod record;
pub mod store;
pub mod text;
