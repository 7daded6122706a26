//! Logs that are read while they are written, rotated, cut and replaced.

mod big;
mod framing;
mod random;
mod scenarios;
mod streams;
mod support;
