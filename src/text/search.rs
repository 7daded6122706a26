//! Looking for text in records as they lie in a file, without decoding them.
//!
//! A text is looked for through its longest stretch that JSON spells in one way only. Where that is all of it, finding
//! it settles the matter; else the record has to be decoded to be sure. Letters compare without case.

use memchr::memmem::Finder;

use crate::model::SpanDetail;

/// Bytes of a stretch that is seldom found by chance.
const ENOUGH: usize = 3;

/// What is looked for in payloads.
#[derive(Clone, Debug, Default)]
pub struct Query {
    texts: Vec<Needle>,
    attributes: Vec<Needle>,
}

/// What a payload said to a [`Query`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether each text is there, in the order of the query; of missing ones nothing was found.
    pub texts: Vec<bool>,
    /// The attributes of the query that are there, with their values as JSON text.
    pub attributes: Vec<(String, String)>,
}

/// A text to look for.
#[derive(Clone, Debug)]
pub struct Needle {
    text: String,
    lowered: String,
    /// Each record with the text holds one of these, once its ASCII letters are lower case.
    traces: Vec<Finder<'static>>,
    /// Whether each record that holds a trace has the text.
    is_exact: bool,
}

/// What a look at the bytes of a record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Texts that are there for certain.
    pub certain: Vec<bool>,
    /// Whether decoding may find more.
    pub open: bool,
}

impl Query {
    /// Looks for texts and attributes.
    pub fn new(texts: &[String], attributes: &[String]) -> Self {
        Self {
            texts: texts.iter().map(|text| Needle::new(text)).collect(),
            attributes: attributes.iter().map(|name| Needle::name(name)).collect(),
        }
    }

    /// The texts.
    pub fn texts(&self) -> &[Needle] {
        &self.texts
    }

    /// Every needle, texts first.
    pub fn needles(&self) -> impl Iterator<Item = &Needle> {
        self.texts.iter().chain(&self.attributes)
    }

    /// The place of a text among the texts.
    pub fn position(&self, text: &str) -> Option<usize> {
        self.texts.iter().position(|needle| needle.text == text)
    }

    /// Takes in that the needle with a number, counted as by [`Query::needles`], has a trace in a record.
    pub fn note(&self, needle: usize, glance: &mut Glance) {
        match self.texts.get(needle) {
            Some(text) if text.is_exact => {
                glance.certain.resize(self.texts.len(), false);
                glance.certain[needle] = true;
            }
            _ => glance.open = true,
        }
    }

    /// Looks at text whose ASCII letters are lower case.
    pub fn glance(&self, lowered: &[u8], glance: &mut Glance) {
        for (at, needle) in self.needles().enumerate() {
            if needle.find(lowered).is_some() {
                self.note(at, glance);
            }
        }
    }

    /// What a decoded payload says.
    pub fn facts(&self, detail: &SpanDetail) -> Facts {
        let attributes = detail.attributes.iter();
        Facts {
            texts: self.texts.iter().map(|needle| needle.is_in_detail(detail)).collect(),
            attributes: attributes
                .filter(|(name, _)| self.attributes.iter().any(|wanted| wanted.text == *name))
                .cloned()
                .collect(),
        }
    }
}

impl Needle {
    /// Looks for text.
    pub fn new(text: &str) -> Self {
        Self::with(text, is_plain)
    }

    /// Looks for the name of an attribute, which may be joined from parts by dots.
    fn name(text: &str) -> Self {
        Self { is_exact: false, ..Self::with(text, |byte| is_plain(byte) && byte != b'.') }
    }

    fn with(text: &str, is_plain: impl Fn(u8) -> bool) -> Self {
        let lowered = text.to_lowercase();
        let run =
            lowered.as_bytes().split(|byte| !is_plain(*byte)).max_by_key(|run| run.len()).unwrap_or_default();
        let is_exact = run.len() == lowered.len();
        let spelled = if is_exact || run.len() >= ENOUGH { Vec::new() } else { spellings(&lowered) };
        let traces = match (spelled.is_empty(), run.is_empty()) {
            (false, _) => spelled,
            (true, false) => vec![Finder::new(run).into_owned()],
            (true, true) => Vec::new(),
        };
        Self { is_exact, text: text.to_owned(), lowered, traces }
    }

    /// Where a record may have it, in bytes whose ASCII letters are lower case.
    pub fn find(&self, lowered: &[u8]) -> Option<usize> {
        if self.traces.is_empty() {
            return (!lowered.is_empty()).then_some(0);
        }
        self.traces.iter().filter_map(|trace| trace.find(lowered)).min()
    }

    /// What each record that has it holds one of, in bytes whose ASCII letters are lower case; nothing when that cannot
    /// be said.
    pub fn traces(&self) -> &[Finder<'static>] {
        &self.traces
    }

    /// Whether text has it.
    pub fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.lowered)
    }

    /// Whether anything of a payload has it.
    pub fn is_in_detail(&self, detail: &SpanDetail) -> bool {
        [&detail.input, &detail.output, &detail.error].into_iter().flatten().any(|text| self.is_in(text))
            || detail.attributes.iter().any(|(name, value)| self.is_in(name) || self.is_in(value))
            || self.is_in(&detail.raw)
    }
}

/// Whether a byte is itself in every spelling of JSON, and in the cells of a table alike.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" _-.@#%!?=;*~^|$()".contains(&byte)
}

/// How the first letter beyond ASCII may be spelled; nothing when there is none.
fn spellings(lowered: &str) -> Vec<Finder<'static>> {
    let Some(letter) = lowered.chars().find(|c| !c.is_ascii()) else { return Vec::new() };
    let mut forms: Vec<char> = std::iter::once(letter).chain(letter.to_uppercase()).collect();
    // The last letter of a Greek word is another one.
    if matches!(letter, 'σ' | 'ς') {
        forms.extend(['σ', 'ς']);
    }
    // Upper case letters that are lowered to several, or share their lower case, are not worth more than a look.
    let is_alone = forms.iter().all(|form| form.to_lowercase().count() == 1);
    if !is_alone {
        return Vec::new();
    }
    let mut spelled: Vec<Vec<u8>> = Vec::new();
    for form in forms {
        spelled.push(form.to_string().into_bytes());
        if let Some(unit) = form.encode_utf16(&mut [0; 2]).first() {
            spelled.push(format!("\\u{unit:04x}").into_bytes());
        }
    }
    spelled.sort();
    spelled.dedup();
    spelled.into_iter().map(|bytes| Finder::new(&bytes).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(text: &str, ascii: bool) -> (Vec<u8>, SpanDetail) {
        let mut raw = format!("{{\"input\":{}}}", serde_json::to_string(text).unwrap());
        if ascii {
            raw = raw
                .encode_utf16()
                .map(|unit| match u8::try_from(unit) {
                    Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
                    _ => format!("\\u{unit:04X}"),
                })
                .collect();
        }
        (
            raw.to_ascii_lowercase().into_bytes(),
            SpanDetail { input: Some(text.to_owned()), raw, ..SpanDetail::default() },
        )
    }

    proptest! {
        #[test]
        fn a_glance_never_misses_what_decoding_finds(
            before in "[a-zé\"\\\\\n ]{0,8}",
            text in "[a-zA-Z0-9 .,:\"\\\\/\nßéÉžдДσΣς😀{}-]{1,6}",
            after in "[A-Zд ]{0,8}",
            upper in any::<bool>(),
            ascii in any::<bool>(),
        ) {
            let query = Query::new(&[text.clone(), "nowhere to be found".to_owned()], &[]);
            let held = if upper { text.to_uppercase() } else { text.clone() };
            let (lowered, detail) = record(&format!("{before}{held}{after}"), ascii);
            let facts = query.facts(&detail);
            let mut glance = Glance::default();
            query.glance(&lowered, &mut glance);
            let certain = glance.certain.first().copied().unwrap_or_default();
            prop_assert!(!facts.texts[1]);
            if certain {
                prop_assert!(facts.texts[0], "{} in {}", text, detail.raw);
            } else if facts.texts[0] {
                prop_assert!(glance.open, "{} in {}", text, detail.raw);
            }
        }
    }

    #[test]
    fn plain_text_needs_no_decoding() {
        let query = Query::new(&["Timed OUT".to_owned()], &["retry.count".to_owned()]);
        let mut glance = Glance::default();
        query.glance(b"{\"error\":\"it timed out\"}", &mut glance);
        assert_eq!(glance, Glance { certain: vec![true], open: false });
        query.glance(b"{\"retry\":{\"count\":3}}", &mut glance);
        assert!(glance.open);
        let mut nothing = Glance::default();
        query.glance(b"{\"error\":\"timed  out\"}", &mut nothing);
        assert_eq!(nothing, Glance::default());
    }
}
