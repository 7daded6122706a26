use super::facts::{Collector, Context};
use super::*;
use crate::format::json::Value;
use crate::model::{Batch, Id, Parent, SpanKind, SpanUpdate, Stamp, Usage, UsageNotes, response_key};

fn update(
    mapping: &Mapping,
    scope: &str,
    name: &str,
    attributes: &[(&str, Value<'_>)],
) -> (SpanUpdate, Batch) {
    let mut batch = Batch::default();
    let mut update = SpanUpdate::new(Id::synthetic(&[b"t"]), Id::synthetic(&[b"s"]), Stamp(0));
    update.parent = Parent::Root;
    let mut collector = Collector::new(mapping);
    for (name, value) in attributes {
        if collector.wants(name) {
            collector.add(name, value);
        }
    }
    let context = Context { scope, name, ..Context::default() };
    collector.tell(&context, &mut update, &mut batch.strings);
    (update, batch)
}

fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

fn usage(scope: &str, attributes: &[(&str, Value<'_>)]) -> Usage {
    update(mapping(), scope, "call", attributes).0.usage.unwrap_or_default()
}

#[test]
fn the_built_in_mapping_is_sound() {
    let text = include_str!("../../../assets/formats/genai.toml");
    let mapping = Mapping::parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert!(mapping.kinds.len() > 8 && mapping.conventions.len() > 2 && !mapping.inputs.is_empty());
}

#[test]
fn a_dialect_is_a_few_lines() {
    let own = r#"
        [facts]
        model = ["acme.model"]
        agent = ["acme.who"]
        session = ["acme.meta > chat"]
        [[kind]]
        attribute = "acme.kind"
        values = { THINK = "llm", "USE_*" = "tool" }
        [usage.counters]
        "acme.in" = "prompt_tokens"
        "acme.out" = "completion_tokens"
        "acme.cached" = "cached_tokens"
        [[usage.convention]]
        scope = ["acme.*"]
        convention = "exclusive"
    "#;
    let mapping = Mapping::parse(own).unwrap();
    let said = [
        ("acme.kind", text("think")),
        ("acme.model", text("m1")),
        ("acme.who", text("writer")),
        ("acme.meta", text(r#"{"x":[1],"chat":"c7"}"#)),
        ("acme.in", Value::Unsigned(10)),
        ("acme.out", text("5")),
        ("acme.cached", Value::Unsigned(3)),
    ];
    let (update, batch) = super::tests::update(&mapping, "acme.sdk", "thinking", &said);
    let usage = update.usage.unwrap();
    assert_eq!(
        (update.kind, usage.input, usage.output, usage.cache_read),
        (Some(SpanKind::Llm), Some(13), Some(5), Some(3))
    );
    let words = [update.model, update.agent, update.session].map(|word| batch.strings.get(word).to_owned());
    assert_eq!(words, ["m1", "writer", "c7"]);
    let (update, _) = super::tests::update(&mapping, "", "x", &[("acme.kind", text("USE_HAMMER"))]);
    assert_eq!(update.kind, Some(SpanKind::Tool));
}

#[test]
fn faults_of_a_mapping_are_named() {
    for (text, want) in [
        ("[facts]\nmood = [\"x\"]", "mood"),
        ("[[kind]]\nattribute = \"x\"\nvalues = { A = \"dance\" }", "dance"),
        ("[[kind]]\nkind = \"llm\"", "needs"),
        ("[usage.counters]\nx = \"steps\"", "steps"),
        ("[[usage.convention]]\nconvention = \"odd\"", "odd"),
        ("[payload]\nlooks = [\"x\"]", "looks"),
        ("[factz]", "factz"),
    ] {
        let error = Mapping::parse(text).unwrap_err();
        assert!(error.contains(want), "{want}: {error}");
    }
}

#[test]
fn kinds_of_every_convention() {
    for (name, attribute, word, want) in [
        ("x", "gen_ai.operation.name", "chat", SpanKind::Llm),
        ("x", "gen_ai.operation.name", "invoke_agent", SpanKind::Agent),
        ("x", "gen_ai.operation.name", "search_memory", SpanKind::Memory),
        ("x", "openinference.span.kind", "CHAIN", SpanKind::Step),
        ("x", "openinference.span.kind", "RETRIEVER", SpanKind::Retrieval),
        ("x", "traceloop.span.kind", "task", SpanKind::Step),
        ("x", "traceloop.span.kind", "tool", SpanKind::Tool),
        ("x", "mlflow.spanType", "\"CHAT_MODEL\"", SpanKind::Llm),
        ("x", "ai.operationId", "ai.generateObject.doGenerate", SpanKind::Llm),
        ("x", "ai.operationId", "ai.generateObject", SpanKind::Agent),
        ("x", "ai.operationId", "ai.embedMany.doEmbed", SpanKind::Embedding),
        ("x", "mastra.span.type", "model_inference", SpanKind::Llm),
        ("x", "mastra.span.type", "workflow_parallel", SpanKind::Step),
        ("x", "span.type", "claude_code.llm_request", SpanKind::Llm),
        ("x", "gen_ai.tool.name", "search", SpanKind::Tool),
        ("x", "db.system.name", "postgresql", SpanKind::Database),
        ("llm.openai.generate", "x", "", SpanKind::Llm),
        ("retry.attempt_0", "x", "", SpanKind::Iteration),
    ] {
        let found = update(mapping(), "", name, &[(attribute, text(word))]).0.kind;
        assert_eq!(found, Some(want), "{attribute} {word} {name}");
    }
    // A step without a parent is the whole run.
    let mut collector = Collector::new(mapping());
    collector.add("openinference.span.kind", &text("CHAIN"));
    let context = Context { name: "graph", is_root: true, ..Context::default() };
    let (mut update, mut batch) = update(mapping(), "", "", &[]);
    collector.tell(&context, &mut update, &mut batch.strings);
    assert_eq!((update.kind, batch.strings.get(update.workflow)), (Some(SpanKind::Workflow), "graph"));
}

#[test]
fn instrumentations_that_leave_cached_tokens_out_are_known() {
    let counters = [
        ("gen_ai.usage.input_tokens", Value::Unsigned(9000)),
        ("gen_ai.usage.cache_read.input_tokens", Value::Unsigned(2000)),
        ("gen_ai.usage.output_tokens", Value::Unsigned(100)),
    ];
    let plain = usage("some.scope", &counters);
    assert_eq!((plain.input, plain.parts.notes), (Some(9000), UsageNotes::default()));
    let bedrock = usage("opentelemetry.instrumentation.bedrock", &counters);
    assert_eq!((bedrock.input, bedrock.parts.notes), (Some(11_000), UsageNotes::EXCLUSIVE_DETECTED));
}

#[test]
fn the_ai_sdk_passed_the_providers_counters_on_until_version_6() {
    let metadata = r#"{"anthropic":{"usage":{"input_tokens":50,"cache_creation_input_tokens":5000,"cache_read_input_tokens":100000,"output_tokens":503,"cache_creation":{"ephemeral_5m_input_tokens":4000,"ephemeral_1h_input_tokens":1000}},"cacheCreationInputTokens":5000}}"#;
    let old = usage(
        "ai",
        &[
            ("ai.model.provider", text("anthropic.messages")),
            ("ai.usage.promptTokens", Value::Unsigned(50)),
            ("ai.usage.completionTokens", Value::Unsigned(503)),
            ("ai.response.providerMetadata", text(metadata)),
        ],
    );
    assert_eq!(
        (old.input, old.cache_read, old.cache_write, old.output),
        (Some(105_050), Some(100_000), Some(5000), Some(503))
    );
    assert_eq!(old.parts.cache_write_1h, 1000);
    let new = usage(
        "ai",
        &[
            ("ai.model.provider", text("anthropic.messages")),
            ("ai.response.providerMetadata", text(metadata)),
            ("ai.usage.inputTokens", Value::Unsigned(105_050)),
            ("ai.usage.inputTokenDetails.noCacheTokens", Value::Unsigned(50)),
            ("ai.usage.inputTokenDetails.cacheReadTokens", Value::Unsigned(100_000)),
            ("ai.usage.inputTokenDetails.cacheWriteTokens", Value::Unsigned(5000)),
            ("ai.usage.outputTokens", Value::Unsigned(503)),
            ("ai.usage.totalTokens", Value::Unsigned(105_553)),
        ],
    );
    assert_eq!(new, old);
}

#[test]
fn sums_of_other_calls_are_no_usage_and_responses_have_keys() {
    let (update, _) = update(
        mapping(),
        "",
        "agent",
        &[
            ("gen_ai.operation.name", text("invoke_agent")),
            ("gen_ai.aggregated_usage.input_tokens", Value::Unsigned(2400)),
            ("gen_ai.response.id", text("resp_1")),
        ],
    );
    assert_eq!((update.usage, update.response), (None, None));
    let (update, _) = super::tests::update(
        mapping(),
        "",
        "chat",
        &[
            ("gen_ai.operation.name", text("chat")),
            ("gen_ai.response.id", text("resp_1")),
            ("gen_ai.usage.output_tokens", Value::Unsigned(1)),
            ("operation.cost", Value::Float(0.001_504)),
            ("gen_ai.request.model", text("unknown")),
            ("llm.model_name", text("gpt-4.1")),
        ],
    );
    assert_eq!(update.response, response_key("resp_1", update.usage.as_ref()));
    let parts = [("llm.cost.prompt", Value::Float(0.5)), ("llm.cost.completion", text("0.25"))];
    assert_eq!(super::tests::update(mapping(), "", "", &parts).0.cost.map(|cost| cost.0), Some(750_000_000));
    assert_eq!(super::tests::update(mapping(), "", "", &parts[..1]).0.cost, None);
    assert_eq!((update.cost.map(|cost| cost.0), update.model.is_some()), (Some(1_504_000), true));
}

fn talk(name: &str, attributes: &[(&str, serde_json::Value)]) -> Vec<String> {
    let attributes: Vec<_> =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let kind = kind_of(mapping(), &attributes, name);
    let said = Conversation { mapping: mapping(), kind, name, attributes: &attributes, events: &[] }.read();
    let line = |message: &crate::model::Message| {
        let tool = message.tool.as_deref().unwrap_or_default();
        format!("{:?}{}{tool}: {}", message.role, if message.output { "!" } else { "" }, message.text)
    };
    said.messages.iter().map(line).collect()
}

#[test]
fn conversations_of_every_convention() {
    use serde_json::json;
    let weather =
        ["User: Weather?", "Assistantlook: {\"city\":\"Paris\"}", "Toollook: 14 C", "Assistant!: Mild."];
    // OpenLLMetry: numbers in the names.
    let numbered = talk(
        "openai.chat",
        &[
            ("llm.request.type", json!("chat")),
            ("gen_ai.prompt.0.role", json!("user")),
            ("gen_ai.prompt.0.content", json!("Weather?")),
            ("gen_ai.prompt.10.role", json!("tool")),
            ("gen_ai.prompt.10.tool_call_id", json!("c1")),
            ("gen_ai.prompt.10.content", json!("14 C")),
            ("gen_ai.prompt.2.role", json!("assistant")),
            ("gen_ai.prompt.2.tool_calls.0.id", json!("c1")),
            ("gen_ai.prompt.2.tool_calls.0.name", json!("look")),
            ("gen_ai.prompt.2.tool_calls.0.arguments", json!("{\"city\":\"Paris\"}")),
            ("gen_ai.completion.0.content", json!("Mild.")),
        ],
    );
    assert_eq!(numbered, weather);
    // The current convention: parts.
    let input = r#"[{"role":"user","parts":[{"type":"text","content":"Weather?"}]},{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"look","arguments":{"city":"Paris"}}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"14 C"}]}]"#;
    let output = r#"[{"role":"assistant","parts":[{"type":"text","content":"Mild."}]}]"#;
    let parts = [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.input.messages", json!(input)),
        ("gen_ai.output.messages", json!(output)),
    ];
    assert_eq!(talk("chat", &parts), weather);
    let mut instructed = parts.to_vec();
    instructed.push(("gen_ai.system_instructions", json!(r#"[{"type":"text","content":"Be brief."}]"#)));
    assert_eq!(talk("chat", &instructed)[0], "System: Be brief.");
    // The same as structure, as log records have it.
    let mut structured = parts.to_vec();
    structured[1].1 = serde_json::from_str(input).unwrap();
    assert_eq!(talk("chat", &structured), weather);
    // pydantic-ai 1: events in an attribute are handed in as events; its agents keep all messages.
    let agent = [
        ("gen_ai.operation.name", json!("invoke_agent")),
        ("all_messages_events", json!(r#"[{"role":"user","content":"Weather?"}]"#)),
        ("final_result", json!("Mild.")),
    ];
    assert_eq!(talk("agent run", &agent), ["User: Weather?", "Assistant!: Mild."]);
    // Logfire's own instrumentation of providers.
    let logfire = [
        ("gen_ai.request.model", json!("gpt-4.1")),
        ("request_data", json!(r#"{"messages":[{"role":"user","content":"Weather?"}],"model":"gpt-4.1"}"#)),
        ("response_data", json!(r#"{"message":{"role":"assistant","content":"Mild."},"usage":{}}"#)),
    ];
    assert_eq!(talk("Chat Completion", &logfire), ["User: Weather?", "Assistant!: Mild."]);
    // Vercel: an answer in text and calls.
    let vercel = [
        ("ai.operationId", json!("ai.generateText.doGenerate")),
        ("ai.prompt.messages", json!(r#"[{"role":"user","content":[{"type":"text","text":"Weather?"}]}]"#)),
        ("ai.response.text", json!("Let me see.")),
        (
            "ai.response.toolCalls",
            json!(r#"[{"toolCallId":"c1","toolName":"look","input":{"city":"Paris"}}]"#),
        ),
    ];
    let said = ["User: Weather?", "Assistant!: Let me see.", "Assistant!look: {\"city\":\"Paris\"}"];
    assert_eq!(talk("ai.generateText.doGenerate", &vercel), said);
    // OpenInference: parts of a message.
    let parted = [
        ("openinference.span.kind", json!("LLM")),
        ("llm.input_messages.0.message.role", json!("user")),
        ("llm.input_messages.0.message.contents.0.message_content.type", json!("text")),
        ("llm.input_messages.0.message.contents.0.message_content.text", json!("Weather?")),
        ("llm.input_messages.0.message.contents.1.message_content.type", json!("image")),
        ("llm.output_messages.0.message.tool_calls.0.tool_call.function.name", json!("look")),
        ("llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", json!("{}")),
    ];
    assert_eq!(talk("ChatCompletion", &parted), ["User: Weather?", "User: [image]", "Assistant!look: {}"]);
    // Mastra's exporter, and a tool of OpenLLMetry.
    let mastra = [
        ("mastra.span.type", json!("model_generation")),
        ("mastra.model_generation.input", json!(r#"{"messages":[{"role":"user","content":"Weather?"}]}"#)),
        ("mastra.model_generation.output", json!(r#"{"text":"Mild."}"#)),
    ];
    assert_eq!(talk("chat", &mastra), ["User: Weather?", "Assistant!: Mild."]);
    let tool = [
        ("traceloop.span.kind", json!("tool")),
        ("traceloop.entity.name", json!("look")),
        ("traceloop.entity.input", json!("{}")),
        ("traceloop.entity.output", json!("14 C")),
    ];
    assert_eq!(talk("look.tool", &tool), ["Assistantlook: {}", "Tool!look: 14 C"]);
}

#[test]
fn names_cannot_build_deep_or_endless_trees() {
    let deep = format!("llm.input_messages.{}", "0.".repeat(50_000));
    let huge = "gen_ai.prompt.99999999999999.content";
    let lines = talk(
        "x",
        &[
            ("openinference.span.kind", serde_json::json!("LLM")),
            (&deep, serde_json::json!("a")),
            (huge, serde_json::json!("b")),
        ],
    );
    assert!(lines.len() <= 2, "{lines:?}");
}
