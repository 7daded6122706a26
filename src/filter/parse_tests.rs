use pretty_assertions::assert_eq;

use super::*;
use crate::filter::Filter;

/// The filter as it prints, with its errors as `start..end message`.
fn read(source: &str) -> (String, Vec<String>) {
    let parsed = Filter::parse(source);
    let errors = parsed.errors.iter().map(|error| {
        assert!(source.get(error.span.clone()).is_some(), "{source}: {error:?} cuts a character");
        format!("{}..{} {error}", error.span.start, error.span.end)
    });
    (parsed.filter.to_string(), errors.collect())
}

fn reads_as(source: &str, printed: &str) {
    assert_eq!(read(source), (printed.to_owned(), Vec::<String>::new()), "{source}");
}

fn fails_as(source: &str, printed: &str, error: &str) {
    let (filter, errors) = read(source);
    assert_eq!((filter.as_str(), errors.join("; ").as_str()), (printed, error), "{source}");
}

#[test]
fn the_products_example() {
    let source = "step:extract* model:gpt-4o status:error tokens>1000 cost>0.01 dur>2s tool:execute_command \
                  agent:\"Quick*\" attr.userId=u1 text:\"timeout\"";
    reads_as(
        source,
        "step:extract* model:gpt-4o status:error tokens>1k cost>0.01 dur>2s tool:execute_command agent:Quick* \
         attr.userId:u1 text:timeout",
    );
}

#[test]
fn combinations() {
    reads_as("", "");
    reads_as("  ", "");
    reads_as("a b", "a b");
    reads_as("a and b AND c", "a b c");
    reads_as("a b or c d", "a b or c d");
    reads_as("a (b or c)", "a (b or c)");
    reads_as("(a b) c", "a b c");
    reads_as("((a)) or ((b or c))", "a or b or c");
    reads_as("-a", "-a");
    reads_as("not a b", "-a b");
    reads_as("!a", "-a");
    reads_as("--a", "a");
    reads_as("not -a", "a");
    reads_as("-(a or b)", "-(a or b)");
    reads_as("-(a b) or c", "-(a b) or c");
    reads_as("-model:x", "-model:x");
    reads_as("order andy nothing", "order andy nothing");
    reads_as("\"or\" \"a b\"", "\"or\" \"a b\"");
    reads_as("gpt-4o hello!", "gpt-4o hello!");
}

#[test]
fn tests_of_fields() {
    reads_as("model=gpt-4o", "model:gpt-4o");
    reads_as("MODEL:GPT-4o", "model:GPT-4o");
    reads_as("model!=a model~b model!~c", "model!=a model~b model!~c");
    reads_as("model:(a or b)", "model:a,b");
    reads_as("model:(a, b,c)", "model:a,b,c");
    reads_as("model:a,\"b c\"", "model:a,\"b c\"");
    reads_as("model:\"or\"", "model:\"or\"");
    reads_as("model:\"\"", "model:\"\"");
    reads_as("model:** cost:*", "model:* cost:*");
    reads_as(r#"model:"a\*b*""#, r#"model:"a\*b*""#);
    reads_as(r#"name:"\u{1f600}\n\"\\""#, "name:\"😀\\n\\\"\\\\\"");
    reads_as("tool:mcp:files:read", "tool:mcp:files:read");
    reads_as(r"file:C:\runs\a.db", r#"source:"C:\\runs\\a.db""#);
    reads_as("node:x took>1s usd>1", "step:x dur>1s cost>1");
    reads_as("cost > 0.01 dur <= 150ms tokens>= 1.5M", "cost>0.01 dur<=150ms tokens>=1.5M");
    reads_as("in>1k out<1_000 cost:$0.5", "in>1k out<1k cost:0.5");
    reads_as("status:failed status:err* status~un", "status:error status:err* status~un");
    reads_as("kind:llm,tool", "kind:llm,tool");
    reads_as("attr.a.b-c/d:1 attr.n>2 attr.\"odd: name\":x", "attr.a.b-c/d:1 attr.n>2 attr.\"odd: name\":x");
    reads_as("text:\"a*b\" text~x", r#"text:"a\*b" text~x"#);
    reads_as("step:日本語 \"ñ\"", "step:日本語 \"ñ\"");
}

#[test]
fn what_is_wrong_is_said_and_the_rest_is_kept() {
    fails_as(
        "modle:gpt-4o status:error",
        "status:error",
        "0..5 there is no field `modle`; did you mean `model`?",
    );
    fails_as(
        "http://x a",
        "a",
        "0..4 there is no field `http`; attr.NAME reads an attribute, quotes look for text",
    );
    fails_as("status:eror a", "a", "7..11 `eror` is no status; did you mean `error`?");
    fails_as("model>5 a", "a", "0..5 model holds text: use : != ~ !~");
    fails_as("cost~5", "", "0..4 cost holds a number: use : != > >= < <=");
    fails_as("cost>cheap a", "a", "5..10 `cheap` is no number for cost: 0.01, $0.5");
    fails_as("tokens>1,000", "tokens>1", "9..12 tokens> takes one value; write 1000 or 1k without a comma");
    fails_as("model:", "", "0..6 model: needs a value");
    fails_as("model: gpt", "gpt", "0..6 model: needs a value");
    fails_as("text:\"\"", "", "5..7 text: needs some text");
    fails_as("model:a,", "model:a", "7..8 a value belongs after this comma");
    fails_as("(a b", "a b", "0..1 this ( is not closed");
    fails_as("a) b", "a b", "1..2 there is no ( for this )");
    fails_as("()", "", "0..2 there is nothing between these parentheses");
    fails_as("a or", "a", "2..4 `or` needs something on both sides");
    fails_as("or a", "a", "0..2 `or` needs something on both sides");
    fails_as("and a", "a", "0..3 `and` needs something on both sides");
    fails_as("a -", "a", "2..3 there is nothing here to negate");
    fails_as("a not", "a", "2..5 there is nothing here to negate");
    fails_as("\"open", "\"open\"", "0..1 this quote is not closed");
    fails_as("model:\"open", "model:open", "6..7 this quote is not closed");
    fails_as(
        "model:(a b",
        "model:a,b",
        "6..7 this ( is not closed; \
        9..10 values are separated by `or` or a comma; text with spaces goes into quotes",
    );
    fails_as(
        "model:((a) b)",
        "model:a,b",
        "7..8 a list of values has no inner lists; \
        11..12 values are separated by `or` or a comma; text with spaces goes into quotes",
    );
    fails_as("tool:f(x)", "tool:f x", "6..7 text with quotes or parentheses goes into quotes as a whole");
    fails_as(">5 a", "a", "0..2 a field belongs before the operator: cost>0.01");
    fails_as("attr.:5", "", "0..5 the name of an attribute is missing: attr.userId:u1");
    fails_as(
        r#"name:"\d""#,
        r#"name:"\\d""#,
        r#"6..7 a backslash stands before " \ * n r t or u{…}; write \\ for itself"#,
    );
}

#[test]
fn suggestions_replace_their_span() {
    let source = "modle:gpt-4o status:eror";
    let mut fixed = source.to_owned();
    for error in Filter::parse(source).errors.iter().rev() {
        let suggestion = error.suggestion.as_deref().expect("a suggestion");
        fixed.replace_range(error.span.clone(), suggestion);
    }
    assert_eq!(fixed, "model:gpt-4o status:error");
    assert_eq!(Filter::parse("é modle:x").errors[0].column("é modle:x"), 3);
}

#[test]
fn depth_and_length_are_bounded() {
    for (open, close) in [("(", ")"), ("-(", ")"), ("a or (", ")"), ("not (", ")"), ("(", ""), ("", ")")] {
        let source = format!("{}a b{}", open.repeat(10_000), close.repeat(10_000));
        let parsed = Filter::parse(&source);
        assert!(!parsed.errors.is_empty());
        assert_eq!(Filter::parse(&parsed.filter.to_string()).filter, parsed.filter);
    }
    let nested = format!("{}a{} b", "(".repeat(MAX_DEPTH + 5), ")".repeat(MAX_DEPTH + 5));
    assert_eq!(read(&nested).0, "a b");
    let long = "é".repeat(MAX_SOURCE);
    let parsed = Filter::parse(&long);
    assert_eq!(parsed.filter.to_string().len(), MAX_SOURCE);
    assert_eq!(parsed.errors.len(), 1);
    for lot in ["-", "not ", "\"", ":", "a:", "!=", "\\", "(", "model:(", ",", "or "] {
        Filter::parse(&lot.repeat(100_000));
    }
}
