use proptest::prelude::*;

use super::*;

fn whole(text: &str) -> Result<(), Fault> {
    let mut reader = Reader::new(text);
    reader.skip()?;
    if reader.has_more() { Err(Fault::Invalid) } else { Ok(()) }
}

fn read(text: &str) -> Result<Value<'_>, Fault> {
    Reader::new(text).value()
}

#[test]
fn an_object_is_read_key_by_key() {
    let mut reader =
        Reader::new(r#" {"a":1, "b":{"x":[1,{}]} ,"c":{"d":"e"},"f":[true,"g"],"\u0068":null } "#);
    reader.enter_object().unwrap();
    assert_eq!(reader.next_key().unwrap().as_deref(), Some("a"));
    assert_eq!(reader.value(), Ok(Value::Unsigned(1)));
    assert_eq!(reader.next_key().unwrap().as_deref(), Some("b"));
    assert_eq!(reader.value(), Ok(Value::Object(r#"{"x":[1,{}]}"#)));
    assert_eq!(reader.next_key().unwrap().as_deref(), Some("c"));
    reader.enter_object().unwrap();
    assert_eq!(reader.next_key().unwrap().as_deref(), Some("d"));
    reader.skip().unwrap();
    assert_eq!(reader.next_key().unwrap(), None);
    assert_eq!(reader.next_key().unwrap().as_deref(), Some("f"));
    reader.enter_array().unwrap();
    assert!(reader.next_item().unwrap());
    assert_eq!(reader.value(), Ok(Value::Bool(true)));
    assert!(reader.next_item().unwrap());
    assert_eq!(reader.raw(), Ok(r#""g""#));
    assert!(!reader.next_item().unwrap());
    assert_eq!(reader.next_key().unwrap().as_deref(), Some("h"));
    assert_eq!(reader.value(), Ok(Value::Null));
    assert_eq!(reader.next_key().unwrap(), None);
    assert!(!reader.has_more());
}

#[test]
fn strings_without_escapes_are_borrowed() {
    assert!(matches!(read(r#""plain ä 🦀""#), Ok(Value::Text(Cow::Borrowed("plain ä 🦀")))));
    assert!(matches!(read(r#""a\tb""#), Ok(Value::Text(Cow::Owned(text))) if text == "a\tb"));
}

#[test]
fn surrogates_without_a_partner_are_replaced() {
    for (text, want) in [
        (r#""x\ud800y""#, "x\u{fffd}y"),
        (r#""x\udc00\ud800y""#, "x\u{fffd}\u{fffd}y"),
        (r#""\ud83e\udd80""#, "🦀"),
        (r#""\ud83e\u0041""#, "\u{fffd}A"),
        (r#""\ud83e\ud83e\udd80""#, "\u{fffd}🦀"),
        (r#""\u0000""#, "\0"),
    ] {
        assert_eq!(read(text), Ok(Value::Text(want.into())), "{text}");
    }
}

#[test]
fn numbers_of_any_size_are_read() {
    for (text, want) in [
        ("0", Value::Unsigned(0)),
        ("-0", Value::Unsigned(0)),
        ("18446744073709551615", Value::Unsigned(u64::MAX)),
        ("-9223372036854775808", Value::Negative(i64::MIN)),
        ("18446744073709551616", Value::Float(18_446_744_073_709_551_616.0)),
        ("1e999", Value::Float(f64::INFINITY)),
        ("1.5e3", Value::Float(1500.0)),
    ] {
        assert_eq!(read(text), Ok(want), "{text}");
    }
    let digits = "9".repeat(100_000);
    assert_eq!(read(&digits), Ok(Value::Float(f64::INFINITY)));
    for text in ["01", "+1", ".5", "0x10", "1.", "1e", "-", "--1", "-01", "1.e5"] {
        assert!(whole(text).is_err(), "{text}");
    }
}

#[test]
fn what_python_and_javascript_write_for_no_number_is_null() {
    for text in ["NaN", "Infinity", "-Infinity", "[1,NaN]", r#"{"a":-Infinity}"#] {
        let mut reader = Reader::new(text);
        reader.skip().unwrap();
        assert!(reader.repaired_numbers(), "{text}");
    }
    assert_eq!(read("-Infinity"), Ok(Value::Null));
}

#[test]
fn nesting_is_bounded_without_recursion() {
    let nested = |open: &str, close: &str, n| open.repeat(n) + "1" + &close.repeat(n);
    assert_eq!(whole(&nested("[", "]", MAX_DEPTH)), Ok(()));
    assert_eq!(whole(&nested("[", "]", MAX_DEPTH + 1)), Err(Fault::TooDeep));
    assert_eq!(whole(&nested("{\"a\":", "}", MAX_DEPTH)), Ok(()));
    assert_eq!(whole(&nested("{\"a\":", "}", 300_000)), Err(Fault::TooDeep));
    assert_eq!(whole(&"[".repeat(300_000)), Err(Fault::TooDeep));
    let mut reader = Reader::new("");
    assert_eq!(reader.enter_object(), Err(Fault::Incomplete));
    let text = nested("{\"a\":", "}", 200);
    let mut reader = Reader::new(&text);
    let mut depth = 0;
    while reader.enter_object().is_ok() {
        reader.next_key().unwrap();
        depth += 1;
    }
    assert_eq!(depth, MAX_DEPTH);
}

#[test]
fn control_characters_in_strings_are_no_json() {
    for text in ["\"a\tb\"", "\"a\u{1}c\"", "\"a\nb\"", "{\"a\0\":1}"] {
        assert_eq!(whole(text), Err(Fault::Invalid), "{text:?}");
    }
    assert_eq!(whole("\"\u{7f}\u{9b}\u{2028}\""), Ok(()));
}

#[test]
fn what_surrounds_a_record_is_stripped() {
    let line = LineText::new(b"\0\0\xef\xbb\xbf\x1e {\"a\":1} \r\0\0");
    assert_eq!(line.text, "{\"a\":1}");
    assert_eq!(line.dropped, 7);
    assert!(line.nuls && !line.repaired);
    let line = LineText::new(b"\"\xffx\"");
    assert_eq!(line.text, "\"\u{fffd}x\"");
    assert!(line.repaired);
    assert_eq!(LineText::new(b" \r").text, "");
}

#[test]
fn a_cut_line_is_told_from_a_whole_one() {
    let line = br#"{"a":[1,{"b":"c\u0041"}],"d":-1.5e3,"e":true}"#;
    assert!(is_complete_json(line));
    assert!(is_complete_json(b"{} {}"));
    for end in 0..line.len() {
        assert!(!is_complete_json(&line[..end]), "{}", String::from_utf8_lossy(&line[..end]));
        let text = std::str::from_utf8(&line[..end]).unwrap();
        if end > 0 {
            assert_eq!(whole(text), Err(Fault::Incomplete), "{text}");
        }
    }
}

#[test]
fn counts_are_lenient_but_never_invented() {
    for (text, want) in [
        ("5", Ok(Some(5))),
        ("5.0", Ok(Some(5))),
        ("1.5e3", Ok(Some(1500))),
        ("-0.0", Ok(Some(0))),
        ("\"150\"", Ok(Some(150))),
        ("\" 1e3 \"", Ok(Some(1000))),
        ("\"\"", Ok(None)),
        ("null", Ok(None)),
        ("NaN", Ok(None)),
        ("true", Err(Reason::BadType)),
        ("-5", Err(Reason::BadNumber)),
        ("1.5", Err(Reason::BadNumber)),
        ("1e999", Err(Reason::BadNumber)),
        ("18446744073709551616", Err(Reason::BadNumber)),
        ("\"many\"", Err(Reason::BadNumber)),
        ("{}", Err(Reason::BadType)),
    ] {
        assert_eq!(read(text).unwrap().count(), want, "{text}");
    }
    assert_eq!(read("\"$0.01\"").unwrap().number(), Err(Reason::BadNumber));
    assert_eq!(read("1e400").unwrap().number(), Err(Reason::BadNumber));
    assert_eq!(read("\"0.25\"").unwrap().number(), Ok(Some(0.25)));
}

/// Text that is JSON, nearly JSON, or made of its pieces.
fn nearly_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "\"[ -~\u{80}-\u{ff}]{0,60}\"".prop_map(|text| text),
    ];
    let tree = leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec(("[a-z\\\\\"]{0,3}", inner), 0..5).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    let pieces = prop::collection::vec(
        prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u00", "\\ud800", "e", "-", "0", "1.5", "true",
            "nul", " ", "\n", "\u{1}", "é", "\"a\"",
        ]),
        0..24,
    )
    .prop_map(|pieces| pieces.concat());
    prop_oneof![3 => tree, 2 => pieces]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn structure_is_judged_as_serde_json_judges_it(text in nearly_json(), cut in any::<prop::sample::Index>()) {
        let end = cut.index(text.len() + 1);
        let cut = text.get(..end).unwrap_or(&text);
        for text in [text.as_str(), cut] {
            // Ignored content is checked for structure alone, as the reader does.
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            prop_assert_eq!(whole(text).is_ok(), theirs, "{:?}", text);
        }
    }

    #[test]
    fn strings_mean_what_serde_json_says(text in any::<String>()) {
        let json = serde_json::to_string(&text).unwrap();
        let value = read(&json);
        prop_assert_eq!(value, Ok(Value::Text(text.into())));
    }

    #[test]
    fn no_bytes_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let line = LineText::new(&bytes);
        let mut reader = Reader::new(&line.text);
        while reader.has_more() && reader.value().is_ok() {}
        let _ = is_complete_json(&bytes);
    }
}
