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
use super::names::{error_line, project, provider_of, short, tool_name};
use super::{Fields, MAX_INPUTS, MAX_KNOWN, count_known, each_object, hash, items, part_of, score};
use crate::format::json::Value;
use crate::format::usage::{Convention, Counters};
use crate::format::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, Id, NANOS_PER_MS, Parent, PayloadRef, Reason, Role, SpanDetail, SpanKind, SpanUpdate, Stamp,
    Status, Timed, UnixNanos, Usage,
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
    let root = Id::synthetic(&[b"qwen file", &stream.salt]);
    Box::new(Session {
        id: String::new(),
        trace: root,
        root,
        cwd: String::new(),
        named: false,
        turn: None,
        last: None,
        asked: None,
        inputs: Vec::new(),
        told: None,
        tools: FxHashMap::default(),
        over: false,
    })
}

/// A response that telemetry told of and whose line has not come.
struct Told {
    span: Id,
    tokens: (Option<u64>, Option<u64>),
}

/// What is remembered of a session.
struct Session {
    id: String,
    trace: Id,
    root: Id,
    cwd: String,
    named: bool,
    turn: Option<Id>,
    last: Option<(Stamp, UnixNanos)>,
    /// When the model was last given something to answer, and the lines that did.
    asked: Option<UnixNanos>,
    inputs: Vec<(PayloadRef, Stamp)>,
    told: Option<Told>,
    /// Tool calls without a result.
    tools: FxHashMap<u64, Id>,
    /// Whether the last answer called no tool.
    over: bool,
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
        if let (true, true, Some((stamp, at))) = (self.over, self.tools.is_empty(), self.last) {
            self.end_turn(Status::Ok, at, stamp, out);
        }
    }
}

impl Session {
    fn span(&self, what: &str, id: &str) -> Id {
        Id::synthetic(&[b"qwen", what.as_bytes(), self.id.as_bytes(), id.as_bytes()])
    }

    fn update(&self, span: Id, line: &Line<'_>, out: &mut Batch) -> SpanUpdate {
        let mut update = SpanUpdate::new(self.trace, span, line.stamp);
        update.payload = Some(line.at);
        update.session = out.intern(&self.id);
        update.service = out.intern("qwen-code");
        update
    }

    fn line(&mut self, fields: &Fields<'_>, line: &Line<'_>, out: &mut Batch) {
        let at = fields.time("timestamp");
        if self.id != fields.text("sessionId") {
            self.begin(fields, at, line, out);
        }
        let message = fields.object("message").unwrap_or_default();
        match fields.text("type") {
            "user" => self.user(fields, &message, at, line, out),
            "assistant" => self.answered(fields, &message, at, line, out),
            "tool_result" => self.result(fields, &message, at, line, out),
            "system" => {
                let event = fields.object("systemPayload").and_then(|payload| payload.object("uiEvent"));
                if let Some(event) = event {
                    self.telemetry(&event, at, line, out);
                }
                return;
            }
            _ => return,
        }
        if let Some(at) = at {
            self.last = Some((line.stamp, at));
        }
    }

    fn begin(&mut self, fields: &Fields<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        fields.text("sessionId").clone_into(&mut self.id);
        fields.text("cwd").chars().take(4096).collect::<String>().clone_into(&mut self.cwd);
        self.root = self.span("session", &self.id);
        self.trace = out.id(&self.id).unwrap_or(self.root);
        (self.turn, self.told, self.named, self.over) = (None, None, false, false);
        self.tools.clear();
        let mut root = self.update(self.root, line, out);
        root.parent = Parent::Root;
        root.kind = Some(SpanKind::Agent);
        root.status = Some(Status::Running);
        root.start = at.map(Timed::written);
        root.span_type = out.intern("session");
        root.workflow = out.intern(project(&self.cwd));
        out.push(root);
    }

    fn user(
        &mut self,
        fields: &Fields<'_>,
        message: &Fields<'_>,
        at: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let text = said(message);
        self.asks(at, line);
        if text.trim().is_empty() {
            return;
        }
        if let (Some(_), Some((_, last))) = (self.turn, self.last) {
            self.end_turn(Status::Ok, last, line.stamp, out);
        }
        let turn = self.span("turn", fields.text("uuid"));
        let name = short(&text);
        let mut update = self.update(turn, line, out);
        update.parent = Parent::Span(self.root);
        update.kind = Some(SpanKind::Iteration);
        update.status = Some(Status::Running);
        update.start = at.map(Timed::written);
        update.span_type = out.intern("turn");
        update.name = out.intern(&name);
        out.push(update);
        let mut root = SpanUpdate::new(self.trace, self.root, line.stamp);
        root.status = Some(Status::Running);
        if !std::mem::replace(&mut self.named, true) {
            root.name = out.intern(&name);
        }
        out.push(root);
        self.turn = Some(turn);
        self.over = false;
    }

    fn asks(&mut self, at: Option<UnixNanos>, line: &Line<'_>) {
        self.asked = at.or(self.asked);
        if self.inputs.len() < MAX_INPUTS {
            self.inputs.push((line.at, line.stamp));
        }
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
        let counters = Counters {
            input: event.count("input_token_count"),
            output: event.count("output_token_count"),
            cache_read: event.count("cached_content_token_count"),
            reasoning: event.count("thoughts_token_count"),
            total: event.count("total_token_count"),
            tool_input: event.count("tool_token_count"),
            ..Counters::default()
        };
        let tokens = (counters.input, counters.output);
        let span = self.span("call", &id);
        let mut update = self.call(span, event.text("model"), line, out);
        update.usage = counters.normalise(Convention::Unknown, "").filter(Usage::is_known);
        update.end = at.map(Timed::written);
        let took = event.count("duration_ms").and_then(|millis| i64::try_from(millis).ok());
        let start = at.zip(took).map(|(at, took)| at.plus(-took.saturating_mul(NANOS_PER_MS)));
        update.start = start.or(self.asked).map(Timed::inferred);
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

    fn call(&self, span: Id, model: &str, line: &Line<'_>, out: &mut Batch) -> SpanUpdate {
        let model = short(model);
        let mut update = self.update(span, line, out);
        update.parent = Parent::Span(self.turn.unwrap_or(self.root));
        update.kind = Some(SpanKind::Llm);
        update.status = Some(Status::Ok);
        update.span_type = out.intern("message");
        update.name = out.intern(if model.is_empty() { "model call" } else { &model });
        update.model = out.intern(&model);
        update.provider = out.intern(provider_of(&model));
        update
    }

    fn answered(
        &mut self,
        fields: &Fields<'_>,
        message: &Fields<'_>,
        at: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let counts = fields.object("usageMetadata").unwrap_or_default();
        let counters = Counters {
            input: counts.count("promptTokenCount"),
            output: counts.count("candidatesTokenCount"),
            cache_read: counts.count("cachedContentTokenCount"),
            reasoning: counts.count("thoughtsTokenCount"),
            total: counts.count("totalTokenCount"),
            ..Counters::default()
        };
        let tokens = (counters.input, counters.output);
        // The line of an answer follows what telemetry says of it.
        let told = self.told.take().filter(|told| tokens == (None, None) || told.tokens == tokens);
        let span = told.as_ref().map_or_else(|| self.span("call", fields.text("uuid")), |told| told.span);
        for (payload, stamp) in std::mem::take(&mut self.inputs) {
            let mut input = SpanUpdate::new(self.trace, span, stamp);
            input.payload = Some(payload);
            out.push(input);
        }
        let mut update = if told.is_some() {
            self.update(span, line, out)
        } else {
            let mut update = self.call(span, fields.text("model"), line, out);
            update.usage = counters.normalise(Convention::Unknown, "").filter(Usage::is_known);
            update.start = self.asked.or(at).map(Timed::written);
            update.end = at.map(Timed::written);
            update
        };
        update.kind = Some(SpanKind::Llm);
        out.push(update);
        self.over = true;
        each_part(message, |part, text| {
            let Some(call) = part.object("functionCall") else { return };
            self.over = false;
            let tool = self.span("tool", call.text("id"));
            let (payload, stamp) = part_of(line, text);
            let mut update = self.update(tool, line, out);
            (update.payload, update.stamp) = (Some(payload), stamp);
            update.parent = Parent::Span(self.turn.unwrap_or(self.root));
            update.kind = Some(SpanKind::Tool);
            update.status = Some(Status::Running);
            update.span_type = out.intern("tool_call");
            update.start = at.map(Timed::written);
            let name = short(call.text("name"));
            let arguments = match call.get("args") {
                Some(Value::Object(arguments)) => arguments,
                _ => "{}",
            };
            update.name = out.intern(&tool_name(&name, arguments, &self.cwd));
            update.tool = out.intern(&name);
            out.push(update);
            if self.tools.len() < MAX_KNOWN {
                self.tools.insert(hash(&[call.text("id")]), tool);
            }
        });
    }

    fn result(
        &mut self,
        fields: &Fields<'_>,
        message: &Fields<'_>,
        at: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let told = fields.object("toolCallResult").unwrap_or_default();
        let mut ids = Vec::new();
        each_part(message, |part, _| {
            let Some(response) = part.object("functionResponse") else { return };
            let failed =
                response.object("response").map(|it| it.text("error").to_owned()).unwrap_or_default();
            ids.push((response.text("id").to_owned(), failed));
        });
        for (id, failed) in ids {
            let key = hash(&[&id]);
            let tool = self.tools.remove(&key).unwrap_or_else(|| self.span("tool", &id));
            let status = match told.text("status") {
                "" if failed.is_empty() => Status::Ok,
                "" => Status::Error,
                word => Status::from_source_word(word),
            };
            let mut update = self.update(tool, line, out);
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

    fn end_turn(&mut self, status: Status, at: UnixNanos, stamp: Stamp, out: &mut Batch) {
        self.over = false;
        for span in self.turn.into_iter().chain([self.root]) {
            let mut update = SpanUpdate::new(self.trace, span, stamp);
            update.status = Some(status);
            update.end = Some(Timed::written(at));
            out.push(update);
        }
    }
}

/// The parts of a content, with their texts.
fn each_part(message: &Fields<'_>, mut each: impl FnMut(&Fields<'_>, &str)) {
    let Some(Value::Array(parts)) = message.get("parts") else { return };
    items(parts, |part| {
        if let Value::Object(text) = part {
            each(&Fields::of(text), text);
        }
    });
}

/// The first words of a content.
fn said(message: &Fields<'_>) -> String {
    let mut words = String::new();
    each_part(message, |part, _| {
        if let (Some(Value::Text(text)), true) = (part.get("text"), words.is_empty()) {
            words = text.chars().take(4096).collect();
        }
    });
    words
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
