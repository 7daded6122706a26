//! Files as instrumentations of Python frameworks write them, against what the models behind them answered.

#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::fmt::Write as _;

use pretty_assertions::assert_eq;
use tracetui::model::{Field, Message, SpanDetail, UnixNanos};
use tracetui::store::{Clock, Store};

use super::live::Live;
use super::program::fixture;

/// File, spans, calls of models and tools, failed spans; input, cache reads, cache writes, output, reasoning.
type Expected = (&'static str, [u64; 4], [u64; 5]);

/// Each answer of a model once, although wrappers and SDKs repeat it. What an instrumentation keeps to itself is not
/// there: cached and reasoning tokens of the older ones, the second (streamed) answers of `traceloop-0.33`.
const FILES: [Expected; 13] = [
    ("genai-1.3-agents", [8, 3, 1, 2], [18_500, 8_704, 0, 300, 128]),
    ("genai-1.3-anthropic", [7, 3, 0, 2], [10_325, 5_000, 5_300, 195, 0]),
    ("genai-1.3-langgraph", [7, 3, 1, 2], [2_500, 2_048, 0, 160, 64]),
    ("openai-v2-2.4-content", [5, 3, 0, 1], [2_508, 0, 0, 160, 0]),
    ("openinference-anthropic-agents", [20, 7, 2, 1], [31_325, 13_704, 5_300, 655, 128]),
    ("openinference-crewai", [11, 6, 2, 1], [6_200, 5_120, 0, 400, 160]),
    ("openinference-langgraph", [13, 3, 1, 3], [2_500, 2_048, 0, 160, 64]),
    ("openinference-llama-index-smolagents", [23, 5, 3, 0], [6_100, 2_048, 0, 400, 64]),
    ("pydantic-ai-0.4", [10, 4, 2, 0], [12_825, 7_048, 5_300, 355, 64]),
    ("pydantic-ai-1.107-v1", [15, 7, 3, 3], [15_325, 9_096, 5_300, 515, 128]),
    ("pydantic-ai-2.68-v6", [15, 7, 3, 3], [15_325, 9_096, 5_300, 515, 128]),
    ("traceloop-0.33", [14, 5, 2, 0], [7_420, 0, 5_000, 257, 0]),
    ("traceloop-0.62-langgraph", [18, 3, 1, 4], [2_500, 2_048, 0, 160, 0]),
];

fn read(name: &str, spans: u64) -> Live {
    let mut live = Live::of(&fixture(&format!("otlp/writers/{name}.jsonl")));
    live.until("all spans", |store| store.totals().spans == spans);
    live
}

#[test]
fn every_answer_is_counted_once() {
    for (name, counts, tokens) in FILES {
        let live = read(name, counts[0]);
        let totals = live.store.totals();
        assert_eq!([totals.spans, totals.llm_calls, totals.tool_calls, totals.errors], counts, "{name}");
        let sum = totals.tokens;
        assert_eq!([sum.input, sum.cache_read, sum.cache_write, sum.output, sum.reasoning], tokens, "{name}");
    }
}

#[test]
fn an_answer_that_two_neighbours_tell_is_one() {
    let live = read("traceloop-0.62", 21);
    let tokens = live.store.totals().tokens;
    assert_eq!(
        [tokens.input, tokens.cache_read, tokens.cache_write, tokens.output, tokens.reasoning],
        [23_033, 12_168, 5_300, 585, 96]
    );
}

fn line(message: &Message) -> String {
    let (answer, tool) = (if message.output { "!" } else { "" }, message.tool.as_deref().unwrap_or_default());
    format!("{:?}{answer} {tool}: {}", message.role, message.text.trim())
}

fn said(detail: &SpanDetail) -> Vec<String> {
    detail.messages.iter().map(line).collect()
}

/// What the last span of a name says.
fn last(live: &Live, name: &str) -> Vec<String> {
    let spans = live.store.spans().filter(|span| span.name() == name);
    let span = spans.max_by_key(tracetui::store::SpanView::start).expect("the span");
    said(&live.catalog.read_detail(&span.payloads()).expect("its records"))
}

const TALK: [&str; 4] = [
    "User : Weather in Rome?",
    "Assistant get_weather: {\"location\":\"Paris\"}",
    "Tool get_weather: {\"temp_c\": 14, \"where\": \"Paris\"}",
    "Assistant! : It is 14 C and raining in Paris.",
];

#[test]
fn parts_in_json_text_are_read() {
    // Instrumentations of that time keep the list of parts as text, and nothing of a streamed answer.
    assert_eq!(last(&read("traceloop-0.33", 14), "anthropic.chat"), TALK[..3]);
    assert_eq!(
        last(&read("traceloop-0.62", 21), "openai.response").last().map(String::as_str),
        Some("Assistant! : **Thinking** about the request.")
    );
}

#[test]
fn a_tool_is_shown_without_what_wraps_its_arguments_and_result() {
    let call = [
        "Assistant get_weather: {\"location\":\"Paris\"}",
        "Tool! get_weather: {\"temp_c\": 14, \"where\": \"Paris\"}",
    ];
    assert_eq!(last(&read("traceloop-0.62", 21), "get_weather.tool"), call);
    assert_eq!(last(&read("traceloop-0.62-langgraph", 18), "execute_tool get_weather"), call);
    for tool in ["FunctionTool.acall", "SimpleTool"] {
        let said = last(&read("openinference-llama-index-smolagents", 23), tool);
        assert_eq!(said, [call[0], "Tool! get_weather: 14"], "{tool}");
    }
    let result = last(&read("openinference-langgraph", 13), "get_weather");
    assert_eq!(result, ["Assistant get_weather: Paris", call[1]]);
}

#[test]
fn graphs_and_agents_speak_in_messages_of_langchain() {
    let graph = [
        "User : Weather in Paris?",
        "User! : Weather in Paris?",
        "User! : plan it",
        "Assistant! get_weather: {\"location\":\"Paris\"}",
        "Tool! get_weather: {\"temp_c\": 14, \"where\": \"Paris\"}",
        "Assistant! : It is 14 C and raining in Paris.",
    ];
    assert_eq!(last(&read("openinference-langgraph", 13), "trip_graph"), graph);
    assert_eq!(last(&read("traceloop-0.62-langgraph", 18), "trip_graph.workflow"), graph);
    let agent = last(&read("traceloop-0.62", 21), "weather_agent.agent");
    assert_eq!(agent, ["User : Weather in Paris?", "Assistant! : It is 14 C and raining in Paris."]);
}

#[test]
fn a_call_told_twice_in_a_message_is_one_call() {
    let live = read("openinference-anthropic-agents", 20);
    assert_eq!(
        last(&live, "messages.stream")[..2],
        [TALK[0].to_owned(), "Assistant get_weather: {\"location\": \"Paris\"}".to_owned()]
    );
}

#[test]
fn results_in_log_records_name_their_tools() {
    let live = read("openai-v2-2.4-content", 5);
    let said = last(&live, "chat fail-429");
    assert_eq!(said.last().map(String::as_str), Some("Tool get_weather: {\"temp_c\":14}"));
}

fn labels(store: &Store) -> String {
    let clock = Clock::at(UnixNanos(0));
    let mut all: Vec<String> = Vec::new();
    for span in store.spans().filter(|span| span.kind().is_model_call()) {
        let mut line = format!("{} {}", span.name(), span.status(&clock));
        for field in [Field::Provider, Field::Model, Field::Agent, Field::Session] {
            let _ = write!(line, " | {}", span.text(span.inherited(field)));
        }
        if let Some(error) = span.error() {
            let _ = write!(line, " | {error}");
        }
        all.push(line);
    }
    all.sort();
    all.dedup();
    all.join("\n")
}

#[test]
fn calls_of_langchain_name_their_provider_agent_and_session() {
    assert_eq!(
        labels(&read("openinference-langgraph", 13).store),
        "ChatOpenAI error | openai | fail-500 | bad_agent | th-2 | OpenAIAPIError('Error code: 500 - mock overloaded')\n\
         ChatOpenAI ok | openai | gpt-4.1-2025-04-14 | weather_agent | s-1"
    );
    assert_eq!(
        labels(&read("traceloop-0.62-langgraph", 18).store),
        "ChatOpenAI.chat error | openai | fail-500 | bad_agent | th-2 | Error code: 500 - mock overloaded\n\
         ChatOpenAI.chat ok | openai | gpt-4.1-2025-04-14 | weather_agent | s-1"
    );
    let old = labels(&read("traceloop-0.33", 14).store);
    assert!(old.contains("ChatOpenAI.chat ok | openai | gpt-4.1-2025-04-14"), "{old}");
}
