//! Finding: filter, pickers, search, jumps, the palette.

use super::{Screen, story};
use crate::tui::model::{Focus, Mode};
use crate::tui::msg::Msg;

fn all() -> Screen {
    Screen::of(150, 44, &story::all())
}

#[test]
fn a_filter_keeps_ancestors_dimmed() {
    let mut screen = all();
    screen.press("f").type_in("tool:validate").press("enter enter");
    assert_eq!(screen.tree(), ["~ticket-generation", " ~Preflight Validation", "  validate"]);
    screen.press("ctrl-x");
    assert_eq!(screen.tree().len(), 8);
    screen.check();
}

#[test]
fn a_filter_stays_when_another_run_is_opened() {
    let mut screen = all();
    screen.press("f").type_in("kind:llm").press("enter");
    assert_eq!(screen.model.runs.rows().len(), 3);
    let mut seen = vec![screen.tree()];
    for _ in 0..2 {
        screen.press("j");
        seen.push(screen.tree());
    }
    assert!(seen.iter().all(|tree| tree.iter().any(|name| name.contains("gpt-4o"))), "{seen:?}");
    assert!(seen.iter().flatten().all(|name| !name.contains("Human Review")), "{seen:?}");
}

#[test]
fn the_filter_is_applied_while_it_is_typed_and_esc_takes_it_back() {
    let mut screen = all();
    screen.press("f").type_in("kind:tool");
    assert_eq!(screen.model.runs.rows().len(), 2);
    screen.press("enter f").type_in(" name:post*");
    assert_eq!(screen.model.runs.rows().len(), 1);
    screen.press("esc");
    assert_eq!((screen.model.filter_text.as_str(), screen.model.runs.rows().len()), ("kind:tool", 2));
    screen.press("ctrl-x");
    assert_eq!(screen.model.runs.rows().len(), 5);
}

#[test]
fn a_value_half_typed_hides_nothing_it_may_become() {
    let mut screen = all();
    screen.press("f").type_in("model:gp");
    let half = screen.model.runs.rows().len();
    assert!(half > 0 && half < 5, "{half}");
    assert_eq!(screen.model.filter_text, "model:gp");
    screen.press("enter");
    assert_eq!((screen.model.filter_text.as_str(), screen.model.runs.rows().len()), ("model:gp*", half));
    // A value that is there is whole: the one model, not those that begin so.
    screen.press("ctrl-x f").type_in("model:gpt-4o").press("enter");
    assert_eq!(screen.model.filter_text, "model:gpt-4o");
    assert!(screen.model.runs.rows().len() < half);
}

#[test]
fn narrowing_hides_no_selection() {
    let mut screen = all();
    // The selected span doesn't pass the filter: another one is selected.
    screen.press("G enter j j");
    assert_eq!(screen.span(), "qwen2.5-coder");
    screen.press("f").type_in("tool:validate").check();
    screen.press("enter");
    assert_eq!(screen.selected_lines().len(), 2, "{}", screen.draw());
}

#[test]
fn removing_a_filter_makes_no_run_new() {
    let mut screen = all();
    screen.press("j f").type_in("kind:tool").press("enter ctrl-x");
    assert!(!screen.model.runs.follow);
    assert_eq!(screen.model.runs.unseen, 0);
}

#[test]
fn tab_completes() {
    let mut screen = all();
    screen.press("f").type_in("mod").press("tab").type_in("gpt-4o-").press("tab");
    assert_eq!(screen.model.filter_text.trim(), "model:gpt-4o-mini");
    screen.press("enter");
    assert_eq!(screen.run(), "customer-support");
}

#[test]
fn what_could_be_typed_is_never_drawn_over_its_description() {
    for (columns, rows) in [(40, 12), (80, 24), (120, 20), (150, 44)] {
        let mut screen = Screen::of(columns, rows, &story::all());
        screen.press("f");
        let line = screen.line("status:");
        let (_, after) = line.split_once("│ status:  ").unwrap_or_else(|| panic!("{line}"));
        assert!(after.trim_start().starts_with("ok, error"), "{line}");
    }
}

#[test]
fn include_and_exclude() {
    let mut screen = all();
    screen.press("G enter G .");
    assert_eq!(screen.model.filter_text, "model:gpt-4o");
    assert_eq!(screen.model.runs.rows().len(), 2);
    screen.press("ctrl-x !");
    assert_eq!(screen.model.filter_text, "-model:gpt-4o");
    assert!(!screen.tree().iter().any(|name| name.contains("gpt-4o")), "{:?}", screen.tree());
    screen.check();
}

#[test]
fn picking_narrows_and_picking_again_replaces() {
    let mut screen = all();
    screen.press("m").type_in("mini");
    let Some(Mode::Picker(picker)) = screen.model.modes.last() else { panic!("a picker") };
    assert_eq!(picker.chosen().map(|item| item.value.as_str()), Some("gpt-4o-mini"));
    screen.press("enter");
    assert_eq!(
        (screen.model.filter_text.as_str(), screen.run().as_str()),
        ("model:gpt-4o-mini", "customer-support")
    );
    screen.press("ctrl-x s down down esc");
    assert_eq!(screen.model.filter_text, "");
}

#[test]
fn a_picker_without_values_says_so() {
    let mut screen = Screen::of(150, 44, &story::many(0..2));
    screen.press("m");
    assert!(screen.model.modes.is_empty());
    assert_eq!(screen.notice(), "no model in these sources");
}

#[test]
fn search_goes_through_names_and_payloads() {
    let mut screen = all();
    screen.press("G enter /").type_in("VALID").press("enter");
    assert_eq!((screen.span().as_str(), screen.notice()), ("Preflight Validation", "hit 1/2"));
    screen.press("n");
    assert_eq!((screen.span().as_str(), screen.notice()), ("validate", "hit 2/2"));
    screen.press("n");
    assert_eq!(screen.span(), "Preflight Validation", "round at the end");
    screen.press("N N");
    assert_eq!(screen.span(), "Preflight Validation");
    // Only a payload says it.
    screen.press("/").type_in("audit log").press("enter");
    assert_eq!((screen.span().as_str(), screen.notice()), ("gpt-4o", "hit 1/1"));
    screen.press("/").type_in("unicorn").press("enter");
    assert_eq!(screen.notice(), "unicorn is nowhere in this run");
    assert_eq!(screen.span(), "gpt-4o");
}

#[test]
fn a_filter_goes_through_payloads() {
    let mut screen = all();
    screen.press("f").type_in("text:\"audit LOG\"").press("enter");
    assert_eq!((screen.model.matches.count(), screen.model.matches.is_waiting()), (1, false));
    assert!(screen.tree().iter().any(|name| name.trim() == "gpt-4o"), "{:?}", screen.tree());
    screen.press("ctrl-x f").type_in("-text:unicorn kind:llm").press("enter");
    assert!(screen.model.matches.count() > 1);
    screen.press("ctrl-x f").type_in("text:unicorn or attr.unicorn:1").press("enter");
    assert_eq!((screen.model.matches.count(), screen.model.matches.is_waiting()), (0, false));
}

#[test]
fn a_search_unfolds_what_hides_its_hits() {
    let mut screen = all();
    screen.press("G enter z M /").type_in("gpt-4o").press("enter").check();
    assert_eq!(screen.span(), "gpt-4o");
}

#[test]
fn a_new_search_forgets_late_answers() {
    let mut screen = all();
    screen.press("G enter");
    screen.reads = false;
    screen.press("/").type_in("audit").press("enter");
    let late = screen.model.search.number;
    screen.press("esc");
    let span = screen.model.waterfall.selected().expect("a span");
    let facts = crate::text::search::Facts { texts: vec![true], attributes: Vec::new() };
    screen.send(Msg::FoundForSearch(late, vec![(span.index() as u32, facts)]));
    assert!(screen.model.search.hits.is_empty());
}

#[test]
fn errors_one_after_the_other() {
    let mut screen = all();
    screen.press("G enter ] e");
    assert_eq!((screen.span().as_str(), screen.notice()), ("validate", "error 1/1"));
    screen.press("[ e");
    assert_eq!((screen.span().as_str(), screen.notice()), ("validate", "error 1/1"));
    // Of a failing branch only the deepest span counts: that is where it began.
    let mut screen = Screen::of(150, 44, &story::failed());
    screen.press("enter e");
    assert_eq!((screen.span().as_str(), screen.notice()), ("post_message", "error 1/1"));
    let mut screen = Screen::of(150, 44, &story::idle());
    screen.press("enter e");
    assert_eq!(screen.notice(), "no error in this run");
}

#[test]
fn failed_runs_one_after_the_other() {
    let mut screen = all();
    assert_eq!(screen.press("e").run(), "onboarding");
    assert_eq!(screen.notice(), "run with errors 1/2");
    assert_eq!(screen.press("e").run(), "ticket-generation");
    assert_eq!(screen.press("e").notice(), "run with errors 1/2");
    assert_eq!(screen.press("E").notice(), "run with errors 2/2");
}

#[test]
fn slowest_and_costliest() {
    let mut screen = all();
    screen.press("G enter ] s");
    assert_eq!((screen.span().as_str(), screen.notice()), ("gpt-4o", "slowest by own time 1/7"));
    screen.press("] s");
    assert_eq!((screen.span().as_str(), screen.notice()), ("qwen2.5-coder", "slowest by own time 2/7"));
    screen.press("[ s [ s");
    assert!(screen.notice().ends_with("7/7"), "round at the end: {}", screen.notice());
    screen.press("] $");
    assert_eq!((screen.span().as_str(), screen.notice()), ("gpt-4o", "costliest 1/1"));
}

#[test]
fn jumps_stay_within_the_filter() {
    let mut screen = all();
    screen.press("G enter f").type_in("kind:llm").press("enter ] e");
    assert_eq!(screen.notice(), "no error in this run");
    screen.press("] s ] s ] s").check();
    assert!(screen.notice().ends_with("/2"), "{}", screen.notice());
    screen.press("/").type_in("validate").press("enter").check();
}

#[test]
fn the_palette_does_what_it_lists() {
    let mut screen = all();
    screen.press(":").type_in("critical").press("enter");
    assert!(screen.model.waterfall.critical && screen.model.modes.is_empty());
    // An action that asks for more opens it in place of the palette.
    screen.press("ctrl-p").type_in("pick a model").press("enter");
    assert!(matches!(screen.model.modes[..], [Mode::Picker(_)]), "{:?}", screen.model.modes);
    screen.press("esc :").type_in("zzzzqqq").press("enter");
    assert!(screen.model.modes.is_empty() && screen.asked.is_empty());
}

#[test]
fn help_scrolls_and_comes_back_from_its_end() {
    let mut screen = all();
    screen.press("?");
    let top = screen.draw();
    screen.press("G");
    let end = screen.draw();
    assert_ne!(top, end);
    screen.press("j");
    assert_eq!(screen.draw(), end, "there is nothing below the end");
    screen.press("k");
    assert_ne!(screen.draw(), end, "one line up is visible at once");
    screen.press("g");
    assert_eq!(screen.draw(), top);
    screen.press("esc");
    assert_eq!((screen.model.modes.len(), screen.model.focus), (0, Focus::Runs));
}

#[test]
fn pasted_text_is_typed_text_of_one_line() {
    let mut screen = all();
    screen.press("f");
    screen.send(Msg::Paste(" kind:tool\n\x1b[31m ".to_owned()));
    screen.settle();
    assert_eq!(screen.model.filter_text, "kind:tool  [31m");
    screen.press("esc");
    screen.send(Msg::Paste("q".to_owned()));
    assert!(screen.asked.is_empty(), "outside of a field nothing is pasted");
}
