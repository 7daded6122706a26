//! Token counters of every convention that was met, as one [`Usage`].
//!
//! Providers and telemetry disagree about what their input and output counters include. What is known for certain goes
//! first (a counter of uncached tokens, a source whose convention is known), then what the numbers prove, then the
//! commonest convention, and then the usage says so in its notes.

use serde_json::Value;

use crate::model::{ServiceTier, Usage, UsageNotes, UsageParts};

/// What a source is known to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Convention {
    /// Nothing for certain: the numbers decide.
    #[default]
    Unknown,
    /// Cached tokens are beside the input (Anthropic's and Bedrock's own counters).
    Exclusive,
    /// Telemetry whose convention is to include them, written by an instrumentation that does not.
    Deviating,
    /// Cached tokens are beside the input, reasoning and audio beside the output.
    Disjoint,
}

/// Counters as a source has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Prompt tokens, with or without cached ones.
    pub input: Option<u64>,
    /// Prompt tokens that are in no cache, by a counter that says so.
    pub uncached: Option<u64>,
    /// Prompt tokens that are text: in no cache, where the parts add up to the input.
    pub input_text: Option<u64>,
    /// Prompt tokens that are pictures.
    pub input_image: Option<u64>,
    /// Prompt tokens of tool results that are counted beside the prompt (Gemini).
    pub tool_input: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    pub cache_write_5m: Option<u64>,
    pub cache_write_1h: Option<u64>,
    pub input_audio: Option<u64>,
    pub cache_read_audio: Option<u64>,
    /// Generated tokens, with or without reasoning and audio.
    pub output: Option<u64>,
    pub reasoning: Option<u64>,
    pub output_audio: Option<u64>,
    pub total: Option<u64>,
    pub searches: Option<u64>,
    pub tier: ServiceTier,
    /// Cached tokens go by names beside which the plain input counter leaves them out, unless a total says otherwise.
    pub exclusive_names: bool,
}

/// A counter of [`Counters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    Input,
    Uncached,
    InputText,
    InputImage,
    ToolInput,
    CacheRead,
    CacheWrite,
    CacheWrite5m,
    CacheWrite1h,
    InputAudio,
    CacheReadAudio,
    Output,
    Reasoning,
    OutputAudio,
    Total,
    Searches,
    /// Anthropic's own spellings, see [`Counters::exclusive_names`].
    NativeCacheRead,
    NativeCacheWrite,
}

/// Whether the provider's own counters leave cached tokens out, so that telemetry which passes them on does too.
pub(super) fn is_anthropic_family(provider: &str) -> bool {
    let lower = provider.to_ascii_lowercase();
    ["anthropic", "bedrock", "claude"].iter().any(|word| lower.contains(word))
}

fn is_google_family(provider: &str) -> bool {
    let lower = provider.to_ascii_lowercase();
    ["google", "gemini", "vertex", "gcp"].iter().any(|word| lower.contains(word))
}

impl Counters {
    /// The counters in a JSON object of them, with details nested or not.
    pub(super) fn from_json(usage: &Value) -> Self {
        let mut counters = Self::default();
        counters.read(usage, "");
        counters
    }

    pub(super) fn read(&mut self, value: &Value, path: &str) {
        let Value::Object(map) = value else { return };
        for (key, value) in map {
            if let Some(counter) = attribute(key) {
                if let Some(count) = count(value) {
                    self.set(counter, count);
                }
                continue;
            }
            match value {
                Value::Object(_) => {}
                Value::String(word) if matches!(key.as_str(), "service_tier" | "serviceTier") => {
                    self.tier = ServiceTier::from_word(word);
                }
                _ => {
                    let group = path.rsplit('.').next().unwrap_or_default();
                    if let (Some(counter), Some(count)) = (counter(group, key), count(value)) {
                        self.set(counter, count);
                    }
                }
            }
        }
        // What stands here goes before what stands deeper, and not every object is one of counters.
        for (key, value) in map.iter().filter(|(key, value)| value.is_object() && holds_counters(key)) {
            if path.matches('.').count() < 2 {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                self.read(value, &inner);
            }
        }
    }

    /// Sets a counter. What was set first stays: sources repeat themselves, general names last.
    pub(super) fn set(&mut self, counter: Counter, count: u64) {
        if matches!(counter, Counter::NativeCacheRead | Counter::NativeCacheWrite) {
            self.exclusive_names = true;
        }
        let slot = match counter {
            Counter::Input => &mut self.input,
            Counter::Uncached => &mut self.uncached,
            Counter::InputText => &mut self.input_text,
            Counter::InputImage => &mut self.input_image,
            Counter::ToolInput => &mut self.tool_input,
            Counter::CacheRead | Counter::NativeCacheRead => &mut self.cache_read,
            Counter::CacheWrite | Counter::NativeCacheWrite => &mut self.cache_write,
            Counter::CacheWrite5m => &mut self.cache_write_5m,
            Counter::CacheWrite1h => &mut self.cache_write_1h,
            Counter::InputAudio => &mut self.input_audio,
            Counter::CacheReadAudio => &mut self.cache_read_audio,
            Counter::Output => &mut self.output,
            Counter::Reasoning => &mut self.reasoning,
            Counter::OutputAudio => &mut self.output_audio,
            Counter::Total => &mut self.total,
            Counter::Searches => &mut self.searches,
        };
        slot.get_or_insert(count);
    }

    /// Whether anything was counted.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self { tier: self.tier, exclusive_names: self.exclusive_names, ..Self::default() }
    }

    /// The usage in this crate's convention; `None` when nothing was counted.
    pub(super) fn normalise(&self, convention: Convention, provider: &str) -> Option<Usage> {
        if self.is_empty() {
            return None;
        }
        // A sum of zero beside parts is a writer that doesn't know it.
        let total = self.total.filter(|total| *total > 0);
        let mut notes = UsageNotes::default();
        let (cache_write, long) = self.cache_writes(&mut notes);
        let read = self.cache_read.unwrap_or(0);
        let cache = read.saturating_add(cache_write.unwrap_or(0));
        let output_counted = self.output.unwrap_or(0);

        let mut input = self.input.map(|input| input.saturating_add(self.tool_input.unwrap_or(0)));
        let audio = self.input_audio.unwrap_or(0);
        if let Some(uncached) = self.uncached.or_else(|| self.text_in_no_cache(cache)) {
            input = Some(uncached.saturating_add(cache).saturating_add(audio));
        } else if let Some(counted) = input.filter(|_| cache > 0) {
            let sum = counted.saturating_add(output_counted);
            // A total equal to input and output says that the cached tokens are in the input, if they fit.
            let proven = cache > counted || total == Some(sum.saturating_add(cache));
            let known = match convention {
                Convention::Exclusive => true,
                // A total that is reached without them says that they are not apart.
                Convention::Disjoint => total != Some(sum),
                Convention::Deviating => {
                    notes = notes.with(UsageNotes::EXCLUSIVE_DETECTED);
                    true
                }
                Convention::Unknown => self.exclusive_names && total.is_none(),
            };
            if known || proven {
                input = Some(counted.saturating_add(cache));
                if !known && !self.exclusive_names {
                    notes = notes.with(UsageNotes::EXCLUSIVE_DETECTED);
                }
            } else if total.is_none() && is_anthropic_family(provider) && cache_write.unwrap_or(0) == 0 {
                // Instrumentations that tell writes apart follow the newer conventions, which include both.
                notes = notes.with(UsageNotes::AMBIGUOUS_INPUT);
            }
        }

        let mut reasoning = self.reasoning;
        let mut output = self.output;
        if convention == Convention::Disjoint {
            input = input.map(|input| input.saturating_add(audio));
            output = output.map(|output| output.saturating_add(self.output_audio.unwrap_or(0)));
        }
        let counted_output = output.unwrap_or(0);
        let sum = input.unwrap_or(0).saturating_add(counted_output);
        let thought = reasoning.unwrap_or(0);
        if thought > 0 {
            let apart = (convention == Convention::Disjoint && total != Some(sum))
                || thought > counted_output
                || total.is_some_and(|total| total == sum.saturating_add(thought));
            if apart {
                output = Some(counted_output.saturating_add(thought));
            }
        } else if let (Some(total), None, true) = (total, reasoning, is_google_family(provider))
            && output.is_some()
            && total > sum
        {
            let hidden = total - sum;
            (reasoning, output) = (Some(hidden), Some(counted_output.saturating_add(hidden)));
            notes = notes.with(UsageNotes::REASONING_INFERRED);
        }
        if let (None, Some(total)) = (input, total)
            && output.is_some()
        {
            // A sum and one of its two parts give the other one.
            input = total.checked_sub(output_counted);
        }
        Some(Usage {
            input,
            cache_read: self.cache_read,
            cache_write,
            output,
            reasoning,
            parts: UsageParts {
                cache_write_1h: small(Some(long)),
                input_audio: small(self.input_audio),
                cache_read_audio: small(self.cache_read_audio),
                output_audio: small(self.output_audio),
                searches: small(self.searches),
                tier: self.tier,
                notes,
            },
        })
    }

    /// The text and pictures of the prompt, where they, the audio and what is cached are all of the input: some count
    /// cached text among the text.
    fn text_in_no_cache(&self, cache: u64) -> Option<u64> {
        let shown = self.input_text?.saturating_add(self.input_image.unwrap_or(0));
        let parts = shown.saturating_add(cache).saturating_add(self.input_audio.unwrap_or(0));
        self.input.is_none_or(|input| input == parts).then_some(shown)
    }

    /// All tokens written to the cache, and those of them that stay for an hour.
    fn cache_writes(&self, notes: &mut UsageNotes) -> (Option<u64>, u64) {
        let short = self.cache_write_5m;
        let long = self.cache_write_1h.unwrap_or(0);
        let split = short.is_some() || self.cache_write_1h.is_some();
        let parts = short.unwrap_or(0).saturating_add(long);
        match self.cache_write {
            Some(all) => {
                if all > 0 && !split {
                    *notes = notes.with(UsageNotes::ASSUMED_TTL);
                }
                // A split that goes beyond the sum shows that the sum is the smaller part.
                (Some(all.max(parts)), long)
            }
            None => (split.then_some(parts), long),
        }
    }
}

fn small(count: Option<u64>) -> u32 {
    u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX)
}

fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => {
            number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0 && *n < 1e15).map(|n| n as u64))
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Where telemetry keeps its counters as attributes.
const PREFIXES: [&str; 4] = ["gen_ai.usage.", "llm.token_count.", "llm.usage.", "ai.usage."];

/// The counter behind the full name of an attribute.
pub(super) fn attribute(key: &str) -> Option<Counter> {
    let rest = PREFIXES.iter().find_map(|prefix| key.strip_prefix(prefix))?;
    Some(match rest {
        "cache_read.input_tokens" | "cache_read_input_tokens" => Counter::CacheRead,
        "cache_creation.input_tokens" | "cache_write.input_tokens" | "cache_creation_input_tokens" => {
            Counter::CacheWrite
        }
        "reasoning.output_tokens" => Counter::Reasoning,
        "audio.input_tokens" => Counter::InputAudio,
        "audio.output_tokens" => Counter::OutputAudio,
        _ => match rest.rsplit_once('.') {
            Some(("details", name)) => detail(name)?,
            Some((group, _)) if group.starts_with("details.") => return None,
            Some((group, name)) => counter(group.rsplit('.').next().unwrap_or(group), name)?,
            None => counter("", rest)?,
        },
    })
}

/// The counter behind a detail in the provider's words, beside counters that include it. The rest of them repeats those.
fn detail(name: &str) -> Option<Counter> {
    Some(match name {
        "reasoning_tokens" => Counter::Reasoning,
        "cache_read_tokens" | "cached_tokens" | "cache_read_input_tokens" => Counter::CacheRead,
        "cache_write_tokens" | "cache_creation_input_tokens" => Counter::CacheWrite,
        _ => return None,
    })
}

/// The counter that a name stands for. `group` is the name of the object it is in, or what precedes it in a dotted
/// name; empty at the top.
pub(super) fn counter(group: &str, name: &str) -> Option<Counter> {
    let side = side(group);
    Some(match name {
        "noCacheTokens"
        | "noCache"
        | "prompt_cache_miss_tokens"
        | "promptCacheMissTokens"
        | "input_uncached" => Counter::Uncached,
        "text" | "text_tokens" | "textTokens" if side == Side::Input => Counter::InputText,
        "image" | "image_tokens" | "imageTokens" if side == Side::Input => Counter::InputImage,
        "input_tokens" | "inputTokens" | "prompt_tokens" | "promptTokens" | "promptTokenCount"
        | "prompt_eval_count" | "prompt" | "tokens_in" => Counter::Input,
        "input" if side == Side::None => Counter::Input,
        "toolUsePromptTokenCount" => Counter::ToolInput,
        "cached_tokens"
        | "cachedTokens"
        | "cached_input_tokens"
        | "cachedInputTokens"
        | "cache_read"
        | "cacheRead"
        | "cacheReadTokens"
        | "cache_read_tokens"
        | "cachedContentTokenCount"
        | "prompt_cache_hit_tokens"
        | "promptCacheHitTokens"
        | "cachedPromptTokens"
        | "input_cached_tokens" => Counter::CacheRead,
        "cache_read_input_tokens" | "cacheReadInputTokens" => Counter::NativeCacheRead,
        "cache_creation_input_tokens" | "cacheCreationInputTokens" | "cacheWriteInputTokens" => {
            Counter::NativeCacheWrite
        }
        "cache_write_tokens"
        | "cacheWriteTokens"
        | "cache_write"
        | "cacheWrite"
        | "cache_creation"
        | "cache_creation_tokens"
        | "cacheCreationTokens"
        | "input_cache_creation"
        | "cache_write_input_tokens" => Counter::CacheWrite,
        "ephemeral_5m_input_tokens" | "cacheWrite5m" | "input_cache_creation_5m" => Counter::CacheWrite5m,
        "ephemeral_1h_input_tokens"
        | "cacheWrite1h"
        | "input_cache_creation_1h"
        | "cache_creation_input_tokens_above_1hr" => Counter::CacheWrite1h,
        "audio_tokens" | "audio" | "audioTokens" => match side {
            Side::Input => Counter::InputAudio,
            Side::Output => Counter::OutputAudio,
            Side::None => return None,
        },
        "input_audio_tokens" | "inputAudioTokens" => Counter::InputAudio,
        "cached_audio_tokens" => Counter::CacheReadAudio,
        "output_audio_tokens" | "outputAudioTokens" => Counter::OutputAudio,
        "output_tokens"
        | "outputTokens"
        | "completion_tokens"
        | "completionTokens"
        | "candidatesTokenCount"
        | "eval_count"
        | "completion"
        | "tokens_out" => Counter::Output,
        "output" if side == Side::None => Counter::Output,
        "reasoning_tokens"
        | "reasoningTokens"
        | "thoughtsTokenCount"
        | "thinking_tokens"
        | "thinkingTokens"
        | "reasoning"
        | "reasoning_output_tokens"
        | "output_reasoning_tokens" => Counter::Reasoning,
        // `inputTokens: {total, noCache, cacheRead}`, as models answer the AI SDK.
        "total" if group == "inputTokens" => Counter::Input,
        "total" if group == "outputTokens" => Counter::Output,
        "total_tokens" | "totalTokens" | "totalTokenCount" | "total" => Counter::Total,
        "web_search_requests" | "web_searches" | "num_search_queries" => Counter::Searches,
        _ => return None,
    })
}

#[derive(PartialEq, Eq)]
enum Side {
    None,
    Input,
    Output,
}

/// Whether an object of this name, inside one of counters, holds further ones.
fn holds_counters(name: &str) -> bool {
    side(name) != Side::None
        || matches!(
            name,
            "usage"
                | "tokens"
                | "token_usage"
                | "tokenUsage"
                | "usage_metadata"
                | "usageMetadata"
                | "cache_creation"
                | "cacheCreation"
                | "cache_creation_token_details"
                | "server_tool_use"
                | "serverToolUse"
                | "input"
                | "output"
        )
}

/// Whether an object of details is about the prompt or about the answer.
fn side(group: &str) -> Side {
    match group {
        "prompt_tokens_details"
        | "input_tokens_details"
        | "inputDetails"
        | "inputTokenDetails"
        | "input_token_details"
        | "inputTokens"
        | "prompt_details" => Side::Input,
        "completion_tokens_details"
        | "output_tokens_details"
        | "outputDetails"
        | "outputTokenDetails"
        | "output_token_details"
        | "outputTokens"
        | "completion_details" => Side::Output,
        _ => Side::None,
    }
}

#[cfg(test)]
mod tests;
