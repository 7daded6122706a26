//! Sessions of Qwen Code: `~/.qwen/projects/PROJECT/chats/SESSION.jsonl`. Lines are chained like those of Claude Code
//! and hold contents like those of Gemini CLI.
//!
//! A line of telemetry tells of each response what it used and how long it took, also of those that nobody is shown; the
//! line of an answer repeats the counters of the one before it. A tool's own line says how long it ran.

#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};

use super::detail::Reading;
use super::names::error_line;
use super::talk::{Conversation, Inputs, counters, first_words, head};
use super::{Fields, MAX_KNOWN, count_known, each_object, hash, items, score};
use crate::format::json::Value;
use crate::format::usage::{Convention, Counters};
use crate::format::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, Id, NANOS_PER_MS, Reason, Role, SpanDetail, SpanKind, Status, Timed, UnixNanos, Usage,
};

/// Lines of a session.
pub(in crate::format) static LINES: LineFormat = LineFormat {
    name: "qwen-code",
    about: "sessions of Qwen Code: ~/.qwen/projects/*/chats/*.jsonl",
    sniff,
    decoder,
    detail,
    independent_lines: false,
};

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let mut own = 0;
    let (records, known) = count_known(sample, |fields| {
        let get = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let known = ["uuid", "parentUuid", "sessionId", "timestamp"].iter().all(|name| get(name).is_some());
        let parts = |message: &Value<'_>| match message {
            Value::Object(object) => Fields::of(object).get("parts").is_some(),
            _ => false,
        };
        own += usize::from(known && (get("message").is_some_and(parts) || get("systemPayload").is_some()));
        known
    });
    // The chain alone is that of Claude Code.
    let sure = if own > 0 { score(known, records).saturating_add(1) } else { 0 };
    (sure, format!("{known} of {records} records are of a Qwen Code session"))
}

fn decoder(stream: &Stream) -> Box<dyn LineDecoder> {
    Box::new(Session {
        talk: Conversation::new("qwen", "qwen-code", String::new(), stream),
        inputs: Inputs::default(),
        told: None,
        tools: FxHashMap::default(),
    })
}

/// The counters' names in telemetry, and in an answer.
const TOLD: [&str; 5] = [
    "input_token_count",
    "output_token_count",
    "cached_content_token_count",
    "thoughts_token_count",
    "total_token_count",
];
const SHOWN: [&str; 5] = [
    "promptTokenCount",
    "candidatesTokenCount",
    "cachedContentTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
];

/// A response that telemetry told of and whose line has not come.
struct Told {
    span: Id,
    tokens: (Option<u64>, Option<u64>),
}

/// What is remembered of a session.
struct Session {
    talk: Conversation,
    inputs: Inputs,
    told: Option<Told>,
    /// Tool calls without a result.
    tools: FxHashMap<u64, Id>,
}

impl LineDecoder for Session {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object(line, out, |reader, line, out| {
            let fields = Fields::read(reader)?;
            if fields.text("sessionId").is_empty() {
                out.problem(Reason::MissingId, Some(line.at), "a record without sessionId");
                return Ok(());
            }
            if fields.get("timestamp").is_some_and(|time| time.time().is_err()) {
                out.problem(Reason::BadTime, Some(line.at), "timestamp");
            }
            self.line(&fields, line, out);
            Ok(())
        });
    }

    fn finish(&mut self, out: &mut Batch) {
        if self.tools.is_empty() {
            self.talk.finish(out);
        }
    }
}

impl Session {
    fn line(&mut self, fields: &Fields<'_>, line: &Line<'_>, out: &mut Batch) {
        let at = fields.time("timestamp");
        if self.talk.id != fields.text("sessionId") {
            self.begin(fields, at, line, out);
        }
        match fields.text("type") {
            "user" => self.user(fields, at, line, out),
            "assistant" => self.answered(fields, at, line, out),
            "tool_result" => self.result(fields, at, line, out),
            "system" => {
                let event = fields.object("systemPayload").and_then(|payload| payload.object("uiEvent"));
                if let Some(event) = event {
                    self.telemetry(&event, at, line, out);
                }
                return;
            }
            _ => return,
        }
        self.talk.goes_on(at, line);
    }

    fn begin(&mut self, fields: &Fields<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        self.talk.cwd = head(fields.text("cwd"));
        self.told = None;
        self.tools.clear();
        self.talk.begin(fields.text("sessionId"), at, line, out);
    }

    fn user(&mut self, fields: &Fields<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let text = first_words(parts(fields));
        self.asks(at, line);
        if !text.trim().is_empty() {
            self.talk.open_turn(fields.text("uuid"), &text, Some(Status::Running), at, line, out);
        }
    }

    fn asks(&mut self, at: Option<UnixNanos>, line: &Line<'_>) {
        self.talk.asks(at);
        self.inputs.keep(line.at, line.stamp);
    }

    /// What a response used.
    fn telemetry(&mut self, event: &Fields<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let kind = event.text("event.name").rsplit('.').next().unwrap_or_default().to_owned();
        if kind != "api_response" && kind != "api_error" {
            return;
        }
        let id = match event.text("response_id") {
            "" => line.at.pos.to_string(),
            id => id.to_owned(),
        };
        let counters = Counters { tool_input: event.count("tool_token_count"), ..counters(event, TOLD) };
        let tokens = (counters.input, counters.output);
        let span = self.talk.span("call", &id);
        let mut update = self.talk.model_call(span, event.text("model"), line, out);
        update.usage = counters.normalise(Convention::Unknown, "").filter(Usage::is_known);
        update.end = at.map(Timed::written);
        let took = event.count("duration_ms").and_then(|millis| i64::try_from(millis).ok());
        let start = at.zip(took).map(|(at, took)| at.plus(-took.saturating_mul(NANOS_PER_MS)));
        update.start = start.or(self.talk.asked).map(Timed::inferred);
        if kind == "api_error" {
            update.status = Some(Status::Error);
            let why = ["error_message", "error", "error_type"].map(|name| event.text(name));
            update.error =
                out.intern(&error_line(why.into_iter().find(|why| !why.is_empty()).unwrap_or_default()));
        } else {
            self.told = Some(Told { span, tokens });
        }
        out.push(update);
    }

    fn answered(&mut self, fields: &Fields<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let counts = fields.object("usageMetadata").unwrap_or_default();
        let counters = counters(&counts, SHOWN);
        let tokens = (counters.input, counters.output);
        // The line of an answer follows what telemetry says of it.
        let told = self.told.take().filter(|told| tokens == (None, None) || told.tokens == tokens);
        let span =
            told.as_ref().map_or_else(|| self.talk.span("call", fields.text("uuid")), |told| told.span);
        self.inputs.give(self.talk.trace, span, out);
        let mut update = if told.is_some() {
            self.talk.update(span, line, out)
        } else {
            let mut update = self.talk.model_call(span, fields.text("model"), line, out);
            update.usage = counters.normalise(Convention::Unknown, "").filter(Usage::is_known);
            update.start = self.talk.asked.or(at).map(Timed::written);
            update.end = at.map(Timed::written);
            update
        };
        update.kind = Some(SpanKind::Llm);
        out.push(update);
        self.talk.over = true;
        each_part(fields, |part, text| {
            let Some(call) = part.object("functionCall") else { return };
            self.talk.over = false;
            let mut update = self.talk.tool_call(&call, text, line, out);
            update.status = Some(Status::Running);
            update.start = at.map(Timed::written);
            out.push(update);
            if self.tools.len() < MAX_KNOWN {
                self.tools.insert(hash(&[call.text("id")]), update.span);
            }
        });
    }

    fn result(&mut self, fields: &Fields<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let told = fields.object("toolCallResult").unwrap_or_default();
        let mut ids = Vec::new();
        each_part(fields, |part, _| {
            let Some(response) = part.object("functionResponse") else { return };
            let failed =
                response.object("response").map(|it| it.text("error").to_owned()).unwrap_or_default();
            ids.push((response.text("id").to_owned(), failed));
        });
        for (id, failed) in ids {
            let key = hash(&[&id]);
            let tool = self.tools.remove(&key).unwrap_or_else(|| self.talk.span("tool", &id));
            let status = match told.text("status") {
                "" if failed.is_empty() => Status::Ok,
                "" => Status::Error,
                word => Status::from_source_word(word),
            };
            let mut update = self.talk.update(tool, line, out);
            update.kind = Some(SpanKind::Tool);
            update.status = Some(status);
            update.end = at.map(Timed::written);
            if status == Status::Error {
                let why = if failed.is_empty() { told.text("resultDisplay") } else { &failed };
                update.error = out.intern(&error_line(why));
            }
            out.push(update);
        }
        self.asks(at, line);
    }
}

/// The parts of a line's content, as the text of a list.
fn parts<'a>(fields: &Fields<'a>) -> &'a str {
    let message = fields.object("message").unwrap_or_default();
    match message.get("parts") {
        Some(Value::Array(parts)) => parts,
        _ => "[]",
    }
}

/// Each part that is an object, with its text.
fn each_part(fields: &Fields<'_>, mut each: impl FnMut(&Fields<'_>, &str)) {
    items(parts(fields), |part| {
        if let Value::Object(text) = part {
            each(&Fields::of(text), text);
        }
    });
}

fn detail(bytes: &[u8]) -> SpanDetail {
    let mut reading = Reading::new(bytes);
    let Some(Json::Object(line)) = reading.value.take() else { return reading.into_detail() };
    if line.contains_key("functionCall") {
        part(&line, false, true, &mut reading);
        return reading.into_detail();
    }
    for (key, value) in &line {
        if !matches!(key.as_str(), "message" | "type" | "timestamp" | "sessionId") {
            reading.attribute(key, value);
        }
    }
    let is_answer = line.get("type").and_then(Json::as_str) == Some("assistant");
    let parts = line.get("message").and_then(|message| message.get("parts")).and_then(Json::as_array);
    for each in parts.into_iter().flatten().filter_map(Json::as_object) {
        part(each, is_answer, false, &mut reading);
    }
    reading.into_detail()
}

/// A part of a content. `alone` says that it is the record.
fn part(part: &Map<String, Json>, is_answer: bool, alone: bool, reading: &mut Reading) {
    let text = part.get("text").and_then(Json::as_str);
    if let Some(call) = part.get("functionCall") {
        let input = call.get("args").map(ToString::to_string).unwrap_or_default();
        let name = call.get("name").and_then(Json::as_str).unwrap_or("tool");
        reading.message(Role::Assistant, &input, Some(name), !alone);
        if alone {
            reading.detail.input = Some(input);
        }
    } else if let Some(response) = part.get("functionResponse") {
        let response = response.get("response").unwrap_or(&Json::Null);
        let said = ["output", "error"].iter().find_map(|name| response.get(*name)).unwrap_or(response);
        let said = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
        reading.message(Role::Tool, &said, None, false);
        reading.detail.output = Some(said);
    } else if let Some(text) = text {
        if part.get("thought") == Some(&Json::Bool(true)) {
            reading.message(Role::Assistant, text, Some("thinking"), true);
        } else {
            reading.said(is_answer, text);
        }
    }
}
