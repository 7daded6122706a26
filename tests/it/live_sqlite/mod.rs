//! Following a SQLite span store while another process writes it.
//!
//! The writer is this test binary, started again with a scenario in its environment: locks only mean something between
//! processes, and a writer that is killed must not take the test with it.

mod harm;
mod hostile;
mod scenarios;
mod support;
