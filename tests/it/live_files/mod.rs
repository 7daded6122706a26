//! Logs that are read while they are written, rotated, cut and replaced.
#![expect(clippy::expect_used, reason = "in a test that is how a failure shows")]

mod big;
mod folders;
mod framing;
mod random;
mod scenarios;
mod streams;
mod support;
mod whole;
