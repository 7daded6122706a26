//! `tracetui prices --check`: the models of sources that have no price.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::args::PricesArgs;
use super::super::load::{load, user_prices};
use super::super::table::{Align, Column, Table};
use super::super::{Failure, Output};
use crate::model::{UnixNanos, Usage};
use crate::price::{PriceQuery, PriceTable};
use crate::text;

/// `prices --check --json`.
#[derive(Debug, Serialize)]
struct CheckJson {
    schema: &'static str,
    unpriced: Vec<ModelJson>,
}

/// A model without a price.
#[derive(Debug, Serialize)]
struct ModelJson {
    model: Option<String>,
    provider: Option<String>,
    calls: u64,
    tokens: u64,
    reason: String,
    similar: Vec<String>,
}

/// The calls of one model, and one of them to ask about.
struct Calls {
    count: u64,
    tokens: u64,
    at: UnixNanos,
    usage: Usage,
}

/// Runs the command.
pub(super) fn run(args: &PricesArgs, out: &mut Output) -> Result<(), Failure> {
    let loaded = load(&args.check, &args.input)?;
    let matcher = loaded.matcher();
    let mut found: BTreeMap<(String, String), Calls> = BTreeMap::new();
    for span in loaded.store.spans() {
        let share = span.share();
        if share.unpriced_calls == 0 || !matcher.matches(&span) {
            continue;
        }
        let facets = span.facets();
        let names = (span.text(facets.provider).to_owned(), span.text(facets.model).to_owned());
        let calls = found.entry(names).or_insert_with(|| Calls {
            count: 0,
            tokens: 0,
            at: span.end().or(span.start()).unwrap_or(UnixNanos(0)),
            usage: span.usage().unwrap_or_default(),
        });
        calls.count += share.unpriced_calls;
        calls.tokens = calls.tokens.saturating_add(share.unpriced_tokens);
    }
    let table = PriceTable::with_user(user_prices(&args.input.prices)?);
    let mut unpriced: Vec<ModelJson> = found
        .into_iter()
        .map(|((provider, model), calls)| {
            let query = PriceQuery { model: &model, provider: &provider, at: calls.at, usage: &calls.usage };
            let explained = table.explain(query);
            let shown = |name: String| Some(loaded.shown(&name)).filter(|name| !name.is_empty());
            ModelJson {
                calls: calls.count,
                tokens: calls.tokens,
                reason: explained.why_unknown(),
                similar: explained.nearest,
                model: shown(model),
                provider: shown(provider),
            }
        })
        .collect();
    unpriced.sort_by_key(|row| std::cmp::Reverse((row.tokens, row.calls)));
    let (none, stdout) = (unpriced.is_empty(), out.stdout());
    if args.json {
        super::super::write_json(&CheckJson { schema: "tracetui.prices.check/1", unpriced }, stdout)?;
    } else if none {
        writeln!(stdout, "Every model call with tokens has a price.")?;
    } else {
        rows(unpriced).write_text(stdout)?;
        writeln!(stdout, "\nSee tracetui prices --help for how to set a price.")?;
    }
    if none { Ok(()) } else { Err(Failure::Answer(1)) }
}

fn rows(unpriced: Vec<ModelJson>) -> Table {
    let column = |title, align| Column { title, align };
    let mut table = Table::new(vec![
        column("model", Align::Left),
        column("provider", Align::Left),
        column("calls", Align::Right),
        column("tokens", Align::Right),
        column("why", Align::Left),
    ]);
    for row in unpriced {
        let why = match row.similar.first() {
            Some(similar) => format!("{}; similar: {similar}", row.reason),
            None => row.reason,
        };
        let name = |name: Option<String>| name.unwrap_or_else(|| text::UNKNOWN.to_owned());
        let cells =
            [name(row.model), name(row.provider), text::count(row.calls), text::count(row.tokens), why];
        table.push(cells.to_vec());
    }
    table
}
