//! Text compared without case.

use std::borrow::Cow;

use memchr::memmem::Finder;

use super::ast::Pattern;

/// A way to compare text, prepared once.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// Letters in this order, lowered.
    Fuzzy(Vec<char>),
    /// There is any text.
    Present,
    /// The whole text, between wildcards, lowered.
    Whole(Box<[Part]>),
    /// The parts in this order, anywhere.
    Contains(Box<[Part]>),
    /// One of these.
    Any(Box<[Matcher]>),
}

/// A literal between wildcards.
#[derive(Clone, Debug)]
pub(super) struct Part {
    lowered: Box<str>,
    finder: Finder<'static>,
}

impl Part {
    fn new(text: &str) -> Self {
        let lowered = lower(text);
        Self { finder: Finder::new(lowered.as_bytes()).into_owned(), lowered: lowered.into() }
    }

    /// The end of the first occurrence at or after `from`.
    fn find(&self, text: &str, from: usize) -> Option<usize> {
        let found = self.finder.find(text.as_bytes().get(from..)?)?;
        Some(from + found + self.lowered.len())
    }
}

impl Matcher {
    pub(super) fn pattern(pattern: &Pattern, contains: bool) -> Self {
        let parts = pattern.parts().iter().map(|part| Part::new(part)).collect();
        match contains {
            true => Self::Contains(parts),
            false if pattern.is_any() => Self::Present,
            false => Self::Whole(parts),
        }
    }

    pub(super) fn fuzzy(word: &str) -> Self {
        Self::Fuzzy(lower(word).chars().collect())
    }

    pub(super) fn any(mut matchers: Vec<Self>) -> Self {
        match matchers.pop() {
            Some(only) if matchers.is_empty() => only,
            last => Self::Any(matchers.into_iter().chain(last).collect()),
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Present => !text.is_empty(),
            Self::Any(matchers) => matchers.iter().any(|matcher| matcher.matches(text)),
            Self::Fuzzy(letters) => {
                let mut wanted = letters.iter().peekable();
                for c in lower(text).chars() {
                    wanted.next_if(|letter| **letter == c);
                }
                wanted.peek().is_none()
            }
            Self::Whole(parts) => match &**parts {
                [only] if text.is_ascii() => only.lowered.eq_ignore_ascii_case(text),
                [only] => *only.lowered == *lower(text),
                _ => whole(parts, &lower(text)),
            },
            Self::Contains(parts) => {
                let text = lower(text);
                parts.iter().try_fold(0, |from, part| part.find(&text, from)).is_some()
            }
        }
    }
}

/// Whether `text` is the parts in order with anything between them; there are at least two.
fn whole(parts: &[Part], text: &str) -> bool {
    let [first, middle @ .., last] = parts else { return false };
    let Some(rest) = text.strip_prefix(&*first.lowered).and_then(|rest| rest.strip_suffix(&*last.lowered))
    else {
        return false;
    };
    middle.iter().try_fold(0, |from, part| part.find(rest, from)).is_some()
}

/// Lowers letter by letter, so that both sides of a comparison come out alike whatever stands around a letter.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    let lowered = text.chars().flat_map(char::to_lowercase);
    Cow::Owned(lowered.map(|c| if c == 'ς' { 'σ' } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(parts: &[&str]) -> Matcher {
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        Matcher::pattern(&Pattern::from_parts(parts), false)
    }

    #[test]
    fn wildcards_do_not_overlap() {
        assert!(whole(&["ab", "ba"]).matches("abba"));
        assert!(!whole(&["ab", "ba"]).matches("aba"));
        assert!(whole(&["a", "b", "c"]).matches("a-b-b-c"));
        assert!(!whole(&["a", "b", "b", "c"]).matches("a-b-c"));
        assert!(whole(&["", "coder", ""]).matches("qwen2.5-Coder:latest"));
    }

    #[test]
    fn case_does_not_matter_in_any_script() {
        assert!(whole(&["ΟΔΟΣ"]).matches("οδος"));
        assert!(whole(&["straße"]).matches("STRAßE"));
        assert!(whole(&["İ"]).matches("İ"));
        assert!(Matcher::fuzzy("ÉT").matches("été"));
    }

    #[test]
    fn fuzzy_keeps_the_order() {
        assert!(Matcher::fuzzy("exint").matches("Extract Intent"));
        assert!(!Matcher::fuzzy("intex").matches("Extract Intent"));
        assert!(!Matcher::fuzzy("aa").matches("a"));
    }
}
