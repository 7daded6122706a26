//! The commands. The only place that knows clap, exit codes and standard output.

mod amount;
mod args;
mod check;
mod demo;
mod export;
mod formats;
mod json;
mod load;
mod memory;
mod prices;
mod reading;
mod report;
mod show;
mod start;
mod table;
mod watch;

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use serde::Serialize;

use args::{Cli, Command};

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is wrong; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A source can't be read or recognised; exit code 2.
    #[error("{0}")]
    Source(String),
    /// A file is of no known format, which has been printed; exit code 2.
    #[error("")]
    Unrecognised,
    /// Not a failure: something to print instead of doing anything.
    #[error("{0}")]
    Help(String),
    /// The user interrupted; exit code 130.
    #[error("interrupted")]
    Interrupted,
    /// Not a failure of the command, but an answer that has been printed and is an exit code of its own.
    #[error("exit code {0}")]
    Answer(u8),
    /// Nobody reads what we write any more: a pipe was closed.
    #[error("output closed")]
    OutputClosed,
    /// Writing failed.
    #[error("failed to write: {0}")]
    Io(io::Error),
}

impl Failure {
    fn usage(error: &dyn std::fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::OutputClosed } else { Self::Io(error) }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::from(io::Error::from(error))
    }
}

/// Standard output, buffered.
pub(crate) struct Output {
    stdout: BufWriter<io::Stdout>,
}

impl Output {
    fn new() -> Self {
        Self { stdout: BufWriter::new(io::stdout()) }
    }

    /// Where results go.
    pub(crate) fn stdout(&mut self) -> &mut dyn Write {
        &mut self.stdout
    }

    /// Whether a person looks at it.
    pub(crate) fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            error.print().ok();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let mut out = Output::new();
    let done = run(cli, &mut out).and_then(|()| out.stdout.flush().map_err(Failure::from));
    match done {
        Ok(()) | Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(Failure::Help(text)) => {
            let printed = writeln!(out.stdout, "{text}").and_then(|()| out.stdout.flush());
            ExitCode::from(u8::from(printed.is_err()))
        }
        // Whether somebody reads the words or not: the answer is the code.
        Err(Failure::Answer(code)) => match out.stdout.flush().map_err(Failure::from) {
            Ok(()) | Err(Failure::OutputClosed) => ExitCode::from(code),
            Err(failure) => {
                warn(&failure.to_string());
                ExitCode::from(2)
            }
        },
        Err(Failure::Unrecognised) => ExitCode::from(2),
        Err(Failure::Interrupted) => ExitCode::from(130),
        Err(failure) => {
            warn(&failure.to_string());
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli, out: &mut Output) -> Result<(), Failure> {
    let Some(command) = cli.command else { return start::run() };
    match command {
        Command::Watch(args) => watch::run(&args),
        Command::Report(args) => report::run(&args, out),
        Command::Check(args) => check::run(&args, out),
        Command::Show(args) => show::run(&args, out),
        Command::Export(args) => export::run(&args, out),
        Command::Formats(args) => formats::run(&args, out),
        Command::Prices(args) => prices::run(&args, out),
        Command::Demo(args) => demo::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "tracetui", out.stdout());
            Ok(())
        }
        Command::Man => Ok(clap_mangen::Man::new(Cli::command()).render(out.stdout())?),
    }
}

/// One line on standard error.
fn warn(text: &str) {
    let lines: Vec<String> = text.lines().map(|line| crate::text::display_safe(line).into_owned()).collect();
    // Nobody can be told when standard error is gone too.
    writeln!(io::stderr(), "tracetui: {}", lines.join("\n")).ok();
}

/// A JSON document with everything that a terminal might act on escaped.
fn write_json(value: &impl Serialize, out: &mut dyn Write) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value)?;
    writeln!(out, "{}", crate::text::json_safe(&json))?;
    Ok(())
}
