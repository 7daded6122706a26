//! The mapping as it is read from its text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::pattern::{Pattern, any_fits};
use crate::format::usage::{Convention, Counter, counter};
use crate::model::SpanKind;

/// The text of the built-in mapping.
const TEXT: &str = include_str!("../../../assets/formats/genai.toml");

/// The built-in mapping.
pub(in crate::format) fn mapping() -> &'static Mapping {
    static MAPPING: LazyLock<Mapping> = LazyLock::new(|| Mapping::parse(TEXT).unwrap_or_default());
    &MAPPING
}

macro_rules! facts {
    ($($variant:ident = $name:literal,)+) => {
        /// Something that attributes say about a span.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::format) enum Fact { $($variant,)+ }

        impl Fact {
            const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $name),)+];
            /// How many there are.
            pub(super) const COUNT: usize = Self::ALL.len();

            fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().find(|(_, known)| *known == name).map(|(fact, _)| *fact)
            }
        }
    };
}

facts! {
    Model = "model",
    ResponseModel = "response_model",
    Provider = "provider",
    Agent = "agent",
    Tool = "tool",
    Step = "step",
    Workflow = "workflow",
    Entity = "entity",
    Session = "session",
    User = "user",
    Cost = "cost",
    CostInput = "cost_input",
    CostOutput = "cost_output",
    ResponseId = "response_id",
    Finish = "finish",
    FirstTokenSeconds = "first_token_seconds",
    FirstTokenMs = "first_token_ms",
    FirstTokenAt = "first_token_at",
    Error = "error",
    ErrorType = "error_type",
    ServiceTier = "service_tier",
    Standing = "standing",
    ResumedFrom = "resumed_from",
    Run = "run",
    DisplayName = "display_name",
    RecordType = "record_type",
    PendingParent = "pending_parent",
}

/// What an attribute is good for.
#[derive(Clone, Debug)]
pub(super) enum Use {
    /// It says a fact; the lower number is preferred.
    Fact(Fact, u8),
    /// A member of the JSON object in it says a fact.
    Member(String, Fact, u8),
    /// Its value is the word of a kind rule.
    Kind(usize),
    /// That it is there speaks for a kind rule or against a convention: a bit of [`Collector`](super::Collector).
    Evidence(u64),
    /// It is a token counter.
    Counter(Counter),
    /// It holds counters as JSON text, in these members.
    Json(Vec<String>),
}

/// What decides about a kind.
#[derive(Clone, Debug)]
pub(super) enum KindRule {
    /// The value of an attribute.
    Attribute(Words),
    /// The span's name.
    Name(Words),
    /// An attribute that is there.
    Present(u64, SpanKind),
    /// Tokens and a model.
    Usage(SpanKind),
}

/// Words and patterns with their kinds.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    exact: FxHashMap<String, SpanKind>,
    patterns: Vec<(Pattern, SpanKind)>,
}

impl Words {
    fn new(values: BTreeMap<String, String>) -> Result<Self, String> {
        let mut words = Self::default();
        for (word, kind) in values {
            let kind = span_kind(&kind)?;
            let pattern = Pattern::new(&word);
            if pattern.is_exact() {
                words.exact.insert(word.to_ascii_lowercase(), kind);
            } else {
                words.patterns.push((pattern, kind));
            }
        }
        words.patterns.sort_by_key(|(pattern, _)| pattern.rank());
        Ok(words)
    }

    pub(super) fn find(&self, word: &str) -> Option<SpanKind> {
        // Some writers keep the word as JSON.
        let word = word.trim().trim_matches('"');
        let mut buffer = [0u8; 64];
        let lower = buffer.get_mut(..word.len()).and_then(|lower| {
            lower.copy_from_slice(word.as_bytes());
            lower.make_ascii_lowercase();
            std::str::from_utf8(lower).ok()
        });
        lower
            .and_then(|lower| self.exact.get(lower).copied())
            .or_else(|| self.patterns.iter().find(|(pattern, _)| pattern.fits(word)).map(|(_, kind)| *kind))
    }
}

/// When a convention holds.
#[derive(Clone, Debug)]
pub(super) struct ConventionRule {
    scope: Vec<Pattern>,
    provider: Vec<Pattern>,
    name: Vec<Pattern>,
    /// Evidence against it.
    without: u64,
    pub(super) convention: Convention,
}

impl ConventionRule {
    pub(super) fn holds(&self, scope: &str, provider: &str, name: &str, evidence: u64) -> bool {
        let fine = |patterns: &[Pattern], text: &str| patterns.is_empty() || any_fits(patterns, text);
        fine(&self.scope, scope)
            && fine(&self.provider, provider)
            && fine(&self.name, name)
            && self.without & evidence == 0
    }
}

/// Names of events and what they mean.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::format) struct EventNames {
    pub(in crate::format) exception: Vec<String>,
    pub(in crate::format) first_token: Vec<String>,
    pub(in crate::format) suspended: Vec<String>,
    /// Log records that belong to their span.
    joined: Vec<Pattern>,
    /// Those of them that are written when the span is over.
    finished: Vec<Pattern>,
}

impl EventNames {
    /// Whether a log record of this name belongs to its span.
    pub(in crate::format) fn is_joined(&self, name: &str) -> bool {
        any_fits(&self.joined, name)
    }

    /// Whether one of this name is written when its span is over.
    pub(in crate::format) fn is_last(&self, name: &str) -> bool {
        any_fits(&self.finished, name)
    }
}

/// Where messages are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MessageNames {
    pub(super) system: Vec<String>,
    pub(super) input: Vec<String>,
    pub(super) output: Vec<String>,
    pub(super) output_text: Vec<String>,
    pub(super) output_calls: Vec<String>,
    pub(super) input_list: Vec<String>,
    pub(super) output_list: Vec<String>,
    pub(super) events: Vec<String>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(in crate::format) struct Mapping {
    uses: FxHashMap<String, Vec<Use>>,
    /// The attributes of each fact.
    names: Vec<(Fact, Vec<String>)>,
    /// Evidence by patterns of names.
    open: Vec<(Pattern, u64)>,
    pub(super) kinds: Vec<KindRule>,
    /// What a span of a kind is when it has no parent.
    pub(super) roots: Vec<(SpanKind, SpanKind)>,
    pub(super) conventions: Vec<ConventionRule>,
    ignored: FxHashMap<String, Vec<Pattern>>,
    service: Vec<String>,
    pub(super) pending: Vec<String>,
    pub(super) points: Vec<String>,
    pub(in crate::format) events: EventNames,
    pub(super) inputs: Vec<Pattern>,
    pub(super) outputs: Vec<Pattern>,
    pub(super) messages: MessageNames,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    facts: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    ignore: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    resource: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    record_type: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    kind: Vec<KindText>,
    #[serde(default)]
    root: BTreeMap<String, String>,
    #[serde(default)]
    usage: UsageText,
    #[serde(default)]
    events: EventNames,
    #[serde(default)]
    payload: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    messages: MessageNames,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindText {
    attribute: Option<String>,
    #[serde(default)]
    name: bool,
    #[serde(default)]
    usage: bool,
    #[serde(default)]
    present: Vec<String>,
    kind: Option<String>,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UsageText {
    counters: BTreeMap<String, String>,
    json: BTreeMap<String, Vec<String>>,
    convention: Vec<ConventionText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConventionText {
    #[serde(default)]
    scope: Vec<String>,
    #[serde(default)]
    provider: Vec<String>,
    #[serde(default)]
    name: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
    convention: String,
}

impl Mapping {
    /// Reads a mapping. `Err` says in one line what is wrong with it.
    pub(in crate::format) fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut mapping = Self::default();
        let mut bits = 0..u64::BITS;
        let mut next_bit = move || {
            bits.next().map(|bit| 1u64 << bit).ok_or_else(|| "more than 64 rules about evidence".to_owned())
        };
        for (name, attributes) in file.facts {
            let fact = Fact::from_name(&name).ok_or_else(|| format!("no fact is named {name}"))?;
            for (rank, attribute) in attributes.iter().enumerate() {
                let rank = u8::try_from(rank).unwrap_or(u8::MAX);
                match attribute.split_once(" > ") {
                    Some((attribute, member)) => {
                        mapping.add(attribute, Use::Member(member.to_owned(), fact, rank));
                    }
                    None => mapping.add(attribute, Use::Fact(fact, rank)),
                }
            }
            mapping.names.push((fact, attributes));
        }
        for rule in file.kind {
            let kind = rule.kind.as_deref().map(span_kind).transpose()?;
            let at = mapping.kinds.len();
            let rule = match (rule.attribute, kind) {
                (Some(attribute), None) => {
                    mapping.add(&attribute, Use::Kind(at));
                    KindRule::Attribute(Words::new(rule.values)?)
                }
                (None, None) if rule.name => KindRule::Name(Words::new(rule.values)?),
                (None, Some(kind)) if rule.usage => KindRule::Usage(kind),
                (None, Some(kind)) if !rule.present.is_empty() => {
                    let bit = next_bit()?;
                    mapping.evidence(&rule.present, bit);
                    KindRule::Present(bit, kind)
                }
                _ => {
                    let needs = "a kind needs attribute or name with values, or usage or present with kind";
                    return Err(needs.to_owned());
                }
            };
            mapping.kinds.push(rule);
        }
        for (from, to) in &file.root {
            mapping.roots.push((span_kind(from)?, span_kind(to)?));
        }
        for (attribute, name) in &file.usage.counters {
            let counter = counter("", name).ok_or_else(|| format!("no counter is named {name}"))?;
            mapping.add(attribute, Use::Counter(counter));
        }
        for (attribute, members) in file.usage.json {
            mapping.add(&attribute, Use::Json(members));
        }
        for rule in file.usage.convention {
            let without = if rule.without.is_empty() { 0 } else { next_bit()? };
            mapping.evidence(&rule.without, without);
            mapping.conventions.push(ConventionRule {
                scope: patterns(&rule.scope),
                provider: patterns(&rule.provider),
                name: patterns(&rule.name),
                without,
                convention: match &*rule.convention {
                    "exclusive" => Convention::Exclusive,
                    "deviating" => Convention::Deviating,
                    "disjoint" => Convention::Disjoint,
                    other => return Err(format!("no convention is named {other}")),
                },
            });
        }
        mapping.ignored = file.ignore.iter().map(|(fact, words)| (fact.clone(), patterns(words))).collect();
        let mut lists = [file.resource, file.record_type, file.payload];
        let mut list = |table: usize, name: &str| {
            lists.get_mut(table).and_then(|table| table.remove(name)).unwrap_or_default()
        };
        mapping.service = list(0, "service");
        (mapping.pending, mapping.points) = (list(1, "pending"), list(1, "event"));
        (mapping.inputs, mapping.outputs) = (patterns(&list(2, "input")), patterns(&list(2, "output")));
        if let Some(unknown) = lists.iter().find_map(|table| table.keys().next()) {
            return Err(format!("nothing is named {unknown}"));
        }
        (mapping.events, mapping.messages) = (file.events, file.messages);
        Ok(mapping)
    }

    fn add(&mut self, attribute: &str, use_: Use) {
        self.uses.entry(attribute.to_owned()).or_default().push(use_);
    }

    fn evidence(&mut self, attributes: &[String], bit: u64) {
        for attribute in attributes {
            let pattern = Pattern::new(attribute);
            if pattern.is_exact() {
                self.add(attribute, Use::Evidence(bit));
            } else {
                self.open.push((pattern, bit));
            }
        }
    }

    /// What an attribute is good for.
    pub(super) fn uses(&self, attribute: &str) -> &[Use] {
        self.uses.get(attribute).map_or(&[], Vec::as_slice)
    }

    /// The evidence that lies in an attribute's name alone.
    pub(super) fn open_evidence(&self, attribute: &str) -> u64 {
        self.open.iter().filter(|(pattern, _)| pattern.fits(attribute)).fold(0, |bits, (_, bit)| bits | bit)
    }

    /// Whether a value says no more than that its writer doesn't know.
    pub(super) fn is_ignored(&self, fact: &str, value: &str) -> bool {
        self.ignored.get(fact).is_some_and(|patterns| any_fits(patterns, value))
    }

    /// The attributes that say a fact, the preferred one first.
    pub(super) fn names_of(&self, fact: Fact) -> impl Iterator<Item = &str> {
        let own = self.names.iter().find(|(known, _)| *known == fact);
        own.into_iter().flat_map(|(_, names)| names).map(String::as_str)
    }

    /// Whether an attribute holds a list of events.
    pub(in crate::format) fn holds_events(&self, name: &str) -> bool {
        self.messages.events.iter().any(|known| known == name)
    }

    /// How much an attribute of a resource is preferred as the service's name; less is better.
    pub(in crate::format) fn service_rank(&self, attribute: &str, value: &str) -> Option<usize> {
        let rank = self.service.iter().position(|known| known == attribute)?;
        (!value.trim().is_empty() && !self.is_ignored("service", value)).then_some(rank)
    }
}

fn span_kind(word: &str) -> Result<SpanKind, String> {
    SpanKind::from_word(word).ok_or_else(|| format!("no kind is named {word}"))
}

fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::new(text)).collect()
}
