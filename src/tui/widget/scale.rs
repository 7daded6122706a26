//! From time to columns: zoom, pan and idle stretches that take no room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::text::{Short, short};

use super::draw::own;

/// Eighths of a cell.
pub(super) const EIGHTHS: i64 = 8;
/// Cells that a folded idle stretch keeps.
const GAP_CELLS: i64 = 2;
/// Folded stretches that are shown as such; there are a handful at most, because only long ones are worth it.
const MOST_GAPS: usize = 12;

/// Where instants lie in a row of cells, in eighths of a cell.
#[derive(Clone, Debug)]
pub(crate) struct TimeScale {
    /// Stretches in order: from, to, and where they lie.
    parts: [Part; 2 * MOST_GAPS + 1],
    /// How many of them there are.
    len: usize,
    /// Eighths in all.
    width: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    from: i64,
    to: i64,
    x: f64,
    width: f64,
    folded: bool,
}

impl TimeScale {
    /// A scale from one instant to another over some cells; each of `gaps` takes two cells only.
    pub(crate) fn new(from: i64, to: i64, cells: u16, gaps: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let width = i64::from(cells) * EIGHTHS;
        let mut scale = Self { parts: [Part::default(); 2 * MOST_GAPS + 1], len: 0, width };
        let mut reached = from;
        for (gap_from, gap_to) in gaps.into_iter().take(MOST_GAPS) {
            let (gap_from, gap_to) = (gap_from.max(reached), gap_to.min(to));
            if gap_to > gap_from {
                scale.push(reached, gap_from, false);
                scale.push(gap_from, gap_to, true);
                reached = gap_to;
            }
        }
        scale.push(reached, to.max(reached.saturating_add(1)), false);
        let parts = &mut scale.parts[..scale.len];
        let folded = parts.iter().filter(|part| part.folded).count() as f64;
        let gap_width = ((GAP_CELLS * EIGHTHS) as f64).min(width as f64 / (2.0 * folded.max(1.0)));
        let busy: f64 = parts.iter().filter(|part| !part.folded).map(Part::nanos).sum();
        let per_nano = (width as f64 - folded * gap_width).max(0.0) / busy.max(1.0);
        let mut x = 0.0;
        for part in parts {
            part.x = x;
            part.width = if part.folded { gap_width } else { part.nanos() * per_nano };
            x += part.width;
        }
        scale
    }

    fn push(&mut self, from: i64, to: i64, folded: bool) {
        if to > from
            && let Some(part) = self.parts.get_mut(self.len)
        {
            *part = Part { from, to, folded, ..Part::default() };
            self.len += 1;
        }
    }

    fn parts(&self) -> &[Part] {
        self.parts.get(..self.len).unwrap_or_default()
    }

    /// Where an instant lies, in eighths; outside the scale it lies at the nearer end.
    pub(crate) fn eighth(&self, time: i64) -> i64 {
        (self.place(time).round() as i64).clamp(0, self.width)
    }

    /// Whether a stretch touches what is shown.
    pub(crate) fn shows(&self, from: i64, to: i64) -> bool {
        match (self.parts().first(), self.parts().last()) {
            (Some(first), Some(last)) => to >= first.from && from <= last.to,
            _ => false,
        }
    }

    /// Columns in which folded stretches lie.
    pub(crate) fn folded_columns(&self) -> impl Iterator<Item = u16> + '_ {
        self.parts()
            .iter()
            .filter(|part| part.folded)
            .map(|part| ((part.x + part.width / 2.0) / EIGHTHS as f64) as u16)
    }

    fn place(&self, time: i64) -> f64 {
        let part = self.parts().iter().find(|part| time < part.to).or(self.parts().last());
        part.map_or(0.0, |part| {
            let share =
                time.saturating_sub(part.from) as f64 / part.to.saturating_sub(part.from).max(1) as f64;
            part.x + part.width * share.clamp(0.0, 1.0)
        })
    }
}

impl Part {
    fn nanos(&self) -> f64 {
        self.to.saturating_sub(self.from) as f64
    }
}

/// Draws a time axis: ticks at round distances from `origin`, with labels that fit between them.
pub(crate) fn ruler(
    buffer: &mut Buffer,
    area: Rect,
    scale: &TimeScale,
    origin: i64,
    window: (i64, i64),
    style: Style,
) {
    let nanos = window.1.saturating_sub(window.0).max(1);
    let wanted = (area.width / 12).max(1);
    let step = round_step(nanos / i64::from(wanted).max(1));
    let first = window.0.saturating_sub(origin).div_euclid(step) * step + origin;
    let mut free = area.x;
    let mut tick = first;
    for _ in 0..200 {
        if tick > window.1 {
            break;
        }
        if tick >= window.0 {
            let x = area.x + (scale.eighth(tick) / EIGHTHS) as u16;
            if x >= free && x < area.right() {
                own(buffer, x, area.y, x + 1, "┬", style);
                let label = tick_label(tick.saturating_sub(origin), step);
                free = own(buffer, x + 1, area.y, area.right(), &label, style) + 1;
            }
        }
        tick = tick.saturating_add(step);
    }
}

fn tick_label(nanos: i64, step: i64) -> Short {
    if nanos == 0 {
        return Short::of("0");
    }
    // Whole seconds below a minute read better without decimals that the step doesn't need.
    let second = crate::model::NANOS_PER_SEC;
    if step % second == 0 && nanos.abs() < 60 * second {
        let sign = Short::of(if nanos < 0 { "-" } else { "" });
        return sign.and_number(nanos.unsigned_abs() / second as u64).and("s");
    }
    short::duration_short(nanos)
}

/// Round distances above half a minute, seconds.
const CLOCK: [i64; 15] = [
    60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000,
];

/// The smallest round distance that is at least `nanos`: 1, 2 or 5 of a power of ten below a minute, then clock units.
fn round_step(nanos: i64) -> i64 {
    const SECOND: i64 = crate::model::NANOS_PER_SEC;
    let nanos = nanos.max(1);
    if nanos <= 30 * SECOND {
        let mut unit = 1i64;
        loop {
            for factor in [1, 2, 5] {
                if unit * factor >= nanos {
                    return unit * factor;
                }
            }
            unit *= 10;
        }
    }
    CLOCK
        .into_iter()
        .map(|seconds| seconds * SECOND)
        .find(|step| *step >= nanos)
        .unwrap_or_else(|| (nanos / (30 * 86_400 * SECOND) + 1).saturating_mul(30 * 86_400 * SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_covers_its_cells() {
        let scale = TimeScale::new(0, 1_000, 10, []);
        assert_eq!((scale.eighth(0), scale.eighth(500), scale.eighth(1_000)), (0, 40, 80));
        assert_eq!((scale.eighth(-5), scale.eighth(5_000)), (0, 80));
    }

    #[test]
    fn a_folded_gap_takes_two_cells() {
        let scale = TimeScale::new(0, 1_000, 10, [(100, 900)]);
        assert_eq!(scale.eighth(900) - scale.eighth(100), 16);
        assert_eq!(scale.eighth(1_000), 80);
        assert_eq!(scale.folded_columns().count(), 1);
    }

    #[test]
    fn nothing_overflows_at_the_ends_of_time() {
        let scale = TimeScale::new(i64::MIN / 2, i64::MAX / 2, 0, [(0, 5)]);
        assert_eq!(scale.eighth(i64::MAX), 0);
        let scale = TimeScale::new(5, 5, 3, []);
        assert!(scale.eighth(5) <= 24);
    }

    #[test]
    fn steps_are_round() {
        let second = crate::model::NANOS_PER_SEC;
        assert_eq!(round_step(second * 3 / 2), 2 * second);
        assert_eq!(round_step(61 * second), 120 * second);
        assert_eq!(round_step(0), 1);
        assert_eq!(round_step(7), 10);
    }
}
