//! The detail pane: the selected span's payload, in tabs.

use crate::model::SpanDetail;
use crate::store::SpanIx;

/// What the detail pane shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tab {
    /// Everything that fits in a few lines.
    #[default]
    Overview,
    /// Prompt and completion as a conversation.
    Messages,
    /// The input.
    Input,
    /// The output.
    Output,
    /// Attributes.
    Attributes,
    /// Events.
    Events,
    /// The records as the source has them.
    Raw,
}

impl Tab {
    /// Every tab, in order.
    pub const ALL: [Self; 7] = [
        Self::Overview,
        Self::Messages,
        Self::Input,
        Self::Output,
        Self::Attributes,
        Self::Events,
        Self::Raw,
    ];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Messages => "Messages",
            Self::Input => "Input",
            Self::Output => "Output",
            Self::Attributes => "Attributes",
            Self::Events => "Events",
            Self::Raw => "Raw",
        }
    }

    /// The tab after or before.
    #[must_use]
    pub fn step(self, by: isize) -> Self {
        let at = Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        Self::ALL[(at as isize + by).rem_euclid(Self::ALL.len() as isize) as usize]
    }
}

/// A payload on its way or here.
#[derive(Clone, Debug, Default)]
pub enum Payload {
    /// Nothing asked for.
    #[default]
    None,
    /// Asked for.
    Loading,
    /// Here, as it may be shown.
    Here(Box<SpanDetail>),
    /// Could not be read; says why.
    Failed(String),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Detail {
    /// Whether the pane is open.
    pub open: bool,
    /// The tab.
    pub tab: Tab,
    /// The span whose payload is here or asked for, and the state of the store it was asked for at.
    pub of: Option<(SpanIx, u64)>,
    /// The payload.
    pub payload: Payload,
    /// First line on the screen.
    pub scroll: usize,
    /// The lines of the tab.
    pub lines: Vec<super::TextLine>,
    /// What they were prepared from: span, payload, tab, width, whether secrets are hidden.
    pub(super) lines_of: Option<(SpanIx, u64, Tab, usize, bool)>,
    answers: u64,
}

impl Detail {
    /// Notes that a payload is being read. What is here stays on the screen until the new one comes, unless it is
    /// another span's.
    pub fn ask(&mut self, span: SpanIx, generation: u64) {
        if self.of.is_none_or(|(known, _)| known != span) {
            self.answers += 1;
            self.payload = Payload::Loading;
            self.scroll = 0;
        }
        self.of = Some((span, generation));
    }

    /// Takes a payload in, if it is still the one that is wanted.
    pub fn answer(&mut self, span: SpanIx, result: Result<SpanDetail, String>) {
        if self.of.is_some_and(|(wanted, _)| wanted == span) {
            self.answers += 1;
            self.payload = match result {
                Ok(detail) => Payload::Here(Box::new(detail)),
                Err(why) => Payload::Failed(why),
            };
        }
    }

    /// Forgets the payload, so that it is read again.
    pub fn forget(&mut self) {
        (self.of, self.payload) = (None, Payload::None);
    }

    /// Grows with each payload that comes.
    pub fn generation(&self) -> u64 {
        self.answers
    }

    /// The payload, if it is here.
    pub fn here(&self) -> Option<&SpanDetail> {
        match &self.payload {
            Payload::Here(detail) => Some(detail),
            _ => None,
        }
    }
}
