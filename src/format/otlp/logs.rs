//! Log records that tell about a span: prompts and answers as events (`gen_ai.user.message`, `gen_ai.choice`, …).

use std::borrow::Cow;

use super::ids;
use super::span::{Origin, time};
use super::values::{self, Sink, attributes};
use crate::format::genai::{Collector, Context, Mapping};
use crate::format::json::{Fault, Reader, Value};
use crate::model::{Batch, Reason, SpanUpdate, Timed};

/// A record's own fields.
#[derive(Default)]
pub(super) struct Fields<'t> {
    trace: Value<'t>,
    span: Value<'t>,
    at: Value<'t>,
    observed: Value<'t>,
    name: Cow<'t, str>,
}

/// Attributes go to the collector, and the event's name is kept.
struct Named<'c, 'm, 't> {
    collector: &'c mut Collector<'m, 't>,
    name: Option<Cow<'t, str>>,
}

impl<'t> Sink<'t> for Named<'_, '_, 't> {
    fn wants(&mut self, name: &str) -> bool {
        name == "event.name" || self.collector.wants(name)
    }

    fn take(&mut self, name: &str, value: Value<'t>) {
        match value {
            Value::Text(text) if name == "event.name" => self.name = Some(text),
            value => self.collector.add(name, &value),
        }
    }
}

impl<'t> Fields<'t> {
    /// Reads the object that comes next; attributes go to the collector.
    pub(super) fn read(reader: &mut Reader<'t>, collector: &mut Collector<'_, 't>) -> Result<Self, Fault> {
        let mut fields = Self::default();
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            match &*key {
                "traceId" | "trace_id" => fields.trace = reader.value()?,
                "spanId" | "span_id" => fields.span = reader.value()?,
                "timeUnixNano" | "time_unix_nano" => fields.at = time(reader)?,
                "observedTimeUnixNano" | "observed_time_unix_nano" => fields.observed = time(reader)?,
                "eventName" | "event_name" => fields.name = values::text(reader)?.unwrap_or_default(),
                "attributes" => {
                    let mut named = Named { collector: &mut *collector, name: None };
                    attributes(reader, &mut named)?;
                    if let (Some(name), true) = (named.name, fields.name.is_empty()) {
                        fields.name = name;
                    }
                }
                _ => values::pass(reader)?,
            }
        }
        Ok(fields)
    }

    /// What the record says about its span; `None` with a note when it is about none.
    pub(super) fn update(
        self,
        mapping: &Mapping,
        collector: &mut Collector<'_, 't>,
        origin: &Origin<'_>,
        out: &mut Batch,
    ) -> Option<SpanUpdate> {
        let trace = ids::read(&self.trace, &mut out.strings);
        let span = ids::read(&self.span, &mut out.strings);
        let (Some((trace, _)), Some((span, _)), true) = (trace, span, mapping.events.is_joined(&self.name))
        else {
            out.problem(Reason::OtherSignal, Some(origin.at), &format!("log record {}", self.name));
            return None;
        };
        let at = self.at.time().ok().flatten().or_else(|| self.observed.time().ok().flatten());
        let mut update = SpanUpdate::new(trace, span, origin.stamp);
        update.payload = Some(origin.at);
        let context = Context { scope: origin.scope, name: "", is_root: false, start: None };
        collector.tell(&context, &mut update, &mut out.strings);
        update.service = origin.service;
        // For a span that is never seen itself, these are all the times there are.
        update.start = at.map(Timed::inferred);
        if mapping.events.is_last(&self.name) {
            update.end = update.start;
        }
        Some(update)
    }
}
