//! From a record to what it says about a span.

use std::borrow::Cow;

use super::keys::Key;
use super::memo::Memo;
use super::record::{Record, Taker, View};
use crate::format::json::{Reader, Value};
use crate::format::usage::{Convention, Counters};
use crate::model::{
    Batch, COPIED_RESPONSE, Id, Marks, NANOS_PER_MS, NanoUsd, Parent, PayloadRef, Problems, Reason,
    ServiceTier, SpanKind, SpanUpdate, Stamp, Status, Symbol, Timed, UNIQUE_RESPONSE, UnixNanos, Usage,
    response_key, unique_response_key,
};

/// What is known about a record beside its content.
pub(super) struct Origin {
    pub(super) at: PayloadRef,
    pub(super) stamp: Stamp,
    /// The trace of records that name none, if the source is one trace.
    pub(super) trace: Option<Id>,
}

/// The update of a record, or `None` with a problem when it is no span.
pub(super) fn update(
    record: View<'_>,
    origin: &Origin,
    memo: &mut Memo,
    out: &mut Batch,
) -> Option<SpanUpdate> {
    let Batch { strings, problems, .. } = out;
    let mut take = Taker { record, at: origin.at, problems, odd: record.record().odd };

    // Ids may be numbers; then parents may be, too.
    let mut id = |take: &mut Taker<'_>, key| {
        if let Some(text) = take.record.text(key) {
            return Id::parse(text, strings);
        }
        let label = take.record.label(key);
        let text = take.known(key, label)?;
        Id::parse(&text, strings)
    };
    let trace = id(&mut take, Key::Trace);
    let span = id(&mut take, Key::Span);
    let numbered = !matches!(record.get(Key::Span), Value::Text(_));
    let parent = match record.get(Key::Parent) {
        Value::Text(text) if text.trim().eq_ignore_ascii_case("null") => Some(Parent::Root),
        Value::Unsigned(_) | Value::Negative(_) if !numbered => {
            take.flag(Reason::BadType, Key::Parent);
            Some(Parent::Root)
        }
        _ => id(&mut take, Key::Parent).map(Parent::Span),
    };

    let name = match record.get(Key::Name) {
        Value::Null => Cow::Borrowed(""),
        Value::Text(name) => name,
        other => {
            take.flag(Reason::BadType, Key::Name);
            Cow::Owned(other.excerpt().into_owned())
        }
    };
    let start = memo.time(Key::Start, &mut take);
    let end = memo.time(Key::End, &mut take);
    let says = |key| record.has(key);

    let Some(span) = span else {
        let known =
            trace.is_some() || says(Key::Trace) || says(Key::Span) || (says(Key::Name) && says(Key::Start));
        let reason = if known { Reason::MissingId } else { Reason::NotASpan };
        take.problems.add(reason, Some(origin.at), &format!("no span id: {}", brief(&name)));
        return None;
    };
    let trace = match trace {
        Some(trace) => trace,
        None if !name.is_empty() && (start.is_some() || end.is_some()) && origin.trace.is_some() => {
            origin.trace?
        }
        None => {
            take.problems.add(Reason::MissingId, Some(origin.at), &format!("no trace id: {}", brief(&name)));
            return None;
        }
    };
    if ![Key::Name, Key::Start, Key::End, Key::Type, Key::Status].into_iter().any(says) {
        let detail = "ids, but no name, time, type or status";
        take.problems.add(Reason::MissingFields, Some(origin.at), detail);
        return None;
    }

    let word = record.text(Key::Type);
    let error = error_text(record, memo);
    let standing = status(&mut take, error.is_some(), memo);
    let (start, end) = times(&mut take, start, end, standing.status);
    let status = match standing.status {
        Some(Status::Ok) | None if error.is_some() && (end.is_some() || standing.status.is_some()) => {
            Some(Status::Error)
        }
        None if end.is_some() => Some(Status::Ok),
        None if start.is_some() => Some(Status::Running),
        known => known,
    };
    let counters = counters(&mut take);
    let kind = kind(record, word, &name, counters.is_some(), memo);
    let provider = record.text(Key::Provider).unwrap_or_default();
    let usage = counters.and_then(|counters| usage(&counters, kind, provider));
    let cost = cost(&mut take);
    let first_token = memo.time(Key::FirstToken, &mut take).or_else(|| {
        let nanos = take.number(Key::FirstTokenMs).and_then(nanos_of_ms)?;
        start.map(|start| start.plus(nanos))
    });
    let written_at = memo.written(record);

    let mut marks = Marks::default();
    let mut mark = |said: bool, which: Marks| {
        if said {
            marks = marks.with(which);
        }
    };
    if record.record().repaired_numbers() {
        take.odd = true;
        take.problems.add(Reason::BadNumber, Some(origin.at), "NaN or Infinity");
    }
    if let Some(key) = record.record().duplicate() {
        take.odd = true;
        take.problems.add(Reason::DuplicateKey, Some(origin.at), key);
    }
    mark(take.odd, Marks::ODD);
    mark(standing.insert_only && end.is_none(), Marks::INSERT_ONLY);
    mark(record.get(Key::Attempt).count().ok().flatten().is_some_and(|attempt| attempt > 1), Marks::RETRY);
    mark(record.get(Key::Estimated) == Value::Bool(true), Marks::ESTIMATED);

    let mut update = SpanUpdate::new(trace, span, origin.stamp);
    update.payload = Some(origin.at);
    update.parent = match parent {
        Some(parent) => parent,
        None if record.record().says_parent => Parent::Root,
        None => Parent::Unsaid,
    };
    update.start = start.map(Timed::written);
    update.end = end.map(Timed::written);
    update.first_token = first_token;
    update.written_at = written_at;
    update.status = status;
    update.kind = kind;
    update.marks = marks;
    update.usage = usage;
    update.cost = cost;
    let response = record.text(Key::Response);
    let unique = response.and_then(|id| id.strip_prefix(UNIQUE_RESPONSE));
    let copied = response.and_then(|id| id.strip_prefix(COPIED_RESPONSE));
    update.response = match copied.or(unique) {
        Some(id) => unique_response_key(id),
        None => response.and_then(|id| response_key(id, usage.as_ref())),
    };
    if copied.or(unique).is_some() {
        update.marks = update.marks.with(Marks::UNIQUE_RESPONSE);
    }
    if copied.is_some() {
        update.marks = update.marks.with(Marks::COPY);
    }
    update.run = record.text(Key::Run).and_then(|text| Id::parse(text, strings));
    update.name = memo.intern(Key::Name, &name, strings);
    update.span_type = word.map_or(Symbol::NONE, |word| memo.intern(Key::Type, word, strings));
    update.error = error.map_or(Symbol::NONE, |error| strings.intern(&error));
    let mut known = |key: Key| match record.label(key) {
        Ok(Some(text)) => memo.intern(key, &text, strings),
        _ => Symbol::NONE,
    };
    let mut label = |key: Key| if record.has(key) { known(key) } else { Symbol::NONE };
    update.workflow = label(Key::Workflow);
    update.step = label(Key::Step);
    update.agent = label(Key::Agent);
    update.tool = label(Key::Tool);
    update.user = label(Key::User);
    update.session = label(Key::Session);
    update.service = label(Key::Service);
    if kind.is_some_and(SpanKind::is_model_call) || usage.is_some() {
        update.provider = label(Key::Provider);
        update.model = label(Key::ResponseModel);
        if update.model.is_none() {
            update.model = label(Key::Model);
        }
        if let Some((provider, model)) = named_model(&name).filter(|_| update.model.is_none()) {
            update.model = strings.intern(model);
            if update.provider.is_none() {
                update.provider = strings.intern(provider);
            }
        }
    }
    let facet = match kind {
        Some(SpanKind::Workflow) => Some((&mut update.workflow, &["workflow", "run"][..])),
        Some(SpanKind::Step) => Some((&mut update.step, &["node", "step"][..])),
        Some(SpanKind::Agent) => Some((&mut update.agent, &["agent"][..])),
        Some(SpanKind::Tool) => Some((&mut update.tool, &["tool"][..])),
        _ => None,
    };
    if let Some((symbol, prefixes)) = facet
        && symbol.is_none()
    {
        *symbol = strings.intern(without_prefix(&name, prefixes));
    }
    Some(update)
}

fn brief(name: &str) -> String {
    name.chars().take(80).collect()
}

/// `Fetch file` of `Node: Fetch file`.
fn without_prefix<'a>(name: &'a str, prefixes: &[&str]) -> &'a str {
    match name.split_once(": ") {
        Some((prefix, rest)) if prefixes.iter().any(|known| prefix.eq_ignore_ascii_case(known)) => {
            rest.trim()
        }
        _ => name,
    }
}

/// Provider and model of a name such as `openai:gpt-4o` or `openai/gpt-4o`.
fn named_model(name: &str) -> Option<(&str, &str)> {
    let at = name.find([':', '/'])?;
    let (provider, model) = (name.get(..at)?, name.get(at + 1..)?);
    let plain =
        !provider.is_empty() && provider.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    (plain && !model.is_empty() && !model.contains(char::is_whitespace)).then_some((provider, model))
}

fn kind(record: View<'_>, word: Option<&str>, name: &str, used: bool, memo: &mut Memo) -> Option<SpanKind> {
    if let Some(kind) = record.text(Key::Kind).and_then(SpanKind::from_word) {
        return Some(kind);
    }
    if let Some(word) = word {
        return Some(memo.kind(word).unwrap_or(SpanKind::Other));
    }
    let prefix = name.split_once(": ").and_then(|(prefix, _)| memo.kind(prefix));
    let says = |key| record.has(key);
    prefix.or_else(|| {
        if used {
            Some(SpanKind::Llm)
        } else if says(Key::Tool) {
            Some(SpanKind::Tool)
        } else if says(Key::Step) {
            Some(SpanKind::Step)
        } else {
            None
        }
    })
}

struct Standing {
    status: Option<Status>,
    /// The word of the writer that inserts each span once.
    insert_only: bool,
}

fn status(take: &mut Taker<'_>, failed: bool, memo: &mut Memo) -> Standing {
    let record = take.record;
    let mut status = match record.get(Key::Status) {
        Value::Null => None,
        Value::Text(word) if word.trim().is_empty() => None,
        Value::Text(word) => Some(memo.status(&word)),
        Value::Object(text) => coded(text, memo),
        _ => {
            take.flag(Reason::BadType, Key::Status);
            Some(Status::Unknown)
        }
    };
    if status.is_none() {
        status = record.text(Key::StatusCode).filter(|word| !is_unset(word)).map(|word| memo.status(word));
    }
    if status == Some(Status::Ok) && failed {
        status = Some(Status::Error);
    }
    let insert_only = record.text(Key::Status) == Some("started");
    Standing { status, insert_only }
}

fn is_unset(word: &str) -> bool {
    word.eq_ignore_ascii_case("unset") || word.eq_ignore_ascii_case("status_code_unset")
}

/// The status of an object like `{"status_code":"ERROR"}` or `{"code":2}`.
fn coded(text: &str, memo: &mut Memo) -> Option<Status> {
    let mut reader = Reader::new(text);
    reader.enter_object().ok()?;
    while let Some(name) = reader.next_key().ok()? {
        let value = reader.value().ok()?;
        if matches!(&*name, "status_code" | "statusCode" | "code" | "status") {
            return match value {
                Value::Unsigned(1) => Some(Status::Ok),
                Value::Unsigned(2) => Some(Status::Error),
                Value::Text(word) if !is_unset(&word) => Some(memo.status(&word)),
                _ => None,
            };
        }
    }
    None
}

/// Start and end, completed by the duration where the span is over.
fn times(
    take: &mut Taker<'_>,
    start: Option<UnixNanos>,
    end: Option<UnixNanos>,
    status: Option<Status>,
) -> (Option<UnixNanos>, Option<UnixNanos>) {
    let said = take.number(Key::DurationMs);
    let ms = said.and_then(nanos_of_ms);
    if said.is_some() && ms.is_none() {
        take.flag(Reason::BadNumber, Key::DurationMs);
    }
    let duration = ms.or_else(|| take.number(Key::DurationNs).map(|nanos| nanos.clamp(-9e18, 9e18) as i64));
    if duration.is_some_and(|duration| duration < 0) {
        take.flag(Reason::NegativeDuration, Key::DurationMs);
    }
    let over = status.is_none_or(|status| status.is_terminal() || status == Status::Unknown);
    match (start, end, duration) {
        (Some(start), Some(end), duration) => {
            let nanos = end.since(start);
            if nanos < 0 {
                take.flag(Reason::NegativeDuration, Key::End);
            }
            // The written end counts; a duration that says something else entirely is shown flagged.
            if duration.is_some_and(|said| {
                let apart = said.saturating_sub(nanos).unsigned_abs();
                apart > 1000 * NANOS_PER_MS as u64 && apart > nanos.unsigned_abs() / 2
            }) {
                take.odd = true;
            }
            (Some(start), Some(end))
        }
        (Some(start), None, Some(duration)) if over => (Some(start), Some(start.plus(duration.max(0)))),
        (None, Some(end), Some(duration)) if duration >= 0 => (Some(end.plus(-duration)), Some(end)),
        (start, end, _) => (start, end),
    }
}

fn nanos_of_ms(ms: f64) -> Option<i64> {
    let nanos = ms * NANOS_PER_MS as f64;
    (nanos.abs() < 9.2e18).then_some(nanos as i64)
}

/// The usage in an object of token counts.
pub(in crate::format) fn usage_object(text: &str, at: PayloadRef, problems: &mut Problems) -> Option<Usage> {
    let record = Record::usage(&mut Reader::new(text)).ok()?;
    let mut take = Taker { record: record.view(text, ""), at, problems, odd: false };
    usage(&counters(&mut take)?, Some(SpanKind::Llm), "")
}

const COUNTS: [Key; 15] = [
    Key::InputTokens,
    Key::OutputTokens,
    Key::TotalTokens,
    Key::CacheRead,
    Key::CacheWrite,
    Key::ExclusiveCacheRead,
    Key::ExclusiveCacheWrite,
    Key::Reasoning,
    Key::Uncached,
    Key::CacheWriteShort,
    Key::CacheWriteLong,
    Key::InputAudio,
    Key::OutputAudio,
    Key::Searches,
    Key::ToolInput,
];

fn counters(take: &mut Taker<'_>) -> Option<Counters> {
    if !take.record.has_any(COUNTS) {
        return None;
    }
    let exclusive_names = take.record.has_any([Key::ExclusiveCacheRead, Key::ExclusiveCacheWrite]);
    let counters = Counters {
        input: take.count(Key::InputTokens),
        uncached: take.count(Key::Uncached),
        tool_input: take.count(Key::ToolInput),
        cache_read: take.count(Key::CacheRead).or_else(|| take.count(Key::ExclusiveCacheRead)),
        cache_write: take.count(Key::CacheWrite).or_else(|| take.count(Key::ExclusiveCacheWrite)),
        cache_write_5m: take.count(Key::CacheWriteShort),
        cache_write_1h: take.count(Key::CacheWriteLong),
        input_audio: take.count(Key::InputAudio),
        output: take.count(Key::OutputTokens),
        reasoning: take.count(Key::Reasoning),
        output_audio: take.count(Key::OutputAudio),
        total: take.count(Key::TotalTokens),
        searches: take.count(Key::Searches),
        tier: take.record.text(Key::Tier).map(ServiceTier::from_word).unwrap_or_default(),
        exclusive_names,
        ..Counters::default()
    };
    (!counters.is_empty()).then_some(counters)
}

fn usage(counters: &Counters, kind: Option<SpanKind>, provider: &str) -> Option<Usage> {
    let mut usage = counters.normalise(Convention::Unknown, provider)?;
    if usage.input.is_none() && usage.output.is_none() && kind == Some(SpanKind::Embedding) {
        usage.input = counters.total.filter(|total| *total > 0);
    }
    Some(usage).filter(Usage::is_known)
}

fn cost(take: &mut Taker<'_>) -> Option<NanoUsd> {
    if !take.record.has_any([Key::Cost, Key::InputCost, Key::OutputCost]) {
        return None;
    }
    let mut money = |key| {
        let usd = take.number(key)?;
        let money = NanoUsd::from_usd(usd);
        if money.is_none() {
            take.flag(Reason::BadNumber, key);
        }
        money
    };
    let (all, input, output) = (money(Key::Cost), money(Key::InputCost), money(Key::OutputCost));
    all.or_else(|| Some(input? + output?))
}

/// The error in one line. `false`, an empty string and an empty object are no error.
fn error_text(record: View<'_>, memo: &mut Memo) -> Option<String> {
    let text = match record.get(Key::Error) {
        Value::Null | Value::Bool(false) => None,
        Value::Text(text) => one_line(&text),
        Value::Object(text) => described(text),
        Value::Array(text) => (!is_empty(text)).then(|| text.to_owned()),
        other => Some(other.excerpt().into_owned()),
    };
    if text.is_some() || !(record.has(Key::Failure) || record.has(Key::StatusMessage)) {
        return text;
    }
    let word = record.text(Key::Status).map(|word| memo.status(word));
    if !matches!(word, Some(Status::Error | Status::Cancelled | Status::Timeout)) {
        return None;
    }
    let said = |key| record.text(key).and_then(one_line);
    said(Key::Failure).or_else(|| said(Key::StatusMessage))
}

fn is_empty(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace() || matches!(byte, b'[' | b']' | b'{' | b'}'))
}

/// The first line that says something, at most 2,000 bytes of it.
fn one_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let mut end = line.len().min(2000);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.get(..end).map(str::to_owned)
}

/// The message of an error object, else its type or code, else the whole of it.
fn described(text: &str) -> Option<String> {
    if is_empty(text) {
        return None;
    }
    let mut ranked: Option<(usize, String)> = None;
    let mut reader = Reader::new(text);
    reader.enter_object().ok()?;
    while let Ok(Some(name)) = reader.next_key() {
        let Ok(value) = reader.value() else { break };
        let names = ["message", "error_message", "error", "description", "type", "name", "code"];
        let Some(rank) = names.iter().position(|known| known.eq_ignore_ascii_case(&name)) else { continue };
        let text = match &value {
            Value::Text(text) => one_line(text),
            Value::Null | Value::Bool(false) => None,
            other => Some(other.excerpt().into_owned()),
        };
        if let Some(text) = text
            && ranked.as_ref().is_none_or(|(best, _)| rank < *best)
        {
            ranked = Some((rank, text));
        }
    }
    ranked.map(|(_, text)| text).or_else(|| one_line(text))
}
