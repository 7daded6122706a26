//! A conversation: the turns of one session, oldest first, with what was said in each.
//!
//! A turn is a run of the session; where a run holds several turns itself (a coding agent's session), each of them.
//! What was said is read when a turn comes near, from the turn's own record and else from its last model call; of a turn
//! within a run, from its own record and those of its model calls, of which each has a part.
//!
//! Runs leave memory, and their rows become those of other runs: a turn names its spans by handle and id, and uses a
//! handle only while both agree. The runs of turns near the selected one are kept in memory and asked back.

mod renew;

use std::time::Instant;

use rustc_hash::FxHashMap;

use self::renew::Looked;

use super::lines::{self, Ink, TextLine};
use crate::model::{Field, Id, Message, Role, SpanDetail, SpanKind, Status, Symbol, UnixNanos};
use crate::store::{Clock, SpanIx, SpanView, Store, Totals, TraceIx};

/// Most turns that are listed; the newest ones.
const MAX_TURNS: usize = 5_000;
/// Spans of a run that are looked at for its session and its turns.
const LOOKED_AT: usize = 256;
/// Turns on both sides of the selected one that are read ahead.
const AHEAD: usize = 12;
/// Most reads under way.
const MAX_READS: usize = 4;
/// Model calls of a turn that are read, of its beginning and of its end.
const FIRST_CALLS: usize = 4;
const LAST_CALLS: usize = 8;

/// A span by handle and id: the row of a span whose run left memory is given to another one.
#[derive(Clone, Copy, Debug)]
struct Name(SpanIx, Id);

impl Name {
    fn of(span: SpanView<'_>) -> Self {
        Self(span.ix(), span.id())
    }

    /// The span, if the handle is still that of it.
    fn find(self, store: &Store, trace: TraceIx) -> Option<SpanView<'_>> {
        let span = store.span(self.0);
        (span.is_known() && span.trace().ix() == trace && span.id() == self.1).then_some(span)
    }
}

/// What was said in a turn.
#[derive(Debug, Default)]
enum Said {
    /// Not asked for.
    #[default]
    Unread,
    /// Asked for.
    Reading,
    /// Here: from what the user said last.
    Here(Vec<Message>),
    /// Could not be read; says why.
    Failed(String),
}

/// One turn.
#[derive(Debug)]
pub struct Turn {
    /// The run.
    pub trace: TraceIx,
    /// The span that is the turn.
    span: Name,
    /// When it began.
    pub start: Option<UnixNanos>,
    /// Spans whose records may hold what was said; the last one is tried first.
    from: Vec<Name>,
    /// What their records said so far, where each has a part of it.
    parts: Option<Vec<Message>>,
    /// Sums over it and all below it.
    totals: Totals,
    /// Whether the run was in memory when this was made; else only its root was known.
    whole: bool,
    /// Spans below it, tokens and the end: whether anything was added.
    told: (u64, u64, Option<UnixNanos>),
    said: Said,
    /// What was said before more was added to it.
    before: Option<Said>,
}

impl Turn {
    /// What tells it from all others, wherever its rows are.
    fn key(&self) -> (TraceIx, u128) {
        (self.trace, self.span.1.bits())
    }

    /// The span that is the turn; `None` while it isn't in memory.
    pub fn span<'a>(&self, store: &'a Store) -> Option<SpanView<'a>> {
        self.span.find(store, self.trace)
    }

    /// The span whose record is tried next; `None` while it isn't in memory.
    fn next<'a>(&self, store: &'a Store) -> Option<SpanView<'a>> {
        self.from.last().and_then(|span| span.find(store, self.trace))
    }
}

/// See the module.
#[derive(Debug)]
pub struct Conversation {
    /// The session.
    pub session: Symbol,
    /// Its turns, oldest first.
    pub turns: Vec<Turn>,
    /// The selected one.
    pub cursor: usize,
    /// First line on the screen.
    pub offset: usize,
    /// The lines, with the turn that each belongs to.
    pub lines: Vec<(usize, TextLine)>,
    /// What the lines were made for.
    made_for: Option<(usize, usize, u64)>,
    changes: u64,
    looked: Looked,
}

/// The session that a run belongs to.
fn session_of(store: &Store, trace: TraceIx) -> Symbol {
    let session = |span: SpanView<'_>| span.facets().get(Field::Session).filter(|symbol| symbol.is_some());
    let trace = store.trace(trace);
    let root = trace.root().and_then(session);
    root.or_else(|| trace.spans().take(LOOKED_AT).find_map(session)).unwrap_or(Symbol::NONE)
}

impl Conversation {
    /// The session of a run; `None` when the run names none.
    pub fn of(store: &Store, run: TraceIx) -> Option<Self> {
        let session = session_of(store, run);
        if session.is_none() {
            return None;
        }
        let began = Instant::now();
        let turns = turns_of_session(store, session);
        let looked = Looked::since(store, began);
        let cursor = turns.iter().rposition(|turn| turn.trace == run).unwrap_or(0);
        let (lines, offset) = (Vec::new(), 0);
        Some(Self { session, turns, cursor, offset, lines, made_for: None, changes: 0, looked })
    }

    /// The selected turn.
    pub fn selected(&self) -> Option<&Turn> {
        self.turns.get(self.cursor)
    }

    /// Moves to another turn.
    pub fn move_by(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.turns.len().saturating_sub(1));
    }

    /// The turns that are read ahead, by place.
    fn near(&self) -> std::ops::Range<usize> {
        self.cursor.saturating_sub(AHEAD)..(self.cursor + AHEAD).min(self.turns.len())
    }

    /// The runs that must be in memory.
    pub fn traces(&self) -> impl Iterator<Item = TraceIx> {
        self.turns.get(self.near()).unwrap_or_default().iter().map(|turn| turn.trace)
    }

    /// Looks for the turns of runs that left memory or came back anew.
    fn follow(&mut self, store: &Store) {
        let mut at = self.near().start;
        while at < self.near().end {
            let Some(turn) = self.turns.get(at) else { break };
            let trace = turn.trace;
            let is_there = turn.whole && turn.span(store).is_some();
            let reads = matches!(turn.said, Said::Unread | Said::Reading) && !turn.from.is_empty();
            if (is_there && (!reads || turn.next(store).is_some())) || store.is_evicted(trace) {
                at += 1;
                continue;
            }
            let selected = self.turns.get(self.cursor).map(|turn| (turn.trace, turn.span.1));
            let mut known = FxHashMap::default();
            for turn in self.turns.extract_if(.., |turn| turn.trace == trace) {
                if matches!(turn.said, Said::Here(_)) {
                    known.insert(turn.span.1.bits(), turn.said);
                }
            }
            for mut turn in turns_of(store, trace) {
                if let Some(said) = known.remove(&turn.span.1.bits()) {
                    turn.said = said;
                }
                self.turns.push(turn);
            }
            self.turns.sort_by_key(|turn| (turn.start, turn.trace));
            let same = |turn: &Turn| Some((turn.trace, turn.span.1)) == selected;
            let of_it = |turn: &Turn| Some(turn.trace) == selected.map(|selected| selected.0);
            let found = self.turns.iter().position(same).or_else(|| self.turns.iter().rposition(of_it));
            self.cursor = found.unwrap_or(self.cursor).min(self.turns.len().saturating_sub(1));
            self.changes += 1;
            // Others may have moved; each is made anew once.
            at = at.max(self.near().start) + 1;
        }
    }

    /// The spans whose records are wanted now.
    pub fn wanted(&mut self, store: &Store) -> Vec<SpanIx> {
        self.follow(store);
        let reading = self.turns.iter().filter(|turn| matches!(turn.said, Said::Reading)).count();
        let mut near: Vec<usize> = self.near().collect();
        near.sort_by_key(|at| at.abs_diff(self.cursor));
        let mut wanted = Vec::new();
        for at in near {
            if reading + wanted.len() >= MAX_READS {
                break;
            }
            let Some(turn) = self.turns.get_mut(at) else { continue };
            if let (Said::Unread, true, Some(span)) = (&turn.said, turn.whole, turn.next(store)) {
                wanted.push(span.ix());
                turn.said = Said::Reading;
            }
        }
        wanted
    }

    /// Takes in what a span's record says.
    pub fn answer(&mut self, store: &Store, span: SpanIx, result: &Result<SpanDetail, String>) {
        let waits = |turn: &&mut Turn| {
            matches!(turn.said, Said::Reading) && turn.next(store).is_some_and(|next| next.ix() == span)
        };
        let Some(turn) = self.turns.iter_mut().find(waits) else { return };
        self.changes += 1;
        turn.from.pop();
        if let Some(parts) = &mut turn.parts {
            let is_turn = span == turn.span.0;
            if let Ok(detail) = result {
                add_part(parts, &detail.messages, is_turn && !turn.from.is_empty());
            }
            turn.said = match result {
                _ if !turn.from.is_empty() => Said::Unread,
                Err(why) if parts.is_empty() => Said::Failed(why.clone()),
                _ => Said::Here(std::mem::take(parts)),
            };
            return;
        }
        let said = result.as_ref().map(|detail| since_the_user(&detail.messages));
        turn.said = match said {
            Ok(messages) if !messages.is_empty() => Said::Here(messages),
            _ if !turn.from.is_empty() => Said::Unread,
            Ok(_) => Said::Here(Vec::new()),
            Err(why) => Said::Failed(why.clone()),
        };
    }

    /// Makes the lines for a width, if anything changed.
    pub fn prepare(&mut self, store: &Store, clock: &Clock, width: usize, shown: impl Fn(&str) -> String) {
        let made_for = Some((self.cursor, width, self.changes ^ store.generation() << 20));
        if self.made_for == made_for {
            return;
        }
        self.made_for = made_for;
        self.lines.clear();
        for (at, turn) in self.turns.iter().enumerate() {
            let head = head(store, clock, turn, at, self.turns.len(), &shown);
            self.lines.push((at, head));
            let body = match (&turn.said, turn.next(store)) {
                (Said::Unread | Said::Reading, next) if !turn.whole || next.is_none() => away(),
                (Said::Unread | Said::Reading, _) => {
                    said(turn.before.as_ref().unwrap_or(&turn.said), at == self.cursor, width)
                }
                _ => said(&turn.said, at == self.cursor, width),
            };
            self.lines.extend(body.into_iter().map(|line| (at, line)));
            self.lines.push((usize::MAX, Vec::new()));
        }
    }

    /// Scrolls so that the selected turn is on the screen.
    pub fn place(&mut self, height: usize) {
        let first = self.lines.iter().position(|(turn, _)| *turn == self.cursor).unwrap_or(0);
        let last = self.lines.iter().rposition(|(turn, _)| *turn == self.cursor).unwrap_or(0);
        if last >= self.offset + height {
            self.offset = (last + 1).saturating_sub(height);
        }
        self.offset = self.offset.min(first).min(self.lines.len().saturating_sub(1));
    }
}

/// The turns of all runs of a session, oldest first; the newest ones where there are very many.
fn turns_of_session(store: &Store, session: Symbol) -> Vec<Turn> {
    let mut turns: Vec<Turn> = store
        .traces()
        .filter(|trace| session_of(store, trace.ix()) == session)
        .flat_map(|trace| turns_of(store, trace.ix()))
        .collect();
    turns.sort_by_key(|turn| (turn.start, turn.trace));
    let surplus = turns.len().saturating_sub(MAX_TURNS);
    turns.drain(..surplus);
    turns
}

/// The turns of a run: spans that call themselves one, else the run itself.
fn turns_of(store: &Store, trace: TraceIx) -> Vec<Turn> {
    let view = store.trace(trace);
    let Some(root) = view.root() else { return Vec::new() };
    let whole = !store.is_evicted(trace);
    let is_turn = |span: &SpanView<'_>| {
        span.kind() == SpanKind::Iteration
            && span.text(span.facets().span_type).contains("turn")
            && span.parent().is_some_and(|parent| parent.ix() == root.ix())
    };
    let mut inner: Vec<SpanView<'_>> = view.spans().filter(is_turn).collect();
    if inner.is_empty() {
        let last_call = view
            .spans()
            .filter(|span| span.kind() == SpanKind::Llm && span.is_counted_call())
            .max_by_key(|span| (span.start(), span.ix()));
        let from = last_call.into_iter().chain([root]).map(Name::of).collect();
        let (span, start) = (Name::of(root), view.start());
        let totals = *view.totals();
        let told = (totals.spans, totals.tokens.total(), root.end());
        let (parts, said, before) = (None, Said::Unread, None);
        return vec![Turn { trace, span, start, from, parts, totals, whole, told, said, before }];
    }
    inner.sort_by_key(|span| (span.start(), span.ix()));
    let places: FxHashMap<SpanIx, usize> =
        inner.iter().enumerate().map(|(at, span)| (span.ix(), at)).collect();
    let turn = |span: SpanView<'_>| {
        let (start, told, span) = (span.start(), (0, 0, span.end()), Name::of(span));
        let (from, parts, totals) = (vec![span], Some(Vec::new()), Totals::default());
        Turn { trace, span, start, from, parts, totals, whole, told, said: Said::Unread, before: None }
    };
    let mut turns: Vec<Turn> = inner.into_iter().map(turn).collect();
    let mut calls: Vec<Vec<SpanView<'_>>> = vec![Vec::new(); turns.len()];
    for span in view.spans() {
        // What a subagent says is between it and its caller.
        if span.kind() == SpanKind::Llm
            && let Some(at) = span.parent().and_then(|parent| places.get(&parent.ix()))
            && let Some(calls) = calls.get_mut(*at)
        {
            calls.push(span);
        }
        let above = std::iter::successors(Some(span), SpanView::parent).take(LOOKED_AT);
        let mut above = above;
        let turn = above.find_map(|above| places.get(&above.ix()));
        if let Some(turn) = turn.and_then(|at| turns.get_mut(*at)) {
            turn.totals.merge(&span.share());
        }
    }
    for (turn, mut calls) in turns.iter_mut().zip(calls) {
        (turn.told.0, turn.told.1) = (turn.totals.spans, turn.totals.tokens.total());
        calls.sort_by_key(|span| (span.start(), span.ix()));
        if calls.len() > FIRST_CALLS + LAST_CALLS {
            calls.drain(FIRST_CALLS..calls.len() - LAST_CALLS);
        }
        turn.from.extend(calls.into_iter().map(Name::of));
        turn.from.reverse();
    }
    turns
}

/// Adds what a record says to what was said in its turn before. `asks_only` says that only the user's words are taken.
fn add_part(parts: &mut Vec<Message>, messages: &[Message], asks_only: bool) {
    let asks = |message: &Message| message.role == Role::User && !message.output && message.tool.is_none();
    if asks_only {
        parts.extend(since_the_user(messages).into_iter().filter(asks));
    } else if parts.is_empty() {
        parts.extend(since_the_user(messages));
    } else {
        // Beside the answers to its tools a call is told again what the user said, and things that nobody said.
        let is_new = |message: &&Message| match message.role {
            Role::System => false,
            _ if asks(message) => {
                !message.text.trim_start().starts_with('<')
                    && !parts.iter().any(|known| known.role == Role::User && known.text == message.text)
            }
            _ => true,
        };
        let new: Vec<Message> = messages.iter().filter(is_new).cloned().collect();
        parts.extend(new);
    }
}

/// The messages from the last one of the user on: a request repeats the whole conversation before it.
fn since_the_user(messages: &[Message]) -> Vec<Message> {
    let from_user =
        |message: &Message| message.role == Role::User && !message.output && message.tool.is_none();
    let from = messages.iter().rposition(from_user).unwrap_or(0);
    messages.iter().skip(from).filter(|message| message.role != Role::System).cloned().collect()
}

fn head(
    store: &Store,
    clock: &Clock,
    turn: &Turn,
    at: usize,
    of: usize,
    shown: &impl Fn(&str) -> String,
) -> TextLine {
    use crate::text::{format, short};
    let place = lines::piece(format!("{}/{of} ", at + 1), Ink::Faint);
    let Some(span) = turn.span(store) else {
        // The line of a run stays with the run.
        return vec![place, lines::piece(shown(store.trace(turn.trace).name()), Ink::Strong)];
    };
    let status = span.status(clock);
    let mut line = vec![
        place,
        lines::piece(shown(span.label()), Ink::Strong),
        lines::piece(format!("  {status}"), Ink::Status(status)),
    ];
    if let Some(start) = turn.start {
        line.push(lines::piece(format!("  {}", format::date_time(start, &super::super::Zone)), Ink::Dim));
    }
    if let Some(nanos) = span.duration() {
        line.push(lines::piece(format!("  {}", short::duration(nanos).as_str()), Ink::Dim));
    }
    let totals = &turn.totals;
    let tokens = short::tokens(totals.tokens.total());
    let cost = crate::text::bill(totals.cost, totals.unpriced_calls, totals.unpriced_tokens);
    line.push(lines::piece(format!("  {} tok  {cost}", tokens.as_str()), Ink::Dim));
    if status == Status::Error
        && let Some(error) = span.error()
    {
        line.push(lines::piece(format!("  {}", shown(error)), Ink::Bad));
    }
    line
}

/// What stands for the words of a turn whose run isn't in memory.
fn away() -> Vec<TextLine> {
    vec![vec![
        lines::piece("  ", Ink::Text),
        lines::piece("not in memory; read again when it comes near", Ink::Faint),
    ]]
}

fn said(said: &Said, selected: bool, width: usize) -> Vec<TextLine> {
    let note = |text: &str, ink| vec![vec![lines::piece("  ", Ink::Text), lines::piece(text, ink)]];
    match said {
        Said::Unread | Said::Reading => note("…", Ink::Faint),
        Said::Failed(why) => note(why, Ink::Bad),
        Said::Here(messages) if messages.is_empty() => note("holds no conversation", Ink::Faint),
        Said::Here(messages) if selected => lines::conversation(messages, width),
        Said::Here(messages) => {
            let asked = messages.iter().find(|message| message.role == Role::User && message.tool.is_none());
            let answered = messages.iter().rfind(|message| {
                message.role == Role::Assistant && message.tool.is_none() && !message.text.trim().is_empty()
            });
            let row = |name: &str, message: &Message, ink| {
                let first = message.text.trim().lines().next().unwrap_or_default();
                vec![
                    lines::piece(format!("  {name:<10}"), Ink::Faint),
                    lines::piece(first.chars().take(width).collect::<String>(), ink),
                ]
            };
            let asked = asked.map(|message| row("user", message, Ink::Text));
            let answered = answered.map(|message| row("assistant", message, Ink::Accent));
            asked.into_iter().chain(answered).collect()
        }
    }
}

#[cfg(test)]
mod tests;
