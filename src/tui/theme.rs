//! A theme's colours as styles, for as many colours as the terminal has.

use ratatui::style::{Color, Modifier, Style};

use crate::config::{Rgb, ThemeColors};
use crate::model::{SpanKind, Status};

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// None.
    Mono,
    /// The 256 of xterm.
    Indexed,
    /// All.
    True,
}

impl Depth {
    /// What the environment says: `NO_COLOR`, `COLORTERM`, `TERM`.
    pub fn detect() -> Self {
        let set = |name: &str| std::env::var(name).unwrap_or_default();
        if !set("NO_COLOR").is_empty() || set("TERM") == "dumb" {
            return Self::Mono;
        }
        let color_term = set("COLORTERM").to_ascii_lowercase();
        if color_term.contains("truecolor") || color_term.contains("24bit") || set("TERM").contains("direct")
        {
            Self::True
        } else {
            Self::Indexed
        }
    }
}

/// Styles for everything that is drawn.
#[derive(Clone, Debug)]
pub struct Theme {
    depth: Depth,
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
        let dimmed = |rgb: Rgb| if mono { Style::new().add_modifier(Modifier::DIM) } else { fg(rgb) };
        let selection = match color(colors.selection, depth) {
            Some(color) => Style::new().bg(color),
            None => Style::new().add_modifier(Modifier::REVERSED),
        };
        let marked = |style: Style| if mono { style.add_modifier(Modifier::BOLD) } else { style };
        Self {
            depth,
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
            muted_kinds: SpanKind::ALL
                .iter()
                .map(|kind| fg(muted(colors.kind(*kind), colors.text)))
                .collect(),
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
        self.depth == Depth::Mono
    }
}

fn color(rgb: Rgb, depth: Depth) -> Option<Color> {
    let (r, g, b) = rgb.0?;
    match depth {
        Depth::Mono => None,
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
    fn selection_is_visible_without_colours() {
        let mono = Theme::new(&crate::config::theme("mono").expect("a theme"), Depth::True);
        assert!(mono.selection(true).add_modifier.contains(Modifier::REVERSED));
        let dark = Theme::new(&crate::config::theme("dark").expect("a theme"), Depth::Mono);
        assert!(dark.selection(true).add_modifier.contains(Modifier::REVERSED));
        assert_ne!(mono.selection(true), mono.selection(false));
    }
}
