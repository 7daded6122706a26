//! What a program like ours has reason to write to a terminal; everything else is a way out for hostile text.

/// Modes that may be switched: cursor, alternate screen, mouse, paste, synchronised output.
const MODES: [&str; 9] = ["?25", "?1049", "?1000", "?1002", "?1003", "?1006", "?1015", "?2004", "?2026"];
/// Longest run of marks on one character.
const MAX_MARKS: usize = 32;

/// What in these bytes no terminal should get, each with its place; empty when all is well.
pub(crate) fn violations(raw: &[u8]) -> Vec<String> {
    let text = match std::str::from_utf8(raw) {
        Ok(text) => text,
        Err(error) => return vec![format!("invalid UTF-8 at {}", error.valid_up_to())],
    };
    let mut found = Vec::new();
    let mut rest = text;
    let mut marks = 0;
    while let Some(c) = rest.chars().next() {
        let at = text.len() - rest.len();
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let mut problem = |what: &str| {
            let near: String = text.get(at..).unwrap_or_default().chars().take(40).collect();
            found.push(format!("{what} at {at}: {near:?}"));
        };
        rest = after;
        if c == '\x1b' {
            marks = 0;
            if let Some(sequence) = after.strip_prefix('[') {
                let end = sequence.find(|c: char| ('@'..='~').contains(&c)).unwrap_or(sequence.len());
                let (parameters, ending) = sequence.split_at(end);
                let last = ending.chars().next().unwrap_or('\0');
                let plain =
                    parameters.bytes().all(|byte| byte.is_ascii_digit() || byte == b';' || byte == b':');
                let known = match last {
                    'm' | 'H' | 'A' | 'B' | 'C' | 'D' | 'G' | 'd' | 'J' | 'K' | 'X' => plain,
                    'h' | 'l' => MODES.contains(&parameters),
                    _ => false,
                };
                if !known {
                    problem("control sequence");
                }
                rest = ending.get(last.len_utf8().min(ending.len())..).unwrap_or_default();
            } else if let Some(title) = after.strip_prefix("]0;") {
                let end = title.find('\x07').unwrap_or(title.len());
                let (title, ending) = title.split_at(end);
                if !is_own_title(title) {
                    problem("window title");
                }
                rest = ending.get(1..).unwrap_or_default();
            } else {
                problem("escape");
            }
            continue;
        }
        let code = c as u32;
        match code {
            0x0a | 0x0d => {}
            0..=0x1f | 0x7f..=0x9f => problem("control character"),
            0x61c | 0x200e | 0x200f | 0x202a..=0x202e | 0x2066..=0x2069 => problem("text direction"),
            0xad
            | 0x34f
            | 0x115f
            | 0x1160
            | 0x17b4
            | 0x17b5
            | 0x180b..=0x180e
            | 0x200b
            | 0x200c
            | 0x2028
            | 0x2029
            | 0x2060..=0x2064
            | 0x206a..=0x206f
            | 0x3164
            | 0xfeff
            | 0xffa0
            | 0xfff9..=0xfffb => problem("invisible character"),
            0xe0000..=0xe0fff => problem("tag"),
            _ if code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code) => problem("noncharacter"),
            _ => {}
        }
        let width = unicode_width::UnicodeWidthChar::width(c);
        marks = if width == Some(0) || (0x1f1e6..=0x1f1ff).contains(&code) { marks + 1 } else { 0 };
        if marks == MAX_MARKS + 1 {
            problem("marks on one character");
        }
    }
    found
}

/// Cost and running runs, and nothing of what traces say.
fn is_own_title(title: &str) -> bool {
    let Some(numbers) = title.strip_suffix(" running") else { return title.is_empty() };
    numbers.chars().all(|c| c.is_ascii_digit() || matches!(c, '$' | '.' | ',' | ' ' | '·' | 'k' | 'M' | 'B'))
}

#[test]
fn the_lexer_knows_good_from_bad() {
    let good =
        "\x1b[?1049h\x1b[2;3Habc\x1b[38;5;4m日本 é\x1b[0m\x1b]0;$1.20 · 3 running\x07\x1b]0;\x07\x1b[?25l";
    assert_eq!(violations(good.as_bytes()), Vec::<String>::new());
    for bad in [
        "\x1b]0;$1 · evil running\x07",
        "\x1b]52;c;aGk=\x07",
        "\x1b[6n",
        "\x1b[?47l",
        "\x1bPq",
        "\x1bc",
        "\u{9b}31m",
        "\u{202e}",
        "\u{200b}",
        "\u{e0041}",
        "\x07",
        "\x1b",
    ] {
        assert!(!violations(bad.as_bytes()).is_empty(), "{bad:?}");
    }
    assert_eq!(violations(("a".to_owned() + &"\u{301}".repeat(40)).as_bytes()).len(), 1);
    assert_eq!(violations(b"\xff").len(), 1);
}
