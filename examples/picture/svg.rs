//! A screen as an SVG: a window frame and an exact grid of cells.

use std::fmt::{Display, Write as _};

use crate::glyph::{Glyph, glyph};

/// Eighths of a cell are whole pixels with these.
pub(crate) const CELL_WIDTH: f64 = 8.0;
pub(crate) const CELL_HEIGHT: f64 = 16.0;
const FONT_SIZE: f64 = 13.3;
/// From the top of a cell to the foot of its letters.
const BASELINE: f64 = 12.2;
const MARGIN: f64 = 12.0;
const TITLE_BAR: f64 = 32.0;
const FONTS: &str = "'JetBrains Mono','SF Mono',Menlo,'DejaVu Sans Mono','Cascadia Mono',Consolas,monospace";

type Rgb = (u8, u8, u8);

/// The colours of a terminal.
pub(crate) struct Palette {
    text: Rgb,
    background: Rgb,
    frame: Rgb,
    bar: Rgb,
    title: Rgb,
    ansi: [Rgb; 16],
}

/// A dark terminal.
pub(crate) const DARK: Palette = Palette {
    text: (200, 211, 245),
    background: (26, 27, 38),
    frame: (59, 66, 97),
    bar: (36, 40, 59),
    title: (130, 139, 184),
    ansi: [
        (68, 74, 115),
        (255, 117, 127),
        (143, 214, 148),
        (255, 199, 119),
        (130, 170, 255),
        (192, 153, 255),
        (134, 225, 252),
        (200, 211, 245),
        (99, 109, 166),
        (255, 141, 148),
        (178, 230, 182),
        (255, 216, 161),
        (162, 192, 255),
        (209, 180, 255),
        (172, 235, 253),
        (230, 236, 255),
    ],
};

/// A light terminal.
pub(crate) const LIGHT: Palette = Palette {
    text: (46, 52, 64),
    background: (252, 252, 253),
    frame: (195, 201, 214),
    bar: (236, 239, 244),
    title: (95, 104, 125),
    ansi: [
        (46, 52, 64),
        (196, 48, 60),
        (42, 125, 79),
        (154, 103, 0),
        (46, 95, 208),
        (124, 63, 192),
        (0, 125, 115),
        (140, 147, 164),
        (95, 104, 125),
        (214, 78, 88),
        (60, 150, 100),
        (180, 130, 20),
        (80, 125, 225),
        (150, 95, 210),
        (20, 150, 140),
        (200, 205, 215),
    ],
};

/// How a cell looks.
#[derive(Clone, Copy, PartialEq)]
struct Style {
    color: Rgb,
    background: Rgb,
    bold: bool,
    italic: bool,
    underline: bool,
}

/// Draws a screen in a window with a title.
pub(crate) fn draw(screen: &vt100::Screen, palette: &Palette, title: &str) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let width = f64::from(columns) * CELL_WIDTH + 2.0 * MARGIN;
    let height = f64::from(rows) * CELL_HEIGHT + TITLE_BAR + MARGIN;
    let mut svg = String::new();
    frame(&mut svg, palette, title, width, height);
    for row in 0..rows {
        let top = TITLE_BAR + f64::from(row) * CELL_HEIGHT;
        let cells: Vec<Cell> =
            (0..columns).filter_map(|column| Cell::of(screen, row, column, palette)).collect();
        backgrounds(&mut svg, &cells, top, palette.background);
        shapes(&mut svg, &cells, top);
        letters(&mut svg, &cells, top);
    }
    svg.push_str("</svg>\n");
    svg
}

/// One character of the screen.
struct Cell {
    text: String,
    left: f64,
    width: f64,
    style: Style,
    glyph: Option<Glyph>,
}

impl Cell {
    /// `None` for the second half of a wide character.
    fn of(screen: &vt100::Screen, row: u16, column: u16, palette: &Palette) -> Option<Self> {
        let cell = screen.cell(row, column)?;
        if cell.is_wide_continuation() {
            return None;
        }
        let mut color = palette.rgb(cell.fgcolor(), palette.text);
        let mut background = palette.rgb(cell.bgcolor(), palette.background);
        if cell.inverse() {
            std::mem::swap(&mut color, &mut background);
        }
        if cell.dim() {
            color = mix(color, background, 0.6);
        }
        let style = Style {
            color,
            background,
            bold: cell.bold(),
            italic: cell.italic(),
            underline: cell.underline(),
        };
        let mut chars = cell.contents().chars();
        let glyph = match (chars.next(), chars.next()) {
            (Some(c), None) => glyph(c),
            _ => None,
        };
        Some(Self {
            text: cell.contents().to_owned(),
            left: MARGIN + f64::from(column) * CELL_WIDTH,
            width: if cell.is_wide() { 2.0 * CELL_WIDTH } else { CELL_WIDTH },
            style,
            glyph,
        })
    }

    fn right(&self) -> f64 {
        self.left + self.width
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

impl Palette {
    fn rgb(&self, color: vt100::Color, default: Rgb) -> Rgb {
        const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];
        match color {
            vt100::Color::Default => default,
            vt100::Color::Rgb(r, g, b) => (r, g, b),
            vt100::Color::Idx(index @ 0..=15) => self.ansi[usize::from(index)],
            vt100::Color::Idx(index @ 16..=231) => {
                let part = |divisor| CUBE[usize::from((index - 16) / divisor % 6)];
                (part(36), part(6), part(1))
            }
            vt100::Color::Idx(index) => {
                let grey = (index - 232) * 10 + 8;
                (grey, grey, grey)
            }
        }
    }
}

fn frame(svg: &mut String, palette: &Palette, title: &str, width: f64, height: f64) {
    let Palette { text, background, frame, bar, title: title_color, .. } = palette;
    let (right, bottom) = (width - 0.5, height - 0.5);
    put(
        svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"{FONTS}\" font-size=\"{FONT_SIZE}\" fill=\"{}\" role=\"img\">\n<title>{}</title>\n\
         <style>text{{white-space:pre;font-variant-ligatures:none}}.b{{font-weight:bold}}.i{{font-style:italic}}</style>\n\
         <rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"9\" fill=\"{}\" stroke=\"{}\"/>\n\
         <path d=\"M1 24.5V9.5a8.5 8.5 0 0 1 8.5 -8.5H{}a8.5 8.5 0 0 1 8.5 8.5V24.5z\" fill=\"{}\"/>\n",
            hex(*text),
            escape(title),
            right - 0.5,
            bottom - 0.5,
            hex(*background),
            hex(*frame),
            width - 9.5,
            hex(*bar),
        ),
    );
    for (index, color) in ["#ff5f57", "#febc2e", "#28c840"].iter().enumerate() {
        put(svg, format_args!("<circle cx=\"{}\" cy=\"12.8\" r=\"4.5\" fill=\"{color}\"/>", 16 + 15 * index));
    }
    put(
        svg,
        format_args!(
            "\n<text x=\"{}\" y=\"17\" text-anchor=\"middle\" font-size=\"12\" fill=\"{}\">{}</text>\n",
            width / 2.0,
            hex(*title_color),
            escape(title),
        ),
    );
}

/// Runs of cells with a background of their own, as rectangles.
fn backgrounds(svg: &mut String, cells: &[Cell], top: f64, default: Rgb) {
    for run in cells.chunk_by(|a, b| a.style.background == b.style.background) {
        if let (Some(first), Some(last)) = (run.first(), run.last())
            && first.style.background != default
        {
            rectangle(svg, [first.left, top, last.right() - first.left, CELL_HEIGHT], first.style.background);
        }
    }
}

/// Characters that are shapes; rows of the same one become one rectangle.
fn shapes(svg: &mut String, cells: &[Cell], top: f64) {
    let joins =
        |cell: &Cell| matches!(cell.glyph, Some(Glyph::Block(x, _, w, _, _)) if x == 0.0 && w >= CELL_WIDTH);
    let same = |a: &Cell, b: &Cell| joins(a) && a.glyph == b.glyph && a.style == b.style;
    for run in cells.chunk_by(same) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let (left, color) = (first.left, first.style.color);
        match &first.glyph {
            Some(Glyph::Block(x, y, w, h, part)) => {
                let width = w + last.left - left;
                rectangle(svg, [left + x, top + y, width, *h], mix(color, first.style.background, *part));
            }
            Some(Glyph::Blocks(blocks)) => {
                for [x, y, w, h] in blocks {
                    rectangle(svg, [left + x, top + y, *w, *h], color);
                }
            }
            Some(Glyph::Stroke(path, width)) => put(
                svg,
                format_args!(
                    "<path transform=\"translate({left} {top})\" d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"/>\n",
                    hex(color),
                ),
            ),
            Some(Glyph::Fill(path)) => put(
                svg,
                format_args!(
                    "<path transform=\"translate({left} {top})\" d=\"{path}\" fill=\"{}\"/>\n",
                    hex(color),
                ),
            ),
            None => {}
        }
    }
}

/// Everything else: words, each at its place, so that a font of another width drifts by less than a cell.
fn letters(svg: &mut String, cells: &[Cell], top: f64) {
    let word = |cell: &Cell| !cell.is_blank() && cell.glyph.is_none();
    // A symbol that another font may have to lend stands alone.
    let plain = |cell: &Cell| {
        cell.text.chars().all(|c| c.is_ascii() || c.is_alphabetic()) && cell.width <= CELL_WIDTH
    };
    let same = |a: &Cell, b: &Cell| word(a) == word(b) && plain(a) && plain(b) && a.style == b.style;
    for run in cells.chunk_by(same) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        if first.style.underline {
            rectangle(
                svg,
                [first.left, top + BASELINE + 1.6, last.right() - first.left, 1.0],
                first.style.color,
            );
        }
        if !word(first) {
            continue;
        }
        let text: String = run.iter().map(|cell| escape(&cell.text)).collect();
        let class = match (first.style.bold, first.style.italic) {
            (true, true) => " class=\"b i\"",
            (true, false) => " class=\"b\"",
            (false, true) => " class=\"i\"",
            (false, false) => "",
        };
        let (x, place) = if plain(first) {
            (first.left, format!("textLength=\"{}\"", last.right() - first.left))
        } else {
            (first.left + first.width / 2.0, "text-anchor=\"middle\"".to_owned())
        };
        let (y, color) = (top + BASELINE, hex(first.style.color));
        put(svg, format_args!("<text x=\"{x}\" y=\"{y}\" {place} fill=\"{color}\"{class}>{text}</text>\n"));
    }
}

fn rectangle(svg: &mut String, [x, y, width, height]: [f64; 4], color: Rgb) {
    // Whole pixels meet without a seam; anything thinner keeps its soft edge.
    let crisp = [x, y, width, height].iter().all(|edge| edge.fract() == 0.0);
    let crisp = if crisp { " shape-rendering=\"crispEdges\"" } else { "" };
    put(
        svg,
        format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"{crisp}/>\n",
            short(x),
            short(y),
            short(width),
            short(height),
            hex(color),
        ),
    );
}

fn put(svg: &mut String, text: impl Display) {
    // Writing to a string can't fail.
    write!(svg, "{text}").ok();
}

fn short(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn mix((r, g, b): Rgb, (r2, g2, b2): Rgb, part: f64) -> Rgb {
    let mix = |a: u8, b: u8| (f64::from(a) * part + f64::from(b) * (1.0 - part)).round() as u8;
    (mix(r, r2), mix(g, g2), mix(b, b2))
}

fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escape(text: &str) -> String {
    let safe = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    safe.chars().filter(|c| !c.is_control()).collect()
}
