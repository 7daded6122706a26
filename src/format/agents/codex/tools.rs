//! Tool calls: the line that asks, the item that tells when it ran, the line with the result.

use super::output::Outcome;
use super::rollout::{At, Rollout, root_of};
use crate::format::agents::names::{error_line, short, tool_name};
use crate::format::agents::{Fields, MAX_KNOWN, hash, items, part_of};
use crate::format::json::Value;
use crate::model::{Batch, Id, Parent, SpanKind, SpanUpdate, Status, Timed, UnixNanos};

/// A tool call.
pub(super) struct Tool {
    pub span: Id,
    started: Option<UnixNanos>,
    /// Whether an item told its times and how it ended.
    told: bool,
    /// Whether it was interrupted: how it ended after that says nothing.
    pub stopped: bool,
}

impl Rollout {
    pub(super) fn tool_call(&mut self, kind: &str, fields: &Fields<'_>, at: &At<'_, '_>, out: &mut Batch) {
        let id = fields.text("call_id");
        let own_id = if id.is_empty() { fields.text("id") } else { id };
        let place = at.line.at.pos.to_string();
        let id = if own_id.is_empty() { &place } else { own_id };
        let span = self.span("tool", id);
        let (payload, stamp) = part_of(at.line, at.payload);
        let (tool, name) = self.tool_names(kind, fields);
        let mut update = self.update(span, at.line, out);
        (update.payload, update.stamp) = (Some(payload), stamp);
        update.parent = Parent::Span(self.owner());
        update.kind = Some(SpanKind::Tool);
        update.span_type = out.intern(kind);
        update.start = at.time.map(Timed::written);
        update.tool = out.intern(&tool);
        update.name = out.intern(&name);
        // The provider runs these, and no result follows.
        let own = matches!(kind, "web_search_call" | "tool_search_call");
        update.status = Some(if own { Status::Ok } else { Status::Running });
        if own {
            update.end = at.time.map(Timed::inferred);
        }
        out.push(update);
        let key = hash(&[id]);
        if self.tools.len() < MAX_KNOWN {
            self.tools.insert(key, Tool { span, started: at.time, told: false, stopped: false });
            if !own && !self.open.contains(&key) && self.open.len() < 1024 {
                self.open.push(key);
            }
        }
    }

    /// The tool, and the name of the call.
    fn tool_names(&self, kind: &str, fields: &Fields<'_>) -> (String, String) {
        let tool = short(fields.text("name"));
        match (kind, fields.get("arguments").or_else(|| fields.get("input"))) {
            ("local_shell_call" | "web_search_call" | "tool_search_call", _) => {
                let tool = kind.trim_end_matches("_call");
                (tool.to_owned(), tool_name(tool, fields.object_text("action"), &self.cwd))
            }
            (_, Some(Value::Text(text))) if text.trim_start().starts_with('{') => {
                let name = tool_name(&tool, text, &self.cwd);
                (tool, name)
            }
            // A patch is text; its first file tells it apart.
            (_, Some(Value::Text(text))) => {
                let file = text.lines().take(64).find_map(|line| {
                    let (what, file) = line.strip_prefix("*** ")?.split_once(" File: ")?;
                    matches!(what, "Add" | "Update" | "Delete").then_some(file)
                });
                let name = file.map_or_else(|| tool.clone(), |file| format!("{tool}: {}", short(file)));
                (tool, name)
            }
            (_, Some(Value::Object(arguments))) => {
                let name = tool_name(&tool, arguments, &self.cwd);
                (tool, name)
            }
            _ => (tool.clone(), tool),
        }
    }

    pub(super) fn tool_output(&mut self, fields: &Fields<'_>, at: &At<'_, '_>, out: &mut Batch) {
        let id = fields.text("call_id");
        let key = hash(&[id]);
        self.open.retain(|open| *open != key);
        let outcome = fields.get("output").map(Outcome::read).unwrap_or_default();
        let known = self.tools.get_mut(&key);
        let (told, started) = known.as_ref().map_or((false, None), |tool| (tool.told, tool.started));
        if let (Some(tool), true) = (known, outcome.stopped) {
            tool.stopped = true;
        }
        let mut update = self.update(self.span("tool", id), at.line, out);
        update.kind = Some(SpanKind::Tool);
        if outcome.stopped {
            update.status = Some(Status::Cancelled);
            update.end = at.time.map(Timed::written);
        } else if !told {
            update.status = Some(if outcome.error.is_some() { Status::Error } else { Status::Ok });
            update.end = at.time.map(Timed::written);
            // Older versions write the call when it is over: only the tool itself says how long it took.
            if let (Some(end), Some(started), Some(took)) = (at.time, started, outcome.took)
                && end.since(started) < took / 2
            {
                update.start = Some(Timed::written(end.plus(-took)));
            }
        }
        update.error = out.intern(outcome.error.as_deref().filter(|_| !outcome.stopped).unwrap_or_default());
        out.push(update);
        if let Some(thread) = outcome.agent {
            self.link(&thread, self.span("tool", id), at, out);
        }
    }

    /// A thread runs below a tool call of this one.
    fn link(&self, thread: &str, tool: Id, at: &At<'_, '_>, out: &mut Batch) {
        if thread.is_empty() || thread == self.thread {
            return;
        }
        let mut update = SpanUpdate::new(self.trace, root_of(thread), at.line.stamp);
        update.parent = Parent::Span(tool);
        update.kind = Some(SpanKind::Agent);
        out.push(update);
    }

    /// Something that newer versions tell when it is done, with its times.
    pub(super) fn item(&mut self, fields: &Fields<'_>, at: &At<'_, '_>, out: &mut Batch) {
        let Some(item) = fields.object("item") else { return };
        let id = item.text("id");
        match item.text("type") {
            "UserMessage" => {
                let mut text = String::new();
                if let Some(Value::Array(parts)) = item.get("content") {
                    items(parts, |part| {
                        if let (Value::Object(part), true) = (part, text.is_empty()) {
                            Fields::of(part).text("text").clone_into(&mut text);
                        }
                    });
                }
                return self.prompt(&text, false, at, out);
            }
            "CommandExecution" | "McpToolCall" | "FileChange" | "WebSearch" | "DynamicToolCall" => {}
            "CollabAgentToolCall" => {
                if let Some(Value::Array(threads)) = item.get("receiver_thread_ids") {
                    items(threads, |thread| {
                        if let (Value::Text(thread), "spawn_agent") = (&thread, item.text("tool")) {
                            self.link(thread, self.span("tool", id), at, out);
                        }
                    });
                }
            }
            _ => return,
        }
        let Some(tool) = self.tools.get_mut(&hash(&[id])) else { return };
        tool.told = true;
        let (span, stopped) = (tool.span, tool.stopped);
        let mut update = self.update(span, at.line, out);
        update.start = fields.time("started_at_ms").map(Timed::written);
        if !stopped {
            update.end = fields.time("completed_at_ms").or(at.time).map(Timed::written);
            let code = item.get("exit_code").and_then(|code| code.number().ok().flatten());
            let failed = code.is_some_and(|code| code != 0.0);
            update.status = Some(match item.text("status") {
                "declined" => Status::Cancelled,
                "failed" => Status::Error,
                _ if failed => Status::Error,
                "in_progress" | "inProgress" => Status::Running,
                _ => Status::Ok,
            });
            if update.status == Some(Status::Error) {
                let message = item.object("error").map(|error| error_line(error.text("message")));
                let message = message.or_else(|| code.map(|code| format!("exit code {code}")));
                update.error = out.intern(message.as_deref().unwrap_or("failed"));
            }
            if update.status.is_some_and(Status::is_terminal) {
                self.open.retain(|open| *open != hash(&[id]));
            }
        }
        out.push(update);
    }
}
