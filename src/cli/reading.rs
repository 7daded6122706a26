//! What `--format` and `--map` ask for.

use std::sync::Arc;

use super::Failure;
use super::args::InputArgs;
use crate::config::Config;
use crate::format::{Mapping, Wish, format_names, map_fields};
use crate::text;

/// The format and the mapping that are asked for. A name that is no format's may be a mapping's of the configuration.
pub(super) fn wish(args: &InputArgs) -> Result<Wish, Failure> {
    let format = args.format.as_deref();
    if format == Some("help") {
        return Err(Failure::Help(format_list()));
    }
    if args.map.iter().any(|pair| pair == "help") {
        return Err(Failure::Help(list(map_fields())));
    }
    if !args.map.is_empty() {
        if let Some(name) = format.filter(|name| !name.eq_ignore_ascii_case("generic")) {
            return Err(Failure::Usage(format!(
                "--map says where a private format keeps things; it can't go with --format {}",
                text::display_safe(name)
            )));
        }
        let mapping = Mapping::parse(args.map.iter().map(String::as_str));
        let mapping =
            mapping.map_err(|why| Failure::Usage(format!("--map: {}", text::display_safe(&why))))?;
        return Ok(Wish { format: None, mapping: Some(Arc::new(mapping)) });
    }
    let Some(name) = format else { return Ok(Wish::default()) };
    if format_names().iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok(Wish { format: Some(name.to_ascii_lowercase()), mapping: None });
    }
    let config = Config::load(args.config.as_deref()).map_err(|error| Failure::usage(&error))?;
    if let Some(mapping) = config.maps.get(name) {
        return Ok(Wish { format: None, mapping: Some(Arc::clone(mapping)) });
    }
    let own: Vec<&str> = config.maps.keys().map(String::as_str).collect();
    let own = if own.is_empty() { String::new() } else { format!("\nand of your own: {}", own.join(", ")) };
    Err(Failure::Usage(format!(
        "--format: no format is called {}; the names are\n{}{own}",
        text::display_safe(name),
        format_list()
    )))
}

fn format_list() -> String {
    list(format_names().into_iter())
}

fn list(names: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let lines: Vec<String> = names.map(|(name, about)| format!("  {name:<16} {about}")).collect();
    lines.join("\n")
}
