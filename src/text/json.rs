//! JSON text for display.

mod literal;

pub(crate) use literal::literal_end;
pub use literal::{quote, string_value, unquote};
