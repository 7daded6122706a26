use proptest::prelude::*;

use super::*;
use crate::text::json;

/// `length` letters and digits that look random, so that no whole token stands in this file.
fn random(length: usize, seed: u64) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[(state % 62) as usize])
    };
    (0..length).map(|_| next()).collect::<String>() + "7"
}

/// Tokens of the known shapes, and the part of each that must not be shown.
fn tokens(seed: u64) -> Vec<(String, String)> {
    let body = |length| random(length, seed);
    let simple = [
        ("sk-", "proj-", 74),
        ("sk-", "ant-api03-", 93),
        ("sk-", "", 44),
        ("gh", "p_", 36),
        ("github", "_pat_", 82),
        ("xo", "xb-", 40),
        ("sk", "_live_", 24),
        ("AI", "za", 34),
        ("h", "f_", 34),
        ("gs", "k_", 52),
        ("pp", "lx-", 48),
        ("Bearer", " ", 40),
        ("npm", "_", 36),
        ("glpat", "-", 20),
    ];
    let mut all: Vec<_> =
        simple.iter().map(|(a, b, length)| (format!("{a}{b}{}", body(*length)), body(*length))).collect();
    all.push((["AK", "IA", "IOSFODNN7", "EXAMPLE"].concat(), "IOSFODNN7".into()));
    all.push((["wJalrXUtnFEMI/K7MDENG/", "bPxRfiCY", "EXAMPLEKEY"].concat(), "wJalr".into()));
    all.push((format!("ey{}{}.ey{}{}.{}", "J", body(30), "J", body(60), body(43)), body(43)));
    let pem =
        ["-----BEGIN ", "RSA PRIVATE KEY-----\n", &body(64), "\n-----END ", "RSA PRIVATE KEY-----"].concat();
    all.push((pem, body(64)));
    all.push((["postgres://admin:", "hunter2hunter2", "@db.example.test:5432/x"].concat(), "hunter2".into()));
    all.push((["Basic ", "dXNlcjpodW50ZXIyaHVudGVyMg=="].concat(), "dXNlc".into()));
    all
}

#[test]
fn known_shapes_are_hidden_in_text_and_in_json() {
    for (token, secret) in tokens(3) {
        let text = format!("my key is {token} ok");
        let shown = redact_text(&text);
        assert!(!shown.contains(&secret), "{token}");
        assert!(
            shown.starts_with("my key is ") && shown.ends_with(" ok") && shown.contains(REDACTED),
            "{shown}"
        );
        let json = format!(r#"{{"messages":[{{"content":{}}}],"n":1}}"#, json::quote(&text));
        let shown = redact_json(&json);
        assert!(!shown.contains(&secret), "{token}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["n"], 1);
    }
}

#[test]
fn harmless_text_stays_borrowed() {
    for text in [
        "",
        "2 findings: [critical] missing auth check in /api/tickets",
        "basic understanding of bearer authentication",
        "sk-loading-indicator-container is a CSS class",
        "the key: Enter, the token: Hello, tokens: 12, total_tokens=13, author: Ann",
        "fn auth() -> secret::Box { password: String, api_key: process.env.KEY }",
        "https://example.test:8080/a?b=c&page_token=2 user@example.test",
        "src/Components/Widgets2/NavigationBar/ab",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "PWD=/home/me/project cd ~",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    ] {
        assert!(matches!(redact_text(text), Cow::Borrowed(_)), "{:?}", redact_text(text));
    }
}

#[test]
fn assignments_in_text() {
    for (text, shown) in [
        ("login password=hunter2", "login password=[REDACTED]"),
        ("password=hunter2&x=1", "password=[REDACTED]&x=1"),
        ("PASSWORD: hunter2, next", "PASSWORD: [REDACTED], next"),
        ("password = 'a b c' end", "password = '[REDACTED]' end"),
        (r#"{"apiKey":"abc"#, r#"{"apiKey":"[REDACTED]"#),
        (r#"x {\"apiKey\": \"a\\\"b\", \"y\": 1"#, r#"x {\"apiKey\": \"[REDACTED]\", \"y\": 1"#),
        ("{'token': 'abc', 'n': 1}", "{'token': '[REDACTED]', 'n': 1}"),
        ("?token=abc&n=1", "?token=[REDACTED]&n=1"),
        ("Cookie: a=b; c=d\nHost: x", "Cookie: [REDACTED]\nHost: x"),
        ("curl -H 'Authorization: Token x y' z", "curl -H 'Authorization: [REDACTED]' z"),
        ("mysql --password hunter2 -u me", "mysql --password [REDACTED] -u me"),
        ("mysql --password=hunter2", "mysql --password=[REDACTED]"),
        ("MY_API_KEY => x", "MY_API_KEY => [REDACTED]"),
        ("secret: {a: [1], b: 2} z", "secret: [REDACTED] z"),
        ("secret: {never ends", "secret: [REDACTED]"),
        ("password=[REDACTED] x", "password=[REDACTED] x"),
        (r#"bad "pass\u0077ord": "x""#, r#"bad "pass\u0077ord": "[REDACTED]""#),
        ("密码password: x", "密码password: [REDACTED]"),
    ] {
        assert_eq!(redact_text(text), shown);
    }
}

#[test]
fn json_keeps_every_other_byte() {
    let json = "{ \"a\" : [1.0e3, true,null], \"password\":\t\"x\", \"n\": 18446744073709551616, \"s\":\"\\u0041\\/\" }\n";
    assert_eq!(redact_json(json), json.replace("\"x\"", "\"[REDACTED]\""));
    for same in [
        "",
        "{}",
        "[]",
        "null",
        "\"x\"",
        "{\"a\":1}{\"b\":2}",
        "nonsense",
        "{\"a\":",
        "]",
        "{\"secret\":null}",
    ] {
        assert!(matches!(redact_json(same), Cow::Borrowed(_)), "{same}");
    }
}

#[test]
fn containers_pairs_and_odd_keys() {
    for (json, shown) in [
        (r#"{"credentials":{"user":"bob","value":"x"},"a":1}"#, r#"{"credentials":"[REDACTED]","a":1}"#),
        (r#"{"token":["x",{"v":"y"}]}"#, r#"{"token":"[REDACTED]"}"#),
        (r#"{"headers":[["Authorization","x"]]}"#, r#"{"headers":[["Authorization","[REDACTED]"]]}"#),
        (
            r#"{"rawHeaders":["Host","h","Cookie","x","A","b"]}"#,
            r#"{"rawHeaders":["Host","h","Cookie","[REDACTED]","A","b"]}"#,
        ),
        (r#"["mysql","--password","x","db"]"#, r#"["mysql","--password","[REDACTED]","db"]"#),
        (r#"{"required":["password","email"]}"#, r#"{"required":["password","email"]}"#),
        (r#"{"name":"x-api-key","value":"x"}"#, r#"{"name":"x-api-key","value":"[REDACTED]"}"#),
        (
            r#"{"value":{"a":["x"]},"b":2,"name":"password"}"#,
            r#"{"value":"[REDACTED]","b":2,"name":"password"}"#,
        ),
        (
            r#"{"value":"x","value":"y","name":"password"}"#,
            r#"{"value":"[REDACTED]","value":"[REDACTED]","name":"password"}"#,
        ),
        (r#"{"value":"x","name":"password""#, r#"{"value":"[REDACTED]","name":"password""#),
        (
            r#"{"key":"db.password","value":{"stringValue":"x"}}"#,
            r#"{"key":"db.password","value":{"stringValue":"[REDACTED]"}}"#,
        ),
        (
            r#"{"key":"gen_ai.system","value":{"stringValue":"x"}}"#,
            r#"{"key":"gen_ai.system","value":{"stringValue":"x"}}"#,
        ),
        (r#"{"key":"x","n":1}"#, r#"{"key":"[REDACTED]","n":1}"#),
        (r#"{"key":{"a":"x"}}"#, r#"{"key":"[REDACTED]"}"#),
        (
            r#"{"password":"x","pass\u0077ord":"y"}"#,
            r#"{"password":"[REDACTED]","pass\u0077ord":"[REDACTED]"}"#,
        ),
        (
            r#"{"pin":1234,"token":42,"otp":"","secret":false}"#,
            r#"{"pin":"[REDACTED]","token":42,"otp":"","secret":false}"#,
        ),
        (r#"{"pwd":"/home/me/x","a":{"pwd":"x"}}"#, r#"{"pwd":"/home/me/x","a":{"pwd":"[REDACTED]"}}"#),
        (
            r#"{"logprobs":{"content":[{"token":"Hello","top_logprobs":[{"token":"Hi"}]}]},"token":"x"}"#,
            r#"{"logprobs":{"content":[{"token":"Hello","top_logprobs":[{"token":"Hi"}]}]},"token":"[REDACTED]"}"#,
        ),
        (r#"{"password":"never ends"#, r#"{"password":"[REDACTED]""#),
        (r#"{"password": x y"#, r#"{"password": "[REDACTED]""#),
        (
            r#"{"args":"{\"apiKey\":\"x\"","q":"password=x&x=1"}"#,
            r#"{"args":"{\"apiKey\":\"[REDACTED]\"","q":"password=[REDACTED]&x=1"}"#,
        ),
        ("{\"pass\u{200b}word\":\"x\"}", "{\"pass\u{200b}word\":\"[REDACTED]\"}"),
    ] {
        let redacted = redact_json(json);
        assert_eq!(redacted, shown);
        assert_eq!(redact_json(&redacted), redacted, "not idempotent");
    }
}

#[test]
fn json_in_strings_is_read_through() {
    let body = json::quote(r#"{"password":"CLEAR","n":1}"#);
    let input = json::quote(&format!(r#"{{"headers":{{"authorization":"CLEAR"}},"body":{body}}}"#));
    let shown = redact_json(&input).into_owned();
    assert!(!shown.contains("CLEAR") && shown.contains("password") && shown.contains(":1}"), "{shown}");
    let mut nested = r#"{"password":"CLEAR"}"#.to_owned();
    for _ in 0..12 {
        nested = json::quote(&nested);
        assert!(!redact_json(&nested).contains("CLEAR"));
        if nested.len() > 100_000 {
            break;
        }
    }
}

#[test]
fn values_under_a_key() {
    assert_eq!(redact_value_of("apiKey", "x"), REDACTED);
    assert_eq!(redact_value_of("apiKey", ""), "");
    assert_eq!(redact_value_of("promptTokens", "12"), "12");
    assert_eq!(redact_value_of("token", "12"), "12");
    assert_eq!(redact_value_of("pwd", "/a/b"), "/a/b");
    assert_eq!(redact_value_of("input", r#"{"secret":"x"}"#), r#"{"secret":"[REDACTED]"}"#);
    assert_eq!(redact_value_of("name", "login password=x"), "login password=[REDACTED]");
    let logprobs = r#"[{"token":"Hello","logprob":-0.1}]"#;
    assert_eq!(redact_value_of("logprobs", logprobs), logprobs);
    assert_eq!(redact_value_of("tokens", logprobs), r#"[{"token":"[REDACTED]","logprob":-0.1}]"#);
}

#[test]
fn hostile_input_takes_linear_time_and_no_stack() {
    let started = std::time::Instant::now();
    for unit in [
        "[",
        r#"{"value":1,"name":"password","a":"#,
        r#"{"key":"#,
        "eyJ",
        "J",
        "-----BEGIN ",
        "a@",
        "://a:",
        "1",
        "é",
        "-----BEGIN PRIVATE KEY-----",
        "password=",
        "auth=",
        "secret=${",
        "x\"",
        "secret:{",
        "auth={",
        "token:",
        "\\",
        "--password ",
        "Bearer ",
        "a='",
        r#"{"a":"{\"#,
    ] {
        let text = unit.repeat(20_000 / unit.len());
        for shown in [redact_text(&text), redact_json(&text), redact_json(&json::quote(&text))] {
            assert!(shown.len() <= 12 * text.len());
        }
        let nested = json::quote(&unit.repeat(60_000 / unit.len()));
        assert!(unit != "[" || redact_json(&nested) == nested);
        assert!(started.elapsed().as_secs() < 100, "{unit} {:?}", started.elapsed());
    }
}

proptest! {
    #[test]
    fn no_secret_survives_and_harmless_keys_do(seed: u64, before in "[a-z {}\\[\\]\",:\\\\]{0,20}", depth in 0..4usize) {
        for (token, secret) in tokens(seed) {
            let mut text = format!("{before} {token} z");
            for _ in 0..depth {
                text = json::quote(&text);
            }
            let record = format!(r#"{{"promptTokens":11,"input":{},"cache_key":"user:42"}}"#, json::quote(&text));
            let shown = redact_json(&record);
            prop_assert!(!shown.contains(&secret), "{} in {}", secret, shown);
            prop_assert!(shown.contains(r#""promptTokens":11"#) && shown.contains(r#""cache_key":"user:42"}"#), "{}", shown);
        }
    }

    #[test]
    fn a_value_under_a_sensitive_key_never_survives(
        key in prop::sample::select(vec!["password", "apiKey", "AWS_SECRET_ACCESS_KEY", "cookie", "pass\\u0077ord"]),
        value in "\\PC{0,30}", depth in 0..5usize, noise in "[a-z{}\\[\\],:\\\\\" ]{0,10}",
    ) {
        let value = json::quote(&format!("{value}CLEAR"));
        let mut record = format!(r#"{{"a":{{"{key}":{value},"b":[{{"{key}":[{value}]}}]}}}}"#);
        for _ in 0..depth {
            record = format!(r#"{{"x":{}}}"#, json::quote(&record));
        }
        let shown = redact_json(&record);
        prop_assert!(!shown.contains("CLEAR"), "{}", shown);
        // Cut off, it must hold too; with noise in front it must at least not panic.
        for end in (0..record.len()).filter(|&end| record.is_char_boundary(end)).step_by(7) {
            prop_assert!(!redact_json(&record[..end]).contains("CLEAR"), "cut at {} of {}", end, record);
        }
        let _ = redact_json(&(noise + &record));
    }

    #[test]
    fn valid_json_stays_valid(record in "(\\{\"(secret|a|key|name|value)\":(1|\"x=y\"|\\[null\\]|\"token=abc\"|\\{\\})(,\"(a|token|value)\":\"(password|x)\")?\\}){1}") {
        let shown = redact_json(&record);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{}", shown);
        prop_assert_eq!(redact_json(&shown), shown.as_ref());
    }
}
