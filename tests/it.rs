//! What users do, one module each.

#[path = "it/demo.rs"]
mod demo;
