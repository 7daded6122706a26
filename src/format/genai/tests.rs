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
            collector.add(name, value.clone());
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
    collector.add("openinference.span.kind", text("CHAIN"));
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
    assert_eq!(update.response, response_key("resp_1"));
    assert_eq!((update.cost.map(|cost| cost.0), update.model.is_some()), (Some(1_504_000), true));
}
