//! A theme's colours as styles, for as many colours as the terminal has.

use ratatui::style::{Color, Modifier, Style};

use crate::config::{Rgb, ThemeColors};
use crate::model::{SpanKind, Status};

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// None.
    Mono,
    /// The 16 that every terminal has, in shades of its own.
    Ansi,
    /// The 256 of xterm.
    Indexed,
    /// All.
    True,
}

impl Depth {
    /// What the environment says: `NO_COLOR`, `COLORTERM`, `TERM`.
    pub fn detect() -> Self {
        let set = |name: &str| std::env::var(name).unwrap_or_default().to_ascii_lowercase();
        if set("NO_COLOR").is_empty() { Self::of(&set("TERM"), &set("COLORTERM")) } else { Self::Mono }
    }

    /// What `TERM` and `COLORTERM` say, both in lower case.
    fn of(term: &str, color_term: &str) -> Self {
        // `COLORTERM` does not pass through ssh, but these names do.
        const ALL_COLOURS: [&str; 6] = ["direct", "kitty", "ghostty", "alacritty", "wezterm", "foot"];
        let told = ["truecolor", "24bit"].iter().any(|word| color_term.contains(word));
        if term == "dumb" {
            Self::Mono
        } else if told
            || ALL_COLOURS.iter().any(|name| term.contains(name))
            || (term.is_empty() && cfg!(windows))
        {
            Self::True
        } else if term.contains("256") {
            Self::Indexed
        } else {
            Self::Ansi
        }
    }
}

/// Styles for everything that is drawn.
#[derive(Clone, Debug)]
pub struct Theme {
    mono: bool,
    /// Ordinary text.
    pub text: Style,
    /// Less important text.
    pub dim: Style,
    /// Lines, units, hints.
    pub faint: Style,
    /// What is active.
    pub accent: Style,
    /// Headings.
    pub strong: Style,
    /// Borders.
    pub border: Style,
    /// Border of the panel that has the keys.
    pub focus: Style,
    /// Good news.
    pub good: Style,
    /// Warnings.
    pub warn: Style,
    /// Errors.
    pub bad: Style,
    /// Hits of a search.
    pub hit: Style,
    selection: Style,
    kinds: Vec<Style>,
    muted_kinds: Vec<Style>,
    statuses: Vec<Style>,
}

impl Theme {
    /// The styles of a theme.
    pub fn new(colors: &ThemeColors, depth: Depth) -> Self {
        let mono = depth == Depth::Mono || colors.text.0.is_none();
        let fg = |rgb: Rgb| match color(rgb, depth) {
            Some(color) => Style::new().fg(color),
            None => Style::new(),
        };
        let dimmed = |rgb: Rgb| match color(rgb, depth) {
            Some(color) if depth != Depth::Ansi => Style::new().fg(color),
            _ => Style::new().add_modifier(Modifier::DIM),
        };
        let selection = match color(colors.selection, depth) {
            // Of 16 colours none is sure to be seen behind all the others.
            Some(color) if depth != Depth::Ansi => Style::new().bg(color),
            _ => Style::new().add_modifier(Modifier::REVERSED),
        };
        // There are no shades between 16 colours: a muted bar has another texture.
        let shade = |rgb: Rgb| if depth == Depth::Ansi { rgb } else { muted(rgb, colors.text) };
        let marked = |style: Style| if mono { style.add_modifier(Modifier::BOLD) } else { style };
        Self {
            mono,
            text: fg(colors.text),
            dim: dimmed(colors.dim),
            faint: dimmed(colors.faint),
            accent: marked(fg(colors.accent)),
            strong: fg(colors.text).add_modifier(Modifier::BOLD),
            border: dimmed(colors.border),
            focus: fg(colors.border_focus),
            good: fg(colors.good),
            warn: marked(fg(colors.warn)),
            bad: marked(fg(colors.bad)),
            hit: fg(colors.hit).add_modifier(Modifier::UNDERLINED | Modifier::BOLD),
            selection,
            kinds: SpanKind::ALL.iter().map(|kind| fg(colors.kind(*kind))).collect(),
            muted_kinds: SpanKind::ALL.iter().map(|kind| fg(shade(colors.kind(*kind)))).collect(),
            statuses: Status::ALL
                .iter()
                .map(|status| match status {
                    Status::Error | Status::Timeout => marked(fg(colors.status(*status))),
                    _ => fg(colors.status(*status)),
                })
                .collect(),
        }
    }

    /// No colours at all.
    pub fn plain() -> Self {
        Self::new(&ThemeColors::default(), Depth::Mono)
    }

    /// The style of a kind.
    pub fn kind(&self, kind: SpanKind) -> Style {
        self.kinds.get(kind as usize).copied().unwrap_or_default()
    }

    /// The style of a kind, nearer to the background: for the part of a bar in which nothing came yet.
    pub fn muted_kind(&self, kind: SpanKind) -> Style {
        self.muted_kinds.get(kind as usize).copied().unwrap_or_default()
    }

    /// The style of a status.
    pub fn status(&self, status: Status) -> Style {
        self.statuses.get(status as usize).copied().unwrap_or_default()
    }

    /// What the selected row adds to the style of its cells. Where the panel does not have the keys it is weaker.
    pub fn selection(&self, focused: bool) -> Style {
        let weak = !focused && self.selection.add_modifier.contains(Modifier::REVERSED);
        if weak { Style::new().add_modifier(Modifier::UNDERLINED) } else { self.selection }
    }

    /// Whether there are colours.
    pub fn is_mono(&self) -> bool {
        self.mono
    }
}

fn color(rgb: Rgb, depth: Depth) -> Option<Color> {
    let (r, g, b) = rgb.0?;
    match depth {
        Depth::Mono => None,
        Depth::Ansi => nearest_ansi(r, g, b),
        Depth::True => Some(Color::Rgb(r, g, b)),
        Depth::Indexed => Some(Color::Indexed(nearest_indexed(r, g, b))),
    }
}

/// A colour nearer to the background, which is dark when the text is light.
fn muted(rgb: Rgb, text: Rgb) -> Rgb {
    let light_text = text.0.is_some_and(|(r, g, b)| u32::from(r) + u32::from(g) + u32::from(b) > 384);
    let mix = |value: u8| {
        let background = if light_text { 30 } else { 250 };
        ((u32::from(value) * 42 + background * 58) / 100) as u8
    };
    Rgb(rgb.0.map(|(r, g, b)| (mix(r), mix(g), mix(b))))
}

/// The one of 16 colours with the nearest hue. None for greys: which of the four the terminal's background swallows is
/// not known, while its own text colour is always seen.
fn nearest_ansi(r: u8, g: u8, b: u8) -> Option<Color> {
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    if (most - least) * 10 < most * 3 {
        return None;
    }
    // A sixth of the colour wheel each, red at 0.
    let range = most - least;
    let degrees = match () {
        () if most == r => (60 * (g - b) / range + 360) % 360,
        () if most == g => 60 * (b - r) / range + 120,
        () => 60 * (r - g) / range + 240,
    };
    Some(match degrees {
        25..75 => Color::Yellow,
        75..160 => Color::Green,
        160..205 => Color::Cyan,
        205..250 => Color::Blue,
        250..330 => Color::Magenta,
        _ => Color::Red,
    })
}

/// The nearest of xterm's 6x6x6 colours and 24 greys.
fn nearest_indexed(r: u8, g: u8, b: u8) -> u8 {
    const STEPS: [i32; 6] = [0, 95, 135, 175, 215, 255];
    let step = |value: u8| {
        let distance = |at: &usize| (STEPS[*at] - i32::from(value)).abs();
        (0..STEPS.len()).min_by_key(distance).unwrap_or(0)
    };
    let (ri, gi, bi) = (step(r), step(g), step(b));
    let grey_step = ((i32::from(r) + i32::from(g) + i32::from(b)) / 3 - 8).clamp(0, 230) / 10;
    let far = |x: i32, y: i32, z: i32| {
        let (dr, dg, db) = (x - i32::from(r), y - i32::from(g), z - i32::from(b));
        dr * dr + dg * dg + db * db
    };
    let grey = 8 + grey_step * 10;
    if far(grey, grey, grey) < far(STEPS[ri], STEPS[gi], STEPS[bi]) {
        (232 + grey_step) as u8
    } else {
        (16 + 36 * ri + 6 * gi + bi) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexed_colours_are_the_nearest() {
        assert_eq!(nearest_indexed(255, 0, 0), 196);
        assert_eq!(nearest_indexed(0, 0, 0), 16);
        assert_eq!(nearest_indexed(128, 128, 128), 244);
    }

    #[test]
    fn depth_is_what_the_terminal_says() {
        for (term, color_term, depth) in [
            ("xterm-256color", "truecolor", Depth::True),
            ("xterm-kitty", "", Depth::True),
            ("tmux-256color", "", Depth::Indexed),
            ("linux", "", Depth::Ansi),
            ("xterm", "", Depth::Ansi),
            ("dumb", "truecolor", Depth::Mono),
        ] {
            assert_eq!(Depth::of(term, color_term), depth, "{term} {color_term}");
        }
    }

    #[test]
    fn of_16_colours_the_important_ones_stay_apart() {
        for name in ["dark", "light"] {
            let theme = Theme::new(&crate::config::theme(name).expect("a theme"), Depth::Ansi);
            let colors = [theme.kind(SpanKind::Llm), theme.kind(SpanKind::Tool), theme.kind(SpanKind::Agent)];
            assert_eq!(
                colors.map(|style| style.fg),
                [Color::Cyan, Color::Yellow, Color::Magenta].map(Some),
                "{name}"
            );
            assert_eq!((theme.bad.fg, theme.good.fg), (Some(Color::Red), Some(Color::Green)), "{name}");
            assert_eq!((theme.text.fg, theme.kind(SpanKind::Step).fg), (None, Some(Color::Blue)), "{name}");
            assert!(theme.faint.add_modifier.contains(Modifier::DIM) && theme.faint.fg.is_none(), "{name}");
            assert!(theme.selection(true).add_modifier.contains(Modifier::REVERSED), "{name}");
        }
    }

    #[test]
    fn selection_is_visible_without_colours() {
        let mono = Theme::new(&crate::config::theme("mono").expect("a theme"), Depth::True);
        assert!(mono.selection(true).add_modifier.contains(Modifier::REVERSED));
        let dark = Theme::new(&crate::config::theme("dark").expect("a theme"), Depth::Mono);
        assert!(dark.selection(true).add_modifier.contains(Modifier::REVERSED));
        assert_ne!(mono.selection(true), mono.selection(false));
        assert!(mono.is_mono() && dark.is_mono());
    }
}
