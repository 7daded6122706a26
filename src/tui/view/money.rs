//! The right end of the first line: what was spent, how fast, what it will come to, and the budgets.

use ratatui::style::Style;

use crate::analysis::{BudgetLevel, MINUTE};
use crate::text::{Short, short};

use super::super::model::{BudgetState, Model};
use super::super::theme::Theme;
use super::super::widget::Line;

/// From this width on the rate is shown, and a budget has a bar.
const RATE: u16 = 90;
/// From this width on calls without a price are counted beside the total.
const CALLS: u16 = 100;
/// From this width on there is room for forecasts.
const FORECAST: u16 = 130;
/// From this width on everything is said in full.
const FULL: u16 = 170;

/// Draws it, from the right.
pub(super) fn draw(line: &mut Line<'_>, width: u16, model: &Model) {
    let theme = &model.theme;
    let totals = model.store.totals();
    let states = model.budgets.states(totals, &model.rates);
    let total = total(width, model);
    let shown = if width >= FULL { 2 } else { 1 };
    for state in states[..shown].iter().flatten().rev() {
        // What was spent is more important than what may be.
        let room = line.room().saturating_sub(total.chars().count() as u16 + 4);
        budget(line, width, room, state, model);
    }
    let per_minute = model.rates.minute.cost_in(MINUTE);
    if per_minute.0 > 0 && width >= RATE {
        line.right(&Short::of("+").and(&short::usd(per_minute)).and("/min"), theme.warn);
        line.right("  ", theme.text);
    }
    if let Some(projected) = model.projected.filter(|_| width >= FORECAST) {
        let word = if width >= FULL { " projected" } else { "" };
        line.right(&Short::of(" → ~").and(&short::usd(projected)).and(word), theme.dim);
    }
    let over = states.iter().flatten().any(|state| state.level == BudgetLevel::Over);
    line.right(&total, if over { theme.bad } else { theme.strong });
}

/// The total with what is not in it, as far as there is room.
fn total(width: u16, model: &Model) -> Short {
    let totals = model.store.totals();
    let full = width >= FULL || width >= FORECAST && !model.budgets.is_set();
    match width {
        _ if full => short::bill(totals.cost, totals.unpriced_calls, totals.unpriced_tokens),
        CALLS.. => short::bill_without_tokens(totals.cost, totals.unpriced_calls),
        _ => short::bill_mark(totals.cost, totals.unpriced_calls),
    }
}

/// Draws what the first line has no room for: how many calls have no price.
pub(super) fn draw_unpriced(line: &mut Line<'_>, width: u16, model: &Model) {
    let totals = model.store.totals();
    let said = width >= FULL || width >= FORECAST && !model.budgets.is_set();
    if totals.unpriced_calls > 0 && !said && width >= 60 {
        let calls = short::count(totals.unpriced_calls).and(" unpriced (");
        let text = calls.and(&short::tokens(totals.unpriced_tokens)).and(" tok)");
        line.right(&text, model.theme.dim).right("  ", model.theme.text);
    }
}

/// `budget ▕██████▌   ▏ 65%  ~3 min left`, shorter where it is narrow.
fn budget(line: &mut Line<'_>, width: u16, room: u16, state: &BudgetState, model: &Model) {
    let theme = &model.theme;
    let style = style_of(state, theme);
    let mark = if state.at_least { "≥" } else { "" };
    if let Some(over) = &state.over {
        let by = Short::of("by ").and(mark).and(over);
        let text = match width {
            RATE.. => Short::of("over ").and(state.label).and(" ").and(&by),
            60.. => Short::of("over budget ").and(&by),
            _ => Short::of("over ").and(&by),
        };
        if text.chars().count() as u16 <= room {
            line.right(&text, style);
        } else {
            line.right("over", style);
        }
        line.right("  ", theme.text);
        return;
    }
    if let Some(left) = state.left.filter(|_| width >= FORECAST && model.running.0 > 0) {
        line.right(&short::about(left).and(" left"), theme.dim).right("  ", theme.text);
    }
    let share = Short::of(mark).and(&short::percent(state.share));
    if width < RATE {
        let label = if width >= 60 { Short::of(state.label).and(" ") } else { Short::EMPTY };
        line.right(&share, style).right(&label, theme.dim).right("  ", theme.text);
        return;
    }
    let cells = if width >= FORECAST { 10 } else { 6 };
    line.right(&share, style).right("▏ ", theme.faint).right_bar(cells, state.share, style);
    line.right(" ▕", theme.faint).right(state.label, theme.dim).right("   ", theme.text);
}

/// Good, warning or bad. Where calls have no price nobody can say that the budget is kept.
fn style_of(state: &BudgetState, theme: &Theme) -> Style {
    match state.level {
        BudgetLevel::Good if state.at_least => theme.warn,
        BudgetLevel::Good => theme.good,
        BudgetLevel::Warn => theme.warn,
        BudgetLevel::Spent | BudgetLevel::Over => theme.bad,
    }
}
