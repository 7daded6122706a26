//! `tracetui show`: one trace as a text waterfall or as JSON.

use std::collections::BTreeMap;
use std::io::Write;

use unicode_width::UnicodeWidthStr as _;

use super::args::{ColorWhen, ShowArgs};
use super::json::{EventJson, SpanJson, TokensJson, TraceJson, ms, usd};
use super::load::{Loaded, load};
use super::{Failure, Output};
use crate::analysis::{Node, NodeIx, TraceTree};
use crate::model::{Field, SpanKind, Status, UnixNanos};
use crate::store::{CostSource, SpanView, TraceIx, TraceView};
use crate::text;

/// Runs the command.
pub(super) fn run(args: &ShowArgs, out: &mut Output) -> Result<(), Failure> {
    let loaded = load(std::slice::from_ref(&args.source), &args.input)?;
    let trace = find(&loaded, &args.trace)?;
    let tree = TraceTree::build(&loaded.store, &[trace], &loaded.clock);
    let trace = loaded.store.trace(trace);
    if args.json {
        return super::write_json(&trace_json(&loaded, &trace, &tree), out.stdout());
    }
    let colour = match args.color {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => {
            Output::is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    };
    let width = args.width.or_else(terminal_width).unwrap_or(DEFAULT_WIDTH).clamp(40, 500);
    write_waterfall(&loaded, &trace, &tree, usize::from(width), colour, out.stdout())?;
    Ok(())
}

/// Columns when standard output is no terminal.
const DEFAULT_WIDTH: u16 = 110;

fn terminal_width() -> Option<u16> {
    #[cfg(unix)]
    {
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
        (size.ws_col > 0).then_some(size.ws_col)
    }
    #[cfg(not(unix))]
    None
}

fn find(loaded: &Loaded, name: &str) -> Result<TraceIx, Failure> {
    let newest = || loaded.store.traces().max_by_key(TraceView::start).map(|trace| trace.ix());
    let found = if name == "last" { newest() } else { loaded.store.find_trace(name) };
    found.ok_or_else(|| {
        let known: Vec<String> = loaded.store.traces().take(5).map(|trace| trace.id_text()).collect();
        Failure::Usage(match known.len() {
            0 => "the source has no traces".to_owned(),
            _ => format!(
                "no trace {name} in the source; it has {} traces, for example {}",
                loaded.store.trace_count(),
                known.join(", ")
            ),
        })
    })
}

fn trace_json(loaded: &Loaded, trace: &TraceView<'_>, tree: &TraceTree) -> TraceJson {
    let totals = trace.totals();
    let status = trace.status(&loaded.clock);
    let over = !matches!(status, Status::Running | Status::Suspended);
    let events = events_by_node(tree);
    TraceJson {
        schema: "tracetui.trace/1",
        trace_id: trace.id_text(),
        name: loaded.shown(trace.name()),
        status: status.as_str(),
        start: trace.start().map(UnixNanos::to_rfc3339),
        end: trace.end(&loaded.clock).map(UnixNanos::to_rfc3339),
        duration_ms: trace.duration(&loaded.clock).filter(|_| over).map(ms),
        tokens: totals.tokens.into(),
        cost_usd: usd(totals.cost),
        unpriced_calls: totals.unpriced_calls,
        spans: (0..tree.nodes().len() as u32)
            .map(|at| span_json(loaded, tree, NodeIx(at), events.get(&NodeIx(at)).map_or(&[], Vec::as_slice)))
            .collect(),
    }
}

fn events_by_node(tree: &TraceTree) -> BTreeMap<NodeIx, Vec<crate::store::SpanIx>> {
    let mut events: BTreeMap<NodeIx, Vec<_>> = BTreeMap::new();
    for (owner, event) in &tree.events {
        if let Some(owner) = owner {
            events.entry(*owner).or_default().push(*event);
        }
    }
    events
}

fn span_json(loaded: &Loaded, tree: &TraceTree, at: NodeIx, events: &[crate::store::SpanIx]) -> SpanJson {
    let node = tree.node(at);
    let span = loaded.store.span(node.span);
    let detail = loaded.detail(&span);
    let label = |field: Field| {
        let symbol = match field {
            Field::Step | Field::Agent => span.inherited(field),
            _ => span.facets().get(field).unwrap_or_default(),
        };
        symbol.is_some().then(|| loaded.shown(span.text(symbol)))
    };
    let mut event_list: Vec<EventJson> = detail
        .events
        .iter()
        .map(|event| EventJson {
            name: event.name.clone(),
            time: event.at.map(UnixNanos::to_rfc3339),
            attributes: text::raw_json(&event.attributes).filter(|_| !event.attributes.is_empty()),
        })
        .collect();
    event_list.extend(events.iter().map(|event| {
        let event = loaded.store.span(*event);
        EventJson {
            name: loaded.shown(event.name()),
            time: event.start().map(UnixNanos::to_rfc3339),
            attributes: loaded.detail(&event).output.as_deref().and_then(text::raw_json),
        }
    }));
    let error = span.error().map(|message| loaded.shown(message));
    SpanJson {
        span_id: span.id_text(),
        parent_span_id: span.parent().map(|parent| parent.id_text()),
        name: loaded.shown(span.name()),
        kind: span.kind().as_str(),
        span_type: label(Field::Type),
        status: node.status.as_str(),
        start: span.start().map(UnixNanos::to_rfc3339),
        end: span.end().map(UnixNanos::to_rfc3339),
        duration_ms: span.duration().map(ms),
        self_ms: ms(node.self_nanos),
        critical: node.critical,
        step: label(Field::Step),
        agent: label(Field::Agent),
        tool: label(Field::Tool),
        model: label(Field::Model),
        provider: label(Field::Provider),
        tokens: span.usage().map(TokensJson::from),
        cost_usd: span.cost().map(usd),
        cost_source: span.cost_source().map(|source| match source {
            CostSource::Reported => "reported",
            CostSource::Computed | CostSource::Estimated | CostSource::Free => "computed",
            CostSource::Unknown => "unknown",
        }),
        ttft_ms: span.ttft().map(ms),
        error: detail
            .error
            .as_deref()
            .and_then(text::raw_json)
            .or_else(|| error.as_deref().and_then(text::raw_json)),
        input: detail.input.as_deref().and_then(text::raw_json),
        output: detail.output.as_deref().and_then(text::raw_json),
        attributes: detail
            .attributes
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), text::raw_json(value)?)))
            .collect(),
        events: event_list,
    }
}

/// Widths of the columns beside the tree and the bars.
const TIME: usize = 8;
const TOKENS: usize = 13;
const COST: usize = 9;

fn write_waterfall(
    loaded: &Loaded,
    trace: &TraceView<'_>,
    tree: &TraceTree,
    width: usize,
    colour: bool,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let totals = trace.totals();
    let duration = trace.duration(&loaded.clock).map_or_else(|| "–".to_owned(), text::duration);
    writeln!(
        out,
        "{}  {}  {} {}  {} spans  {}",
        text::display_safe(&loaded.shown(trace.name())),
        text::display_safe(&trace.id_text()),
        trace.status(&loaded.clock),
        duration,
        totals.spans,
        text::bill(totals.cost, totals.unpriced_calls, totals.unpriced_tokens),
    )?;
    let figures = TIME + TOKENS + COST + 6;
    let bars = ((width.saturating_sub(figures)) / 2).clamp(8, 80);
    let names = width.saturating_sub(figures + bars).max(12);
    let names = names.min(tree_width(loaded, tree).max(12));
    writeln!(out, "{:<names$} {:>TIME$} {:>TOKENS$} {:>COST$}", "span", "time", "tokens", "cost")?;
    let mut last_at_depth: Vec<bool> = Vec::new();
    for (at, node) in tree.nodes().iter().enumerate() {
        let span = loaded.store.span(node.span);
        let is_last = node.parent.is_none_or(|parent| tree.node(parent).subtree_end == node.subtree_end);
        last_at_depth.truncate(node.depth as usize);
        last_at_depth.push(is_last);
        let label = text::SafeText::from_string(label(loaded, &span, node, &last_at_depth));
        let label = label.fit(names);
        let pad = " ".repeat(names.saturating_sub(label.width()));
        let time = if node.end_is_open && span.duration().is_none() && node.status != Status::Running {
            "–".to_owned()
        } else {
            text::duration_short(node.duration())
        };
        let (tokens, cost) = figures_of(&span, node, at == 0);
        let bar = bar(tree, node, bars);
        let (on, off) = if colour { (colour_of(span.kind(), node.status), "\x1b[0m") } else { ("", "") };
        writeln!(
            out,
            "{}{pad} {time:>TIME$} {tokens:>TOKENS$} {cost:>COST$} {on}{bar}{off}",
            label.as_str()
        )?;
    }
    Ok(())
}

fn tree_width(loaded: &Loaded, tree: &TraceTree) -> usize {
    let width = |node: &Node| {
        let name = loaded.store.span(node.span).name();
        node.depth as usize * 2 + 6 + text::display_safe(name).width()
    };
    tree.nodes().iter().map(width).max().unwrap_or(0)
}

fn label(loaded: &Loaded, span: &SpanView<'_>, node: &Node, last_at_depth: &[bool]) -> String {
    /// Deeper levels are not indented any further, so that names stay readable.
    const MAX_INDENT: usize = 12;
    let mut label = String::new();
    let depth = node.depth as usize;
    if depth > 0 {
        for &last in last_at_depth.iter().take(depth).skip(1).take(MAX_INDENT) {
            label.push_str(if last { "  " } else { "│ " });
        }
        label.push_str(if last_at_depth.get(depth).copied().unwrap_or(true) { "└ " } else { "├ " });
    }
    label.push_str(status_mark(node.status));
    label.push(' ');
    let name = if node.missing { "(missing parent)".to_owned() } else { loaded.shown(span.name()) };
    label.push_str(if name.is_empty() { span.kind().as_str() } else { &name });
    label
}

fn status_mark(status: Status) -> &'static str {
    match status {
        Status::Ok => "✓",
        Status::Error => "✗",
        Status::Running => "●",
        Status::Suspended => "◌",
        Status::Cancelled => "⊘",
        Status::Skipped => "↷",
        Status::Timeout => "◷",
        Status::Partial => "◐",
        Status::Unfinished => "…",
        Status::Unknown => "?",
    }
}

/// Tokens and cost of a row: of the span and all below it, or its own when it is a call that counts nothing itself.
fn figures_of(span: &SpanView<'_>, node: &Node, _top: bool) -> (String, String) {
    let totals = &node.totals;
    let tokens = match span.usage() {
        Some(usage) if span.kind().is_model_call() => format!(
            "{}→{}",
            usage.input.map_or_else(|| "–".to_owned(), text::tokens),
            usage.output.map_or_else(|| "–".to_owned(), text::tokens)
        ),
        _ if totals.tokens.total() > 0 => text::tokens(totals.tokens.total()),
        _ => String::new(),
    };
    (tokens, text::bill_cell(totals.cost, totals.unpriced_calls))
}

/// A bar that starts and ends at an eighth of a cell.
fn bar(tree: &TraceTree, node: &Node, cells: usize) -> String {
    const LEFT: [char; 8] = ['█', '▉', '▊', '▋', '▌', '▍', '▎', '▏'];
    let window = (tree.end - tree.start).max(1) as f64;
    let eighths = cells as f64 * 8.0;
    let place = |time: i64| ((time.saturating_sub(tree.start)) as f64 / window * eighths).clamp(0.0, eighths);
    let (from, to) = (place(node.start).floor() as usize, place(node.end).round() as usize);
    let (first, to) = (from / 8, to.max(from + 1).min(cells * 8));
    let mut bar = " ".repeat(first.min(cells.saturating_sub(1)));
    let full = if node.status == Status::Suspended { '╌' } else { '█' };
    let whole = (to / 8).saturating_sub(first);
    if whole == 0 {
        let width = (to - first * 8).clamp(1, 8);
        bar.push(LEFT[8 - width]);
        return bar;
    }
    bar.extend(std::iter::repeat_n(full, whole));
    let rest = to % 8;
    if rest > 0 && first + whole < cells {
        bar.push(LEFT[8 - rest]);
    }
    bar
}

fn colour_of(kind: SpanKind, status: Status) -> &'static str {
    match (status, kind) {
        (Status::Error | Status::Timeout, _) => "\x1b[31m",
        (_, SpanKind::Llm) => "\x1b[36m",
        (_, SpanKind::Tool) => "\x1b[33m",
        (_, SpanKind::Agent) => "\x1b[35m",
        (_, SpanKind::Retrieval | SpanKind::Embedding | SpanKind::Memory) => "\x1b[32m",
        _ => "\x1b[34m",
    }
}
