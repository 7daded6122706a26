//! Adding a format, exporter, command, view or widget is a file and a line in its registry; these fail when the line is
//! missing.

use std::collections::BTreeMap;
use std::path::Path;

use super::layering::sources;

fn files() -> BTreeMap<String, String> {
    sources().into_iter().collect()
}

/// The modules that are files or folders directly in a folder of `src`, with the text of their file.
fn modules(files: &BTreeMap<String, String>, folder: &str) -> Vec<(String, String)> {
    let inside = files.iter().filter_map(|(path, text)| {
        let name = path.strip_prefix(folder)?.strip_suffix(".rs")?;
        let name = name.strip_suffix("/mod").unwrap_or(name);
        (name != "mod" && !name.contains('/')).then(|| (name.to_owned(), text.clone()))
    });
    inside.collect()
}

#[test]
fn every_file_is_part_of_the_crate() {
    let files = files();
    for path in files.keys().filter(|path| !["lib.rs", "main.rs"].contains(&path.as_str())) {
        let stem = path.trim_end_matches(".rs");
        let stem = stem.strip_suffix("/mod").unwrap_or(stem);
        let (parent, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let parents = [format!("{parent}/mod.rs"), format!("{parent}.rs"), "lib.rs".to_owned()];
        let parent = parents.iter().find(|candidate| files.contains_key(*candidate)).expect("a parent");
        let text = &files[parent];
        let declared = text.lines().any(|line| {
            let line = line.trim();
            line == format!("mod {name};")
                || line.starts_with("pub") && line.ends_with(&format!(" mod {name};"))
        });
        let by_path = files.values().any(|text| text.contains(&format!("#[path = \"{name}.rs\"]")));
        assert!(declared || by_path, "src/{path} is declared nowhere; src/{parent} should");
    }
}

#[test]
fn every_format_is_registered() {
    let files = files();
    for (name, text) in modules(&files, "format/") {
        for (kind, registry) in [("LINES: LineFormat", "LINES"), ("TABLE: TableFormat", "TABLE")] {
            if text.contains(&format!("static {kind}")) {
                let line = format!("&{name}::{registry}");
                assert!(files["format/mod.rs"].contains(&line), "src/format/mod.rs does not list {line}");
            }
        }
    }
    let names: Vec<&str> = tracetui::format::format_names().into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"mastra") && names.contains(&"llm-events"), "{names:?}");
}

#[test]
fn every_exporter_is_registered() {
    let files = files();
    for (name, text) in modules(&files, "export/") {
        if text.contains("impl Exporter for") {
            let registry = &files["export/mod.rs"];
            assert!(registry.contains(&format!("&{name}::")), "EXPORTERS in src/export/mod.rs lacks {name}");
        }
    }
}

#[test]
fn every_command_is_reached() {
    let files = files();
    for (name, text) in modules(&files, "cli/") {
        if text.contains("pub(super) fn run(") {
            let dispatch = &files["cli/mod.rs"];
            assert!(dispatch.contains(&format!("{name}::run(")), "src/cli/mod.rs never calls {name}::run");
        }
    }
}

#[test]
fn every_view_and_widget_is_used() {
    let files = files();
    for folder in ["tui/view/", "tui/widget/"] {
        for (name, _) in modules(&files, folder) {
            let used = files.iter().any(|(path, text)| {
                let itself = path.starts_with(&format!("{folder}{name}"));
                path.starts_with("tui/") && !itself && text.contains(&format!("{name}::"))
            });
            assert!(used, "nothing uses src/{folder}{name}.rs");
        }
    }
}

#[test]
fn every_theme_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/themes");
    for entry in std::fs::read_dir(folder).expect("themes") {
        let name = entry.expect("an entry").file_name().to_string_lossy().replace(".toml", "");
        assert!(tracetui::config::THEMES.iter().any(|(known, _)| *known == name), "THEMES lacks {name}");
    }
}
