//! Money on the screen: budgets, rates, projections, and what has no price.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::{Screen, story};
use crate::model::NanoUsd;
use crate::tui::msg::Effect;

const SIZES: [(u16, u16); 6] = [(30, 10), (40, 10), (80, 24), (100, 24), (150, 44), (220, 60)];

/// A run with one call, in seconds after the epoch; `end` is none while it runs. What a finished call costs.
fn run(trace: &str, name: &str, start: i64, end: Option<i64>, cost: Option<f64>) -> String {
    let root = story::span(trace, "root", "workflow_run", name);
    let call = story::span(trace, "call", "model_generation", "call").under("root");
    let model = if cost.is_some() { "gpt-4o" } else { "house-model" };
    let call = call.at(start * 1000, start * 1000 + 900).call(model, (900, 100), cost);
    let root = match end {
        Some(end) => root.at(start * 1000, end * 1000),
        None => root.from(start * 1000),
    };
    root.line() + &call.line()
}

fn screen(size: (u16, u16), lines: &str, budget: f64) -> Screen {
    let mut screen = Screen::waiting(size.0, size.1);
    screen.model.budgets.cost = NanoUsd::from_usd(budget);
    screen.open(lines);
    screen
}

fn bells(screen: &Screen) -> usize {
    screen.asked.iter().filter(|effect| matches!(effect, Effect::Bell)).count()
}

/// The first two lines at every size.
fn heads(screen: &mut Screen) -> String {
    let mut heads = String::new();
    for (columns, rows) in SIZES {
        screen.resize(columns, rows).check();
        let lines: Vec<String> = screen.draw().lines().take(2).map(str::to_owned).collect();
        writeln!(heads, "{columns}:\n{}", lines.join("\n")).expect("a string");
    }
    heads
}

#[test]
fn budgets_at_every_size() {
    // Three finished runs, and while somebody watches one that goes on and has cost less than they did.
    let past: String =
        (0..3).map(|at| run(&format!("t{at}"), "ticket", at * 5, Some(at * 5 + 3), Some(0.21))).collect();
    let mut screen = screen((150, 44), &past, 1.0);
    assert_snapshot!("budget_kept", heads(&mut screen));
    screen.append(&run("now", "ticket", 50, None, Some(0.18)));
    assert_snapshot!("budget_warns", heads(&mut screen));
    screen.append(&run("free", "ticket", 55, None, None));
    assert_snapshot!("budget_unpriced", heads(&mut screen));
    screen.append(&run("over", "ticket", 57, Some(58), Some(0.31)));
    assert_snapshot!("budget_over", heads(&mut screen));
    screen.model.budgets.cost = None;
    assert_snapshot!("budget_none", heads(&mut screen));
}

#[test]
fn the_bell_rings_once() {
    let mut screen = screen((150, 44), &run("a", "ticket", 0, Some(2), Some(0.9)), 1.0);
    assert_eq!(bells(&screen), 0);
    screen.append(&run("b", "ticket", 10, Some(12), Some(0.1)));
    assert_eq!(bells(&screen), 0, "all of it is spent, not more");
    screen.append(&run("c", "ticket", 20, Some(22), Some(0.12)));
    assert_eq!(bells(&screen), 1);
    assert_eq!(screen.notice(), "the budget of $1.0000 is used up");
    screen.append(&run("d", "ticket", 30, Some(32), Some(0.5)));
    // A correction brings it below, and it is crossed again.
    screen.append(&run("d", "ticket", 30, Some(32), Some(0.0)));
    screen.append(&run("c", "ticket", 20, Some(22), Some(0.0)));
    assert!(!screen.line("tracetui").contains("over budget"), "{}", screen.draw());
    screen.append(&run("e", "ticket", 40, Some(42), Some(2.0)));
    assert_eq!(bells(&screen), 1);
    screen.press("j");
    assert!(screen.line("tracetui").contains("over budget by $2.0000"), "{}", screen.draw());
}

#[test]
fn a_token_budget() {
    let mut screen = Screen::waiting(150, 44);
    screen.model.budgets.tokens = Some(4_000);
    screen.open(&run("a", "ticket", 0, Some(2), None));
    assert!(screen.shows("token budget"), "{}", screen.draw());
    assert!(screen.line("tracetui").contains("25%"), "tokens are known where prices are not");
    screen.append(&(1..5).map(|at| run(&format!("b{at}"), "t", at, Some(9), None)).collect::<String>());
    assert_eq!(bells(&screen), 1);
    assert!(screen.line("tracetui").contains("over token budget by 1.00k tokens"), "{}", screen.draw());
    // With both, the one that is used further is told where there is no room for two.
    screen.model.budgets.cost = NanoUsd::from_usd(1.0);
    assert!(screen.line("tracetui").contains("over token budget"), "{}", screen.draw());
}

#[test]
fn the_rate_falls_when_nothing_is_spent() {
    let mut screen = screen((150, 44), &run("a", "ticket", 0, Some(2), Some(0.5)), 10.0);
    assert!(!screen.line("tracetui").contains("/min"), "what was there before says nothing about now");
    screen.append(&run("b", "ticket", 57, None, Some(0.1)));
    // The run is three seconds old, and its cost is divided by that. Forecasts look at five minutes: the first run began
    // one ago.
    assert!(screen.line("tracetui").contains("+$2.0000/min"), "{}", screen.draw());
    assert!(screen.line("tracetui").contains("~16 min left"), "{}", screen.draw());
    screen.wait(27);
    assert!(screen.line("tracetui").contains("+$0.2000/min"), "{}", screen.draw());
    screen.wait(40);
    assert!(!screen.line("tracetui").contains("/min"), "{}", screen.draw());
}

#[test]
fn what_a_run_will_cost() {
    let past = |costs: &[f64]| -> String {
        costs
            .iter()
            .enumerate()
            .map(|(at, cost)| run(&format!("t{at}"), "ticket", at as i64, Some(at as i64 + 3), Some(*cost)))
            .collect()
    };
    let mut screen = Screen::of(220, 60, &past(&[0.3, 0.5]));
    screen.append(&run("now", "ticket", 50, None, Some(0.1)));
    assert!(screen.line("Runs").contains("→ ~$0.3000 projected"), "in the title: {}", screen.draw());
    assert!(screen.line("● ticket").contains("→ ~$0.3000"), "in its line: {}", screen.draw());
    assert!(!screen.line("tracetui").contains('→'), "two runs are too few for the total");
    screen.append(&run("t9", "ticket", 20, Some(21), Some(0.4)));
    assert!(screen.line("tracetui").contains("$1.3000 → ~$1.6000 projected"), "{}", screen.draw());
    // Another workflow, of which nothing is known, adds nothing.
    screen.append(&run("other", "audit", 51, None, Some(0.1)));
    assert!(screen.line("tracetui").contains("$1.4000 → ~$1.7000 projected"), "{}", screen.draw());
    assert!(!screen.line("● audit").contains('→'), "{}", screen.draw());
    // It has cost more than they usually do: nothing more can be said.
    screen.append(&run("now", "ticket", 50, None, Some(0.7)));
    assert!(
        !screen.line("tracetui").contains('→') && !screen.line("● ticket").contains('→'),
        "{}",
        screen.draw()
    );
}

#[test]
fn a_run_of_several_traces_is_one_run() {
    let past: String =
        (0..3).map(|at| run(&format!("t{at}"), "ticket", at * 5, Some(at * 5 + 3), Some(0.4))).collect();
    let mut screen = Screen::of(220, 60, &past);
    let of_the_run = |lines: String| lines.replace("\"name\"", "\"run_id\":\"several\",\"name\"");
    let parts = run("p1", "ticket", 50, None, Some(0.1)) + &run("p2", "ticket", 51, None, Some(0.1));
    screen.append(&of_the_run(parts));
    // It has cost $0.20 and its kind costs $0.40: $0.20 are to come, once.
    assert!(screen.line("tracetui").contains("$1.4000 → ~$1.6000 projected"), "{}", screen.draw());
    // Its bill follows what is added to its second trace.
    screen.press("g enter $");
    assert!(screen.shows("$0.2000  gpt-4o  2 ×"), "{}", screen.draw());
    let late = story::span("p2", "late", "model_generation", "late").under("root");
    screen.append(&of_the_run(late.at(52_000, 52_500).call("gpt-4o", (900, 100), Some(0.0765)).line()));
    assert!(screen.shows("$0.2765  gpt-4o  3 ×"), "{}", screen.draw());
}

#[test]
fn what_has_no_price_stands_beside_every_total() {
    let lines = run("a", "ticket", 0, Some(2), Some(0.066)) + &run("a2", "audit", 5, Some(6), None);
    let mut screen = Screen::of(150, 44, &lines);
    let head = "$0.0660 + 1 unpriced (1.00k tok)";
    assert!(screen.line("tracetui").contains(head), "{}", screen.draw());
    assert!(screen.line("Runs").contains("1 unpriced (1.00k tok)"), "{}", screen.draw());
    screen.press("m");
    assert!(screen.line("house-model").contains('–'), "{}", screen.draw());
    assert!(screen.shows("unpriced   "), "{}", screen.draw());
    assert!(screen.draw().find("gpt-4o") < screen.draw().find("house-model"), "by cost");
    screen.press("esc").resize(80, 24);
    assert!(screen.line("tracetui").contains("≥ $0.0660"), "{}", screen.draw());
    assert!(screen.shows("1 unpriced (1.00k tok)"), "{}", screen.draw());
}

#[test]
fn the_bar_goes_from_good_over_warn_to_bad() {
    let colour = |spent: f64, unpriced: bool| {
        let mut lines = run("a", "ticket", 0, Some(2), Some(spent));
        if unpriced {
            lines += &run("b", "ticket", 3, Some(4), None);
        }
        let screen = screen((150, 44), &lines, 1.0);
        let (x, y) = screen.place("budget ▕");
        screen.buffer()[(x + 8, y)].style().fg
    };
    let theme = screen((150, 44), "", 1.0).model.theme;
    assert_eq!(colour(0.79, false), theme.good.fg);
    assert_eq!(colour(0.80, false), theme.warn.fg);
    assert_eq!(colour(1.0, false), theme.bad.fg);
    assert_eq!(colour(0.1, true), theme.warn.fg, "nobody knows whether it is kept");
}
