//! The made-up workflow of `tracetui demo`.
