//! The configuration file: `config.toml` in the configuration directory, never from the working directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy as _;
use serde::Deserialize;

use super::action::Action;
use super::keymap::Keymap;
use super::theme::theme;
use crate::format::Mapping;
use crate::text::nearest;

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("failed to read the configuration: {0}: {1}")]
    Read(std::io::Error, PathBuf),
    /// The file isn't what it should be; the message names line, column and key.
    #[error("{0} in the configuration file {1}")]
    Invalid(String, PathBuf),
}

/// What the configuration says.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Name of the theme.
    pub theme: Option<String>,
    /// Whether secrets are shown as they are.
    pub show_secrets: bool,
    /// Whether the window title shows cost and running spans.
    pub title: bool,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// Whether nothing but ASCII is drawn; without a word the locale decides.
    pub ascii: Option<bool>,
    /// After how many seconds without a record an open span counts as unfinished.
    pub stale_seconds: Option<u64>,
    /// Keys.
    pub keymap: Keymap,
    /// Where private formats keep their fields, by the names that `--format` takes.
    pub maps: BTreeMap<String, Arc<Mapping>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    theme: Option<String>,
    redact: Option<bool>,
    title: Option<bool>,
    mouse: Option<bool>,
    ascii: Option<bool>,
    stale_seconds: Option<u64>,
    #[serde(default)]
    keys: BTreeMap<String, Keys>,
    #[serde(default)]
    map: BTreeMap<String, BTreeMap<String, String>>,
}

/// One key or several.
#[derive(Debug)]
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let one = |value: &toml::Value| value.as_str().map(str::to_owned);
        let keys = match &value {
            toml::Value::Array(list) => list.iter().map(one).collect(),
            single => one(single).map(|key| vec![key]),
        };
        keys.map(Self).ok_or_else(|| serde::de::Error::custom("keys are text, or a list of texts"))
    }
}

impl Config {
    /// Reads `path`, or the file in the configuration directory if there is one.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let found = match path {
            Some(path) => Some(path.to_owned()),
            None => default_path().filter(|path| path.is_file()),
        };
        let Some(path) = found else {
            return Self::parse("").map_err(|why| ConfigError::Invalid(why, PathBuf::new()));
        };
        let text = std::fs::read_to_string(&path).map_err(|error| ConfigError::Read(error, path.clone()))?;
        Self::parse(&text).map_err(|why| ConfigError::Invalid(why, path))
    }

    /// Reads settings from TOML; the error names the place and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| {
            let message = unknown_setting(error.message()).unwrap_or_else(|| error.message().to_owned());
            match error.span() {
                Some(span) => {
                    let before = text.get(..span.start).unwrap_or_default();
                    let line = before.matches('\n').count() + 1;
                    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                    format!("{message} at line {line}, column {column}")
                }
                None => message,
            }
        })?;
        let mut changes = Vec::new();
        for (name, keys) in file.keys {
            let action = Action::from_name(&name).ok_or_else(|| {
                let known = Action::ALL.iter().map(|action| action.name());
                format!("keys.{name} is no action; the nearest is {}", nearest(known, &name))
            })?;
            changes.push((action, keys.0));
        }
        let keymap =
            Keymap::with(&changes).map_err(|(action, why)| format!("keys.{}: {why}", action.name()))?;
        if let Some(name) = &file.theme
            && theme(name).is_none()
        {
            return Err(format!(
                "theme {name} does not exist; the themes are dark, light, high-contrast and mono"
            ));
        }
        let mut maps = BTreeMap::new();
        for (name, fields) in file.map {
            let pairs = fields.iter().map(|(field, path)| (field.as_str(), path.as_str()));
            let mapping = Mapping::from_pairs(pairs).map_err(|why| format!("map.{name}: {why}"))?;
            maps.insert(name, Arc::new(mapping));
        }
        Ok(Self {
            theme: file.theme,
            show_secrets: file.redact == Some(false),
            title: file.title.unwrap_or(true),
            mouse: file.mouse.unwrap_or(true),
            ascii: file.ascii,
            stale_seconds: file.stale_seconds,
            keymap,
            maps,
        })
    }
}

/// Where the configuration file is looked for.
pub fn default_path() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.config_dir().join("tracetui").join("config.toml"))
}

/// Where the user's own prices are looked for.
pub fn prices_path() -> Option<PathBuf> {
    Some(default_path()?.with_file_name("prices.toml"))
}

/// Where the log file goes.
pub fn state_dir() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.state_dir().unwrap_or_else(|| strategy.data_dir()).join("tracetui"))
}

/// The message about a setting that does not exist, with the nearest that does in place of all of them.
fn unknown_setting(message: &str) -> Option<String> {
    let (name, known) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known = known.split('`').skip(1).step_by(2);
    Some(format!("{name} is no setting; the nearest is {}", nearest(known, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_place_key_and_the_nearest_name() {
        let error = |text: &str| Config::parse(text).expect_err("invalid");
        assert!(
            error("theme = \"dark\"\nthem = 1").contains("line 2"),
            "{}",
            error("theme = \"dark\"\nthem = 1")
        );
        assert_eq!(
            error("theme = \"dark\"\nstale_secs = 1"),
            "stale_secs is no setting; the nearest is stale_seconds at line 2, column 1"
        );
        assert!(error("[keys]\nqiut = \"x\"").contains("quit"));
        assert!(error("theme = \"neon\"").contains("high-contrast"));
        assert!(error("[keys]\nquit = \"j\"").contains("taken by down"));
        let wrong = error("[map.mine]\nmodle = \"x\"");
        assert!(wrong.starts_with("map.mine: modle is no field, the nearest is model"), "{wrong}");
        assert!(Config::parse("[map.mine]\nmodel = \"llm.name\"").expect("valid").maps.contains_key("mine"));
    }

    #[test]
    fn keys_are_one_or_several() {
        let config = Config::parse("redact = false\n[keys]\nquit = [\"x\", \"ctrl-q\"]\nhelp = \"f1\"")
            .expect("valid");
        assert!(config.show_secrets);
        assert_eq!(config.keymap.keys_of(Action::Quit), ["x", "ctrl-q"]);
        assert_eq!(config.keymap.keys_of(Action::Help), ["f1"]);
        let swapped = Config::parse("[keys]\nnext-hit = \"N\"\nprevious-hit = \"n\"").expect("valid");
        assert_eq!(swapped.keymap.keys_of(Action::NextHit), ["N"]);
    }

    #[test]
    fn the_default_file_says_the_defaults() {
        let written = Config::parse(include_str!("../../assets/config.default.toml")).expect("valid");
        let silent = Config::parse("").expect("valid");
        assert_eq!(written.stale_seconds, Some(3600));
        assert_eq!(
            (written.theme, written.show_secrets, written.title, written.mouse),
            (silent.theme, silent.show_secrets, silent.title, silent.mouse)
        );
    }
}
