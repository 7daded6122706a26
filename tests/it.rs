//! Tests of the whole, one binary: a module for what a user does.

#[path = "it/demo.rs"]
mod demo;
#[cfg(unix)]
#[path = "it/live_files/mod.rs"]
mod live_files;
#[path = "it/live_sqlite/mod.rs"]
mod live_sqlite;
