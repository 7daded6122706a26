//! Tests of the whole, one binary: a module for what a user does, and a few for how the project is built.

#[path = "it/agent_copies.rs"]
mod agent_copies;
#[path = "it/bill.rs"]
mod bill;
#[path = "it/check.rs"]
mod check;
#[path = "it/cli.rs"]
mod cli;
#[path = "it/demo.rs"]
mod demo;
#[path = "it/formats.rs"]
mod formats;
#[cfg(unix)]
#[path = "it/hostile/mod.rs"]
mod hostile;
#[path = "it/layering.rs"]
mod layering;
#[cfg(unix)]
#[path = "support/lexer.rs"]
mod lexer;
#[path = "support/live.rs"]
mod live;
#[path = "it/live_agents.rs"]
mod live_agents;
#[cfg(unix)]
#[path = "it/live_files/mod.rs"]
mod live_files;
#[path = "it/live_logs.rs"]
mod live_logs;
#[path = "it/live_otlp.rs"]
mod live_otlp;
#[path = "it/live_sqlite/mod.rs"]
mod live_sqlite;
#[path = "it/live_stores.rs"]
mod live_stores;
#[path = "it/memory.rs"]
mod memory;
#[path = "it/prices.rs"]
mod prices;
#[path = "it/program.rs"]
mod program;
#[cfg(unix)]
#[path = "it/pty/mod.rs"]
mod pty;
#[cfg(unix)]
#[path = "it/ratios.rs"]
mod ratios;
#[path = "it/readme.rs"]
mod readme;
#[path = "it/registry.rs"]
mod registry;
#[path = "it/sources.rs"]
mod sources;
#[cfg(unix)]
#[path = "support/pty.rs"]
mod terminal;
#[path = "it/writers.rs"]
mod writers;
