//! `tracetui report`: totals and groups without a screen.

use std::collections::BTreeMap;
use std::io::Write;

use super::args::ReportArgs;
use super::json::{FiguresJson, GroupJson, ReportJson, SkippedJson, SourceJson};
use super::load::{Loaded, load};
use super::table::{Align, Column, Table};
use super::{Failure, Output};
use crate::analysis::{Figures, Report};
use crate::model::GroupBy;
use crate::text;

/// What stands for the spans that no group has.
const NO_GROUP: &str = "(none)";
/// Sources that get a line each.
const MAX_LISTED: usize = 12;

/// Runs the command.
pub(super) fn run(args: &ReportArgs, out: &mut Output) -> Result<(), Failure> {
    let loaded = load(&args.sources, &args.input)?;
    let matches = loaded.matcher();
    let report = Report::build(&loaded.store, &loaded.clock, args.by, &|span| matches.matches(span));
    let out = out.stdout();
    if args.json {
        write_json(&loaded, &report, args, out)
    } else if args.csv {
        groups_table(&loaded, &report, args.by).write_csv(out).map_err(Failure::from)
    } else if args.markdown {
        groups_table(&loaded, &report, args.by).write_markdown(out).map_err(Failure::from)
    } else {
        write_text(&loaded, &report, args, out)
    }
}

fn write_json(
    loaded: &Loaded,
    report: &Report,
    args: &ReportArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let sources = loaded
        .sources
        .iter()
        .zip(loaded.spans_by_source())
        .map(|(source, spans)| {
            let mut skipped = SkippedJson::default();
            let mut flagged = BTreeMap::new();
            if let Some(problems) = loaded.store.problems(source.id) {
                for (reason, count) in problems.counts() {
                    if reason.skips_record() {
                        skipped.reasons.insert(reason.as_str(), count);
                    } else {
                        flagged.insert(reason.as_str(), count);
                    }
                }
                skipped.total = problems.skipped();
            }
            SourceJson { source: source.name.clone(), format: source.format, spans, skipped, flagged }
        })
        .collect();
    let groups = report
        .groups
        .iter()
        .map(|group| GroupJson {
            key: loaded.shown(&group.key),
            name: group.name.as_deref().map(|name| loaded.shown(name)),
            figures: FiguresJson::from(&group.figures),
        })
        .chain(report.rest.as_ref().map(|rest| GroupJson {
            key: String::new(),
            name: None,
            figures: FiguresJson::from(rest),
        }))
        .collect();
    let json = ReportJson {
        schema: "tracetui.report/1",
        sources,
        filter: args.input.filter.clone(),
        totals: FiguresJson::from(&report.totals),
        groups,
    };
    super::write_json(&json, out)
}

/// What was read: a line for each source or, of many, one for each format.
fn write_sources(loaded: &Loaded, out: &mut dyn Write) -> std::io::Result<()> {
    let mut formats: BTreeMap<&str, (usize, u64, u64)> = BTreeMap::new();
    let is_short = loaded.sources.len() <= MAX_LISTED;
    for (source, spans) in loaded.sources.iter().zip(loaded.spans_by_source()) {
        let format = source.format.unwrap_or("nothing recognised yet");
        let skipped = loaded.store.problems(source.id).map_or(0, crate::model::Problems::skipped);
        if is_short {
            let name = text::display_safe(&source.name);
            writeln!(out, "{name}  {format}, {spans} spans{}", skipped_text(skipped))?;
        } else {
            let (files, all, lost) = formats.entry(format).or_default();
            (*files, *all, *lost) = (*files + 1, *all + spans, *lost + skipped);
        }
    }
    for (format, (files, spans, skipped)) in formats {
        writeln!(out, "{files} sources  {format}, {spans} spans{}", skipped_text(skipped))?;
    }
    Ok(())
}

fn skipped_text(skipped: u64) -> String {
    if skipped > 0 { format!(", {skipped} records skipped") } else { String::new() }
}

fn write_text(
    loaded: &Loaded,
    report: &Report,
    args: &ReportArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    write_sources(loaded, out)?;
    if let Some(filter) = &args.input.filter {
        writeln!(out, "filter  {}", text::display_safe(filter))?;
    }
    writeln!(out)?;
    let figures = &report.totals;
    let totals = &figures.totals;
    let mut line = |name: &str, value: String| writeln!(out, "{name:<10} {value}");
    line(
        "runs",
        format!("{} in {} traces, {} running spans", figures.runs, figures.traces, figures.running),
    )?;
    line(
        "spans",
        format!(
            "{} and {} events, {} errors, {} unfinished",
            totals.spans, totals.events, totals.errors, figures.unfinished
        ),
    )?;
    line("calls", format!("{} of models, {} of tools", totals.llm_calls, totals.tool_calls))?;
    line("tokens", tokens_text(figures))?;
    let cost = if is_silent(figures) && totals.cost.0 == 0 {
        text::UNKNOWN.to_owned()
    } else {
        text::bill(totals.cost, totals.unpriced_calls, totals.unpriced_tokens)
    };
    line("cost", cost)?;
    for (name, value) in bill_lines(figures) {
        line(name, value)?;
    }
    let duration = &figures.duration;
    if duration.count > 0 {
        let text = |nanos| text::duration(nanos);
        line(
            "duration",
            format!(
                "p50 {}  p90 {}  p95 {}  p99 {}  max {}  (of {} traces)",
                text(duration.p50),
                text(duration.p90),
                text(duration.p95),
                text(duration.p99),
                text(duration.max),
                duration.count
            ),
        )?;
    }
    if !report.groups.is_empty() {
        writeln!(out)?;
        groups_table(loaded, report, args.by).write_text(out)?;
    }
    Ok(())
}

fn tokens_text(figures: &Figures) -> String {
    let tokens = &figures.totals.tokens;
    if is_silent(figures) {
        return format!("{} (no call says what it used)", text::UNKNOWN);
    }
    format!(
        "{} in ({} cached, {} cache writes), {} out ({} reasoning), {} in all",
        tokens.input,
        tokens.cache_read,
        tokens.cache_write,
        tokens.output,
        tokens.reasoning,
        tokens.total()
    )
}

/// Whether there are calls, and none of them says what it used: that isn't 0.
fn is_silent(figures: &Figures) -> bool {
    let totals = &figures.totals;
    totals.llm_calls > 0 && totals.tokens.total() == 0 && totals.silent_calls == totals.llm_calls
}

/// What the caches saved, where the costs come from, and what to look twice at.
fn bill_lines(figures: &Figures) -> Vec<(&'static str, String)> {
    let costs = &figures.costs;
    let mut lines = Vec::new();
    let tokens = &figures.totals.tokens;
    if tokens.cache_read > 0 || costs.cache_saved.0 != 0 {
        let share = tokens.cache_read as f64 / tokens.input.max(1) as f64;
        let share = format!("{} of the input read from it", text::percent(share));
        let amount = text::usd(crate::model::NanoUsd(costs.cache_saved.0.saturating_abs()));
        let worth = match costs.cache_saved.0 {
            _ if costs.cache_priced == 0 => "what that saved is not known".to_owned(),
            ..0 => format!("which cost {amount} more than no cache"),
            0.. => format!("saved {amount}, cache writes set against it"),
        };
        lines.push(("cache", format!("{share}, {worth}")));
    }
    let list = |parts: &[(u64, &str)]| {
        let some = parts.iter().filter(|(calls, _)| *calls > 0);
        some.map(|(calls, what)| format!("{calls} {what}")).collect::<Vec<_>>().join(", ")
    };
    let from = list(&[
        (costs.reported, "reported"),
        (costs.computed, "from the price list"),
        (costs.estimated, "estimated from the price list"),
        (costs.free, "local and free"),
        (costs.unknown, "without a price"),
        (costs.silent, "without token counts"),
    ]);
    if !from.is_empty() {
        let why = if costs.unknown > 0 { "; tracetui prices --check SOURCE says why" } else { "" };
        lines.push(("costs", format!("{from} (calls){why}")));
    }
    let doubts = list(&[
        (costs.differing, "reported far from the price list"),
        (costs.duplicates, "recorded twice, counted once"),
        (costs.assumed, "with something assumed about their counters"),
    ]);
    if !doubts.is_empty() {
        lines.push(("look twice", doubts));
    }
    lines
}

fn groups_table(loaded: &Loaded, report: &Report, by: Option<GroupBy>) -> Table {
    let number = |title| Column { title, align: Align::Right };
    let mut columns = vec![Column { title: by.map_or("total", GroupBy::as_str), align: Align::Left }];
    let named = by == Some(GroupBy::Trace);
    if named {
        columns.push(Column { title: "name", align: Align::Left });
    }
    columns.extend(
        [
            "runs",
            "spans",
            "errors",
            "llm_calls",
            "tool_calls",
            "input",
            "cache_read",
            "output",
            "reasoning",
            "cost_usd",
            "unpriced",
            "p50_ms",
            "p95_ms",
            "max_ms",
        ]
        .map(number),
    );
    let mut table = Table::new(columns);
    let mut add = |key: String, name: Option<String>, figures: &Figures| {
        let totals = &figures.totals;
        let mut row = vec![key];
        if named {
            row.push(name.unwrap_or_default());
        }
        let ms = |nanos: i64| format!("{:.1}", super::json::ms(nanos));
        row.extend([
            figures.runs.to_string(),
            totals.spans.to_string(),
            totals.errors.to_string(),
            totals.llm_calls.to_string(),
            totals.tool_calls.to_string(),
            totals.tokens.input.to_string(),
            totals.tokens.cache_read.to_string(),
            totals.tokens.output.to_string(),
            totals.tokens.reasoning.to_string(),
            totals.cost.to_string(),
            totals.unpriced_calls.to_string(),
            ms(figures.duration.p50),
            ms(figures.duration.p95),
            ms(figures.duration.max),
        ]);
        table.push(row);
    };
    for group in &report.groups {
        add(loaded.shown(&group.key), group.name.as_deref().map(|name| loaded.shown(name)), &group.figures);
    }
    if let Some(rest) = &report.rest {
        add(NO_GROUP.to_owned(), None, rest);
    }
    if report.groups.is_empty() {
        add("all".to_owned(), None, &report.totals);
    }
    table
}
