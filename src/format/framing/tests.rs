use proptest::prelude::*;

use super::*;
use crate::format::{LINE_FORMATS, Wish, detect_stream};
use crate::model::{PayloadRef, SegmentId, Stamp, UnixNanos};

#[derive(Debug, Default, PartialEq)]
struct Seen {
    objects: Vec<(u64, Vec<u8>)>,
    damage: Vec<(Reason, u64)>,
}

fn scan(chunks: &[&[u8]]) -> Seen {
    let (mut seen, mut documents, mut offset) = (Seen::default(), Documents::default(), 0);
    let take = |piece: Piece<'_>, seen: &mut Seen| match piece {
        Piece::Object(at, bytes) => seen.objects.push((at, bytes.to_vec())),
        Piece::Damage(reason, at, ..) => seen.damage.push((reason, at)),
    };
    for chunk in chunks {
        documents.feed(chunk, offset, |piece| take(piece, &mut seen));
        offset += chunk.len() as u64;
    }
    documents.finish(|piece| take(piece, &mut seen));
    seen
}

/// The objects of a text, blanks left out, and what was damaged.
fn of(text: &str) -> (Vec<String>, Vec<Reason>) {
    let seen = scan(&[text.as_bytes()]);
    for (at, bytes) in &seen.objects {
        assert_eq!(text.as_bytes().get(*at as usize..*at as usize + bytes.len()), Some(&bytes[..]));
    }
    let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).split_whitespace().collect::<String>();
    let objects = seen.objects.iter().map(|(_, bytes)| plain(bytes)).collect();
    (objects, seen.damage.into_iter().map(|(reason, _)| reason).collect())
}

#[test]
fn objects_are_found_however_they_are_laid_out() {
    let want = ["{\"a\":1}", "{\"b\":[{\"c\":\"}{\"}]}"];
    for text in [
        "[{\"a\":1},{\"b\":[{\"c\":\"}{\"}]}]",
        "[\n  {\n    \"a\": 1\n  },\n  {\n    \"b\": [\n      {\n        \"c\": \"}{\"\n      }\n    ]\n  }\n]\n",
        "{\n  \"a\": 1\n}\n{\n  \"b\": [\n    {\n      \"c\": \"}{\"\n    }\n  ]\n}",
        // Nothing is indented.
        "[\n{\n\"a\": 1\n},\n{\n\"b\": [\n{\n\"c\": \"}{\"\n}\n]\n}\n]",
        "\u{feff}[{\"a\":1}\r\n,{\"b\":[{\"c\":\"}{\"}]}\r\n]",
        "{\"a\":1}{\"b\":[{\"c\":\"}{\"}]}",
        "{\"a\":1}\n{\"b\":[{\"c\":\"}{\"}]}\n",
        "[[{\"a\":1}],[{\"b\":[{\"c\":\"}{\"}]}]]",
        // An array that is still open, and one that follows another.
        "[\n{\"a\":1},\n{\"b\":[{\"c\":\"}{\"}]},\n",
        "[{\"a\":1}]\n[{\"b\":[{\"c\":\"}{\"}]}]",
    ] {
        assert_eq!(of(text), (want.map(str::to_owned).to_vec(), vec![]), "{text}");
    }
}

#[test]
fn damage_costs_what_is_damaged() {
    let cases: [(&str, &[&str], usize); 9] = [
        // Torn, and the next one begins.
        ("[\n  {\n    \"a\": {\n  {\n    \"b\": 2\n  }\n]", &["{\"b\":2}"], 1),
        ("{\n  \"a\": \"tor\n{\n  \"b\": 2\n}\n", &["{\"b\":2}"], 1),
        ("{\n  \"a\":\n{\n  \"b\": 2\n}\n", &["{\"b\":2}"], 1),
        ("{\n  \"a\": [\n{\n  \"b\": 2\n}\n{\n  \"c\": 3\n}\n", &["{\"b\":2}", "{\"c\":3}"], 1),
        ("[{\"a\":1,{\"b\":2}]", &["{\"b\":2}"], 1),
        // Balanced, but no JSON: its decoder tells.
        ("[{\"a\":1,,},{\"b\":2}]", &["{\"a\":1,,}", "{\"b\":2}"], 0),
        ("[{\"a\":[1},{\"b\":2}]", &["{\"a\":[1}", "{\"b\":2}"], 0),
        // Something else between.
        ("[{\"b\":2}, 7, \"{x}\", null]", &["{\"b\":2}"], 1),
        ("{\n \"b\": 2\n}\nINFO done {\nnot\n{\n \"c\": 3\n}\n", &["{\"b\":2}", "{\"c\":3}"], 2),
    ];
    for (text, objects, damaged) in cases {
        let (found, damage) = of(text);
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>(), damage.len()),
            (objects.to_vec(), damaged),
            "{text}"
        );
    }
    let (_, damage) = of("{\n \"a\": 1");
    assert_eq!(damage, [Reason::IncompleteLastLine]);
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = format!("[{{\"a\":{}{}}},{{\"b\":1}}]", "[{\"x\":".repeat(100_000), "}]".repeat(100_000));
    assert_eq!(of(&deep).0.len(), 2);
    let (mut documents, mut seen) = (Documents::default(), Vec::new());
    let mut offset = 0;
    let mut feed = |bytes: &[u8]| {
        documents.feed(bytes, offset, |piece| match piece {
            Piece::Object(at, bytes) => seen.push((at, bytes.len(), None)),
            Piece::Damage(reason, at, len, _) => seen.push((at, len as usize, Some(reason))),
        });
        offset += bytes.len() as u64;
    };
    feed(b"[{\"a\":\"");
    let chunk = vec![b'x'; 1 << 20];
    (0..70).for_each(|_| feed(&chunk));
    feed(b"\"},{\"b\":1}]");
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(seen[0].2, Some(Reason::LineTooLong));
    assert_eq!(seen[1], ((70 << 20) + 10, 7, None));
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["1", "\"a{\"", "\"\\\"}\"", "\"\\\\\"", "null", "\"é[\""])
        .prop_map(str::to_owned);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let items = prop::collection::vec(inner, 0..3);
        (items, any::<bool>()).prop_map(|(items, array)| {
            if array {
                format!("[{}]", items.join(","))
            } else {
                let members: Vec<_> =
                    items.iter().enumerate().map(|(at, item)| format!("\"k{at}\":{item}")).collect();
                format!("{{{}}}", members.join(","))
            }
        })
    })
}

#[test]
fn a_line_end_after_a_backslash_ends_a_string_wherever_the_cut_is() {
    let text = b"{\"a\\\n}\n{\"b\":1}\n";
    for cut in 0..=text.len() {
        assert_eq!(scan(&[&text[..cut], &text[cut..]]), scan(&[text]), "cut at {cut}");
    }
}

proptest! {
    /// Any way of cutting the bytes into reads gives the same pieces, whatever they are.
    #[test]
    fn cuts_do_not_matter(text in "[\\[\\]{}\",:a\\\\ \n]{0,120}", cuts in prop::collection::vec(0usize..130, 0..6)) {
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(scan(&chunks), scan(&[bytes]));
    }

    /// What a JSON library writes is found, pretty or not, cut at every byte.
    #[test]
    fn every_object_is_found(values in prop::collection::vec(json(), 1..4), pretty: bool, array: bool) {
        let values: Vec<serde_json::Value> =
            values.iter().map(|text| serde_json::json!({ "v": serde_json::from_str::<serde_json::Value>(text).unwrap() })).collect();
        let print = |value: &serde_json::Value| if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) }.unwrap();
        let text = if array { print(&serde_json::Value::Array(values.clone())) } else { values.iter().map(print).collect::<Vec<_>>().join("\n") };
        for cut in 0..=text.len() {
            let seen = scan(&[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]);
            let found: Vec<serde_json::Value> = seen.objects.iter().map(|(_, bytes)| serde_json::from_slice(bytes).unwrap()).collect();
            prop_assert_eq!(&found, &values, "{} cut at {}", text, cut);
            prop_assert!(seen.damage.is_empty());
        }
        // A sample that ends anywhere is made of whole objects.
        for cut in 0..=text.len() {
            let lines = documents::sample(&text.as_bytes()[..cut]);
            for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok(), "{}", String::from_utf8_lossy(line));
            }
        }
    }

    #[test]
    fn no_bytes_upset_a_framing(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[\\[\\]{}\",:a\\\\ \n]{0,200}") {
        for bytes in [&bytes[..], text.as_bytes()] {
            for framing in ALL {
                let _ = framing.sample(bytes);
                let dialect = Dialect { format: LINE_FORMATS[0], framing, mapping: None };
                let _ = dialect.detail(bytes);
                decode(&dialect, bytes);
            }
        }
    }
}

const ALL: [Framing; 5] = [
    Framing::Lines,
    Framing::Prefixed,
    Framing::Container { prefixed: false },
    Framing::Container { prefixed: true },
    Framing::Documents,
];

fn decode(dialect: &Dialect, bytes: &[u8]) -> Batch {
    let (mut decoder, mut out, mut pos) = (dialect.decoder(&Stream::default()), Batch::default(), 0u64);
    for bytes in bytes.split(|&byte| byte == b'\n') {
        let at = PayloadRef { segment: SegmentId(0), pos, len: bytes.len() as u32 };
        let line = Line { bytes, at, stamp: Stamp::new(SegmentId(0), pos), arrived: UnixNanos(0) };
        decoder.decode(&line, &mut out);
        pos += bytes.len() as u64 + 1;
    }
    decoder.finish(&mut out);
    out
}

const SPAN: &str = r#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"00f067aa0ba902b7","name":"draft","started_at":"2026-02-04T17:00:00Z","duration_ms":5}"#;

#[test]
fn prefixes_of_logs_are_stepped_over() {
    for prefix in [
        "",
        "2026-02-04T17:00:00.123Z INFO ",
        "web-1  | ",
        "2026-02-04 17:00:00,123 [main] {thread} DEBUG app.trace - ",
        "<34>1 2026-02-04T17:00:00Z host app 12 ID47 - ",
        "Feb  4 17:00:00 host app[12]: ",
        "2026-02-04T17:00:00.123456789Z stdout F ",
        "\u{1b}[32mINFO\u{1b}[0m span=",
    ] {
        let line = format!("{prefix}{SPAN}");
        assert_eq!(json_start(line.as_bytes()), Some(prefix.len()), "{prefix}");
    }
    let long = format!("{} {{}}", "x".repeat(600));
    for line in ["", "INFO starting", "set {a, b}", "INFO {\"a\":1} and more", "done {", &long, "x{\"a\":1}"]
    {
        assert_eq!(json_start(line.as_bytes()), None, "{line}");
    }
}

fn found(text: &str) -> (Framing, &'static str) {
    let found = detect_stream(text.as_bytes(), &Wish::default()).unwrap().unwrap();
    (found.dialect.framing, found.dialect.format.name)
}

#[test]
fn a_framing_is_found_with_its_format() {
    let log = format!("2026-02-04 17:00:00 INFO starting\n2026-02-04 17:00:01 INFO {SPAN}\n").repeat(3);
    assert_eq!(found(&log), (Framing::Prefixed, "native"));
    assert_eq!(found(&format!("{SPAN}\nweb | {SPAN}\n{SPAN}\n")), (Framing::Lines, "native"));
    assert_eq!(found(&format!("[{SPAN},\n{SPAN}]")), (Framing::Documents, "native"));
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(SPAN).unwrap()).unwrap();
    assert_eq!(found(&format!("{pretty}\n{pretty}")), (Framing::Documents, "native"));
    let wrapped = |text: &str| {
        format!(
            "{}\n",
            serde_json::json!({"log": format!("{text}\n"), "stream": "stdout", "time": "2026-02-04T17:00:00Z"})
        )
    };
    let docker = [wrapped("starting"), wrapped(SPAN)].concat();
    assert_eq!(found(&docker), (Framing::Container { prefixed: false }, "native"));
    let docker = [wrapped("starting"), wrapped(&format!("INFO {SPAN}"))].concat();
    assert_eq!(found(&docker), (Framing::Container { prefixed: true }, "native"));
    // A console's own text is no prefix.
    let console = String::from_utf8(crate::format::testing::fixture("step-telemetry/console.log")).unwrap();
    assert_eq!(found(&console), (Framing::Lines, "step-telemetry"));
    let docker: String = console.lines().map(wrapped).collect();
    assert_eq!(found(&docker), (Framing::Container { prefixed: false }, "step-telemetry"));
}

#[test]
fn lines_of_a_container_are_put_together_and_keep_their_place() {
    let wrapped = |text: &str| {
        serde_json::json!({"log": text, "stream": "stdout", "time": "2026-02-04T17:00:00Z"}).to_string()
    };
    let (begin, end) = SPAN.split_at(60);
    let text = [wrapped("hello\n"), wrapped(begin), wrapped(&format!("{end}\n")), wrapped(SPAN)].join("\n");
    let dialect =
        Dialect { format: LINE_FORMATS[0], framing: Framing::Container { prefixed: false }, mapping: None };
    let batch = decode(&dialect, text.as_bytes());
    assert_eq!(batch.updates.len(), 2, "{:?}", batch.problems);
    for update in &batch.updates {
        let at = update.payload.unwrap();
        let record = &text.as_bytes()[at.pos as usize..at.pos as usize + at.len as usize];
        let detail = dialect.detail(record);
        assert_eq!(detail.raw, SPAN);
    }
}

#[test]
fn a_prefixed_record_is_its_json() {
    let dialect = Dialect { format: LINE_FORMATS[0], framing: Framing::Prefixed, mapping: None };
    let text = format!("INFO up\n\nINFO {SPAN}\nINFO {{\"a\":\n");
    let batch = decode(&dialect, text.as_bytes());
    assert_eq!(batch.updates[0].payload.map(|at| (at.pos, at.len as usize)), Some((14, SPAN.len())));
    assert_eq!(batch.problems.count(Reason::OtherLine), 2);
}
