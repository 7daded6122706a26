//! The names of the fields, in every spelling that was met.

use std::sync::LazyLock;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::model::SpanKind;

macro_rules! keys {
    ($($(#[$doc:meta])* $key:ident: $($name:literal)+,)+) => {
        /// What a field says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Key { $($(#[$doc])* $key,)+ }

        impl Key {
            /// Number of keys.
            pub(super) const COUNT: usize = [$(Key::$key),+].len();

            /// The first spelling, for messages.
            pub(super) fn as_str(self) -> &'static str {
                match self { $(Self::$key => first(&[$($name),+]),)+ }
            }

            /// All spellings.
            pub(super) fn names(self) -> &'static [&'static str] {
                match self { $(Self::$key => &[$($name),+],)+ }
            }
        }

        const NAMES: &[(&str, Key)] = &[$($(($name, Key::$key),)+)+];
    };
}

const fn first(names: &[&'static str]) -> &'static str {
    names[0]
}

keys! {
    Trace: "trace_id" "traceId" "traceid" "trace",
    Span: "span_id" "spanId" "spanid",
    Parent: "parent_span_id" "parentSpanId" "parent_id" "parentId" "parent",
    Name: "name" "span_name" "spanName",
    Type: "span_type" "spanType" "span_kind" "type" "openinference.span.kind",
    /// Our own word for the kind, beside the source's own type.
    Kind: "kind",
    Start: "started_at" "startedAt" "start_time" "startTime" "start" "startTimeUnixNano" "start_time_unix_nano",
    End: "ended_at" "endedAt" "end_time" "endTime" "end" "endTimeUnixNano" "end_time_unix_nano",
    DurationMs: "duration_ms" "durationMs" "duration",
    DurationNs: "duration_ns" "durationNs",
    Status: "status",
    StatusCode: "status_code" "statusCode" "code",
    StatusMessage: "status_message" "statusMessage",
    Error: "error" "exception",
    Input: "input" "inputs",
    Output: "output" "outputs",
    Attributes: "attributes" "metadata",
    Events: "events",
    Written: "created_at" "createdAt",
    FirstToken: "first_token_at" "firstTokenAt" "completionStartTime" "completion_start_time",
    FirstTokenMs: "ttft_ms" "ttftMs" "time_to_first_token_ms" "timeToFirstTokenMs",
    Model: "model" "modelId" "model_id" "modelName" "model_name" "gen_ai.request.model" "llm.model_name"
        "ai.model.id",
    ResponseModel: "response_model" "responseModel" "gen_ai.response.model" "ai.response.model",
    Provider: "provider" "modelProvider" "model_provider" "gen_ai.system" "gen_ai.provider.name" "llm.provider"
        "ai.model.provider",
    Usage: "usage" "token_usage" "tokenUsage" "tokens" "usage_metadata" "usageMetadata",
    UsageDetails: "inputDetails" "outputDetails" "inputTokenDetails" "outputTokenDetails"
        "prompt_tokens_details" "completion_tokens_details" "input_tokens_details" "output_tokens_details"
        "input_token_details" "output_token_details" "cache_creation_token_details" "server_tool_use",
    InputTokens: "input_tokens" "inputTokens" "prompt_tokens" "promptTokens" "promptTokenCount" "tokens_in"
        "gen_ai.usage.input_tokens" "gen_ai.usage.prompt_tokens" "llm.prompt_tokens"
        "llm.token_count.prompt" "ai.usage.promptTokens" "ai.usage.inputTokens",
    OutputTokens: "output_tokens" "outputTokens" "completion_tokens" "completionTokens" "candidatesTokenCount"
        "tokens_out" "gen_ai.usage.output_tokens" "gen_ai.usage.completion_tokens" "llm.completion_tokens"
        "llm.token_count.completion" "ai.usage.completionTokens" "ai.usage.outputTokens",
    TotalTokens: "total_tokens" "totalTokens" "totalTokenCount" "gen_ai.usage.total_tokens" "llm.total_tokens"
        "llm.token_count.total" "llm.usage.total_tokens" "ai.usage.totalTokens",
    CacheRead: "cache_read_tokens" "cacheReadTokens" "cached_tokens" "cachedTokens" "cached_input_tokens"
        "cachedInputTokens" "cacheRead" "cache_read" "cachedContentTokenCount" "prompt_cache_hit_tokens"
        "gen_ai.usage.cache_read.input_tokens" "llm.token_count.prompt_details.cache_read",
    CacheWrite: "cache_write_tokens" "cacheWriteTokens" "cache_creation_tokens" "cacheCreationTokens"
        "cacheWrite" "cache_write" "cache_creation" "gen_ai.usage.cache_creation.input_tokens"
        "gen_ai.usage.cache_write.input_tokens" "llm.token_count.prompt_details.cache_write",
    /// Anthropic's own spellings, beside which `input_tokens` leaves cached tokens out.
    ExclusiveCacheRead: "cache_read_input_tokens" "cacheReadInputTokens",
    /// See `ExclusiveCacheRead`.
    ExclusiveCacheWrite: "cache_creation_input_tokens" "cacheCreationInputTokens",
    Reasoning: "reasoning_tokens" "reasoningTokens" "thoughtsTokenCount" "thinking_tokens" "thinkingTokens"
        "gen_ai.usage.reasoning.output_tokens" "llm.token_count.completion_details.reasoning",
    /// Prompt tokens that are in no cache.
    Uncached: "noCacheTokens" "prompt_cache_miss_tokens" "uncached_input_tokens",
    /// Parts of the tokens that were written to the cache.
    CacheWriteShort: "ephemeral_5m_input_tokens" "cacheWrite5m" "cache_write_5m_tokens" "cacheWrite5mTokens",
    /// See `CacheWriteShort`.
    CacheWriteLong: "ephemeral_1h_input_tokens" "cacheWrite1h" "cache_write_1h_tokens" "cacheWrite1hTokens"
        "cache_creation_input_tokens_above_1hr",
    /// Prompt tokens of tool results, beside the prompt.
    ToolInput: "toolUsePromptTokenCount",
    InputAudio: "input_audio_tokens" "inputAudioTokens",
    OutputAudio: "output_audio_tokens" "outputAudioTokens",
    Searches: "web_search_requests" "webSearchRequests",
    Tier: "service_tier" "serviceTier",
    Cost: "cost_usd" "costUsd" "totalCost" "total_cost" "cost" "api_cost_usd" "estimatedCost" "estimated_cost"
        "gen_ai.usage.cost_usd" "gen_ai.usage.cost" "llm.cost_usd" "llm.cost.total" "operation.cost",
    InputCost: "inputCost" "input_cost" "input_cost_usd",
    OutputCost: "outputCost" "output_cost" "output_cost_usd",
    Step: "step" "step_name" "stepName" "node_name" "nodeName" "step.name",
    Agent: "agent" "agent_name" "agentName" "gen_ai.agent.name" "agent.name",
    Tool: "tool" "tool_name" "toolName" "gen_ai.tool.name" "tool.name",
    Workflow: "workflow" "workflow_name" "workflowName" "gen_ai.workflow.name" "workflow.name",
    Iteration: "iteration" "iterationNumber" "iteration_number",
    User: "user_id" "userId" "user.id" "user" "enduser.id",
    Session: "session_id" "sessionId" "session.id" "thread_id" "threadId" "conversation_id" "conversationId"
        "gen_ai.conversation.id",
    Service: "service" "service_name" "serviceName" "service.name",
    Run: "run_id" "runId" "workflowRunId",
    Failure: "failureReason" "failure_reason" "error_message" "errorMessage",
    /// The provider's id of the answer.
    Response: "response_id" "responseId" "gen_ai.response.id" "ai.response.id",
    Attempt: "attempt" "retry_attempt" "retryAttempt",
    Estimated: "estimated" "tokens_estimated" "tokensEstimated",
}

/// What a field name says, and its number among all spellings.
pub(super) fn find(name: &str) -> Option<(Key, u16)> {
    static TABLE: LazyLock<HashMap<&'static str, (Key, u16), FxBuildHasher>> =
        LazyLock::new(|| NAMES.iter().zip(0..).map(|(&(name, key), at)| (name, (key, at))).collect());
    TABLE.get(name).copied()
}

/// Whether an attribute of this name would be read as a counter of tokens or as a cost.
pub(in crate::format) fn is_of_the_bill(name: &str) -> bool {
    let range = Key::Usage as u8..Key::Step as u8;
    find(name).is_some_and(|(key, _)| range.contains(&(key as u8)))
}

/// Whether an attribute of this name would be read as the provider's id of the answer.
pub(in crate::format) fn is_response_id(name: &str) -> bool {
    find(name).is_some_and(|(key, _)| key == Key::Response)
}

/// Number of spellings.
pub(super) const SPELLINGS: usize = NAMES.len();

const _: () = assert!(SPELLINGS <= u16::MAX as usize, "their numbers fit");

impl Key {
    /// Whether the key says something inside an object of attributes; the others describe the record itself.
    pub(super) fn is_fact(self) -> bool {
        self as u8 >= Self::FirstToken as u8
    }

    /// The meaning of a short name inside an object of token counts.
    pub(super) fn of_usage(name: &str) -> Option<Self> {
        Some(match name {
            "input" | "prompt" => Self::InputTokens,
            "output" | "completion" => Self::OutputTokens,
            "total" => Self::TotalTokens,
            "cached" => Self::CacheRead,
            "reasoning" | "thinking" => Self::Reasoning,
            _ => return None,
        })
    }
}

/// The kinds by the words that sources use, letters and digits only.
const KINDS: &[(SpanKind, &[&str])] = &[
    (
        SpanKind::Workflow,
        &["workflowrun", "workflow", "run", "pipeline", "chain", "graph", "flow", "invokeworkflow"],
    ),
    (SpanKind::Step, &["nodeexecution", "node", "step", "workflowstep", "stage", "task", "executenode"]),
    (SpanKind::Agent, &["agentrun", "agent", "invokeagent", "createagent", "subagent", "agentexecution"]),
    (SpanKind::Iteration, &["agentiteration", "iteration", "turn", "loop", "workflowloop", "modelstep"]),
    (
        SpanKind::Llm,
        &[
            "modelgeneration",
            "llm",
            "llmcall",
            "generation",
            "chat",
            "chatcompletion",
            "completion",
            "textcompletion",
            "generatecontent",
            "generatetext",
            "model",
            "modelcall",
            "modelinference",
            "inference",
            "llmrequest",
            "llmgeneration",
        ],
    ),
    (
        SpanKind::Tool,
        &[
            "toolexecution",
            "tool",
            "toolcall",
            "function",
            "functioncall",
            "executetool",
            "mcptoolcall",
            "clienttoolcall",
            "providertoolcall",
            "action",
        ],
    ),
    (
        SpanKind::Retrieval,
        &[
            "vectorsearch",
            "retrieval",
            "retriever",
            "search",
            "rag",
            "ragvectoroperation",
            "reranker",
            "rerank",
        ],
    ),
    (
        SpanKind::Embedding,
        &["embeddinggeneration", "embedding", "embeddings", "embed", "ragembedding", "generateembeddings"],
    ),
    (SpanKind::Memory, &["memoryoperation", "memory", "memoryread", "memorywrite"]),
    (SpanKind::Database, &["databasequery", "database", "db", "dbquery", "sql", "query"]),
    (SpanKind::Http, &["httprequest", "http", "externalapi", "api", "apicall", "apirequest", "rpc"]),
    (
        SpanKind::Processor,
        &["processorrun", "processor", "guardrail", "guard", "evaluator", "scorer", "scorerrun", "transform"],
    ),
    (SpanKind::Validation, &["toolvalidation", "validation", "validate", "validator", "check", "gate"]),
    (SpanKind::Event, &["event", "log", "logrecord", "point"]),
    (SpanKind::Other, &["generic", "other", "span", "internal", "custom", "unknown"]),
];

/// The kind behind a source's word; case and separators do not matter.
pub(super) fn kind(word: &str) -> Option<SpanKind> {
    static TABLE: LazyLock<HashMap<&'static str, SpanKind, FxBuildHasher>> = LazyLock::new(|| {
        KINDS.iter().flat_map(|(kind, words)| words.iter().map(|word| (*word, *kind))).collect()
    });
    let mut folded = [0u8; 24];
    let mut len = 0;
    for byte in word.bytes().filter(u8::is_ascii_alphanumeric) {
        *folded.get_mut(len)? = byte.to_ascii_lowercase();
        len += 1;
    }
    TABLE.get(std::str::from_utf8(folded.get(..len)?).ok()?).copied()
}
