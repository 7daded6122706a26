//! The detail pane's lines: prepared when the payload, the tab or the width changes, so that drawing only copies.

use crate::model::{Field, Message, NanoUsd, Role, SpanDetail, SpanKind, Status, Usage};
use crate::store::{CostSource, SpanView};
use crate::text::json::{Document, Token};
use crate::text::{self, SafeText};

use super::super::Zone;
use super::Model;
use super::detail::Tab;

/// Lines that are prepared at most; the pager shows the rest.
const MAX_LINES: usize = 4_000;
/// Bytes of one message that are laid out.
const MAX_MESSAGE: usize = 256 << 10;
/// Width of the names in the overview.
const NAMES: usize = 10;

/// What a piece of a line is, for colouring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Ordinary text.
    Text,
    /// Names, units.
    Dim,
    /// Hints.
    Faint,
    /// Headings.
    Strong,
    /// Bad news.
    Bad,
    /// Warnings.
    Warn,
    /// A model's answer.
    Accent,
    /// A status.
    Status(Status),
    /// A kind.
    Kind(SpanKind),
    /// A piece of JSON.
    Json(Token),
}

/// A line of pieces.
pub(crate) type TextLine = Vec<(SafeText<'static>, Ink)>;

pub(super) fn piece(text: impl Into<String>, ink: Ink) -> (SafeText<'static>, Ink) {
    (SafeText::from_string(text.into()), ink)
}

/// The lines of a tab for a width.
pub(super) fn lines(model: &Model, span: &SpanView<'_>, tab: Tab, width: usize) -> Vec<TextLine> {
    let detail = model.detail.here();
    let waiting = || {
        let text = match &model.detail.payload {
            super::Payload::Failed(why) => why.clone(),
            super::Payload::None | super::Payload::Loading => "reading …".to_owned(),
            super::Payload::Here(_) => String::new(),
        };
        vec![vec![piece(text, Ink::Dim)]]
    };
    let mut lines = match (tab, detail) {
        (Tab::Overview, _) => overview(model, span, detail, width),
        (_, None) => waiting(),
        (Tab::Messages, Some(detail)) => messages(detail, width),
        (Tab::Input, Some(detail)) => payload(detail.input.as_deref(), "no input", width),
        (Tab::Output, Some(detail)) => payload(detail.output.as_deref(), "no output", width),
        (Tab::Attributes, Some(detail)) => attributes(detail, width),
        (Tab::Events, Some(detail)) => events(model, span, detail, width),
        (Tab::Raw, Some(detail)) => raw(detail, width),
    };
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES);
        lines.push(vec![piece("… more; o opens all of it in the pager", Ink::Warn)]);
    }
    lines
}

fn overview(model: &Model, span: &SpanView<'_>, detail: Option<&SpanDetail>, width: usize) -> Vec<TextLine> {
    let mut lines: Vec<TextLine> = Vec::new();
    let mut row = |name: &str, parts: Vec<(SafeText<'static>, Ink)>| {
        let mut line = vec![piece(format!("{name:<NAMES$} "), Ink::Dim)];
        line.extend(parts);
        lines.push(line);
    };
    let status = span.status(&model.clock);
    let kind = span.kind();
    let own_type = span.text(span.facets().span_type);
    let mut what = vec![
        piece(format!("{status}"), Ink::Status(status)),
        piece("  ", Ink::Text),
        piece(kind.as_str(), Ink::Kind(kind)),
    ];
    if !own_type.is_empty() && own_type != kind.as_str() {
        what.push(piece(format!("  {own_type}"), Ink::Dim));
    }
    row("status", what);
    if let Some(error) = span.error() {
        let shown = model.shown(error).into_owned();
        let safe = SafeText::from_string(shown);
        for (at, part) in safe.wrap(width.saturating_sub(NAMES + 1).max(10)).into_iter().take(6).enumerate() {
            row(if at == 0 { "error" } else { "" }, vec![(part.into_owned(), Ink::Bad)]);
        }
    }
    row("time", times(model, span));
    let facets = span.facets();
    if facets.model.is_some() {
        let mut parts = vec![piece(span.text(facets.model), Ink::Kind(SpanKind::Llm))];
        if facets.provider.is_some() {
            parts.push(piece(format!("  {}", span.text(facets.provider)), Ink::Dim));
        }
        row("model", parts);
    }
    if let Some(usage) = span.usage() {
        row("tokens", usage_pieces(&usage, span));
    }
    let node = model.waterfall.tree.find(span.ix()).map(|at| model.waterfall.tree.node(at));
    if let Some(node) = node.filter(|node| node.children > 0 && node.totals.tokens.total() > 0) {
        let tokens = &node.totals.tokens;
        row(
            "∑ below",
            vec![piece(
                format!(
                    "{} in, {} out in {} calls",
                    text::count(tokens.input),
                    text::count(tokens.output),
                    node.totals.llm_calls
                ),
                Ink::Text,
            )],
        );
    }
    row("cost", cost_pieces(span, node.map(|node| (node.totals.cost, node.totals.unpriced_calls))));
    let mut place = Vec::new();
    for field in [Field::Workflow, Field::Step, Field::Agent, Field::Tool] {
        let symbol = if field == Field::Tool { facets.tool } else { span.inherited(field) };
        if symbol.is_some() {
            place.push(piece(format!("{} ", field.name()), Ink::Dim));
            place.push(piece(format!("{}  ", model.shown(span.text(symbol))), Ink::Text));
        }
    }
    if !place.is_empty() {
        row("in", place);
    }
    let mut who = Vec::new();
    for field in [Field::User, Field::Session, Field::Service] {
        let symbol = span.inherited(field);
        if symbol.is_some() {
            who.push(piece(format!("{} ", field.name()), Ink::Dim));
            who.push(piece(format!("{}  ", model.shown(span.text(symbol))), Ink::Text));
        }
    }
    if !who.is_empty() {
        row("for", who);
    }
    row(
        "id",
        vec![
            piece(span.id_text(), Ink::Faint),
            piece(format!("  trace {}", span.trace().id_text()), Ink::Faint),
        ],
    );
    if let Some(detail) = detail {
        for (name, part) in [("input", &detail.input), ("output", &detail.output)] {
            if let Some(part) = part.as_deref().filter(|part| !part.is_empty() && *part != "null") {
                lines.push(Vec::new());
                lines.push(vec![piece(name, Ink::Strong)]);
                lines.extend(payload(Some(part), "", width).into_iter().take(8));
            }
        }
    }
    lines
}

fn times(model: &Model, span: &SpanView<'_>) -> TextLine {
    let Some(start) = span.start() else { return vec![piece("not known", Ink::Dim)] };
    let mut parts = vec![piece(text::format::clock_millis(start, &Zone), Ink::Text)];
    let node = model.waterfall.tree.find(span.ix()).map(|at| model.waterfall.tree.node(at));
    let length = span.duration().or_else(|| node.map(|node| model.waterfall.tree.duration_of(node)));
    if let Some(nanos) = length {
        let open = if span.duration().is_none() { " so far" } else { "" };
        parts.push(piece(format!("  for {}{open}", text::duration(nanos)), Ink::Text));
    }
    if let Some(node) = node.filter(|node| node.children > 0) {
        parts.push(piece(format!("  own time {}", text::duration(node.self_nanos)), Ink::Dim));
    }
    if let Some(ttft) = span.ttft() {
        parts.push(piece(format!("  first token after {}", text::duration(ttft)), Ink::Dim));
        let decode = span.end().zip(span.first_token()).map(|(end, first)| end.since(first));
        if let (Some(nanos), Some(output)) =
            (decode.filter(|nanos| *nanos > 0), span.usage().and_then(|usage| usage.output))
        {
            let per_second = output as f64 * 1e9 / nanos as f64;
            parts.push(piece(format!("  {} tok/s", text::rate(per_second)), Ink::Dim));
        }
    }
    if span.time_is_inferred() {
        parts.push(piece("  worked out, not written", Ink::Warn));
    }
    parts
}

fn usage_pieces(usage: &Usage, span: &SpanView<'_>) -> TextLine {
    let known = |count: Option<u64>| count.map_or_else(|| text::UNKNOWN.to_owned(), text::count);
    let mut parts = vec![piece(format!("{} in", known(usage.input)), Ink::Text)];
    for (count, what) in [(usage.cache_read, "cached"), (usage.cache_write, "written to cache")] {
        if let Some(count) = count.filter(|count| *count > 0) {
            parts.push(piece(format!(" ({} {what})", text::count(count)), Ink::Dim));
        }
    }
    parts.push(piece(format!("  {} out", known(usage.output)), Ink::Text));
    if let Some(count) = usage.reasoning.filter(|count| *count > 0) {
        parts.push(piece(format!(" ({} reasoning)", text::count(count)), Ink::Dim));
    }
    if span.marks().has(crate::model::Marks::ESTIMATED) {
        parts.push(piece("  ≈ estimated by its source", Ink::Warn));
    }
    for (_, note) in usage.parts.notes.iter() {
        parts.push(piece(format!("  ≈ {note}"), Ink::Warn));
    }
    if span.is_duplicate() {
        parts.push(piece("  not counted: another span records the same call", Ink::Warn));
    } else if !span.usage_counts() {
        parts.push(piece("  not counted here: the spans below hold the same", Ink::Faint));
    }
    parts
}

fn cost_pieces(span: &SpanView<'_>, below: Option<(NanoUsd, u64)>) -> TextLine {
    let own = match (span.cost(), span.cost_source()) {
        (Some(cost), Some(CostSource::Reported)) => Some((text::usd(cost), "reported by the source")),
        (Some(cost), Some(CostSource::Computed)) => Some((text::usd(cost), "from the price list")),
        (Some(cost), Some(CostSource::Estimated)) => {
            Some((format!("≈ {}", text::usd(cost)), "estimated from the price list"))
        }
        (Some(_), Some(CostSource::Free)) => Some((text::usd(NanoUsd::ZERO), "runs locally")),
        (_, Some(CostSource::Unknown)) => {
            Some((text::UNKNOWN.to_owned(), "no price is known for this model"))
        }
        _ => None,
    };
    match (own, below) {
        (Some((cost, why)), _) => {
            let mut parts = vec![piece(cost, Ink::Text), piece(format!("  {why}"), Ink::Dim)];
            if span.cost_differs() {
                parts.push(piece("  far from the price list", Ink::Warn));
            }
            parts.push(piece("  $ says why", Ink::Faint));
            parts
        }
        (None, Some((cost, unpriced))) if cost.0 > 0 || unpriced > 0 => {
            let bill = text::short::bill_without_tokens(cost, unpriced);
            vec![piece(format!("∑ {bill}"), if unpriced > 0 { Ink::Warn } else { Ink::Text })]
        }
        _ => vec![piece("no model call", Ink::Faint)],
    }
}

fn messages(detail: &SpanDetail, width: usize) -> Vec<TextLine> {
    if detail.messages.is_empty() {
        return vec![vec![piece("this span holds no conversation; see Input and Output", Ink::Dim)]];
    }
    conversation(&detail.messages, width)
}

/// Messages one below the other.
pub(super) fn conversation(messages: &[Message], width: usize) -> Vec<TextLine> {
    let mut lines = Vec::new();
    for message in messages {
        if !lines.is_empty() {
            lines.push(Vec::new());
        }
        lines.push(message_head(message));
        let mut end = message.text.len().min(MAX_MESSAGE);
        while !message.text.is_char_boundary(end) {
            end -= 1;
        }
        let body = &message.text[..end];
        let ink = match (message.role, message.output) {
            (_, true) => Ink::Accent,
            (Role::System, _) => Ink::Dim,
            _ => Ink::Text,
        };
        if message.tool.is_some() && body.trim_start().starts_with(['{', '[']) {
            lines.extend(indent(json_lines(body, width.saturating_sub(2))));
        } else {
            lines.extend(indent(wrapped(body, ink, width.saturating_sub(2))));
        }
        if end < message.text.len() {
            lines.push(vec![piece(
                format!("  … {} more", text::bytes((message.text.len() - end) as u64)),
                Ink::Warn,
            )]);
        }
    }
    lines
}

fn message_head(message: &Message) -> TextLine {
    let (name, ink) = match message.role {
        Role::System => ("system", Ink::Dim),
        Role::User => ("user", Ink::Strong),
        Role::Assistant => ("assistant", Ink::Kind(SpanKind::Llm)),
        Role::Tool => ("tool", Ink::Kind(SpanKind::Tool)),
    };
    let mut head = vec![piece(name, ink)];
    if message.role == Role::Assistant && message.tool.as_deref() == Some("thinking") {
        head.push(piece("  thinks", Ink::Dim));
    } else if let Some(tool) = &message.tool {
        let verb = if message.role == Role::Tool { "result of" } else { "calls" };
        head.push(piece(format!("  {verb} "), Ink::Dim));
        head.push(piece(tool.clone(), Ink::Kind(SpanKind::Tool)));
    }
    head
}

fn payload(text: Option<&str>, none: &str, width: usize) -> Vec<TextLine> {
    match text {
        None | Some("" | "null") => vec![vec![piece(none, Ink::Dim)]],
        Some(text) if text.trim_start().starts_with(['{', '[']) => json_lines(text, width),
        Some(text) => {
            let plain =
                text::json::string_value(text).map_or_else(|| text.to_owned(), std::borrow::Cow::into_owned);
            wrapped(&plain, Ink::Text, width)
        }
    }
}

fn attributes(detail: &SpanDetail, width: usize) -> Vec<TextLine> {
    if detail.attributes.is_empty() {
        return vec![vec![piece("no attributes", Ink::Dim)]];
    }
    let longest = detail.attributes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let names = longest.clamp(4, 32.min(width / 2).max(4));
    let mut lines = Vec::new();
    for (name, value) in &detail.attributes {
        let safe = SafeText::new(name);
        let head = (safe.truncate_middle(names).fit(names).into_owned(), Ink::Json(Token::Key));
        let mut values = json_lines(value, width.saturating_sub(names + 2)).into_iter();
        let mut first = vec![head, piece("  ", Ink::Text)];
        first.extend(values.next().unwrap_or_default());
        lines.push(first);
        for rest in values {
            let mut line = vec![piece(" ".repeat(names + 2), Ink::Text)];
            line.extend(rest);
            lines.push(line);
        }
        if lines.len() > MAX_LINES {
            break;
        }
    }
    lines
}

fn events(model: &Model, span: &SpanView<'_>, detail: &SpanDetail, width: usize) -> Vec<TextLine> {
    let mut lines: Vec<TextLine> = Vec::new();
    let start = span.start();
    let when = |at: Option<crate::model::UnixNanos>| match (at, start) {
        (Some(at), Some(start)) => {
            format!("{:>9}  ", format!("+{}", text::duration_short(at.since(start).max(0))))
        }
        _ => " ".repeat(11),
    };
    for event in &detail.events {
        lines.push(vec![piece(when(event.at), Ink::Dim), piece(event.name.clone(), Ink::Text)]);
        if !event.attributes.is_empty() && event.attributes != "{}" {
            lines.extend(indent(json_lines(&event.attributes, width.saturating_sub(2))));
        }
    }
    let tree = &model.waterfall.tree;
    let here = tree.find(span.ix());
    for (_, event) in tree.events.iter().filter(|(owner, _)| owner.is_some() && *owner == here) {
        let event = model.store.span(*event);
        lines.push(vec![
            piece(when(event.start()), Ink::Dim),
            piece(model.shown(event.name()).into_owned(), Ink::Text),
        ]);
    }
    if lines.is_empty() {
        lines.push(vec![piece("no events", Ink::Dim)]);
    }
    lines
}

fn raw(detail: &SpanDetail, width: usize) -> Vec<TextLine> {
    let mut lines = Vec::new();
    for (at, record) in detail.raw.split('\n').filter(|record| !record.is_empty()).enumerate() {
        if at > 0 {
            lines.push(vec![piece("─".repeat(width.min(20)), Ink::Faint)]);
        }
        lines.extend(json_lines(record, width));
        if lines.len() > MAX_LINES {
            break;
        }
    }
    if lines.is_empty() {
        lines.push(vec![piece("the source keeps no record of this span", Ink::Dim)]);
    }
    lines
}

/// Pretty-printed JSON, each line cut into pieces that fit the width.
fn json_lines(json: &str, width: usize) -> Vec<TextLine> {
    let document = Document::new(json.to_owned());
    let mut lines = Vec::new();
    for line in document.lines(0..MAX_LINES + 1) {
        let indentation = (line.depth * 2).min(width / 2);
        let mut current: TextLine = vec![piece(" ".repeat(indentation), Ink::Text)];
        let mut room = width.saturating_sub(indentation).max(1);
        for (token, text) in &line.tokens {
            let mut rest = text.clone().into_owned();
            while rest.width() > room {
                let mut parts = rest.wrap(room).into_iter().map(SafeText::into_owned);
                let Some(first) = parts.next() else { break };
                let taken = first.as_str().len();
                current.push((first, Ink::Json(*token)));
                lines.push(std::mem::take(&mut current));
                current.push(piece(" ".repeat(indentation + 2), Ink::Text));
                room = width.saturating_sub(indentation + 2).max(1);
                let remaining = rest.as_str().get(taken..).unwrap_or("").trim_start().to_owned();
                rest = SafeText::from_string(remaining);
                if lines.len() > MAX_LINES {
                    return lines;
                }
            }
            room = room.saturating_sub(rest.width());
            current.push((rest, Ink::Json(*token)));
        }
        lines.push(current);
    }
    lines
}

fn wrapped(text: &str, ink: Ink, width: usize) -> Vec<TextLine> {
    let mut lines = Vec::new();
    for line in SafeText::lines(text) {
        if line.is_empty() {
            lines.push(Vec::new());
        }
        lines.extend(line.wrap(width.max(1)).into_iter().map(|part| vec![(part.into_owned(), ink)]));
        if lines.len() > MAX_LINES {
            break;
        }
    }
    lines
}

fn indent(lines: Vec<TextLine>) -> impl Iterator<Item = TextLine> {
    lines.into_iter().map(|line| {
        let mut indented = vec![piece("  ", Ink::Text)];
        indented.extend(line);
        indented
    })
}
