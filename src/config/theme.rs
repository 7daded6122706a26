//! Colour themes as data: `assets/themes/*.toml`, drawn on the terminal's own background.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{SpanKind, Status};

/// A colour, or the terminal's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rgb(pub Option<(u8, u8, u8)>);

impl TryFrom<String> for Rgb {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii());
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let value = value.ok_or_else(|| {
            format!("{text} is no colour; write #rrggbb, or nothing for the terminal's own")
        })?;
        Ok(Self(Some(((value >> 16) as u8, (value >> 8) as u8, value as u8))))
    }
}

impl<'de> Deserialize<'de> for Rgb {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The colours of a theme.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThemeColors {
    /// Ordinary text.
    pub text: Rgb,
    /// Less important text.
    pub dim: Rgb,
    /// Lines, units, hints.
    pub faint: Rgb,
    /// What is active.
    pub accent: Rgb,
    /// Borders.
    pub border: Rgb,
    /// The border of the panel that has the keys.
    pub border_focus: Rgb,
    /// Background of the selected row.
    pub selection: Rgb,
    /// Good news.
    pub good: Rgb,
    /// Warnings.
    pub warn: Rgb,
    /// Errors.
    pub bad: Rgb,
    /// Hits of a search.
    #[serde(rename = "match")]
    pub hit: Rgb,
    kind: BTreeMap<String, Rgb>,
    status: BTreeMap<String, Rgb>,
}

impl ThemeColors {
    /// The colour of a kind.
    pub fn kind(&self, kind: SpanKind) -> Rgb {
        self.kind.get(kind.as_str()).copied().unwrap_or_default()
    }

    /// The colour of a status.
    pub fn status(&self, status: Status) -> Rgb {
        self.status.get(status.as_str()).copied().unwrap_or_default()
    }
}

/// The themes that come with the program, by name.
pub const THEMES: [(&str, &str); 4] = [
    ("dark", include_str!("../../assets/themes/dark.toml")),
    ("light", include_str!("../../assets/themes/light.toml")),
    ("high-contrast", include_str!("../../assets/themes/high-contrast.toml")),
    ("mono", include_str!("../../assets/themes/mono.toml")),
];

/// The colours of a theme by its name; `None` when there is no such theme.
pub fn theme(name: &str) -> Option<ThemeColors> {
    let (_, toml) = THEMES.iter().find(|(known, _)| *known == name)?;
    toml::from_str(toml).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_names_every_kind_and_status() {
        for (name, _) in THEMES {
            let theme = theme(name).unwrap_or_else(|| panic!("{name} does not parse"));
            assert_eq!(theme.kind.len(), SpanKind::ALL.len(), "{name}");
            assert_eq!(theme.status.len(), Status::ALL.len(), "{name}");
            for kind in SpanKind::ALL {
                assert!(theme.kind.contains_key(kind.as_str()), "{name}: {kind}");
                assert_eq!(theme.kind(*kind).0.is_none(), name == "mono", "{name}: {kind}");
            }
        }
    }
}
