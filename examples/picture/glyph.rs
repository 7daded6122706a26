//! Characters that have to meet their neighbours without a gap, as shapes in a cell.

use crate::svg::{CELL_HEIGHT as H, CELL_WIDTH as W};

/// What is drawn for a character instead of a letter of a font; coordinates are relative to the cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Glyph {
    /// A rectangle: x, y, width, height, and how much of the colour there is (0 to 1). Equal neighbours on a row
    /// that are as wide as the cell become one.
    Block(f64, f64, f64, f64, f64),
    /// Several rectangles.
    Blocks(Vec<[f64; 4]>),
    /// A line without fill: path data, width.
    Stroke(String, f64),
    /// A filled shape: path data.
    Fill(String),
}

/// The middle of a cell, on the pixel grid for lines one pixel wide.
const X: f64 = W / 2.0;
const Y: f64 = H / 2.0;
const LIGHT: f64 = 1.2;
const HEAVY: f64 = 2.4;

/// The shape of a character; `None` when a font should draw it.
pub(crate) fn glyph(c: char) -> Option<Glyph> {
    let code = c as u32;
    match code {
        0x2500..=0x257f => line(c),
        0x2580..=0x259f => Some(block(code - 0x2580)),
        0x2800..=0x28ff => Some(braille(code - 0x2800)),
        _ => shape(c),
    }
}

fn block(index: u32) -> Glyph {
    let eighth = |n: u32| f64::from(n) / 8.0;
    match index {
        0x00 => Glyph::Block(0.0, 0.0, W, Y, 1.0),
        0x01..=0x08 => Glyph::Block(0.0, H - eighth(index) * H, W, eighth(index) * H, 1.0),
        0x09..=0x0f => Glyph::Block(0.0, 0.0, eighth(0x10 - index) * W, H, 1.0),
        0x10 => Glyph::Block(X, 0.0, X, H, 1.0),
        0x11..=0x13 => Glyph::Block(0.0, 0.0, W, H, f64::from(index - 0x10) / 4.0),
        0x14 => Glyph::Block(0.0, 0.0, W, H / 8.0, 1.0),
        0x15 => Glyph::Block(W - W / 8.0, 0.0, W / 8.0, H, 1.0),
        _ => {
            // Bits: upper left, upper right, lower left, lower right.
            const QUADRANTS: [u8; 10] =
                [0b0010, 0b0001, 0b1000, 0b1011, 0b1001, 0b1110, 0b1101, 0b0100, 0b0110, 0b0111];
            let bits = QUADRANTS.get(index as usize - 0x16).copied().unwrap_or(0);
            let places = [(0.0, 0.0), (X, 0.0), (0.0, Y), (X, Y)];
            let set = places.iter().enumerate().filter(|(i, _)| bits & (0b1000 >> i) != 0);
            Glyph::Blocks(set.map(|(_, (x, y))| [*x, *y, X, Y]).collect())
        }
    }
}

fn braille(bits: u32) -> Glyph {
    const DOTS: [(f64, f64); 8] = [
        (0.3, 0.14),
        (0.3, 0.38),
        (0.3, 0.62),
        (0.7, 0.14),
        (0.7, 0.38),
        (0.7, 0.62),
        (0.3, 0.86),
        (0.7, 0.86),
    ];
    let set = DOTS.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0);
    Glyph::Blocks(set.map(|(_, (x, y))| [x * W - 0.8, y * H - 0.8, 1.6, 1.6]).collect())
}

/// The arms of U+2500 and what follows as left, right, up, down: `0` none, `1` light, `2` heavy, `3` double; `.`
/// where a character is made of something else.
const ARMS: &str = "\
1100 2200 0011 0022 .... .... .... .... .... .... .... .... 0101 0201 0102 0202 \
1001 2001 1002 2002 0110 0210 0120 0220 1010 2010 1020 2020 0111 0211 0121 0112 \
0122 0221 0212 0222 1011 2011 1021 1012 1022 2021 2012 2022 1101 2101 1201 2201 \
1102 2102 1202 2202 1110 2110 1210 2210 1120 2120 1220 2220 1111 2111 1211 2211 \
1121 1112 1122 2121 1221 2112 1212 2221 2212 1222 2122 2222 .... .... .... .... \
3300 0033 0301 0103 0303 3001 1003 3003 0310 0130 0330 3010 1030 3030 0311 0133 \
0333 3011 1033 3033 3301 1103 3303 3310 1130 3330 3311 1133 3333 .... .... .... \
.... .... .... .... 1000 0010 0100 0001 2000 0020 0200 0002 1200 0012 2100 0021";

fn line(c: char) -> Option<Glyph> {
    let dashes = match c {
        '┄' | '┅' | '┆' | '┇' => 3,
        '┈' | '┉' | '┊' | '┋' => 4,
        '╌' | '╍' | '╎' | '╏' => 2,
        _ => 0,
    };
    if dashes > 0 {
        let across = matches!(c, '┄' | '┅' | '┈' | '┉' | '╌' | '╍');
        let width = if matches!(c, '┅' | '┇' | '┉' | '┋' | '╍' | '╏') { HEAVY } else { LIGHT };
        let length = if across { W } else { H } / f64::from(dashes);
        let starts = (0..dashes).map(|i| (f64::from(i) + 0.2) * length);
        return Some(Glyph::Blocks(
            starts
                .map(|start| {
                    if across {
                        [start, Y - width / 2.0, length * 0.6, width]
                    } else {
                        [X - width / 2.0, start, width, length * 0.6]
                    }
                })
                .collect(),
        ));
    }
    let path = match c {
        '╭' => format!("M{X} {H}V{}Q{X} {Y} {W} {Y}", Y + 4.0),
        '╮' => format!("M{X} {H}V{}Q{X} {Y} 0 {Y}", Y + 4.0),
        '╯' => format!("M{X} 0V{}Q{X} {Y} 0 {Y}", Y - 4.0),
        '╰' => format!("M{X} 0V{}Q{X} {Y} {W} {Y}", Y - 4.0),
        '╱' => format!("M0 {H}L{W} 0"),
        '╲' => format!("M0 0L{W} {H}"),
        '╳' => format!("M0 {H}L{W} 0M0 0L{W} {H}"),
        _ => return arms(c),
    };
    Some(Glyph::Stroke(path, LIGHT))
}

fn arms(c: char) -> Option<Glyph> {
    let arms = ARMS.split_whitespace().nth(c as usize - 0x2500)?.as_bytes();
    let &[left, right, up, down] = arms else { return None };
    let width = |arm: u8| if arm == b'2' { HEAVY } else { LIGHT };
    if left == right && up == b'0' && down == b'0' && left != b'3' {
        let width = width(left);
        return Some(Glyph::Block(0.0, Y - width / 2.0, W, width, 1.0));
    }
    // An arm reaches over the middle by half of what it meets there.
    let over = |arm: u8| if arms.contains(&b'3') { 1.5 + LIGHT / 2.0 } else { width(arm) / 2.0 };
    let mut rectangles = Vec::new();
    for (before, after, across) in [(left, right, true), (up, down, false)] {
        let (middle, side, end) = if across { (X, Y, W) } else { (Y, X, H) };
        // Two equal arms are one line, so that it has no seam in the middle.
        let parts = if before == after {
            vec![(before, 0.0, end)]
        } else {
            vec![(before, 0.0, middle + over(before)), (after, middle - over(after), end)]
        };
        for (arm, from, to) in parts {
            let offsets: &[f64] = match arm {
                b'1' | b'2' => &[0.0],
                b'3' => &[-1.5, 1.5],
                _ => continue,
            };
            let (width, length) = (width(arm), to - from);
            for offset in offsets {
                let side = side + offset - width / 2.0;
                rectangles.push(if across {
                    [from, side, length, width]
                } else {
                    [side, from, width, length]
                });
            }
        }
    }
    Some(Glyph::Blocks(rectangles))
}

/// Marks that fonts draw in very different sizes.
fn shape(c: char) -> Option<Glyph> {
    let circle = |radius: f64| {
        format!(
            "M{} {Y}a{radius} {radius} 0 1 0 {d} 0a{radius} {radius} 0 1 0 -{d} 0z",
            X - radius,
            d = radius * 2.0
        )
    };
    let diamond = |radius: f64| {
        format!("M{X} {}l{radius} {radius}l-{radius} {radius}l-{radius} -{radius}z", Y - radius)
    };
    Some(match c {
        '●' => Glyph::Fill(circle(3.0)),
        '•' | '∙' => Glyph::Fill(circle(1.7)),
        '·' => Glyph::Fill(circle(0.9)),
        '○' => Glyph::Stroke(circle(2.8), 1.1),
        '◆' => Glyph::Fill(diamond(3.8)),
        '◇' => Glyph::Stroke(diamond(3.4), 1.1),
        '■' => Glyph::Fill("M1 5h6v6h-6z".to_owned()),
        '□' => Glyph::Stroke("M1.5 5.5h5v5h-5z".to_owned(), 1.1),
        '▲' => Glyph::Fill("M4 4.5l3.8 7h-7.6z".to_owned()),
        '▼' => Glyph::Fill("M4 11.5l3.8 -7h-7.6z".to_owned()),
        '▶' | '►' => Glyph::Fill("M7.6 8l-6.8 3.9v-7.8z".to_owned()),
        '◀' | '◄' => Glyph::Fill("M.4 8l6.8 3.9v-7.8z".to_owned()),
        '▴' => Glyph::Fill("M4 5.5l2.8 5h-5.6z".to_owned()),
        '▾' => Glyph::Fill("M4 10.7l2.8 -5h-5.6z".to_owned()),
        '▸' => Glyph::Fill("M6.6 8l-4.8 2.9v-5.8z".to_owned()),
        '◂' => Glyph::Fill("M1.4 8l4.8 2.9v-5.8z".to_owned()),
        _ => return None,
    })
}
