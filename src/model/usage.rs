//! Token usage of one model call.

/// Tokens of one call. `None` is "not known", which is not zero.
///
/// `input` counts every prompt token, `cache_read` and `cache_write` are parts of it; `output` counts every generated
/// token, `reasoning` is part of it. Decoders convert their source's convention into this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All prompt tokens.
    pub input: Option<u64>,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: Option<u64>,
    /// Prompt tokens written to the provider's cache, whatever their lifetime.
    pub cache_write: Option<u64>,
    /// All generated tokens.
    pub output: Option<u64>,
    /// Generated tokens spent on reasoning.
    pub reasoning: Option<u64>,
    /// What few calls have.
    pub parts: UsageParts,
}

/// Parts of a [`Usage`] that few calls have and that are billed at rates of their own, how the call was served, and
/// what had to be assumed. Zero means none, or not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageParts {
    /// Of the tokens written to the cache, those that stay for an hour; the others stay for five minutes.
    pub cache_write_1h: u32,
    /// Of the prompt tokens that are in no cache, audio.
    pub input_audio: u32,
    /// Of the tokens read from the cache, audio.
    pub cache_read_audio: u32,
    /// Of the generated tokens that are no reasoning, audio.
    pub output_audio: u32,
    /// Web searches that the provider made during the call; billed by the piece.
    pub searches: u32,
    /// How the provider served the call.
    pub tier: ServiceTier,
    /// What is not certain about the counters.
    pub notes: UsageNotes,
}

/// The tokens of a call by what they are billed as. No token is in two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// Prompt tokens that are in no cache and no audio.
    pub input: u64,
    /// Audio prompt tokens that are in no cache.
    pub input_audio: u64,
    /// Tokens read from the cache, audio left out.
    pub cache_read: u64,
    /// Audio tokens read from the cache.
    pub cache_read_audio: u64,
    /// Tokens written to the cache for five minutes.
    pub cache_write_5m: u64,
    /// Tokens written to the cache for an hour.
    pub cache_write_1h: u64,
    /// Generated tokens that are neither reasoning nor audio.
    pub output: u64,
    /// Tokens of reasoning.
    pub reasoning: u64,
    /// Generated audio tokens.
    pub output_audio: u64,
}

/// How a provider served a call; each has prices of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceTier {
    /// Nothing was said: the list price.
    #[default]
    Unsaid,
    /// The list price.
    Standard,
    /// Asynchronous batches.
    Batch,
    /// Slower and cheaper.
    Flex,
    /// Faster and dearer.
    Priority,
    /// A word that is not known; priced as standard, as an estimate.
    Other,
}

impl ServiceTier {
    /// The tier behind the word of a response.
    pub fn from_word(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "" | "auto" => Self::Unsaid,
            "default" | "standard" | "on_demand" => Self::Standard,
            "batch" => Self::Batch,
            "flex" => Self::Flex,
            "priority" => Self::Priority,
            _ => Self::Other,
        }
    }

    /// Its word on screen and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsaid => "unsaid",
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Other => "other",
        }
    }
}

/// What a decoder had to assume about the counters of a call; five bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageNotes(pub u8);

impl UsageNotes {
    /// Nothing says whether the input counts cached tokens; the common convention, that it does, was taken.
    pub const AMBIGUOUS_INPUT: Self = Self(1);
    /// Nothing says how long the tokens written to the cache stay; five minutes was taken.
    pub const ASSUMED_TTL: Self = Self(1 << 1);
    /// The source says the input counts cached tokens, but its numbers show that it does not.
    pub const EXCLUSIVE_DETECTED: Self = Self(1 << 2);
    /// Reasoning is what the total has beyond input and output.
    pub const REASONING_INFERRED: Self = Self(1 << 3);
    /// The output is a placeholder that was written before the answer was complete: there were at least so many.
    pub const OUTPUT_AT_LEAST: Self = Self(1 << 4);
    /// All notes with their words for JSON and with what the screen says.
    pub const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::AMBIGUOUS_INPUT, "ambiguous_input", "input taken to include cached tokens"),
        (Self::ASSUMED_TTL, "assumed_ttl", "ttl assumed: cache writes taken as 5 min"),
        (Self::EXCLUSIVE_DETECTED, "exclusive_detected", "cached tokens found beside the input, not in it"),
        (Self::REASONING_INFERRED, "reasoning_inferred", "reasoning worked out from the total"),
        (Self::OUTPUT_AT_LEAST, "output_at_least", "output is a placeholder: at least so many tokens"),
    ];

    /// Whether all of `other` is noted.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The notes that are set, as (word, what the screen says).
    pub fn iter(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        Self::ALL.into_iter().filter(move |(note, ..)| self.has(*note)).map(|(_, word, text)| (word, text))
    }
}

impl Usage {
    /// Whether any counter is known.
    pub fn is_known(&self) -> bool {
        self.input.is_some()
            || self.output.is_some()
            || self.cache_read.is_some()
            || self.cache_write.is_some()
            || self.reasoning.is_some()
            || self.parts.searches > 0
    }

    /// Known input plus known output.
    pub fn total(&self) -> u64 {
        self.input.unwrap_or(0).saturating_add(self.output.unwrap_or(0))
    }

    /// The counters taken apart, so that each token is in one of them. Parts that go beyond their whole are cut.
    pub fn buckets(&self) -> Buckets {
        let take = |rest: &mut u64, part: u64| {
            let part = part.min(*rest);
            *rest -= part;
            part
        };
        let mut input = self.input.unwrap_or(0);
        let mut cache_read = take(&mut input, self.cache_read.unwrap_or(0));
        let mut cache_write_5m = take(&mut input, self.cache_write.unwrap_or(0));
        let cache_write_1h = take(&mut cache_write_5m, u64::from(self.parts.cache_write_1h));
        let input_audio = take(&mut input, u64::from(self.parts.input_audio));
        let cache_read_audio = take(&mut cache_read, u64::from(self.parts.cache_read_audio));
        let mut output = self.output.unwrap_or(0);
        let reasoning = take(&mut output, self.reasoning.unwrap_or(0));
        let output_audio = take(&mut output, u64::from(self.parts.output_audio));
        Buckets {
            input,
            input_audio,
            cache_read,
            cache_read_audio,
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning,
            output_audio,
        }
    }
}

/// A sum of token counts over calls; saturating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenSum {
    /// All prompt tokens.
    pub input: u64,
    /// Of these, read from cache.
    pub cache_read: u64,
    /// Of these, written to cache.
    pub cache_write: u64,
    /// All generated tokens.
    pub output: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
}

impl TokenSum {
    /// Input plus output.
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// Adds the known counters of one call.
    pub fn add_usage(&mut self, usage: &Usage) {
        self.each(usage, u64::saturating_add);
    }

    /// Takes back what [`TokenSum::add_usage`] added.
    pub fn sub_usage(&mut self, usage: &Usage) {
        self.each(usage, u64::saturating_sub);
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.input = self.input.saturating_add(other.input);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }

    /// Takes another sum out again.
    pub fn sub(&mut self, other: &Self) {
        self.input = self.input.saturating_sub(other.input);
        self.cache_read = self.cache_read.saturating_sub(other.cache_read);
        self.cache_write = self.cache_write.saturating_sub(other.cache_write);
        self.output = self.output.saturating_sub(other.output);
        self.reasoning = self.reasoning.saturating_sub(other.reasoning);
    }

    fn each(&mut self, usage: &Usage, op: fn(u64, u64) -> u64) {
        let apply = |sum: &mut u64, part: Option<u64>| *sum = op(*sum, part.unwrap_or(0));
        apply(&mut self.input, usage.input);
        apply(&mut self.cache_read, usage.cache_read);
        apply(&mut self.cache_write, usage.cache_write);
        apply(&mut self.output, usage.output);
        apply(&mut self.reasoning, usage.reasoning);
    }
}
