use std::collections::BTreeMap;

use pretty_assertions::assert_eq;
use proptest::prelude::*;

use super::*;
use crate::model::Strings;

/// A span for tests. Attributes and payload may be out of reach.
#[derive(Clone, Debug, Default)]
struct Span {
    texts: BTreeMap<Field, String>,
    numbers: BTreeMap<Field, f64>,
    status: Option<Status>,
    kind: Option<SpanKind>,
    payload: Option<(BTreeMap<String, String>, String)>,
}

impl Row for Span {
    fn text(&self, field: Field) -> Cow<'_, str> {
        self.texts.get(&field).map_or(Cow::Borrowed(""), |text| Cow::Borrowed(text))
    }
    fn number(&self, field: Field) -> Option<f64> {
        self.numbers.get(&field).copied()
    }
    fn kind(&self) -> SpanKind {
        self.kind.unwrap_or(SpanKind::Other)
    }
    fn status(&self) -> Status {
        self.status.unwrap_or(Status::Ok)
    }
    fn attribute(&self, name: &str) -> Lookup<'_> {
        match &self.payload {
            None => Lookup::Unknown,
            Some((attributes, _)) => {
                attributes.get(name).map_or(Lookup::Absent, |value| Lookup::Value(Cow::Borrowed(value)))
            }
        }
    }
    fn payload_contains(&self, needle: &str) -> Verdict {
        match &self.payload {
            None => Verdict::Unknown,
            Some((_, text)) => text.to_lowercase().contains(&needle.to_lowercase()).into(),
        }
    }
}

/// Spans as a block.
struct Spans<'a> {
    rows: &'a [Span],
    strings: Strings,
}

impl Spans<'_> {
    fn each(&self, among: u64, mut holds: impl FnMut(&Span) -> bool) -> u64 {
        let asked = self.rows.iter().enumerate().filter(|(at, _)| among >> at & 1 == 1);
        asked.fold(0, |found, (at, row)| found | u64::from(holds(row)) << at)
    }
}

impl Block for Spans<'_> {
    fn kinds(&self, wanted: u16, among: u64) -> u64 {
        self.each(among, |row| wanted >> (row.kind() as u8) & 1 == 1)
    }
    fn statuses(&self, wanted: u16, among: u64) -> u64 {
        self.each(among, |row| wanted >> (row.status() as u8) & 1 == 1)
    }
    fn numbers(&self, field: Field, range: super::Range, among: u64) -> u64 {
        let scale = match field.field_type() {
            crate::model::FieldType::Count => 1.0,
            _ => 1e9,
        };
        self.each(among, |row| {
            row.number(field).is_some_and(|number| range.has((number * scale).round() as i64))
        })
    }
    fn texts(&mut self, field: Field, question: &mut Question<'_>, among: u64) -> u64 {
        let mut strings = std::mem::take(&mut self.strings);
        let found = self.each(among, |row| {
            if field == Field::Trace {
                return question.text(&row.text(field));
            }
            let symbol = strings.intern(&row.text(field));
            question.symbol(symbol, &strings)
        });
        self.strings = strings;
        found
    }
    fn attribute(&self, at: u32, name: &str) -> Lookup<'_> {
        self.rows[at as usize].attribute(name)
    }
    fn payload_contains(&self, at: u32, needle: &str) -> Verdict {
        self.rows[at as usize].payload_contains(needle)
    }
}

fn span() -> Span {
    let texts = [
        (Field::Name, "Extract Intent"),
        (Field::Step, "extract-intent"),
        (Field::Model, "gpt-4o"),
        (Field::Provider, "openai"),
        (Field::Error, "Tool call timed out"),
    ];
    let numbers = [(Field::Tokens, 1500.0), (Field::Cost, 0.0123), (Field::Duration, 2.5)];
    Span {
        texts: texts.map(|(field, text)| (field, text.to_owned())).into(),
        numbers: numbers.into(),
        status: Some(Status::Error),
        kind: Some(SpanKind::Llm),
        ..Span::default()
    }
}

fn with_payload() -> Span {
    let attributes = [("userId", "u1"), ("retries", "3"), ("empty", "")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Span { payload: Some((attributes, "the Provider said: Rate Limit".to_owned())), ..span() }
}

fn filter(source: &str) -> Filter {
    let parsed = Filter::parse(source);
    assert_eq!(parsed.errors, [], "{source}");
    parsed.filter
}

fn check(row: &Span, verdict: Verdict, sources: &[&str]) {
    for source in sources {
        assert_eq!(filter(source).matches(row), verdict, "{source}");
    }
}

#[test]
fn matching() {
    let yes = [
        "",
        "model:gpt-4o",
        "model:GPT-4O",
        "model:gpt*",
        "model:*4o",
        "model:*",
        "model~PT-4",
        "model:o3,gpt-4o",
        "model!=gpt-4o-mini",
        "-model:gpt-4",
        "-tool:*",
        "tool:\"\"",
        "tool!=x",
        "exint",
        "\"xtract int\"",
        "ext*",
        "step:extract-* status:error",
        "status:ok or status:error",
        "status:err*",
        "-status:ok,running",
        "kind:llm",
        "tokens>1k tokens<=1500 tokens:1500",
        "cost:0.0123",
        "cost>0.01 cost:*",
        "dur>2s dur<2501ms",
        "-ttft>0 -ttft:* ttft!=5",
        "model:x or (provider:openai -kind:tool)",
        "text:\"timed out\"",
        "text:INTENT",
    ];
    check(&span(), Verdict::Yes, &yes);
    let no = [
        "model:gpt-4",
        "model:gpt-4o-mini",
        "model:\"gpt\\*\"",
        "model!~gpt",
        "tool:*",
        "xyz",
        "extract*x",
        "status:ok",
        "status~un",
        "kind:tool",
        "tokens>1500",
        "cost>$0.0123",
        "ttft>0",
        "ttft<1h",
        "model:gpt-4o status:ok",
        "-(model:gpt-4o or x)",
    ];
    check(&span(), Verdict::No, &no);
}

#[test]
fn what_only_the_payload_can_tell_is_unknown_unless_something_else_decides() {
    let unknown = ["attr.userId:u1", "-attr.userId:u1", "text:limit", "attr.n>1", "model:x or text:limit"];
    check(&span(), Verdict::Unknown, &unknown);
    check(&span(), Verdict::No, &["text:limit model:x", "attr.userId:u1 -kind:llm"]);
    check(&span(), Verdict::Yes, &["text:limit or model:gpt-4o"]);

    let yes = [
        "attr.userId:u1",
        "attr.userId:U*",
        "attr.retries>2 attr.retries<=3",
        "text:\"rate limit\"",
        "attr.none:\"\" attr.empty:\"\" -attr.none:* attr.none!=x",
        "-attr.userId>5",
    ];
    check(&with_payload(), Verdict::Yes, &yes);
    check(&with_payload(), Verdict::No, &["attr.userId:u2", "attr.none>0", "attr.userId>0", "text:nowhere"]);

    assert!(filter("a (b or text:x)").needs_payload());
    assert!(filter("-attr.a:1").needs_payload());
    assert!(!filter("a model:b -cost>1").needs_payload());
    assert!(filter("").is_empty());
}

#[test]
fn keys_include_and_exclude_values() {
    let start = filter("step:x");
    let one = start.with(Field::Model, "gpt-4o");
    assert_eq!(one.to_string(), "step:x model:gpt-4o");
    let two = one.with(Field::Model, "a*b c");
    assert_eq!(two.to_string(), "step:x model:gpt-4o,\"a\\*b c\"");
    assert_eq!(two.with(Field::Model, "gpt-4o"), two);
    assert_eq!(two.without(Field::Model, "gpt-4o").without(Field::Model, "a*b c"), start);
    let out = start.without(Field::Model, "gpt-4o");
    assert_eq!(out.to_string(), "step:x -model:gpt-4o");
    assert_eq!(out.without(Field::Model, "gpt-4o"), out);
    assert_eq!(out.with(Field::Model, "gpt-4o"), start);
    assert_eq!(filter("a or b").with(Field::Status, "error").to_string(), "(a or b) status:error");
    assert_eq!(start.with(Field::Cost, "lots"), start);
    assert_eq!(start.with(Key::Attr("user id".into()), "u 1").to_string(), r#"step:x attr."user id":"u 1""#);
    assert_eq!(start.with(Field::Model, "").to_string(), r#"step:x model:"""#);
    assert_eq!(two.without_term(0).to_string(), "model:gpt-4o,\"a\\*b c\"");
    assert_eq!(start.without_term(0), Filter::default());
    assert_eq!(two.terms().len(), 2);
}

#[test]
fn a_value_that_is_being_typed_stands_for_what_begins_so() {
    let meant = |source: &str| unfinished(source, |_, value| value == "gpt-4o");
    for (source, expected) in [
        ("model:gp", "model:gp*"),
        ("status:error model=gpt-4o,o", "status:error model=gpt-4o,o*"),
        ("agent:\"Quick S", "agent:\"Quick S*\""),
        ("kind:(llm or to", ""),
        ("status:er", "status:er*"),
        ("a or --trace:4bf9", "a or --trace:4bf9*"),
    ] {
        assert_eq!(meant(source).unwrap_or_default(), expected, "{source}");
    }
    for whole in [
        "",
        "gp",
        "model:",
        "model:gpt-4o",
        "model:gp ",
        "model:gp*",
        "model:g*p",
        "agent:\"Quick\"",
        "agent:\"x\\",
        "-model:gp",
        "model!=gp",
        "model~gp",
        "not (a model:gp",
        "cost>0.0",
        "text:tim",
        "attr.a:b",
        "status:ok",
        "status:failed",
        "status:zz",
    ] {
        assert_eq!(meant(whole), None, "{whole}");
    }
}

fn candidates(source_with_cursor: &str) -> (Range, Vec<String>) {
    let cursor = source_with_cursor.find('|').expect("a cursor");
    let source = source_with_cursor.replace('|', "");
    let present = |key: &Key| match key {
        Key::Field(Field::Model) => vec!["gpt-4o".to_owned(), "Claude Sonnet".to_owned(), "o3".to_owned()],
        Key::Attr(name) if name.is_empty() => vec!["userId".to_owned(), "user id".to_owned()],
        _ => Vec::new(),
    };
    let found = complete(&source, cursor, present);
    assert!(source.get(found.replace.clone()).is_some());
    (found.replace, found.candidates.into_iter().map(|candidate| candidate.insert).collect())
}

type Range = std::ops::Range<usize>;

#[test]
fn completion() {
    let just = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(candidates("mod|"), (0..3, just(&["model:"])));
    assert_eq!(candidates("a -st|e b"), (3..6, just(&["step:", "status:", "cost>"])));
    assert_eq!(candidates("took|").1, ["dur>"]);
    assert_eq!(candidates("status:er|"), (7..9, just(&["error"])));
    assert_eq!(candidates("kind:(llm or to|)"), (13..15, just(&["tool"])));
    assert_eq!(candidates("model:|"), (6..6, just(&["gpt-4o", "\"Claude Sonnet\"", "o3"])));
    assert_eq!(candidates("model:gpt-4o,|"), (13..13, just(&["gpt-4o", "\"Claude Sonnet\"", "o3"])));
    assert_eq!(candidates("model:\"cla|"), (6..10, just(&["\"Claude Sonnet\""])));
    assert_eq!(candidates("attr.us|"), (0..7, just(&["attr.userId:", "attr.\"user id\":"])));
    assert_eq!(candidates("cost>1|").1, [""; 0]);
    assert_eq!(candidates("a or|").1, [""; 0]);
    assert_eq!(candidates("(a)|").1, [""; 0]);
    assert_eq!(candidates("a or (mode|").1, ["model:"]);
    assert!(candidates("a |").1.len() > 20);
    assert!(candidates("|").1.contains(&"model:".to_owned()));
    assert_eq!(complete("é", 1, |_| Vec::new()).replace, 0..2);
}

#[test]
fn the_reference_is_true() {
    for field in Field::ALL {
        assert!(REFERENCE.contains(&format!("`{}`", field.name())), "{} is missing", field.name());
    }
    for word in
        Status::ALL.iter().map(|word| word.as_str()).chain(SpanKind::ALL.iter().map(|word| word.as_str()))
    {
        assert!(REFERENCE.contains(word), "{word} is missing");
    }
    let mut examples = 0;
    for line in REFERENCE.lines() {
        let Some(cell) = line.strip_prefix("| `") else { continue };
        for example in cell.split(" |").next().unwrap_or_default().split('`').step_by(2) {
            filter(example);
            examples += 1;
        }
    }
    assert!(examples > 20, "only {examples} examples found");
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        "[a-zA-Z0-9 :,*\"()\\\\~<>=!.-]{0,8}",
        "\\PC{0,6}",
        any::<String>(),
        Just("or".to_owned()),
        Just("NOT".to_owned()),
    ]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop::collection::vec(text(), 1..4).prop_map(Pattern::from_parts)
}

fn leaf() -> impl Strategy<Value = Expr> {
    let texts: Vec<Field> = Field::ALL
        .iter()
        .copied()
        .filter(|field| field.field_type() == crate::model::FieldType::Text)
        .collect();
    let key = prop_oneof![prop::sample::select(texts).prop_map(Key::Field), text().prop_map(Key::Attr),];
    let equal = prop::sample::select(vec![Op::Is, Op::IsNot]);
    let has = prop::sample::select(vec![Op::Has, Op::HasNot]);
    let size = prop::sample::select(vec![Op::Is, Op::IsNot, Op::Gt, Op::Ge, Op::Lt, Op::Le]);
    let counted =
        prop::sample::select(vec![Field::Tokens, Field::Input, Field::Cost, Field::Duration, Field::Ttft]);
    let number =
        prop_oneof![0.0..1e4_f64, 0.0..1e-6_f64, 0.0..1e300_f64, (0..10_000_000_u32).prop_map(f64::from)];
    prop_oneof![
        text()
            .prop_filter("not empty", |text| !text.is_empty())
            .prop_map(|word| Expr::Names(Needle::word(&word))),
        pattern().prop_filter("not empty", |p| !p.is_empty()).prop_map(|p| Expr::Names(Needle::Contains(p))),
        (key.clone(), equal.clone(), prop::collection::vec(pattern().prop_map(Value::Text), 1..4))
            .prop_map(|(key, op, values)| Expr::Test(Test { key, op, values })),
        (key, has, pattern().prop_filter("not empty", |p| !p.is_empty()))
            .prop_map(|(key, op, p)| Expr::Test(Test { key, op, values: vec![Value::Text(p)] })),
        (equal, prop::sample::select(Status::ALL)).prop_map(|(op, status)| {
            let values = vec![Value::Text(Pattern::literal(status.as_str()))];
            Expr::Test(Test { key: Key::Field(Field::Status), op, values })
        }),
        (counted, size, number).prop_map(|(field, op, number)| {
            Expr::Test(Test { key: Key::Field(field), op, values: vec![Value::Number(number)] })
        }),
        text().prop_filter("not empty", |text| !text.is_empty()).prop_map(|text| {
            Expr::Test(Test { key: Key::Text, op: Op::Is, values: vec![Value::Literal(text)] })
        }),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_filter_map("some", Expr::and),
            prop::collection::vec(inner.clone(), 1..4).prop_filter_map("some", Expr::or),
            inner.prop_map(Expr::negate),
        ]
    })
}

fn any_span() -> impl Strategy<Value = Span> {
    let words = prop::sample::select(vec!["", "a", "gpt-4o", "Extract Intent", "é", "or", "x*y"]);
    let texts = prop::collection::vec(words, Field::ALL.len());
    // Whole numbers of what a row holds, in the field's unit.
    let number = (prop::sample::select(Field::ALL), 0..10_000_i64).prop_map(|(field, number)| {
        let scale = if field.field_type() == crate::model::FieldType::Count { 1.0 } else { 1e9 };
        (field, number as f64 / scale)
    });
    let numbers = prop::collection::vec(number, 0..6).prop_map(|numbers| numbers.into_iter().collect());
    (texts, numbers, prop::sample::select(Status::ALL), prop::sample::select(SpanKind::ALL)).prop_map(
        |(texts, numbers, status, kind)| Span {
            texts: Field::ALL.iter().copied().zip(texts.into_iter().map(str::to_owned)).collect(),
            numbers,
            status: Some(status),
            kind: Some(kind),
            ..Span::default()
        },
    )
}

proptest! {
    #[test]
    fn printed_filters_parse_to_themselves(expr in expr()) {
        let source = expr.to_string();
        prop_assume!(source.len() <= MAX_SOURCE);
        let parsed = Filter::parse(&source);
        prop_assert_eq!(&parsed.errors, &[], "{}", source);
        prop_assert_eq!(parsed.filter.expr(), Some(&expr), "{}", source);
    }

    #[test]
    fn any_text_is_read_without_panic(source in "\\PC*|[a-z:()\"\\\\*!~<>=, -]{0,60}", cursor in 0_usize..80) {
        let parsed = Filter::parse(&source);
        for error in &parsed.errors {
            prop_assert!(source.get(error.span.clone()).is_some());
        }
        let completion = complete(&source, cursor, |_| vec!["x".to_owned()]);
        prop_assert!(source.get(completion.replace).is_some());
        let printed = parsed.filter.to_string();
        let again = Filter::parse(&printed);
        prop_assert_eq!(&again.errors, &[], "{}", printed);
        prop_assert_eq!(&again.filter, &parsed.filter, "{}", printed);
    }

    #[test]
    fn blocks_give_the_same_answers(
        expr in expr(),
        rows in prop::collection::vec(any_span(), 1..20),
        among in any::<u64>(),
    ) {
        let filter = Filter::from_expr(Some(expr));
        let mut compiled = filter.compiled();
        let mut spans = Spans { rows: &rows, strings: Strings::default() };
        let among = among & ((1 << rows.len()) - 1);
        for _ in 0..2 {
            let found = compiled.ask(&mut spans, among);
            for (at, row) in rows.iter().enumerate() {
                let verdict = (found.yes >> at & 1, found.unknown >> at & 1);
                let expected = match (among >> at & 1 == 1).then(|| filter.matches(row)) {
                    Some(Verdict::Yes) => (1, 0),
                    Some(Verdict::Unknown) => (0, 1),
                    Some(Verdict::No) | None => (0, 0),
                };
                prop_assert_eq!(verdict, expected, "row {}", at);
            }
        }
    }
}
