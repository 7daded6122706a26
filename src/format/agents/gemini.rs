//! Chats of Gemini CLI, and of Qwen Code, which is made from it: `~/.gemini/tmp/PROJECT/chats/session-*.jsonl`,
//! older ones `.json`.
//!
//! A message of the model is written when it has come and again, under the same id, when its tools are done. So nothing
//! says which tool runs; a tool's times are those of its message and of its result.

#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use super::detail::Reading;
use super::names::{error_line, provider_of, short, tool_name};
use super::{Fields, count_known, each_object, items, member, part_of, score};
use crate::format::json::Value;
use crate::format::usage::{Convention, Counters};
use crate::format::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{
    Batch, Id, Parent, Reason, Role, SpanDetail, SpanKind, SpanUpdate, Stamp, Status, Timed, UnixNanos, Usage,
};

/// Lines of a chat.
pub(in crate::format) static LINES: LineFormat = LineFormat {
    name: "gemini-cli",
    about: "chats of Gemini CLI and Qwen Code: ~/.gemini/tmp/*/chats/*.jsonl, older ones *.json",
    sniff,
    decoder,
    detail,
    independent_lines: false,
};

fn sniff(sample: &LineSample<'_>) -> (u8, String) {
    let mut header = false;
    let (records, known) = count_known(sample, |fields| {
        let has = |name: &str| fields.iter().any(|(key, _)| key == name);
        let kind = fields.iter().find(|(key, _)| key == "type").and_then(|(_, value)| value.text());
        let first = has("sessionId") && has("projectHash");
        header |= first;
        first
            || has("$set")
            || (has("id") && matches!(kind, Some("user" | "gemini" | "info" | "error" | "warning")))
    });
    let score = if header { score(known, records) } else { 0 };
    (score, format!("{known} of {records} records are of a Gemini CLI chat"))
}

fn decoder(stream: &Stream) -> Box<dyn LineDecoder> {
    let root = Id::synthetic(&[b"gemini file", &stream.salt]);
    Box::new(Chat {
        session: stream.name.clone(),
        trace: root,
        root,
        rooted: false,
        named: false,
        turn: None,
        last: None,
        asked: None,
        answer: None,
        over: false,
    })
}

/// What is remembered of a chat.
struct Chat {
    session: String,
    trace: Id,
    root: Id,
    rooted: bool,
    named: bool,
    turn: Option<Id>,
    last: Option<(Stamp, UnixNanos)>,
    /// When the model was last given something to answer.
    asked: Option<UnixNanos>,
    /// The last answer's id and its beginning: it may be written again.
    answer: Option<(String, Option<UnixNanos>)>,
    /// Whether the last answer called no tool.
    over: bool,
}

impl LineDecoder for Chat {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        each_object(line, out, |reader, line, out| {
            let fields = Fields::read(reader)?;
            if fields.get("projectHash").is_some() {
                self.header(&fields, line, out);
                self.whole(&fields, line, out);
            } else if fields.get("$set").is_none() && !fields.text("id").is_empty() {
                self.message(&fields, line, out);
            } else if fields.get("$set").is_none() {
                out.problem(Reason::NotASpan, Some(line.at), "neither a chat nor a message");
            }
            Ok(())
        });
    }

    fn finish(&mut self, out: &mut Batch) {
        if let (true, Some((stamp, at))) = (self.over, self.last) {
            self.end_turn(Status::Ok, at, stamp, out);
        }
    }
}

impl Chat {
    fn span(&self, what: &str, id: &str) -> Id {
        Id::synthetic(&[b"gemini", what.as_bytes(), self.session.as_bytes(), id.as_bytes()])
    }

    fn update(&self, span: Id, line: &Line<'_>, out: &mut Batch) -> SpanUpdate {
        let mut update = SpanUpdate::new(self.trace, span, line.stamp);
        update.payload = Some(line.at);
        update.session = out.intern(&self.session);
        update.service = out.intern("gemini-cli");
        update
    }

    fn header(&mut self, fields: &Fields<'_>, line: &Line<'_>, out: &mut Batch) {
        let id = fields.text("sessionId");
        if self.rooted || id.is_empty() {
            return;
        }
        id.clone_into(&mut self.session);
        self.root = self.span("session", id);
        self.trace = out.id(id).unwrap_or(self.root);
        self.put_root(fields.time("startTime"), line, out);
    }

    fn put_root(&mut self, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        self.rooted = true;
        let mut root = self.update(self.root, line, out);
        root.parent = Parent::Root;
        root.kind = Some(SpanKind::Agent);
        root.status = Some(Status::Running);
        root.start = at.map(Timed::written);
        root.span_type = out.intern("session");
        out.push(root);
    }

    /// Older versions write the chat as one object with all of its messages, anew each time.
    fn whole(&mut self, fields: &Fields<'_>, line: &Line<'_>, out: &mut Batch) {
        let Some(Value::Array(list)) = fields.get("messages") else { return };
        items(list, |message| {
            if let Value::Object(text) = message {
                let (at, stamp) = part_of(line, text);
                let line = Line { bytes: text.as_bytes(), at, stamp, arrived: line.arrived };
                self.message(&Fields::of(text), &line, out);
            }
        });
    }

    fn message(&mut self, fields: &Fields<'_>, line: &Line<'_>, out: &mut Batch) {
        let at = fields.time("timestamp");
        if !self.rooted {
            self.put_root(at, line, out);
        }
        match fields.text("type") {
            "user" => self.user(fields, at, line, out),
            "gemini" | "qwen" => self.answered(fields, at, line, out),
            "error" => {
                if let Some(at) = at {
                    self.end_turn(Status::Error, at, line.stamp, out);
                }
            }
            _ => {}
        }
        if let Some(at) = at {
            self.last = Some((line.stamp, at));
        }
    }

    fn user(&mut self, fields: &Fields<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let text = said(fields.get("content"));
        self.asked = at.or(self.asked);
        if text.trim().is_empty() || text.trim_start().starts_with("<session_context>") {
            return;
        }
        if let (Some(_), Some((_, last))) = (self.turn, self.last) {
            self.end_turn(Status::Ok, last, line.stamp, out);
        }
        let turn = self.span("turn", fields.text("id"));
        let name = short(&text);
        let mut update = self.update(turn, line, out);
        update.parent = Parent::Span(self.root);
        update.kind = Some(SpanKind::Iteration);
        update.status = Some(Status::Running);
        update.start = at.map(Timed::written);
        update.span_type = out.intern("turn");
        update.name = out.intern(&name);
        out.push(update);
        if !self.named {
            self.named = true;
            let mut root = SpanUpdate::new(self.trace, self.root, line.stamp);
            root.name = out.intern(&name);
            out.push(root);
        }
        self.turn = Some(turn);
        self.over = false;
    }

    fn answered(&mut self, fields: &Fields<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let id = fields.text("id");
        let start = match &self.answer {
            Some((known, start)) if known == id => *start,
            _ => self.asked,
        };
        self.answer = Some((id.to_owned(), start));
        let owner = self.turn.unwrap_or(self.root);
        let model = short(fields.text("model"));
        let mut update = self.update(self.span("message", id), line, out);
        update.parent = Parent::Span(owner);
        update.kind = Some(SpanKind::Llm);
        update.status = Some(Status::Ok);
        update.start = start.or(at).map(Timed::written);
        update.end = at.map(Timed::written);
        update.span_type = out.intern("message");
        update.name = out.intern(if model.is_empty() { "model call" } else { &model });
        update.model = out.intern(&model);
        update.provider = out.intern(provider_of(&model));
        update.usage = fields.object("tokens").and_then(|tokens| usage(&tokens));
        out.push(update);
        let mut calls = 0;
        if let Some(Value::Array(list)) = fields.get("toolCalls") {
            items(list, |call| {
                if let Value::Object(call) = call {
                    calls += 1;
                    self.tool(call, owner, at, line, out);
                }
            });
        }
        self.over = calls == 0 && !said(fields.get("content")).trim().is_empty();
    }

    fn tool(&mut self, call: &str, owner: Id, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let fields = Fields::of(call);
        let (payload, stamp) = part_of(line, call);
        let mut update = self.update(self.span("tool", fields.text("id")), line, out);
        (update.payload, update.stamp) = (Some(payload), stamp);
        update.parent = Parent::Span(owner);
        update.kind = Some(SpanKind::Tool);
        update.span_type = out.intern("tool_call");
        update.start = at.map(Timed::inferred);
        update.end = fields.time("timestamp").map(Timed::written);
        let status = match fields.text("status") {
            "" => Status::Running,
            word => Status::from_source_word(word),
        };
        update.status = Some(status);
        let tool = short(fields.text("name"));
        let arguments = match fields.get("args") {
            Some(Value::Object(arguments)) => arguments,
            _ => "{}",
        };
        update.name = out.intern(&tool_name(&tool, arguments, ""));
        update.tool = out.intern(&tool);
        if status == Status::Error {
            update.error = out.intern(&error_line(&failure(&fields)));
        }
        out.push(update);
        self.asked = fields.time("timestamp").or(self.asked);
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

/// The words of a content: text or parts. What functions gave back is not said by anybody.
fn said(content: Option<&Value<'_>>) -> String {
    match content {
        Some(Value::Text(text)) => text.chars().take(4096).collect(),
        Some(Value::Array(parts)) => {
            let mut words = String::new();
            items(parts, |part| {
                if let (Value::Object(part), true) = (part, words.is_empty())
                    && let Value::Text(text) = member(part, "text")
                {
                    words = text.chars().take(4096).collect();
                }
            });
            words
        }
        _ => String::new(),
    }
}

/// Why a call failed, by what its function gave back.
fn failure(call: &Fields<'_>) -> String {
    let mut why = String::new();
    if let Some(Value::Array(results)) = call.get("result") {
        items(results, |result| {
            if let (Value::Object(result), true) = (result, why.is_empty()) {
                let response =
                    Fields::of(result).object("functionResponse").and_then(|f| f.object("response"));
                why = response.map(|response| response.text("error").to_owned()).unwrap_or_default();
            }
        });
    }
    if why.is_empty() { call.text("resultDisplay").to_owned() } else { why }
}

/// Cached tokens are in the input, thoughts beside the output, results of tools beside the input.
fn usage(tokens: &Fields<'_>) -> Option<Usage> {
    let counters = Counters {
        input: tokens.count("input"),
        tool_input: tokens.count("tool"),
        cache_read: tokens.count("cached"),
        output: tokens.count("output"),
        reasoning: tokens.count("thoughts"),
        total: tokens.count("total"),
        ..Counters::default()
    };
    counters.normalise(Convention::Unknown, "google")
}

fn detail(bytes: &[u8]) -> SpanDetail {
    let mut reading = Reading::new(bytes);
    let Some(Json::Object(line)) = reading.value.take() else { return reading.into_detail() };
    let text = |key: &str| line.get(key).and_then(Json::as_str).unwrap_or_default();
    let is_answer = matches!(text("type"), "gemini" | "qwen");
    if let (Some(args), Some(_)) = (line.get("args"), line.get("name")) {
        // A call of a tool.
        reading.message(Role::Assistant, &args.to_string(), Some(text("name")), false);
        reading.detail.input = Some(args.to_string());
        if let Some(result) = line.get("result") {
            reading.message(Role::Tool, &result.to_string(), Some(text("name")), false);
            reading.detail.output = Some(result.to_string());
        }
        return reading.into_detail();
    }
    for (key, value) in &line {
        if !matches!(key.as_str(), "content" | "toolCalls" | "id" | "timestamp" | "type" | "messages") {
            reading.attribute(key, value);
        }
    }
    for thought in line.get("thoughts").and_then(Json::as_array).into_iter().flatten() {
        let said = thought.get("description").and_then(Json::as_str).unwrap_or_default();
        reading.message(Role::Assistant, said, Some("thinking"), true);
    }
    match line.get("content") {
        Some(Json::String(text)) => reading.said(is_answer, text),
        Some(Json::Array(parts)) => {
            for part in parts {
                if let Some(text) = part.get("text").and_then(Json::as_str) {
                    reading.said(is_answer, text);
                }
            }
        }
        _ => {}
    }
    // A message is written again when its tools are done: the later record has all of it.
    reading.detail.is_part = !is_answer;
    for call in line.get("toolCalls").and_then(Json::as_array).into_iter().flatten() {
        let name = call.get("name").and_then(Json::as_str).unwrap_or("tool");
        let args = call.get("args").map(ToString::to_string).unwrap_or_default();
        reading.message(Role::Assistant, &args, Some(name), true);
    }
    reading.into_detail()
}
