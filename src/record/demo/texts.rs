//! The words and figures of the demo, which are data in `assets/demo/`.

use serde::Deserialize;

/// Everything that is said in the demo.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) models: Vec<Model>,
    pub(super) users: Vec<String>,
    pub(super) tickets: Vec<Ticket>,
    pub(super) cases: Vec<Case>,
    pub(super) items: Vec<Item>,
}

/// A model and how it behaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) provider: String,
    /// Milliseconds.
    pub(super) first_token_ms: (i64, i64),
    pub(super) tokens_per_s: (i64, i64),
    pub(super) cache: Cache,
    #[serde(default)]
    pub(super) reasoning_percent: (i64, i64),
    pub(super) price: Option<Price>,
}

/// What a provider tells about its prompt cache.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Cache {
    None,
    Read,
    ReadWrite,
}

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    pub(super) input: f64,
    pub(super) output: f64,
    pub(super) cache_read: f64,
    pub(super) cache_write: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ticket {
    pub(super) title: String,
    pub(super) request: String,
    pub(super) intent: String,
    pub(super) kind: String,
    pub(super) repo: String,
    pub(super) area: String,
    pub(super) files: Vec<File>,
    pub(super) findings: Vec<Finding>,
    pub(super) questions: Vec<String>,
    pub(super) answers: Vec<String>,
    pub(super) criteria: Vec<String>,
    pub(super) api: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) code: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finding {
    pub(super) severity: String,
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) user: String,
    pub(super) topic: String,
    pub(super) tool: String,
    pub(super) arguments: String,
    pub(super) result: String,
    pub(super) action: String,
    pub(super) action_arguments: String,
    pub(super) action_result: String,
    pub(super) documents: Vec<String>,
    pub(super) reply: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub(super) source: String,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) summary: String,
}

#[derive(Deserialize)]
struct Models {
    model: Vec<Model>,
}
#[derive(Deserialize)]
struct Tickets {
    users: Vec<String>,
    ticket: Vec<Ticket>,
}
#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}
#[derive(Deserialize)]
struct Items {
    item: Vec<Item>,
}

impl Texts {
    pub(super) fn load() -> Result<Self, toml::de::Error> {
        let models: Models = toml::from_str(include_str!("../../../assets/demo/models.toml"))?;
        let tickets: Tickets = toml::from_str(include_str!("../../../assets/demo/tickets.toml"))?;
        let cases: Cases = toml::from_str(include_str!("../../../assets/demo/support.toml"))?;
        let items: Items = toml::from_str(include_str!("../../../assets/demo/digest.toml"))?;
        Ok(Self {
            models: models.model,
            users: tickets.users,
            tickets: tickets.ticket,
            cases: cases.case,
            items: items.item,
        })
    }

    /// The model of a name.
    pub(super) fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_load_and_are_complete() {
        let texts = Texts::load().expect("loads");
        assert!(texts.users.len() >= 4 && texts.items.len() >= 6);
        for name in [
            "gpt-4o",
            "gpt-4o-mini",
            "claude-sonnet-4-5",
            "claude-haiku-4-5",
            "gemini-2.5-flash",
            "qwen2.5-coder:14b",
        ] {
            assert!(texts.model(name).is_some(), "{name}");
        }
        for ticket in &texts.tickets {
            assert_eq!(ticket.questions.len(), ticket.answers.len(), "{}", ticket.title);
            assert!(!ticket.files.is_empty() && !ticket.findings.is_empty() && !ticket.criteria.is_empty());
        }
        for case in &texts.cases {
            for json in [&case.arguments, &case.result] {
                assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "{json}");
            }
        }
    }
}
