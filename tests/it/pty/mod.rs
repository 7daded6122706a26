//! The program in a terminal: what a user sees and what is left when it ends.

mod choosing;
mod leaving;
mod live;
mod screens;
mod spans;
mod terminals;
