//! Running the real program, and the fixtures it runs on.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tracetui");

/// What a run of the program left.
pub(crate) struct Run {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output, when everything was fine.
    pub(crate) fn fine(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout
    }

    /// Standard output as JSON, when everything was fine.
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.fine()).expect("JSON on standard output")
    }
}

/// Runs the program with standard output into a pipe and no configuration.
pub(crate) fn tracetui(arguments: &[&str]) -> Run {
    let nowhere = std::env::temp_dir().join("tracetui-test-without-configuration");
    let output = Command::new(PROGRAM)
        .args(arguments)
        .env("XDG_CONFIG_HOME", &nowhere)
        .env("COLUMNS", "100")
        .output()
        .expect("the program starts");
    Run {
        code: output.status.code().expect("an exit code"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
    }
}

/// A file of the fixtures.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A source made from a fixture: the file itself, or a database made from SQL in `folder`.
pub(crate) fn source(name: &str, folder: &Path) -> String {
    let path = fixture(name);
    let Some(stem) = name.strip_suffix(".sql") else { return path.to_string_lossy().into_owned() };
    let database = folder.join(format!("{}.db", stem.replace('/', "-")));
    let sql = std::fs::read_to_string(&path).expect("reads");
    let connection = rusqlite::Connection::open(&database).expect("opens");
    connection.execute_batch(&sql).expect("loads");
    connection.close().expect("closes");
    database.to_string_lossy().into_owned()
}
