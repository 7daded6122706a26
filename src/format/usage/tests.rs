use serde_json::Value;

use super::*;

/// How the vectors name their conventions.
fn convention(name: &str, scope: &str) -> Convention {
    match name {
        "anthropic.messages" | "bedrock.converse" | "claude_code.jsonl" | "claude_code.otel"
        | "vercel.ai.v4v5" => Convention::Exclusive,
        "langfuse.usageDetails" => Convention::Disjoint,
        _ if scope.ends_with("bedrock") || scope.ends_with("claude_agent_sdk") => Convention::Deviating,
        _ => Convention::Unknown,
    }
}

/// The counters of a vector, found as the decoders find them.
fn counters(raw: &Value) -> Counters {
    let mut counters = Counters::default();
    for wrapper in ["usage", "mlflow.chat.tokenUsage"] {
        if let Some(inner) = raw.get(wrapper) {
            return Counters::from_json(inner);
        }
    }
    if let Some(metadata) = raw.get("ai.response.providerMetadata").and_then(Value::as_str) {
        let metadata: Value = serde_json::from_str(metadata).expect("JSON");
        counters = Counters::from_json(&metadata["anthropic"]["usage"]);
    }
    counters.read(raw, "");
    // Counters of metrics come in increments.
    for increment in raw.as_array().into_iter().flatten() {
        let slot = match increment["llm.token_type"].as_str() {
            Some("prompt") => &mut counters.input,
            _ => &mut counters.output,
        };
        *slot = Some(slot.unwrap_or(0) + increment["value"].as_u64().expect("a count"));
    }
    counters
}

#[test]
fn every_convention_comes_to_the_same_buckets() {
    let text = include_str!("../../../tests/fixtures/prices/usage_normalisation.json");
    let file: Value = serde_json::from_str(text).expect("JSON");
    let vectors = file["vectors"].as_array().expect("vectors");
    let mut wrong = Vec::new();
    for vector in vectors {
        let word = |name: &str| vector[name].as_str().unwrap_or_default();
        let convention = convention(word("convention"), word("scope"));
        let usage = counters(&vector["raw"]).normalise(convention, word("provider"));
        let mut flags: Vec<&str> =
            usage.iter().flat_map(|usage| usage.parts.notes.iter()).map(|(word, _)| word).collect();
        if usage.is_none() {
            flags.push("no_usage");
        }
        flags.sort_unstable();
        let mut wanted: Vec<&str> =
            vector["flags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        wanted.sort_unstable();
        let buckets = usage.map(|usage| usage.buckets()).unwrap_or_default();
        let ours = [
            ("input_uncached", buckets.input),
            ("cache_read", buckets.cache_read),
            ("cache_write_5m", buckets.cache_write_5m),
            ("cache_write_1h", buckets.cache_write_1h),
            ("input_audio", buckets.input_audio),
            ("output_text", buckets.output),
            ("reasoning", buckets.reasoning),
            ("output_audio", buckets.output_audio),
        ];
        let right = ours.iter().all(|(name, count)| vector["expect"][*name].as_u64().unwrap_or(0) == *count);
        if !right || flags != wanted {
            wrong.push(format!(
                "{}: {ours:?} {flags:?}, expected {} {wanted:?}",
                word("id"),
                vector["expect"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(vectors.len(), 40);
}

#[test]
fn a_total_and_one_part_give_the_other() {
    let counters = Counters { output: Some(40), total: Some(100), ..Counters::default() };
    let usage = counters.normalise(Convention::Unknown, "").expect("counters");
    assert_eq!((usage.input, usage.output), (Some(60), Some(40)));
}

#[test]
fn what_was_not_counted_is_not_zero() {
    assert_eq!(Counters::default().normalise(Convention::Unknown, "openai"), None);
    let zero = Counters { input: Some(0), output: Some(0), ..Counters::default() };
    let usage = zero.normalise(Convention::Unknown, "openai").expect("counters");
    assert_eq!((usage.input, usage.output, usage.cache_read), (Some(0), Some(0), None));
}

fn of(json: &str, provider: &str) -> Usage {
    let counters = Counters::from_json(&serde_json::from_str(json).expect("JSON"));
    counters.normalise(Convention::Unknown, provider).expect("counters")
}

#[test]
fn text_is_all_of_the_input_only_where_the_parts_add_up() {
    let picture = r#"{"inputTokens":1000,"outputTokens":1,"inputDetails":{"text":200,"image":800}}"#;
    assert_eq!(of(picture, "openai").input, Some(1000));
    let cached_text = r#"{"prompt_tokens":37,"completion_tokens":1,"prompt_tokens_details":{"text_tokens":37,"cached_tokens":8}}"#;
    assert_eq!((of(cached_text, "xai").input, of(cached_text, "xai").buckets().input), (Some(37), 29));
    let beside = r#"{"inputTokens":50,"inputDetails":{"text":50,"cacheRead":100}}"#;
    assert_eq!(of(beside, "anthropic").input, Some(150));
}

#[test]
fn what_a_total_hides_is_not_the_cache() {
    let hidden = r#"{"input_tokens":100,"cached_tokens":200,"output_tokens":50,"total_tokens":400}"#;
    let usage = of(hidden, "google");
    assert_eq!((usage.input, usage.reasoning, usage.output), (Some(300), Some(50), Some(100)));
}

#[test]
fn other_objects_beside_counters_are_none() {
    let costs = r#"{"cost":{"input":0.5,"output":0.2},"input":100,"output":50,"totalTokens":150}"#;
    assert_eq!((of(costs, "").input, of(costs, "").output), (Some(100), Some(50)));
}

#[test]
fn disjoint_counters_add_up() {
    let audio = Counters {
        input: Some(100),
        input_audio: Some(50),
        output: Some(10),
        output_audio: Some(70),
        ..Counters::default()
    };
    let usage = audio.normalise(Convention::Disjoint, "").expect("counters");
    assert_eq!((usage.input, usage.output, usage.buckets().input_audio), (Some(150), Some(80), 50));
}
