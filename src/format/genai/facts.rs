//! From attributes to what they say about a span.

use super::mapping::{Fact, KindRule, Mapping, Use};
use crate::format::json::{Reader, Value};
use crate::format::usage::{Convention, Counters, attribute};
use crate::model::{
    NANOS_PER_MS, NANOS_PER_SEC, NanoUsd, ServiceTier, SpanKind, SpanUpdate, Status, Strings, Symbol,
    UnixNanos, Usage, response_key,
};

/// Longest JSON text in an attribute that is looked into for facts, bytes.
const MAX_JSON: usize = 256 << 10;

/// Gathers the attributes of one span.
pub(in crate::format) struct Collector<'m, 'v> {
    mapping: &'m Mapping,
    facts: [Option<(u8, Value<'v>)>; Fact::COUNT],
    /// Words of the kind rules, by rule.
    words: Vec<(usize, Value<'v>)>,
    evidence: u64,
    counters: Counters,
    json: Vec<(&'m [String], Value<'v>)>,
}

/// What is known about a span beside its attributes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::format) struct Context<'c> {
    /// Name of the instrumentation.
    pub(in crate::format) scope: &'c str,
    /// Name of the span.
    pub(in crate::format) name: &'c str,
    /// Whether it has no parent.
    pub(in crate::format) is_root: bool,
    /// Its beginning.
    pub(in crate::format) start: Option<UnixNanos>,
}

/// How a record of a span is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum RecordType {
    /// As the span itself.
    Span,
    /// As the announcement of its parent, which is under way.
    Pending,
    /// As a point in time.
    Point,
}

impl<'m, 'v> Collector<'m, 'v> {
    /// Nothing yet.
    pub(in crate::format) fn new(mapping: &'m Mapping) -> Self {
        Self {
            mapping,
            facts: std::array::from_fn(|_| None),
            words: Vec::new(),
            evidence: 0,
            counters: Counters::default(),
            json: Vec::new(),
        }
    }

    /// Forgets the span before.
    pub(in crate::format) fn clear(&mut self) {
        self.facts.fill_with(|| None);
        self.words.clear();
        self.json.clear();
        (self.evidence, self.counters) = (0, Counters::default());
    }

    /// Whether an attribute's value matters; what its name says alone is taken in.
    pub(in crate::format) fn wants(&mut self, name: &str) -> bool {
        self.evidence |= self.mapping.open_evidence(name);
        !self.mapping.uses(name).is_empty() || attribute(name).is_some()
    }

    /// Takes an attribute in.
    pub(in crate::format) fn add(&mut self, name: &str, value: &Value<'v>) {
        if value.is_null() {
            return;
        }
        if let Some(counter) = attribute(name)
            && let Ok(Some(count)) = value.count()
        {
            self.counters.set(counter, count);
        }
        for use_ in self.mapping.uses(name) {
            match use_ {
                Use::Fact(fact, rank) => self.set(*fact, *rank, value),
                Use::Member(member, fact, rank) => {
                    if let Some(inner) = member_of(value, member) {
                        self.set(*fact, *rank, &inner);
                    }
                }
                Use::Kind(rule) => self.words.push((*rule, value.clone())),
                Use::Evidence(bit) => self.evidence |= bit,
                Use::Counter(counter) => {
                    if let Ok(Some(count)) = value.count() {
                        self.counters.set(*counter, count);
                    }
                }
                Use::Json(members) => self.json.push((members, value.clone())),
            }
        }
    }

    fn set(&mut self, fact: Fact, rank: u8, value: &Value<'v>) {
        if value.is_null() || matches!(value, Value::Text(text) if text.trim().is_empty()) {
            return;
        }
        let ignored = match fact {
            Fact::Model | Fact::ResponseModel => "model",
            Fact::Provider => "provider",
            _ => "",
        };
        if !ignored.is_empty() && value.text().is_some_and(|text| self.mapping.is_ignored(ignored, text)) {
            return;
        }
        let slot = &mut self.facts[fact as usize];
        if slot.as_ref().is_none_or(|(known, _)| rank < *known) {
            *slot = Some((rank, value.clone()));
        }
    }

    /// What is said about a fact.
    pub(in crate::format) fn get(&self, fact: Fact) -> Option<&Value<'v>> {
        self.facts[fact as usize].as_ref().map(|(_, value)| value)
    }

    fn text(&self, fact: Fact) -> &str {
        self.get(fact).and_then(Value::text).unwrap_or_default()
    }

    /// What kind of record this is.
    pub(in crate::format) fn record_type(&self) -> RecordType {
        let word = self.text(Fact::RecordType);
        let is_one_of = |words: &[String]| !word.is_empty() && words.iter().any(|known| known == word);
        if is_one_of(&self.mapping.pending) {
            RecordType::Pending
        } else if is_one_of(&self.mapping.points) {
            RecordType::Point
        } else {
            RecordType::Span
        }
    }

    /// Whether a model's last word was that it failed.
    pub(in crate::format) fn finished_in_error(&self) -> bool {
        self.get(Fact::Finish).is_some_and(|finish| {
            let text = finish.excerpt();
            text.len() < 64 && text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "error")
        })
    }

    /// Says all of it in an update. Its times, status, parent and ids are its writer's matter.
    pub(in crate::format) fn tell(
        &mut self,
        context: &Context<'_>,
        update: &mut SpanUpdate,
        strings: &mut Strings,
    ) {
        self.read_json();
        let usage = self.usage(context);
        let kind = self.kind(context, usage.is_some());
        update.kind = kind.or(update.kind);
        update.usage = usage;
        update.cost = self.cost();
        update.response = response_key(self.text(Fact::ResponseId), usage.as_ref());
        update.first_token = self.first_token(context.start).or(update.first_token);
        self.tell_names(kind, context, update, strings);
        if matches!(kind, Some(SpanKind::Event)) {
            (update.usage, update.cost) = (None, None);
        }
        if self.counters.is_empty() && update.usage.is_none() && self.get(Fact::Finish).is_none() {
            // An id of a response without an answer is an id of something else.
            update.response = None;
        }
    }

    fn tell_names(
        &self,
        kind: Option<SpanKind>,
        context: &Context<'_>,
        update: &mut SpanUpdate,
        strings: &mut Strings,
    ) {
        let mut intern = |fact: Fact| match self.get(fact).map(Value::label) {
            Some(Ok(Some(label))) => strings.intern(label.trim()),
            _ => Symbol::NONE,
        };
        update.workflow = intern(Fact::Workflow);
        update.step = intern(Fact::Step);
        update.agent = intern(Fact::Agent);
        update.tool = intern(Fact::Tool);
        update.user = intern(Fact::User);
        update.session = intern(Fact::Session);
        if kind.is_some_and(SpanKind::is_model_call) || update.usage.is_some() {
            update.provider = intern(Fact::Provider);
            update.model = intern(Fact::ResponseModel);
            if update.model.is_none() {
                update.model = intern(Fact::Model);
            }
        }
        let slot = match kind {
            Some(SpanKind::Workflow) => &mut update.workflow,
            Some(SpanKind::Step) => &mut update.step,
            Some(SpanKind::Agent) => &mut update.agent,
            Some(SpanKind::Tool) => &mut update.tool,
            _ => return,
        };
        if slot.is_none() {
            *slot = intern(Fact::Entity);
        }
        if slot.is_none() {
            // `invoke_agent NAME`, `execute_tool NAME`: the convention puts the operation before the name.
            let name = context.name.trim();
            let plain = match name.split_once(' ') {
                Some(("invoke_agent" | "create_agent" | "execute_tool" | "invoke_workflow", name)) => name,
                _ => name,
            };
            *slot = strings.intern(plain);
        }
    }

    /// The reported cost: the whole, else both parts of it.
    fn cost(&self) -> Option<NanoUsd> {
        let usd = |fact: Fact| self.get(fact).and_then(|cost| cost.number().ok().flatten());
        let whole = usd(Fact::Cost).or_else(|| Some(usd(Fact::CostInput)? + usd(Fact::CostOutput)?));
        whole.and_then(NanoUsd::from_usd)
    }

    /// Takes in the counters that stand in attributes as JSON text. What an attribute of its own says goes first.
    fn read_json(&mut self) {
        for (members, value) in self.json.drain(..) {
            let text = match &value {
                Value::Text(text) => &**text,
                Value::Object(text) => text,
                _ => continue,
            };
            if text.len() > MAX_JSON {
                continue;
            }
            let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else { continue };
            if members.is_empty() && self.counters.is_empty() {
                self.counters = Counters::from_json(&json);
            } else if members.is_empty() {
                self.counters.read(&json, "");
            }
            for inner in members.iter().filter_map(|member| json.get(member)) {
                self.counters.read(inner, "");
            }
        }
    }

    fn usage(&mut self, context: &Context<'_>) -> Option<Usage> {
        if self.counters.is_empty() {
            return None;
        }
        let tier = self.text(Fact::ServiceTier);
        if !tier.is_empty() {
            self.counters.tier = ServiceTier::from_word(tier);
        }
        let provider = self.text(Fact::Provider);
        let rule = self
            .mapping
            .conventions
            .iter()
            .find(|rule| rule.holds(context.scope, provider, context.name, self.evidence));
        let convention = rule.map_or(Convention::Unknown, |rule| rule.convention);
        self.counters.normalise(convention, provider)
    }

    fn kind(&self, context: &Context<'_>, used: bool) -> Option<SpanKind> {
        let modelled = self.get(Fact::Model).or(self.get(Fact::ResponseModel)).is_some();
        let kind = self.mapping.kinds.iter().enumerate().find_map(|(at, rule)| match rule {
            KindRule::Attribute(words) => {
                self.words.iter().find(|(rule, _)| *rule == at).and_then(|(_, word)| words.find(word.text()?))
            }
            KindRule::Name(words) => words.find(context.name),
            KindRule::Present(bit, kind) => (self.evidence & bit != 0).then_some(*kind),
            KindRule::Usage(kind) => (used && modelled).then_some(*kind),
        })?;
        let as_root = self.mapping.roots.iter().find(|(from, _)| context.is_root && *from == kind);
        Some(as_root.map_or(kind, |(_, to)| *to))
    }

    /// The source's own word for the kind.
    pub(in crate::format) fn type_word(&self) -> Option<&str> {
        let first = self.words.iter().min_by_key(|(rule, _)| *rule)?;
        first.1.text().map(|word| word.trim_matches('"'))
    }

    fn first_token(&self, start: Option<UnixNanos>) -> Option<UnixNanos> {
        let after = |fact: Fact, unit: i64| {
            let count = self.get(fact)?.number().ok()??;
            let nanos = count * unit as f64;
            (count >= 0.0 && nanos < 9.0e18).then_some(nanos as i64)
        };
        let after_ns =
            after(Fact::FirstTokenSeconds, NANOS_PER_SEC).or_else(|| after(Fact::FirstTokenMs, NANOS_PER_MS));
        match (after_ns, start) {
            (Some(nanos), Some(start)) => Some(start.plus(nanos)),
            _ => match self.get(Fact::FirstTokenAt)? {
                // Some writers put all values in as JSON.
                Value::Text(text) => UnixNanos::parse(text.trim_matches('"')),
                value => value.time().ok()?,
            },
        }
    }

    /// What the attributes say about an error, `type: message`.
    pub(in crate::format) fn error(&self) -> Option<String> {
        let (kind, message) = (self.text(Fact::ErrorType), self.text(Fact::Error));
        joined_error(kind, message)
    }

    /// The status of a span whose own status says nothing, or no more than that it is over.
    pub(in crate::format) fn status(&self) -> Option<Status> {
        let word = Some(self.text(Fact::Standing)).filter(|word| !word.is_empty());
        word.map(Status::from_source_word)
            .filter(|status| matches!(status, Status::Suspended | Status::Cancelled | Status::Error))
            .or_else(|| self.finished_in_error().then_some(Status::Error))
    }
}

/// `type: message`, or the one that is there.
pub(in crate::format) fn joined_error(kind: &str, message: &str) -> Option<String> {
    match (kind.trim(), message.trim()) {
        ("", "") => None,
        (kind, "") => Some(kind.to_owned()),
        ("", message) => Some(message.to_owned()),
        (kind, message) if message.starts_with(kind) => Some(message.to_owned()),
        (kind, message) => Some(format!("{kind}: {message}")),
    }
}

/// The kind of a span by its attributes as plain JSON.
pub(in crate::format) fn kind_of(
    mapping: &Mapping,
    attributes: &[(String, serde_json::Value)],
    name: &str,
) -> Option<SpanKind> {
    let mut collector = Collector::new(mapping);
    for (name, value) in attributes {
        let value = match value {
            serde_json::Value::String(text) => Value::Text(text.as_str().into()),
            serde_json::Value::Number(number) => match number.as_u64() {
                Some(number) => Value::Unsigned(number),
                None => Value::Float(number.as_f64().unwrap_or_default()),
            },
            serde_json::Value::Null => continue,
            _ => Value::Bool(true),
        };
        if collector.wants(name) {
            collector.add(name, &value);
        }
    }
    let context = Context { name, ..Context::default() };
    let used = collector.usage(&context).is_some();
    collector.kind(&context, used)
}

/// A member of a JSON object that is kept as text. Only plain values.
fn member_of<'v>(value: &Value<'_>, name: &str) -> Option<Value<'v>> {
    let text = match value {
        Value::Text(text) => &**text,
        Value::Object(text) => text,
        _ => return None,
    };
    if text.len() > MAX_JSON {
        return None;
    }
    let mut reader = Reader::new(text);
    reader.enter_object().ok()?;
    while let Some(key) = reader.next_key().ok()? {
        if key != name {
            reader.skip().ok()?;
            continue;
        }
        return match reader.value().ok()? {
            Value::Text(text) => Some(Value::Text(text.into_owned().into())),
            Value::Unsigned(number) => Some(Value::Unsigned(number)),
            Value::Float(number) => Some(Value::Float(number)),
            _ => None,
        };
    }
    None
}
