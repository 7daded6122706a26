//! Chats of Gemini CLI, and of Qwen Code, which is made from it: `~/.gemini/tmp/PROJECT/chats/session-*.jsonl`,
//! older ones `.json`.
//!
//! A message of the model is written when it has come and again, under the same id, when its tools are done. So nothing
//! says which tool runs; a tool's times are those of its message and of its result.

#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use super::detail::Reading;
use super::names::error_line;
use super::talk::{Conversation, counters, first_words, head};
use super::{Fields, count_known, each_object, items, part_of, score};
use crate::format::json::Value;
use crate::format::usage::{Convention, Counters};
use crate::format::{Line, LineDecoder, LineFormat, LineSample, Stream};
use crate::model::{Batch, Reason, Role, SpanDetail, Status, Timed, UnixNanos, Usage};

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
    let talk = Conversation::new("gemini", "gemini-cli", stream.name.clone(), stream);
    Box::new(Chat { talk, rooted: false, answer: None })
}

/// What is remembered of a chat.
struct Chat {
    talk: Conversation,
    rooted: bool,
    /// The last answer's id and its beginning: it may be written again.
    answer: Option<(String, Option<UnixNanos>)>,
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
        self.talk.finish(out);
    }
}

impl Chat {
    fn header(&mut self, fields: &Fields<'_>, line: &Line<'_>, out: &mut Batch) {
        let id = fields.text("sessionId");
        if !self.rooted && !id.is_empty() {
            self.rooted = true;
            self.talk.begin(id, fields.time("startTime"), line, out);
        }
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
        if !std::mem::replace(&mut self.rooted, true) {
            self.talk.put_root(at, line, out);
        }
        match fields.text("type") {
            "user" => self.user(fields, at, line, out),
            "gemini" | "qwen" => self.answered(fields, at, line, out),
            "error" => {
                if let Some(at) = at {
                    self.talk.end_turn(Status::Error, at, line.stamp, out);
                }
            }
            _ => {}
        }
        self.talk.goes_on(at, line);
    }

    fn user(&mut self, fields: &Fields<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let text = said(fields.get("content"));
        self.talk.asks(at);
        if !text.trim().is_empty() && !text.trim_start().starts_with("<session_context>") {
            self.talk.open_turn(fields.text("id"), &text, None, at, line, out);
        }
    }

    fn answered(&mut self, fields: &Fields<'_>, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let id = fields.text("id");
        let start = match &self.answer {
            Some((known, start)) if known == id => *start,
            _ => self.talk.asked,
        };
        self.answer = Some((id.to_owned(), start));
        let mut update = self.talk.model_call(self.talk.span("message", id), fields.text("model"), line, out);
        update.start = start.or(at).map(Timed::written);
        update.end = at.map(Timed::written);
        update.usage = fields.object("tokens").and_then(|tokens| usage(&tokens));
        out.push(update);
        let mut calls = 0;
        if let Some(Value::Array(list)) = fields.get("toolCalls") {
            items(list, |call| {
                if let Value::Object(call) = call {
                    calls += 1;
                    self.tool(call, at, line, out);
                }
            });
        }
        self.talk.over = calls == 0 && !said(fields.get("content")).trim().is_empty();
    }

    fn tool(&mut self, call: &str, at: Option<UnixNanos>, line: &Line<'_>, out: &mut Batch) {
        let fields = Fields::of(call);
        let mut update = self.talk.tool_call(&fields, call, line, out);
        update.start = at.map(Timed::inferred);
        update.end = fields.time("timestamp").map(Timed::written);
        let status = match fields.text("status") {
            "" => Status::Running,
            word => Status::from_source_word(word),
        };
        update.status = Some(status);
        if status == Status::Error {
            update.error = out.intern(&error_line(&failure(&fields)));
        }
        out.push(update);
        self.talk.asks(fields.time("timestamp"));
    }
}

/// The words of a content: text or parts.
fn said(content: Option<&Value<'_>>) -> String {
    match content {
        Some(Value::Text(text)) => head(text),
        Some(Value::Array(parts)) => first_words(parts),
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
    let counted = counters(tokens, ["input", "output", "cached", "thoughts", "total"]);
    Counters { tool_input: tokens.count("tool"), ..counted }.normalise(Convention::Unknown, "google")
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
