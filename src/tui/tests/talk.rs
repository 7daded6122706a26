//! Conversations, and the bill.

use std::fmt::Write as _;

use super::Screen;

/// Runs of two conversations, a few seconds apart; the last one has its words in its model call.
fn turns() -> String {
    let mut lines = String::new();
    for (at, session, asked, answered) in [
        (1, "chat-1", "What is a span?", "A timed part of a run."),
        (2, "chat-2", "Something else", "Indeed"),
        (3, "chat-1", "And a trace?", "All spans of one run.\\nSecond line."),
    ] {
        writeln!(
            lines,
            r#"{{"trace_id":"t{at}","span_id":"r{at}","name":"ask","span_type":"agent_run","started_at":"2026-02-04T17:00:0{at}Z","ended_at":"2026-02-04T17:00:0{at}.5Z","status":"completed","attributes":{{"sessionId":"{session}"}},"input":{{"messages":[{{"role":"user","content":"earlier"}},{{"role":"assistant","content":"before"}},{{"role":"user","content":"{asked}"}}]}},"output":{{"content":"{answered}"}}}}"#
        )
        .expect("a string takes it");
    }
    lines += concat!(
        r#"{"trace_id":"t4","span_id":"r4","name":"ask","span_type":"step","started_at":"2026-02-04T17:00:05Z","ended_at":"2026-02-04T17:00:06Z","status":"completed","attributes":{"sessionId":"chat-1"}}"#,
        "\n",
        r#"{"trace_id":"t4","span_id":"c4","parent_span_id":"r4","name":"gpt-4o","span_type":"model_generation","started_at":"2026-02-04T17:00:05Z","ended_at":"2026-02-04T17:00:06Z","status":"completed","attributes":{"model":"gpt-4o","provider":"openai","promptTokens":812,"cacheReadTokens":512,"completionTokens":240},"input":{"messages":[{"role":"user","content":"Thanks"}]},"output":{"content":"You are welcome."}}"#,
        "\n",
        r#"{"trace_id":"t5","span_id":"r5","name":"alone","span_type":"step","started_at":"2026-02-04T17:00:07Z","ended_at":"2026-02-04T17:00:08Z","status":"completed"}"#,
        "\n",
    );
    lines
}

#[test]
fn a_conversation_turn_by_turn() {
    let mut screen = Screen::of(100, 30, &turns());
    // The newest run names no session.
    screen.press("C");
    assert!(screen.draw().contains("names no session"));
    screen.press("j C");
    let drawn = screen.draw();
    assert!(drawn.contains("Conversation chat-1  3 turns"), "{drawn}");
    for said in ["What is a span?", "A timed part of a run.", "And a trace?", "Thanks", "You are welcome."] {
        assert!(drawn.contains(said), "{said} in\n{drawn}");
    }
    for unsaid in ["earlier", "Something else", "Second line"] {
        assert!(!drawn.contains(unsaid), "{unsaid} in\n{drawn}");
    }
    screen.press("k");
    assert!(screen.draw().contains("Second line."), "the selected turn is whole");
    screen.press("enter");
    let drawn = screen.draw();
    assert!(!drawn.contains("Conversation chat-1") && drawn.contains(" t3 "), "its run is open:\n{drawn}");
}

#[test]
fn the_bill_of_a_call_and_its_run() {
    let mut screen = Screen::of(100, 40, &turns());
    screen.press("j enter j $");
    let drawn = screen.draw();
    for line in [
        "This span  gpt-4o",
        "input, in no cache",
        "read from the cache",
        "no price is known",
        "The run  ask",
    ] {
        assert!(drawn.contains(line), "{line} in\n{drawn}");
    }
    let prices = Box::new(crate::price::PriceTable::builtin());
    screen.model.set_prices(prices, crate::price::CostMode::Auto);
    screen.settle();
    let drawn = screen.draw();
    // 300 × 2.50 + 512 × 1.25 + 240 × 10 dollars per million.
    for line in
        ["× $2.5 per million", "× $1.25 per million", "$0.00379", "saved by the cache", "genai-prices"]
    {
        assert!(drawn.contains(line), "{line} in\n{drawn}");
    }
}
