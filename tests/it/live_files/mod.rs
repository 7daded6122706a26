//! Logs that are read while they are written, rotated, cut and replaced.

mod scenarios;
mod support;
