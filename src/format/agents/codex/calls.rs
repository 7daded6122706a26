//! Calls of the model. A response is several lines, and what it used stands before or after them.

use super::rollout::{At, Rollout};
use crate::format::agents::names::provider_of;
use crate::format::agents::talk::of_model;
use crate::format::agents::{Fields, MAX_KNOWN, hash};
use crate::format::usage::{Convention, Counters};
use crate::model::{Batch, Id, Parent, Status, Timed, UnixNanos, Usage, unique_response_key};

/// The call under way, or the last one.
pub(super) struct Call {
    span: Id,
    start: Option<UnixNanos>,
    end: Option<UnixNanos>,
    counted: bool,
    /// Whether its usage came before what it said, as older versions write it.
    counted_first: bool,
    /// Whether the model was asked again since.
    over: bool,
}

/// The counters of a running total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    input: u64,
    cached: u64,
    written: u64,
    output: u64,
    reasoning: u64,
}

impl Totals {
    /// `total_tokens` is left out: an overflow of the context writes the size of the context there.
    fn read(fields: &Fields<'_>) -> Self {
        let count = |name: &str| fields.count(name).unwrap_or(0);
        Self {
            input: count("input_tokens"),
            cached: count("cached_input_tokens"),
            written: count("cache_write_input_tokens"),
            output: count("output_tokens"),
            reasoning: count("reasoning_output_tokens"),
        }
    }

    fn parts(self) -> [u64; 5] {
        [self.input, self.cached, self.written, self.output, self.reasoning]
    }

    /// What was added since; `None` when a part became smaller.
    fn since(self, before: Self) -> Option<Self> {
        let mut grown = [0; 5];
        for (slot, (now, before)) in grown.iter_mut().zip(self.parts().into_iter().zip(before.parts())) {
            *slot = now.checked_sub(before)?;
        }
        let [input, cached, written, output, reasoning] = grown;
        Some(Self { input, cached, written, output, reasoning })
    }

    fn usage(self) -> Option<Usage> {
        let counters = Counters {
            input: Some(self.input),
            cache_read: Some(self.cached),
            cache_write: (self.written > 0).then_some(self.written),
            output: Some(self.output),
            reasoning: Some(self.reasoning),
            ..Counters::default()
        };
        counters.normalise(Convention::Unknown, "openai")
    }
}

impl Rollout {
    /// The model is asked again: what it says next is another response.
    pub(super) fn boundary(&mut self) {
        if let Some(call) = &mut self.call {
            call.over = true;
        }
    }

    /// A part of what the model said.
    pub(super) fn model_item(&mut self, at: &At<'_, '_>, out: &mut Batch) {
        let goes_on =
            self.call.as_ref().is_some_and(|call| !call.over && (!call.counted || call.counted_first));
        if !goes_on {
            self.new_call(out);
        }
        let Some(call) = &mut self.call else { return };
        // What is written after its usage may have waited for the tool.
        if !call.counted {
            call.end = at.time.or(call.end);
        }
        self.put_call(None, None, at, out);
    }

    fn new_call(&mut self, out: &mut Batch) {
        self.calls += 1;
        let span = self.span("call", &self.calls.to_string());
        self.call = Some(Call {
            span,
            start: self.asked,
            end: None,
            counted: false,
            counted_first: false,
            over: false,
        });
        self.inputs.give(self.trace, span, out);
    }

    fn put_call(&self, usage: Option<Usage>, response: Option<u64>, at: &At<'_, '_>, out: &mut Batch) {
        let Some(call) = &self.call else { return };
        let mut update = self.update(call.span, at.line, out);
        update.parent = Parent::Span(self.owner());
        update.status = Some(Status::Ok);
        update.start = call.start.or(call.end).map(Timed::written);
        update.end = call.end.map(Timed::written);
        update.span_type = out.intern("response");
        let provider = if self.provider.is_empty() { provider_of(&self.model) } else { &self.provider };
        of_model(&mut update, &self.model, provider, out);
        update.usage = usage;
        update.response = response;
        out.push(update);
    }

    /// What was used since the last call, for the call it belongs to.
    fn used(&mut self, usage: Usage, response: Option<u64>, exact: bool, at: &At<'_, '_>, out: &mut Batch) {
        if self.call.as_ref().is_none_or(|call| call.counted) {
            self.new_call(out);
            if let Some(call) = &mut self.call {
                (call.counted_first, call.end) = (true, at.time);
            }
        }
        let Some(call) = &mut self.call else { return };
        call.counted = true;
        if exact || !call.over {
            call.end = at.time.or(call.end);
        }
        self.put_call(Some(usage), response, at, out);
    }

    /// What one response used, once.
    pub(super) fn usage_record(&mut self, fields: &Fields<'_>, at: &At<'_, '_>, out: &mut Batch) {
        self.records = true;
        let (id, turn) = (fields.text("response_id"), fields.text("turn_id"));
        if !id.is_empty() && self.responses.len() < MAX_KNOWN && !self.responses.insert(hash(&[id, turn])) {
            return;
        }
        if let Some(usage) = fields.object("usage").and_then(|usage| Totals::read(&usage).usage()) {
            // Some servers number their responses from one for each client: the turn tells them apart.
            let response = unique_response_key(id).and_then(|_| unique_response_key(&format!("{turn} {id}")));
            self.used(usage, response, true, at, out);
        }
    }

    /// A running total. `silent` says that it is another thread's: it only tells where this one begins.
    pub(super) fn token_count(
        &mut self,
        fields: &Fields<'_>,
        silent: bool,
        at: &At<'_, '_>,
        out: &mut Batch,
    ) {
        let info = fields.object("info");
        let total = info.as_ref().and_then(|info| info.object("total_token_usage"));
        let Some(total) = total.map(|total| Totals::read(&total)) else {
            return self.asks(at, false);
        };
        let last = info.and_then(|info| info.object("last_token_usage")).map(|last| Totals::read(&last));
        let before = self.total.replace(total);
        // A total that begins, or became smaller, tells nothing about this call; the last usage does.
        let grown = before.and_then(|before| total.since(before)).or(last).unwrap_or(total);
        if silent || self.records {
            return;
        }
        if grown == Totals::default() || before == Some(total) {
            // Written again before the next request.
            if self.call.as_ref().is_none_or(|call| call.over) {
                self.asks(at, false);
            }
            return;
        }
        if let Some(usage) = grown.usage() {
            self.used(usage, None, false, at, out);
        }
    }
}
