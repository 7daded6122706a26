//! The many spellings of providers and models.

/// What a provider's name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    /// Nothing was said, or only the name of a framework or proxy.
    Unknown,
    /// A runtime on the user's own machine.
    Local,
    /// A name to look up, in the catalogue's spelling where that is known.
    Named(String),
}

/// Longest name that is looked up, bytes.
pub(super) const MAX_NAME: usize = 256;

/// Frameworks, proxies and libraries that some telemetry writes where the provider belongs.
const NOT_PROVIDERS: &[&str] = &[
    "unknown",
    "none",
    "null",
    "litellm",
    "langchain",
    "langgraph",
    "llamaindex",
    "llama_index",
    "gateway",
    "vercel",
    "openai-compatible",
    "openai_compatible",
    "openai-like",
    "openai_like",
    "ai-sdk",
    "mastra",
    "pydantic-ai",
    "custom",
    "other",
    "default",
];

const LOCAL: &[&str] = &[
    "ollama",
    "lmstudio",
    "lm-studio",
    "lm_studio",
    "vllm",
    "llamacpp",
    "llama.cpp",
    "llama-cpp",
    "llama_cpp",
    "llamafile",
    "localai",
    "local",
    "localhost",
    "jan",
    "mlx",
    "gpt4all",
    "koboldcpp",
    "sglang",
];

/// Spellings, compared after lowering; a name that ends in `*` matches as a prefix. The first that fits wins.
const ALIASES: &[(&str, &str)] = &[
    ("azure*", "azure"),
    ("az.ai.*", "azure"),
    ("aws*", "aws"),
    ("amazon*", "aws"),
    ("bedrock*", "aws"),
    ("openrouter*", "openrouter"),
    ("x_ai", "x-ai"),
    ("x-ai", "x-ai"),
    ("xai", "x-ai"),
    ("grok", "x-ai"),
    ("gcp.*", "google"),
    ("google*", "google"),
    ("vertex*", "google"),
    ("gemini*", "google"),
    ("mistral*", "mistral"),
    ("moonshot*", "moonshotai"),
    ("kimi", "moonshotai"),
    ("together*", "together"),
    ("fireworks*", "fireworks"),
    ("alibaba*", "alibaba"),
    ("dashscope", "alibaba"),
    ("qwen", "alibaba"),
    ("z.ai", "zai"),
    ("z-ai", "zai"),
    ("z_ai", "zai"),
];

/// Reads a provider's name.
pub(super) fn provider(name: &str) -> Provider {
    let lower = name.trim().to_lowercase();
    let whole = lower.as_str();
    let is_domain = whole.rsplit_once('.').is_some_and(|(_, end)| end == "ai");
    // The AI SDK appends the API: `openai.chat`, `anthropic.messages`.
    let head = whole.split('.').next().unwrap_or_default();
    if whole.is_empty() || NOT_PROVIDERS.contains(&whole) || NOT_PROVIDERS.contains(&head) {
        return Provider::Unknown;
    }
    if LOCAL.iter().any(|local| *local == whole || *local == head) || whole.starts_with("ollama") {
        return Provider::Local;
    }
    let alias = ALIASES.iter().find(|(spelling, _)| match spelling.strip_suffix('*') {
        Some(prefix) => whole.starts_with(prefix),
        None => *spelling == whole || *spelling == head,
    });
    match alias {
        Some((_, known)) => Provider::Named((*known).to_owned()),
        // A dot is part of some names; otherwise it separates the API.
        None if is_domain => Provider::Named(whole.to_owned()),
        None => Provider::Named(head.to_owned()),
    }
}

/// The spelling of a provider's name in which names from price files are compared with names from traces.
pub(super) fn key(name: &str) -> String {
    let lower = name.trim().to_lowercase();
    match provider(name) {
        Provider::Named(known) => known,
        Provider::Unknown => lower,
        Provider::Local if lower.starts_with("ollama") => "ollama".to_owned(),
        Provider::Local => {
            let head = lower.split('.').next().unwrap_or_default();
            let name = if LOCAL.contains(&head) { head } else { lower.as_str() };
            name.chars().filter(|c| c.is_alphanumeric()).collect()
        }
    }
}

/// A model's name without Google's resource path; in other paths `models/` is a part of the id.
pub(super) fn bare_model(name: &str) -> &str {
    let name = name.trim();
    match name.rsplit_once("models/") {
        Some((before, rest))
            if before.is_empty() || before.starts_with("publishers/") || before.starts_with("projects/") =>
        {
            rest
        }
        _ => name,
    }
}

/// Whether a name without a provider has the look of a local model: an Ollama tag, a file, a parameter count.
pub(super) fn looks_local(model: &str) -> bool {
    let lower = model.to_lowercase();
    if lower.starts_with("arn:aws") || lower.starts_with("ft:") {
        return false;
    }
    // Bedrock versions its ids: `anthropic.claude-3-haiku-20240307-v1:0`.
    let tagged = lower.rsplit_once(':').is_some_and(|(before, tag)| {
        let version = before.rsplit_once("-v").is_some_and(|(_, v)| v.bytes().all(|b| b.is_ascii_digit()));
        !(version && tag.bytes().all(|b| b.is_ascii_digit()))
    });
    tagged || lower.contains("gguf") || lower.starts_with("hf.co/") || has_parameter_count(&lower)
}

/// Whether a part between separators reads like `7b` or `1.5b`.
fn has_parameter_count(lower: &str) -> bool {
    lower.split(['-', '_', ':', '/', ' ', '@']).any(|part| {
        part.strip_suffix('b').is_some_and(|digits| {
            digits.starts_with(|c: char| c.is_ascii_digit())
                && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
        })
    })
}

/// The id that a display name such as `Claude Sonnet 4.5` would have; `None` when it has no spaces.
pub(super) fn from_display_name(model: &str) -> Option<String> {
    model.contains(' ').then(|| model.to_lowercase().split_whitespace().collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_spellings() {
        for (spelling, expected) in [
            ("openai.chat", "openai"),
            ("OpenAI", "openai"),
            ("anthropic.messages", "anthropic"),
            ("google.generative-ai", "google"),
            ("gcp.vertex_ai", "google"),
            ("x_ai", "x-ai"),
            ("xai.chat", "x-ai"),
            ("azure.ai.openai", "azure"),
            ("az.ai.inference", "azure"),
            ("azure-openai.chat", "azure"),
            ("amazon-bedrock", "aws"),
            ("mistral_ai", "mistral"),
            ("ibm.watsonx.ai", "ibm.watsonx.ai"),
        ] {
            assert_eq!(provider(spelling), Provider::Named(expected.to_owned()), "{spelling}");
        }
        for local in
            ["ollama", "Ollama", "ollama.chat", "ollama-ai-provider", "lmstudio", "vllm", "llama.cpp"]
        {
            assert_eq!(provider(local), Provider::Local, "{local}");
        }
        for nobody in ["", "  ", "openai-compatible.chat", "litellm", "langchain", "unknown"] {
            assert_eq!(provider(nobody), Provider::Unknown, "{nobody:?}");
        }
    }

    #[test]
    fn keys_of_providers_are_the_same_for_all_spellings() {
        for (spelling, expected) in [
            ("Google", "google"),
            ("vertex_ai-language-models", "google"),
            ("bedrock_converse", "aws"),
            ("lm-studio", "lmstudio"),
            ("lmstudio.chat", "lmstudio"),
            ("llama.cpp", "llamacpp"),
            ("ollama-ai-provider", "ollama"),
            ("litellm", "litellm"),
            ("", ""),
        ] {
            assert_eq!(key(spelling), expected, "{spelling}");
        }
    }

    #[test]
    fn local_looks() {
        for name in
            ["qwen2.5-coder:latest", "deepseek-r1:14b", "deepseek-r1-distill-qwen-7b", "hf.co/a/b-GGUF"]
        {
            assert!(looks_local(name), "{name}");
        }
        for name in ["gpt-4o", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5@20250929"] {
            assert!(!looks_local(name), "{name}");
        }
    }

    #[test]
    fn model_paths_are_stripped() {
        assert_eq!(bare_model("models/gemini-2.5-pro"), "gemini-2.5-pro");
        assert_eq!(bare_model("publishers/google/models/gemini-2.5-pro"), "gemini-2.5-pro");
        assert_eq!(bare_model("my-models/x"), "my-models/x");
        assert_eq!(bare_model("accounts/fireworks/models/x"), "accounts/fireworks/models/x");
        assert_eq!(from_display_name("Claude Sonnet 4.5").as_deref(), Some("claude-sonnet-4.5"));
    }
}
