//! A whole corpus of hostile files, when there is one: `TRACETUI_HOSTILE_DIR` is a folder with a `manifest.json` and the
//! files it lists.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{batch, expect_clean, expect_clean_data};
use crate::terminal::Terminal;

/// Kinds of files that are traces of formats that are read.
const CLASSES: [&str; 6] =
    ["ndjson-framing", "ndjson-json", "terminal-escape", "span-graph", "redaction", "sqlite"];

fn texts<'v>(fixture: &'v Value, name: &str) -> Vec<&'v str> {
    fixture[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn copy(root: &Path, fixture: &Value, folder: &Path) -> PathBuf {
    for (file, _) in fixture["files"].as_object().into_iter().flatten() {
        let name = Path::new(file).file_name().expect("a name");
        std::fs::copy(root.join(file), folder.join(name)).expect("copies");
    }
    let path = fixture["path"].as_str().expect("a path");
    folder.join(Path::new(path).file_name().expect("a name"))
}

#[test]
fn every_file_of_the_corpus() {
    let Some(root) = std::env::var_os("TRACETUI_HOSTILE_DIR").map(PathBuf::from) else { return };
    let manifest = std::fs::read_to_string(root.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let mut run = 0;
    for fixture in manifest["fixtures"].as_array().expect("fixtures") {
        let (id, class) =
            (fixture["id"].as_str().unwrap_or_default(), fixture["cls"].as_str().unwrap_or_default());
        if !CLASSES.contains(&class) {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = copy(&root, fixture, folder.path());
        let before = std::fs::read(&path).expect("reads");
        run += 1;

        let output = batch(folder.path(), &["export", "--to", "ndjson"], &path);
        assert!(matches!(output.status.code(), Some(0 | 2)), "{id}: {:?}", output.status);
        expect_clean(&output.stderr, id);
        expect_clean_data(&output.stdout, id);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let recoverable =
            !matches!(fixture["outcome"].as_str(), Some("error" | "refuse" | "bounded" | "hold"));
        let canaries: &[&str] = match fixture["canaries"].as_str() {
            Some("none") => &[],
            Some("before") => &["canary-before"],
            _ => &["canary-before", "canary-after"],
        };
        if recoverable && before.windows(13).any(|bytes| bytes == b"canary-before") {
            for canary in canaries {
                assert!(text.contains(canary), "{id}: {canary} is lost");
            }
        }
        for text_shown in texts(fixture, "must_show") {
            assert!(text.contains(text_shown), "{id}: hides {text_shown}");
        }

        let mut terminal = Terminal::start(&["watch", &path.to_string_lossy()], (150, 44));
        // Either it shows something or it gives up; both write a frame.
        terminal.wait_for_bytes(b"\x1b[?2026l", 0);
        // A source that nothing can be read from ends by itself, and then nobody takes the keys.
        terminal.try_send("\r\r}}}}}}}P\x03");
        let (code, time) = terminal.wait_for_exit();
        assert!(matches!(code, 130 | 2), "{id}: {code}");
        assert!(time < Duration::from_secs(8), "{id}: {time:?}");
        terminal.wait_until_restored();
        let raw = terminal.raw();
        expect_clean(&raw, id);
        let screen = String::from_utf8_lossy(&raw).into_owned();
        for secret in texts(fixture, "must_not_show") {
            assert!(!screen.contains(secret) && !text.contains(secret), "{id}: shows {secret}");
        }
        assert_eq!(std::fs::read(&path).expect("reads"), before, "{id}: the input was changed");
    }
    assert!(run > 100, "{run} files");
}
