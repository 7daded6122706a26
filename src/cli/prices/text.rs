//! Prices for people.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use super::{Answer, day, decimal};
use crate::config::prices_path;
use crate::model::UnixNanos;
use crate::price::{
    Bucket, Explanation, NameStep, PriceSource, Priced, RateCard, RulesInForce, Standing, UserRule,
};
use crate::text::{count, display_safe};

/// Rows of one list that are printed; price lists of others have thousands.
const MAX_ROWS: usize = 40;
/// Columns that a line has at most, names and paths apart.
const WIDTH: usize = 80;
/// Columns of the first words of a line.
const LABEL: usize = 11;

/// What is known of one model.
pub(super) fn answer(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    let found = &answer.usual;
    let who = if found.provider.is_empty() { "provider not known" } else { &found.provider };
    let model = if found.model.is_empty() { &answer.asked } else { &found.model };
    writeln!(out, "{}  ({})", display_safe(model), display_safe(who))?;
    for NameStep { change, from, to } in &found.steps {
        label(out, change.as_str(), &format!("{from} → {to}"))?;
    }
    writeln!(out)?;
    let Some(in_force) = &found.in_force else { return without_rates(found, out) };
    label(out, "source", &standing(&in_force.standing))?;
    let on = day(found.at);
    let days = match (in_force.since, in_force.until) {
        (None, None) if in_force.standing.line > 0 => format!("on {on}; the row has no dates"),
        (None, None) => format!("on {on}; no earlier price is known"),
        (Some(since), None) => format!("on {on}, since {}", day(since)),
        (None, Some(until)) => format!("on {on}, until {}", last_day(until)),
        (Some(since), Some(until)) => format!("on {on}, from {} to {}", day(since), last_day(until)),
    };
    label(out, "in force", &days)?;
    writeln!(out)?;
    rates(&in_force.card, out)?;
    if !answer.tiers.is_empty() {
        writeln!(out)?;
    }
    for served in &answer.tiers {
        let Some(in_force) = &served.in_force else { continue };
        let mut telling: Vec<String> = in_force
            .rates
            .telling()
            .filter(|(bucket, _)| bucket.is_tokens())
            .map(|(bucket, rate)| format!("{} {}", bucket.as_str(), decimal(rate, 9)))
            .collect();
        if in_force.card.tiers().len() > 1 {
            telling.push("more for long prompts".to_owned());
        }
        for (at, line) in wrapped(&telling).iter().enumerate() {
            label(out, if at == 0 { served.tier.as_str() } else { "" }, line)?;
        }
    }
    if found.overrides.is_some() || !found.estimates.is_empty() || found.stale_days.is_some() {
        writeln!(out)?;
    }
    if let Some(other) = &found.overrides {
        let instead = match &other.card {
            None => "free".to_owned(),
            Some(card) => {
                let (_, rates) = card.tier(0);
                let rate = |bucket| decimal(rates.get(bucket), 9);
                format!("input {}, output {}", rate(Bucket::Input), rate(Bucket::Output))
            }
        };
        label(out, "overrides", &format!("{instead} by {}", standing(&other.standing)))?;
    }
    for estimate in &found.estimates {
        label(out, "estimate", &estimate.to_string())?;
    }
    stale(found.stale_days, out)
}

/// Parts with commas between them, in lines that fit.
fn wrapped(parts: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let part = format!("{part}{}", if at + 1 < parts.len() { "," } else { "" });
        match lines.last_mut() {
            Some(line) if LABEL + line.width() + 1 + part.width() <= WIDTH => {
                line.push(' ');
                line.push_str(&part);
            }
            _ => lines.push(part),
        }
    }
    lines
}

fn without_rates(found: &Explanation, out: &mut dyn Write) -> io::Result<()> {
    match found.priced {
        Priced::Free => label(out, "free", "the model runs on your own machine")?,
        Priced::Unknown(_) | Priced::Known { .. } => {
            label(out, "unknown", &found.why_unknown())?;
            if let Some((first, more)) = found.nearest.split_first() {
                label(out, "similar", first)?;
                for name in more {
                    label(out, "", name)?;
                }
            }
            writeln!(out, "\nSee tracetui prices --help for how to set a price.")?;
        }
    }
    Ok(())
}

/// A table with a column for each tier.
fn rates(card: &RateCard, out: &mut dyn Write) -> io::Result<()> {
    let tiers = card.tiers();
    let buckets: Vec<Bucket> = Bucket::ALL
        .into_iter()
        .filter(|bucket| tiers.iter().any(|(_, rates)| rates.telling().any(|(other, _)| other == *bucket)))
        .collect();
    let (tokens, pieces): (Vec<Bucket>, Vec<Bucket>) =
        buckets.into_iter().partition(|bucket| bucket.is_tokens());
    let mut columns: Vec<Vec<String>> = vec![
        std::iter::once("USD per million tokens".to_owned())
            .chain(tokens.iter().map(|bucket| format!("  {}", bucket.as_str())))
            .collect(),
    ];
    for (at, (from, rates)) in tiers.iter().enumerate() {
        let title = match (at, tiers.get(at + 1)) {
            (0, None) => String::new(),
            (0, Some((next, _))) => format!("to {}", count(next - 1)),
            _ => format!("from {}", count(*from)),
        };
        let figures = decimals(tokens.iter().map(|bucket| decimal(rates.get(*bucket), 9)).collect());
        columns.push(std::iter::once(title).chain(figures).collect());
    }
    let width = |column: &[String]| column.iter().map(|cell| cell.width()).max().unwrap_or(0);
    let widths: Vec<usize> = columns.iter().map(|column| width(column)).collect();
    for row in 0..=tokens.len() {
        let mut line = String::new();
        for (at, (column, width)) in columns.iter().zip(&widths).enumerate() {
            let cell = column.get(row).map_or("", String::as_str);
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            let parts = if at == 0 { ["", cell, &pad] } else { ["   ", &pad, cell] };
            line.extend(parts);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    if tiers.len() > 1 {
        writeln!(out, "The tokens of the whole prompt, cached ones included, decide on the column.")?;
    }
    let (_, base) = card.tier(0);
    for bucket in pieces {
        let of = if bucket == Bucket::Request { "call" } else { "search" };
        writeln!(out, "USD per {of}: {}", decimal(base.get(bucket), 15))?;
    }
    Ok(())
}

/// Numbers as text with their decimal points below each other.
fn decimals(numbers: Vec<String>) -> Vec<String> {
    let fraction = |text: &str| text.split_once('.').map_or(0, |(_, digits)| digits.len() + 1);
    let most = numbers.iter().map(|text| fraction(text)).max().unwrap_or(0);
    numbers.into_iter().map(|text| format!("{text}{}", " ".repeat(most - fraction(&text)))).collect()
}

fn label(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    let value = display_safe(value);
    writeln!(
        out,
        "{}",
        format!("{name:<LABEL$}{}{value}", if name.len() >= LABEL { " " } else { "" }).trim_end()
    )
}

/// `genai-prices 0.2.1, published 2026-10-30` or `prices.toml:3`.
fn standing(standing: &Standing) -> String {
    let place = if standing.line > 0 { format!(":{}", standing.line) } else { String::new() };
    let version = if standing.version.is_empty() { String::new() } else { format!(" {}", standing.version) };
    let published = standing.published.filter(|_| standing.source == PriceSource::Catalogue);
    let published = published.map(|at| format!(", published {}", day(at))).unwrap_or_default();
    format!("{}{place}{version}{published}", standing.name)
}

fn last_day(until: UnixNanos) -> String {
    day(until.plus(-1))
}

fn stale(days: Option<i64>, out: &mut dyn Write) -> io::Result<()> {
    match days {
        None => Ok(()),
        Some(days) => label(
            out,
            "old",
            &format!("the price list was published {days} days before; prices may have changed"),
        ),
    }
}

/// Every source of prices, and the rows that come before the catalogue.
pub(super) fn rules(rules: &RulesInForce, at: UnixNanos, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Prices on {}; the first of these that knows a price says it:\n", day(at))?;
    writeln!(out, "  1  the trace itself, where it reports a cost (--cost says whether)")?;
    let mut number = 2;
    for (path, shape, rows) in rules.files.iter().rev() {
        let path = path.display().to_string();
        writeln!(out, "  {number}  {}  ({shape}, {} rows)", display_safe(&path), count(*rows as u64))?;
        number += 1;
    }
    if let Some(first) = rules.corrections.first() {
        writeln!(
            out,
            "  {number}  {} {}  ({} rows)",
            first.standing.name,
            first.standing.version,
            rules.corrections.len()
        )?;
        number += 1;
    }
    let models = count(rules.catalogue_models as u64);
    writeln!(out, "  {number}  {}  ({models} models)", standing(&rules.catalogue))?;
    if rules.stale_days.is_some() {
        writeln!(out)?;
        stale(rules.stale_days, out)?;
    }
    if !rules.user.is_empty() {
        table("Your prices", &rules.user, out)?;
    }
    table("Corrections", &rules.corrections, out)?;
    let path = prices_path().map_or_else(|| "prices.toml".to_owned(), |path| path.display().to_string());
    writeln!(out, "\nTo set a price, write it to {}", display_safe(&path))?;
    writeln!(out, "or to a file for --prices; tracetui prices --help shows how.")
}

fn table(title: &str, rows: &[UserRule], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{title}, USD per million tokens")?;
    let cells: Vec<[String; 5]> = rows.iter().take(MAX_ROWS).map(cells).collect();
    let widths: [usize; 5] =
        std::array::from_fn(|at| cells.iter().map(|row| row[at].width()).max().unwrap_or(0).min(44));
    for (row, rule) in cells.iter().zip(rows) {
        let mut line = String::from(" ");
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            let number = at == 1 || at == 2;
            let parts = if number { ["  ", &pad, cell, ""] } else { [" ", cell, &pad, " "] };
            line.extend(parts);
        }
        writeln!(out, "{}", line.trim_end())?;
        if !rule.why.is_empty() {
            writeln!(out, "    {}", rule.why)?;
        }
    }
    if rows.len() > MAX_ROWS {
        writeln!(out, "  … and {} more", count((rows.len() - MAX_ROWS) as u64))?;
    }
    Ok(())
}

/// Models, input, output, days, place.
fn cells(row: &UserRule) -> [String; 5] {
    let models =
        if row.provider.is_empty() { row.models.clone() } else { format!("{}/{}", row.provider, row.models) };
    let rate = |bucket| match &row.card {
        Some(card) => decimal(card.tier(0).1.get(bucket), 9),
        None if bucket == Bucket::Input => "free".to_owned(),
        None => String::new(),
    };
    let days = match (row.since, row.until) {
        (None, None) => String::new(),
        (Some(since), None) => format!("since {}", day(since)),
        (None, Some(until)) => format!("until {}", last_day(until)),
        (Some(since), Some(until)) => format!("{} to {}", day(since), last_day(until)),
    };
    let place = std::path::Path::new(&row.standing.name).file_name();
    let place = match (row.why.is_empty(), place) {
        (true, Some(file)) => format!("{}:{}", file.to_string_lossy(), row.standing.line),
        _ => String::new(),
    };
    [models, rate(Bucket::Input), rate(Bucket::Output), days, place]
        .map(|cell| display_safe(&cell).into_owned())
}
