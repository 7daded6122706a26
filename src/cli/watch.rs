//! `tracetui watch`: the screen.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Failure;
use super::args::{ColorWhen, InputArgs, ScreenArgs, WatchArgs};
use super::load::{parse_filter, user_prices};
use super::reading::wish;
use crate::config::{Config, THEMES, state_dir};
use crate::model::SourceId;
use crate::source::{
    Catalog, FolderSpec, Follow, SourceMessage, SourceSpec, StopFlag, is_folder, spawn, spawn_folders,
};
use crate::tui::{Depth, Exit, Model, Options, run as show, wants_ascii};

/// Batches that may wait between the sources and the screen.
const CHANNEL: usize = 64;

/// Runs the command.
pub(super) fn run(args: &WatchArgs) -> Result<(), Failure> {
    wish(&args.input)?;
    watch(&args.sources, &args.input, &args.screen)
}

/// Follows sources on the screen until the user leaves.
pub(super) fn watch(names: &[String], input: &InputArgs, screen: &ScreenArgs) -> Result<(), Failure> {
    if !io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "standard output is no terminal; use tracetui report or tracetui show instead".to_owned(),
        ));
    }
    if names.is_empty() {
        return Err(Failure::Usage(
            "no SOURCE is given: a file, a folder or - for standard input".to_owned(),
        ));
    }
    let wish = wish(input)?;
    let (folders, names): (Vec<String>, Vec<String>) =
        names.iter().cloned().partition(|name| is_folder(name, &wish));
    let filter = parse_filter(input.filter.as_deref())?;
    let config = Config::load(input.config.as_deref()).map_err(|error| Failure::usage(&error))?;
    let prices = user_prices(&input.prices)?;
    let (theme, depth) = theme(screen, &config)?;
    let mut model = Model::new(&config, &theme, depth, &names, !(input.no_redact || config.show_secrets));
    model.memory.limit = Some(screen.max_memory.unwrap_or_else(super::memory::half_of_free));
    (model.budgets.cost, model.budgets.tokens) = (screen.budget, screen.budget_tokens);
    model.start_with(filter, input.filter.as_deref().unwrap_or_default());

    let catalog = Arc::new(Catalog::default());
    let (tx, rx) = mpsc::channel::<SourceMessage>(CHANNEL);
    let stop = StopFlag::default();
    for (at, name) in names.iter().enumerate() {
        let spec = SourceSpec::parse(name).map_err(|error| Failure::usage(&error))?;
        let id = SourceId(at as u16);
        // The thread ends with the program, or when nobody listens any more.
        drop(spawn(spec, id, Arc::clone(&catalog), Follow::Live, wish.clone(), tx.clone(), stop.clone()));
    }
    if !folders.is_empty() {
        let folders: Vec<FolderSpec> =
            folders.into_iter().map(|name| FolderSpec { source: model.add_folder(&name), name }).collect();
        let next = model.sources.len() as u16;
        drop(spawn_folders(folders, next, Arc::clone(&catalog), wish, tx.clone(), stop.clone()));
    }
    drop(tx);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mouse = config.mouse && !screen.no_mouse;
    let ascii = config.ascii.unwrap_or_else(wants_ascii);
    let log = (input.verbose > 0).then(open_log).flatten();
    let options = Options { mouse, ascii, log, prices, cost: input.cost };
    let exit = runtime.block_on(show(model, rx, catalog, options));
    stop.stop();
    // Reads that are under way are not waited for.
    runtime.shutdown_background();
    match exit {
        Ok(Exit::Quit) => Ok(()),
        Ok(Exit::Interrupted) => Err(Failure::Interrupted),
        Ok(Exit::NothingToRead(why)) => Err(Failure::Source(why)),
        // The terminal is gone, and nobody is left to tell. Whoever wraps the error may have lost its number.
        Err(_) if !io::stdout().is_terminal() => Err(Failure::Interrupted),
        Err(error) => Err(Failure::Io(error)),
    }
}

/// The log file in the state directory, which only the user can read.
fn open_log() -> Option<File> {
    let folder = state_dir()?;
    std::fs::create_dir_all(&folder).ok()?;
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(folder.join("tracetui.log")).ok()
}

/// The theme's name and the colours to show it in.
pub(super) fn theme(screen: &ScreenArgs, config: &Config) -> Result<(String, Depth), Failure> {
    let names: Vec<&str> = THEMES.iter().map(|(name, _)| *name).collect();
    let name = match screen.theme.clone().or_else(|| config.theme.clone()) {
        Some(name) if names.contains(&name.as_str()) => name,
        Some(name) => {
            return Err(Failure::Usage(format!(
                "no theme is called {name}; the themes are {}",
                names.join(", ")
            )));
        }
        None if has_light_background() => "light".to_owned(),
        None => "dark".to_owned(),
    };
    let depth = match screen.color {
        ColorWhen::Never => Depth::Mono,
        ColorWhen::Auto => Depth::detect(),
        ColorWhen::Always => match Depth::detect() {
            Depth::Mono => Depth::Indexed,
            depth => depth,
        },
    };
    Ok((name, depth))
}

/// What `COLORFGBG` says, which some terminals set: the background is its last number, 7 and 15 are light.
fn has_light_background() -> bool {
    let value = std::env::var("COLORFGBG").unwrap_or_default();
    value
        .rsplit(';')
        .next()
        .and_then(|part| part.parse::<u8>().ok())
        .is_some_and(|color| matches!(color, 7 | 15))
}
