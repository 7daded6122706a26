//! The bill: why the tokens and the cost of the selected span and of its run are what they are.

use ratatui::style::Style;

use super::super::model::Model;
use crate::analysis::{CostSources, DoubtKind};
use crate::model::{Buckets, NanoUsd, ServiceTier, Symbol, TokenSum, UnixNanos, Usage};
use crate::price::{Bucket, Explanation, Priced};
use crate::store::{CostSource, SpanView};
use crate::text;

type Lines = Vec<Vec<(String, Style)>>;

/// Most models and doubts that are listed.
const MAX_LISTED: usize = 50;

/// The lines of the overlay.
pub(super) fn lines(model: &Model) -> Lines {
    let mut lines = Lines::new();
    if let Some(span) = model.waterfall.selected() {
        span_lines(model, &model.store.span(span), &mut lines);
    }
    run_lines(model, &mut lines);
    if lines.is_empty() {
        lines.push(vec![("No run is open.".to_owned(), model.theme.dim)]);
    }
    lines
}

fn span_lines(model: &Model, span: &SpanView<'_>, lines: &mut Lines) {
    let theme = &model.theme;
    let Some(usage) = span.usage() else { return };
    let facets = span.facets();
    lines.push(vec![
        ("This span  ".to_owned(), theme.accent),
        (model.shown(span.label()).into_owned(), theme.strong),
    ]);
    let mut who = vec![(format!("  {:<10}", "model"), theme.faint)];
    let name = |symbol: Symbol| model.shown(span.text(symbol)).into_owned();
    if facets.model.is_none() {
        who.push(("not named".to_owned(), theme.warn));
    } else {
        who.push((name(facets.model), theme.text));
    }
    if facets.provider.is_some() {
        who.push((format!("  by {}", name(facets.provider)), theme.dim));
    }
    match usage.parts.tier {
        ServiceTier::Unsaid | ServiceTier::Standard => {}
        tier => who.push((format!("  {} tier", tier.as_str()), theme.warn)),
    }
    lines.push(who);
    let explanation = model.store.explain(span.ix());
    match &explanation {
        Some(explanation) if explanation.in_force.is_some() => price_lines(model, explanation, lines),
        _ => token_lines(model, &usage, lines),
    }
    for (_, note) in usage.parts.notes.iter() {
        lines.push(field(model, "", format!("≈ {note}"), theme.warn));
    }
    let cost = match (span.cost(), span.cost_source()) {
        (Some(cost), Some(source)) => (format!("${cost}"), word(source)),
        _ => (text::UNKNOWN.to_owned(), "no price is known"),
    };
    let mut line = field(model, "cost", cost.0, theme.strong);
    line.push((format!("  {}", cost.1), theme.dim));
    lines.push(line);
    if let Some(explanation) = &explanation {
        source_lines(model, explanation, span, lines);
    }
    let counted = match () {
        () if span.is_duplicate() => ("no: another span records the same call", theme.warn),
        () if span.usage_counts() => ("yes", theme.text),
        () => ("no: what lies below it is counted instead", theme.dim),
    };
    lines.push(field(model, "counted", counted.0.to_owned(), counted.1));
    lines.push(Vec::new());
}

/// A line with a name in front.
fn field(model: &Model, name: &str, text: String, style: Style) -> Vec<(String, Style)> {
    vec![(format!("  {name:<10}"), model.theme.faint), (text, style)]
}

/// Each share of the price: how many, at what rate, how much.
fn price_lines(model: &Model, explanation: &Explanation, lines: &mut Lines) {
    let theme = &model.theme;
    let rows: Vec<[String; 4]> = explanation
        .shares
        .iter()
        .map(|share| {
            let by_the_piece = matches!(share.bucket, Bucket::Request | Bucket::Search);
            let (scale, unit) = if by_the_piece { (1e15, "each") } else { (1e9, "per million") };
            let amount = NanoUsd(i64::try_from(share.amount / 1_000_000).unwrap_or(i64::MAX));
            [
                text::count(share.count),
                share.bucket.as_str().replace('_', " "),
                format!("× ${} {unit}", share.rate as f64 / scale),
                format!("= ${amount}"),
            ]
        })
        .collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let [counts, buckets, rates] = [0, 1, 2].map(width);
    for (at, [count, bucket, rate, amount]) in rows.into_iter().enumerate() {
        let mut line =
            field(model, if at == 0 { "tokens" } else { "" }, format!("{count:>counts$}"), theme.text);
        line.push((format!("  {bucket:<buckets$}  {rate:<rates$}  "), theme.dim));
        line.push((amount, theme.text));
        lines.push(line);
    }
}

/// The tokens alone, where there is no price.
fn token_lines(model: &Model, usage: &Usage, lines: &mut Lines) {
    let theme = &model.theme;
    let mut name = "tokens";
    for (what, count) in named(&usage.buckets()) {
        if count > 0 {
            let mut line = field(model, name, format!("{:>12}", text::count(count)), theme.text);
            line.push((format!("  {what}"), theme.dim));
            lines.push(line);
            name = "";
        }
    }
}

/// Where the price comes from and what it stands on.
fn source_lines(model: &Model, explanation: &Explanation, span: &SpanView<'_>, lines: &mut Lines) {
    let theme = &model.theme;
    let shown = |text: &str| model.shown(text).into_owned();
    if let (Some(reported), Some(computed)) = (span.reported_cost(), explanation.priced.cost())
        && reported != computed
    {
        let style = if span.cost_differs() { theme.warn } else { theme.dim };
        let text = format!("${reported} reported, ${computed} by the price list");
        lines.push(field(model, "", text, style));
    }
    for step in &explanation.steps {
        let text = format!("{} → {}", shown(&step.from), shown(&step.to));
        let mut line = field(model, "", text, theme.dim);
        line.push((format!("  {}", step.change.as_str()), theme.faint));
        lines.push(line);
    }
    if let Some(in_force) = &explanation.in_force {
        let standing = &in_force.standing;
        let mut text = shown(&standing.name);
        if !standing.version.is_empty() {
            text.push(' ');
            text.push_str(standing.version);
        }
        if standing.line > 0 {
            text.extend([" line ", &standing.line.to_string()]);
        }
        let mut line = field(model, "rates", text, theme.text);
        let date = |at: UnixNanos| at.to_rfc3339().chars().take(10).collect::<String>();
        if let Some(since) = in_force.since {
            line.push((format!("  since {}", date(since)), theme.dim));
        }
        if let Some(published) = standing.published {
            line.push((format!(" of {}", date(published)), theme.dim));
        }
        line.push((format!("  for a call on {}", date(explanation.at)), theme.dim));
        if in_force.tier_from > 0 {
            line.push((format!("  prompts from {} tokens", text::count(in_force.tier_from)), theme.dim));
        }
        lines.push(line);
    }
    for why in &explanation.estimates {
        lines.push(field(model, "", format!("≈ {why}"), theme.warn));
    }
    if let Some(overridden) = &explanation.overrides {
        let cost = overridden.cost.map_or_else(|| text::UNKNOWN.to_owned(), |cost| format!("${cost}"));
        let text = format!("overrides {}, which says {cost}", shown(&overridden.standing.name));
        lines.push(field(model, "", text, theme.dim));
    }
    if let Some(days) = explanation.stale_days {
        lines.push(field(
            model,
            "",
            format!("⚠ the price list is {days} days older than the call"),
            theme.warn,
        ));
    }
    if let Priced::Unknown(why) = explanation.priced {
        lines.push(field(model, "", why.to_string(), theme.warn));
    }
    if !explanation.nearest.is_empty() {
        let text = format!("priced names like it: {}", shown(&explanation.nearest.join(", ")));
        lines.push(field(model, "", text, theme.dim));
    }
}

fn named(buckets: &Buckets) -> [(&'static str, u64); 9] {
    [
        ("input, in no cache", buckets.input),
        ("input audio", buckets.input_audio),
        ("read from the cache", buckets.cache_read),
        ("audio read from the cache", buckets.cache_read_audio),
        ("written to the cache for 5 min", buckets.cache_write_5m),
        ("written to the cache for 1 h", buckets.cache_write_1h),
        ("output", buckets.output),
        ("reasoning", buckets.reasoning),
        ("output audio", buckets.output_audio),
    ]
}

fn word(source: CostSource) -> &'static str {
    match source {
        CostSource::Reported => "reported by the source",
        CostSource::Computed => "from the price list",
        CostSource::Estimated => "≈ from the price list, something is assumed",
        CostSource::Free => "runs locally, free",
        CostSource::Unknown => "no price is known",
    }
}

/// The calls of one model in the run.
#[derive(Default)]
struct PerModel {
    calls: u64,
    tokens: TokenSum,
    cost: NanoUsd,
    unpriced: u64,
}

fn run_lines(model: &Model, lines: &mut Lines) {
    let theme = &model.theme;
    let Some(run) = model.waterfall.run else { return };
    let tree = &model.waterfall.tree;
    let mut costs = CostSources::default();
    let mut models: std::collections::BTreeMap<String, PerModel> = std::collections::BTreeMap::new();
    for node in tree.nodes() {
        let span = model.store.span(node.span);
        costs.add(&span);
        if !span.usage_counts() {
            continue;
        }
        let share = span.share();
        let name = model.shown(span.text(span.facets().model)).into_owned();
        let per = models.entry(name).or_default();
        per.calls += 1;
        per.tokens.add(&share.tokens);
        per.cost += share.cost;
        per.unpriced += share.unpriced_calls;
    }
    lines.push(vec![
        ("The run  ".to_owned(), theme.accent),
        (model.shown(model.store.trace(run).name()).into_owned(), theme.strong),
    ]);
    let sum = &tree.totals;
    let all = text::bill(sum.cost, sum.unpriced_calls, sum.unpriced_tokens);
    lines.push(vec![(format!("{all:>12}"), theme.strong), ("  in all".to_owned(), theme.text)]);
    for (calls, what, style) in [
        (costs.reported, "reported by the source", theme.text),
        (costs.computed, "from the price list", theme.text),
        (costs.estimated, "≈ from the price list, something is assumed", theme.warn),
        (costs.free, "local and free", theme.text),
        (costs.unknown, "without a price: not in the sum", theme.warn),
        (costs.silent, "without token counts: not in the sum", theme.warn),
        (costs.assumed, "≈ with counters about which something is assumed", theme.warn),
        (costs.differing, "reported far from the price list", theme.warn),
        (costs.duplicates, "recorded twice and counted once", theme.dim),
    ] {
        if calls > 0 {
            lines.push(vec![
                (format!("{:>12}", text::count(calls)), theme.strong),
                (if calls == 1 { "  call  " } else { "  calls " }.to_owned(), theme.faint),
                (what.to_owned(), style),
            ]);
        }
    }
    if costs.cache_saved.0 != 0 {
        let what = if costs.cache_saved.0 < 0 { "more than without a cache" } else { "saved by the cache" };
        let amount = NanoUsd(costs.cache_saved.0.saturating_abs());
        lines.push(vec![
            (format!("{:>12}", text::usd(amount)), theme.strong),
            (format!("  {what}"), theme.good),
        ]);
    }
    let mut models: Vec<(String, PerModel)> = models.into_iter().collect();
    models.sort_by_key(|(_, per)| std::cmp::Reverse((per.cost, per.tokens.total())));
    for (name, per) in models.iter().take(MAX_LISTED) {
        let name = if name.is_empty() { "model not named" } else { name };
        let cost =
            if per.unpriced > 0 && per.cost.0 == 0 { text::UNKNOWN.to_owned() } else { text::usd(per.cost) };
        let mut line = vec![
            (format!("{cost:>12}  "), theme.strong),
            (name.to_owned(), theme.text),
            (format!("  {} × ", text::count(per.calls)), theme.dim),
            (
                format!(
                    "{} in ({} cached) {} out",
                    text::tokens(per.tokens.input),
                    text::tokens(per.tokens.cache_read),
                    text::tokens(per.tokens.output)
                ),
                theme.dim,
            ),
        ];
        if per.unpriced > 0 {
            line.push((format!("  {} unpriced", per.unpriced), theme.warn));
        }
        lines.push(line);
    }
    let doubts = tree.doubts(&model.store);
    if !doubts.is_empty() {
        lines.push(Vec::new());
        lines.push(vec![("Look twice".to_owned(), theme.accent)]);
    }
    for doubt in doubts.iter().take(MAX_LISTED) {
        let span = model.store.span(doubt.span);
        lines.push(vec![
            ("  ⚠ ".to_owned(), theme.warn),
            (model.shown(span.label()).into_owned(), theme.text),
            (format!("  {}", sentence(doubt.what, &span)), theme.dim),
        ]);
    }
    if doubts.len() > MAX_LISTED {
        lines.push(vec![(format!("    and {} more", doubts.len() - MAX_LISTED), theme.faint)]);
    }
}

fn sentence(what: DoubtKind, span: &SpanView<'_>) -> String {
    let reported = || span.reported_cost().map_or_else(|| text::UNKNOWN.to_owned(), text::usd);
    match what {
        DoubtKind::Unitemised(tokens) => {
            format!("claims {} tokens that no call below it has; not added", text::count(tokens))
        }
        DoubtKind::ChildrenExceed(tokens) => {
            format!("the calls below it used {} tokens more than it says; they count", text::count(tokens))
        }
        DoubtKind::Duplicate => "records a call that another span records too; not counted".to_owned(),
        DoubtKind::NoUsage => "is over and says nothing of its tokens: not in the sum".to_owned(),
        DoubtKind::CostDiffers => format!("reports {}, which is far from the price list", reported()),
        DoubtKind::UnpricedBelow => {
            format!("reports {}; the calls below it have no price, so it is in no sum", reported())
        }
    }
}
