use proptest::prelude::*;

use super::Token::{Key, Number, Punctuation};
use super::*;

fn show(document: &Document) -> Vec<String> {
    let lines = document.lines(0..MAX_LINES);
    let text = |line: &Line<'_>| line.tokens.iter().map(|(_, text)| text.as_str()).collect::<String>();
    lines.iter().map(|line| format!("{:1$}{2}", "", line.depth * 2, text(line))).collect()
}

fn pretty(json: &str) -> Vec<String> {
    show(&Document::new(json.to_owned()))
}

#[test]
fn pretty_prints_with_classes() {
    let document =
        Document::new(r#" {"a":[1, -2.5e3,true,null],"b":{},"c":{"d":"x\n\"y\""} , "e":[] }"#.into());
    assert_eq!(
        show(&document),
        [
            "{",
            "  \"a\": [",
            "    1,",
            "    -2.5e3,",
            "    true,",
            "    null",
            "  ],",
            "  \"b\": {},",
            "  \"c\": {",
            "    \"d\": \"x\\n\\\"y\\\"\"",
            "  },",
            "  \"e\": []",
            "}",
        ]
    );
    let lines = document.lines(1..4);
    let classes: Vec<_> = lines.iter().flat_map(|line| line.tokens.iter().map(|(token, _)| *token)).collect();
    assert_eq!(classes, [Key, Punctuation, Punctuation, Number, Punctuation, Number, Punctuation]);
    assert_eq!((lines[0].number, lines[0].opens, lines[0].depth), (1, true, 1));
    assert_eq!(
        [0, 1, 2, 7, 8, 12, 99].map(|line| document.fold_end(line)),
        [Some(12), Some(6), None, None, Some(10), None, None]
    );
}

#[test]
fn several_values_and_scalars() {
    assert_eq!(pretty("{\"a\":1}\n{\"a\":2}\n"), ["{", "  \"a\": 1", "}", "{", "  \"a\": 2", "}"]);
    assert_eq!(pretty("\"x\""), ["\"x\""]);
    assert_eq!(pretty(""), [""; 0]);
    assert_eq!(pretty("  \n"), [""; 0]);
}

#[test]
fn damaged_json_ends_as_raw_text() {
    assert_eq!(pretty(r#"{"a":1,"b":oops, "c"}"#), ["{", "  \"a\": 1,", "  \"b\": oops, \"c\"}"]);
    assert_eq!(pretty("{\"a\":\"never ends\nand on"), ["{", "  \"a\": \"never ends", "and on"]);
    assert_eq!(pretty("plain text\x1b[2J\r\nmore"), ["plain text␛[2J", "more"]);
    assert_eq!(pretty("]"), ["]"]);
    assert_eq!(pretty("[1,,2]"), ["[", "  1,", "  ,2]"]);
    let raw = Document::new("{\"a\":x".into());
    assert_eq!(raw.lines(1..2)[0].tokens.last().unwrap().0, Token::Raw);
    assert_eq!(raw.fold_end(0), Some(1));
    assert_eq!(pretty("[1"), ["[", "  1"]);
    assert_eq!(pretty(r#"{"a":"#), ["{", "  \"a\": "]);
}

#[test]
fn escapes_are_shown_as_what_they_mean_when_that_is_visible() {
    assert_eq!(
        pretty(r#""\u4e2d\ud83d\ude00 \u001b \\u0041 \u202e \ud800 \u0022 \u005c \u12""#),
        [r#""中😀 \u001b \\u0041 \u202e \ud800 \u0022 \u005c \u12""#]
    );
}

#[test]
fn long_strings_continue_and_binary_is_elided() {
    let long = format!("[\"{}\",1]", "ab \\u00e9".repeat(2000));
    let lines = Document::new(long.clone());
    let lines = lines.lines(0..100);
    assert!(lines.len() > 6 && lines[2].continues && !lines[1].continues);
    let all: String =
        lines.iter().flat_map(|line| line.tokens.iter().map(|(_, text)| text.to_string())).collect();
    assert_eq!(all, long.replace("\\u00e9", "é"));
    assert!(lines.iter().all(|line| line.tokens.iter().all(|(_, text)| text.as_str().len() <= 2 * CHUNK)));

    let binary = format!("[\"{}\", \"data:image/png;base64,{}\", 1]", "A".repeat(16_400), "QUJD".repeat(400));
    assert_eq!(pretty(&binary)[1..4], ["  <base64, 12.3 kB>,", "  <base64, 1.22 kB>,", "  1"]);
    assert!(show(&Document::with_binary(binary)).len() > 8);
}

#[test]
fn the_index_makes_no_difference() {
    let json = format!("[{}]", (0..5000).map(|n| format!("{{\"n\":{n}}}")).collect::<Vec<_>>().join(","));
    let plain = Document::new(json.clone());
    let mut indexed = Document::new(json);
    assert_eq!(indexed.line_count(), None);
    while !indexed.index(1000) {
        assert_eq!(plain.lines(7000..7003), indexed.lines(7000..7003));
    }
    assert_eq!(indexed.line_count(), Some(15_002));
    for start in [0, 255, 256, 257, 9999, 15_001, 15_002, 99_999] {
        assert_eq!(plain.lines(start..start + 5), indexed.lines(start..start + 5));
    }
    assert_eq!(indexed.fold_end(0), Some(15_001));
    assert_eq!(indexed.lines(0..usize::MAX).len(), MAX_LINES);
}

#[test]
fn depth_and_size_are_no_problem() {
    let mut deep = Document::new("[".repeat(300_000) + &"]".repeat(300_000));
    assert!(deep.index(usize::MAX));
    assert_eq!(deep.line_count(), Some(599_999));
    assert_eq!(
        deep.lines(299_998..300_001).iter().map(|line| line.depth).collect::<Vec<_>>(),
        [299_998, 299_999, 299_998]
    );
    for odd in ["\"", "\\", "\"\\", "{\"a\"", "1", "}", ",", ":", "\u{1b}", "é"] {
        let mut document = Document::new(odd.repeat(50_000));
        assert!(document.index(usize::MAX));
        let count = document.line_count().unwrap_or(0);
        assert!(document.lines(count.saturating_sub(2)..count + 2).len() <= 2);
    }
}

/// The text without what pretty-printing may change.
fn squeeze(text: &str) -> String {
    text.chars().filter(|&c| !c.is_whitespace() && c != '␊').collect()
}

proptest! {
    #[test]
    fn nothing_is_lost(json in "[\\[\\]{}\",:\\\\ua0-9 tfe.\n-]{0,60}") {
        let document = Document::new(json.clone());
        let shown = show(&document).concat();
        if !json.contains("\\u") {
            prop_assert_eq!(squeeze(&shown), squeeze(&json));
        }
        for line in 0..document.lines(0..100).len() {
            prop_assert!(document.fold_end(line).is_none_or(|end| end >= line));
        }
    }

    #[test]
    fn any_text_is_safe(text in "\\PC{0,40}|[\\x00-\\x7f]{0,80}") {
        for line in Document::new(text).lines(0..1000) {
            for (_, piece) in line.tokens {
                let again = super::super::display_safe(piece.as_str()).into_owned();
                prop_assert_eq!(again.as_str(), piece.as_str());
            }
        }
    }
}
