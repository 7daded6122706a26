//! Which costs count: those that sources report, or those worked out from price lists.

use std::fmt;
use std::str::FromStr;

/// Which costs count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CostMode {
    /// What the source reports, else what the price lists say.
    #[default]
    Auto,
    /// Only what the source reports.
    Reported,
    /// Only what the price lists say.
    Calculated,
}

impl CostMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Reported, Self::Calculated];

    /// Its word on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Reported => "reported",
            Self::Calculated => "calculated",
        }
    }
}

impl fmt::Display for CostMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CostMode {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(word.trim()));
        found.ok_or_else(|| "one of auto, reported, calculated".to_owned())
    }
}
