//! What a run does beside calling models: work items, workers, steps, gates, and things that happen.

use super::event::Event;
use super::{Events, Item, Owner, id};
use crate::format::Line;
use crate::format::json::Value;
use crate::model::{Batch, Id, Marks, Parent, SpanKind, SpanUpdate, Status, Symbol, Timed, UnixNanos};

impl Events {
    pub(super) fn item(
        &mut self,
        phase: &str,
        event: &Event<'_>,
        at: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let payload = &event.payload;
        let key = payload.work_item.text().unwrap_or_default();
        let span = Id::synthetic(&[b"work item", key.as_bytes()]);
        // The id is `run:worker:attempt[:scope]`.
        let mut parts = key.split(':').skip(1);
        let worker =
            payload.worker.text().or_else(|| parts.next().filter(|part| !part.is_empty())).unwrap_or(key);
        let index = *self.item_of.entry(span).or_insert_with(|| {
            self.items.push(Item { span, worker: worker.to_owned(), open: true });
            self.items.len() - 1
        });
        if let Some(own) = id(&event.span, out) {
            self.owners.insert(own, Owner::Item(index));
        }
        if let Some(node) = id(&event.parent, out).filter(|node| !self.root_ids.contains(node)) {
            self.owners.insert(node, Owner::Item(index));
        }
        let mut update = self.update(span, line);
        update.parent = Parent::Span(self.root);
        update.kind = Some(SpanKind::Step);
        update.span_type = out.intern("WORK_ITEM");
        update.step = out.intern(worker);
        let scope = payload.scope.text().or_else(|| key.split(':').nth(3)).filter(|scope| !scope.is_empty());
        update.name = match scope {
            Some(scope) => out.intern(&format!("{worker} {scope}")),
            None => update.step,
        };
        let attempt = payload.attempt.count().ok().flatten().or_else(|| key.split(':').nth(2)?.parse().ok());
        if attempt.is_some_and(|attempt| attempt > 1) {
            update.marks = update.marks.with(Marks::RETRY);
        }
        Self::interval(&mut update, phase, event, at, out);
        if let Some(item) = self.items.get_mut(index) {
            item.open = update.end.is_none();
        }
        out.push(update);
    }

    /// A worker's own account of what it does: the same words, without a work item.
    pub(super) fn worker(
        &mut self,
        phase: &str,
        event: &Event<'_>,
        at: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let Some(span) = id(&event.span, out) else {
            self.point(&format!("WORK_ITEM_{phase}"), event, at, line, out);
            return;
        };
        let worker = event.payload.worker.text().unwrap_or("worker");
        let mut update = self.update(span, line);
        // Its place is decided once, when it is first heard of: its item may be closed later.
        if self.owners.insert(span, Owner::Span(span)).is_none() {
            let item = self.item_named(worker);
            update.parent = Parent::Span(item.map_or(self.root, |item| item.span));
            update.step = item.map_or(Symbol::NONE, |item| out.intern(&item.worker));
        }
        update.kind = Some(SpanKind::Agent);
        update.span_type = out.intern("WORKER");
        update.name = out.intern(worker);
        update.agent = update.name;
        Self::interval(&mut update, phase, event, at, out);
        out.push(update);
    }

    /// Times and status of something that is queued, started and finished.
    fn interval(
        update: &mut SpanUpdate,
        phase: &str,
        event: &Event<'_>,
        at: Option<UnixNanos>,
        out: &mut Batch,
    ) {
        match phase {
            "STARTED" => {
                update.status = Some(Status::Running);
                update.start = at.map(Timed::written);
            }
            "FINISHED" | "COMPLETED" | "FAILED" | "NO_ISSUES" => {
                let status = if phase == "FAILED" { Status::Error } else { outcome(event) };
                update.status = Some(status);
                update.end = at.map(Timed::written);
                update.start = at.map(Timed::inferred);
                if status != Status::Ok
                    && let Some(error) = event.error_text()
                {
                    update.error = out.intern(&error);
                }
            }
            // Queued and whatever else is said before it starts.
            _ => {
                update.status = Some(Status::Running);
                update.start = at.map(Timed::inferred);
            }
        }
    }

    /// The open work item of a worker, whose name the two writers spell differently.
    fn item_named(&self, name: &str) -> Option<&Item> {
        let wanted = folded(name);
        let open = || self.items.iter().rev().filter(|item| item.open);
        open()
            .find(|item| folded(&item.worker) == wanted)
            .or_else(|| open().find(|item| folded(&item.worker).ends_with(&wanted)))
    }

    pub(super) fn step_or_point(
        &mut self,
        word: &str,
        event: &Event<'_>,
        at: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let split = ["STARTED", "COMPLETED", "FINISHED", "NO_ISSUES", "FAILED"]
            .into_iter()
            .find_map(|phase| Some((word.strip_suffix(phase)?.strip_suffix('_')?, phase)));
        let (Some((family, phase)), Some(own)) = (split, id(&event.span, out)) else {
            self.point(word, event, at, line, out);
            return;
        };
        let payload = &event.payload;
        let gate = family.starts_with("GATE");
        let part = if gate { &payload.gate } else { &payload.step };
        let part = part.label().ok().flatten();
        let part = part.as_deref().unwrap_or_default();
        let own_bits = own.bits().to_le_bytes();
        let span = Id::synthetic(&[family.as_bytes(), &own_bits, part.as_bytes()]);
        if phase == "STARTED" {
            self.started.insert(span);
        } else if !self.started.contains(&span) {
            // The end of something that never began is a thing that happened.
            self.point(word, event, at, line, out);
            return;
        }
        let mut update = self.update(span, line);
        if phase == "STARTED" {
            update.parent = Parent::Span(self.step_parent(own, span, family, gate));
            self.owners.entry(own).or_insert(Owner::Span(span));
            update.name = match payload.description.text() {
                Some(about) if !part.is_empty() => out.intern(&format!("{part} {about}")),
                _ => out.intern(if part.is_empty() { family } else { part }),
            };
        }
        update.kind = Some(if gate { SpanKind::Validation } else { SpanKind::Step });
        update.span_type = out.intern(family);
        update.step = out.intern(if part.is_empty() { family } else { part });
        Self::interval(&mut update, phase, event, at, out);
        out.push(update);
    }

    /// Where a step belongs: to the worker that shares its span id, to the item of that name, to the latest item.
    fn step_parent(&self, own: Id, span: Id, family: &str, gate: bool) -> Id {
        let item = match self.owners.get(&own) {
            Some(Owner::Span(worker)) if *worker != span => return *worker,
            Some(Owner::Item(at)) => self.items.get(*at),
            _ if gate => None,
            _ => self.item_named(family).or_else(|| self.items.iter().rev().find(|item| item.open)),
        };
        item.map_or(self.root, |item| item.span)
    }

    /// Something that happened.
    pub(super) fn point(
        &self,
        word: &str,
        event: &Event<'_>,
        at: Option<UnixNanos>,
        line: &Line<'_>,
        out: &mut Batch,
    ) {
        let payload = &event.payload;
        let offset = line.at.pos.to_le_bytes();
        // After a rotation another event stands at the same place.
        let (key, own) = event.id.text().map_or((&offset[..], line.bytes), |id| (id.as_bytes(), &[]));
        let mut update = self.update(Id::synthetic(&[b"event", word.as_bytes(), key, own]), line);
        let own = id(&event.span, out);
        update.parent = match own.and_then(|own| self.owners.get(&own)) {
            Some(Owner::Span(span)) => Parent::Span(*span),
            Some(Owner::Item(at)) => Parent::Span(self.items.get(*at).map_or(self.root, |item| item.span)),
            None => Parent::Span(self.root),
        };
        update.kind = Some(SpanKind::Event);
        update.span_type = out.intern(word);
        let named = [&payload.state, &payload.artifact, &payload.path, &payload.description, &payload.issue];
        update.name = out.intern(named.into_iter().find_map(Value::text).unwrap_or(word));
        update.start = at.map(Timed::written);
        update.end = update.start;
        update.status = Some(if word.ends_with("_FAILED") { Status::Error } else { Status::Ok });
        if let Some(error) = event.error_text().filter(|_| word.ends_with("_FAILED")) {
            update.error = out.intern(&error);
        }
        out.push(update);
    }
}

/// Letters and digits in lower case: `W2.FactsBuilder` and `w2_facts_builder` are one worker.
fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(100).collect()
}

/// How something finished, by `success`, `passed`, `ok`, `error` or a word.
pub(super) fn outcome(event: &Event<'_>) -> Status {
    let payload = &event.payload;
    match payload.success {
        Value::Bool(true) => return Status::Ok,
        Value::Bool(false) => return Status::Error,
        _ => {}
    }
    match payload.status.text() {
        Some("no_changes" | "offline_ok" | "resolved") => Status::Ok,
        Some(word) => Status::from_source_word(word.get(..64).unwrap_or(word)),
        None if payload.error.is_null() => Status::Ok,
        None => Status::Error,
    }
}
