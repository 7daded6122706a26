//! Handing text to other programs: the pager, a file.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use chrono::Utc;

/// Shows text in `$PAGER`, or `less`. The program is run by its name and arguments, never by a shell; the text is
/// sanitised already.
pub(super) fn show(text: &str) -> Result<(), String> {
    let pager = std::env::var("PAGER").unwrap_or_default();
    let mut words = pager.split_whitespace();
    let program = words.next().unwrap_or("less");
    let failed = |error: io::Error| format!("failed to run the pager {program}: {error}");
    let mut child = Command::new(program).args(words).stdin(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // The user may leave the pager before it has read everything.
        input.write_all(text.as_bytes()).ok();
    }
    child.wait().map(|_| ()).map_err(failed)
}

/// Writes text to a new file that only the user can read.
pub(super) fn keep(text: &str) -> Result<PathBuf, String> {
    let stamp = Utc::now().timestamp_millis();
    let path = std::env::temp_dir().join(format!("tracetui-copy-{}-{stamp}.txt", std::process::id()));
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map(|()| path).map_err(|error| format!("failed to write the copy: {error}"))
}
