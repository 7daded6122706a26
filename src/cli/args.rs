//! The command line, as clap sees it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::{GroupBy, NanoUsd};
use crate::price::CostMode;

/// Live waterfalls, tokens and cost of LLM workflows and agents in your terminal.
#[derive(Debug, Parser)]
#[command(name = "tracetui", version, about, propagate_version = true, after_help = AFTER_HELP)]
pub(super) struct Cli {
    /// What to do; without it, a list of what was found here and of coding agents' sessions to choose from.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Exit codes: 0 fine, 1 check or prices --check found something, 2 bad usage
or an unreadable source, 3 check can't judge, 130 interrupted.
SOURCE is a SQLite span store, a file of JSON or log lines, a folder or
'pattern/**/*.ndjson' of them, or - for standard input; its format is found
from its content (tracetui formats FILE says why).";

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Follow one or more sources live
    Watch(WatchArgs),
    /// Print totals and groups
    Report(ReportArgs),
    /// Hold runs to limits of cost, tokens, time and errors: an exit code for CI
    Check(CheckArgs),
    /// Print one trace as a text waterfall
    Show(ShowArgs),
    /// Write all spans in another format
    Export(ExportArgs),
    /// Print the price of a model and where it comes from, or all sources of prices
    Prices(PricesArgs),
    /// List the formats, or say what files were found to be and why
    Formats(FormatsArgs),
    /// Play a made-up agent workflow into a store and watch it
    Demo(DemoArgs),
    /// Print a completion script
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Options about what is read and how.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct InputArgs {
    /// Read the sources as this format instead of finding it out; `help` lists the names
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,
    /// Where a private JSON format keeps a field, for example trace=ctx.id or in=llm.tokens.in; may be given several
    /// times; `help` lists the fields
    #[arg(long, value_name = "FIELD=PATH")]
    pub map: Vec<String>,
    /// Only spans that match, for example `model:gpt-4o cost>0.01`
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Only traces that were active in this time, for example 2h or 30m
    #[arg(long, value_name = "DURATION")]
    pub since: Option<String>,
    /// File with prices of your own, which come before the built-in ones; may be given several times, later files win
    #[arg(long, value_name = "FILE")]
    pub prices: Vec<PathBuf>,
    /// Which costs count: auto takes what the source reports, else what the price lists say; or reported, or calculated
    #[arg(long, value_name = "WHICH", default_value_t)]
    pub cost: CostMode,
    /// Show secrets as they are instead of [REDACTED]
    #[arg(long)]
    pub no_redact: bool,
    /// Configuration file to use instead of the one in the configuration directory
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Log what happens to the sources, in tracetui.log in the state directory
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// When to write colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `tracetui watch`
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// What to follow
    #[arg(required_unless_present_any = ["format", "map"], value_name = "SOURCE")]
    pub sources: Vec<String>,
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Options about the screen.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ScreenArgs {
    /// Colour theme: dark, light, high-contrast or mono
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorWhen,
    /// Memory for the index, for example 512M or 4G; the oldest finished runs beyond it leave and come back when they
    /// are opened [default: half of what is free]
    #[arg(long, value_name = "SIZE", value_parser = super::memory::parse_size)]
    pub max_memory: Option<usize>,
    /// Budget in dollars for all that is watched: a bar in the header, and the bell once when it is crossed
    #[arg(long, value_name = "USD", value_parser = super::amount::parse_usd)]
    pub budget: Option<NanoUsd>,
    /// The same in tokens, for example 500k
    #[arg(long, value_name = "N", value_parser = super::amount::parse_count)]
    pub budget_tokens: Option<u64>,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub no_mouse: bool,
}

/// `tracetui report`
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// What to read
    #[arg(required_unless_present_any = ["format", "map"], value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Group by this
    #[arg(long, value_name = "FIELD", value_parser = parse_group)]
    pub by: Option<GroupBy>,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["csv", "markdown"])]
    pub json: bool,
    /// Print CSV
    #[arg(long, conflicts_with = "markdown")]
    pub csv: bool,
    /// Print a Markdown table
    #[arg(long)]
    pub markdown: bool,
    #[command(flatten)]
    pub input: InputArgs,
}

/// `tracetui check`
#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub(super) struct CheckArgs {
    /// What to read
    #[arg(required_unless_present_any = ["format", "map"], value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Most dollars that the runs may cost
    #[arg(long, value_name = "USD", value_parser = super::amount::parse_usd)]
    pub max_cost: Option<NanoUsd>,
    /// Most tokens, in and out, for example 500k
    #[arg(long, value_name = "N", value_parser = super::amount::parse_count)]
    pub max_tokens: Option<u64>,
    /// Longest time that any one run may take, for example 90s or 5m
    #[arg(long, value_name = "DURATION", value_parser = super::amount::parse_duration)]
    pub max_duration: Option<i64>,
    /// Most spans that may have failed
    #[arg(long, value_name = "N", value_parser = super::amount::parse_count)]
    pub max_errors: Option<u64>,
    /// Dollars that all runs together may cost, whatever --per-run says
    #[arg(long, value_name = "USD", value_parser = super::amount::parse_usd)]
    pub budget: Option<NanoUsd>,
    /// Tokens that all runs together may use, whatever --per-run says
    #[arg(long, value_name = "N", value_parser = super::amount::parse_count)]
    pub budget_tokens: Option<u64>,
    /// Hold each run to the --max limits instead of all of them together
    #[arg(long)]
    pub per_run: bool,
    /// Judge by the known costs alone: calls without a price cost nothing
    #[arg(long)]
    pub allow_unpriced: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub input: InputArgs,
}

const CHECK_HELP: &str = "\
Exit codes:
  0  every limit is kept
  1  a limit is broken
  2  bad usage, or a source that can't be read
  3  no limit is known to be broken, but one on cost can't be judged: calls have no price
A limit is the most that is still fine.";

/// `tracetui show`
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Where the trace is
    pub source: String,
    /// Trace id, or the beginning of one; `last` for the newest
    #[arg(default_value = "last")]
    pub trace: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Columns to draw in; the terminal's width by default
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<u16>,
    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorWhen,
    #[command(flatten)]
    pub input: InputArgs,
}

/// `tracetui export`
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// What to read
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Format to write: ndjson
    #[arg(long, value_name = "TARGET")]
    pub to: String,
    /// File to write instead of standard output; it must not exist
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub input: InputArgs,
}

/// `tracetui prices`
#[derive(Debug, Args)]
#[command(after_help = PRICES_HELP)]
pub(super) struct PricesArgs {
    /// The model, as your traces spell it; without one, the sources of prices are listed
    pub model: Option<String>,
    /// Its provider, as your traces spell it
    #[arg(long, value_name = "NAME", requires = "model")]
    pub provider: Option<String>,
    /// The day to price for, for example 2026-01-31 [default: now]
    #[arg(long, value_name = "DATE", conflicts_with = "check")]
    pub at: Option<String>,
    /// List the models in these sources that have no price; exit code 1 when there are any
    #[arg(long, value_name = "SOURCE", num_args = 1.., conflicts_with_all = ["model", "provider"])]
    pub check: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub input: InputArgs,
}

const PRICES_HELP: &str = "\
Prices of your own go into prices.toml in the configuration directory, or any file given with --prices:

  [[price]]
  provider = \"anthropic\"        # optional
  match = \"claude-haiku-4-5*\"   # * stands for any text; the last row that fits wins
  from = \"2026-01-01\"           # optional, and until = the first day without it
  input = 0.80                  # US dollars per million tokens
  output = 4.00
  cache_read = 0.08             # also cache_write_5m, cache_write_1h, reasoning, input_audio,
                                # cache_read_audio, output_audio; request and search by the piece
  above = { tokens = 200000, input = 1.60 }
  batch = 0.5                   # a factor or a table; also flex and priority

  [alias]
  \"azure/prod-chat\" = \"openai/gpt-4o\"

  [free]
  providers = [\"my-cluster\"]

LiteLLM's model_prices_and_context_window.json, models.dev's api.json and genai-prices' data.json work as they are.";

/// `tracetui formats`
#[derive(Debug, Args)]
pub(super) struct FormatsArgs {
    /// Files to look at; without one, the formats are listed
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Look whether the files could be read as this format
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,
    /// Where a private JSON format keeps a field; see report --map help
    #[arg(long, value_name = "FIELD=PATH")]
    pub map: Vec<String>,
    /// Configuration file to use instead of the one in the configuration directory
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl FormatsArgs {
    /// What is asked for, as other commands take it.
    pub(super) fn input(&self) -> InputArgs {
        let (format, map, config) = (self.format.clone(), self.map.clone(), self.config.clone());
        InputArgs { format, map, config, ..InputArgs::default() }
    }
}

/// `tracetui demo`
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Where `--spans` writes: a .db, .sqlite or .ndjson file that must not exist
    #[arg(requires = "spans")]
    pub file: Option<PathBuf>,
    /// Write this many spans to FILE and stop, without a screen
    #[arg(long, value_name = "N", requires = "file")]
    pub spans: Option<u64>,
    /// What the made-up runs do
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many times faster than real time
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = parse_speed)]
    pub speed: f64,
    /// Store to write, kept afterwards; a temporary one by default
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// Play one run only
    #[arg(long)]
    pub once: bool,
    #[command(flatten)]
    pub screen: ScreenArgs,
}

fn parse_group(word: &str) -> Result<GroupBy, String> {
    GroupBy::ALL.iter().copied().find(|by| by.as_str().eq_ignore_ascii_case(word)).ok_or_else(|| {
        let words: Vec<&str> = GroupBy::ALL.iter().map(|by| by.as_str()).collect();
        format!("one of {}", words.join(", "))
    })
}

fn parse_speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && (0.01..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("a number from 0.01 to 1000".to_owned()),
    }
}
