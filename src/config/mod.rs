//! Settings: the configuration file, keys, themes. Data only; it knows no terminal. May import `model` and `text`.

mod action;
mod file;
mod keymap;
mod theme;

pub use action::{Action, Group};
pub use file::{Config, ConfigError, default_path, prices_path, state_dir};
pub use keymap::{Key, KeyName, Keymap, Lookup};
pub use theme::{Rgb, THEMES, ThemeColors, theme};
