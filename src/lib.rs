//! tracetui.

pub mod model;
pub mod store;
