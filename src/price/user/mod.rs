//! Price files of the user: our own TOML and three foreign shapes, told apart by what is in them.

mod json;
mod litellm;
mod models_dev;
mod rule;
mod toml;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use rule::{Rule, RulePrice, fits};

use super::catalogue::Catalogue;

/// Largest price file that is read, bytes.
const MAX_SIZE: u64 = 64 << 20;

/// Why a price file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceFileError {
    /// It can't be read.
    #[error("failed to read the price file: {0}: {1}")]
    Read(std::io::Error, PathBuf),
    /// Something in it isn't what it should be.
    #[error("{file}:{line}: {message}", file = .0.display(), line = .1.line, message = .1.message)]
    Invalid(PathBuf, Fault),
}

/// What is wrong with a price file.
#[derive(Debug)]
pub struct Fault {
    /// Where, counted from 1.
    pub line: u32,
    /// What, and what was expected.
    pub message: String,
}

/// Where a byte of a text is, as a line counted from 1.
fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    memchr::memchr_iter(b'\n', before).count() as u32 + 1
}

/// Where the lines of a text end, to find many places in it.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// The line of a byte, counted from 1.
    fn at(&self, offset: usize) -> u32 {
        self.0.partition_point(|end| *end < offset) as u32 + 1
    }
}

fn fault(text: &str, offset: usize, message: impl Into<String>) -> Fault {
    Fault { line: line_at(text, offset), message: message.into() }
}

/// The prices of the user's files; later files come before earlier ones.
#[derive(Clone, Debug, Default)]
pub struct UserPrices {
    pub(super) files: Vec<File>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) shape: Shape,
    /// Rows; a later one comes before an earlier one.
    pub(super) rules: Vec<Rule>,
    pub(super) aliases: Vec<Alias>,
    /// A catalogue in the bundled one's shape, in place of rows.
    pub(super) catalogue: Option<Arc<Catalogue>>,
}

/// A name that stands for another one.
#[derive(Clone, Debug)]
pub(super) struct Alias {
    pub(super) line: u32,
    /// The name in lower case, perhaps as provider/model.
    pub(super) name: Box<str>,
    /// What it stands for, perhaps as provider/model.
    pub(super) target: Box<str>,
}

/// The shapes of price files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Own,
    LiteLlm,
    GenaiPrices,
    ModelsDev,
}

impl Shape {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Own => "tracetui",
            Self::LiteLlm => "litellm",
            Self::GenaiPrices => "genai-prices",
            Self::ModelsDev => "models.dev",
        }
    }
}

impl UserPrices {
    /// Reads price files. Where two have a price for the same call, the later file's holds.
    pub fn read(paths: &[PathBuf]) -> Result<Self, PriceFileError> {
        let mut prices = Self::default();
        for path in paths {
            let text = read(path).map_err(|error| PriceFileError::Read(error, path.clone()))?;
            let file = parse(path, &text).map_err(|fault| PriceFileError::Invalid(path.clone(), fault))?;
            prices.files.push(file);
        }
        Ok(prices)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > MAX_SIZE {
        return Err(std::io::Error::other("it is larger than 64 MiB"));
    }
    std::fs::read_to_string(path)
}

/// Reads one file of any shape.
fn parse(path: &Path, text: &str) -> Result<File, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut file = File {
        path: path.to_owned(),
        shape: Shape::Own,
        rules: Vec::new(),
        aliases: Vec::new(),
        catalogue: None,
    };
    match text.trim_start().as_bytes().first() {
        Some(b'[') if is_json_array(text) => {
            file.shape = Shape::GenaiPrices;
            json::check(text)?;
            let catalogue = Catalogue::from_json(text).map_err(|why| {
                fault(text, 0, format!("{why}; expected the array of providers of genai-prices v2"))
            })?;
            file.catalogue = Some(Arc::new(catalogue));
        }
        Some(b'{') => {
            let members = json::members(text, text)?;
            if models_dev::is_it(text, &members) {
                file.shape = Shape::ModelsDev;
                file.rules = models_dev::rules(text, &members)?;
            } else {
                file.shape = Shape::LiteLlm;
                file.rules = litellm::rules(text, &members)?;
            }
            if file.rules.is_empty() {
                return Err(fault(
                    text,
                    0,
                    "no prices found; expected LiteLLM's map of models or models.dev's api.json",
                ));
            }
        }
        _ => toml::read(text, &mut file)?,
    }
    Ok(file)
}

/// A TOML file may begin with a bracket too, but never with one that an object or another bracket follows on the same
/// level; `[[` begins a table there.
fn is_json_array(text: &str) -> bool {
    let mut chars = text.trim_start().chars().skip(1).skip_while(|c| c.is_whitespace());
    matches!(chars.next(), Some('{' | ']'))
}

#[cfg(test)]
mod tests;
