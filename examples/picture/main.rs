//! Takes a picture of a terminal program: runs it in a pseudo-terminal, presses keys when the screen shows what
//! they are for, and writes the screen as an SVG.
//!
//! ```text
//! cargo run --example picture -- --size 150x44 --theme dark --title "tracetui" \
//!     --steps "wait:Traces; key:enter; sleep:500" --out screen.svg -- tracetui demo
//! ```
//!
//! Steps, separated by `;`: `wait:TEXT` and `gone:TEXT` wait until the screen shows a text or no longer does,
//! `key:NAME` presses a key (`a`, `enter`, `ctrl-c`, `pagedown`, several separated by spaces), `type:TEXT` types,
//! `sleep:MS` waits, `exit` waits until the program has ended. Without steps the picture is taken when it ends.

mod glyph;
mod svg;
mod terminal;

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::svg::Palette;
use crate::terminal::Terminal;

const USAGE: &str = "usage: picture [--size COLUMNSxROWS] [--theme dark|light] [--title TEXT] [--steps STEPS] \
                     [--timeout SECONDS] --out FILE.svg -- COMMAND [ARGUMENT…]";

struct Options {
    size: (NonZeroU16, NonZeroU16),
    palette: &'static Palette,
    title: String,
    steps: Vec<String>,
    timeout: Duration,
    out: PathBuf,
    command: Vec<String>,
}

fn main() -> Result<()> {
    let options = options()?;
    let (columns, rows) = options.size;
    let mut terminal = Terminal::start(&options.command, columns, rows, options.timeout)?;
    for step in &options.steps {
        play(&mut terminal, step).with_context(|| format!("in step {step:?}"))?;
    }
    let picture = terminal.look(|screen| svg::draw(screen, options.palette, &options.title));
    terminal.stop();
    std::fs::write(&options.out, picture).with_context(|| format!("writing {}", options.out.display()))
}

fn options() -> Result<Options> {
    let mut options = Options {
        size: ("150".parse()?, "44".parse()?),
        palette: &svg::DARK,
        title: String::new(),
        steps: Vec::new(),
        timeout: Duration::from_secs(20),
        out: PathBuf::new(),
        command: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--" {
            options.command = arguments.collect();
            break;
        }
        let value = arguments.next().with_context(|| format!("{name} needs a value; {USAGE}"))?;
        match name.as_str() {
            "--size" => {
                let (columns, rows) = value.split_once('x').context("--size is COLUMNSxROWS")?;
                options.size = (columns.parse()?, rows.parse()?);
            }
            "--theme" if value == "light" => options.palette = &svg::LIGHT,
            "--theme" if value == "dark" => options.palette = &svg::DARK,
            "--title" => options.title = value,
            "--steps" => options.steps = value.split(';').map(|step| step.trim().to_owned()).collect(),
            "--timeout" => options.timeout = Duration::from_secs(value.parse()?),
            "--out" => options.out = value.into(),
            _ => bail!("{name} {value} means nothing here; {USAGE}"),
        }
    }
    ensure!(!options.command.is_empty() && !options.out.as_os_str().is_empty(), USAGE);
    options.steps.retain(|step| !step.is_empty());
    if options.steps.is_empty() {
        options.steps.push("exit".to_owned());
    }
    Ok(options)
}

fn play(terminal: &mut Terminal, step: &str) -> Result<()> {
    match step.split_once(':').unwrap_or((step, "")) {
        ("wait", text) => terminal.wait(&format!("{text:?} to appear"), |screen| screen.contains(text)),
        ("gone", text) => terminal.wait(&format!("{text:?} to go"), |screen| !screen.contains(text)),
        ("type", text) => terminal.write(text.as_bytes()),
        ("key", names) if names.trim() == ":" => terminal.write(b":"),
        ("key", names) => {
            for name in names.split_whitespace() {
                terminal.write(&key(name)?)?;
                std::thread::sleep(Duration::from_millis(60));
            }
            Ok(())
        }
        ("sleep", ms) => {
            std::thread::sleep(Duration::from_millis(ms.trim().parse()?));
            Ok(())
        }
        ("exit", "") => terminal.wait_for_end(),
        _ => bail!("no such step"),
    }
}

/// The bytes that a terminal sends for a key.
fn key(name: &str) -> Result<Vec<u8>> {
    let text = match name {
        "enter" => "\r",
        "esc" => "\x1b",
        "tab" => "\t",
        "shift-tab" => "\x1b[Z",
        "space" => " ",
        "backspace" => "\x7f",
        "up" => "\x1b[A",
        "down" => "\x1b[B",
        "right" => "\x1b[C",
        "left" => "\x1b[D",
        "home" => "\x1b[H",
        "end" => "\x1b[F",
        "pageup" => "\x1b[5~",
        "pagedown" => "\x1b[6~",
        "semicolon" => ";",
        _ => match name.strip_prefix("ctrl-").map(str::as_bytes) {
            Some(&[letter @ b'a'..=b'z']) => return Ok(vec![letter - b'a' + 1]),
            _ if name.chars().count() == 1 => name,
            _ => bail!("no such key: {name}"),
        },
    };
    Ok(text.into())
}
