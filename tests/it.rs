//! Tests of the whole, one binary: a module for what a user does.

#[path = "it/demo.rs"]
mod demo;
#[cfg(unix)]
#[path = "it/hostile/mod.rs"]
mod hostile;
#[cfg(unix)]
#[path = "support/lexer.rs"]
mod lexer;
#[path = "it/live_sqlite/mod.rs"]
mod live_sqlite;
#[cfg(unix)]
#[path = "it/pty/mod.rs"]
mod pty;
#[cfg(unix)]
#[path = "support/pty.rs"]
mod terminal;
