//! What is done to a name before it is looked up, as data.

use super::PriceSource;

/// Something that was done to a name before it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameStep {
    /// What.
    pub change: NameChange,
    /// The name before.
    pub from: String,
    /// What came of it.
    pub to: String,
}

/// What is done to names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameChange {
    /// The user says what it stands for, there.
    Alias(PriceSource),
    /// Another spelling of the provider.
    Provider,
    /// A path or prefix of the model was left out, or a display name written as an id.
    Stripped,
    /// The provider was read off the model's name.
    FromName,
    /// The provider was guessed from the model's name.
    Guessed,
    /// The catalogue's own name for the model.
    FiledAs,
}

impl NameChange {
    /// Its word on screen and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alias(_) => "alias",
            Self::Provider => "provider",
            Self::Stripped => "read as",
            Self::FromName => "in name",
            Self::Guessed => "guessed",
            Self::FiledAs => "listed as",
        }
    }
}
