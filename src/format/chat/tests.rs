use pretty_assertions::assert_eq;

use super::*;

fn lines(input: &str, output: &str) -> Vec<String> {
    messages(Some(input), Some(output), true)
        .iter()
        .map(|m| {
            format!(
                "{:?}{}{}: {}",
                m.role,
                if m.output { "!" } else { "" },
                m.tool.as_deref().unwrap_or(""),
                m.text
            )
        })
        .collect()
}

#[test]
fn chat_requests_and_answers() {
    let input = r#"{"system":"Be brief.","messages":[{"role":"user","content":[{"type":"text","text":"Hi"},
        {"type":"image"}]},{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"find",
        "arguments":"{\"q\":1}"}}]},{"role":"tool","name":"find","content":"3 hits"}]}"#;
    let output = r#"{"text":"Done","toolCalls":[{"toolName":"save","args":{"id":7}}]}"#;
    assert_eq!(
        lines(input, output),
        [
            "System: Be brief.",
            "User: Hi",
            "User: [image]",
            "Assistantfind: {\"q\":1}",
            "Toolfind: 3 hits",
            "Assistant!: Done",
            "Assistant!save: {\"id\":7}",
        ]
    );
}

#[test]
fn plain_text_is_a_message_only_where_somebody_speaks() {
    assert_eq!(lines("Hello", "\"World\""), ["User: Hello", "Assistant!: World"]);
    assert_eq!(messages(Some("Hello"), Some("{\"text\":\"x\"}"), false), []);
    assert_eq!(lines("{\"prompt\":\"Why?\"}", "{\"content\":\"So.\"}"), ["User: Why?", "Assistant!: So."]);
}
