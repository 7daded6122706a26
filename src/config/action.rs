//! Everything a key can do: one table for the handler, `?` help, the footer, the palette and the documentation.

/// Where an action stands in help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Moving the selection.
    Move,
    /// Folding the tree.
    Tree,
    /// Zooming and panning time.
    Time,
    /// Narrowing and finding.
    Find,
    /// The detail pane.
    Detail,
    /// Copying and opening.
    Copy,
    /// Everything else.
    Session,
}

impl Group {
    /// Every group, in the order help shows them.
    pub const ALL: [Self; 7] =
        [Self::Move, Self::Tree, Self::Time, Self::Find, Self::Detail, Self::Copy, Self::Session];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Tree => "Tree",
            Self::Time => "Time",
            Self::Find => "Filter and find",
            Self::Detail => "Detail",
            Self::Copy => "Copy",
            Self::Session => "Session",
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident { $name:literal, $group:ident, [$($keys:literal),*], $help:literal },)+) => {
        /// Something a key does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action { $(#[doc = $help] $variant,)+ }

        impl Action {
            /// Every action, in the order help lists them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in the configuration file and the palette.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Where help lists it.
            pub fn group(self) -> Group {
                match self { $(Self::$variant => Group::$group,)+ }
            }

            /// The keys it has when the configuration says nothing; a sequence is separated by spaces.
            pub fn default_keys(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($keys),*],)+ }
            }

            /// One line of help.
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }
        }
    };
}

actions! {
    Up { "up", Move, ["k", "up"], "move up" },
    Down { "down", Move, ["j", "down"], "move down" },
    HalfPageUp { "half-page-up", Move, ["ctrl-u"], "half a page up" },
    HalfPageDown { "half-page-down", Move, ["ctrl-d"], "half a page down" },
    PageUp { "page-up", Move, ["pageup", "ctrl-b"], "a page up" },
    PageDown { "page-down", Move, ["pagedown", "ctrl-f"], "a page down" },
    Top { "top", Move, ["g g", "home"], "first row" },
    Bottom { "bottom", Move, ["G", "end"], "last row" },
    NextPanel { "next-panel", Move, ["tab"], "next panel" },
    PreviousPanel { "previous-panel", Move, ["shift-tab"], "previous panel" },
    Open { "open", Move, ["enter"], "open the run, or the detail of the span" },
    Back { "back", Move, ["esc"], "back out one level" },
    Follow { "follow", Move, ["F"], "follow the newest run" },

    Fold { "fold", Tree, ["h", "left"], "fold, or go to the parent" },
    Unfold { "unfold", Tree, ["l", "right"], "unfold, or go to the first child" },
    ToggleFold { "toggle-fold", Tree, ["space"], "fold or unfold" },
    FoldAll { "fold-all", Tree, ["z M"], "fold everything, or from the depth that a count says" },
    UnfoldAll { "unfold-all", Tree, ["z R"], "unfold everything" },
    FoldDepth1 { "fold-depth-1", Tree, ["z 1"], "fold below the roots" },
    FoldDepth2 { "fold-depth-2", Tree, ["z 2"], "fold from depth 2" },
    FoldDepth3 { "fold-depth-3", Tree, ["z 3"], "fold from depth 3" },
    FoldDepth4 { "fold-depth-4", Tree, ["z 4"], "fold from depth 4" },
    ToggleCompact { "toggle-compact", Tree, ["w"], "show or leave out wrapper spans" },
    CriticalPath { "critical-path", Tree, ["c"], "mark the critical path" },
    BarSize { "bar-size", Tree, ["b"], "size bars by time, tokens or cost" },

    ZoomIn { "zoom-in", Time, ["+", "="], "zoom in" },
    ZoomOut { "zoom-out", Time, ["-"], "zoom out" },
    ZoomReset { "zoom-reset", Time, ["0"], "show the whole run" },
    ZoomSpan { "zoom-span", Time, ["z z"], "zoom to the span" },
    PanLeft { "pan-left", Time, ["H", "shift-left"], "earlier" },
    PanRight { "pan-right", Time, ["L", "shift-right"], "later" },
    FoldIdle { "fold-idle", Time, ["i"], "fold idle time" },

    Filter { "filter", Find, ["f"], "filter" },
    ClearFilter { "clear-filter", Find, ["ctrl-x"], "remove the filter" },
    PickStep { "pick-step", Find, ["s"], "pick a step" },
    PickModel { "pick-model", Find, ["m"], "pick a model" },
    PickTool { "pick-tool", Find, ["t"], "pick a tool" },
    PickAgent { "pick-agent", Find, ["a"], "pick an agent" },
    Include { "include", Find, ["."], "only spans like this one" },
    Exclude { "exclude", Find, ["!"], "no spans like this one" },
    Search { "search", Find, ["/"], "search names, attributes and payloads" },
    NextHit { "next-hit", Find, ["n"], "next hit" },
    PreviousHit { "previous-hit", Find, ["N"], "previous hit" },
    NextError { "next-error", Find, ["] e", "e"], "next error" },
    PreviousError { "previous-error", Find, ["[ e", "E"], "previous error" },
    NextSlowest { "next-slowest", Find, ["] s"], "slowest, then the next slowest" },
    PreviousSlowest { "previous-slowest", Find, ["[ s"], "back towards the slowest" },
    NextCostliest { "next-costliest", Find, ["] $"], "costliest, then the next costliest" },
    PreviousCostliest { "previous-costliest", Find, ["[ $"], "back towards the costliest" },

    ToggleDetail { "toggle-detail", Detail, ["d"], "open or close the detail" },
    NextTab { "next-tab", Detail, ["}", "ctrl-right"], "next tab of the detail" },
    PreviousTab { "previous-tab", Detail, ["{", "ctrl-left"], "previous tab of the detail" },
    ToggleRedaction { "toggle-redaction", Detail, ["R"], "hide or show secrets" },
    OpenPager { "open-pager", Detail, ["o"], "open the tab in $PAGER" },

    CopyId { "copy-id", Copy, ["y i"], "copy the span id" },
    CopyTraceId { "copy-trace-id", Copy, ["y t"], "copy the trace id" },
    CopySpan { "copy-span", Copy, ["y y"], "copy the span's records" },
    CopyInput { "copy-input", Copy, ["y p"], "copy the prompt or input" },
    CopyOutput { "copy-output", Copy, ["y o"], "copy the output" },

    Palette { "palette", Session, [":", "ctrl-p"], "find an action" },
    Help { "help", Session, ["?"], "this help" },
    Problems { "problems", Session, ["P"], "sources that are not live, skipped and odd records" },
    Conversation { "conversation", Session, ["C"], "walk the conversation turn by turn" },
    Bill { "bill", Session, ["$"], "why the cost is what it is" },
    FullScreen { "full-screen", Session, ["Z"], "one panel over the whole screen" },
    NextTheme { "next-theme", Session, ["T"], "next colour theme" },
    Redraw { "redraw", Session, ["ctrl-l"], "draw everything again" },
    Suspend { "suspend", Session, ["ctrl-z"], "suspend; fg brings it back" },
    Quit { "quit", Session, ["q"], "quit" },
    ForceQuit { "force-quit", Session, ["ctrl-c"], "quit from anywhere" },
}

impl Action {
    /// The action of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }
}
