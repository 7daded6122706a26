//! Broken and hostile databases.
