//! Conversations, and the bill.

use std::fmt::Write as _;

use super::Screen;
use crate::format::{LINE_FORMATS, Line, Stream};
use crate::model::{Batch, PayloadRef, SegmentId, Stamp, UnixNanos};
use crate::store::TraceIx;
use crate::tui::msg::{Effect, Msg};

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
fn a_conversation_goes_on_while_it_is_looked_at() {
    let mut screen = Screen::of(100, 30, &turns());
    screen.press("j C");
    assert!(screen.draw().contains("3 turns"));
    let turn = |status: &str, end: &str, said: &str| {
        format!(
            r#"{{"trace_id":"t6","span_id":"r6","name":"ask","span_type":"agent_run","started_at":"2026-02-04T17:00:09Z"{end},"status":"{status}","attributes":{{"sessionId":"chat-1"}},"input":{{"messages":[{{"role":"user","content":"One more"}}]}}{said}}}"#
        ) + "\n"
    };
    screen.append(&turn("started", "", ""));
    let drawn = screen.draw();
    assert!(drawn.contains("4 turns") && drawn.contains("One more"), "{drawn}");
    assert!(drawn.contains("4/4 ask  running"), "the newest is followed:\n{drawn}");
    let end = r#","ended_at":"2026-02-04T17:00:10Z""#;
    screen.append(&turn("completed", end, r#","output":{"content":"With pleasure."}"#));
    let drawn = screen.draw();
    assert!(drawn.contains("With pleasure.") && drawn.contains("4/4 ask  ok"), "{drawn}");
    // Who looks at an earlier turn stays there.
    screen.press("k k");
    screen.append(&turn("completed", end, r#","output":{"content":"With pleasure."}"#).replace("6\"", "7\""));
    let drawn = screen.draw();
    assert!(drawn.contains("5 turns") && drawn.contains("Second line."), "{drawn}");
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

/// A run of spans below a root, each with its words.
fn run(trace: &str, session: &str, kind: &str, words: &[&str]) -> String {
    let mut lines = format!(
        r#"{{"trace_id":"{trace}","span_id":"{trace}-root","name":"{trace}","span_type":"agent_run","started_at":"2026-02-04T17:00:00Z","ended_at":"2026-02-04T17:00:09Z","status":"completed","attributes":{{{session}}}}}"#
    );
    for (at, words) in words.iter().enumerate() {
        write!(
            lines,
            "\n{}",
            format_args!(
                r#"{{"trace_id":"{trace}","span_id":"{trace}-{at}","parent_span_id":"{trace}-root","name":"{words}","span_type":"{kind}","started_at":"2026-02-04T17:00:0{at}Z","ended_at":"2026-02-04T17:00:0{at}.5Z","status":"completed","input":{{"messages":[{{"role":"user","content":"{words}"}}]}}}}"#
            )
        )
        .expect("a string takes it");
    }
    lines + "\n"
}

/// What the records of a text say when they are read again.
fn again(lines: &str) -> Batch {
    let stream = Stream { name: "run.ndjson".to_owned(), salt: b"test".to_vec(), notes: String::new() };
    let mut decoder = (LINE_FORMATS[0].decoder)(&stream);
    let (mut batch, mut pos) = (Batch::default(), 0);
    for line in lines.lines() {
        let at = PayloadRef { segment: SegmentId(0), pos, len: line.len() as u32 };
        let stamp = Stamp::new(SegmentId(0), pos);
        decoder.decode(&Line { bytes: line.as_bytes(), at, stamp, arrived: UnixNanos(0) }, &mut batch);
        pos += line.len() as u64 + 1;
    }
    batch
}

#[test]
fn turns_that_left_memory_are_never_those_of_another_run() {
    let mine = run("mine", r#""sessionId":"chat-1""#, "turn", &["first words", "second words"]);
    for opened_before in [true, false] {
        let mut screen = Screen::of(100, 30, &mine);
        screen.model.set_prices(Box::new(crate::price::PriceTable::builtin()), crate::price::CostMode::Auto);
        screen.settle();
        screen.reads = false;
        if opened_before {
            screen.press("C");
            assert!(screen.shows("Conversation chat-1  2 turns"), "{}", screen.draw());
        }
        assert_eq!(screen.model.store.evict(0, |_| false), 1);
        // Its rows are those of another run from here on.
        screen.append(&run("thief", "", "step", &["stolen one", "stolen two"]));
        screen.reads = true;
        screen.settle();
        if !opened_before {
            screen.press("G C");
        }
        let drawn = screen.draw();
        assert!(drawn.contains("Conversation chat-1") && drawn.contains("not in memory"), "{drawn}");
        assert!(!drawn.contains("stolen") && !drawn.contains("thief"), "{drawn}");

        screen.model.memory.limit = Some(usize::MAX);
        screen.settle();
        let trace = TraceIx::from_index(0);
        assert!(screen.asked.iter().any(|effect| matches!(effect, Effect::Restore(it, ..) if *it == trace)));
        screen.send(Msg::Restored(trace, Ok(again(&mine))));
        screen.settle();
        let drawn = screen.draw();
        assert!(drawn.contains("Conversation chat-1  2 turns"), "{drawn}");
        assert!(drawn.contains("first words") && drawn.contains("second words"), "{drawn}");
        // What is looked at stays.
        assert!(!screen.model.store.is_evicted(trace));
        screen.model.memory.limit = Some(0);
        screen.settle();
        assert!(!screen.model.store.is_evicted(trace));
    }
}
