//! A conversation: the turns of one session, oldest first, with what was said in each.
//!
//! A turn is a run of the session; where a run holds several turns itself (a coding agent's session), each of them.
//! What was said is read when a turn comes near, from the turn's own record and else from its last model call.

use rustc_hash::FxHashMap;

use super::lines::{self, Ink, TextLine};
use crate::model::{Field, Message, Role, SpanDetail, SpanKind, Status, Symbol, UnixNanos};
use crate::store::{Clock, SpanIx, SpanView, Store, Totals, TraceIx};

/// Most turns that are listed; the newest ones.
const MAX_TURNS: usize = 5_000;
/// Spans of a run that are looked at for its session and its turns.
const LOOKED_AT: usize = 256;
/// Turns on both sides of the selected one that are read ahead.
const AHEAD: usize = 12;
/// Most reads under way.
const MAX_READS: usize = 4;

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
    pub span: SpanIx,
    /// When it began.
    pub start: Option<UnixNanos>,
    /// Spans whose records may hold what was said; the last one is tried first.
    from: Vec<SpanIx>,
    /// Sums over it and all below it.
    totals: Totals,
    said: Said,
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
        let mut turns: Vec<Turn> = store
            .traces()
            .filter(|trace| session_of(store, trace.ix()) == session)
            .flat_map(|trace| turns_of(store, trace.ix()))
            .collect();
        turns.sort_by_key(|turn| (turn.start, turn.trace));
        let surplus = turns.len().saturating_sub(MAX_TURNS);
        turns.drain(..surplus);
        let cursor = turns.iter().rposition(|turn| turn.trace == run).unwrap_or(0);
        let (lines, offset) = (Vec::new(), 0);
        Some(Self { session, turns, cursor, offset, lines, made_for: None, changes: 0 })
    }

    /// The selected turn.
    pub fn selected(&self) -> Option<&Turn> {
        self.turns.get(self.cursor)
    }

    /// Moves to another turn.
    pub fn move_by(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.turns.len().saturating_sub(1));
    }

    /// The spans whose records are wanted now.
    pub fn wanted(&mut self) -> Vec<SpanIx> {
        let reading = self.turns.iter().filter(|turn| matches!(turn.said, Said::Reading)).count();
        let mut near: Vec<usize> =
            (self.cursor.saturating_sub(AHEAD)..(self.cursor + AHEAD).min(self.turns.len())).collect();
        near.sort_by_key(|at| at.abs_diff(self.cursor));
        let mut wanted = Vec::new();
        for at in near {
            if reading + wanted.len() >= MAX_READS {
                break;
            }
            let Some(turn) = self.turns.get_mut(at) else { continue };
            if let (Said::Unread, Some(span)) = (&turn.said, turn.from.last()) {
                wanted.push(*span);
                turn.said = Said::Reading;
            }
        }
        wanted
    }

    /// Takes in what a span's record says.
    pub fn answer(&mut self, span: SpanIx, result: &Result<SpanDetail, String>) {
        let waits = |turn: &&mut Turn| matches!(turn.said, Said::Reading) && turn.from.last() == Some(&span);
        let Some(turn) = self.turns.iter_mut().find(waits) else { return };
        self.changes += 1;
        let said = result.as_ref().map(|detail| since_the_user(&detail.messages));
        turn.from.pop();
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
            let body = said(&turn.said, at == self.cursor, width);
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

/// The turns of a run: spans that call themselves one, else the run itself.
fn turns_of(store: &Store, trace: TraceIx) -> Vec<Turn> {
    let view = store.trace(trace);
    let Some(root) = view.root() else { return Vec::new() };
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
        let from = last_call.map(|call| call.ix()).into_iter().chain([root.ix()]).collect();
        let (span, start, totals) = (root.ix(), view.start(), *view.totals());
        return vec![Turn { trace, span, start, from, totals, said: Said::Unread }];
    }
    inner.sort_by_key(|span| (span.start(), span.ix()));
    let mut turns: Vec<Turn> = inner
        .iter()
        .map(|span| Turn {
            trace,
            span: span.ix(),
            start: span.start(),
            from: vec![span.ix()],
            totals: Totals::default(),
            said: Said::Unread,
        })
        .collect();
    let places: FxHashMap<SpanIx, usize> =
        turns.iter().enumerate().map(|(at, turn)| (turn.span, at)).collect();
    for span in view.spans() {
        let above = std::iter::successors(Some(span), SpanView::parent).take(LOOKED_AT);
        let turn = above.filter_map(|above| places.get(&above.ix())).next();
        if let Some(turn) = turn.and_then(|at| turns.get_mut(*at)) {
            turn.totals.merge(&span.share());
        }
    }
    turns
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
    let span = store.span(turn.span);
    let status = span.status(clock);
    let mut line = vec![
        lines::piece(format!("{}/{of} ", at + 1), Ink::Faint),
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
