//! The telling cases, small enough to be written down.

use std::path::{Path, PathBuf};

use super::{batch, expect_clean, expect_clean_data, tour};

/// A good record; `extra` goes into its attributes.
fn record(id: &str, name: &str, extra: &str) -> String {
    format!(
        concat!(
            r#"{{"trace_id":"t1","span_id":"{}","parent_span_id":null,"name":"{}","span_type":"tool_call","#,
            r#""started_at":"2026-01-05T12:00:00.000Z","ended_at":"2026-01-05T12:00:01.000Z","status":"completed","#,
            r#""input":{{"message":"hi"}},"output":{{"text":"ok"}},"error":null,"attributes":{{"a":1{}}}}}"#,
            "\n"
        ),
        id, name, extra
    )
}

/// A file in which `middle` stands between two good records.
fn sandwich(folder: &Path, middle: &[u8]) -> PathBuf {
    let mut bytes = record("s1", "canary-before", "").into_bytes();
    bytes.extend_from_slice(middle);
    bytes.extend_from_slice(record("s9", "canary-after", "").as_bytes());
    let path = folder.join("case.ndjson");
    std::fs::write(&path, bytes).expect("writes");
    path
}

/// What an export of the file says; both good records must be in it, and the file as it was.
fn export(middle: &[u8], what: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = sandwich(folder.path(), middle);
    let before = std::fs::read(&path).expect("reads");
    let output = batch(folder.path(), &["export", "--to", "ndjson"], &path);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    for canary in ["canary-before", "canary-after"] {
        assert!(text.contains(canary), "{what}: {canary} is lost");
    }
    assert_eq!(std::fs::read(&path).expect("reads"), before, "{what}: the input was changed");
    expect_clean(&output.stderr, what);
    expect_clean_data(text.as_bytes(), what);
    text
}

#[test]
fn one_bad_line_costs_one_line() {
    let deep = format!("{}\n", "[".repeat(300_000));
    let deep_known =
        record("s5", "deep", &format!(r#","deep":{}1{}"#, "[".repeat(60_000), "]".repeat(60_000)));
    let nul = [vec![0; 4096], record("s5", "after-nul", "").into_bytes()].concat();
    let long = record("s5", &"x".repeat(300_000), "");
    let cases: [(&str, &[u8]); 14] = [
        ("no JSON", b"2026-01-05 INFO starting\n"),
        ("cut record", b"{\"trace_id\":\"t1\",\"span_id\":\"s5\",\"na\n"),
        ("invalid UTF-8", b"\xff\xfe{\"trace_id\":\xc3\x28}\n"),
        ("NUL run", &nul),
        ("open brackets", deep.as_bytes()),
        ("deep value", deep_known.as_bytes()),
        ("wrong shapes", b"[]\n1\n\"x\"\nnull\n{}\n{\"a\":[]}\n"),
        ("wrong types", b"{\"trace_id\":{},\"span_id\":[],\"name\":1,\"started_at\":true}\n"),
        ("long name", long.as_bytes()),
        ("byte order mark", b"\xef\xbb\xbf"),
        ("blank lines", b"\n\r\n   \n"),
        ("numbers", b"{\"trace_id\":\"t1\",\"span_id\":\"s5\",\"name\":\"n\",\"duration_ms\":1e999}\n"),
        ("lone surrogate", b"{\"trace_id\":\"t1\",\"span_id\":\"s5\",\"name\":\"a\\ud800b\"}\n"),
        (
            "own parent",
            b"{\"trace_id\":\"t1\",\"span_id\":\"s5\",\"parent_span_id\":\"s5\",\"name\":\"n\"}\n",
        ),
    ];
    for (what, middle) in cases {
        export(middle, what);
    }
    assert!(export(&nul, "NUL run").contains("after-nul"));
}

#[test]
fn secrets_stay_hidden_in_every_attribute() {
    let secrets = [
        (r#","password":"CLEAR_1""#, "a key that says so"),
        (r#","credentials":{"user":"bob","value":"CLEAR_2"}"#, "a container"),
        (r#","headers":[["Authorization","CLEAR_3"]]"#, "pairs"),
        (r#","pass\u0077ord":"CLEAR_4""#, "an escaped key"),
        (r#","config":"{\"apiKey\":\"CLEAR_5\"}""#, "JSON in a string"),
    ];
    for (extra, what) in secrets {
        let text = export(record("s5", "middle", extra).as_bytes(), what);
        assert!(!text.contains("CLEAR_") && text.contains("[REDACTED]"), "{what}: {text}");
    }
    let harmless = r#","logprobs":[{"token":"Hello","logprob":-0.1}],"max_tokens":14,"author":"Ann""#;
    let text = export(record("s5", "middle", harmless).as_bytes(), "harmless");
    assert!(text.contains("Hello") && text.contains("Ann") && !text.contains("[REDACTED]"), "{text}");
    // On the screen too, in whatever is opened.
    let folder = tempfile::tempdir().expect("a folder");
    let all: String = secrets.iter().map(|(extra, _)| *extra).collect();
    let path = sandwich(folder.path(), record("s5", "middle", &all).as_bytes());
    let raw = tour(&path, (150, 50), "canary-after");
    assert!(!String::from_utf8_lossy(&raw).contains("CLEAR_"));
}

/// Text that a terminal would act on, in JSON's escapes.
const PAYLOADS: [&str; 12] = [
    r"\u001b[2J\u001b[31mred",
    r"\u001b]0;evil title\u0007",
    r"\u001b]52;c;aGk=\u0007",
    r"\u001b[6n\u001b[c",
    r"\u001b[?1049l\u001b[?25h",
    r"\u001bPq\u001b\\",
    r"\u001bc",
    r"\u009b31m\u009d0;x\u009c",
    r"\r\b\u0000\u007f\u000e",
    r"\u202eevil\u2066\u200b\ufeff",
    r"\udb40\udc41\ufdd0",
    r"ends with \u001b",
];

#[test]
fn nothing_in_a_trace_acts_on_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let bombs = ["a".to_owned() + &"\u{301}".repeat(10_000), "\u{1f468}\u{200d}".repeat(2_000)];
    let mut middle = String::new();
    for (at, payload) in PAYLOADS.iter().copied().chain(bombs.iter().map(String::as_str)).enumerate() {
        let p = payload;
        let fields = [
            format!(r#""trace_id":"t1","span_id":"p{at}{p}","parent_span_id":"s1","name":"name {p}""#),
            format!(
                r#""span_type":"tool_call","status":"{p}","error":"error {p}","input":"{p}","output":{{"{p}":"{p}"}}"#
            ),
            format!(r#""started_at":"2026-01-05T12:00:00Z","ended_at":"{p}""#),
            format!(r#""attributes":{{"model":"m{p}","toolName":"t{p}","stepName":"{p}","{p}":"{p}"}}"#),
        ];
        middle += "{";
        middle += &fields.join(",");
        middle += "}\n";
    }
    // And in what can't be read at all.
    middle += "no JSON \x1b]0;evil\x07\x1b[2J\n";
    let path = sandwich(folder.path(), middle.as_bytes());
    for size in [(80, 24), (200, 60)] {
        let raw = tour(&path, size, "canary-before");
        expect_clean(&raw, &format!("{size:?}"));
        assert!(!String::from_utf8_lossy(&raw).contains("\x1b]0;evil"));
        // A frame of bombs is not much larger than one without.
        assert!(raw.len() < 3_000_000, "{} bytes", raw.len());
    }
    export(middle.as_bytes(), "export");
    for args in [["report", "--json"], ["report", "--by=model"], ["show", "--color=never"]] {
        let output = batch(folder.path(), &args, &path);
        expect_clean(&output.stdout, args[0]);
        expect_clean(&output.stderr, args[0]);
    }
}

#[test]
fn a_hostile_file_name_is_only_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a\x1b]0;evil\x07\n\u{202e}.ndjson");
    std::fs::write(&path, record("s1", "canary-before", "")).expect("writes");
    expect_clean(&tour(&path, (120, 36), "canary-before"), "screen");
    std::fs::write(&path, "nothing to see\n").expect("writes");
    let output = batch(folder.path(), &["report"], &path);
    assert_eq!(output.status.code(), Some(2));
    expect_clean(&output.stderr, "error");
}

#[test]
fn what_is_no_trace_ends_with_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases: [(&str, &[u8]); 4] = [
        ("otlp.json", b"{\"resourceMetrics\":[]}\n"),
        ("notes.txt", b"just\nsome\nnotes\n"),
        ("utf16.ndjson", b"\xff\xfe{\0\"\0a\0\"\0:\x001\0}\0\n\0"),
        ("broken.db", b"SQLite format 3\0garbage"),
    ];
    for (name, bytes) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        let output = batch(folder.path(), &["report"], &path);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(output.stdout.is_empty(), "{name}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(error.lines().count(), 1, "{name}: {error}");
        assert!(error.contains(name), "{name}: {error}");
    }
    // The screen gives up too.
    let path = folder.path().join("otlp.json");
    let terminal = crate::terminal::Terminal::start(&["watch", &path.to_string_lossy()], (120, 36));
    terminal.expect_exit(2);
    assert!(terminal.text().contains("OTLP"), "{}", terminal.text());
}
