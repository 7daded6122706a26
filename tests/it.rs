//! Tests of the whole, one binary: a module for what a user does.

#[path = "it/demo.rs"]
mod demo;
#[path = "it/live_sqlite/mod.rs"]
mod live_sqlite;
