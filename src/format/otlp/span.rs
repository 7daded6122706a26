//! One span: its fields in either case, in any order, or as consoles print them.

use std::borrow::Cow;

use super::ids;
use super::values::{self, Sink, attributes};
use crate::format::genai::{Collector, Context, Fact, Mapping, RecordType, joined_error};
use crate::format::json::{Fault, Reader, Value};
use crate::format::plain::error_line;
use crate::model::{
    Batch, Id, Marks, NANOS_PER_SEC, Parent, PayloadRef, Reason, SpanKind, SpanUpdate, Stamp, Status, Symbol,
    Timed, UnixNanos,
};

/// Most events of a span that are looked at.
const MAX_EVENTS: usize = 10_000;

/// What surrounds a span.
#[derive(Clone, Copy)]
pub(super) struct Origin<'o> {
    /// Name of the instrumentation.
    pub(super) scope: &'o str,
    pub(super) service: Symbol,
    pub(super) at: PayloadRef,
    pub(super) stamp: Stamp,
}

/// A span's own fields.
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
#[derive(Default)]
pub(super) struct Fields<'t> {
    pub(super) trace: Value<'t>,
    pub(super) span: Value<'t>,
    parent: Value<'t>,
    name: Cow<'t, str>,
    start: Value<'t>,
    end: Value<'t>,
    kind: Value<'t>,
    code: Value<'t>,
    message: Cow<'t, str>,
    error: Option<String>,
    suspended: bool,
    first_token: Option<UnixNanos>,
    dropped: bool,
    too_many: bool,
    /// Whether the record has the marks of a span.
    pub(super) is_span: bool,
}

impl<'t> Fields<'t> {
    /// Reads the object that comes next; attributes go to the collector.
    pub(super) fn read(
        reader: &mut Reader<'t>,
        mapping: &Mapping,
        collector: &mut Collector<'_, 't>,
    ) -> Result<Self, Fault> {
        let mut fields = Self::default();
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            match &*key {
                "traceId" | "trace_id" => fields.trace = reader.value()?,
                "spanId" | "span_id" => fields.span = reader.value()?,
                "parentSpanId" | "parent_span_id" | "parent_id" | "parentId" => {
                    fields.parent = reader.value()?;
                }
                "name" => fields.name = values::text(reader)?.unwrap_or_default(),
                "startTimeUnixNano" | "start_time_unix_nano" | "start_time" | "startTime" => {
                    fields.is_span = true;
                    fields.start = time(reader)?;
                }
                "endTimeUnixNano" | "end_time_unix_nano" | "end_time" | "endTime" => {
                    fields.is_span = true;
                    fields.end = time(reader)?;
                }
                "kind" => fields.kind = reader.value()?,
                "status" => fields.status(reader)?,
                "attributes" => fields.too_many |= attributes(reader, collector)?,
                "events" => fields.events(reader, mapping)?,
                "context" | "_spanContext" | "spanContext" => fields.context(reader)?,
                "parentSpanContext" => {
                    let mut above = Self::default();
                    above.context(reader)?;
                    fields.parent = above.span;
                }
                "droppedAttributesCount"
                | "dropped_attributes_count"
                | "droppedEventsCount"
                | "dropped_events_count" => {
                    fields.dropped |= matches!(reader.value()?.count(), Ok(Some(1..)));
                }
                _ => values::pass(reader)?,
            }
        }
        Ok(fields)
    }

    fn context(&mut self, reader: &mut Reader<'t>) -> Result<(), Fault> {
        if reader.peek() != Some(b'{') {
            return reader.skip();
        }
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            match &*key {
                "traceId" | "trace_id" => self.trace = reader.value()?,
                "spanId" | "span_id" => self.span = reader.value()?,
                _ => reader.skip()?,
            }
        }
        Ok(())
    }

    fn status(&mut self, reader: &mut Reader<'t>) -> Result<(), Fault> {
        if reader.peek() != Some(b'{') {
            self.code = reader.value()?;
            return Ok(());
        }
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            match &*key {
                "code" | "status_code" => self.code = reader.value()?,
                "message" | "description" => self.message = values::text(reader)?.unwrap_or_default(),
                _ => reader.skip()?,
            }
        }
        Ok(())
    }

    fn events(&mut self, reader: &mut Reader<'t>, mapping: &Mapping) -> Result<(), Fault> {
        if reader.peek() != Some(b'[') {
            return reader.skip();
        }
        let mut count = 0usize;
        reader.enter_array()?;
        while reader.next_item()? {
            count += 1;
            if count > MAX_EVENTS || reader.peek() != Some(b'{') {
                self.too_many |= count > MAX_EVENTS;
                reader.skip()?;
            } else {
                self.event(reader, mapping)?;
            }
        }
        Ok(())
    }

    fn event(&mut self, reader: &mut Reader<'t>, mapping: &Mapping) -> Result<(), Fault> {
        let (mut name, mut at) = (Cow::Borrowed(""), Value::Null);
        let mut thrown = Thrown::default();
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            match &*key {
                "name" => name = values::text(reader)?.unwrap_or_default(),
                "timeUnixNano" | "time_unix_nano" | "timestamp" | "time" => at = time(reader)?,
                "attributes" => self.too_many |= attributes(reader, &mut thrown)?,
                _ => reader.skip()?,
            }
        }
        let is_one_of = |names: &[String]| names.iter().any(|known| *known == name);
        if is_one_of(&mapping.events.exception) {
            let says = |word: &String| thrown.kind.contains(&**word) || thrown.message.contains(&**word);
            self.suspended |= mapping.events.suspended.iter().any(says);
            // The last one is what ended the span; the ones before were got over.
            self.error = joined_error(&thrown.kind, &thrown.message).or(self.error.take());
        } else if is_one_of(&mapping.events.first_token)
            && let Ok(Some(at)) = at.time()
        {
            self.first_token = Some(self.first_token.map_or(at, |known| known.min(at)));
        }
        Ok(())
    }

    /// What the span says; `None` with a problem when it has no ids.
    pub(super) fn update(
        self,
        collector: &mut Collector<'_, 't>,
        origin: &Origin<'_>,
        out: &mut Batch,
    ) -> Option<SpanUpdate> {
        let record = collector.record_type();
        let mut odd = false;
        let trace = id(&self.trace, origin, "trace id", &mut odd, out);
        let mut span = id(&self.span, origin, "span id", &mut odd, out);
        let above = id(&self.parent, origin, "parent span id", &mut odd, out);
        let mut parent = above.map_or(Parent::Root, Parent::Span);
        if record == RecordType::Pending {
            // It stands for its parent, whose own parent it names.
            span = match parent {
                Parent::Span(real) => Some(real),
                _ => None,
            };
            let above = collector.get(Fact::PendingParent).cloned().unwrap_or_default();
            let above = id(&above, origin, "pending parent id", &mut odd, out);
            parent = above.map_or(Parent::Root, Parent::Span);
        }
        let (Some(trace), Some(span)) = (trace, span) else {
            let name: String = self.name.chars().take(80).collect();
            out.problem(Reason::MissingId, Some(origin.at), &format!("no trace or span id: {name}"));
            return None;
        };
        let start = instant(&self.start, origin, "start", &mut odd, out);
        let mut end = instant(&self.end, origin, "end", &mut odd, out);
        if let (Some(from), Some(to)) = (start, end)
            && to < from
        {
            out.problem(Reason::NegativeDuration, Some(origin.at), &self.name);
            odd = true;
            end = Some(from);
        }
        let own = self.own_status(origin, &mut odd, out);

        let mut update = SpanUpdate::new(trace, span, origin.stamp);
        update.payload = Some(origin.at);
        update.parent = parent;
        update.start = start.map(Timed::written);
        update.end = end.map(Timed::written);
        update.first_token = self.first_token;
        let shown = self.shown_name(collector);
        let context =
            Context { scope: origin.scope, name: &self.name, is_root: parent == Parent::Root, start };
        collector.tell(&context, &mut update, &mut out.strings);
        update.name = out.intern(&shown);
        update.span_type = collector.type_word().map_or(Symbol::NONE, |word| out.strings.intern(word));
        update.service = origin.service;
        match record {
            RecordType::Pending => {
                (update.end, update.status) = (None, Some(Status::Running));
                (update.usage, update.cost, update.response) = (None, None, None);
            }
            RecordType::Point => {
                update.kind = Some(SpanKind::Event);
                update.end = update.end.or(update.start);
                (update.usage, update.cost, update.response) = (None, None, None);
                update.status = own;
            }
            RecordType::Span => self.standing(own, collector, &mut update, out),
        }
        if self.too_many {
            let detail =
                format!("more than {} attributes, or one nested too deep: {shown}", values::MAX_ATTRIBUTES);
            out.problem(Reason::TooMany, Some(origin.at), &detail);
        }
        let mut marks = Marks::default();
        if is_resumed(parent, collector, out) {
            marks = marks.with(Marks::RESUMED);
        }
        if parent == Parent::Root
            && let Some(run) = collector.get(Fact::Run).and_then(Value::text)
        {
            update.run = out.id(run);
        }
        if odd {
            marks = marks.with(Marks::ODD);
        }
        if self.dropped || self.too_many {
            marks = marks.with(Marks::TRUNCATED);
        }
        update.marks = marks;
        Some(update)
    }

    /// Status and error of a span that is told as itself.
    fn standing(
        &self,
        own: Option<Status>,
        collector: &Collector<'_, 't>,
        update: &mut SpanUpdate,
        out: &mut Batch,
    ) {
        let said = match own {
            Some(Status::Ok) | None => collector.status().or(own),
            own => own,
        };
        let status = match said {
            Some(Status::Error) if self.suspended => Some(Status::Suspended),
            None if update.end.is_some() => Some(Status::Ok),
            None if update.start.is_some() => Some(Status::Running),
            said => said,
        };
        update.status = status;
        if status == Some(Status::Error) {
            let message = Some(self.message.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
            let text = message.or_else(|| self.error.clone()).or_else(|| collector.error());
            let text = text.unwrap_or_else(|| {
                let finish = collector.finished_in_error();
                if finish { "finish reason: error" } else { "error" }.to_owned()
            });
            update.error = out.intern(&error_line(&text));
        }
    }

    /// The name, or what is shown in place of a template.
    fn shown_name(&self, collector: &Collector<'_, 't>) -> String {
        let display = collector.get(Fact::DisplayName).and_then(Value::text);
        match display {
            Some(display) if self.name.contains('{') || self.name.is_empty() => display.to_owned(),
            _ => self.name.clone().into_owned(),
        }
    }

    /// The status that the span itself says. An enum is a number or its name, with any prefix.
    fn own_status(&self, origin: &Origin<'_>, odd: &mut bool, out: &mut Batch) -> Option<Status> {
        if let Some(word) = word(&self.kind)
            && ![
                "0",
                "1",
                "2",
                "3",
                "4",
                "5",
                "UNSPECIFIED",
                "INTERNAL",
                "SERVER",
                "CLIENT",
                "PRODUCER",
                "CONSUMER",
            ]
            .contains(&&*word)
        {
            out.problem(Reason::BadType, Some(origin.at), &format!("span kind: {word}"));
        }
        let word = word(&self.code)?;
        match &*word {
            "" | "0" | "UNSET" => None,
            "1" | "OK" => Some(Status::Ok),
            "2" | "ERROR" => Some(Status::Error),
            other => {
                *odd = true;
                out.problem(Reason::BadType, Some(origin.at), &format!("status code: {other}"));
                Some(Status::Unknown)
            }
        }
    }
}

/// Whether a span goes on with what was suspended. All spans in it name what that was, only it lies below.
fn is_resumed(parent: Parent, collector: &Collector<'_, '_>, out: &mut Batch) -> bool {
    let Some(from) = collector.get(Fact::ResumedFrom) else { return false };
    let from = ids::read(from, &mut out.strings).map(|(id, _)| Parent::Span(id));
    parent == Parent::Root || from == Some(parent)
}

fn id(value: &Value<'_>, origin: &Origin<'_>, what: &str, odd: &mut bool, out: &mut Batch) -> Option<Id> {
    let (id, good) = ids::read(value, &mut out.strings)?;
    if !good {
        *odd = true;
        out.problem(Reason::BadType, Some(origin.at), &format!("{what}: {}", value.excerpt()));
    }
    Some(id)
}

fn instant(
    value: &Value<'_>,
    origin: &Origin<'_>,
    what: &str,
    odd: &mut bool,
    out: &mut Batch,
) -> Option<UnixNanos> {
    let unset = match value {
        Value::Null | Value::Unsigned(0) => true,
        Value::Text(text) => text.is_empty() || &**text == "0",
        _ => false,
    };
    if unset {
        return None;
    }
    match value.time() {
        Ok(time) => time,
        Err(reason) => {
            *odd = true;
            out.problem(reason, Some(origin.at), &format!("{what}: {}", value.excerpt()));
            None
        }
    }
}

/// The last part of an enum's name, in capitals, or its number: `CLIENT` of `SPAN_KIND_CLIENT` and `SpanKind.CLIENT`.
fn word(value: &Value<'_>) -> Option<String> {
    let label = match value {
        Value::Null => return None,
        value => value.label().ok().flatten().unwrap_or_else(|| value.excerpt()),
    };
    let text: String = label.trim().chars().take(64).collect();
    let text = text.to_ascii_uppercase();
    let last = text.rsplit(['_', '.', ' ']).next().unwrap_or_default();
    Some(last.to_owned())
}

/// A time as the next value: digits, text, or seconds and nanoseconds in a list.
pub(super) fn time<'t>(reader: &mut Reader<'t>) -> Result<Value<'t>, Fault> {
    if reader.peek() != Some(b'[') {
        return reader.value();
    }
    let whole = reader.clone().value()?;
    let mut parts = [0u64; 2];
    let mut count = 0;
    reader.enter_array()?;
    while reader.next_item()? {
        let value = reader.value()?;
        if let (Some(part), Ok(Some(number))) = (parts.get_mut(count), value.count()) {
            *part = number;
        }
        count += 1;
    }
    let nanos = parts[0].checked_mul(NANOS_PER_SEC as u64).and_then(|nanos| nanos.checked_add(parts[1]));
    Ok(match nanos {
        Some(nanos) if count == 2 => Value::Unsigned(nanos),
        _ => whole,
    })
}

/// The attributes of an exception event.
#[derive(Default)]
struct Thrown {
    kind: String,
    message: String,
}

impl<'t> Sink<'t> for Thrown {
    fn wants(&mut self, name: &str) -> bool {
        matches!(name, "exception.type" | "exception.message")
    }

    fn take(&mut self, name: &str, value: Value<'t>) {
        let text = value.text().unwrap_or_default().to_owned();
        match name {
            "exception.type" => self.kind = text,
            _ => self.message = text,
        }
    }
}
