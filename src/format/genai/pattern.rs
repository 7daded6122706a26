//! Patterns of names: text with `*` for any text.

/// A name, or many names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::format) struct Pattern {
    /// What stands between the stars, in lower case.
    parts: Vec<String>,
}

impl<'de> serde::Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self { parts: text.to_ascii_lowercase().split('*').map(str::to_owned).collect() }
    }

    /// Whether only one name fits.
    pub(super) fn is_exact(&self) -> bool {
        self.parts.len() == 1
    }

    /// Patterns that say how a name ends come first, then longer ones.
    pub(super) fn rank(&self) -> (bool, std::cmp::Reverse<usize>) {
        let open = self.parts.first().is_some_and(String::is_empty);
        (!open, std::cmp::Reverse(self.parts.iter().map(String::len).sum()))
    }

    /// Whether a name fits; ASCII case does not matter.
    pub(super) fn fits(&self, name: &str) -> bool {
        let name = name.as_bytes();
        let (Some(first), Some(last)) = (self.parts.first(), self.parts.last()) else { return false };
        let starts = name.get(..first.len()).is_some_and(|head| head.eq_ignore_ascii_case(first.as_bytes()));
        if self.is_exact() {
            return starts && name.len() == first.len();
        }
        if !starts || name.len() < first.len() + last.len() {
            return false;
        }
        let (body, tail) = name.split_at(name.len() - last.len());
        if !tail.eq_ignore_ascii_case(last.as_bytes()) {
            return false;
        }
        let mut rest = body.get(first.len()..).unwrap_or_default();
        for part in self.parts.iter().take(self.parts.len() - 1).skip(1).filter(|part| !part.is_empty()) {
            let found =
                rest.windows(part.len()).position(|window| window.eq_ignore_ascii_case(part.as_bytes()));
            let Some(at) = found else { return false };
            rest = rest.get(at + part.len()..).unwrap_or_default();
        }
        true
    }
}

/// Whether one of several patterns fits.
pub(super) fn any_fits(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.fits(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, fits) in [
            ("chat", "Chat", true),
            ("chat", "chats", false),
            ("*.doGenerate", "ai.generateText.doGenerate", true),
            ("ai.generate*", "ai.generateText.doGenerate", true),
            ("llm.*.generate", "llm.openai.generate", true),
            ("llm.*.generate", "llm.generate", false),
            ("a*a", "a", false),
            ("*memory*", "recall_memory_now", true),
            ("*", "", true),
            ("é*", "é!", true),
            ("e*", "é!", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(name), fits, "{pattern} {name}");
        }
        assert!(Pattern::new("*.doGenerate").rank() < Pattern::new("ai.generateObject*").rank());
        assert!(Pattern::new("abc*").rank() < Pattern::new("ab*").rank());
    }
}
