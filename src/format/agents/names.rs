//! Names that people recognise, made from what agents say and call. One line, bounded.

use super::{Value, items, members};

/// Characters of a name that is made from a prompt or an argument.
const MAX_NAME: usize = 80;
/// Characters of an error message.
const MAX_ERROR: usize = 300;

/// Text as a name: one line, blanks closed up, cut with an ellipsis.
pub(super) fn short(text: &str) -> String {
    one_line(text, MAX_NAME)
}

/// The first line of an error.
pub(super) fn error_line(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix("<tool_use_error>").unwrap_or(text);
    let text = text.strip_suffix("</tool_use_error>").unwrap_or(text);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if line.is_empty() { "error".to_owned() } else { one_line(line, MAX_ERROR) }
}

fn one_line(text: &str, max: usize) -> String {
    let mut name = String::new();
    let mut count = 0;
    let mut gap = false;
    for letter in text.trim_start().chars() {
        if letter.is_whitespace() || letter.is_control() {
            gap = true;
            continue;
        }
        if count + usize::from(gap) >= max {
            name.push('…');
            break;
        }
        if std::mem::take(&mut gap) {
            name.push(' ');
            count += 1;
        }
        name.push(letter);
        count += 1;
    }
    name
}

/// `Bash: cargo test`: a tool with the argument that tells its calls apart.
pub(super) fn tool_name(tool: &str, arguments: &str, folder: &str) -> String {
    let tool = one_line(tool, MAX_NAME);
    match main_argument(arguments) {
        Some(argument) => {
            // Paths inside the project are shown as seen from there.
            let inner = argument.strip_prefix(folder).and_then(|rest| rest.strip_prefix(['/', '\\']));
            let argument = inner.filter(|rest| !folder.is_empty() && !rest.is_empty()).unwrap_or(&argument);
            format!("{tool}: {}", short(argument))
        }
        None => tool,
    }
}

/// Arguments that say most about a call, the best first.
const ARGUMENTS: [&str; 17] = [
    "command",
    "cmd",
    "file_path",
    "filePath",
    "absolute_path",
    "notebook_path",
    "path",
    "pattern",
    "query",
    "url",
    "description",
    "skill",
    "message",
    "prompt",
    "subject",
    "name",
    "dir_path",
];

/// The argument of a call that tells it from others. `arguments` is the text of an object.
fn main_argument(arguments: &str) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    members(arguments, |key, value| {
        let Some(rank) = ARGUMENTS.iter().position(|name| *name == key) else { return };
        if best.as_ref().is_some_and(|(known, _)| *known <= rank) {
            return;
        }
        let text = match value {
            Value::Text(text) => text.into_owned(),
            Value::Array(array) => command(array),
            _ => return,
        };
        if !text.trim().is_empty() {
            best = Some((rank, text));
        }
    });
    best.map(|(_, text)| text)
}

/// A command in words; of one that a shell is asked to run, what the shell runs.
pub(super) fn command(array: &str) -> String {
    let mut words = Vec::new();
    items(array, |word| {
        if let Value::Text(word) = word
            && words.len() < 32
        {
            words.push(word.into_owned());
        }
    });
    match words.as_slice() {
        [shell, flag, command] if flag.starts_with('-') && shell.ends_with("sh") => command.clone(),
        _ => words.join(" "),
    }
}

/// The last part of a folder's path: what people call their project.
pub(super) fn project(folder: &str) -> &str {
    folder.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default()
}

/// The company behind a model whose name says it.
pub(super) fn provider_of(model: &str) -> &'static str {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| model.starts_with(prefix));
    if starts(&["claude-"]) {
        "anthropic"
    } else if starts(&["gemini-", "gemma-"]) {
        "google"
    } else if starts(&["gpt-", "o1", "o3", "o4", "codex-"]) {
        "openai"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_and_bounded() {
        assert_eq!(short("  fix\n\tthe   bug \n"), "fix the bug");
        assert_eq!(short(&"é".repeat(500)).chars().count(), 81);
        assert_eq!(short("a\u{1b}[31mb"), "a [31mb");
        assert_eq!(error_line("\n\n<tool_use_error>No such file\nmore"), "No such file");
        assert_eq!(error_line(" "), "error");
    }

    #[test]
    fn a_tool_is_named_with_the_argument_that_tells_it_apart() {
        let name = |tool, arguments| tool_name(tool, arguments, "/home/me/project");
        assert_eq!(
            name("Bash", r#"{"description":"Test","command":"cargo test\n-q"}"#),
            "Bash: cargo test -q"
        );
        assert_eq!(name("Read", r#"{"file_path":"/home/me/project/src/lib.rs"}"#), "Read: src/lib.rs");
        assert_eq!(name("Read", r#"{"file_path":"/etc/hosts"}"#), "Read: /etc/hosts");
        assert_eq!(name("shell", r#"{"command":["bash","-lc","ls -la"]}"#), "shell: ls -la");
        assert_eq!(name("shell", r#"{"command":["git","status"]}"#), "shell: git status");
        assert_eq!(name("TodoWrite", r#"{"todos":[{"content":"x"}]}"#), "TodoWrite");
        assert_eq!(name("x", "no object"), "x");
        assert_eq!(project("/home/me/project/"), "project");
        assert_eq!(project("C:\\work\\thing"), "thing");
    }
}
