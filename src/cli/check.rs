//! `tracetui check`: limits as an exit code.

use std::io::Write;

use serde::Serialize;

use super::args::CheckArgs;
use super::json::{ms, usd};
use super::load::{Loaded, load};
use super::reading::wish;
use super::{Failure, Output};
use crate::analysis::{Finding, Judged, Limit, Measure, RunSum, Verdict, judge, run_sums};
use crate::model::NanoUsd;
use crate::text;

/// Exit code when a limit is broken.
const BROKEN: u8 = 1;
/// Exit code when no limit is known to be broken, but one can't be judged.
const UNKNOWN: u8 = 3;
/// Runs that are listed for people at most, for each limit.
const MAX_LISTED: usize = 10;

/// Runs the command.
pub(super) fn run(args: &CheckArgs, out: &mut Output) -> Result<(), Failure> {
    wish(&args.input)?;
    let limits = limits(args);
    if limits.is_empty() {
        return Err(Failure::Usage(
            "no limit is given: --max-cost, --max-tokens, --max-duration, --max-errors, --budget or \
             --budget-tokens"
                .to_owned(),
        ));
    }
    let loaded = load(&args.sources, &args.input)?;
    let matches = loaded.matcher();
    let runs = run_sums(&loaded.store, &loaded.clock, &|span| matches.matches(span));
    let judged: Vec<Judged> =
        limits.into_iter().map(|limit| judge(limit, &runs, args.allow_unpriced)).collect();
    let verdict = judged.iter().map(|judged| judged.verdict).max().unwrap_or(Verdict::Kept);
    let written = if args.json {
        super::write_json(&json(&loaded, &runs, &judged, verdict, args), out.stdout())
    } else {
        write_text(&loaded, &runs, &judged, verdict, out.stdout()).map_err(Failure::from)
    };
    match written {
        Ok(()) | Err(Failure::OutputClosed) => {}
        Err(failure) => return Err(failure),
    }
    match verdict {
        Verdict::Kept => Ok(()),
        Verdict::Unknown => Err(Failure::Answer(UNKNOWN)),
        Verdict::Broken => Err(Failure::Answer(BROKEN)),
    }
}

fn limits(args: &CheckArgs) -> Vec<Limit> {
    let per_run = args.per_run;
    let nanos = |cost: NanoUsd| cost.0.max(0) as u64;
    let limit =
        |name, measure, most: Option<u64>, per_run| most.map(|most| Limit { name, measure, most, per_run });
    [
        limit("max-cost", Measure::Cost, args.max_cost.map(nanos), per_run),
        limit("max-tokens", Measure::Tokens, args.max_tokens, per_run),
        limit("max-duration", Measure::Duration, args.max_duration.map(|most| most.max(0) as u64), true),
        limit("max-errors", Measure::Errors, args.max_errors, per_run),
        limit("budget", Measure::Cost, args.budget.map(nanos), false),
        limit("budget-tokens", Measure::Tokens, args.budget_tokens, false),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn write_text(
    loaded: &Loaded,
    runs: &[RunSum],
    judged: &[Judged],
    verdict: Verdict,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    for judged in judged {
        let limit = &judged.limit;
        let found = match &judged.most {
            Some(most) if matches!(limit.measure, Measure::Tokens | Measure::Errors) => {
                text::count(most.value)
            }
            Some(most) => amount(limit.measure, most),
            None => "no run".to_owned(),
        };
        let scope = if limit.per_run { "worst of" } else { "all" };
        writeln!(
            out,
            "{:<8} --{:<14} {found} of at most {}, {scope} {} run{}",
            judged.verdict.as_str(),
            limit.name,
            value_text(limit.measure, limit.most),
            runs.len(),
            if runs.len() == 1 { "" } else { "s" },
        )?;
        let against = judged.against.iter().filter_map(|finding| Some((finding.run?, finding)));
        for (run, finding) in against.clone().take(MAX_LISTED) {
            let trace = loaded.store.trace(run);
            writeln!(
                out,
                "         {}  {}  {}",
                text::display_safe(&loaded.shown(trace.name())),
                text::display_safe(&trace.id_text()),
                amount(limit.measure, finding),
            )?;
        }
        let more = against.count().saturating_sub(MAX_LISTED);
        if more > 0 {
            writeln!(out, "         and {more} more")?;
        }
    }
    if verdict == Verdict::Unknown {
        writeln!(
            out,
            "What calls without a price or without token counts cost is not known: give them one, or --allow-unpriced."
        )?;
    }
    Ok(())
}

fn amount(measure: Measure, finding: &Finding) -> String {
    match (measure, finding.unpriced_calls) {
        (Measure::Cost, calls) => text::bill(cost(finding.value), calls, finding.unpriced_tokens),
        (Measure::Tokens, calls @ 1..) => {
            format!("{} + {calls} calls without counters", value_text(measure, finding.value))
        }
        _ => value_text(measure, finding.value),
    }
}

fn value_text(measure: Measure, value: u64) -> String {
    match measure {
        Measure::Cost => text::usd(cost(value)),
        Measure::Tokens => format!("{} tokens", text::count(value)),
        Measure::Duration => text::duration(i64::try_from(value).unwrap_or(i64::MAX)),
        Measure::Errors => format!("{} errors", text::count(value)),
    }
}

fn cost(nanos: u64) -> NanoUsd {
    NanoUsd(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// `check --json`: the contract `tracetui.check/1`.
#[derive(Debug, Serialize)]
struct CheckJson {
    schema: &'static str,
    filter: Option<String>,
    verdict: &'static str,
    runs: u64,
    limits: Vec<LimitJson>,
}

#[derive(Debug, Serialize)]
struct LimitJson {
    limit: &'static str,
    unit: &'static str,
    per_run: bool,
    most: Number,
    verdict: &'static str,
    /// Where it came nearest to the limit, or went furthest beyond.
    found: Option<FindingJson>,
    /// The runs that don't keep it.
    against: Vec<FindingJson>,
}

#[derive(Debug, Serialize)]
struct FindingJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    value: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    unpriced_calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unpriced_tokens: Option<u64>,
    verdict: &'static str,
}

/// Dollars and milliseconds have decimals, counts don't.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Number {
    Whole(u64),
    Decimal(f64),
}

impl Number {
    fn of(measure: Measure, value: u64) -> Self {
        match measure {
            Measure::Cost => Self::Decimal(usd(cost(value))),
            Measure::Duration => Self::Decimal(ms(i64::try_from(value).unwrap_or(i64::MAX))),
            Measure::Tokens | Measure::Errors => Self::Whole(value),
        }
    }
}

fn json(
    loaded: &Loaded,
    runs: &[RunSum],
    judged: &[Judged],
    verdict: Verdict,
    args: &CheckArgs,
) -> CheckJson {
    let limits = judged.iter().map(|judged| {
        let measure = judged.limit.measure;
        let finding = |finding: &Finding| FindingJson {
            trace_id: finding.run.map(|run| loaded.store.trace(run).id_text()),
            name: finding.run.map(|run| loaded.shown(loaded.store.trace(run).name())),
            value: Number::of(measure, finding.value),
            unpriced_calls: (measure == Measure::Cost).then_some(finding.unpriced_calls),
            unpriced_tokens: (measure == Measure::Cost).then_some(finding.unpriced_tokens),
            verdict: finding.verdict.as_str(),
        };
        LimitJson {
            limit: judged.limit.name,
            unit: match measure {
                Measure::Cost => "usd",
                Measure::Tokens => "tokens",
                Measure::Duration => "ms",
                Measure::Errors => "errors",
            },
            per_run: judged.limit.per_run,
            most: Number::of(measure, judged.limit.most),
            verdict: judged.verdict.as_str(),
            found: judged.most.as_ref().map(finding),
            against: judged.against.iter().filter(|found| found.run.is_some()).map(finding).collect(),
        }
    });
    CheckJson {
        schema: "tracetui.check/1",
        filter: args.input.filter.clone(),
        verdict: verdict.as_str(),
        runs: runs.len() as u64,
        limits: limits.collect(),
    }
}
