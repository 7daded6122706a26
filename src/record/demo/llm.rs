//! A streamed call of a language model: prompt, first token, growing answer, usage.

use serde_json::{Value, json};

use super::script::{Ms, Script, Stop};
use super::texts::{Cache, Model};
use crate::model::Status;
use crate::record::SpanRow;

/// How often a running call is written while it streams, in story milliseconds.
const STREAM_EVERY: Ms = 320;

/// A call to be made.
pub(super) struct Call<'a> {
    pub(super) model: &'a Model,
    pub(super) system: &'a str,
    pub(super) user: String,
    pub(super) answer: String,
    /// In hundredths.
    pub(super) temperature: i64,
    /// Tokens of the prompt beside its text: definitions of tools, attached files.
    pub(super) attached: i64,
    /// Percent of the prompt that the provider has seen before.
    pub(super) seen_percent: i64,
    /// Failed attempts with status 429 before the one that works.
    pub(super) rate_limited: usize,
    /// Whether it is given up after them.
    pub(super) give_up: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(model: &'a Model, system: &'a str, user: String, answer: String) -> Self {
        Self {
            model,
            system,
            user,
            answer,
            temperature: 20,
            attached: 0,
            seen_percent: 0,
            rate_limited: 0,
            give_up: false,
        }
    }
}

/// Tokens of a text: about four bytes each.
pub(super) fn tokens(text: &str) -> i64 {
    (text.len() as i64 * 10 / 41).max(1)
}

impl Script {
    /// Plays a call, with its failed attempts before it.
    pub(super) fn llm(&mut self, parent: &SpanRow, call: &Call<'_>, at: Ms) -> Result<Ms, Stop> {
        let mut at = at;
        let mut first: Option<String> = None;
        let attempts = call.rate_limited + usize::from(!call.give_up);
        for attempt in 1..=attempts.max(1) {
            let mut row = self.llm_span(parent, call, at);
            if call.rate_limited > 0 {
                row.set("attempt", attempt);
                row.set("maxAttempts", 3);
            }
            if let Some(first) = &first {
                row.set("retryOf", first.clone());
                row.set("backoffMs", 1_000 << (attempt - 2).min(5));
            }
            first.get_or_insert_with(|| row.span_id.clone());
            self.note(&row, at);
            if attempt > call.rate_limited {
                return Ok(self.stream(row, call, at));
            }
            let end = at + self.rng.range(90, 260);
            let error = json!({
                "message": format!("429 Too Many Requests: rate limit reached for {} (tokens per minute)",
                    call.model.name),
                "type": "RateLimitError", "code": "rate_limit_exceeded", "httpStatusCode": 429,
            });
            row.error = Some(error.clone());
            self.close(row, end, Status::Error);
            if attempt == attempts && call.give_up {
                return Err(Stop { at: end + 5, status: Status::Error, error });
            }
            at = end + (1_000 << (attempt - 1).min(5)) + self.rng.range(0, 200);
        }
        Ok(at)
    }

    fn llm_span(&mut self, parent: &SpanRow, call: &Call<'_>, at: Ms) -> SpanRow {
        let mut row = self.span(Some(parent), &call.model.name, "model_generation", at);
        row.set("model", call.model.name.as_str());
        row.set("provider", call.model.provider.as_str());
        row.set("temperature", call.temperature as f64 / 100.0);
        row.set("maxTokens", 4_096);
        row.set("streaming", true);
        row.input = Some(json!({"messages": [
            {"role": "system", "content": call.system},
            {"role": "user", "content": call.user},
        ]}));
        row
    }

    /// From the first token to the last; returns the end.
    fn stream(&mut self, mut row: SpanRow, call: &Call<'_>, at: Ms) -> Ms {
        let model = call.model;
        let prompt = tokens(call.system) + tokens(&call.user) + call.attached + self.rng.range(7, 19);
        let text = tokens(&call.answer);
        let (low, high) = model.reasoning_percent;
        let reasoning = text * self.rng.range(low, high) / 100;
        let completion = text + reasoning;
        let (read, write) = cached(model.cache, prompt, call.seen_percent);
        row.set("promptTokens", prompt);
        if model.cache != Cache::None {
            row.set("cacheReadTokens", read);
        }
        if model.cache == Cache::ReadWrite {
            row.set("cacheWriteTokens", write);
        }
        let rate = self.rng.range(model.tokens_per_s.0, model.tokens_per_s.1).max(1);
        // Long prompts are read at some 8,000 tokens a second, cached ones for nothing.
        let first_token = at
            + self.rng.skewed(model.first_token_ms.0, model.first_token_ms.1)
            + (prompt - read) / 8
            + reasoning * 1_000 / rate;
        row.set("completionStartTime", self.time(first_token).to_rfc3339());
        let end = first_token + (text * 1_000 / rate).max(20);

        let mut now = first_token;
        while now < end {
            let done = text * (now - first_token) / (end - first_token).max(1);
            let mut part = row.clone();
            usage(&mut part, prompt, reasoning + done.max(1), reasoning, model);
            let chars = call.answer.chars().count() as i64 * (now - first_token) / (end - first_token).max(1);
            let so_far: String = call.answer.chars().take(chars.max(1) as usize).collect();
            part.output = Some(json!({"role": "assistant", "content": so_far}));
            self.note(&part, now);
            now += STREAM_EVERY;
        }

        usage(&mut row, prompt, completion, reasoning, model);
        row.set("finishReason", "stop");
        row.output = Some(json!({"role": "assistant", "content": call.answer}));
        if let Some(price) = &model.price {
            let plain = prompt - read - write;
            let input = cost(&[(plain, price.input), (read, price.cache_read), (write, price.cache_write)]);
            let output = cost(&[(completion, price.output)]);
            row.set("inputCost", input);
            row.set("outputCost", output);
            row.set("totalCost", round(input + output));
        }
        self.close(row, end, Status::Ok);
        end
    }

    /// Embeds a text.
    pub(super) fn embed(&mut self, parent: &SpanRow, text: &str, at: Ms) -> Ms {
        let used = tokens(text);
        let facts = vec![
            ("model", json!("text-embedding-3-small")),
            ("provider", json!("openai")),
            ("promptTokens", json!(used)),
            ("totalTokens", json!(used)),
        ];
        let leaf = super::script::Leaf {
            name: "text-embedding-3-small",
            span_type: "embedding_generation",
            facts,
            input: json!({"text": text}),
            output: json!({"dimensions": 1536, "vectors": 1}),
            ms: (45, 210),
        };
        self.leaf(parent, leaf, at)
    }

    /// Searches a vector store.
    pub(super) fn search(&mut self, parent: &SpanRow, index: &str, query: &str, hits: Value, at: Ms) -> Ms {
        let rows = hits.as_array().map_or(0, Vec::len);
        let leaf = super::script::Leaf {
            name: index,
            span_type: "vector_search",
            facts: vec![("topK", json!(8)), ("rowCount", json!(rows)), ("index", json!(index))],
            input: json!({"query": query, "topK": 8}),
            output: hits,
            ms: (12, 90),
        };
        self.leaf(parent, leaf, at)
    }
}

/// Tokens that come from the cache and that go into it. Providers cache prompts of 1,024 tokens and more.
fn cached(cache: Cache, prompt: i64, seen_percent: i64) -> (i64, i64) {
    let read = if prompt < 1_024 { 0 } else { prompt * seen_percent / 100 / 128 * 128 };
    match cache {
        Cache::None => (0, 0),
        Cache::Read => (read, 0),
        Cache::ReadWrite if prompt < 1_024 => (0, 0),
        Cache::ReadWrite => (read, (prompt - read) * 6 / 10),
    }
}

fn usage(row: &mut SpanRow, prompt: i64, completion: i64, reasoning: i64, model: &Model) {
    row.set("completionTokens", completion);
    row.set("totalTokens", prompt + completion);
    if model.reasoning_percent.1 > 0 {
        row.set("reasoningTokens", reasoning);
    }
}

/// US dollars of tokens at prices per million.
fn cost(parts: &[(i64, f64)]) -> f64 {
    round(parts.iter().map(|(tokens, price)| *tokens as f64 * price).sum::<f64>() / 1e6)
}

fn round(usd: f64) -> f64 {
    (usd * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_hold_a_part_of_long_prompts() {
        assert_eq!(cached(Cache::Read, 900, 90), (0, 0));
        assert_eq!(cached(Cache::Read, 2_000, 50), (896, 0));
        assert_eq!(cached(Cache::None, 2_000, 50), (0, 0));
        let (read, write) = cached(Cache::ReadWrite, 2_000, 50);
        assert!(read + write <= 2_000 && write > 0);
    }

    #[test]
    fn costs_are_per_million() {
        assert!((cost(&[(1_000_000, 3.0)]) - 3.0).abs() < 1e-9);
        assert!((cost(&[(1_000, 0.3), (1_000, 3.75), (1_000, 15.0)]) - 0.019_05).abs() < 1e-9);
    }
}
