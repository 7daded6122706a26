//! Following a SQLite span store while another process writes it.
//!
//! The writer is this test binary, started again with a scenario in its environment: locks only mean something between
//! processes, and a writer that is killed must not take the test with it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test needs is there, or the test fails")]

mod harm;
mod hostile;
mod scenarios;
mod support;
