//! `tracetui formats`: what can be opened, and what a file was found to be.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::args::FormatsArgs;
use super::{Failure, Output, reading, write_json};
use crate::format::{LINE_FORMATS, TABLE_FORMATS, format_names};
use crate::source::{Examined, examine, expand};
use crate::text::display_safe;

/// Near formats that are named.
const NEAREST: usize = 4;

/// Runs the command.
pub(super) fn run(args: &FormatsArgs, out: &mut Output) -> Result<(), Failure> {
    if args.files.is_empty() {
        return list(args.json, out.stdout());
    }
    let wish = reading::wish(&args.input())?;
    // A file is asked about by itself, whatever it stands for elsewhere. What is left out is what one wants to know
    // about.
    let mut names = Vec::new();
    for name in &args.files {
        if Path::new(name).is_file() {
            names.push(name.clone());
        } else {
            let more = expand(std::slice::from_ref(name), &wish);
            let more = more.map_err(|error| Failure::usage(&error))?;
            let from = names.len();
            names.extend(more.names.into_iter().chain(more.left_out));
            if let Some(more) = names.get_mut(from..) {
                more.sort();
            }
        }
    }
    let found: Vec<(String, Examined)> =
        names.into_iter().map(|name| (name.clone(), examine(Path::new(&name), &wish))).collect();
    if args.json {
        let files: Vec<Value> = found.iter().map(|(name, examined)| as_json(name, examined)).collect();
        write_json(&json!({ "schema": "tracetui.formats/1", "files": files }), out.stdout())?;
    } else {
        for (at, (name, examined)) in found.iter().enumerate() {
            if at > 0 {
                writeln!(out.stdout())?;
            }
            print(name, examined, out.stdout())?;
        }
    }
    if found.iter().any(|(_, examined)| examined.format.is_none()) {
        out.stdout().flush()?;
        return Err(Failure::Unrecognised);
    }
    Ok(())
}

/// Where a format lies: in lines or in tables.
fn kinds(name: &str) -> Vec<&'static str> {
    let lines = LINE_FORMATS.iter().any(|format| format.name == name);
    let tables = TABLE_FORMATS.iter().any(|format| format.name == name);
    let mut kinds = Vec::new();
    if lines {
        kinds.push("json or text");
    }
    if tables {
        kinds.push("sqlite");
    }
    kinds
}

/// How a format gets written.
fn origin(name: &str) -> &'static str {
    match name {
        "native" => "a table execution_spans, or a line of JSON per span that your program appends",
        "mastra" => "Mastra with a LibSQL store at a file: URL and the storage exporter",
        "llm-events" => "the events.ndjson of a run folder",
        "step-telemetry" => "the console output or metric records of a step tracker",
        "otlp-json" => "the OpenTelemetry Collector's file exporter, or an SDK's JSON or console exporter",
        "claude-code" => "Claude Code, by itself: ~/.claude/projects",
        "codex" => "Codex, by itself: ~/.codex/sessions",
        "gemini-cli" => "Gemini CLI, by itself: ~/.gemini/tmp",
        "qwen-code" => "Qwen Code, by itself: ~/.qwen/projects",
        "opencode" => "OpenCode, by itself: ~/.local/share/opencode",
        "telemetry-api" => "a local telemetry service, its outbox of requests or its audit log",
        "jaeger" => "Jaeger's query API or the JSON download of its UI",
        "zipkin" => "Zipkin's API, or an exporter that writes Zipkin v2 JSON",
        "openai-agents" => "the OpenAI Agents SDK with a trace processor that writes its items",
        "langsmith" => "a LangSmith client whose runs are written down, or an export of runs",
        "ai-devtools" => "@ai-sdk/devtools, by itself: .devtools/generations.json of the project",
        "json-logs" => "pino, winston and their like, with a trace id in each line",
        "mastra-otel" => "Mastra 0.2 to 0.24 with telemetry in a LibSQL store",
        "phoenix" => "Arize Phoenix, by itself: ~/.phoenix/phoenix.db",
        "mlflow" => {
            "MLflow with a SQLite tracking store, and the traces.json among its artifacts (mlruns/…/traces)"
        }
        "llm" => "the command line tool llm, by itself; llm logs path says where",
        "agent-activity" => "TTA.dev, by itself: .observability/agents, .ttadev/observability, ~/.tta/traces",
        "trace-json" => "any program that saves a trace as one object with its spans",
        "generic" => "any program that logs JSON",
        _ => "",
    }
}

fn list(as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    if as_json {
        let formats: Vec<Value> = format_names()
            .into_iter()
            .map(|(name, about)| {
                json!({ "name": name, "about": about, "in": kinds(name), "written_by": origin(name) })
            })
            .collect();
        return write_json(&json!({ "schema": "tracetui.formats/1", "formats": formats }), out);
    }
    for (name, about) in format_names() {
        writeln!(out, "{name:<15} {about}")?;
        let origin = origin(name);
        let from = if origin.is_empty() { String::new() } else { format!("; from {origin}") };
        writeln!(out, "{:<15} in {}{from}", "", kinds(name).join(" and "))?;
    }
    writeln!(
        out,
        "\nJSON may be one object a line, behind a log's prefix, in a container's log, an array, or objects"
    )?;
    writeln!(
        out,
        "over many lines; all of it gzip or zstd compressed. tracetui formats FILE says what a file is."
    )?;
    Ok(())
}

fn as_json(name: &str, examined: &Examined) -> Value {
    let nearest: Vec<Value> = examined
        .nearest
        .iter()
        .map(|near| json!({ "format": near.name, "confidence": near.score, "why": near.why }))
        .collect();
    let mapped: Vec<Value> = examined
        .mapped
        .iter()
        .map(|path| json!({ "path": path.pair, "fits": path.fits, "records": path.records }))
        .collect();
    json!({
        "file": name,
        "format": examined.format,
        "framing": examined.framing,
        "confidence": examined.score,
        "why": examined.why,
        "nearest": nearest,
        "map": mapped,
    })
}

fn print(name: &str, examined: &Examined, out: &mut dyn Write) -> Result<(), Failure> {
    let field = |name: &str| format!("  {name:<11}");
    writeln!(out, "{}", display_safe(name))?;
    match examined.format {
        Some(format) => writeln!(out, "{}{format}, confidence {} of 100", field("format"), examined.score)?,
        None => writeln!(out, "{}none", field("format"))?,
    }
    if !examined.framing.is_empty() {
        writeln!(out, "{}{}", field("framing"), display_safe(&examined.framing))?;
    }
    writeln!(out, "{}{}", field("why"), display_safe(&examined.why))?;
    for (at, near) in examined.nearest.iter().take(NEAREST).enumerate() {
        let label = field(if at == 0 { "nearest" } else { "" });
        writeln!(out, "{label}{} ({}): {}", near.name, near.score, display_safe(&near.why))?;
    }
    // Of text every format was asked; of tables none is.
    let is_text = !examined.framing.is_empty() && !examined.framing.starts_with("SQLite");
    if is_text && examined.format.is_none() && examined.nearest.is_empty() {
        writeln!(out, "{}none comes near", field("nearest"))?;
    }
    for (at, path) in examined.mapped.iter().enumerate() {
        let label = field(if at == 0 { "map" } else { "" });
        let (fits, records) = (path.fits, path.records);
        writeln!(out, "{label}{}  in {fits} of {records} records", display_safe(&path.pair))?;
    }
    Ok(())
}
