//! tracetui.

pub mod filter;
pub mod model;
pub mod price;
