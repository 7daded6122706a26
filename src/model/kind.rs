//! What a span is and how it stands.

use std::fmt;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word used in JSON, filters and on screen.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value of a word as [`Self::as_str`] prints it.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str().eq_ignore_ascii_case(word))
            }

            /// The value at a position of [`Self::ALL`].
            pub fn from_index(index: usize) -> Option<Self> {
                Self::ALL.get(index).copied()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The field's common kinds of span; a source's own word is kept beside it as the span's type.
    SpanKind {
        /// A whole run of a workflow.
        Workflow = "workflow",
        /// A step or node of a workflow.
        Step = "step",
        /// A run of an agent.
        Agent = "agent",
        /// A call of a language model.
        Llm = "llm",
        /// A call of a tool.
        Tool = "tool",
        /// A search in a vector store or another retriever.
        Retrieval = "retrieval",
        /// A call of an embedding model.
        Embedding = "embedding",
        /// Reading or writing an agent's memory.
        Memory = "memory",
        /// A database query.
        Database = "database",
        /// An HTTP request or another external API.
        Http = "http",
        /// A processor of inputs or outputs, a guard, a scorer.
        Processor = "processor",
        /// A check of data or of tool arguments.
        Validation = "validation",
        /// One turn of a loop.
        Iteration = "iteration",
        /// A point in time: it has no duration and is not counted as a span.
        Event = "event",
        /// None of these.
        Other = "other",
    }
}

impl SpanKind {
    /// Whether a span of this kind is one call of a model provider.
    pub fn is_model_call(self) -> bool {
        matches!(self, Self::Llm | Self::Embedding)
    }
}

words! {
    /// How a span stands. Sources write the first nine; `unfinished` is inferred.
    Status {
        /// Ended well.
        Ok = "ok",
        /// Ended with an error.
        Error = "error",
        /// Under way.
        Running = "running",
        /// Waiting for a person or another system.
        Suspended = "suspended",
        /// Ended by request.
        Cancelled = "cancelled",
        /// Never ran.
        Skipped = "skipped",
        /// Ended by a deadline.
        Timeout = "timeout",
        /// Ended with a part of its work done.
        Partial = "partial",
        /// Without an end although its run is over.
        Unfinished = "unfinished",
        /// The source's word is not one we know; never taken for success.
        Unknown = "unknown",
    }
}

impl Status {
    /// Whether the source says that the span is over. A later record never reopens such a span.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Running | Self::Suspended | Self::Unfinished | Self::Unknown)
    }

    /// The status behind any word that the measured sources use; [`Status::Unknown`] for others.
    ///
    /// Case, `-`, `_` and spaces do not matter.
    pub fn from_source_word(word: &str) -> Self {
        let mut folded = [0u8; 24];
        let letters = word.bytes().filter(u8::is_ascii_alphanumeric);
        let len =
            folded.iter_mut().zip(letters).map(|(slot, byte)| *slot = byte.to_ascii_lowercase()).count();
        match std::str::from_utf8(&folded[..len]).unwrap_or_default() {
            "ok" | "success" | "successful" | "succeeded" | "completed" | "complete" | "finished"
            | "done" | "passed" | "pass" | "statuscodeok" | "bailed" => Self::Ok,
            "error" | "errored" | "failed" | "failure" | "fail" | "exception" | "crashed" | "tripwire"
            | "statuscodeerror" => Self::Error,
            "running" | "started" | "inprogress" | "active" | "pending" | "queued" | "executing" | "open" => {
                Self::Running
            }
            "suspended" | "waiting" | "paused" | "blocked" | "requiresaction" | "inputrequired" => {
                Self::Suspended
            }
            "cancelled" | "canceled" | "aborted" | "abort" | "interrupted" | "killed" => Self::Cancelled,
            "skipped" | "skip" => Self::Skipped,
            "timeout" | "timedout" | "deadlineexceeded" | "expired" => Self::Timeout,
            "partial" | "partialsuccess" => Self::Partial,
            "unfinished" => Self::Unfinished,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for kind in SpanKind::ALL {
            assert_eq!(SpanKind::from_word(kind.as_str()), Some(*kind));
        }
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.as_str()), Some(*status));
        }
    }

    #[test]
    fn unknown_words_are_not_success() {
        assert_eq!(Status::from_source_word("IN_PROGRESS"), Status::Running);
        assert_eq!(Status::from_source_word("in-progress"), Status::Running);
        assert_eq!(Status::from_source_word("canceled"), Status::Cancelled);
        assert_eq!(Status::from_source_word("splendid"), Status::Unknown);
    }
}
