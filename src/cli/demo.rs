//! `tracetui demo`: a made-up agent workflow writes a store while the screen watches it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Failure;
use super::args::{DemoArgs, InputArgs};
use super::watch::watch;
use crate::record::demo::{Demo, RealClock, generate};
use crate::record::open_sink;

/// Runs the command.
pub(super) fn run(args: &DemoArgs) -> Result<(), Failure> {
    if let (Some(spans), Some(file)) = (args.spans, &args.file) {
        return generate(spans, args.seed, file).map_err(|error| Failure::usage(&error));
    }
    let (path, temporary) = if let Some(path) = &args.db {
        (path.clone(), None)
    } else {
        let folder = TemporaryFolder::new()?;
        (folder.0.join("demo.db"), Some(folder))
    };
    let demo = Demo { seed: args.seed, speed: args.speed, once: args.once, ..Demo::default() };
    let mut sink = open_sink(&path).map_err(|error| Failure::usage(&error))?;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || demo.play(sink.as_mut(), &mut RealClock::new(), &stop))
    };
    let input = InputArgs::default();
    let watched = watch(&[path.to_string_lossy().into_owned()], &input, &args.screen);
    stop.store(true, Ordering::Relaxed);
    let written = writer.join();
    drop(temporary);
    watched?;
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure::Source(format!("the demo could not write its store: {error}"))),
        Err(_) => Err(Failure::Source("the demo's writer stopped unexpectedly".to_owned())),
    }
}

/// A folder that is removed when the demo ends.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn new() -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("tracetui-demo-{}", std::process::id()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder.create(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What can't be removed is left to the system's own cleaning.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
