//! What a pair of names stands for: the places that may have its price, in the order in which they are asked.

use super::catalogue::{Catalogue, Entry};
use super::name_step::{NameChange, NameStep};
use super::names::{self, Provider};
use super::user::{UserPrices, fits};
use super::{PriceSource, Unpriced, corrections};

/// Most places that are kept for a name.
const MAX_TARGETS: usize = 64;

/// All that has prices.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) catalogue: Catalogue,
    pub(super) user: UserPrices,
}

/// A place that may have a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A row of a price file.
    Rule { file: u16, rule: u32 },
    /// A price file in the catalogue's shape.
    File { file: u16, entry: Entry },
    /// The corrections.
    Corrections { entry: Entry, provider: String },
    /// The bundled catalogue.
    Catalogue { entry: Entry, provider: String },
    /// The user's own machine.
    Local,
}

/// A place, and whether the provider was guessed to get there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) place: Place,
    pub(super) guessed: bool,
}

/// What a pair of names stands for, whatever the date.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) targets: Vec<Target>,
    /// Why there is no price when no target has one.
    pub(super) otherwise: Unpriced,
    /// What was done to the names.
    pub(super) steps: Vec<NameStep>,
    /// The provider and model that were looked up last.
    pub(super) provider: String,
    pub(super) model: String,
}

/// Finds what names stand for.
pub(super) fn resolve(books: &Books, model: &str, provider: &str) -> Resolved {
    let mut finder = Finder {
        books,
        steps: Vec::new(),
        names: Vec::new(),
        model: model.trim().to_owned(),
        provider: provider.trim().to_owned(),
        guessed: false,
    };
    finder.follow_alias();
    let base = finder.base();
    let mut targets = finder.user_targets();
    let mut otherwise = Unpriced::UnknownModel;
    match base {
        Base::Free => targets.push(Target { place: Place::Local, guessed: false }),
        Base::Unknown(reason) => otherwise = reason,
        Base::Entry { entry, provider } => {
            let guessed = finder.guessed;
            let place = Place::Corrections { entry: entry.clone(), provider: provider.clone() };
            targets.push(Target { place, guessed });
            targets.push(Target { place: Place::Catalogue { entry, provider }, guessed });
        }
    }
    Resolved { targets, otherwise, steps: finder.steps, provider: finder.provider, model: finder.model }
}

/// What the bundled prices know of a name.
enum Base {
    Free,
    Unknown(Unpriced),
    Entry { entry: Entry, provider: String },
}

struct Finder<'a> {
    books: &'a Books,
    steps: Vec<NameStep>,
    /// The model's name as found and as changed, in lower case.
    names: Vec<String>,
    /// The names as far as they are understood.
    model: String,
    provider: String,
    guessed: bool,
}

impl Finder<'_> {
    fn step(&mut self, change: NameChange, from: &str, to: &str) {
        if from != to {
            self.steps.push(NameStep { change, from: from.to_owned(), to: to.to_owned() });
        }
    }

    fn note_name(&mut self, name: &str) {
        let name = name.to_lowercase();
        if !name.is_empty() && !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    /// Replaces the names by what the user says that they stand for; the last alias that fits does it.
    fn follow_alias(&mut self) {
        let model = self.model.to_lowercase();
        let pairs = [
            format!("{}/{model}", self.provider.to_lowercase()),
            format!("{}/{model}", names::key(&self.provider)),
        ];
        let files = self.books.user.files.iter().enumerate().rev();
        let aliases = files.flat_map(|(at, file)| file.aliases.iter().rev().map(move |alias| (at, alias)));
        let exact = |name: &str| *name == *model || pairs.iter().any(|pair| *name == **pair);
        let Some((file, alias)) = aliases.into_iter().find(|(_, alias)| exact(&alias.name)) else { return };
        let source = PriceSource::User { file: file as u16, line: alias.line };
        let target = alias.target.to_string();
        let from = if *alias.name == *model { self.model.clone() } else { alias.name.to_string() };
        self.step(NameChange::Alias(source), &from, &target);
        match target.split_once('/') {
            Some((provider, model)) if self.is_provider(provider) => {
                (self.provider, self.model) = (provider.to_owned(), model.to_owned());
            }
            _ => self.model = target,
        }
    }

    /// Whether a name in front of a slash is a provider's.
    fn is_provider(&self, name: &str) -> bool {
        match names::provider(name) {
            Provider::Unknown => false,
            Provider::Local => true,
            Provider::Named(known) => {
                let rules = self.books.user.files.iter().flat_map(|file| &file.rules);
                self.books.catalogue.has_provider(&known)
                    || rules.into_iter().any(|rule| rule.provider.as_deref() == Some(known.as_str()))
            }
        }
    }

    fn base(&mut self) -> Base {
        let said = self.model.clone();
        self.note_name(&said);
        let model = names::bare_model(&said).to_owned();
        self.step(NameChange::Stripped, &said, &model);
        self.model.clone_from(&model);
        self.note_name(&model);
        if model.is_empty() {
            return Base::Unknown(Unpriced::NoModel);
        }
        match names::provider(&self.provider) {
            Provider::Local => self.local(),
            Provider::Named(known) => {
                self.take_provider(&known);
                self.with_provider()
            }
            Provider::Unknown => self.without_provider(),
        }
    }

    fn take_provider(&mut self, known: &str) {
        let said = std::mem::replace(&mut self.provider, known.to_owned());
        if said.to_lowercase() != known {
            self.step(NameChange::Provider, &said, known);
        }
    }

    fn local(&mut self) -> Base {
        self.provider = names::key(&self.provider);
        // Ollama also fronts models in its own cloud, which are not free.
        if self.model.ends_with("-cloud") { Base::Unknown(Unpriced::UnknownModel) } else { Base::Free }
    }

    fn with_provider(&mut self) -> Base {
        let (catalogue, model, provider) = (&self.books.catalogue, self.model.clone(), self.provider.clone());
        let mut tries = vec![model.clone()];
        if let Some((prefix, rest)) = model.split_once('/') {
            if names::provider(prefix) == Provider::Named(provider.clone()) {
                tries.push(rest.to_owned());
            }
        } else if provider == "openrouter" {
            let guess = catalogue.find(&Entry { provider: String::new(), model: model.clone() });
            tries.extend(guess.ok().map(|(owner, _)| format!("{owner}/{model}")));
        }
        tries.extend(names::from_display_name(&model));
        let mut reason = Unpriced::UnknownModel;
        for name in &tries {
            self.note_name(name);
        }
        for name in tries {
            let entry = Entry { provider: provider.clone(), model: name.to_lowercase() };
            let corrected =
                corrections::ROWS.iter().any(|row| row.provider == provider && row.model == entry.model);
            match catalogue.find(&entry) {
                Err(why) if !corrected => reason = why,
                found => {
                    self.step(NameChange::Stripped, &model, &name);
                    self.filed(&entry.model, found.ok().map(|(_, id)| id));
                    return Base::Entry { entry, provider };
                }
            }
        }
        Base::Unknown(reason)
    }

    fn filed(&mut self, asked: &str, id: Option<String>) {
        if let Some(id) = id {
            self.step(NameChange::FiledAs, asked, &id);
            self.model = id;
        }
    }

    fn without_provider(&mut self) -> Base {
        let model = self.model.clone();
        if let Some((prefix, rest)) = model.split_once('/') {
            match names::provider(prefix) {
                Provider::Local => {
                    self.take_from_name(&model, prefix, rest);
                    return self.local();
                }
                Provider::Named(known) if !names::looks_local(rest) && self.is_provider(prefix) => {
                    self.take_from_name(&model, &known, rest);
                    return self.with_provider();
                }
                _ => {}
            }
        }
        if names::looks_local(&model) {
            return Base::Unknown(Unpriced::PerhapsLocal);
        }
        let mut tries = vec![(String::new(), model.clone())];
        if model.starts_with("text-embedding-") || model.starts_with("chatgpt-") {
            tries.push(("openai".to_owned(), model.clone()));
        }
        tries.extend(names::from_display_name(&model).map(|id| (String::new(), id)));
        for (provider, name) in tries {
            self.note_name(&name);
            let entry = Entry { provider, model: name.to_lowercase() };
            if let Ok((provider, id)) = self.books.catalogue.find(&entry) {
                self.step(NameChange::Stripped, &model, &name);
                self.step(NameChange::Guessed, &name, &provider);
                self.filed(&entry.model, Some(id));
                (self.provider, self.guessed) = (provider.clone(), true);
                return Base::Entry { entry, provider };
            }
        }
        Base::Unknown(Unpriced::UnknownModel)
    }

    /// The name says the provider, in front of a slash.
    fn take_from_name(&mut self, model: &str, provider: &str, rest: &str) {
        self.step(NameChange::FromName, model, provider);
        (self.provider, self.model) = (provider.to_owned(), rest.to_owned());
        self.note_name(rest);
    }

    /// The places in the user's files, those that come first in front.
    fn user_targets(&self) -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        let key = names::key(&self.provider);
        let nobody = names::provider(&self.provider) == Provider::Unknown;
        let local = self.names.iter().any(|name| names::looks_local(name));
        for (file, prices) in self.books.user.files.iter().enumerate().rev() {
            let file = file as u16;
            if let Some(catalogue) = &prices.catalogue {
                let provider = if nobody { String::new() } else { key.clone() };
                let entries = self.names.iter().filter(|_| !(nobody && local));
                let entries = entries.map(|name| Entry { provider: provider.clone(), model: name.clone() });
                if let Some(entry) = entries.into_iter().find(|entry| catalogue.find(entry).is_ok()) {
                    let guessed = nobody || self.guessed;
                    targets.push(Target { place: Place::File { file, entry }, guessed });
                }
            }
            for name in &self.names {
                for (at, rule) in prices.rules.iter().enumerate().rev() {
                    let guessed = match rule.provider.as_deref() {
                        None => false,
                        Some(provider) if provider == key => self.guessed,
                        // Nobody knows the provider: the row's is as good a guess as any, but nothing to charge what
                        // may run locally by.
                        Some(_) if nobody && !local => true,
                        Some(_) => continue,
                    };
                    let place = Place::Rule { file, rule: at as u32 };
                    if fits(&rule.pattern, name)
                        && targets.len() < MAX_TARGETS
                        && !targets.iter().any(|target| target.place == place)
                    {
                        targets.push(Target { place, guessed });
                    }
                }
            }
        }
        targets
    }
}
