use std::collections::BTreeMap;

use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::Value;

use super::value::Damaged;
use super::*;
use crate::format::Cell;

fn sqlite() -> Connection {
    Connection::open_in_memory().unwrap()
}

fn jsonb(db: &Connection, json: &str) -> Vec<u8> {
    db.query_row("SELECT jsonb(?1)", [json], |row| row.get(0)).unwrap()
}

/// What `SQLite` itself says, both as values.
fn check(db: &Connection, json: &str) {
    let blob = jsonb(db, json);
    let theirs: String = db.query_row("SELECT json(?1)", [&blob], |row| row.get(0)).unwrap();
    let ours = jsonb_to_json(&blob).unwrap();
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(parse(&ours), parse(&theirs), "{json}");
}

#[test]
fn agrees_with_sqlite() {
    let db = sqlite();
    for json in [
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "-0",
        "1e3",
        "9223372036854775807",
        r#"{"a":1,"b":[1,2.5,-3e-2,"x\n\"y\\ \u00e9 \ud83e\udd80",null,true,false],"c":{"d":{}},"":0}"#,
        r#"["日本🦀","\b\f\/","\u0000\u001f"]"#,
        // JSON5, which SQLite takes in and keeps in forms of their own.
        "{a:0x1F, 'b':-0xA, c:.5, d:5., e:+1, f:-.25e3, 'g\\x41':'it\\'s', h:'a\\\nb\\v\\0',}",
        "[1,/* comment */2,]",
    ] {
        check(&db, json);
    }
    let long = format!("[\"{}\",\"{}\"]", "x".repeat(70_000), "é".repeat(200));
    check(&db, &long);
}

#[test]
fn the_wider_size_fields_are_read() {
    for (head, size) in [(0xC7u8, 1usize), (0xD7, 2), (0xE7, 4), (0xF7, 8)] {
        let mut blob = vec![head];
        blob.extend(std::iter::repeat_n(0, size - 1));
        blob.push(2);
        blob.extend(b"ok");
        assert_eq!(jsonb_to_json(&blob).as_deref(), Ok("\"ok\""));
    }
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    for blob in [
        &b""[..],
        b"\x0d",
        b"\x0f",
        b"\x47ab",
        b"\xf7\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x1bx",
        b"\x13x",
        b"\x23\x2d\x2d",
        b"\x1c\x00",
        b"\x2c\x00\x00",
        b"\x00\x00",
        b"\x11\x00",
    ] {
        assert!(jsonb_to_json(blob).is_err(), "{blob:?}");
    }
    assert_eq!(jsonb_to_json(b"\x27a\xff").as_deref(), Ok("\"a\u{fffd}\""));
    assert_eq!(jsonb_to_json(b"\x68\\ud83d").as_deref(), Ok("\"\u{fffd}\""));
    assert_eq!(jsonb_to_json(b"\x37\"\n\\").as_deref(), Ok(r#""\"\n\\""#));
}

#[test]
fn depth_is_bounded() {
    let nest = |levels: usize| {
        let mut blob = vec![0x0B];
        for _ in 1..levels {
            let size = (blob.len() as u32).to_be_bytes();
            let mut outer = vec![0xEB];
            outer.extend(size);
            outer.extend(&blob);
            blob = outer;
        }
        blob
    };
    assert!(jsonb_to_json(&nest(MAX_DEPTH)).is_ok());
    assert_eq!(jsonb_to_json(&nest(MAX_DEPTH + 1)), Err(JsonbError::TooDeep));
}

#[test]
fn keys_are_found_in_both_encodings() {
    let db = sqlite();
    let text = r#"{"model":"gpt-4o","n":3,"big":18446744073709551615,"s":"12","usage":{"inputTokens":45.0},"x":null,"list":[1,"b"],"k\u0065y":"a\u0301\n","yes":true}"#;
    let blob = jsonb(&db, text);
    for cell in [Cell::Text(text.as_bytes()), Cell::Blob(&blob), Cell::Blob(text.as_bytes())] {
        let value = JsonValue::of_cell(cell).unwrap();
        assert!(value.is_object());
        assert_eq!(value.field("model").unwrap().text().unwrap(), "gpt-4o");
        assert_eq!(value.field("n").unwrap().count(), Some(3));
        assert_eq!(value.field("s").unwrap().count(), Some(12));
        assert_eq!(value.field("big").unwrap().count(), Some(u64::MAX));
        assert_eq!(value.field("usage").unwrap().field("inputTokens").unwrap().count(), Some(45));
        assert_eq!(value.field("key").unwrap().text().unwrap(), "a\u{301}\n");
        assert_eq!(value.field("yes").unwrap().flag(), Some(true));
        assert!(value.field("x").is_none());
        assert!(value.field("model").unwrap().field("y").is_none());
        let mut items = Vec::new();
        value.field("list").unwrap().items(|item| items.push(item.to_json().unwrap().into_owned())).unwrap();
        assert_eq!(items, ["1", "\"b\""]);
    }
    assert!(JsonValue::of_cell(Cell::Text(b"plain")).is_none());
    assert!(JsonValue::of_cell(Cell::Text(b"null")).is_none());
    assert!(JsonValue::of_cell(Cell::Blob(b"\x00")).is_none());
    assert_eq!(JsonValue::of_cell(Cell::Integer(1)).unwrap().flag(), Some(true));
}

#[test]
fn cut_text_gives_what_came_before_the_cut() {
    let mut seen = Vec::new();
    let value = JsonValue::of_text(r#"{"a":"1","b":{"c":[1,2"#).unwrap();
    assert_eq!(value.fields(|key, value| seen.push((key.to_owned(), value.count()))), Err(Damaged));
    assert_eq!(seen, [("a".to_owned(), Some(1))]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..8)
                .prop_map(|map: BTreeMap<String, Value>| map.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_document_comes_back(json in any_json()) {
        let text = json.to_string();
        let db = sqlite();
        let ours = jsonb_to_json(&jsonb(&db, &text)).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&ours).unwrap(), json);
    }

    #[test]
    fn garbage_gives_an_error_or_valid_json(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(text) = jsonb_to_json(&bytes) {
            prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok(), "{text}");
        }
        if let Some(value) = JsonValue::of_cell(Cell::Blob(&bytes)) {
            let _ = (value.text(), value.count(), value.number(), value.flag(), value.to_json().is_ok());
            let _ = value.fields(|_, value| { let _ = value.field("x"); });
            let _ = value.items(|_| ());
        }
    }

    #[test]
    fn flipped_bytes_are_survived(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let db = sqlite();
        let mut blob = jsonb(&db, r#"{"usage":{"inputTokens":45,"d":[1,2.5,"x\n"]},"model":"m","t":[true,null,{}]}"#);
        let at = at.index(blob.len());
        blob[at] ^= 1 << bit;
        if let Ok(text) = jsonb_to_json(&blob) {
            prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok(), "{text}");
        }
    }
}
