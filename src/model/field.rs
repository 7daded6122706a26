//! The one table of names a user may filter, group, sort or show by.

/// What a field holds, which decides the operators it takes and how its values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text with `*` wildcards, compared without case.
    Text,
    /// A word of a fixed list.
    Word,
    /// A whole number.
    Count,
    /// US dollars.
    Money,
    /// A duration: `2s`, `150ms`, `1.5m`.
    Duration,
    /// Yes or no.
    Flag,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident { $name:literal, [$($alias:literal),*], $kind:ident, $help:literal },)+) => {
        /// A property of a span that has a name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field { $($(#[$doc])* $variant,)+ }

        impl Field {
            /// Every field, in the order help lists them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in filters, JSON and help.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Other names it answers to.
            pub fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($alias),*],)+ }
            }

            /// What it holds.
            pub fn field_type(self) -> FieldType {
                match self { $(Self::$variant => FieldType::$kind,)+ }
            }

            /// One line of help.
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }
        }
    };
}

fields! {
    /// Span name.
    Name { "name", ["span"], Text, "name of the span" },
    /// Workflow.
    Workflow { "workflow", ["wf"], Text, "workflow the span runs in" },
    /// Step.
    Step { "step", ["node"], Text, "workflow step" },
    /// Agent.
    Agent { "agent", [], Text, "agent" },
    /// Tool.
    Tool { "tool", [], Text, "tool that is called" },
    /// Model.
    Model { "model", [], Text, "model" },
    /// Provider.
    Provider { "provider", [], Text, "model provider" },
    /// Status.
    Status { "status", [], Word, "ok, error, running, suspended, cancelled, skipped, timeout, partial, unfinished" },
    /// Kind.
    Kind { "kind", [], Word, "workflow, step, agent, llm, tool, retrieval, embedding, memory, database, http, …" },
    /// Type.
    Type { "type", [], Text, "the source's own word for the kind" },
    /// User.
    User { "user", [], Text, "user id" },
    /// Session.
    Session { "session", ["thread", "conversation"], Text, "session, thread or conversation id" },
    /// Service.
    Service { "service", ["env"], Text, "service or application" },
    /// Source.
    Source { "source", ["file"], Text, "file or database the span came from" },
    /// Trace id.
    Trace { "trace", ["trace_id"], Text, "trace id" },
    /// Span id.
    SpanId { "id", ["span_id"], Text, "span id" },
    /// Error message.
    Error { "error", ["message"], Text, "error message" },
    /// Tokens.
    Tokens { "tokens", ["total"], Count, "input plus output tokens" },
    /// Input tokens.
    Input { "in", ["input", "prompt"], Count, "input tokens, cached ones included" },
    /// Output tokens.
    Output { "out", ["output", "completion"], Count, "output tokens, reasoning included" },
    /// Cached tokens.
    Cached { "cached", ["cache_read"], Count, "input tokens read from cache" },
    /// Reasoning tokens.
    Reasoning { "reasoning", [], Count, "output tokens spent on reasoning" },
    /// Cost.
    Cost { "cost", ["usd"], Money, "cost in US dollars" },
    /// Duration.
    Duration { "dur", ["duration", "took"], Duration, "duration" },
    /// Time to first token.
    Ttft { "ttft", [], Duration, "time to first token" },
}

impl Field {
    /// The field of a name or alias.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| {
            field.name().eq_ignore_ascii_case(name)
                || field.aliases().iter().any(|alias| alias.eq_ignore_ascii_case(name))
        })
    }
}

/// What `report --by` groups by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupBy {
    /// Workflow; figures are over traces.
    Workflow,
    /// Step.
    Step,
    /// Agent.
    Agent,
    /// Tool.
    Tool,
    /// Model.
    Model,
    /// Provider.
    Provider,
    /// User.
    User,
    /// Session.
    Session,
    /// Status.
    Status,
    /// Trace; figures are over the one trace.
    Trace,
    /// Day (UTC) of the start.
    Day,
}

impl GroupBy {
    /// Every grouping.
    pub const ALL: &'static [Self] = &[
        Self::Workflow,
        Self::Step,
        Self::Agent,
        Self::Tool,
        Self::Model,
        Self::Provider,
        Self::User,
        Self::Session,
        Self::Status,
        Self::Trace,
        Self::Day,
    ];

    /// Its word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Step => "step",
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::User => "user",
            Self::Session => "session",
            Self::Status => "status",
            Self::Trace => "trace",
            Self::Day => "day",
        }
    }
}
