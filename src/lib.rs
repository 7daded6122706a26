//! tracetui.

pub mod model;
