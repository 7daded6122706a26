//! Drawing: a function of the model. No I/O, no sorting, no parsing; only what is visible is laid out.

mod bill;
mod conversation;
mod detail;
mod footer;
mod header;
mod money;
mod overlay;
mod runs;
mod waterfall;

pub(crate) use conversation::room as conversation_room;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use super::model::{Focus, Mode, Model, Tab};

pub(super) use detail::detail_text;
pub(super) use overlay::{PICKER_ROWS, most_scrolled, overlay_lines};

/// Below this width one panel shows at a time.
const NARROW: u16 = 100;
/// Below this nothing sensible fits.
const SMALLEST: (u16, u16) = (24, 6);

/// Where everything is on the screen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    /// The first line.
    pub header: Rect,
    /// The second line: filter and warnings.
    pub bar: Rect,
    /// The last line.
    pub footer: Rect,
    /// The list of runs with its border; empty when it isn't shown.
    pub runs_panel: Rect,
    /// The rows of the list.
    pub runs: Rect,
    /// The waterfall with its border; empty when it isn't shown.
    pub waterfall_panel: Rect,
    /// The rows of the waterfall, all columns.
    pub bars: Rect,
    /// The time axis, above the bars.
    pub axis: Rect,
    /// The detail pane with its border; empty when it isn't shown.
    pub detail_panel: Rect,
    /// The lines of the detail pane.
    pub detail_body: Rect,
    /// Columns of the waterfall.
    pub columns: Columns,
}

/// The columns of the waterfall, cells each; 0 when a column is left out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Columns {
    /// Tree and names.
    pub name: u16,
    /// Durations.
    pub time: u16,
    /// Tokens.
    pub tokens: u16,
    /// Cost.
    pub cost: u16,
    /// Bars.
    pub bars: u16,
}

impl Columns {
    /// Columns for a width: they drop out from the right, the bars never do.
    fn of(width: u16) -> Self {
        let time = if width >= 44 { 8 } else { 0 };
        let tokens = if width >= 96 { 14 } else { 0 };
        let cost = if width >= 62 { 9 } else { 0 };
        let gaps = [time, tokens, cost].iter().filter(|cells| **cells > 0).count() as u16 + 1;
        let rest = width.saturating_sub(time + tokens + cost + gaps);
        let name = (rest * 2 / 5).clamp(rest.min(14), 46.max(rest / 4));
        Self { name, time, tokens, cost, bars: rest.saturating_sub(name) }
    }
}

impl Layout {
    /// The layout for the model's terminal.
    pub(super) fn of(model: &Model) -> Self {
        Self::fitting(model, model.size)
    }

    /// The layout for a terminal of this size.
    fn fitting(model: &Model, (width, height): (u16, u16)) -> Self {
        let row = |y: u16| Rect { x: 0, y, width, height: u16::from(y < height) };
        let mut layout = Self { header: row(0), ..Self::default() };
        if height < SMALLEST.1 || width < SMALLEST.0 {
            return layout;
        }
        layout.bar = row(1);
        layout.footer = row(height - 1);
        let body = Rect { x: 0, y: 2, width, height: height - 3 };
        let narrow = width < NARROW || model.full_screen;
        let mut right = Rect::default();
        if !narrow {
            // A list of several sources has a column more.
            let several =
                if model.tells_sources_apart() { (width.saturating_sub(120) / 3).min(12) } else { 0 };
            let default = (width * 27 / 100).clamp(40.min(width / 3), 56) + several;
            let split = model.divider.unwrap_or(default).clamp(20, width - 50);
            layout.runs_panel = Rect { width: split, ..body };
            right = Rect { x: split, width: width - split, ..body };
        } else if model.focus == Focus::Runs {
            layout.runs_panel = body;
        } else {
            right = body;
        }
        layout.runs = inside(layout.runs_panel);
        layout.split_right(model, right, narrow);
        layout
    }

    /// Divides the right side between the waterfall and the detail.
    fn split_right(&mut self, model: &Model, right: Rect, narrow: bool) {
        if right.is_empty() {
            return;
        }
        let only_detail = model.detail.open
            && model.focus == Focus::Detail
            && (narrow && right.height < 24 || model.full_screen);
        if only_detail {
            self.detail_panel = right;
        } else if model.detail.open
            && right.height >= 10
            && !(model.full_screen && model.focus == Focus::Waterfall)
        {
            let default = right.height * 45 / 100;
            let rows = model.detail_rows.unwrap_or(default).clamp(5, right.height - 5);
            self.detail_panel = Rect { y: right.bottom() - rows, height: rows, ..right };
            self.waterfall_panel = Rect { height: right.height - rows, ..right };
        } else {
            self.waterfall_panel = right;
        }
        let inner = inside(self.waterfall_panel);
        if inner.height > 1 {
            self.bars = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
            self.columns = Columns::of(inner.width);
            let bars = self.columns.bars;
            self.axis = Rect { x: inner.right() - bars, y: inner.y, width: bars, height: 1 };
        }
        let inner = inside(self.detail_panel);
        if inner.height > 1 {
            self.detail_body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
        }
    }

    /// The tab of the detail pane at a place.
    pub(super) fn tab_at(&self, at: Position) -> Option<Tab> {
        let inner = inside(self.detail_panel);
        if inner.is_empty() || at.y != inner.y || !inner.contains(at) {
            return None;
        }
        let mut x = inner.x;
        for tab in Tab::ALL {
            let width = tab.title().len() as u16 + 2;
            if at.x < x + width {
                return Some(tab);
            }
            x += width + 1;
        }
        None
    }
}

fn inside(area: Rect) -> Rect {
    if area.width < 2 || area.height < 2 {
        return Rect::default();
    }
    Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        super::widget::own(buffer, 0, 0, area.width, "needs more room", model.theme.warn);
        return;
    }
    // A terminal may have shrunk before it says so.
    let layout = Layout::fitting(model, (area.width, area.height));
    header::draw(buffer, layout.header, model);
    header::draw_bar(buffer, layout.bar, model);
    runs::draw(buffer, &layout, model);
    waterfall::draw(buffer, &layout, model);
    detail::draw(buffer, &layout, model);
    let cursor = footer::draw(buffer, layout.footer, layout.bar, model);
    if let Some(mode) = model.modes.last() {
        match mode {
            Mode::Filter(..) => overlay::completions(buffer, &layout, model),
            Mode::Search(_) => {}
            Mode::Picker(picker) => overlay::picker(buffer, model, picker),
            Mode::Palette(input, actions, at) => overlay::palette(buffer, model, input, actions, *at),
            Mode::Help(scroll) => overlay::help(buffer, model, *scroll),
            Mode::Problems(scroll) => overlay::problems(buffer, model, *scroll),
            Mode::Bill(scroll) => overlay::bill(buffer, model, *scroll),
            Mode::Conversation(conversation) => conversation::draw(buffer, model, conversation),
        }
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}
