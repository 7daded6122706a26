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
    /// Prompt tokens written to the provider's cache.
    pub cache_write: Option<u64>,
    /// All generated tokens.
    pub output: Option<u64>,
    /// Generated tokens spent on reasoning.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Whether any counter is known.
    pub fn is_known(&self) -> bool {
        *self != Self::default()
    }

    /// Known input plus known output.
    pub fn total(&self) -> u64 {
        self.input.unwrap_or(0).saturating_add(self.output.unwrap_or(0))
    }

    /// The same usage with every counter that `self` lacks taken from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            input: self.input.or(other.input),
            cache_read: self.cache_read.or(other.cache_read),
            cache_write: self.cache_write.or(other.cache_write),
            output: self.output.or(other.output),
            reasoning: self.reasoning.or(other.reasoning),
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
