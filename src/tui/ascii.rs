//! Screens for terminals whose locale or font has no more than ASCII: what was drawn is spelled again, cell by cell.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Modifier;

/// Whether the environment asks for a character set that isn't UTF-8. One that says nothing is taken for UTF-8, as
/// terminals are today; containers often say nothing.
pub fn wants_ascii() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    locale.is_some_and(|locale| !is_utf8(&locale))
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Leaves nothing but ASCII in a buffer. Widths stay as they are.
pub(super) fn spell(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        spell_cell(cell);
    }
}

fn spell_cell(cell: &mut Cell) {
    let symbol = cell.symbol();
    if symbol.is_ascii() {
        return;
    }
    // A cell that is filled from the right is the complement, reversed.
    let reversed = cell.modifier.contains(Modifier::REVERSED);
    let mut chars = symbol.chars();
    let char = match (chars.next(), chars.next()) {
        (Some(block @ '▉'..='▏'), None) => {
            let eighths = '▏' as u32 - block as u32 + 1;
            let inked = if reversed { 8 - eighths } else { eighths };
            cell.modifier.remove(Modifier::REVERSED);
            if inked >= 4 { '#' } else { '|' }
        }
        (Some(char), None) => spelled(char),
        _ => '?',
    };
    cell.set_char(char);
}

/// One character for one character. Kinds get the letter of their name.
fn spelled(char: char) -> char {
    match char {
        '◉' => 'W',
        '▪' => 'S',
        '◈' => 'A',
        '◆' => 'M',
        '◇' => 'T',
        '○' => 'R',
        '◎' => 'E',
        '▤' => 'Y',
        '▥' => 'D',
        '⇄' => 'H',
        '▷' => 'P',
        '△' => 'V',
        '↻' => 'I',
        '▫' => 'O',
        '✓' | '∑' | '╭' | '╮' | '╰' | '╯' => '+',
        '✗' | '×' => 'x',
        '●' => '*',
        '◌' | '≈' => '~',
        '⊘' => '/',
        '◷' => 't',
        '◐' => '%',
        '◔' => 'o',
        '⚠' => '!',
        '▸' | '›' | '→' | '↷' | '≥' => '>',
        '‹' | '←' | '≤' => '<',
        '▾' | '↓' => 'v',
        // The key that enters: what terminals send for it.
        '⏎' => '\\',
        '█' | '▓' => '#',
        '▒' => ':',
        '░' | '·' | '…' | '⋯' => '.',
        '━' | '╸' | '╺' | '□' => '=',
        '─' | '╌' | '–' | '—' => '-',
        '▕' | '│' | '┃' | '¦' | '┊' | '├' | '┬' => '|',
        '└' => '`',
        'µ' => 'u',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        // Control characters are drawn as pictures of them.
        '↑' | '␀'..='␡' => '^',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;
    use crate::model::{SpanKind, Status};
    use crate::tui::glyph;

    #[test]
    fn locales_say_what_they_can() {
        for locale in ["C.UTF-8", "en_GB.utf8", "de_DE.UTF-8@euro"] {
            assert!(is_utf8(locale), "{locale}");
        }
        for locale in ["C", "POSIX", "en_US.ISO-8859-1", "ja_JP.eucJP"] {
            assert!(!is_utf8(locale), "{locale}");
        }
    }

    #[test]
    fn kinds_and_statuses_stay_apart() {
        let spell = |glyphs: Vec<&'static str>| -> Vec<char> {
            let mut chars: Vec<char> = glyphs.iter().flat_map(|glyph| glyph.chars()).map(spelled).collect();
            assert!(chars.iter().all(char::is_ascii), "{chars:?}");
            chars.sort_unstable();
            chars
        };
        let kinds = spell(SpanKind::ALL.iter().map(|kind| glyph::kind(*kind)).collect());
        let mut once = kinds.clone();
        once.dedup();
        assert_eq!(kinds, once);
        assert!(!kinds.contains(&'?'), "{kinds:?}");
        let statuses = spell(
            Status::ALL.iter().map(|status| glyph::status(*status)).filter(|glyph| *glyph != "?").collect(),
        );
        let mut once = statuses.clone();
        once.dedup();
        assert_eq!(statuses, once);
    }

    #[test]
    fn a_row_keeps_its_columns() {
        let area = Rect::new(0, 0, 16, 1);
        let mut buffer = Buffer::empty(area);
        buffer.set_string(0, 0, "◆ 日本 é ━━ ██▍", Style::new());
        spell(&mut buffer);
        let text: String = buffer.content.iter().map(Cell::symbol).collect();
        assert_eq!(text, "M ? ?  ? == ##| ");
    }

    #[test]
    fn cells_filled_from_the_right_are_not_reversed_any_more() {
        let mut cell = Cell::new("▎");
        cell.set_style(Style::new().add_modifier(Modifier::REVERSED));
        spell_cell(&mut cell);
        assert_eq!((cell.symbol(), cell.modifier), ("#", Modifier::empty()));
    }
}
